//! The simulated data set: made here, as files in memory, which then go the way of every user's files.

use std::sync::Arc;

use ewald_core::format::source::{MemorySource, SourceFile};
use ewald_core::job::Monitor;
use ewald_protocol::Demo;
use ewald_sim::{Error, Simulation};

/// Makes the files of the demo.
pub fn files(demo: &Demo, monitor: &dyn Monitor) -> Result<Vec<SourceFile>, Error> {
    let mut params = ewald_sim::demo();
    if let Some(images) = demo.images {
        params.images = images as usize;
    }
    if let Some(seed) = demo.seed {
        params.seed = seed;
    }
    let mut files = Vec::new();
    Simulation::new(&params)?.write_nxmx(monitor, |name, bytes| {
        files.push(SourceFile::new(name, Arc::new(MemorySource::new(bytes))));
        Ok(())
    })?;
    Ok(files)
}
