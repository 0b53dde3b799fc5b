//! Rings of constant resolution on the image.

use core::f64::consts::TAU;

use ewald_core::geometry::ExperimentModels;
use ewald_core::math::{Vec2, Vec3};

/// A ring.
#[derive(Debug, Clone, PartialEq)]
pub struct Ring {
    /// Resolution, Å.
    pub d: f64,
    /// Lines in px of the raw image.
    pub parts: Vec<Vec<[f64; 2]>>,
    /// Points on the ring where its label may stand, best first.
    pub label_places: Vec<[f64; 2]>,
}

/// Resolutions that people think in, Å.
const ROUND: [f64; 22] =
    [50.0, 30.0, 20.0, 15.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.5, 3.0, 2.5, 2.0, 1.8, 1.6, 1.4, 1.2, 1.0, 0.9, 0.8, 0.7, 0.6];

/// Points of a ring.
const POINTS: usize = 240;

/// Smallest distance between rings, as a part of the image's longer side.
const APART: f64 = 0.09;

/// The rings of hexagonal ice that are seen most, Å.
const ICE: [f64; 10] = [3.90, 3.67, 3.44, 2.67, 2.25, 2.07, 1.95, 1.92, 1.88, 1.72];

/// Where the beam meets the first panel's plane, px of the raw image.
pub fn beam_centre(m: &ExperimentModels<'_>) -> Option<[f64; 2]> {
    let panel = m.detector.panels.first()?;
    let p = panel.px_from_ray(&m.beam.s0())?;
    Some([p.x + panel.raw_image_offset[0] as f64, p.y + panel.raw_image_offset[1] as f64])
}

/// Rings at round resolutions, not too near each other, for a sweep whose images have `size` (fast, slow) px: where cones about the beam
/// meet the plane of the first panel.
pub fn rings(m: &ExperimentModels<'_>, size: [usize; 2]) -> Vec<Ring> {
    at(m, size, &ROUND, APART)
}

/// The rings of ice.
pub fn ice_rings(m: &ExperimentModels<'_>, size: [usize; 2]) -> Vec<Ring> {
    at(m, size, &ICE, 0.0)
}

fn at(m: &ExperimentModels<'_>, size: [usize; 2], resolutions: &[f64], apart: f64) -> Vec<Ring> {
    let Some(panel) = m.detector.panels.first() else { return Vec::new() };
    let s0 = m.beam.s0();
    let u = s0.normalize();
    let offset = panel.raw_image_offset.map(|n| n as f64);
    let to_image = |ray: &Vec3| panel.px_from_ray(ray).map(|p: Vec2| [p.x + offset[0], p.y + offset[1]]).filter(|p| p[0].hypot(p[1]) < 1e5);
    let inside = |p: &[f64; 2]| p[0] >= 0.0 && p[1] >= 0.0 && p[0] <= size[0] as f64 && p[1] <= size[1] as f64;
    let side = if u.x.abs() < 0.9 { Vec3::x() } else { Vec3::y() };
    let e1 = u.cross(&side).normalize();
    let e2 = u.cross(&e1);
    let centre = to_image(&s0);
    let mut out: Vec<Ring> = Vec::new();
    for d in resolutions.iter().copied().filter(|d| m.beam.wavelength / (2.0 * d) < 1.0) {
        let (sin, cos) = (2.0 * (m.beam.wavelength / (2.0 * d)).asin()).sin_cos();
        let points: Vec<Option<[f64; 2]>> = (0..=POINTS)
            .map(|k| {
                let (sa, ca) = (TAU * k as f64 / POINTS as f64).sin_cos();
                to_image(&(u * cos + (e1 * ca + e2 * sa) * sin))
            })
            .collect();
        let parts: Vec<Vec<[f64; 2]>> =
            points.split(Option::is_none).map(|part| part.iter().flatten().copied().collect()).filter(|p: &Vec<_>| p.len() > 1).collect();
        // The topmost places first: labels then stand above each other.
        let mut places: Vec<[f64; 2]> = points.iter().flatten().copied().filter(inside).collect();
        places.sort_by(|a, b| a[1].total_cmp(&b[1]));
        let places: Vec<[f64; 2]> = places.into_iter().step_by(4).collect();
        let Some(top) = places.first() else { continue };
        let least = apart * size[0].max(size[1]) as f64;
        // A ring that is all but a point tells nothing, and its label would stand on the beam's cross.
        if centre.is_some_and(|c| (c[0] - top[0]).hypot(c[1] - top[1]) < 0.5 * least) {
            continue;
        }
        let near = |other: &Ring| other.label_places.first().is_none_or(|o| (o[0] - top[0]).hypot(o[1] - top[1]) < least);
        if out.last().is_none_or(|last| !near(last)) {
            out.push(Ring { d, parts, label_places: places });
        }
    }
    out
}
