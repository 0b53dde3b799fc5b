//! Is the first lattice the crystal's? Signs that it is not, and a second start with another beam centre.
//!
//! A beam centre that is off by half the distance of neighbouring spots puts points between the nodes of their lattice. A cell of two or three
//! times the volume has nodes there as well and indexes them all, with small residuals: only its indices are odd. They fill one class of
//! v·h modulo a prime and not the class of zero, which a lattice through the origin cannot do.

use super::cells;
use super::indexing::Indexing;
use super::result::BeamSearch;
use super::search::{INDEXED_WEIGHT, beyond_chance, nearest_half};
use super::{Error, Params};
use crate::beam_shift::{self, Scope};
use crate::job::Monitor;
use crate::math::{Vec3, vec3};

/// Excess of a class of indices (0 for an even share, 1 for all of them in it) above which the origin is elsewhere. Of 590 right lattices of
/// `cargo xtask bench indexing` none had more than 0.39, those of cells too large 0.99 and more.
const CROWDED: f64 = 0.6;
/// Mean of (|A⁻¹r − h|/tolerance)³ above which the indices are poor: 0.056 at most for those right lattices, which have spurious spots among
/// theirs; 0.076 and 0.137 for the wrong ones; 0.5 by chance.
const POOR: f64 = 0.065;
/// A beam centre that moves by more than this fraction of the distance between neighbouring spots is suspicious.
const FAR_OFF: f64 = 0.4;
/// A longest edge above this fraction of what was looked for is at the limit, where fewer spots than the other fraction are indexed.
const AT_THE_LIMIT: f64 = 0.9;
const BEYOND_DOUBT: f64 = 0.6;
/// Of two lattices with signs against them, the second replaces the first when its score is better by this (log₂).
const BETTER: f64 = 0.1;
/// Spots of a sweep that the search for another beam centre uses.
const MOST_SPOTS: usize = 2000;
/// Steps of its coarse search, px, and its rounds.
const BINNING_PX: f64 = 2.0;
const ROUNDS: usize = 3;

/// A class of indices that has more than its share: those with v·h ≡ residue modulo n.
struct Class {
    v: [i32; 3],
    n: i32,
    residue: usize,
    fraction: f64,
}

impl Class {
    /// 0 for an even share, 1 for all indices in this class.
    fn excess(&self) -> f64 {
        let share = 1.0 / f64::from(self.n);
        (self.fraction - share) / (1.0 - share)
    }
}

/// How a lattice fits its spots.
struct Signs {
    indexed: usize,
    fraction: f64,
    volume: f64,
    rmsd_px: f64,
    /// Mean of (|A⁻¹r − h|/tolerance)³ of the spots indexed.
    cubes: f64,
    /// The fullest class that is not through the origin.
    class: Option<Class>,
}

impl Signs {
    /// What speaks against the lattice, as a sentence's beginning.
    fn against(&self) -> Option<String> {
        if let Some(class) = self.class.as_ref().filter(|c| c.excess() > CROWDED) {
            let ([h, k, l], n, residue) = (class.v, class.n, class.residue);
            return Some(format!(
                "{:.0} % of its indices have {h}h + {k}k + {l}l = {n}m + {residue}, with m a whole number: the cell is {n} times too large, to make up for a \
                 beam centre between the spots of the true one",
                100.0 * class.fraction
            ));
        }
        (self.cubes > POOR).then(|| format!("its {} indices deviate too much from whole numbers", self.indexed))
    }

    /// The score by which candidates are ranked, up to a constant; the lower, the better.
    fn score(&self) -> f64 {
        libm::log2(self.volume) - INDEXED_WEIGHT * libm::log2(beyond_chance(self.fraction)) + libm::log2(self.rmsd_px.max(1e-3))
    }

    /// Whether to prefer this lattice to a first one that has signs against it.
    fn is_better_than(&self, first: &Signs) -> bool {
        match self.against() {
            None => beyond_chance(self.fraction) > 0.5 * beyond_chance(first.fraction),
            Some(_) => self.score() < first.score() - BETTER,
        }
    }
}

/// A beam that refinement has moved.
struct Moved {
    sweep: usize,
    mm: f64,
    /// In units of the distance between neighbouring spots.
    spots: f64,
}

impl Indexing<'_> {
    /// The first lattice. Where there is none, or one with signs against it, the beam centre is looked for as well, and the better of both stays.
    pub(super) fn first_lattice(mut self, monitor: &dyn Monitor) -> Result<Self, Error> {
        let failed = match self.add_first(monitor) {
            Ok(()) => None,
            Err(Error::NotIndexed(why)) => Some(why),
            Err(e) => return Err(e),
        };
        let signs = if failed.is_some() { None } else { self.signs() };
        let against = signs.as_ref().and_then(Signs::against);
        if failed.is_none() && against.is_none() {
            return Ok(self);
        }
        let (tried, other) = self.elsewhere(monitor)?;
        if let (Some(mut other), Some(beam)) = (other, tried) {
            let second = other.signs();
            if second.as_ref().is_some_and(|s| signs.as_ref().is_none_or(|first| s.is_better_than(first))) {
                let first = against.map_or("no lattice was found".to_owned(), |reason| format!("the best lattice was doubtful ({reason})"));
                other.remarks.push(format!("With the header's beam centre {first}. {beam}. The lattice was found from there."));
                self = other;
                if let Some(reason) = second.as_ref().and_then(Signs::against) {
                    self.remarks.push(doubtful(&reason));
                }
                return Ok(self);
            }
        }
        match failed {
            Some(mut failed) => {
                failed.searches.splice(0..0, self.searches);
                failed.beam = tried;
                Err(Error::NotIndexed(failed))
            }
            None => {
                self.remarks.extend(against.as_deref().map(doubtful));
                Ok(self)
            }
        }
    }

    /// Where the spots lie best on a lattice, and the first lattice found from there. Neither where the beam would stay.
    fn elsewhere(&self, monitor: &dyn Monitor) -> Result<(Option<BeamSearch>, Option<Self>), Error> {
        let Params { mm_search_scope, max_cell, .. } = *self.params;
        if mm_search_scope <= 0.0 {
            return Ok((None, None));
        }
        let scope = Scope {
            mm: mm_search_scope,
            binning_px: BINNING_PX,
            max_cell,
            max_spots: MOST_SPOTS,
            d_min: None,
            images: None,
            cycles: ROUNDS,
        };
        // The spots as they were before any lattice.
        let mut table = self.table.clone();
        table.id = self.points.sweep.iter().map(|&s| s as i32).collect();
        let found = match beam_shift::search(&self.header, &table, &scope, monitor) {
            Ok(found) => found,
            Err(beam_shift::Error::Cancelled(c)) => return Err(c.into()),
            // What has no vectors of a lattice with a wrong centre has none with the right one.
            Err(_) => return Ok((None, None)),
        };
        let pixel = self.header.detectors.iter().flat_map(|d| &d.panels).map(|p| p.pixel_size[0]).fold(f64::INFINITY, f64::min);
        let told = BeamSearch {
            shift_mm: found.beam_mm,
            scope_mm: mm_search_scope,
            score: found.score,
            score_at_header: found.score_at_header,
            elsewhere: found.offset.norm() > pixel,
        };
        monitor.log(&format!("{told}."));
        if !told.elsewhere {
            return Ok((Some(told), None));
        }
        let mut other = Indexing::new(&beam_shift::moved(&self.header, &found.offset), table, self.params, self.known)?;
        match other.add_first(monitor) {
            Ok(()) => Ok((Some(told), Some(other))),
            Err(Error::NotIndexed(_)) => Ok((Some(told), None)),
            Err(e) => Err(e),
        }
    }

    /// How the first crystal fits the spots of its last macro-cycle.
    fn signs(&self) -> Option<Signs> {
        let crystal = self.list.crystals.first()?;
        let inverse = crystal.a_matrix.try_inverse()?;
        let indexed: Vec<_> =
            (0..self.table.len()).filter(|&i| self.table.id[i] >= 0).map(|i| (self.points.rlp[i], self.table.hkl[i])).collect();
        let cube = |r: Vec3, h: [i32; 3]| {
            let off = (inverse * r - vec3(h.map(f64::from))).norm() / self.params.hkl_tolerance;
            off * off * off
        };
        let rmsds = self.cycles.last().map_or(&[][..], |c| &c.rmsds);
        let n = rmsds.iter().map(|r| r.n).sum::<usize>().max(1) as f64;
        Some(Signs {
            indexed: indexed.len(),
            fraction: indexed.len() as f64 / self.table.len().max(1) as f64,
            volume: crystal.unit_cell().volume(),
            rmsd_px: (rmsds.iter().map(|r| (r.px[0] * r.px[0] + r.px[1] * r.px[1]) * r.n as f64).sum::<f64>() / n).sqrt(),
            cubes: indexed.iter().map(|(r, h)| cube(*r, *h)).sum::<f64>() / indexed.len().max(1) as f64,
            class: fullest_class(&nearest_half(&crystal.a_matrix, indexed.iter().copied())),
        })
    }

    /// Longest edge of the first crystal, Å.
    fn longest_of_first(&self) -> Option<f64> {
        Some(self.list.crystals.first()?.unit_cell().lengths.into_iter().fold(0.0, f64::max))
    }

    /// Beams that refinement has moved suspiciously far.
    fn moved(&self) -> Vec<Moved> {
        let Some(longest) = self.longest_of_first() else { return Vec::new() };
        let of_sweep = |sweep: usize| {
            let (now, header) = (self.sweeps.models(sweep)?, self.header.models(sweep)?);
            let [new, old] = [now, header].map(|m| m.detector.beam_centre(&m.beam.s0()));
            let (new, old) = (new?, old?);
            let panel = now.detector.panels.get(new.panel).filter(|_| new.panel == old.panel)?;
            let mm = (new.mm - old.mm).norm();
            Some(Moved { sweep, mm, spots: mm * longest / (now.beam.wavelength * panel.distance().abs()) })
        };
        (0..self.n_sweeps).filter_map(of_sweep).filter(|m| m.spots > FAR_OFF).collect()
    }

    /// Remarks on a cell at the limit of what was looked for, and on a beam centre that has moved far.
    pub(super) fn remark_on_doubts(&mut self) {
        let Some(longest) = self.longest_of_first() else { return };
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
        for Moved { sweep, mm, spots } in self.moved() {
            self.beam_doubts.push(format!(
                "The beam centre of sweep {sweep} has moved by {mm:.2} mm in refinement, {spots:.1} times the distance of neighbouring spots: \
                 indices may be off by one. Check it with the beam-centre search (search-beam-position)."
            ));
        }
    }
}

fn doubtful(reason: &str) -> String {
    format!(
        "The lattice is doubtful: {reason}. Check the beam centre (search-beam-position looks for it), or give max_cell or the unit_cell."
    )
}

/// The class, modulo 2 or 3 and not of zero, with most more than its share.
fn fullest_class(hkl: &[[i32; 3]]) -> Option<Class> {
    let mut best: Option<Class> = None;
    for n in [2, 3] {
        for v in cells::directions(n) {
            let mut counts = [0usize; 3];
            hkl.iter().for_each(|h| counts[(0..3).map(|k| v[k] * h[k]).sum::<i32>().rem_euclid(n) as usize] += 1);
            for residue in 1..n as usize {
                let class = Class { v, n, residue, fraction: counts[residue] as f64 / hkl.len().max(1) as f64 };
                if best.as_ref().is_none_or(|b| class.excess() > b.excess()) {
                    best = Some(class);
                }
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_between_the_nodes_of_the_true_lattice_crowd_one_class() {
        // A body of indices about the origin, and the same on a cell doubled along b and c with points half-way between its nodes.
        let all: Vec<[i32; 3]> = (0..343).map(|i| [i / 49 - 3, i / 7 % 7 - 3, i % 7 - 3]).collect();
        let even = fullest_class(&all).unwrap();
        assert!(even.excess() < 0.2, "{}", even.excess());
        let between: Vec<[i32; 3]> = all.iter().map(|h| [h[0], 2 * h[1] + 1, h[2]]).collect();
        let odd = fullest_class(&between).unwrap();
        assert_eq!((odd.v, odd.n, odd.residue, odd.excess()), ([0, 1, 0], 2, 1, 1.0));
        // All of them even is a cell too large as well, but one through the origin: centrings are removed elsewhere.
        let centred: Vec<[i32; 3]> = all.iter().map(|h| [h[0], 2 * h[1], h[2]]).collect();
        assert!(fullest_class(&centred).unwrap().excess() < CROWDED);
    }
}
