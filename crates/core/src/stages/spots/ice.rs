//! Powder rings of hexagonal ice: where they are, and whether spots or background pile up on them.

use super::result::{IceRing, RadialBackground};

/// Cell edges of ice I_h, Å.
const A: f64 = 4.498;
const C: f64 = 7.338;

/// Values of 1/d² (Å⁻²) at which hexagonal ice (P6₃/mmc) diffracts, in ascending order, to a resolution of `d_min` Å.
///
/// Absent are hhl with odd l (the c glide), and with them 00l with odd l (the screw).
pub(super) fn rings(d_min: f64) -> Vec<f64> {
    let q_max = 1.0 / (d_min * d_min);
    let most = |edge: f64| (edge / d_min).ceil() as i32 + 1;
    let mut found = Vec::new();
    for h in 0..=most(A) {
        for k in 0..=h {
            for l in 0..=most(C) {
                let absent = h == k && l % 2 != 0;
                let q = 4.0 / 3.0 * f64::from(h * h + h * k + k * k) / (A * A) + f64::from(l * l) / (C * C);
                if !absent && q > 0.0 && q <= q_max {
                    found.push(q);
                }
            }
        }
    }
    found.sort_by(f64::total_cmp);
    found.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    found
}

/// Rings are looked for to this resolution, Å: beyond, they crowd and are weak.
const FINEST: f64 = 1.7;
/// Half the width of a ring in 1/d², Å⁻².
const HALF_WIDTH: f64 = 0.002;
/// The neighbourhood that a ring is compared with: distance from its middle, Å⁻².
const BESIDE: [f64; 2] = [0.003, 0.011];

/// The neighbourhood in 1/d² of a ring at `r`: what of both sides lies clear of the other rings.
fn neighbourhood(r: f64, others: &[f64]) -> Vec<[f64; 2]> {
    let [near, far] = BESIDE;
    let mut parts = vec![[r - far, r - near], [r + near, r + far]];
    for o in others {
        let (low, high) = (o - near, o + near);
        let cut = |[a, b]: [f64; 2]| [[a, b.min(low)], [a.max(high), b]].into_iter().filter(|[a, b]| a < b).collect::<Vec<_>>();
        parts = parts.into_iter().flat_map(cut).collect();
    }
    parts
}

/// A spot's place: panel, fast, slow and 1/d².
pub(super) type Place = (usize, f64, f64, f64);

/// Edge of the cells in which spots are counted, px.
const CELL: f64 = 8.0;

/// Rings with more spots than their neighbourhood in 1/d² lets expect.
///
/// Under the assumption that spots are as dense on the ring as beside, the number on it, given that of both, is binomial. A ring stands out with
/// at least 10 spots, 1.5 times as many as expected and 5 standard deviations more. The reflections of a small cell are not spread like that, so
/// the same is asked at resolutions between the rings, and a ring must stand out half as much again as any of those. One that does
/// alone may still be a reflection with its equivalents: it must have 40 spots and 8 standard deviations. Places that shine again and
/// again (shadows' edges, bad pixels) count no more often than twice the average place does.
pub(super) fn spots_on_rings(places: &[Place]) -> Vec<IceRing> {
    let q = without_repetitions(places);
    let rings = rings(FINEST);
    let controls: Vec<f64> = (0..).map(|k| 0.055 + HALF_WIDTH * f64::from(k)).take_while(|c| *c < 0.34).collect();
    let between = controls.iter().filter(|c| rings.iter().all(|r| (*c - r).abs() > 2.0 * HALF_WIDTH));
    let elsewhere = between.map(|c| stands_out(&q, *c, &rings).1).fold(0.0, f64::max);
    let mut found = Vec::new();
    for (k, r) in rings.iter().enumerate() {
        let others: Vec<f64> = rings.iter().enumerate().filter(|(i, _)| *i != k).map(|(_, o)| *o).collect();
        let ([n, expected], sigma) = stands_out(&q, *r, &others);
        if n >= 10.0 && n >= 1.5 * expected && sigma >= 5.0 && sigma > 1.5 * elsewhere && exceeds_inside(&q, *r, &others) {
            found.push((IceRing { d: 1.0 / r.sqrt(), spots: Some([n, expected]), background: None }, sigma));
        }
    }
    let convincing = found.len() > 1 || found.iter().all(|(ring, sigma)| *sigma >= 8.0 && ring.spots.is_some_and(|[n, _]| n >= 40.0));
    if convincing { found.into_iter().map(|(ring, _)| ring).collect() } else { Vec::new() }
}

/// Values of 1/d², those of one place at most twice as often as those of the average place.
fn without_repetitions(places: &[Place]) -> Vec<f64> {
    let mut cells: Vec<(usize, i64, i64, f64)> =
        places.iter().map(|&(panel, x, y, q)| (panel, (y / CELL).floor() as i64, (x / CELL).floor() as i64, q)).collect();
    cells.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)).then(a.3.total_cmp(&b.3)));
    let groups: Vec<_> = cells.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)).collect();
    let most = (2 * cells.len()).div_ceil(groups.len().max(1));
    groups.iter().flat_map(|g| g.iter().step_by(g.len().div_ceil(most).max(1))).map(|c| c.3).collect()
}

/// Whether a ring at `r` has more spots than its neighbourhood on the side of low resolution alone lets expect: where diffraction or the detector
/// ends just beyond a ring, the other side is empty.
fn exceeds_inside(q: &[f64], r: f64, others: &[f64]) -> bool {
    let inside: Vec<[f64; 2]> = neighbourhood(r, others).into_iter().filter(|[_, b]| *b <= r).collect();
    if inside.is_empty() {
        return true;
    }
    let ([n, expected], sigma) = compared(q, r, inside);
    n >= 1.3 * expected && sigma >= 3.0
}

/// Spots about `r` and how many its neighbourhood lets expect, and by how many standard deviations these are more.
fn stands_out(q: &[f64], r: f64, others: &[f64]) -> ([f64; 2], f64) {
    compared(q, r, neighbourhood(r, others))
}

/// The same for a neighbourhood of these `parts`; one of no width lets expect what there is.
fn compared(q: &[f64], r: f64, parts: Vec<[f64; 2]>) -> ([f64; 2], f64) {
    let width: f64 = parts.iter().map(|[a, b]| b - a).sum();
    let within = |[a, b]: [f64; 2]| q.iter().filter(|q| (a..b).contains(*q)).count() as f64;
    let (n, m) = (within([r - HALF_WIDTH, r + HALF_WIDTH]), parts.into_iter().map(within).sum::<f64>());
    if width <= 0.0 {
        return ([n, n], 0.0);
    }
    let ratio = 2.0 * HALF_WIDTH / width;
    let p = ratio / (1.0 + ratio);
    ([n, m * ratio], (n - (n + m) * p) / ((n + m) * p * (1.0 - p)).sqrt().max(1e-9))
}

/// Rings on which the background is brighter than beside: at least by 8 % of it, and by six standard deviations of the counts.
///
/// What is beside comes from a straight line through both sides, so that a broad solvent ring is none of ice.
pub(super) fn background_on_rings(background: &RadialBackground) -> Vec<IceRing> {
    let rings = rings(FINEST);
    let mut found = Vec::new();
    for (k, r) in rings.iter().enumerate() {
        let others: Vec<f64> = rings.iter().enumerate().filter(|(i, _)| *i != k).map(|(_, o)| *o).collect();
        let on: Vec<usize> = background.within([r - HALF_WIDTH, r + HALF_WIDTH]);
        let beside: Vec<usize> = neighbourhood(*r, &others).into_iter().flat_map(|part| background.within(part)).collect();
        let sum =
            |bins: &[usize]| bins.iter().fold((0.0, 0.0), |a, &b| (a.0 + background.pixels[b] as f64, a.1 + background.counts[b] as f64));
        let ((n, x), (m, y)) = (sum(&on), sum(&beside));
        let sides = [background.within([r - BESIDE[1], r - BESIDE[0]]), background.within([r + BESIDE[0], r + BESIDE[1]])];
        if n < 100.0 || y <= 0.0 || sides.iter().any(|s| sum(s).0 < 100.0) {
            continue;
        }
        let Some(expected) = line_at(background, &beside, *r) else { continue };
        let sigma = (x / n - expected) / (x / (n * n) + expected / m).sqrt();
        if x / n >= 1.08 * expected && sigma >= 6.0 {
            found.push(IceRing { d: 1.0 / r.sqrt(), spots: None, background: Some([x / n, expected]) });
        }
    }
    found
}

/// The value at `q` of the straight line through the mean counts of `bins`, weighted by pixels.
fn line_at(background: &RadialBackground, bins: &[usize], q: f64) -> Option<f64> {
    let [mut w, mut wx, mut wxx, mut wy, mut wxy] = [0.0f64; 5];
    for &b in bins.iter().filter(|&&b| background.pixels[b] > 0) {
        let (n, x) = (background.pixels[b] as f64, background.q(b) - q);
        let y = background.counts[b] as f64 / n;
        (w, wx, wxx, wy, wxy) = (w + n, wx + n * x, wxx + n * x * x, wy + n * y, wxy + n * x * y);
    }
    let det = w * wxx - wx * wx;
    (det > 0.0).then(|| (wxx * wy - wx * wxy) / det).filter(|y| *y > 0.0)
}

/// Both lists as one, by ring.
pub(super) fn merged(spots: Vec<IceRing>, background: Vec<IceRing>) -> Vec<IceRing> {
    let mut all = spots;
    for ring in background {
        match all.iter_mut().find(|r| (r.d - ring.d).abs() < 1e-9) {
            Some(r) => r.background = ring.background,
            None => all.push(ring),
        }
    }
    all.sort_by(|a, b| b.d.total_cmp(&a.d));
    all
}

/// All rings that are looked for.
pub(super) fn all_rings() -> Vec<IceRing> {
    rings(FINEST).into_iter().map(|q| IceRing { d: 1.0 / q.sqrt(), spots: None, background: None }).collect()
}

/// Whether a spot at 1/d² = `q` lies on one of the rings.
pub(super) fn is_on(rings: &[IceRing], q: f64) -> bool {
    rings.iter().any(|r| (q - 1.0 / (r.d * r.d)).abs() <= HALF_WIDTH)
}

#[cfg(test)]
#[path = "ice_tests.rs"]
mod tests;
