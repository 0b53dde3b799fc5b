//! Vectors of the direct lattice from spots whose beam centre is uncertain.
//!
//! A wrong beam centre moves the reciprocal-lattice points r of a short wedge of rotation all by nearly the same vector. With a lattice vector a,
//! exp(2πi a·r) then has the same unknown phase for all points of a wedge w, and the fraction of pairs in phase,
//!
//! P(a) = Σ_w (|S_w|² − n_w) / Σ_w n_w(n_w − 1),   S_w = Σ_{i∈w} exp(2πi a·r_i),
//!
//! is 1 for a lattice vector and 0 on average for others, whatever the centre. Along a direction, S_w at all lengths is the Fourier transform
//! of the points projected on it (Steller, Bolotovsky & Rossmann 1997); the best are refined by least squares on the fractional parts.

use super::score::turns;
use crate::job::parallel;
use crate::math::{Mat3, Vec3};
use rustfft::{FftPlanner, num_complex::Complex};

/// Points of the transform along a direction.
const N: usize = 512;
/// Most vectors returned: as many as DIALS uses.
const MOST: usize = 20;
/// Peaks that are refined.
const REFINED: usize = 60;
/// Vectors below this fraction of the best are not used.
const WORST: f64 = 0.4;
/// Pairs in phase that chance does not bring about.
const LEAST: f64 = 0.03;

/// A reciprocal-lattice point, Å⁻¹, and its wedge of rotation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) r: Vec3,
    pub(super) wedge: usize,
}

/// Vectors with their P, best first.
pub(super) fn vectors(points: &[Point], max_cell: f64) -> Vec<(Vec3, f64)> {
    let n_wedges = points.iter().map(|p| p.wedge + 1).max().unwrap_or(0);
    let mut radii: Vec<f64> = points.iter().map(|p| p.r.norm()).collect();
    radii.sort_by(f64::total_cmp);
    // Points to a radius at which the grid of directions still follows the longest vector, but no fewer than some hundreds.
    let enough = radii.get(400.min(radii.len().saturating_sub(1))).copied().unwrap_or(0.0);
    let r_max = (25.0 / max_cell).max(enough).min(radii.last().copied().unwrap_or(0.0));
    let inner: Vec<Point> = points.iter().filter(|p| p.r.norm() <= r_max).copied().collect();
    if inner.len() < 3 || r_max <= 0.0 {
        return Vec::new();
    }
    let spacing = (0.5 / (max_cell * r_max)).clamp(0.008, 0.03);
    let directions = hemisphere(spacing);
    let peaks = parallel::map_chunks(&directions, 256, |_, chunk| along_directions(chunk, &inner, n_wedges, r_max, max_cell));
    let mut peaks: Vec<(Vec3, f64)> = peaks.into_iter().flatten().collect();
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1));
    let apart = 0.5 / r_max;
    let mut chosen: Vec<Vec3> = Vec::new();
    for (a, _) in peaks {
        if chosen.len() < REFINED && chosen.iter().all(|c| (c - a).norm() > apart && (c + a).norm() > apart) {
            chosen.push(a);
        }
    }
    let mut refined: Vec<(Vec3, f64)> = parallel::map_slice(&chosen, |a| {
        let mut a = refine(a, &inner, n_wedges);
        // Outwards, so that it does not lock on to the wrong planes.
        for reach in [1.7, 3.0, f64::INFINITY] {
            let near: Vec<Point> = points.iter().filter(|p| p.r.norm() <= reach * r_max).copied().collect();
            a = refine(&a, &near, n_wedges);
        }
        (a, in_phase(&a, points, n_wedges))
    });
    refined.sort_by(|a, b| b.1.total_cmp(&a.1));
    let best = refined.first().map_or(0.0, |b| b.1);
    let mut out: Vec<(Vec3, f64)> = Vec::new();
    for (a, p) in refined {
        let new = out.iter().all(|(c, _)| (c - a).norm() > apart && (c + a).norm() > apart);
        if new && p > LEAST && p > WORST * best && out.len() < MOST && a.norm() < 1.5 * max_cell {
            out.push((a, p));
        }
    }
    out
}

/// The best length along each direction whose best length is any good.
fn along_directions(directions: &[Vec3], points: &[Point], n_wedges: usize, r_max: f64, max_cell: f64) -> Vec<(Vec3, f64)> {
    let fft = FftPlanner::new().plan_fft_forward(N);
    let mut counts = vec![0.0; n_wedges];
    points.iter().for_each(|p| counts[p.wedge] += 1.0);
    let pairs: f64 = counts.iter().map(|n| n * (n - 1.0)).sum();
    // Bins so wide that the last length before the transform folds over is half as long again as the longest.
    let bin = (1.0 / (3.0 * max_cell)).max(2.0 * r_max / (N - 1) as f64);
    let shortest = (1.5 / r_max).max(2.0);
    let mut buffers = vec![Complex::new(0.0, 0.0); N * n_wedges];
    let mut power = vec![0.0f64; N / 2];
    let mut out = Vec::new();
    for t in directions {
        buffers.fill(Complex::new(0.0, 0.0));
        for p in points {
            let at = ((p.r.dot(t) + r_max) / bin) as usize;
            buffers[p.wedge * N + at.min(N - 1)].re += 1.0;
        }
        power.fill(0.0);
        for buffer in buffers.chunks_exact_mut(N) {
            fft.process(buffer);
            power.iter_mut().zip(buffer.iter()).for_each(|(p, f)| *p += f.norm_sqr());
        }
        let length = |k: usize| k as f64 / (N as f64 * bin);
        let range = (1..N / 2 - 1).filter(|&k| length(k) >= shortest && length(k) <= max_cell);
        let peak = range.filter(|&k| power[k] >= power[k - 1] && power[k] >= power[k + 1]).max_by(|&a, &b| power[a].total_cmp(&power[b]));
        if let Some(k) = peak {
            out.push((t * length(k), (power[k] - points.len() as f64) / pairs.max(1.0)));
        }
    }
    out
}

/// Directions of half a sphere, about `spacing` (rad) apart.
fn hemisphere(spacing: f64) -> Vec<Vec3> {
    let half = core::f64::consts::FRAC_PI_2;
    let rings = libm::ceil(half / spacing) as usize;
    let mut out = Vec::new();
    for i in 0..=rings {
        let polar = half * i as f64 / rings as f64;
        let around = (libm::ceil(4.0 * half * libm::sin(polar) / spacing) as usize).max(1);
        for k in 0..around {
            let azimuth = 4.0 * half * k as f64 / around as f64;
            out.push(Vec3::new(libm::sin(polar) * libm::cos(azimuth), libm::sin(polar) * libm::sin(azimuth), libm::cos(polar)));
        }
    }
    out
}

/// S_w.
fn sums(a: &Vec3, points: &[Point], n_wedges: usize) -> Vec<(f64, f64, f64)> {
    let mut sums = vec![(0.0, 0.0, 0.0); n_wedges];
    for p in points {
        let (s, c) = turns(a.dot(&p.r));
        let sum = &mut sums[p.wedge];
        *sum = (sum.0 + c, sum.1 + s, sum.2 + 1.0);
    }
    sums
}

/// P(a).
pub(super) fn in_phase(a: &Vec3, points: &[Point], n_wedges: usize) -> f64 {
    let (mut in_phase, mut pairs) = (0.0, 0.0);
    for (c, s, n) in sums(a, points, n_wedges) {
        in_phase += c * c + s * s - n;
        pairs += n * (n - 1.0);
    }
    if pairs > 0.0 { in_phase / pairs } else { 0.0 }
}

/// A better vector near `a`: least squares on how far a·r is from the phase of its wedge, over points nearer than a quarter turn.
pub(super) fn refine(a: &Vec3, points: &[Point], n_wedges: usize) -> Vec3 {
    let mut a = *a;
    for _ in 0..12 {
        let phases: Vec<f64> =
            sums(&a, points, n_wedges).iter().map(|(c, s, _)| libm::atan2(*s, *c) / (2.0 * core::f64::consts::PI)).collect();
        let near: Vec<(&Point, f64)> = points
            .iter()
            .filter_map(|p| {
                let e = a.dot(&p.r) - phases[p.wedge];
                let e = e - libm::round(e);
                (e.abs() < 0.25).then_some((p, e))
            })
            .collect();
        // The phases are free: both sides are taken from the means of their wedges.
        let mut means = vec![(Vec3::zeros(), 0.0, 0.0); n_wedges];
        for (p, e) in &near {
            let m = &mut means[p.wedge];
            *m = (m.0 + p.r, m.1 + e, m.2 + 1.0);
        }
        let (mut normal, mut right) = (Mat3::zeros(), Vec3::zeros());
        for (p, e) in &near {
            let (r, mean, n) = means[p.wedge];
            let (d, e) = (p.r - r / n, e - mean / n);
            normal += d * d.transpose();
            right -= d * e;
        }
        let damping = 1e-6 * normal.trace();
        let Some(step) = (normal + Mat3::identity() * damping).try_inverse().map(|inverse| inverse * right) else { break };
        a += step;
        if step.norm() < 1e-6 * a.norm() {
            break;
        }
    }
    a
}

/// An upper limit of cell edges, Å: the reciprocal of the distance from a point to its nearest neighbour in the wedge, half as long again
/// as for all but the nearest twentieth. `None` with fewer than ten points.
pub(super) fn longest_edge(points: &[Point]) -> Option<f64> {
    let mut sorted: Vec<&Point> = points.iter().collect();
    sorted.sort_by(|a, b| (a.wedge, a.r.x).partial_cmp(&(b.wedge, b.r.x)).unwrap_or(core::cmp::Ordering::Equal));
    let mut edges: Vec<f64> = Vec::new();
    for (i, p) in sorted.iter().enumerate() {
        let mut nearest = f64::INFINITY;
        for step in [1isize, -1] {
            let mut k = i as isize + step;
            while let Some(q) = usize::try_from(k).ok().and_then(|k| sorted.get(k)) {
                if q.wedge != p.wedge || (q.r.x - p.r.x).abs() >= nearest {
                    break;
                }
                nearest = nearest.min((q.r - p.r).norm());
                k += step;
            }
        }
        if nearest.is_finite() && nearest > 0.0 {
            edges.push(1.0 / nearest);
        }
    }
    edges.sort_by(f64::total_cmp);
    (edges.len() >= 10).then(|| (1.5 * edges[edges.len() * 19 / 20]).clamp(15.0, 1000.0))
}
