//! Everything a contributor or user runs: `cargo xtask setup | build | serve | test | check | bench`.
//!
//! It has no dependencies, so that the first command on a fresh clone starts in seconds.

mod bench;
mod build;
mod command;
mod help;
mod options;
mod serve;
mod server;
mod setup;
mod test;
mod toolchain;
mod tools;

use std::process::ExitCode;

/// Why a task stopped: a sentence for the person at the terminal.
type Failure = String;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    if rest.iter().any(|a| a == "--help" || a == "-h") {
        print!("{}", help::of(&task));
        return ExitCode::SUCCESS;
    }
    let outcome = match task.as_str() {
        "setup" => setup::run_task(&rest),
        "build" => build::run_task(&rest),
        "serve" => serve::run_task(&rest),
        "test" => test::run_task(&rest),
        "check" => test::run_check(&rest),
        "bench" => bench::run_task(&rest),
        "help" | "--help" | "-h" => {
            print!("{}", help::of(rest.first().map_or("", String::as_str)));
            Ok(())
        }
        "" => {
            print!("{}", help::of(""));
            return ExitCode::from(2);
        }
        unknown => Err(format!("there is no task {unknown:?}; the tasks are setup, build, serve, test, check and bench")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
