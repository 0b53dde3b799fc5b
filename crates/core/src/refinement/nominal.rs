//! Where an instrument stands by design: what is known of a beam and a detector that refinement has already moved.
//!
//! A laboratory frame is laid along the instrument: beams run along one of its axes, and detectors are mounted with their rows or columns along another
//! (so do NeXus and imgCIF define it, and all import from headers). A refinement with static crystals takes a drift of the crystal for
//! a tilt of the beam and a twist of the detector by hundredths of a degree; what is that close to an axis is taken to have stood on it.

use crate::geometry::{Beam, Detector, ExperimentList};
use crate::math::{Vec3, rotation};

/// Deviations up to this are those of a refinement, rad; larger ones are the instrument's.
const BEAM: f64 = 0.25 * core::f64::consts::PI / 180.0;
const TWIST: f64 = 0.5 * core::f64::consts::PI / 180.0;

/// `experiments` with beams and detectors as the instrument's designers meant them, where they are near that.
pub(crate) fn nominal(experiments: &ExperimentList) -> ExperimentList {
    ExperimentList {
        beams: experiments.beams.iter().map(beam).collect(),
        detectors: experiments.detectors.iter().map(detector).collect(),
        ..ExperimentList::default()
    }
}

/// The laboratory's axis (of either sign) next to `v`, when the angle between them is at most `limit`.
fn nearest_axis(v: &Vec3, limit: f64) -> Option<Vec3> {
    let v = v.try_normalize(1e-12)?;
    let k = v.iamax();
    let axis = Vec3::ith(k, v[k].signum());
    (v.cross(&axis).norm() <= libm::sin(limit)).then_some(axis)
}

fn beam(beam: &Beam) -> Beam {
    let direction = nearest_axis(&beam.direction, BEAM).unwrap_or(beam.direction);
    Beam { direction, ..beam.clone() }
}

/// Turned about its normal so that rows or columns, whichever are nearer, lie along an axis of the laboratory.
fn detector(detector: &Detector) -> Detector {
    let mut out = detector.clone();
    let Some(first) = detector.panels.first() else { return out };
    let normal = first.normal();
    let angles = [first.fast, first.slow].into_iter().filter_map(|v| {
        let v = v.normalize();
        // The tilts out of the plane do not count: a swung detector still has its rows along an axis.
        let axis = nearest_axis(&v, TWIST)?;
        Some(v.cross(&axis).dot(&normal))
    });
    if let Some(angle) = angles.min_by(|a, b| a.abs().total_cmp(&b.abs())) {
        let r = rotation(&normal, libm::asin(angle.clamp(-1.0, 1.0)));
        let size = |i: usize| first.image_size[i] as f64 * first.pixel_size[i] / 2.0;
        let centre = first.origin + first.fast * size(0) + first.slow * size(1);
        for p in &mut out.panels {
            (p.fast, p.slow, p.origin) = (r * p.fast, r * p.slow, centre + r * (p.origin - centre));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Panel;

    #[test]
    fn a_beam_and_a_detector_that_refinement_moved_are_put_back() {
        let beam_at = |x: f64| Beam { direction: Vec3::new(x, 0.0, 1.0).normalize(), ..Beam::default() };
        assert_eq!(beam(&beam_at(8e-4)).direction, Vec3::z());
        // A beam that is a degree off is meant to be.
        assert_eq!(beam(&beam_at(0.02)).direction, beam_at(0.02).direction);

        // Rows along x, swung by 30° about x, then twisted by 0.1° about the normal and tilted by 0.05°.
        let panel = Panel {
            fast: Vec3::x(),
            slow: rotation(&Vec3::x(), 0.5) * -Vec3::y(),
            origin: Vec3::new(-80.0, 70.0, -150.0),
            pixel_size: [0.1, 0.1],
            image_size: [1600, 1500],
            ..Panel::default()
        };
        let r = rotation(&panel.slow, 9e-4) * rotation(&panel.normal(), 1.7e-3);
        let moved = Panel { fast: r * panel.fast, slow: r * panel.slow, ..panel.clone() };
        let back = &detector(&Detector::single(moved)).panels[0];
        assert!(back.fast.y.hypot(back.fast.z) < 1e-3 && (back.fast.cross(&Vec3::x())).dot(&back.normal()).abs() < 1e-6, "{}", back.fast);
    }
}
