//! The stages of thresholding, as maps of an image: what spot finding computes about every pixel on its way to the strong ones.
//!
//! Letters as in `ewald_core::image::Dispersion`: in the window about a pixel, m usable pixels, x = Σp, y = Σp². Counts of 2²⁴ and more take
//! no part. A map's integers are steps of the unit that comes with it; −1 where there is nothing to tell.

use ewald_core::stages::spots::Params;
use ewald_protocol::Layer;

/// Counts from here on take no part in sums.
const BIG: i32 = 1 << 24;

/// A rectangle of the image that is searched by itself: its first pixel and size, (fast, slow).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rectangle {
    /// First pixel.
    pub origin: [usize; 2],
    /// Pixels.
    pub size: [usize; 2],
}

/// The map `layer` of an image of `width` px, and the value of one step of its integers.
///
/// - `counts`: row by row, negative where there are no data
/// - `panels`: the rectangles to look at; windows do not reach beyond them
pub fn map(layer: Layer, counts: &[i32], width: usize, panels: &[Rectangle], params: &Params) -> (Vec<i32>, f64) {
    let unit = match layer {
        Layer::Mean | Layer::Threshold => 1.0 / 64.0,
        Layer::Variance => 1.0 / 16.0,
        Layer::Dispersion => 1.0 / 256.0,
        Layer::Counts | Layer::Flagged | Layer::Strong => 1.0,
    };
    let mut out = vec![-1; counts.len()];
    for panel in panels {
        if (panel.origin[1] + panel.size[1]) * width <= counts.len() && panel.origin[0] + panel.size[0] <= width {
            Panel { counts, width, at: *panel, params }.fill(layer, unit, &mut out);
        }
    }
    (out, unit)
}

struct Panel<'a> {
    counts: &'a [i32],
    width: usize,
    at: Rectangle,
    params: &'a Params,
}

impl Panel<'_> {
    fn index(&self, i: usize, j: usize) -> usize {
        (self.at.origin[1] + j) * self.width + self.at.origin[0] + i
    }

    fn usable(&self, i: usize, j: usize) -> bool {
        self.counts[self.index(i, j)] >= 0
    }

    /// m, x, y of one pixel.
    fn own(&self, i: usize, j: usize) -> [f64; 3] {
        let p = self.counts[self.index(i, j)];
        if (0..BIG).contains(&p) { [1.0, f64::from(p), f64::from(p) * f64::from(p)] } else { [0.0; 3] }
    }

    fn gain(&self) -> f64 {
        self.params.gain.or_one()
    }

    fn fill(&self, layer: Layer, unit: f64, out: &mut [i32]) {
        let steps = |value: f64| (value / unit).clamp(0.0, f64::from(i32::MAX)) as i32;
        let kernel = self.params.kernel_size;
        match layer {
            Layer::Counts | Layer::Strong => {}
            Layer::Mean | Layer::Variance | Layer::Dispersion => sliding(
                self.at.size,
                kernel,
                |i, j| self.own(i, j),
                |i, j, [m, x, y]| {
                    let mean = x / m.max(1.0);
                    let variance = (y - x * mean) / (m - 1.0);
                    let value = match layer {
                        Layer::Mean => Some(mean).filter(|_| m > 0.0),
                        Layer::Variance => Some(variance).filter(|_| m > 1.0),
                        _ => Some(variance / mean).filter(|_| m > 1.0 && x > 0.0),
                    };
                    if let Some(value) = value.filter(|_| self.usable(i, j)) {
                        out[self.index(i, j)] = steps(value);
                    }
                },
            ),
            Layer::Flagged => {
                let [w, h] = self.at.size;
                let flagged = self.flagged();
                for (j, i) in (0..h).flat_map(|j| (0..w).map(move |i| (j, i))).filter(|&(j, i)| self.usable(i, j)) {
                    out[self.index(i, j)] = i32::from(flagged[j * w + i]);
                }
            }
            Layer::Threshold => {
                let kept = self.kept();
                let w = self.at.size[0];
                let background = |i: usize, j: usize| if kept[j * w + i] { [0.0; 3] } else { self.own(i, j) };
                sliding(self.at.size, kernel.map(|k| k + 2), background, |i, j, [m, x, _]| {
                    if self.usable(i, j) {
                        let mean = if m >= 2.0 { x / m } else { 0.0 };
                        let value = mean + self.params.sigma_strong * (self.gain() * mean).sqrt();
                        out[self.index(i, j)] = steps(value.max(self.params.global_threshold.unwrap_or(0.0)));
                    }
                });
            }
        }
    }

    /// Pixels whose window varies more than flat background does.
    fn flagged(&self) -> Vec<bool> {
        let [w, h] = self.at.size;
        let kernel = self.params.kernel_size;
        let window = kernel.iter().map(|k| 2 * k + 1).product::<usize>();
        let least = if self.params.min_local == 0 { window } else { self.params.min_local } as f64;
        let mut flagged = vec![false; w * h];
        sliding(
            self.at.size,
            kernel,
            |i, j| self.own(i, j),
            |i, j, [m, x, y]| {
                let free = (m - 1.0).max(0.0);
                let bound = self.gain() * (free + self.params.sigma_background * (2.0 * free).sqrt());
                flagged[j * w + i] = self.usable(i, j) && m >= least && m * y - x * x > x * bound;
            },
        );
        flagged
    }

    /// Flagged pixels that are not nearer than the kernel's half-width to a usable one that is not flagged.
    fn kept(&self) -> Vec<bool> {
        let w = self.at.size[0];
        let flagged = self.flagged();
        let mut kept = vec![false; flagged.len()];
        let flat = |i: usize, j: usize| [f64::from(u8::from(self.usable(i, j) && !flagged[j * w + i])), 0.0, 0.0];
        let distance = self.params.kernel_size[0].min(self.params.kernel_size[1]) - 1;
        sliding(self.at.size, [distance; 2], flat, |i, j, [near, ..]| kept[j * w + i] = near == 0.0 && self.usable(i, j));
        kept
    }
}

/// Sums over windows of half-widths (slow, fast) about every pixel of a rectangle of `size` (fast, slow), clipped at its edges.
///
/// - `own(i, j)`: what pixel i of row j adds
/// - `each(i, j, sums)`: takes the sums
///
/// Integers below 2⁵³ are summed exactly.
fn sliding([w, h]: [usize; 2], [ky, kx]: [usize; 2], own: impl Fn(usize, usize) -> [f64; 3], mut each: impl FnMut(usize, usize, [f64; 3])) {
    fn add(to: &mut [f64; 3], what: [f64; 3], sign: f64) {
        to.iter_mut().zip(what).for_each(|(t, v)| *t += sign * v);
    }
    let mut columns = vec![[0.0; 3]; w];
    for j in 0..ky.min(h) {
        columns.iter_mut().enumerate().for_each(|(i, c)| add(c, own(i, j), 1.0));
    }
    for j in 0..h {
        if j + ky < h {
            columns.iter_mut().enumerate().for_each(|(i, c)| add(c, own(i, j + ky), 1.0));
        }
        if j > ky {
            columns.iter_mut().enumerate().for_each(|(i, c)| add(c, own(i, j - ky - 1), -1.0));
        }
        let mut sum = [0.0; 3];
        columns.iter().take(kx).for_each(|c| add(&mut sum, *c, 1.0));
        for i in 0..w {
            if let Some(c) = columns.get(i + kx) {
                add(&mut sum, *c, 1.0);
            }
            if i > kx {
                add(&mut sum, columns[i - kx - 1], -1.0);
            }
            each(i, j, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::image::{Dispersion, Frame, PanelView, Scratch, Usable};

    /// Background of about 3 with spots and gaps.
    fn image(w: usize, h: usize) -> Vec<i32> {
        let mut seed = 7u64;
        let mut random = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as i32
        };
        let mut counts: Vec<i32> = (0..w * h).map(|_| (0..6).map(|_| random() % 2).sum()).collect();
        for _ in 0..12 {
            let (x, y) = (random() as usize % (w - 4), random() as usize % (h - 4));
            for k in 0..9 {
                counts[(y + k / 3) * w + x + k % 3] += 20 + random() % 200;
            }
        }
        (0..w).for_each(|i| counts[20 * w + i] = -1);
        counts
    }

    #[test]
    fn pixels_at_the_threshold_are_those_that_spot_finding_calls_strong() {
        let (w, h) = (90, 70);
        let counts = image(w, h);
        let params = Params::default();
        let panel = Rectangle { origin: [0, 0], size: [w, h] };
        let parts = Panel { counts: &counts, width: w, at: panel, params: &params };
        let (threshold, unit) = map(Layer::Threshold, &counts, w, &[panel], &params);
        let kept = parts.kept();
        let here: Vec<usize> =
            (0..w * h).filter(|&i| kept[i] && f64::from(counts[i]) >= f64::from(threshold[i]) * unit && counts[i] > 0).collect();
        let usable = Usable::new(&vec![true; w * h], w, [0, i32::MAX]);
        let frame = Frame { width: w, height: h, pixels: counts.clone() };
        let view = PanelView::new(&frame, [0, 0], [w, h]).unwrap();
        let strong = Dispersion::default().strong_pixels(&view, &usable, &mut Scratch::default());
        assert!(strong.len() > 60, "{}", strong.len());
        assert_eq!(here, strong.iter().map(|p| p.index as usize).collect::<Vec<_>>());
    }

    #[test]
    fn means_and_variances_are_those_of_the_window() {
        let counts: Vec<i32> = (0..100).collect();
        let panel = Rectangle { origin: [0, 0], size: [10, 10] };
        let params = Params::default();
        let (mean, unit) = map(Layer::Mean, &counts, 10, &[panel], &params);
        assert_eq!(f64::from(mean[55]) * unit, 55.0);
        // The corner's window has 4 × 4 pixels.
        assert_eq!(f64::from(mean[0]) * unit, 16.5);
        let (dispersion, _) = map(Layer::Dispersion, &[5; 100], 10, &[panel], &params);
        assert!(dispersion.iter().all(|d| *d == 0));
        let (flagged, _) = map(Layer::Flagged, &[-1; 100], 10, &[panel], &params);
        assert!(flagged.iter().all(|f| *f == -1));
    }
}
