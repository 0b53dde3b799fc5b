//! The state of indexing, and its course: a lattice, indices and refinement in turn, more lattices.

use super::assign::{Points, assign};
use super::known::Known;
use super::result::{Cycle, ImageSetCount, Indexed, LatticeSearch};
use super::search::{Search, nearest_half};
use super::{Assignment, Error, Params, Why, cells, experiments, local, max_cell};
use crate::geometry::{ExperimentList, ewald};
use crate::job::Monitor;
use crate::math::{Mat3, vec3};
use crate::predict::{map_observed, update_predictions};
use crate::refinement::{self, Options, Outliers};
use crate::reflections::{Reflections, flags};

/// Fewer spots than this are not indexed.
pub(super) const LEAST_SPOTS: usize = 10;
/// Relative change of volume in refinement that is not believed.
const LARGEST_VOLUME_CHANGE: f64 = 0.5;
/// Mean of (|A⁻¹r − h|/tolerance)³ above which indices are no better than chance. Points anywhere within the tolerance give 0.5, and some less after
/// a lattice has been fitted to them (0.39 in a trial with a wrong cell for 160 spots); real lattices gave 0.002 to 0.013.
const CHANCE: f64 = 0.25;
/// A lattice has at least so many spots, and this fraction of all.
const LEAST_OF_LATTICE: f64 = 8.0;
const LEAST_FRACTION: f64 = 0.02;
/// Steps of each refinement; it converges in far fewer.
pub(super) const MAX_STEPS: usize = 50;

/// The state of indexing.
pub(super) struct Indexing<'a> {
    pub(super) params: &'a Params,
    pub(super) known: Option<&'a Known>,
    /// The sweeps as given, without crystals.
    pub(super) header: ExperimentList,
    /// The sweeps as refined so far, without crystals.
    pub(super) sweeps: ExperimentList,
    pub(super) n_sweeps: usize,
    /// The sweeps with the crystals found.
    pub(super) list: ExperimentList,
    pub(super) table: Reflections,
    pub(super) points: Points,
    pub(super) searches: Vec<LatticeSearch>,
    pub(super) cycles: Vec<Cycle>,
    /// Longest edge to look for, Å.
    pub(super) max_cell: f64,
    pub(super) remarks: Vec<String>,
    /// Remarks that intensities may prove idle.
    pub(super) beam_doubts: Vec<String>,
}

impl<'a> Indexing<'a> {
    pub(super) fn new(imported: &ExperimentList, table: Reflections, params: &'a Params, known: Option<&'a Known>) -> Result<Self, Error> {
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
            max_cell: 0.0,
            remarks: Vec::new(),
            beam_doubts: Vec::new(),
        };
        out.list.experiments.clear();
        out.list.crystals.clear();
        out.map_to_reciprocal_space()?;
        out.max_cell = out.longest_edge()?;
        Ok(out)
    }

    pub(super) fn run(self, monitor: &dyn Monitor) -> Result<Indexed, Error> {
        let mut found = self.first_lattice(monitor)?;
        found.further_lattices(monitor)?;
        found.finish()
    }

    /// Looks for the first lattice and refines it with the geometry. What the search saw is kept, also when it fails.
    pub(super) fn add_first(&mut self, monitor: &dyn Monitor) -> Result<(), Error> {
        let all: Vec<usize> = (0..self.table.len()).collect();
        let found = match self.search(&all, &[]).run(monitor) {
            Ok(found) => found,
            Err(Error::NotIndexed(mut failed)) => {
                self.searches.append(&mut failed.searches);
                return Err(Error::NotIndexed(failed));
            }
            Err(e) => return Err(e),
        };
        // The candidate's geometry was refined with it.
        self.take_geometry(&found.experiments);
        self.list = found.experiments;
        self.searches.push(found.search);
        self.map_to_reciprocal_space()?;
        self.refined(monitor)
    }

    pub(super) fn search<'s>(&'s self, free: &'s [usize], others: &'s [Mat3]) -> Search<'s> {
        Search {
            sweeps: &self.sweeps,
            table: &self.table,
            points: &self.points,
            free,
            others,
            known: self.known,
            max_cell: self.max_cell,
            params: self.params,
        }
    }

    /// The lattices refined together on spots of growing resolution, from that of the newest one's search.
    pub(super) fn refined(&mut self, monitor: &dyn Monitor) -> Result<(), Error> {
        let d_start = self.searches.last().map_or(0.0, |s| s.d_min);
        self.macro_cycles(d_start, monitor)?;
        self.complete_basis(d_start, monitor)?;
        self.better_than_chance()
    }

    /// The longest edge to look for, Å.
    fn longest_edge(&self) -> Result<f64, Error> {
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
    pub(super) fn map_to_reciprocal_space(&mut self) -> Result<(), Error> {
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

    /// A centring that the refined indices of the newest lattice show is removed from its basis, and the macro-cycles are gone through again.
    fn complete_basis(&mut self, d_start: f64, monitor: &dyn Monitor) -> Result<(), Error> {
        if self.known.is_some_and(|k| k.longest_primitive_edge().is_some()) {
            return Ok(());
        }
        let Some(k) = self.list.crystals.len().checked_sub(1) else { return Ok(()) };
        let crystal = &self.list.crystals[k];
        let first = (k * self.n_sweeps) as i32;
        let rows = (0..self.table.len()).filter(|&i| self.table.id[i] >= first).map(|i| (self.points.rlp[i], self.table.hkl[i]));
        let indices = nearest_half(&crystal.a_matrix, rows);
        let Some(smaller) = cells::with_missed_vector(&crystal.a_matrix, &indices, self.params.absent_threshold) else { return Ok(()) };
        let cell = cells::cell(&smaller);
        if indices.len() < LEAST_SPOTS || self.known.is_some() || cell.is_none_or(|c| c.volume() < self.params.min_cell_volume) {
            return Ok(());
        }
        self.list.crystals[k].a_matrix = smaller;
        self.macro_cycles(d_start, monitor)
    }

    /// Beams, detectors and goniometers of `list` become those of the sweeps.
    pub(super) fn take_geometry(&mut self, list: &ExperimentList) {
        self.sweeps.beams = list.beams.clone();
        self.sweeps.detectors = list.detectors.clone();
        self.sweeps.goniometers = list.goniometers.clone();
    }

    /// Indexes and refines in turn, from resolution `d_start` (Å) to all spots.
    pub(super) fn macro_cycles(&mut self, d_start: f64, monitor: &dyn Monitor) -> Result<(), Error> {
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
                Err(e) => return Err(Why::Refinement { reason: e.to_string() }.into()),
            };
            for (crystal, before) in self.list.crystals.iter().zip(volumes) {
                let after = crystal.unit_cell().volume();
                if (after - before).abs() > LARGEST_VOLUME_CHANGE * before {
                    let percent = 100.0 * (after / before - 1.0);
                    return Err(Why::UnstableCell { percent, before, after, parameters: outcome.parameters.len() }.into());
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
        Err(Why::ByChance {
            cell: newest.unit_cell().to_string(),
            symmetry: self.known.map_or(String::new(), Known::phrase),
            indexed: deviations.len(),
            spots: self.table.len(),
            deviation: deviations.iter().sum::<f64>() / n,
            chance: 0.75 * tolerance,
        }
        .into())
    }

    /// Indexes the spots of resolution at least `d_min` (Å) with all crystals, and the others not. Returns how many are indexed.
    pub(super) fn assign_all(&mut self, d_min: f64) -> usize {
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

    /// Indexes all spots with the final models.
    fn finish(mut self) -> Result<Indexed, Error> {
        self.assign_all(0.0);
        self.remark_on_doubts();
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
