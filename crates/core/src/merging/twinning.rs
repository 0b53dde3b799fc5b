//! What the distribution of merged intensities says about twinning.
//!
//! Intensities of a single crystal follow Wilson's distributions: ⟨I²⟩/⟨I⟩² is 2 for acentric and 3 for centric reflections. A twin adds
//! intensities that have nothing to do with each other, and the sums scatter less: 1.5 and 2 for two equal parts. The test of Padilla &
//! Yeates (2003) compares neighbours in reciprocal space, L = (I₁ − I₂)/(I₁ + I₂), and so depends on neither scale nor resolution:
//! ⟨|L|⟩ = 1/2 and ⟨L²⟩ = 1/3 for single crystals, 3/8 and 1/5 for perfect twins.

use super::{Equivalents, weighted_mean};
use std::collections::HashMap;

/// Moments and L-test.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TwinStatistics {
    /// d (Å) to which reflections took part.
    pub d_min: f64,
    /// Acentric reflections used.
    pub n_acentric: usize,
    /// Their ⟨I²⟩/⟨I⟩²: 2, or 1.5 for a perfect twin.
    pub acentric_moment: Option<f64>,
    /// Centric reflections used.
    pub n_centric: usize,
    /// Their ⟨I²⟩/⟨I⟩²: 3, or 2 for a perfect twin.
    pub centric_moment: Option<f64>,
    /// Pairs of the L-test.
    pub n_pairs: usize,
    /// ⟨|L|⟩.
    pub mean_l: Option<f64>,
    /// ⟨L²⟩.
    pub mean_l2: Option<f64>,
    /// Part of the pairs with |L| below 0.05, 0.10, … 1.
    pub cumulative: Vec<f64>,
}

impl TwinStatistics {
    /// Whether there are enough pairs for the L-test to tell.
    pub fn is_conclusive(&self) -> bool {
        self.n_pairs >= MIN_PAIRS && self.mean_l.is_some()
    }

    /// Whether ⟨|L|⟩ is so far below that of a single crystal that chance does not explain it.
    pub fn suspicious(&self) -> bool {
        self.is_conclusive() && self.mean_l.is_some_and(|l| l < SUSPICIOUS)
    }
}

/// Fewest pairs for a verdict: the standard deviation of ⟨|L|⟩ is then 0.29/√500 = 0.013.
const MIN_PAIRS: usize = 500;
/// ⟨|L|⟩ below which twinning is suspected: 0.5 is a single crystal's, 0.375 a perfect twin's.
const SUSPICIOUS: f64 = 0.45;
/// Noise widens the distributions; shells (of this many reflections) are used while their mean I/σ is above the limit.
const PER_SHELL: usize = 150;
const I_OVER_SIGMA: f64 = 6.0;
/// Fewest reflections for a moment.
const MIN_REFLECTIONS: usize = 50;

struct Merged {
    hkl: [i32; 3],
    d: f64,
    intensity: f64,
    sigma: f64,
    centric: bool,
}

/// Moments and L-test of observations in the order of `groups.rows`. `d` is the resolution (Å) of each group, `epsilon` its statistical
/// weight. `None` when too few strong reflections are there to tell anything.
pub fn twin_statistics(groups: &Equivalents, intensity: &[f64], sigma: &[f64], d: &[f64], epsilon: &[f64]) -> Option<TwinStatistics> {
    let mut list: Vec<Merged> = (0..groups.len())
        .filter(|&g| !groups.absent[g])
        .filter_map(|g| {
            let (i, s) = weighted_mean(groups.members(g).map(|j| (intensity[j], sigma[j])))?;
            Some(Merged { hkl: groups.hkl[g], d: d[g], intensity: i / epsilon[g], sigma: s / epsilon[g], centric: groups.centric[g] })
        })
        .collect();
    list.sort_by(|a, b| b.d.total_cmp(&a.d).then(a.hkl.cmp(&b.hkl)));
    let shells: Vec<&[Merged]> = list
        .chunks(PER_SHELL)
        .take_while(|c| c.iter().map(|m| m.intensity / m.sigma).sum::<f64>() > I_OVER_SIGMA * c.len() as f64)
        .filter(|c| c.len() >= PER_SHELL / 2)
        .collect();
    let used: usize = shells.iter().map(|s| s.len()).sum();
    if used < 2 * MIN_REFLECTIONS {
        return None;
    }
    let used = &list[..used];
    let moment = |centric: bool| {
        let (mut n, mut sum) = (0, 0.0);
        for shell in &shells {
            let own = || shell.iter().filter(|m| m.centric == centric);
            let (k, mean) = (own().count(), own().map(|m| m.intensity).sum::<f64>());
            if k < 10 || mean <= 0.0 {
                continue;
            }
            let mean = mean / k as f64;
            // The mean of so few is itself uncertain: ⟨mean²⟩ is above the square of the true mean by the variance over k.
            let square = own().map(|m| m.intensity * m.intensity - m.sigma * m.sigma).sum::<f64>() / k as f64;
            let variance = (square - mean * mean).max(0.0) / (k as f64 - 1.0);
            n += k;
            sum += k as f64 * square / (mean * mean - variance).max(0.5 * mean * mean);
        }
        (n, (n >= MIN_REFLECTIONS).then(|| sum / n as f64))
    };
    let (n_acentric, acentric_moment) = moment(false);
    let (n_centric, centric_moment) = moment(true);
    let (n_pairs, mean_l, mean_l2, cumulative) = l_test(used);
    Some(TwinStatistics {
        d_min: used[used.len() - 1].d,
        n_acentric,
        acentric_moment,
        n_centric,
        centric_moment,
        n_pairs,
        mean_l,
        mean_l2,
        cumulative,
    })
}

/// Neighbours differ by two in one or more indices, so that neither centring nor pseudo-centring relates a strong class to a weak one.
fn l_test(list: &[Merged]) -> (usize, Option<f64>, Option<f64>, Vec<f64>) {
    const STEPS: usize = 20;
    let index: HashMap<[i32; 3], f64> = list.iter().filter(|m| !m.centric).map(|m| (m.hkl, m.intensity)).collect();
    let offsets: Vec<[i32; 3]> = (0..27).map(|i| [2 * (i / 9 - 1), 2 * (i / 3 % 3 - 1), 2 * (i % 3 - 1)]).filter(|o| *o > [0; 3]).collect();
    let (mut n, mut sum, mut square, mut histogram) = (0usize, 0.0, 0.0, vec![0usize; STEPS]);
    for m in list.iter().filter(|m| !m.centric) {
        for o in &offsets {
            let Some(other) = index.get(&[m.hkl[0] + o[0], m.hkl[1] + o[1], m.hkl[2] + o[2]]) else { continue };
            let total = m.intensity + other;
            if total <= 0.0 {
                continue;
            }
            let l = ((m.intensity - other) / total).abs().min(1.0);
            n += 1;
            sum += l;
            square += l * l;
            histogram[((l * STEPS as f64) as usize).min(STEPS - 1)] += 1;
        }
    }
    if n < MIN_REFLECTIONS {
        return (n, None, None, Vec::new());
    }
    let mut below = 0;
    let cumulative = histogram.iter().map(|h| {
        below += h;
        below as f64 / n as f64
    });
    let cumulative = cumulative.collect();
    (n, Some(sum / n as f64), Some(square / n as f64), cumulative)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spacegroup::SpaceGroup;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// Acentric intensities of a crystal, or of two equal parts that have nothing in common.
    fn statistics(parts: usize) -> TwinStatistics {
        let group = SpaceGroup::from_name("P 1").unwrap();
        let mut hkl = Vec::new();
        for i in 0..21i32.pow(3) {
            let h = [i / 441 - 10, i / 21 % 21 - 10, i % 21 - 10];
            if h > [0; 3] {
                hkl.push(h);
            }
        }
        let rows: Vec<u32> = (0..hkl.len() as u32).collect();
        let groups = Equivalents::new(&group, &hkl, &rows).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut wilson = || -(((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64).ln();
        let d: Vec<f64> = groups.hkl.iter().map(|h| 40.0 / h.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt()).collect();
        let intensity: Vec<f64> = d.iter().map(|d| (0..parts).map(|_| 100.0 * wilson()).sum::<f64>() * (-10.0 / (d * d)).exp()).collect();
        let sigma: Vec<f64> = intensity.iter().map(|i| 0.02 * i + 0.1).collect();
        twin_statistics(&groups, &intensity, &sigma, &d, &vec![1.0; d.len()]).unwrap()
    }

    #[test]
    fn a_crystal_and_a_perfect_twin() {
        let (one, two) = (statistics(1), statistics(2));
        let close = |found: Option<f64>, expected: f64, tolerance: f64| {
            assert!((found.unwrap() - expected).abs() < tolerance, "{found:?} instead of {expected}");
        };
        close(one.acentric_moment, 2.0, 0.1);
        close(two.acentric_moment, 1.5, 0.06);
        close(one.mean_l, 0.5, 0.01);
        close(two.mean_l, 0.375, 0.01);
        close(one.mean_l2, 1.0 / 3.0, 0.01);
        close(two.mean_l2, 0.2, 0.01);
        assert!(!one.suspicious() && two.suspicious());
        assert!(one.n_centric == 0 && one.centric_moment.is_none());
        assert!(one.cumulative.windows(2).all(|w| w[0] <= w[1]) && (one.cumulative[9] - 0.5).abs() < 0.02);
    }
}
