//! The diffraction image: pan, zoom, contrast, rings, spots, and what is under the cursor.

mod draw;
mod tools;

use leptos::html::Canvas;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{KeyboardEvent, PointerEvent, ResizeObserver, WheelEvent};

use crate::keys::belongs_elsewhere;
use crate::present::contrast;
use crate::present::projection::Projection;
use crate::present::readout::{Under, readout};
use crate::present::rings::{Ring, rings};
use crate::state::Page;
pub use tools::ImageTools;

/// How the image is looked at; shared by the canvas and its tools.
#[derive(Clone, Copy)]
pub struct Viewer {
    page: Page,
    canvas: NodeRef<Canvas>,
    projection: RwSignal<Option<Projection>>,
    size: RwSignal<[f64; 2]>,
    /// Count drawn with full strength, when the user has chosen one.
    white: RwSignal<Option<f64>>,
    /// The same by the data.
    automatic: Memo<f64>,
    inverted: RwSignal<bool>,
    rings: RwSignal<bool>,
    spots: RwSignal<bool>,
    playing: RwSignal<bool>,
    cursor: RwSignal<Option<[f64; 2]>>,
    pointers: StoredValue<Vec<(i32, [f64; 2])>>,
    circles: Memo<Vec<Ring>>,
}

impl Viewer {
    /// A viewer of the page's image.
    pub fn new(page: Page) -> Self {
        let automatic = Memo::new(move |_| page.pixels.with(|p| p.as_ref().map_or(10.0, |p| contrast::automatic(p.levels.counts()))));
        let circles = Memo::new(move |_| {
            let [sweep, _] = page.image.get();
            let size = page.data.with(|d| d.as_ref().and_then(|d| d.sweeps.get(sweep)).map(|s| s.image_size));
            page.models.with(|m| m.as_ref().and_then(|m| m.models(sweep)).zip(size).map_or_else(Vec::new, |(m, size)| rings(&m, size)))
        });
        Viewer {
            page,
            canvas: NodeRef::new(),
            projection: RwSignal::new(None),
            size: RwSignal::new([0.0, 0.0]),
            white: RwSignal::new(None),
            automatic,
            inverted: RwSignal::new(false),
            rings: RwSignal::new(true),
            spots: RwSignal::new(true),
            playing: RwSignal::new(false),
            cursor: RwSignal::new(None),
            pointers: StoredValue::default(),
            circles,
        }
    }

    fn zoom(self, factor: f64) {
        self.projection.update(|p| *p = p.map(|p| p.zoomed(factor, p.canvas.map(|n| n / 2.0))));
    }

    fn fit(self) {
        if let Some(size) = self.page.pixels.with_untracked(|p| p.as_ref().map(|p| p.levels.size())) {
            self.projection.set(Some(Projection::fit(size, self.size.get_untracked())));
        }
    }

    fn shade(self, factor: f64) {
        let now = self.white.get_untracked().unwrap_or_else(|| self.automatic.get_untracked());
        self.white.set(Some((now * factor).clamp(1.0, 1e6)));
    }

    fn step(self, by: isize) {
        let [sweep, image] = self.page.image.get_untracked();
        self.page.show([sweep, image.saturating_add_signed(by)]);
    }

    fn play(self) {
        if !self.playing.get_untracked() {
            return;
        }
        let [sweep, image] = self.page.image.get_untracked();
        let here = self.page.pixels.with_untracked(|p| p.as_ref().is_some_and(|p| p.at == [sweep, image]));
        if here {
            let n = untrack(|| self.page.images_in(sweep));
            self.page.show([sweep, (image + 1) % n.max(1)]);
        }
    }

    fn key(self, event: &KeyboardEvent) {
        if belongs_elsewhere(event) {
            return;
        }
        let step = if event.shift_key() { 10 } else { 1 };
        match event.key().as_str() {
            "ArrowRight" => self.step(step),
            "ArrowLeft" => self.step(-step),
            " " => self.playing.update(|p| *p = !*p),
            "+" | "=" => self.zoom(1.25),
            "-" => self.zoom(0.8),
            "0" => self.fit(),
            "[" => self.shade(1.25),
            "]" => self.shade(0.8),
            "r" => self.rings.update(|r| *r = !*r),
            "p" => self.spots.update(|s| *s = !*s),
            _ => return,
        }
        event.prevent_default();
    }

    fn moved(self, id: i32, here: [f64; 2]) {
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
    fn readout(self) -> Option<String> {
        let [x, y] = self.cursor.get()?;
        let [sweep, _] = self.page.image.get();
        let counts = self.page.pixels.with(|p| p.as_ref().map(|p| p.levels.count(x, y)))?;
        let reach = 6.0 / self.projection.get()?.scale.max(0.5);
        let hkl = self.page.spots.with(|s| {
            let s = s.as_ref()?;
            let far = |p: &[f32; 2]| (f64::from(p[0]) - x).hypot(f64::from(p[1]) - y);
            let (k, distance) = s.at.iter().enumerate().map(|(k, p)| (k, far(p))).min_by(|a, b| a.1.total_cmp(&b.1))?;
            s.hkl.get(k).copied().filter(|_| distance < reach.max(3.0))
        });
        let under = Under { at: [x, y], counts, hkl };
        self.page.models.with(|m| readout(&under, m.as_ref().and_then(|m| m.models(sweep)).as_ref()))
    }
}

/// The image.
#[component]
pub fn ImageCanvas(viewer: Viewer) -> impl IntoView {
    let v = viewer;
    let page = v.page;
    v.canvas.on_load(move |canvas| {
        let element = canvas.clone();
        let resized = Closure::<dyn FnMut()>::new(move || {
            let ratio = window().device_pixel_ratio();
            let size = [f64::from(element.client_width()), f64::from(element.client_height())].map(|n| (n * ratio).round());
            if size[0] > 0.0 && size[1] > 0.0 {
                v.size.set(size);
            }
        });
        if let Ok(observer) = ResizeObserver::new(resized.as_ref().unchecked_ref()) {
            observer.observe(&canvas);
        }
        // The observer calls it for as long as the canvas is there.
        resized.forget();
    });
    // Fit an image of another size; a canvas of another size keeps the whole image in view if it was.
    let image_size = Memo::new(move |_| page.pixels.with(|p| p.as_ref().map(|p| p.levels.size())));
    Effect::new(move |before: Option<(Option<[usize; 2]>, [f64; 2])>| {
        let canvas = v.size.get();
        let image = image_size.get();
        if let Some(image) = image
            && canvas[0] > 0.0
        {
            let known = v
                .projection
                .get_untracked()
                .filter(|p| before.is_some_and(|(size, canvas)| size == Some(image) && *p != Projection::fit(image, canvas)));
            v.projection.set(Some(known.map_or_else(|| Projection::fit(image, canvas), |p| Projection { canvas, ..p })));
        }
        (image, canvas)
    });
    draw::whenever_needed(v);
    let keys = window_event_listener(leptos::ev::keydown, move |e| v.key(&e));
    on_cleanup(move || keys.remove());
    if let Ok(handle) = set_interval_with_handle(move || v.play(), core::time::Duration::from_millis(100)) {
        on_cleanup(move || handle.clear());
    }

    let at = |x: i32, y: i32| {
        let ratio = window().device_pixel_ratio();
        [f64::from(x) * ratio, f64::from(y) * ratio]
    };
    let down = move |e: PointerEvent| {
        if let Some(canvas) = v.canvas.get_untracked() {
            // Refused only for a pointer that has gone meanwhile.
            canvas.set_pointer_capture(e.pointer_id()).ok();
        }
        v.pointers.update_value(|all| all.push((e.pointer_id(), at(e.offset_x(), e.offset_y()))));
    };
    let up = move |e: PointerEvent| v.pointers.update_value(|all| all.retain(|p| p.0 != e.pointer_id()));
    let moved = move |e: PointerEvent| {
        let here = at(e.offset_x(), e.offset_y());
        v.moved(e.pointer_id(), here);
        v.cursor.set(v.projection.get_untracked().map(|p| p.image(here)));
    };
    let wheel = move |e: WheelEvent| {
        e.prevent_default();
        let about = at(e.offset_x(), e.offset_y());
        v.projection.update(|p| *p = p.map(|p| p.zoomed((-e.delta_y() * 0.0015).exp(), about)));
    };
    let waiting = move || {
        let shown = page.pixels.with(|p| p.as_ref().map(|p| p.at));
        match (page.images_in(page.image.get()[0]), shown) {
            (0, _) if page.running.get().is_some() => "The first image appears here when the files have been imported.",
            (0, _) => "There is no image to show.",
            (_, shown) if shown != Some(page.image.get()) && page.running.get().is_some() => {
                "This image appears as soon as the stage at work is through."
            }
            _ => "",
        }
    };
    view! {
        <div class="canvas">
            <canvas node_ref=v.canvas data-testid="image-canvas" role="img" aria-label="Diffraction image" tabindex="0"
                data-shown=move || page.pixels.with(|p| p.as_ref().map_or(String::new(), |p| format!("{}/{}", p.at[0], p.at[1])))
                on:wheel=wheel on:pointermove=moved on:pointerleave=move |_| v.cursor.set(None) on:dblclick=move |_| v.fit()
                on:pointerdown=down on:pointerup=up on:pointercancel=up></canvas>
            <p class="readout">{move || v.readout()}</p>
            <p class="waiting">{waiting}</p>
        </div>
    }
}
