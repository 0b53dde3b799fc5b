//! Frames: expected counts, then Poisson noise.

use crate::crystal::{mix, uniform};
use crate::experiment::SATURATION;
use crate::reflections::TrueReflection;
use ewald_core::geometry::ExperimentModels;
use ewald_core::image::Frame;
use ewald_core::math::Vec2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};

/// Below this mean, counts are found by walking along the cumulative distribution.
const WALK_BELOW: f32 = 12.0;

/// Expected background in each pixel: air scatter that falls off with angle, and a broad ring of the solvent at 3.6 Å.
pub(crate) fn background(models: &ExperimentModels<'_>, level: f64) -> Vec<f32> {
    let panel = &models.detector.panels[0];
    let s0 = models.beam.s0();
    let [width, height] = panel.image_size;
    let row = |y: usize| {
        let pixel = |x: usize| {
            let s = 1.0 / panel.d_at_px(&s0, Vec2::new(x as f64 + 0.5, y as f64 + 0.5));
            let ring = (s - 1.0 / 3.6) / 0.06;
            (level * (0.25 + 0.75 * libm::exp(-s / 0.12) + 0.35 * libm::exp(-0.5 * ring * ring))) as f32
        };
        (0..width).map(pixel).collect::<Vec<f32>>()
    };
    ewald_core::job::parallel::map(height, row).concat()
}

/// e^(−b) of every background value, so that most pixels cost one table look-up.
pub(crate) fn zero_probability(background: &[f32]) -> Vec<f32> {
    background.iter().map(|b| libm::expf(-b)).collect()
}

/// What makes a frame.
pub(crate) struct Exposure<'a> {
    pub(crate) size: [usize; 2],
    pub(crate) mask: &'a [bool],
    pub(crate) background: &'a [f32],
    pub(crate) zero_probability: &'a [f32],
    pub(crate) seed: u64,
}

impl Exposure<'_> {
    /// Frame `z`: `spots` are those visible on it. Unusable pixels hold −1.
    pub(crate) fn frame<'r>(&self, z: usize, spots: impl Iterator<Item = &'r TrueReflection>) -> Frame {
        let [width, height] = self.size;
        let mut expected = self.background.to_vec();
        for spot in spots {
            let counts = spot.counts * spot.fraction(z as f64);
            if counts < 1e-4 {
                continue;
            }
            for y in 0..spot.size[1] {
                let Some(py) = usize::try_from(spot.corner[1] + y as i32).ok().filter(|p| *p < height) else { continue };
                for x in 0..spot.size[0] {
                    let Some(px) = usize::try_from(spot.corner[0] + x as i32).ok().filter(|p| *p < width) else { continue };
                    expected[py * width + px] += (counts * f64::from(spot.shape[y * spot.size[0] + x])) as f32;
                }
            }
        }
        let mut rng = ChaCha8Rng::seed_from_u64(mix(self.seed ^ ((z as u64) << 20)));
        let mut out = Frame::new(width, height);
        for (i, pixel) in out.pixels.iter_mut().enumerate() {
            // The random numbers are drawn whether or not the pixel is usable, so that a mask changes nothing else.
            let u = uniform(&mut rng) as f32;
            *pixel = if !self.mask[i] {
                -1
            } else if expected[i] == self.background[i] {
                walk(u, expected[i], self.zero_probability[i])
            } else if expected[i] < WALK_BELOW {
                walk(u, expected[i], libm::expf(-expected[i]))
            } else {
                Poisson::new(f64::from(expected[i])).map_or(0, |p| p.sample(&mut rng) as i32)
            }
            .min(SATURATION + 1);
        }
        out
    }
}

/// The count at which the cumulative Poisson distribution of mean `mean` reaches `u`; `p0` = e^(−mean).
fn walk(u: f32, mean: f32, p0: f32) -> i32 {
    let (mut n, mut p, mut sum) = (0, p0, p0);
    // The sum may stop short of 1 by rounding; a count of 100 at a mean below 12 is beyond any.
    while u >= sum && n < 100 {
        n += 1;
        p *= mean / n as f32;
        sum += p;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_poissons_mean_and_variance() {
        for mean in [0.3f32, 4.0, 30.0] {
            let mask = vec![true; 40_000];
            let background = vec![mean; mask.len()];
            let zero = zero_probability(&background);
            let exposure = Exposure { size: [200, 200], mask: &mask, background: &background, zero_probability: &zero, seed: 7 };
            let frame = exposure.frame(3, std::iter::empty());
            let n = frame.pixels.len() as f64;
            let m = frame.pixels.iter().map(|p| f64::from(*p)).sum::<f64>() / n;
            let v = frame.pixels.iter().map(|p| (f64::from(*p) - m).powi(2)).sum::<f64>() / n;
            let sigma = (f64::from(mean) / n).sqrt();
            // Means of 30 with no spot in them are walked too, and the walk is right there as well.
            assert!((m - f64::from(mean)).abs() < 5.0 * sigma, "{m} {mean}");
            assert!((v / f64::from(mean) - 1.0).abs() < 0.05, "{v} {mean}");
        }
    }
}
