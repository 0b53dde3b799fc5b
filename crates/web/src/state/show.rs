use ewald_core::session::StageId;
use ewald_protocol::{JobId, Request, SpotKind, View};
use leptos::prelude::*;

use super::Page;

/// Fetches under way. One image at a time: a slider that is dragged asks for the latest place when the one before has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fetching {
    image: Option<(JobId, [usize; 2])>,
    spots: Option<JobId>,
    models: Option<JobId>,
}

impl Page {
    /// Shows an image.
    pub fn show(self, at: [usize; 2]) {
        let n = self.images_in(at[0]);
        if n == 0 {
            return;
        }
        let at = [at[0], at[1].min(n - 1)];
        if self.image.get_untracked() != at {
            self.image.set(at);
            self.spots.set(None);
        }
        if self.fetching.with_value(|f| f.image.is_none()) {
            self.fetch_image();
        }
    }

    /// Number of images in a sweep.
    pub fn images_in(self, sweep: usize) -> usize {
        self.data.with(|d| d.as_ref().and_then(|d| d.sweeps.get(sweep)).map_or(0, |s| s.images))
    }

    fn fetch_image(self) {
        let at = self.image.get_untracked();
        let job = self.send(&[], |job| Request::Fetch { job, view: View::Image { sweep: at[0], image: at[1] } });
        self.fetching.update_value(|f| f.image = job.map(|job| (job, at)));
    }

    /// Takes note that an image has come; false if nobody waits for it any more.
    pub(super) fn image_arrived(self, job: JobId) -> bool {
        let Some((_, at)) = self.fetching.with_value(|f| f.image.filter(|(asked, _)| *asked == job)) else { return false };
        self.fetching.update_value(|f| f.image = None);
        if at != self.image.get_untracked() {
            self.fetch_image();
        } else {
            self.fetch_spots();
        }
        true
    }

    pub(super) fn spots_arrived(self, job: JobId) -> bool {
        let expected = self.fetching.with_value(|f| f.spots == Some(job));
        if expected {
            self.fetching.update_value(|f| f.spots = None);
        }
        expected
    }

    pub(super) fn models_arrived(self, job: JobId) -> bool {
        let expected = self.fetching.with_value(|f| f.models == Some(job));
        if expected {
            self.fetching.update_value(|f| f.models = None);
        }
        expected
    }

    /// A fetch failed: an image that cannot be read is worth a word, spots that are not there are not.
    pub(super) fn fetch_failed(self, job: JobId, message: String) {
        let now = self.fetching.get_value();
        if let Some((_, at)) = now.image.filter(|(asked, _)| *asked == job) {
            self.fetching.update_value(|f| f.image = None);
            self.pixels.set(None);
            self.say("Image", message, false);
            if at != self.image.get_untracked() {
                self.fetch_image();
            }
        } else if !self.spots_arrived(job) && !self.models_arrived(job) && self.running.get_untracked().is_none() {
            self.say("Download", message, false);
        }
    }

    /// The reflections that tell of the selected stage, or of the nearest before it that has some.
    fn spots_to_show(self) -> Option<SpotKind> {
        let selected = self.selected.get();
        let makers =
            [(StageId::Integrate, SpotKind::Integrated), (StageId::Index, SpotKind::Indexed), (StageId::FindSpots, SpotKind::Found)];
        makers.into_iter().find(|(stage, _)| *stage <= selected.max(StageId::FindSpots) && self.has_report(*stage)).map(|(_, of)| of)
    }

    /// Brings the spots that belong to the selected stage whenever another is selected.
    pub(super) fn show_spots_of_selected_stage(self) {
        let wanted = Memo::new(move |_| self.spots_to_show());
        Effect::new(move |_| {
            if wanted.get().is_some() {
                self.fetch_spots();
            }
        });
    }

    pub(super) fn fetch_spots(self) {
        let Some(of) = untrack(|| self.spots_to_show()) else { return };
        let [sweep, image] = self.image.get_untracked();
        let job = self.send(&[], |job| Request::Fetch { job, view: View::Spots { sweep, image, of } });
        self.fetching.update_value(|f| f.spots = job);
    }

    pub(super) fn fetch_models(self) {
        let job = self.send(&[], |job| Request::Fetch { job, view: View::File { name: "imported.expt".to_owned() } });
        self.fetching.update_value(|f| f.models = job);
    }

    /// Saves a result file.
    pub fn download(self, name: &str) {
        self.send(&[], |job| Request::Fetch { job, view: View::File { name: name.to_owned() } });
    }
}
