//! How the shape of reflections varies over the detector.

use super::shape::{Moments, Shape};
use serde::{Deserialize, Serialize};

/// Terms of a trend: 1, u, v, u², uv, v².
const TERMS: usize = 6;
/// Moments that have a trend: three of first order, four of second.
const MOMENTS: usize = 7;

/// Where a reflection stands: quadratic terms of its direction. Spots grow or shrink over the detector because rays meet it and its sensor at an
/// angle; weak reflections are mostly farther out than the strong ones from which shapes are learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place([f64; TERMS]);

impl Place {
    /// `u`, `v`: components of the diffracted beam's unit vector across the incident beam.
    pub(super) fn new(u: f64, v: f64) -> Self {
        // Half of one is a wide detector: brings the terms to comparable size.
        let (u, v) = (2.0 * u, 2.0 * v);
        Place([1.0, u, v, u * u, u * v, v * v])
    }
}

/// Normal equations of the moments' trends, each spot weighted by its counts.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Sums {
    normal: [[f64; TERMS]; TERMS],
    right: [[f64; TERMS]; MOMENTS],
    pub(super) spots: f64,
}

/// Spots' worth of belief that shapes do not vary.
const RIDGE: f64 = 3.0;

impl Sums {
    /// Takes in a spot.
    pub(super) fn spot(&mut self, place: &Place, weight: f64, m: &Moments) {
        let all = [m.first[0], m.first[1], m.first[2], m.second[0], m.second[1], m.second[2], m.second[3]];
        for i in 0..TERMS {
            for j in 0..TERMS {
                self.normal[i][j] += weight * m.net * place.0[i] * place.0[j];
            }
            for (right, q) in self.right.iter_mut().zip(&all) {
                right[i] += weight * place.0[i] * q;
            }
        }
        self.spots += 1.0;
    }

    pub(super) fn add(&mut self, weight: f64, other: &Sums) {
        let rows = self.normal.iter_mut().chain(&mut self.right).zip(other.normal.iter().chain(&other.right));
        for (a, b) in rows {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += weight * b);
        }
        self.spots += weight * other.spots;
    }

    /// The trend, `None` without counts.
    pub(super) fn solve(&self) -> Option<Trend> {
        if !(self.normal[0][0] > 0.0) || !(self.spots > 0.0) {
            return None;
        }
        let mut a = self.normal;
        let ridge = RIDGE * self.normal[0][0] / self.spots;
        for i in 1..TERMS {
            a[i][i] += ridge;
        }
        let l = cholesky(a)?;
        Some(Trend(self.right.map(|r| substitute(&l, r))))
    }
}

/// Coefficients of the moments, per count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Trend([[f64; TERMS]; MOMENTS]);

impl Trend {
    /// The shape of a reflection.
    pub(super) fn at(&self, place: &Place, sigma_b: f64, sigma_m: f64) -> Option<Shape> {
        let q = self.0.map(|c| c.iter().zip(&place.0).map(|(c, x)| c * x).sum::<f64>());
        let m = Moments { net: 1.0, first: [q[0], q[1], q[2]], second: [q[3], q[4], q[5], q[6]] };
        Shape::from_moments(&m, sigma_b, sigma_m)
    }
}

/// L with L Lᵀ = a. `None` when `a` is not positive definite.
fn cholesky(a: [[f64; TERMS]; TERMS]) -> Option<[[f64; TERMS]; TERMS]> {
    let mut l = [[0.0; TERMS]; TERMS];
    for i in 0..TERMS {
        for j in 0..=i {
            let rest = a[i][j] - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
            if i == j {
                if !(rest > 0.0) {
                    return None;
                }
                l[i][i] = rest.sqrt();
            } else {
                l[i][j] = rest / l[j][j];
            }
        }
    }
    Some(l)
}

fn substitute(l: &[[f64; TERMS]; TERMS], mut x: [f64; TERMS]) -> [f64; TERMS] {
    for i in 0..TERMS {
        x[i] = (x[i] - (0..i).map(|k| l[i][k] * x[k]).sum::<f64>()) / l[i][i];
    }
    for i in (0..TERMS).rev() {
        x[i] = (x[i] - (i + 1..TERMS).map(|k| l[k][i] * x[k]).sum::<f64>()) / l[i][i];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(u: f64, v: f64, net: f64) -> Moments {
        let (xx, yy, zz) = (1e-6 * (1.0 + 0.2 * u - 0.3 * u * v), 2e-6 * (1.0 + 0.4 * v * v), 4e-6);
        Moments {
            net,
            first: [1e-4 * net, -2e-4 * net * v, 0.0],
            second: [(xx + 1e-8) * net, -2e-8 * v * net, (yy + 4e-8 * v * v) * net, zz * net],
        }
    }

    #[test]
    fn quadratic_trends_are_found_and_few_spots_give_their_mean() {
        let mut sums = Sums::default();
        for i in 0..400 {
            let (u, v) = (f64::from(i % 20) / 20.0 - 0.5, f64::from(i / 20) / 20.0 - 0.5);
            sums.spot(&Place::new(u, v), 1.0, &moments(u, v, 100.0 + f64::from(i % 7)));
        }
        let trend = sums.solve().unwrap();
        let (u, v) = (0.31, -0.22);
        let exact = Shape::from_moments(&moments(u, v, 1.0), 1.5e-3, 2e-3).unwrap();
        let found = trend.at(&Place::new(u, v), 1.5e-3, 2e-3).unwrap();
        assert!((found.widest / exact.widest - 1.0).abs() < 3e-3, "{found:?} {exact:?}");
        assert!((found.narrowest / exact.narrowest - 1.0).abs() < 3e-3);
        assert!((found.centre[1] - exact.centre[1]).abs() < 3e-6);

        let mut one = Sums::default();
        one.spot(&Place::new(0.1, 0.0), 1.0, &moments(0.1, 0.0, 500.0));
        let far = one.solve().unwrap().at(&Place::new(-0.4, 0.3), 1.5e-3, 2e-3).unwrap();
        assert!((far.sigma_3 / 2e-3 - 1.0).abs() < 0.2);
        assert_eq!(Sums::default().solve(), None);
    }
}
