//! `ewald process`: everything.

use super::{io, unfinished};
use crate::arguments::{Arguments, Failure};
use crate::file_source;
use crate::progress::Terminal;
use ewald_core::session::{Session, StageId, file_names};
use std::path::PathBuf;
use std::time::Instant;

/// Runs all stages on the images given and leaves every result in the output folder, also those made before a failure.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let inputs = io::read_inputs(arguments)?;
    if inputs.images.is_empty() {
        return Err(Failure::unusable("process needs images: NeXus/HDF5 or CBF files, or a folder that holds them"));
    }
    let mut session = Session::new();
    add_images(&mut session, &inputs.images)?;
    io::set_parameters(&mut session, &StageId::ALL, arguments)?;
    io::add_free_flags(&mut session)?;
    let monitor = Terminal::new(arguments.quiet);
    let mut log = format!("ewald {} process\n", env!("CARGO_PKG_VERSION"));
    let started = Instant::now();
    let mut outcome = Ok(());
    for stage in StageId::ALL {
        let before = Instant::now();
        if stage == StageId::Integrate {
            unfinished::take_up(&mut session, arguments);
        }
        let result = session.run(stage, &monitor).map(|report| (report.headline.clone(), report.warnings.clone(), report.to_text()));
        monitor.clear();
        if stage == StageId::Integrate {
            unfinished::leave(&session, &result, arguments)?;
        }
        let lines: String = monitor.take_log().into_iter().map(|l| l + "\n").collect();
        log += &format!("\n=== {} ===\n{lines}", stage.title());
        match result {
            Ok((headline, warnings, text)) => {
                log += &text;
                let line = format!("{:16} {:7.2} s  {headline}", stage.title(), before.elapsed().as_secs_f64());
                log += &format!("\n{line}\n");
                if !arguments.json {
                    println!("{line}");
                }
                for warning in warnings {
                    eprintln!("    warning: {warning}");
                }
            }
            Err(error) => {
                if let Some(seen) = error.report() {
                    log += &seen.to_text();
                    if !arguments.json {
                        println!("{}", seen.to_text());
                    }
                }
                log += &format!("\n{error}\n");
                outcome = Err(io::failure(error));
                break;
            }
        }
    }
    log += &format!("\nTotal {:.2} s\n", started.elapsed().as_secs_f64());
    for name in file_names() {
        io::write(&session, &arguments.output, name)?;
    }
    io::write_bytes(&arguments.output, "ewald.log", log.as_bytes())?;
    if arguments.json {
        println!("{:#}", session.reports_json());
    } else if outcome.is_ok() {
        println!("{:16} {:7.2} s  results in {}", "Total", started.elapsed().as_secs_f64(), arguments.output.display());
    }
    outcome
}

/// Gives the session the images, and the files beside them that they may refer to.
pub fn add_images(session: &mut Session, images: &[PathBuf]) -> Result<(), Failure> {
    let open = |path: &PathBuf| file_source::open(path).map_err(Failure::unusable);
    let given: Vec<_> = images.iter().map(open).collect::<Result<_, _>>()?;
    let mut beside: Vec<PathBuf> = images.iter().flat_map(|p| file_source::siblings(p)).filter(|p| !images.contains(p)).collect();
    beside.sort();
    beside.dedup();
    // A neighbour that cannot be opened is missed only if something refers to it, and is named then.
    session.add_files(given);
    session.add_companions(beside.iter().filter_map(|p| file_source::open(p).ok()));
    Ok(())
}
