use std::collections::BTreeMap;
use std::rc::Rc;

use ewald_core::session::{StageId, StageState};
use ewald_protocol::{BeamCentreView, JobId, Request};
use leptos::prelude::*;

use super::{Page, Picture};
use crate::present::shift;

/// The parameter of import that the centre found becomes.
const PARAMETER: &str = "slow_fast_beam_shift";

/// The search for the beam centre: its parameters, and what it found.
#[derive(Clone, Copy)]
pub struct BeamSearch {
    /// Parameters that are not defaults.
    pub texts: RwSignal<BTreeMap<String, String>>,
    /// The search under way.
    pub job: RwSignal<Option<JobId>>,
    /// What the last search found, and import's parameter that makes it last.
    pub found: RwSignal<Option<Rc<(BeamCentreView, String)>>, LocalStorage>,
    /// Why it found nothing.
    pub problem: RwSignal<Option<String>>,
    /// What import's parameter was before the centre found was taken.
    before: RwSignal<Option<String>>,
}

impl BeamSearch {
    pub(super) fn new() -> Self {
        BeamSearch {
            texts: RwSignal::default(),
            job: RwSignal::default(),
            found: RwSignal::new_local(None),
            problem: RwSignal::default(),
            before: RwSignal::default(),
        }
    }

    pub(super) fn forget(self) {
        self.job.set(None);
        self.found.set(None);
        self.problem.set(None);
        self.before.set(None);
    }
}

impl Page {
    /// Whether the search looks at images, rather than at spots.
    pub fn beam_search_of_images(self) -> bool {
        self.beam.texts.with(|t| t.get("method").is_some_and(|m| m != "default"))
    }

    /// What is missing before the search can begin.
    pub fn beam_search_needs(self) -> Option<StageId> {
        let needs = if self.beam_search_of_images() { StageId::Import } else { StageId::FindSpots };
        (!self.has_report(needs)).then_some(needs)
    }

    /// Shows the search, and begins it where it can and nothing has been found yet.
    pub fn open_beam_centre(self) {
        self.picture.set(Picture::BeamCentre);
        if self.beam.found.with_untracked(Option::is_none) && untrack(|| self.beam_search_needs()).is_none() {
            self.search_beam_centre();
        }
    }

    /// Looks for the beam centre.
    pub fn search_beam_centre(self) {
        if self.running.get_untracked().is_some() || self.beam.job.get_untracked().is_some() {
            return;
        }
        self.beam.problem.set(None);
        let parameters = self.beam.texts.get_untracked();
        let job = self.send(&[], |job| Request::BeamCentre { job, parameters });
        self.beam.job.set(job);
    }

    /// Asks the engine to stop searching.
    pub fn cancel_beam_search(self) {
        let control = self.engine.with_value(|e| e.as_ref().and_then(|e| e.control()));
        if let (Some(control), Some(job)) = (control, self.beam.job.get_untracked()) {
            control.cancel(job);
        }
    }

    /// The search is over; whether `job` was it.
    pub(super) fn beam_search_ended(self, job: JobId, outcome: Result<BeamCentreView, Option<String>>) -> bool {
        if self.beam.job.get_untracked() != Some(job) {
            return false;
        }
        self.beam.job.set(None);
        match outcome {
            Ok(found) => {
                // The spots were searched with the models that import made with this.
                let before = self.used.with_untracked(|u| u.get(&StageId::Import).and_then(|p| p.get(PARAMETER).cloned()));
                let parameter = shift::sum(before.as_deref(), found.slow_fast_shift);
                self.beam.found.set(Some(Rc::new((found, parameter))));
            }
            Err(problem) => self.beam.problem.set(problem),
        }
        true
    }

    fn centre_parameter(self) -> Option<String> {
        self.parameters.with(|p| p.get(&StageId::Import).and_then(|p| p.get(PARAMETER).cloned()))
    }

    /// Whether the centre found is import's parameter now.
    pub fn beam_centre_taken(self) -> bool {
        let now = self.centre_parameter();
        self.beam.found.with(|f| f.as_ref().is_some_and(|f| now.as_ref() == Some(&f.1)))
    }

    /// Whether import has been run with the centre found.
    pub fn beam_centre_imported(self) -> bool {
        self.beam_centre_taken() && self.state(StageId::Import) == StageState::Done
    }

    /// Makes the centre found import's parameter: from import on, everything is to be run again.
    pub fn take_beam_centre(self) {
        let Some(found) = self.beam.found.get_untracked() else { return };
        if !untrack(|| self.beam_centre_taken()) {
            self.beam.before.set(Some(untrack(|| self.centre_parameter()).unwrap_or_default()));
            self.set_parameter(StageId::Import, PARAMETER, found.1.clone());
        }
    }

    /// Takes that back.
    pub fn leave_beam_centre(self) {
        let before = self.beam.before.get_untracked().unwrap_or_default();
        self.set_parameter(StageId::Import, PARAMETER, before);
        self.beam.before.set(None);
    }
}
