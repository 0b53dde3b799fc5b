//! Reduced cells.
//!
//! Křivý & Gruber (1976), Acta Cryst. A32, 297–298, with the tolerance of Grosse-Kunstleve, Sauter &
//! Adams (2004), Acta Cryst. A60, 1–6; and the latter's minimum reduction, which finds shortest
//! vectors without the conditions that make the Niggli cell unique. In the letters of those papers
//! A = a·a, B = b·b, C = c·c, ξ = 2 b·c, η = 2 a·c, ζ = 2 a·b.

use crate::spacegroup::basis::ChangeOfBasis;
use crate::spacegroup::op::{IDENTITY, IntMatrix, multiply};
use crate::spacegroup::{Error, constraints::volume};
use nalgebra::Matrix3;

/// Steps after which a reduction is given up; real cells need fewer than 50.
const MAX_STEPS: usize = 2000;

/// Metric of the current cell, and the axes so far.
struct State {
    original: Matrix3<f64>,
    /// Columns: the current axes in terms of the original ones.
    axes: IntMatrix,
    g: Matrix3<f64>,
}

impl State {
    fn new(metric: &Matrix3<f64>) -> Result<Self, Error> {
        let bad = || Error::BadCell { volume: volume(metric), edges: std::array::from_fn(|i| metric[(i, i)].max(0.0).sqrt()) };
        let finite = metric.iter().all(|v| v.is_finite());
        if !finite || (0..3).any(|i| metric[(i, i)] <= 0.0) {
            return Err(bad());
        }
        let edges: f64 = (0..3).map(|i| metric[(i, i)].sqrt()).product();
        // Coplanar to six digits.
        if volume(metric) < 1e-6 * edges || metric.symmetric_eigenvalues().min() <= 0.0 {
            return Err(bad());
        }
        Ok(State { original: *metric, axes: IDENTITY, g: *metric })
    }

    fn abc(&self) -> [f64; 3] {
        [self.g[(0, 0)], self.g[(1, 1)], self.g[(2, 2)]]
    }

    /// ξ, η, ζ.
    fn xi_eta_zeta(&self) -> [f64; 3] {
        [2.0 * self.g[(1, 2)], 2.0 * self.g[(0, 2)], 2.0 * self.g[(0, 1)]]
    }

    /// Takes new axes: columns of `m` in terms of the current ones.
    fn step(&mut self, m: &IntMatrix) {
        self.axes = multiply(&self.axes, m);
        // From the original each time, so that rounding does not accumulate.
        let p = Matrix3::from_fn(|i, j| f64::from(self.axes[i][j]));
        self.g = p.transpose() * self.original * p;
    }

    fn failed(&self) -> Error {
        Error::BadCell { volume: volume(&self.original), edges: std::array::from_fn(|i| self.original[(i, i)].sqrt()) }
    }

    fn is_runaway(&self) -> bool {
        self.axes.iter().flatten().any(|v| v.abs() > 100_000)
    }

    fn basis(&self) -> Result<ChangeOfBasis, Error> {
        ChangeOfBasis::from_axes(&self.axes)
    }

    /// Turns axes round so that ξ, η, ζ are all positive (if their product is), or none is.
    fn set_signs(&mut self, eps: f64) {
        let v = self.xi_eta_zeta();
        let sign = v.map(|x| {
            if x > eps {
                1
            } else if x < -eps {
                -1
            } else {
                0
            }
        });
        let diagonal = if sign.iter().product::<i32>() > 0 {
            sign
        } else {
            // Turning axis i changes the sign of the two products it is part of. Every positive
            // product has to go; an axis whose product is zero may turn to keep the hand.
            let mut d = sign.map(|s| if s > 0 { -1 } else { 1 });
            if d.iter().product::<i32>() < 0 {
                match (0..3).rev().find(|&i| sign[i] == 0) {
                    Some(i) => d[i] = -1,
                    None => d = [1; 3],
                }
            }
            d
        };
        if diagonal != [1; 3] {
            let m = std::array::from_fn(|i| std::array::from_fn(|j| if i == j { diagonal[i] } else { 0 }));
            self.step(&m);
        }
    }
}

const SWAP_AB: IntMatrix = [[0, -1, 0], [-1, 0, 0], [0, 0, -1]];
const SWAP_BC: IntMatrix = [[-1, 0, 0], [0, 0, -1], [0, -1, 0]];
const C_IS_SUM: IntMatrix = [[1, 0, 1], [0, 1, 1], [0, 0, 1]];

/// New axis `to` = axis `to` − n·axis `from`.
fn shear(to: usize, from: usize, n: i32) -> IntMatrix {
    let mut m = IDENTITY;
    m[from][to] = -n;
    m
}

/// The Niggli cell: the change of basis from the given primitive cell to it.
///
/// `metric` in Å². Comparisons use ε = 10⁻⁵ · V^(1/3) on squared lengths scaled to that size, so a
/// cell measured to five digits has a well-defined type.
///
/// # Errors
/// [`Error::BadCell`] for a metric that is not positive definite.
pub fn niggli_cell(metric: &Matrix3<f64>) -> Result<ChangeOfBasis, Error> {
    let mut s = State::new(metric)?;
    let v13 = libm::cbrt(volume(metric));
    // ε of Grosse-Kunstleve et al. is relative to V^(1/3); the compared quantities are in Å².
    let eps = 1e-5 * v13 * v13;
    let lt = |x: f64, y: f64| x < y - eps;
    let eq = |x: f64, y: f64| (x - y).abs() <= eps;
    for _ in 0..MAX_STEPS {
        if s.is_runaway() {
            break;
        }
        let [a, b, _] = s.abc();
        let [xi, eta, _] = s.xi_eta_zeta();
        // Step 1.
        if lt(b, a) || (eq(a, b) && lt(eta.abs(), xi.abs())) {
            s.step(&SWAP_AB);
        }
        let [_, b, c] = s.abc();
        let [_, eta, zeta] = s.xi_eta_zeta();
        // Step 2.
        if lt(c, b) || (eq(b, c) && lt(zeta.abs(), eta.abs())) {
            s.step(&SWAP_BC);
            continue;
        }
        // Steps 3 and 4.
        s.set_signs(eps);
        let [a, b, _] = s.abc();
        let [xi, eta, zeta] = s.xi_eta_zeta();
        let sign = |x: f64| if x > 0.0 { 1 } else { -1 };
        // Step 5.
        if lt(b, xi.abs()) || (eq(xi, b) && lt(2.0 * eta, zeta)) || (eq(xi, -b) && lt(zeta, 0.0)) {
            s.step(&shear(2, 1, sign(xi)));
            continue;
        }
        // Step 6.
        if lt(a, eta.abs()) || (eq(eta, a) && lt(2.0 * xi, zeta)) || (eq(eta, -a) && lt(zeta, 0.0)) {
            s.step(&shear(2, 0, sign(eta)));
            continue;
        }
        // Step 7.
        if lt(a, zeta.abs()) || (eq(zeta, a) && lt(2.0 * xi, eta)) || (eq(zeta, -a) && lt(eta, 0.0)) {
            s.step(&shear(1, 0, sign(zeta)));
            continue;
        }
        // Step 8.
        let sum = xi + eta + zeta + a + b;
        if lt(sum, 0.0) || (eq(sum, 0.0) && lt(0.0, 2.0 * (a + eta) + zeta)) {
            s.step(&C_IS_SUM);
            continue;
        }
        return s.basis();
    }
    Err(s.failed())
}

/// A cell with the shortest edges (a Buerger cell), a ≤ b ≤ c: the change of basis to it.
///
/// The cell that DIALS calls minimum. Its angles are all acute or none is.
///
/// # Errors
/// [`Error::BadCell`] for a metric that is not positive definite.
pub fn minimum_cell(metric: &Matrix3<f64>) -> Result<ChangeOfBasis, Error> {
    let mut s = State::new(metric)?;
    // Only to keep equal lengths from being swapped for ever.
    let eps = 1e-9;
    // Number of times the shorter vector is to be taken off. A product of just half the square
    // stays: taking the vector off would only change its sign.
    let times = |product: f64, square: f64| {
        if product.abs() <= square * (1.0 + 1e-7) { 0.0 } else { (product / (2.0 * square)).round() }
    };
    for _ in 0..MAX_STEPS {
        if s.is_runaway() {
            break;
        }
        let [a, b, _] = s.abc();
        if b < a * (1.0 - eps) {
            s.step(&SWAP_AB);
        }
        let [_, b, c] = s.abc();
        if c < b * (1.0 - eps) {
            s.step(&SWAP_BC);
            continue;
        }
        let [a, b, _] = s.abc();
        s.set_signs(eps * a);
        let [xi, eta, zeta] = s.xi_eta_zeta();
        let shears = [(2, 1, times(xi, b)), (2, 0, times(eta, a)), (1, 0, times(zeta, a))];
        if let Some(&(to, from, n)) = shears.iter().find(|(_, _, n)| *n != 0.0) {
            if n.abs() > 1e5 {
                break;
            }
            s.step(&shear(to, from, n as i32));
            continue;
        }
        if xi + eta + zeta + a + b < -eps * (a + b) {
            s.step(&C_IS_SUM);
            continue;
        }
        return s.basis();
    }
    Err(s.failed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spacegroup::constraints::{cell_from_metric, metric_from_cell};
    use proptest::prelude::*;

    fn cell(metric: &Matrix3<f64>, basis: &ChangeOfBasis) -> [f64; 6] {
        cell_from_metric(&basis.metric(metric))
    }

    #[test]
    fn the_example_of_krivy_and_gruber() {
        // The paper's worked example, in its parameters A, B, C, ξ, η, ζ.
        let [a, b, c, xi, eta, zeta] = [9.0, 27.0, 4.0, -5.0, -4.0, -22.0];
        let g = Matrix3::new(
            a,
            zeta / 2.0,
            eta / 2.0, //
            zeta / 2.0,
            b,
            xi / 2.0, //
            eta / 2.0,
            xi / 2.0,
            c,
        );
        let r = niggli_cell(&g).unwrap().metric(&g);
        let reduced = [r[(0, 0)], r[(1, 1)], r[(2, 2)], 2.0 * r[(1, 2)], 2.0 * r[(0, 2)], 2.0 * r[(0, 1)]];
        for (x, y) in reduced.iter().zip([4.0, 9.0, 9.0, 9.0, 3.0, 4.0]) {
            assert!((x - y).abs() < 1e-12, "{reduced:?}");
        }
    }

    #[test]
    fn a_hexagonal_cell_with_60_degrees_opens_to_120() {
        let g = metric_from_cell([4.92489, 4.92489, 5.40137, 90.0, 90.0, 60.0]);
        let c = cell(&g, &minimum_cell(&g).unwrap());
        assert!((c[5] - 120.0).abs() < 1e-9, "{c:?}");
    }

    #[test]
    fn impossible_cells_are_errors() {
        for c in [
            [10.0, 10.0, 10.0, 120.0, 120.0, 120.0],
            [0.0, 10.0, 10.0, 90.0, 90.0, 90.0],
            [f64::NAN, 10.0, 10.0, 90.0, 90.0, 90.0],
            [10.0, 10.0, 10.0, 10.0, 10.0, 170.0],
        ] {
            let g = metric_from_cell(c);
            assert!(niggli_cell(&g).is_err() && minimum_cell(&g).is_err(), "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn another_basis_of_the_same_lattice_has_the_same_reduced_cell(
            edges in [5.0..50.0f64, 5.0..50.0, 5.0..50.0],
            angles in [65.0..115.0f64, 65.0..115.0, 65.0..115.0],
            shears in [-3i32..4, -3..4, -3..4],
        ) {
            let g = metric_from_cell([edges[0], edges[1], edges[2], angles[0], angles[1], angles[2]]);
            let mut m = multiply(&shear(2, 1, shears[0]), &shear(1, 0, shears[1]));
            m = multiply(&m, &shear(0, 2, shears[2]));
            let other = ChangeOfBasis::from_axes(&m).unwrap().metric(&g);
            for reduce in [niggli_cell, minimum_cell] {
                let (first, second) = (reduce(&g).unwrap(), reduce(&other).unwrap());
                prop_assert!((first.volume_ratio() - 1.0).abs() < 1e-9);
                let (x, y) = (cell(&g, &first), cell(&other, &second));
                for i in 0..3 {
                    prop_assert!((x[i] - y[i]).abs() < 1e-4, "{x:?} {y:?}");
                }
                prop_assert!(x[0] <= x[1] + 1e-3 && x[1] <= x[2] + 1e-3);
            }
        }
    }
}
