//! What spot finding and the user have masked, so that it is seen however far one zooms out: a hot pixel is one of sixteen million.

use leptos::prelude::*;
use web_sys::CanvasRenderingContext2d;

use super::Viewer;
use crate::present::projection::Projection;

/// Masked rectangles narrower than this on the screen get a ring, px.
const SMALL: f64 = 6.0;
/// Most rectangles that are drawn: more could not be told apart.
const MOST: usize = 5000;

/// Rings about small masked regions, outlines of large ones.
pub fn regions(context: &CanvasRenderingContext2d, projection: &Projection, v: Viewer, dark: bool) {
    let ratio = window().device_pixel_ratio().max(1.0);
    let [sweep, _] = v.page.image.get();
    v.page.models.with(|models| {
        let Some(models) = models.as_ref().and_then(|m| m.models(sweep)) else { return };
        context.set_stroke_style_str(if dark { "#ffb74d" } else { "#b34700" });
        context.set_line_width(1.5 * ratio);
        context.begin_path();
        let all = models.detector.panels.iter().flat_map(|p| p.mask.iter().map(move |r| (p.raw_image_offset, *r)));
        for (offset, [x0, y0, x1, y1]) in all.take(MOST) {
            let place = |x: i64, y: i64| projection.screen([(x + offset[0]) as f64, (y + offset[1]) as f64]);
            let ([a, b], [c, d]) = (place(x0, y0), place(x1, y1));
            if (c - a).max(d - b) < SMALL * ratio {
                let (x, y, radius) = (0.5 * (a + c), 0.5 * (b + d), 6.0 * ratio);
                context.move_to(x + radius, y);
                // It fails for a negative radius only.
                context.arc(x, y, radius, 0.0, core::f64::consts::TAU).ok();
            } else {
                context.rect(a, b, c - a, d - b);
            }
        }
        context.stroke();
    });
}
