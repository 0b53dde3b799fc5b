//! One reflection from its pixels: foreground, background, summed intensity, centroid.

use super::background::{Counts, robust_poisson_mean};
use super::field::{BackgroundPixel, Field};
use super::frame::{Corners, KabschFrame};
use super::profile::expected_counts;
use super::setup::Setup;
use super::{BackgroundShape, Outlier};
use crate::math::Vec3;
use crate::reflections::flags;

/// Stands for a pixel without a usable count.
pub(super) const INVALID: i32 = -1;
/// Stands for a pixel above the trusted range.
pub(super) const OVERLOADED: i32 = -2;

/// The pixels of a reflection's box, image by image, rows of `x`.
#[derive(Debug, Clone, Default)]
pub(super) struct Pixels {
    pub(super) panel: usize,
    pub(super) bbox: [i32; 6],
    /// Counts, or a negative number where there is none.
    pub(super) counts: Vec<i32>,
}

/// How backgrounds are made: [`super::Background`] with its numbers, decided for the detector.
#[derive(Debug, Clone, Copy)]
pub(super) struct BackgroundModel {
    pub(super) robust: bool,
    pub(super) tuning: f64,
    pub(super) min_pixels: usize,
    pub(super) shape: BackgroundShape,
    pub(super) outlier: Outlier,
}

/// What was measured of a reflection.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    pub(super) flags: u64,
    pub(super) valid: i32,
    pub(super) background: i32,
    pub(super) background_used: i32,
    /// Valid foreground pixels.
    pub(super) foreground: i32,
    /// All foreground pixels, usable or not.
    pub(super) foreground_total: i32,
    pub(super) background_mean: f64,
    pub(super) background_sum: f64,
    pub(super) background_sum_variance: f64,
    pub(super) i_sum: f64,
    pub(super) var_sum: f64,
    pub(super) xyz: [f64; 3],
    pub(super) xyz_variance: [f64; 3],
}

/// The foreground of a box in the plane of the detector, the same on all its images.
#[derive(Debug, Clone, Default)]
pub(super) struct Footprint {
    pub(super) corners: Corners,
    /// By pixel, row-major.
    pub(super) inside: Vec<bool>,
}

impl Footprint {
    /// Foreground are the pixels with a corner within δ_b of the reflection: e1² + e2² ≤ δ_b². `None` when the reflection misses the panel.
    pub(super) fn fill(&mut self, setup: &Setup<'_>, frame: &KabschFrame, panel: usize, bbox: &[i32; 6]) -> Option<()> {
        let panel = setup.detector.panels.get(panel)?;
        self.corners.fill(frame, panel, [bbox[0], bbox[1], bbox[2], bbox[3]])?;
        let limit = setup.delta_b() * setup.delta_b();
        let (w, h) = (self.corners.width, self.corners.height);
        let near = |j: usize, i: usize| {
            let [a, b] = self.corners.at[j * w + i];
            a * a + b * b <= limit
        };
        self.inside.clear();
        for j in 0..h.saturating_sub(1) {
            self.inside.extend((0..w - 1).map(|i| near(j, i) || near(j, i + 1) || near(j + 1, i) || near(j + 1, i + 1)));
        }
        Some(())
    }
}

/// The foreground pixels of a box, image by image.
pub(super) fn foreground_counts(pixels: &Pixels, footprint: &Footprint) -> Vec<i32> {
    let images = pixels.counts.chunks_exact(footprint.inside.len().max(1));
    let mut out = Vec::with_capacity(images.len() * footprint.inside.iter().filter(|fg| **fg).count());
    for image in images {
        out.extend(image.iter().zip(&footprint.inside).filter(|(_, fg)| **fg).map(|(c, _)| *c));
    }
    out
}

/// Memory used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) footprint: Footprint,
    /// Pixels of the box that are in the foreground of other reflections and therefore no background; empty for none.
    pub(super) taken: Vec<bool>,
    counts: Counts,
    around: Vec<BackgroundPixel>,
}

/// Measures a reflection; also returns its background where that is not one level for the whole box.
pub(super) fn measure(
    setup: &Setup<'_>,
    model: &BackgroundModel,
    s1: &Vec3,
    pixels: &Pixels,
    scratch: &mut Scratch,
) -> (Measured, Option<Box<Field>>) {
    let mut out = Measured::default();
    let b = pixels.bbox;
    out.xyz = [0, 2, 4].map(|i| 0.5 * f64::from(b[i] + b[i + 1]));
    let frame = setup.frame(s1);
    if scratch.footprint.fill(setup, &frame, pixels.panel, &b).is_none() {
        out.flags |= flags::DONT_INTEGRATE;
        return (out, None);
    }
    let inside = &scratch.footprint.inside;
    scratch.counts.clear();
    let taken = |n: usize| scratch.taken.get(n).copied().unwrap_or(false);
    let (mut sum, mut background_total) = (0i64, 0);
    for (k, image) in pixels.counts.chunks_exact(inside.len()).enumerate() {
        for (p, (&c, &fg)) in image.iter().zip(inside).enumerate() {
            if fg {
                out.foreground_total += 1;
                if c >= 0 {
                    out.foreground += 1;
                    sum += i64::from(c);
                }
            } else if !taken(k * inside.len() + p) {
                background_total += 1;
                if c >= 0 {
                    scratch.counts.add(c as u32);
                }
            }
            if c == OVERLOADED {
                out.flags |= flags::OVERLOADED;
            }
        }
    }
    if scratch.counts.len() < model.min_pixels && !scratch.taken.is_empty() {
        // What others have there is robustly kept out, which is better than no background.
        for (n, _) in scratch.taken.iter().enumerate().filter(|(n, t)| **t && !inside[n % inside.len()]) {
            background_total += 1;
            if let Ok(c) = u32::try_from(pixels.counts[n]) {
                scratch.counts.add(c);
            }
        }
        scratch.taken.clear();
    }
    out.background = scratch.counts.len() as i32;
    out.valid = out.foreground + out.background;
    if out.foreground < out.foreground_total {
        out.flags |= flags::FOREGROUND_INCLUDES_BAD_PIXELS;
    }
    if out.background < background_total {
        out.flags |= flags::BACKGROUND_INCLUDES_BAD_PIXELS;
    }

    let around = &mut scratch.around;
    around.clear();
    let level = if scratch.counts.len() < model.min_pixels {
        None
    } else if model.robust {
        let mean = robust_poisson_mean(&mut scratch.counts, model.tuning);
        mean.map(|mean| Under { sum: f64::from(out.foreground) * mean, variance: None, used: out.background, field: None })
    } else {
        simple(model, pixels, inside, &scratch.taken, around)
    };
    let Some(under) = level else {
        out.flags |= flags::FAILED_DURING_BACKGROUND_MODELLING | flags::FAILED_DURING_SUMMATION | flags::DONT_INTEGRATE;
        return (out, None);
    };
    let n = f64::from(out.foreground);
    out.background_mean = if n > 0.0 { under.sum / n } else { 0.0 };
    out.background_used = under.used;
    out.background_sum = under.sum;
    // Counts in the foreground, and the level under them all from the pixels around.
    out.background_sum_variance = under.sum.max(0.0) + under.variance.unwrap_or(under.sum * n / f64::from(under.used.max(1)));
    out.i_sum = sum as f64 - out.background_sum;
    out.var_sum = expected_counts(out.i_sum) + out.background_sum_variance;
    if out.foreground > 0 && out.foreground == out.foreground_total {
        out.flags |= flags::INTEGRATED_SUM;
    } else {
        out.flags |= flags::FAILED_DURING_SUMMATION;
    }
    match &under.field {
        None => {
            let level = out.background_mean;
            centroid(pixels, inside, |_| level, &mut out);
        }
        Some(f) => centroid(pixels, inside, |at| f.at(at), &mut out),
    }
    (out, under.field)
}

/// The background under a reflection.
struct Under {
    /// Over the valid foreground pixels, with its variance (`None`: that of a Poisson level).
    sum: f64,
    variance: Option<f64>,
    used: i32,
    field: Option<Box<Field>>,
}

/// Column, row and image in the box of each pixel, whether it is foreground, and its counts.
fn places<'a>(pixels: &'a Pixels, inside: &'a [bool]) -> impl Iterator<Item = ([usize; 3], bool, i32)> + Clone + 'a {
    let width = (pixels.bbox[1] - pixels.bbox[0]).max(1) as usize;
    let images = pixels.counts.chunks_exact(inside.len().max(1)).enumerate();
    images.flat_map(move |(k, image)| image.iter().zip(inside).enumerate().map(move |(p, (&c, &fg))| ([p % width, p / width, k], fg, c)))
}

/// A background by least squares.
fn simple(model: &BackgroundModel, pixels: &Pixels, inside: &[bool], taken: &[bool], around: &mut Vec<BackgroundPixel>) -> Option<Under> {
    let b = pixels.bbox;
    let size = [b[1] - b[0], b[3] - b[2], b[5] - b[4]].map(|n| n.max(0) as usize);
    let free = places(pixels, inside).enumerate().filter(|(n, p)| !p.1 && p.2 >= 0 && !taken.get(*n).copied().unwrap_or(false));
    around.extend(free.map(|(_, (at, _, c))| (at.map(|a| a as u16), f64::from(c))));
    let field = Field::fit(model.shape, model.outlier, model.min_pixels, size, around)?;
    let foreground = places(pixels, inside).filter(|p| p.1 && p.2 >= 0).map(|(at, _, _)| (at, 1.0));
    let sum = foreground.clone().map(|(at, _)| field.at(at)).sum();
    let variance = Some(field.variance(foreground));
    let used = field.used as i32;
    Some(Under { sum, variance, used, field: (model.shape != BackgroundShape::Constant3d).then(|| Box::new(field)) })
}

/// Centre of mass of what the foreground's pixels have above the background, and its variance: the unbiased squared standard error
/// and 1/12 px². The middle of the box, with variance 0, where there is nothing above the background.
fn centroid(pixels: &Pixels, inside: &[bool], level: impl Fn([usize; 3]) -> f64, out: &mut Measured) {
    let b = pixels.bbox;
    let width = (b[1] - b[0]) as usize;
    let (mut sum, mut sum2, mut first, mut second) = (0.0, 0.0, [0.0; 3], [0.0; 3]);
    for (k, image) in pixels.counts.chunks_exact(inside.len()).enumerate() {
        for (j, (row, fg)) in image.chunks_exact(width).zip(inside.chunks_exact(width)).enumerate() {
            for (i, (&c, _)) in row.iter().zip(fg).enumerate().filter(|(_, (c, fg))| **fg && **c >= 0) {
                let w = f64::from(c) - level([i, j, k]);
                if w > 0.0 {
                    let at = [i as f64 + 0.5, j as f64 + 0.5, k as f64 + 0.5];
                    sum += w;
                    sum2 += w * w;
                    for a in 0..3 {
                        first[a] += w * at[a];
                        second[a] += w * at[a] * at[a];
                    }
                }
            }
        }
    }
    if sum <= 0.0 || sum * sum <= sum2 {
        return;
    }
    let corner = [b[0], b[2], b[4]];
    for a in 0..3 {
        let mean = first[a] / sum;
        out.xyz[a] = f64::from(corner[a]) + mean;
        let moment = (second[a] - sum * mean * mean).max(0.0);
        out.xyz_variance[a] = moment / (sum * sum - sum2) + 1.0 / 12.0;
    }
}
