//! `ewald export`: scaled data in other programs' formats.

use super::io;
use super::stage::load;
use crate::arguments::{Arguments, Failure};
use ewald_core::params::{ParamError, Parameters};
use ewald_core::session::{Session, StageId};
use ewald_core::stages::merge::export::Params;

/// Exports in one format. Parameters of merging (limits, names) are taken, too.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut params = Params::default();
    let mut session = Session::new();
    for (key, value) in &arguments.parameters {
        match params.set(key, value) {
            Ok(()) => {}
            Err(unknown @ ParamError::Unknown { .. }) => match session.set_param(StageId::Merge, key, value) {
                Err(ParamError::Unknown { .. }) => return Err(Failure::unusable(unknown)),
                other => other.map_err(Failure::unusable)?,
            },
            Err(wrong) => return Err(Failure::unusable(wrong)),
        }
    }
    io::add_free_flags(&mut session)?;
    load(&mut session, StageId::Merge, io::read_inputs(arguments)?)?;
    for file in session.export(&params).map_err(io::failure)? {
        io::write_bytes(&arguments.output, &file.name, &file.bytes)?;
        if !arguments.quiet && !arguments.json {
            println!("{}", arguments.output.join(&file.name).display());
        }
    }
    Ok(())
}
