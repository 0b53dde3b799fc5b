//! The stages in their order: their parameters and results, and what is out of date.
//!
//! [`Session`] is what the engine, the command line and the tests drive. It owns the files and the results; a stage runs on the
//! results of those before it, and a failed or cancelled run leaves everything as it was.

mod error;
mod files;
mod methods;
mod origin;
mod params;
mod reflection;
mod results;
mod run;
mod stage;

pub use error::SessionError;
pub use files::{file_names, other_files};
pub use params::{ParamView, SessionParams, parameter_views};
pub use reflection::{Observation, Wanted};
pub use results::{Data, Integration, MtzFiles, Results};
pub use stage::{StageId, StageState};

use crate::format::source::{FileSet, SourceFile};
use crate::image::ImageSource;
use crate::params::ParamError;
use crate::report::Report;
use crate::stages::integrate::Checkpoint;
use std::sync::Arc;

/// What is known of one stage.
#[derive(Debug, Clone, Default)]
struct Record {
    state: StageState,
    report: Option<Report>,
}

/// A data set on its way from files to merged intensities.
#[derive(Default)]
pub struct Session {
    files: FileSet,
    params: SessionParams,
    images: Vec<Arc<dyn ImageSource>>,
    /// Digest of the images or of the table that the session began with.
    inputs: Option<String>,
    results: Results,
    records: [Record; 9],
    /// An integration that was stopped.
    unfinished: Checkpoint,
}

impl Session {
    /// A session without files.
    pub fn new() -> Self {
        Session::default()
    }

    /// Adds files (or replaces those of the same name). What is computed from them becomes stale: everything, but merging alone where all are MTZ
    /// files, whose free-R flags it may keep.
    pub fn add_files(&mut self, files: impl IntoIterator<Item = SourceFile>) {
        let mut from = StageId::Merge;
        for file in files {
            if !file.name.to_ascii_lowercase().ends_with(".mtz") {
                from = StageId::Import;
            }
            self.files.insert(file);
        }
        if from == StageId::Import {
            self.unfinished = Checkpoint::default();
        }
        self.mark_stale(from);
    }

    /// An integration that was stopped: what the next one goes on from, if its inputs and parameters are the same.
    pub fn unfinished_integration(&self) -> &Checkpoint {
        &self.unfinished
    }

    /// Takes up an integration that an earlier session left unfinished.
    pub fn set_unfinished_integration(&mut self, unfinished: Checkpoint) {
        self.unfinished = unfinished;
    }

    /// Adds files that others refer to (data files of a master, images of an experiment list) but that are no input of their own.
    pub fn add_companions(&mut self, files: impl IntoIterator<Item = SourceFile>) {
        files.into_iter().for_each(|f| self.files.insert_companion(f));
    }

    /// The files.
    pub fn files(&self) -> &FileSet {
        &self.files
    }

    /// The images by image set; empty before import.
    pub fn images(&self) -> &[Arc<dyn ImageSource>] {
        &self.images
    }

    /// The parameters of all stages.
    pub fn params(&self) -> &SessionParams {
        &self.params
    }

    /// Sets a parameter; its stage and those after it become stale if its value changes.
    pub fn set_param(&mut self, stage: StageId, name: &str, text: &str) -> Result<(), ParamError> {
        let before = self.params.clone();
        self.params.set(stage, name, text)?;
        if self.params != before {
            self.mark_stale(stage);
        }
        Ok(())
    }

    /// Replaces all parameters; stages whose parameters differ become stale, and those after them.
    pub fn set_params(&mut self, params: SessionParams) {
        let changed = StageId::ALL.into_iter().find(|s| params.views(*s) != self.params.views(*s));
        self.params = params;
        if let Some(stage) = changed {
            self.mark_stale(stage);
        }
    }

    /// How a stage stands.
    pub fn state(&self, stage: StageId) -> StageState {
        self.records[stage.index()].state
    }

    /// The report of a stage's last successful run.
    pub fn report(&self, stage: StageId) -> Option<&Report> {
        self.records[stage.index()].report.as_ref()
    }

    /// The reports that there are, in order.
    pub fn reports(&self) -> Vec<(StageId, &Report)> {
        StageId::ALL.into_iter().filter_map(|s| Some((s, self.report(s)?))).collect()
    }

    /// The results.
    pub fn results(&self) -> &Results {
        &self.results
    }

    fn mark_stale(&mut self, from: StageId) {
        for stage in from.from_here() {
            let record = &mut self.records[stage.index()];
            if record.state == StageState::Done {
                record.state = StageState::Stale;
            }
        }
    }
}
