use serde::{Deserialize, Serialize};

/// The stages in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageId {
    /// Files → experiments.
    Import,
    /// Images → strong spots.
    FindSpots,
    /// Spots → lattice.
    Index,
    /// Lattice → its Bravais type.
    Bravais,
    /// Spots and lattice → better models.
    Refine,
    /// Models and images → intensities.
    Integrate,
    /// Intensities → Laue and space group.
    Symmetry,
    /// Intensities → intensities on one scale.
    Scale,
    /// Scaled intensities → unique reflections, MTZ files.
    Merge,
}

impl StageId {
    /// All stages, in order.
    pub const ALL: [StageId; 9] = [
        StageId::Import,
        StageId::FindSpots,
        StageId::Index,
        StageId::Bravais,
        StageId::Refine,
        StageId::Integrate,
        StageId::Symmetry,
        StageId::Scale,
        StageId::Merge,
    ];

    /// Name in files, messages and tests, such as `find-spots`.
    pub fn name(self) -> &'static str {
        match self {
            StageId::Import => "import",
            StageId::FindSpots => "find-spots",
            StageId::Index => "index",
            StageId::Bravais => "bravais",
            StageId::Refine => "refine",
            StageId::Integrate => "integrate",
            StageId::Symmetry => "symmetry",
            StageId::Scale => "scale",
            StageId::Merge => "merge",
        }
    }

    /// Name for people.
    pub fn title(self) -> &'static str {
        match self {
            StageId::Import => "Import",
            StageId::FindSpots => "Find spots",
            StageId::Index => "Index",
            StageId::Bravais => "Bravais lattice",
            StageId::Refine => "Refine",
            StageId::Integrate => "Integrate",
            StageId::Symmetry => "Symmetry",
            StageId::Scale => "Scale",
            StageId::Merge => "Merge",
        }
    }

    /// DIALS' names of the files that hold its results.
    pub fn files(self) -> &'static [&'static str] {
        match self {
            StageId::Import => &["imported.expt"],
            StageId::FindSpots => &["strong.expt", "strong.refl"],
            StageId::Index => &["indexed.expt", "indexed.refl"],
            StageId::Bravais => &["bravais_summary.json"],
            StageId::Refine => &["refined.expt", "refined.refl"],
            StageId::Integrate => &["integrated.expt", "integrated.refl"],
            StageId::Symmetry => &["symmetrized.expt", "symmetrized.refl"],
            StageId::Scale => &["scaled.expt", "scaled.refl"],
            StageId::Merge => &["merged.mtz", "scaled.mtz"],
        }
    }

    /// The stage of that name.
    pub fn from_name(name: &str) -> Option<StageId> {
        StageId::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Position in [`StageId::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The stage before this one.
    pub fn previous(self) -> Option<StageId> {
        self.index().checked_sub(1).map(|i| StageId::ALL[i])
    }

    /// This stage and all after it.
    pub fn from_here(self) -> &'static [StageId] {
        &StageId::ALL[self.index()..]
    }
}

/// How a stage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageState {
    /// Not run yet.
    #[default]
    Idle,
    /// At work.
    Running,
    /// Its result is that of its present parameters and inputs.
    Done,
    /// Its last run ended in an error.
    Failed,
    /// It has a result, but parameters or inputs have changed since.
    Stale,
}

impl StageState {
    /// The word in `data-state` attributes.
    pub fn name(self) -> &'static str {
        match self {
            StageState::Idle => "idle",
            StageState::Running => "running",
            StageState::Done => "done",
            StageState::Failed => "failed",
            StageState::Stale => "stale",
        }
    }
}
