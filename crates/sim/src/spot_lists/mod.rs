//! Spot lists of random crystals, with the truth beside them: how often does indexing find the right lattice?
//!
//! [`Trial`] draws a crystal of one of the fourteen Bravais types and an experiment fit for it: a detector and distance that resolve its spots,
//! images fine enough for its longest edge, a header whose beam centre and distance are wrong. [`Trial::spots`] gives the centroids that spot
//! finding would report: the strongest reflections, blurred by counting statistics, cut into images, merged where they overlap, together with
//! spots that belong to no lattice. [`judge()`] compares a lattice with the truth. Everything follows from one seed.

mod cells;
mod judge;
mod merge;
mod spots;
mod trial;

pub use cells::BRAVAIS;
pub use judge::{Verdict, judge};
pub use spots::{SpotList, Truth};
pub use trial::{Kind, Trial};

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::math::Vec3;
    use ewald_core::predict::map_observed;

    #[test]
    fn true_spots_lie_on_their_lattice_points_and_others_seldom() {
        for number in [0, 4, 12] {
            let trial = Trial::new(Kind::Any, number, 7);
            let mut spots = trial.spots();
            assert_eq!(spots.table.xyzobs_px, trial.spots().table.xyzobs_px);
            map_observed(&trial.experiments(false), &mut spots.table).unwrap();
            let (mut off, mut n) = (0, 0);
            for (r, truth) in spots.table.rlp.iter().zip(&spots.truth) {
                let Some(truth) = truth else { continue };
                let h = trial.a_matrices[truth.lattice].try_inverse().unwrap() * Vec3::from(*r);
                n += 1;
                off += usize::from((h - Vec3::from(truth.hkl.map(f64::from))).norm() > 0.3);
            }
            assert!(n >= 50 && off * 20 < n, "{trial}: {off} of {n}");
            let spurious = spots.truth.iter().filter(|t| t.is_none()).count() as f64 / spots.truth.len() as f64;
            assert!((spurious - trial.spurious).abs() < 0.1, "{trial}: {spurious}");
        }
    }

    #[test]
    fn the_truth_is_right_in_any_basis_and_half_a_cell_is_not() {
        let trial = Trial::new(Kind::Any, 3, 7);
        let spots = trial.spots();
        let hkl = |i: usize| spots.truth[i].map(|t| [t.hkl[1], t.hkl[0], -t.hkl[2] - t.hkl[0]]);
        let change = ewald_core::math::Mat3::new(0.0, 1.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, -1.0);
        let a = trial.a_matrices[0] * change.try_inverse().unwrap();
        let verdict = judge(&trial, &spots, &a, hkl).unwrap();
        assert!(verdict.is_right(0.99) && verdict.spurious_indexed == 0.0, "{verdict:?}");
        let half = trial.a_matrices[0] * ewald_core::math::Mat3::from_diagonal(&Vec3::new(2.0, 1.0, 1.0));
        assert!(!judge(&trial, &spots, &half, hkl).unwrap().is_right(0.1));
    }
}
