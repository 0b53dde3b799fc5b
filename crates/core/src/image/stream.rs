//! The dispersion test row by row. As row a of the panel comes in, decisions fall on rows behind it:
//!
//! ```text
//! a                       counts narrowed to 16 bits, and added to the column sums; row a − 2k − 1 leaves them
//! f = a − k               flagged pixels
//! c = f − (k − 1)         kept pixels: what erosion leaves of the flagged ones
//! s = c − (k + 2)         strong pixels: kept, and above the mean of the background around
//! ```
//!
//! What is held are rings of rows: 16-bit counts of the 2k + 2 last rows, and a few bits a pixel of the 4k + 4 last.

use super::bitmap::{Ring, bit, erode_row, for_each_run, words};
use super::dispersion::{Dispersion, Gaps, Method, PanelView, Pixel, Usable};
use super::kernel::{self, BLOCK, Block, Bound, Columns, Level, Levels};

/// Counts from here on take no part in sums: their squares would not be exact.
pub(super) const BIG: u32 = 1 << 24;

/// Sums of one column, or of a window.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    m: i64,
    x: i64,
    y: i64,
}

/// The test on panels of one width, with its rings of rows.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    test: Dispersion,
    level: Level,
    width: usize,
    levels: Levels,
    /// Largest count that fits the sums.
    highest: i16,
    bound: Bound,
    /// b(m).
    bounds: Vec<f64>,
    /// Rows by which erosion looks around.
    erosion: usize,
    /// 16-bit counts of the last 2k + 2 rows and a row of zeros, each padded by k on either side.
    values: Vec<i16>,
    /// Usable pixels; of these, the ones that `values` holds; of these, the bright ones.
    usable: Ring,
    small: Ring,
    bright: Ring,
    flagged: Ring,
    kept: Ring,
    /// Column sums of small counts, padded by k.
    m: Vec<i16>,
    x: Vec<i16>,
    y: Vec<i16>,
    /// Column sums of the other counts.
    large: Vec<Sums>,
    work: Work,
}

/// Rows that are used up where they are made.
#[derive(Debug, Clone, Default)]
struct Work {
    blocks: Vec<Block>,
    candidates: Vec<u64>,
    near_large: Vec<u64>,
    near_bright: Vec<u64>,
    all_small: Vec<u64>,
    bits: Vec<u64>,
    columns: Vec<Sums>,
}

impl Stream {
    pub(super) fn new(test: &Dispersion, width: usize) -> Self {
        let [ky, kx] = test.kernel;
        let n = words(width);
        let stride = n * BLOCK + 2 * kx;
        let full = (2 * ky + 1) * (2 * kx + 1);
        let b = test.bound(full as f64);
        let (levels, bound) = narrow_test(test, full, b);
        let erosion = match test.method {
            Method::DispersionExtended => ky.min(kx) - 1,
            Method::Dispersion => 0,
        };
        let ring = || Ring::new(width, 4 * ky + 8);
        Stream {
            level: Level::best(),
            width,
            highest: levels.high,
            levels,
            bound,
            bounds: (0..=full).map(|m| test.bound(m as f64)).collect(),
            erosion,
            values: vec![0; stride * (2 * ky + 3)],
            usable: ring(),
            small: ring(),
            bright: ring(),
            flagged: ring(),
            kept: ring(),
            m: vec![0; stride],
            x: vec![0; stride],
            y: vec![0; stride],
            large: vec![Sums::default(); stride],
            work: Work {
                blocks: vec![Block::Skip; n],
                candidates: vec![0; n],
                near_large: vec![0; n],
                near_bright: vec![0; n],
                all_small: vec![0; n],
                bits: vec![0; n],
                columns: Vec::new(),
            },
            test: test.clone(),
        }
    }

    /// Strong pixels of a panel, in row-major order.
    pub(super) fn run(&mut self, panel: &PanelView, usable: &Usable) -> Vec<Pixel> {
        for sums in [&mut self.m, &mut self.x, &mut self.y] {
            sums.fill(0);
        }
        self.large.fill(Sums::default());
        let height = panel.height;
        let [low, high] = usable.trusted.map(|t| t.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16);
        self.levels = Levels { low: low.max(0), high: high.min(self.highest), ..self.levels };
        let [ky, _] = self.test.kernel;
        let margin = if self.test.method == Method::DispersionExtended { ky + 2 } else { ky };
        let mut strong = Vec::new();
        for a in 0..height + ky + self.erosion + margin {
            if a < height {
                self.take_in(panel, usable, a);
            }
            if a < height + ky {
                self.slide(panel, a, height);
            }
            let behind = |rows: usize| a.checked_sub(rows).filter(|j| *j < height);
            if let Some(f) = behind(ky) {
                self.flag(f, height);
            }
            if let Some(c) = behind(ky + self.erosion) {
                self.erode(c, height);
            }
            if let Some(s) = behind(ky + self.erosion + margin) {
                self.above_background(panel, s, margin, &mut strong);
            }
        }
        strong
    }

    fn stride(&self) -> usize {
        self.m.len()
    }

    /// Where the 16-bit counts of row `j` are; the zeros when there is no such row.
    fn slot(&self, j: Option<usize>) -> core::ops::Range<usize> {
        let rows = 2 * self.test.kernel[0] + 2;
        let slot = j.map_or(rows, |j| j % rows);
        slot * self.stride()..(slot + 1) * self.stride()
    }

    /// Narrows row `a` and sorts its pixels: usable, small, bright.
    fn take_in(&mut self, panel: &PanelView, usable: &Usable, a: usize) {
        let (pixels, mask) = (panel.row(a), usable.row(a));
        let slot = self.slot(Some(a));
        let kx = self.test.kernel[1];
        let values = &mut self.values[slot][kx..];
        let (small, bright) = (self.small.row_mut(a), self.bright.row_mut(a));
        let whole = self.width / BLOCK;
        let (head, tail) = pixels.split_at(whole * BLOCK);
        kernel::narrow(
            self.level,
            head,
            &mask[..whole],
            self.levels,
            &mut values[..whole * BLOCK],
            &mut small[..whole],
            &mut bright[..whole],
        );
        if !tail.is_empty() {
            let mut last = [0; BLOCK];
            last[..tail.len()].copy_from_slice(tail);
            let values = &mut values[whole * BLOCK..(whole + 1) * BLOCK];
            kernel::narrow(self.level, &last, &mask[whole..], self.levels, values, &mut small[whole..], &mut bright[whole..]);
        }
        let [low, high] = usable.trusted;
        let out = self.usable.row_mut(a);
        for w in 0..mask.len() {
            let mut rest = mask[w] & !small[w];
            small[w] &= mask[w];
            out[w] = small[w];
            while rest != 0 {
                let i = rest.trailing_zeros();
                rest &= rest - 1;
                if (low..=high).contains(&pixels[w * BLOCK + i as usize]) {
                    out[w] |= 1 << i;
                    bright[w] |= 1 << i;
                }
            }
        }
    }

    /// Adds row `a` to the column sums and takes row a − 2k − 1 out of them.
    fn slide(&mut self, panel: &PanelView, a: usize, height: usize) {
        let [ky, kx] = self.test.kernel;
        let new = Some(a).filter(|j| *j < height);
        let old = a.checked_sub(2 * ky + 1).filter(|j| *j < height);
        let (n, o) = (self.slot(new), self.slot(old));
        kernel::slide(self.level, &mut self.x, &mut self.y, &self.values[n], &self.values[o]);
        let word = |bits: &[u64], w: usize| bits.get(w).copied().unwrap_or(0);
        let (small_new, small_old) = (self.small.row_if(new), self.small.row_if(old));
        let (usable_new, usable_old) = (self.usable.row_if(new), self.usable.row_if(old));
        for w in 0..words(self.width) {
            let (enters, leaves) = (word(small_new, w), word(small_old, w));
            for (mut bits, step) in [(enters & !leaves, 1), (leaves & !enters, -1)] {
                while bits != 0 {
                    self.m[kx + w * BLOCK + bits.trailing_zeros() as usize] += step;
                    bits &= bits - 1;
                }
            }
            for (row, mut bits, sign) in [(new, word(usable_new, w) & !enters, 1), (old, word(usable_old, w) & !leaves, -1)] {
                while bits != 0 {
                    let i = w * BLOCK + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    let p = row.map_or(0, |j| panel.row(j)[i]);
                    if p.unsigned_abs() < BIG {
                        let (sums, p) = (&mut self.large[kx + i], i64::from(p));
                        sums.m += sign;
                        sums.x += sign * p;
                        sums.y += sign * p * p;
                    }
                }
            }
        }
    }

    /// Flags row `f`.
    fn flag(&mut self, f: usize, height: usize) {
        let [ky, kx] = self.test.kernel;
        let n = words(self.width);
        let Work { blocks, candidates, near_large, near_bright, all_small, bits, .. } = &mut self.work;
        near_large.fill(0);
        near_bright.fill(0);
        all_small.fill(if f >= ky && f + ky < height { u64::MAX } else { 0 });
        for r in f.saturating_sub(ky)..height.min(f + ky + 1) {
            let (usable, small, bright) = (self.usable.row(r), self.small.row(r), self.bright.row(r));
            let near = near_large.iter_mut().zip(near_bright.iter_mut()).zip(all_small.iter_mut());
            for (((large, near), all), ((usable, small), bright)) in near.zip(usable.iter().zip(small).zip(bright)) {
                *large |= usable & !small;
                *near |= bright;
                *all &= small;
            }
        }
        let usable = self.usable.row(f);
        for w in 0..n {
            // The window reaches `kx` < 64 pixels into the words beside.
            let beside = |row: &[u64], outside: u64| {
                let left = if w > 0 { row[w - 1] } else { outside };
                let right = if w + 1 < n { row[w + 1] } else { outside };
                (left >> (BLOCK - kx), right << (BLOCK - kx))
            };
            let (bl, br) = beside(near_bright, 0);
            let (sl, sr) = beside(all_small, 0);
            let edge = u64::MAX >> (BLOCK - kx);
            blocks[w] = if usable[w] == 0 || near_bright[w] | bl | br == 0 {
                Block::Skip
            } else if all_small[w] == u64::MAX && sl == edge && sr == edge << (BLOCK - kx) {
                Block::Full
            } else {
                Block::Gaps
            };
        }
        let columns = Columns { m: &self.m, x: &self.x, y: &self.y };
        kernel::candidates(self.level, columns, self.bound, blocks, candidates);
        if near_large.iter().any(|w| *w != 0) {
            // To dilate is to erode what is not.
            near_large.iter_mut().for_each(|w| *w = !*w);
            erode_row(near_large, kx as u32, bits);
            candidates.iter_mut().zip(bits.iter()).for_each(|(c, b)| *c |= !b);
        }
        candidates.iter_mut().zip(usable).for_each(|(c, u)| *c &= u);
        self.test_exactly(f);
    }

    /// Sets the flags of row `f`: those of its candidates that the test with exact sums confirms, and what stands for gaps and the
    /// world beyond the edge.
    fn test_exactly(&mut self, f: usize) {
        let columns = 2 * self.test.kernel[1] + 1;
        let Work { candidates, columns: sums, .. } = &mut self.work;
        let flags = self.flagged.row_mut(f);
        let outside = match self.test.gaps {
            Gaps::Flagged => u64::MAX,
            Gaps::Background => 0,
        };
        for (flags, usable) in flags.iter_mut().zip(self.usable.row(f)) {
            *flags = !usable & outside;
        }
        if let (Some(last), rest @ 1..) = (flags.last_mut(), self.width % BLOCK) {
            *last |= u64::MAX << rest;
        }
        for_each_run(candidates, |first, end| {
            sums.clear();
            sums.extend((first..end + columns - 1).map(|c| {
                let large = self.large[c];
                Sums { m: large.m + i64::from(self.m[c]), x: large.x + i64::from(self.x[c]), y: large.y + i64::from(self.y[c]) }
            }));
            for (k, window) in sums.windows(columns).enumerate() {
                let s = window.iter().fold(Sums::default(), |a, c| Sums { m: a.m + c.m, x: a.x + c.x, y: a.y + c.y });
                let (m, x, y) = (s.m as f64, s.x as f64, s.y as f64);
                if s.m >= self.test.min_local as i64 && s.x >= 0 && m * y - x * x > x * self.bounds[s.m as usize] {
                    flags[(first + k) / BLOCK] |= 1 << ((first + k) % BLOCK);
                }
            }
        });
    }

    /// Keeps the usable pixels of row `c` for which all flags within Chebyshev distance `erosion` are set.
    fn erode(&mut self, c: usize, height: usize) {
        let bits = &mut self.work.bits;
        bits.fill(u64::MAX);
        for r in c.saturating_sub(self.erosion)..height.min(c + self.erosion + 1) {
            for (b, f) in bits.iter_mut().zip(self.flagged.row(r)) {
                *b &= f;
            }
        }
        let kept = self.kept.row_mut(c);
        if bits.iter().all(|b| *b == 0) {
            kept.fill(0);
            return;
        }
        erode_row(bits, self.erosion as u32, kept);
        for (k, u) in kept.iter_mut().zip(self.usable.row(c)) {
            *k &= u;
        }
    }

    /// The kept pixels of row `s` that stand out from the mean around them.
    fn above_background(&mut self, panel: &PanelView, s: usize, margin: usize, strong: &mut Vec<Pixel>) {
        let test = &self.test;
        let extended = test.method == Method::DispersionExtended;
        let (ky, kx) = (margin, test.kernel[1] + if extended { 2 } else { 0 });
        let (width, row) = (self.width, panel.row(s));
        let (all_usable, all_kept, columns) = (&self.usable, &self.kept, &mut self.work.columns);
        let high_enough = |i: usize| f64::from(row[i]) > test.global_threshold;
        for_each_run(all_kept.row(s), |first, end| {
            if !(first..end).any(high_enough) {
                return;
            }
            let (low, high) = (first.saturating_sub(kx), width.min(end + kx));
            columns.clear();
            columns.resize(high - low, Sums::default());
            for r in s.saturating_sub(ky)..panel.height.min(s + ky + 1) {
                let (usable, kept, pixels) = (all_usable.row(r), all_kept.row(r), panel.row(r));
                for (i, sums) in (low..high).zip(columns.iter_mut()) {
                    let counts = bit(usable, i) && !(extended && bit(kept, i)) && pixels[i].unsigned_abs() < BIG;
                    sums.m += i64::from(counts);
                    sums.x += i64::from(counts) * i64::from(pixels[i]);
                }
            }
            for i in (first..end).filter(|&i| high_enough(i)) {
                let window = &columns[i.saturating_sub(kx) - low..high.min(i + kx + 1) - low];
                let (m, x) = window.iter().fold((0, 0), |a, c| (a.0 + c.m, a.1 + c.x));
                let (m, x, p) = (m as f64, x as f64, f64::from(row[i]));
                let is_strong = if extended {
                    let mean = if m >= 2.0 { x / m } else { 0.0 };
                    x >= 0.0 && p >= mean + test.sigma_strong * (test.gain * mean).sqrt()
                } else {
                    m * p - x > test.sigma_strong * (test.gain * x * m).sqrt()
                };
                if is_strong {
                    strong.push(Pixel { index: (s * width + i) as u32, value: row[i] });
                }
            }
        });
    }
}

/// The test in 16-bit integers, for windows of `full` pixels with b(full) = `b`; see [`kernel`].
fn narrow_test(test: &Dispersion, full: usize, b: f64) -> (Levels, Bound) {
    let most = f64::from(i16::MAX);
    let rows = (2 * test.kernel[0] + 1) as f64;
    // A b beyond 16 bits is replaced by a smaller one, which lets more candidates pass.
    let of_full = b.min(most / 2.0).floor();
    let by_square = (most / rows).sqrt().floor();
    let by_sum = ((most - of_full) / full as f64).floor();
    // Counts up to the bound of early rejection are not bright; a little less, so that rounding in the exact test cannot matter.
    let bright = (b / (full - 1) as f64 * (1.0 - 1e-9)).ceil() - 1.0;
    let high = by_square.min(by_sum).max(1.0);
    let mut shift = 0;
    while shift < 8 && of_full * f64::from(2u32 << shift) <= most {
        shift += 1;
    }
    let slope = (of_full / (full - 1) as f64 * f64::from(1u32 << shift)).floor();
    let levels = Levels { low: 0, high: high as i16, bright: bright.clamp(0.0, high) as i16 };
    let bound = Bound { columns: 2 * test.kernel[1] + 1, full: full as i16, of_full: of_full as i16, slope: slope as i16, shift };
    (levels, bound)
}
