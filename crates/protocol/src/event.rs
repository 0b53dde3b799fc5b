use ewald_core::report::Report;
use ewald_core::session::{StageId, StageState};
use serde::{Deserialize, Serialize};

use crate::{JobId, ViewHeader};

/// What the engine tells the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The files are there; what they hold is found out by the import stage.
    Opened {
        /// The request.
        job: JobId,
        /// How many files there are now.
        files: usize,
        /// Names of the files that come with the message: those of the simulated data set.
        made: Vec<String>,
    },
    /// Import has found these sweeps.
    Sweeps {
        /// The sweeps, by number of their image set.
        sweeps: Vec<SweepView>,
    },
    /// A stage begins.
    Started {
        /// The request.
        job: JobId,
        /// The stage.
        stage: StageId,
    },
    /// A stage has a result.
    Finished {
        /// The request.
        job: JobId,
        /// The stage.
        stage: StageId,
        /// What it has to tell.
        report: Box<Report>,
        /// How long it took.
        seconds: f64,
    },
    /// A request, or a stage of it, failed. The results of before are kept.
    Failed {
        /// The request.
        job: JobId,
        /// The stage, if one was running.
        stage: Option<StageId>,
        /// What was wrong.
        error: ErrorView,
        /// What the stage has seen before it failed, where that helps to mend it.
        report: Option<Box<Report>>,
    },
    /// Something stopped because the user asked for it. The results of before are kept.
    Cancelled {
        /// The request.
        job: JobId,
        /// The stage, if one was running.
        stage: Option<StageId>,
    },
    /// A `Run` is over, with success or without.
    Ended {
        /// The request.
        job: JobId,
    },
    /// Where the beam was found to meet the detector.
    BeamCentre {
        /// The request.
        job: JobId,
        /// What was found.
        found: Box<BeamCentreView>,
    },
    /// How the stages stand; sent whenever one changes.
    States {
        /// All of them, in order.
        states: Vec<(StageId, StageState)>,
    },
    /// What was asked for; bulk data are in the message's `buffers`.
    View {
        /// The request.
        job: JobId,
        /// What the buffers are.
        header: ViewHeader,
    },
}

/// What a search for the beam centre found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BeamCentreView {
    /// Verdict, table, and the map of scores or the projections.
    pub report: Report,
    /// The new centre as import's parameter `slow_fast_beam_centre` takes it.
    pub parameter: String,
    /// The centre as it was, (fast, slow), px.
    pub old_px: [f64; 2],
    /// By how much the beam moves along (fast, slow), mm.
    pub shift_mm: [f64; 2],
    /// Size of a pixel along (fast, slow), mm.
    pub pixel_mm: [f64; 2],
    /// Whether the sweeps' centres differ, so that one value cannot be given to all.
    pub differs: bool,
}

/// An error for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// What is wrong, where, and what to do about it.
    pub message: String,
}

impl<E: std::error::Error> From<&E> for ErrorView {
    fn from(error: &E) -> Self {
        ErrorView { message: error.to_string() }
    }
}

/// One sweep of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepView {
    /// Template or name of its files.
    pub file: String,
    /// Number of images.
    pub images: usize,
    /// Number that the first image has for people, usually 1.
    pub first_image: i64,
    /// Pixels along (fast, slow).
    pub image_size: [usize; 2],
}
