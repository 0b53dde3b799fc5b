//! An integration that Ctrl-C has stopped lies beside the results until the next run takes it up.

use super::io;
use crate::arguments::{Arguments, Failure};
use ewald_core::session::{Session, SessionError};
use ewald_core::stages::integrate::Checkpoint;

/// Name of the file in the output folder.
const NAME: &str = "integrate.unfinished";

/// Gives the session what an earlier run left in the output folder. A file that cannot be used is named and passed over.
pub fn take_up(session: &mut Session, arguments: &Arguments) {
    let path = arguments.output.join(NAME);
    let Ok(bytes) = std::fs::read(&path) else { return };
    match Checkpoint::from_bytes(&bytes) {
        Ok(checkpoint) => session.set_unfinished_integration(checkpoint),
        Err(why) => eprintln!("    warning: {} is passed over, {why}; integration starts anew", path.display()),
    }
}

/// After integration: leaves what is unfinished, or removes what is finished.
pub fn leave<T>(session: &Session, outcome: &Result<T, SessionError>, arguments: &Arguments) -> Result<(), Failure> {
    match (outcome, session.unfinished_integration().to_bytes()) {
        (Err(_), Some(bytes)) => {
            io::write_bytes(&arguments.output, NAME, &bytes)?;
            let images = session.unfinished_integration().images_done();
            eprintln!("ewald: integration was stopped after {images} images; the same command goes on from there");
        }
        (Ok(_), _) => {
            // It may never have been there.
            let _ = std::fs::remove_file(arguments.output.join(NAME));
        }
        (Err(_), None) => {}
    }
    Ok(())
}
