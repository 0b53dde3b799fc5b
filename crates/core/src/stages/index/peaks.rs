//! Peaks of the Fourier map: connected regions above a threshold.

use super::fft3d::Map;
use crate::job::parallel;
use crate::math::Vec3;
use std::collections::VecDeque;

/// A peak of the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Its centre, Å, laboratory frame at the datum: a vector of the direct lattice if the spots have one.
    pub site: Vec3,
    /// Grid points above the threshold.
    pub volume: usize,
}

/// Regions of the map above `cutoff` times its rms deviation, the one at the origin included, in no particular order but always the same.
pub fn find(map: &Map, cutoff: f64) -> Vec<Peak> {
    let threshold = (cutoff * map.rmsd()) as f32;
    let voxels = above(map, threshold);
    let n = map.n as i32;
    let mut seen = vec![false; voxels.len()];
    let mut peaks = Vec::new();
    let mut queue = VecDeque::new();
    for seed in 0..voxels.len() {
        if seen[seed] {
            continue;
        }
        seen[seed] = true;
        // Coordinates along a region are continued past the edge of the periodic cell.
        queue.push_back((seed, coordinates(voxels[seed].0, n)));
        let (mut volume, mut weight, mut sum) = (0, 0.0f64, Vec3::zeros());
        while let Some((i, at)) = queue.pop_front() {
            // Weighting by the height above the threshold makes the centre a continuous function of the map, so that rounding in the
            // transform cannot move it.
            let w = (voxels[i].1 - threshold) as f64;
            (volume, weight) = (volume + 1, weight + w);
            sum += Vec3::new(at[0] as f64, at[1] as f64, at[2] as f64) * w;
            for (axis, step) in [(0, -1), (0, 1), (1, -1), (1, 1), (2, -1), (2, 1)] {
                let mut next = at;
                next[axis] += step;
                if let Ok(j) = voxels.binary_search_by_key(&index(next, n), |v| v.0)
                    && !seen[j]
                {
                    seen[j] = true;
                    queue.push_back((j, next));
                }
            }
        }
        if weight > 0.0 {
            let centre = (sum / weight).map(|x| x - map.n as f64 * libm::round(x / map.n as f64));
            peaks.push(Peak { site: centre * (map.edge / map.n as f64), volume });
        }
    }
    peaks
}

/// Leaves out peaks whose volume is less than `fraction` of the largest one's, where peaks of exceptional volume (more than five inter-quartile
/// ranges above the third quartile: the origin's, for one) do not count as the largest.
pub fn drop_small(peaks: &mut Vec<Peak>, fraction: f64) {
    let mut volumes: Vec<usize> = peaks.iter().map(|p| p.volume).collect();
    volumes.sort_unstable();
    if volumes.is_empty() {
        return;
    }
    let quartile = |q: f64| {
        let at = q * (volumes.len() - 1) as f64;
        let (i, t) = (at as usize, at - libm::floor(at));
        volumes[i] as f64 * (1.0 - t) + volumes[(i + 1).min(volumes.len() - 1)] as f64 * t
    };
    let limit = quartile(0.75) + 5.0 * (quartile(0.75) - quartile(0.25));
    let largest = volumes.iter().rev().find(|v| **v as f64 <= limit).copied().unwrap_or(0);
    let cut = libm::floor(fraction * largest as f64) as usize;
    peaks.retain(|p| p.volume > cut);
}

/// Grid points of the whole cell above the threshold, as linear indices `(x n + y) n + z`, ascending, with their values.
fn above(map: &Map, threshold: f32) -> Vec<(u32, f32)> {
    let (n, half) = (map.n, map.n / 2 + 1);
    let found = parallel::map_chunks(&map.values, n * half, |start, plane| {
        let y = (start / (n * half)) as i32;
        let mut out = Vec::new();
        for (z, line) in plane.chunks(n).enumerate() {
            for (x, &v) in line.iter().enumerate() {
                if v >= threshold && v > 0.0 {
                    out.push((index([x as i32, y, z as i32], n as i32), v));
                    if z != 0 && z != half - 1 {
                        out.push((index([-(x as i32), -y, -(z as i32)], n as i32), v));
                    }
                }
            }
        }
        out
    });
    let mut all: Vec<(u32, f32)> = found.into_iter().flatten().collect();
    all.sort_unstable_by_key(|v| v.0);
    all
}

fn index(at: [i32; 3], n: i32) -> u32 {
    let [x, y, z] = at.map(|v| v.rem_euclid(n));
    ((x * n + y) * n + z) as u32
}

fn coordinates(index: u32, n: i32) -> [i32; 3] {
    let i = index as i32;
    [i / (n * n), i / n % n, i % n]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Silent;

    #[test]
    fn a_lattice_gives_peaks_at_its_vectors() {
        // A 10 × 12 × 15 Å orthogonal lattice, all points to 1.2 Å.
        let edges = [10.0, 12.0, 15.0];
        let mut points = Vec::new();
        for h in -9..10 {
            for k in -11..12 {
                for l in -13..14 {
                    points.push(Vec3::new(h as f64 / edges[0], k as f64 / edges[1], l as f64 / edges[2]));
                }
            }
        }
        let map = Map::of(&points, 64, 1.2, &Silent).unwrap();
        let peaks = find(&map, 15.0);
        for (axis, edge) in edges.iter().enumerate() {
            let mut want = Vec3::zeros();
            want[axis] = *edge;
            let nearest = peaks.iter().map(|p| (p.site - want).norm()).fold(f64::INFINITY, f64::min);
            assert!(nearest < 0.1, "{edge}: {nearest}");
        }
        assert!(peaks.iter().any(|p| p.site.norm() < 1e-6));
        // The map is even, so its peaks come in pairs.
        for p in &peaks {
            assert!(p.site.amax() > 0.49 * map.edge || peaks.iter().any(|q| (q.site + p.site).norm() < 0.01), "{:?}", p.site);
        }
    }

    #[test]
    fn small_peaks_are_dropped_and_the_origin_does_not_set_the_scale() {
        let peak = |volume| Peak { site: Vec3::zeros(), volume };
        let mut peaks: Vec<Peak> = [100, 20, 21, 19, 20, 18, 22, 20, 2].map(peak).to_vec();
        drop_small(&mut peaks, 0.15);
        assert_eq!(peaks.iter().map(|p| p.volume).collect::<Vec<_>>(), [100, 20, 21, 19, 20, 18, 22, 20]);
    }
}
