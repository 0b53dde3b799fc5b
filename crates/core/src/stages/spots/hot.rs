//! Pixels that shine on every image.

use super::HotPixel;
use crate::image::Pixel;

/// Fewer images cannot tell a hot pixel from a spot.
const FEWEST_IMAGES: usize = 10;

/// Pixels of a panel that have been strong on every image so far.
#[derive(Debug, Clone, Default)]
pub(super) struct AlwaysStrong {
    images: usize,
    pixels: Vec<History>,
}

#[derive(Debug, Clone, Copy)]
struct History {
    index: u32,
    sum: f64,
    sum_sq: f64,
}

impl AlwaysStrong {
    /// Adds the strong pixels of the next image, in row-major order.
    pub(super) fn add(&mut self, strong: &[Pixel]) {
        if self.images == 0 {
            self.pixels = strong.iter().map(|p| History { index: p.index, sum: 0.0, sum_sq: 0.0 }).collect();
        }
        self.images += 1;
        let mut at = 0;
        self.pixels.retain_mut(|h| {
            while strong.get(at).is_some_and(|p| p.index < h.index) {
                at += 1;
            }
            match strong.get(at) {
                Some(p) if p.index == h.index => {
                    let value = f64::from(p.value);
                    h.sum += value;
                    h.sum_sq += value * value;
                    true
                }
                _ => false,
            }
        });
    }

    /// Those whose counts vary no more than Poisson counts do (index of dispersion within six standard deviations of 1), on a panel of
    /// `width` pixels. A spot that lasts through a short sweep rises and falls, so it is not among them.
    pub(super) fn hot(&self, panel: usize, width: usize) -> Vec<HotPixel> {
        if self.images < FEWEST_IMAGES {
            return Vec::new();
        }
        let n = self.images as f64;
        let limit = 1.0 + 6.0 * (2.0 / (n - 1.0)).sqrt();
        let constant = self.pixels.iter().filter(|h| {
            let mean = h.sum / n;
            (h.sum_sq - h.sum * mean) / (n - 1.0) <= limit * mean
        });
        constant.map(|h| HotPixel { panel, x: h.index as usize % width, y: h.index as usize / width, mean: h.sum / n }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_pixels_are_hot_and_passing_spots_are_not() {
        let mut a = AlwaysStrong::default();
        for z in 0..15 {
            let rising = 20 + 40 * (7 - (z - 7i32).abs());
            let mut strong = vec![Pixel { index: 12, value: 3000 + 17 * (z % 5) }, Pixel { index: 40, value: rising }];
            if z != 3 {
                strong.push(Pixel { index: 50, value: 99 });
            }
            a.add(&strong);
        }
        let hot = a.hot(1, 10);
        assert_eq!(hot.iter().map(|h| (h.panel, h.x, h.y)).collect::<Vec<_>>(), [(1, 2, 1)]);
    }
}
