//! How well centroids are known, learnt from the residuals.
//!
//! The variance that spot finding gives a centroid is its counting variance plus 1/12 pixel². The second part outweighs the first, so that all spots
//! weigh the same; yet on simulated images the centroids of the strongest tenth are good to 0.012 pixel and those of the weakest to 0.2. What is known
//! beforehand is only the order: the counting part ranks the spots. So they are sorted by it, and in classes of equal numbers the spread of the
//! residuals is measured (median absolute deviation), for each coordinate by itself. Spots on a single image make classes of their own, since their
//! angle is known to an image only.
//!
//! A model that does not fit widens the spread of the strong spots most, which keeps them from ruling a fit that cannot be right for them.

use super::select::Observation;
use crate::job::parallel;

/// With fewer residuals than this the variances stay as they are.
const LEAST: usize = 400;
/// Residuals in a class, and how many classes at most.
const CLASS: usize = 150;
const MAX_CLASSES: usize = 16;
/// Standard deviation of a normal distribution over its median absolute deviation.
const FROM_MAD: f64 = 1.482_602_218_505_602;

/// Standard deviations of one kind of spots at the classes' middles.
#[derive(Clone)]
struct Curve {
    /// ln of the counting variance, ascending.
    ln_variance: Vec<f64>,
    /// ln of the standard deviations in x, y (px) and z (images).
    ln_sigma: Vec<[f64; 3]>,
}

impl Curve {
    /// `None` for too few residuals or such as do not vary. `spots`: ln of the counting variance, residual (px, px, images).
    fn of(mut spots: Vec<(f64, [f64; 3])>) -> Option<Curve> {
        if spots.len() < CLASS {
            return None;
        }
        spots.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1[0].total_cmp(&b.1[0])));
        let n = (spots.len() / CLASS).min(MAX_CLASSES);
        let mut curve = Curve { ln_variance: Vec::with_capacity(n), ln_sigma: Vec::with_capacity(n) };
        for k in 0..n {
            let class = &spots[k * spots.len() / n..(k + 1) * spots.len() / n];
            let sigma = [0, 1, 2].map(|axis| FROM_MAD * absolute_deviation(class.iter().map(|s| s.1[axis]).collect()));
            if sigma.iter().any(|s| s.is_nan() || *s <= 0.0) {
                return None;
            }
            curve.ln_variance.push(class[class.len() / 2].0);
            curve.ln_sigma.push(sigma.map(libm::log));
        }
        Some(curve)
    }

    /// Between the classes' middles by straight lines in the logarithms, constant beyond them.
    fn sigma(&self, ln_variance: f64) -> [f64; 3] {
        let after = self.ln_variance.partition_point(|x| *x <= ln_variance);
        let ln = match (after.checked_sub(1), self.ln_sigma.get(after)) {
            (Some(before), Some(next)) => {
                let (low, high) = (self.ln_variance[before], self.ln_variance[after]);
                let t = if high > low { (ln_variance - low) / (high - low) } else { 0.0 };
                core::array::from_fn(|k| self.ln_sigma[before][k] * (1.0 - t) + next[k] * t)
            }
            (Some(before), None) => self.ln_sigma[before],
            (None, _) => self.ln_sigma[0],
        };
        ln.map(libm::exp)
    }
}

/// Weights of `observations` from their `residuals` (mm, mm, rad), in the same order. `None` when there are too few, or when they do not vary.
pub(crate) fn learnt_weights(observations: &[Observation], residuals: &[Option<[f64; 3]>]) -> Option<Vec<[f64; 3]>> {
    if residuals.iter().flatten().count() < LEAST {
        return None;
    }
    let ln: Vec<f64> = parallel::map(observations.len(), |i| libm::log(observations[i].counting.max(1e-8)));
    let px = |i: usize| residuals[i].map(|r| [0, 1, 2].map(|k| r[k] / observations[i].unit[k]));
    let of = |single: Option<bool>| {
        let mine = |i: &usize| single.is_none_or(|s| s == observations[*i].single_image);
        Curve::of((0..observations.len()).filter(mine).filter_map(|i| Some((ln[i], px(i)?))).collect())
    };
    let mut curves = parallel::map(2, |single| of(Some(single == 1)));
    if curves.iter().any(Option::is_none) {
        // Kinds that are too rare for a curve of their own use the common one.
        let common = of(None)?;
        curves.iter_mut().for_each(|c| *c = Some(c.take().unwrap_or_else(|| common.clone())));
    }
    let curves: Vec<Curve> = curves.into_iter().flatten().collect();
    let weight = |i: usize| {
        let o = &observations[i];
        let sigma = curves[usize::from(o.single_image)].sigma(ln[i]);
        core::array::from_fn(|k| 1.0 / (sigma[k] * o.unit[k] * sigma[k] * o.unit[k]))
    };
    Some(parallel::map(observations.len(), weight))
}

/// Median absolute deviation from the median.
fn absolute_deviation(mut x: Vec<f64>) -> f64 {
    let half = x.len() / 2;
    let middle = *x.select_nth_unstable_by(half, f64::total_cmp).1;
    x.iter_mut().for_each(|v| *v = (*v - middle).abs());
    *x.select_nth_unstable_by(half, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Vec3;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn weights_follow_the_spread_of_residuals_and_gross_errors_do_not_count() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut normal = || (0..12).map(|_| rng.random_range(-0.5..0.5)).sum::<f64>();
        let n = 6000;
        let mut observations = Vec::new();
        let mut residuals = Vec::new();
        let truth = |counting: f64, single: bool| {
            let s = (1e-4 + 1.3 * counting).sqrt();
            [s, 2.0 * s, if single { 0.3 } else { 1.5 * s }]
        };
        let unit = [0.1, 0.1, 0.004];
        for i in 0..n {
            let counting = libm::pow(10.0, -4.0 + 2.5 * i as f64 / n as f64);
            let single_image = i % 4 == 0;
            let (row, xyz, weight) = (i, [0.0; 3], [1.0; 3]);
            let h = Vec3::x();
            observations.push(Observation {
                row,
                experiment: 0,
                panel: 0,
                h,
                entering: false,
                xyz,
                turn: [1.0, 0.0],
                weight,
                outlier: false,
                z: 0.0,
                counting,
                single_image,
                unit,
            });
            let sigma = truth(counting, single_image);
            let gross = if i % 25 == 0 { 3.0 } else { 0.0 };
            residuals.push(Some([0, 1, 2].map(|k| unit[k] * (sigma[k] * normal() + gross))));
        }
        let weights = learnt_weights(&observations, &residuals).unwrap();
        for (o, w) in observations.iter().zip(&weights) {
            let expected = truth(o.counting, o.single_image);
            for k in 0..3 {
                let ratio = 1.0 / (w[k].sqrt() * unit[k]) / expected[k];
                assert!((0.7..1.4).contains(&ratio), "{} {k}: {ratio}", o.counting);
            }
        }
        assert_eq!(learnt_weights(&observations[..300], &residuals[..300]), None);
        assert_eq!(learnt_weights(&observations, &vec![Some([0.0; 3]); n]), None);
    }
}
