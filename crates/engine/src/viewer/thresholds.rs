//! The stages of thresholding, as maps of an image: what spot finding computes about every pixel on its way to the strong ones.
//!
//! Letters as in `ewald_core::image::Dispersion`: in the window about a pixel, m usable pixels, x = Σp, y = Σp². Counts of 2²⁴ and more take
//! no part. Which pixels are usable, the gain and the pedestal are spot finding's own ([`Examined`]). A map's integers are steps of the unit
//! that comes with it; −1 where there is nothing to tell. Only what is looked at is computed: the part, and around it what the windows reach.

use core::ops::Range;

use ewald_core::image::{Dispersion, Gaps, Method};
use ewald_core::stages::spots::Examined;
use ewald_protocol::Layer;

/// Counts from here on take no part in sums.
const BIG: i32 = 1 << 24;

/// The map `layer` of a part of an image, row by row, and the value of one step of its integers.
///
/// - `part`: pixels along (fast, slow)
/// - `panels`: what spot finding makes of its panels there; windows do not reach beyond them
pub fn map(layer: Layer, part: &[Range<usize>; 2], panels: &[Examined]) -> (Vec<i32>, f64) {
    let unit = match layer {
        Layer::Mean | Layer::Threshold => 1.0 / 64.0,
        Layer::Variance => 1.0 / 16.0,
        Layer::Dispersion => 1.0 / 256.0,
        Layer::Counts | Layer::Flagged | Layer::Strong => 1.0,
    };
    let width = part[0].len();
    let mut out = vec![-1; width * part[1].len()];
    for at in panels {
        let values = layer_of(at, layer, unit);
        let [columns, rows] = at.inner.clone();
        let first = [at.origin[0] + columns.start, at.origin[1] + rows.start];
        let (Some(x), Some(y)) = (first[0].checked_sub(part[0].start), first[1].checked_sub(part[1].start)) else { continue };
        for (j, row) in values.chunks_exact(at.size[0].max(1)).take(rows.end).skip(rows.start).enumerate() {
            let start = (y + j) * width + x;
            if let (Some(to), Some(from)) = (out.get_mut(start..start + columns.len()), row.get(columns.clone())) {
                to.copy_from_slice(from);
            }
        }
    }
    (out, unit)
}

/// Without windows (the radial profile) there are only the counts and the strong pixels.
fn layer_of(at: &Examined, layer: Layer, unit: f64) -> Vec<i32> {
    let mut out = vec![-1; at.counts.len()];
    match (layer, &at.test) {
        (Layer::Counts, _) => out.copy_from_slice(&at.counts),
        (Layer::Strong, _) => {
            out.iter_mut().zip(&at.counts).filter(|(_, c)| **c >= 0).for_each(|(o, _)| *o = 0);
            at.strong.iter().for_each(|&k| out[k as usize] = 1);
        }
        (_, Some(test)) => Panel { at, test }.fill(layer, unit, &mut out),
        (_, None) => {}
    }
    out
}

struct Panel<'a> {
    at: &'a Examined,
    test: &'a Dispersion,
}

impl Panel<'_> {
    fn usable(&self, k: usize) -> bool {
        self.at.counts[k] >= 0
    }

    /// m, x, y of one pixel.
    fn own(&self, k: usize) -> [f64; 3] {
        let p = self.at.counts[k];
        if (0..BIG).contains(&p) { [1.0, f64::from(p), f64::from(p) * f64::from(p)] } else { [0.0; 3] }
    }

    fn fill(&self, layer: Layer, unit: f64, out: &mut [i32]) {
        let steps = |value: f64| (value / unit).clamp(0.0, f64::from(i32::MAX)) as i32;
        let (size, test) = (self.at.size, self.test);
        match layer {
            Layer::Counts | Layer::Strong => {}
            Layer::Mean | Layer::Variance | Layer::Dispersion => sliding(
                size,
                test.kernel,
                |k| self.own(k),
                |k, [m, x, y]| {
                    let mean = x / m.max(1.0);
                    let variance = (y - x * mean) / (m - 1.0);
                    let value = match layer {
                        Layer::Mean => Some(mean).filter(|_| m > 0.0),
                        Layer::Variance => Some(variance).filter(|_| m > 1.0),
                        _ => Some(variance / mean).filter(|_| m > 1.0 && x > 0.0),
                    };
                    if let Some(value) = value.filter(|_| self.usable(k)) {
                        out[k] = steps(value);
                    }
                },
            ),
            Layer::Flagged => {
                let flagged = self.flagged();
                (0..out.len()).filter(|k| self.usable(*k)).for_each(|k| out[k] = i32::from(flagged[k]));
            }
            Layer::Threshold => {
                let (threshold, _) = self.thresholds();
                (0..out.len()).filter(|k| self.usable(*k)).for_each(|k| out[k] = steps(threshold[k].max(test.global_threshold)));
            }
        }
    }

    /// The count from which a pixel is strong by the mean about it, and whether it may be strong at all.
    fn thresholds(&self) -> (Vec<f64>, Vec<bool>) {
        let test = self.test;
        let mut threshold = vec![0.0; self.at.counts.len()];
        let above = |mean: f64| mean + test.sigma_strong * (test.gain * mean).sqrt();
        match test.method {
            Method::Dispersion => {
                let flagged = self.flagged();
                sliding(self.at.size, test.kernel, |k| self.own(k), |k, [m, x, _]| threshold[k] = above(x / m.max(1.0)));
                (threshold, flagged)
            }
            Method::DispersionExtended => {
                let kept = self.kept();
                let background = |k: usize| if kept[k] { [0.0; 3] } else { self.own(k) };
                sliding(self.at.size, test.kernel.map(|k| k + 2), background, |k, [m, x, _]| {
                    threshold[k] = above(if m >= 2.0 { x / m } else { 0.0 });
                });
                (threshold, kept)
            }
        }
    }

    /// Pixels whose window varies more than flat background does.
    fn flagged(&self) -> Vec<bool> {
        let test = self.test;
        let mut flagged = vec![false; self.at.counts.len()];
        sliding(
            self.at.size,
            test.kernel,
            |k| self.own(k),
            |k, [m, x, y]| {
                let free = (m - 1.0).max(0.0);
                let bound = test.gain * (free + test.sigma_background * (2.0 * free).sqrt());
                flagged[k] = self.usable(k) && m >= test.min_local as f64 && m * y - x * x > x * bound;
            },
        );
        flagged
    }

    /// Flagged pixels that are not nearer than the kernel's half-width to one that is not flagged.
    fn kept(&self) -> Vec<bool> {
        let test = self.test;
        let flagged = self.flagged();
        let mut kept = vec![false; flagged.len()];
        let flat = |k: usize| {
            let is = !flagged[k] && (test.gaps == Gaps::Background || self.usable(k));
            [f64::from(u8::from(is)), 0.0, 0.0]
        };
        let distance = test.kernel[0].min(test.kernel[1]) - 1;
        sliding(self.at.size, [distance; 2], flat, |k, [near, ..]| kept[k] = near == 0.0 && self.usable(k));
        kept
    }
}

/// Sums over windows of half-widths (slow, fast) about every pixel of a rectangle of `size` (fast, slow), clipped at its edges.
///
/// - `own(k)`: what pixel k, row by row, adds
/// - `each(k, sums)`: takes the sums
///
/// Integers below 2⁵³ are summed exactly.
fn sliding([w, h]: [usize; 2], [ky, kx]: [usize; 2], own: impl Fn(usize) -> [f64; 3], mut each: impl FnMut(usize, [f64; 3])) {
    fn add(to: &mut [f64; 3], what: [f64; 3], sign: f64) {
        to.iter_mut().zip(what).for_each(|(t, v)| *t += sign * v);
    }
    let mut columns = vec![[0.0; 3]; w];
    for j in 0..ky.min(h) {
        columns.iter_mut().enumerate().for_each(|(i, c)| add(c, own(j * w + i), 1.0));
    }
    for j in 0..h {
        if j + ky < h {
            columns.iter_mut().enumerate().for_each(|(i, c)| add(c, own((j + ky) * w + i), 1.0));
        }
        if j > ky {
            columns.iter_mut().enumerate().for_each(|(i, c)| add(c, own((j - ky - 1) * w + i), -1.0));
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
            each(j * w + i, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::image::{Frame, PanelView, Scratch, Usable};

    /// Background of about 3 with spots and gaps, some of them at the gaps.
    fn counts(w: usize, h: usize) -> Vec<i32> {
        let mut seed = 7u64;
        let mut random = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as i32
        };
        let mut counts: Vec<i32> = (0..w * h).map(|_| (0..6).map(|_| random() % 2).sum()).collect();
        for n in 0..24 {
            let (x, y) = (random() as usize % (w - 4), if n < 12 { random() as usize % (h - 4) } else { 18 + n % 3 });
            for k in 0..9 {
                counts[(y + k / 3) * w + x + k % 3] += 20 + random() % 200;
            }
        }
        (0..w).for_each(|i| counts[20 * w + i] = -1);
        counts
    }

    fn examined(test: &Dispersion, counts: &[i32], [w, h]: [usize; 2]) -> Examined {
        let usable = Usable::new(&vec![true; w * h], w, [0, i32::MAX]);
        let frame = Frame { width: w, height: h, pixels: counts.to_vec() };
        let view = PanelView::new(&frame, [0, 0], [w, h]).unwrap();
        let strong = test.strong_pixels(&view, &usable, &mut Scratch::default()).iter().map(|p| p.index).collect();
        Examined { origin: [0, 0], size: [w, h], inner: [0..w, 0..h], counts: counts.to_vec(), test: Some(test.clone()), strong }
    }

    #[test]
    fn pixels_at_the_threshold_are_those_that_spot_finding_calls_strong() {
        let size = [90, 70];
        let counts = counts(size[0], size[1]);
        let base = Dispersion::default();
        let tests = [
            base.clone(),
            Dispersion { gaps: Gaps::Flagged, ..base.clone() },
            Dispersion { gain: 1.7, sigma_strong: 2.0, ..base.clone() },
            Dispersion { kernel: [2, 4], min_local: 20, global_threshold: 60.0, ..base.clone() },
            Dispersion { method: Method::Dispersion, ..base },
        ];
        let mut numbers = Vec::new();
        for test in tests {
            let at = examined(&test, &counts, size);
            let (threshold, may) = Panel { at: &at, test: &test }.thresholds();
            let strong = |k: &usize| {
                let p = f64::from(counts[*k]);
                let above = if test.method == Method::Dispersion { p > threshold[*k] } else { p >= threshold[*k] };
                may[*k] && above && p > test.global_threshold
            };
            let here: Vec<u32> = (0..counts.len()).filter(strong).map(|k| k as u32).collect();
            assert!(here.len() > 40, "{}", here.len());
            assert_eq!(here, at.strong, "{test:?}");
            numbers.push(here.len());
            let (drawn, unit) = map(Layer::Strong, &[0..size[0], 0..size[1]], std::slice::from_ref(&at));
            assert_eq!((drawn.iter().filter(|v| **v == 1).count(), unit), (here.len(), 1.0));
        }
        assert!(numbers[1] > numbers[0], "a gap cuts spots: {numbers:?}");
    }

    #[test]
    fn means_and_variances_are_those_of_the_window() {
        let counts: Vec<i32> = (0..100).collect();
        let at = |counts: &[i32]| [examined(&Dispersion::default(), counts, [10, 10])];
        let (mean, unit) = map(Layer::Mean, &[0..10, 0..10], &at(&counts));
        assert_eq!(f64::from(mean[55]) * unit, 55.0);
        // The corner's window has 4 × 4 pixels.
        assert_eq!(f64::from(mean[0]) * unit, 16.5);
        let (dispersion, _) = map(Layer::Dispersion, &[0..10, 0..10], &at(&[5; 100]));
        assert!(dispersion.iter().all(|d| *d == 0));
        let (flagged, _) = map(Layer::Flagged, &[0..10, 0..10], &at(&[-1; 100]));
        assert!(flagged.iter().all(|f| *f == -1));
    }

    #[test]
    fn a_panel_stands_where_it_is_in_the_image() {
        let panel = Examined { origin: [2, 1], ..examined(&Dispersion::default(), &[7; 100], [10, 10]) };
        let (map, _) = map(Layer::Counts, &[0..13, 0..12], &[panel]);
        assert_eq!((map[14], map[15], map[11 * 13 - 1], map[11 * 13 + 2]), (-1, 7, -1, -1));
        assert_eq!(map.iter().filter(|v| **v == 7).count(), 100);
    }
}
