//! Values that vary smoothly over a scan: a quadratic spline on evenly spaced samples.
//!
//! Samples stand where those of DIALS' Gaussian smoother do, and three of them act at any place, too. The weights here are those of the
//! uniform quadratic B-spline: values and slopes are continuous, and a linear drift is followed exactly. A Gaussian mean of the three
//! nearest samples follows it in ripples of a per cent of a step, and a least-squares fit then tilts beam and detector to keep drifts small.

/// Weights of at most three samples, for one position of the scan.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Weights {
    /// Number of the first sample.
    pub first: usize,
    /// How many samples.
    pub n: usize,
    /// Their weights; the sum is 1.
    pub w: [f64; 3],
}

impl Weights {
    /// The only sample of something that does not vary.
    pub(crate) const STATIC: Weights = Weights { first: 0, n: 1, w: [1.0, 0.0, 0.0] };
}

/// The samples' positions over the array indices `[0, n_images]` of a scan.
///
/// One interval has 2 samples at its ends (a straight line), two have 3 at their borders (a parabola), more have n + 2 at −½, ½, … n + ½
/// intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Smoother {
    intervals: usize,
    n_images: f64,
}

impl Smoother {
    /// For a scan of `n_images` images in `intervals` intervals (both at least 1).
    pub(crate) fn new(n_images: usize, intervals: usize) -> Self {
        Smoother { intervals: intervals.max(1), n_images: n_images.max(1) as f64 }
    }

    pub(crate) fn samples(&self) -> usize {
        if self.intervals < 3 { self.intervals + 1 } else { self.intervals + 2 }
    }

    /// Weights at array index `z`, which is taken into the scan.
    pub(crate) fn weights(&self, z: f64) -> Weights {
        let u = (z / self.n_images).clamp(0.0, 1.0) * self.intervals as f64;
        match self.intervals {
            1 => Weights { first: 0, n: 2, w: [1.0 - u, u, 0.0] },
            2 => Weights { first: 0, n: 3, w: [0.5 * (1.0 - u) * (2.0 - u), u * (2.0 - u), 0.5 * u * (u - 1.0)] },
            n => {
                // Sample k stands at k − ½; the middle one of the three is the nearest.
                let middle = ((u + 1.0) as usize).min(n);
                let t = u + 0.5 - middle as f64;
                Weights { first: middle - 1, n: 3, w: [0.5 * (0.5 - t) * (0.5 - t), 0.75 - t * t, 0.5 * (0.5 + t) * (0.5 + t)] }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Σ wₖ f(position of sample k, in intervals).
    fn value(s: &Smoother, z: f64, f: impl Fn(f64) -> f64) -> f64 {
        let w = s.weights(z);
        let offset = if s.samples() > 3 { 0.5 } else { 0.0 };
        (0..w.n).map(|k| w.w[k] * f((w.first + k) as f64 - offset)).sum()
    }

    #[test]
    fn constants_and_straight_lines_stay() {
        for intervals in 1..9 {
            let s = Smoother::new(240, intervals);
            for z in [0.0, 0.3, 17.0, 119.9, 120.0, 239.9, 240.0] {
                assert!(s.weights(z).first + s.weights(z).n <= s.samples());
                assert!((value(&s, z, |_| 1.0) - 1.0).abs() < 1e-14);
                let u = z / 240.0 * intervals as f64;
                assert!((value(&s, z, |x| x) - u).abs() < 1e-13, "{intervals} {z}");
            }
        }
    }

    #[test]
    fn values_and_slopes_are_continuous() {
        let s = Smoother::new(240, 6);
        for border in 1..6 {
            let z = f64::from(border) * 40.0;
            let at = |dz: f64| value(&s, z + dz, |x| libm::sin(2.0 * x));
            assert!((at(1e-9) - at(-1e-9)).abs() < 1e-9);
            assert!(((at(1e-4) - at(0.0)) - (at(0.0) - at(-1e-4))).abs() < 1e-9);
        }
    }

    #[test]
    fn samples_are_as_many_as_in_dials() {
        let t = |intervals, samples| assert_eq!(Smoother::new(100, intervals).samples(), samples);
        t(1, 2);
        t(2, 3);
        t(3, 5);
        t(6, 8);
    }
}
