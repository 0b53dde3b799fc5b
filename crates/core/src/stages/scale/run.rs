use super::error::Error;
use super::error_model::{self, ErrorModel};
use super::exclude::Excluded;
use super::filter;
use super::grid::Grid;
use super::input::{self, Observations, Prepared};
use super::intensities::{self, Choice};
use super::model::{Layout, MOST_ASKED_FOR, SweepModel, array_layout, layouts};
use super::model_file;
use super::outliers;
use super::params::{Choice as Wanted, Filtering, ModelChoice, Params};
use super::refine;
use super::restraints::Restraints;
use super::result::{Combination, Round, Scaled, SweepSummary};
use super::weights::expected_variances;
use crate::geometry::ExperimentList;
use crate::job::Monitor;
use crate::merging::{Equivalents, image_statistics, scaled_statistics, symmetry_and_cell};
use crate::params::Parameters;
use crate::reflections::{Reflections, flags};
use nalgebra::DMatrix;

/// Puts integrated, symmetrised reflections on one scale.
///
/// `experiments` must share a space group; `reflections` needs `id`, `flags`, `miller_index` and summed or profile-fitted intensities,
/// and should have `lp`, `qe`, `partiality`, `xyzcal.px` and `s1`. The result's table holds the integrated rows, partial recordings
/// joined; all their other columns but shoeboxes are kept.
///
/// # Errors
/// When columns or models are missing or nothing passes the filters. Few data are no error: a smaller model is used and noted.
pub fn run(experiments: &ExperimentList, reflections: &Reflections, params: &Params, monitor: &dyn Monitor) -> Result<Scaled, Error> {
    params.check_ranges()?;
    check_table(experiments, reflections)?;
    let excluded = Excluded::new(params.exclude_images.as_deref(), experiments)?;
    let once = |excluded: &Excluded| scale(experiments, reflections, excluded, params, monitor);
    match params.filtering {
        Filtering::None => once(&excluded),
        Filtering::Dataset | Filtering::ImageGroup => filter::cycles(excluded, experiments.len(), params, once),
    }
}

/// Scales all but what is excluded.
fn scale(
    experiments: &ExperimentList,
    reflections: &Reflections,
    excluded: &Excluded,
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Scaled, Error> {
    monitor.begin("Scaling", 9);
    let (group, cell) = symmetry_and_cell(experiments)?;
    let prepared = input::prepare(reflections, &cell, excluded, params)?;
    let groups = grouped(&prepared, &group, params.anomalous)?;
    let (layouts, mut notes) = choose_layouts(experiments, &prepared, &groups, params)?;
    let mut obs = input::observations(&prepared, experiments, &layouts, groups);
    monitor.check()?;
    monitor.advance(1);

    let mut job = Job { models: layouts.iter().map(|l| SweepModel::new(*l)).collect(), rounds: Vec::new(), params, monitor };
    let forced = intensities::forced(&obs, params.intensity_choice);
    let mut choice = forced.unwrap_or(Choice::Profile);
    intensities::apply(&mut obs, choice);
    start_scales(&obs, &mut job.models);
    let restraints = Restraints::new(&obs, &job.models, params);
    let start = ErrorModel::default();

    job.reject(&mut obs, &start);
    job.refine(&obs, &start, &restraints, false)?;
    job.reject(&mut obs, &start);
    let mut combinations = Vec::new();
    if forced.is_none() {
        (choice, combinations) = combine(&obs, &job.models);
        if choice != Choice::Profile {
            intensities::apply(&mut obs, choice);
            job.reject(&mut obs, &start);
        }
    }
    job.refine(&obs, &start, &restraints, false)?;
    job.reject(&mut obs, &start);
    let mut error = job.error_model(&obs, &start);
    let covariance = job.refine(&obs, &error, &restraints, true)?;
    job.reject(&mut obs, &error);
    error = job.error_model(&obs, &error);
    error = job.error_within_friedel_mates(&obs, error);
    notes.extend(error.note.clone());
    monitor.check()?;

    let mut models = job.models;
    let scale_variance = covariance.as_ref().map(|c| refine::variance_of_scales(&obs, &models, c));
    set_esds(&mut models, covariance.as_ref());
    let mut g = obs.inverse_scales(&models);
    let unnormalised = g.first().copied();
    model_file::normalise(&obs, &mut models, &mut g);
    let factor = unnormalised.zip(g.first()).map_or(1.0, |(before, after)| after / before);
    let scale_variance: Vec<f64> = scale_variance.map_or(vec![0.0; obs.len()], |v| v.iter().map(|v| v * factor * factor).collect());
    let rounds = job.rounds;
    let sweeps = along_sweeps(&obs, &prepared.table, &g, experiments, &models);
    let mut prepared = prepared;
    let outliers = write_columns(&mut prepared, &obs, &models, &g, &scale_variance, &error, experiments, &layouts, choice);
    let mut out = experiments.clone();
    store_models(&mut out, &models, &error, choice);
    let Prepared { table, filtered, .. } = prepared;
    monitor.advance(1);
    let statistics = scaled_statistics(&out, &table, params.n_shells, params.cc_half, params.partiality_cutoff)?;
    let images = image_statistics(&out, &table, params.partiality_cutoff, filter::grouping(params))?;
    Ok(Scaled {
        experiments: out,
        reflections: table,
        models,
        sweeps,
        error_model: error,
        combinations,
        rounds,
        filtered,
        outliers,
        notes,
        statistics,
        images,
        filter_cycles: Vec::new(),
        filter_end: None,
    })
}

/// The models as they become better, and the record of how.
struct Job<'a> {
    models: Vec<SweepModel>,
    rounds: Vec<Round>,
    params: &'a Params,
    monitor: &'a dyn Monitor,
}

impl Job<'_> {
    fn reject(&mut self, obs: &mut Observations, error: &ErrorModel) {
        let g = obs.inverse_scales(&self.models);
        let (_, variance) = expected_variances(obs, &g, error.a, error.b);
        let n = outliers::reject(obs, &g, &variance, self.params.outlier_rejection, self.params.outlier_zmax);
        self.rounds.push(Round {
            what: "outlier rejection".to_owned(),
            observations: obs.len(),
            steps: 0,
            rmsd_before: 0.0,
            rmsd_after: 0.0,
            outliers: n,
        });
        self.monitor.advance(1);
    }

    fn refine(
        &mut self,
        obs: &Observations,
        error: &ErrorModel,
        restraints: &Restraints,
        with_covariance: bool,
    ) -> Result<Option<DMatrix<f64>>, Error> {
        let g = obs.inverse_scales(&self.models);
        let (means, variance) = expected_variances(obs, &g, error.a, error.b);
        let chosen = subset(obs, &means, &variance, &g, self.params.max_observations);
        let outcome = refine::refine(obs, &mut self.models, &chosen, &variance, restraints, with_covariance, self.monitor)?;
        self.rounds.push(Round {
            what: "refinement of the scaling model".to_owned(),
            observations: outcome.observations,
            steps: outcome.steps,
            rmsd_before: outcome.rmsd[0],
            rmsd_after: outcome.rmsd[1],
            outliers: 0,
        });
        self.monitor.advance(1);
        Ok(outcome.covariance)
    }

    fn error_model(&mut self, obs: &Observations, start: &ErrorModel) -> ErrorModel {
        let p = self.params;
        if !p.error_model {
            return ErrorModel { a: 1.0, b: 0.0, ..ErrorModel::default() };
        }
        let g = obs.inverse_scales(&self.models);
        let found = error_model::fit(obs, &g, start, [p.error_model_a, p.error_model_b], p.error_model_min_ih);
        self.note_error_model("error model", &found, obs);
        found
    }

    /// Adds an error model to the table of rounds.
    fn note_error_model(&mut self, what: &str, found: &ErrorModel, obs: &Observations) {
        self.rounds.push(Round {
            what: format!("{what}: a = {:.3}, b = {:.4}", found.a, found.b),
            observations: found.n,
            steps: 0,
            rmsd_before: 0.0,
            rmsd_after: 0.0,
            outliers: obs.outlier.iter().filter(|o| **o).count(),
        });
    }
}

/// Fewest observations of an error model that replaces another, and how much smaller its ab (the relative error of strong reflections) must be.
const ENOUGH: usize = 1000;
const SMALLER: f64 = 0.8;

impl Job<'_> {
    /// The error model of observations about the means of I(+) and I(−), each, where that is clearly smaller than about the mean of both.
    ///
    /// An anomalous signal is no error. Taken for one, it makes b the size of Bijvoet differences and σ of strong reflections several times
    /// too large. Outliers are still told by the error about the common mean, or the strongest differences would go.
    fn error_within_friedel_mates(&mut self, obs: &Observations, common: ErrorModel) -> ErrorModel {
        let p = self.params;
        if p.anomalous || !p.error_model || p.error_model_a.is_some() || p.error_model_b.is_some() {
            return common;
        }
        let (apart, g) = obs.friedel_apart(&obs.inverse_scales(&self.models));
        let found = error_model::fit(&apart, &g, &common, [None, None], p.error_model_min_ih);
        if found.n < ENOUGH || found.note.is_some() || found.a * found.b > SMALLER * common.a * common.b {
            return common;
        }
        self.note_error_model("error model within I+ and I-", &found, obs);
        found
    }
}

fn check_table(experiments: &ExperimentList, table: &Reflections) -> Result<(), Error> {
    table.require(&["id", "flags", "miller_index"])?;
    if table.i_prf.is_empty() || table.var_prf.is_empty() {
        table.require(&["intensity.sum.value", "intensity.sum.variance"])?;
    }
    let n = experiments.len();
    if let Some(row) = table.id.iter().position(|&id| usize::try_from(id).is_ok_and(|id| id >= n)) {
        return Err(Error::NoExperiment { row, id: table.id[row], n });
    }
    match (0..n).find(|&i| experiments.models(i).is_none()) {
        Some(experiment) => Err(Error::NoModel { experiment, what: "beam, detector, goniometer or scan" }),
        None => Ok(()),
    }
}

/// Equivalents of the suitable rows; with `anomalous`, I(+) and I(−) are groups of their own.
fn grouped(prepared: &Prepared, group: &crate::spacegroup::SpaceGroup, anomalous: bool) -> Result<Equivalents, Error> {
    let all = Equivalents::new(group, &prepared.table.hkl, &prepared.suitable)?;
    Ok(if anomalous { all.friedel_apart() } else { all })
}

fn choose_layouts(
    experiments: &ExperimentList,
    prepared: &Prepared,
    groups: &Equivalents,
    params: &Params,
) -> Result<(Vec<Layout>, Vec<String>), Error> {
    let n = experiments.len();
    let ranges: Vec<f64> =
        (0..n).map(|i| experiments.models(i).map_or(0.0, |m| (m.scan.width * m.scan.n_images as f64).abs().to_degrees())).collect();
    // A group of m observations says m − 1 things about the scales; each member gets its share.
    let mut surplus = vec![0.0; n];
    for i in 0..groups.len() {
        let members = groups.members(i);
        let m = members.len() as f64;
        for j in members {
            surplus[prepared.table.id[groups.rows[j] as usize] as usize] += (m - 1.0) / m;
        }
    }
    if params.model == ModelChoice::Array {
        return array_layouts(experiments, prepared, &ranges, surplus.iter().sum(), params);
    }
    // Sweeps of which nothing is left need no model and must not make that of the others smaller.
    let mut used = vec![false; n];
    prepared.suitable.iter().for_each(|&row| used[prepared.table.id[row as usize] as usize] = true);
    let of_used = |values: &[f64]| -> Vec<f64> { values.iter().zip(&used).filter(|(_, u)| **u).map(|(v, _)| *v).collect() };
    let (some, notes) = layouts(&of_used(&ranges), &of_used(&surplus), !prepared.table.s1.is_empty(), params);
    let mut some = some.into_iter();
    Ok((used.iter().map(|u| if *u { some.next().unwrap_or(Layout::CONSTANT) } else { Layout::CONSTANT }).collect(), notes))
}

/// The array model's layouts, and what was given up or should be known.
fn array_layouts(
    experiments: &ExperimentList,
    prepared: &Prepared,
    ranges: &[f64],
    surplus: f64,
    params: &Params,
) -> Result<(Vec<Layout>, Vec<String>), Error> {
    let panels = |sweep: usize| experiments.models(sweep).map_or(1, |m| m.detector.panels.len());
    let mut notes = Vec::new();
    if (0..ranges.len()).any(|sweep| panels(sweep) > 1) && params.absorption_correction != Wanted::Off {
        notes
            .push("the array model's absorption is by position on one panel; detectors of several panels are scaled without it".to_owned());
    }
    let of = |sweep: usize| {
        let detector_bins = if panels(sweep) > 1 || params.absorption_correction == Wanted::Off { 0 } else { params.n_absorption_bins };
        let rows = prepared.suitable.iter().map(|&row| row as usize).filter(|&row| prepared.table.id[row] as usize == sweep);
        array_layout(ranges[sweep], params, |time_points| {
            Grid::new(&prepared.table, rows, &prepared.d, time_points, [params.n_resolution_bins, detector_bins])
        })
    };
    let layouts: Vec<Layout> = (0..ranges.len()).map(of).collect();
    let n: usize = layouts.iter().map(Layout::n).sum();
    if n > MOST_ASKED_FOR {
        return Err(Error::TooManyParameters { n, most: MOST_ASKED_FOR });
    }
    // n parameters take n of the surplus; Rmeas, a root of squares, falls by what that leaves.
    let share = n as f64 / surplus;
    if share > 0.1 {
        let lower = if share < 1.0 { format!("by {:.0} %", 100.0 * (1.0 - (1.0 - share).sqrt())) } else { "without limit".to_owned() };
        notes.push(format!(
            "the array model has {n} parameters for {surplus:.0} observations beyond the first of each group: fitting their noise alone lowers Rmeas {lower}. \
             model=physical has fewer parameters, as has a larger decay_interval, or fewer n_resolution_bins or n_absorption_bins"
        ));
    }
    Ok((layouts, notes))
}

/// A constant scale for each sweep by alternating averages, so that refinement starts near the answer whatever the exposures.
fn start_scales(obs: &Observations, models: &mut [SweepModel]) {
    if models.len() < 2 || models.iter().any(|m| m.layout.scale_points == 0) {
        return;
    }
    let mut k = vec![1.0; models.len()];
    for _ in 0..20 {
        let mut top = vec![0.0; k.len()];
        let mut bottom = vec![0.0; k.len()];
        for i in 0..obs.groups.len() {
            let (mut s1, mut s2) = (0.0, 0.0);
            for j in obs.groups.members(i) {
                let (s, w) = (obs.sweep[j] as usize, 1.0 / (obs.variance[j] + 0.01 * obs.intensity[j] * obs.intensity[j]));
                s1 += w * k[s] * obs.intensity[j];
                s2 += w * k[s] * k[s];
            }
            let mean = s1 / s2;
            if obs.groups.members(i).len() < 2 || mean <= 0.0 {
                continue;
            }
            for j in obs.groups.members(i) {
                let (s, w) = (obs.sweep[j] as usize, 1.0 / (obs.variance[j] + 0.01 * obs.intensity[j] * obs.intensity[j]));
                top[s] += w * mean * obs.intensity[j];
                bottom[s] += w * mean * mean;
            }
        }
        for s in 0..k.len() {
            let new: f64 = top[s] / bottom[s];
            if new.is_finite() && new > 0.0 {
                k[s] = new.clamp(1e-4, 1e4);
            }
        }
        let first = k[0];
        k.iter_mut().for_each(|k| *k /= first);
    }
    for (m, k) in models.iter_mut().zip(k) {
        m.parameters[..m.layout.scale_points].fill(k);
    }
}

/// Groups that determine the model: all of two and more members or, if they are too many, strong ones drawn evenly by a hash of their
/// place, enough for `most` observations.
fn subset(obs: &Observations, means: &[f64], variance: &[f64], g: &[f64], most: usize) -> Vec<u32> {
    let active = |i: usize| obs.groups.members(i).filter(|&j| !obs.outlier[j]).count();
    let multiple: Vec<u32> = (0..obs.groups.len()).filter(|&i| active(i) > 1).map(|i| i as u32).collect();
    let total: usize = multiple.iter().map(|&i| active(i as usize)).sum();
    if total <= most {
        return multiple;
    }
    let strong = |i: usize| {
        let s2: f64 = obs.groups.members(i).map(|j| g[j] * g[j] / variance[j]).sum();
        means[i] * s2.sqrt() > 2.0
    };
    let candidates: Vec<u32> = multiple.iter().copied().filter(|&i| strong(i as usize)).collect();
    let of_strong: usize = candidates.iter().map(|&i| active(i as usize)).sum();
    if of_strong <= most {
        return if of_strong * 2 > most { candidates } else { multiple };
    }
    // Multiplication by the golden ratio spreads consecutive numbers evenly over all values.
    let keep = (most as f64 / of_strong as f64 * 4294967296.0) as u64;
    candidates.into_iter().filter(|&i| u64::from(i.wrapping_mul(2_654_435_769)) < keep).collect()
}

/// Choices whose R_meas differs by less than this fraction are equal.
const EQUAL_R_MEAS: f64 = 0.005;

fn combine(obs: &Observations, models: &[SweepModel]) -> (Choice, Vec<Combination>) {
    let g = obs.inverse_scales(models);
    let candidates = intensities::candidates(obs);
    let r = crate::job::parallel::map_slice(&candidates, |&c| intensities::r_meas(obs, &g, c));
    let usable = (0..candidates.len()).filter(|&i| r[i] > 0.0);
    let lowest = usable.clone().map(|i| r[i]).fold(f64::INFINITY, f64::min);
    // R_meas is ruled by strong reflections. Among choices that are equal for them, the one with the most profile fitting is best for the
    // weak ones, where a profile tells signal from background noise.
    let equal = usable.filter(|&i| r[i] <= lowest * (1.0 + EQUAL_R_MEAS));
    let best = equal.max_by(|&i, &j| candidates[i].profile_up_to().total_cmp(&candidates[j].profile_up_to())).unwrap_or(0);
    let table = candidates.iter().zip(&r).enumerate();
    let table = table.map(|(i, (c, &r_meas))| Combination { name: c.name(), r_meas, chosen: i == best }).collect();
    (candidates[best], table)
}

fn set_esds(models: &mut [SweepModel], covariance: Option<&DMatrix<f64>>) {
    let Some(c) = covariance else { return };
    let mut at = 0;
    for m in models {
        m.esds = (at..at + m.parameters.len()).map(|i| c[(i, i)].max(0.0).sqrt()).collect();
        at += m.parameters.len();
    }
}

/// Fills the scaling columns and flags; returns the number of outliers.
fn write_columns(
    prepared: &mut Prepared,
    obs: &Observations,
    models: &[SweepModel],
    g: &[f64],
    scale_variance: &[f64],
    error: &ErrorModel,
    experiments: &ExperimentList,
    layouts: &[Layout],
    choice: Choice,
) -> usize {
    let n = prepared.table.len();
    let (_, variance) = expected_variances(obs, g, error.a, error.b);
    let mut column = vec![[0.0, 0.0, 1.0, 0.0]; n];
    for j in 0..obs.len() {
        let row = obs.groups.rows[j] as usize;
        // The scale's own uncertainty is part of the intensity's.
        let relative = obs.intensity[j] / g[j];
        column[row] = [obs.intensity[j], variance[j] + relative * relative * scale_variance[j], g[j], scale_variance[j]];
        prepared.table.flags[row] |= if obs.outlier[j] { flags::OUTLIER_IN_SCALING } else { flags::SCALED };
    }
    // Rows left out get the same treatment, for whoever wants them all the same.
    let stride = obs.stride;
    let out = flags::EXCLUDED_FOR_SCALING | flags::USER_EXCLUDED_IN_SCALING;
    for row in 0..n {
        if prepared.table.flags[row] & out == 0 {
            continue;
        }
        let Some(m) = choice.of(prepared.summed[row], prepared.profile[row]) else { continue };
        let p = input::place(prepared, row, experiments, layouts, stride);
        let model = &models[prepared.table.id[row] as usize];
        let half_stol = if prepared.d[row].is_finite() { 0.5 / (prepared.d[row] * prepared.d[row]) } else { 0.0 };
        let g: f64 = model.factors(&p.scale, &p.decay, half_stol, &p.y, Some(&p.detector)).iter().product();
        if g.is_finite() && g > 0.0 {
            let v = error.a * error.a * (m.variance + error.b * error.b * m.value * m.value);
            column[row] = [m.value, v, g, 0.0];
        }
    }
    let t = &mut prepared.table;
    t.i_scale = column.iter().map(|c| c[0]).collect();
    t.var_scale = column.iter().map(|c| c[1]).collect();
    t.inverse_scale_factor = column.iter().map(|c| c[2]).collect();
    t.inverse_scale_factor_variance = column.iter().map(|c| c[3]).collect();
    if t.d.is_empty() {
        t.d = prepared.d.clone();
    }
    obs.outlier.iter().filter(|o| **o).count()
}

fn store_models(experiments: &mut ExperimentList, models: &[SweepModel], error: &ErrorModel, choice: Choice) {
    let json: Vec<_> = (0..models.len())
        .map(|i| {
            let scan = experiments.models(i).map(|m| m.scan.clone()).unwrap_or_default();
            model_file::to_json(&models[i], &scan, error, choice.code())
        })
        .collect();
    experiments.scaling_models = json;
    for (i, e) in experiments.experiments.iter_mut().enumerate() {
        e.scaling_model = Some(i);
    }
}

/// Scale, B, mean g and R_merge along each sweep.
fn along_sweeps(
    obs: &Observations,
    table: &Reflections,
    g: &[f64],
    experiments: &ExperimentList,
    models: &[SweepModel],
) -> Vec<SweepSummary> {
    let n_images: Vec<usize> = (0..models.len()).map(|i| experiments.models(i).map_or(1, |m| m.scan.n_images.max(1))).collect();
    // At most 400 steps along a sweep: more cannot be seen.
    let steps: Vec<usize> = n_images.iter().map(|n| n.div_ceil(400)).collect();
    let mut sums: Vec<Vec<[f64; 4]>> = n_images.iter().zip(&steps).map(|(n, s)| vec![[0.0; 4]; n.div_ceil(*s)]).collect();
    for i in 0..obs.groups.len() {
        let members = || obs.groups.members(i).filter(|&j| !obs.outlier[j]);
        let mean = crate::merging::weighted_mean(members().map(|j| (obs.intensity[j] / g[j], obs.variance[j].sqrt() / g[j])));
        let Some((mean, _)) = mean else { continue };
        let n = members().count();
        for j in members() {
            let row = obs.groups.rows[j] as usize;
            let z = table.xyzcal_px.get(row).or(table.xyzobs_px.get(row)).map_or(0.0, |p| p[2]);
            let s = obs.sweep[j] as usize;
            let at = (z.max(0.0) as usize / steps[s]).min(sums[s].len() - 1);
            let c = &mut sums[s][at];
            c[0] += 1.0;
            c[1] += g[j];
            if n > 1 {
                c[2] += (obs.intensity[j] / g[j] - mean).abs();
                c[3] += mean;
            }
        }
    }
    let of = |s: usize| {
        let m = &models[s];
        let scan = experiments.models(s).map(|m| m.scan);
        let points = 60;
        let range = n_images[s] as f64 * scan.map_or(0.0, |s| s.width.to_degrees().abs());
        let at = |interval: f64, t: f64| if interval > 0.0 { super::model::INSIDE * t * range / interval } else { 0.0 };
        let t: Vec<f64> = (0..=points).map(|i| f64::from(i) / f64::from(points)).collect();
        let used: Vec<usize> = (0..sums[s].len()).filter(|&i| sums[s][i][0] > 0.0).collect();
        SweepSummary {
            phi_deg: t.iter().map(|t| scan.map_or(0.0, |s| s.phi_from_z(t * s.n_images as f64).to_degrees())).collect(),
            scale: t.iter().map(|t| m.scale_at(at(m.layout.scale_interval_deg, *t))).collect(),
            decay: t.iter().map(|t| m.decay_at(at(m.layout.decay_interval_deg, *t))).collect(),
            image: used.iter().map(|&i| ((i as f64 + 0.5) * steps[s] as f64) + 0.5).collect(),
            g: used.iter().map(|&i| sums[s][i][1] / sums[s][i][0]).collect(),
            r_merge: used.iter().map(|&i| if sums[s][i][3] > 0.0 { sums[s][i][2] / sums[s][i][3] } else { 0.0 }).collect(),
        }
    };
    (0..models.len()).map(of).collect()
}
