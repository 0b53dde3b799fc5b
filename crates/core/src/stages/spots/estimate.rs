//! Gain and global threshold, estimated from one image where the user leaves them to the program.

use super::mask::Searched;
use crate::image::{Frame, PanelView};

/// Half-width of the windows that the gain is estimated in, px: as `dials.estimate_gain`.
const HALF_WIDTH: usize = 10;
/// Windows overlap; one in this many along each axis says as much as all.
const STRIDE: usize = 3;

/// Counts per photon on top of the detector's own gain: the median index of dispersion (variance over mean) of windows of 21 × 21 usable
/// pixels, without those beyond 1.5 interquartile ranges from the quartiles.
///
/// `None` when fewer than 100 windows have counts, or when they do not vary. Spots make few windows and no difference; what does is a
/// background that rises within a window, and a gain below one that zeros hide.
///
/// As `dials.estimate_gain`, which takes unusable pixels as windows of dispersion 1.
pub(super) fn gain(frame: &Frame, panels: &[Searched]) -> Option<f64> {
    let mut indices: Vec<f64> = Vec::new();
    for panel in panels {
        let view = PanelView::new(frame, panel.origin, panel.size)?;
        indices.extend(dispersions(&view, panel).into_iter().map(|d| d / panel.gain));
    }
    if indices.len() < 100 {
        return None;
    }
    indices.sort_by(f64::total_cmp);
    let at = |v: &[f64], part: f64| v[((v.len() as f64 * part).round() as usize).min(v.len() - 1)];
    let (q1, q3) = (at(&indices, 0.25), at(&indices, 0.75));
    let margin = 1.5 * (q3 - q1);
    let inliers: Vec<f64> = indices.into_iter().filter(|d| (q1 - margin..q3 + margin).contains(d) && *d > q1 - margin).collect();
    (!inliers.is_empty() && margin > 0.0).then(|| at(&inliers, 0.5))
}

/// Variance over mean of the counts in full windows.
fn dispersions(view: &PanelView, panel: &Searched) -> Vec<f64> {
    let [width, height] = panel.size;
    let n = 2 * HALF_WIDTH + 1;
    let mut found = Vec::new();
    let count = |i: usize, j: usize| {
        let p = view.row(j)[i].saturating_sub(panel.pedestal);
        (panel.usable.contains(i, j) && panel.usable.trusts(p)).then_some(p)
    };
    for top in (0..(height + 1).saturating_sub(n)).step_by(STRIDE) {
        // Column sums: usable pixels, Σp, Σp².
        let columns: Vec<[i64; 3]> = (0..width)
            .map(|i| {
                (top..top + n)
                    .filter_map(|j| count(i, j))
                    .map(i64::from)
                    .fold([0; 3], |[m, x, y], p| [m + 1, x + p, y.saturating_add(p * p)])
            })
            .collect();
        for left in (0..(width + 1).saturating_sub(n)).step_by(STRIDE) {
            let sums = columns[left..left + n].iter().fold([0i64; 3], |a, c| [a[0] + c[0], a[1] + c[1], a[2].saturating_add(c[2])]);
            let [m, x, y] = sums.map(|s| s as f64);
            if m == (n * n) as f64 && x > 0.0 {
                let mean = x / m;
                found.push((y - x * mean) / (m - 1.0) / mean);
            }
        }
    }
    found
}

/// A count, in photons, above which few pixels are: two steps before the elbow of the curve of how many are above 1.5ⁱ, i = 1 … 19.
///
/// The elbow is the point farthest from the line between the steepest fall's start and the end, as in distl (Zhang et al. 2006, method 1). In
/// DIALS the first panel alone is looked at, unusable pixels included; an elbow at the very start wraps round to the end there.
pub(super) fn global_threshold(frame: &Frame, panels: &[Searched]) -> f64 {
    const STEPS: usize = 19;
    let levels: [f64; STEPS] = core::array::from_fn(|i| 1.5f64.powi(i as i32 + 1).floor());
    let mut above = [0.0; STEPS];
    for panel in panels {
        let Some(view) = PanelView::new(frame, panel.origin, panel.size) else { continue };
        for (j, i) in (0..panel.size[1]).flat_map(|j| (0..panel.size[0]).map(move |i| (j, i))) {
            let p = view.row(j)[i].saturating_sub(panel.pedestal);
            if f64::from(p) > panel.gain && panel.usable.contains(i, j) && panel.usable.trusts(p) {
                let photons = f64::from(p) / panel.gain;
                levels.iter().zip(&mut above).take_while(|(l, _)| photons > **l).for_each(|(_, n)| *n += 1.0);
            }
        }
    }
    levels[elbow(&levels, &above).saturating_sub(2)]
}

/// The point of a falling curve that is farthest from the straight line between the point where the line to the end is steepest, and the end.
fn elbow(x: &[f64], y: &[f64]) -> usize {
    let last = x.len() - 1;
    let slope = |k: usize| (y[last] - y[k]) / (x[last] - x[k]);
    let start = (0..last).fold(0, |a, k| if slope(k) < slope(a) { k } else { a });
    let gap = |k: usize| ((y[last] - y[start]) * (x[start] - x[k]) - (x[last] - x[start]) * (y[start] - y[k])).abs();
    (start..=last).fold(start, |a, k| if gap(k) > gap(a) { k } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Usable;

    const SIZE: [usize; 2] = [260, 200];

    fn searched(pedestal: i32, gain: f64) -> Searched {
        let mask: Vec<bool> = (0..SIZE[0] * SIZE[1]).map(|k| k % SIZE[0] != 130).collect();
        Searched { origin: [0, 0], size: SIZE, usable: Usable::new(&mask, SIZE[0], [0, 1 << 20]), pedestal, gain }
    }

    /// Poisson counts of mean 20, times `gain`, on `pedestal`, with a few spots.
    fn frame(gain: f64, pedestal: i32) -> Frame {
        let mut state = 99u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut poisson = |mean: f64| {
            let (limit, mut product, mut n) = ((-mean).exp(), uniform(), 0);
            while product > limit {
                product *= uniform();
                n += 1;
            }
            f64::from(n)
        };
        let mut pixels: Vec<i32> = (0..SIZE[0] * SIZE[1]).map(|_| (poisson(20.0) * gain) as i32 + pedestal).collect();
        for k in 0..30 {
            pixels[(5 + 6 * k) * SIZE[0] + 7 * k + 3] += 4000;
        }
        Frame { width: SIZE[0], height: SIZE[1], pixels }
    }

    #[test]
    fn the_gain_is_found_whatever_pedestal_and_spots() {
        for (true_gain, own, pedestal) in [(1.0, 1.0, 0), (3.5, 1.0, 0), (3.5, 3.5, 40), (8.0, 2.0, 100)] {
            let g = gain(&frame(true_gain, pedestal), &[searched(pedestal, own)]).unwrap();
            assert!((g * own / true_gain - 1.0).abs() < 0.03, "{true_gain} {own} {pedestal}: {g}");
        }
    }

    #[test]
    fn an_image_without_counts_has_no_gain() {
        assert_eq!(gain(&Frame::new(SIZE[0], SIZE[1]), &[searched(0, 1.0)]), None);
        let flat = Frame { pixels: vec![7; SIZE[0] * SIZE[1]], width: SIZE[0], height: SIZE[1] };
        assert_eq!(gain(&flat, &[searched(0, 1.0)]), None);
    }

    #[test]
    fn the_global_threshold_is_where_background_ends() {
        // Background of mean 20 ends at about 38 = 1.5⁹; the elbow is there, and two steps before are 17.
        let t = global_threshold(&frame(1.0, 0), &[searched(0, 1.0)]);
        assert!((11.0..=38.0).contains(&t), "{t}");
        assert_eq!(global_threshold(&frame(4.0, 30), &[searched(30, 4.0)]), t);
        assert_eq!(global_threshold(&Frame::new(SIZE[0], SIZE[1]), &[searched(0, 1.0)]), 1.0);
    }
}
