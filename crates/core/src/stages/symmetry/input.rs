//! Corrected, filtered and merged intensities from a table of integrated reflections.

use super::{Error, Params};
use crate::geometry::ExperimentList;
use crate::reflections::{Reflections, flags};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An intensity with what identifies it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Experiment.
    pub experiment: u32,
    /// Miller index.
    pub hkl: [i32; 3],
    /// Corrected intensity.
    pub intensity: f64,
    /// Its standard deviation.
    pub sigma: f64,
}

/// What was left out, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows of the table.
    pub rows: usize,
    /// Not integrated as needed.
    pub not_integrated: usize,
    /// Joined with another part of the same reflection.
    pub joined: usize,
    /// Recorded by less than the threshold.
    pub partial: usize,
    /// I/σ below the limit.
    pub weak: usize,
    /// No usable intensity, variance or correction.
    pub bad: usize,
    /// Beyond the first turn of a scan.
    pub later_turns: usize,
    /// Far from others of the same index.
    pub outliers: usize,
    /// Used.
    pub used: usize,
    /// Whether intensities are profile-fitted (otherwise summed).
    pub profile: bool,
}

/// Standard deviations are taken as 2·√(σ² + (0.03 I)²), as in Evans (2006): integration underestimates them, and before scaling strong
/// equivalents differ by per cents, whatever their counting statistics.
const SD_FACTOR: f64 = 2.0;
const SD_ADD: f64 = 0.03;

/// The standard deviation to expect of an intensity whose counting statistics are `sigma`.
pub fn realistic_sigma(intensity: f64, sigma: f64) -> f64 {
    SD_FACTOR * (sigma * sigma + (SD_ADD * intensity).powi(2)).sqrt()
}

/// z of the deviation from others of the same index beyond which an observation is left out.
const OUTLIER_Z: f64 = 6.0;

/// Intensities for scoring: profile-fitted if there are any, multiplied by LP and divided by the quantum efficiency (and, when
/// summed, by the partiality), parts of one reflection joined.
///
/// Scans of more than a turn give their first turn only, as later ones may suffer from radiation damage.
///
/// # Errors
/// Missing columns, or nothing left.
pub fn observations(experiments: &ExperimentList, table: &Reflections, params: &Params) -> Result<(Vec<Observation>, Counts), Error> {
    table.require(&["id", "flags", "miller_index"])?;
    let mut counts = Counts { rows: table.len(), ..Counts::default() };
    let has = |column: &[f64]| column.len() == table.len();
    counts.profile = has(&table.i_prf) && has(&table.var_prf) && table.flags.iter().any(|f| f & flags::INTEGRATED_PRF != 0);
    if !counts.profile {
        table.require(&["intensity.sum.value", "intensity.sum.variance"])?;
    }
    let (value, variance) = if counts.profile { (&table.i_prf, &table.var_prf) } else { (&table.i_sum, &table.var_sum) };
    // Both kinds of intensity should have come out well, if both were tried.
    let needed = match (counts.profile, has(&table.i_sum)) {
        (true, true) => flags::INTEGRATED,
        (true, false) => flags::INTEGRATED_PRF,
        _ => flags::INTEGRATED_SUM,
    };
    let efficiencies = table.quantum_efficiency();
    let turns: Vec<f64> = (0..experiments.len())
        .map(|i| experiments.models(i).map_or(f64::INFINITY, |m| (std::f64::consts::TAU / m.scan.width.abs()).ceil()))
        .collect();

    struct Part {
        row: usize,
        intensity: f64,
        variance: f64,
        partiality: f64,
    }
    let mut whole: Vec<Part> = Vec::new();
    let mut parts: BTreeMap<(i32, u64), Vec<Part>> = BTreeMap::new();
    for row in 0..table.len() {
        let id = table.id[row];
        if id < 0 || id as usize >= experiments.len() || table.flags[row] & needed != needed {
            counts.not_integrated += 1;
            continue;
        }
        if table.xyzobs_px.get(row).is_some_and(|x| x[2] > turns[id as usize]) {
            counts.later_turns += 1;
            continue;
        }
        let efficiency = efficiencies.get(row).copied().unwrap_or(1.0);
        let partiality = table.partiality.get(row).copied().unwrap_or(1.0);
        let mut correction = table.lp.get(row).copied().unwrap_or(1.0) / efficiency;
        if !counts.profile {
            correction /= partiality;
        }
        let part = Part { row, intensity: value[row] * correction, variance: variance[row] * correction * correction, partiality };
        let usable = efficiency > 0.0
            && partiality > 0.0
            && part.intensity.is_finite()
            && part.variance.is_finite()
            && part.variance > 0.0
            && table.hkl[row] != [0; 3];
        if !usable {
            counts.bad += 1;
            continue;
        }
        // A summed intensity far below zero says that the background is wrong, which the profile fit took over.
        let other =
            counts.profile && has(&table.i_sum) && has(&table.var_sum) && table.i_sum[row] < params.min_isigi * table.var_sum[row].sqrt();
        if other || part.intensity < params.min_isigi * part.variance.sqrt() {
            counts.weak += 1;
            continue;
        }
        match table.partial_id.get(row) {
            Some(&partial) if partiality < 0.99 => parts.entry((id, partial)).or_default().push(part),
            _ => whole.push(part),
        }
    }
    for (_, list) in parts {
        counts.joined += list.len() - 1;
        // Each part, corrected to the whole, is an estimate of the same intensity.
        let weight: f64 = list.iter().map(|p| 1.0 / p.variance).sum();
        let intensity = list.iter().map(|p| p.intensity / p.variance).sum::<f64>() / weight;
        let partiality = list.iter().map(|p| p.partiality).sum();
        if let Some(first) = list.first() {
            whole.push(Part { row: first.row, intensity, variance: 1.0 / weight, partiality });
        }
    }
    whole.sort_by_key(|p| p.row);
    let mut list = Vec::with_capacity(whole.len());
    for part in whole {
        if part.partiality < params.partiality_threshold {
            counts.partial += 1;
            continue;
        }
        list.push(Observation {
            experiment: table.id[part.row] as u32,
            hkl: table.hkl[part.row],
            intensity: part.intensity,
            sigma: part.variance.sqrt(),
        });
    }
    let before = list.len();
    list = without_outliers(list);
    counts.outliers = before - list.len();
    counts.used = list.len();
    if list.is_empty() {
        return Err(Error::Nothing {
            rows: counts.rows,
            not_integrated: counts.not_integrated,
            partial: counts.partial,
            threshold: params.partiality_threshold,
            bad: counts.bad,
        });
    }
    Ok((list, counts))
}

/// Drops observations that are far from the others with the same index or its Friedel mate in their experiment.
///
/// Deviations are from the median (of two, their mean), and are measured by [`realistic_sigma`] of that median. Neither one wild value nor
/// a weak one, whose counting statistics claim a small σ, can condemn the good ones; and strong reflections that differ because the
/// sweep is not scaled yet stay: they carry most of the correlation that symmetry is judged by.
fn without_outliers(list: Vec<Observation>) -> Vec<Observation> {
    let key = |o: &Observation| (o.experiment, o.hkl.max(o.hkl.map(|v| -v)));
    let mut values: BTreeMap<(u32, [i32; 3]), Vec<f64>> = BTreeMap::new();
    for o in &list {
        values.entry(key(o)).or_default().push(o.intensity);
    }
    let medians: BTreeMap<(u32, [i32; 3]), f64> = values
        .into_iter()
        .map(|(key, mut v)| {
            v.sort_by(f64::total_cmp);
            let n = v.len();
            (key, 0.5 * (v[(n - 1) / 2] + v[n / 2]))
        })
        .collect();
    list.into_iter().filter(|o| (o.intensity - medians[&key(o)]).abs() <= OUTLIER_Z * realistic_sigma(medians[&key(o)], o.sigma)).collect()
}

/// Weighted means over equal indices (Friedel mates apart) of each experiment, sorted.
pub fn merged(list: &[Observation]) -> Vec<Observation> {
    let mut groups: BTreeMap<(u32, [i32; 3]), (f64, f64)> = BTreeMap::new();
    for o in list {
        let w = 1.0 / (o.sigma * o.sigma);
        let (sum_w, sum_wi) = groups.entry((o.experiment, o.hkl)).or_default();
        *sum_w += w;
        *sum_wi += w * o.intensity;
    }
    groups
        .into_iter()
        .map(|((experiment, hkl), (w, wi))| Observation { experiment, hkl, intensity: wi / w, sigma: 1.0 / w.sqrt() })
        .collect()
}
