//! Scores of single rotations: is the intensity at h that at h·W?
//!
//! The likelihood is that of Evans (2011), appendix A1: the correlation coefficient CC over the pairs that a rotation relates is
//! distributed as a Cauchy function of width σ(CC), cut off at ±1: about the expected value E when the rotation is present,
//! and about a mean m between 0 and 1 with weight √(1 − m²) when it is not.

use super::input::Observation;
use crate::merging::Correlation;
use crate::spacegroup::{IDENTITY, IntMatrix, RotationKind, SymOp};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::HashMap;

/// What the data say about correlations in general.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Calibration {
    /// Correlation of unrelated reflections of similar resolution, and the number of pairs.
    pub unrelated: f64,
    /// Pairs that this rests on.
    pub unrelated_pairs: usize,
    /// σ(CC) = factor/√N over N unrelated pairs; 0 when there are too few to tell.
    pub sigma_factor: f64,
    /// Expected CC of related reflections from the spread of intensities and their σ.
    pub expected_from_sigma: f64,
    /// Expected CC of related reflections, with what Friedel mates show taken in.
    pub expected: f64,
}

/// Smallest σ(CC) believed.
const MIN_SIGMA: f64 = 0.1;
/// Pairs, groups of pairs of one size, and sizes for the width of CC.
const MAX_UNRELATED: usize = 20_000;
const GROUPS_PER_SIZE: usize = 200;
const SIZES: std::ops::RangeInclusive<usize> = 5..=200;

/// Numbers below `n`, uniformly.
fn below(random: &mut ChaCha8Rng, n: usize) -> usize {
    // Multiply-shift: biased by n/2⁶⁴, which is nothing here, and the same on every machine.
    ((u128::from(random.next_u64()) * n as u128) >> 64) as usize
}

fn shuffle<T>(random: &mut ChaCha8Rng, list: &mut [T]) {
    for i in (1..list.len()).rev() {
        list.swap(i, below(random, i + 1));
    }
}

/// Measures how unrelated reflections of similar resolution correlate, and what related ones should show.
///
/// - `list`: normalised intensities, sorted by falling d
/// - `unique`: for each, what is equal for reflections that the lattice symmetry may relate
pub fn calibrate(list: &[Observation], unique: &[[i32; 3]], seed: u64) -> Calibration {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let per_bin = 200.max(list.len().div_ceil(500));
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    let mut start = 0;
    while start < list.len() {
        let end = (start + per_bin).min(list.len());
        let mut members: Vec<usize> = (start..end).collect();
        shuffle(&mut random, &mut members);
        let half = members.len() / 2;
        for i in 0..half {
            let (x, y) = (members[i], members[half + i]);
            if unique[x] != unique[y] {
                pairs.push((list[x].intensity, list[y].intensity));
            }
        }
        start = end;
    }
    shuffle(&mut random, &mut pairs);
    pairs.truncate(MAX_UNRELATED);
    let mut unrelated = Correlation::default();
    pairs.iter().for_each(|(x, y)| unrelated.add(*x, *y));

    let sigma_factor = sigma_factor(&pairs, &mut random);
    let n = list.len() as f64;
    let mean = list.iter().map(|o| o.intensity).sum::<f64>() / n;
    let variance = list.iter().map(|o| (o.intensity - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let noise = list.iter().map(|o| o.sigma * o.sigma).sum::<f64>() / n;
    let expected_from_sigma = if variance + noise > 0.0 { variance / (variance + noise) } else { 0.0 };

    // Friedel mates are related for certain (but for anomalous scattering).
    let mates = correlation(list, &crate::spacegroup::SymOp::IDENTITY.rotation);
    let weight = |sigma: f64| sigma.max(0.05).powi(-2);
    let w1 = weight(sigma_factor / 200f64.sqrt());
    let w2 = if mates.n > 10 { weight(sigma_factor / (mates.n as f64).sqrt()) } else { 0.0 };
    let expected = (w1 * expected_from_sigma + w2 * mates.coefficient().unwrap_or(0.0)) / (w1 + w2);
    Calibration {
        unrelated: unrelated.coefficient().unwrap_or(0.0),
        unrelated_pairs: pairs.len(),
        sigma_factor,
        expected_from_sigma,
        expected,
    }
}

/// Slope of the rms of CC over groups of N pairs against 1/√N.
fn sigma_factor(pairs: &[(f64, f64)], random: &mut ChaCha8Rng) -> f64 {
    let largest = (pairs.len() / 10).min(*SIZES.end());
    if largest < SIZES.start() + 4 {
        return 0.0;
    }
    let (mut sx, mut sy, mut sxx, mut sxy, mut n) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for size in *SIZES.start()..=largest {
        let mut square = 0.0;
        for _ in 0..GROUPS_PER_SIZE {
            let mut group = Correlation::default();
            for _ in 0..size {
                let (x, y) = pairs[below(random, pairs.len())];
                group.add(x, y);
            }
            square += group.coefficient().unwrap_or(0.0).powi(2);
        }
        let (x, y) = (1.0 / (size as f64).sqrt(), (square / GROUPS_PER_SIZE as f64).sqrt());
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
        n += 1.0;
    }
    let denominator = n * sxx - sx * sx;
    if denominator > 0.0 { ((n * sxy - sx * sy) / denominator).max(0.0) } else { 0.0 }
}

/// CC over all pairs h, h·W (and h, h·W⁻¹ for W of higher order). For the identity, over Friedel mates.
///
/// Where several experiments measured h·W, the last one's value is taken; every measurement of h makes a pair.
pub fn correlation(list: &[Observation], rotation: &IntMatrix) -> Correlation {
    let index: HashMap<[i32; 3], usize> = list.iter().enumerate().map(|(i, o)| (o.hkl, i)).collect();
    correlation_with(list, &index, rotation)
}

fn correlation_with(list: &[Observation], index: &HashMap<[i32; 3], usize>, rotation: &IntMatrix) -> Correlation {
    let op = SymOp::from_rotation(*rotation);
    let images: Vec<Box<dyn Fn([i32; 3]) -> [i32; 3]>> = if *rotation == IDENTITY {
        vec![Box::new(|h: [i32; 3]| h.map(|v| -v))]
    } else if RotationKind::of(rotation).order > 2 {
        let inverse = op.inverse();
        vec![Box::new(move |h| op.apply_to_hkl(h)), Box::new(move |h| inverse.apply_to_hkl(h))]
    } else {
        vec![Box::new(move |h| op.apply_to_hkl(h))]
    };
    let mut sum = Correlation::default();
    for image in images {
        let pairs: Vec<(f64, f64)> = list
            .iter()
            .filter_map(|o| {
                let partner = image(o.hkl);
                // A reflection on the axis is its own partner and says nothing.
                (partner != o.hkl).then_some(())?;
                index.get(&partner).map(|&i| (o.intensity, list[i].intensity))
            })
            .collect();
        for (x, y) in without_extremes(&pairs) {
            sum.add(x, y);
        }
    }
    sum
}

/// Pairs within 20 interquartile ranges of the quartiles: a single enormous value would make any correlation.
fn without_extremes(pairs: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    let range = |mut v: Vec<f64>| {
        v.sort_by(f64::total_cmp);
        if v.is_empty() {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let (q1, q3) = (v[v.len() / 4], v[3 * v.len() / 4]);
        (q1 - 20.0 * (q3 - q1), q3 + 20.0 * (q3 - q1))
    };
    let x = range(pairs.iter().map(|p| p.0).collect());
    let y = range(pairs.iter().map(|p| p.1).collect());
    let inside = move |v: f64, r: (f64, f64)| v >= r.0 && v <= r.1;
    pairs.iter().copied().filter(move |p| inside(p.0, x) && inside(p.1, y))
}

/// The evidence about one rotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Element {
    /// The rotation, in the minimum cell.
    pub rotation: IntMatrix,
    /// Sums of its pairs.
    pub pairs: Correlation,
    /// CC, 0 when there are fewer than three pairs.
    pub cc: f64,
    /// CC/σ(CC).
    pub z: f64,
    /// p(CC; present).
    pub p_present: f64,
    /// p(CC; absent).
    pub p_absent: f64,
}

impl Element {
    /// Probability that the rotation is present, given its CC alone; one half without pairs.
    pub fn likelihood(&self) -> f64 {
        self.p_present / (self.p_present + self.p_absent)
    }

    /// Whether it counts: more than two pairs.
    pub fn counts(&self) -> bool {
        self.pairs.n > 2
    }
}

/// Scores one rotation.
pub fn score(list: &[Observation], rotation: &IntMatrix, calibration: &Calibration) -> Element {
    let pairs = correlation(list, rotation);
    let Some(cc) = pairs.coefficient() else {
        return Element { rotation: *rotation, pairs, cc: 0.0, z: 0.0, p_present: 1.0, p_absent: 1.0 };
    };
    let sigma = MIN_SIGMA.max(calibration.sigma_factor / (pairs.n as f64).sqrt());
    Element {
        rotation: *rotation,
        pairs,
        cc,
        z: cc / sigma,
        p_present: truncated_cauchy(cc, calibration.expected, sigma),
        p_absent: absent(cc, sigma),
    }
}

/// Cauchy density about `centre` with half-width `gamma`, normalised within −1..1.
fn truncated_cauchy(x: f64, centre: f64, gamma: f64) -> f64 {
    let density = |v: f64| gamma / (std::f64::consts::PI * ((v - centre).powi(2) + gamma * gamma));
    let cumulative = |v: f64| libm::atan((v - centre) / gamma) / std::f64::consts::PI;
    density(x) / (cumulative(1.0) - cumulative(-1.0))
}

/// ∫ p(CC; m)·√(1 − m²) dm / ∫ √(1 − m²) dm over m in 0..1, with m = sin t to take the root's end out of Simpson's way.
fn absent(cc: f64, sigma: f64) -> f64 {
    const N: usize = 400;
    let (mut above, mut below) = (0.0, 0.0);
    for i in 0..=N {
        let t = std::f64::consts::FRAC_PI_2 * i as f64 / N as f64;
        let factor = if i == 0 || i == N {
            1.0
        } else if i % 2 == 1 {
            4.0
        } else {
            2.0
        };
        let cosine = libm::cos(t);
        let weight = factor * cosine * cosine;
        above += weight * truncated_cauchy(cc, libm::sin(t), sigma);
        below += weight;
    }
    above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_are_normalised() {
        for (centre, gamma) in [(0.98, 0.1), (0.0, 0.5), (0.5, 0.02)] {
            let n = 200_000;
            let sum: f64 = (0..n).map(|i| truncated_cauchy(-1.0 + (f64::from(i) + 0.5) * 2.0 / f64::from(n), centre, gamma)).sum();
            assert!((sum * 2.0 / f64::from(n) - 1.0).abs() < 1e-6);
        }
    }

    /// Rows of the element table of a dials.symmetry log (3.12.1, quartz): E(CC) 0.993, sd(CC) 1.325/√N; CC given to two digits.
    #[test]
    fn likelihoods_of_a_log() {
        let t = |cc: f64, n: f64, expected: f64| {
            let sigma = MIN_SIGMA.max(1.325 / f64::sqrt(n));
            let (present, absent) = (truncated_cauchy(cc, 0.993, sigma), absent(cc, sigma));
            let likelihood = present / (present + absent);
            assert!((likelihood - expected).abs() < 0.02, "{cc} {likelihood} {expected}");
        };
        t(0.989, 548.0, 0.943);
        t(0.732, 450.0, 0.488);
        t(0.937, 462.0, 0.904);
        t(0.664, 450.0, 0.367);
        t(0.526, 140.0, 0.233);
    }
}
