//! Which background pixels are outliers: neighbours' tails, ice, hot pixels.

use super::Outlier;

/// The range of values that are kept, both ends in it. `sorted`: ascending, not empty.
///
/// - nsigma: within 3 standard deviations of the mean
/// - tukey: within 1.5 interquartile ranges of the quartiles, and those at least a count, because counts are whole numbers
/// - normal: the highest value is left out while it is farther from the mean of those left than the farthest of as many normal deviates is
///   expected to be, √2 erf⁻¹(1 − 1/n) standard deviations, and at least `MIN_NORMAL` are left
pub(super) fn bounds(outlier: Outlier, sorted: &[f64]) -> (f64, f64) {
    let n = sorted.len();
    let at = |q: f64| sorted[((q * n as f64) as usize).min(n - 1)];
    match outlier {
        Outlier::Null => (f64::NEG_INFINITY, f64::INFINITY),
        Outlier::Nsigma => {
            let mean = sorted.iter().sum::<f64>() / n as f64;
            let variance = sorted.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n as f64 - 1.0).max(1.0);
            let reach = 3.0 * variance.sqrt();
            (mean - reach, mean + reach)
        }
        Outlier::Tukey => {
            let (q1, q3) = (at(0.25), at(0.75));
            let reach = 1.5 * (q3 - q1).max(1.0);
            (q1 - reach, q3 + reach)
        }
        Outlier::Normal => (f64::NEG_INFINITY, highest_normal(sorted)),
    }
}

/// Fewest pixels that the normal test leaves.
const MIN_NORMAL: usize = 10;

fn highest_normal(sorted: &[f64]) -> f64 {
    let (mut sum, mut sum2) = sorted.iter().fold((0.0, 0.0), |(s, q), v| (s + v, q + v * v));
    let mut n = sorted.len();
    while n > MIN_NORMAL {
        let highest = sorted[n - 1];
        let mean = sum / n as f64;
        let variance = (sum2 / n as f64 - mean * mean).max(0.0) * n as f64 / (n as f64 - 1.0);
        if highest - mean <= farthest_normal(n as f64) * variance.sqrt() {
            break;
        }
        sum -= highest;
        sum2 -= highest * highest;
        n -= 1;
    }
    sorted[n - 1]
}

/// Standard deviations beyond which one of n normal deviates is expected: √2 erf⁻¹(1 − 1/n), by Winitzki's (2008) approximation, which is
/// good to 0.2 %.
fn farthest_normal(n: f64) -> f64 {
    const A: f64 = 0.147;
    let x = 1.0 - 1.0 / n;
    let l = libm::log(1.0 - x * x);
    let t = 2.0 / (core::f64::consts::PI * A) + 0.5 * l;
    (2.0 * ((t * t - l / A).sqrt() - t)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_of_n_is_that_of_the_error_function() {
        for (n, want) in [(10.0, 1.6449), (100.0, 2.5758), (1000.0, 3.2905)] {
            let x: f64 = farthest_normal(n);
            assert!((x / want - 1.0).abs() < 3e-3, "{n} {x}");
        }
    }

    #[test]
    fn hot_pixels_are_outside_and_noise_is_inside() {
        // Quantiles of an exponential tail on a flat top: nothing strange but the last two.
        let mut v: Vec<f64> = (0..200).map(|i| 10.0 + f64::from(i % 7) + f64::from(i % 5)).collect();
        v.sort_by(f64::total_cmp);
        let clean = v.clone();
        v.extend([400.0, 3000.0]);
        for o in [Outlier::Tukey, Outlier::Normal] {
            let (lo, hi) = bounds(o, &v);
            assert!(lo <= 10.0 && (16.0..400.0).contains(&hi), "{o:?} {lo} {hi}");
        }
        // Three standard deviations of all are blown up by the outliers themselves: only the worst goes.
        let (_, hi) = bounds(Outlier::Nsigma, &v);
        assert!(hi < 3000.0);
        for o in [Outlier::Null, Outlier::Nsigma, Outlier::Tukey, Outlier::Normal] {
            let (lo, hi) = bounds(o, &clean);
            assert!(lo <= 10.0 && hi >= 20.0, "{o:?} {lo} {hi}");
        }
    }
}
