use ewald_core::report::{Axis, Plot, Scale, Series, Style};
use ewald_core::session::StageId;
use ewald_core::stages::integrate::Fate;
use ewald_protocol::{Ask, Drawing, Drawn, GOOD, JobId, ProfileKind, Request, SpotKind, SpotsHeader, Tell, View};
use js_sys::{ArrayBuffer, Float32Array, Float64Array, Int32Array, Uint8Array, Uint8ClampedArray};
use leptos::prelude::*;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, File, HtmlCanvasElement, ImageData};

use super::{Page, Spots};
use crate::client::{Seen, Viewer};

/// Fetches under way. One drawing at a time: a slider that is dragged asks for the latest place when the one before has come.
#[derive(Debug, Clone, Default)]
pub struct Fetching {
    drawing: Option<JobId>,
    /// The drawing that is shown.
    drawn: Option<JobId>,
    next: Option<Drawing>,
    models: Option<JobId>,
    pub(super) lattice: Option<JobId>,
    opening: Option<JobId>,
    probing: bool,
    /// How often the viewer was lost since it last drew something.
    lost: u32,
}

/// A drawing as it came from the viewer.
#[derive(Clone)]
pub struct Shown {
    /// What it shows.
    pub drawn: Rc<Drawn>,
    /// Its pixels.
    pub canvas: HtmlCanvasElement,
}

impl Page {
    /// Makes the viewer's worker; it starts when the engine's module is there.
    pub(super) fn start_viewer(self) {
        match Viewer::new(move |seen| self.seen(seen)) {
            Ok(viewer) => {
                self.viewer.set_value(Some(Rc::new(viewer)));
                self.give_module();
            }
            Err(error) => self.say("Image", format!("Images cannot be shown: {error:?}. Reload the page."), false),
        }
    }

    /// Starts the viewer, if both it and the module are there.
    pub(super) fn give_module(self) {
        if let (Some(viewer), Some(module)) = (self.viewer.get_value(), self.module.get_value())
            && let Err(error) = viewer.start(&module)
        {
            self.viewer_lost(format!("{error:?}"));
        }
    }

    pub(super) fn ask(self, files: &[File], buffers: &[ArrayBuffer], ask: impl FnOnce(JobId) -> Ask) -> Option<JobId> {
        let viewer = self.viewer.get_value()?;
        let job = viewer.next_job();
        match viewer.ask(&ask(job), files, buffers) {
            Ok(()) => Some(job),
            Err(error) => {
                self.say("Image", format!("The images cannot be looked at: {error:?}. Reload the page."), false);
                None
            }
        }
    }

    /// Lets the viewer open files; they replace those of before unless `add`.
    pub(super) fn open_for_viewer(self, names: Vec<String>, files: &[File], add: bool) {
        self.chosen.update_value(|chosen| {
            if !add {
                chosen.clear();
            }
            chosen.extend(names.iter().cloned().zip(files.iter().cloned()));
        });
        self.ask(files, &[], |_| Ask::Open { names, add });
    }

    /// The viewer is gone: says so, and starts another with the same files.
    fn viewer_lost(self, why: String) {
        self.viewer.set_value(None);
        self.images_open.set(false);
        let lost = self.fetching.with_value(|f| f.lost) + 1;
        self.fetching.set_value(Fetching { lost, ..Fetching::default() });
        if lost > 2 {
            self.say("Image", format!("The image viewer has stopped: {why}. Reload the page to see images again."), false);
            return;
        }
        self.say("Image", format!("The image viewer has stopped: {why}. It has been started again; results are not affected."), true);
        self.start_viewer();
        let (names, files): (Vec<String>, Vec<File>) = self.chosen.get_value().into_iter().unzip();
        self.ask(&files, &[], |_| Ask::Open { names, add: false });
        // Spot finding adds the hot pixels to the masks.
        let models =
            [(StageId::FindSpots, "strong.expt"), (StageId::Import, "imported.expt")].into_iter().find(|(s, _)| self.has_report(*s));
        if let Some((_, name)) = models {
            self.fetch_models(name);
        }
        for (stage, of) in MAKERS {
            if self.has_report(stage) {
                self.fetch_reflections(of);
            }
        }
    }

    fn seen(self, seen: Seen) {
        let (tell, buffers) = match seen {
            Seen::Lost(why) => return self.viewer_lost(why),
            Seen::Tell(tell, buffers) => (tell, buffers),
        };
        match tell {
            Tell::Ready { job } if self.fetching.with_value(|f| f.opening == Some(job)) => {
                self.fetching.update_value(|f| (f.opening, f.drawing) = (None, None));
                self.images_open.set(true);
            }
            Tell::Drawn { job, drawn } => self.drawn(job, *drawn, &buffers),
            Tell::Counted { job, found } => {
                // What was counted for another drawing concerns nobody.
                if self.fetching.with_value(|f| f.drawn == Some(job)) {
                    self.found.set(Some(found));
                }
            }
            Tell::Probed { at, value } => {
                self.fetching.update_value(|f| f.probing = false);
                self.probed.set(Some((at, value)));
            }
            Tell::Rows(rows) => self.rows_arrived(*rows),
            Tell::Spots(header) => self.spots_arrived(&header, &buffers),
            Tell::Profile(kind) => self.profile.set(profile(kind, &buffers)),
            Tell::Failed { job, error } => self.image_failed(job, error.message),
            Tell::Ready { .. } => {}
        }
    }

    fn drawn(self, job: JobId, drawn: Drawn, buffers: &[ArrayBuffer]) {
        if self.fetching.with_value(|f| f.drawing != Some(job)) {
            return;
        }
        self.fetching.update_value(|f| (f.drawing, f.drawn, f.lost) = (None, Some(job), 0));
        self.found.set(drawn.found);
        if let Some(canvas) = buffers.first().and_then(|rgba| self.painted(&drawn, rgba)) {
            self.shown.set(Some(Shown { drawn: Rc::new(drawn), canvas }));
        }
        self.draw_next();
    }

    /// The canvas that holds the latest drawing, with this one on it.
    fn painted(self, drawn: &Drawn, rgba: &ArrayBuffer) -> Option<HtmlCanvasElement> {
        let [w, h] = drawn.drawing.canvas;
        let before = self.shown.with_untracked(|s| s.as_ref().map(|s| s.canvas.clone()));
        let canvas = before.or_else(|| document().create_element("canvas").ok()?.dyn_into().ok())?;
        if (canvas.width(), canvas.height()) != (w, h) {
            canvas.set_width(w);
            canvas.set_height(h);
        }
        let options = js_sys::Object::new();
        js_sys::Reflect::set(&options, &"willReadFrequently".into(), &true.into()).ok()?;
        let context: CanvasRenderingContext2d = canvas.get_context_with_context_options("2d", &options).ok()??.dyn_into().ok()?;
        let data = ImageData::new_with_js_u8_clamped_array(&Uint8ClampedArray::new(rgba), w).ok()?;
        context.put_image_data(&data, 0.0, 0.0).ok()?;
        Some(canvas)
    }

    fn image_failed(self, job: JobId, message: String) {
        let (drawing, opening) = self.fetching.with_value(|f| (f.drawing == Some(job), f.opening == Some(job)));
        self.fetching.update_value(|f| {
            f.drawing = f.drawing.filter(|_| !drawing);
            f.opening = f.opening.filter(|_| !opening);
        });
        if drawing || opening {
            self.say("Image", message, false);
        }
        if drawing {
            self.draw_next();
        }
    }

    /// Asks for a drawing; what was asked for before and has not begun is forgotten.
    pub fn draw(self, drawing: Drawing) {
        self.fetching.update_value(|f| f.next = Some(drawing));
        self.draw_next();
    }

    fn draw_next(self) {
        if self.fetching.with_value(|f| f.drawing.is_some()) || !self.images_open.get_untracked() {
            return;
        }
        let Some(drawing) = self.fetching.try_update_value(|f| f.next.take()).flatten() else { return };
        let job = self.ask(&[], &[], |job| Ask::Draw { job, drawing: Box::new(drawing) });
        self.fetching.update_value(|f| f.drawing = job);
    }

    /// Asks for the value of a pixel, one at a time.
    pub fn probe(self, at: [i32; 2]) {
        let known = self.probed.with_untracked(|p| p.is_some_and(|(known, _)| known == at));
        if !known && self.images_open.get_untracked() && !self.fetching.with_value(|f| f.probing) {
            self.ask(&[], &[], |_| Ask::Probe { at });
            self.fetching.update_value(|f| f.probing = true);
        }
    }

    /// Asks for values along a line or a radius.
    pub fn ask_profile(self, kind: ProfileKind) {
        self.ask(&[], &[], |_| Ask::Profile(kind));
    }

    /// Shows an image.
    pub fn show(self, at: [usize; 2]) {
        let n = untrack(|| self.images_in(at[0]));
        if n == 0 {
            return;
        }
        let at = [at[0], at[1].min(n - 1)];
        if self.image.get_untracked() != at {
            self.image.set(at);
            self.spots.set(None);
            self.ask_spots();
        }
    }

    /// Number of images in a sweep.
    pub fn images_in(self, sweep: usize) -> usize {
        self.data.with(|d| d.as_ref().and_then(|d| d.sweeps.get(sweep)).map_or(0, |s| s.images))
    }

    /// The imported models have come, for the viewer to open the images.
    pub(super) fn open_images(self, models: &ArrayBuffer) {
        let opening = self.ask(&[], std::slice::from_ref(models), |job| Ask::Models { job });
        self.fetching.update_value(|f| (f.models, f.opening) = (None, opening));
    }

    /// Whether the models that are being waited for are those of a request.
    pub(super) fn waits_for_models(self, job: JobId) -> bool {
        self.fetching.with_value(|f| f.models == Some(job))
    }

    pub(super) fn lattice_expected(self, job: JobId) -> bool {
        let expected = self.fetching.with_value(|f| f.lattice == Some(job));
        if expected {
            self.fetching.update_value(|f| f.lattice = None);
        }
        expected
    }

    /// A fetch from the engine failed: results that are not there are no news.
    pub(super) fn fetch_failed(self, job: JobId, message: String) {
        if !self.reflection_failed(job, &message)
            && !self.waits_for_models(job)
            && !self.lattice_expected(job)
            && self.running.get_untracked().is_none()
        {
            self.say("Download", message, false);
        }
    }

    /// The reflections that tell of the selected stage, or of the nearest before it that has some.
    pub(super) fn spots_to_show(self) -> Option<SpotKind> {
        let selected = self.selected.get().max(StageId::FindSpots);
        MAKERS.into_iter().rev().find(|(stage, _)| *stage <= selected && self.has_report(*stage)).map(|(_, of)| of)
    }

    /// Brings the spots that belong to the selected stage whenever another is selected.
    pub(super) fn show_spots_of_selected_stage(self) {
        let wanted = Memo::new(move |_| self.spots_to_show());
        Effect::new(move |_| {
            if wanted.get().is_some() {
                self.ask_spots();
            }
        });
    }

    /// Asks for the spots of the image.
    pub(super) fn ask_spots(self) {
        let Some(of) = untrack(|| self.spots_to_show()) else { return };
        let [sweep, image] = self.image.get_untracked();
        self.ask(&[], &[], |_| Ask::Spots { sweep, image, of });
    }

    fn spots_arrived(self, header: &SpotsHeader, buffers: &[ArrayBuffer]) {
        let wanted = untrack(|| self.spots_to_show()) == Some(header.of);
        let [places, boxes, hkl, state] = buffers else { return };
        if !wanted || self.image.get_untracked() != [header.sweep, header.image] {
            return;
        }
        self.spots.set(Some(Spots {
            of: header.of,
            at: Float32Array::new(places).to_vec().as_chunks().0.to_vec(),
            boxes: Int32Array::new(boxes).to_vec().as_chunks().0.to_vec(),
            hkl: Int32Array::new(hkl).to_vec().as_chunks().0.to_vec(),
            good: Uint8Array::new(state).to_vec().into_iter().map(|s| s & GOOD != 0).collect(),
            fates: if header.of == SpotKind::Integrated {
                Uint8Array::new(state).to_vec().into_iter().filter_map(|s| Fate::from_number(s >> 1)).collect()
            } else {
                Vec::new()
            },
        }));
    }

    /// Fetches the reflections that a stage has made, for the viewer.
    pub(super) fn fetch_reflections_of(self, stage: StageId) {
        if let Some((_, of)) = MAKERS.into_iter().find(|(maker, _)| *maker == stage) {
            self.fetch_reflections(of);
        }
    }

    fn fetch_reflections(self, of: SpotKind) {
        self.send(&[], |job| Request::Fetch { job, view: View::Reflections { of } });
    }

    /// Hands reflections from the engine to the viewer.
    pub(super) fn pass_reflections(self, header: ewald_protocol::ReflectionsHeader, buffers: &[ArrayBuffer]) {
        self.ask(&[], buffers, |_| Ask::Reflections(header));
        self.ask_spots();
        self.table_given();
    }

    /// Asks for the experiment list that images are shown by.
    pub(super) fn fetch_models(self, name: &str) {
        let job = self.send(&[], |job| Request::Fetch { job, view: View::File { name: name.to_owned() } });
        self.fetching.update_value(|f| f.models = job);
    }

    /// Saves a result file.
    pub fn download(self, name: &str) {
        self.send(&[], |job| Request::Fetch { job, view: View::File { name: name.to_owned() } });
    }
}

/// The stages that make reflections to be shown on images.
const MAKERS: [(StageId, SpotKind); 3] =
    [(StageId::FindSpots, SpotKind::Found), (StageId::Index, SpotKind::Indexed), (StageId::Integrate, SpotKind::Integrated)];

/// A profile as a plot.
fn profile(kind: ProfileKind, buffers: &[ArrayBuffer]) -> Option<Plot> {
    let values = |k: usize| buffers.get(k).map_or_else(Vec::new, |b: &ArrayBuffer| Float64Array::new(b).to_vec());
    let (id, title, x) = match kind {
        ProfileKind::Line(_) => ("line_profile", "Along the line", Axis::new("distance", "px")),
        ProfileKind::Radial => {
            ("radial_profile", "Mean by resolution", Axis { label: "d".into(), unit: "Å".into(), scale: Scale::Resolution })
        }
    };
    let series = Series { label: "counts".into(), x: values(0), y: values(1), style: Style::Line };
    (!series.x.is_empty()).then(|| Plot { id: id.into(), title: title.into(), x, y: Axis::new("counts", ""), series: vec![series] })
}
