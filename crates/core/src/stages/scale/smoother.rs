/// A function of one coordinate given by values at evenly spaced points and smoothed by a Gaussian of width 0.7 spacings over the three
/// nearest points, as Aimless (Evans 2006) and DIALS define it.
///
/// With one interval there are two points, at 0 and 1; with two, three at 0, 1, 2; with n > 2 intervals n + 2 points at −½, ½, …, n + ½.
/// The coordinate runs from 0 to n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Smoother {
    points: usize,
    /// Whether the Gaussian is as narrow as for two points.
    narrow: bool,
}

/// Weights of up to three neighbouring points, summing to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Weights {
    /// First point.
    pub(super) first: u32,
    /// Number of points, 1 to 3.
    pub(super) n: u32,
    /// The weights.
    pub(super) w: [f64; 3],
}

impl Weights {
    /// Points and their weights.
    pub(super) fn terms(self) -> impl Iterator<Item = (usize, f64)> {
        (0..self.n as usize).map(move |i| (self.first as usize + i, self.w[i]))
    }

    /// The smoothed value.
    pub(super) fn value(&self, values: &[f64]) -> f64 {
        (0..self.n as usize).map(|i| self.w[i] * values[self.first as usize + i]).sum()
    }
}

impl Smoother {
    /// A smoother of that many points; a single point is a constant.
    pub(super) fn new(points: usize) -> Self {
        Smoother { points: points.max(1), narrow: points == 2 }
    }

    /// A smoother along one axis of a grid, whose axes share the width of the one with the fewest points.
    pub(super) fn of_grid(points: usize, narrow: bool) -> Self {
        Smoother { points: points.max(1), narrow: narrow || points == 2 }
    }

    /// Points for a range that is to be divided in intervals no wider than `interval` (same unit), and the width of one.
    pub(super) fn divide(range: f64, interval: f64) -> (usize, f64) {
        let interval = interval + 1e-5;
        if range <= interval {
            (2, range)
        } else if range < 2.0 * interval {
            (3, range / 2.0)
        } else {
            let bins = ((range / interval) as usize + 1).max(3);
            (bins + 2, range / bins as f64)
        }
    }

    /// The coordinate's upper end.
    pub(super) fn intervals(&self) -> f64 {
        match self.points {
            0..=3 => self.points.saturating_sub(1) as f64,
            n => (n - 2) as f64,
        }
    }

    /// Weights at coordinate `x`, taken into the range first.
    pub(super) fn weights(&self, x: f64) -> Weights {
        if self.points == 1 {
            return Weights { first: 0, n: 1, w: [1.0, 0.0, 0.0] };
        }
        let x = if x.is_finite() { x.clamp(0.0, self.intervals()) } else { 0.0 };
        let (first, last, shift) = if self.points <= 3 {
            (0, self.points, 0.0)
        } else {
            let first = (x - 1.5).round() as i64 + 1;
            let last = (first + 3).clamp(2, self.points as i64);
            (first.clamp(0, self.points as i64 - 2) as usize, last as usize, 0.5)
        };
        let sigma = if self.narrow { 0.65 } else { 0.7 };
        let mut out = Weights { first: first as u32, n: (last - first) as u32, w: [0.0; 3] };
        let mut sum = 0.0;
        for i in first..last {
            let t = (x - (i as f64 - shift)) / sigma;
            let w = libm::exp(-t * t);
            out.w[i - first] = w;
            sum += w;
        }
        out.w.iter_mut().for_each(|w| *w /= sum);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_reference() {
        // 60° in steps of 8° and 10°: DIALS has ten and eight parameters, 7.5° and 10° apart.
        assert_eq!(Smoother::divide(60.0, 8.0), (10, 7.5));
        assert_eq!(Smoother::divide(59.99999999999999, 10.0).0, 8);
        assert_eq!(Smoother::divide(1.5, 1.0), (3, 0.75));
        assert_eq!(Smoother::divide(1.0, 1.0), (2, 1.0));
        assert_eq!(Smoother::divide(180.0, 15.0).0, 14);
    }

    #[test]
    fn weights_sum_to_one_and_stay_inside() {
        for points in 1..8 {
            let s = Smoother::new(points);
            for i in -2..20 {
                let w = s.weights(i as f64 * 0.37);
                assert!((w.w.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                assert!((w.first + w.n) as usize <= points && (1..=3).contains(&w.n));
            }
        }
    }

    #[test]
    fn the_nearest_point_weighs_most() {
        // Point 3 of eight lies at 2.5.
        let w = Smoother::new(8).weights(2.5);
        assert_eq!((w.first, w.n), (2, 3));
        assert!(w.w[1] > w.w[0] && (w.w[0] - w.w[2]).abs() < 1e-12);
    }
}
