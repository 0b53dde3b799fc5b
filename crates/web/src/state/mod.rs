//! What the page knows, as signals; and the verbs that views call.
//!
//! [`events`] takes what the engine tells; [`run`] asks it to open files and to run stages, one request a stage, so that
//! images and spots asked for meanwhile are answered between two of them.

mod beam_centre;
mod events;
mod lattice;
mod run;
mod shoebox;
mod show;
mod table;

use std::collections::BTreeMap;
use std::rc::Rc;

use ewald_core::geometry::ExperimentList;
use ewald_core::report::{Plot, Report};
use ewald_core::session::{StageId, StageState};
use ewald_core::stages::integrate::Fate;
use ewald_protocol::control::Snapshot;
use ewald_protocol::{JobId, Request, SpotKind, StageTexts, SweepView};
use leptos::prelude::*;
use wasm_bindgen::JsValue;
use web_sys::File;

use crate::client::{Engine, Incoming, Viewer};
use crate::present::leaving::Unsaved;
use crate::present::pace;

pub use beam_centre::BeamSearch;
pub use lattice::{LatticePoints, Spot};
pub use run::Run;
pub use shoebox::LookedInto;
pub use show::Shown;
pub use table::SpotTable;

/// Most threads that are started: each costs memory, and more bring little.
const MOST_THREADS: f64 = 16.0;

/// What the middle of the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// The diffraction image.
    Image,
    /// The spots in reciprocal space.
    Lattice,
    /// The plots of the selected stage.
    Plots,
    /// The search for the beam centre.
    BeamCentre,
}

impl Picture {
    /// All of them, in the order of their tabs.
    pub const ALL: [Picture; 4] = [Picture::Image, Picture::Lattice, Picture::Plots, Picture::BeamCentre];

    /// What its tab is called.
    pub fn title(self) -> &'static str {
        match self {
            Picture::Image => "Image",
            Picture::Lattice => "Lattice",
            Picture::Plots => "Plots",
            Picture::BeamCentre => "Beam centre",
        }
    }
}

/// Something that went wrong, shown until it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its number.
    pub id: u32,
    /// Where, such as the stage's name.
    pub place: String,
    /// What, where and what to do.
    pub text: String,
    /// Whether it is only a warning.
    pub warning: bool,
    /// Whether a wrong beam centre may be behind it, so that the search for it is offered.
    pub offers_beam_centre: bool,
}

/// Progress as the control block tells it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// The stage at work.
    pub stage: Option<StageId>,
    /// What it is doing.
    pub label: String,
    /// Part of the step that is done, 0 to 1.
    pub fraction: Option<f64>,
    /// Seconds left of the step, by its pace so far.
    pub left: Option<f64>,
    /// Seconds left of the whole run, by the pace of its stages.
    pub run_left: Option<f64>,
    /// Bytes in use by the engine.
    pub heap: f64,
}

/// The files that are open.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataSet {
    /// What to call it.
    pub title: String,
    /// Names of the files, without folders.
    pub names: Vec<String>,
    /// The sweeps; empty until import has found them.
    pub sweeps: Vec<SweepView>,
    /// Whether it is simulated.
    pub demo: bool,
}

/// Reflections on the image shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Spots {
    /// Which.
    pub of: SpotKind,
    /// Positions, px of the raw image.
    pub at: Vec<[f32; 2]>,
    /// Boxes: x0, x1, y0, y1 in px of the raw image.
    pub boxes: Vec<[i32; 4]>,
    /// Miller indices, or nothing for spots that have none.
    pub hkl: Vec<[i32; 3]>,
    /// Whether each is indexed, or integrated.
    pub good: Vec<bool>,
    /// How each fared in integration; nothing before.
    pub fates: Vec<Fate>,
}

/// Everything, as a bundle of signals that is cheap to copy.
#[derive(Clone, Copy)]
pub struct Page {
    engine: StoredValue<Option<Rc<Engine>>, LocalStorage>,
    viewer: StoredValue<Option<Rc<Viewer>>, LocalStorage>,
    /// The engine's compiled module, for the viewer.
    module: StoredValue<Option<JsValue>, LocalStorage>,
    /// The files that are open, for a viewer that has to be started anew.
    chosen: StoredValue<Vec<(String, File)>, LocalStorage>,
    /// Threads of the engine's pool; `None` before it is ready.
    pub threads: RwSignal<Option<u32>>,
    /// Most memory that the browser lets the engine have, bytes.
    pub maximum: RwSignal<f64>,
    /// Why there is no engine, if it cannot start.
    pub no_engine: RwSignal<Option<String>>,
    /// Messages to be read.
    pub messages: RwSignal<Vec<Message>>,
    /// The log's new lines, each poll; the log view collects them.
    pub log: RwSignal<String>,
    /// Progress.
    pub progress: RwSignal<Progress>,
    /// How the stages stand, as the engine tells; see [`Page::state`].
    pub states: RwSignal<BTreeMap<StageId, StageState>>,
    /// The stages' reports and times in seconds.
    pub reports: RwSignal<BTreeMap<StageId, (Report, f64)>>,
    /// What stages have seen in a last run that failed.
    pub failures: RwSignal<BTreeMap<StageId, Report>>,
    /// What would be lost by leaving.
    unsaved: StoredValue<Unsaved>,
    /// What is open.
    pub data: RwSignal<Option<DataSet>>,
    /// Parameters that are not defaults.
    pub parameters: RwSignal<StageTexts>,
    /// Parameters with which the results were made.
    used: RwSignal<StageTexts>,
    /// Parameters sent with the work under way.
    sent: StoredValue<StageTexts>,
    /// The work under way.
    pub running: RwSignal<Option<Run>>,
    /// Stages of the run that are through with their seconds, and when (s) the present one began.
    pace: StoredValue<(Vec<(StageId, f64)>, f64)>,
    /// The stage that is looked at.
    pub selected: RwSignal<StageId>,
    /// Whether the stage looked at is to be the one at work.
    pub following: RwSignal<bool>,
    /// What the middle shows.
    pub picture: RwSignal<Picture>,
    /// Sweep and image that are looked at.
    pub image: RwSignal<[usize; 2]>,
    /// Whether the viewer has the images.
    pub images_open: RwSignal<bool>,
    /// The latest drawing; that of the image before until the new one is there.
    pub shown: RwSignal<Option<Shown>, LocalStorage>,
    /// How many strong pixels and spots its image alone has, where they are looked for and have been counted.
    pub found: RwSignal<Option<[usize; 2]>>,
    /// A pixel of it, and its value.
    pub probed: RwSignal<Option<([i32; 2], Option<f64>)>>,
    /// Values along a line or a radius.
    pub profile: RwSignal<Option<Plot>>,
    /// Reflections on the image.
    pub spots: RwSignal<Option<Spots>>,
    /// The spots in reciprocal space, once they have been looked at.
    pub lattice: RwSignal<Option<Rc<LatticePoints>>, LocalStorage>,
    /// The spot that is lit.
    pub spot: RwSignal<Option<Spot>>,
    /// The table of reflections.
    pub table: SpotTable,
    /// The search for the beam centre.
    pub beam: BeamSearch,
    /// The reflection that is looked into.
    pub reflection: LookedInto,
    /// The imported models, for rings and resolutions.
    pub models: RwSignal<Option<Rc<ExperimentList>>, LocalStorage>,
    /// Fetches under way, so that only one of a kind is, and their failures are known.
    fetching: StoredValue<show::Fetching>,
    next_message: StoredValue<u32>,
}

impl Page {
    /// A page whose engine is starting.
    pub fn new() -> Self {
        let page = Page {
            engine: StoredValue::new_local(None),
            viewer: StoredValue::new_local(None),
            module: StoredValue::new_local(None),
            chosen: StoredValue::new_local(Vec::new()),
            threads: RwSignal::default(),
            maximum: RwSignal::default(),
            no_engine: RwSignal::default(),
            messages: RwSignal::default(),
            log: RwSignal::default(),
            progress: RwSignal::default(),
            states: RwSignal::default(),
            reports: RwSignal::default(),
            failures: RwSignal::default(),
            unsaved: StoredValue::default(),
            data: RwSignal::default(),
            parameters: RwSignal::default(),
            used: RwSignal::default(),
            sent: StoredValue::default(),
            running: RwSignal::default(),
            pace: StoredValue::default(),
            selected: RwSignal::new(StageId::Import),
            following: RwSignal::new(true),
            picture: RwSignal::new(Picture::Image),
            image: RwSignal::default(),
            images_open: RwSignal::default(),
            shown: RwSignal::new_local(None),
            found: RwSignal::default(),
            probed: RwSignal::default(),
            profile: RwSignal::default(),
            spots: RwSignal::default(),
            lattice: RwSignal::new_local(None),
            spot: RwSignal::default(),
            table: SpotTable::new(),
            beam: BeamSearch::new(),
            reflection: LookedInto::new(),
            models: RwSignal::new_local(None),
            fetching: StoredValue::default(),
            next_message: StoredValue::new(0),
        };
        page.start_viewer();
        page.start_engine();
        page.show_spots_of_selected_stage();
        page.show_lattice_of_selected_stage();
        page.keep_table();
        page
    }

    /// Starts the engine, or starts it anew after it was lost; results of a lost engine are gone, files have to be opened again.
    pub fn start_engine(self) {
        let cores = window().navigator().hardware_concurrency();
        let threads = threads_asked_for().unwrap_or(cores).clamp(1.0, MOST_THREADS) as u32;
        self.threads.set(None);
        match Engine::start(threads, move |incoming| self.receive(incoming)) {
            Ok(engine) => self.engine.set_value(Some(Rc::new(engine))),
            Err(error) => self.cannot_start(format!("{error:?}")),
        }
    }

    fn cannot_start(self, why: String) {
        self.say(
            "Engine",
            format!("The engine cannot start: {why}. A current Chromium, Firefox or Safari is needed; then reload the page."),
            false,
        );
        self.no_engine.set(Some(why));
    }

    fn receive(self, incoming: Incoming) {
        match incoming {
            Incoming::Ready { threads, maximum, module } => {
                if self.module.with_value(Option::is_none) {
                    self.module.set_value(Some(module));
                    self.give_module();
                }
                self.maximum.set(maximum);
                self.threads.set(Some(threads));
            }
            Incoming::Lost(why) => self.lost(why),
            Incoming::Event(event, buffers, files) => self.happened(event, &buffers, &files),
        }
    }

    /// The engine is gone: say so once and start another.
    fn lost(self, why: String) {
        if self.engine.with_value(Option::is_none) {
            return;
        }
        self.engine.set_value(None);
        self.running.set(None);
        if self.threads.get_untracked().is_none() {
            // It never answered: another would fare no better.
            self.cannot_start(why);
            return;
        }
        self.say("Engine", format!("The engine has stopped: {why}. It has been started again; open the files again to go on."), false);
        self.data.set(None);
        self.forget_results();
        self.start_engine();
    }

    /// Forgets what belongs to the files that were open.
    fn forget_results(self) {
        self.reports.update(BTreeMap::clear);
        self.failures.update(BTreeMap::clear);
        self.states.update(BTreeMap::clear);
        self.unsaved.set_value(Unsaved::default());
        self.used.update(BTreeMap::clear);
        self.spots.set(None);
        self.images_open.set(false);
        self.shown.set(None);
        self.found.set(None);
        self.probed.set(None);
        self.profile.set(None);
        self.models.set(None);
        self.beam.forget();
        self.reflection.forget();
        self.table.forget();
        self.image.set([0, 0]);
        self.fetching.set_value(show::Fetching::default());
    }

    /// Shows a message. One with the same words takes the place of the older.
    pub fn say(self, place: &str, text: String, warning: bool) {
        let offers_beam_centre = place == StageId::Index.title() && !warning;
        self.next_message.update_value(|n| *n += 1);
        let id = self.next_message.get_value();
        self.messages.update(|all| {
            all.retain(|m| m.text != text);
            all.push(Message { id, place: place.to_owned(), text, warning, offers_beam_centre });
        });
    }

    /// Sends a request; `None` when there is no engine.
    fn send(self, files: &[File], request: impl FnOnce(JobId) -> Request) -> Option<JobId> {
        let Some(engine) = self.engine.get_value() else {
            self.say("Engine", "The engine is not running; reload the page.".to_owned(), false);
            return None;
        };
        let job = engine.next_job();
        match engine.send(&request(job), files) {
            Ok(()) => Some(job),
            Err(error) => {
                self.say("Engine", format!("The engine does not take this: {error:?}. Reload the page."), false);
                None
            }
        }
    }

    /// Sets a parameter; an empty text brings the default back.
    pub fn set_parameter(self, stage: StageId, name: &str, text: String) {
        self.parameters.update(|all| {
            let of_stage = all.entry(stage).or_default();
            if text.is_empty() {
                of_stage.remove(name);
            } else {
                of_stage.insert(name.to_owned(), text);
            }
            if of_stage.is_empty() {
                all.remove(&stage);
            }
        });
    }

    /// Looks at a stage; from then on the page stays there unless it is the one at work.
    pub fn select(self, stage: StageId) {
        let at_work = self.running.with_untracked(|r| r.and_then(|r| r.stage));
        self.following.set(at_work == Some(stage));
        self.selected.set(stage);
    }

    /// How a stage stands: a result is stale for the engine's reasons, or because its parameters, or those of a stage before it, have
    /// been changed since.
    pub fn state(self, stage: StageId) -> StageState {
        let told = self.states.with(|s| s.get(&stage).copied().unwrap_or_default());
        let upto = &StageId::ALL[..=stage.index()];
        let changed = || self.parameters.with(|now| self.used.with(|used| upto.iter().any(|s| now.get(s) != used.get(s))));
        if told == StageState::Done && changed() { StageState::Stale } else { told }
    }

    /// Whether leaving the page would lose work: a stage under way, or results that have not been saved. The demonstration can be had again.
    pub fn would_lose(self) -> bool {
        let at_work = self.running.with_untracked(|r| r.is_some_and(|r| r.stage.is_some_and(|s| s > StageId::Import)));
        let own = self.data.with_untracked(|d| d.as_ref().is_some_and(|d| !d.demo));
        own && (at_work || self.unsaved.with_value(|u| u.any()))
    }

    /// Whether the stage has a report.
    pub fn has_report(self, stage: StageId) -> bool {
        self.reports.with(|r| r.contains_key(&stage))
    }

    /// The engine's control block words and memory, for programs.
    pub fn usage(self) -> Option<(Snapshot, f64, u32)> {
        let engine = self.engine.get_value()?;
        let control = engine.control()?;
        Some((control.read(), control.memory_bytes(), engine.threads()))
    }

    /// Reads the control block; called a few times a second. `log` is how much of the log was seen, `step` when the present step began.
    pub fn poll(self, log: &mut u32, step: &mut (u32, f64)) {
        let Some(control) = self.engine.with_value(|e| e.as_ref().and_then(|e| e.control())) else {
            *log = 0;
            return;
        };
        let words = control.read();
        let lines = control.log(log);
        if !lines.is_empty() {
            self.log.set(lines);
        }
        if let Some(why) = control.panic() {
            self.lost(why);
            return;
        }
        let now = js_sys::Date::now() / 1000.0;
        let number = words.0[ewald_protocol::control::STEP];
        if step.0 != number {
            *step = (number, now);
        }
        let mut next = progress(&words, now - step.1, || control.label());
        if let Some(Run { stage: Some(stage), to, .. }) = self.running.get_untracked() {
            next.run_left = self
                .pace
                .with_value(|(done, began)| pace::left(done, stage, now - began, next.left, to))
                .map(f64::ceil)
                .filter(|_| to > stage);
        }
        if self.progress.with_untracked(|p| *p != next) {
            self.progress.set(next);
        }
    }
}

fn progress(words: &Snapshot, elapsed: f64, label: impl FnOnce() -> String) -> Progress {
    let fraction = words.fraction();
    let working = words.0[ewald_protocol::control::JOB] != 0;
    Progress {
        stage: words.stage(),
        label: if working { label() } else { String::new() },
        fraction,
        // Too early an estimate would jump about.
        left: fraction.filter(|f| *f > 0.03 && elapsed > 0.5).map(|f| (elapsed * (1.0 / f - 1.0)).ceil()),
        run_left: None,
        heap: f64::from(words.0[ewald_protocol::control::HEAP_KIB]) * 1024.0,
    }
}

/// `?threads=N` in the page's address, for measurements.
fn threads_asked_for() -> Option<f64> {
    let search = window().location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&search).ok()?.get("threads")?.parse().ok()
}
