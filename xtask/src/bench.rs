//! `cargo xtask bench`.

use crate::Failure;
use crate::options::Options;

/// Times the stages.
pub fn run_task(arguments: &[String]) -> Result<(), Failure> {
    Options::new(arguments).finish()?;
    Err("there are no stages to time yet".to_owned())
}
