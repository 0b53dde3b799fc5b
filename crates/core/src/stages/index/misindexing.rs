//! Are the indices off by one? Intensities of reflections that a symmetry of the lattice makes equivalent agree only about the true origin.
//!
//! A beam centre that is off by the distance of two spots gives every spot the index of its neighbour; the lattice fits as well as before.
//! For each small offset δ the index h + δ is taken as the true one, and intensities are correlated with those of its image under each rotation
//! of the lattice, with and without inversion. About the true origin all operators that the crystal has agree; about another one only those
//! that leave the offset as it is. (After DIALS' `check_indexing_symmetry`, with all rotations of the lattice instead of a given group.)

use super::result::{Misindexing, Offset};
use crate::geometry::ExperimentList;
use crate::job::parallel;
use crate::reflections::Reflections;
use crate::spacegroup::constraints::metric_from_setting_matrix;
use crate::spacegroup::{SymOp, lattice};

/// The lattice's symmetry within this, degrees.
const MAX_DELTA_DEG: f64 = 1.0;
/// Reflections whose images are looked up; of more, evenly chosen ones.
const MOST: usize = 1500;
/// Most places of the table of indices.
const MOST_PLACES: usize = 1 << 23;
/// Fewer pairs than this say nothing.
const LEAST_PAIRS: usize = 25;
/// Shells of resolution in which intensities are taken relative to their mean.
const SHELLS: usize = 12;
/// Offsets kept for the report.
const SHOWN: usize = 5;

/// Intensities by index.
struct Intensities {
    low: [i32; 3],
    size: [usize; 3],
    place: Vec<f32>,
    list: Vec<([i32; 3], f64)>,
}

impl Intensities {
    /// Mean of the intensities of each index of crystal `k`, relative to those of its resolution. `None` when there are too few, or no intensities.
    fn new(list: &ExperimentList, table: &Reflections, k: usize) -> Option<Self> {
        let of_crystal: Vec<bool> = list.experiments.iter().map(|e| e.crystal == Some(k)).collect();
        let mine = |id: i32| usize::try_from(id).ok().and_then(|id| of_crystal.get(id)).copied().unwrap_or(false);
        let mut sums: std::collections::BTreeMap<[i32; 3], (f64, f64, f64)> = Default::default();
        for i in 0..table.len().min(table.i_sum.len()).min(table.rlp.len()) {
            if mine(table.id[i]) && table.i_sum[i].is_finite() {
                let r2: f64 = table.rlp[i].iter().map(|x| x * x).sum();
                let entry = sums.entry(table.hkl[i]).or_default();
                *entry = (entry.0 + table.i_sum[i], entry.1 + 1.0, r2);
            }
        }
        if sums.len() < 2 * LEAST_PAIRS {
            return None;
        }
        let mut order: Vec<([i32; 3], f64, f64)> = sums.into_iter().map(|(h, (sum, n, r2))| (h, sum / n, r2)).collect();
        order.sort_by(|a, b| a.2.total_cmp(&b.2).then(a.0.cmp(&b.0)));
        let mut relative: Vec<([i32; 3], f64)> = Vec::new();
        for shell in order.chunks(order.len().div_ceil(SHELLS)) {
            let mean = shell.iter().map(|x| x.1).sum::<f64>() / shell.len() as f64;
            relative.extend(shell.iter().map(|x| (x.0, if mean > 0.0 { x.1 / mean } else { 0.0 })));
        }
        relative.sort_by_key(|x| x.0);
        let low: [i32; 3] = core::array::from_fn(|a| relative.iter().map(|x| x.0[a]).min().unwrap_or(0));
        let size: [usize; 3] = core::array::from_fn(|a| relative.iter().map(|x| (x.0[a] - low[a]) as usize + 1).max().unwrap_or(1));
        let places = size.iter().try_fold(1usize, |p, s| p.checked_mul(*s)).filter(|p| *p <= MOST_PLACES)?;
        let mut out = Intensities { low, size, place: vec![f32::NAN; places], list: relative };
        for n in 0..out.list.len() {
            let (h, value) = out.list[n];
            if let Some(at) = out.at(h) {
                out.place[at] = value as f32;
            }
        }
        Some(out)
    }

    fn at(&self, h: [i32; 3]) -> Option<usize> {
        let mut at = 0;
        for a in 0..3 {
            let x = usize::try_from(h[a] - self.low[a]).ok().filter(|x| *x < self.size[a])?;
            at = at * self.size[a] + x;
        }
        Some(at)
    }

    /// Correlation of intensities with those of their images under `op`, indices shifted by `offset`, and the pairs. Not a number for too few pairs.
    fn correlation(&self, op: &Operator, offset: [i32; 3]) -> (f64, usize) {
        let stride = self.list.len().div_ceil(MOST);
        let mut s = [0.0f64; 5];
        let mut n = 0usize;
        for (h, value) in self.list.iter().step_by(stride) {
            let image = op.apply(core::array::from_fn(|a| h[a] + offset[a]));
            let partner = core::array::from_fn(|a| image[a] - offset[a]);
            let Some(other) = self.at(partner).map(|at| f64::from(self.place[at])).filter(|v| v.is_finite() && partner != *h) else {
                continue;
            };
            n += 1;
            let terms = [*value, other, value * value, other * other, value * other];
            s.iter_mut().zip(terms).for_each(|(s, v)| *s += v);
        }
        let m = n.max(1) as f64;
        let variance = (s[2] / m - s[0] * s[0] / m / m) * (s[3] / m - s[1] * s[1] / m / m);
        (if n >= LEAST_PAIRS && variance > 0.0 { (s[4] / m - s[0] * s[1] / m / m) / variance.sqrt() } else { f64::NAN }, n)
    }
}

/// A rotation of the lattice, perhaps with inversion.
struct Operator {
    rotation: SymOp,
    sign: i32,
}

impl Operator {
    fn apply(&self, h: [i32; 3]) -> [i32; 3] {
        self.rotation.apply_to_hkl(h).map(|x| self.sign * x)
    }
}

/// The best agreement for each offset of the indices of crystal `k` by at most one along each axis. `None` when intensities or pairs are too few.
pub fn check(list: &ExperimentList, table: &Reflections, k: usize) -> Option<Misindexing> {
    let crystal = list.crystals.get(k)?;
    let data = Intensities::new(list, table, k)?;
    let metric = metric_from_setting_matrix(&crystal.a_matrix)?;
    let reduce = lattice::niggli_cell(&metric).ok()?;
    // Rotations of the reduced lattice, on the crystal's own axes.
    let (to, back) = (reduce.hkl_map(), reduce.inverse().hkl_map());
    let rotations = lattice::lattice_group(&reduce.metric(&metric), MAX_DELTA_DEG);
    let rotations = rotations.iter().filter_map(|r| {
        let op = SymOp::from_rotation(*r);
        let image = |h: [i32; 3]| back.apply(op.apply_to_hkl(to.apply(h)?));
        // The operator that acts on indices so.
        Some(SymOp::from_rotation([image([1, 0, 0])?, image([0, 1, 0])?, image([0, 0, 1])?]))
    });
    let ops: Vec<Operator> = rotations.flat_map(|rotation| [1, -1].map(|sign| Operator { rotation, sign })).collect();
    let offsets: Vec<[i32; 3]> = (0..27).map(|c| [c / 9 - 1, c / 3 % 3 - 1, c % 3 - 1]).collect();
    let found: Vec<Vec<(f64, usize)>> =
        parallel::map_slice(&offsets, |offset| ops.iter().map(|op| data.correlation(op, *offset)).collect());
    // Offsets count from −1 along each axis, so that none is in the middle.
    let without = &found[offsets.len() / 2];
    let mut list: Vec<Offset> = Vec::new();
    for (offset, with) in offsets.iter().zip(&found) {
        let of_ops = || with.iter().zip(without).zip(&ops).filter(|((w, o), _)| w.0.is_finite() && o.0.is_finite());
        let sum = of_ops().map(|((w, _), _)| w.0.max(0.0)).sum();
        // Of the operators that can tell this offset from none, the one that does most clearly.
        let telling = of_ops().filter(|(_, op)| *offset == [0; 3] || op.apply(*offset) != *offset);
        let clearest = telling.max_by(|((a, b), _), ((c, d), _)| (a.0 - b.0).total_cmp(&(c.0 - d.0)).then(a.0.total_cmp(&c.0)));
        if let Some(((w, o), _)) = clearest {
            list.push(Offset { offset: *offset, sum, cc: w.0, cc_without: o.0, pairs: w.1.min(o.1) });
        }
    }
    list.sort_by(|a, b| b.sum.total_cmp(&a.sum).then(a.offset.cmp(&b.offset)));
    let best = *list.first()?;
    let error = 1.0 / (best.pairs.max(1) as f64).sqrt();
    let off = (best.offset != [0; 3] && best.cc > 0.5 && best.cc - best.cc_without > (5.0 * error).max(0.3)).then_some(best.offset);
    list.truncate(SHOWN);
    Some(Misindexing { crystal: k, offsets: list, off })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Crystal, Experiment, UnitCell};
    use crate::math::{Mat3, vec3};

    #[test]
    fn an_offset_of_one_is_seen_and_none_is_not() {
        let cell = UnitCell::new([31.0, 42.0, 53.0, 90.0, 100.0, 90.0]).unwrap();
        // Not the reduced basis, so that rotations must be brought to it.
        let change = Mat3::new(1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0);
        let a = cell.b_matrix() * change.try_inverse().unwrap();
        let list = ExperimentList {
            crystals: vec![Crystal::new(a)],
            experiments: vec![Experiment { crystal: Some(0), ..Experiment::default() }],
            ..ExperimentList::default()
        };
        let mut table = Reflections::default();
        for h in -7..8i32 {
            for k in -7..8i32 {
                for l in -7..8i32 {
                    // One of the equivalent under the two-fold along b and Friedel's law stands for all.
                    let unique = [[h, k, l], [-h, k, -l], [-h, -k, -l], [h, -k, l]].into_iter().max().unwrap_or([h, k, l]);
                    let mut bits = unique.iter().fold(1u64, |b, x| (b ^ (*x + 50) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
                    bits = (bits ^ (bits >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                    let random = (bits >> 40) as f64 / (1u64 << 24) as f64;
                    let inner = cell.b_matrix() * vec3([h, k, l].map(f64::from));
                    if [h, k, l] != [0, 0, 0] && (h + 2 * k + 3 * l) % 4 != 0 {
                        let index = change * vec3([h, k, l].map(f64::from));
                        table.hkl.push(core::array::from_fn(|i| index[i] as i32));
                        table.rlp.push(inner.into());
                        table.i_sum.push(-libm::log(1.0 - random) * 1000.0);
                    }
                }
            }
        }
        let n = table.hkl.len();
        table.set_rows(n);
        table.id = vec![0; n];
        let right = check(&list, &table, 0).unwrap();
        assert_eq!((right.off, right.offsets[0].offset), (None, [0; 3]), "{right:?}");
        assert!(right.offsets[0].cc > 0.99 && right.offsets[1].sum < 0.8 * right.offsets[0].sum, "{right:?}");
        table.hkl.iter_mut().for_each(|h| h[2] += 1);
        let wrong = check(&list, &table, 0).unwrap();
        assert_eq!(wrong.off, Some([0, 0, -1]), "{wrong:?}");
        table.i_sum.clear();
        assert_eq!(check(&list, &table, 0), None);
    }
}
