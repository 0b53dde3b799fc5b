use std::cell::Cell;
use std::rc::Rc;

use ewald_protocol::{Palette, SpotKind};
use js_sys::{Object, Reflect};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use super::{Viewer, light, masks};
use crate::present::projection::Projection;
use crate::present::rings::Ring;

/// Draws once a frame at most, whatever changes.
pub fn whenever_needed(v: Viewer) {
    // The first text on a canvas makes the browser look for fonts, which takes long: before anything runs there is time for it.
    v.canvas.on_load(|canvas| {
        if let Some(context) = context(&canvas) {
            context.set_font("11px system-ui, sans-serif");
            context.fill_text("0.5 Å", -99.0, -99.0).ok();
        }
    });
    let due = Rc::new(Cell::new(false));
    Effect::new(move |_| {
        v.projection.track();
        [v.rings, v.ice, v.beam, v.spots, v.masked].iter().for_each(Track::track);
        v.circles.track();
        v.ice_circles.track();
        v.line.track();
        v.page.shown.track();
        v.page.spots.track();
        v.page.spot.track();
        if !due.replace(true) {
            let due = Rc::clone(&due);
            request_animation_frame(move || {
                due.set(false);
                untrack(|| draw(v));
            });
        }
    });
}

fn draw(v: Viewer) {
    let (Some(canvas), Some(projection)) = (v.canvas.get(), v.projection.get()) else { return };
    let [w, h] = projection.canvas;
    if w < 1.0 || h < 1.0 {
        return;
    }
    if (f64::from(canvas.width()), f64::from(canvas.height())) != (w, h) {
        canvas.set_width(w as u32);
        canvas.set_height(h as u32);
    }
    let Some(context) = context(&canvas) else { return };
    context.clear_rect(0.0, 0.0, w, h);
    let Some(shown) = v.page.shown.get() else { return };
    let drawn = &shown.drawn.drawing;
    // A drawing of another place is shown where it belongs until the new one is there.
    let before = Projection { centre: drawn.centre, scale: drawn.scale, canvas: drawn.canvas.map(f64::from) };
    let ([x0, y0], [x1, y1]) = (projection.screen(before.image([0.0, 0.0])), projection.screen(before.image(before.canvas)));
    context.set_image_smoothing_enabled(false);
    // It fails only for a canvas of no size, and there is none here.
    if before == projection {
        context.draw_image_with_html_canvas_element(&shown.canvas, 0.0, 0.0).ok();
    } else {
        context.draw_image_with_html_canvas_element_and_dw_and_dh(&shown.canvas, x0, y0, x1 - x0, y1 - y0).ok();
    }
    let dark = !matches!(drawn.palette, Palette::Grey);
    if v.ice.get() {
        v.ice_circles.with(|circles| rings(&context, &projection, circles, if dark { "#f0e442" } else { "#b87a00" }, dark));
    }
    if v.rings.get() {
        v.circles.with(|circles| rings(&context, &projection, circles, if dark { "#56b4e9" } else { "#0072b2" }, dark));
    }
    if v.masked.get() {
        masks::regions(&context, &projection, v, dark);
    }
    if v.beam.get()
        && let Some(centre) = v.centre.get()
    {
        beam(&context, &projection, centre, dark);
    }
    if v.spots.get() {
        spots(&context, &projection, v, dark);
    }
    light::lit(&context, &projection, v, dark);
    // For programs that measure: which drawing stands on the canvas from here on.
    if before == projection {
        let what = format!("{}/{} {:.4e}", drawn.sweep, drawn.image, shown.drawn.white);
        canvas.set_attribute("data-drawn", &what).ok();
        let [x, y] = projection.centre;
        canvas.set_attribute("data-view", &format!("{x:.3} {y:.3} {:.5}", projection.scale)).ok();
    }
    if let Some([from, to]) = v.line.get() {
        let ([x0, y0], [x1, y1]) = (projection.screen(from), projection.screen(to));
        context.set_stroke_style_str(if dark { "#ffffff" } else { "#d55e00" });
        context.set_line_width(1.5 * window().device_pixel_ratio().max(1.0));
        context.begin_path();
        context.move_to(x0, y0);
        context.line_to(x1, y1);
        context.stroke();
    }
}

/// The canvas's context. Its pixels are made here, so they are best kept where they were made, not on a graphics card.
fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    let options = Object::new();
    Reflect::set(&options, &"willReadFrequently".into(), &true.into()).ok()?;
    canvas.get_context_with_context_options("2d", &options).ok()??.dyn_into().ok()
}

/// Colours of Okabe and Ito (2008), darker on light images: of a spot, and of one that was not indexed or integrated.
fn colours(of: SpotKind, dark: bool) -> [&'static str; 2] {
    match (of, dark) {
        (SpotKind::Found, false) => ["#d55e00"; 2],
        (SpotKind::Found, true) => ["#ff9d4d"; 2],
        (SpotKind::Indexed, false) => ["#0072b2", "#d55e00"],
        (SpotKind::Indexed, true) => ["#56b4e9", "#ff9d4d"],
        (SpotKind::Integrated, false) => ["#009e73", "#8c6a9c"],
        (SpotKind::Integrated, true) => ["#3fd6a8", "#cc79a7"],
    }
}

/// Screen pixels per image pixel from which on boxes are drawn as they are, with centroids and Miller indices.
const CLOSE: f64 = 5.0;

/// Most Miller indices that are written: more could not be read.
const LABELS: usize = 150;

fn spots(context: &CanvasRenderingContext2d, projection: &Projection, v: Viewer, dark: bool) {
    let ratio = window().device_pixel_ratio().max(1.0);
    let [w, h] = projection.canvas;
    let close = projection.scale >= CLOSE * ratio;
    v.page.spots.with(|spots| {
        let Some(spots) = spots else { return };
        // Predicted reflections are many: smaller marks.
        let least = ratio * if spots.of == SpotKind::Integrated { 2.8 } else { 4.0 };
        let half = (4.0 * projection.scale).clamp(least, 40.0);
        context.set_line_width(ratio);
        let visible = |k: &usize| {
            let [x, y] = projection.screen(spots.at[*k].map(f64::from));
            x > -half && y > -half && x < w + half && y < h + half
        };
        let crossed = |k: usize| close && spots.fates.get(k).is_some_and(|f| !f.is_integrated());
        let of = |good: bool| (0..spots.at.len()).filter(move |k| spots.good.get(*k).copied().unwrap_or(false) == good).filter(visible);
        for good in [false, true] {
            context.set_stroke_style_str(colours(spots.of, dark)[usize::from(!good && spots.of != SpotKind::Found)]);
            // One path: thousands of single strokes would be slow.
            context.begin_path();
            for k in of(good) {
                let [x, y] = projection.screen(spots.at[k].map(f64::from));
                match spots.boxes.get(k).filter(|_| close) {
                    Some(&[x0, x1, y0, y1]) => {
                        let ([a, b], [c, d]) = (projection.screen([x0, y0].map(f64::from)), projection.screen([x1, y1].map(f64::from)));
                        context.rect(a, b, c - a, d - b);
                        // Not by colour alone.
                        if crossed(k) {
                            context.move_to(a, d);
                            context.line_to(c, b);
                        }
                        let arm = 4.0 * ratio;
                        context.move_to(x - arm, y);
                        context.line_to(x + arm, y);
                        context.move_to(x, y - arm);
                        context.line_to(x, y + arm);
                    }
                    None => context.rect(x - half, y - half, 2.0 * half, 2.0 * half),
                }
            }
            context.stroke();
        }
        if !close || spots.hkl.is_empty() || (0..spots.at.len()).filter(visible).count() > LABELS {
            return;
        }
        set_font(context, ratio);
        for k in (0..spots.at.len()).filter(visible).filter(|k| spots.of == SpotKind::Integrated || spots.good[*k]) {
            let [x, y] = projection.screen(spots.at[k].map(f64::from));
            let below = spots.boxes.get(k).map_or(y + half, |b| projection.screen([0.0, f64::from(b[3])])[1]);
            let text = spots.hkl[k].map(|n| n.to_string()).join(" ");
            label(context, &text, [x, below + 9.0 * ratio], ratio, dark, colours(spots.of, dark)[0]);
        }
    });
}

/// A cross where the beam meets the detector.
fn beam(context: &CanvasRenderingContext2d, projection: &Projection, centre: [f64; 2], dark: bool) {
    let ratio = window().device_pixel_ratio().max(1.0);
    let ([x, y], arm, hole) = (projection.screen(centre), 12.0 * ratio, 3.0 * ratio);
    context.set_stroke_style_str(if dark { "#ff9d4d" } else { "#d55e00" });
    context.set_line_width(1.5 * ratio);
    context.begin_path();
    for [dx, dy] in [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]] {
        context.move_to(x + hole * dx, y + hole * dy);
        context.line_to(x + arm * dx, y + arm * dy);
    }
    context.stroke();
}

fn set_font(context: &CanvasRenderingContext2d, ratio: f64) {
    context.set_font(&format!("{}px system-ui, sans-serif", 11.0 * ratio));
    context.set_text_align("center");
    context.set_text_baseline("middle");
}

/// A text on a ground on which it can be read.
fn label(context: &CanvasRenderingContext2d, text: &str, [x, y]: [f64; 2], ratio: f64, dark: bool, colour: &str) {
    let half = 3.4 * ratio * text.chars().count() as f64;
    context.set_fill_style_str(if dark { "#000000b0" } else { "#ffffffd0" });
    context.fill_rect(x - half, y - 8.0 * ratio, 2.0 * half, 16.0 * ratio);
    context.set_fill_style_str(colour);
    // It fails for no text.
    context.fill_text(text, x, y).ok();
}

fn rings(context: &CanvasRenderingContext2d, projection: &Projection, rings: &[Ring], colour: &str, dark: bool) {
    let ratio = window().device_pixel_ratio().max(1.0);
    context.set_stroke_style_str(colour);
    context.set_line_width(ratio);
    set_font(context, ratio);
    for ring in rings {
        context.set_global_alpha(0.45);
        context.begin_path();
        for part in &ring.parts {
            for (k, point) in part.iter().enumerate() {
                let [x, y] = projection.screen(*point);
                if k == 0 { context.move_to(x, y) } else { context.line_to(x, y) }
            }
        }
        context.stroke();
        context.set_global_alpha(1.0);
        let inside = |p: &[f64; 2]| {
            p[0] > 24.0 * ratio
                && p[1] > 10.0 * ratio
                && p[0] < projection.canvas[0] - 24.0 * ratio
                && p[1] < projection.canvas[1] - 10.0 * ratio
        };
        let mut places = ring.label_places.iter().map(|p| projection.screen(*p));
        if let Some(place) = places.find(inside) {
            label(context, &format!("{} Å", ring.d), place, ratio, dark, colour);
        }
    }
}
