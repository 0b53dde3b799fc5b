use ewald_core::session::{StageId, StageState};
use ewald_protocol::{Demo, JobId, Request};
use leptos::prelude::*;
use web_sys::File;

use super::{DataSet, Page};
use crate::present::opening;

/// Work under way: files being opened or simulated, or a stage at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The request at work.
    pub job: JobId,
    /// The stage asked for; `None` while files are opened or simulated.
    pub stage: Option<StageId>,
    /// The last stage to run.
    pub to: StageId,
    /// Whether it failed or was cancelled, so that nothing follows.
    pub broken: bool,
}

impl Page {
    /// Opens files, given with their paths. They replace those of before, except for files that import missed.
    pub fn open(self, files: Vec<(String, File)>) {
        if files.is_empty() {
            return;
        }
        let (paths, files): (Vec<String>, Vec<File>) = files.into_iter().unzip();
        let names: Vec<String> = paths.iter().map(|p| opening::base_name(p).to_owned()).collect();
        if let Some(name) = opening::flags_to_keep(&names).filter(|_| self.data.with_untracked(Option::is_some)) {
            return self.keep_flags(name.to_owned(), paths, files);
        }
        let told = self.messages.with_untracked(|all| all.iter().map(|m| m.text.clone()).collect::<Vec<_>>());
        let before = self.data.get_untracked().filter(|d| !d.demo);
        let add = before.as_ref().is_some_and(|d| opening::were_missed(&names, &d.names, &told));
        let mut all = if add { before.map_or_else(Vec::new, |d| d.names) } else { Vec::new() };
        all.extend(names);
        self.begin(DataSet { title: opening::title(&all), names: all, sweeps: Vec::new(), demo: false });
        self.open_for_viewer(paths.clone(), &files, add);
        let job = self.send(&files, |job| Request::Open { job, names: paths, add });
        self.running.set(job.map(|job| Run { job, stage: None, to: StageId::Import, broken: false }));
    }

    /// Gives merging an MTZ file whose free-R flags it keeps; what was computed stays, and what was merged is merged again.
    fn keep_flags(self, name: String, paths: Vec<String>, files: Vec<File>) {
        if self.running.get_untracked().is_some() {
            return;
        }
        let job = self.send(&files, |job| Request::Open { job, names: paths, add: true });
        // Merging follows when the file is open.
        let stage = if untrack(|| self.has_report(StageId::Merge)) { StageId::Scale } else { StageId::Merge };
        self.running.set(job.map(|job| Run { job, stage: Some(stage), to: StageId::Merge, broken: false }));
        self.set_parameter(StageId::Merge, "free_flags_from", name);
        self.selected.set(StageId::Merge);
    }

    /// Simulates the demonstration data set and runs everything on it.
    pub fn demo(self) {
        let title = "Demonstration: simulated lysozyme".to_owned();
        self.begin(DataSet { title, demo: true, ..DataSet::default() });
        let job = self.send(&[], |job| Request::OpenDemo { job, demo: Demo { images: None, seed: None } });
        self.running.set(job.map(|job| Run { job, stage: None, to: StageId::Merge, broken: false }));
    }

    fn begin(self, data: DataSet) {
        self.pace.set_value(Default::default());
        // What runs on the old files is of no use any more.
        self.cancel();
        self.messages.update(Vec::clear);
        self.forget_results();
        self.selected.set(StageId::Import);
        self.following.set(true);
        self.data.set(Some(data));
    }

    /// Back to the start; the engine keeps its files until others replace them.
    pub fn close(self) {
        self.cancel();
        self.running.set(None);
        self.messages.update(Vec::clear);
        self.forget_results();
        self.data.set(None);
    }

    /// Runs the stages that have no up-to-date result, or all when there is none such. While something runs, all that follows is added.
    pub fn run_all(self) {
        self.following.set(true);
        if let Some(run) = self.running.get_untracked().filter(|r| !r.broken) {
            self.running.set(Some(Run { to: StageId::Merge, ..run }));
            return;
        }
        let done = |s: &StageId| untrack(|| self.state(*s)) == StageState::Done;
        self.run(StageId::ALL.into_iter().find(|s| !done(s)).unwrap_or(StageId::Import), StageId::Merge);
    }

    /// Runs stages, and before them those whose results are missing or stale.
    pub fn run(self, from: StageId, to: StageId) {
        if self.running.get_untracked().is_some() || self.data.with_untracked(Option::is_none) {
            return;
        }
        self.messages.update(|all| all.retain(|m| m.warning));
        self.pace.set_value(Default::default());
        let done = |s: &StageId| untrack(|| self.state(*s)) == StageState::Done;
        let first = StageId::ALL.into_iter().find(|s| *s < from && !done(s)).unwrap_or(from);
        self.start(first, to);
    }

    pub(super) fn start(self, stage: StageId, to: StageId) {
        let parameters = self.parameters.get_untracked();
        self.sent.set_value(parameters.clone());
        let job = self.send(&[], |job| Request::Run { job, from: stage, to: stage, parameters });
        self.running.set(job.map(|job| Run { job, stage: Some(stage), to, broken: false }));
    }

    /// The request at work is over: goes on with the next stage, if there is one.
    pub(super) fn ended(self) {
        let Some(run) = self.running.get_untracked() else { return };
        let next = match run.stage {
            None => Some(StageId::Import),
            Some(stage) => StageId::ALL.get(stage.index() + 1).copied().filter(|s| *s <= run.to),
        };
        match next {
            Some(stage) if !run.broken => self.start(stage, run.to),
            _ => self.running.set(None),
        }
    }

    /// Asks the engine to stop.
    pub fn cancel(self) {
        let control = self.engine.with_value(|e| e.as_ref().and_then(|e| e.control()));
        if let (Some(control), Some(run)) = (control, self.running.get_untracked()) {
            control.cancel(run.job);
            self.running.set(Some(Run { broken: true, ..run }));
        }
    }
}
