//! The detectors of all sweeps moved together, perpendicular to the beam.
//!
//! A shift is told as (fast, slow) mm of the beam on the first panel of the first sweep, as seen along the beam. On a detector that faces the
//! beam that is how the beam centre moves; on one that is turned by 2θ the centre moves by 1/cos 2θ of it. The first panel, rather than the
//! one that the beam meets, since moving the detector does not make another panel the first: two shifts one after the other add up.

use crate::geometry::{ExperimentList, MissingModel, Panel};
use crate::math::Vec3;

/// Unit vectors perpendicular to the beam and each other. The detector moved along the first moves the beam on it along +fast, along the second
/// along +slow; exactly so for a detector that faces the beam.
pub(super) fn axes(s0: &Vec3, panel: &Panel) -> [Vec3; 2] {
    let beam = s0.normalize();
    let across = |v: &Vec3| v - beam * v.dot(&beam);
    // A panel along the beam has no such direction.
    let of_panel = [&panel.fast, &Vec3::x(), &Vec3::y()].map(across).into_iter().find(|v| v.norm() > 1e-3);
    let first = -of_panel.unwrap_or_else(Vec3::x).normalize();
    let second = first.cross(&beam);
    [first, if second.dot(&panel.slow) > 0.0 { -second } else { second }]
}

/// The axes by which shifts of the beam are told.
fn common_axes(experiments: &ExperimentList) -> Result<[Vec3; 2], MissingModel> {
    let (beam, detector) = (experiments.beam_of(0)?, experiments.detector_of(0)?);
    Ok(axes(&beam.s0(), detector.panels.first().unwrap_or(&Panel::default())))
}

/// What the detectors are to be moved by (mm, laboratory frame) for the beam to move by `beam_mm` along (fast, slow).
///
/// # Errors
///
/// The first experiment has no beam or no detector.
pub fn offset(experiments: &ExperimentList, beam_mm: [f64; 2]) -> Result<Vec3, MissingModel> {
    let [first, second] = common_axes(experiments)?;
    Ok(first * beam_mm[0] + second * beam_mm[1])
}

/// By how much the beam moves along (fast, slow), mm, with the detectors moved by `offset`; the opposite of [`offset`](fn@offset).
///
/// # Errors
///
/// The first experiment has no beam or no detector.
pub fn beam_mm(experiments: &ExperimentList, offset: &Vec3) -> Result<[f64; 2], MissingModel> {
    Ok(common_axes(experiments)?.map(|axis| axis.dot(offset)))
}

/// The experiments with all detectors moved by `offset` (mm).
pub fn moved(experiments: &ExperimentList, offset: &Vec3) -> ExperimentList {
    let mut out = experiments.clone();
    for panel in out.detectors.iter_mut().flat_map(|d| &mut d.panels) {
        panel.origin += offset;
    }
    out
}
