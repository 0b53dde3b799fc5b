//! What the sweeps of a crystal leave out, and why: the part of reciprocal space that never comes to reflect near the rotation axis, what comes past only
//! beyond the scan, and what misses the detector.

use super::Params;
use crate::geometry::{ExperimentList, ExperimentModels, ewald};
use crate::job::parallel;
use crate::math::{Mat3, Vec3, rotate};
use crate::spacegroup::SpaceGroup;
use core::f64::consts::{PI, TAU};

/// Why a reflection is measured or not. The best of its equivalents counts, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// So near the axis that it never crosses the Ewald sphere, or grazes it.
    Blind,
    /// Its rays miss the detector.
    Missed,
    /// It crosses the sphere at angles that were not recorded.
    Beyond,
    Recorded,
}

/// Fractions of the unique reflections.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Parts {
    pub(super) recorded: f64,
    pub(super) beyond: f64,
    pub(super) missed: f64,
    pub(super) blind: f64,
}

/// What is told of a crystal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Coverage {
    pub(super) crystal: usize,
    /// Of the sphere that is looked at, Å: the limit asked for, or the largest that lies wholly on a detector.
    pub(super) d_min: f64,
    /// Largest Bragg angle in it, rad: the blind region is a cusp that narrow about the axis.
    pub(super) bragg: f64,
    /// Symbol of the crystal's group, about how many reflections it leaves unique (Friedel mates counted once), and their fates; before them the
    /// same without symmetry.
    pub(super) symmetries: Vec<(String, f64, Parts)>,
}

/// Reflections that are looked at: enough for a standard error below one per cent.
const SAMPLES: usize = 3000;

/// For each crystal that experiments have.
pub(super) fn of(experiments: &ExperimentList, params: &Params) -> Vec<Coverage> {
    (0..experiments.crystals.len()).filter_map(|c| of_crystal(experiments, c, params)).collect()
}

fn of_crystal(experiments: &ExperimentList, crystal: usize, params: &Params) -> Option<Coverage> {
    let mine = (0..experiments.len()).filter(|&e| experiments.experiments[e].crystal == Some(crystal));
    let sweeps: Vec<ExperimentModels<'_>> = mine.filter_map(|e| experiments.models(e)).filter(|m| !m.scan.is_still()).collect();
    let first = sweeps.first()?;
    let limit = |m: &ExperimentModels<'_>| m.detector.d_min_inscribed(&m.beam.s0());
    let d_min = params.d_min.unwrap_or_else(|| sweeps.iter().map(limit).fold(f64::INFINITY, f64::min));
    let sine = first.beam.wavelength / (2.0 * d_min);
    if !(d_min > 0.0) || !(sine <= 1.0) {
        return None;
    }
    let model = &experiments.crystals[crystal];
    let group = SpaceGroup::from_hall(&model.hall_symbol).unwrap_or_else(|_| SpaceGroup::p1());
    let volume = model.a_matrix.try_inverse()?.determinant().abs();
    let sample = sample(&model.a_matrix, d_min, &group);
    let part = |ops: &[[[i32; 3]; 3]]| {
        let fates =
            parallel::map_slice(&sample, |h| ops.iter().flat_map(|op| fates(apply(op, *h), &sweeps, &model.a_matrix, params)).max());
        let count = |f: Fate| fates.iter().filter(|x| **x == Some(f)).count() as f64 / sample.len().max(1) as f64;
        Parts { recorded: count(Fate::Recorded), beyond: count(Fate::Beyond), missed: count(Fate::Missed), blind: count(Fate::Blind) }
    };
    let identity = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    let of_group = images_of_axes(&group);
    // Friedel mates lie opposite each other.
    let opposite = |op: &[[i32; 3]; 3]| op.map(|r| r.map(|x| -x));
    let classes = of_group.iter().filter(|op| !of_group.contains(&opposite(op))).count() + of_group.len();
    let points = 4.0 / 3.0 * PI * volume / (d_min * d_min * d_min) / (group.centring_vectors().len().max(1)) as f64;
    let mut symmetries = vec![("P 1".to_owned(), 0.5 * points, part(&[identity]))];
    if of_group.len() > 1 {
        symmetries.push((group.symbol(), points / classes as f64, part(&of_group)));
    }
    Some(Coverage { crystal, d_min, bragg: libm::asin(sine), symmetries })
}

/// The matrices that take an index to its equivalents' (translations do not matter), each once.
fn images_of_axes(group: &SpaceGroup) -> Vec<[[i32; 3]; 3]> {
    let mut all: Vec<[[i32; 3]; 3]> =
        group.ops().iter().map(|op| [op.apply_to_hkl([1, 0, 0]), op.apply_to_hkl([0, 1, 0]), op.apply_to_hkl([0, 0, 1])]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn apply(images: &[[i32; 3]; 3], h: [i32; 3]) -> [i32; 3] {
    core::array::from_fn(|k| (0..3).map(|a| images[a][k] * h[a]).sum())
}

/// Lattice points spread evenly over the sphere: an additive sequence with the plastic number's cubic analogue (Roberts 2018), so that it is the same
/// everywhere and needs no list of all points.
fn sample(a: &Mat3, d_min: f64, group: &SpaceGroup) -> Vec<[i32; 3]> {
    const STEP: [f64; 3] = [0.819_172_513_396_164_4, 0.671_043_606_703_789_2, 0.549_700_477_901_970_2];
    let Some(inverse) = a.try_inverse() else { return Vec::new() };
    let limit = [0, 1, 2].map(|k| inverse.row(k).norm() / d_min + 0.5);
    let present = |h: &[i32; 3]| group.centring_vectors().iter().all(|t| (0..3).map(|k| h[k] * t[k]).sum::<i32>().rem_euclid(24) == 0);
    let point = |i: usize| {
        let fraction = |x: f64| x - libm::floor(x);
        [0, 1, 2].map(|k| libm::round(limit[k] * (2.0 * fraction(0.5 + STEP[k] * i as f64) - 1.0)) as i32)
    };
    let inside = |h: &[i32; 3]| *h != [0; 3] && (a * Vec3::from(h.map(f64::from))).norm() * d_min <= 1.0;
    // A box about a sphere in a skewed lattice may be mostly empty.
    (0..100 * SAMPLES).map(point).filter(|h| inside(h) && present(h)).take(SAMPLES).collect()
}

/// The fates of a reflection and of its Friedel mate on each sweep.
fn fates<'a>(h: [i32; 3], sweeps: &'a [ExperimentModels<'a>], a: &'a Mat3, params: &'a Params) -> impl Iterator<Item = Fate> + 'a {
    [1.0, -1.0].into_iter().flat_map(move |sign| {
        let r = sign * (a * Vec3::from(h.map(f64::from)));
        sweeps.iter().map(move |m| fate(&r, m, params))
    })
}

fn fate(r: &Vec3, m: &ExperimentModels<'_>, params: &Params) -> Fate {
    let (s0, axis) = (m.beam.s0(), m.goniometer.lab_axis());
    let r0 = m.goniometer.lab_from_datum(0.0) * r;
    let Some(angles) = ewald::diffracting_angles(&s0, &axis, &r0) else { return Fate::Blind };
    let [from, to] = m.scan.phi_range();
    let of = |phi: f64| {
        let s1 = s0 + rotate(&r0, &axis, phi);
        if ewald::zeta(&axis, &s0, &s1).abs() < params.min_zeta {
            return Fate::Blind;
        }
        let Some(hit) = m.detector.hit(&s1) else { return Fate::Missed };
        let masked = |x: &[i64; 4]| (x[0]..x[2]).contains(&(hit.px.x as i64)) && (x[1]..x[3]).contains(&(hit.px.y as i64));
        if m.detector.panels[hit.panel].mask.iter().any(masked) {
            return Fate::Missed;
        }
        // The first time at or after the start.
        let turns = libm::ceil((from.min(to) - phi) / TAU);
        if phi + turns * TAU <= from.max(to) { Fate::Recorded } else { Fate::Beyond }
    };
    angles.map(of).into_iter().max().unwrap_or(Fate::Blind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Beam, Crystal, Detector, Experiment, Goniometer, Panel, Scan};
    use crate::math::rotation;

    /// A cubic cell of 50 Å with its faces askew, on a detector that catches everything to 2 Å.
    fn list(degrees: f64, hall: &str) -> ExperimentList {
        let a = rotation(&Vec3::new(0.3, 0.5, 0.8).normalize(), 0.7) * 0.02;
        let panel = Panel { origin: Vec3::new(-200.0, 200.0, -150.0), pixel_size: [0.1; 2], image_size: [4000, 4000], ..Panel::default() };
        ExperimentList {
            beams: vec![Beam { wavelength: 1.0, ..Beam::default() }],
            detectors: vec![Detector::single(panel)],
            goniometers: vec![Goniometer::single(Vec3::x())],
            scans: vec![Scan { n_images: 10, width: degrees.to_radians() / 10.0, ..Scan::default() }],
            crystals: vec![Crystal { hall_symbol: hall.to_owned(), ..Crystal::new(a) }],
            experiments: vec![Experiment {
                beam: Some(0),
                detector: Some(0),
                goniometer: Some(0),
                scan: Some(0),
                crystal: Some(0),
                ..Experiment::default()
            }],
            ..ExperimentList::default()
        }
    }

    fn parts(degrees: f64, hall: &str) -> Vec<(String, f64, Parts)> {
        of(&list(degrees, hall), &Params { d_min: Some(2.0), min_zeta: 0.001, ..Params::default() }).remove(0).symmetries
    }

    #[test]
    fn a_full_turn_leaves_out_the_cusps_alone() {
        // Points at a distance d* from the origin are blind within an angle θ of the axis on either side: the fraction of the sphere to d*_max is
        // the mean over its shells of 1 − cos θ.
        let shell = |k: usize| 0.5 * (k as f64 + 0.5) / 400.0;
        let cusp = |s: f64| 1.0 - (1.0 - 0.25 * s * s).sqrt();
        let (top, below) = (0..400).map(shell).fold((0.0, 0.0), |(a, b), s| (a + s * s * cusp(s), b + s * s));
        let p = parts(360.0, "P 1").remove(0).2;
        assert!((p.blind - top / below).abs() < 0.006, "{} {}", p.blind, top / below);
        assert_eq!((p.beyond, p.missed), (0.0, 0.0));
        assert!((p.blind + p.recorded - 1.0).abs() < 1e-12);
    }

    #[test]
    fn less_rotation_and_less_symmetry_leave_out_more() {
        let narrow = parts(40.0, "P 4 2");
        assert_eq!(narrow.len(), 2);
        let ([none, four], ratio) = ([narrow[0].2, narrow[1].2], narrow[0].1 / narrow[1].1);
        assert!(
            none.beyond > 0.4 && four.beyond < none.beyond && four.recorded > none.recorded && four.blind < none.blind,
            "{none:?} {four:?}"
        );
        // 422 with Friedel's mates is 4/mmm, of order 16; without symmetry 2.
        assert!((ratio - 8.0).abs() < 1e-9, "{ratio}");
        assert!((narrow[0].1 / (2.0 / 3.0 * PI * 50f64.powi(3) / 8.0) - 1.0).abs() < 1e-9);
        // A centred lattice has half as many.
        assert!((parts(40.0, "C 2y")[0].1 / narrow[0].1 - 0.5).abs() < 1e-9);
    }
}
