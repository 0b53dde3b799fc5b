//! Values that vary smoothly over a scan: a Gaussian-weighted mean of the three nearest of a few evenly spaced samples
//! (the smoother of scitbx, which DIALS uses for scan-varying models).

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
/// `n` intervals have 2 samples at their ends (n = 1), 3 at the borders (n = 2), else n + 2 at −½, ½, … n + ½ intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Smoother {
    samples: usize,
    /// Images per interval.
    spacing: f64,
    /// Position of sample 0 in intervals.
    offset: f64,
    /// 1/σ² in intervals⁻².
    inverse_variance: f64,
}

impl Smoother {
    /// For a scan of `n_images` images in `intervals` intervals (both at least 1).
    pub(crate) fn new(n_images: usize, intervals: usize) -> Self {
        let n = intervals.max(1);
        let (samples, offset) = if n < 3 { (n + 1, 0.0) } else { (n + 2, -0.5) };
        let sigma = 0.65 + 0.05 * (samples.min(3) as f64 - 2.0);
        Smoother { samples, spacing: n_images.max(1) as f64 / n as f64, offset, inverse_variance: 1.0 / (sigma * sigma) }
    }

    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// Weights at array index `z`.
    pub(crate) fn weights(&self, z: f64) -> Weights {
        let n = self.samples.min(3);
        let u = z / self.spacing - self.offset;
        let nearest = libm::round(u).clamp(0.0, (self.samples - 1) as f64) as usize;
        let first = nearest.saturating_sub(n / 2).min(self.samples - n);
        let mut w = [0.0; 3];
        for (k, w) in w.iter_mut().enumerate().take(n) {
            let d = u - (first + k) as f64;
            *w = libm::exp(-d * d * self.inverse_variance);
        }
        let sum: f64 = w.iter().sum();
        Weights { first, n, w: w.map(|x| x / sum) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_a_constant_stays() {
        for intervals in 1..9 {
            let s = Smoother::new(240, intervals);
            for z in [0.0, 0.3, 17.0, 120.0, 239.9, 240.0] {
                let w = s.weights(z);
                assert!((w.w.iter().sum::<f64>() - 1.0).abs() < 1e-14);
                assert!(w.first + w.n <= s.samples());
            }
        }
    }

    #[test]
    fn samples_stand_where_dials_has_them() {
        let t = |intervals, samples| assert_eq!(Smoother::new(100, intervals).samples(), samples);
        t(1, 2);
        t(2, 3);
        t(3, 5);
        t(6, 8);
        // Three intervals of 100/3 images: sample 1 stands at +½ interval.
        let w = Smoother::new(100, 3).weights(100.0 / 6.0);
        assert_eq!((w.first, w.n), (0, 3));
        assert!(w.w[1] > w.w[0] && (w.w[0] - w.w[2]).abs() < 1e-12);
    }
}
