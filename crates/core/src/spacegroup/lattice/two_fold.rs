//! Two-fold axes of a reduced lattice (Le Page 1982, J. Appl. Cryst. 15, 255–259).
//!
//! A lattice has a two-fold axis where a lattice row u is perpendicular to a lattice plane h with
//! h·u = 1 or 2. In a reduced cell all such rotations have elements −1, 0, 1 (Lebedev, Vagin &
//! Murshudov 2006, appendix A1), so the candidates are found by listing those matrices: there are
//! 81. δ is the angle between the row and the normal of the plane.

use crate::spacegroup::op::{IDENTITY, IntMatrix, axis, determinant, multiply, transpose};
use nalgebra::{Matrix3, Vector3};
use std::sync::OnceLock;

/// A two-fold rotation that a lattice has nearly or exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoFold {
    /// The rotation, in the basis of the reduced cell.
    pub rotation: IntMatrix,
    /// Its axis as a lattice vector.
    pub direction: [i32; 3],
    /// Angle between the axis and the normal to the plane that goes with it.
    pub delta_deg: f64,
}

/// The matrices with elements −1, 0, 1 that are two-fold rotations.
fn candidates() -> &'static [IntMatrix] {
    static LIST: OnceLock<Vec<IntMatrix>> = OnceLock::new();
    LIST.get_or_init(|| {
        let mut list = Vec::new();
        for code in 0..3i32.pow(9) {
            let digit = |n: u32| code / 3i32.pow(n) % 3 - 1;
            let m: IntMatrix = std::array::from_fn(|i| std::array::from_fn(|j| digit((3 * i + j) as u32)));
            if m != IDENTITY && determinant(&m) == 1 && multiply(&m, &m) == IDENTITY {
                list.push(m);
            }
        }
        list
    })
}

/// δ of a two-fold rotation in a lattice with this metric, degrees.
fn delta_deg(metric: &Matrix3<f64>, reciprocal: &Matrix3<f64>, rotation: &IntMatrix) -> f64 {
    let vector = |v: [i32; 3]| Vector3::from(v.map(f64::from));
    let u = vector(axis(rotation));
    let h = vector(axis(&transpose(rotation)));
    // Components of h in direct space: G*·h. Then cos δ = (u·h)/(|u||h|).
    let dot = u.dot(&h).abs();
    let uu = u.dot(&(metric * u));
    let hh = h.dot(&(reciprocal * h));
    // sin δ keeps its digits for small angles where the cosine does not.
    let sine = (uu * hh - dot * dot).max(0.0).sqrt();
    libm::atan2(sine, dot).to_degrees()
}

/// The two-folds of a reduced cell within `max_delta_deg`, smallest δ first.
///
/// `metric` is that of a Niggli or minimum cell; in another cell axes would be missed.
pub fn two_folds(metric: &Matrix3<f64>, max_delta_deg: f64) -> Vec<TwoFold> {
    let Some(reciprocal) = metric.try_inverse() else { return Vec::new() };
    let mut found: Vec<TwoFold> = candidates()
        .iter()
        .map(|rotation| TwoFold { rotation: *rotation, direction: axis(rotation), delta_deg: delta_deg(metric, &reciprocal, rotation) })
        .filter(|t| t.delta_deg < max_delta_deg)
        .collect();
    found.sort_by(|x, y| x.delta_deg.total_cmp(&y.delta_deg));
    found
}

/// Largest δ of the two-folds among `rotations` (0 when there are none), degrees.
pub fn max_delta_deg(metric: &Matrix3<f64>, rotations: &[IntMatrix]) -> f64 {
    let Some(reciprocal) = metric.try_inverse() else { return 0.0 };
    rotations
        .iter()
        .filter(|r| **r != IDENTITY && multiply(r, r) == IDENTITY && determinant(r) == 1)
        .map(|r| delta_deg(metric, &reciprocal, r))
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spacegroup::constraints::metric_from_cell;

    #[test]
    fn there_are_81_candidates() {
        assert_eq!(candidates().len(), 81);
    }

    #[test]
    fn a_cube_has_nine() {
        let g = metric_from_cell([10.0, 10.0, 10.0, 90.0, 90.0, 90.0]);
        let found = two_folds(&g, 0.1);
        assert_eq!(found.len(), 9);
        assert!(found.iter().all(|t| t.delta_deg < 1e-5));
    }

    #[test]
    fn delta_of_a_tilted_axis() {
        // Monoclinic by 0.5°: the a and c axes are off by that, b is exact.
        let g = metric_from_cell([10.0, 15.0, 23.0, 90.0, 90.5, 90.0]);
        let found = two_folds(&g, 2.0);
        assert_eq!(found[0].direction, [0, 1, 0]);
        assert!(found[0].delta_deg < 1e-6);
        assert_eq!(found.len(), 3);
        assert!(found[1..].iter().all(|t| (t.delta_deg - 0.5).abs() < 1e-9));
        assert!((max_delta_deg(&g, &found.map_rotations()) - 0.5).abs() < 1e-9);
    }

    trait MapRotations {
        fn map_rotations(&self) -> Vec<IntMatrix>;
    }

    impl MapRotations for Vec<TwoFold> {
        fn map_rotations(&self) -> Vec<IntMatrix> {
            self.iter().map(|t| t.rotation).collect()
        }
    }
}
