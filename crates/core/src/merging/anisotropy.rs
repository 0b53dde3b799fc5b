//! How far the data reach in each direction of reciprocal space.

use super::{Criterion, Equivalents, MergingStatistics, ResolutionLimit, Shells, merging_statistics, resolution_limits};
use crate::geometry::UnitCell;
use crate::math::Vec3;
use crate::spacegroup::SpaceGroup;

/// Statistics of the reflections near one axis of the reciprocal lattice, and near those that symmetry makes equivalent to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Direction {
    /// The axes, such as `a*, b*`.
    pub label: String,
    /// Statistics in shells, without completeness.
    pub statistics: MergingStatistics,
    /// Resolution by CC½ and I/σ, where they can be told.
    pub limits: Vec<ResolutionLimit>,
}

impl Direction {
    /// d (Å) by one criterion.
    pub fn d_min(&self, criterion: Criterion) -> Option<f64> {
        self.limits.iter().find(|l| l.criterion == criterion).map(|l| l.d_min)
    }
}

/// Reflections within this angle of an axis count for its direction.
const CONE_DEG: f64 = 30.0;
/// Fewest unique reflections of a direction, and how many a shell should have.
const FEWEST: usize = 60;
const PER_SHELL: usize = 40;
const MOST_SHELLS: usize = 10;

/// Statistics along a*, b* and c* of observations in the order of `groups.rows`; axes that symmetry makes equivalent are one direction. Empty where
/// all are (cubic), or where there are too few reflections.
pub fn directions(
    group: &SpaceGroup,
    cell: &UnitCell,
    groups: &Equivalents,
    intensity: &[f64],
    sigma: &[f64],
    d: &[f64],
    cc_half: f64,
) -> Vec<Direction> {
    let names = ["a*", "b*", "c*"];
    let basis = cell.b_matrix();
    let place = |h: [i32; 3]| basis * Vec3::new(f64::from(h[0]), f64::from(h[1]), f64::from(h[2]));
    let operations = group.patterson();
    // Axes in classes of equivalents.
    let axes = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for (i, axis) in axes.iter().enumerate() {
        let images: Vec<[i32; 3]> = operations.ops().iter().map(|op| op.apply_to_hkl(*axis)).collect();
        match classes.iter_mut().find(|c| images.contains(&axes[c[0]])) {
            Some(class) => class.push(i),
            None => classes.push(vec![i]),
        }
    }
    if classes.len() < 2 {
        return Vec::new();
    }
    let cone = libm::cos(CONE_DEG.to_radians());
    classes
        .iter()
        .filter_map(|class| {
            let mut images: Vec<[i32; 3]> =
                class.iter().flat_map(|&i| operations.ops().iter().map(move |op| op.apply_to_hkl(axes[i]))).collect();
            images.sort_unstable();
            images.dedup();
            let units: Vec<Vec3> = images.iter().map(|h| place(*h).normalize()).collect();
            // What lies outside gets a resolution outside all shells.
            let mut inside = 0;
            let (mut low, mut high) = (0.0f64, f64::INFINITY);
            let own: Vec<f64> = groups
                .hkl
                .iter()
                .zip(d)
                .map(|(h, &d)| {
                    let p = place(*h).normalize();
                    if units.iter().any(|u| u.dot(&p) >= cone) {
                        inside += 1;
                        (low, high) = (low.max(d), high.min(d));
                        d
                    } else {
                        1e-9
                    }
                })
                .collect();
            if inside < FEWEST {
                return None;
            }
            let shells = Shells::new(low, high, (inside / PER_SHELL).clamp(3, MOST_SHELLS));
            let statistics = merging_statistics(groups, intensity, sigma, &own, shells, None);
            let mut limits = resolution_limits(&statistics, cc_half);
            limits.retain(|l| l.criterion != Criterion::Completeness);
            let label = class.iter().map(|&i| names[i]).collect::<Vec<_>>().join(", ");
            Some(Direction { label, statistics, limits })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two observations of each reflection of a tetragonal crystal that fades fast along c*.
    fn found(fade: f64) -> Vec<Direction> {
        let group = SpaceGroup::from_name("P 4").unwrap();
        let cell = UnitCell::new([40.0, 40.0, 40.0, 90.0, 90.0, 90.0]).unwrap();
        let mut hkl = Vec::new();
        for i in 0..21i32.pow(3) {
            let h = [i / 441 - 10, i / 21 % 21 - 10, i % 21 - 10];
            if h > [0; 3] && h.iter().map(|x| x * x).sum::<i32>() <= 100 {
                hkl.extend([h; 2]);
            }
        }
        let rows: Vec<u32> = (0..hkl.len() as u32).collect();
        let groups = Equivalents::new(&group, &hkl, &rows).unwrap();
        let d: Vec<f64> = groups.hkl.iter().map(|h| cell.d(*h)).collect();
        let random = |i: usize| {
            let x = crate::math::scramble(i as u64) >> 40;
            ((x as f64 + 0.5) / 16_777_216.0 - 0.5) * 12f64.sqrt()
        };
        let intensity: Vec<f64> = (0..groups.rows.len())
            .map(|j| {
                let g = groups.group_of[j] as usize;
                let l = f64::from(groups.hkl[g][2]);
                20.0 * (1.0 + 0.9 * random(g)) * (-fade * l * l).exp() + random(1_000_000 + j)
            })
            .collect();
        directions(&group, &cell, &groups, &intensity, &vec![1.0; groups.rows.len()], &d, 0.3)
    }

    #[test]
    fn the_direction_that_fades_is_told_apart() {
        let fading = found(0.08);
        assert_eq!(fading.iter().map(|x| x.label.as_str()).collect::<Vec<_>>(), ["a*, b*", "c*"]);
        let [ab, c] = [0, 1].map(|i| fading[i].d_min(Criterion::IOverSigma).unwrap());
        assert!(ab < 4.1 && c > 5.0, "{ab} {c}");
        let even = found(0.0);
        let [ab, c] = [0, 1].map(|i| even[i].d_min(Criterion::CcHalf).unwrap());
        assert!((ab - c).abs() < 0.1, "{ab} {c}");
    }

    #[test]
    fn a_cubic_crystal_has_no_directions() {
        let group = SpaceGroup::from_name("P 2 3").unwrap();
        let cell = UnitCell::new([40.0, 40.0, 40.0, 90.0, 90.0, 90.0]).unwrap();
        let groups = Equivalents::new(&group, &[[1, 2, 3]], &[0]).unwrap();
        assert!(directions(&group, &cell, &groups, &[1.0], &[1.0], &[10.0], 0.3).is_empty());
    }
}
