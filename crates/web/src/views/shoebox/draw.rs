//! The pictures of a shoebox, drawn dark on light as images are.

use ewald_core::stages::integrate::Account;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::present::shoebox::{Layer, Pixel, Sheet, colour, light, written};

/// Screen pixels per pixel from which on numbers are written into them.
const NUMBERS: f64 = 18.0;

/// Readable on light and on dark.
const QUIET: &str = "#7d868f";

/// Height of what is written above the pictures of a layer: the first names the images.
pub fn head(layer: Layer) -> f64 {
    if layer == Layer::Counts { 16.0 } else { 0.0 }
}

/// Draws the pictures of one layer.
pub fn draw(canvas: &HtmlCanvasElement, a: &Account, sheet: &Sheet, layer: Layer, ends: [f64; 2]) {
    let ratio = window().device_pixel_ratio().max(1.0);
    let [w, h] = sheet.extent();
    let h = h + head(layer) + 2.0;
    canvas.set_width((w * ratio) as u32);
    canvas.set_height((h * ratio) as u32);
    // A style that cannot be set leaves the canvas in its own size.
    canvas.set_attribute("style", &format!("width:{w}px;height:{h}px")).ok();
    let Some(context) = canvas.get_context("2d").ok().flatten().and_then(|c| c.dyn_into::<CanvasRenderingContext2d>().ok()) else { return };
    context.scale(ratio, ratio).ok();
    context.set_text_align("center");
    context.set_text_baseline("middle");
    let [rows, columns] = sheet.size;
    let [first, n] = sheet.images;
    for k in first..first + n {
        let (left, top) = (sheet.left(k), head(layer));
        if top > 0.0 {
            context.set_font("11px system-ui, sans-serif");
            context.set_fill_style_str(QUIET);
            let number = (a.first_image + i64::from(a.bbox[4]) + k as i64).to_string();
            context.fill_text(&number, left + 0.5 * columns as f64 * sheet.zoom, 7.0).ok();
        }
        for j in 0..rows {
            for i in 0..columns {
                let Some(p) = Pixel::of(a, (k * rows + j) * columns + i) else { continue };
                let at = [left + i as f64 * sheet.zoom, top + j as f64 * sheet.zoom];
                pixel(&context, at, sheet.zoom, &p, layer, ends);
            }
        }
        outline(&context, a, [left, top], sheet);
        if a.predicted[2].floor() as i64 == i64::from(a.bbox[4]) + k as i64 {
            centre(&context, a, [left, top], sheet.zoom);
        }
    }
}

fn pixel(context: &CanvasRenderingContext2d, [x, y]: [f64; 2], zoom: f64, p: &Pixel, layer: Layer, ends: [f64; 2]) {
    // What was counted is not known of unusable pixels, what was fitted is.
    let shows_counts = matches!(layer, Layer::Counts | Layer::Difference);
    let value = p.value(layer);
    let fill = value.map_or([238; 3], |v| colour(layer, ends, v));
    let [r, g, b] = fill;
    context.set_fill_style_str(&format!("rgb({r} {g} {b})"));
    context.fill_rect(x, y, zoom, zoom);
    if shows_counts && p.counts.is_none() {
        context.set_stroke_style_str(if p.overloaded { "#d55e00" } else { "#999999" });
        context.set_line_width(1.0);
        context.begin_path();
        for t in [0.5, 1.0] {
            context.move_to(x, y + t * zoom);
            context.line_to(x + t * zoom, y);
        }
        context.move_to(x + 0.5 * zoom, y + zoom);
        context.line_to(x + zoom, y + 0.5 * zoom);
        context.stroke();
    } else if let Some(v) = value.filter(|_| zoom >= NUMBERS && (!matches!(layer, Layer::Profile | Layer::Beside) || p.foreground)) {
        let text = written(layer, v);
        let size = (0.45 * zoom).min(1.6 * zoom / text.chars().count() as f64);
        context.set_font(&format!("{size:.1}px system-ui, sans-serif"));
        context.set_fill_style_str(if light(fill) { "#000" } else { "#fff" });
        context.fill_text(&text, x + 0.5 * zoom, y + 0.54 * zoom).ok();
    }
    if p.taken && layer == Layer::Counts {
        // A dot in the corner: others' pixels.
        context.set_fill_style_str("#009e73");
        let size = (0.22 * zoom).max(1.5);
        context.fill_rect(x, y, size, size);
    }
    if p.spike && shows_counts {
        context.set_stroke_style_str("#d55e00");
        context.set_line_width(1.5);
        context.begin_path();
        context.move_to(x, y);
        context.line_to(x + zoom, y + zoom);
        context.move_to(x + zoom, y);
        context.line_to(x, y + zoom);
        context.stroke();
    }
}

/// The edge of the foreground, and of the box.
fn outline(context: &CanvasRenderingContext2d, a: &Account, [left, top]: [f64; 2], sheet: &Sheet) {
    let [rows, columns] = sheet.size;
    let z = sheet.zoom;
    context.set_line_width(1.0);
    context.set_stroke_style_str("#9aa3ab");
    context.stroke_rect(left + 0.5, top + 0.5, columns as f64 * z - 1.0, rows as f64 * z - 1.0);
    let inside = |j: usize, i: usize| j < rows && i < columns && a.foreground.get(j * columns + i).copied().unwrap_or(false);
    context.set_stroke_style_str("#0072b2");
    context.set_line_width(if z >= 8.0 { 2.0 } else { 1.0 });
    context.begin_path();
    for j in 0..rows {
        for i in 0..columns {
            if !inside(j, i) {
                continue;
            }
            let (x, y) = (left + i as f64 * z, top + j as f64 * z);
            let edges = [
                (j == 0 || !inside(j - 1, i), [x, y, x + z, y]),
                (!inside(j + 1, i), [x, y + z, x + z, y + z]),
                (i == 0 || !inside(j, i - 1), [x, y, x, y + z]),
                (!inside(j, i + 1), [x + z, y, x + z, y + z]),
            ];
            for (_, [x0, y0, x1, y1]) in edges.into_iter().filter(|e| e.0) {
                context.move_to(x0, y0);
                context.line_to(x1, y1);
            }
        }
    }
    context.stroke();
}

/// A small cross where the reflection is predicted.
fn centre(context: &CanvasRenderingContext2d, a: &Account, [left, top]: [f64; 2], zoom: f64) {
    let x = left + (a.predicted[0] - f64::from(a.bbox[0])) * zoom;
    let y = top + (a.predicted[1] - f64::from(a.bbox[2])) * zoom;
    for (style, width) in [("#ffffff", 3.0), ("#d55e00", 1.5)] {
        context.set_stroke_style_str(style);
        context.set_line_width(width);
        context.begin_path();
        context.move_to(x - 5.0, y);
        context.line_to(x + 5.0, y);
        context.move_to(x, y - 5.0);
        context.line_to(x, y + 5.0);
        context.stroke();
    }
}
