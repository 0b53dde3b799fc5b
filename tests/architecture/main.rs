//! The direction of dependencies inside `crates/core`, as ARCHITECTURE.md states it, read from the `use` lines.

use std::path::{Path, PathBuf};

/// The modules from bottom to top: each may use itself and those before it.
const LAYERS: [&str; 14] = [
    "math",
    "job",
    "params",
    "report",
    "geometry",
    "spacegroup",
    "image",
    "reflections",
    "predict",
    "refinement",
    "merging",
    "format",
    "stages",
    "session",
];

/// The only file that may name the thread library.
const PARALLEL: &str = "job/parallel.rs";

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            rust_files(&entry, out);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            out.push(entry);
        }
    }
}

/// Modules of the crate that a line of code names: `crate::x` and `crate::{x::…, y::…}`.
fn named(code: &str) -> Vec<String> {
    let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    code.split("crate::").skip(1).flat_map(|rest| if rest.starts_with('{') { Vec::new() } else { vec![word(rest)] }).collect()
}

fn core_files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/core/src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    assert!(files.len() > 50, "only {} files found", files.len());
    let relative = |p: &PathBuf| p.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
    files.iter().map(|p| (relative(p), std::fs::read_to_string(p).unwrap())).collect()
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")).map(|(i, l)| (i + 1, l))
}

#[test]
fn modules_use_only_what_stands_below_them() {
    let rank = |name: &str| LAYERS.iter().position(|l| *l == name);
    let mut wrong = Vec::new();
    for (file, text) in core_files() {
        let module = file.split(['/', '.']).next().unwrap().to_owned();
        // Tests may look up: they check a layer with files that a higher one reads.
        if file.ends_with("tests.rs") || file.contains("/tests/") || file.ends_with("test_data.rs") {
            continue;
        }
        let Some(own) = rank(&module) else {
            assert_eq!(file, "lib.rs", "{file} belongs to no layer; add it to ARCHITECTURE.md and to this list");
            continue;
        };
        let before_tests = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for (number, line) in code_lines(before_tests) {
            for used in named(line) {
                if rank(&used).is_some_and(|r| r > own) {
                    wrong.push(format!("{file}:{number}: {module} uses {used}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn stages_do_not_use_each_others_algorithms() {
    let mut wrong = Vec::new();
    for (file, text) in core_files() {
        let Some(stage) = file.strip_prefix("stages/").and_then(|f| f.split_once('/')).map(|(s, _)| s.to_owned()) else { continue };
        if file.ends_with("tests.rs") || file.contains("/tests/") {
            continue;
        }
        for (number, line) in code_lines(text.split("#[cfg(test)]\nmod ").next().unwrap()) {
            for rest in line.split("crate::stages::").skip(1) {
                // What a stage's `mod.rs` re-exports (results, errors, tables) is open to later stages; its files are not.
                let mut path = rest.split("::");
                let (other, next) = (path.next().unwrap_or(""), path.next());
                let into_a_file = path.next().is_some() && next.is_some_and(|n| n.starts_with(|c: char| c.is_lowercase()));
                if other != stage && into_a_file {
                    wrong.push(format!("{file}:{number}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_touches_neither_files_nor_clock_nor_environment_and_names_threads_once() {
    let mut wrong = Vec::new();
    for (file, text) in core_files() {
        if file.ends_with("tests.rs") || file.contains("/tests/") || file.ends_with("test_data.rs") {
            continue;
        }
        for (number, line) in code_lines(text.split("#[cfg(test)]\nmod ").next().unwrap()) {
            let forbidden = ["std::fs", "std::env", "std::time", "std::net", "std::process"].iter().find(|f| line.contains(**f));
            if forbidden.is_some() || (line.contains("rayon::") && file != PARALLEL) {
                wrong.push(format!("{file}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
