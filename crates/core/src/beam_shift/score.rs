//! The shift of the detector at which spots lie on lattice planes.
//!
//! With the lattice vectors a_t, score(o) = mean over t and spots i of cos(2π a_t·r_i(o)), where r_i(o) is the reciprocal-lattice point of spot i
//! with the detector moved by o. It is 1 when every spot lies on a plane of every vector. DIALS takes the cosine of the phase of the sum; this
//! is the same times the sum's length, and so tells the true centre from those that are off by a lattice vector, where the turning
//! crystal and the curved sphere put the spots out of step.
//!
//! A wrong centre also distorts the lattice a little: vectors that were found with it are too far off for spots at high resolution. So the first
//! search goes from place to place, 1 mm apart, refines the vectors there, and uses only spots within some lattice planes of the origin.

use super::vectors::{Point, refine};
use crate::job::{Cancelled, Monitor, parallel};
use crate::math::{Mat3, Vec3};

/// A spot as the search needs it.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// Where it is, mm from the sample, laboratory frame, detector as in the header.
    pub(super) lab: Vec3,
    /// From the laboratory to the crystal at the datum.
    pub(super) datum_from_lab: Mat3,
    /// Wedge of rotation.
    pub(super) wedge: usize,
}

/// One sweep.
#[derive(Debug, Clone)]
pub(super) struct Sweep {
    pub(super) spots: Vec<Spot>,
    pub(super) s0: Vec3,
    pub(super) n_wedges: usize,
    pub(super) vectors: Vec<Vec3>,
}

impl Spot {
    /// Its reciprocal-lattice point with the detector moved by `offset` (mm).
    pub(super) fn point(&self, s0: &Vec3, offset: &Vec3) -> Vec3 {
        self.datum_from_lab * ((self.lab + offset).normalize() * s0.norm() - s0)
    }
}

impl Sweep {
    /// All its points with the detector moved by `offset`.
    pub(super) fn points(&self, offset: &Vec3) -> Vec<Point> {
        self.spots.iter().map(|s| Point { r: s.point(&self.s0, offset), wedge: s.wedge }).collect()
    }
}

/// Distance between the places at which the vectors are refined in the first search, mm.
const PLACES: f64 = 1.0;
/// Lattice planes between the origin and the spots that are used there.
const FIRST_CYCLES: f64 = 12.0;
/// Spots that are used there: enough for the right place to stand out.
const FIRST_SPOTS: usize = 1000;
/// Vectors that are used there, the best of each sweep.
const FIRST_VECTORS: usize = 8;

impl Sweep {
    /// Refines the vectors with the detector moved by `offset`, each on the spots with |a·r| up to `cycles`.
    pub(super) fn refine(&mut self, offset: &Vec3, cycles: f64) {
        let points = self.points(offset);
        self.vectors = parallel::map_slice(&self.vectors, |a| {
            let near: Vec<Point> = points.iter().filter(|p| p.r.norm() * a.norm() <= cycles).copied().collect();
            if near.len() < 10 { *a } else { refine(a, &near, self.n_wedges) }
        });
    }
}

/// Places of the first search that are followed up.
const FOLLOWED: usize = 10;

/// The first search, to `scope` (mm): the best places, in mm along the axes.
pub(super) fn coarse(sweeps: &[Sweep], axes: &[Vec3; 2], scope: f64, step: f64, monitor: &dyn Monitor) -> Result<Vec<[f64; 2]>, Cancelled> {
    let spots: usize = sweeps.iter().map(|s| s.spots.len()).sum();
    let stride = spots.div_ceil(FIRST_SPOTS).max(1);
    let few = |s: &Sweep| Sweep {
        spots: s.spots.iter().step_by(stride).cloned().collect(),
        vectors: s.vectors.iter().take(FIRST_VECTORS).copied().collect(),
        s0: s.s0,
        n_wedges: s.n_wedges,
    };
    let thinned: Vec<Sweep> = sweeps.iter().map(few).collect();
    let n = libm::ceil(scope / PLACES) as i32;
    let places: Vec<[f64; 2]> = (-n..=n).flat_map(|j| (-n..=n).map(move |i| [f64::from(i) * PLACES, f64::from(j) * PLACES])).collect();
    let around = if step > 0.0 { libm::ceil(0.5 * PLACES / step) as i32 } else { 0 };
    let tried = parallel::map_vec(places, |place| {
        monitor.check()?;
        let mut sweeps = thinned.clone();
        let shift = |p: [f64; 2]| axes[0] * p[0] + axes[1] * p[1];
        sweeps.iter_mut().for_each(|s| s.refine(&shift(place), FIRST_CYCLES));
        let mut best = (place, f64::NEG_INFINITY);
        for j in -around..=around {
            for i in -around..=around {
                let p = [place[0] + f64::from(i) * step, place[1] + f64::from(j) * step];
                let score = score(&sweeps, &shift(p), FIRST_CYCLES, 1);
                if score > best.1 {
                    best = (p, score);
                }
            }
        }
        Ok(best)
    });
    let tried = tried.into_iter().collect::<Result<Vec<_>, Cancelled>>()?;
    let mut tried = tried;
    tried.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut best: Vec<[f64; 2]> = Vec::new();
    for (p, _) in tried {
        let apart = |q: &[f64; 2]| (p[0] - q[0]).abs().max((p[1] - q[1]).abs()) > 0.4 * PLACES;
        if best.len() < FOLLOWED && best.iter().all(apart) {
            best.push(p);
        }
    }
    Ok(best)
}

/// Vectors refined at `start` (mm along the axes), and from there to the top of the score.
pub(super) fn improve(sweeps: &mut [Sweep], axes: &[Vec3; 2], start: [f64; 2], step: f64, cycles: f64) -> ([f64; 2], f64) {
    let offset = axes[0] * start[0] + axes[1] * start[1];
    sweeps.iter_mut().for_each(|s| s.refine(&offset, cycles));
    climb(sweeps, axes, start, step)
}

/// The place that is best after following each up with all vectors and some of the spots; leaves the vectors refined there.
///
/// Of places with more than nine tenths of the highest score the one nearest to the header's centre is taken, as DIALS does.
pub(super) fn follow(
    sweeps: &mut [Sweep],
    axes: &[Vec3; 2],
    places: &[[f64; 2]],
    step: f64,
    monitor: &dyn Monitor,
) -> Result<[f64; 2], Cancelled> {
    let spots: usize = sweeps.iter().map(|s| s.spots.len()).sum();
    let stride = spots.div_ceil(2 * FIRST_SPOTS).max(1);
    let few = |s: &Sweep| Sweep { spots: s.spots.iter().step_by(stride).cloned().collect(), ..s.clone() };
    let mut tried = Vec::new();
    for place in places {
        monitor.check()?;
        let mut some: Vec<Sweep> = sweeps.iter().map(few).collect();
        // From the inner spots outwards, so that no vector locks on to the wrong planes.
        let mut at = (*place, 0.0);
        for cycles in [FIRST_CYCLES, 1.7 * FIRST_CYCLES, 3.0 * FIRST_CYCLES, f64::INFINITY] {
            at = improve(&mut some, axes, at.0, step, cycles);
        }
        tried.push((at, some.into_iter().map(|s| s.vectors).collect::<Vec<_>>()));
    }
    let highest = tried.iter().map(|t| t.0.1).fold(f64::NEG_INFINITY, f64::max);
    let distance = |p: &[f64; 2]| p[0] * p[0] + p[1] * p[1];
    let good = tried.into_iter().filter(|t| t.0.1 >= 0.9 * highest);
    let Some(((place, _), vectors)) = good.min_by(|a, b| distance(&a.0.0).total_cmp(&distance(&b.0.0))) else { return Ok([0.0; 2]) };
    sweeps.iter_mut().zip(vectors).for_each(|(s, v)| s.vectors = v);
    Ok(place)
}

/// (sin 2πx, cos 2πx) to 1e-7: the score is a mean of very many.
pub(super) fn turns(x: f64) -> (f64, f64) {
    // To within a quarter of half a turn of a zero of sine or cosine.
    let quarter = (4.0 * x).round();
    let t = (x - 0.25 * quarter) * 2.0 * core::f64::consts::PI;
    let q = t * t;
    let s = t * (1.0 - q / 6.0 * (1.0 - q / 20.0 * (1.0 - q / 42.0 * (1.0 - q / 72.0))));
    let c = 1.0 - q / 2.0 * (1.0 - q / 12.0 * (1.0 - q / 30.0 * (1.0 - q / 56.0)));
    match (quarter as i64).rem_euclid(4) {
        0 => (s, c),
        1 => (c, -s),
        2 => (-s, -c),
        _ => (-c, s),
    }
}

/// The score.
///
/// - `cycles`: of each vector only spots with |a·r| up to this count: where a vector is not yet exact, distant ones say nothing
/// - `stride`: only every so many-th spot
pub(super) fn score(sweeps: &[Sweep], offset: &Vec3, cycles: f64, stride: usize) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for sweep in sweeps {
        for spot in sweep.spots.iter().step_by(stride) {
            let r = spot.point(&sweep.s0, offset);
            for a in &sweep.vectors {
                let x = a.dot(&r);
                if x.abs() <= cycles {
                    sum += turns(x).1;
                    n += 1.0;
                }
            }
        }
    }
    if n > 0.0 { sum / n } else { 0.0 }
}

/// Scores on a grid of `2·half + 1` points a side, `step` mm apart along both axes.
pub(super) fn map(sweeps: &[Sweep], axes: &[Vec3; 2], half: usize, step: f64, monitor: &dyn Monitor) -> Result<Vec<f64>, Cancelled> {
    // Enough spots for a map; all of them for the fine search.
    let spots: usize = sweeps.iter().map(|s| s.spots.len()).sum();
    let stride = (spots / FIRST_SPOTS).max(1);
    let side = 2 * half + 1;
    let shift = |k: usize| (k as f64 - half as f64) * step;
    let rows = parallel::map(side, |j| {
        monitor.check()?;
        Ok((0..side).map(|i| score(sweeps, &(axes[0] * shift(i) + axes[1] * shift(j)), f64::INFINITY, stride)).collect::<Vec<f64>>())
    });
    Ok(rows.into_iter().collect::<Result<Vec<_>, Cancelled>>()?.concat())
}

/// Of the grid points with more than nine tenths of the highest score, the one nearest to the header's centre, as in DIALS.
pub(super) fn best_of(map: &[f64], half: usize, step: f64) -> [f64; 2] {
    let side = 2 * half + 1;
    let highest = map.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shift = |k: usize| (k as f64 - half as f64) * step;
    let is_peak = |k: usize| {
        let (i, j) = ((k % side) as isize, (k / side) as isize);
        let around = (-1..=1).flat_map(|dj| (-1..=1).map(move |di| (i + di, j + dj)));
        around
            .filter(|(i, j)| (0..side as isize).contains(i) && (0..side as isize).contains(j))
            .all(|(i, j)| map[(j * side as isize + i) as usize] <= map[k])
    };
    (0..map.len())
        .filter(|&k| map[k] > 0.9 * highest && is_peak(k))
        .map(|k| [shift(k % side), shift(k / side)])
        .min_by(|a, b| (a[0] * a[0] + a[1] * a[1]).total_cmp(&(b[0] * b[0] + b[1] * b[1])))
        .unwrap_or_default()
}

/// Climbs from `start` (mm along the axes) to the top nearby: steps to the best of eight neighbours, halved when none is better.
pub(super) fn climb(sweeps: &[Sweep], axes: &[Vec3; 2], start: [f64; 2], step: f64) -> ([f64; 2], f64) {
    let at = |p: [f64; 2]| score(sweeps, &(axes[0] * p[0] + axes[1] * p[1]), f64::INFINITY, 1);
    let (mut best, mut step) = ((start, at(start)), step);
    while step > 1e-4 {
        let around = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
        let scores = parallel::map_slice(&around, |d| {
            let p = [best.0[0] + step * d[0], best.0[1] + step * d[1]];
            (p, at(p))
        });
        match scores.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
            Some(next) if next.1 > best.1 => best = next,
            _ => step *= 0.5,
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::turns;

    #[test]
    fn sine_and_cosine_are_close() {
        for k in -1000..1000 {
            let x = f64::from(k) * 0.00737;
            let (s, c) = turns(x);
            let t = 2.0 * core::f64::consts::PI * x;
            assert!((s - t.sin()).abs() < 1e-6 && (c - t.cos()).abs() < 1e-6, "{x}");
        }
    }
}
