//! Least squares for the parameters of all sweeps together.
//!
//! Target: T = Σ_h Σ_l w(I − g·I_h)² + restraints, I_h = ΣwgI/Σwg². With J = I_h·∂g/∂p the I_h are eliminated exactly as in bundle
//! adjustment: the normal matrix is Σ w J Jᵀ − Σ_h b_h b_hᵀ/Σwg², b_h = Σ w g J, and the gradient Σ w J (I − g·I_h).

use super::input::Observations;
use super::model::SweepModel;
use super::restraints::Restraints;
use crate::job::{Cancelled, Monitor, parallel};
use nalgebra::{DMatrix, DVector};

/// How a refinement went.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) steps: usize,
    /// √(T/n) before and after.
    pub(super) rmsd: [f64; 2],
    pub(super) observations: usize,
    /// Covariance of all parameters, if asked for and the normal matrix has an inverse.
    pub(super) covariance: Option<DMatrix<f64>>,
}

struct Normal {
    matrix: Vec<f64>,
    gradient: Vec<f64>,
    target: f64,
    n: usize,
}

/// Steps of Levenberg–Marquardt at most.
const MAX_STEPS: usize = 30;
/// Refinement ends when a step lowers T by less than this fraction.
const TOLERANCE: f64 = 1e-6;
/// g below this is no scale: such steps are refused.
const LEAST_SCALE: f64 = 1e-3;

/// Refines all models. `groups` lists the groups used, `variance` holds 1/w. Parameter 0 stays fixed where no restraint says how large scales are, because
/// only ratios of scales are determined. With `with_covariance` the inverse normal matrix is returned.
pub(super) fn refine(
    obs: &Observations,
    models: &mut [SweepModel],
    groups: &[u32],
    variance: &[f64],
    restraints: &Restraints,
    with_covariance: bool,
    monitor: &dyn Monitor,
) -> Result<Outcome, Cancelled> {
    let n: usize = models.iter().map(|m| m.parameters.len()).sum();
    let mut current = normal_equations(obs, models, groups, variance, restraints);
    let rms = |c: &Normal| if c.n > 0 { (c.target / c.n as f64).sqrt() } else { 0.0 };
    let first = rms(&current);
    let mut steps = 0;
    let mut lambda = 1e-4;
    let hold_first = !restraints.fix_the_level();
    while n > 1 && steps < MAX_STEPS && current.n > 0 {
        monitor.check()?;
        let Some(step) = solve(&current, n, lambda, hold_first) else {
            lambda *= 10.0;
            if lambda > 1e8 {
                break;
            }
            continue;
        };
        let trial = moved(models, &step);
        let target = target(obs, &trial, groups, variance, restraints);
        if target < current.target {
            let drop = (current.target - target) / current.target;
            models.clone_from_slice(&trial);
            steps += 1;
            lambda = (lambda * 0.1).max(1e-10);
            current = normal_equations(obs, models, groups, variance, restraints);
            if drop < TOLERANCE {
                break;
            }
        } else {
            lambda *= 10.0;
            // No downhill step left: converged to rounding.
            if lambda > 1e6 {
                break;
            }
        }
    }
    let covariance = if with_covariance { invert(&current, models, n) } else { None };
    Ok(Outcome { steps, rmsd: [first, rms(&current)], observations: current.n, covariance })
}

fn moved(models: &[SweepModel], step: &DVector<f64>) -> Vec<SweepModel> {
    let mut at = 0;
    let mut out = models.to_vec();
    for m in &mut out {
        for p in &mut m.parameters {
            *p += step[at];
            at += 1;
        }
    }
    out
}

fn damped(normal: &Normal, n: usize, lambda: f64, hold_first: bool) -> DMatrix<f64> {
    let mut m = DMatrix::from_fn(n, n, |i, j| normal.matrix[i.min(j) * n + i.max(j)]);
    for i in 0..n {
        m[(i, i)] += lambda * m[(i, i)].abs() + 1e-12;
        if hold_first {
            m[(0, i)] = 0.0;
            m[(i, 0)] = 0.0;
        }
    }
    if hold_first {
        m[(0, 0)] = 1.0;
    }
    m
}

fn solve(normal: &Normal, n: usize, lambda: f64, hold_first: bool) -> Option<DVector<f64>> {
    let mut right = DVector::from_column_slice(&normal.gradient);
    if hold_first {
        right[0] = 0.0;
    }
    let step = damped(normal, n, lambda, hold_first).cholesky()?.solve(&right);
    step.iter().all(|x| x.is_finite()).then_some(step)
}

/// Inverse normal matrix with the two quantities that no data determine held fixed: a common factor of all scales and a common B.
/// (Pinning single parameters instead would make every other one look as uncertain as the pinned one.)
fn invert(normal: &Normal, models: &[SweepModel], n: usize) -> Option<DMatrix<f64>> {
    if n == 0 {
        return None;
    }
    let mut m = DMatrix::from_fn(n, n, |i, j| normal.matrix[i.min(j) * n + i.max(j)]);
    let stiff = 1e3 * (0..n).map(|i| m[(i, i)]).fold(0.0, f64::max);
    let (mut scale, mut decay) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for model in models {
        scale.extend_from_slice(model.scale());
        decay.extend(model.scale().iter().map(|_| 0.0));
        scale.resize(scale.len() + model.parameters.len() - model.scale().len(), 0.0);
        decay.extend(model.decay().iter().map(|_| 1.0));
        decay.resize(scale.len(), 0.0);
    }
    for direction in [scale, decay] {
        let u = DVector::from_vec(direction);
        let length = u.norm_squared();
        if length > 0.0 {
            m.ger(stiff / length, &u, &u, 1.0);
        }
    }
    for i in 0..n {
        m[(i, i)] += 1e-12;
    }
    Some(m.cholesky()?.inverse())
}

/// Members of group `i` that count, if there are at least two.
fn used(obs: &Observations, i: usize, members: &mut Vec<usize>) -> bool {
    members.clear();
    members.extend(obs.groups.members(i).filter(|&j| obs.determines(j)));
    members.len() > 1
}

/// T alone; infinite when a scale is not positive.
fn target(obs: &Observations, models: &[SweepModel], groups: &[u32], variance: &[f64], restraints: &Restraints) -> f64 {
    const BLOCK: usize = 512;
    let parts = parallel::map_chunks(groups, BLOCK, |_, chunk| {
        let mut sum = 0.0;
        let (mut members, mut g) = (Vec::new(), Vec::new());
        for &i in chunk {
            if !used(obs, i as usize, &mut members) {
                continue;
            }
            g.clear();
            let (mut s0, mut s1, mut s2) = (0.0, 0.0, 0.0);
            for &j in &members {
                let f: f64 = obs.factors(models, j).iter().product();
                if f.is_nan() || f < LEAST_SCALE {
                    return f64::INFINITY;
                }
                let w = 1.0 / variance[j];
                s0 += w * obs.intensity[j] * obs.intensity[j];
                s1 += w * f * obs.intensity[j];
                s2 += w * f * f;
                g.push(f);
            }
            let mean = s1 / s2;
            let _ = s0;
            for (&j, g) in members.iter().zip(&g) {
                let r = obs.intensity[j] - g * mean;
                sum += r * r / variance[j];
            }
        }
        sum
    });
    parts.iter().sum::<f64>() + restraints.sum(models)
}

fn normal_equations(obs: &Observations, models: &[SweepModel], groups: &[u32], variance: &[f64], restraints: &Restraints) -> Normal {
    let n: usize = models.iter().map(|m| m.parameters.len()).sum();
    let offsets: Vec<usize> = models
        .iter()
        .scan(0, |at, m| {
            let start = *at;
            *at += m.parameters.len();
            Some(start)
        })
        .collect();
    // The number of partial matrices is bounded by their memory (about 32 MB), and does not depend on the number of threads.
    let parts = (4_000_000 / (n * n).max(1)).clamp(1, 32);
    let chunk = groups.len().div_ceil(parts).max(64);
    let partial = parallel::map_chunks(groups, chunk, |_, chunk| accumulate(obs, models, &offsets, chunk, variance, n));
    let mut total = Normal { matrix: vec![0.0; n * n], gradient: vec![0.0; n], target: 0.0, n: 0 };
    for p in &partial {
        total.matrix.iter_mut().zip(&p.matrix).for_each(|(a, b)| *a += b);
        total.gradient.iter_mut().zip(&p.gradient).for_each(|(a, b)| *a += b);
        total.target += p.target;
        total.n += p.n;
    }
    restraints.add(models, &mut total.matrix, &mut total.gradient);
    total.target += restraints.sum(models);
    total
}

fn accumulate(obs: &Observations, models: &[SweepModel], offsets: &[usize], groups: &[u32], variance: &[f64], n: usize) -> Normal {
    let mut out = Normal { matrix: vec![0.0; n * n], gradient: vec![0.0; n], target: 0.0, n: 0 };
    let (mut members, mut factors) = (Vec::new(), Vec::new());
    let mut entries: Vec<(usize, f64)> = Vec::new();
    let mut b = vec![0.0; n];
    let mut touched: Vec<usize> = Vec::new();
    let mut is_touched = vec![false; n];
    for &i in groups {
        if !used(obs, i as usize, &mut members) {
            continue;
        }
        factors.clear();
        let (mut s1, mut s2) = (0.0, 0.0);
        for &j in &members {
            let f = obs.factors(models, j);
            let g: f64 = f.iter().product();
            let w = 1.0 / variance[j];
            s1 += w * g * obs.intensity[j];
            s2 += w * g * g;
            factors.push((f, g, w));
        }
        let mean = s1 / s2;
        for (&j, &(f, g, w)) in members.iter().zip(&factors) {
            let r = obs.intensity[j] - g * mean;
            out.target += w * r * r;
            out.n += 1;
            gradient(obs, models, offsets, j, f, mean, &mut entries);
            for (k, &(p, x)) in entries.iter().enumerate() {
                out.gradient[p] += w * r * x;
                let wx = w * x;
                let row = &mut out.matrix[p * n..(p + 1) * n];
                // Entries ascend, so this fills the upper triangle.
                for &(q, y) in &entries[k..] {
                    row[q] += wx * y;
                }
                b[p] += wx * g;
                if !is_touched[p] {
                    is_touched[p] = true;
                    touched.push(p);
                }
            }
        }
        touched.sort_unstable();
        for (k, &p) in touched.iter().enumerate() {
            let x = b[p] / s2;
            let row = &mut out.matrix[p * n..(p + 1) * n];
            for &q in &touched[k..] {
                row[q] -= x * b[q];
            }
        }
        for &p in &touched {
            b[p] = 0.0;
            is_touched[p] = false;
        }
        touched.clear();
    }
    out
}

/// Non-zero elements of `scale`·∂g/∂p for observation `j`, by ascending parameter.
fn gradient(obs: &Observations, models: &[SweepModel], offsets: &[usize], j: usize, f: [f64; 3], scale: f64, out: &mut Vec<(usize, f64)>) {
    out.clear();
    let sweep = obs.sweep[j] as usize;
    let layout = &models[sweep].layout;
    let mut at = offsets[sweep];
    if let Some(grid) = &layout.grid {
        out.extend(grid.decay_terms(&obs.scale[j], &obs.decay[j]).map(|(i, w)| (at + i, scale * w * f[2])));
        if let Some(detector) = obs.detector.get(j).filter(|_| grid.detector_points > 0) {
            at += layout.scale_points;
            out.extend(grid.absorption_terms(&obs.scale[j], detector).map(|(i, w)| (at + i, scale * w * f[0])));
        }
        return;
    }
    if layout.scale_points > 0 {
        let s = &obs.scale[j];
        out.extend((0..s.n as usize).map(|i| (at + s.first as usize + i, scale * s.w[i] * f[1] * f[2])));
    }
    at += layout.scale_points;
    if layout.decay_points > 0 {
        let d = &obs.decay[j];
        let x = scale * f[0] * f[1] * f[2] * obs.half_stol[j];
        out.extend((0..d.n as usize).map(|i| (at + d.first as usize + i, x * d.w[i])));
    }
    at += layout.decay_points;
    if layout.lmax > 0 {
        let x = scale * f[0] * f[1];
        let count = models[sweep].absorption().len();
        out.extend(obs.y(j)[..count].iter().enumerate().map(|(i, y)| (at + i, x * f64::from(*y))));
    }
}

/// Variance of g of every observation from the parameters' covariance.
pub(super) fn variance_of_scales(obs: &Observations, models: &[SweepModel], covariance: &DMatrix<f64>) -> Vec<f64> {
    let mut offsets = vec![0; models.len()];
    for s in 1..models.len() {
        offsets[s] = offsets[s - 1] + models[s - 1].parameters.len();
    }
    let mut out = vec![0.0; obs.len()];
    parallel::for_each_chunk_mut(&mut out, 4096, |start, chunk| {
        let mut entries = Vec::new();
        for (i, v) in chunk.iter_mut().enumerate() {
            let j = start + i;
            gradient(obs, models, &offsets, j, obs.factors(models, j), 1.0, &mut entries);
            let mut sum = 0.0;
            for (k, &(p, x)) in entries.iter().enumerate() {
                sum += x * x * covariance[(p, p)];
                sum += 2.0 * x * entries[k + 1..].iter().map(|&(q, y)| y * covariance[(q, p)]).sum::<f64>();
            }
            *v = sum.max(0.0);
        }
    });
    out
}
