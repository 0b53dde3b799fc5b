//! The stages of thresholding, as maps of an image: what spot finding computes about every pixel on its way to the strong ones.
//!
//! Letters as in `ewald_core::image::Dispersion`: in the window about a pixel, m usable pixels, x = Σp, y = Σp². Counts of 2²⁴ and more take
//! no part. Which pixels are usable, the gain and the pedestal are spot finding's own ([`Examined`]). A map's integers are steps of the unit
//! that comes with it; −1 where there is nothing to tell. Only what is looked at is computed: the part, and around it what the windows reach.

use core::ops::Range;

use ewald_core::image::{Decisions, Dispersion, Method};
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
        let [columns, rows] = at.inner.clone();
        let first = [at.origin[0] + columns.start, at.origin[1] + rows.start];
        let (Some(x), Some(y)) = (first[0].checked_sub(part[0].start), first[1].checked_sub(part[1].start)) else { continue };
        let place = |j: usize| {
            let start = (y + j - rows.start) * width + x;
            start..start + columns.len()
        };
        Panel { at, columns: columns.clone() }.fill(layer, unit, rows.clone(), |j, values| {
            if let Some(to) = out.get_mut(place(j)) {
                to.copy_from_slice(values);
            }
        });
    }
    (out, unit)
}

struct Panel<'a> {
    at: &'a Examined,
    /// Those that are wanted.
    columns: Range<usize>,
}

impl Panel<'_> {
    /// Gives the values of each row of `rows`, in the columns that are wanted. Without windows (the radial profile) there are only the counts
    /// and the strong pixels.
    fn fill(&self, layer: Layer, unit: f64, rows: Range<usize>, mut give: impl FnMut(usize, &[i32])) {
        // A multiplication instead of a division changes nothing: the units are powers of two.
        let (at, per_unit, size) = (self.at, 1.0 / unit, self.at.size);
        let steps = |value: f64| (value * per_unit) as i32;
        let mut line = vec![-1; self.columns.len()];
        match (layer, &at.test) {
            (Layer::Counts, _) => rows.for_each(|j| give(j, self.counts(j))),
            (Layer::Strong, _) => rows.for_each(|j| {
                line.iter_mut().zip(self.counts(j)).for_each(|(to, count)| *to = (*count).min(0));
                let begin = at.strong.partition_point(|k| (*k as usize) < j * size[0]);
                let of_row = at.strong[begin..].iter().map(|k| *k as usize - j * size[0]).take_while(|i| *i < size[0]);
                of_row.for_each(|i| line[i - self.columns.start] = 1);
                give(j, &line);
            }),
            (Layer::Flagged, Some(_)) => rows.for_each(|j| {
                let flagged = Decisions::row(&at.decisions.flagged, size[0], j);
                let pixels = line.iter_mut().zip(self.counts(j)).zip(self.columns.clone());
                pixels.for_each(|((to, count), i)| *to = (*count).min(0) | i32::from(bit(flagged, i)));
                give(j, &line);
            }),
            (Layer::Threshold, Some(test)) => self.thresholds(test, rows, |j, thresholds| {
                let pixels = line.iter_mut().zip(self.counts(j)).zip(thresholds);
                pixels.for_each(|((to, count), t)| *to = unless_hidden(*count, steps(t.max(test.global_threshold))));
                give(j, &line);
            }),
            (Layer::Mean, Some(test)) => self.windows::<false>(test.kernel, None, rows, |j, sums| {
                for (to, (m, x)) in line.iter_mut().zip(sums.m.iter().zip(sums.x)) {
                    *to = if *m > 0.0 { steps(x / m) } else { -1 };
                }
                self.hide(j, &mut line);
                give(j, &line);
            }),
            (Layer::Variance | Layer::Dispersion, Some(test)) => self.windows::<true>(test.kernel, None, rows, |j, sums| {
                for (to, ((m, x), y)) in line.iter_mut().zip(sums.m.iter().zip(sums.x).zip(sums.y)) {
                    let mean = x / m.max(1.0);
                    let variance = (y - x * mean) / (m - 1.0);
                    *to = match layer {
                        _ if *m <= 1.0 => -1,
                        Layer::Variance => steps(variance.max(0.0)),
                        _ if *x > 0.0 => steps((variance / mean).max(0.0)),
                        _ => -1,
                    };
                }
                self.hide(j, &mut line);
                give(j, &line);
            }),
            (_, None) => {}
        }
    }

    /// The wanted counts of a row.
    fn counts(&self, j: usize) -> &[i32] {
        &self.at.counts[j * self.at.size[0]..][self.columns.clone()]
    }

    fn hide(&self, j: usize, line: &mut [i32]) {
        line.iter_mut().zip(self.counts(j)).for_each(|(to, count)| *to = unless_hidden(*count, *to));
    }

    /// The counts from which pixels are strong by the mean about them, row by row: μ + σ_s·√(gμ).
    fn thresholds(&self, test: &Dispersion, rows: Range<usize>, mut give: impl FnMut(usize, &[f64])) {
        let mut line = vec![0.0; self.columns.len()];
        let (kernel, fewest, kept) = match test.method {
            Method::Dispersion => (test.kernel, 1.0, None),
            Method::DispersionExtended => (test.kernel.map(|k| k + 2), 2.0, Some(self.at.decisions.kept.as_slice())),
        };
        self.windows::<false>(kernel, kept, rows, |j, sums| {
            for (to, (m, x)) in line.iter_mut().zip(sums.m.iter().zip(sums.x)) {
                let mean = if *m >= fewest { x / m } else { 0.0 };
                *to = mean + test.sigma_strong * (test.gain * mean).sqrt();
            }
            give(j, &line);
        });
    }

    /// Sums over windows of half-widths (slow, fast) about the wanted pixels of each row, clipped at the edges. Pixels of `without` take no part.
    fn windows<const SQUARES: bool>(
        &self,
        [ky, kx]: [usize; 2],
        without: Option<&[u64]>,
        rows: Range<usize>,
        mut give: impl FnMut(usize, Windows<'_>),
    ) {
        let [width, height] = self.at.size;
        let mut columns = Columns::<SQUARES>::new(width, kx, self.columns.len());
        let add = |columns: &mut Columns<SQUARES>, j: usize, sign: i32| {
            let without = without.map_or(&[][..], |bits| Decisions::row(bits, width, j));
            columns.add(&self.at.counts[j * width..(j + 1) * width], without, sign);
        };
        (rows.start.saturating_sub(ky)..(rows.start + ky).min(height)).for_each(|j| add(&mut columns, j, 1));
        for j in rows.clone() {
            if j + ky < height {
                add(&mut columns, j + ky, 1);
            }
            // The rows before the first window were never added.
            if let Some(old) = j.checked_sub(ky + 1).filter(|_| j > rows.start) {
                add(&mut columns, old, -1);
            }
            give(j, columns.windows(kx, self.columns.start));
        }
    }
}

/// −1 for a pixel whose count is hidden, without a branch.
fn unless_hidden(count: i32, value: i32) -> i32 {
    if count < 0 { -1 } else { value }
}

fn bit(row: &[u64], i: usize) -> bool {
    row.get(i / 64).is_some_and(|word| word >> (i % 64) & 1 == 1)
}

/// Below this f64 sums integers exactly.
const EXACT: f64 = (1u64 << 53) as f64;

/// Sums over the rows of a window, for each column: m, x, y.
struct Columns<const SQUARES: bool> {
    m: Sums,
    x: Sums,
    y: Sums,
}

/// Sums of one quantity. Those of columns are exact with fewer than 32 counts near 2²⁴ in the rows of a window, or any number of smaller ones.
struct Sums {
    /// By column.
    columns: Vec<f64>,
    /// Of the columns before, with kx + 1 zeros in front and the sum of all kx times after: two differences give a window's sum, however wide.
    before: Vec<f64>,
    /// Of the windows about the wanted pixels.
    windows: Vec<f64>,
}

/// What the windows of a row sum to, for each wanted pixel: m, x, y.
#[derive(Clone, Copy)]
struct Windows<'a> {
    m: &'a [f64],
    x: &'a [f64],
    y: &'a [f64],
}

impl<const SQUARES: bool> Columns<SQUARES> {
    fn new(width: usize, kx: usize, wanted: usize) -> Self {
        let sums = || Sums { columns: vec![0.0; width], before: vec![0.0; width + 2 * kx + 1], windows: vec![0.0; wanted] };
        Columns { m: sums(), x: sums(), y: sums() }
    }

    /// Adds a row, or takes it out where `sign` is −1; without the pixels whose bits are set in `without`.
    fn add(&mut self, counts: &[i32], without: &[u64], sign: i32) {
        for (first, counts) in (0..).step_by(64).zip(counts.chunks(64)) {
            match without.get(first / 64).copied().unwrap_or(0) {
                0 => self.add_some(first, counts, sign, |_| true),
                hidden => self.add_some(first, counts, sign, |i| hidden >> i & 1 == 0),
            }
        }
    }

    fn add_some(&mut self, first: usize, counts: &[i32], sign: i32, takes: impl Fn(usize) -> bool) {
        // Without branches, so that several are done at once.
        let signed = |i: usize, p: i32| if (0..BIG).contains(&p) & takes(i) { sign } else { 0 };
        let (m, x) = (&mut self.m.columns[first..], &mut self.x.columns[first..]);
        for (i, ((m, x), p)) in m.iter_mut().zip(x).zip(counts).enumerate() {
            let sign = signed(i, *p);
            *m += f64::from(sign);
            *x += f64::from(sign * p);
        }
        if SQUARES {
            for (i, (y, p)) in self.y.columns[first..].iter_mut().zip(counts).enumerate() {
                *y += f64::from(signed(i, *p) * p) * f64::from(*p);
            }
        }
    }

    /// The windows about the pixels from `start` on.
    fn windows(&mut self, kx: usize, start: usize) -> Windows<'_> {
        self.m.sum(kx, start);
        self.x.sum(kx, start);
        if SQUARES {
            self.y.sum(kx, start);
        }
        Windows { m: &self.m.windows, x: &self.x.windows, y: &self.y.windows }
    }
}

impl Sums {
    fn sum(&mut self, kx: usize, start: usize) {
        let mut all = 0.0;
        let (sums, after) = self.before[kx + 1..].split_at_mut(self.columns.len());
        for (to, column) in sums.iter_mut().zip(&self.columns) {
            all += column;
            *to = all;
        }
        after.fill(all);
        if all >= EXACT {
            return self.sum_each(kx, start);
        }
        let (left, right) = (&self.before[start..], &self.before[start + 2 * kx + 1..]);
        for (to, (a, b)) in self.windows.iter_mut().zip(left.iter().zip(right)) {
            *to = b - a;
        }
    }

    /// Of squares so large that those of a row together would be rounded: each window by itself, in integers.
    fn sum_each(&mut self, kx: usize, start: usize) {
        for (i, to) in (start..).zip(&mut self.windows) {
            let window = &self.columns[i.saturating_sub(kx)..(i + kx + 1).min(self.columns.len())];
            *to = window.iter().map(|c| *c as i64).sum::<i64>() as f64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::image::{Frame, Gaps, PanelView, Scratch, Usable};

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
        let (strong, decisions) = test.decisions(&view, &usable, &mut Scratch::default());
        let strong = strong.iter().map(|p| p.index).collect();
        Examined { origin: [0, 0], size: [w, h], inner: [0..w, 0..h], counts: counts.to_vec(), test: Some(test.clone()), decisions, strong }
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
            let mut threshold = Vec::new();
            Panel { at: &at, columns: 0..size[0] }.thresholds(&test, 0..size[1], |_, row| threshold.extend_from_slice(row));
            let may: Vec<bool> =
                (0..counts.len()).map(|k| bit(Decisions::row(&at.decisions.kept, size[0], k / size[0]), k % size[0])).collect();
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
    fn large_counts_do_not_spoil_the_windows_beside_them() {
        let mut counts = vec![3; 90 * 20];
        (0..90 * 20).filter(|k| k % 90 < 60).for_each(|k| counts[k] = BIG - 1);
        let at = [examined(&Dispersion::default(), &counts, [90, 20])];
        let row: f64 = 60.0 * 7.0 * f64::from(BIG - 1).powi(2);
        assert!(row > EXACT, "the squares of a row fit after all");
        let (variance, _) = map(Layer::Variance, &[0..90, 0..20], &at);
        assert!((64..90).all(|i| variance[10 * 90 + i] == 0), "{:?}", &variance[10 * 90 + 55..11 * 90]);
        assert!((57..63).all(|i| variance[10 * 90 + i] > 0));
    }

    #[test]
    fn a_panel_stands_where_it_is_in_the_image() {
        let panel = Examined { origin: [2, 1], ..examined(&Dispersion::default(), &[7; 100], [10, 10]) };
        let (map, _) = map(Layer::Counts, &[0..13, 0..12], &[panel]);
        assert_eq!((map[14], map[15], map[11 * 13 - 1], map[11 * 13 + 2]), (-1, 7, -1, -1));
        assert_eq!(map.iter().filter(|v| **v == 7).count(), 100);
    }
}
