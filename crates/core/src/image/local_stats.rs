//! Strong pixels by the index of dispersion: where the counts in a window vary more than those of a flat background do.
//!
//! With half-width k, in the (2k+1)² window about a pixel: m usable pixels, x = Σp, y = Σp². The index of dispersion
//! D = (y − x²/m)/(m − 1) · m/x is 1 for Poisson counts, with standard deviation √(2/(m−1)). A pixel is *flagged* when
//! D > g(1 + σ_b √(2/(m−1))), g being the gain: m·y − x² > x·g(m − 1 + σ_b √(2(m−1))).
//!
//! - **dispersion** (Winter et al. 2018): strong if flagged and p > x/m + σ_s √(g·x/m).
//! - **dispersion extended**: a flagged region is wider than its spot by the window, so it is eroded: pixels nearer than k to an
//!   unflagged one are dropped (unusable pixels count as flagged). Everything else that is usable is background; μ is its mean in a
//!   window of half-width k + 2 (0 with fewer than two pixels). Strong if kept and p ≥ μ + σ_s √(gμ).
//!
//! Windows are clipped at the panel's edges, and counts of 2²⁴ or more take no part in the sums.

use super::Frame;
use super::bitmap::{Bitmap, bit, erode_row, for_each_run, words};
use super::kernel::{BLOCK, Squares, candidates, pack, prepare, slide};

/// Which pixels of a flagged region are strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Flagged, eroded, above the mean of the background around.
    #[default]
    DispersionExtended,
    /// Flagged and above the mean of the window.
    Dispersion,
}

/// The test for strong pixels; see the module documentation for the letters.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispersion {
    /// Variant.
    pub method: Method,
    /// Half-widths of the window, (slow, fast), 1 to 60 pixels.
    pub kernel: [usize; 2],
    /// σ_b.
    pub sigma_background: f64,
    /// σ_s.
    pub sigma_strong: f64,
    /// Fewest usable pixels in the window for a decision.
    pub min_local: usize,
    /// Counts at or below this are never strong.
    pub global_threshold: f64,
    /// g, counts per photon.
    pub gain: f64,
}

impl Default for Dispersion {
    fn default() -> Self {
        Dispersion {
            method: Method::DispersionExtended,
            kernel: [3, 3],
            sigma_background: 6.0,
            sigma_strong: 3.0,
            min_local: 2,
            global_threshold: 0.0,
            gain: 1.0,
        }
    }
}

/// A panel's rectangle of a frame.
#[derive(Debug, Clone, Copy)]
pub struct PanelView<'a> {
    frame: &'a Frame,
    origin: [usize; 2],
    width: usize,
    height: usize,
}

impl<'a> PanelView<'a> {
    /// The rectangle of `size` (fast, slow) whose first pixel is `origin` (fast, slow). `None` if it is not within the frame.
    pub fn new(frame: &'a Frame, origin: [usize; 2], size: [usize; 2]) -> Option<Self> {
        let fits = |o: usize, n: usize, whole: usize| o.checked_add(n).is_some_and(|end| end <= whole);
        let whole = fits(origin[0], size[0], frame.width) && fits(origin[1], size[1], frame.height);
        (whole && frame.pixels.len() == frame.width * frame.height).then_some(PanelView { frame, origin, width: size[0], height: size[1] })
    }

    fn row(&self, j: usize) -> &'a [i32] {
        &self.frame.row(self.origin[1] + j)[self.origin[0]..self.origin[0] + self.width]
    }
}

/// Which pixels of a panel may be used.
#[derive(Debug, Clone, Default)]
pub struct Usable {
    /// Row-major, true = usable whatever its count.
    pub mask: Vec<bool>,
    /// Lowest and highest count that can be trusted.
    pub trusted: [i32; 2],
}

/// A strong pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pixel {
    /// slow · width + fast, on its panel.
    pub index: u32,
    /// Counts.
    pub value: i32,
}

/// Buffers that one thread keeps from panel to panel.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    shape: [usize; 4],
    values: Vec<i32>,
    valid: Vec<u8>,
    m: Vec<u8>,
    x: Vec<i32>,
    y_narrow: Vec<i32>,
    y_wide: Vec<f64>,
    usable: Bitmap,
    flagged: Bitmap,
    kept: Bitmap,
}

/// Rows that are prepared together: their counts stay in the second-level cache.
const BAND: usize = 32;

/// Counts from here on take no part in sums: their squares would not be exact.
const BIG: u32 = 1 << 24;

impl Dispersion {
    /// Strong pixels of a panel, in row-major order.
    ///
    /// # Panics
    ///
    /// If the mask does not have as many pixels as the panel, or the kernel is outside its range.
    pub fn strong_pixels(&self, panel: &PanelView, usable: &Usable, scratch: &mut Scratch) -> Vec<Pixel> {
        assert_eq!(usable.mask.len(), panel.width * panel.height, "mask and panel differ in size");
        assert!(self.kernel.iter().all(|k| (1..=60).contains(k)), "kernel {:?} outside 1..=60", self.kernel);
        let (w, h) = (panel.width, panel.height);
        scratch.reshape(w, h, self.kernel);
        let mut first = 0;
        while first < h {
            let end = h.min(first + BAND);
            self.flag_band(panel, usable, scratch, first, end);
            first = end;
        }
        let distance = match self.method {
            Method::DispersionExtended => self.kernel[0].min(self.kernel[1]) - 1,
            Method::Dispersion => 0,
        };
        erode(&scratch.flagged, &scratch.usable, distance, h, w, &mut scratch.kept);
        self.above_background(panel, scratch)
    }

    /// b(m) = g(m − 1 + σ_b √(2(m−1))).
    fn bound(&self, m: f64) -> f64 {
        let free = (m - 1.0).max(0.0);
        self.gain * (free + self.sigma_background * (2.0 * free).sqrt())
    }

    /// Flags rows `first..end`.
    fn flag_band(&self, panel: &PanelView, usable: &Usable, s: &mut Scratch, first: usize, end: usize) {
        let [ky, kx] = self.kernel;
        let (w, h) = (panel.width, panel.height);
        let stride = s.m.len();
        let (low, high) = (first.saturating_sub(ky), h.min(end + ky));
        let mut largest = 0;
        for j in low..high {
            let at = (j - low) * stride + kx;
            let (values, valid) = (&mut s.values[at..at + w], &mut s.valid[at..at + w]);
            let mut row_largest = prepare(panel.row(j), &usable.mask[j * w..(j + 1) * w], usable.trusted, values, valid);
            if (first..end).contains(&j) {
                let padded = &s.valid[at..at + words(w) * BLOCK];
                for (word, block) in s.usable.row_mut(j).iter_mut().zip(padded.as_chunks::<BLOCK>().0) {
                    *word = pack(block);
                }
            }
            if row_largest >= BIG {
                row_largest = leave_out_big(&mut s.values[at..at + w], &mut s.valid[at..at + w]);
            }
            largest = largest.max(row_largest);
        }
        let window = (2 * ky + 1) * (2 * kx + 1);
        let narrow = u64::from(largest) * u64::from(largest) * (window as u64) < 1 << 31;
        let Scratch { values, valid, m, x, y_narrow, y_wide, usable, flagged, .. } = s;
        let band = Band { values, valid, low, high };
        if narrow {
            self.flag_rows(&band, m, x, y_narrow, usable, flagged, first, end);
        } else {
            self.flag_rows(&band, m, x, y_wide, usable, flagged, first, end);
        }
    }

    fn flag_rows<Y: Squares>(
        &self,
        band: &Band,
        m: &mut [u8],
        x: &mut [i32],
        y: &mut [Y],
        usable: &Bitmap,
        flagged: &mut Bitmap,
        first: usize,
        end: usize,
    ) {
        let [ky, kx] = self.kernel;
        let (width, stride) = (2 * kx + 1, m.len());
        let bounds: Vec<f32> = (0..=width * (2 * ky + 1)).map(|m| self.bound(m as f64) as f32).collect();
        m.fill(0);
        x.fill(0);
        y.fill(Y::default());
        let none = band.row(None, stride);
        for j in first.saturating_sub(ky)..first + ky {
            slide(m, x, y, band.row(Some(j), stride), none);
        }
        for j in first..end {
            // Rows above the band's first window were never added.
            let leaving = j.checked_sub(ky + 1).filter(|&r| r + ky >= first);
            slide(m, x, y, band.row(Some(j + ky), stride), band.row(leaving, stride));
            for (b, (flags, &usable)) in flagged.row_mut(j).iter_mut().zip(usable.row(j)).enumerate() {
                let at = b * BLOCK;
                let span = at..at + BLOCK + width - 1;
                let mut possible = match usable {
                    0 => 0,
                    _ => usable & candidates(&m[span.clone()], &x[span.clone()], &y[span], width, &bounds),
                };
                let mut found = 0;
                while possible != 0 {
                    let i = possible.trailing_zeros() as usize;
                    possible &= possible - 1;
                    let window = at + i..at + i + width;
                    let n: u32 = m[window.clone()].iter().map(|&n| u32::from(n)).sum();
                    let sx: i64 = x[window.clone()].iter().map(|&x| i64::from(x)).sum();
                    let sy: f64 = y[window].iter().map(|y| y.exact()).sum();
                    let (n, sx) = (f64::from(n), sx as f64);
                    if n >= self.min_local as f64 && sx >= 0.0 && n * sy - sx * sx > sx * self.bound(n) {
                        found |= 1 << i;
                    }
                }
                *flags = found | !usable;
            }
        }
    }

    /// The kept pixels that stand out from the mean around them.
    fn above_background(&self, panel: &PanelView, s: &Scratch) -> Vec<Pixel> {
        let (w, h) = (panel.width, panel.height);
        let extended = self.method == Method::DispersionExtended;
        let margin = if extended { 2 } else { 0 };
        let [ky, kx] = self.kernel.map(|k| k + margin);
        let mut strong = Vec::new();
        let mut columns: Vec<(i64, i64)> = Vec::new();
        for j in 0..h {
            let row = panel.row(j);
            for_each_run(s.kept.row(j), |first, end| {
                let high_enough = |i: usize| f64::from(row[i]) > self.global_threshold;
                if !(first..end).any(high_enough) {
                    return;
                }
                let (low, high) = (first.saturating_sub(kx), w.min(end + kx));
                columns.clear();
                columns.resize(high - low, (0, 0));
                for r in j.saturating_sub(ky)..h.min(j + ky + 1) {
                    let (usable, kept, pixels) = (s.usable.row(r), s.kept.row(r), panel.row(r));
                    for (i, sums) in (low..high).zip(columns.iter_mut()) {
                        let counts = bit(usable, i) && !(extended && bit(kept, i)) && pixels[i].unsigned_abs() < BIG;
                        sums.0 += i64::from(counts);
                        sums.1 += i64::from(counts) * i64::from(pixels[i]);
                    }
                }
                for i in (first..end).filter(|&i| high_enough(i)) {
                    let window = &columns[i.saturating_sub(kx) - low..high.min(i + kx + 1) - low];
                    let (m, x) = window.iter().fold((0, 0), |a, c| (a.0 + c.0, a.1 + c.1));
                    let (m, x, p) = (m as f64, x as f64, f64::from(row[i]));
                    let is_strong = if extended {
                        let mean = if m >= 2.0 { x / m } else { 0.0 };
                        x >= 0.0 && p >= mean + self.sigma_strong * (self.gain * mean).sqrt()
                    } else {
                        m * p - x > self.sigma_strong * (self.gain * x * m).sqrt()
                    };
                    if is_strong {
                        strong.push(Pixel { index: (j * w + i) as u32, value: row[i] });
                    }
                }
            });
        }
        strong
    }
}

/// Prepared rows `low..high`, and a row of zeros after them at the end of the buffers.
struct Band<'a> {
    values: &'a [i32],
    valid: &'a [u8],
    low: usize,
    high: usize,
}

impl Band<'_> {
    /// Row `j` of the panel; zeros when there is none.
    fn row(&self, j: Option<usize>, stride: usize) -> (&[i32], &[u8]) {
        let slot = match j {
            Some(j) if (self.low..self.high).contains(&j) => j - self.low,
            _ => self.values.len() / stride - 1,
        };
        let range = slot * stride..(slot + 1) * stride;
        (&self.values[range.clone()], &self.valid[range])
    }
}

/// Takes counts of 2²⁴ or more out of the sums; returns the largest of the rest.
fn leave_out_big(values: &mut [i32], valid: &mut [u8]) -> u32 {
    let mut largest = 0;
    for (value, valid) in values.iter_mut().zip(valid) {
        if value.unsigned_abs() >= BIG {
            *value = 0;
            *valid = 0;
        }
        largest = largest.max(value.unsigned_abs());
    }
    largest
}

/// Usable pixels for which all flags within Chebyshev distance `distance` are set.
fn erode(flagged: &Bitmap, usable: &Bitmap, distance: usize, height: usize, width: usize, kept: &mut Bitmap) {
    let mut column = vec![0; words(width)];
    for j in 0..height {
        column.copy_from_slice(flagged.row(j));
        for r in j.saturating_sub(distance)..height.min(j + distance + 1) {
            for (c, f) in column.iter_mut().zip(flagged.row(r)) {
                *c &= f;
            }
        }
        erode_row(&column, distance as u32, kept.row_mut(j));
        for (k, u) in kept.row_mut(j).iter_mut().zip(usable.row(j)) {
            *k &= u;
        }
    }
}

impl Scratch {
    fn reshape(&mut self, width: usize, height: usize, kernel: [usize; 2]) {
        let shape = [width, height, kernel[0], kernel[1]];
        if self.shape == shape {
            return;
        }
        self.shape = shape;
        let stride = words(width) * BLOCK + 2 * kernel[1];
        let rows = BAND.min(height) + 2 * kernel[0] + 1;
        // Padding is written here and never again, so that it stays zero.
        self.values = vec![0; rows * stride];
        self.valid = vec![0; rows * stride];
        self.m = vec![0; stride];
        self.x = vec![0; stride];
        self.y_narrow = vec![0; stride];
        self.y_wide = vec![0.0; stride];
        for map in [&mut self.usable, &mut self.flagged, &mut self.kept] {
            map.reshape(width, height);
        }
    }
}

#[cfg(test)]
#[path = "local_stats_tests.rs"]
mod tests;
