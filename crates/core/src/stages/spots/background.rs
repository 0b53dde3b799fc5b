//! The mean background by resolution, from a few images and a fraction of their pixels.

use super::mask::Searched;
use super::result::RadialBackground;
use crate::geometry::{Beam, Detector};
use crate::image::{Frame, PanelView, Pixel};
use crate::job::parallel;
use crate::math::Vec2;

/// Pixels looked at, about.
const PIXELS: usize = 400_000;
/// Images looked at, at most.
const IMAGES: usize = 10;
/// Width of a bin in 1/d², Å⁻².
const STEP: f64 = 0.001;
/// Most bins: 1/d² to 4 Å⁻², 0.5 Å.
const BINS: usize = 4000;

/// The pixels that are looked at, every so many along slow and fast, with their bins.
pub(super) struct Sampling {
    stride: usize,
    /// By panel, row by row; `BINS` where there is none.
    bins: Vec<Vec<u16>>,
}

impl Sampling {
    pub(super) fn new(detector: &Detector, beam: &Beam) -> Self {
        let all: usize = detector.panels.iter().map(|p| p.image_size[0] * p.image_size[1]).sum();
        let stride = ((all as f64 / PIXELS as f64).sqrt().ceil() as usize).max(1);
        let s0 = beam.s0();
        let bins = detector.panels.iter().map(|panel| {
            let [width, height] = panel.image_size;
            let row = |j: usize| -> Vec<u16> {
                let bin = |i: usize| {
                    let d = panel.d_at_px(&s0, Vec2::new(i as f64 + 0.5, (j * stride) as f64 + 0.5));
                    // As casts saturate, an infinite or undefined 1/d² is in the last bin or the first.
                    ((1.0 / (d * d) / STEP) as usize).min(BINS) as u16
                };
                (0..width).step_by(stride).map(bin).collect()
            };
            parallel::map(height.div_ceil(stride), row).concat()
        });
        Sampling { stride, bins: bins.collect() }
    }

    /// Whether the `k`-th of `n` searched images is looked at.
    pub(super) fn includes(k: usize, n: usize) -> bool {
        let step = n.div_ceil(IMAGES).max(1);
        k % step == step / 2
    }

    /// Sums over the usable pixels of an image that are not strong. `strong`: of each panel, in row-major order.
    pub(super) fn measure(&self, frame: &Frame, panels: &[Searched], strong: &[Vec<Pixel>]) -> RadialBackground {
        let mut sums = RadialBackground::new(STEP, BINS);
        for ((panel, bins), strong) in panels.iter().zip(&self.bins).zip(strong) {
            let Some(view) = PanelView::new(frame, panel.origin, panel.size) else { continue };
            let [width, height] = panel.size;
            let per_row = width.div_ceil(self.stride);
            for j in (0..height).step_by(self.stride) {
                let (row, bins) = (view.row(j), &bins[j / self.stride * per_row..][..per_row]);
                let of_row = |at: usize| strong.partition_point(|p| (p.index as usize) < at);
                let bright = &strong[of_row(j * width)..of_row((j + 1) * width)];
                for (i, &bin) in (0..width).step_by(self.stride).zip(bins) {
                    let p = row[i].saturating_sub(panel.pedestal);
                    let is_strong = || bright.binary_search_by_key(&((j * width + i) as u32), |b| b.index).is_ok();
                    if (bin as usize) < BINS && panel.usable.contains(i, j) && panel.usable.trusts(p) && !is_strong() {
                        sums.pixels[bin as usize] += 1;
                        sums.counts[bin as usize] += i64::from(p);
                    }
                }
            }
        }
        sums
    }
}
