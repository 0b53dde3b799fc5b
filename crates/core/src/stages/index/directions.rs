//! Basis vectors found direction by direction: the one-dimensional Fourier transform, and the search for vectors of known lengths.
//!
//! - **fft1d** (Steller, Bolotovsky & Rossmann 1997): points projected on a direction of direct space gather on lattice planes; the transform of
//!   the projection has a peak at the distance that is the length of a vector. The best lengths of the best directions are refined.
//! - **real_space_grid_search** (Gildea et al. 2014): Σ cos(2π r·v) of vectors v of the lengths of a known cell, on a grid of directions.
//!
//! Both refine the best vectors by least squares, from the inner points outwards.

use super::peaks::Peak;
use super::vectors::refined;
use crate::job::parallel;
use crate::math::Vec3;
use rustfft::{FftPlanner, num_complex::Complex};

/// Points within so many lattice planes of the longest vector from the origin are used at first: a coarse grid of directions follows them.
const PLANES: f64 = 16.0;
/// But no fewer points than this, if there are.
const ENOUGH: usize = 300;
/// More points than this make the first look no better.
const MOST: usize = 3000;
/// Vectors that are refined.
const REFINED: usize = 120;

/// The points (Å⁻¹) of the first look and their outer radius.
fn inner(points: &[Vec3], longest: f64) -> (Vec<Vec3>, f64) {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.norm_squared().total_cmp(&b.norm_squared()).then(a.x.total_cmp(&b.x)).then(a.y.total_cmp(&b.y)));
    let last = sorted.last().map_or(0.0, |p| p.norm());
    let enough = sorted.get(ENOUGH).map_or(last, |p| p.norm());
    let radius = (PLANES / longest).max(enough).min(last);
    sorted.retain(|p| p.norm() <= radius);
    let stride = sorted.len().div_ceil(MOST).max(1);
    (sorted.into_iter().step_by(stride).collect(), radius)
}

/// Unit vectors over half a sphere, about `spacing` (rad) apart.
fn hemisphere(spacing: f64) -> Vec<Vec3> {
    let rings = (libm::ceil(core::f64::consts::FRAC_PI_2 / spacing) as usize).max(1);
    let mut out = Vec::new();
    for i in 0..=rings {
        let theta = core::f64::consts::FRAC_PI_2 * i as f64 / rings as f64;
        let (s, c) = (libm::sin(theta), libm::cos(theta));
        // Half of the equator stands for all of it.
        let around = if i == rings { core::f64::consts::PI } else { core::f64::consts::TAU };
        let n = (libm::ceil(around * s / spacing) as usize).max(1);
        out.extend((0..n).map(|k| around * k as f64 / n as f64).map(|phi| Vec3::new(s * libm::cos(phi), s * libm::sin(phi), c)));
    }
    out
}

/// Σ cos(2π r·v) over the points, per point.
fn in_phase(v: &Vec3, points: &[Vec3]) -> f64 {
    points.iter().map(|p| libm::cos(core::f64::consts::TAU * v.dot(p))).sum::<f64>() / points.len().max(1) as f64
}

/// The vectors of highest score, no two within `apart` (Å) of each other or each other's opposite, refined on growing spheres, as peaks
/// whose volume stands for the final score.
fn refine_best(mut found: Vec<(f64, Vec3)>, points: &[Vec3], radius: f64) -> Vec<Peak> {
    let apart = 0.4 / radius;
    let order = |a: &(f64, Vec3), b: &(f64, Vec3)| {
        b.0.total_cmp(&a.0).then(a.1.x.total_cmp(&b.1.x)).then(a.1.y.total_cmp(&b.1.y)).then(a.1.z.total_cmp(&b.1.z))
    };
    found.sort_by(order);
    let mut chosen: Vec<Vec3> = Vec::new();
    for (_, v) in found {
        if chosen.len() < REFINED && chosen.iter().all(|c| (c - v).norm() > apart && (c + v).norm() > apart) {
            chosen.push(v);
        }
    }
    let spheres: Vec<Vec<Vec3>> =
        [1.0, 1.7, 3.0, f64::INFINITY].iter().map(|f| points.iter().filter(|p| p.norm() <= f * radius).copied().collect()).collect();
    parallel::map_slice(&chosen, |v| {
        let v = spheres.iter().fold(*v, |v, sphere| refined(&v, sphere));
        // A score for all points tells true vectors from accidents; only its order matters.
        Peak { site: v, volume: (1e6 * in_phase(&v, points).max(0.0)) as usize }
    })
}

/// Vectors by the one-dimensional transform, with lengths from `min_cell` to `max_cell` (Å).
pub fn fft1d(points: &[Vec3], min_cell: f64, max_cell: f64) -> Vec<Peak> {
    let (near, radius) = inner(points, max_cell);
    if near.len() < 3 || radius <= 0.0 {
        return Vec::new();
    }
    let directions = hemisphere((0.35 / (max_cell * radius)).clamp(0.006, 0.03));
    // Bins a quarter of the smallest distance between planes, over twice the range so that lengths are finely spaced.
    let bin = 1.0 / (4.0 * max_cell);
    let n = ((4.0 * radius / bin) as usize).next_power_of_two().max(64);
    // Over a shorter length the points' phases differ so little that their distribution shows, not their lattice.
    let shortest = min_cell.max(1.3 / radius);
    let found = parallel::map_chunks(&directions, 256, |_, chunk| {
        let fft = FftPlanner::<f32>::new().plan_fft_forward(n);
        let mut buffer = vec![Complex::new(0.0f32, 0.0); n];
        let mut scratch = vec![Complex::new(0.0f32, 0.0); fft.get_inplace_scratch_len()];
        let length = |k: f64| k / (n as f64 * bin);
        let mut out = Vec::new();
        for t in chunk {
            buffer.fill(Complex::new(0.0, 0.0));
            for p in &near {
                buffer[(((p.dot(t) + radius) / bin) as usize).min(n - 1)].re += 1.0;
            }
            fft.process_with_scratch(&mut buffer, &mut scratch);
            let power = |k: usize| f64::from(buffer[k].norm_sqr());
            // The highest length and those that come near it: along one direction there may be a short vector and its multiples.
            let range = || (1..n / 2 - 1).filter(|&k| (shortest..=max_cell).contains(&length(k as f64)));
            let peaks: Vec<usize> = range().filter(|&k| power(k) > power(k - 1) && power(k) >= power(k + 1)).collect();
            let highest = peaks.iter().map(|&k| power(k)).fold(0.0, f64::max);
            out.extend(peaks.into_iter().filter(|&k| power(k) >= 0.8 * highest).take(2).map(|k| {
                let (a, b, c) = (power(k - 1), power(k), power(k + 1));
                let shift = if a + c < 2.0 * b { 0.5 * (a - c) / (a - 2.0 * b + c) } else { 0.0 };
                (b, t * length(k as f64 + shift))
            }));
        }
        out
    });
    refine_best(found.into_iter().flatten().collect(), points, radius)
}

/// Vectors of the given `lengths` (Å, distinct ones), on a grid of directions `spacing` rad apart.
pub fn grid_search(points: &[Vec3], lengths: &[f64], spacing: f64) -> Vec<Peak> {
    let longest = lengths.iter().copied().fold(1.0, f64::max);
    let (near, radius) = inner(points, longest);
    if near.len() < 3 || radius <= 0.0 {
        return Vec::new();
    }
    // Fine enough for the longest vector and the outermost of the points used.
    let directions = hemisphere(spacing.min(0.25 / (longest * radius)).max(0.004));
    let found = parallel::map_chunks(&directions, 64, |_, chunk| {
        let all = chunk.iter().flat_map(|t| lengths.iter().map(move |l| t * *l));
        all.map(|v| (in_phase(&v, &near), v)).filter(|(score, _)| *score > 0.05).collect::<Vec<_>>()
    });
    // The best of each length: a short vector is found by many directions, a long one by few.
    let all: Vec<(f64, Vec3)> = found.into_iter().flatten().collect();
    let mut out = Vec::new();
    for length in lengths {
        let of_length = all.iter().filter(|(_, v)| (v.norm() - length).abs() < 1e-6 * length).copied().collect();
        out.extend(refine_best(of_length, points, radius));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::rotation;

    fn lattice() -> (Vec<Vec3>, [Vec3; 3]) {
        let u = rotation(&Vec3::new(0.3, 1.0, -0.5).normalize(), 0.9);
        let axes = [Vec3::new(22.0, 0.0, 0.0), Vec3::new(0.0, 31.0, 0.0), Vec3::new(0.0, 0.0, 47.0)].map(|a| u * a);
        let mut points = Vec::new();
        for h in -6..7 {
            for k in -9..10 {
                for l in -13..14 {
                    if (h * 7 + k * 3 + l * 5) % 4 == 0 || (h + k + 2 * l) % 3 == 0 {
                        points.push(u * Vec3::new(h as f64 / 22.0, k as f64 / 31.0, l as f64 / 47.0));
                    }
                }
            }
        }
        (points, axes)
    }

    #[test]
    fn both_find_the_axes() {
        let (points, axes) = lattice();
        for (name, found) in [("fft1d", fft1d(&points, 3.0, 60.0)), ("grid", grid_search(&points, &[22.0, 31.0, 47.0], 0.02))] {
            for a in &axes {
                let nearest = found.iter().map(|p| (p.site - a).norm().min((p.site + a).norm())).fold(f64::INFINITY, f64::min);
                assert!(nearest < 0.01, "{name}: {} off by {nearest}", a.norm());
            }
        }
    }
}
