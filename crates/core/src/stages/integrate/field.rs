//! Backgrounds that may vary over a box: linear in the pixel's position, for the whole box or image by image.

use super::outlier::bounds;
use super::{BackgroundShape, Outlier};
use serde::{Deserialize, Serialize};

/// Terms of the largest model: 1, x, y, z.
const TERMS: usize = 4;

/// A background over a box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Field {
    shape: BackgroundShape,
    origin: [f64; 3],
    /// One, or one for each image.
    blocks: Vec<Block>,
    /// Pixels that were used.
    pub(super) used: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Block {
    coefficients: [f64; TERMS],
    covariance: [[f64; TERMS]; TERMS],
}

/// A background pixel: column, row and image in its box, and its counts.
pub(super) type BackgroundPixel = ([u16; 3], f64);

impl Field {
    /// Least squares on the pixels that are no outliers. Outliers are told twice: from the pixels' counts, and, so that a slope does not hide them or
    /// make them, from the differences to the first solution. `None` when a block has fewer than `min_pixels` or its pixels do not
    /// determine it.
    pub(super) fn fit(
        shape: BackgroundShape,
        outlier: Outlier,
        min_pixels: usize,
        size: [usize; 3],
        pixels: &[BackgroundPixel],
    ) -> Option<Field> {
        if pixels.is_empty() {
            return None;
        }
        let origin = size.map(|n| 0.5 * (n as f64 - 1.0));
        let n_blocks = if per_image(shape) { size[2] } else { 1 };
        let mut field = Field { shape, origin, blocks: vec![Block::default(); n_blocks], used: 0 };
        let rounds = if outlier == Outlier::Null || terms(shape) == 1 && n_blocks == 1 { 1 } else { 2 };
        let mut residuals: Vec<f64> = pixels.iter().map(|p| p.1).collect();
        for _ in 0..rounds {
            let mut sorted = residuals.clone();
            sorted.sort_by(f64::total_cmp);
            let (lo, hi) = bounds(outlier, &sorted);
            let kept: Vec<&BackgroundPixel> =
                pixels.iter().zip(&residuals).filter(|(_, r)| **r >= lo && **r <= hi).map(|(p, _)| p).collect();
            field.used = kept.len();
            for k in 0..n_blocks {
                let mine = kept.iter().copied().filter(|p| n_blocks == 1 || usize::from(p.0[2]) == k);
                field.blocks[k] = field.block(mine, min_pixels)?;
            }
            residuals = pixels.iter().map(|(at, c)| c - field.at(at.map(usize::from))).collect();
        }
        Some(field)
    }

    fn block<'a>(&self, pixels: impl Iterator<Item = &'a BackgroundPixel> + Clone, min_pixels: usize) -> Option<Block> {
        let m = terms(self.shape);
        let (mut a, mut v, mut n) = ([[0.0; TERMS]; TERMS], [0.0; TERMS], 0);
        for (at, c) in pixels.clone() {
            let x = self.basis(at.map(usize::from));
            for i in 0..m {
                for j in 0..m {
                    a[i][j] += x[i] * x[j];
                }
                v[i] += x[i] * c;
            }
            n += 1;
        }
        if n < min_pixels.max(m + 1) {
            return None;
        }
        let inverse = invert(a, m)?;
        let mut block = Block::default();
        for i in 0..m {
            block.coefficients[i] = (0..m).map(|j| inverse[i][j] * v[j]).sum();
        }
        let mut residual = 0.0;
        for (at, c) in pixels {
            let d = c - dot(&self.basis(at.map(usize::from)), &block.coefficients);
            residual += d * d;
        }
        // Without any scatter (empty pixels) one count among them all is still possible.
        let variance = (residual / (n - m) as f64).max(0.5 / n as f64);
        for i in 0..m {
            for j in 0..m {
                block.covariance[i][j] = variance * inverse[i][j];
            }
        }
        Some(block)
    }

    fn basis(&self, at: [usize; 3]) -> [f64; TERMS] {
        let [x, y, z] = [0, 1, 2].map(|a| at[a] as f64 - self.origin[a]);
        let all = [1.0, x, y, z];
        let m = terms(self.shape);
        core::array::from_fn(|i| if i < m { all[i] } else { 0.0 })
    }

    fn number(&self, at: [usize; 3]) -> usize {
        if self.blocks.len() == 1 { 0 } else { at[2] }
    }

    /// Counts at a pixel: column, row and image in the box.
    pub(super) fn at(&self, at: [usize; 3]) -> f64 {
        dot(&self.basis(at), &self.blocks[self.number(at)].coefficients)
    }

    /// The variance of Σ w · background over pixels with their weights.
    pub(super) fn variance(&self, weights: impl Iterator<Item = ([usize; 3], f64)>) -> f64 {
        let mut g = vec![[0.0; TERMS]; self.blocks.len()];
        for (at, w) in weights {
            let x = self.basis(at);
            let k = self.number(at);
            g[k].iter_mut().zip(&x).for_each(|(g, x)| *g += w * x);
        }
        let one = |(g, b): (&[f64; TERMS], &Block)| (0..TERMS).map(|i| g[i] * dot(&b.covariance[i], g)).sum::<f64>();
        g.iter().zip(&self.blocks).map(one).sum()
    }
}

fn dot(a: &[f64; TERMS], b: &[f64; TERMS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn per_image(shape: BackgroundShape) -> bool {
    matches!(shape, BackgroundShape::Constant2d | BackgroundShape::Linear2d)
}

fn terms(shape: BackgroundShape) -> usize {
    match shape {
        BackgroundShape::Constant2d | BackgroundShape::Constant3d => 1,
        BackgroundShape::Linear2d => 3,
        BackgroundShape::Linear3d => 4,
    }
}

/// The inverse of the first `m` rows and columns of a positive definite matrix, by Gauss and Jordan. `None` when it is singular (all pixels in a line).
fn invert(mut a: [[f64; TERMS]; TERMS], m: usize) -> Option<[[f64; TERMS]; TERMS]> {
    let mut out = [[0.0; TERMS]; TERMS];
    for (i, row) in out.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    for i in 0..m {
        let pivot = a[i][i];
        if !(pivot > 1e-9) {
            return None;
        }
        for j in 0..m {
            a[i][j] /= pivot;
            out[i][j] /= pivot;
        }
        for k in (0..m).filter(|&k| k != i) {
            let f = a[k][i];
            for j in 0..m {
                a[k][j] -= f * a[i][j];
                out[k][j] -= f * out[i][j];
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    const SIZE: [usize; 3] = [21, 19, 8];

    /// Poisson counts (Knuth 1969) of a level that depends on the place.
    fn pixels(seed: u64, level: impl Fn(f64, f64, f64) -> f64) -> Vec<BackgroundPixel> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut out = Vec::new();
        for k in 0..SIZE[2] {
            for j in 0..SIZE[1] {
                for i in 0..SIZE[0] {
                    // The middle is the reflection's.
                    if (6..15).contains(&i) && (5..14).contains(&j) {
                        continue;
                    }
                    let end = libm::exp(-level(i as f64 - 10.0, j as f64 - 9.0, k as f64 - 3.5));
                    let (mut n, mut product) = (0.0, rng.random::<f64>());
                    while product > end {
                        n += 1.0;
                        product *= rng.random::<f64>();
                    }
                    out.push(([i as u16, j as u16, k as u16], n));
                }
            }
        }
        out
    }

    const CORNERS: [[usize; 3]; 3] = [[10, 9, 3], [7, 12, 0], [13, 6, 7]];

    /// Sum over the reflection's pixels: what is wanted of a background.
    fn middle() -> impl Iterator<Item = ([usize; 3], f64)> + Clone {
        (0..SIZE[2]).flat_map(|k| (5..14).flat_map(move |j| (6..15).map(move |i| ([i, j, k], 1.0))))
    }

    #[test]
    fn a_gradient_is_followed_by_linear_models_and_its_mean_by_constant_ones() {
        let level = |x: f64, y: f64, z: f64| 6.0 + 0.25 * x - 0.15 * y + 0.3 * z;
        for outlier in [Outlier::Null, Outlier::Nsigma, Outlier::Tukey, Outlier::Normal] {
            let p = pixels(3, level);
            let linear = Field::fit(BackgroundShape::Linear3d, outlier, 10, SIZE, &p).unwrap();
            for at in CORNERS {
                let want = level(at[0] as f64 - 10.0, at[1] as f64 - 9.0, at[2] as f64 - 3.5);
                assert!((linear.at(at) - want).abs() < 0.35, "{outlier:?} {at:?}: {} {want}", linear.at(at));
            }
            for shape in [BackgroundShape::Constant3d, BackgroundShape::Linear3d, BackgroundShape::Constant2d, BackgroundShape::Linear2d] {
                let f = Field::fit(shape, outlier, 10, SIZE, &p).unwrap();
                let (sum, n) = middle().fold((0.0, 0.0), |(s, n), (at, _)| (s + f.at(at), n + 1.0));
                // Rejection trims the Poisson tail a little.
                assert!((sum / n - 6.0).abs() < 0.25, "{shape:?} {outlier:?}: {}", sum / n);
            }
        }
    }

    #[test]
    fn the_variance_of_the_background_is_that_of_repeated_measurements() {
        for shape in [BackgroundShape::Constant3d, BackgroundShape::Linear3d, BackgroundShape::Constant2d, BackgroundShape::Linear2d] {
            let (mut sum, mut sum2, mut variance) = (0.0, 0.0, 0.0);
            let n = 150;
            for seed in 0..n {
                let f = Field::fit(shape, Outlier::Null, 10, SIZE, &pixels(seed, |x, _, _| 2.0 + 0.05 * x)).unwrap();
                let s: f64 = middle().map(|(at, _)| f.at(at)).sum();
                sum += s;
                sum2 += s * s;
                variance += f.variance(middle());
            }
            let n = n as f64;
            let spread = sum2 / n - (sum / n).powi(2);
            let ratio = spread / (variance / n);
            assert!((0.65..1.5).contains(&ratio), "{shape:?}: {ratio}");
        }
    }

    /// An ice ring across the box and hot pixels: outlier rejection keeps the level, none does not.
    #[test]
    fn ice_and_hot_pixels_do_no_harm() {
        let ice = |_: f64, y: f64, _: f64| if y > 7.5 { 9.0 } else { 3.0 };
        let mut p = pixels(9, ice);
        for (n, pixel) in p.iter_mut().enumerate() {
            if n % 400 == 7 {
                pixel.1 = 3000.0;
            }
        }
        let level = |shape, outlier| {
            let f = Field::fit(shape, outlier, 10, SIZE, &p).unwrap();
            let (sum, n) = middle().fold((0.0, 0.0), |(s, n), (at, _)| (s + f.at(at), n + 1.0));
            sum / n
        };
        for shape in [BackgroundShape::Constant3d, BackgroundShape::Linear3d] {
            assert!(level(shape, Outlier::Null) > 8.0);
            for outlier in [Outlier::Tukey, Outlier::Normal] {
                let l = level(shape, outlier);
                assert!((l - 3.0).abs() < 0.9, "{shape:?} {outlier:?}: {l}");
            }
        }
    }

    #[test]
    fn too_few_pixels_give_no_background() {
        let p: Vec<BackgroundPixel> = pixels(1, |_, _, _| 1.0).into_iter().filter(|p| p.0[2] > 0).collect();
        assert!(Field::fit(BackgroundShape::Linear3d, Outlier::Null, 10, SIZE, &p).is_some());
        // Image 0 has none.
        assert!(Field::fit(BackgroundShape::Linear2d, Outlier::Null, 10, SIZE, &p).is_none());
        // All in one row: no slope along y.
        let row: Vec<BackgroundPixel> = (0..20).map(|i| ([i, 3, 0], 1.0)).collect();
        assert!(Field::fit(BackgroundShape::Linear2d, Outlier::Null, 10, [21, 19, 1], &row).is_none());
        assert!(Field::fit(BackgroundShape::Constant3d, Outlier::Null, 10, SIZE, &[]).is_none());
    }
}
