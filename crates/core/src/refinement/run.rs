use super::correlation::correlations;
use super::engine::{Minimum, minimise};
use super::nominal::nominal;
use super::outcome::{Outcome, Parameter, Pass, Rmsd, Simplification, Step};
use super::plan::{Plan, Start};
use super::select::{self, Observation};
use super::target::{Sums, Target};
use super::{Error, Options, Outliers, build, centroids, layout::Layout, outliers, robust, uncertainty, varying};
use crate::geometry::{ExperimentList, ewald};
use crate::job::Monitor;
use crate::math::vec3;
use crate::predict::{map_observed, update_predictions};
use crate::reflections::{MissingColumn, Reflections, flags};
use std::sync::Arc;

/// The least number of reflections that any refinement is tried with.
const LEAST: usize = 5;
/// Rounds of outlier rejection with static models before crystals vary.
const ROUNDS_BEFORE_VARYING: usize = 2;
/// The tolerance while outliers are still sought: a standard uncertainty.
const COARSE: f64 = 1.0;

/// Refines the models of `experiments` against the indexed rows of `reflections`.
///
/// One pass with static crystals; then, with [`Options::scan_varying`], one with crystals that vary over their scans. A crystal that several
/// scans share may become one for each of them ([`Options::orientation_per_scan`], and whenever it varies).
///
/// Needs columns `id`, `miller_index`, `panel`, `flags`, `xyzobs.px.value` and `xyzobs.px.variance` (or `xyzobs.mm.variance`). On success
/// the models are updated, and of the table `xyzobs_mm`, `rlp`, `s1`, `entering`, the predictions, and the flags
/// [`flags::USED_IN_REFINEMENT`] and [`flags::CENTROID_OUTLIER`]. On failure the experiments are as they were.
pub fn refine(
    experiments: &mut ExperimentList,
    reflections: &mut Reflections,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Outcome, Error> {
    reflections.require(&["id", "miller_index", "panel", "flags", "xyzobs.px.value"])?;
    let options = &with_reference(options, experiments);
    observe(experiments, reflections)?;
    let mut all = select::select(experiments, reflections, options)?;
    if all.len() < LEAST {
        return Err(Error::TooFewReflections { found: all.len(), indexed: select::indexed(reflections), needed: LEAST });
    }
    let mut plan = Plan::new(experiments.clone());
    // A static pass starts from the mean of a crystal that varied.
    plan.list.crystals.iter_mut().for_each(|c| c.a_at_scan_points.clear());

    let mut passes = Vec::new();
    let mut simplified = Vec::new();
    let given = build::full(&plan, &all, options)?;
    let (_, residuals) = Target::new(&plan.list, &given, &all, None).cost(&vec![0.0; given.n]).ok_or(Error::NoPrediction)?;
    Judgement::new(&plan, &all, &residuals, options, false).apply(&mut all);
    if let Some(residuals) = robust::residuals(&plan, &all, options, monitor)? {
        Judgement::new(&plan, &all, &residuals, options, false).apply(&mut all);
    }
    if options.orientation_per_scan
        && varying::orientation_per_scan(&mut plan, &all, options, monitor)?
        && let Some(residuals) = robust::residuals(&plan, &all, options, monitor)?
    {
        Judgement::new(&plan, &all, &residuals, options, false).apply(&mut all);
    }
    let rounds = if options.outliers == Outliers::None && !options.learn_weights { 1 } else { options.outlier_rounds.max(1) };
    // The static models are but a start where crystals are to vary.
    let few = if options.scan_varying.is_some() { rounds.min(ROUNDS_BEFORE_VARYING) } else { rounds };
    let mut fit = fit(&plan, &mut all, Start::default(), few, options, monitor)?;
    if let Some(scan_varying) = &options.scan_varying {
        let mut varied = plan.clone();
        fit.layout.apply(&fit.minimum.p, &mut varied.list);
        match varying::vary(&mut varied, &all, options, scan_varying, &mut simplified, monitor)? {
            Some(start) => {
                passes.push(pass(&plan, &fit, &all));
                plan = varied;
                fit = self::fit(&plan, &mut all, start, rounds, options, monitor)?;
            }
            // None does: the static models are what there will be.
            None if few < rounds => fit = self::fit(&plan, &mut all, fit.end(), rounds, options, monitor)?.after(fit),
            None => {}
        }
    }
    fit.layout.apply(&fit.minimum.p, &mut plan.list);
    passes.push(pass(&plan, &fit, &all));

    let covariance = uncertainty::covariance(&fit.minimum);
    if let Some(covariance) = &covariance {
        uncertainty::set_cell_uncertainties(&fit.layout, &fit.minimum.p, covariance, &mut plan.list);
    }
    set_flags(reflections, &all);
    observe(&plan.list, reflections)?;
    update_predictions(&plan.list, reflections);
    simplified.append(&mut fit.simplified);
    let spacing = |(i, n): (usize, &usize)| match plan.images(i) {
        Some((images, width)) if *n > 0 => images as f64 * width / *n as f64,
        _ => 0.0,
    };
    let outcome = Outcome {
        rmsds: rmsds(&plan.list, &fit.minimum.cost.sums),
        plain_rmsds: plain_rmsds(&plan, &fit, &all, options),
        stopped: fit.minimum.stopped,
        parameters: parameters(fit.layout.names(), &fit.minimum.p, covariance.as_deref()),
        correlations: covariance.as_ref().map(|c| correlations(&fit.layout.names(), c)).unwrap_or_default(),
        simplified,
        n_used: fit.minimum.cost.n(),
        n_outliers: all.iter().filter(|o| o.outlier).count(),
        samples: fit.layout.crystals.iter().map(|c| c.as_ref().map_or(1, |c| c.samples())).collect(),
        intervals: plan.intervals.iter().enumerate().map(spacing).collect(),
        passes,
    };
    *experiments = plan.list;
    Ok(outcome)
}

/// Scan-varying models need to know where the instrument stood before any refinement; without the models as imported, that is where it stands by design.
fn with_reference(options: &Options, experiments: &ExperimentList) -> Options {
    let mut options = options.clone();
    if options.scan_varying.is_some() && options.reference.is_none() {
        options.reference = Some(Arc::new(nominal(experiments)));
    }
    options
}

/// One pass' result.
struct Fit {
    layout: Layout,
    minimum: Minimum,
    simplified: Vec<Simplification>,
    /// Steps of all rounds.
    steps: Vec<Step>,
}

/// What residuals tell of the observations.
struct Judgement {
    /// Where the options ask for them and the residuals are enough.
    weights: Option<Vec<[f64; 3]>>,
    outlying: Vec<bool>,
}

impl Judgement {
    /// `again`: after one of much the same residuals.
    fn new(plan: &Plan, all: &[Observation], residuals: &[Option<[f64; 3]>], options: &Options, again: bool) -> Self {
        let weights = if options.learn_weights { centroids::learnt_weights(all, residuals) } else { None };
        let outlying = match &weights {
            None => outliers::find(&plan.list, all, residuals, options.outliers, again),
            Some(weights) => {
                let in_sigmas = |(r, w): (&Option<[f64; 3]>, &[f64; 3])| r.map(|r| core::array::from_fn(|k| r[k] * w[k].sqrt()));
                let standardised: Vec<Option<[f64; 3]>> = residuals.iter().zip(weights).map(in_sigmas).collect();
                outliers::find(&plan.list, all, &standardised, options.outliers, again)
            }
        };
        Judgement { weights, outlying }
    }

    /// How many observations it takes to the other side.
    fn changes(&self, all: &[Observation]) -> usize {
        all.iter().zip(&self.outlying).filter(|(o, outlier)| o.outlier != **outlier).count()
    }

    fn apply(self, all: &mut [Observation]) {
        all.iter_mut().zip(self.outlying).for_each(|(o, outlier)| o.outlier = outlier);
        all.iter_mut().zip(self.weights.into_iter().flatten()).for_each(|(o, weight)| o.weight = weight);
    }
}

impl Fit {
    /// Where it ended.
    fn end(&self) -> Start {
        Start { names: self.layout.names(), p: self.minimum.p.clone() }
    }

    /// With the steps of the `first` fit before its own.
    fn after(mut self, first: Fit) -> Self {
        self.steps.splice(0..0, first.steps);
        self
    }
}

/// Minimises, looks for outliers of the new models, and does so again until the outliers stay the same or the `rounds` are over.
fn fit(
    plan: &Plan,
    all: &mut [Observation],
    mut start: Start,
    rounds: usize,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Fit, Error> {
    // Good enough to judge by.
    let coarse = Options { tolerance: options.tolerance.max(COARSE), ..options.clone() };
    let mut steps: Vec<Step> = Vec::new();
    let mut round = 1;
    loop {
        monitor.check()?;
        let found = all.iter().filter(|o| !o.outlier).count();
        if found < LEAST {
            return Err(Error::TooFewReflections { found, indexed: all.len(), needed: LEAST });
        }
        let (layout, simplified) = build::reduced(plan, all, options)?;
        let names = layout.names();
        // Go on from the last round's parameters if they are the same ones.
        let p = if names == start.names { start.p } else { vec![0.0; layout.n] };
        let target = Target::new(&plan.list, &layout, &*all, Some(options));
        let last = round == rounds;
        let mut minimum = minimise(&target, p, if last { options } else { &coarse }, monitor)?.ok_or(Error::NoPrediction)?;
        steps.extend_from_slice(&minimum.steps);
        if !last {
            let judgement = Judgement::new(plan, all, &minimum.residuals, options, true);
            // A few that come and go at the limit are not worth another round.
            if judgement.changes(all) * 1000 > all.len() {
                judgement.apply(all);
                start = Start { names, p: minimum.p };
                round += 1;
                continue;
            }
            minimum = minimise(&target, minimum.p, options, monitor)?.ok_or(Error::NoPrediction)?;
            steps.extend_from_slice(&minimum.steps[1..]);
        }
        return Ok(Fit { layout, minimum, simplified, steps });
    }
}

/// Observed positions in mm and rad with the present models, and which reflections enter the sphere.
fn observe(experiments: &ExperimentList, reflections: &mut Reflections) -> Result<(), Error> {
    map_observed(experiments, reflections)?;
    if reflections.xyzobs_mm_variance.is_empty() && !reflections.is_empty() {
        return Err(MissingColumn { column: "xyzobs.px.variance" }.into());
    }
    let models: Vec<_> = (0..experiments.len()).map(|i| experiments.models(i)).collect();
    reflections.entering.resize(reflections.len(), false);
    for i in 0..reflections.len() {
        let Some(Some(m)) = usize::try_from(reflections.id[i]).ok().and_then(|e| models.get(e)) else { continue };
        reflections.entering[i] = ewald::is_entering(&m.goniometer.lab_axis(), &m.beam.s0(), &vec3(reflections.s1[i]));
    }
    Ok(())
}

fn set_flags(reflections: &mut Reflections, all: &[Observation]) {
    for (f, id) in reflections.flags.iter_mut().zip(&reflections.id) {
        if *id >= 0 {
            *f &= !(flags::USED_IN_REFINEMENT | flags::CENTROID_OUTLIER);
        }
    }
    for o in all {
        reflections.flags[o.row] |= if o.outlier { flags::CENTROID_OUTLIER } else { flags::USED_IN_REFINEMENT };
    }
}

fn pass(plan: &Plan, fit: &Fit, all: &[Observation]) -> Pass {
    let used = fit.minimum.cost.n();
    Pass {
        scan_varying: plan.intervals.iter().any(|n| *n > 0),
        steps: fit.steps.clone(),
        stopped: fit.minimum.stopped,
        n_parameters: fit.layout.n,
        n_used: used,
        n_outliers: all.len() - used,
        rmsds: rmsds(&plan.list, &fit.minimum.cost.sums),
    }
}

fn rmsds(experiments: &ExperimentList, sums: &[Sums]) -> Vec<Rmsd> {
    let of = |(experiment, sums): (usize, &Sums)| {
        let mm = sums.squares.map(|s| (s / sums.n.max(1) as f64).sqrt());
        let m = experiments.models(experiment)?;
        let size = m.detector.panels.first()?.pixel_size;
        let px = [mm[0] / size[0], mm[1] / size[1], mm[2] / m.scan.width.abs()];
        (sums.n > 0).then_some(Rmsd { experiment, n: sums.n, mm, px })
    };
    sums.iter().enumerate().filter_map(of).collect()
}

/// RMSDs as programs report them that judge outliers by residuals in mm and degrees, whatever the strength of the spot.
fn plain_rmsds(plan: &Plan, fit: &Fit, all: &[Observation], options: &Options) -> Vec<Rmsd> {
    let residuals = &fit.minimum.residuals;
    let plainly =
        if options.learn_weights { outliers::find(&plan.list, all, residuals, options.outliers, true) } else { vec![false; all.len()] };
    let mut sums = vec![Sums::default(); plan.list.len()];
    for ((o, r), out) in all.iter().zip(residuals).zip(plainly) {
        if let Some(r) = r.filter(|_| !o.outlier && !out) {
            let sum = &mut sums[o.experiment];
            sum.n += 1;
            (0..3).for_each(|k| sum.squares[k] += r[k] * r[k]);
        }
    }
    rmsds(&plan.list, &sums)
}

fn parameters(names: Vec<String>, p: &[f64], covariance: Option<&[Vec<f64>]>) -> Vec<Parameter> {
    let esd = |i: usize| covariance.map_or(f64::NAN, |c| c[i][i].max(0.0).sqrt());
    names.into_iter().enumerate().map(|(i, name)| Parameter { name, shift: p[i], esd: esd(i) }).collect()
}
