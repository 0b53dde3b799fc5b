use crate::geometry::ExperimentList;
use crate::reflections::Reflections;
use crate::stages::integrate::Learned;

/// Models and reflections after a stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Data {
    /// The models.
    pub experiments: ExperimentList,
    /// The reflections. The pixels of strong spots are kept once, in [`Results::strong`]: up to refinement rows correspond.
    pub reflections: Reflections,
}

/// The merged and unmerged reflection files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MtzFiles {
    /// Merged intensities.
    pub merged: Vec<u8>,
    /// Scaled, unmerged intensities.
    pub scaled: Vec<u8>,
}

/// What integration knows beside its result: enough to show why a reflection has its intensity, or none.
#[derive(Debug, Clone)]
pub struct Integration {
    /// Predicted but not integrated.
    pub left_out: Reflections,
    /// Parameters, widths and reference profiles.
    pub learned: Learned,
}

/// The results of the stages; each is kept until its stage runs again.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// Of import.
    pub imported: Option<ExperimentList>,
    /// Of spot finding.
    pub strong: Option<Reflections>,
    /// What import made with the masks of spot finding: hot pixels and untrusted regions.
    pub masked: Option<ExperimentList>,
    /// Of indexing.
    pub indexed: Option<Data>,
    /// Of the Bravais stage: the data in the lattice chosen.
    pub bravais: Option<Data>,
    /// The Bravais table as DIALS' `bravais_summary.json`.
    pub bravais_summary: Option<String>,
    /// The experiment list of each Bravais setting, as `.expt` bytes by its number.
    pub bravais_settings: Vec<(usize, Vec<u8>)>,
    /// Of refinement.
    pub refined: Option<Data>,
    /// Of integration.
    pub integrated: Option<Data>,
    /// What integration left out and what it learned; not where its result was loaded.
    pub integration: Option<Integration>,
    /// Of the symmetry stage.
    pub symmetrized: Option<Data>,
    /// Of scaling.
    pub scaled: Option<Data>,
    /// Of merging.
    pub merged: Option<MtzFiles>,
}
