//! Strong pixels by the index of dispersion: where the counts in a window vary more than those of a flat background do.
//!
//! With half-width k, in the (2k+1)² window about a pixel: m usable pixels, x = Σp, y = Σp². The index of dispersion
//! D = (y − x²/m)/(m − 1) · m/x is 1 for Poisson counts, with standard deviation √(2/(m−1)). A pixel is *flagged* when
//! D > g(1 + σ_b √(2/(m−1))), g being the gain: m·y − x² > x·b with b(m) = g(m − 1 + σ_b √(2(m−1))).
//!
//! - **dispersion** (Winter et al. 2018): strong if flagged and p > x/m + σ_s √(g·x/m).
//! - **dispersion extended**: a flagged region is wider than its spot by the window, so it is eroded: pixels nearer than k to an
//!   unflagged one are dropped. Everything else that is usable is background; μ is its mean in a window of half-width k + 2 (0 with
//!   fewer than two pixels). Strong if kept and p ≥ μ + σ_s √(gμ). Unusable pixels count as unflagged or as flagged ([`Gaps`]).
//!
//! Windows are clipped at the panel's edges, and counts of 2²⁴ or more take no part in the sums.
//!
//! The panel streams by, row after row (`stream`): nothing of its size is kept beside the frame.

use super::Frame;
use super::bitmap::words;
use super::stream::Stream;
use crate::job::parallel;

/// Which pixels of a flagged region are strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Flagged, eroded, above the mean of the background around.
    #[default]
    DispersionExtended,
    /// Flagged and above the mean of the window.
    Dispersion,
}

/// What unusable pixels are when a flagged region is eroded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gaps {
    /// Unflagged: the edge of a region recedes from a gap, and spots at it are lost or cut back. DIALS to version 3.13.
    #[default]
    Background,
    /// Flagged: a region may reach to a gap, and spots that the gap cuts are found. DIALS from version 3.14.
    Flagged,
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
    /// What gaps are to erosion.
    pub gaps: Gaps,
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
            gaps: Gaps::Background,
        }
    }
}

/// A panel's rectangle of a frame.
#[derive(Debug, Clone, Copy)]
pub struct PanelView<'a> {
    frame: &'a Frame,
    origin: [usize; 2],
    pub(super) width: usize,
    pub(super) height: usize,
}

impl<'a> PanelView<'a> {
    /// The rectangle of `size` (fast, slow) whose first pixel is `origin` (fast, slow). `None` if it is not within the frame.
    pub fn new(frame: &'a Frame, origin: [usize; 2], size: [usize; 2]) -> Option<Self> {
        let fits = |o: usize, n: usize, whole: usize| o.checked_add(n).is_some_and(|end| end <= whole);
        let whole = fits(origin[0], size[0], frame.width) && fits(origin[1], size[1], frame.height);
        (whole && frame.pixels.len() == frame.width * frame.height).then_some(PanelView { frame, origin, width: size[0], height: size[1] })
    }

    /// Row `j`.
    pub fn row(&self, j: usize) -> &'a [i32] {
        &self.frame.row(self.origin[1] + j)[self.origin[0]..self.origin[0] + self.width]
    }
}

/// Which pixels of a panel may be used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usable {
    width: usize,
    height: usize,
    /// A bit per pixel, rows of whole words.
    mask: Vec<u64>,
    /// Lowest and highest count that can be trusted.
    pub trusted: [i32; 2],
}

impl Usable {
    /// `mask`: row-major, `width` pixels a row, true = usable whatever its count.
    pub fn new(mask: &[bool], width: usize, trusted: [i32; 2]) -> Self {
        let height = mask.len().checked_div(width).unwrap_or(0);
        let mut bits = vec![0; words(width) * height];
        parallel::for_each_chunk_mut(&mut bits, words(width), |start, row| {
            let first = start / words(width) * width;
            for (word, usable) in row.iter_mut().zip(mask[first..first + width].chunks(64)) {
                *word = usable.iter().enumerate().fold(0, |bits, (i, usable)| bits | u64::from(*usable) << i);
            }
        });
        Usable { width, height, mask: bits, trusted }
    }

    /// Takes a pixel out. Nothing happens outside the panel.
    pub fn exclude(&mut self, x: usize, y: usize) {
        if x < self.width && y < self.height {
            self.mask[y * words(self.width) + x / 64] &= !(1 << (x % 64));
        }
    }

    /// Whether a pixel may be used whatever its count.
    pub fn contains(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.height && self.mask[y * words(self.width) + x / 64] >> (x % 64) & 1 == 1
    }

    /// Pixels along (fast, slow).
    pub(super) fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// Whether a count is within the trusted range.
    pub fn trusts(&self, count: i32) -> bool {
        (self.trusted[0]..=self.trusted[1]).contains(&count)
    }

    /// A row's bits.
    pub(super) fn row(&self, j: usize) -> &[u64] {
        let n = words(self.width);
        &self.mask[j * n..(j + 1) * n]
    }
}

/// A strong pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pixel {
    /// slow · width + fast, on its panel.
    pub index: u32,
    /// Counts.
    pub value: i32,
}

/// Buffers that one thread keeps from panel to panel: some dozens of rows.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    stream: Option<([usize; 2], Dispersion, Stream)>,
}

impl Dispersion {
    /// Strong pixels of a panel, in row-major order.
    ///
    /// # Panics
    ///
    /// If the mask does not have as many pixels as the panel, or the kernel is outside its range.
    pub fn strong_pixels(&self, panel: &PanelView, usable: &Usable, scratch: &mut Scratch) -> Vec<Pixel> {
        assert_eq!([usable.width, usable.height], [panel.width, panel.height], "mask and panel differ in size");
        assert!(self.kernel.iter().all(|k| (1..=60).contains(k)), "kernel {:?} outside 1..=60", self.kernel);
        let size = [panel.width, panel.height];
        let mut stream = match scratch.stream.take() {
            Some((s, test, stream)) if s == size && test == *self => stream,
            _ => Stream::new(self, panel.width),
        };
        let found = stream.run(panel, usable);
        scratch.stream = Some((size, self.clone(), stream));
        found
    }

    /// b(m).
    pub(super) fn bound(&self, m: f64) -> f64 {
        let free = (m - 1.0).max(0.0);
        self.gain * (free + self.sigma_background * (2.0 * free).sqrt())
    }
}

#[cfg(test)]
#[path = "dispersion_tests.rs"]
mod tests;
