//! More freedom for crystals where the data speak for it: an orientation for each scan, and models that vary over a scan.
//!
//! Models are compared by the Bayesian information criterion N ln(χ²/N) + k ln N (Schwarz 1978), which needs no knowledge of how wrong
//! the centroids' variances are.

use super::crystal::CrystalBlock;
use super::engine::minimise;
use super::plan::{Plan, Start};
use super::select::Observation;
use super::smoother::Smoother;
use super::target::Target;
use super::{Error, Options, ScanVarying, Simplification, build};
use crate::job::Monitor;

/// Intervals that are tried when none is given, degrees; DIALS starts at the first and goes no lower than the last.
const TRIED_DEG: [f64; 3] = [36.0, 18.0, 9.0];

/// Reflections of each experiment that are no outliers.
fn counts(plan: &Plan, observations: &[Observation]) -> Vec<usize> {
    let mut count = vec![0; plan.list.len()];
    observations.iter().filter(|o| !o.outlier).for_each(|o| count[o.experiment] += 1);
    count
}

/// The criterion at the minimum of a plan, coarsely approached, and where that is. Infinite when there is none.
fn criterion(plan: &Plan, all: &[Observation], options: &Options, monitor: &dyn Monitor) -> Result<(f64, Start), Error> {
    let (layout, _) = build::reduced(plan, all, options)?;
    let target = Target::new(&plan.list, &layout, all, Some(options));
    let coarse = Options { tolerance: 1.0, ..options.clone() };
    let Some(minimum) = minimise(&target, vec![0.0; layout.n], &coarse, monitor)? else { return Ok((f64::INFINITY, Start::default())) };
    let n = 3.0 * minimum.cost.n().max(1) as f64;
    let value = n * libm::log((2.0 * minimum.cost.cost / n).max(f64::MIN_POSITIVE)) + layout.n as f64 * libm::log(n);
    Ok((value, Start { names: layout.names(), p: minimum.p }))
}

/// Gives a crystal that several scans share an orientation for each of them (with one cell for all) where that lowers the criterion: goniometers do
/// not always come back to where they say, and crystals slip. True when any was split.
pub(crate) fn orientation_per_scan(plan: &mut Plan, all: &[Observation], options: &Options, monitor: &dyn Monitor) -> Result<bool, Error> {
    let before = plan.list.crystals.len();
    let counts = counts(plan, all);
    for crystal in 0..plan.list.crystals.len() {
        let scans = plan.scans(crystal, &counts);
        // Three angles from a handful of reflections would fit anything.
        if scans.len() < 2 || scans.iter().any(|(_, n)| (*n as f64) < 2.0 * options.reflections_per_parameter) {
            continue;
        }
        let mut split = plan.clone();
        split.split(crystal, &scans);
        if criterion(&split, all, options, monitor)?.0 < criterion(plan, all, options, monitor)?.0 {
            *plan = split;
        }
    }
    Ok(plan.list.crystals.len() > before)
}

/// Makes crystals vary over their scans that have the reflections for it, splitting those that several scans share. The others stay static, which is
/// noted in `simplified`. Returns where to start when any crystal varies.
///
/// Without a given interval, finer and finer ones are tried, and those with the lowest criterion kept.
pub(crate) fn vary(
    plan: &mut Plan,
    all: &[Observation],
    options: &Options,
    varying: &ScanVarying,
    simplified: &mut Vec<Simplification>,
    monitor: &dyn Monitor,
) -> Result<Option<Start>, Error> {
    let coarsest = varying.interval.unwrap_or(TRIED_DEG[0].to_radians());
    let counts = counts(plan, all);
    for crystal in 0..plan.list.crystals.len() {
        let scans = plan.scans(crystal, &counts);
        if scans.iter().all(|(_, n)| *n == 0) {
            continue;
        }
        let needed = |scan: usize| needed_for(plan, crystal, options, intervals_of(plan, scan, coarsest));
        let short = scans.iter().map(|&(scan, n)| (n, needed(scan))).filter(|(n, needed)| n < needed).max_by_key(|(n, needed)| needed - n);
        if let Some((reflections, needed)) = short {
            simplified.push(Simplification::Static { crystal, reflections, needed });
            continue;
        }
        let first_copy = plan.list.crystals.len();
        plan.split(crystal, &scans);
        plan.intervals[crystal] = intervals_of(plan, scans[0].0, coarsest);
        for (copy, (scan, _)) in (first_copy..).zip(&scans[1..]) {
            plan.intervals[copy] = intervals_of(plan, *scan, coarsest);
        }
    }
    if plan.intervals.iter().all(|n| *n == 0) {
        return Ok(None);
    }
    if varying.interval.is_none() { choose_intervals(plan, all, options, monitor).map(Some) } else { Ok(Some(Start::default())) }
}

/// Returns the minimum with those chosen.
fn choose_intervals(plan: &mut Plan, all: &[Observation], options: &Options, monitor: &dyn Monitor) -> Result<Start, Error> {
    let counts = counts(plan, all);
    let mut seen: Vec<Vec<usize>> = Vec::new();
    let mut best = (f64::INFINITY, plan.intervals.clone(), Start::default());
    for degrees in TRIED_DEG {
        let mut trial = plan.clone();
        for crystal in (0..trial.intervals.len()).filter(|c| plan.intervals[*c] > 0) {
            let Some(&(scan, n)) = plan.scans(crystal, &counts).first() else { continue };
            let finer = intervals_of(plan, scan, degrees.to_radians());
            if n >= needed_for(plan, crystal, options, finer) {
                trial.intervals[crystal] = finer;
            }
        }
        if seen.contains(&trial.intervals) {
            continue;
        }
        let (found, start) = criterion(&trial, all, options, monitor)?;
        seen.push(trial.intervals.clone());
        if found < best.0 {
            best = (found, trial.intervals, start);
        }
    }
    plan.intervals = best.1;
    Ok(best.2)
}

fn intervals_of(plan: &Plan, scan: usize, interval: f64) -> usize {
    let range = plan.list.scans.get(scan).map_or(0.0, |s| s.n_images as f64 * s.width.abs());
    (libm::floor(range / interval + 1e-9) as usize).max(1)
}

/// Reflections that a crystal with `intervals` needs.
fn needed_for(plan: &Plan, crystal: usize, options: &Options, intervals: usize) -> usize {
    let free = CrystalBlock::new(crystal, &plan.list.crystals[crystal], options.cell).map_or(9, |b| b.local());
    let samples = Smoother::new(1, intervals).samples();
    libm::ceil(options.reflections_per_parameter * (free * samples) as f64) as usize
}
