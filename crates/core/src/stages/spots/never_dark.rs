//! Pixels that are never dark: hot ones that the search for spots does not see, because their place is not searched or because they are too weak
//! to be strong on each image.
//!
//! Of images spread over the sweep the smallest count of each pixel is kept. What diffracts comes and goes, and what shines all the time, like
//! scatter beside the beam stop, shines on the neighbours too: a hot pixel [stands out](stands_out) from them.

use super::HotPixel;
use super::hot::FEWEST_IMAGES;
use super::mask::Searched;
use crate::geometry::Detector;
use crate::image::{Frame, ImageSource};
use crate::job::parallel;
use std::sync::{Mutex, PoisonError};

/// From so many images on nothing that diffracts shines on all of them.
const LONG: usize = 40;
/// Images that are looked at, or a few less.
const SAMPLES: usize = 32;
/// Below this nothing stands out.
const LOWEST: u8 = 7;
/// Neighbours that must be usable.
const NEIGHBOURS: usize = 5;

/// The smallest counts so far, those above 255 as 255.
#[derive(Debug)]
pub(super) struct NeverDark {
    every: usize,
    least: Mutex<Vec<u8>>,
}

impl NeverDark {
    /// For `n` images of the size of `source`'s; `None` when they are too few.
    pub(super) fn new(source: &dyn ImageSource, n: usize) -> Option<Self> {
        let [width, height] = source.image_size();
        (n >= FEWEST_IMAGES).then(|| NeverDark { every: n.div_ceil(SAMPLES), least: Mutex::new(vec![u8::MAX; width * height]) })
    }

    /// Looks at the `k`-th image, in any order.
    pub(super) fn add(&self, k: usize, frame: &Frame) {
        if k % self.every != self.every / 2 {
            return;
        }
        let mut least = self.least.lock().unwrap_or_else(PoisonError::into_inner);
        for (l, c) in least.iter_mut().zip(&frame.pixels) {
            *l = (*l).min((*c).clamp(0, 255) as u8);
        }
    }

    /// The hot pixels of each panel in row-major order, without those that the images' or the panels' masks hide.
    pub(super) fn hot(self, source: &dyn ImageSource, detector: &Detector, panels: &[Searched]) -> Vec<Vec<HotPixel>> {
        let mut least = self.least.into_inner().unwrap_or_else(PoisonError::into_inner);
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
        let image = Smallest { least, usable, width: size[0] };
        panels.iter().enumerate().map(|(number, panel)| image.hot(number, panel)).collect()
    }
}

struct Smallest {
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
        counts.len() >= NEIGHBOURS && stands_out(f64::from(self.least[at(x, y)]), &counts)
    }
}

/// Whether counts stand out from those of a pixel's eight neighbours, or as many as are usable: they exceed 2v + 6·√max(v, 1), where v is the fourth
/// largest of eight, and as far up among fewer. Four hot pixels in a square stand out, and pixels at a straight edge of a bright region or on a powder
/// ring do not.
fn stands_out(own: f64, neighbours: &[f64]) -> bool {
    let mut sorted = neighbours.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let v = sorted.get(3 * sorted.len() / 8).copied().unwrap_or(0.0);
    own > 2.0 * v + 6.0 * v.max(1.0).sqrt()
}

/// The hot pixels of a panel, both lists being in row-major order: in a short sweep of `n` images those that are strong and constant on every image and
/// never dark, in a long one all that are never dark.
pub(super) fn agreed(always: &[HotPixel], never_dark: Vec<HotPixel>, n: usize) -> Vec<HotPixel> {
    let mean = |h: &HotPixel| always.binary_search_by_key(&(h.y, h.x), |a| (a.y, a.x)).ok().map(|k| always[k]);
    never_dark.into_iter().filter_map(|h| mean(&h).or((n >= LONG).then_some(h))).collect()
}
