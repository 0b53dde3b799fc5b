//! The search for a lattice: from points of reciprocal space to the best of the candidate cells.

use super::assign::Points;
use super::error::{NotIndexed, Why};
use super::fft3d::{self, Map};
use super::known::Known;
use super::peaks::Peak;
use super::result::{FourierPeak, LatticeSearch};
use super::trials::{Scored, rank};
use super::{Error, Method, Params, cells, directions, low_res, peaks, triples, vectors};
use crate::geometry::ExperimentList;
use crate::job::{Monitor, parallel};
use crate::math::{Mat3, Vec3};
use crate::reflections::Reflections;

/// Peaks kept for the report.
const PEAKS_SHOWN: usize = 30;
/// A lattice that indexes this fraction of the spots may be convincing ([`Scored::is_convincing`]).
const CONVINCING: f64 = 0.25;
/// Nothing else is tried beside a convincing one that indexes this fraction. Below, it may also be one that two crystals happen to share.
pub(super) const BEYOND_DOUBT: f64 = 0.6;
/// With a known symmetry, so many batches of triples are tried.
const BATCHES: usize = 4;
/// Where no lattice is beyond doubt, the longest edge looked for is changed by these factors; where none is convincing, by these in turn.
const OTHER_CELLS: [f64; 2] = [0.5, 0.25];
const LAST_CELLS: [f64; 4] = [1.6, 2.5, 4.0, 0.125];
/// A longest edge above this fraction of what was looked for is at the limit: it may be part of a longer one. Where the lattice is not beyond doubt, edges
/// longer by the factor are looked for too.
pub(super) const AT_THE_LIMIT: f64 = 0.9;
const BEYOND_THE_LIMIT: f64 = 2.0;
/// With a known symmetry, so many times `max_refine` triples are looked at for ones that have it.
const TRIPLES_PER_CELL: usize = 40;

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
        rank(&mut scored);
        if let Some((_, best)) = scored.first()
            && self.may_be_part_of_a_longer(best, farthest(&passes))
        {
            let mut longer = self.pass(BEYOND_THE_LIMIT * farthest(&passes), monitor)?;
            scored.extend(core::mem::take(&mut longer.scored).into_iter().map(|s| (passes.len(), s)));
            passes.push(longer);
            rank(&mut scored);
        }
        let farthest = farthest(&passes);
        let candidates = scored.iter().map(|(_, s)| s.candidate).collect();
        match scored.into_iter().next() {
            Some((pass, best)) => {
                let search = LatticeSearch { candidates, farthest, ..passes.swap_remove(pass).search };
                Ok(Found { experiments: best.experiments, search })
            }
            None => Err(Error::NotIndexed(Box::new(self.nothing(passes.swap_remove(0), farthest, monitor)?))),
        }
    }

    /// Whether the best candidate leaves many spots and its longest edge is near the `farthest` looked for (Å), if neither the user nor the known
    /// cell has set that.
    fn may_be_part_of_a_longer(&self, best: &Scored, farthest: f64) -> bool {
        let limited = self.params.max_cell.is_some() || self.known.is_some_and(|k| k.longest_primitive_edge().is_some());
        !limited && !best.is_convincing(BEYOND_DOUBT) && best.candidate.cell.longest_edge() > AT_THE_LIMIT * farthest
    }

    /// Why there is no candidate, as the first pass says, and what the spots say without the known cell and space group.
    fn nothing(&self, first: Pass, farthest: f64, monitor: &dyn Monitor) -> Result<NotIndexed, Error> {
        let why = first.why.unwrap_or(Why::NoLattice {
            vectors: first.search.vectors,
            cells: first.cells,
            spots: first.search.points,
            longest: farthest,
            symmetry: self.known.map_or(String::new(), Known::phrase),
        });
        let mut searches = vec![LatticeSearch { farthest, ..first.search }];
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
}

/// Longest edge that any of the passes looked for, Å.
fn farthest(passes: &[Pass]) -> f64 {
    passes.iter().map(|p| p.search.max_cell).fold(0.0, f64::max)
}
