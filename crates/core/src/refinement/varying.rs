//! Crystals that vary over the scan: which can, and how finely.

use super::engine::minimise;
use super::select::Observation;
use super::smoother::Smoother;
use super::target::Target;
use super::{Error, Options, Simplification, build};
use crate::geometry::{Experiment, ExperimentList};
use crate::job::Monitor;

/// Intervals that are tried when none is given, degrees; DIALS starts at the first and goes no lower than the last.
const TRIED_DEG: [f64; 3] = [36.0, 18.0, 9.0];

/// Number of images and their width (rad) of the scan of crystal `i`'s first experiment.
pub(crate) fn images_of_crystal(list: &ExperimentList, i: usize) -> Option<(usize, f64)> {
    let scan = list.experiments.iter().find(|e| e.crystal == Some(i))?.scan?;
    list.scans.get(scan).map(|s| (s.n_images, s.width.abs()))
}

/// Decides which crystals become scan-varying: returns for each crystal the number of intervals of its coarsest smoother, 0 for a static one.
///
/// A crystal that several scans share is split into one for each, provided that each has enough reflections for the coarsest
/// model; otherwise it stays whole and static, which is noted in `simplified`.
pub(crate) fn prepare(
    list: &mut ExperimentList,
    observations: &[Observation],
    options: &Options,
    simplified: &mut Vec<Simplification>,
) -> Vec<usize> {
    let Some(varying) = options.scan_varying else { return vec![0; list.crystals.len()] };
    let mut count = vec![0usize; list.len()];
    observations.iter().for_each(|o| count[o.experiment] += 1);
    let coarsest = varying.interval.unwrap_or(TRIED_DEG[0].to_radians());
    let mut intervals = vec![0; list.crystals.len()];
    for crystal in 0..list.crystals.len() {
        // The scans of this crystal, each with its reflections.
        let mut scans: Vec<(usize, usize)> = Vec::new();
        for (e, n) in list.experiments.iter().zip(&count).filter(|(e, _)| e.crystal == Some(crystal)) {
            let Some(scan) = e.scan else { continue };
            match scans.iter_mut().find(|(s, _)| *s == scan) {
                Some((_, total)) => *total += n,
                None => scans.push((scan, *n)),
            }
        }
        if scans.iter().all(|(_, n)| *n == 0) {
            continue;
        }
        let needed = |scan: usize| needed_for(list, crystal, options, intervals_of(list, scan, coarsest));
        let short = scans.iter().map(|&(scan, n)| (n, needed(scan))).filter(|(n, needed)| n < needed).max_by_key(|(n, needed)| needed - n);
        if let Some((reflections, needed)) = short {
            simplified.push(Simplification::Static { crystal, reflections, needed });
            continue;
        }
        for (k, &(scan, _)) in scans.iter().enumerate() {
            let n = intervals_of(list, scan, coarsest);
            if k == 0 {
                intervals[crystal] = n;
                continue;
            }
            let copy = list.crystals.len();
            list.crystals.push(list.crystals[crystal].clone());
            intervals.push(n);
            let mine = |e: &&mut Experiment| e.crystal == Some(crystal) && e.scan == Some(scan);
            list.experiments.iter_mut().filter(mine).for_each(|e| e.crystal = Some(copy));
        }
    }
    intervals
}

fn intervals_of(list: &ExperimentList, scan: usize, interval: f64) -> usize {
    let range = list.scans.get(scan).map_or(0.0, |s| s.n_images as f64 * s.width.abs());
    (libm::floor(range / interval + 1e-9) as usize).max(1)
}

/// Reflections that a crystal with `intervals` needs.
fn needed_for(list: &ExperimentList, crystal: usize, options: &Options, intervals: usize) -> usize {
    let free = super::crystal::CrystalBlock::new(crystal, &list.crystals[crystal], options.cell).map_or(9, |b| b.local());
    let samples = Smoother::new(1, intervals).samples();
    libm::ceil(options.reflections_per_parameter * (free * samples) as f64) as usize
}

/// Where no interval was asked for: tries finer and finer ones, and keeps in `intervals` those with the lowest Bayesian information
/// criterion N ln(χ²/N) + k ln N (Schwarz 1978), which needs no knowledge of how wrong the centroids' variances are.
///
/// A crystal gets a finer smoother only while its reflections allow it.
pub(crate) fn choose_intervals(
    list: &ExperimentList,
    used: &[Observation],
    options: &Options,
    intervals: &mut Vec<usize>,
    monitor: &dyn Monitor,
) -> Result<(), Error> {
    let Some(varying) = options.scan_varying else { return Ok(()) };
    if varying.interval.is_some() || intervals.iter().all(|n| *n == 0) {
        return Ok(());
    }
    let mut count = vec![0usize; list.crystals.len()];
    for o in used {
        if let Some(c) = list.experiments[o.experiment].crystal {
            count[c] += 1;
        }
    }
    let coarsest = intervals.clone();
    let mut best = f64::INFINITY;
    let mut seen = Vec::new();
    for degrees in TRIED_DEG {
        let mut trial = coarsest.clone();
        for (crystal, n) in trial.iter_mut().enumerate().filter(|(_, n)| **n > 0) {
            let Some(scan) = list.experiments.iter().find(|e| e.crystal == Some(crystal)).and_then(|e| e.scan) else { continue };
            let finer = intervals_of(list, scan, degrees.to_radians());
            if count[crystal] >= needed_for(list, crystal, options, finer) {
                *n = finer;
            }
        }
        if seen.contains(&trial) {
            continue;
        }
        seen.push(trial.clone());
        let (layout, _) = build::reduced(list, used, options, &trial)?;
        let target = Target::new(list, &layout, used);
        let quick = Options { tolerance: 1.0, ..options.clone() };
        let Some(minimum) = minimise(&target, vec![0.0; layout.n], &quick, monitor)? else { continue };
        let n = 3.0 * minimum.at.n() as f64;
        let bic = n * libm::log(2.0 * minimum.at.cost / n) + layout.n as f64 * libm::log(n);
        if bic < best {
            best = bic;
            *intervals = trial;
        }
    }
    Ok(())
}
