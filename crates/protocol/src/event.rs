use ewald_core::report::Report;
use ewald_core::session::{StageId, StageState};
use serde::{Deserialize, Serialize};

use crate::{JobId, ViewHeader};

/// What the engine tells the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The files are recognised.
    Opened {
        /// The request.
        job: JobId,
        /// What they hold.
        set: SetView,
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
    },
    /// A stage stopped because the user asked for it. The results of before are kept.
    Cancelled {
        /// The request.
        job: JobId,
        /// The stage.
        stage: StageId,
    },
    /// A `Run` is over, with success or without.
    Ended {
        /// The request.
        job: JobId,
    },
    /// How the stages stand; sent whenever one changes.
    States {
        /// All of them, in order.
        states: Vec<(StageId, StageState)>,
    },
    /// Lines for the log.
    Log {
        /// The request that they belong to.
        job: JobId,
        /// The lines.
        lines: Vec<String>,
    },
    /// What was asked for; bulk data are in the message's `buffers`.
    View {
        /// The request.
        job: JobId,
        /// What the buffers are.
        header: ViewHeader,
    },
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

/// What the chosen files hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SetView {
    /// The sweeps, in the order of their experiments.
    pub sweeps: Vec<SweepView>,
    /// Files that are referred to and were not chosen.
    pub missing: Vec<String>,
    /// What was assumed or left out, each a sentence.
    pub notes: Vec<String>,
}

/// One sweep of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepView {
    /// The file that describes it.
    pub file: String,
    /// Number of images.
    pub images: usize,
    /// Pixels along (fast, slow).
    pub image_size: [usize; 2],
}
