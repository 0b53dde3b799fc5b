use std::cell::Cell;
use std::rc::Rc;

use ewald_protocol::SpotKind;
use js_sys::{Object, Reflect};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

use super::Viewer;
use crate::present::contrast::{self, Contrast};
use crate::present::projection::Projection;

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
        v.white.track();
        v.inverted.track();
        v.rings.track();
        v.spots.track();
        v.circles.track();
        v.page.pixels.track();
        v.page.spots.track();
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
    let shown = v.page.pixels.with(|p| {
        let Some(p) = p else { return false };
        let white = v.white.get().unwrap_or_else(|| v.automatic.get());
        let mut rgba = vec![0u8; 4 * w as usize * h as usize];
        let (level, halvings) = p.levels.for_scale(projection.scale);
        contrast::draw(
            &level.counts,
            level.size,
            &projection.of_halved(halvings),
            Contrast { white, inverted: v.inverted.get() },
            &mut rgba,
        );
        // Only a size of nothing is refused, and there is none here.
        if let Ok(data) = ImageData::new_with_u8_clamped_array(wasm_bindgen::Clamped(&rgba), w as u32) {
            context.put_image_data(&data, 0.0, 0.0).ok();
        }
        true
    });
    if shown && v.spots.get() {
        spots(&context, &projection, v);
    }
    if shown && v.rings.get() {
        rings(&context, &projection, v);
    }
}

/// The canvas's context. Its pixels are made here, so they are best kept where they were made, not on a graphics card.
fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    let options = Object::new();
    Reflect::set(&options, &"willReadFrequently".into(), &true.into()).ok()?;
    canvas.get_context_with_context_options("2d", &options).ok()??.dyn_into().ok()
}

/// Colours of Okabe and Ito (2008), darker on light images.
fn colour(of: SpotKind) -> &'static str {
    match of {
        SpotKind::Found => "#d55e00",
        SpotKind::Indexed => "#0072b2",
        SpotKind::Integrated => "#009e73",
    }
}

fn spots(context: &CanvasRenderingContext2d, projection: &Projection, v: Viewer) {
    // Predicted reflections are many: smaller marks.
    let least = 4.0 * window().device_pixel_ratio().max(1.0);
    let [w, h] = projection.canvas;
    v.page.spots.with(|spots| {
        let Some(spots) = spots else { return };
        context.set_stroke_style_str(colour(spots.of));
        let least = if spots.of == SpotKind::Integrated { 0.7 * least } else { least };
        let half = (4.0 * projection.scale).clamp(least, 40.0);
        context.set_line_width(window().device_pixel_ratio().max(1.0));
        // One path: thousands of single strokes would be slow.
        context.begin_path();
        for [x, y] in &spots.at {
            let [sx, sy] = projection.screen([f64::from(*x), f64::from(*y)]);
            if sx > -half && sy > -half && sx < w + half && sy < h + half {
                context.rect(sx - half, sy - half, 2.0 * half, 2.0 * half);
            }
        }
        context.stroke();
    });
}

fn rings(context: &CanvasRenderingContext2d, projection: &Projection, v: Viewer) {
    let ratio = window().device_pixel_ratio().max(1.0);
    context.set_stroke_style_str("#0072b2");
    context.set_line_width(ratio);
    context.set_font(&format!("{}px system-ui, sans-serif", 11.0 * ratio));
    context.set_text_align("center");
    context.set_text_baseline("middle");
    v.circles.with(|rings| {
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
            let places = ring.label_places.iter().map(|p| projection.screen(*p));
            if let Some([x, y]) = places.into_iter().find(inside) {
                let text = format!("{} Å", ring.d);
                let half = 3.4 * ratio * text.chars().count() as f64;
                context.set_fill_style_str(if v.inverted.get() { "#000000b0" } else { "#ffffffd0" });
                context.fill_rect(x - half, y - 8.0 * ratio, 2.0 * half, 16.0 * ratio);
                context.set_fill_style_str(if v.inverted.get() { "#56b4e9" } else { "#00507d" });
                // It fails for no text.
                context.fill_text(&text, x, y).ok();
            }
        }
    });
}
