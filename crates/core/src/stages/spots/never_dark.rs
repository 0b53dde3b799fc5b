//! Pixels that are never dark: hot ones that the search for spots does not see, because their place is not searched or because they are too weak
//! to be strong on each image.
//!
//! Of images spread over the sweep the smallest count of each pixel is kept. What diffracts comes and goes, and what shines all the time, like
//! scatter beside the beam stop, shines on the neighbours too: a hot pixel [stands out](stands_out) from them.
//!
//! In a *short* sweep that is not enough: reflections near the rotation axis, and small ones beside the beam, last through a dozen images, and their
//! counts need not vary more than Poisson counts do. What tells them from a hot pixel is that a spot, however sharp, has more than one pixel. There a
//! hot pixel must be strong on every image and its counts constant ([`hot`](super::hot)), and it must stand out even from the brightest of its
//! neighbours; two hot pixels side by side are therefore missed. Fewer than ten images tell nothing: a still has no second look at a pixel.

use super::HotPixel;
use super::hot::FEWEST_IMAGES;
use super::mask::Searched;
use crate::geometry::Detector;
use crate::image::{Frame, ImageSource};
use crate::job::parallel;
use std::sync::{Mutex, PoisonError};

/// From so many images on a sweep is long: nothing that diffracts shines on all of them.
const LONG: usize = 40;
/// Images that are looked at, or a few less.
const SAMPLES: usize = 32;
/// Below this nothing stands out.
const LOWEST: u8 = 7;
/// Neighbours that must be usable.
const NEIGHBOURS: usize = 5;

/// Rows that are locked together.
const BAND: usize = 64;

/// The smallest counts so far, those above 255 as 255: a byte for each pixel of the image, whatever the number of threads.
///
/// Threads that look at different images at the same time go through bands of rows, each with a lock of its own, and start at different ones, so
/// that they hardly ever meet. A minimum does not depend on who comes first.
#[derive(Debug)]
pub(super) struct NeverDark {
    is_long: bool,
    every: usize,
    band: usize,
    bands: Vec<Mutex<Vec<u8>>>,
}

impl NeverDark {
    /// For `n` images of the size of `source`'s; `None` when they are too few.
    pub(super) fn new(source: &dyn ImageSource, n: usize) -> Option<Self> {
        let [width, height] = source.image_size();
        let band = (width * BAND).max(1);
        let darkest = |first: usize| Mutex::new(vec![u8::MAX; band.min(width * height - first)]);
        let bands = || (0..width * height).step_by(band).map(darkest).collect();
        (n >= FEWEST_IMAGES).then(|| NeverDark { is_long: n >= LONG, every: n.div_ceil(SAMPLES), band, bands: bands() })
    }

    /// Looks at the `k`-th image, in any order.
    pub(super) fn add(&self, k: usize, frame: &Frame) {
        if k % self.every != self.every / 2 {
            return;
        }
        let n = self.bands.len();
        // Images looked at side by side have consecutive numbers: the golden section of the circle keeps them apart.
        let start = (k as f64 * 0.618_034).fract() * n as f64;
        for i in (0..n).map(|i| (start as usize + i) % n) {
            let counts = frame.pixels.get(i * self.band..).unwrap_or_default();
            let mut least = self.bands[i].lock().unwrap_or_else(PoisonError::into_inner);
            for (l, c) in least.iter_mut().zip(counts) {
                *l = (*l).min((*c).clamp(0, 255) as u8);
            }
        }
    }

    /// The hot pixels of each panel in row-major order, without those that the images' or the panels' masks hide.
    pub(super) fn hot(self, source: &dyn ImageSource, detector: &Detector, panels: &[Searched]) -> Vec<Vec<HotPixel>> {
        let bands = self.bands.into_iter().map(|band| band.into_inner().unwrap_or_else(PoisonError::into_inner));
        let mut least = bands.collect::<Vec<_>>().concat();
        let size = source.image_size();
        let mut usable = source.mask().map_or_else(|| vec![true; least.len()], <[bool]>::to_vec);
        usable.resize(least.len(), false);
        detector.hide_masked(size, |run| usable[run].fill(false));
        // Photons without light are no sign of heat.
        for panel in panels.iter().filter(|p| p.pedestal != 0 || p.gain != 1.0) {
            for y in panel.origin[1]..panel.origin[1] + panel.size[1] {
                for l in &mut least[y * size[0] + panel.origin[0]..][..panel.size[0]] {
                    *l = ((f64::from(*l) - f64::from(panel.pedestal)) / panel.gain).clamp(0.0, 255.0) as u8;
                }
            }
        }
        let image = Smallest { is_long: self.is_long, least, usable, width: size[0] };
        panels.iter().enumerate().map(|(number, panel)| image.hot(number, panel)).collect()
    }
}

struct Smallest {
    is_long: bool,
    least: Vec<u8>,
    usable: Vec<bool>,
    width: usize,
}

impl Smallest {
    fn hot(&self, number: usize, panel: &Searched) -> Vec<HotPixel> {
        let row = |y: usize| {
            let at = |x: usize| (panel.origin[1] + y) * self.width + panel.origin[0] + x;
            let bright = (0..panel.size[0]).filter(|&x| self.least[at(x)] >= LOWEST && self.usable[at(x)]);
            let hot = bright.filter(|&x| self.is_above_neighbours(panel, x, y));
            hot.map(|x| HotPixel { panel: number, x, y, mean: f64::from(self.least[at(x)]) }).collect::<Vec<_>>()
        };
        parallel::map(panel.size[1], row).into_iter().flatten().collect()
    }

    fn is_above_neighbours(&self, panel: &Searched, x: usize, y: usize) -> bool {
        let [width, height] = panel.size;
        let at = |x: usize, y: usize| (panel.origin[1] + y) * self.width + panel.origin[0] + x;
        let around =
            (y.saturating_sub(1)..(y + 2).min(height)).flat_map(|j| (x.saturating_sub(1)..(x + 2).min(width)).map(move |i| (i, j)));
        let usable = around.filter(|&(i, j)| (i, j) != (x, y) && self.usable[at(i, j)]);
        let counts: Vec<f64> = usable.map(|(i, j)| f64::from(self.least[at(i, j)])).collect();
        counts.len() >= NEIGHBOURS && stands_out(f64::from(self.least[at(x, y)]), &counts, self.is_long)
    }
}

/// Whether counts stand out from those of a pixel's eight neighbours, or as many as are usable.
///
/// In a long sweep they exceed 2v + 6·√max(v, 1), where v is the fourth largest of eight, and as far up among fewer. Four hot pixels in a square stand
/// out, and pixels at a straight edge of a bright region or on a powder ring do not. In a short one they exceed 8v + 6·√max(v, 1), v being the largest:
/// beside a pixel that a spot of σ = 0.4 px is centred on, a neighbour has 0.13 of its counts, and spots are hardly ever sharper.
fn stands_out(own: f64, neighbours: &[f64], is_long: bool) -> bool {
    let mut sorted = neighbours.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let (rank, times) = if is_long { (3 * sorted.len() / 8, 2.0) } else { (0, 8.0) };
    let v = sorted.get(rank).copied().unwrap_or(0.0);
    own > times * v + 6.0 * v.max(1.0).sqrt()
}

/// The hot pixels of a panel, both lists being in row-major order: in a short sweep of `n` images those that are strong and constant on every image and
/// never dark, in a long one all that are never dark.
pub(super) fn agreed(always: &[HotPixel], never_dark: Vec<HotPixel>, n: usize) -> Vec<HotPixel> {
    let mean = |h: &HotPixel| always.binary_search_by_key(&(h.y, h.x), |a| (a.y, a.x)).ok().map(|k| always[k]);
    never_dark.into_iter().filter_map(|h| mean(&h).or((n >= LONG).then_some(h))).collect()
}
