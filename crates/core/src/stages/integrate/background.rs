//! The robust background under a reflection: one level for its whole box, from the pixels around it.
//!
//! Pixels come as a histogram of counts, so that the cost does not depend on how many there are.

/// Counts below this are tallied in an array, the few above in a list.
const SMALL: usize = 64;

/// A histogram of background counts.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    small: [u32; SMALL],
    large: Vec<u32>,
    total: u32,
}

impl Default for Counts {
    fn default() -> Self {
        Counts { small: [0; SMALL], large: Vec::new(), total: 0 }
    }
}

impl Counts {
    pub(super) fn clear(&mut self) {
        self.small = [0; SMALL];
        self.large.clear();
        self.total = 0;
    }

    #[inline]
    pub(super) fn add(&mut self, count: u32) {
        self.total += 1;
        match self.small.get_mut(count as usize) {
            Some(n) => *n += 1,
            None => self.large.push(count),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.total as usize
    }

    /// (count, how many pixels have it), ascending.
    fn levels(&mut self) -> Vec<(f64, f64)> {
        self.large.sort_unstable();
        let small = self.small.iter().enumerate().filter(|(_, n)| **n > 0).map(|(v, n)| (v as f64, f64::from(*n)));
        let mut out: Vec<(f64, f64)> = small.collect();
        for &v in &self.large {
            match out.last_mut() {
                Some(last) if last.0 == f64::from(v) => last.1 += 1.0,
                _ => out.push((f64::from(v), 1.0)),
            }
        }
        out
    }
}

/// The value at rank ⌊q·n⌋.
fn quantile(levels: &[(f64, f64)], n: f64, q: f64) -> f64 {
    let rank = libm::floor(q * n);
    let mut seen = 0.0;
    for &(v, m) in levels {
        seen += m;
        if seen > rank {
            return v;
        }
    }
    levels.last().map_or(0.0, |l| l.0)
}

/// Robust mean of Poisson counts: the generalised linear model of Cantoni & Ronchetti (2001) with a constant and Huber's ψ.
///
/// Starts at the median (1 when that is 0); `None` when 100 steps do not bring the relative change of ln μ below 10⁻³, or without pixels.
pub(super) fn robust_poisson_mean(counts: &mut Counts, tuning: f64) -> Option<f64> {
    let n = counts.len() as f64;
    let levels = counts.levels();
    match levels.last() {
        None => return None,
        // Nothing but empty pixels: the mean is 0, which has no logarithm.
        Some(last) if last.0 == 0.0 => return Some(0.0),
        _ => {}
    }
    let median = quantile(&levels, n, 0.5);
    let mut beta = libm::log(if median == 0.0 { 1.0 } else { median });
    for _ in 0..100 {
        let mu = libm::exp(beta);
        let sd = mu.sqrt();
        let (e1, e2) = huber_expectations(mu, tuning);
        let psi: f64 = levels.iter().map(|&(v, m)| m * ((v - mu) / sd).clamp(-tuning, tuning)).sum();
        let step = sd * (psi - n * e1) / (n * e2 * mu * sd);
        let relative = step.abs() / beta.abs().max(1e-5);
        beta += step;
        if !(-300.0..300.0).contains(&beta) {
            return None;
        }
        if relative < 1e-3 {
            return Some(libm::exp(beta));
        }
    }
    None
}

/// E[ψ(r)] and E[ψ(r)·(Y − μ)/μ] of Huber's ψ for Poisson counts Y with r = (Y − μ)/√μ (Cantoni & Ronchetti 2001), by way of
/// j₁ = ⌊μ − c√μ⌋ and j₂ = ⌊μ + c√μ⌋, between which ψ(r) = r.
fn huber_expectations(mu: f64, c: f64) -> (f64, f64) {
    let sd = mu.sqrt();
    let (j1, j2) = (libm::floor(mu - c * sd) as i64, libm::floor(mu + c * sd) as i64);
    let p = Poisson::new(mu);
    let (below, within, above) = p.split(j1, j2);
    let (p1, p2) = (p.at(j1), p.at(j2));
    let e1 = c * (above - below) + sd * (p1 - p2);
    // P(j1 ≤ Y ≤ j2 − 1) = P(j1 < Y ≤ j2) + P(j1) − P(j2).
    let e2 = c * (p1 + p2) + sd * ((within + p1 - p2) / mu + p.at(j1 - 1) - p1 - p.at(j2 - 1) + p2);
    (e1, e2)
}

struct Poisson {
    mu: f64,
    ln_mu: f64,
}

impl Poisson {
    fn new(mu: f64) -> Self {
        Poisson { mu, ln_mu: libm::log(mu) }
    }

    /// P(Y = j).
    fn at(&self, j: i64) -> f64 {
        if j < 0 {
            return 0.0;
        }
        let j = j as f64;
        libm::exp(j * self.ln_mu - self.mu - libm::lgamma(j + 1.0))
    }

    /// P(Y ≤ j1), P(j1 < Y ≤ j2), P(Y > j2), for j1 ≤ μ ≤ j2 + 1: the middle summed outwards from its ends, the tails until their terms vanish.
    fn split(&self, j1: i64, j2: i64) -> (f64, f64, f64) {
        let (mut below, mut term, mut j) = (0.0, self.at(j1), j1);
        while j >= 0 && term > 1e-18 {
            below += term;
            term *= j as f64 / self.mu;
            j -= 1;
        }
        let (mut above, mut term, mut j) = (0.0, self.at(j2 + 1), j2 + 1);
        while term > 1e-18 {
            above += term;
            j += 1;
            term *= self.mu / j as f64;
        }
        (below, (1.0 - below - above).max(0.0), above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    fn poisson_sample(rng: &mut rand_chacha::ChaCha8Rng, mu: f64) -> u32 {
        // Inversion: enough for the small means of the tests.
        let (mut u, mut j, mut p) = (rng.random::<f64>(), 0, libm::exp(-mu));
        while u > p && j < 10_000 {
            u -= p;
            j += 1;
            p *= mu / f64::from(j);
        }
        j
    }

    #[test]
    fn expectations_equal_their_definition() {
        for mu in [0.02, 0.3, 1.0, 2.7, 14.2, 160.0] {
            let (c, sd) = (1.345, f64::sqrt(mu));
            let p = Poisson::new(mu);
            let psi = |j: i64| ((j as f64 - mu) / sd).clamp(-c, c);
            let sum = |f: &dyn Fn(i64) -> f64| (0..2000).map(|j| p.at(j) * f(j)).sum::<f64>();
            let (e1, e2) = huber_expectations(mu, c);
            assert!((e1 - sum(&psi)).abs() < 1e-10, "E1 at {mu}");
            let want = sum(&|j| psi(j) * (j as f64 - mu) / mu);
            assert!((e2 - want).abs() < 1e-9 * want.max(1.0), "E2 at {mu}: {e2} {want}");
        }
    }

    #[test]
    fn the_mean_is_recovered_despite_a_neighbour() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        for mu in [0.15, 0.8, 4.0, 90.0] {
            let mut counts = Counts::default();
            for _ in 0..4000 {
                counts.add(poisson_sample(&mut rng, mu));
            }
            let clean = robust_poisson_mean(&mut counts, 1.345).unwrap();
            assert!((clean - mu).abs() < 5.0 * (mu / 4000.0).sqrt(), "{clean} {mu}");
            for _ in 0..60 {
                counts.add(5000);
            }
            let dirty = robust_poisson_mean(&mut counts, 1.345).unwrap();
            // 1.5 % of foreign pixels, each worth at most c standard deviations.
            assert!((dirty - mu).abs() < 0.06 * mu.sqrt() + 5.0 * (mu / 4000.0).sqrt(), "{dirty} {mu}");
        }
    }

    /// Pixels of another level count as if they were one and a third standard deviations off, where they would carry the mean away.
    #[test]
    fn gradients_ice_and_hot_pixels_do_little_harm() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(8);
        let mut levels = |level: &dyn Fn(f64, f64) -> f64, hot: bool| {
            let (mut counts, mut sum, mut n) = (Counts::default(), 0.0, 0);
            for (i, j) in (0..8).flat_map(|_| (-10..=10).flat_map(|i| (-9..=9).map(move |j| (i, j)))) {
                // The middle is the reflection's.
                if i64::abs(i) < 5 && i64::abs(j) < 5 {
                    continue;
                }
                let c = if hot && n % 400 == 7 { 3000 } else { poisson_sample(&mut rng, level(i as f64, j as f64)) };
                counts.add(c);
                sum += f64::from(c);
                n += 1;
            }
            (robust_poisson_mean(&mut counts, 1.345).unwrap(), sum / f64::from(n))
        };
        let (robust, _) = levels(&|x, _| 6.0 + 0.1 * x, false);
        assert!((robust / 6.0 - 1.0).abs() < 0.03, "{robust}");
        // 13 % of the pixels lie on the ring.
        let (robust, mean) = levels(&|_, y| if y > 7.5 { 9.0 } else { 3.0 }, false);
        assert!(mean > 3.6 && (robust - 3.0).abs() < 0.55, "{robust} {mean}");
        let (robust, mean) = levels(&|_, _| 3.0, true);
        assert!(mean > 8.0 && (robust - 3.0).abs() < 0.15, "{robust} {mean}");
    }

    #[test]
    fn no_pixels_give_no_background_and_empty_pixels_a_background_of_zero() {
        assert_eq!(robust_poisson_mean(&mut Counts::default(), 1.345), None);
        let mut zeros = Counts::default();
        (0..500).for_each(|_| zeros.add(0));
        assert_eq!(robust_poisson_mean(&mut zeros, 1.345), Some(0.0));
        zeros.add(1);
        let m = robust_poisson_mean(&mut zeros, 1.345).unwrap();
        assert!(m > 0.0 && m < 0.01, "{m}");
    }
}
