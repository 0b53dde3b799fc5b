//! The diffraction image: pan, zoom, colours, stacks, what is drawn on top, and what is under the cursor. The image itself is drawn by the
//! viewer's worker; until a new drawing is there, the one before is shown in its place.

mod draw;
mod light;
mod look;
mod masks;
mod threshold_bar;
mod tools;

use ewald_protocol::ProfileKind;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{PointerEvent, ResizeObserver, WheelEvent};

use crate::components::PlotView;
use crate::present::projection::Projection;
pub use look::Viewer;
pub use threshold_bar::ThresholdBar;
pub use tools::ImageTools;

/// A press beside a menu closes it.
pub fn close_menus() {
    while let Ok(Some(menu)) = document().query_selector("details.menu[open]") {
        if menu.remove_attribute("open").is_err() {
            break;
        }
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
    let image_size = Memo::new(move |_| v.image_size());
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
    // A spot that was lit in another view is brought into this one.
    Effect::new(move |_| {
        let Some(spot) = page.spot.get() else { return };
        v.projection.update(|p| *p = p.map(|p| p.showing(spot.at)));
    });
    v.ask_for_drawings();
    draw::whenever_needed(v);
    let keys = window_event_listener(leptos::ev::keydown, move |e| v.key(&e));
    on_cleanup(move || keys.remove());
    if let Ok(handle) = set_interval_with_handle(move || v.play(), core::time::Duration::from_millis(50)) {
        on_cleanup(move || handle.clear());
    }

    let at = |x: i32, y: i32| {
        let ratio = window().device_pixel_ratio();
        [f64::from(x) * ratio, f64::from(y) * ratio]
    };
    // Where a press began that may be a click.
    let pressed = StoredValue::new(None::<[f64; 2]>);
    let down = move |e: PointerEvent| {
        close_menus();
        if let Some(canvas) = v.canvas.get_untracked() {
            // Refused only for a pointer that has gone meanwhile.
            canvas.set_pointer_capture(e.pointer_id()).ok();
        }
        let here = at(e.offset_x(), e.offset_y());
        if v.measuring.get_untracked() || e.shift_key() {
            v.line.set(v.projection.get_untracked().map(|p| [p.image(here); 2]));
            v.drawing_line.set_value(true);
        } else {
            pressed.set_value(v.pointers.with_value(Vec::is_empty).then_some(here));
            v.pointers.update_value(|all| all.push((e.pointer_id(), here)));
        }
    };
    let up = move |e: PointerEvent| {
        v.pointers.update_value(|all| all.retain(|p| p.0 != e.pointer_id()));
        let here = at(e.offset_x(), e.offset_y());
        let still = |from: &[f64; 2]| (here[0] - from[0]).hypot(here[1] - from[1]) < 4.0 * window().device_pixel_ratio();
        if pressed.try_update_value(Option::take).flatten().is_some_and(|from| still(&from)) {
            v.light(here);
        }
        if v.drawing_line.get_value() {
            v.drawing_line.set_value(false);
            // A click is no line, and takes the one before away.
            let long = v.line.get_untracked().filter(|[a, b]| (a[0] - b[0]).hypot(a[1] - b[1]) > 2.0);
            v.line.set(long);
            match long {
                Some(ends) => page.ask_profile(ProfileKind::Line(ends)),
                None => page.profile.set(None),
            }
        }
    };
    let moved = move |e: PointerEvent| {
        let here = at(e.offset_x(), e.offset_y());
        let image = v.projection.get_untracked().map(|p| p.image(here));
        if v.drawing_line.get_value() {
            v.line.update(|line| *line = line.zip(image).map(|([from, _], to)| [from, to]));
        } else {
            v.moved(e.pointer_id(), here);
        }
        v.cursor.set(image);
        if let Some([x, y]) = image {
            page.probe([x.floor() as i32, y.floor() as i32]);
        }
    };
    let wheel = move |e: WheelEvent| {
        e.prevent_default();
        let about = at(e.offset_x(), e.offset_y());
        v.projection.update(|p| *p = p.map(|p| p.zoomed((-e.delta_y() * 0.0015).exp(), about)));
    };
    let waiting = move || match page.images_in(page.image.get()[0]) {
        0 if page.running.get().is_some() => "The first image appears here when the files have been imported.",
        0 => "There is no image to show.",
        _ => "",
    };
    let place = move || {
        let d = page.shown.with(|s| s.as_ref().map(|s| [s.drawn.drawing.sweep, s.drawn.drawing.image]));
        d.map_or(String::new(), |d| format!("{}/{}", d[0], d[1]))
    };
    let times = move || {
        let m = page.shown.with(|s| s.as_ref().map(|s| s.drawn.milliseconds));
        m.map_or(String::new(), |m| format!("{:.0} {:.0}", m[0], m[1]))
    };
    let close_profile = move |_| {
        page.profile.set(None);
        v.line.set(None);
        v.radial.set(false);
    };
    view! {
        <div class="canvas" class:measuring=move || v.measuring.get()>
            <canvas node_ref=v.canvas data-testid="image-canvas" role="img" aria-label="Diffraction image" tabindex="0"
                data-shown=place data-milliseconds=times
                on:wheel=wheel on:pointermove=moved on:pointerleave=move |_| v.cursor.set(None) on:dblclick=move |_| v.fit()
                on:pointerdown=down on:pointerup=up on:pointercancel=up></canvas>
            <p class="readout" data-testid="readout">{move || v.readout()}</p>
            <p class="waiting">{waiting}</p>
            {move || page.profile.get().map(|plot| view! {
                <div class="profile" data-testid="profile">
                    <button class="icon" aria-label="Close the profile" title="Close" on:click=close_profile>"✕"</button>
                    <PlotView plot size=[560.0, 180.0]/>
                </div>
            })}
        </div>
    }
}
