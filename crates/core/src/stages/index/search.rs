//! The search for a lattice: from points of reciprocal space to the best of the candidate cells.

use super::assign::{Points, assign};
use super::fft3d::{self, Map};
use super::known::Known;
use super::result::Candidate;
use super::{Error, Params, cells, experiments, peaks, vectors};
use crate::geometry::{Crystal, ExperimentList};
use crate::job::{Monitor, Silent, parallel};
use crate::math::{Mat3, Vec3};
use crate::refinement::{self, Options, Outliers};
use crate::reflections::Reflections;

/// Candidates of one lattice that are refined: the starting points differ, and so do the results after a few steps.
const PER_LATTICE: usize = 5;
/// Two candidates are one lattice when their axes agree to this fraction of a cell.
const SAME_LATTICE: f64 = 0.05;
/// A candidate's refinement.
const STEPS: usize = 4;
const PER_DEGREE: f64 = 20.0;
/// Triples of vectors are tried in batches; another one is, unless the best lattice indexes this fraction of the spots.
const CONVINCING: f64 = 0.5;
const BATCHES: usize = 4;
/// With a known symmetry, so many times `max_refine` triples are looked at for ones that have it.
const TRIPLES_PER_CELL: usize = 40;
/// A candidate must index so many spots and predict them this well, px.
const LEAST_INDEXED: usize = 5;
const WORST_RMSD_PX: f64 = 6.0;

/// What is searched.
pub struct Search<'a> {
    /// The sweeps without crystals.
    pub sweeps: &'a ExperimentList,
    /// Columns of the spots that refinement needs.
    pub table: &'a Reflections,
    /// The same spots as points.
    pub points: &'a Points,
    /// Rows that no lattice has yet.
    pub free: &'a [usize],
    /// Setting matrices of the lattices found before.
    pub others: &'a [Mat3],
    /// What the user knows.
    pub known: Option<&'a Known>,
    /// Longest edge, Å.
    pub max_cell: f64,
    /// The user's parameters.
    pub params: &'a Params,
}

/// The best lattice.
pub struct Found {
    /// Sweeps with the refined crystal, one experiment for each.
    pub experiments: ExperimentList,
    /// Resolution to which it was indexed, Å.
    pub d_min: f64,
    /// Spots in the Fourier transform.
    pub points: usize,
    /// Candidate basis vectors.
    pub vectors: usize,
    /// The candidates, best first.
    pub candidates: Vec<Candidate>,
}

/// A cell with its indices.
struct Trial {
    a_matrix: Mat3,
    /// Rows and their indices.
    indexed: Vec<(usize, [i32; 3])>,
}

/// A refined trial.
struct Scored {
    candidate: Candidate,
    experiments: ExperimentList,
}

impl Search<'_> {
    /// Finds the best lattice.
    pub fn run(&self, monitor: &dyn Monitor) -> Result<Found, Error> {
        let p = self.params;
        let n = fft3d::grid_size(p.n_points);
        let rlp: Vec<Vec3> = self.free.iter().map(|&i| self.points.rlp[i]).collect();
        let d_min = fft3d::resolution_limit(&rlp, n, self.max_cell);
        let map = Map::of(&rlp, n, d_min, monitor)?;
        let points = map.points;
        let mut found = peaks::find(&map, p.rmsd_cutoff);
        drop(map);
        if found.len() < 4 {
            return Err(Error::NoPeriodicity { points, d_min, max_cell: self.max_cell, peaks: found.len(), cutoff: p.rmsd_cutoff });
        }
        peaks::drop_small(&mut found, p.peak_volume_cutoff);
        let vectors = vectors::basis_vectors(&found, p.min_cell, 2.0 * self.max_cell);
        let rows = self.rows_for_scoring(d_min);
        let scored = self.candidates(&vectors, &rows, monitor)?;
        let (candidates, best) = rank(scored.1).ok_or_else(|| Error::NoLattice {
            vectors: vectors.len(),
            cells: scored.0,
            symmetry: self.known.map_or(String::new(), Known::phrase),
        })?;
        Ok(Found { experiments: best, d_min, points, vectors: vectors.len(), candidates })
    }

    /// Free rows to resolution `d_min` (Å), of the first turn of each scan.
    fn rows_for_scoring(&self, d_min: f64) -> Vec<usize> {
        let within_first_turn = |i: usize| {
            self.sweeps
                .models(self.points.sweep[i] as usize)
                .is_some_and(|m| (self.points.phi[i] - m.scan.phi0).abs() <= core::f64::consts::TAU)
        };
        let all = self.free.iter().copied();
        all.filter(|&i| self.points.rlp[i].norm_squared() * d_min * d_min <= 1.0 + 1e-9 && within_first_turn(i)).collect()
    }

    /// Number of cells tried, and the refined candidates.
    fn candidates(&self, vectors: &[Vec3], rows: &[usize], monitor: &dyn Monitor) -> Result<(usize, Vec<Scored>), Error> {
        let batch = self.params.max_refine;
        let mut combinations = cells::combinations(vectors);
        let (mut tried, mut out) = (0, Vec::new());
        for _ in 0..BATCHES {
            // With a known symmetry most combinations may be passed over, so the batch is of those that are not.
            let mut cells: Vec<Mat3> = Vec::new();
            while cells.len() < batch {
                let left = (TRIPLES_PER_CELL * batch).saturating_sub(tried);
                let wave: Vec<Mat3> = combinations.by_ref().take(batch.min(left)).collect();
                if wave.is_empty() {
                    break;
                }
                monitor.check()?;
                tried += wave.len();
                let keep = parallel::map_slice(&wave, |a| self.known.is_none_or(|k| k.apply(a).is_some()));
                cells.extend(wave.into_iter().zip(keep).filter_map(|(a, keep)| keep.then_some(a)));
            }
            if cells.is_empty() {
                break;
            }
            monitor.begin("Candidate lattices", 2 * cells.len() as u64);
            let trials = parallel::map_slice(&cells, |a| {
                monitor.advance(1);
                if monitor.is_cancelled() { None } else { self.index(a, rows) }
            });
            monitor.check()?;
            let distinct = few_of_each_lattice(trials.into_iter().flatten().collect());
            let scored = parallel::map_slice(&distinct, |t| {
                monitor.advance(1);
                if monitor.is_cancelled() { None } else { self.score(t, rows.len()) }
            });
            monitor.check()?;
            out.extend(scored.into_iter().flatten());
            if out.iter().any(|s: &Scored| s.candidate.fraction_indexed >= CONVINCING) {
                break;
            }
        }
        Ok((tried, out))
    }

    /// Indexes the spots with a candidate cell, rid of centrings, on the axes of the known symmetry.
    fn index(&self, a_matrix: &Mat3, rows: &[usize]) -> Option<Trial> {
        let tolerance = self.params.hkl_tolerance;
        let indices = |a: &Mat3| -> Vec<(usize, [i32; 3])> {
            let found = assign(self.points, rows, core::slice::from_ref(a), tolerance);
            rows.iter().zip(found).filter_map(|(&row, f)| Some((row, f?.hkl))).collect()
        };
        let mut a_matrix = *a_matrix;
        let mut indexed = indices(&a_matrix);
        if self.known.is_none_or(|k| k.longest_primitive_edge().is_none()) {
            while let Some(smaller) =
                cells::with_missed_vector(&a_matrix, &indexed.iter().map(|x| x.1).collect::<Vec<_>>(), self.params.absent_threshold)
            {
                a_matrix = smaller;
                if cells::cell(&a_matrix)?.volume() < self.params.min_cell_volume {
                    return None;
                }
                indexed = indices(&a_matrix);
            }
        }
        if cells::cell(&a_matrix)?.volume() < self.params.min_cell_volume {
            return None;
        }
        if let Some(known) = self.known {
            a_matrix = known.apply(&a_matrix)?;
            indexed = indices(&a_matrix);
            indexed.retain(|(_, hkl)| !known.is_absent(*hkl));
        }
        let separation = self.params.min_lattice_separation;
        if self.others.iter().any(|o| cells::rotation_between(o, &a_matrix).is_some_and(|r| r < separation)) {
            return None;
        }
        (indexed.len() >= LEAST_INDEXED).then_some(Trial { a_matrix, indexed })
    }

    /// Refines a trial for a few steps. `None` when that fails.
    fn score(&self, trial: &Trial, n_spots: usize) -> Option<Scored> {
        let mut crystal = Crystal::new(trial.a_matrix);
        if let Some(known) = self.known {
            crystal.hall_symbol = known.hall_symbol();
        }
        let mut list = experiments::with_crystals(self.sweeps, &[crystal]);
        let rows: Vec<usize> = trial.indexed.iter().map(|x| x.0).collect();
        let mut table = self.table.select(&rows);
        table.hkl = trial.indexed.iter().map(|x| x.1).collect();
        table.id = rows.iter().map(|&i| self.points.sweep[i] as i32).collect();
        // A generous limit: the model is rough, and a narrow one would keep only the spots that agree with it.
        let outliers = Outliers::Tukey { iqr: 2.0 * self.params.tukey_multiplier };
        let options = Options { outliers, ..Options::fast(STEPS, PER_DEGREE) };
        let outcome = refinement::refine(&mut list, &mut table, &options, &Silent).ok()?;
        let [x, y, _] = outcome.overall_px();
        let cell = list.crystals.first()?.unit_cell();
        let candidate = Candidate {
            cell,
            volume: cell.volume(),
            n_indexed: rows.len(),
            fraction_indexed: rows.len() as f64 / n_spots.max(1) as f64,
            rmsd_xy_px: libm::hypot(x, y),
            ..Candidate::default()
        };
        (candidate.rmsd_xy_px.is_finite() && candidate.volume > 0.0).then_some(Scored { candidate, experiments: list })
    }
}

/// Of each lattice, the trials that index most.
fn few_of_each_lattice(trials: Vec<Trial>) -> Vec<Trial> {
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by_key(|&i| core::cmp::Reverse(trials[i].indexed.len()));
    let mut groups: Vec<(Mat3, usize)> = Vec::new();
    let mut keep = vec![false; trials.len()];
    for i in order {
        let a = &trials[i].a_matrix;
        match groups.iter_mut().find(|g| cells::same_lattice(&g.0, a, SAME_LATTICE)) {
            Some(g) => {
                keep[i] = g.1 < PER_LATTICE;
                g.1 += 1;
            }
            None => {
                keep[i] = true;
                groups.push((*a, 1));
            }
        }
    }
    trials.into_iter().zip(keep).filter_map(|(t, k)| k.then_some(t)).collect()
}

/// Scores, sums of log₂ of volume, missing spots and deviation over the best of each, and sorts by them; the first one's experiments. `None` when
/// nothing is left.
fn rank(mut scored: Vec<Scored>) -> Option<(Vec<Candidate>, ExperimentList)> {
    if scored.iter().any(|s| s.candidate.rmsd_xy_px <= WORST_RMSD_PX) {
        scored.retain(|s| s.candidate.rmsd_xy_px <= WORST_RMSD_PX);
    }
    let best = |f: fn(&Candidate) -> f64| scored.iter().map(|s| f(&s.candidate)).fold(f64::INFINITY, f64::min);
    let (volume, missing, rmsd) = (best(|c| c.volume), best(|c| 1.0 / c.fraction_indexed), best(|c| c.rmsd_xy_px));
    for s in &mut scored {
        let c = &mut s.candidate;
        c.score_volume = libm::log2(c.volume / volume);
        c.score_indexed = -libm::log2(c.fraction_indexed * missing);
        c.score_rmsd = if rmsd > 0.0 { libm::log2(c.rmsd_xy_px / rmsd) } else { 0.0 };
        c.score = c.score_volume + c.score_indexed + c.score_rmsd;
    }
    scored.sort_by(|a, b| a.candidate.score.total_cmp(&b.candidate.score));
    let candidates = scored.iter().map(|s| s.candidate).collect();
    scored.into_iter().next().map(|s| (candidates, s.experiments))
}
