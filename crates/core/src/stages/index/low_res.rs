//! Orientations of a known cell from a few spots of low resolution: for small molecules with too few spots for a Fourier transform.
//!
//! A spot's d* leaves few indices of the known cell possible; a pair of spots with possible indices must have the right angle as well, and then fixes
//! the orientation. Every pair gives one; those that put most of the inner spots on lattice points are kept. (After the idea of DIALS'
//! `low_res_spot_match`, which grows cliques of spots; pairs are enough, as each orientation is tried on all inner spots.)

use crate::geometry::UnitCell;
use crate::job::parallel;
use crate::math::{Mat3, Vec3};

/// Spots of lowest resolution that are tried.
const INNER: usize = 60;
/// Of these, the innermost that start a pair.
const SEEDS: usize = 20;
/// Indices that are considered for a spot.
const MOST_INDICES: usize = 400;
/// Relative deviation of d* that wrong distances and cells explain.
const RELATIVE: f64 = 0.01;
/// The same that centroids and the beam centre explain, in units of the shortest reciprocal axis.
const ABSOLUTE: f64 = 0.12;
/// A spot this near to a lattice point counts, in index units.
const NEAR: f64 = 0.25;

/// Setting matrices (Å⁻¹) of the primitive reduced `cell` in the orientations that explain most of the inner `points` (Å⁻¹), best first, at most
/// `count` of them.
pub fn orientations(points: &[Vec3], cell: &UnitCell, count: usize) -> Vec<Mat3> {
    let mut inner = points.to_vec();
    inner.sort_by(|a, b| a.norm_squared().total_cmp(&b.norm_squared()).then(a.x.total_cmp(&b.x)).then(a.y.total_cmp(&b.y)));
    inner.truncate(INNER);
    let b = cell.b_matrix();
    let shortest = (0..3).map(|i| b.column(i).norm()).fold(f64::INFINITY, f64::min);
    let tolerance = |length: f64| ABSOLUTE * shortest + RELATIVE * length;
    let reach = inner.last().map_or(0.0, |p| p.norm());
    let nodes = nodes(&b, cell, reach + tolerance(reach));
    let possible: Vec<Vec<Vec3>> = inner
        .iter()
        .map(|p| nodes.iter().filter(|q| (q.norm() - p.norm()).abs() < tolerance(p.norm())).take(MOST_INDICES).copied().collect())
        .collect();
    let found = parallel::map(inner.len().min(SEEDS), |i| {
        let mut out: Vec<(usize, Mat3)> = Vec::new();
        for j in i + 1..inner.len() {
            let (p, q) = (&inner[i], &inner[j]);
            let apart = (p - q).norm();
            // Nearly parallel spots fix no orientation.
            if p.cross(q).norm() < 0.3 * p.norm() * q.norm() {
                continue;
            }
            for u in &possible[i] {
                for v in possible[j].iter().filter(|v| ((u - **v).norm() - apart).abs() < tolerance(apart)) {
                    let Some(turn) = turn(p, q, u, v) else { continue };
                    let a = turn * b;
                    let Some(inverse) = a.try_inverse() else { continue };
                    let near = inner.iter().filter(|r| {
                        let h = inverse * *r;
                        (h - h.map(libm::round)).norm() < NEAR
                    });
                    out.push((near.count(), a));
                }
            }
        }
        // Enough of the best.
        out.sort_by_key(|x| core::cmp::Reverse(x.0));
        out.truncate(4 * count);
        out
    });
    let mut all: Vec<(usize, Mat3)> = found.into_iter().flatten().collect();
    all.sort_by_key(|x| core::cmp::Reverse(x.0));
    let mut out: Vec<Mat3> = Vec::new();
    for (_, a) in all {
        if out.len() == count {
            break;
        }
        if !out.iter().any(|o| super::cells::same_lattice(o, &a, 0.05)) {
            out.push(a);
        }
    }
    out
}

/// Lattice points of the cell on its own axes, up to `radius` Å⁻¹ from the origin.
fn nodes(b: &Mat3, cell: &UnitCell, radius: f64) -> Vec<Vec3> {
    let limit = cell.lengths.map(|l| libm::floor(l * radius).min(40.0) as i32);
    let mut out = Vec::new();
    for h in -limit[0]..=limit[0] {
        for k in -limit[1]..=limit[1] {
            for l in -limit[2]..=limit[2] {
                let r = b * Vec3::new(f64::from(h), f64::from(k), f64::from(l));
                if [h, k, l] != [0, 0, 0] && r.norm() <= radius {
                    out.push(r);
                }
            }
        }
    }
    out
}

/// The rotation that takes u, v to the directions of p, q as nearly as both allow.
fn turn(p: &Vec3, q: &Vec3, u: &Vec3, v: &Vec3) -> Option<Mat3> {
    let frame = |a: &Vec3, b: &Vec3| {
        let (a, b) = (a.normalize(), b.normalize());
        let middle = (a + b).try_normalize(1e-6)?;
        let normal = a.cross(&b).try_normalize(1e-6)?;
        Some(Mat3::from_columns(&[middle, normal, middle.cross(&normal)]))
    };
    Some(frame(p, q)? * frame(u, v)?.transpose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::rotation;

    #[test]
    fn thirty_spots_give_the_orientation() {
        let cell = UnitCell::new([5.4, 8.1, 12.0, 90.0, 97.0, 90.0]).unwrap();
        let truth = rotation(&Vec3::new(0.3, 1.0, -0.5).normalize(), 0.9) * cell.b_matrix();
        let mut points = Vec::new();
        for h in -2..3 {
            for k in -2..3 {
                for l in -3..4 {
                    if (h * 5 + k * 3 + l * 7_i32).rem_euclid(5) == 1 {
                        points.push(truth * Vec3::new(h as f64, k as f64, l as f64));
                    }
                }
            }
        }
        assert!(points.len() >= 25, "{}", points.len());
        // Some that belong to nothing.
        points.extend((0..8).map(|i| Vec3::new(0.11, -0.07, 0.05) + Vec3::new(0.013, 0.029, -0.017) * f64::from(i)));
        let found = orientations(&points, &cell, 20);
        // The lattice is monoclinic: it has the symmetry of a two-fold axis.
        assert!(found.iter().take(4).any(|a| super::super::cells::same_lattice(&truth, a, 0.05)));
    }
}
