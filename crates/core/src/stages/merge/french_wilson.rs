//! Amplitudes from measured intensities that may be negative (French & Wilson 1978).
//!
//! A measurement I ± σ says p(I|J) ∝ exp(−(I − J)²/2σ²) about the true intensity J ≥ 0; Wilson's distribution says p(J) ∝ exp(−J/Σ) for
//! acentric and J^(−1/2)·exp(−J/2Σ) for centric reflections, Σ being the mean intensity at that resolution. Both exponents together make
//! a Gaussian in J with mean hσ, h = I/σ − σ/Σ (acentric) or I/σ − σ/2Σ (centric), cut off at 0.
//!
//! With J = σt² the moments of the posterior are integrals of exp(−½(t² − h)²) times powers of t, some in closed form, the others of even
//! functions over the whole line, where the trapezoidal rule converges faster than any power of its step. No tables are needed.
//!
//! Strong reflections (h ≥ 3 acentric, h ≥ 4 centric) are treated as in the paper: F = √(hσ) and σ_F = σ/2F for acentric, series in h⁻² for centric
//! ones. Just above h = 3 the posterior's own F is 1.5 % smaller and its σ_F 5 % larger; the paper's rule is kept because every other program has
//! it, so that amplitudes of one data set agree whichever made them.

/// What is expected of a reflection before it is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prior {
    /// Acentric Wilson distribution with this mean intensity (statistical weight ε included).
    Acentric(f64),
    /// Centric Wilson distribution with this mean intensity (statistical weight ε included).
    Centric(f64),
    /// Any positive intensity is equally likely.
    Flat,
}

/// Posterior moments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amplitude {
    /// ⟨J⟩.
    pub intensity: f64,
    /// Standard deviation of J.
    pub sigma_intensity: f64,
    /// ⟨√J⟩.
    pub amplitude: f64,
    /// Standard deviation of √J.
    pub sigma_amplitude: f64,
}

/// Measurements further below zero than this many σ contradict the model; their amplitude is not given (French & Wilson; XDS, cctbx).
const LOWEST_I_OVER_SIGMA: f64 = -3.7;
/// The same for h.
const LOWEST_H: f64 = -4.0;
/// From these h on, reflections are strong.
const STRONG_ACENTRIC: f64 = 3.0;
const STRONG_CENTRIC: f64 = 4.0;

/// Amplitude of a reflection measured as `intensity` ± `sigma` (> 0). `None` for one that is too negative to be believed.
pub fn amplitude(intensity: f64, sigma: f64, prior: Prior) -> Option<Amplitude> {
    let h = posterior_mode(intensity, sigma, prior)?;
    let strong = match prior {
        Prior::Centric(_) => h >= STRONG_CENTRIC,
        Prior::Acentric(_) | Prior::Flat => h >= STRONG_ACENTRIC,
    };
    Some(if strong { of_strong(h, sigma, prior) } else { of_posterior(h, sigma, prior) })
}

/// h: where the posterior of J/σ would have its mode if J could be negative. `None` for measurements that contradict the model.
fn posterior_mode(intensity: f64, sigma: f64, prior: Prior) -> Option<f64> {
    let ratio = intensity / sigma;
    let h = match prior {
        Prior::Acentric(mean) => ratio - sigma / mean,
        Prior::Centric(mean) => ratio - 0.5 * sigma / mean,
        Prior::Flat => ratio,
    };
    (h.is_finite() && ratio >= LOWEST_I_OVER_SIGMA && h >= LOWEST_H).then_some(h)
}

/// The posterior's own moments; for h below 50 or so, where its integrals are exact.
fn of_posterior(h: f64, sigma: f64, prior: Prior) -> Amplitude {
    let (j, jj, f) = moments(h, matches!(prior, Prior::Centric(_)));
    let deviation = |square: f64, mean: f64| (square - mean * mean).max(0.0).sqrt();
    Amplitude {
        intensity: j * sigma,
        sigma_intensity: deviation(jj, j) * sigma,
        amplitude: f * sigma.sqrt(),
        sigma_amplitude: deviation(j, f) * sigma.sqrt(),
    }
}

/// The paper's limits for large h; the last term of each series is that of cctbx.
fn of_strong(h: f64, sigma: f64, prior: Prior) -> Amplitude {
    if !matches!(prior, Prior::Centric(_)) {
        let amplitude = (h * sigma).sqrt();
        return Amplitude { intensity: h * sigma, sigma_intensity: sigma, amplitude, sigma_amplitude: 0.5 * sigma / amplitude };
    }
    let x = 1.0 / (h * h);
    let f = h.sqrt() * (1.0 - x * (0.375 + x * (87.0 / 128.0 + x * 2889.0 / 1024.0)));
    let s = (h * x * (0.25 + x * (15.0 / 32.0 + x * 273.0 / 128.0))).sqrt();
    Amplitude {
        intensity: h * sigma * (1.0 - x * (0.5 + x * (0.75 + x * 3.0))),
        sigma_intensity: 2.0 * sigma * f * s,
        amplitude: f * sigma.sqrt(),
        sigma_amplitude: s * sigma.sqrt(),
    }
}

/// ⟨J⟩/σ, ⟨J²⟩/σ², ⟨√J⟩/√σ for h that is not large.
fn moments(h: f64, centric: bool) -> (f64, f64, f64) {
    // exp(−½(t² − h)²) is divided by its largest value on t ≥ 0, so that very negative h do no harm.
    let top = 0.5 * h.min(0.0) * h.min(0.0);
    let end = (h.max(0.0) + 9.0).sqrt();
    const N: usize = 160;
    let step = end / N as f64;
    // ∫₀^∞ of 1, t², t⁴ times the exponential.
    let mut s = [0.0; 3];
    for i in 0..=N {
        let t = step * i as f64;
        let x = t * t - h;
        let e = libm::exp(top - 0.5 * x * x) * if i == 0 { 0.5 } else { 1.0 } * step;
        s[0] += e;
        s[1] += e * t * t;
        s[2] += e * t * t * t * t;
    }
    // ∫₀^∞ exp(−½(z − h)²) dz, likewise divided.
    let tail = (0.5 * core::f64::consts::PI).sqrt() * libm::erfc(-h / core::f64::consts::SQRT_2) * libm::exp(top);
    if centric {
        // p(t) ∝ the exponential itself; √J = √σ·t and t·dt = dz/2.
        (s[1] / s[0], s[2] / s[0], 0.5 * tail / s[0])
    } else {
        // p(t) ∝ t times the exponential. Integration by parts: ⟨z⟩ = h + e^(−h²/2)/tail, ⟨z²⟩ = 1 + h⟨z⟩.
        let edge = libm::exp(top - 0.5 * h * h) / tail;
        let j = h + edge;
        (j, 1.0 + h * j, 2.0 * s[1] / tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, by brute force.
    fn brute(h: f64, centric: bool) -> (f64, f64, f64) {
        let (mut n, mut j, mut jj, mut f) = (0.0, 0.0, 0.0, 0.0);
        let step = 1e-3;
        for i in 0..8000 {
            let t: f64 = (i as f64 + 0.5) * step;
            let z = t * t;
            let p = (-0.5 * (z - h) * (z - h) + 0.5 * h.min(0.0).powi(2)).exp() * if centric { 1.0 } else { t };
            n += p;
            j += p * z;
            jj += p * z * z;
            f += p * t;
        }
        (j / n, jj / n, f / n)
    }

    #[test]
    fn moments_are_those_of_the_definition() {
        for centric in [false, true] {
            for i in -8..=24 {
                let h = f64::from(i) * 0.5;
                let (a, b) = (moments(h, centric), brute(h, centric));
                assert!((a.0 / b.0 - 1.0).abs() < 1e-5, "{h} {centric} {a:?} {b:?}");
                assert!((a.1 / b.1 - 1.0).abs() < 1e-5 && (a.2 / b.2 - 1.0).abs() < 1e-5, "{h} {centric} {a:?} {b:?}");
            }
        }
    }

    #[test]
    fn limits_join_the_integrals() {
        for (prior, h, tolerance) in
            [(Prior::Flat, 12.0, 0.005), (Prior::Centric(1e9), 12.0, 0.005), (Prior::Flat, 3.0, 0.06), (Prior::Centric(1e9), 4.0, 0.04)]
        {
            let (a, b) = (of_posterior(h, 2.0, prior), of_strong(h, 2.0, prior));
            for (x, y) in [
                (a.amplitude, b.amplitude),
                (a.sigma_amplitude, b.sigma_amplitude),
                (a.intensity, b.intensity),
                (a.sigma_intensity, b.sigma_intensity),
            ] {
                assert!((x / y - 1.0).abs() < tolerance, "{prior:?} {h}: {a:?} {b:?}");
            }
        }
    }

    #[test]
    fn strong_reflections_keep_their_intensity() {
        let a = amplitude(1e4, 100.0, Prior::Acentric(5e3)).unwrap();
        assert!((a.amplitude / 100.0 - 1.0).abs() < 2e-3 && (a.sigma_amplitude / 0.5 - 1.0).abs() < 0.01, "{a:?}");
        assert_eq!(amplitude(-5.0, 1.0, Prior::Acentric(10.0)), None);
        let weak = amplitude(-1.0, 1.0, Prior::Acentric(10.0)).unwrap();
        assert!(weak.amplitude > 0.0 && weak.sigma_amplitude > 0.0 && weak.intensity < 1.0);
    }

    /// Moments that another program found by sampling the posterior (columns I, σ, Σ, ⟨J⟩, σ_J, ⟨F⟩, σ_F, centric).
    #[test]
    fn posterior_moments_agree_with_sampling() {
        let root = std::env::var_os("EWALD_TEST_DATA")
            .map_or_else(|| std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), std::path::PathBuf::from);
        let Ok(text) = std::fs::read_to_string(root.join("merging/french_wilson_hewl/fw_mcmc_data.csv")) else {
            eprintln!("SKIPPED: merging/french_wilson_hewl/fw_mcmc_data.csv is not there (set EWALD_TEST_DATA)");
            return;
        };
        let (mut n, mut square) = (0.0, 0.0);
        for line in text.lines().skip(1) {
            let mut fields = line.split(',');
            let x: Vec<f64> = fields.by_ref().take(7).map(|f| f.parse().unwrap()).collect();
            let prior = if fields.next() == Some("True") { Prior::Centric(x[2]) } else { Prior::Acentric(x[2]) };
            let Some(h) = posterior_mode(x[0], x[1], prior) else { continue };
            let a = of_posterior(h, x[1], prior);
            for (found, expected) in [(a.intensity, x[3]), (a.sigma_intensity, x[4]), (a.amplitude, x[5]), (a.sigma_amplitude, x[6])] {
                assert!((found / expected - 1.0).abs() < 0.05, "{line}: {a:?}");
                n += 1.0;
                square += (found / expected - 1.0).powi(2);
            }
        }
        // Sampling leaves about a percent of noise.
        assert!(n > 1000.0 && (square / n).sqrt() < 0.01, "{n} {}", (square / n).sqrt());
    }
}
