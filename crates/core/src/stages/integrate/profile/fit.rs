use serde::{Deserialize, Serialize};

/// A fitted intensity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fit {
    /// Counts of the whole reflection, also of what its box does not hold.
    pub(crate) intensity: f64,
    pub(crate) variance: f64,
    /// Of the counts with background + I · profile, over the pixels.
    pub(crate) correlation: f64,
    /// The fraction of the reflection that the fitted pixels hold.
    pub(crate) recorded: f64,
    /// Counts that reflections upon it have on the pixels.
    pub(crate) beside: f64,
    /// The intensity by which pixels were weighed: that before the last, negligible step.
    pub(crate) weighed_by: f64,
}

impl Fit {
    /// The counts that the whole reflection is expected to have, see [`expected_counts`].
    pub(crate) fn expected(&self) -> f64 {
        expected_counts(self.intensity)
    }
}

/// What to expect of a Poisson count of which `counts` were seen: one more, the mean of its rate when beforehand all rates were as likely.
///
/// Variances are made from it. Those from the counts themselves say that a reflection without a count is known exactly, and of two weak ones
/// make the lower the more certain.
///
/// They still follow the counts: where these are low by chance, so is σ. Therefore (I − truth)/σ has a mean of about −1/(2σ) although I has none; no
/// prior that is as broad as Wilson's distribution takes that away, only knowing I from elsewhere does (equivalents, when data are merged).
pub(crate) fn expected_counts(counts: f64) -> f64 {
    counts.max(0.0) + 1.0
}

/// A background level and what is known of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Level {
    /// Counts per pixel.
    pub(crate) mean: f64,
    /// Background pixels from which it comes.
    pub(crate) pixels: f64,
}

impl Level {
    /// What a pixel is expected to vary by: where no count was seen in n pixels, their mean is not 0 but unknown below about 1/n.
    pub(crate) fn expected(&self) -> f64 {
        self.mean.max(0.5 / self.pixels.max(1.0))
    }

    /// Variance of the mean.
    pub(crate) fn variance(&self) -> f64 {
        self.expected() / self.pixels.max(1.0)
    }
}

/// Pixels with less of the reflection than this take no part.
pub(super) const NOTHING: f64 = 1e-7;
/// Reflections of which less was recorded are not fitted.
pub(crate) const LEAST_RECORDED: f64 = 0.05;

/// A pixel that takes part in a fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// Its number among the foreground pixels.
    pub(super) index: u32,
    /// Counts above the background.
    net: f64,
    /// Fraction of the reflection.
    fraction: f64,
    /// What the background makes it vary by.
    noise: f64,
}

impl Cell {
    /// d(Σ weights · counts)/d(this pixel's counts) before division by the information: p/v.
    pub(super) fn weight(&self, intensity: f64) -> f64 {
        self.fraction / (self.noise + intensity.max(0.0) * self.fraction)
    }

    /// What it adds with weight w to the variance of Σ w · counts, where the reflection is expected to have E counts: w²(b + E p).
    pub(super) fn spread(&self, w: f64, expected: f64) -> f64 {
        w * w * (self.noise + expected * self.fraction)
    }
}

/// Fits counts d by b + I p over pixels: the most likely I of independent Poisson counts.
///
/// The equation of maximum likelihood, Σ p (d − b − I p)/(b + I p) = 0, is solved by repeating I = Σ(d − b)p/v ÷ Σp²/v with v = b + I p from
/// the model, as Kabsch (2010) does; a negative I leaves v = b. Its variance is that of a sum of counts with the weights w = p/v, if they are
/// what is expected of them: Σ w²(b + E p) ÷ (Σ w p)², E by [`expected_counts`]; and that of the background carried through the weights: for one
/// level (Σ w / Σ w p)² var(b).
///
/// `counts` below 0 are invalid; `levels`: the background of each pixel; `level`: its mean; `carried`: the variance of Σ w · b for weights by
/// pixel, `None` for one level. `None` when the pixels hold (almost) nothing of the reflection.
pub(super) fn fit(
    fraction: &[f64],
    counts: &[i32],
    levels: &[f64],
    level: &Level,
    carried: Option<&dyn Fn(&[Cell], f64) -> f64>,
    cells: &mut Vec<Cell>,
) -> Option<Fit> {
    cells.clear();
    let least = Level { mean: 0.0, ..*level }.expected();
    let (mut sum_p, mut sum_d) = (0.0, 0.0);
    for (i, ((&p, &c), &b)) in fraction.iter().zip(counts).zip(levels).enumerate() {
        if c >= 0 && p > NOTHING {
            let net = f64::from(c) - b;
            cells.push(Cell { index: i as u32, net, fraction: p, noise: b.max(least) });
            sum_p += p;
            sum_d += net;
        }
    }
    if !(sum_p > LEAST_RECORDED) {
        return None;
    }
    let mut intensity = sum_d / sum_p;
    let mut weighed_by = intensity;
    let (mut information, mut against_level, mut squares) = (0.0, 0.0, 0.0);
    for _ in 0..100 {
        weighed_by = intensity;
        let mut top = 0.0;
        (information, against_level, squares) = (0.0, 0.0, 0.0);
        for c in cells.iter() {
            let w = c.weight(weighed_by);
            top += c.net * w;
            information += c.fraction * w;
            against_level += w;
            squares += w * w * c.fraction;
        }
        let next = top / information;
        let step = (next - intensity).abs();
        intensity = next;
        if step * step * information < 1e-8 {
            break;
        }
    }
    let background = match carried {
        None => against_level * against_level * level.variance(),
        Some(f) => f(cells, weighed_by),
    };
    // w²(b + E p) is w p, as w = p/(b + I p), and what E has above I.
    let counted = information + squares * (expected_counts(intensity) - weighed_by.max(0.0));
    let variance = (counted + background) / (information * information);
    if !intensity.is_finite() || !variance.is_finite() {
        return None;
    }
    Some(Fit { intensity, variance, correlation: correlation(fraction, counts), recorded: sum_p, beside: 0.0, weighed_by })
}

/// Of counts and profile: the background and the scale do not matter to it.
pub(super) fn correlation(fraction: &[f64], counts: &[i32]) -> f64 {
    let (mut n, mut d, mut p, mut dd, mut dp, mut pp) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (&x, &c) in fraction.iter().zip(counts).filter(|(_, c)| **c >= 0) {
        let c = f64::from(c);
        n += 1.0;
        d += c;
        p += x;
        dd += c * c;
        dp += c * x;
        pp += x * x;
    }
    let (vd, vp) = (n * dd - d * d, n * pp - p * p);
    if vd > 0.0 && vp > 0.0 { (n * dp - d * p) / (vd * vp).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    /// A Poisson deviate, by multiplying uniform ones (Knuth 1969), from parts that are small enough for it.
    fn poisson(rng: &mut rand_chacha::ChaCha8Rng, mut mean: f64) -> f64 {
        let mut n = 0.0;
        while mean > 0.0 {
            let end = libm::exp(-mean.min(20.0));
            mean -= 20.0;
            let mut product = rng.random::<f64>();
            while product > end {
                n += 1.0;
                product *= rng.random::<f64>();
            }
        }
        n
    }

    fn profile() -> Vec<f64> {
        let p: Vec<f64> = (0..60).map(|i| libm::exp(-0.08 * (f64::from(i) - 30.0).powi(2))).collect();
        let total: f64 = p.iter().sum();
        p.iter().map(|x| x / total).collect()
    }

    #[test]
    fn noiseless_counts_give_back_their_intensity() {
        let p = profile();
        for truth in [1e6, 3e4] {
            let counts: Vec<i32> = p.iter().map(|p| (3.0 + truth * p).round() as i32).collect();
            let f = fit(&p, &counts, &[3.0; 60], &Level { mean: 3.0, pixels: 1e4 }, None, &mut Vec::new()).unwrap();
            assert!((f.intensity / truth - 1.0).abs() < 1e-3, "{f:?}");
            assert!(f.variance > truth && f.variance < truth + 300.0);
            assert!(f.correlation > 0.9999 && (f.recorded - 1.0).abs() < 1e-6);
        }
        assert_eq!(fit(&[0.0; 3], &[1, 2, 3], &[1.0; 3], &Level { mean: 1.0, pixels: 50.0 }, None, &mut Vec::new()), None);
    }

    /// Unbiased, and as uncertain as it says, from no intensity at all to thousands of counts; also with pixels missing and without background.
    #[test]
    fn intensities_scatter_as_their_variances_say() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
        let p = profile();
        let n = 3000;
        for (b, missing) in [(0.0, false), (0.08, false), (2.0, false), (2.0, true)] {
            for truth in [0.0, 1.0, 3.0, 30.0, 1000.0] {
                let (mut sum, mut sum2, mut normalised) = (0.0, 0.0, 0.0);
                for _ in 0..n {
                    // The level is measured in 400 pixels.
                    let mean = poisson(&mut rng, 400.0 * b) / 400.0;
                    let mut counts: Vec<i32> = p.iter().map(|p| poisson(&mut rng, b + truth * p) as i32).collect();
                    if missing {
                        counts[29] = -1;
                        counts[33] = -2;
                    }
                    let f = fit(&p, &counts, &[mean; 60], &Level { mean, pixels: 400.0 }, None, &mut Vec::new()).unwrap();
                    assert!(f.variance >= 1.0, "{f:?}");
                    let d = f.intensity - truth;
                    sum += d;
                    sum2 += d * d;
                    normalised += d * d / f.variance;
                }
                let n = f64::from(n);
                let (mean, spread) = (sum / n, sum2 / n);
                let error = (spread / n).sqrt();
                assert!(mean.abs() <= 4.0 * error, "b {b}, I {truth}: off by {mean} ± {error}");
                // The count that is added is seen where there are hardly any others.
                let range = if truth < 3.0 { 0.0..1.1 } else { 0.8..1.15 };
                let z2 = normalised / n;
                assert!(range.contains(&z2), "b {b}, I {truth}: normalised variance {z2}");
            }
        }
    }
}
