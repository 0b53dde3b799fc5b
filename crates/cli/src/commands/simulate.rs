//! `ewald simulate`: a simulated data set as NXmx files.

use super::io;
use crate::arguments::{Arguments, Failure};
use crate::progress::Terminal;
use ewald_core::params::Parameters;
use ewald_sim::{Params, Simulation};

/// Simulates; `demo=true` starts from the page's demonstration data set.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut params = Params::default();
    let (demo, rest): (Vec<_>, Vec<_>) = arguments.parameters.iter().partition(|(key, _)| key == "demo");
    if demo.iter().any(|(_, value)| value == "true") {
        params = ewald_sim::demo();
    }
    for (key, value) in rest {
        params.set(key, value).map_err(Failure::unusable)?;
    }
    if let Some(file) = arguments.files.first() {
        return Err(Failure::unusable(format!("simulate takes no files, but {} was given", file.display())));
    }
    let monitor = Terminal::new(arguments.quiet);
    let simulation = Simulation::new(&params).map_err(Failure::unusable)?;
    let save = |name: String, bytes: Vec<u8>| {
        io::write_bytes(&arguments.output, &name, &bytes).map_err(|e| ewald_sim::Error::Write(format!("{e:?}")))?;
        if !arguments.quiet {
            monitor.clear();
            println!("{}", arguments.output.join(name).display());
        }
        Ok(())
    };
    let outcome = simulation.write_nxmx(&monitor, save);
    monitor.clear();
    outcome.map_err(|e| match e {
        ewald_sim::Error::Cancelled(_) => Failure::Cancelled,
        other => Failure::Failed(other.to_string()),
    })
}
