//! A reflection on whose foreground others lie: its intensity and theirs, fitted together.
//!
//! Only the pixels of the one are looked at, whatever the others have elsewhere: what is wanted of them is what they have here. Each of a crowd is
//! fitted in its turn, with those about it as unknowns that are thrown away, so that groups are as small as neighbourhoods, and no chain of overlaps
//! grows along a detector. (For two equal Gaussians the pixels left out would tell next to nothing: the variance grows by less than a hundredth.)

use super::fit::{Fit, LEAST_RECORDED, Level, NOTHING, correlation, expected_counts};
use crate::math::Symmetric;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A reflection upon another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Neighbour {
    /// Its experiment.
    pub(crate) experiment: u32,
    /// Its ray, Å⁻¹.
    pub(crate) s1: [f64; 3],
    /// Where it is predicted: px, px, array index.
    pub(crate) xyz: [f64; 3],
}

/// Those beyond this number, which are the farthest, are not fitted.
pub(crate) const MOST: usize = 12;

/// A neighbour with less than this part of itself on the pixels has nothing there.
const ABSENT: f64 = 1e-5;
/// Belief that neighbours have no intensity, as a part of what the pixels tell of them: it decides nothing but what two neighbours at one place have each.
const RIDGE: f64 = 1e-6;
/// With more than this many times the variance of a reflection alone it cannot be told from its neighbours: two spots nearer than about a third of
/// their width.
const INSEPARABLE: f64 = 25.0;

/// Why there is no fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// No profile, or hardly any pixels.
    Nothing,
    /// A neighbour has its place.
    Inseparable,
}

/// A reflection and its neighbours.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Joint {
    /// Of the reflection.
    pub(super) fit: Fit,
    /// What the neighbours have on each pixel, counts; empty without any.
    pub(super) others: Vec<f64>,
    /// w by pixel, so that Σ w (d − b) ÷ Σ w p is the intensity; empty without neighbours.
    pub(super) weights: Vec<f64>,
    /// What the counts are expected to vary by, by pixel; 0 for those that take no part; empty without neighbours.
    pub(super) noise: Vec<f64>,
    /// The neighbours that have something here.
    pub(super) upon: Vec<Upon>,
}

/// What was found of a neighbour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Upon {
    /// Its number.
    pub(crate) number: usize,
    /// The part of it that is on the pixels.
    pub(crate) part: f64,
    /// Counts that it has there.
    pub(crate) counts: f64,
    /// Correlation of its intensity with that of the reflection.
    pub(crate) correlation: f64,
}

impl Joint {
    /// A reflection without neighbours.
    pub(super) fn alone(fit: Fit) -> Self {
        Joint { fit, others: Vec::new(), weights: Vec::new(), noise: Vec::new(), upon: Vec::new() }
    }

    /// All that lies below the reflection: the background and its neighbours.
    pub(super) fn below<'a>(&self, levels: &'a [f64]) -> Cow<'a, [f64]> {
        if self.others.is_empty() {
            return Cow::Borrowed(levels);
        }
        levels.iter().zip(&self.others).map(|(b, o)| b + o.max(0.0)).collect()
    }
}

/// The most likely intensities of independent Poisson counts b + Σ I_j p_j, as [`super::fit::fit`] finds that of one: M I = Σ p (d − b)/v with M_ij =
/// Σ p_i p_j/v and v = b + Σ I_j p_j from the model, until the first changes no more. It is a sum of counts with the weights w = Σ_j (M⁻¹)₀ⱼ p_j/v,
/// and its variance, as that of one alone, the variance of these counts if they are what is expected of them: Σ w²(b + Σ E_j p_j), E_j by
/// [`expected_counts`]; and that of the background carried through the weights.
///
/// `fractions`: of the reflection, then of each neighbour, by pixel; `carried`: the variance of Σ w · b for weights by pixel, `None` for one level.
pub(super) fn fit(
    fractions: &[Vec<f64>],
    counts: &[i32],
    levels: &[f64],
    level: &Level,
    carried: Option<&dyn Fn(&mut dyn Iterator<Item = (usize, f64)>) -> f64>,
) -> Result<Joint, Unfit> {
    let own = fractions.first().ok_or(Unfit::Nothing)?;
    let least = Level { mean: 0.0, ..*level }.expected();
    let pixels: Vec<usize> = (0..counts.len()).filter(|&q| counts[q] >= 0 && fractions.iter().any(|p| p[q] > NOTHING)).collect();
    let held = |p: &Vec<f64>| pixels.iter().map(|&q| p[q]).sum::<f64>();
    let recorded = held(own);
    if !(recorded > LEAST_RECORDED) {
        return Err(Unfit::Nothing);
    }
    // Neighbours are counted by what they have here, so that all unknowns are of one size.
    let mut members = vec![(own, recorded)];
    let there: Vec<(usize, &Vec<f64>, f64)> =
        fractions[1..].iter().enumerate().map(|(k, p)| (k, p, held(p))).filter(|(_, _, s)| *s > ABSENT).collect();
    members.extend(there.iter().map(|(_, p, s)| (*p, *s)));
    let n = members.len();
    let total: f64 = pixels.iter().map(|&q| f64::from(counts[q]) - levels[q]).sum();
    let mut intensity = vec![total.max(0.0) / n as f64; n];
    let mut inverse_row = Vec::new();
    let mut last = None;
    let mut variances = Vec::new();
    let mut alone = 0.0;
    for _ in 0..100 {
        let (mut normal, mut right) = (Symmetric::zeros(n), vec![0.0; n]);
        variances.clear();
        for &q in &pixels {
            let part = |j: usize| members[j].0[q] / members[j].1;
            let v = levels[q].max(least) + (0..n).map(|j| intensity[j].max(0.0) * part(j)).sum::<f64>();
            variances.push(v);
            for i in 0..n {
                let w = part(i) / v;
                right[i] += w * (f64::from(counts[q]) - levels[q]);
                (0..=i).filter(|_| w > 0.0).for_each(|j| normal.add(i, j, w * part(j)));
            }
        }
        alone = normal.get(0, 0);
        (1..n).for_each(|i| normal.add(i, i, RIDGE * normal.get(i, i)));
        let factor = normal.cholesky(1e-12).ok_or(Unfit::Inseparable)?;
        let next = factor.solve(&right);
        inverse_row = factor.inverse_column(0);
        last = Some(factor);
        let step = (next[0] - intensity[0]).abs();
        intensity = next;
        if step * step < 1e-8 * inverse_row[0] {
            break;
        }
    }
    if !(inverse_row[0] * alone < INSEPARABLE) {
        return Err(Unfit::Inseparable);
    }
    let weight = |k: usize| (0..n).map(|j| inverse_row[j] * members[j].0[pixels[k]] / members[j].1).sum::<f64>() / variances[k];
    let background = match carried {
        None => (0..pixels.len()).map(weight).sum::<f64>().powi(2) * level.variance(),
        Some(f) => f(&mut (0..pixels.len()).map(|k| (pixels[k], weight(k)))),
    };
    let expected: Vec<f64> = intensity.iter().zip(&members).map(|(i, m)| expected_counts(i / m.1)).collect();
    let noise = |q: usize| levels[q].max(least) + expected.iter().zip(&members).map(|(e, m)| e * m.0[q]).sum::<f64>();
    let counted = (0..pixels.len()).map(|k| weight(k).powi(2) * noise(pixels[k])).sum::<f64>();
    let variance = (counted + background) / (recorded * recorded);
    let others: Vec<f64> = (0..counts.len()).map(|q| (1..n).map(|j| intensity[j] * members[j].0[q] / members[j].1).sum()).collect();
    let own_intensity = intensity[0] / recorded;
    if !own_intensity.is_finite() || !variance.is_finite() {
        return Err(Unfit::Nothing);
    }
    let beside = pixels.iter().map(|&q| others[q]).sum();
    let model: Vec<f64> = (0..counts.len()).map(|q| own_intensity.max(0.0) * own[q] + others[q]).collect();
    let fit =
        Fit { intensity: own_intensity, variance, correlation: correlation(&model, counts), recorded, beside, weighed_by: own_intensity };
    let spread = |f: &dyn Fn(usize) -> f64| {
        let mut all = vec![0.0; counts.len()];
        (0..pixels.len()).for_each(|k| all[pixels[k]] = f(k));
        all
    };
    let (weights, by_pixel) = (spread(&weight), spread(&|k| noise(pixels[k])));
    let upon = (1..n).map(|j| Upon {
        number: there[j - 1].0,
        part: members[j].1,
        counts: intensity[j],
        correlation: last.as_ref().map_or(0.0, |m| inverse_row[j] / (inverse_row[0] * m.inverse_column(j)[j]).sqrt()),
    });
    Ok(Joint { fit, others, weights, noise: by_pixel, upon: upon.collect() })
}

#[cfg(test)]
#[path = "overlap_tests.rs"]
mod tests;
