//! A start that outliers do not spoil, for small problems.
//!
//! Rejection needs a model, and the model of a few dozen spots is bent by the wrong ones among them. So before anything is rejected, small problems
//! are minimised with weights that fall with the residual, w·(c²/(c² + d²))² (Geman & McClure 1987), the scale c following the median of the
//! normalised residuals d as the fit improves.

use super::engine::minimise;
use super::plan::Plan;
use super::select::Observation;
use super::target::Target;
use super::{Error, Options, Outliers, build, mcd};
use crate::job::Monitor;

/// With more reflections than this, rejection by the given model is good enough.
const SMALL: usize = 2000;
/// Rounds of new weights.
const ROUNDS: usize = 20;
/// Steps between them.
const STEPS: usize = 3;

/// Residuals of `all` by models fitted to most of them; `None` when the problem is large or the options do not ask for it.
pub(crate) fn residuals(
    plan: &Plan,
    all: &[Observation],
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Option<Vec<Option<[f64; 3]>>>, Error> {
    if !options.robust_start || options.outliers == Outliers::None || all.len() > SMALL {
        return Ok(None);
    }
    let mut weighted: Vec<Observation> = all.iter().map(|o| Observation { outlier: false, ..*o }).collect();
    let (layout, _) = build::reduced(plan, &weighted, options)?;
    let few = Options { max_iterations: STEPS, ..options.clone() };
    let mut p = vec![0.0; layout.n];
    let mut residuals = Target::new(&plan.list, &layout, all, None).cost(&p).ok_or(Error::NoPrediction)?.1;
    for _ in 0..ROUNDS {
        let d2 = |i: usize| residuals[i].map(|r| (0..3).map(|k| all[i].weight[k] * r[k] * r[k]).sum::<f64>());
        let mut sorted: Vec<f64> = (0..all.len()).filter_map(d2).collect();
        if sorted.is_empty() {
            return Err(Error::NoPrediction);
        }
        sorted.sort_by(f64::total_cmp);
        let scale2 = (sorted[sorted.len() / 2] / mcd::chi2_quantile(0.5)).max(f64::MIN_POSITIVE);
        let c2 = mcd::chi2_quantile(0.99) * scale2;
        for (i, o) in weighted.iter_mut().enumerate() {
            let f = d2(i).map_or(0.0, |d2| (c2 / (c2 + d2)) * (c2 / (c2 + d2)));
            o.weight = all[i].weight.map(|w| w * f);
        }
        let target = Target::new(&plan.list, &layout, &weighted, Some(options));
        let Some(minimum) = minimise(&target, p.clone(), &few, monitor)? else { break };
        (p, residuals) = (minimum.p, minimum.residuals);
    }
    Ok(Some(residuals))
}
