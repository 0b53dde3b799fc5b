//! What a geometry that was tried by hand amounts to: the values that import takes.

use ewald_core::geometry::{Panel, ReciprocalMap, Trial};
use ewald_core::math::vec3;
use ewald_protocol::{LatticeGroup, LatticeHeader};

/// One sweep's geometry after the change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values {
    /// The sweep.
    pub sweep: usize,
    /// Where the beam meets the panel: slow, fast, px.
    pub beam_px: [f64; 2],
    /// Distance along the panel's normal, mm.
    pub distance: f64,
    /// The spindle in the laboratory, unit vector.
    pub axis: [f64; 3],
}

/// Values that differ by less than this (px, mm) are the same.
const SAME: f64 = 0.005;
/// And directions whose components differ by less.
const SAME_AXIS: f64 = 1e-5;

/// The values after the change, one entry a sweep.
pub fn values(header: &LatticeHeader, trial: &Trial) -> Vec<Values> {
    let mut out: Vec<Values> = Vec::new();
    for g in &header.groups {
        if out.iter().any(|v| v.sweep == g.sweep) {
            continue;
        }
        out.extend(of_group(g, trial));
    }
    out
}

fn of_group(g: &LatticeGroup, trial: &Trial) -> Option<Values> {
    let [fast, slow, origin] = g.panel.map(vec3);
    let map = ReciprocalMap::from(&g.map).changed(trial, &fast, &slow, &origin);
    let panel = Panel { fast, slow, origin: origin + map.detector_shift, ..Panel::default() };
    let beam = panel.mm_from_ray(&map.s0)?;
    Some(Values {
        sweep: g.sweep,
        beam_px: [beam.y / g.pixel_mm[1], beam.x / g.pixel_mm[0]],
        distance: panel.distance(),
        axis: (map.setting * map.axis).into(),
    })
}

/// The parameters of import (name, text) that make the change last, or why it cannot be made there.
pub fn parameters(header: &LatticeHeader, trial: &Trial, inverted_before: bool) -> Result<Vec<(&'static str, String)>, &'static str> {
    let values = values(header, trial);
    let Some(first) = values.first() else { return Err("The beam does not meet the detector.") };
    let moved = trial.beam_mm != [0.0; 2] || trial.distance_mm != 0.0;
    let differs = |v: &Values| (0..2).any(|i| (v.beam_px[i] - first.beam_px[i]).abs() > SAME) || (v.distance - first.distance).abs() > SAME;
    if moved && values.iter().any(differs) {
        return Err(
            "The sweeps differ in beam centre or distance, and import takes one value for all. The beam alone is moved for all by slow_fast_beam_shift, or by the beam-centre search.",
        );
    }
    let tipped = trial.axis_about_beam != 0.0 || trial.axis_along_beam != 0.0;
    let another = |v: &Values| (0..3).any(|i| (v.axis[i] - first.axis[i]).abs() > SAME_AXIS);
    if tipped && values.iter().any(another) {
        return Err("The sweeps differ in their axes, and import takes one for all: import them one by one.");
    }
    let mut out = Vec::new();
    if trial.beam_mm != [0.0; 2] || trial.distance_mm != 0.0 {
        // Moving a tilted detector moves the beam on it too, so that both are said.
        out.push(("distance", format!("{:.4}", first.distance)));
        out.push(("slow_fast_beam_centre", format!("{:.3},{:.3}", first.beam_px[0], first.beam_px[1])));
        // What it was shifted by is in the centre now.
        out.push(("slow_fast_beam_shift", String::new()));
    }
    if tipped {
        // As it turns in the end, whether it was turned round before or is now.
        out.push(("rotation_axis", first.axis.map(|c| format!("{c:.6}")).join(",")));
        out.push(("invert_rotation_axis", String::new()));
    } else if trial.inverted {
        out.push(("invert_rotation_axis", (!inverted_before).to_string()));
    }
    if out.is_empty() { Err("Nothing has been changed.") } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::super::scene::tests::header;
    use super::*;

    #[test]
    fn the_beam_moves_by_what_was_asked() {
        let h = header();
        let trial = Trial { beam_mm: [1.5, -0.7], distance_mm: 2.0, ..Trial::default() };
        let all = values(&h, &trial);
        assert_eq!(all.len(), 2);
        assert!((all[0].beam_px[1] - 515.0).abs() < 1e-9 && (all[0].beam_px[0] - 493.0).abs() < 1e-9);
        assert!((all[0].distance - 102.0).abs() < 1e-9);
        let texts = parameters(&h, &trial, false).unwrap();
        let want = [("distance", "102.0000"), ("slow_fast_beam_centre", "493.000,515.000"), ("slow_fast_beam_shift", "")];
        assert_eq!(texts, want.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn what_import_cannot_take_is_said() {
        let mut h = header();
        let moved = Trial { distance_mm: 1.0, ..Trial::default() };
        assert!(parameters(&h, &Trial::default(), false).is_err());
        h.groups[1].panel[2][0] -= 20.0;
        assert!(parameters(&h, &moved, false).is_err(), "the sweeps differ");
        h.groups.truncate(1);
        assert!(parameters(&h, &moved, false).is_ok());
        let tipped = Trial { axis_about_beam: 0.1, inverted: true, ..Trial::default() };
        let texts = parameters(&h, &tipped, true).unwrap();
        assert_eq!((texts[0].0, &texts[1]), ("rotation_axis", &("invert_rotation_axis", String::new())));
        let axis: Vec<f64> = texts[0].1.split(',').map(|c| c.parse().unwrap()).collect();
        // The axis was +x; it is turned about the beam, and the other way round.
        assert!((axis[0] + 0.1f64.cos()).abs() < 1e-6 && (axis[1].abs() - 0.1f64.sin()).abs() < 1e-6 && axis[2].abs() < 1e-6);
        let inverted = Trial { inverted: true, ..Trial::default() };
        assert_eq!(parameters(&h, &inverted, false).unwrap(), [("invert_rotation_axis", "true".to_owned())]);
        assert_eq!(parameters(&h, &inverted, true).unwrap(), [("invert_rotation_axis", "false".to_owned())]);
    }
}
