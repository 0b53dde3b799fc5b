use core::ops::RangeInclusive;
use std::collections::BTreeSet;

use ewald_core::geometry::{Crystal, ReciprocalMap, Trial};
use ewald_core::math::{Mat3, Vec3, mat3_from_rows, vec3};
use ewald_protocol::{LatticeHeader, mark};

/// The points of one experiment, as they are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// First row and number of rows.
    pub rows: [usize; 2],
    /// Number of the sweep.
    pub sweep: usize,
    /// Number of the crystal.
    pub crystal: Option<usize>,
    /// From the detector to the datum.
    pub map: ReciprocalMap,
    /// From the datum to the frame that is looked at.
    pub frame_from_datum: Mat3,
    /// Scan angle of the first image's start, rad.
    pub phi0: f64,
    /// Width of an image, rad.
    pub width: f64,
    /// Number of images.
    pub images: usize,
}

impl Group {
    /// The point of a spot, given its place in the laboratory (mm) and its angle (rad), in the frame that is looked at, Å⁻¹.
    pub fn point(&self, [x, y, z, phi]: [f32; 4]) -> Vec3 {
        self.frame_from_datum * self.map.point(&vec3([x, y, z].map(f64::from)), f64::from(phi))
    }

    /// Position in the sweep, images from its start; 0 for a still.
    pub fn image(&self, phi: f32) -> f64 {
        if self.width == 0.0 { 0.0 } else { (f64::from(phi) - self.phi0) / self.width }
    }
}

/// Whether points with and without an index are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kinds {
    /// Both.
    #[default]
    All,
    /// Those with one.
    Indexed,
    /// Those without.
    NotIndexed,
}

/// Which points are shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Sweeps that are hidden.
    pub hidden_sweeps: BTreeSet<usize>,
    /// Crystals whose indexed points are hidden.
    pub hidden_crystals: BTreeSet<usize>,
    /// With an index, without, or both.
    pub kinds: Kinds,
    /// |r| = 1/d, Å⁻¹.
    pub q: RangeInclusive<f64>,
    /// Position in the sweep, images from its start.
    pub images: RangeInclusive<f64>,
}

impl Default for Filter {
    fn default() -> Self {
        Filter {
            hidden_sweeps: BTreeSet::new(),
            hidden_crystals: BTreeSet::new(),
            kinds: Kinds::All,
            q: 0.0..=f64::INFINITY,
            images: f64::NEG_INFINITY..=f64::INFINITY,
        }
    }
}

impl Filter {
    /// Whether points of a group are shown at all: [those without an index, those with one].
    pub fn of_group(&self, sweep: usize, crystal: Option<usize>) -> [bool; 2] {
        let sweep = !self.hidden_sweeps.contains(&sweep);
        let crystal = crystal.is_none_or(|c| !self.hidden_crystals.contains(&c));
        [sweep && self.kinds != Kinds::Indexed, sweep && crystal && self.kinds != Kinds::NotIndexed]
    }

    /// Whether a point is shown, given its mark, its distance from the origin (Å⁻¹) and its position in the sweep (images).
    pub fn shows(&self, group: &Group, marks: u32, q: f64, image: f64) -> bool {
        let [without, with] = self.of_group(group.sweep, group.crystal);
        (if marks & mark::INDEXED != 0 { with } else { without }) && self.q.contains(&q) && self.images.contains(&image)
    }
}

/// What there is to look at, with the geometry changed by `trial`, and either at the datum or (with `crystal_frame`) with the crystals
/// brought together: r → U⁻¹ r.
pub fn scene(header: &LatticeHeader, trial: &Trial, crystal_frame: bool) -> Vec<Group> {
    let first = header.crystals.first().map(mat3_from_rows);
    let own_frame = |a: &[f64; 9]| {
        let a = mat3_from_rows(a);
        let setting = first.map_or_else(Mat3::identity, |first| like(&a, &first));
        Crystal::new(a * setting).u_matrix().transpose()
    };
    let to_crystal: Vec<Mat3> = header.crystals.iter().map(|a| if crystal_frame { own_frame(a) } else { Mat3::identity() }).collect();
    let group = |g: &ewald_protocol::LatticeGroup| {
        let [fast, slow, origin] = g.panel.map(vec3);
        Group {
            rows: [g.start, g.n],
            sweep: g.sweep,
            crystal: g.crystal,
            map: ReciprocalMap::from(&g.map).changed(trial, &fast, &slow, &origin),
            frame_from_datum: g.crystal.and_then(|c| to_crystal.get(c).copied()).unwrap_or_else(Mat3::identity),
            phi0: g.phi0,
            width: g.width,
            images: g.images,
        }
    };
    header.groups.iter().map(group).collect()
}

/// Cells whose metrics differ by less, as a part of the larger, are the same.
const SAME_CELL: f64 = 0.02;

/// The change of setting (integers, determinant 1) after which the reciprocal cell `a` is most like `first`: crystals may have been indexed with
/// their axes in another order, and lie on each other only when they are named alike. The identity when they are alike, or nothing makes them so.
fn like(a: &Mat3, first: &Mat3) -> Mat3 {
    let (metric, wanted) = (a.transpose() * a, first.transpose() * first);
    let away = |m: &Mat3| (m.transpose() * metric * m - wanted).norm() / wanted.norm();
    let mut best = (Mat3::identity(), away(&Mat3::identity()));
    if best.1 < SAME_CELL {
        return best.0;
    }
    // All matrices of −1, 0 and 1.
    for k in 0..3_i32.pow(9) {
        let m = Mat3::from_fn(|i, j| f64::from(k / 3_i32.pow((3 * i + j) as u32) % 3 - 1));
        if (m.determinant() - 1.0).abs() < 0.5 {
            let d = away(&m);
            if d < 0.9 * best.1 {
                best = (m, d);
            }
        }
    }
    if best.1 < SAME_CELL { best.0 } else { Mat3::identity() }
}

/// Largest distance from the origin (Å⁻¹) among the points given, 1 when there are none. Points that are spread over the whole list
/// will do.
pub fn radius<'a>(groups: &[Group], points: impl Iterator<Item = (usize, &'a [f32])>) -> f64 {
    let q = points.filter_map(|(group, p)| Some(groups.get(group)?.point([p[0], p[1], p[2], p[3]]).norm()));
    let largest = q.filter(|q| q.is_finite()).fold(0.0, f64::max);
    if largest > 0.0 { largest } else { 1.0 }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ewald_core::math::rotation;
    use ewald_core::session::StageId;
    use ewald_protocol::{LatticeGroup, MapView};

    /// Two sweeps of two crystals that differ by a rotation, 100 mm before a detector whose corner is at (−50, 50).
    pub(crate) fn header() -> LatticeHeader {
        let map = ReciprocalMap {
            wavelength: 1.0,
            s0: -Vec3::z(),
            setting: Mat3::identity(),
            axis: Vec3::x(),
            fixed: Mat3::identity(),
            detector_shift: Vec3::zeros(),
        };
        let group = |k: usize| LatticeGroup {
            start: 3 * k,
            n: 3,
            sweep: k,
            crystal: Some(k),
            map: MapView::from(&map),
            phi0: 0.1,
            width: 0.01,
            images: 50,
            panel: [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [-50.0, 50.0, -100.0]],
            pixel_mm: [0.1, 0.1],
            panels: 1,
        };
        let a = Mat3::from_diagonal(&Vec3::new(0.1, 0.05, 0.02));
        let turned = rotation(&Vec3::z(), 0.3) * a;
        let crystals = [a, turned].map(|a| ewald_core::math::rows_of(&a)).to_vec();
        LatticeHeader { after: StageId::Index, n: 6, groups: vec![group(0), group(1)], crystals }
    }

    #[test]
    fn crystals_come_together_in_their_own_frame() {
        let (at_datum, together) = (scene(&header(), &Trial::default(), false), scene(&header(), &Trial::default(), true));
        let place = [12.0, 5.0, -100.0, 0.2];
        let r = at_datum[0].point(place);
        assert_eq!(r, at_datum[1].point(place));
        assert!((together[0].point(place) - r).norm() < 1e-12);
        let turned = rotation(&Vec3::z(), -0.3) * r;
        assert!((together[1].point(place) - turned).norm() < 1e-12);
        assert!((at_datum[0].image(0.2) - 10.0).abs() < 1e-5);
        let all = [[12.0f32, 5.0, -100.0, 0.2], [50.0, 0.0, -100.0, 0.0]];
        assert!((radius(&at_datum, all.iter().map(|p| (0, &p[..]))) - at_datum[0].point(all[1]).norm()).abs() < 1e-12);
        assert_eq!(radius(&at_datum, core::iter::empty()), 1.0);
    }

    #[test]
    fn crystals_with_their_axes_in_another_order_come_together_too() {
        let mut h = header();
        // The second crystal is the first, named otherwise: a → b → c → a.
        let order = Mat3::new(0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0);
        let first = mat3_from_rows(&h.crystals[0]);
        let turn = rotation(&Vec3::new(0.2, 0.9, 0.4).normalize(), 1.3);
        h.crystals[1] = ewald_core::math::rows_of(&(turn * first * order));
        let groups = scene(&h, &Trial::default(), true);
        let lattice = |k: usize, n: [f64; 3]| groups[k].frame_from_datum * mat3_from_rows(&h.crystals[k]) * Vec3::from(n);
        // Every lattice point of the second falls on one of the first.
        let on_first = |p: Vec3| (groups[0].frame_from_datum * first).try_inverse().unwrap() * p;
        for n in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [3.0, -2.0, 5.0]] {
            let index = on_first(lattice(1, n));
            assert!((index - index.map(f64::round)).norm() < 1e-9, "{index}");
        }
        // Another cell stays as it is.
        h.crystals[1] = ewald_core::math::rows_of(&(turn * first * 1.3));
        assert!(like(&mat3_from_rows(&h.crystals[1]), &first) == Mat3::identity());
    }

    #[test]
    fn filters_hide_what_they_say() {
        let groups = scene(&header(), &Trial::default(), false);
        let shows = |f: &Filter| [(0, 0), (0, mark::INDEXED), (1, 0), (1, mark::INDEXED)].map(|(g, m)| f.shows(&groups[g], m, 0.5, 7.0));
        let all = Filter::default();
        assert_eq!(shows(&all), [true; 4]);
        assert_eq!(shows(&Filter { kinds: Kinds::Indexed, ..all.clone() }), [false, true, false, true]);
        assert_eq!(shows(&Filter { kinds: Kinds::NotIndexed, ..all.clone() }), [true, false, true, false]);
        assert_eq!(shows(&Filter { hidden_sweeps: [0].into(), ..all.clone() }), [false, false, true, true]);
        assert_eq!(shows(&Filter { hidden_crystals: [1].into(), ..all.clone() }), [true, true, true, false]);
        assert_eq!(shows(&Filter { q: 0.6..=1.0, ..all.clone() }), [false; 4]);
        assert_eq!(shows(&Filter { images: 8.0..=9.0, ..all }), [false; 4]);
    }
}
