//! The spot that is lit in every view: marked on its image, and chosen there by a click.

use ewald_protocol::SpotKind;
use leptos::prelude::*;
use web_sys::CanvasRenderingContext2d;

use super::Viewer;
use crate::present::projection::Projection;
use crate::state::Spot;

/// A spot is marked on so many images before and after the one of its centre.
const IMAGES: usize = 2;
/// How far from a spot a click may be, screen px.
const REACH: f64 = 10.0;

impl Viewer {
    /// Lights the spot nearest to a place on the canvas, or none where there is none.
    pub(super) fn light(self, here: [f64; 2]) {
        let Some(projection) = self.projection.get_untracked() else { return };
        let [sweep, image] = self.page.image.get_untracked();
        let reach = REACH * window().device_pixel_ratio().max(1.0);
        let spot = self.page.spots.with_untracked(|spots| {
            let places = spots.as_ref()?.at.iter().map(|at| at.map(f64::from));
            let away = |at: &[f64; 2]| {
                let [x, y] = projection.screen(*at);
                (x - here[0]).hypot(y - here[1])
            };
            let (k, at, distance) = places.enumerate().map(|(k, at)| (k, at, away(&at))).min_by(|a, b| a.2.total_cmp(&b.2))?;
            let integrated = spots.as_ref().is_some_and(|s| s.of == SpotKind::Integrated);
            let hkl = spots.as_ref()?.hkl.get(k).copied().filter(|_| integrated);
            (distance <= reach).then_some((Spot { sweep, image, at }, hkl))
        });
        self.page.spot.set(spot.map(|(spot, _)| spot));
        if let Some((spot, Some(hkl))) = spot {
            self.page.look_into_spot(spot, hkl);
        }
    }
}

/// Two rings around the spot that is lit.
pub fn lit(context: &CanvasRenderingContext2d, projection: &Projection, v: Viewer, dark: bool) {
    let [sweep, image] = v.page.image.get();
    let Some(spot) = v.page.spot.get().filter(|s| s.sweep == sweep && s.image.abs_diff(image) <= IMAGES) else { return };
    let ratio = window().device_pixel_ratio().max(1.0);
    let [x, y] = projection.screen(spot.at);
    let radius = (8.0 * projection.scale).clamp(11.0 * ratio, 60.0);
    for (colour, width) in [(if dark { "#000000" } else { "#ffffff" }, 5.0), (if dark { "#ffffff" } else { "#000000" }, 2.0)] {
        context.set_stroke_style_str(colour);
        context.set_line_width(width * ratio);
        context.begin_path();
        // It fails for a negative radius only.
        context.arc(x, y, radius, 0.0, core::f64::consts::TAU).ok();
        context.stroke();
    }
}
