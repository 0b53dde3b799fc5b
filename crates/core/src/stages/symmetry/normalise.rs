//! Intensities on a common scale with mean 1 at every resolution and in every direction.
//!
//! The expected intensity is μ(h) = exp(k − hᵀβh) with a symmetric 3×3 β. Wilson's acentric distribution I ~ exp(−I/μ)/μ gives
//! the log-likelihood −Σ(I/μ + ln μ), convex in the seven parameters; it is maximised by Fisher scoring, where each step is a least-squares
//! fit of (I − μ)/μ. Unlike a maximum-likelihood fit with a model of the cell's content, the fall-off of the scattering factors goes into β.

use super::input::Observation;
use crate::job::parallel;
use crate::math::Symmetric;

/// Parameters of the model: k and six of β.
const N: usize = 7;

/// Fewest observations that seven parameters are fitted to; with fewer, only the mean is.
const MIN_OBSERVATIONS: usize = 70;

/// ln of the expected intensity as a function of the index: k, then β for h², k², l², kl, hl, hk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    parameters: [f64; N],
}

fn terms(hkl: [i32; 3]) -> [f64; N] {
    let [h, k, l] = hkl.map(f64::from);
    [1.0, -h * h, -k * k, -l * l, -2.0 * k * l, -2.0 * h * l, -2.0 * h * k]
}

impl Expected {
    /// μ of an index.
    pub fn at(&self, hkl: [i32; 3]) -> f64 {
        let ln = terms(hkl).iter().zip(&self.parameters).map(|(x, p)| x * p).sum::<f64>();
        libm::exp(ln.clamp(-200.0, 200.0))
    }

    /// Fits the model to intensities. `None` when their mean is not positive.
    pub fn fit(list: &[Observation]) -> Option<Self> {
        let mean = list.iter().map(|o| o.intensity).sum::<f64>() / list.len().max(1) as f64;
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

    fn likelihood(&self, list: &[Observation]) -> f64 {
        parallel::map_chunks(list, 4096, |_, chunk| {
            chunk
                .iter()
                .map(|o| {
                    let mu = self.at(o.hkl);
                    -(o.intensity / mu + libm::log(mu))
                })
                .sum::<f64>()
        })
        .iter()
        .sum()
    }

    fn normal_equations(&self, list: &[Observation]) -> (Symmetric, [f64; N]) {
        let blocks = parallel::map_chunks(list, 4096, |_, chunk| {
            let mut matrix = [[0.0; N]; N];
            let mut score = [0.0; N];
            for o in chunk {
                let x = terms(o.hkl);
                let residual = o.intensity / self.at(o.hkl) - 1.0;
                for i in 0..N {
                    score[i] += x[i] * residual;
                    for j in 0..=i {
                        matrix[i][j] += x[i] * x[j];
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

/// Divides each experiment's intensities and standard deviations by their expected values. Returns the experiments (if any) that
/// were left as they are because their mean intensity is not positive.
pub fn normalise(list: &mut [Observation]) -> Vec<u32> {
    let mut left = Vec::new();
    let mut start = 0;
    while start < list.len() {
        // Sorted by experiment.
        let experiment = list[start].experiment;
        let end = start + list[start..].iter().take_while(|o| o.experiment == experiment).count();
        match Expected::fit(&list[start..end]) {
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
