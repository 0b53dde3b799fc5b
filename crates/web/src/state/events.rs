use ewald_core::format::expt;
use ewald_core::session::StageId;
use ewald_protocol::{Event, JobId, ViewHeader};
use js_sys::{ArrayBuffer, Float32Array, Int32Array, Uint8Array};
use leptos::prelude::*;
use std::rc::Rc;

use super::{Page, Pixels, Run, Spots};
use crate::present::levels::Levels;
use crate::save::save;

impl Page {
    pub(super) fn happened(self, event: Event, buffers: &[ArrayBuffer]) {
        let running = self.running.get_untracked();
        // What is told of work that has been replaced concerns nobody.
        let current = |job: JobId| running.is_some_and(|r| r.job == job);
        match event {
            Event::Opened { job, .. } if current(job) => self.ended(),
            Event::Sweeps { sweeps } => self.data.update(|data| {
                if let Some(data) = data {
                    data.sweeps = sweeps;
                }
            }),
            Event::Started { job, stage } if current(job) && self.following.get_untracked() => self.selected.set(stage),
            Event::Finished { job, stage, report, seconds } if current(job) => {
                self.reports.update(|reports| {
                    reports.insert(stage, (*report, seconds));
                });
                let with = self.sent.with_value(|sent| sent.get(&stage).cloned());
                self.used.update(|used| {
                    used.remove(&stage);
                    used.extend(with.map(|texts| (stage, texts)));
                });
                if stage == StageId::Import {
                    self.fetch_models();
                    self.show([0, 0]);
                }
                self.fetch_spots();
            }
            Event::Failed { job, stage, error } if current(job) => {
                let place = stage.map_or("Files", StageId::title);
                self.say(place, error.message, false);
                self.set_broken();
                if stage.is_none() {
                    self.ended();
                }
            }
            Event::Failed { job, error, .. } => self.fetch_failed(job, error.message),
            Event::Cancelled { job, .. } if current(job) => {
                self.set_broken();
                // A simulation that was stopped leaves nothing to look at, and no `Ended` follows.
                if running.is_some_and(|r| r.stage.is_none()) {
                    self.close();
                }
            }
            Event::Ended { job } if current(job) => self.ended(),
            Event::States { states } => self.states.set(states.into_iter().collect()),
            Event::View { job, header } => self.viewed(job, header, buffers),
            _ => {}
        }
    }

    fn set_broken(self) {
        self.running.update(|run| *run = run.map(|r| Run { broken: true, ..r }));
    }

    fn viewed(self, job: JobId, header: ViewHeader, buffers: &[ArrayBuffer]) {
        let Some(buffer) = buffers.first() else { return };
        match header {
            ViewHeader::Image(h) => {
                if !self.image_arrived(job) {
                    return;
                }
                // In a task of its own: a large image takes its time.
                let counts = Int32Array::new(buffer).to_vec();
                let draw = move || {
                    let levels = Levels::new([h.width, h.height], counts);
                    self.pixels.set(Some(Pixels { at: [h.sweep, h.image], levels: Rc::new(levels) }));
                };
                set_timeout(draw, core::time::Duration::ZERO);
            }
            ViewHeader::Spots(h) => {
                if self.spots_arrived(job) && self.image.get_untracked() == [h.sweep, h.image] {
                    let at = Float32Array::new(buffer).to_vec().chunks_exact(2).map(|p| [p[0], p[1]]).collect();
                    let hkl = buffers.get(1).map_or_else(Vec::new, |b| Int32Array::new(b).to_vec());
                    let hkl = hkl.chunks_exact(3).map(|h| [h[0], h[1], h[2]]).collect();
                    self.spots.set(Some(Spots { of: h.of, at, hkl }));
                }
            }
            ViewHeader::File { .. } if self.models_arrived(job) => {
                let models = expt::read(&Uint8Array::new(buffer).to_vec());
                self.models.set(models.ok().map(Rc::new));
            }
            ViewHeader::File { name } => {
                if let Err(error) = save(&name, buffer) {
                    self.say("Download", format!("{name} cannot be saved: {error:?}"), false);
                }
            }
        }
    }
}
