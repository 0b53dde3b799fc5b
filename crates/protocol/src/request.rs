use std::collections::BTreeMap;

use ewald_core::session::StageId;
use serde::{Deserialize, Serialize};

use crate::{JobId, View};

/// What the user typed: for each stage, parameters by name, as text. What is absent keeps its default.
pub type StageTexts = BTreeMap<StageId, BTreeMap<String, String>>;

/// The simulated data set that needs no download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demo {
    /// Number of images; `None` for the demo's own.
    pub images: Option<u32>,
    /// Seed of its noise; `None` for the demo's own.
    pub seed: Option<u64>,
}

/// What the page asks of the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Takes the files that come with the message, `names` being their paths within what the user chose, in the same order.
    /// They replace those of before unless `add`. Answered by `Opened` or `Failed`.
    Open {
        /// This request.
        job: JobId,
        /// Relative paths.
        names: Vec<String>,
        /// Keep the files that are there and add these (a missing data file, for example).
        add: bool,
    },
    /// Takes the simulated data set instead of files. Answered by `Opened` or `Failed`.
    OpenDemo {
        /// This request.
        job: JobId,
        /// Which.
        demo: Demo,
    },
    /// Runs the stages `from` to `to`, and before them those whose results are missing or stale. Each is answered by
    /// `Started` and then `Finished`, `Failed` or `Cancelled`; all of them by one `Ended`.
    Run {
        /// This request.
        job: JobId,
        /// First stage to run even if its result is up to date.
        from: StageId,
        /// Last stage to run.
        to: StageId,
        /// All parameters that are not defaults.
        parameters: StageTexts,
    },
    /// Looks for the beam centre with the imported models and, for the default method, their spots; nothing changes. Answered by `BeamCentre`,
    /// `Failed` or `Cancelled`.
    BeamCentre {
        /// This request.
        job: JobId,
        /// Parameters of the search that are not defaults.
        parameters: BTreeMap<String, String>,
    },
    /// Asks for something to show. Answered by `View` or `Failed`.
    Fetch {
        /// This request.
        job: JobId,
        /// What.
        view: View,
    },
}

impl Request {
    /// The request's number.
    pub fn job(&self) -> JobId {
        match self {
            Request::Open { job, .. }
            | Request::OpenDemo { job, .. }
            | Request::Run { job, .. }
            | Request::BeamCentre { job, .. }
            | Request::Fetch { job, .. } => *job,
        }
    }
}
