use super::french_wilson::{Amplitude, Prior, amplitude};
use crate::merging::{Equivalents, weighted_mean};
use crate::spacegroup::SpaceGroup;

/// Unique reflections. Vectors have one entry for each; missing values are not numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MergedReflections {
    /// Unique indices.
    pub hkl: Vec<[i32; 3]>,
    /// d, Å.
    pub d: Vec<f64>,
    /// Mean intensity and σ over all equivalents.
    pub mean: Vec<[f64; 2]>,
    /// I(+) and σ.
    pub plus: Vec<[f64; 2]>,
    /// I(−) and σ.
    pub minus: Vec<[f64; 2]>,
    /// Observations of I(+) and I(−).
    pub n: Vec<[u32; 2]>,
    /// F and σ; empty without French–Wilson treatment.
    pub f: Vec<[f64; 2]>,
    /// F(+) and σ.
    pub f_plus: Vec<[f64; 2]>,
    /// F(−) and σ.
    pub f_minus: Vec<[f64; 2]>,
    /// Mean intensities too negative for an amplitude.
    pub rejected: usize,
}

const MISSING: [f64; 2] = [f64::NAN, f64::NAN];

impl MergedReflections {
    /// Averages scaled observations (in the order of `groups.rows`) of every group; `d` is each group's resolution.
    pub(super) fn new(groups: &Equivalents, intensity: &[f64], sigma: &[f64], d: &[f64]) -> Self {
        let mut out = MergedReflections { hkl: groups.hkl.clone(), d: d.to_vec(), ..MergedReflections::default() };
        for g in 0..groups.len() {
            let mean = |which: &dyn Fn(usize) -> bool| {
                let observations = groups.members(g).filter(|&j| which(j)).map(|j| (intensity[j], sigma[j]));
                weighted_mean(observations).map_or(MISSING, |(i, s)| [i, s])
            };
            out.mean.push(mean(&|_| true));
            out.plus.push(mean(&|j| !groups.minus[j]));
            out.minus.push(mean(&|j| groups.minus[j]));
            let n_minus = groups.members(g).filter(|&j| groups.minus[j]).count();
            out.n.push([(groups.members(g).len() - n_minus) as u32, n_minus as u32]);
        }
        out
    }

    /// Adds amplitudes. Systematically absent reflections get none.
    pub(super) fn add_amplitudes(&mut self, group: &SpaceGroup, centric: &[bool], min_reflections: usize) {
        let epsilon: Vec<f64> = self.hkl.iter().map(|h| f64::from(group.epsilon(*h).max(1))).collect();
        let absent: Vec<bool> = self.hkl.iter().map(|h| group.is_absent(*h)).collect();
        let level = mean_intensities(&self.d, &self.mean, &epsilon, &absent);
        let flat = self.hkl.len() < min_reflections;
        let of = |i: usize, [intensity, sigma]: [f64; 2]| -> Option<Amplitude> {
            if absent[i] || !intensity.is_finite() {
                return None;
            }
            let expected = epsilon[i] * level[i];
            let prior = match (flat, centric[i]) {
                (true, _) => Prior::Flat,
                (false, true) => Prior::Centric(expected),
                (false, false) => Prior::Acentric(expected),
            };
            amplitude(intensity, sigma, prior)
        };
        let treat = |values: &[[f64; 2]]| -> Vec<[f64; 2]> {
            crate::job::parallel::map(values.len(), |i| of(i, values[i]).map_or(MISSING, |a| [a.amplitude, a.sigma_amplitude]))
        };
        self.f = treat(&self.mean);
        self.f_plus = treat(&self.plus);
        self.f_minus = treat(&self.minus);
        self.rejected = self.f.iter().zip(&absent).filter(|(f, a)| f[0].is_nan() && !**a).count();
    }

    /// F(+) − F(−) and its σ where both are known.
    pub fn anomalous_difference(&self) -> Vec<[f64; 2]> {
        let pair = self.f_plus.iter().zip(&self.f_minus);
        pair.map(|(p, m)| if p[0].is_finite() && m[0].is_finite() { [p[0] - m[0], (p[1] * p[1] + m[1] * m[1]).sqrt()] } else { MISSING })
            .collect()
    }
}

/// Most shells of the mean intensity, and fewest reflections in one.
const SHELLS: usize = 60;
const PER_SHELL: usize = 20;

/// Mean of `values` at the resolution of each.
pub(super) fn level_at(d: &[f64], values: &[f64]) -> Vec<f64> {
    let pairs: Vec<[f64; 2]> = values.iter().map(|v| [*v, 0.0]).collect();
    mean_intensities(d, &pairs, &vec![1.0; d.len()], &vec![false; d.len()])
}

/// Expected intensity Σ (for ε = 1) at each reflection: means of shells of equal count, ordered by 1/d³, joined by straight lines.
///
/// A shell whose mean is below its own standard error has no signal to speak of; the error stands in for it, so that Σ stays positive.
fn mean_intensities(d: &[f64], mean: &[[f64; 2]], epsilon: &[f64], absent: &[bool]) -> Vec<f64> {
    let x = |i: usize| 1.0 / (d[i] * d[i] * d[i]);
    let mut order: Vec<usize> = (0..d.len()).filter(|&i| !absent[i]).collect();
    order.sort_by(|&i, &j| x(i).total_cmp(&x(j)));
    let shells = (order.len() / PER_SHELL).clamp(1, SHELLS);
    let mut points: Vec<(f64, f64)> = Vec::with_capacity(shells);
    for k in 0..shells {
        let part = &order[k * order.len() / shells..(k + 1) * order.len() / shells];
        if part.is_empty() {
            continue;
        }
        let n = part.len() as f64;
        let intensity = part.iter().map(|&i| mean[i][0] / epsilon[i]).sum::<f64>() / n;
        let error = part.iter().map(|&i| (mean[i][1] / epsilon[i]).powi(2)).sum::<f64>().sqrt() / n;
        points.push((part.iter().map(|&i| x(i)).sum::<f64>() / n, intensity.max(error)));
    }
    (0..d.len())
        .map(|i| {
            let at = x(i);
            let k = points.partition_point(|p| p.0 < at);
            match (k.checked_sub(1).and_then(|k| points.get(k)), points.get(k)) {
                (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (at - a.0) / (b.0 - a.0),
                (Some(p), None) | (None, Some(p)) => p.1,
                (None, None) => f64::NAN,
            }
        })
        .collect()
}
