//! Levenberg–Marquardt steps (Marquardt 1963: damping in proportion to the diagonal).

use super::Options;
use super::outcome::{Step, Stop};
use super::target::{Linearised, Target};
use crate::job::{Cancelled, Monitor};

/// Where a minimisation ended.
pub(crate) struct Minimum {
    pub p: Vec<f64>,
    pub at: Linearised,
    pub steps: Vec<Step>,
    pub stopped: Stop,
}

/// Cost per reflection, so that steps that lose one or two reflections compare.
fn mean_cost(l: &Linearised) -> f64 {
    l.cost / l.n().max(1) as f64
}

/// From `p` to the minimum. `None` when the models predict nothing at the start.
///
/// Stops when gᵀN⁻¹g, in units of the reduced χ², is below [`Options::tolerance`]: the squared length of the step that is left, in standard
/// uncertainties.
pub(crate) fn minimise(
    target: &Target<'_>,
    mut p: Vec<f64>,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Option<Minimum>, Cancelled> {
    let Options { max_iterations, tolerance, .. } = *options;
    let n = target.layout.n;
    let Some(mut at) = target.linearise(&p).filter(|l| l.n() > 0) else { return Ok(None) };
    let lost_at_start = at.lost;
    let step = |l: &Linearised| Step { n: l.n(), rmsd: l.rmsd(), cost: l.cost };
    let mut steps = vec![step(&at)];
    if n == 0 {
        return Ok(Some(Minimum { p, at, steps, stopped: Stop::NothingToRefine }));
    }
    let mut damping = 1e-7;
    let mut stopped = Stop::MaxIterations;
    monitor.begin("refining", max_iterations as u64);
    while steps.len() <= max_iterations {
        monitor.check()?;
        let freedom = (3 * at.n()).saturating_sub(n).max(1) as f64;
        let variance = (2.0 * at.cost / freedom).max(f64::MIN_POSITIVE);
        // One accepted step, or the finding that there is none.
        let mut accepted = false;
        while damping < 1e9 {
            let Some(delta) = damped_step(&at, damping) else {
                damping = (damping * 10.0).max(1e-6);
                continue;
            };
            let left: f64 = -delta.iter().zip(&at.gradient).map(|(d, g)| d * g).sum::<f64>();
            let trial: Vec<f64> = p.iter().zip(&delta).map(|(x, d)| x + d).collect();
            let next = target.linearise(&trial).filter(|l| l.lost <= lost_at_start + at.n() / 100 && l.n() > 0);
            match next {
                Some(next) if mean_cost(&next) <= mean_cost(&at) * (1.0 + 1e-14) => {
                    damping = (damping * 0.1).max(1e-9);
                    let gain = at.cost - next.cost;
                    (p, at) = (trial, next);
                    steps.push(step(&at));
                    monitor.advance(1);
                    accepted = true;
                    // Where the last digits oscillate, the second test ends it.
                    if left < tolerance * variance || gain.abs() < 1e-8 * at.cost {
                        stopped = Stop::Converged;
                    }
                }
                _ => {
                    // The minimum is here already, to the last digits.
                    if left < tolerance * variance && damping < 1e-3 {
                        stopped = Stop::Converged;
                        break;
                    }
                    damping = (damping * 10.0).max(1e-4);
                    continue;
                }
            }
            break;
        }
        if stopped == Stop::Converged {
            break;
        }
        if !accepted {
            stopped = Stop::NoBetterStep;
            break;
        }
    }
    Ok(Some(Minimum { p, at, steps, stopped }))
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
