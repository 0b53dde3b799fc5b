//! Amplitudes from measured intensities that may be negative (French & Wilson 1978).
//!
//! A measurement I ± σ says p(I|J) ∝ exp(−(I − J)²/2σ²) about the true intensity J ≥ 0; Wilson's distribution says p(J) ∝ exp(−J/Σ) for
//! acentric and J^(−1/2)·exp(−J/2Σ) for centric reflections, Σ being the mean intensity at that resolution. Both exponents together make
//! a Gaussian in J with mean hσ, h = I/σ − σ/Σ (acentric) or I/σ − σ/2Σ (centric), cut off at 0.
//!
//! With J = σt² the moments of the posterior are integrals of exp(−½(t² − h)²) times powers of t, some in closed form, the others of even
//! functions over the whole line, where the trapezoidal rule converges faster than any power of its step. No tables are needed.

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
/// Above this h the expansions for strong reflections are exact to 10⁻⁵.
const STRONG: f64 = 12.0;

/// Posterior moments of a reflection measured as `intensity` ± `sigma` (> 0). `None` for one that is too negative to be believed.
pub fn amplitude(intensity: f64, sigma: f64, prior: Prior) -> Option<Amplitude> {
    let ratio = intensity / sigma;
    let h = match prior {
        Prior::Acentric(mean) => ratio - sigma / mean,
        Prior::Centric(mean) => ratio - 0.5 * sigma / mean,
        Prior::Flat => ratio,
    };
    if !h.is_finite() || ratio < LOWEST_I_OVER_SIGMA || h < LOWEST_H {
        return None;
    }
    let centric = matches!(prior, Prior::Centric(_));
    let (j, jj, f) = if h > STRONG { strong(h, centric) } else { moments(h, centric) };
    let variance = |square: f64, mean: f64| (square - mean * mean).max(0.0).sqrt();
    Some(Amplitude {
        intensity: j * sigma,
        sigma_intensity: variance(jj, j) * sigma,
        amplitude: f * sigma.sqrt(),
        sigma_amplitude: variance(j, f) * sigma.sqrt(),
    })
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

/// The same from series in 1/h².
fn strong(h: f64, centric: bool) -> (f64, f64, f64) {
    let x = 1.0 / (h * h);
    if centric {
        // p(z) ∝ z^(−1/2) exp(−½(z − h)²): moments of h(1 + u)^n by expansion about the peak.
        let j = h * (1.0 - 0.5 * x - 0.75 * x * x);
        (j, h * h - 0.75 * x, h.sqrt() * (1.0 - 0.375 * x - 0.6796875 * x * x))
    } else {
        (h, h * h + 1.0, h.sqrt() * (1.0 - 0.125 * x - 0.1171875 * x * x))
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
    fn series_join_the_integrals() {
        for centric in [false, true] {
            let (a, b) = (moments(STRONG, centric), strong(STRONG, centric));
            assert!((a.0 / b.0 - 1.0).abs() < 1e-4 && (a.2 / b.2 - 1.0).abs() < 1e-4, "{a:?} {b:?}");
            let deviation = |m: (f64, f64, f64)| (m.0 - m.2 * m.2).sqrt();
            assert!((deviation(a) / deviation(b) - 1.0).abs() < 0.02, "{a:?} {b:?}");
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
}
