//! Trials of cells: the spots they index, a short refinement, and the scores by which the candidates are ranked.

use super::assign::assign;
use super::result::Candidate;
use super::search::Search;
use super::{Error, cells, experiments};
use crate::geometry::{Crystal, ExperimentList};
use crate::job::{Monitor, Silent, parallel};
use crate::math::{Mat3, Vec3, vec3};
use crate::refinement::{self, Options, Outliers};

/// Candidates of one lattice that are refined: the starting points differ, and so do the results after a few steps.
const PER_LATTICE: usize = 5;
/// Two candidates are one lattice when their axes agree to this fraction of a cell.
const SAME_LATTICE: f64 = 0.05;
/// Axes of candidates may be shorter than the shortest edge by this factor: they are not refined yet.
const SHORTEST: f64 = 0.95;
/// A candidate's refinement.
const STEPS: usize = 4;
const PER_DEGREE: f64 = 20.0;
/// Mean of (|A⁻¹r − h|/tolerance)³ below which the indices of a convincing lattice are.
const CONVINCING_CUBES: f64 = 0.1;
/// Mean of (|A⁻¹r − h|/tolerance)³ above which indices are much like those that chance gives (0.5).
const LIKE_CHANCE: f64 = 0.15;
/// Weight of the spots indexed in the score of a candidate: a little more than that of the volume, so that half the cell with half the spots loses.
pub(super) const INDEXED_WEIGHT: f64 = 1.2;
/// Fraction of points anywhere that lie within the tolerance of 0.3 of a lattice point.
const BY_CHANCE: f64 = 4.0 / 3.0 * core::f64::consts::PI * 0.027;
/// A candidate must index so many spots and predict them this well, px.
const LEAST_INDEXED: usize = 5;
const WORST_RMSD_PX: f64 = 6.0;

/// A cell with its indices.
struct Trial {
    a_matrix: Mat3,
    /// Rows and their indices.
    indexed: Vec<(usize, [i32; 3])>,
}

/// A refined trial.
pub(super) struct Scored {
    /// Its cell and scores.
    pub(super) candidate: Candidate,
    /// Mean of (|A⁻¹r − h|/tolerance)³.
    cubes: f64,
    /// The sweeps with the refined crystal.
    pub(super) experiments: ExperimentList,
}

impl Scored {
    /// Whether it indexes `fraction` of the spots, and its indices deviate from whole numbers much less than by chance.
    pub(super) fn is_convincing(&self, fraction: f64) -> bool {
        self.candidate.fraction_indexed >= fraction && self.cubes < CONVINCING_CUBES
    }
}

impl Search<'_> {
    /// The refined candidates of a batch of cells.
    pub(super) fn tried(&self, cells: &[Mat3], rows: &[usize], monitor: &dyn Monitor) -> Result<Vec<Scored>, Error> {
        monitor.begin("Candidate lattices", 2 * cells.len() as u64);
        let trials = parallel::map_slice(cells, |a| {
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
        Ok(scored.into_iter().flatten().collect())
    }

    /// Indexes the spots with a candidate cell, rid of centrings, on the axes of the known symmetry.
    fn index(&self, a_matrix: &Mat3, rows: &[usize]) -> Option<Trial> {
        let tolerance = self.params.hkl_tolerance;
        let indices = |a: &Mat3| -> Vec<(usize, [i32; 3])> {
            let found = assign(self.points, rows, core::slice::from_ref(a), tolerance);
            rows.iter().zip(found).filter_map(|(&row, f)| Some((row, f?.hkl))).collect()
        };
        let nearest = |a: &Mat3, indexed: &[(usize, [i32; 3])]| nearest_half(a, indexed.iter().map(|(i, h)| (self.points.rlp[*i], *h)));
        let mut a_matrix = *a_matrix;
        let mut indexed = indices(&a_matrix);
        if self.known.is_none_or(|k| k.longest_primitive_edge().is_none()) {
            while let Some(smaller) = cells::with_missed_vector(&a_matrix, &nearest(&a_matrix, &indexed), self.params.absent_threshold) {
                a_matrix = smaller;
                if cells::cell(&a_matrix)?.volume() < self.params.min_cell_volume {
                    return None;
                }
                indexed = indices(&a_matrix);
            }
        }
        let cell = cells::cell(&a_matrix)?;
        if cell.volume() < self.params.min_cell_volume || cell.lengths.iter().any(|l| *l < SHORTEST * self.params.min_cell) {
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
        // With the first lattice the geometry has been refined; the few spots of another one would only spoil it.
        let free = self.others.is_empty();
        let options = Options {
            outliers,
            beam_in_spindle_plane: free,
            detector_position: free,
            detector_orientation: free,
            ..self.params.quick(STEPS, PER_DEGREE)
        };
        let outcome = refinement::refine(&mut list, &mut table, &options, &Silent).ok()?;
        let [x, y, _] = outcome.overall_px();
        let crystal = list.crystals.first()?;
        let inverse = crystal.a_matrix.try_inverse()?;
        let cubes = table.rlp.iter().zip(&table.hkl).map(|(r, h)| {
            let off = (inverse * vec3(*r) - vec3(h.map(f64::from))).norm() / self.params.hkl_tolerance;
            off.min(1.5) * off.min(1.5) * off.min(1.5)
        });
        let cubes = cubes.sum::<f64>() / rows.len().max(1) as f64;
        let cell = crystal.unit_cell();
        let candidate = Candidate {
            cell,
            volume: cell.volume(),
            n_indexed: rows.len(),
            fraction_indexed: rows.len() as f64 / n_spots.max(1) as f64,
            rmsd_xy_px: libm::hypot(x, y),
            ..Candidate::default()
        };
        (candidate.rmsd_xy_px.is_finite() && candidate.volume > 0.0).then_some(Scored { candidate, cubes, experiments: list })
    }
}

/// Of a fraction of spots indexed, what chance alone does not bring about; a little where that is nothing.
pub fn beyond_chance(fraction: f64) -> f64 {
    ((fraction - BY_CHANCE) / (1.0 - BY_CHANCE)).max(0.01)
}

/// Of points with indices, the indices of the half nearest to their lattice points: most of what chance has indexed is in the other half.
pub fn nearest_half(a_matrix: &Mat3, indexed: impl Iterator<Item = (Vec3, [i32; 3])>) -> Vec<[i32; 3]> {
    let Some(inverse) = a_matrix.try_inverse() else { return Vec::new() };
    let mut list: Vec<(f64, [i32; 3])> = indexed.map(|(r, h)| ((inverse * r - vec3(h.map(f64::from))).norm_squared(), h)).collect();
    list.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    list.truncate(list.len().div_ceil(2).max(20));
    list.into_iter().map(|x| x.1).collect()
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

/// Scores, sums of log₂ of volume, missing spots and deviation over the best of each, and sorts by them.
///
/// Spots that chance alone would index do not count. Candidates whose indices deviate almost as chance makes them come last.
pub(super) fn rank(scored: &mut Vec<(usize, Scored)>) {
    if scored.iter().any(|(_, s)| s.candidate.rmsd_xy_px <= WORST_RMSD_PX) {
        scored.retain(|(_, s)| s.candidate.rmsd_xy_px <= WORST_RMSD_PX);
    }
    let beyond_chance = |c: &Candidate| beyond_chance(c.fraction_indexed);
    let best = |f: &dyn Fn(&Candidate) -> f64| scored.iter().map(|(_, s)| f(&s.candidate)).fold(f64::INFINITY, f64::min);
    let (volume, missing, rmsd) = (best(&|c| c.volume), best(&|c| 1.0 / beyond_chance(c)), best(&|c| c.rmsd_xy_px));
    for (_, s) in scored.iter_mut() {
        let c = &mut s.candidate;
        c.score_volume = libm::log2(c.volume / volume);
        c.score_indexed = -INDEXED_WEIGHT * libm::log2(beyond_chance(c) * missing);
        c.score_rmsd = if rmsd > 0.0 { libm::log2(c.rmsd_xy_px / rmsd) } else { 0.0 };
        c.score = c.score_volume + c.score_indexed + c.score_rmsd;
    }
    let doubtful = |s: &Scored| s.cubes > LIKE_CHANCE;
    scored.sort_by(|(_, a), (_, b)| doubtful(a).cmp(&doubtful(b)).then(a.candidate.score.total_cmp(&b.candidate.score)));
}
