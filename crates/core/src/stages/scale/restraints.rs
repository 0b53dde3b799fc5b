//! What holds parameters that the data say little of, and the level of the scales, of which they say nothing.

use super::grid::ABSORPTION_RESTRAINT;
use super::input::Observations;
use super::model::SweepModel;
use super::params::Params;
use super::smoother::Smoother;

/// Σ weight·(p − target)² over single parameters, and Σ [`STIFF`]·(Σ c·p − target)² over mean values.
#[derive(Debug, Clone, Default)]
pub(super) struct Restraints {
    weight: Vec<f64>,
    target: Vec<f64>,
    means: Vec<Mean>,
}

/// A mean value that is held: the coefficient of each parameter.
#[derive(Debug, Clone, Default)]
struct Mean {
    coefficients: Vec<f64>,
    target: f64,
}

/// Holds a mean to 10⁻⁴ of itself: far better than anything the data say of it, and not so stiff that the normal matrix suffers.
const STIFF: f64 = 1e8;

impl Restraints {
    /// B is held near 0 and the surface near a sphere as in DIALS; scales only so loosely (100 % of their start) that the restraint decides
    /// nothing but scales without any data. `models` are those of the start, constant along each sweep.
    pub(super) fn new(obs: &Observations, models: &[SweepModel], params: &Params) -> Self {
        let mut out = Restraints::default();
        for m in models {
            for &k in m.scale() {
                out.weight.push(1.0 / (k * k));
                out.target.push(k);
            }
            for _ in m.decay() {
                out.weight.push(params.decay_restraint);
                out.target.push(0.0);
            }
            for _ in m.absorption() {
                // Grids of absorption have no coefficients that vanish for a sphere but values that are 1.
                let (weight, target) = if m.layout.grid.is_some() { (ABSORPTION_RESTRAINT, 1.0) } else { (m.layout.surface_weight, 0.0) };
                out.weight.push(weight);
                out.target.push(target);
            }
        }
        out.means = mean_scales(obs, models);
        out
    }

    /// Whether these restraints alone say how large scales are in all.
    pub(super) fn fix_the_level(&self) -> bool {
        !self.means.is_empty()
    }

    /// Their part of the target.
    pub(super) fn sum(&self, models: &[SweepModel]) -> f64 {
        let all = || models.iter().flat_map(|m| &m.parameters);
        let single: f64 = all().zip(self.weight.iter().zip(&self.target)).map(|(p, (w, t))| w * (p - t) * (p - t)).sum();
        single + self.means.iter().map(|m| STIFF * m.off(all()).powi(2)).sum::<f64>()
    }

    /// Adds their part to the upper triangle of the normal matrix (n × n, by rows) and to the gradient.
    pub(super) fn add(&self, models: &[SweepModel], matrix: &mut [f64], gradient: &mut [f64]) {
        let n = gradient.len();
        let all = || models.iter().flat_map(|m| &m.parameters);
        for (i, p) in all().enumerate() {
            let (w, t) = (self.weight[i], self.target[i]);
            matrix[i * n + i] += w;
            gradient[i] -= w * (p - t);
        }
        for mean in &self.means {
            let off = mean.off(all());
            for (i, a) in mean.coefficients.iter().enumerate().filter(|(_, a)| **a != 0.0) {
                gradient[i] -= STIFF * a * off;
                let row = &mut matrix[i * n + i..(i + 1) * n];
                row.iter_mut().zip(&mean.coefficients[i..]).for_each(|(m, b)| *m += STIFF * a * b);
            }
        }
    }
}

impl Mean {
    fn off<'a>(&self, parameters: impl Iterator<Item = &'a f64>) -> f64 {
        self.coefficients.iter().zip(parameters).map(|(c, p)| c * p).sum::<f64>() - self.target
    }
}

/// For the array model: the mean scale of the observations about each of several resolutions stays what it is at the start.
///
/// Equivalent reflections have the same resolution. A factor by resolution common to all their scales therefore changes no residual: nothing but
/// noise would decide it, and it would modulate the merged intensities. (The physical model's B factor is held by its own restraint; DIALS' array
/// model stays near its start only because its minimiser does not move along flat directions.) The scale is here D/k + A − 1, what D·A/k is to first
/// order; k is that of the start.
fn mean_scales(obs: &Observations, models: &[SweepModel]) -> Vec<Mean> {
    let points = models.iter().filter_map(|m| m.layout.grid.as_ref()).map(|g| g.resolution_points).max().unwrap_or(0);
    let with_grid = || (0..obs.len()).filter(|&j| models[obs.sweep[j] as usize].layout.grid.is_some());
    let (low, high) = with_grid().fold((f64::INFINITY, 0.0f64), |(a, b), j| (a.min(obs.half_stol[j]), b.max(obs.half_stol[j])));
    let smoother = Smoother::new(points);
    let n: usize = models.iter().map(|m| m.parameters.len()).sum();
    let mut means = vec![Mean { coefficients: vec![0.0; n], target: 0.0 }; points];
    let mut offsets = vec![0];
    models.iter().for_each(|m| offsets.push(offsets[offsets.len() - 1] + m.parameters.len()));
    for j in with_grid() {
        let sweep = obs.sweep[j] as usize;
        let model = &models[sweep];
        let Some(grid) = &model.layout.grid else { continue };
        let place = smoother.intervals() * (obs.half_stol[j] - low) / (high - low).max(f64::MIN_POSITIVE);
        let detector = obs.detector.get(j).filter(|_| grid.detector_points > 0);
        for (m, share) in smoother.weights(place).terms() {
            let mean = &mut means[m];
            mean.target += share * if detector.is_some() { 2.0 } else { 1.0 };
            let k = model.scale()[0];
            for (i, w) in grid.decay_terms(&obs.scale[j], &obs.decay[j]) {
                mean.coefficients[offsets[sweep] + i] += share * w / k;
            }
            for (i, w) in detector.into_iter().flat_map(|d| grid.absorption_terms(&obs.scale[j], d)) {
                mean.coefficients[offsets[sweep] + grid.n_decay() + i] += share * w;
            }
        }
    }
    means.retain(|m| m.target > 0.0);
    for m in &mut means {
        let total = m.target;
        m.coefficients.iter_mut().for_each(|c| *c /= total);
        m.target = 1.0;
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix and gradient are derivatives of the sum.
    #[test]
    fn normal_equations_are_those_of_the_sum() {
        let r = Restraints {
            weight: vec![2.0, 0.0, 0.5],
            target: vec![1.0, 0.0, -1.0],
            means: vec![Mean { coefficients: vec![0.5, 0.0, 1.5], target: 1.0 }],
        };
        let model = |p: [f64; 3]| vec![SweepModel { parameters: p.to_vec(), ..SweepModel::new(super::super::model::Layout::NONE) }];
        let at = [1.3, 4.0, 0.7];
        let (mut matrix, mut gradient) = (vec![0.0; 9], vec![0.0; 3]);
        r.add(&model(at), &mut matrix, &mut gradient);
        let h = 1e-3;
        let sum = |i: usize, di: f64, j: usize, dj: f64| {
            let mut p = at;
            p[i] += di;
            p[j] += dj;
            r.sum(&model(p))
        };
        for i in 0..3 {
            let slope = (sum(i, h, i, 0.0) - sum(i, -h, i, 0.0)) / (2.0 * h);
            assert!((gradient[i] + 0.5 * slope).abs() < 1e-6 * slope.abs().max(1.0), "{i}");
            for j in i..3 {
                let second = (sum(i, h, j, h) - sum(i, h, j, -h) - sum(i, -h, j, h) + sum(i, -h, j, -h)) / (4.0 * h * h);
                assert!((matrix[3 * i + j] - 0.5 * second).abs() < 1e-5 * second.abs().max(1.0), "{i} {j}");
            }
        }
    }
}
