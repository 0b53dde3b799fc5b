//! Pixels that shine on every image.
//!
//! A hot pixel is strong on every image, and its counts vary no more than Poisson counts do. A spot that lasts through a short sweep rises and
//! falls, so it is none; and what shines on many pixels side by side, powder rings and scatter, is told by the pixel's neighbours
//! ([`never_dark`](super::never_dark)), which alone decide in a long sweep.
//!
//! Hot pixels are known when all images have been seen. Spots that hold one go on without it ([`without`]): a hot pixel joins what passes beside
//! it, on whatever image, into one component.

use super::HotPixel;
use super::components::{Component, Grower};
use super::mask::Searched;
use super::measure::Spot;
use crate::geometry::Detector;
use crate::image::Pixel;

/// Fewer images cannot tell a hot pixel from a spot.
pub(super) const FEWEST_IMAGES: usize = 10;

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

/// Whether a spot holds one of the pixels, which are in row-major order.
pub(super) fn is_in(spot: &Spot, hot: &[HotPixel]) -> bool {
    let b = spot.shoebox.bbox.map(|v| v as usize);
    let [_, rows, columns] = spot.shoebox.size();
    (b[2]..b[3]).any(|y| {
        let first = hot.partition_point(|h| (h.y, h.x) < (y, b[0]));
        let in_row = hot[first..].iter().take_while(|h| h.y == y && h.x < b[1]);
        let mut at = in_row.map(|h| (y - b[2]) * columns + h.x - b[0]);
        at.any(|i| spot.shoebox.mask[i..].iter().step_by(rows * columns).any(|m| *m != 0))
    })
}

/// The components that are left of spots without the pixels.
pub(super) fn without(spots: Vec<Spot>, hot: &[HotPixel], panel: &Searched, largest: usize) -> Vec<Component> {
    let width = panel.size[0];
    let is_hot = |index: u32| {
        let at = (index as usize / width, index as usize % width);
        hot.binary_search_by_key(&at, |h| (h.y, h.x)).is_ok()
    };
    let left = |spot: &Spot| {
        let mut voxels = spot.voxels(width, panel.gain);
        voxels.retain(|v| !is_hot(v.index));
        Grower::all(voxels, width, largest)
    };
    spots.iter().flat_map(left).collect()
}

/// Adds the pixels to the panels' masks.
pub(super) fn mask(detector: &mut Detector, hot: &[HotPixel]) {
    for h in hot {
        if let Some(panel) = detector.panels.get_mut(h.panel) {
            let [x, y] = [h.x as i64, h.y as i64];
            panel.distrust([[x, y, x + 1, y + 1]]);
        }
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
