//! Intensities on an absolute scale, with isotropic and anisotropic fall-off removed.
//!
//! The expected intensity is μ(h) = Σ(s)·exp(k − hᵀβh), s = 1/d², with Σ(s) the mean square scattering factor of a protein and β a
//! symmetric 3×3 matrix. Wilson's acentric distribution has mean μ and variance μ², measuring adds σ². The quasi-likelihood of a mean μ and
//! a variance μ² + σ² (Wedderburn 1974), −(I/σ)·atan(σ/μ) − ½ln(μ² + σ²), which is Wilson's log-likelihood −I/μ − ln μ where σ is
//! small, is maximised by Fisher scoring: each step is a least-squares fit of (I − μ)/μ with weights μ²/(μ² + σ²).
//!
//! All reflections with s above 0.008 Å⁻² (where solvent counts for little) take part. A fit to d > 1.2 Å alone, to which Σ(s) is best known, has
//! too few reflections of a small molecule: extrapolated to its 0.6 Å, the fall-off of one sweep differs from another's by factors.
//!
//! Intensities are divided by exp(k − hᵀβh), not by μ, as DIALS does: Σ(s) is left in, so that reflections of high resolution, which
//! are the noisier ones, weigh less in correlation coefficients.
//!
//! What normalisation leaves of the fall-off with resolution raises every correlation, that of wrong operators most. Of an electron-diffraction set of
//! quartz, intensities as measured correlate with 0.91 to 0.94 by true and 0.4 to 0.6 by false operators (DIALS, whose fit leaves the fall-off
//! in: 0.91 to 0.99 and 0.5 to 0.7), divided by the mean of their shell with 0.72 to 0.77 and −0.2 to −0.1: lower, and far better apart.

use super::input::Observation;
use crate::job::parallel;
use crate::math::{Mat3, Symmetric};
use crate::spacegroup::constraints::d_spacing;

/// Parameters of the model: k and six of β.
const N: usize = 7;

/// Fewest observations that seven parameters are fitted to; with fewer, only the mean is.
const MIN_OBSERVATIONS: usize = 70;

/// 1/d² (Å⁻²) from which reflections are fitted, if these are enough: below, solvent counts.
const FITTED_FROM: f64 = 0.008;

/// Σ of f² over C₅N₁.₃₅O₁.₅H₈, the composition of a mean residue, over its value at s = 0.
///
/// Three Gaussians fitted to the form factors of International Tables C (1992), table 6.1.1.4, for s from 0 to 3 Å⁻²: within
/// 1.3 %.
pub fn mean_square_scattering(s: f64) -> f64 {
    0.512_556_55 * libm::exp(-10.805_363_63 * s) + 0.400_348_07 * libm::exp(-3.410_862_17 * s) + 0.083_000_83 * libm::exp(-0.25 * s)
}

/// A member of the fit: index, intensity and σ, Σ(s).
struct Point {
    hkl: [i32; 3],
    intensity: f64,
    sigma: f64,
    shape: f64,
}

/// ln of the scale and fall-off as a function of the index: k, then β for h², k², l², kl, hl, hk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    parameters: [f64; N],
}

fn terms(hkl: [i32; 3]) -> [f64; N] {
    let [h, k, l] = hkl.map(f64::from);
    [1.0, -h * h, -k * k, -l * l, -2.0 * k * l, -2.0 * h * l, -2.0 * h * k]
}

impl Expected {
    /// exp(k − hᵀβh) of an index.
    pub fn at(&self, hkl: [i32; 3]) -> f64 {
        let ln = terms(hkl).iter().zip(&self.parameters).map(|(x, p)| x * p).sum::<f64>();
        libm::exp(ln.clamp(-200.0, 200.0))
    }

    /// Fits the model to intensities; `reciprocal` is G* (Å⁻²). `None` when their mean is not positive.
    pub fn fit(list: &[Observation], reciprocal: &Mat3) -> Option<Self> {
        let point = |o: &Observation| {
            let s = d_spacing(reciprocal, o.hkl).powi(-2);
            (s, Point { hkl: o.hkl, intensity: o.intensity, sigma: o.sigma, shape: mean_square_scattering(s) })
        };
        let mut points: Vec<Point> = list.iter().map(point).filter(|(s, _)| *s >= FITTED_FROM).map(|p| p.1).collect();
        if points.len() < MIN_OBSERVATIONS {
            points = list.iter().map(|o| point(o).1).collect();
        }
        Self::fit_points(&points)
    }

    fn fit_points(list: &[Point]) -> Option<Self> {
        let mean = list.iter().map(|o| o.intensity / o.shape).sum::<f64>() / list.len().max(1) as f64;
        if !mean.is_finite() || mean <= 0.0 {
            return None;
        }
        let mut model = Expected { parameters: [libm::log(mean), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0] };
        if list.len() < MIN_OBSERVATIONS {
            return Some(model);
        }
        let mut likelihood = model.likelihood(list);
        for _ in 0..50 {
            let (information, score) = model.normal_equations(list);
            let Some(factor) = information.cholesky(1e-12) else { return Some(model) };
            let step = factor.solve(&score);
            let mut fraction = 1.0;
            let (mut next, mut better) = (model, likelihood);
            // A whole step may overshoot while far from the maximum.
            for _ in 0..30 {
                next.parameters = std::array::from_fn(|i| model.parameters[i] + fraction * step[i]);
                better = next.likelihood(list);
                if better >= likelihood {
                    break;
                }
                fraction *= 0.5;
            }
            if better < likelihood {
                break;
            }
            let gain = better - likelihood;
            model = next;
            likelihood = better;
            if gain < 1e-7 * list.len() as f64 {
                break;
            }
        }
        Some(model)
    }

    fn likelihood(&self, list: &[Point]) -> f64 {
        parallel::map_chunks(list, 4096, |_, chunk| {
            chunk
                .iter()
                .map(|o| {
                    let mu = o.shape * self.at(o.hkl);
                    if o.sigma < 1e-3 * mu {
                        -(o.intensity / mu + libm::log(mu))
                    } else {
                        -(o.intensity / o.sigma * libm::atan(o.sigma / mu) + 0.5 * libm::log(mu * mu + o.sigma * o.sigma))
                    }
                })
                .sum::<f64>()
        })
        .iter()
        .sum()
    }

    fn normal_equations(&self, list: &[Point]) -> (Symmetric, [f64; N]) {
        let blocks = parallel::map_chunks(list, 4096, |_, chunk| {
            let mut matrix = [[0.0; N]; N];
            let mut score = [0.0; N];
            for o in chunk {
                let x = terms(o.hkl);
                let mu = o.shape * self.at(o.hkl);
                let weight = 1.0 / (1.0 + (o.sigma / mu) * (o.sigma / mu));
                let residual = weight * (o.intensity / mu - 1.0);
                for i in 0..N {
                    score[i] += x[i] * residual;
                    for j in 0..=i {
                        matrix[i][j] += weight * x[i] * x[j];
                    }
                }
            }
            (matrix, score)
        });
        let mut information = Symmetric::zeros(N);
        let mut score = [0.0; N];
        for (block, s) in blocks {
            for i in 0..N {
                score[i] += s[i];
                for j in 0..=i {
                    information.add(i, j, block[i][j]);
                }
            }
        }
        (information, score)
    }
}

/// Divides each experiment's intensities and standard deviations by exp(k − hᵀβh). `reciprocal` is G* (Å⁻²). Returns the experiments (if any) that
/// were left as they are because their mean intensity is not positive.
pub fn normalise(list: &mut [Observation], reciprocal: &Mat3) -> Vec<u32> {
    let mut left = Vec::new();
    let mut start = 0;
    while start < list.len() {
        // Sorted by experiment.
        let experiment = list[start].experiment;
        let end = start + list[start..].iter().take_while(|o| o.experiment == experiment).count();
        match Expected::fit(&list[start..end], reciprocal) {
            Some(model) => {
                for o in &mut list[start..end] {
                    let mu = model.at(o.hkl);
                    o.intensity /= mu;
                    o.sigma /= mu;
                }
            }
            None => left.push(experiment),
        }
        start = end;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spacegroup::constraints::metric_from_cell;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    #[test]
    fn a_known_anisotropic_scale_is_recovered() {
        let reciprocal = metric_from_cell([30.0, 40.0, 50.0, 90.0, 95.0, 90.0]).try_inverse().unwrap();
        let truth = Expected { parameters: [4.0, 2e-3, 5e-3, 1e-3, 3e-4, -6e-4, 1e-4] };
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut list = Vec::new();
        for n in 0..21i32.pow(3) {
            let hkl = [n / 441 - 10, n / 21 % 21 - 10, n % 21 - 10];
            if hkl == [0; 3] {
                continue;
            }
            let uniform = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            let mean = truth.at(hkl) * mean_square_scattering(d_spacing(&reciprocal, hkl).powi(-2));
            list.push(Observation { experiment: 0, hkl, intensity: -mean * (1.0 - uniform).ln(), sigma: 1.0 });
        }
        let found = Expected::fit(&list, &reciprocal).unwrap();
        assert!((found.parameters[0] - 4.0).abs() < 0.08, "{found:?}");
        for (x, y) in found.parameters.iter().zip(&truth.parameters).skip(1) {
            assert!((x - y).abs() < 4e-4, "{found:?}");
        }
    }

    #[test]
    fn noise_where_nothing_is_left_to_measure_does_not_matter() {
        let reciprocal = metric_from_cell([8.0, 9.0, 10.0, 90.0, 90.0, 90.0]).try_inverse().unwrap();
        let truth = Expected { parameters: [6.0, 0.02, 0.03, 0.04, 0.0, 0.0, 0.0] };
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let mut uniform = || ((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let mut list = Vec::new();
        for n in 0..31i32.pow(3) {
            let hkl = [n / 961 - 15, n / 31 % 31 - 15, n % 31 - 15];
            if hkl == [0; 3] {
                continue;
            }
            let mean = truth.at(hkl) * mean_square_scattering(d_spacing(&reciprocal, hkl).powi(-2));
            let noise = crate::merging::normal_quantile(uniform());
            list.push(Observation { experiment: 0, hkl, intensity: -mean * uniform().ln() + noise, sigma: 1.0 });
        }
        let found = Expected::fit(&list, &reciprocal).unwrap();
        for (x, y) in found.parameters.iter().zip(&truth.parameters).skip(1) {
            assert!((x - y).abs() < 2e-3, "{found:?}");
        }
    }

    #[test]
    fn intensities_without_a_positive_mean_are_left_alone() {
        let reciprocal = metric_from_cell([30.0, 40.0, 50.0, 90.0, 90.0, 90.0]).try_inverse().unwrap();
        let mut list = vec![Observation { experiment: 3, hkl: [1, 2, 3], intensity: -1.0, sigma: 1.0 }; 5];
        assert_eq!(normalise(&mut list, &reciprocal), [3]);
        assert_eq!(list[0].intensity, -1.0);
    }
}
