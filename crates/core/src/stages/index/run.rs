use super::assign::{Points, assign};
use super::known::Known;
use super::result::{Cycle, ImageSetCount, Indexed, LatticeSearch, Misindexing, ResolutionCount};
use super::search::Search;
use super::{Assignment, Error, Params, cells, experiments, local, max_cell, misindexing};
use crate::geometry::{Crystal, ExperimentList, UnitCell, ewald};
use crate::job::Monitor;
use crate::math::{Mat3, vec3};
use crate::params::Parameters;
use crate::predict::{map_observed, update_predictions};
use crate::refinement::{self, Options, Outliers};
use crate::reflections::{Reflections, flags};

/// Fewer spots than this are not indexed.
const LEAST_SPOTS: usize = 10;
/// Relative change of volume in refinement that is not believed.
const LARGEST_VOLUME_CHANGE: f64 = 0.5;
/// Mean of (|A⁻¹r − h|/tolerance)³ above which indices are no better than chance. Points anywhere within the tolerance give 0.5, and some less after
/// a lattice has been fitted to them (0.39 in a trial with a wrong cell for 160 spots); real lattices gave 0.002 to 0.013.
const CHANCE: f64 = 0.25;
/// A further lattice may raise the deviations of those before by this factor, and have itself deviations larger by that.
const SPOILT: f64 = 1.5;
const WORSE: f64 = 4.0;
/// A lattice has at least so many spots, and this fraction of all.
const LEAST_OF_LATTICE: f64 = 8.0;
const LEAST_FRACTION: f64 = 0.02;
/// A longest edge above this fraction of what was looked for is at the limit, where fewer spots than the other fraction are indexed.
const AT_THE_LIMIT: f64 = 0.9;
const BEYOND_DOUBT: f64 = 0.6;
/// A beam centre that moves by more than this fraction of the distance between neighbouring spots is suspicious.
const FAR_OFF: f64 = 0.4;
/// Steps of each refinement; it converges in far fewer.
const MAX_STEPS: usize = 50;

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

/// Whether two reduced cells are nearly the same: edges within 5 %, angles within 3°.
fn alike(a: &UnitCell, b: &UnitCell) -> bool {
    (0..3).all(|i| (a.lengths[i] / b.lengths[i] - 1.0).abs() < 0.05 && (a.angles_deg[i] - b.angles_deg[i]).abs() < 3.0)
}

/// The state of indexing.
struct Indexing<'a> {
    params: &'a Params,
    known: Option<&'a Known>,
    /// The sweeps as given, without crystals.
    header: ExperimentList,
    /// The sweeps as refined so far, without crystals.
    sweeps: ExperimentList,
    n_sweeps: usize,
    /// The sweeps with the crystals found.
    list: ExperimentList,
    table: Reflections,
    points: Points,
    searches: Vec<LatticeSearch>,
    cycles: Vec<Cycle>,
    remarks: Vec<String>,
    /// Remarks that intensities may prove idle.
    beam_doubts: Vec<String>,
}

impl<'a> Indexing<'a> {
    fn new(imported: &ExperimentList, table: Reflections, params: &'a Params, known: Option<&'a Known>) -> Result<Self, Error> {
        if table.len() < LEAST_SPOTS {
            return Err(Error::TooFewSpots { found: table.len(), needed: LEAST_SPOTS });
        }
        let sweeps = experiments::without_crystals(imported);
        let points = Points { sweep: table.id.iter().map(|&i| i as u32).collect(), ..Points::default() };
        let mut out = Indexing {
            params,
            known,
            n_sweeps: imported.len(),
            list: sweeps.clone(),
            header: sweeps.clone(),
            sweeps,
            table,
            points,
            searches: Vec::new(),
            cycles: Vec::new(),
            remarks: Vec::new(),
            beam_doubts: Vec::new(),
        };
        out.list.experiments.clear();
        out.list.crystals.clear();
        out.map_to_reciprocal_space()?;
        Ok(out)
    }

    fn run(mut self, monitor: &dyn Monitor) -> Result<Indexed, Error> {
        let max_cell = self.max_cell()?;
        monitor.log(&format!("Maximum cell {max_cell:.1} Å"));
        while self.list.crystals.len() < self.params.max_lattices {
            let first = self.list.crystals.is_empty();
            let free: Vec<usize> = (0..self.table.len()).filter(|&i| first || self.table.id[i] < 0).collect();
            if !first && (free.len() as f64) < self.params.recycle_cutoff * self.table.len() as f64 {
                self.remarks.push(format!("No further lattice was looked for: {} spots are left.", free.len()));
                break;
            }
            match self.add_lattice(&free, max_cell, monitor) {
                Ok(()) => {}
                Err(e @ Error::Cancelled(_)) => return Err(e),
                Err(e) if first => return Err(e),
                Err(e) => {
                    self.remarks.push(format!("No further lattice was found among {} spots: {e}", free.len()));
                    break;
                }
            }
        }
        self.finish()
    }

    /// The longest edge to look for, Å.
    fn max_cell(&self) -> Result<f64, Error> {
        if let Some(given) = self.params.max_cell {
            return Ok(given);
        }
        if let Some(edge) = self.known.and_then(Known::longest_primitive_edge) {
            return Ok(self.params.max_cell_multiplier * edge);
        }
        let spots: Vec<max_cell::Point> = (0..self.table.len())
            .map(|i| max_cell::Point {
                rlp: self.points.rlp[i],
                phi: self.points.phi[i],
                entering: self.points.entering[i],
                sweep: self.points.sweep[i] as usize,
                bbox: self.table.bbox.get(i).map(|b| (*b, self.table.panel[i])),
            })
            .collect();
        max_cell::estimate(&spots, self.params.max_cell_multiplier)
            .ok_or(Error::TooFewSpots { found: self.table.len(), needed: LEAST_SPOTS })
    }

    /// Updates `points` and the table's mm, s1, rlp and entering from the present geometry.
    fn map_to_reciprocal_space(&mut self) -> Result<(), Error> {
        let list = &self.sweeps;
        let id = core::mem::replace(&mut self.table.id, self.points.sweep.iter().map(|&s| s as i32).collect());
        let mapped = map_observed(list, &mut self.table);
        self.table.id = id;
        mapped?;
        self.points.rlp = self.table.rlp.iter().map(|r| vec3(*r)).collect();
        self.points.phi = self.table.xyzobs_mm.iter().map(|x| x[2]).collect();
        let beams: Vec<_> = (0..self.n_sweeps).map(|i| list.models(i).map(|m| (m.goniometer.lab_axis(), m.beam.s0()))).collect();
        self.points.entering = (0..self.table.len())
            .map(|i| beams[self.points.sweep[i] as usize].is_some_and(|(axis, s0)| ewald::is_entering(&axis, &s0, &vec3(self.table.s1[i]))))
            .collect();
        self.table.entering = self.points.entering.clone();
        Ok(())
    }

    /// Looks for a lattice among the rows `free`, and refines it together with those found before.
    fn add_lattice(&mut self, free: &[usize], max_cell: f64, monitor: &dyn Monitor) -> Result<(), Error> {
        let others: Vec<Mat3> = self.list.crystals.iter().map(|c| c.a_matrix).collect();
        let search = Search {
            sweeps: &self.sweeps,
            table: &self.table,
            points: &self.points,
            free,
            others: &others,
            known: self.known,
            max_cell,
            params: self.params,
        };
        let found = search.run(monitor)?;
        let before = (self.list.clone(), self.table.clone());
        let n_cycles = self.cycles.len();
        if others.is_empty() {
            // The candidate's geometry was refined with it.
            self.take_geometry(&found.experiments);
            self.list = found.experiments;
        } else if let Some(crystal) = found.experiments.crystals.first() {
            let crystal = self.settled(crystal, free, monitor)?;
            experiments::add_crystal(&mut self.list, self.n_sweeps, crystal);
        }
        self.searches.push(LatticeSearch {
            max_cell,
            d_min: found.d_min,
            points: found.points,
            vectors: found.vectors,
            peaks: found.peaks,
            candidates: found.candidates,
        });
        self.map_to_reciprocal_space()?;
        let refined = self.macro_cycles(found.d_min, monitor);
        let refined = refined.and_then(|()| self.complete_basis(found.d_min, monitor)).and_then(|()| self.better_than_chance());
        let refined = refined.and_then(|()| self.fits_beside_the_others(n_cycles));
        if refined.is_err() && !others.is_empty() {
            (self.list, self.table) = before;
            let list = self.list.clone();
            self.take_geometry(&list);
            self.map_to_reciprocal_space()?;
            self.searches.pop();
            self.cycles.truncate(n_cycles);
        }
        refined
    }

    /// A further crystal refined alone, on the spots `free` from low to high resolution, with the geometry that the first ones have given: its
    /// few spots could not tell a wrong cell from a wrong distance. A cell like that of a crystal before starts as that.
    fn settled(&self, found: &Crystal, free: &[usize], monitor: &dyn Monitor) -> Result<Crystal, Error> {
        let mut crystal = found.clone();
        if let Some(same) = self.list.crystals.iter().find(|c| alike(&c.unit_cell(), &found.unit_cell())) {
            let turn = found.a_matrix * same.a_matrix.try_inverse().unwrap_or_else(Mat3::identity);
            let svd = turn.svd(true, true);
            if let (Some(u), Some(v_t)) = (svd.u, svd.v_t) {
                crystal.a_matrix = u * v_t * same.a_matrix;
            }
        }
        let mut by_resolution: Vec<usize> = free.to_vec();
        by_resolution.sort_by(|&a, &b| self.points.rlp[a].norm_squared().total_cmp(&self.points.rlp[b].norm_squared()).then(a.cmp(&b)));
        let options = Options {
            beam_in_spindle_plane: false,
            detector_position: false,
            detector_orientation: false,
            outliers: Outliers::Tukey { iqr: 2.0 * self.params.tukey_multiplier },
            ..Options::fast(MAX_STEPS, self.params.reflections_per_degree as f64)
        };
        for part in [0.3, 0.5, 0.75, 1.0] {
            monitor.check()?;
            let rows = &by_resolution[..libm::ceil(part * free.len() as f64) as usize];
            let assigned = assign(&self.points, rows, &[crystal.a_matrix], self.params.hkl_tolerance);
            let of_crystal: Vec<(usize, [i32; 3])> = rows.iter().zip(assigned).filter_map(|(&i, a)| Some((i, a?.hkl))).collect();
            let chosen: Vec<usize> = of_crystal.iter().map(|x| x.0).collect();
            let mut list = experiments::with_crystals(&self.sweeps, core::slice::from_ref(&crystal));
            let mut table = self.table.select(&chosen);
            table.hkl = of_crystal.iter().map(|x| x.1).collect();
            table.id = chosen.iter().map(|&i| self.points.sweep[i] as i32).collect();
            match refinement::refine(&mut list, &mut table, &options, monitor) {
                Ok(_) => crystal = list.crystals.swap_remove(0),
                Err(refinement::Error::Cancelled(c)) => return Err(c.into()),
                // Too few of them yet.
                Err(_) => {}
            }
        }
        Ok(crystal)
    }

    /// A centring that the refined indices of the newest lattice show is removed from its basis, and the macro-cycles are gone through again.
    fn complete_basis(&mut self, d_start: f64, monitor: &dyn Monitor) -> Result<(), Error> {
        if self.known.is_some_and(|k| k.longest_primitive_edge().is_some()) {
            return Ok(());
        }
        let Some(k) = self.list.crystals.len().checked_sub(1) else { return Ok(()) };
        let crystal = &self.list.crystals[k];
        let first = (k * self.n_sweeps) as i32;
        let rows = (0..self.table.len()).filter(|&i| self.table.id[i] >= first).map(|i| (self.points.rlp[i], self.table.hkl[i]));
        let indices = super::search::nearest_half(&crystal.a_matrix, rows);
        let Some(smaller) = cells::with_missed_vector(&crystal.a_matrix, &indices, self.params.absent_threshold) else { return Ok(()) };
        let cell = cells::cell(&smaller);
        if indices.len() < LEAST_SPOTS || self.known.is_some() || cell.is_none_or(|c| c.volume() < self.params.min_cell_volume) {
            return Ok(());
        }
        self.list.crystals[k].a_matrix = smaller;
        self.macro_cycles(d_start, monitor)
    }

    /// `Err` when the newest lattice has made the others' deviations worse, or has much larger ones itself.
    fn fits_beside_the_others(&self, before: usize) -> Result<(), Error> {
        let n_others = (self.list.crystals.len().max(1) - 1) * self.n_sweeps;
        let (Some(last), Some(cycle)) = (before.checked_sub(1).and_then(|i| self.cycles.get(i)), self.cycles.last()) else { return Ok(()) };
        let mean = |c: &Cycle, of: &dyn Fn(usize) -> bool| {
            let (sum, n) = c
                .rmsds
                .iter()
                .filter(|r| of(r.experiment))
                .fold((0.0, 0), |(s, n), r| (s + (r.px[0] * r.px[0] + r.px[1] * r.px[1]) * r.n as f64, n + r.n));
            (sum / n.max(1) as f64).sqrt()
        };
        let old = mean(last, &|_| true);
        let (others, newest) = (mean(cycle, &|e| e < n_others), mean(cycle, &|e| e >= n_others));
        if n_others == 0 || (others < SPOILT * old + 0.05 && newest < (WORSE * old).max(1.0)) {
            return Ok(());
        }
        let reason = format!(
            "it deviates by {newest:.2} px, and with it the others' deviations went from {old:.2} to {others:.2} px: not a lattice of its own"
        );
        Err(Error::Refinement { reason })
    }

    /// Beams, detectors and goniometers of `list` become those of the sweeps.
    fn take_geometry(&mut self, list: &ExperimentList) {
        self.sweeps.beams = list.beams.clone();
        self.sweeps.detectors = list.detectors.clone();
        self.sweeps.goniometers = list.goniometers.clone();
    }

    /// Indexes and refines in turn, from resolution `d_start` (Å) to all spots.
    fn macro_cycles(&mut self, d_start: f64, monitor: &dyn Monitor) -> Result<(), Error> {
        let n = self.params.n_macro_cycles;
        let finest = self.points.rlp.iter().map(|r| r.norm()).fold(0.0, f64::max);
        let d_end = if finest > 0.0 { 1.0 / finest } else { 0.0 };
        let step = if n > 1 { (d_start - d_end).max(0.0) / (n - 1) as f64 } else { 0.0 };
        monitor.begin("Refinement", n as u64);
        for cycle in 0..n {
            monitor.check()?;
            let d_min = if cycle + 1 == n { 0.0 } else { d_start - step * cycle as f64 };
            let n_indexed = self.assign_all(d_min * (1.0 - 1e-9));
            let volumes: Vec<f64> = self.list.crystals.iter().map(|c| c.unit_cell().volume()).collect();
            let options = Options {
                outliers: Outliers::Tukey { iqr: self.params.tukey_multiplier },
                ..Options::fast(MAX_STEPS, self.params.reflections_per_degree as f64)
            };
            let outcome = match refinement::refine(&mut self.list, &mut self.table, &options, monitor) {
                Ok(outcome) => outcome,
                Err(refinement::Error::Cancelled(c)) => return Err(c.into()),
                Err(e) => return Err(Error::Refinement { reason: e.to_string() }),
            };
            for (crystal, before) in self.list.crystals.iter().zip(volumes) {
                let after = crystal.unit_cell().volume();
                if (after - before).abs() > LARGEST_VOLUME_CHANGE * before {
                    let percent = 100.0 * (after / before - 1.0);
                    return Err(Error::UnstableCell { percent, before, after, parameters: outcome.parameters.len() });
                }
            }
            self.too_similar()?;
            let list = self.list.clone();
            self.take_geometry(&list);
            self.map_to_reciprocal_space()?;
            monitor.advance(1);
            let [x, y, z] = outcome.overall_px();
            monitor
                .log(&format!("Macro-cycle {}: {n_indexed} indexed to {d_min:.2} Å, rmsd {x:.3} px, {y:.3} px, {z:.3} images", cycle + 1));
            self.cycles.push(Cycle {
                lattices: self.list.crystals.len(),
                number: cycle + 1,
                d_min,
                n_indexed,
                n_parameters: outcome.parameters.len(),
                n_outliers: outcome.n_outliers,
                simplified: outcome.simplified.iter().map(|s| s.to_string()).collect(),
                rmsds: outcome.rmsds,
                crystals: self.list.crystals.clone(),
            });
        }
        Ok(())
    }

    /// `Err` when the indices of the newest lattice deviate from whole numbers like those of points anywhere.
    fn better_than_chance(&self) -> Result<(), Error> {
        let Some((newest, before)) = self.list.crystals.split_last() else { return Ok(()) };
        let Some(inverse) = newest.a_matrix.try_inverse() else { return Ok(()) };
        let first = before.len() * self.n_sweeps;
        let deviation = |i: usize| {
            let h = inverse * self.points.rlp[i];
            (h - vec3(self.table.hkl[i].map(f64::from))).norm()
        };
        let deviations: Vec<f64> = (0..self.table.len()).filter(|&i| self.table.id[i] >= first as i32).map(deviation).collect();
        let n = deviations.len().max(1) as f64;
        let tolerance = self.params.hkl_tolerance;
        let cubes = deviations.iter().map(|d| (d / tolerance) * (d / tolerance) * (d / tolerance)).sum::<f64>() / n;
        // A lattice of a handful of spots can always be found.
        let least = (LEAST_FRACTION * self.points.rlp.len() as f64).max(LEAST_OF_LATTICE);
        if cubes <= CHANCE && deviations.len() as f64 >= least {
            return Ok(());
        }
        Err(Error::ByChance {
            cell: newest.unit_cell().to_string(),
            symmetry: self.known.map_or(String::new(), Known::phrase),
            indexed: deviations.len(),
            spots: self.table.len(),
            deviation: deviations.iter().sum::<f64>() / n,
            chance: 0.75 * tolerance,
        })
    }

    /// `Err` when the newest lattice has become one of those before.
    fn too_similar(&self) -> Result<(), Error> {
        let Some((newest, before)) = self.list.crystals.split_last() else { return Ok(()) };
        for (k, other) in before.iter().enumerate() {
            if let Some(turn) =
                cells::rotation_between(&other.a_matrix, &newest.a_matrix).filter(|r| *r < self.params.min_lattice_separation)
            {
                return Err(Error::Refinement { reason: format!("the new lattice is lattice {} again, turned by {turn:.2}°", k + 1) });
            }
        }
        Ok(())
    }

    /// Indexes the spots of resolution at least `d_min` (Å) with all crystals, and the others not. Returns how many are indexed.
    fn assign_all(&mut self, d_min: f64) -> usize {
        let rows: Vec<usize> = (0..self.table.len()).filter(|&i| self.points.rlp[i].norm() * d_min <= 1.0).collect();
        let a: Vec<Mat3> = self.list.crystals.iter().map(|c| c.a_matrix).collect();
        let found = match self.params.index_assignment {
            Assignment::Simple => assign(&self.points, &rows, &a, self.params.hkl_tolerance),
            Assignment::Local => local::assign(&self.points, &rows, &a),
        };
        self.table.id.fill(-1);
        self.table.hkl.fill([0; 3]);
        self.table.flags.iter_mut().for_each(|f| *f &= !flags::INDEXED);
        let mut n = 0;
        for (&i, found) in rows.iter().zip(found) {
            if let Some(f) = found.filter(|f| self.known.is_none_or(|k| !k.is_absent(f.hkl))) {
                self.table.id[i] = (f.crystal as usize * self.n_sweeps) as i32 + self.points.sweep[i] as i32;
                self.table.hkl[i] = f.hkl;
                self.table.flags[i] |= flags::INDEXED;
                n += 1;
            }
        }
        n
    }

    /// Remarks on a cell at the limit of what was looked for, and on a beam centre that has moved far.
    fn doubts(&mut self) {
        let Some(crystal) = self.list.crystals.first() else { return };
        let longest = crystal.unit_cell().lengths.into_iter().fold(0.0, f64::max);
        let indexed = self.table.id.iter().filter(|id| **id >= 0).count() as f64 / self.table.len().max(1) as f64;
        if let Some(search) = self.searches.first()
            && longest > AT_THE_LIMIT * search.max_cell
            && indexed < BEYOND_DOUBT
        {
            self.remarks.push(format!(
                "The longest edge found ({longest:.0} Å) is near the longest looked for ({:.0} Å), and {:.0} % of the spots are indexed: try max_cell={:.0}.",
                search.max_cell,
                100.0 * indexed,
                2.0 * search.max_cell
            ));
        }
        for i in 0..self.n_sweeps {
            let (Some(now), Some(header)) = (self.sweeps.models(i), self.header.models(i)) else { continue };
            let [Some(new), Some(old)] = [now, header].map(|m| m.detector.beam_centre(&m.beam.s0())) else { continue };
            let Some(panel) = now.detector.panels.get(new.panel).filter(|_| new.panel == old.panel) else { continue };
            let moved = (new.mm - old.mm).norm();
            let apart = now.beam.wavelength * panel.distance().abs() / longest;
            if moved > FAR_OFF * apart {
                self.beam_doubts.push(format!(
                    "The beam centre of sweep {i} has moved by {moved:.2} mm in refinement, {:.1} times the distance of neighbouring spots: \
                     indices may be off by one. Check it with the beam-centre search (search-beam-position).",
                    moved / apart
                ));
            }
        }
    }

    /// Indexes all spots with the final models.
    fn finish(mut self) -> Result<Indexed, Error> {
        self.assign_all(0.0);
        self.doubts();
        let used = flags::USED_IN_REFINEMENT | flags::CENTROID_OUTLIER;
        self.table.flags.iter_mut().filter(|f| **f & flags::INDEXED == 0).for_each(|f| *f &= !used);
        // Observed beam vectors, as DIALS leaves them.
        let s1 = self.table.s1.clone();
        update_predictions(&self.list, &mut self.table);
        self.table.s1 = s1;
        for (i, e) in self.list.experiments.iter_mut().enumerate() {
            if let Some(crystal) = e.crystal.and_then(|k| self.list.crystals.get(k)) {
                e.identifier = experiments::identifier(&e.identifier, i, &crystal.a_matrix);
                self.table.identifiers.insert(i as u32, e.identifier.clone());
            }
        }
        let counts = (0..self.n_sweeps)
            .map(|sweep| {
                let here = || (0..self.table.len()).filter(|&i| self.points.sweep[i] as usize == sweep);
                let indexed = here().filter(|&i| self.table.id[i] >= 0).count();
                let imageset = self.sweeps.experiments[sweep].imageset.unwrap_or(sweep);
                ImageSetCount { imageset, indexed, unindexed: here().count() - indexed }
            })
            .collect();
        Ok(Indexed {
            experiments: self.list,
            reflections: self.table,
            searches: self.searches,
            cycles: self.cycles,
            counts,
            resolution: Vec::new(),
            misindexing: Vec::new(),
            beam_doubts: self.beam_doubts,
            remarks: self.remarks,
        })
    }
}
