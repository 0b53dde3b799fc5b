use super::indexing::{Indexing, LEAST_SPOTS};
use super::known::Known;
use super::result::{Indexed, Misindexing, ResolutionCount};
use super::{Error, Params, experiments, misindexing};
use crate::geometry::ExperimentList;
use crate::job::Monitor;
use crate::math::vec3;
use crate::params::Parameters;
use crate::reflections::{Reflections, flags};

/// Indexes strong spots.
///
/// - `imported`: one experiment for each sweep, with its image set
/// - `strong`: spots with `id` (the sweep), `panel`, `flags`, `xyzobs.px.value`, `xyzobs.px.variance`
///
/// The result has all spots in the same order. It does not depend on the number of threads.
pub fn run(imported: &ExperimentList, strong: &Reflections, params: &Params, monitor: &dyn Monitor) -> Result<Indexed, Error> {
    params.check_ranges()?;
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
        let known_panel = sweep.and_then(|s| imported.models(s)).is_some_and(|m| (panel as usize) < m.detector.panels.len());
        let Some(sweep) = sweep.filter(|_| known_panel) else {
            return Err(Error::Mismatch { spot, imageset: id, panel });
        };
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

/// Sweeps one by one, each with its own crystal, beam and detector.
fn each_sweep(
    imported: &ExperimentList,
    table: &Reflections,
    params: &Params,
    known: Option<&Known>,
    monitor: &dyn Monitor,
) -> Result<Indexed, Error> {
    let mut all: Option<Indexed> = None;
    let mut at = vec![(0, 0); table.len()];
    let mut parts = Vec::new();
    for sweep in 0..imported.len() {
        let rows: Vec<usize> = (0..table.len()).filter(|&i| table.id[i] == sweep as i32).collect();
        let mut part = table.select(&rows);
        part.id.fill(0);
        monitor.log(&format!("Sweep {sweep}: {} spots", rows.len()));
        let mut done = Indexing::new(&experiments::only(imported, sweep), part, params, known)?.run(monitor)?;
        let offset = all.as_ref().map_or(0, |a| a.experiments.len());
        rows.iter().enumerate().for_each(|(k, &row)| at[row] = (sweep, k));
        done.reflections.id.iter_mut().filter(|id| **id >= 0).for_each(|id| *id += offset as i32);
        parts.push(core::mem::take(&mut done.reflections));
        match &mut all {
            None => all = Some(done),
            Some(a) => {
                experiments::append(&mut a.experiments, done.experiments);
                a.searches.extend(done.searches);
                a.cycles.extend(done.cycles);
                a.counts.extend(done.counts);
                a.remarks.extend(done.remarks);
                a.beam_doubts.extend(done.beam_doubts);
            }
        }
    }
    let mut out = all.ok_or(Error::TooFewSpots { found: 0, needed: LEAST_SPOTS })?;
    // Back into the order of the spots.
    let starts: Vec<usize> = parts
        .iter()
        .scan(0, |s, p| {
            let first = *s;
            *s += p.len();
            Some(first)
        })
        .collect();
    let mut joined = Reflections::default();
    parts.iter().for_each(|p| joined.append(p));
    let order: Vec<usize> = at.iter().map(|&(sweep, k)| starts[sweep] + k).collect();
    out.reflections = joined.select(&order);
    out.reflections.identifiers = out.experiments.experiments.iter().enumerate().map(|(i, e)| (i as u32, e.identifier.clone())).collect();
    Ok(out)
}
