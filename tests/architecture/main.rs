//! The direction of dependencies inside `crates/core`, as ARCHITECTURE.md states it, read from the `use` lines.

use std::path::{Path, PathBuf};

/// The modules from bottom to top: each may use itself and those before it.
const LAYERS: [&str; 15] = [
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
    "beam_shift",
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

/// Stages meet in `session` alone: what one leaves goes into the next as experiments and tables, and what two need lies in a lower layer.
#[test]
fn stages_do_not_use_each_other() {
    let mut wrong = Vec::new();
    for (file, text) in core_files() {
        let Some(stage) = file.strip_prefix("stages/").and_then(|f| f.split_once('/')).map(|(s, _)| s.to_owned()) else { continue };
        for (number, line) in code_lines(&text) {
            for other in stages_named(line, &file) {
                if other != stage {
                    wrong.push(format!("{file}:{number}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Stages that a line of `file` names through `crate::stages`, or upwards through `super`.
fn stages_named(line: &str, file: &str) -> Vec<String> {
    let names: Vec<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/core/src/stages"))
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .collect();
    // `stages/x/run.rs` reaches `stages` by two `super`s, a file one folder down by three.
    let up = "super::".repeat(file.matches('/').count());
    let after = |start: &str| -> Vec<String> { line.split(start).skip(1).map(str::to_owned).collect() };
    let reached: Vec<String> = after("stages::").into_iter().chain(after(&up)).collect();
    let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut out = Vec::new();
    for rest in reached {
        let listed = rest.strip_prefix('{').and_then(|r| r.split('}').next());
        let found = listed.map_or(vec![word(&rest)], |list| list.split(',').map(|item| word(item.trim())).collect());
        out.extend(found.into_iter().filter(|w| names.contains(w)));
    }
    out
}

#[test]
fn uses_of_other_stages_are_seen_in_every_form() {
    let t = |line: &str, file: &str, expected: &[&str]| assert_eq!(stages_named(line, file), expected, "{line}");
    t("use crate::stages::scale::Error;", "stages/merge/run.rs", &["scale"]);
    t("use crate::stages::{scale::Error, index};", "stages/merge/run.rs", &["scale", "index"]);
    t("use super::super::index::run;", "stages/merge/run.rs", &["index"]);
    t("use super::super::profile::Grid;", "stages/integrate/profile/fit.rs", &[]);
    t("use super::run::Merged;", "stages/merge/report.rs", &[]);
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
