use super::indexing::{Indexing, LEAST_SPOTS};
use super::known::Known;
use super::result::{ImageSetCount, Indexed, Misindexing, ResolutionCount};
use super::{Error, Params, experiments, misindexing};
use crate::geometry::ExperimentList;
use crate::job::Monitor;
use crate::math::vec3;
use crate::params::Parameters;
use crate::predict::{map_observed, update_predictions};
use crate::reflections::{Reflections, flags};

/// Centroids may lie this far off the images, px and images.
const MARGIN: f64 = 1.0;

/// Indexes strong spots.
///
/// - `imported`: one experiment for each sweep, with its image set
/// - `strong`: spots with `id` (the sweep), `panel`, `flags`, `xyzobs.px.value`, `xyzobs.px.variance`
///
/// The result has all spots in the same order. It does not depend on the number of threads.
pub fn run(imported: &ExperimentList, strong: &Reflections, params: &Params, monitor: &dyn Monitor) -> Result<Indexed, Error> {
    params.check_ranges()?;
    params.fixed()?;
    strong.require(&["id", "panel", "flags", "xyzobs.px.value", "xyzobs.px.variance"])?;
    let known = Known::from_params(params)?;
    let table = spots_table(imported, strong)?;
    let mut indexed = if params.joint || imported.len() < 2 {
        Indexing::new(imported, table, params, known.as_ref())?.run(monitor)?
    } else {
        each_sweep(imported, &table, params, known.as_ref(), monitor)?
    };
    carry_over(strong, &mut indexed.reflections);
    indexed.resolution = by_resolution(&indexed.reflections);
    let crystals = 0..indexed.experiments.crystals.len();
    indexed.misindexing = crystals.filter_map(|k| misindexing::check(&indexed.experiments, &indexed.reflections, k)).collect();
    let settled = |m: &Misindexing| m.offsets.first().is_some_and(|o| o.offset == [0; 3] && o.cc > 0.5);
    if indexed.misindexing.len() == indexed.experiments.crystals.len() && indexed.misindexing.iter().all(settled) {
        indexed.beam_doubts.clear();
    }
    Ok(indexed)
}

/// The columns of the spots that indexing works on, with `imageset_id` and no index.
fn spots_table(imported: &ExperimentList, strong: &Reflections) -> Result<Reflections, Error> {
    if strong.len() < LEAST_SPOTS {
        return Err(Error::TooFewSpots { found: strong.len(), needed: LEAST_SPOTS });
    }
    for (i, _) in imported.experiments.iter().enumerate() {
        if imported.models(i).is_none_or(|m| m.scan.is_still()) {
            return Err(Error::NotASweep { experiment: i });
        }
    }
    let n = strong.len();
    let mut table = Reflections::with_rows(n);
    for spot in 0..n {
        let (id, panel) = (strong.id[spot], strong.panel[spot]);
        // Spots that come from an earlier indexing may have lost their id.
        let by_set =
            || imported.experiments.iter().position(|e| e.imageset == strong.imageset_id.get(spot).and_then(|&s| usize::try_from(s).ok()));
        let sweep = if id >= 0 { usize::try_from(id).ok() } else { by_set() };
        let sweep = match strong.imageset_id.get(spot) {
            Some(_) => by_set().or(sweep),
            None => sweep,
        };
        let models = sweep.and_then(|s| Some((s, imported.models(s)?)));
        let Some((sweep, m, p)) = models.and_then(|(s, m)| Some((s, m, m.detector.panels.get(panel as usize)?))) else {
            return Err(Error::Mismatch { spot, imageset: id, panel });
        };
        let at = strong.xyzobs_px[spot];
        let limits = [p.image_size[0], p.image_size[1], m.scan.n_images];
        if !at.iter().zip(limits).all(|(x, n)| (-MARGIN..=n as f64 + MARGIN).contains(x)) {
            return Err(Error::Outside { spot, at, panel, size: p.image_size, images: m.scan.n_images });
        }
        table.id.push(sweep as i32);
        table.imageset_id.push(imported.experiments[sweep].imageset.unwrap_or(sweep) as i32);
    }
    table.panel = strong.panel.clone();
    table.xyzobs_px = strong.xyzobs_px.clone();
    table.xyzobs_px_variance = strong.xyzobs_px_variance.clone();
    table.bbox = strong.bbox.clone();
    let ours = flags::INDEXED | flags::USED_IN_REFINEMENT | flags::CENTROID_OUTLIER | flags::PREDICTED;
    table.flags = strong.flags.iter().map(|f| f & !ours).collect();
    table.hkl = vec![[0; 3]; n];
    table.entering = vec![false; n];
    Ok(table)
}

/// Columns of the spots that indexing did not touch.
fn carry_over(strong: &Reflections, indexed: &mut Reflections) {
    let mut out = strong.clone();
    out.identifiers = core::mem::take(&mut indexed.identifiers);
    macro_rules! take {
        ($($field:ident),*) => { $( out.$field = core::mem::take(&mut indexed.$field); )* };
    }
    take!(id, imageset_id, flags, hkl, entering, xyzobs_mm, xyzobs_mm_variance, xyzcal_px, xyzcal_mm, s1, rlp);
    *indexed = out;
}

/// Spots in ten shells of equal numbers, from low resolution to high.
fn by_resolution(table: &Reflections) -> Vec<ResolutionCount> {
    let norm = |i: usize| vec3(table.rlp[i]).norm();
    let mut order: Vec<usize> = (0..table.rlp.len()).collect();
    order.sort_by(|&a, &b| norm(a).total_cmp(&norm(b)).then(a.cmp(&b)));
    let count = |shell: &[usize]| {
        let indexed = shell.iter().filter(|&&i| table.id[i] >= 0).count();
        let d = [norm(shell[0]), norm(shell[shell.len() - 1])].map(|s| 1.0 / s);
        ResolutionCount { d, indexed, unindexed: shell.len() - indexed }
    };
    order.chunks(order.len().div_ceil(10).max(1)).map(count).collect()
}

/// Sweeps one by one, each with its own crystal, beam and detector. One that gives no lattice leaves its spots without indices.
fn each_sweep(
    imported: &ExperimentList,
    table: &Reflections,
    params: &Params,
    known: Option<&Known>,
    monitor: &dyn Monitor,
) -> Result<Indexed, Error> {
    let mut all: Option<Indexed> = None;
    let (mut parts, mut counts) = (Vec::new(), Vec::new());
    let (mut failures, mut first_error) = (Vec::new(), None);
    // Where each spot is in the parts one after another.
    let (mut order, mut done_spots) = (vec![0; table.len()], 0);
    for sweep in 0..imported.len() {
        let rows: Vec<usize> = (0..table.len()).filter(|&i| table.id[i] == sweep as i32).collect();
        rows.iter().enumerate().for_each(|(k, &row)| order[row] = done_spots + k);
        done_spots += rows.len();
        monitor.log(&format!("Sweep {sweep}: {} spots", rows.len()));
        let alone = experiments::only(imported, sweep);
        let mut part = table.select(&rows);
        part.id.fill(0);
        match Indexing::new(&alone, part.clone(), params, known).and_then(|i| i.run(monitor)) {
            Ok(mut done) => {
                number(&mut done, sweep, all.as_ref().map_or(0, |a| a.experiments.len()));
                parts.push(core::mem::take(&mut done.reflections));
                counts.append(&mut done.counts);
                match &mut all {
                    None => all = Some(done),
                    Some(a) => {
                        experiments::append(&mut a.experiments, done.experiments);
                        a.searches.extend(done.searches);
                        a.cycles.extend(done.cycles);
                        a.remarks.extend(done.remarks);
                        a.beam_doubts.extend(done.beam_doubts);
                    }
                }
            }
            Err(e @ (Error::TooFewSpots { .. } | Error::NotIndexed(_))) => {
                counts.push(ImageSetCount { imageset: alone.experiments[0].imageset.unwrap_or(sweep), indexed: 0, unindexed: rows.len() });
                parts.push(unindexed(&alone, part)?);
                failures.push(format!("Sweep {sweep} was not indexed: {e}."));
                first_error.get_or_insert(e);
            }
            Err(e) => return Err(e),
        }
    }
    let mut out = match (all, first_error) {
        (Some(all), _) => all,
        (None, e) => return Err(e.unwrap_or(Error::TooFewSpots { found: 0, needed: LEAST_SPOTS })),
    };
    out.counts = counts;
    out.remarks.extend(failures);
    let mut joined = Reflections::default();
    parts.iter().for_each(|p| joined.append(p));
    out.reflections = joined.select(&order);
    out.reflections.identifiers = out.experiments.experiments.iter().enumerate().map(|(i, e)| (i as u32, e.identifier.clone())).collect();
    Ok(out)
}

/// Gives what was found in one sweep its place among all: the number of the sweep, and the experiments' numbers after those before.
fn number(done: &mut Indexed, sweep: usize, experiments_before: usize) {
    done.reflections.id.iter_mut().filter(|id| **id >= 0).for_each(|id| *id += experiments_before as i32);
    done.searches.iter_mut().for_each(|s| s.sweep = Some(sweep));
    for cycle in &mut done.cycles {
        cycle.sweep = Some(sweep);
        cycle.rmsds.iter_mut().for_each(|r| r.experiment += experiments_before);
    }
    for remark in done.remarks.iter_mut().chain(&mut done.beam_doubts) {
        *remark = format!("Sweep {sweep}: {remark}");
    }
}

/// The spots of a sweep that gave no lattice, with the columns of those that did.
fn unindexed(sweep: &ExperimentList, mut part: Reflections) -> Result<Reflections, Error> {
    map_observed(sweep, &mut part)?;
    part.id.fill(-1);
    let s1 = part.s1.clone();
    update_predictions(sweep, &mut part);
    part.s1 = s1;
    Ok(part)
}
