//! `ewald` on the command line: the stages of `ewald_core::session`, native and threaded.

mod arguments;
mod commands;
mod file_source;
mod help;
mod progress;

use arguments::{Arguments, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let outcome = match args.next().as_deref() {
        None => {
            print!("{}", help::overview());
            return ExitCode::from(2);
        }
        Some("-h" | "--help" | "help") => {
            print!("{}", help::overview());
            Ok(())
        }
        Some("-V" | "--version" | "version") => {
            println!("ewald {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Some(name) => match commands::find(name) {
            Some(command) => Arguments::parse(args).and_then(|arguments| run(command, arguments)),
            None => Err(Failure::unusable(format!("there is no command {name:?}; `ewald --help` lists them"))),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Unusable(message)) => {
            eprintln!("ewald: {message}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            eprintln!("ewald: {message}");
            ExitCode::from(1)
        }
        Err(Failure::Cancelled) => {
            eprintln!("ewald: cancelled");
            ExitCode::from(130)
        }
    }
}

fn run(command: &'static commands::Command, arguments: Arguments) -> Result<(), Failure> {
    if arguments.help {
        print!("{}", help::of_command(command));
        return Ok(());
    }
    if let Some(n) = arguments.threads {
        ewald_core::job::parallel::set_threads(n).map_err(Failure::unusable)?;
    }
    progress::watch_ctrl_c();
    (command.run)(&arguments)
}
