use ewald_core::math::Vec3;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{KeyboardEvent, MouseEvent, PointerEvent, ResizeObserver, WheelEvent};

use super::overlay::{LegendLine, Overlay};
use super::sheets::{FilterSheet, GeometrySheet};
use super::{LatticeViewer, Sheet, draw};
use crate::components::close_menus;
use crate::keys::belongs_elsewhere;
use crate::present::lattice::axes::Along;
use crate::present::lattice::pick::Cursor;

/// A press that moves less (CSS px) is a click.
const STILL: f64 = 4.0;
/// How far from a point a click may be (CSS px), by hand and by finger.
const REACH: [f64; 2] = [8.0, 18.0];
/// One press of an arrow key turns by so much, rad; with shift three times as much.
const STEP: f64 = 5.0 * core::f64::consts::PI / 180.0;

/// A pointer that is down.
#[derive(Debug, Clone, Copy)]
struct Held {
    id: i32,
    from: [f64; 2],
    at: [f64; 2],
    pans: bool,
    still: bool,
}

/// The points, their axes, their legend.
#[component]
pub fn LatticeCanvas(viewer: LatticeViewer) -> impl IntoView {
    let v = viewer;
    v.canvas.on_load(move |canvas| {
        let element = canvas.clone();
        let resized = Closure::<dyn FnMut()>::new(move || {
            let ratio = ratio();
            let size = [f64::from(element.client_width()), f64::from(element.client_height())].map(|n| (n * ratio).round());
            if size[0] > 0.0 && size[1] > 0.0 {
                v.size.set(size);
            }
        });
        if let Ok(observer) = ResizeObserver::new(resized.as_ref().unchecked_ref()) {
            observer.observe(&canvas);
        }
        resized.forget();
        // A graphics card that is taken away comes back without what it had.
        let lost = Closure::<dyn FnMut(web_sys::Event)>::new(move |e: web_sys::Event| e.prevent_default());
        let restored = Closure::<dyn FnMut()>::new(move || {
            v.gl.set_value(None);
            v.renewed.update(|n| *n += 1);
        });
        canvas.add_event_listener_with_callback("webglcontextlost", lost.as_ref().unchecked_ref()).ok();
        canvas.add_event_listener_with_callback("webglcontextrestored", restored.as_ref().unchecked_ref()).ok();
        lost.forget();
        restored.forget();
    });
    draw::whenever_needed(v);
    v.count();

    let held = StoredValue::new(Vec::<Held>::new());
    let down = move |e: PointerEvent| {
        close_menus();
        if let Some(canvas) = v.canvas.get_untracked() {
            // Refused only for a pointer that has gone meanwhile.
            canvas.set_pointer_capture(e.pointer_id()).ok();
            canvas.focus().ok();
        }
        let at = place(&e);
        let pans = e.button() != 0 || e.shift_key();
        held.update_value(|all| {
            all.retain(|h| h.id != e.pointer_id());
            all.push(Held { id: e.pointer_id(), from: at, at, pans, still: true });
            if all.len() > 1 {
                all.iter_mut().for_each(|h| h.still = false);
            }
        });
    };
    let moved = move |e: PointerEvent| {
        let before = held.get_value();
        let here = place(&e);
        held.update_value(|all| {
            for h in all.iter_mut().filter(|h| h.id == e.pointer_id()) {
                h.at = here;
                h.still &= (here[0] - h.from[0]).hypot(here[1] - h.from[1]) < STILL * ratio();
            }
        });
        let Some(now) = held.with_value(|all| all.iter().find(|h| h.id == e.pointer_id()).copied()).filter(|h| !h.still) else { return };
        let was = before.iter().find(|h| h.id == now.id).map_or(here, |h| h.at);
        match before.iter().find(|h| h.id != now.id) {
            Some(other) => two_fingers(v, other.at, was, here),
            None if now.pans => v.moved(|c| c.panned([here[0] - was[0], here[1] - was[1]])),
            None => v.moved(|c| c.dragged(was, here)),
        }
    };
    let up = move |e: PointerEvent| {
        let gone = held.try_update_value(|all| {
            let found = all.iter().position(|h| h.id == e.pointer_id());
            found.map(|k| all.remove(k))
        });
        if let Some(h) = gone.flatten().filter(|h| h.still && e.button() == 0) {
            let reach = REACH[usize::from(e.pointer_type() == "touch")] * ratio();
            v.pick(Cursor { at: h.at, disc: 0.5 * v.point_size() + ratio(), reach });
        }
    };
    let wheel = move |e: WheelEvent| {
        e.prevent_default();
        let about = [f64::from(e.offset_x()), f64::from(e.offset_y())].map(|p| p * ratio());
        v.moved(|c| c.zoomed((-e.delta_y() * 0.0015).exp(), about));
    };
    let about = move || {
        let n = v.header(|l| l.header.n).unwrap_or(0);
        format!(
            "Reciprocal lattice, {n} points coloured by {}. Arrow keys turn it, + and − zoom, a b c look along the reciprocal axes.",
            v.colour_by().title()
        )
    };
    let waiting = move || match v.no_gl.get() {
        Some(why) => format!(
            "This view needs WebGL 2, and the browser gives none ({why}). Switch on hardware acceleration in its settings, or use a current Chromium, Firefox or Safari. Everything else works without."
        ),
        None if v.page.lattice.with(Option::is_none) => "The points appear here when spots have been found.".to_owned(),
        None => String::new(),
    };
    view! {
        <div class="canvas lattice">
            <canvas node_ref=v.canvas data-testid="lattice-canvas" role="img" aria-label=about tabindex="0"
                data-points=move || v.header(|l| l.header.n).unwrap_or(0).to_string()
                data-after=move || v.header(|l| l.header.after.name()).unwrap_or_default()
                on:wheel=wheel on:pointerdown=down on:pointermove=moved on:pointerup=up on:pointercancel=up
                on:contextmenu=move |e: MouseEvent| e.prevent_default()
                on:dblclick=move |_| v.show_on_image()
                on:keydown=move |e| key(v, &e)></canvas>
            <Overlay viewer/>
            <LegendLine viewer/>
            <p class="readout" data-testid="lattice-told" aria-live="polite">{move || v.told().map(|t| view! {
                {t}" "<button class="link" on:click=move |_| v.show_on_image()>"show on the image (i)"</button>
            })}</p>
            <p class="waiting" role="status">{waiting}</p>
            <Show when=move || v.sheet.get() == Some(Sheet::Filter)><FilterSheet viewer/></Show>
            <Show when=move || v.sheet.get() == Some(Sheet::Geometry)><GeometrySheet viewer/></Show>
        </div>
    }
}

/// Two fingers move, turn and widen what is between them; one of them is at rest.
fn two_fingers(v: LatticeViewer, rests: [f64; 2], was: [f64; 2], is: [f64; 2]) {
    let from = |p: [f64; 2]| [p[0] - rests[0], p[1] - rests[1]];
    let (a, b) = (from(was), from(is));
    let (la, lb) = (a[0].hypot(a[1]).max(1.0), b[0].hypot(b[1]).max(1.0));
    // Anticlockwise on a screen whose y points down.
    let angle = (a[1] * b[0] - a[0] * b[1]).atan2(a[0] * b[0] + a[1] * b[1]);
    v.moved(|c| c.zoomed(lb / la, rests).turned(&Vec3::z(), angle).panned([0.5 * (is[0] - was[0]), 0.5 * (is[1] - was[1])]));
}

fn key(v: LatticeViewer, event: &KeyboardEvent) {
    if belongs_elsewhere(event) {
        return;
    }
    let step = if event.shift_key() { 3.0 * STEP } else { STEP };
    let turn = |axis: Vec3, angle: f64| v.moved(|c| c.turned(&axis, angle));
    let zoom = |factor: f64| v.moved(|c| c.zoomed(factor, c.canvas.map(|n| n / 2.0)));
    match event.key().as_str() {
        "ArrowLeft" => turn(Vec3::y(), -step),
        "ArrowRight" => turn(Vec3::y(), step),
        "ArrowUp" => turn(Vec3::x(), -step),
        "ArrowDown" => turn(Vec3::x(), step),
        "," => turn(Vec3::z(), step),
        "." => turn(Vec3::z(), -step),
        "+" | "=" => zoom(1.25),
        "-" => zoom(0.8),
        "0" => v.fit(),
        "a" => v.look_along_star(0),
        "b" => v.look_along_star(1),
        "c" => v.look_along_star(2),
        "z" => v.look(Along::Beam),
        "x" => v.look(Along::Axis),
        "i" => v.show_on_image(),
        "Escape" if v.page.spot.get_untracked().is_some() => v.light_row(None),
        _ => return,
    }
    event.prevent_default();
    // Here they mean this; the image has its own use for some of them.
    event.stop_propagation();
}

fn place(e: &PointerEvent) -> [f64; 2] {
    [f64::from(e.offset_x()), f64::from(e.offset_y())].map(|p| p * ratio())
}

fn ratio() -> f64 {
    window().device_pixel_ratio()
}
