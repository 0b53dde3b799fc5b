//! The array model: g = D(1/d², φ)·A(x, y, φ), both given by values on a grid and smoothed by a Gaussian along each of its axes.
//!
//! D is a decay by resolution and rotation angle, A an absorption by position on the detector and rotation angle. The smoothed value is that of
//! [`Smoother`] along one axis after the other, which is the same as DIALS' smoothing by distance in the grid.
//! Values stand as in DIALS' files: resolution (x, then y) first, angle last.

use super::smoother::{Smoother, Weights};
use crate::reflections::Reflections;

/// The grids of a sweep. Its angles are the points of the layout's scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Points along the rotation.
    pub time_points: usize,
    /// Points along 1/d².
    pub resolution_points: usize,
    /// Least 1/d², Å⁻².
    pub resolution_min: f64,
    /// Width of an interval of 1/d², Å⁻².
    pub resolution_width: f64,
    /// Points along either axis of the detector; 0 for no absorption.
    pub detector_points: usize,
    /// Least x and y, pixels.
    pub detector_min: [f64; 2],
    /// Width of an interval of x and y, pixels.
    pub detector_width: [f64; 2],
}

/// Weight of Σ (A − 1)², which decides what of a change with the angle is decay and what is absorption.
pub(super) const ABSORPTION_RESTRAINT: f64 = 100.0;

impl Grid {
    /// A grid over the given rows of one sweep, none if there are none.
    pub(super) fn new(
        table: &Reflections,
        rows: impl Iterator<Item = usize>,
        d: &[f64],
        time_points: usize,
        [resolution_bins, detector_bins]: [usize; 2],
    ) -> Option<Self> {
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for row in rows {
            let [x, y] = on_detector(table, row);
            for (i, v) in [1.0 / (d[row] * d[row]), x, y].into_iter().enumerate() {
                low[i] = low[i].min(v);
                high[i] = high[i].max(v);
            }
        }
        // Margins as in DIALS, so that both ends lie inside.
        const MARGIN: [f64; 3] = [1e-6, 1e-3, 1e-3];
        let width = |i: usize, bins: usize| (high[i] - low[i] + 2.0 * MARGIN[i]) / bins as f64;
        let points = |bins: usize| if bins < 3 { bins + 1 } else { bins + 2 };
        low[0].is_finite().then(|| Grid {
            time_points,
            resolution_points: points(resolution_bins),
            resolution_min: low[0] - MARGIN[0],
            resolution_width: width(0, resolution_bins),
            detector_points: if detector_bins == 0 { 0 } else { points(detector_bins) },
            detector_min: [low[1] - MARGIN[1], low[2] - MARGIN[2]],
            detector_width: if detector_bins == 0 { [1.0; 2] } else { [width(1, detector_bins), width(2, detector_bins)] },
        })
    }

    /// Values of D.
    pub fn n_decay(&self) -> usize {
        self.resolution_points * self.time_points
    }

    /// Values of A.
    pub fn n_absorption(&self) -> usize {
        self.detector_points * self.detector_points * self.time_points
    }

    /// From the least to the largest 1/d², Å⁻².
    pub(super) fn resolution_range(&self) -> f64 {
        self.smoother(self.resolution_points).intervals() * self.resolution_width
    }

    /// Weights along the rotation, with the width of the Gaussian that all axes share.
    fn smoother(&self, points: usize) -> Smoother {
        Smoother::of_grid(points, self.time_points == 2)
    }

    /// Weights along 1/d².
    pub(super) fn resolution(&self, d: f64) -> Weights {
        self.smoother(self.resolution_points).weights((1.0 / (d * d) - self.resolution_min) / self.resolution_width)
    }

    /// Weights along x and y.
    pub(super) fn detector(&self, table: &Reflections, row: usize) -> [Weights; 2] {
        let at = on_detector(table, row);
        [0, 1].map(|i| self.smoother(self.detector_points.max(1)).weights((at[i] - self.detector_min[i]) / self.detector_width[i]))
    }

    /// The points that D rests on, ascending, and their weights.
    pub(super) fn decay_terms(&self, time: &Weights, resolution: &Weights) -> impl Iterator<Item = (usize, f64)> {
        let n = self.resolution_points;
        let (time, resolution) = (*time, *resolution);
        time.terms().flat_map(move |(t, wt)| resolution.terms().map(move |(r, wr)| (t * n + r, wt * wr)))
    }

    /// The same of A.
    pub(super) fn absorption_terms(&self, time: &Weights, detector: &[Weights; 2]) -> impl Iterator<Item = (usize, f64)> {
        let n = self.detector_points;
        let (time, [x, y]) = (*time, *detector);
        time.terms()
            .flat_map(move |(t, wt)| y.terms().flat_map(move |(j, wy)| x.terms().map(move |(i, wx)| ((t * n + j) * n + i, wt * wy * wx))))
    }
}

/// Observed position on the detector, or the predicted one.
fn on_detector(table: &Reflections, row: usize) -> [f64; 2] {
    table.xyzobs_px.get(row).or(table.xyzcal_px.get(row)).map_or([0.0; 2], |p| [p[0], p[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_those_of_a_gaussian_of_the_distance() {
        let g = Grid {
            time_points: 7,
            resolution_points: 12,
            resolution_min: 0.0,
            resolution_width: 0.1,
            detector_points: 5,
            detector_min: [0.0; 2],
            detector_width: [100.0; 2],
        };
        // Points lie at i − ½; DIALS weighs them by exp(−distance²/0.7²) and divides by the sum.
        let (t, r, [x, y]) = (2.3, 4.8, [1.1, 1.9]);
        let time = g.smoother(7).weights(t);
        let resolution = g.resolution(1.0 / f64::sqrt(r * 0.1));
        let mut table = Reflections::with_rows(1);
        table.xyzobs_px = vec![[100.0 * x, 100.0 * y, 0.0]];
        let detector = g.detector(&table, 0);
        let check = |terms: Vec<(usize, f64)>, distance: &dyn Fn(usize) -> f64, n: usize| {
            assert_eq!(terms.len(), n);
            assert!(terms.windows(2).all(|w| w[0].0 < w[1].0));
            let sum: f64 = terms.iter().map(|(i, _)| libm::exp(-distance(*i) / 0.49)).sum();
            for (i, w) in terms {
                assert!((w - libm::exp(-distance(i) / 0.49) / sum).abs() < 1e-12);
            }
        };
        let from = |at: f64, i: usize| (at - (i as f64 - 0.5)).powi(2);
        check(g.decay_terms(&time, &resolution).collect(), &|i| from(r, i % 12) + from(t, i / 12), 9);
        check(g.absorption_terms(&time, &detector).collect(), &|i| from(x, i % 5) + from(y, i / 5 % 5) + from(t, i / 25), 27);
    }
}
