//! Further lattices in the same images, among the spots that those before have left.
//!
//! One is refined alone before it joins the others, and is kept if it leaves them as they are.

use super::assign::assign;
use super::indexing::{Indexing, MAX_STEPS};
use super::result::Cycle;
use super::{Error, Why, cells, experiments};
use crate::geometry::{Crystal, UnitCell};
use crate::job::Monitor;
use crate::math::Mat3;
use crate::refinement::{self, Options, Outliers};

/// A further lattice may raise the deviations of those before by this factor, and have itself deviations larger by that.
const SPOILT: f64 = 1.5;
const WORSE: f64 = 4.0;

/// Whether two reduced cells are nearly the same: edges within 5 %, angles within 3°.
fn alike(a: &UnitCell, b: &UnitCell) -> bool {
    (0..3).all(|i| (a.lengths[i] / b.lengths[i] - 1.0).abs() < 0.05 && (a.angles_deg[i] - b.angles_deg[i]).abs() < 3.0)
}

impl Indexing<'_> {
    /// Looks for lattices until there are `max_lattices`, few spots are left, or none is found.
    pub(super) fn further_lattices(&mut self, monitor: &dyn Monitor) -> Result<(), Error> {
        while self.list.crystals.len() < self.params.max_lattices {
            let free: Vec<usize> = (0..self.table.len()).filter(|&i| self.table.id[i] < 0).collect();
            if (free.len() as f64) < self.params.recycle_cutoff * self.table.len() as f64 {
                self.remarks.push(format!("No further lattice was looked for: {} spots are left.", free.len()));
                break;
            }
            match self.add_further(&free, monitor) {
                Ok(()) => {}
                Err(e @ Error::Cancelled(_)) => return Err(e),
                Err(e) => {
                    self.remarks.push(format!("No further lattice was found among {} spots: {e}", free.len()));
                    break;
                }
            }
        }
        Ok(())
    }

    /// Looks for a lattice among the rows `free`, and refines it together with those found before; leaves all as it was where that fails.
    fn add_further(&mut self, free: &[usize], monitor: &dyn Monitor) -> Result<(), Error> {
        let others: Vec<Mat3> = self.list.crystals.iter().map(|c| c.a_matrix).collect();
        let found = self.search(free, &others).run(monitor)?;
        let before = (self.list.clone(), self.table.clone(), self.cycles.len());
        if let Some(crystal) = found.experiments.crystals.first() {
            let crystal = self.settled(crystal, free, monitor)?;
            experiments::add_crystal(&mut self.list, self.n_sweeps, crystal);
        }
        self.searches.push(found.search);
        self.map_to_reciprocal_space()?;
        let refined = self.refined(monitor).and_then(|()| self.fits_beside_the_others(before.2));
        if refined.is_err() {
            (self.list, self.table) = (before.0, before.1);
            let list = self.list.clone();
            self.take_geometry(&list);
            self.map_to_reciprocal_space()?;
            self.searches.pop();
            self.cycles.truncate(before.2);
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
        Err(Why::Refinement { reason }.into())
    }

    /// `Err` when the newest lattice has become one of those before.
    pub(super) fn too_similar(&self) -> Result<(), Error> {
        let Some((newest, before)) = self.list.crystals.split_last() else { return Ok(()) };
        for (k, other) in before.iter().enumerate() {
            if let Some(turn) =
                cells::rotation_between(&other.a_matrix, &newest.a_matrix).filter(|r| *r < self.params.min_lattice_separation)
            {
                return Err(Why::Refinement { reason: format!("the new lattice is lattice {} again, turned by {turn:.2}°", k + 1) }.into());
            }
        }
        Ok(())
    }
}
