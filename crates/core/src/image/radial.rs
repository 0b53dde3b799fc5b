//! Strong pixels by the radial profile: pixels that stand out from the others at the same scattering angle.
//!
//! The pixels of a panel are sorted into bins of equal width in 2θ. From the usable pixels of a bin come the median M and the
//! interquartile range Q of their counts; a usable pixel is strong if p > M + a with a = n·Q, or a = 2 counts where n·Q is at most one.
//! Nothing is asked of the counts' statistics, so the gain does not matter. Source: the method of that name in DIALS, after Barty et al. (2014).
//!
//! Before that, the image may be smoothed ([`Blur`]) over 3 × 3 or 5 × 5 pixels. Beyond the panel's edge the edge's pixels go on; unusable pixels
//! take no part, and the weights of the others are scaled up (in DIALS they take part with whatever value they have).
//!
//! Everything is in integers: smoothed counts in units of 1 / (sum of weights). Bins are kept as the runs of pixels of a row that share
//! one (`RadialBins`): some hundred a row. Order statistics come from histograms, coarse ones first and then finer ones of the few
//! intervals that hold the wanted ranks, so that nothing of the image's size is kept beside the frame.

use super::bitmap::bit;
use super::dispersion::{PanelView, Pixel, Usable};
use crate::job::parallel;

/// How an image is smoothed before its radial profile is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blur {
    /// Not.
    #[default]
    None,
    /// 3 × 3 pixels.
    Narrow,
    /// 5 × 5 pixels.
    Wide,
}

impl Blur {
    /// Weights by distance from the middle along slow and fast.
    fn weights(self) -> [[i32; 3]; 3] {
        match self {
            Blur::None => [[1, 0, 0], [0; 3], [0; 3]],
            Blur::Narrow => [[4, 2, 0], [2, 1, 0], [0; 3]],
            Blur::Wide => [[41, 26, 7], [26, 16, 4], [7, 4, 1]],
        }
    }

    fn reach(self) -> usize {
        match self {
            Blur::None => 0,
            Blur::Narrow => 1,
            Blur::Wide => 2,
        }
    }

    /// Sum of the weights: 1, 16 or 273.
    fn unit(self) -> i32 {
        let w = self.weights();
        (0..3).flat_map(|j| (0..3).map(move |i| (j, i))).map(|(j, i)| w[j][i] << (usize::from(j > 0) + usize::from(i > 0))).sum()
    }
}

/// The bins in 2θ that the pixels of a panel belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RadialBins {
    n: usize,
    width: usize,
    /// Where each row's runs begin, and where the last one's end.
    rows: Vec<u32>,
    runs: Vec<Run>,
}

/// Pixels of a row with one bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// Past its last pixel.
    end: u32,
    bin: u32,
}

/// The bin of pixels that have none.
const NO_BIN: u32 = u32::MAX;

impl RadialBins {
    /// `n` bins (at least 1) of equal width between the smallest and the largest angle.
    ///
    /// - `size`: pixels of the panel (fast, slow)
    /// - `region`: x0, x1, y0, y1, the ends not included: where the bins are; pixels outside have none
    /// - `angle(x, y)`: 2θ of a pixel, any unit, not negative
    pub fn new([width, height]: [usize; 2], n: usize, region: [usize; 4], angle: impl Fn(usize, usize) -> f64 + Sync + Send) -> Self {
        let n = n.max(1);
        let [x0, x1, y0, y1] = [region[0].min(width), region[1].min(width), region[2].min(height), region[3].min(height)];
        let inside = |j: usize| (y0..y1).contains(&j) && x0 < x1;
        let spans = parallel::map(height, |j| {
            let all = if inside(j) { x0..x1 } else { 0..0 };
            all.map(|i| angle(i, j)).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), t| (a.min(t), b.max(t)))
        });
        let (low, high) = spans.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), s| (a.min(s.0), b.max(s.1)));
        let scale = n as f64 / (high - low + 1e-10);
        let bin = |i: usize, j: usize| (((angle(i, j) - low) * scale) as u32).min(n as u32 - 1);
        let by_row = parallel::map(height, |j| {
            let mut runs: Vec<Run> = Vec::new();
            let mut add = |end: usize, bin: u32| match runs.last_mut() {
                Some(last) if last.bin == bin => last.end = end as u32,
                _ => runs.push(Run { end: end as u32, bin }),
            };
            if inside(j) {
                if x0 > 0 {
                    add(x0, NO_BIN);
                }
                (x0..x1).for_each(|i| add(i + 1, bin(i, j)));
                if x1 < width {
                    add(width, NO_BIN);
                }
            } else if width > 0 {
                add(width, NO_BIN);
            }
            runs
        });
        let mut rows = vec![0];
        let mut runs = Vec::with_capacity(by_row.iter().map(Vec::len).sum());
        for row in by_row {
            runs.extend(row);
            rows.push(runs.len() as u32);
        }
        RadialBins { n, width, rows, runs }
    }

    fn height(&self) -> usize {
        self.rows.len() - 1
    }

    /// Calls `f(first, past the end, bin)` for the runs of row `j` that have a bin.
    fn for_each_run(&self, j: usize, mut f: impl FnMut(usize, usize, usize)) {
        let mut first = 0;
        for run in &self.runs[self.rows[j] as usize..self.rows[j + 1] as usize] {
            if run.bin != NO_BIN {
                f(first, run.end as usize, run.bin as usize);
            }
            first = run.end as usize;
        }
    }
}

/// The test for strong pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadialProfile {
    /// n, how many interquartile ranges above the median.
    pub n_iqr: f64,
    /// Smoothing.
    pub blur: Blur,
}

impl Default for RadialProfile {
    fn default() -> Self {
        RadialProfile { n_iqr: 6.0, blur: Blur::None }
    }
}

impl RadialProfile {
    /// Strong pixels of a panel, in row-major order, with their counts as they are in the frame.
    ///
    /// # Panics
    ///
    /// If bins, mask and panel differ in size.
    pub fn strong_pixels(&self, panel: &PanelView, usable: &Usable, bins: &RadialBins, scratch: &mut RadialScratch) -> Vec<Pixel> {
        assert_eq!([bins.width, bins.height()], [panel.width, panel.height], "bins and panel differ in size");
        assert_eq!(usable.size(), [panel.width, panel.height], "mask and panel differ in size");
        if panel.width == 0 || panel.height == 0 {
            return Vec::new();
        }
        let image = Image { panel, usable, bins, blur: self.blur };
        // Counts are whole numbers: above a threshold is above its floor.
        let thresholds: Vec<i32> = self.thresholds(&image, scratch).iter().map(|t| t.floor() as i32).collect();
        let mut strong = Vec::new();
        for j in 0..panel.height {
            let (counts, mask) = (panel.row(j), usable.row(j));
            let values = image.row(j, &mut scratch.rows);
            bins.for_each_run(j, |first, end, bin| {
                let limit = thresholds[bin];
                if values[first..end].iter().any(|v| *v > limit) {
                    let found = (first..end).filter(|&i| values[i] > limit && bit(mask, i) && usable.trusts(counts[i]));
                    strong.extend(found.map(|i| Pixel { index: (j * panel.width + i) as u32, value: counts[i] }));
                }
            });
        }
        strong
    }

    /// By bin, in units of the smoothed counts.
    fn thresholds(&self, image: &Image, scratch: &mut RadialScratch) -> Vec<f64> {
        let unit = f64::from(self.blur.unit());
        image
            .quartiles(scratch)
            .into_iter()
            .map(|q| {
                let above = self.n_iqr * q.range;
                q.median + if above <= unit { 2.0 * unit } else { above }
            })
            .collect()
    }
}

/// Buffers that one thread keeps from panel to panel.
#[derive(Debug, Clone, Default)]
pub struct RadialScratch {
    rows: Rows,
    histogram: Vec<u32>,
}

#[derive(Debug, Clone, Default)]
struct Rows {
    /// Counts of a row, unusable ones 0, padded.
    counts: Vec<i32>,
    /// 1 where they are usable.
    valid: Vec<i32>,
    sums: Vec<i32>,
    weights: Vec<i32>,
}

struct Image<'a> {
    panel: &'a PanelView<'a>,
    usable: &'a Usable,
    bins: &'a RadialBins,
    blur: Blur,
}

/// Of the values in a bin; 0 where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Quartiles {
    median: f64,
    /// Upper less lower quartile.
    range: f64,
}

impl<'a> Image<'a> {
    /// The (smoothed) values of row `j`.
    fn row<'s>(&self, j: usize, rows: &'s mut Rows) -> &'s [i32]
    where
        'a: 's,
    {
        if self.blur == Blur::None {
            return self.panel.row(j);
        }
        let (width, height, reach) = (self.panel.width, self.panel.height, self.blur.reach());
        let (unit, weights) = (self.blur.unit(), self.blur.weights());
        let Rows { counts, valid, sums, weights: total } = rows;
        for buffer in [&mut *sums, &mut *total] {
            buffer.clear();
            buffer.resize(width, 0);
        }
        // Larger counts are cut, so that the sums fit.
        let most = i32::MAX / unit;
        for dj in -(reach as isize)..=reach as isize {
            let r = j.saturating_add_signed(dj).min(height - 1);
            let (row, mask) = (self.panel.row(r), self.usable.row(r));
            counts.clear();
            valid.clear();
            for i in 0..width + 2 * reach {
                let i = i.saturating_sub(reach).min(width - 1);
                let ok = bit(mask, i) && self.usable.trusts(row[i]);
                counts.push(if ok { row[i].clamp(-most, most) } else { 0 });
                valid.push(i32::from(ok));
            }
            for di in 0..=2 * reach {
                let w = weights[dj.unsigned_abs()][di.abs_diff(reach)];
                for (i, (s, t)) in sums.iter_mut().zip(total.iter_mut()).enumerate() {
                    *s += w * counts[i + di];
                    *t += w * valid[i + di];
                }
            }
        }
        for (s, t) in sums.iter_mut().zip(total.iter()) {
            if *t != unit && *t > 0 {
                let scaled = f64::from(*s) * f64::from(unit) / f64::from(*t);
                *s = scaled.round() as i32;
            }
        }
        sums
    }

    /// Calls `f(bin, value)` for all usable pixels.
    fn for_each_value(&self, rows: &mut Rows, mut f: impl FnMut(usize, i32)) {
        for j in 0..self.panel.height {
            let (counts, mask) = (self.panel.row(j), self.usable.row(j));
            let values = self.row(j, rows);
            self.bins.for_each_run(j, |first, end, bin| {
                for i in first..end {
                    if bit(mask, i) && self.usable.trusts(counts[i]) {
                        f(bin, values[i]);
                    }
                }
            });
        }
    }

    /// Median and interquartile range of each bin, with linear interpolation between ranks.
    fn quartiles(&self, scratch: &mut RadialScratch) -> Vec<Quartiles> {
        let RadialScratch { rows, histogram } = scratch;
        histogram.clear();
        histogram.resize(self.bins.n * BUCKETS, 0);
        self.for_each_value(rows, |bin, v| histogram[bin * BUCKETS + bucket(v)] += 1);
        let mut wanted = Vec::new();
        let mut sizes = Vec::with_capacity(self.bins.n);
        for (bin, counts) in histogram.chunks_exact(BUCKETS).enumerate() {
            let n: u64 = counts.iter().map(|c| u64::from(*c)).sum();
            sizes.push(n);
            for rank in ranks(n) {
                let (k, rank) = locate(counts, rank);
                let (low, bits) = interval(k);
                wanted.push(Wanted { bin, low, bits, rank });
            }
        }
        self.refine(&mut wanted, rows, histogram);
        let mut found = wanted.chunks_exact(RANKS);
        sizes
            .iter()
            .map(|&n| if n == 0 { Quartiles::default() } else { found.next().map_or_else(Quartiles::default, |w| quartiles(n, w)) })
            .collect()
    }

    /// Narrows the intervals of `wanted` down to single values.
    fn refine(&self, wanted: &mut [Wanted], rows: &mut Rows, histogram: &mut Vec<u32>) {
        while wanted.iter().any(|w| w.bits > 0) {
            // The intervals to look into, by bin.
            let mut open: Vec<(usize, i64, u32)> = wanted.iter().filter(|w| w.bits > 0).map(|w| (w.bin, w.low, w.bits)).collect();
            open.sort_unstable();
            open.dedup();
            let of_bin: Vec<core::ops::Range<usize>> =
                (0..self.bins.n).map(|b| open.partition_point(|o| o.0 < b)..open.partition_point(|o| o.0 <= b)).collect();
            histogram.clear();
            histogram.resize(open.len() << STEP, 0);
            self.for_each_value(rows, |bin, v| {
                for k in of_bin[bin].clone() {
                    let (_, low, bits) = open[k];
                    let at = i64::from(v) - low;
                    if at >= 0 && at >> bits == 0 {
                        histogram[(k << STEP) + (at >> bits.saturating_sub(STEP)) as usize] += 1;
                    }
                }
            });
            for w in wanted.iter_mut().filter(|w| w.bits > 0) {
                let k = open.partition_point(|o| *o < (w.bin, w.low, w.bits));
                let (part, rank) = locate(&histogram[k << STEP..(k + 1) << STEP], w.rank);
                let bits = w.bits.saturating_sub(STEP);
                *w = Wanted { bin: w.bin, low: w.low + ((part as i64) << bits), bits, rank };
            }
        }
    }
}

/// A rank among the values of a bin that lie in low .. low + 2^bits.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    bin: usize,
    low: i64,
    bits: u32,
    rank: u64,
}

/// Ranks wanted of each bin.
const RANKS: usize = 6;

/// Of n values: those about the median, the lower and the upper quartile.
fn ranks(n: u64) -> impl Iterator<Item = u64> {
    let last = n.saturating_sub(1);
    let all = [last / 2, n / 2, last / 4, last.div_ceil(4), last * 3 / 4, (last * 3).div_ceil(4)];
    all.into_iter().filter(move |_| n > 0)
}

fn quartiles(n: u64, at: &[Wanted]) -> Quartiles {
    let v = |k: usize| at[k].low as f64;
    let between = |k: usize, place: f64| {
        let h = place - place.floor();
        (1.0 - h) * v(k) + h * v(k + 1)
    };
    let last = (n - 1) as f64;
    Quartiles { median: 0.5 * (v(0) + v(1)), range: between(4, 0.75 * last) - between(2, 0.25 * last) }
}

/// The entry of a histogram that holds a rank, and the rank within.
fn locate(counts: &[u32], mut rank: u64) -> (usize, u64) {
    for (k, &c) in counts.iter().enumerate() {
        if rank < u64::from(c) {
            return (k, rank);
        }
        rank -= u64::from(c);
    }
    (counts.len().saturating_sub(1), 0)
}

/// Bits by which a refinement narrows an interval.
const STEP: u32 = 10;
/// Values from 0 to below this have buckets of their own.
const SINGLE: i32 = 1024;
/// Parts of an octave above.
const PARTS_BITS: u32 = 4;
/// Negative values, single ones, 21 octaves.
const BUCKETS: usize = 1 + SINGLE as usize + (21 << PARTS_BITS);

/// A value's bucket; they ascend with it.
fn bucket(v: i32) -> usize {
    if (0..SINGLE).contains(&v) {
        return 1 + v as usize;
    }
    if v < 0 {
        return 0;
    }
    let octave = v.ilog2();
    1 + SINGLE as usize + ((octave as usize - 10) << PARTS_BITS) + ((v >> (octave - PARTS_BITS)) & ((1 << PARTS_BITS) - 1)) as usize
}

/// The lowest value of a bucket, and the bits that its width takes.
fn interval(bucket: usize) -> (i64, u32) {
    match bucket {
        0 => (i64::from(i32::MIN), 31),
        k if k <= SINGLE as usize => (k as i64 - 1, 0),
        k => {
            let above = k - 1 - SINGLE as usize;
            let octave = 10 + (above >> PARTS_BITS) as u32;
            let part = (above & ((1 << PARTS_BITS) - 1)) as i64;
            let bits = octave - PARTS_BITS;
            ((1 << octave) + (part << bits), bits)
        }
    }
}

#[cfg(test)]
#[path = "radial_tests.rs"]
mod tests;
