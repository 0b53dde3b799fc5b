//! Indices by local differences (Kabsch 2010): for a lattice that is not exact over all of the data.
//!
//! The difference of two neighbouring spots is nearly a small integer vector, even where the crystal has turned or the geometry is off so far that
//! the spots themselves are nowhere near integers. Pairs are joined where that holds, first those that fit best, and indices are
//! passed on along the pairs. Each tree of spots gets its offset from the spots' own fractional indices.
//!
//! Of several spots that get one index the nearest keeps it, as with the nearest whole numbers. DIALS' local assignment lets all of them have it, and so
//! counts more as indexed where spots are split.

use super::assign::{Assigned, Points, without_duplicates};
use crate::job::parallel;
use crate::math::{Mat3, Vec3, vec3};

/// Differences within this of an integer are as good as exact.
const EPSILON: f64 = 0.05;
/// Neighbours have indices that differ by at most this.
const DELTA: f64 = 8.0;
/// Pairs of a larger weight are not joined.
const LARGEST_WEIGHT: f64 = 0.8;
/// Neighbours of each spot that are looked at.
const NEIGHBOURS: usize = 20;
/// Trees of fewer spots, or with less than this fraction of the largest, are not indexed.
const LEAST_TREE: usize = 5;
const LEAST_FRACTION: f64 = 0.02;

/// Indexes the spots with numbers `rows` with the crystals `a_matrices` (Å⁻¹), one after the other; the result is in their order.
///
/// A spot that two crystals' trees hold goes to the one whose lattice point is nearer.
pub fn assign(points: &Points, rows: &[usize], a_matrices: &[Mat3]) -> Vec<Option<Assigned>> {
    let rlp: Vec<Vec3> = rows.iter().map(|&i| points.rlp[i]).collect();
    let neighbours = nearest(&rlp);
    let mut found: Vec<Option<(Assigned, f64)>> = vec![None; rows.len()];
    for (crystal, a) in a_matrices.iter().enumerate() {
        let Some(inverse) = a.try_inverse() else { continue };
        let h: Vec<Vec3> = rlp.iter().map(|r| inverse * r).collect();
        for (k, hkl) in by_trees(&h, &neighbours).into_iter().enumerate() {
            let Some(hkl) = hkl else { continue };
            let off = (h[k] - vec3(hkl.map(f64::from))).norm_squared();
            if found[k].is_none_or(|f| off < f.1) {
                found[k] = Some((Assigned { crystal: crystal as u32, hkl }, off));
            }
        }
    }
    without_duplicates(points, rows, found)
}

/// Weight of the pair with index difference `d`: 0 when it is a small integer vector, towards 1 when it is not (Kabsch 2010).
fn weight(d: &Vec3) -> f64 {
    let sum: f64 = (0..3)
        .map(|k| {
            let n = libm::round(d[k]);
            let off = ((d[k] - n).abs() - EPSILON).max(0.0) / EPSILON;
            let far = (n.abs() - DELTA).max(0.0);
            off * off + far * far
        })
        .sum();
    1.0 - libm::exp(-2.0 * sum)
}

/// Indices of spots with fractional indices `h`, from the spanning trees of the pairs.
fn by_trees(h: &[Vec3], neighbours: &[Vec<u32>]) -> Vec<Option<[i32; 3]>> {
    let mut pairs: Vec<(f64, u32, u32)> = Vec::new();
    for (i, list) in neighbours.iter().enumerate() {
        for &j in list {
            let difference = h[i] - h[j as usize];
            let w = weight(&difference);
            // Two spots of one index say nothing of each other's.
            if w < LARGEST_WEIGHT && difference.amax() > 0.5 {
                pairs.push((w, i as u32, j));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    // Kruskal's trees; each spot holds its index relative to its tree's root.
    let n = h.len();
    let mut tree: Vec<u32> = (0..n as u32).collect();
    let mut members: Vec<Vec<u32>> = (0..n as u32).map(|i| vec![i]).collect();
    let mut relative = vec![[0i64; 3]; n];
    for (_, i, j) in pairs {
        let (i, j) = (i as usize, j as usize);
        let (mut keep, mut join) = (tree[i] as usize, tree[j] as usize);
        if keep == join {
            continue;
        }
        let difference: [i64; 3] = core::array::from_fn(|k| libm::round(h[j][k] - h[i][k]) as i64);
        // What brings the relative indices of j's tree on i's.
        let mut shift: [i64; 3] = core::array::from_fn(|k| relative[i][k] + difference[k] - relative[j][k]);
        if members[keep].len() < members[join].len() {
            core::mem::swap(&mut keep, &mut join);
            shift = shift.map(|s| -s);
        }
        let moved = core::mem::take(&mut members[join]);
        for &m in &moved {
            tree[m as usize] = keep as u32;
            (0..3).for_each(|k| relative[m as usize][k] += shift[k]);
        }
        members[keep].extend(moved);
    }
    let largest = members.iter().map(Vec::len).max().unwrap_or(0);
    let least = LEAST_TREE.max(libm::ceil(LEAST_FRACTION * largest as f64) as usize);
    let mut out = vec![None; n];
    for spots in members.iter().filter(|m| m.len() >= least) {
        // The offset on which most spots agree; ties by its own order.
        let mut votes: std::collections::BTreeMap<[i64; 3], usize> = Default::default();
        for &m in spots {
            let m = m as usize;
            *votes.entry(core::array::from_fn(|k| libm::round(h[m][k]) as i64 - relative[m][k])).or_default() += 1;
        }
        let Some(offset) = votes.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0))).map(|v| *v.0) else { continue };
        for &m in spots {
            let hkl = core::array::from_fn(|k| (relative[m as usize][k] + offset[k]).clamp(-1_000_000, 1_000_000) as i32);
            out[m as usize] = (hkl != [0, 0, 0]).then_some(hkl);
        }
    }
    out
}

/// The numbers of the nearest neighbours of each point, by sweeping along x.
fn nearest(points: &[Vec3]) -> Vec<Vec<u32>> {
    let mut order: Vec<u32> = (0..points.len() as u32).collect();
    order.sort_by(|&a, &b| points[a as usize].x.total_cmp(&points[b as usize].x).then(a.cmp(&b)));
    let mut place = vec![0usize; points.len()];
    order.iter().enumerate().for_each(|(k, &i)| place[i as usize] = k);
    parallel::map(points.len(), |i| {
        let mut best: Vec<(f64, u32)> = Vec::with_capacity(NEIGHBOURS + 1);
        let p = &points[i];
        let visit = |best: &mut Vec<(f64, u32)>, j: u32| {
            let q = &points[j as usize];
            let worst = if best.len() == NEIGHBOURS { best[NEIGHBOURS - 1].0 } else { f64::INFINITY };
            if (q.x - p.x) * (q.x - p.x) > worst {
                return false;
            }
            let d = (q - p).norm_squared();
            if d < worst {
                let at = best.partition_point(|b| (b.0, b.1) < (d, j));
                best.insert(at, (d, j));
                best.truncate(NEIGHBOURS);
            }
            true
        };
        for &j in &order[place[i] + 1..] {
            if !visit(&mut best, j) {
                break;
            }
        }
        for &j in order[..place[i]].iter().rev() {
            if !visit(&mut best, j) {
                break;
            }
        }
        best.into_iter().map(|b| b.1).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::rotation;

    #[test]
    fn a_lattice_that_turns_slowly_is_followed() {
        let a = Mat3::identity() * 0.01;
        let mut points = Points::default();
        let mut want = Vec::new();
        for h in -12..13i32 {
            for k in -12..13i32 {
                for l in -2..3i32 {
                    if [h, k, l] == [0, 0, 0] || (h * 7 + k * 5 + l * 3) % 3 == 0 {
                        continue;
                    }
                    let r = a * Vec3::new(h.into(), k.into(), l.into());
                    // Turned by 4° at the rim: half an index and more off there.
                    points.rlp.push(rotation(&Vec3::z(), 0.07 * r.norm() / 0.17) * r);
                    points.phi.push(0.0);
                    points.sweep.push(0);
                    points.entering.push(true);
                    want.push([h, k, l]);
                }
            }
        }
        let rows: Vec<usize> = (0..want.len()).collect();
        let right = |found: &[Option<Assigned>]| found.iter().zip(&want).filter(|(f, w)| f.is_some_and(|f| f.hkl == **w)).count();
        let local = right(&assign(&points, &rows, &[a]));
        let simple = right(&super::super::assign::assign(&points, &rows, &[a], 0.3));
        assert!(local * 100 > want.len() * 90 && simple * 100 < want.len() * 50, "{local} {simple} {}", want.len());
    }
}
