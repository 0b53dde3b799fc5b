use super::{Equivalents, weighted_mean};

/// Size and distribution of the Bijvoet differences ΔI = I(+) − I(−).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnomalousSignal {
    /// ⟨|ΔF|⟩/⟨F⟩ over pairs of positive intensities, with F = √I.
    pub df_over_f: f64,
    /// ⟨|ΔI|⟩/⟨σ(ΔI)⟩.
    pub di_over_sigma: f64,
    /// Slope of the normal-probability plot of ΔI/σ(ΔI) where normal deviates lie within ±0.9; 1 without anomalous signal and with right
    /// σ. `None` for fewer than ten pairs.
    pub slope: Option<f64>,
    /// The plot: expected and observed normal deviates, ascending.
    pub expected: Vec<f64>,
    /// As many observed ones.
    pub observed: Vec<f64>,
}

/// Normal deviates beyond this do not take part in the slope.
const CENTRAL: f64 = 0.9;

/// The anomalous signal in observations that stand in the order of `groups.rows`, of the groups that `include` admits.
pub fn anomalous_signal(groups: &Equivalents, intensity: &[f64], sigma: &[f64], include: impl Fn(usize) -> bool) -> AnomalousSignal {
    let (mut n, mut d_i, mut s_i, mut n_f, mut d_f, mut sum_f) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    let mut observed = Vec::new();
    for g in (0..groups.len()).filter(|&g| include(g)) {
        let mean = |sign: bool| weighted_mean(groups.members(g).filter(|&j| groups.minus[j] == sign).map(|j| (intensity[j], sigma[j])));
        let (Some((p, sp)), Some((m, sm))) = (mean(false), mean(true)) else { continue };
        let sigma_difference = (sp * sp + sm * sm).sqrt();
        n += 1.0;
        d_i += (p - m).abs();
        s_i += sigma_difference;
        observed.push((p - m) / sigma_difference);
        if p > 0.0 && m > 0.0 {
            let (fp, fm) = (p.sqrt(), m.sqrt());
            n_f += 1.0;
            d_f += (fp - fm).abs();
            sum_f += 0.5 * (fp + fm);
        }
    }
    observed.sort_by(f64::total_cmp);
    let expected: Vec<f64> = (0..observed.len()).map(|i| normal_quantile((i as f64 + 0.5) / n)).collect();
    let central = expected.iter().zip(&observed).filter(|(x, _)| x.abs() < CENTRAL);
    let (mut k, mut sx, mut sy, mut sxx, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (&x, &y) in central {
        k += 1.0;
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    let slope = (observed.len() >= 10).then(|| (k * sxy - sx * sy) / (k * sxx - sx * sx)).filter(|s| s.is_finite());
    let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { f64::NAN };
    AnomalousSignal {
        df_over_f: if n_f > 0.0 { ratio(d_f, sum_f) } else { f64::NAN },
        di_over_sigma: ratio(d_i, s_i),
        slope,
        expected,
        observed,
    }
}

/// The x below which a standard normal variable lies with probability `p` (0 < p < 1): a rational start (Abramowitz & Stegun 26.2.23),
/// then two Newton steps on the error function, which take it to rounding.
pub fn normal_quantile(p: f64) -> f64 {
    let tail = p.min(1.0 - p).max(1e-300);
    let t = (-2.0 * libm::log(tail)).sqrt();
    let start = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    let mut x = -start;
    for _ in 0..2 {
        let density = libm::exp(-0.5 * x * x) / (2.0 * core::f64::consts::PI).sqrt();
        let cumulative = 0.5 * libm::erfc(-x / core::f64::consts::SQRT_2);
        x -= (cumulative - tail) / density;
    }
    if p < 0.5 { x } else { -x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_normal_distribution() {
        for (p, x) in [(0.5, 0.0), (0.975, 1.959963984540054), (0.025, -1.959963984540054), (1e-6, -4.753424308822899)] {
            assert!((normal_quantile(p) - x).abs() < 1e-9, "{p}");
        }
    }
}
