use ewald_protocol::{Drawing, Layer, Palette, ProfileKind, StackKind, Transfer};
use leptos::html::Canvas;
use leptos::prelude::*;
use web_sys::KeyboardEvent;

use crate::keys::belongs_elsewhere;
use crate::present::projection::Projection;
use crate::present::readout::{Under, UnderSpot, readout};
use crate::present::rings::{self, Ring};
use crate::state::{Page, Picture};
use ewald_core::session::StageId;

/// How the image is looked at; shared by the canvas and its tools.
#[derive(Clone, Copy)]
pub struct Viewer {
    pub(super) page: Page,
    pub(super) canvas: NodeRef<Canvas>,
    pub(super) projection: RwSignal<Option<Projection>>,
    pub(super) size: RwSignal<[f64; 2]>,
    /// Value drawn with full strength, when the user has chosen one.
    pub(super) white: RwSignal<Option<f64>>,
    pub(super) palette: RwSignal<Palette>,
    pub(super) transfer: RwSignal<Transfer>,
    pub(super) stack: RwSignal<usize>,
    pub(super) stack_kind: RwSignal<StackKind>,
    pub(super) layer: RwSignal<Layer>,
    /// What is drawn on top or tinted.
    pub(super) rings: RwSignal<bool>,
    pub(super) ice: RwSignal<bool>,
    pub(super) beam: RwSignal<bool>,
    pub(super) spots: RwSignal<bool>,
    pub(super) strong: RwSignal<bool>,
    pub(super) masked: RwSignal<bool>,
    pub(super) playing: RwSignal<bool>,
    /// Dragging draws a line instead of moving the image.
    pub(super) measuring: RwSignal<bool>,
    pub(super) line: RwSignal<Option<[[f64; 2]; 2]>>,
    pub(super) drawing_line: StoredValue<bool>,
    pub(super) radial: RwSignal<bool>,
    /// Image position under the pointer, px.
    pub(super) cursor: RwSignal<Option<[f64; 2]>>,
    pub(super) pointers: StoredValue<Vec<(i32, [f64; 2])>>,
    pub(super) circles: Memo<Vec<Ring>>,
    pub(super) ice_circles: Memo<Vec<Ring>>,
    pub(super) centre: Memo<Option<[f64; 2]>>,
}

impl Viewer {
    /// A viewer of the page's image.
    pub fn new(page: Page) -> Self {
        let with_models = move |f: fn(&ewald_core::geometry::ExperimentModels<'_>, [usize; 2]) -> Vec<Ring>| {
            let [sweep, _] = page.image.get();
            let size = page.data.with(|d| d.as_ref().and_then(|d| d.sweeps.get(sweep)).map(|s| s.image_size));
            page.models.with(|m| m.as_ref().and_then(|m| m.models(sweep)).zip(size).map_or_else(Vec::new, |(m, size)| f(&m, size)))
        };
        let centre = Memo::new(move |_| {
            let [sweep, _] = page.image.get();
            page.models.with(|m| m.as_ref().and_then(|m| m.models(sweep)).and_then(|m| rings::beam_centre(&m)))
        });
        Viewer {
            page,
            canvas: NodeRef::new(),
            projection: RwSignal::new(None),
            size: RwSignal::new([0.0, 0.0]),
            white: RwSignal::new(None),
            palette: RwSignal::default(),
            transfer: RwSignal::default(),
            stack: RwSignal::new(1),
            stack_kind: RwSignal::default(),
            layer: RwSignal::default(),
            rings: RwSignal::new(true),
            ice: RwSignal::new(false),
            beam: RwSignal::new(true),
            spots: RwSignal::new(true),
            strong: RwSignal::new(false),
            masked: RwSignal::new(false),
            playing: RwSignal::new(false),
            measuring: RwSignal::new(false),
            line: RwSignal::new(None),
            drawing_line: StoredValue::new(false),
            radial: RwSignal::new(false),
            cursor: RwSignal::new(None),
            pointers: StoredValue::default(),
            circles: Memo::new(move |_| with_models(rings::rings)),
            ice_circles: Memo::new(move |_| with_models(rings::ice_rings)),
            centre,
        }
    }

    /// Pixels of the sweep's images, once they can be looked at.
    pub(super) fn image_size(self) -> Option<[usize; 2]> {
        let [sweep, _] = self.page.image.get();
        let size = self.page.data.with(|d| d.as_ref().and_then(|d| d.sweeps.get(sweep)).map(|s| s.image_size));
        size.filter(|_| self.page.images_open.get())
    }

    /// Value drawn with full strength.
    pub(super) fn white_now(self) -> f64 {
        let drawn = || self.page.shown.with(|s| s.as_ref().map_or(10.0, |s| s.drawn.white));
        self.white.get().unwrap_or_else(drawn)
    }

    /// Asks for a drawing whenever what it depends on changes.
    pub(super) fn ask_for_drawings(self) {
        let v = self;
        let drawing = Memo::new(move |_| {
            let projection = v.projection.get().filter(|p| p.canvas[0] >= 1.0 && p.canvas[1] >= 1.0)?;
            let [sweep, image] = v.page.image.get();
            let (layer, strong) = (v.layer.get(), v.strong.get());
            let thresholding = strong || layer != Layer::Counts;
            let parameters = || v.page.parameters.with(|p| p.get(&StageId::FindSpots).cloned().unwrap_or_default());
            v.page.images_open.get().then(|| Drawing {
                sweep,
                image,
                stack: v.stack.get(),
                stack_kind: v.stack_kind.get(),
                layer,
                parameters: if thresholding { parameters() } else { Default::default() },
                strong,
                masked: v.masked.get(),
                centre: projection.centre,
                scale: projection.scale,
                canvas: projection.canvas.map(|n| n as u32),
                white: v.white.get(),
                palette: v.palette.get(),
                transfer: v.transfer.get(),
            })
        });
        Effect::new(move |_| {
            if let Some(drawing) = drawing.get() {
                v.page.draw(drawing);
            }
        });
        // The values of what is drawn now: the pixel under the pointer, and profiles.
        let what = Memo::new(move |_| {
            let same = |d: &Drawing| (d.sweep, d.image, d.stack, d.stack_kind, d.layer);
            v.page.shown.with(|s| s.as_ref().map(|s| same(&s.drawn.drawing)))
        });
        Effect::new(move |_| {
            if what.get().is_none() {
                return;
            }
            v.page.probed.set(None);
            if let Some([x, y]) = v.cursor.get_untracked() {
                v.page.probe([x.floor() as i32, y.floor() as i32]);
            }
            if let Some(ends) = v.line.get_untracked() {
                v.page.ask_profile(ProfileKind::Line(ends));
            } else if v.radial.get_untracked() {
                v.page.ask_profile(ProfileKind::Radial);
            }
        });
    }

    /// Shows or hides the radial profile.
    pub(super) fn toggle_radial(self) {
        self.radial.update(|r| *r = !*r);
        self.line.set(None);
        if self.radial.get_untracked() {
            self.page.ask_profile(ProfileKind::Radial);
        } else {
            self.page.profile.set(None);
        }
    }

    fn zoom(self, factor: f64) {
        self.projection.update(|p| *p = p.map(|p| p.zoomed(factor, p.canvas.map(|n| n / 2.0))));
    }

    /// The whole image.
    pub(super) fn fit(self) {
        if let Some(size) = untrack(|| self.image_size()) {
            self.projection.set(Some(Projection::fit(size, self.size.get_untracked())));
        }
    }

    fn shade(self, factor: f64) {
        let now = untrack(|| self.white_now());
        self.white.set(Some((now * factor).clamp(1e-3, 1e7)));
    }

    /// Goes on by so many images.
    pub(super) fn step(self, by: isize) {
        let [sweep, image] = self.page.image.get_untracked();
        self.page.show([sweep, image.saturating_add_signed(by)]);
    }

    /// Shows the next image if the last one has been drawn.
    pub(super) fn play(self) {
        if !self.playing.get_untracked() {
            return;
        }
        let [sweep, image] = self.page.image.get_untracked();
        let here = |s: &crate::state::Shown| [s.drawn.drawing.sweep, s.drawn.drawing.image] == [sweep, image];
        if self.page.shown.with_untracked(|s| s.as_ref().is_some_and(here)) {
            let n = untrack(|| self.page.images_in(sweep));
            self.page.show([sweep, (image + 1) % n.max(1)]);
        }
    }

    pub(super) fn key(self, event: &KeyboardEvent) {
        // In front of the image the lattice takes the keys.
        if belongs_elsewhere(event) || self.page.picture.get_untracked() == Picture::Lattice {
            return;
        }
        let step = if event.shift_key() { 10 } else { 1 };
        let toggle = |signal: RwSignal<bool>| signal.update(|on| *on = !*on);
        match event.key().as_str() {
            "ArrowRight" => self.step(step),
            "ArrowLeft" => self.step(-step),
            " " => toggle(self.playing),
            "+" | "=" => self.zoom(1.25),
            "-" => self.zoom(0.8),
            "0" => self.fit(),
            "[" => self.shade(1.25),
            "]" => self.shade(0.8),
            "r" => toggle(self.rings),
            "p" => toggle(self.spots),
            "t" => toggle(self.strong),
            "m" => toggle(self.masked),
            "s" => self.stack.update(|n| *n = if *n > 1 { 1 } else { 5 }),
            "c" => self.palette.update(|p| {
                *p = match *p {
                    Palette::Grey => Palette::Inverted,
                    Palette::Inverted => Palette::Heat,
                    Palette::Heat => Palette::Viridis,
                    Palette::Viridis => Palette::Grey,
                }
            }),
            _ => return,
        }
        event.prevent_default();
    }

    pub(super) fn moved(self, id: i32, here: [f64; 2]) {
        let before = self.pointers.get_value();
        self.pointers.update_value(|all| all.iter_mut().filter(|p| p.0 == id).for_each(|p| p.1 = here));
        let Some(from) = before.iter().find(|p| p.0 == id).map(|p| p.1) else { return };
        match before.iter().find(|p| p.0 != id).map(|p| p.1) {
            None => self.projection.update(|p| *p = p.map(|p| p.dragged([here[0] - from[0], here[1] - from[1]]))),
            // Two fingers: the point under the resting one stays, the distance between them sets the scale.
            Some(other) => {
                let distance = |a: [f64; 2]| (a[0] - other[0]).hypot(a[1] - other[1]).max(1.0);
                self.projection.update(|p| *p = p.map(|p| p.zoomed(distance(here) / distance(from), other)));
            }
        }
    }

    /// What lies under the cursor.
    pub(super) fn readout(self) -> Option<String> {
        let [x, y] = self.cursor.get()?;
        let [sweep, _] = self.page.image.get();
        let [w, h] = self.image_size()?;
        if x < 0.0 || y < 0.0 || x >= w as f64 || y >= h as f64 {
            return None;
        }
        let here = [x.floor() as i32, y.floor() as i32];
        let value = self.page.probed.get().filter(|(at, _)| *at == here).map(|(_, value)| value);
        let reach = 6.0 / self.projection.get()?.scale.max(0.5);
        let spot = self.page.spots.with(|s| {
            let s = s.as_ref()?;
            let far = |p: &[f32; 2]| (f64::from(p[0]) - x).hypot(f64::from(p[1]) - y);
            let (k, distance) = s.at.iter().enumerate().map(|(k, p)| (k, far(p))).min_by(|a, b| a.1.total_cmp(&b.1))?;
            (distance < reach.max(3.0)).then(|| UnderSpot {
                of: s.of,
                hkl: s.hkl.get(k).copied(),
                good: s.good.get(k).copied().unwrap_or(false),
                fate: s.fates.get(k).copied(),
            })
        });
        let under = Under { at: [x, y], value, spot };
        self.page.models.with(|m| Some(readout(&under, m.as_ref().and_then(|m| m.models(sweep)).as_ref())))
    }
}
