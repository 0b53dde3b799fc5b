//! Filters of spots that are off unless asked for.

use super::Error;
use super::mask::Searched;
use super::measure::Spot;
use crate::image::{DEFAULT_BUDGET, Frame, ImageSource, PanelView, for_each_frame};
use crate::job::Monitor;
use core::ops::Range;

/// How the background around a spot is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gradient {
    /// Width of the frame of pixels around the box, px; one pixel is left out between them.
    pub(super) size: usize,
    /// Steepest background allowed, counts per pixel.
    pub(super) cutoff: f64,
}

/// For each spot, whether the background around it is flat enough. Reads the images of `ranges` again.
///
/// A plane is fitted to the usable pixels of the frame around a spot's box on the images of the box; its slopes along fast and slow, summed
/// over these images, may not exceed the cutoff. A spot without enough pixels around it passes.
pub(super) fn background_is_flat(
    spots: &[Spot],
    gradient: Gradient,
    panels: &[Searched],
    source: &dyn ImageSource,
    ranges: &[Range<usize>],
    monitor: &dyn Monitor,
) -> Result<Vec<bool>, Error> {
    let mut of_image: Vec<Vec<u32>> = vec![Vec::new(); source.n_images()];
    for (k, spot) in spots.iter().enumerate() {
        let [.., z0, z1] = spot.shoebox.bbox;
        for z in z0.max(0)..z1 {
            if let Some(list) = of_image.get_mut(z as usize) {
                list.push(k as u32);
            }
        }
    }
    monitor.begin("Background around spots", ranges.iter().map(|r| r.len() as u64).sum());
    let mut sums = vec![Plane::default(); spots.len()];
    let on_frame = |z: usize, frame: &Frame| -> Vec<(u32, Plane)> {
        of_image[z].iter().filter_map(|&k| Some((k, around(&spots[k as usize], gradient.size, panels, frame)?))).collect()
    };
    for range in ranges {
        for_each_frame(source, range.clone(), DEFAULT_BUDGET, monitor, on_frame, |_, found| {
            found.iter().for_each(|(k, p)| sums[*k as usize].add(p));
            Ok::<(), Error>(())
        })?;
    }
    let flat = |(spot, plane): (&Spot, &Plane)| {
        let [.., z0, z1] = spot.shoebox.bbox;
        let scale = f64::from(z1 - z0) / panels[spot.shoebox.panel as usize].gain;
        plane.slopes().is_none_or(|s| s.iter().all(|s| (s * scale).abs() <= gradient.cutoff))
    };
    Ok(spots.iter().zip(&sums).map(flat).collect())
}

/// Sums for the plane p = c + a·x + b·y, exact in integers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Plane {
    n: i64,
    x: i64,
    y: i64,
    xx: i64,
    xy: i64,
    yy: i64,
    p: i64,
    xp: i64,
    yp: i64,
}

impl Plane {
    fn point(&mut self, x: i64, y: i64, p: i64) {
        self.add(&Plane { n: 1, x, y, xx: x * x, xy: x * y, yy: y * y, p, xp: x * p, yp: y * p });
    }

    fn add(&mut self, o: &Plane) {
        self.n += o.n;
        self.x += o.x;
        self.y += o.y;
        self.xx += o.xx;
        self.xy += o.xy;
        self.yy += o.yy;
        self.p += o.p;
        self.xp += o.xp;
        self.yp += o.yp;
    }

    /// a and b; `None` when the points do not determine a plane.
    fn slopes(&self) -> Option<[f64; 2]> {
        let [n, x, y, xx, xy, yy, p, xp, yp] =
            [self.n, self.x, self.y, self.xx, self.xy, self.yy, self.p, self.xp, self.yp].map(|v| v as f64);
        // About the mean; times n, so that nothing is rounded before it must be.
        let (cxx, cxy, cyy) = (n * xx - x * x, n * xy - x * y, n * yy - y * y);
        let (cxp, cyp) = (n * xp - x * p, n * yp - y * p);
        let det = cxx * cyy - cxy * cxy;
        (self.n > 3 && det > 0.0).then(|| [(cxp * cyy - cyp * cxy) / det, (cyp * cxx - cxp * cxy) / det])
    }
}

/// Sums over the usable pixels around a spot's box on one image.
fn around(spot: &Spot, size: usize, panels: &[Searched], frame: &Frame) -> Option<Plane> {
    const GAP: i32 = 1;
    let panel = panels.get(spot.shoebox.panel as usize)?;
    let view = PanelView::new(frame, panel.origin, panel.size)?;
    let [x0, x1, y0, y1, ..] = spot.shoebox.bbox;
    let out = GAP + size as i32;
    let span = |low: i32, high: i32, whole: usize| (low - out).max(0)..(high + out).min(whole as i32);
    let (columns, rows) = (span(x0, x1, panel.size[0]), span(y0, y1, panel.size[1]));
    let mut plane = Plane::default();
    for (y, x) in rows.flat_map(|y| columns.clone().map(move |x| (y, x))) {
        let inside = (x0 - GAP..x1 + GAP).contains(&x) && (y0 - GAP..y1 + GAP).contains(&y);
        let (i, j) = (x as usize, y as usize);
        let p = view.row(j)[i].saturating_sub(panel.pedestal);
        if !inside && panel.usable.contains(i, j) && panel.usable.trusts(p) {
            plane.point(i64::from(x - x0), i64::from(y - y0), i64::from(p));
        }
    }
    Some(plane)
}

/// Cells along each axis of a panel that spots are counted in.
const CELLS: usize = 50;
/// Most entries of the histogram of these counts.
const ENTRIES: usize = 30;
/// Where the histogram's cumulative curve rises less than this per spot, twice in a row, crowded cells begin.
const RISE: f64 = 0.002;

/// For each spot of one panel, whether it is not in a crowd: a cell of a 50 × 50 grid over the spots with far more spots than most.
///
/// As DIALS' spot_density filter (which puts the panels on top of each other, and fails where no cell is crowded). `places`: (fast, slow).
pub(super) fn not_crowded(places: &[[f64; 2]]) -> Vec<bool> {
    let mut keep = vec![true; places.len()];
    if places.is_empty() {
        return keep;
    }
    let edges = [0, 1].map(|k| {
        let (low, high) = places.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p[k]), b.max(p[k])));
        if high > low { [low, high] } else { [low - 0.5, high + 0.5] }
    });
    let cell = |p: &[f64; 2]| {
        let at = [0, 1].map(|k| (((p[k] - edges[k][0]) / (edges[k][1] - edges[k][0]) * CELLS as f64) as usize).min(CELLS - 1));
        at[0] * CELLS + at[1]
    };
    let mut counts = vec![0usize; CELLS * CELLS];
    places.iter().for_each(|p| counts[cell(p)] += 1);
    if let Some(cutoff) = crowd(&counts) {
        keep.iter_mut().zip(places).for_each(|(keep, p)| *keep = counts[cell(p)] as f64 <= cutoff);
    }
    keep
}

/// The number of spots above which a cell is crowded, if there are such cells.
fn crowd(counts: &[usize]) -> Option<f64> {
    let (low, high) = (counts.iter().copied().min()? as f64, counts.iter().copied().max()? as f64);
    let entries = (high as usize).min(ENTRIES);
    if entries < 2 || high <= low {
        return None;
    }
    let width = (high - low) / entries as f64;
    let mut histogram = vec![0usize; entries];
    counts.iter().for_each(|c| histogram[(((*c as f64 - low) / width) as usize).min(entries - 1)] += 1);
    let rise: Vec<f64> = histogram[1..].iter().map(|n| *n as f64 / counts.len() as f64 / width).collect();
    let second = (1..rise.len()).find(|&i| rise[i] < RISE && rise[i - 1] < RISE)?;
    // Entry `second` is the first of the flat part: what lies above the entry before it is crowded. DIALS takes that entry's lower edge, which
    // with one cell far more crowded than all others is the histogram's first.
    Some(low + second as f64 * width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_has_its_slopes() {
        let mut plane = Plane::default();
        for (x, y) in [(0, 0), (5, 0), (0, 7), (5, 7), (2, 3), (-4, 1)] {
            plane.point(x, y, 100 + 3 * x - 2 * y);
        }
        assert_eq!(plane.slopes(), Some([3.0, -2.0]));
        let mut line = Plane::default();
        (0..9).for_each(|k| line.point(k, 2 * k, k));
        assert_eq!(line.slopes(), None);
    }

    #[test]
    fn a_crowd_among_even_spots_is_dropped() {
        let even = (0..5000).map(|k| [(k * 37 % 1000) as f64 + 0.1, (k * 911 % 997) as f64]);
        let crowd = (0..400).map(|k| [505.0 + f64::from(k % 10), 405.0 + f64::from(k / 40)]);
        let places: Vec<[f64; 2]> = even.chain(crowd).collect();
        let keep = not_crowded(&places);
        assert!(keep[5000..].iter().all(|k| !k), "{}", keep[5000..].iter().filter(|k| **k).count());
        let dropped = keep[..5000].iter().filter(|k| !**k).count();
        assert!(dropped < 40, "{dropped}");
        assert!(not_crowded(&places[..5000]).iter().filter(|k| **k).count() > 4900);
        assert_eq!(not_crowded(&[[1.0, 1.0]]), [true]);
        assert!(not_crowded(&[]).is_empty());
    }
}
