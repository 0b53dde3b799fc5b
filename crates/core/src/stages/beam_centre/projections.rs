//! The centre of what is scattered about the beam, from the mean image projected on its two axes.

use super::{Error, Method, Projection};
use crate::geometry::Panel;
use crate::image::{DEFAULT_BUDGET, Frame, ImageSource, for_each_frame};
use crate::job::Monitor;

/// Half-width over which projections are smoothed, as a fraction of their length.
const SMOOTH: f64 = 0.01;
/// Levels between which midpoints are taken, as fractions of the way from the lowest to the highest.
const LEVELS: [f64; 2] = [0.3, 0.8];
/// What is higher than this, as a fraction of the way from the lowest to the highest, is the hill whose top is looked for.
const HILL: f64 = 0.7;
/// The centre of symmetry is looked for in this part of the projection.
const SEARCHED: [f64; 2] = [0.25, 0.75];
/// Counts above so many times the mean are taken as spots and cut.
const CUT: f64 = 8.0;

/// Mean counts of one panel; not-a-number where no image has a usable count.
pub(super) struct MeanImage {
    width: usize,
    height: usize,
    counts: Vec<f64>,
}

/// The mean of up to `most` images, evenly chosen.
pub(super) fn mean_image(source: &dyn ImageSource, panel: &Panel, most: usize, monitor: &dyn Monitor) -> Result<MeanImage, Error> {
    let [width, height] = panel.image_size;
    let n = source.n_images();
    let step = n.div_ceil(most.max(1)).max(1);
    let [x0, y0] = panel.raw_image_offset.map(|o| usize::try_from(o).unwrap_or(0));
    let whole = source.image_size()[0];
    let mask = source.mask().filter(|m| m.len() == whole * source.image_size()[1]);
    let (mut sums, mut seen) = (vec![0i64; width * height], vec![0u32; width * height]);
    monitor.begin("Averaging images", n.div_ceil(step) as u64);
    let trusted = panel.trusted_range;
    for z in (0..n).step_by(step) {
        let copy = |_: usize, frame: &Frame| frame.clone();
        for_each_frame(source, z..z + 1, DEFAULT_BUDGET, monitor, copy, |_, frame| {
            for y in 0..height.min(frame.height.saturating_sub(y0)) {
                let row = frame.row(y0 + y);
                for x in 0..width.min(row.len().saturating_sub(x0)) {
                    let p = row[x0 + x];
                    let usable = mask.is_none_or(|m| m[(y0 + y) * whole + x0 + x]);
                    if usable && p >= 0 && f64::from(p) >= trusted[0] && f64::from(p) <= trusted[1] {
                        sums[y * width + x] += i64::from(p);
                        seen[y * width + x] += 1;
                    }
                }
            }
            Ok::<(), Error>(())
        })?;
    }
    let counts = sums.iter().zip(&seen).map(|(s, n)| if *n > 0 { *s as f64 / f64::from(*n) } else { f64::NAN }).collect();
    Ok(MeanImage { width, height, counts })
}

/// The centre along an axis: 0 is fast, 1 slow.
pub(super) fn along(mean: &MeanImage, method: Method, axis: usize) -> Result<Projection, Error> {
    let counts = project(mean, axis);
    let name = ["fast", "slow"][axis];
    let centre = match method {
        Method::Midpoint => midpoint(&smooth(&counts)),
        Method::Maximum => maximum(&smooth(&counts)),
        _ => inversion(&counts),
    };
    Ok(Projection { axis: name.to_owned(), centre: centre.ok_or(Error::Flat { axis: name })?, counts })
}

/// Mean counts per usable pixel, spots cut; gaps are bridged by straight lines.
fn project(mean: &MeanImage, axis: usize) -> Vec<f64> {
    let usable = mean.counts.iter().filter(|c| !c.is_nan());
    let (sum, n) = usable.fold((0.0, 0.0), |(s, n), c| (s + c, n + 1.0));
    let cut = if n > 0.0 { CUT * sum / n } else { 0.0 };
    let length = [mean.width, mean.height][axis];
    let mut sums = vec![(0.0, 0.0); length];
    for (k, c) in mean.counts.iter().enumerate().filter(|(_, c)| !c.is_nan()) {
        let at = [k % mean.width, k / mean.width][axis];
        sums[at] = (sums[at].0 + c.min(cut), sums[at].1 + 1.0);
    }
    let known: Vec<(usize, f64)> = sums.iter().enumerate().filter(|(_, s)| s.1 > 0.0).map(|(k, s)| (k, s.0 / s.1)).collect();
    let value = |k: usize| {
        let next = known.partition_point(|q| q.0 < k);
        match (next.checked_sub(1).and_then(|p| known.get(p)), known.get(next)) {
            (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (k - a.0) as f64 / (b.0 - a.0) as f64,
            (Some(a), None) | (None, Some(a)) => a.1,
            (None, None) => 0.0,
        }
    };
    (0..length).map(value).collect()
}

/// Means over a window, clipped at the ends, twice.
fn smooth(counts: &[f64]) -> Vec<f64> {
    let half = ((counts.len() as f64 * SMOOTH) as usize).max(1);
    let once = |c: &[f64]| -> Vec<f64> {
        let mean = |k: usize| {
            let window = &c[k.saturating_sub(half)..c.len().min(k + half + 1)];
            window.iter().sum::<f64>() / window.len() as f64
        };
        (0..c.len()).map(mean).collect()
    };
    once(&once(counts))
}

fn extremes(counts: &[f64]) -> Option<[f64; 2]> {
    let low = counts.iter().copied().fold(f64::INFINITY, f64::min);
    let high = counts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (high > low).then_some([low, high])
}

/// Where the projection first rises above and last falls below each of a series of levels: the mean of the midpoints.
fn midpoint(counts: &[f64]) -> Option<f64> {
    let [low, high] = extremes(counts)?;
    let mut middles: Vec<f64> = Vec::new();
    for k in 0..=20 {
        let level = low + (high - low) * (LEVELS[0] + (LEVELS[1] - LEVELS[0]) * f64::from(k) / 20.0);
        let crossing = |a: usize, b: usize| a as f64 + 0.5 + (level - counts[a]) / (counts[b] - counts[a]) * (b as f64 - a as f64);
        let rise = (1..counts.len()).find(|&i| counts[i - 1] < level && counts[i] >= level);
        let fall = (1..counts.len()).rev().find(|&i| counts[i - 1] >= level && counts[i] < level);
        if let (Some(rise), Some(fall)) = (rise, fall)
            && rise < fall
        {
            middles.push(0.5 * (crossing(rise - 1, rise) + crossing(fall - 1, fall)));
        }
    }
    middles.sort_by(f64::total_cmp);
    // The median: levels at which something else than the centre rises are few.
    (!middles.is_empty()).then(|| 0.5 * (middles[(middles.len() - 1) / 2] + middles[middles.len() / 2]))
}

/// The top: of the parabola that fits the projection best where it is near its highest, since the highest point itself is noise on a broad hill.
fn maximum(counts: &[f64]) -> Option<f64> {
    let [low, high] = extremes(counts)?;
    let top = counts.iter().position(|c| *c == high)?;
    let level = low + (high - low) * HILL;
    let first = (0..top).rev().take_while(|&k| counts[k] >= level).last().unwrap_or(top);
    let last = (top..counts.len()).take_while(|&k| counts[k] >= level).last().unwrap_or(top);
    let middle = 0.5 * (first + last) as f64;
    let half = 0.5 * (last - first) as f64;
    if last < first + 4 {
        return Some(middle + 0.5);
    }
    // With abscissae t symmetric about 0, the sums over odd powers vanish: the normal equations of c0 + c1·t + c2·t² fall apart.
    let (mut t2, mut t4, mut y, mut ty, mut t2y) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (k, c) in counts.iter().enumerate().take(last + 1).skip(first) {
        let (t, c) = ((k as f64 - middle) / half, c - low);
        t2 += t * t;
        t4 += t * t * t * t;
        y += c;
        ty += t * c;
        t2y += t * t * c;
    }
    let n = (last - first + 1) as f64;
    let (slope, curvature) = (ty / t2, (n * t2y - t2 * y) / (n * t4 - t2 * t2));
    let at = if curvature < 0.0 { (-0.5 * slope / curvature).clamp(-1.0, 1.0) } else { 0.0 };
    Some(middle + half * at + 0.5)
}

/// Where the parabola through three values at −1, 0, 1 has its top.
fn parabola(a: f64, b: f64, c: f64) -> f64 {
    let curvature = a - 2.0 * b + c;
    if curvature < 0.0 { (0.5 * (a - c) / curvature).clamp(-0.5, 0.5) } else { 0.0 }
}

/// The point about which the projection correlates best with its mirror image, over all of it that has a mirror image.
fn inversion(counts: &[f64]) -> Option<f64> {
    extremes(counts)?;
    let n = counts.len();
    // Mirrors lie at pixel edges and centres: the sum of two mirrored indices is a whole number.
    let correlation = |sum: usize| {
        let (first, last) = (sum.saturating_sub(n - 1), sum.min(n - 1));
        let pairs = (first..=last).map(|i| (counts[i], counts[sum - i]));
        let (mut m, mut a, mut aa, mut ab) = (0.0, 0.0, 0.0, 0.0);
        for (p, q) in pairs {
            m += 1.0;
            a += p;
            aa += p * p;
            ab += p * q;
        }
        let mean = a / m;
        let variance = aa / m - mean * mean;
        if variance > 0.0 { (ab / m - mean * mean) / variance } else { -1.0 }
    };
    let range = (2.0 * SEARCHED[0] * n as f64) as usize..(2.0 * SEARCHED[1] * n as f64) as usize;
    let scores: Vec<f64> = crate::job::parallel::map(range.len(), |k| correlation(range.start + k));
    let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))?;
    let beside = |k: usize| scores.get(k).copied();
    let fraction = match (best.checked_sub(1).and_then(beside), beside(best + 1)) {
        (Some(a), Some(c)) => parabola(a, scores[best], c),
        _ => 0.0,
    };
    Some(0.5 * ((range.start + best) as f64 + fraction) + 0.5)
}
