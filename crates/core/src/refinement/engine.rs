//! Levenberg–Marquardt steps (Marquardt 1963: damping in proportion to the diagonal).
//!
//! A step is judged by the cost alone, which takes a fraction of the work of the normal equations, and these are made again only while the cost shows
//! that the minimum is not reached: near it the problem is all but linear, and the first step has the gain that it promised.

use super::Options;
use super::outcome::{Step, Stop};
use super::target::{Cost, Linearised, Target};
use crate::job::{Cancelled, Monitor};

/// Where a minimisation ended.
pub(crate) struct Minimum {
    pub p: Vec<f64>,
    pub cost: Cost,
    /// Residuals of all observations there, outliers too: mm, mm, rad.
    pub residuals: Vec<Option<[f64; 3]>>,
    /// The normal equations before the last step, which was a small one.
    pub at: Linearised,
    pub steps: Vec<Step>,
    pub stopped: Stop,
}

/// Cost per reflection, so that steps that lose one or two reflections compare.
fn mean_cost(c: &Cost) -> f64 {
    c.cost / c.n().max(1) as f64
}

/// From `p` to the minimum. `None` when the models predict nothing at the start.
///
/// With χ² the reduced sum of squares and gᵀN⁻¹g the squared length of a step in standard uncertainties, stops after a step that was shorter than
/// [`Options::tolerance`] χ², or whose gain differs by less than a hundredth of that from ½ gᵀN⁻¹g, the gain of a linear problem.
pub(crate) fn minimise(
    target: &Target<'_>,
    mut p: Vec<f64>,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Option<Minimum>, Cancelled> {
    let Options { max_iterations, tolerance, .. } = *options;
    let n = target.layout.n;
    let Some((mut cost, mut at)) = target.linearise(&p).filter(|(c, _)| c.n() > 0) else { return Ok(None) };
    let mut residuals = None;
    let lost_at_start = cost.lost;
    let step = |c: &Cost| Step { n: c.n(), rmsd: c.rmsd(), cost: c.cost };
    let mut steps = vec![step(&cost)];
    let mut damping = 1e-7;
    let mut stopped = if n == 0 { Stop::NothingToRefine } else { Stop::MaxIterations };
    monitor.begin("refining", max_iterations as u64);
    while stopped == Stop::MaxIterations && steps.len() <= max_iterations {
        monitor.check()?;
        let freedom = (3 * cost.n()).saturating_sub(n).max(1) as f64;
        let variance = (2.0 * cost.cost / freedom).max(f64::MIN_POSITIVE);
        // One accepted step, or the finding that there is none.
        stopped = Stop::NoBetterStep;
        while damping < 1e9 {
            let Some(delta) = damped_step(&at, damping) else {
                damping = (damping * 10.0).max(1e-6);
                continue;
            };
            let left: f64 = -delta.iter().zip(&at.gradient).map(|(d, g)| d * g).sum::<f64>();
            let trial: Vec<f64> = p.iter().zip(&delta).map(|(x, d)| x + d).collect();
            let next = target.cost(&trial).filter(|(c, _)| c.lost <= lost_at_start + cost.n() / 100 && c.n() > 0);
            match next {
                Some((next, there)) if mean_cost(&next) <= mean_cost(&cost) * (1.0 + 1e-14) => {
                    let gain = cost.cost - next.cost;
                    let linear = damping < 1e-5 && next.n() == cost.n() && 2.0 * (gain - 0.5 * left).abs() < 0.01 * tolerance * variance;
                    // Where the last digits oscillate, the last test ends it.
                    let small = left < tolerance * variance || gain.abs() < 1e-8 * cost.cost;
                    damping = (damping * 0.1).max(1e-9);
                    (p, cost, residuals) = (trial, next, Some(there));
                    steps.push(step(&cost));
                    monitor.advance(1);
                    stopped = if linear || small { Stop::Converged } else { Stop::MaxIterations };
                    break;
                }
                _ => {
                    // The minimum is here already, to the last digits.
                    if left < tolerance * variance && damping < 1e-3 {
                        stopped = Stop::Converged;
                        break;
                    }
                    damping = (damping * 10.0).max(1e-4);
                }
            }
        }
        if stopped == Stop::MaxIterations && steps.len() <= max_iterations {
            match target.linearise(&p) {
                Some((_, equations)) => at = equations,
                // The cost was there to be had, so that this cannot be; the step before stands.
                None => stopped = Stop::NoBetterStep,
            }
        }
    }
    let residuals = match residuals {
        Some(residuals) => residuals,
        None => target.cost(&p).map(|(_, residuals)| residuals).unwrap_or_default(),
    };
    Ok(Some(Minimum { p, cost, residuals, at, steps, stopped }))
}

/// −(N + damping·diag N)⁻¹ g; `None` when that is not positive definite.
fn damped_step(at: &Linearised, damping: f64) -> Option<Vec<f64>> {
    let mut normal = at.normal.clone();
    for (i, d) in at.normal.diagonal().into_iter().enumerate() {
        // A parameter that nothing depends on stays.
        normal.add(i, i, if d > 0.0 { damping * d } else { 1.0 });
    }
    let mut delta = normal.cholesky(1e-13)?.solve(&at.gradient);
    delta.iter_mut().for_each(|d| *d = -*d);
    delta.iter().all(|d| d.is_finite()).then_some(delta)
}
