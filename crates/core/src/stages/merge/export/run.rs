use super::error::Error;
use super::params::{ExportFormat, Params};
use super::{merged_mmcif, shelx, unmerged_mmcif, xds_ascii};
use crate::geometry::ExperimentList;
use crate::job::Monitor;
use crate::params::Parameters;
use crate::reflections::Reflections;
use crate::report::Origin;
use crate::stages::merge::{self, FreeReference};

/// A file made.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl File {
    pub(super) fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        File { name: name.into(), bytes: bytes.into() }
    }
}

/// The files of one format, from a scaled table. `merging` limits and describes the data as for the merge stage; `reference` has free-R flags to keep;
/// `origin` goes to the heads of the files.
///
/// # Errors
/// When the data cannot be merged, or hold something that the format cannot.
pub fn run(
    experiments: &ExperimentList,
    reflections: &Reflections,
    reference: Option<&FreeReference>,
    merging: &merge::Params,
    params: &Params,
    origin: &Origin,
    monitor: &dyn Monitor,
) -> Result<Vec<File>, Error> {
    params.check_ranges()?;
    monitor.begin("Exporting", 4);
    let unique = merge::unique(experiments, reflections, reference, merging, monitor)?;
    Ok(match params.format {
        ExportFormat::Mtz => {
            let bytes = merge::scaled_mtz(experiments, reflections, &unique, merging, origin).map_err(merge::Error::from)?;
            vec![File::new("scaled.mtz", bytes)]
        }
        ExportFormat::Mmcif => {
            vec![File::new("scaled.cif", unmerged_mmcif::text(experiments, reflections, &unique, params.pdb_version, origin)?)]
        }
        ExportFormat::MergedMmcif => vec![File::new("merged.cif", merged_mmcif::text(experiments, &unique, merging.anomalous, origin)?)],
        ExportFormat::XdsAscii => xds_ascii::files(experiments, reflections, &unique, params, origin)?,
        ExportFormat::Shelx => shelx::files(experiments, reflections, &unique, params, origin)?,
    })
}
