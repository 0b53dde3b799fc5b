use ewald_core::format::expt;
use ewald_core::session::StageId;
use ewald_protocol::{Event, JobId, ViewHeader};
use js_sys::{ArrayBuffer, Uint8Array};
use leptos::prelude::*;
use std::rc::Rc;
use web_sys::File;

use super::{Page, Run};
use crate::present::text;
use crate::save::save;

impl Page {
    pub(super) fn happened(self, event: Event, buffers: &[ArrayBuffer], files: &[File]) {
        let running = self.running.get_untracked();
        // What is told of work that has been replaced concerns nobody.
        let current = |job: JobId| running.is_some_and(|r| r.job == job);
        match event {
            Event::Opened { job, made, .. } if current(job) => {
                if !made.is_empty() {
                    self.open_for_viewer(made, files, false);
                }
                self.ended();
            }
            Event::Sweeps { sweeps } => self.data.update(|data| {
                if let Some(data) = data {
                    data.sweeps = sweeps;
                }
            }),
            Event::Started { job, stage } if current(job) => {
                self.pace.update_value(|(_, began)| *began = js_sys::Date::now() / 1000.0);
                self.failures.update(|all| {
                    all.remove(&stage);
                });
                if self.following.get_untracked() {
                    self.selected.set(stage);
                }
            }
            Event::Finished { job, stage, report, seconds } if current(job) => {
                self.pace.update_value(|(done, _)| done.push((stage, seconds)));
                self.reports.update(|reports| {
                    reports.insert(stage, (*report, seconds));
                });
                let with = self.sent.with_value(|sent| sent.get(&stage).cloned());
                self.used.update(|used| {
                    used.remove(&stage);
                    used.extend(with.map(|texts| (stage, texts)));
                });
                self.unsaved.update_value(|u| u.computed(stage));
                if stage <= StageId::Integrate {
                    self.reflection.forget();
                }
                match stage {
                    StageId::Import => self.fetch_models("imported.expt"),
                    // The same with what spot finding masked, which the images are then shown with.
                    StageId::FindSpots => self.fetch_models("strong.expt"),
                    _ => {}
                }
                self.fetch_reflections_of(stage);
            }
            Event::Failed { job, stage, error, report } if current(job) => {
                if let (Some(stage), Some(report)) = (stage, report) {
                    self.failures.update(|all| {
                        all.insert(stage, *report);
                    });
                }
                let place = stage.map_or("Files", StageId::title);
                // What the stage has seen stands in its panel with all that is to be said.
                let told = stage.is_some_and(|s| self.failures.with_untracked(|all| all.contains_key(&s)));
                self.say(place, if told { text::brief(&error.message) } else { error.message }, false);
                self.set_broken();
                if stage.is_none() {
                    self.ended();
                }
            }
            Event::BeamCentre { job, found } => {
                self.beam_search_ended(job, Ok(*found));
            }
            Event::Cancelled { job, .. } if self.beam_search_ended(job, Err(None)) => {}
            Event::Failed { job, ref error, .. } if self.beam_search_ended(job, Err(Some(error.message.clone()))) => {}
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
        if let ViewHeader::Reflection(found) = header {
            return self.reflection_arrived(job, found);
        }
        let Some(buffer) = buffers.first() else { return };
        match header {
            ViewHeader::Reflections(header) => self.pass_reflections(header, buffers),
            ViewHeader::Lattice(header) => self.lattice_arrived(job, header, buffers),
            ViewHeader::Reflection(_) => {}
            ViewHeader::File { .. } if self.waits_for_models(job) => {
                let models = expt::read(&Uint8Array::new(buffer).to_vec());
                self.models.set(models.ok().map(Rc::new));
                // The buffer is the viewer's from here on.
                self.open_images(buffer);
            }
            ViewHeader::File { name } => match save(&name, buffer) {
                Ok(()) => self.unsaved.update_value(|u| u.saved(&name)),
                Err(error) => self.say("Download", format!("{name} cannot be saved: {error:?}"), false),
            },
        }
    }
}
