//! Pixels that shine on every image.
//!
//! A hot pixel is strong on every image, and its counts vary no more than Poisson counts do. A spot that lasts through a short sweep rises and
//! falls, so it is none. In a long sweep nothing that diffracts is strong nearly all the time: there a pixel may miss a tenth of the images (a
//! strong spot beside it raises the threshold) and flicker by a fifth. Powder rings and scatter shine all the time as well, but on many pixels side by side:
//! a hot pixel [stands out](stands_out) from its neighbours.
//!
//! Hot pixels are known when all images have been seen. Spots that hold one go on without it ([`without`]): a hot pixel joins what passes beside
//! it, on whatever image, into one component.

use super::HotPixel;
use super::components::{Component, Grower};
use super::mask::Searched;
use super::measure::Spot;
use super::never_dark::stands_out;
use crate::geometry::Detector;
use crate::image::Pixel;

/// Fewer images cannot tell a hot pixel from a spot.
const FEWEST_IMAGES: usize = 10;
/// From so many images on a pixel may miss some and flicker.
pub(super) const LONG: usize = 40;
/// Standard deviation of a flickering pixel's counts, relative to their mean.
const FLICKER: f64 = 0.2;

/// Pixels of a panel that have been strong on nearly every image so far.
#[derive(Debug, Clone, Default)]
pub(super) struct AlwaysStrong {
    images: usize,
    pixels: Vec<History>,
}

#[derive(Debug, Clone, Copy)]
struct History {
    index: u32,
    /// Images on which it was strong.
    n: u32,
    sum: f64,
    sum_sq: f64,
}

impl AlwaysStrong {
    /// Adds the strong pixels of the next image, in row-major order.
    pub(super) fn add(&mut self, strong: &[Pixel]) {
        // While images go by, a few may be missed more than a tenth of them: on which comes first hangs nothing then.
        let may_miss = |images: usize| 2 + images / 10;
        let new_ones = self.images <= may_miss(self.images);
        self.images += 1;
        let mut old = core::mem::take(&mut self.pixels).into_iter().peekable();
        let keep = |pixels: &mut Vec<History>, h: History| {
            if self.images - h.n as usize <= may_miss(self.images) {
                pixels.push(h);
            }
        };
        for p in strong {
            while let Some(missed) = old.next_if(|h| h.index < p.index) {
                keep(&mut self.pixels, missed);
            }
            let value = f64::from(p.value);
            match old.next_if(|h| h.index == p.index) {
                Some(h) => self.pixels.push(History { n: h.n + 1, sum: h.sum + value, sum_sq: h.sum_sq + value * value, ..h }),
                None if new_ones => self.pixels.push(History { index: p.index, n: 1, sum: value, sum_sq: value * value }),
                None => {}
            }
        }
        old.for_each(|missed| keep(&mut self.pixels, missed));
    }

    /// The hot pixels of a panel of `width` pixels, in row-major order. Constant are counts whose index of dispersion is within six standard
    /// deviations of 1.
    pub(super) fn hot(&self, panel: usize, width: usize) -> Vec<HotPixel> {
        if self.images < FEWEST_IMAGES {
            return Vec::new();
        }
        let long = self.images >= LONG;
        let missed = if long { self.images / 10 } else { 0 };
        let often = self.pixels.iter().filter(|h| self.images - h.n as usize <= missed);
        let constant = often.filter(|h| {
            let n = f64::from(h.n);
            let mean = h.sum / n;
            let variance = (h.sum_sq - h.sum * mean) / (n - 1.0);
            variance <= (1.0 + 6.0 * (2.0 / (n - 1.0)).sqrt()) * mean || (long && variance <= (FLICKER * mean) * (FLICKER * mean))
        });
        let pixel =
            |h: &History| HotPixel { panel, x: h.index as usize % width, y: h.index as usize / width, mean: h.sum / f64::from(h.n) };
        let all: Vec<HotPixel> = constant.map(pixel).collect();
        let is_alone = |h: &&HotPixel| {
            let near = (h.y.saturating_sub(1)..h.y + 2).flat_map(|y| {
                let first = all.partition_point(|other| (other.y, other.x) < (y, h.x.saturating_sub(1)));
                all[first..].iter().take_while(move |other| other.y == y && other.x <= h.x + 1)
            });
            stands_out(h.mean, &near.filter(|other| (other.x, other.y) != (h.x, h.y)).map(|other| other.mean).collect::<Vec<_>>())
        };
        all.iter().filter(is_alone).copied().collect()
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

    #[test]
    fn in_a_long_sweep_pixels_may_miss_images_and_flicker() {
        let mut a = AlwaysStrong::default();
        for z in 0..60 {
            // Missed first, missed often, flickering, moving like spots do.
            let on = [z > 1 && z != 30, z % 5 != 0, true, z / 4 % 2 == 0, true];
            let counts = [3000, 3000, 2000 + 300 * (z % 4), 50, 20 * (1 + (z % 12))];
            let pixels = (0..5usize).filter(|&k| on[k]).map(|k| Pixel { index: 7 * k as u32, value: counts[k] });
            a.add(&pixels.collect::<Vec<_>>());
        }
        assert_eq!(a.hot(0, 100).iter().map(|h| h.x).collect::<Vec<_>>(), [0, 14]);
        assert!((a.hot(0, 100)[0].mean - 3000.0).abs() < 1e-9);
    }

    #[test]
    fn four_in_a_square_are_hot_and_a_ring_is_not() {
        let mut a = AlwaysStrong::default();
        let square = [3, 4, 103, 104].into_iter();
        // Two pixels wide.
        let ring = (0..30).flat_map(|k| [2000 + 101 * k, 2001 + 101 * k, 2002 + 101 * k]);
        let mut strong: Vec<Pixel> = square.chain(ring).map(|index| Pixel { index, value: 200 + index as i32 % 7 }).collect();
        strong.sort_by_key(|p| p.index);
        (0..20).for_each(|_| a.add(&strong));
        // The ring's ends, which a ring has not, are left out.
        let hot = a.hot(0, 100).into_iter().filter(|h| h.y != 20 && h.y != 49);
        assert_eq!(hot.map(|h| (h.x, h.y)).collect::<Vec<_>>(), [(3, 0), (4, 0), (3, 1), (4, 1)]);
    }
}
