use super::error::Error;
use super::error_model::ErrorModel;
use super::exclude::Excluded;
use super::filter;
use super::grid::Grid;
use super::input::{self, Observations, Prepared};
use super::intensities::{self, Choice};
use super::model::{Layout, MOST_ASKED_FOR, SweepModel, array_layout, layouts};
use super::model_file;
use super::params::{Choice as Wanted, Filtering, ModelChoice, Params};
use super::refine;
use super::restraints::Restraints;
use super::result::{Combination, Scaled};
use super::rounds::Job;
use super::sweeps::along_sweeps;
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
    obs.let_partials_in_where_needed(&layouts);
    monitor.check()?;
    monitor.advance(1);

    let mut job = Job { models: layouts.iter().map(|l| SweepModel::new(*l)).collect(), rounds: Vec::new(), params, monitor };
    let forced = intensities::forced(&obs, params.intensity_choice);
    let mut choice = forced.unwrap_or(Choice::Profile);
    intensities::apply(&mut obs, choice);
    start_scales(&obs, &mut job.models);
    let restraints = Restraints::new(&obs, &job.models, params);
    let start = ErrorModel::default();

    let mut error = job.first_guess(&obs, &start);
    job.reject(&mut obs, &error);
    job.refine(&obs, &error, &restraints, false)?;
    error = job.first_guess(&obs, &start);
    job.reject(&mut obs, &error);
    let mut combinations = Vec::new();
    if forced.is_none() {
        (choice, combinations) = combine(&obs, &job.models);
        if choice != Choice::Profile {
            intensities::apply(&mut obs, choice);
            job.reject(&mut obs, &error);
        }
    }
    job.refine(&obs, &error, &restraints, false)?;
    error = job.first_guess(&obs, &start);
    job.reject(&mut obs, &error);
    error = job.error_model(&obs, &start);
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
    let surplus = input::surplus(groups, n, |j| prepared.table.id[groups.rows[j] as usize] as usize, |_| true);
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
