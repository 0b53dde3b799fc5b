//! `cargo xtask test`: everything that continuous integration runs, counted.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Failure;
use crate::build::{self, Settings, dist};
use crate::command::{cargo, in_root, root, run, shown};
use crate::options::Options;
use crate::server::Server;
use crate::setup;
use crate::toolchain::{Flavour, Toolchain};
use crate::tools;

/// The parts in the order in which they run: what fails soonest first.
const PARTS: [&str; 7] = ["format", "lints", "native", "docs", "wasm", "browser", "core-in-wasm"];

/// Test cases counted.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// What failed, a line each: told once more at the very end, where a long log is read first.
    failures: Vec<String>,
}

impl Count {
    /// A check that is one case.
    fn one(outcome: Result<(), Failure>) -> Self {
        match outcome {
            Ok(()) => Count { passed: 1, ..Count::default() },
            Err(why) => {
                eprintln!("xtask: {why}");
                Count { failed: 1, failures: vec![why], ..Count::default() }
            }
        }
    }

    fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.failures.extend(other.failures);
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

/// `cargo xtask test`.
pub fn run_task(arguments: &[String]) -> Result<(), Failure> {
    let mut options = Options::new(arguments);
    let only = options.value("--only")?;
    let list = options.flag("--list");
    options.finish()?;
    if list {
        println!("{}", PARTS.join("\n"));
        return Ok(());
    }
    let chosen: Vec<&str> = match &only {
        None => PARTS.to_vec(),
        Some(names) => names.split(',').collect(),
    };
    if let Some(unknown) = chosen.iter().find(|name| !PARTS.contains(name)) {
        return Err(format!("there is no part {unknown:?}; the parts are {}", PARTS.join(", ")));
    }
    run_parts(&chosen)
}

/// `cargo xtask check`.
pub fn run_check(arguments: &[String]) -> Result<(), Failure> {
    Options::new(arguments).finish()?;
    run_parts(&["format", "lints", "docs"])
}

fn run_parts(chosen: &[&str]) -> Result<(), Failure> {
    let mut total = Count::default();
    let mut parts = Vec::new();
    for part in PARTS.into_iter().filter(|part| chosen.contains(part)) {
        eprintln!("\n=== {part}");
        let start = Instant::now();
        let count = match part {
            "format" => Count::one(run(in_root(cargo()).args(["fmt", "--all", "--check"]))),
            "lints" => lints(),
            "native" => native(),
            "docs" => docs(),
            "wasm" => wasm(),
            "core-in-wasm" => setup::for_building().map_or_else(|why| Count::one(Err(why)), |toolchain| core_in_wasm(&toolchain)),
            _ => browser(),
        };
        let line = format!("{part}: {count} ({:.0} s)", start.elapsed().as_secs_f64());
        eprintln!("=== {line}");
        parts.push(line);
        parts.extend(count.failures.iter().map(|failure| format!("    {failure}")));
        total.add(count);
    }
    println!("\n{}\n\n{total}", parts.join("\n"));
    if total.failed == 0 { Ok(()) } else { Err("some tests failed".to_owned()) }
}

/// Clippy on native code, then on what exists in wasm only.
fn lints() -> Count {
    let mut native = in_root(cargo());
    native.args(["clippy", "--workspace", "--all-targets"]).args(["--", "-Dwarnings"]);
    let mut count = Count::one(run(&mut native));
    let toolchain = match setup::for_building() {
        Ok(toolchain) => toolchain,
        Err(why) => {
            count.add(Count::one(Err(why)));
            return count;
        }
    };
    if !toolchain.has_clippy() {
        eprintln!("xtask: {} has no clippy: engine and page are not linted as wasm", toolchain.name());
        count.skipped += 2;
        return count;
    }
    for (package, flavour) in [("ewald-engine", Flavour::Engine), ("ewald-web", Flavour::Page)] {
        let mut clippy = toolchain.cargo(flavour);
        clippy.args(["clippy", "--package", package, "--target", "wasm32-unknown-unknown", "--", "-Dwarnings"]);
        count.add(Count::one(run(&mut clippy)));
    }
    count
}

/// All native tests. The command line program is built first: some tests run it.
fn native() -> Count {
    let prepared = build::command_line(false).and_then(|program| setup::for_testing().map(|_| program));
    let program = match prepared {
        Ok(program) => program,
        Err(why) => return Count::one(Err(why)),
    };
    let mut command = in_root(cargo());
    command.args(["test", "--workspace", "--no-fail-fast"]);
    command.env("EWALD_PROGRAM", program).env("PYTHONPATH", tools::python_packages());
    counted(&mut command)
}

fn docs() -> Count {
    let mut command = in_root(cargo());
    command.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    Count::one(run(command.env("RUSTDOCFLAGS", "-Dwarnings")))
}

/// Engine and page build.
fn wasm() -> Count {
    let toolchain = match setup::for_building() {
        Ok(toolchain) => toolchain,
        Err(why) => return Count::one(Err(why)),
    };
    let settings = Settings::default();
    let mut count = Count::one(build::engine(&toolchain, &settings));
    count.add(Count::one(build::page(&toolchain, &settings)));
    count
}

/// The core's own tests, compiled to wasm with SIMD and run by wasm-bindgen's runner in Node.
fn core_in_wasm(toolchain: &Toolchain) -> Count {
    if let Err(why) = setup::for_testing() {
        return Count::one(Err(why));
    }
    let runner = tools::folder().join("bin/wasm-bindgen-test-runner");
    let mut command = toolchain.cargo(Flavour::Tests);
    command
        .args(["test", "--package", "ewald-core", "--no-default-features", "--lib", "--no-fail-fast"])
        .args(["--target", "wasm32-unknown-unknown"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
    counted(&mut command)
}

/// The page in Chromium.
fn browser() -> Count {
    let prepared = setup::for_testing().and_then(|chromium| {
        if !dist().join("index.html").is_file() {
            build::everything(&Settings::default())?;
        }
        // Some tests simulate their data with it.
        let program = build::command_line(false)?;
        let isolated = Server::bind(dist(), Some(0), true)?;
        let plain = Server::bind(dist(), Some(0), false)?;
        Ok((chromium, program, isolated, plain))
    });
    let (chromium, program, isolated, plain) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => return Count::one(Err(why)),
    };
    let mut command = Command::new("node");
    // One at a time: the page takes all cores, and some tests measure.
    command.args(["--test", "--test-concurrency=1", "--test-reporter=spec", "browser/"]);
    command.current_dir(root().join("tests"));
    command
        .env("EWALD_PAGE", isolated.address())
        .env("EWALD_PLAIN_PAGE", plain.address())
        .env("CHROMIUM", chromium)
        .env("EWALD_PROGRAM", program);
    isolated.serve_in_background();
    plain.serve_in_background();
    counted(&mut command)
}

/// Runs `command`, shows what it prints, and counts the test cases that it reports.
fn counted(command: &mut Command) -> Count {
    let shown = shown(command);
    eprintln!("+ {shown}");
    let mut child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return Count::one(Err(format!("`{shown}` could not be started: {error}"))),
    };
    let mut count = Count::default();
    if let Some(stdout) = child.stdout.take() {
        // A panic's place and its message stand on two lines.
        let mut of_panic = false;
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            if let Some(reported) = reported(&line) {
                count.add(reported);
            } else if (of_panic || tells_of_failure(&line)) && !count.failures.iter().any(|told| told == line.trim()) {
                count.failures.push(line.trim().to_owned());
            }
            of_panic = line.contains("panicked at");
        }
    }
    let success = child.wait().is_ok_and(|status| status.success());
    // What does not compile, or crashes, reports no case.
    if !success && count.failed == 0 {
        eprintln!("xtask: `{shown}` failed");
        count.add(Count { failed: 1, failures: vec![format!("`{shown}` failed")], ..Count::default() });
    }
    if success && count == Count::default() {
        eprintln!("xtask: `{shown}` ran no test");
        count.add(Count { failed: 1, failures: vec![format!("`{shown}` ran no test")], ..Count::default() });
    }
    count
}

/// The counts in a closing line: cargo's and wasm-bindgen's `test result: ok. 3 passed; 0 failed; 1 ignored; …`,
/// or one of Node's, which come one a line: `ℹ pass 3`.
fn reported(line: &str) -> Option<Count> {
    let words: Vec<&str> = line.split([' ', ';', '.', '\r']).filter(|w| !w.is_empty()).collect();
    if let ["ℹ", word, number] = words[..] {
        let number = number.parse().ok()?;
        return match word {
            "pass" => Some(Count { passed: number, ..Count::default() }),
            "fail" | "cancelled" => Some(Count { failed: number, ..Count::default() }),
            "skipped" | "todo" => Some(Count { skipped: number, ..Count::default() }),
            _ => None,
        };
    }
    if !words.starts_with(&["test", "result:"]) {
        return None;
    }
    let before = |word: &str| -> u64 { words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0) };
    Some(Count { passed: before("passed"), failed: before("failed"), skipped: before("ignored"), ..Count::default() })
}

/// Whether `line` names a test that failed or says why: cargo's `test NAME ... FAILED` and panics, and Node's crosses
/// and assertions.
fn tells_of_failure(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with("test ") && line.ends_with("FAILED"))
        || line.contains("panicked at")
        || (line.starts_with('✖') && line != "✖ failing tests:")
        || ["AssertionError", "Error:", "TimeoutError"].iter().any(|kind| line.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::{Count, reported, tells_of_failure};

    #[test]
    fn failures_are_recognised() {
        for line in ["test a::b ... FAILED", "✖ the demo runs (3.2ms)", "  AssertionError [ERR_ASSERTION]: blocked for 60 ms"] {
            assert!(tells_of_failure(line), "{line}");
        }
        for line in ["test a::b ... ok", "✔ the demo runs (3.2ms)", "✖ failing tests:"] {
            assert!(!tells_of_failure(line), "{line}");
        }
    }

    #[test]
    fn closing_lines_are_counted() {
        let cargo = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(reported(cargo), Some(Count { passed: 12, failed: 3, skipped: 1, ..Count::default() }));
        assert_eq!(reported("ℹ pass 4"), Some(Count { passed: 4, ..Count::default() }));
        assert_eq!(reported("ℹ fail 2"), Some(Count { failed: 2, ..Count::default() }));
        assert_eq!(reported("running 3 tests"), None);
    }
}
