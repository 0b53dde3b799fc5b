//! To which resolution intensities are good enough to compare.

use super::Params;
use super::input::Observation;
use crate::merging::Correlation;
use crate::spacegroup::constraints::d_spacing;
use nalgebra::Matrix3;
use std::collections::HashMap;

/// Observations a shell should have, and the largest number of shells.
const PER_SHELL: usize = 200;
const MAX_SHELLS: usize = 20;

/// d (Å) to which shells have ⟨I⟩/⟨σ⟩ or the correlation of Friedel mates above their limits, whichever is finer. `None` when all data
/// are good enough, or too few to tell.
pub(super) fn limit(list: &[Observation], reciprocal: &Matrix3<f64>, params: &Params) -> Option<f64> {
    if params.d_min.is_some() {
        return params.d_min;
    }
    let n_shells = (list.len() / PER_SHELL).min(MAX_SHELLS);
    if n_shells < 3 {
        return None;
    }
    let mut order: Vec<(f64, usize)> = list.iter().enumerate().map(|(i, o)| (d_spacing(reciprocal, o.hkl).powi(-2), i)).collect();
    order.sort_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
    let index: HashMap<(u32, [i32; 3]), usize> = list.iter().enumerate().map(|(i, o)| ((o.experiment, o.hkl), i)).collect();
    let mut s_mean = Vec::new();
    let (mut signal, mut correlation) = (Vec::new(), Vec::new());
    for shell in 0..n_shells {
        let members = &order[shell * order.len() / n_shells..(shell + 1) * order.len() / n_shells];
        let n = members.len() as f64;
        s_mean.push(members.iter().map(|m| m.0).sum::<f64>() / n);
        let (i, sigma) = members.iter().fold((0.0, 0.0), |(i, s), m| (i + list[m.1].intensity, s + list[m.1].sigma));
        signal.push(i / sigma);
        let mut pairs = Correlation::default();
        for &(_, m) in members {
            let o = &list[m];
            if let Some(&mate) = index.get(&(o.experiment, o.hkl.map(|v| -v))) {
                pairs.add(o.intensity, list[mate].intensity);
            }
        }
        // Mates come twice, hence 20.
        correlation.push(pairs.coefficient().filter(|_| pairs.n >= 20));
    }
    let by_signal = crossing(&s_mean, &signal.iter().map(|v| Some(*v)).collect::<Vec<_>>(), params.min_i_over_sigma);
    let by_correlation = crossing(&s_mean, &correlation, params.min_cc_half);
    let s = match (by_signal, by_correlation) {
        (Crossing::At(a), Crossing::At(b)) => a.max(b),
        (Crossing::At(a), Crossing::Unknown) | (Crossing::Unknown, Crossing::At(a)) => a,
        _ => return None,
    };
    Some(1.0 / s.sqrt())
}

enum Crossing {
    /// Too few shells with a value.
    Unknown,
    /// Every shell is above.
    Above,
    /// 1/d² where the values fall below for good.
    At(f64),
}

/// Where medians of three neighbouring values fall below the limit after the last that is above.
fn crossing(s: &[f64], values: &[Option<f64>], limit: f64) -> Crossing {
    let known: Vec<(f64, f64)> = s.iter().zip(values).filter_map(|(s, v)| Some((*s, (*v)?))).collect();
    if known.len() < 3 {
        return Crossing::Unknown;
    }
    let smooth = |i: usize| {
        let mut three = [known[i.saturating_sub(1)].1, known[i].1, known[(i + 1).min(known.len() - 1)].1];
        three.sort_by(f64::total_cmp);
        three[1]
    };
    match (0..known.len()).rev().find(|&i| smooth(i) >= limit) {
        Some(i) if i + 1 == known.len() => Crossing::Above,
        Some(i) => {
            let (a, b) = (smooth(i), smooth(i + 1));
            let t = ((a - limit) / (a - b)).clamp(0.0, 1.0);
            Crossing::At(known[i].0 + t * (known[i + 1].0 - known[i].0))
        }
        // Nothing is good: use what there is rather than nothing.
        None => Crossing::Unknown,
    }
}
