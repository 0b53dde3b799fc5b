use std::rc::Rc;

use ewald_core::session::{StageId, Wanted};
use ewald_protocol::{JobId, ReflectionView, Request, View};
use leptos::prelude::*;

use super::{Page, Picture, Spot};

/// The reflection that is looked into.
#[derive(Clone, Copy)]
pub struct LookedInto {
    /// Its pixels and arithmetic.
    pub shown: RwSignal<Option<Rc<ReflectionView>>, LocalStorage>,
    /// Whether the panel is open.
    pub open: RwSignal<bool>,
    /// The request under way.
    pub job: RwSignal<Option<JobId>>,
    /// What was asked for since: of many steps through a table only the last is measured.
    next: RwSignal<Option<Wanted>>,
    /// Why there is nothing to show.
    pub problem: RwSignal<Option<String>>,
}

impl LookedInto {
    pub(super) fn new() -> Self {
        LookedInto {
            shown: RwSignal::new_local(None),
            open: RwSignal::default(),
            job: RwSignal::default(),
            next: RwSignal::default(),
            problem: RwSignal::default(),
        }
    }

    pub(super) fn forget(self) {
        self.shown.set(None);
        self.open.set(false);
        self.job.set(None);
        self.next.set(None);
        self.problem.set(None);
    }
}

impl Page {
    /// Opens the shoebox of a reflection; while a stage runs it comes when that is over.
    pub fn look_into(self, wanted: Wanted) {
        self.reflection.problem.set(None);
        self.reflection.open.set(true);
        if !matches!(self.picture.get_untracked(), Picture::Image | Picture::Lattice) {
            self.picture.set(Picture::Image);
        }
        if self.reflection.job.get_untracked().is_some() {
            self.reflection.next.set(Some(wanted));
        } else {
            self.measure(wanted);
        }
    }

    fn measure(self, wanted: Wanted) {
        let job = self.send(&[], |job| Request::Fetch { job, view: View::Reflection { wanted } });
        self.reflection.job.set(job);
    }

    /// The request under way has ended; whether another was waiting for it.
    fn measure_next(self) -> bool {
        self.reflection.job.set(None);
        let next = self.reflection.next.get_untracked();
        self.reflection.next.set(None);
        let waited = next.is_some();
        if let Some(wanted) = next {
            self.measure(wanted);
        }
        waited
    }

    /// Looks into a reflection that was clicked on, where integration has been.
    pub fn look_into_spot(self, spot: Spot, hkl: [i32; 3]) {
        if untrack(|| self.has_report(StageId::Integrate)) {
            let [x, y] = spot.at.map(|v| v.round() as i32);
            self.look_into(Wanted::Near { imageset: spot.sweep, hkl, at: [x, y, spot.image as i32] });
        }
    }

    pub(super) fn reflection_arrived(self, job: JobId, found: Option<Box<ReflectionView>>) {
        if self.reflection.job.get_untracked() != Some(job) {
            return;
        }
        let superseded = self.measure_next();
        match found {
            // On its way through a table the light stays where the user is.
            Some(view) if superseded => self.reflection.shown.set(Some(Rc::new(*view))),
            None if superseded => {}
            Some(view) => {
                let image = (view.at[2].max(0.0) as usize).min(untrack(|| self.images_in(view.sweep)).saturating_sub(1));
                self.spot.set(Some(Spot { sweep: view.sweep, image, at: [view.at[0], view.at[1]] }));
                self.reflection.shown.set(Some(Rc::new(*view)));
            }
            None => self.reflection.problem.set(Some("There is no such reflection among those that were predicted.".to_owned())),
        }
    }

    /// A fetch has failed; whether it was that of a reflection.
    pub(super) fn reflection_failed(self, job: JobId, message: &str) -> bool {
        let own = self.reflection.job.get_untracked() == Some(job);
        if own && !self.measure_next() {
            self.reflection.problem.set(Some(message.to_owned()));
        }
        own
    }

    /// Shows the image on which the reflection looked into is predicted.
    pub fn show_reflection(self) {
        let at = self.reflection.shown.with_untracked(|r| r.as_ref().map(|r| [r.sweep, r.at[2].max(0.0) as usize]));
        if let Some(at) = at {
            self.picture.set(Picture::Image);
            self.show(at);
        }
    }
}
