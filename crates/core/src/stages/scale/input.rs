//! From a table of integrated reflections to grouped observations: partial recordings joined, filters, corrections.

use super::error::Error;
use super::exclude::Excluded;
use super::harmonics;
use super::model::{INSIDE, Layout, SURPLUS_PER_PARAMETER, SweepModel};
use super::params::Params;
use super::smoother::{Smoother, Weights};
use crate::geometry::{ExperimentList, UnitCell};
use crate::job::parallel;
use crate::math::vec3;
use crate::merging::Equivalents;
use crate::reflections::{Reflections, flags};
use std::collections::BTreeMap;

/// An intensity on the detector's scale turned into one on the crystal's: corrected for Lorentz–polarisation, quantum efficiency and,
/// when summed, partiality.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    /// Corrected intensity.
    pub(super) value: f64,
    /// Its variance.
    pub(super) variance: f64,
    /// The correction that the counts were multiplied by: their own Poisson variance is `per_count`·value.
    pub(super) per_count: f64,
}

/// Grouped observations. Vectors without remark have one entry for each member of `groups`.
#[derive(Debug, Clone, Default)]
pub(super) struct Observations {
    pub(super) groups: Equivalents,
    /// Experiment.
    pub(super) sweep: Vec<u32>,
    /// 1/2d², Å⁻².
    pub(super) half_stol: Vec<f64>,
    pub(super) scale: Vec<Weights>,
    pub(super) decay: Vec<Weights>,
    /// Weights along the detector's axes, for the array model; else empty.
    pub(super) detector: Vec<[Weights; 2]>,
    /// `stride` harmonics for each member.
    pub(super) harmonics: Vec<f32>,
    pub(super) stride: usize,
    pub(super) summed: Vec<Option<Measured>>,
    pub(super) profile: Vec<Option<Measured>>,
    /// The chosen intensity.
    pub(super) intensity: Vec<f64>,
    /// Its variance from counting.
    pub(super) variance: Vec<f64>,
    /// Correction of one count, see [`Measured`].
    pub(super) per_count: Vec<f64>,
    pub(super) outlier: Vec<bool>,
    /// Recorded completely enough to determine the model.
    pub(super) whole: Vec<bool>,
}

impl Observations {
    /// Number of observations.
    pub(super) fn len(&self) -> usize {
        self.sweep.len()
    }

    /// Harmonics of member `j`.
    #[inline]
    pub(super) fn y(&self, j: usize) -> &[f32] {
        &self.harmonics[j * self.stride..(j + 1) * self.stride]
    }

    /// K, exp(B/2d²) and absorption factor of member `j`.
    #[inline]
    pub(super) fn factors(&self, models: &[SweepModel], j: usize) -> [f64; 3] {
        models[self.sweep[j] as usize].factors(&self.scale[j], &self.decay[j], self.half_stol[j], self.y(j), self.detector.get(j))
    }

    /// Intensities, variances and outliers with I(+) and I(−) in groups of their own, and `g` in the same order. What models need is left out.
    pub(super) fn friedel_apart(&self, g: &[f64]) -> (Observations, Vec<f64>) {
        let groups = self.groups.friedel_apart();
        let mut place = vec![0; self.groups.rows.iter().max().map_or(0, |r| *r as usize + 1)];
        for (j, &row) in self.groups.rows.iter().enumerate() {
            place[row as usize] = j;
        }
        let from: Vec<usize> = groups.rows.iter().map(|&row| place[row as usize]).collect();
        let take = |values: &[f64]| -> Vec<f64> { from.iter().map(|&j| values[j]).collect() };
        let out = Observations {
            sweep: from.iter().map(|&j| self.sweep[j]).collect(),
            intensity: take(&self.intensity),
            variance: take(&self.variance),
            per_count: take(&self.per_count),
            outlier: from.iter().map(|&j| self.outlier[j]).collect(),
            whole: from.iter().map(|&j| self.whole[j]).collect(),
            groups,
            ..Observations::default()
        };
        (out, take(g))
    }

    /// Whether member `j` has a say in the model.
    #[inline]
    pub(super) fn determines(&self, j: usize) -> bool {
        self.whole[j] && !self.outlier[j]
    }

    /// Lets the incompletely recorded observations of a sweep determine its model, too, where the others are too few.
    pub(super) fn let_partials_in_where_needed(&mut self, layouts: &[Layout]) {
        let surplus = surplus(&self.groups, layouts.len(), |j| self.sweep[j] as usize, |j| self.whole[j]);
        let enough: Vec<bool> = layouts.iter().zip(&surplus).map(|(l, s)| *s >= SURPLUS_PER_PARAMETER * l.n() as f64).collect();
        for (whole, sweep) in self.whole.iter_mut().zip(&self.sweep) {
            *whole |= !enough[*sweep as usize];
        }
    }

    /// g of every observation.
    pub(super) fn inverse_scales(&self, models: &[SweepModel]) -> Vec<f64> {
        let mut g = vec![0.0; self.len()];
        parallel::for_each_chunk_mut(&mut g, 8192, |start, chunk| {
            for (i, g) in chunk.iter_mut().enumerate() {
                *g = self.factors(models, start + i).iter().product();
            }
        });
        g
    }
}

/// How many rows each filter took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Filtered {
    /// Rows of the input.
    pub rows: usize,
    /// Neither summed nor profile-fitted.
    pub not_integrated: usize,
    /// Joined with another part of the same reflection.
    pub joined: usize,
    /// No usable intensity, variance, d or correction.
    pub bad_values: usize,
    /// Recorded too incompletely.
    pub partial: usize,
    /// I/σ far below zero.
    pub weak: usize,
    /// Outside the resolution limits.
    pub resolution: usize,
    /// On images that are left out.
    pub images: usize,
    /// Left for scaling.
    pub suitable: usize,
}

/// The table that scaling works on and returns: integrated rows, joined partials, without shoeboxes; and its usable measurements.
pub(super) struct Prepared {
    pub(super) table: Reflections,
    pub(super) summed: Vec<Option<Measured>>,
    pub(super) profile: Vec<Option<Measured>>,
    /// Rows that pass all filters, ascending.
    pub(super) suitable: Vec<u32>,
    pub(super) filtered: Filtered,
    /// d (Å) of each row.
    pub(super) d: Vec<f64>,
    /// Whether each row was recorded completely enough to determine the model.
    pub(super) whole: Vec<bool>,
}

/// What the observations that count say about the scales of each sweep: a group of m says m − 1 things, and each member gets its share.
pub(super) fn surplus(groups: &Equivalents, n: usize, sweep: impl Fn(usize) -> usize, counts: impl Fn(usize) -> bool) -> Vec<f64> {
    let mut out = vec![0.0; n];
    for i in 0..groups.len() {
        let members = || groups.members(i).filter(|&j| counts(j));
        let m = members().count() as f64;
        for j in members() {
            out[sweep(j)] += (m - 1.0) / m;
        }
    }
    out
}

/// Joins, corrects and filters; sets the flags of what is left out.
pub(super) fn prepare(reflections: &Reflections, cell: &UnitCell, excluded: &Excluded, params: &Params) -> Result<Prepared, Error> {
    let mut filtered = Filtered { rows: reflections.len(), ..Filtered::default() };
    let rows: Vec<usize> =
        (0..reflections.len()).filter(|&i| reflections.flags[i] & flags::INTEGRATED != 0 && reflections.id[i] >= 0).collect();
    filtered.not_integrated = reflections.len() - rows.len();
    let mut table = reflections.select(&rows);
    table.shoebox.clear();
    let joined = partials(&table);
    if !joined.is_empty() {
        let drop: std::collections::BTreeSet<usize> = joined.values().flat_map(|r| r[1..].iter().copied()).collect();
        filtered.joined = drop.len();
        for rows in joined.values() {
            join(&mut table, rows);
        }
        table = table.select(&(0..table.len()).filter(|i| !drop.contains(i)).collect::<Vec<_>>());
    }
    let efficiency = table.quantum_efficiency();
    let n = table.len();
    let mut summed = vec![None; n];
    let mut profile = vec![None; n];
    for i in 0..n {
        let correction = table.lp.get(i).copied().unwrap_or(1.0) / efficiency.get(i).copied().filter(|q| *q > 0.0).unwrap_or(1.0);
        let p = table.partiality.get(i).copied().unwrap_or(1.0);
        if table.flags[i] & flags::INTEGRATED_SUM != 0 && p > 0.0 {
            summed[i] = measured(&table.i_sum, &table.var_sum, i, correction / p);
        }
        if table.flags[i] & flags::INTEGRATED_PRF != 0 {
            profile[i] = measured(&table.i_prf, &table.var_prf, i, correction);
        }
    }
    let reciprocal = cell.b_matrix();
    let d: Vec<f64> =
        table.hkl.iter().map(|h| 1.0 / (reciprocal * vec3([f64::from(h[0]), f64::from(h[1]), f64::from(h[2])])).norm()).collect();
    let mut suitable = Vec::with_capacity(n);
    let (finest, coarsest) = (params.d_min.unwrap_or(0.0), params.d_max.unwrap_or(f64::INFINITY));
    for i in 0..n {
        table.flags[i] &= !(flags::BAD_FOR_SCALING | flags::SCALED);
        let best = profile[i].or(summed[i]);
        let count = match best {
            _ if !d[i].is_finite() || d[i] <= 0.0 => &mut filtered.bad_values,
            _ if d[i] < finest || d[i] > coarsest => {
                table.flags[i] |= flags::USER_EXCLUDED_IN_SCALING;
                &mut filtered.resolution
            }
            _ if excluded.has(&table, i) => {
                table.flags[i] |= flags::USER_EXCLUDED_IN_SCALING;
                &mut filtered.images
            }
            None => &mut filtered.bad_values,
            Some(_) if table.partiality.get(i).is_some_and(|p| *p < params.partiality_cutoff) => &mut filtered.partial,
            // Both rest on the same background; if either says that it is wrong, it is.
            Some(_) if [summed[i], profile[i]].iter().flatten().any(|m| m.value / m.variance.sqrt() <= params.min_isigi) => {
                &mut filtered.weak
            }
            Some(_) => {
                suitable.push(i as u32);
                continue;
            }
        };
        *count += 1;
        if table.flags[i] & flags::USER_EXCLUDED_IN_SCALING == 0 {
            table.flags[i] |= flags::EXCLUDED_FOR_SCALING;
        }
    }
    filtered.suitable = suitable.len();
    if suitable.is_empty() {
        return Err(Error::NothingToScale {
            rows: filtered.rows,
            not_integrated: filtered.not_integrated,
            bad_values: filtered.bad_values,
            partial: filtered.partial,
            cutoff: params.partiality_cutoff,
            weak: filtered.weak,
            min_isigi: params.min_isigi,
            resolution: filtered.resolution + filtered.images,
        });
    }
    let whole = (0..n).map(|i| table.partiality.get(i).is_none_or(|p| *p > params.min_partiality)).collect();
    Ok(Prepared { table, summed, profile, suitable, filtered, d, whole })
}

fn measured(values: &[f64], variances: &[f64], i: usize, correction: f64) -> Option<Measured> {
    let (value, variance) = (*values.get(i)?, *variances.get(i)?);
    let good = value.is_finite() && variance.is_finite() && variance > 0.0 && correction.is_finite() && correction > 0.0;
    good.then_some(Measured { value: value * correction, variance: variance * correction * correction, per_count: correction })
}

/// Rows that are parts of one reflection, cut by the borders of integration blocks: same experiment and `partial_id`, each incomplete.
fn partials(table: &Reflections) -> BTreeMap<(i32, u64), Vec<usize>> {
    if table.partial_id.is_empty() || table.partiality.is_empty() {
        return BTreeMap::new();
    }
    let mut parts: BTreeMap<(i32, u64), Vec<usize>> = BTreeMap::new();
    for i in (0..table.len()).filter(|&i| table.partiality[i] < 0.99) {
        parts.entry((table.id[i], table.partial_id[i])).or_default().push(i);
    }
    parts.retain(|_, rows| rows.len() > 1 && rows.iter().all(|&i| table.hkl[i] == table.hkl[rows[0]]));
    parts
}

/// Adds the parts up in the first row: sums, backgrounds and partialities add; profile fits, each an estimate of the whole, are averaged
/// by their variance.
fn join(table: &mut Reflections, rows: &[usize]) {
    let first = rows[0];
    let total = |column: &[f64], bit: u64, flags: &[u64]| -> Option<f64> {
        rows.iter().map(|&i| (flags[i] & bit != 0).then(|| column.get(i).copied()).flatten()).sum()
    };
    let sum = total(&table.i_sum, flags::INTEGRATED_SUM, &table.flags).zip(total(&table.var_sum, flags::INTEGRATED_SUM, &table.flags));
    match sum {
        Some((i, v)) => (table.i_sum[first], table.var_sum[first]) = (i, v),
        None => table.flags[first] &= !flags::INTEGRATED_SUM,
    }
    if !table.i_prf.is_empty() && !table.var_prf.is_empty() {
        let fits = rows.iter().filter(|&&i| table.flags[i] & flags::INTEGRATED_PRF != 0 && table.var_prf[i] > 0.0);
        let mean = crate::merging::weighted_mean(fits.map(|&i| (table.i_prf[i], table.var_prf[i].sqrt())));
        if let Some((i, s)) = mean {
            (table.i_prf[first], table.var_prf[first]) = (i, s * s);
            table.flags[first] |= flags::INTEGRATED_PRF;
        }
    }
    table.partiality[first] = rows.iter().map(|&i| table.partiality[i]).sum::<f64>().min(1.0);
    for column in [&mut table.background_sum, &mut table.background_sum_variance] {
        if !column.is_empty() {
            column[first] = rows.iter().map(|&i| column[i]).sum();
        }
    }
}

/// Groups the suitable rows and evaluates what the models need of each.
pub(super) fn observations(prepared: &Prepared, experiments: &ExperimentList, layouts: &[Layout], groups: Equivalents) -> Observations {
    let table = &prepared.table;
    let lmax = layouts.iter().map(|l| l.lmax).max().unwrap_or(0);
    let stride = harmonics::count(lmax);
    let n = groups.rows.len();
    let mut out = Observations {
        sweep: groups.rows.iter().map(|&r| table.id[r as usize] as u32).collect(),
        half_stol: groups.rows.iter().map(|&r| 0.5 / (prepared.d[r as usize] * prepared.d[r as usize])).collect(),
        summed: groups.rows.iter().map(|&r| prepared.summed[r as usize]).collect(),
        profile: groups.rows.iter().map(|&r| prepared.profile[r as usize]).collect(),
        scale: vec![Weights::default(); n],
        decay: vec![Weights::default(); n],
        detector: Vec::new(),
        harmonics: vec![0.0; n * stride],
        stride,
        intensity: vec![0.0; n],
        variance: vec![1.0; n],
        per_count: vec![1.0; n],
        outlier: vec![false; n],
        whole: groups.rows.iter().map(|&r| prepared.whole[r as usize]).collect(),
        groups,
    };
    let places: Vec<Place> = parallel::map(n, |j| place(prepared, out.groups.rows[j] as usize, experiments, layouts, stride));
    if layouts.iter().any(|l| l.grid.is_some()) {
        out.detector = places.iter().map(|p| p.detector).collect();
    }
    for (j, p) in places.into_iter().enumerate() {
        out.scale[j] = p.scale;
        out.decay[j] = p.decay;
        out.harmonics[j * stride..(j + 1) * stride].copy_from_slice(&p.y);
    }
    out
}

/// Where a reflection lies in the coordinates of its sweep's model.
pub(super) struct Place {
    pub(super) scale: Weights,
    pub(super) decay: Weights,
    pub(super) detector: [Weights; 2],
    pub(super) y: Vec<f32>,
}

/// Coordinates of one row.
pub(super) fn place(prepared: &Prepared, row: usize, experiments: &ExperimentList, layouts: &[Layout], stride: usize) -> Place {
    let table = &prepared.table;
    let sweep = table.id[row] as usize;
    let layout = &layouts[sweep];
    let z = table.xyzcal_px.get(row).or(table.xyzobs_px.get(row)).map_or(0.0, |p| p[2]);
    let mut y = vec![0.0f32; stride];
    let Some(models) = experiments.models(sweep) else {
        return Place { scale: Smoother::new(1).weights(0.0), decay: Smoother::new(1).weights(0.0), detector: [Weights::default(); 2], y };
    };
    let degrees = z * models.scan.width.to_degrees().abs();
    let at = |points: usize, interval: f64| Smoother::new(points).weights(if interval > 0.0 { INSIDE * degrees / interval } else { 0.0 });
    if layout.lmax > 0
        && let Some(s1) = table.s1.get(row).map(|s| vec3(*s))
        && s1.norm() > 0.0
    {
        // Incoming (towards the source) and outgoing ray in the crystal's frame; the surface is the mean of both.
        let to_crystal = models.goniometer.lab_from_datum(models.scan.phi_from_z(z)).transpose();
        let n = harmonics::count(layout.lmax);
        let (mut a, mut b) = ([0.0; 64], [0.0; 64]);
        harmonics::real_harmonics(&(to_crystal * models.beam.direction), layout.lmax, &mut a[..n]);
        harmonics::real_harmonics(&(to_crystal * s1), layout.lmax, &mut b[..n]);
        for i in 0..n {
            y[i] = (0.5 * (a[i] + b[i])) as f32;
        }
    }
    let scale = at(layout.time_points(), layout.scale_interval_deg);
    match &layout.grid {
        Some(grid) => Place { scale, decay: grid.resolution(prepared.d[row]), detector: grid.detector(table, row), y },
        None => Place { scale, decay: at(layout.decay_points, layout.decay_interval_deg), detector: [Weights::default(); 2], y },
    }
}
