//! Triples of basis vectors in order of how many spots they explain.
//!
//! Where the strongest vectors do not belong together (two crystals, many spurious spots, an uncertain longest edge), their order says little.
//! Here every triple is tried on the spots at once: a bit for each spot and vector says whether the spot lies near a plane of the vector, and
//! three words of bits joined give the spots that a triple explains. Of these, what chance would give is taken away.

use super::cells;
use super::vectors::refined;
use crate::job::parallel;
use crate::math::{Mat3, Vec3};

/// More vectors than this are not combined.
const MAX_VECTORS: usize = 80;
/// Spots that are tried; of more, evenly chosen ones.
const MAX_POINTS: usize = 2048;
/// A spot within this fraction of the distance between planes lies on one of them.
const TOLERANCE: f64 = 0.2;
/// So many triples are reduced to find those of different lattices.
const REDUCED: usize = 3000;
/// The same lattice: axes agree to this fraction of a cell.
const SAME_LATTICE: f64 = 0.05;

/// Setting matrices (Å⁻¹) of the reduced cells of the best triples of `vectors` (Å), of at most `count` different lattices.
///
/// Best are those of the highest n^1.5/V, with n the spots explained beyond chance and V the volume: of two lattices one of which is part of the
/// other (twice the volume for the same spots, or half of it for half of them), the one with all the spots and the smaller cell wins.
pub fn best(vectors: &[Vec3], points: &[Vec3], count: usize, min_angle: f64) -> Vec<Mat3> {
    let stride = points.len().div_ceil(MAX_POINTS).max(1);
    let points: Vec<Vec3> = points.iter().step_by(stride).copied().collect();
    let vectors: Vec<Vec3> = vectors.iter().take(MAX_VECTORS).map(|v| refined(v, &points)).collect();
    let words = points.len().div_ceil(64);
    let near: Vec<Vec<u64>> = vectors
        .iter()
        .map(|v| {
            let mut bits = vec![0u64; words];
            for (i, p) in points.iter().enumerate() {
                let x = v.dot(p);
                if (x - libm::round(x)).abs() < TOLERANCE {
                    bits[i / 64] |= 1 << (i % 64);
                }
            }
            bits
        })
        .collect();
    let n = points.len() as f64;
    let by_chance = 8.0 * TOLERANCE * TOLERANCE * TOLERANCE;
    let least = 5.0 + 2.0 * libm::sqrt(by_chance * n);
    let mut triples = parallel::map(vectors.len(), |i| {
        let mut out = Vec::new();
        for j in i + 1..vectors.len() {
            let pair: Vec<u64> = near[i].iter().zip(&near[j]).map(|(a, b)| a & b).collect();
            let normal = vectors[i].cross(&vectors[j]);
            for k in j + 1..vectors.len() {
                let all: u32 = pair.iter().zip(&near[k]).map(|(a, b)| (a & b).count_ones()).sum();
                let explained = (f64::from(all) - by_chance * n) / (1.0 - by_chance);
                let volume = normal.dot(&vectors[k]).abs();
                if explained > least && volume > 1.0 {
                    out.push((explained * explained.sqrt() / volume, [i, j, k]));
                }
            }
        }
        out
    })
    .concat();
    triples.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut out: Vec<Mat3> = Vec::new();
    for (_, [i, j, k]) in triples.into_iter().take(REDUCED) {
        if out.len() == count {
            break;
        }
        if let Some(a) = cells::cell_of(&vectors[i], &vectors[j], &vectors[k], min_angle)
            && !out.iter().any(|o| cells::same_lattice(o, &a, SAME_LATTICE))
        {
            out.push(a);
        }
    }
    out
}
