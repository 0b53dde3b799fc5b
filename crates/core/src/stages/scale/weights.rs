//! Expected variances: what each observation's standard deviation is if the group's mean is right.
//!
//! An observation's own counting variance goes up and down with its own fluctuation; weights made from it favour the observations that
//! happen to be low and bias the mean of weak reflections. Here the counts' own part of the variance is replaced by that of g·I_h.

use super::input::Observations;
use crate::job::parallel;

/// Mean by 1/σ² of `(value, σ)`, and its σ.
pub(super) fn scaled_mean(values: &[(f64, f64)]) -> Option<(f64, f64)> {
    crate::merging::weighted_mean(values.iter().copied())
}

/// An observation's variance without its own counts, the smallest that is believed (a fraction of the stated one), and the count's worth.
#[inline]
fn expected(variance: f64, intensity: f64, per_count: f64, model: f64) -> f64 {
    let rest = (variance - per_count * intensity.abs()).max(0.0);
    (rest + per_count * model.max(0.0)).max(0.1 * variance)
}

/// I_h of every group and, for every observation, its expected variance: counting statistics for g·I_h plus (b·g·I_h)², times a².
///
/// Outliers take no part in I_h but get a variance.
pub(super) fn expected_variances(obs: &Observations, g: &[f64], a: f64, b: f64) -> (Vec<f64>, Vec<f64>) {
    const BLOCK: usize = 1024;
    let blocks = parallel::map(obs.groups.len().div_ceil(BLOCK), |k| {
        let (mut means, mut variances) = (Vec::new(), Vec::new());
        for i in k * BLOCK..((k + 1) * BLOCK).min(obs.groups.len()) {
            let members = obs.groups.members(i);
            let base = variances.len();
            let all_out = members.clone().all(|j| obs.outlier[j]);
            let used = |j: usize| all_out || !obs.outlier[j];
            // A start whose weights do not depend on the intensities, then two rounds.
            let mut mean = start(obs, g, members.clone().filter(|&j| used(j)));
            for round in 0..3 {
                variances.truncate(base);
                let (mut s1, mut s2) = (0.0, 0.0);
                for j in members.clone() {
                    let model = g[j] * mean;
                    let v = expected(obs.variance[j], obs.intensity[j], obs.per_count[j], model) + b * b * model * model;
                    variances.push(v * a * a);
                    if used(j) {
                        s1 += g[j] * obs.intensity[j] / v;
                        s2 += g[j] * g[j] / v;
                    }
                }
                if round < 2 && s2 > 0.0 {
                    mean = s1 / s2;
                }
            }
            means.push(mean);
        }
        (means, variances)
    });
    let (mut means, mut variances) = (Vec::with_capacity(obs.groups.len()), Vec::with_capacity(obs.len()));
    for (m, v) in blocks {
        means.extend(m);
        variances.extend(v);
    }
    (means, variances)
}

/// ΣI/Σg, or the median of I/g for three and more: whatever one wild observation says, it is not far off.
fn start(obs: &Observations, g: &[f64], members: impl Iterator<Item = usize>) -> f64 {
    let mut ratios: Vec<(f64, f64, f64)> = members.map(|j| (obs.intensity[j] / g[j], obs.intensity[j], g[j])).collect();
    if ratios.len() < 3 {
        let (i, g) = ratios.iter().fold((0.0, 0.0), |(i, g), r| (i + r.1, g + r.2));
        return if g > 0.0 { i / g } else { 0.0 };
    }
    ratios.sort_by(|x, y| x.0.total_cmp(&y.0));
    let n = ratios.len();
    0.5 * (ratios[(n - 1) / 2].0 + ratios[n / 2].0)
}
