//! The search for a lattice: from points of reciprocal space to the best of the candidate cells.

use super::assign::{Points, assign};
use super::error::{NotIndexed, Why};
use super::fft3d::{self, Map};
use super::known::Known;
use super::peaks::Peak;
use super::result::{Candidate, FourierPeak, LatticeSearch};
use super::{Error, Method, Params, cells, directions, experiments, low_res, peaks, triples, vectors};
use crate::geometry::{Crystal, ExperimentList};
use crate::job::{Monitor, Silent, parallel};
use crate::math::{Mat3, Vec3, vec3};
use crate::refinement::{self, Options, Outliers};
use crate::reflections::Reflections;

/// Candidates of one lattice that are refined: the starting points differ, and so do the results after a few steps.
const PER_LATTICE: usize = 5;
/// Two candidates are one lattice when their axes agree to this fraction of a cell.
const SAME_LATTICE: f64 = 0.05;
/// Peaks kept for the report.
const PEAKS_SHOWN: usize = 30;
/// Axes of candidates may be shorter than the shortest edge by this factor: they are not refined yet.
const SHORTEST: f64 = 0.95;
/// A candidate's refinement.
const STEPS: usize = 4;
const PER_DEGREE: f64 = 20.0;
/// A lattice is convincing when it indexes this fraction of the spots, and its indices deviate from whole numbers much less than by chance.
const CONVINCING: f64 = 0.25;
/// Nothing else is tried beside a convincing one that indexes this fraction. Below, it may also be one that two crystals happen to share.
const BEYOND_DOUBT: f64 = 0.6;
const CONVINCING_CUBES: f64 = 0.1;
/// Mean of (|A⁻¹r − h|/tolerance)³ above which indices are much like those that chance gives (0.5).
const LIKE_CHANCE: f64 = 0.15;
/// With a known symmetry, so many batches of triples are tried.
const BATCHES: usize = 4;
/// Where no lattice is beyond doubt, the longest edge looked for is changed by these factors; where none is convincing, by these in turn.
const OTHER_CELLS: [f64; 2] = [0.5, 0.25];
const LAST_CELLS: [f64; 4] = [1.6, 2.5, 4.0, 0.125];
/// Weight of the spots indexed in the score of a candidate: a little more than that of the volume, so that half the cell with half the spots loses.
pub(super) const INDEXED_WEIGHT: f64 = 1.2;
/// With a known symmetry, so many times `max_refine` triples are looked at for ones that have it.
const TRIPLES_PER_CELL: usize = 40;
/// Fraction of points anywhere that lie within the tolerance of 0.3 of a lattice point.
const BY_CHANCE: f64 = 4.0 / 3.0 * core::f64::consts::PI * 0.027;
/// A candidate must index so many spots and predict them this well, px.
const LEAST_INDEXED: usize = 5;
const WORST_RMSD_PX: f64 = 6.0;

/// What is searched.
#[derive(Clone, Copy)]
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
    /// How it was found, with all candidates.
    pub search: LatticeSearch,
}

/// The strongest peaks, one of each pair of opposites.
fn strongest(mut peaks: Vec<Peak>) -> Vec<FourierPeak> {
    let first = |v: &Vec3| v.iter().find(|x| x.abs() > 1e-3).copied().unwrap_or(0.0);
    peaks.retain(|p| p.site.norm() > 1.0 && first(&p.site) > 0.0);
    peaks.sort_by(|a, b| b.volume.cmp(&a.volume).then(a.site.norm().total_cmp(&b.site.norm())).then(a.site.x.total_cmp(&b.site.x)));
    peaks.truncate(PEAKS_SHOWN);
    peaks.into_iter().map(|p| FourierPeak { site: p.site.into(), length: p.site.norm(), volume: p.volume }).collect()
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
    /// Mean of (|A⁻¹r − h|/tolerance)³.
    cubes: f64,
    experiments: ExperimentList,
}

impl Scored {
    fn is_convincing(&self, fraction: f64) -> bool {
        self.candidate.fraction_indexed >= fraction && self.cubes < CONVINCING_CUBES
    }
}

/// What one longest edge gave.
struct Pass {
    search: LatticeSearch,
    /// Cells tried.
    cells: usize,
    scored: Vec<Scored>,
    /// Why there were no cells to try.
    why: Option<Why>,
}

impl Search<'_> {
    /// Finds the best lattice.
    pub fn run(&self, monitor: &dyn Monitor) -> Result<Found, Error> {
        let mut passes = vec![self.pass(self.max_cell, monitor)?];
        let others = OTHER_CELLS.map(|f| (f, BEYOND_DOUBT)).into_iter().chain(LAST_CELLS.map(|f| (f, CONVINCING)));
        for (factor, fraction) in others {
            if passes.iter().any(|p| p.scored.iter().any(|s| s.is_convincing(fraction))) {
                continue;
            }
            let max_cell = factor * self.max_cell;
            // A longest edge that the user gives is not exceeded.
            if max_cell > 2.0 * self.params.min_cell && (factor < 1.0 || self.params.max_cell.is_none()) {
                monitor.check()?;
                passes.push(self.pass(max_cell, monitor)?);
            }
        }
        let mut scored = Vec::new();
        for (k, pass) in passes.iter_mut().enumerate() {
            scored.extend(core::mem::take(&mut pass.scored).into_iter().map(|s| (k, s)));
        }
        match rank(scored) {
            Some((candidates, experiments, best)) => {
                Ok(Found { experiments, search: LatticeSearch { candidates, ..passes.swap_remove(best).search } })
            }
            None => {
                let longest = passes.iter().map(|p| p.search.max_cell).fold(0.0, f64::max);
                Err(Error::NotIndexed(Box::new(self.nothing(passes.swap_remove(0), longest, monitor)?)))
            }
        }
    }

    /// Why there is no candidate, as the first pass says, and what the spots say without the known cell and space group.
    fn nothing(&self, first: Pass, longest: f64, monitor: &dyn Monitor) -> Result<NotIndexed, Error> {
        let why = first.why.unwrap_or(Why::NoLattice {
            vectors: first.search.vectors,
            cells: first.cells,
            spots: first.search.points,
            longest,
            symmetry: self.known.map_or(String::new(), Known::phrase),
        });
        let mut searches = vec![first.search];
        if self.known.is_some() {
            let params = Params { method: Method::Fft3d, ..self.params.clone() };
            match (Search { known: None, params: &params, ..*self }).run(monitor) {
                Ok(found) => searches.push(LatticeSearch { known_left_aside: true, ..found.search }),
                Err(e @ Error::Cancelled(_)) => return Err(e),
                Err(_) => {}
            }
        }
        Ok(NotIndexed { why, searches, beam: None })
    }

    /// Candidates with cells up to `max_cell` (Å).
    fn pass(&self, max_cell: f64, monitor: &dyn Monitor) -> Result<Pass, Error> {
        let p = self.params;
        let n = fft3d::grid_size(p.n_points);
        let rlp: Vec<Vec3> = self.free.iter().map(|&i| self.points.rlp[i]).collect();
        let d_min = fft3d::resolution_limit(&rlp, n, max_cell);
        let rows = self.rows_for_scoring(d_min);
        let inner: Vec<Vec3> = rows.iter().map(|&i| self.points.rlp[i]).collect();
        let known_cell = |method: &'static str| {
            let reason = || Error::Contradiction { field: "method", reason: format!("{method} needs the unit_cell") };
            self.known.and_then(Known::primitive_cell).ok_or_else(reason)
        };
        let mut search = LatticeSearch { max_cell, d_min, points: inner.len(), ..LatticeSearch::default() };
        let peaks = match p.method {
            Method::Fft3d => {
                let map = Map::of(&rlp, n, d_min, monitor)?;
                let mut found = peaks::find(&map, p.rmsd_cutoff);
                search.points = map.points;
                if found.len() < 4 {
                    let why = Why::NoPeriodicity { points: map.points, d_min, max_cell, peaks: found.len(), cutoff: p.rmsd_cutoff };
                    search.peaks = strongest(found);
                    return Ok(Pass { search, cells: 0, scored: Vec::new(), why: Some(why) });
                }
                peaks::drop_small(&mut found, p.peak_volume_cutoff);
                found
            }
            Method::Fft1d => directions::fft1d(&inner, p.min_cell, max_cell),
            Method::RealSpaceGridSearch => {
                let cell = known_cell("real_space_grid_search")?;
                let mut lengths = cell.lengths.to_vec();
                lengths.sort_by(f64::total_cmp);
                lengths.dedup_by(|a, b| (*a - *b).abs() < 0.01 * *b);
                directions::grid_search(&inner, &lengths, p.characteristic_grid)
            }
            Method::LowResSpotMatch => {
                let cells = low_res::orientations(&inner, &known_cell("low_res_spot_match")?, p.max_refine);
                let fitting: Vec<Mat3> = cells.into_iter().filter(|a| self.known.is_none_or(|k| k.apply(a).is_some())).collect();
                let scored = self.tried(&fitting, &rows, monitor)?;
                return Ok(Pass { search, cells: fitting.len(), scored, why: None });
            }
        };
        let vectors = vectors::basis_vectors(&peaks, p.min_cell, 2.0 * max_cell);
        let (cells, scored) = self.candidates(&vectors, &rows, monitor)?;
        search.vectors = vectors.len();
        search.peaks = strongest(peaks);
        Ok(Pass { search, cells, scored, why: None })
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
        let mut combinations = cells::combinations(vectors, self.params.min_vector_angle);
        let (mut tried, mut out) = (0, Vec::new());
        for _ in 0..if self.known.is_some() { BATCHES } else { 1 } {
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
            out.extend(self.tried(&cells, rows, monitor)?);
            if out.iter().any(|s| s.is_convincing(BEYOND_DOUBT)) {
                return Ok((tried, out));
            }
        }
        // Then the triples that explain most spots, whatever their vectors' ranks.
        let points: Vec<Vec3> = rows.iter().map(|&i| self.points.rlp[i]).collect();
        let wanted = if self.known.is_some() { TRIPLES_PER_CELL * batch } else { batch };
        let mut cells = triples::best(vectors, &points, wanted, self.params.min_vector_angle);
        tried += cells.len();
        let keep = parallel::map_slice(&cells, |a| self.known.is_none_or(|k| k.apply(a).is_some()));
        let mut keep = keep.into_iter();
        cells.retain(|_| keep.next() == Some(true));
        cells.truncate(batch);
        out.extend(self.tried(&cells, rows, monitor)?);
        Ok((tried, out))
    }

    /// The refined candidates of a batch of cells.
    fn tried(&self, cells: &[Mat3], rows: &[usize], monitor: &dyn Monitor) -> Result<Vec<Scored>, Error> {
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
            ..Options::fast(STEPS, PER_DEGREE)
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

/// Scores, sums of log₂ of volume, missing spots and deviation over the best of each, and sorts by them; the first one's experiments and pass. `None`
/// when nothing is left.
///
/// Spots that chance alone would index do not count. Candidates whose indices deviate almost as chance makes them come last.
fn rank(mut scored: Vec<(usize, Scored)>) -> Option<(Vec<Candidate>, ExperimentList, usize)> {
    if scored.iter().any(|(_, s)| s.candidate.rmsd_xy_px <= WORST_RMSD_PX) {
        scored.retain(|(_, s)| s.candidate.rmsd_xy_px <= WORST_RMSD_PX);
    }
    let beyond_chance = |c: &Candidate| beyond_chance(c.fraction_indexed);
    let best = |f: &dyn Fn(&Candidate) -> f64| scored.iter().map(|(_, s)| f(&s.candidate)).fold(f64::INFINITY, f64::min);
    let (volume, missing, rmsd) = (best(&|c| c.volume), best(&|c| 1.0 / beyond_chance(c)), best(&|c| c.rmsd_xy_px));
    for (_, s) in &mut scored {
        let c = &mut s.candidate;
        c.score_volume = libm::log2(c.volume / volume);
        c.score_indexed = -INDEXED_WEIGHT * libm::log2(beyond_chance(c) * missing);
        c.score_rmsd = if rmsd > 0.0 { libm::log2(c.rmsd_xy_px / rmsd) } else { 0.0 };
        c.score = c.score_volume + c.score_indexed + c.score_rmsd;
    }
    let doubtful = |s: &Scored| s.cubes > LIKE_CHANCE;
    scored.sort_by(|(_, a), (_, b)| doubtful(a).cmp(&doubtful(b)).then(a.candidate.score.total_cmp(&b.candidate.score)));
    let candidates = scored.iter().map(|(_, s)| s.candidate).collect();
    scored.into_iter().next().map(|(pass, s)| (candidates, s.experiments, pass))
}
