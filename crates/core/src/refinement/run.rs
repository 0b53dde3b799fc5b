use super::engine::{Minimum, minimise};
use super::outcome::{Outcome, Parameter, Rmsd, Step};
use super::select::{self, Observation};
use super::target::Target;
use super::{Error, Options, Outliers, build, outliers, uncertainty, varying};
use crate::geometry::{ExperimentList, ewald};
use crate::job::Monitor;
use crate::math::vec3;
use crate::predict::{map_observed, update_predictions};
use crate::reflections::{MissingColumn, Reflections, flags};

/// The least number of reflections that any refinement is tried with.
const LEAST: usize = 5;

/// Refines the models of `experiments` against the indexed rows of `reflections`.
///
/// Needs columns `id`, `miller_index`, `panel`, `flags`, `xyzobs.px.value` and `xyzobs.px.variance` (or `xyzobs.mm.variance`). On success
/// the models are updated, and of the table `xyzobs_mm`, `rlp`, `s1`, `entering`, the predictions, and the flags
/// [`flags::USED_IN_REFINEMENT`] and [`flags::CENTROID_OUTLIER`]. With [`Options::scan_varying`], a crystal that several scans
/// share becomes one for each scan (unless it is kept static). On failure the experiments are as they were.
pub fn refine(
    experiments: &mut ExperimentList,
    reflections: &mut Reflections,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Outcome, Error> {
    reflections.require(&["id", "miller_index", "panel", "flags", "xyzobs.px.value"])?;
    let mut list = experiments.clone();
    observe(&list, reflections)?;
    let all = select::select(&list, reflections, options)?;
    let too_few = |found| Error::TooFewReflections { found, indexed: select::indexed(reflections), needed: LEAST };
    if all.len() < LEAST {
        return Err(too_few(all.len()));
    }
    let mut simplified = Vec::new();
    let mut intervals = varying::prepare(&mut list, &all, options, &mut simplified);
    let given = build::full(&list, &all, options, &vec![0; list.crystals.len()])?;
    let residuals = Target::new(&list, &given, &all).residuals(&vec![0.0; given.n]).ok_or(Error::NoPrediction)?;
    let mut outlying = outliers::find(&list, &all, &residuals, options.outliers);

    let rounds = if options.outliers == Outliers::None { 1 } else { options.outlier_rounds.max(1) };
    let mut steps: Vec<Step> = Vec::new();
    let mut start = Vec::new();
    for round in 1.. {
        monitor.check()?;
        let used: Vec<Observation> = all.iter().zip(&outlying).filter(|(_, out)| !**out).map(|(o, _)| *o).collect();
        if used.len() < LEAST {
            return Err(too_few(used.len()));
        }
        if round == 1 {
            varying::choose_intervals(&list, &used, options, &mut intervals, monitor)?;
        }
        let (layout, reduced) = build::reduced(&list, &used, options, &intervals)?;
        if start.len() != layout.n {
            start = vec![0.0; layout.n];
        }
        let target = Target::new(&list, &layout, &used);
        let minimum = minimise(&target, start, options, monitor)?.ok_or(Error::NoPrediction)?;
        steps.extend_from_slice(&minimum.steps);
        if round < rounds {
            let residuals = Target::new(&list, &layout, &all).residuals(&minimum.p).ok_or(Error::NoPrediction)?;
            let now = outliers::find(&list, &all, &residuals, options.outliers);
            if now != outlying {
                outlying = now;
                start = minimum.p;
                continue;
            }
        }

        layout.apply(&minimum.p, &mut list);
        let covariance = uncertainty::covariance(&minimum.at, layout.n);
        if let Some(covariance) = &covariance {
            uncertainty::set_cell_uncertainties(&layout, &minimum.p, covariance, &mut list);
        }
        *experiments = list;
        simplified.extend(reduced);
        let rows = |out: bool| all.iter().zip(&outlying).filter(move |(_, o)| **o == out).map(|(o, _)| o.row);
        set_flags(reflections, rows(false), rows(true));
        observe(experiments, reflections)?;
        update_predictions(experiments, reflections);
        let images = |i: usize| varying::images_of_crystal(experiments, i).unwrap_or((1, 0.0));
        let samples: Vec<usize> = layout.crystals.iter().map(|c| c.as_ref().map_or(1, |c| c.samples())).collect();
        let spacing = |i: usize, n: usize| if n > 0 { images(i).0 as f64 * images(i).1 / n as f64 } else { 0.0 };
        return Ok(Outcome {
            rmsds: rmsds(experiments, &minimum),
            steps,
            stopped: minimum.stopped,
            parameters: parameters(layout.names(), &minimum.p, covariance.as_deref()),
            simplified,
            n_used: used.len(),
            n_outliers: all.len() - used.len(),
            samples,
            intervals: intervals.iter().enumerate().map(|(i, n)| spacing(i, *n)).collect(),
        });
    }
    Err(Error::NoPrediction)
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

fn set_flags(reflections: &mut Reflections, used: impl Iterator<Item = usize>, outlying: impl Iterator<Item = usize>) {
    for (f, id) in reflections.flags.iter_mut().zip(&reflections.id) {
        if *id >= 0 {
            *f &= !(flags::USED_IN_REFINEMENT | flags::CENTROID_OUTLIER);
        }
    }
    used.for_each(|row| reflections.flags[row] |= flags::USED_IN_REFINEMENT);
    outlying.for_each(|row| reflections.flags[row] |= flags::CENTROID_OUTLIER);
}

fn rmsds(experiments: &ExperimentList, minimum: &Minimum) -> Vec<Rmsd> {
    let of = |(experiment, sums): (usize, &super::target::Sums)| {
        let mm = sums.squares.map(|s| (s / sums.n.max(1) as f64).sqrt());
        let m = experiments.models(experiment)?;
        let size = m.detector.panels.first()?.pixel_size;
        let px = [mm[0] / size[0], mm[1] / size[1], mm[2] / m.scan.width.abs()];
        (sums.n > 0).then_some(Rmsd { experiment, n: sums.n, mm, px })
    };
    minimum.at.sums.iter().enumerate().filter_map(of).collect()
}

fn parameters(names: Vec<String>, p: &[f64], covariance: Option<&[Vec<f64>]>) -> Vec<Parameter> {
    let esd = |i: usize| covariance.map_or(f64::NAN, |c| c[i][i].max(0.0).sqrt());
    names.into_iter().enumerate().map(|(i, name)| Parameter { name, shift: p[i], esd: esd(i) }).collect()
}
