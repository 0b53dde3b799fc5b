/// A fitted intensity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fit {
    /// Counts.
    pub(crate) intensity: f64,
    pub(crate) variance: f64,
    /// Of the counts with background + I · profile.
    pub(crate) correlation: f64,
}

/// Fits counts d by b + I p over cells (Kabsch 2010): I = Σ(d − b)p/v ÷ Σp²/v with v = |b| + |I p|, repeated until I moves by less than
/// 10⁻³ counts; after 100 rounds the sum Σ(d − b) takes its place. Variance |I| + |Σ b|. Cells without profile count in Σ b only.
///
/// `cells` gives (d, b, p) and is walked several times. `None` when no cell has a profile.
pub(super) fn fit<I: Iterator<Item = (f64, f64, f64)>>(cells: impl Fn() -> I) -> Option<Fit> {
    let (mut sum_d, mut sum_b, mut sum_p, mut n) = (0.0, 0.0, 0.0, 0.0);
    for (d, b, p) in cells() {
        sum_d += d;
        sum_b += b;
        sum_p += p;
        n += 1.0;
    }
    if sum_p <= 0.0 {
        return None;
    }
    let mut intensity = sum_d - sum_b;
    let mut converged = false;
    for _ in 0..100 {
        let (mut top, mut bottom) = (0.0, 0.0);
        for (d, b, p) in cells() {
            if p > 0.0 {
                let v = 1e-10 + b.abs() + (intensity * p).abs();
                top += (d - b) * p / v;
                bottom += p * p / v;
            }
        }
        if bottom <= 0.0 {
            return None;
        }
        let next = top / bottom;
        converged = (next - intensity).abs() < 1e-3;
        intensity = next;
        if converged {
            break;
        }
    }
    if !converged {
        intensity = sum_d - sum_b;
    }
    let variance = intensity.abs() + sum_b.abs();
    if !variance.is_finite() {
        return None;
    }
    let (mean_d, mean_m) = (sum_d / n, (sum_b + intensity * sum_p) / n);
    let (mut dd, mut dm, mut mm) = (0.0, 0.0, 0.0);
    for (d, b, p) in cells() {
        let (x, y) = (d - mean_d, b + intensity * p - mean_m);
        dd += x * x;
        dm += x * y;
        mm += y * y;
    }
    let correlation = if dd > 0.0 && mm > 0.0 { dm / (dd * mm).sqrt() } else { 0.0 };
    Some(Fit { intensity, variance, correlation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noiseless_counts_give_back_their_intensity() {
        let p: Vec<f64> = (0..50).map(|i| libm::exp(-0.05 * (f64::from(i) - 25.0).powi(2))).collect();
        let total: f64 = p.iter().sum();
        for truth in [1e5, 300.0, 2.0, 0.0] {
            let f = fit(|| p.iter().map(|p| (3.0 + truth * p / total, 3.0, p / total))).unwrap();
            assert!((f.intensity - truth).abs() < 2e-3, "{f:?}");
            assert!((f.variance - truth - 150.0).abs() < 2e-3);
            assert!(truth == 0.0 || f.correlation > 0.999_999);
        }
        assert_eq!(fit(|| [(1.0, 1.0, 0.0)].into_iter()), None);
    }
}
