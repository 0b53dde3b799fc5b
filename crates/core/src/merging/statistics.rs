use super::halves::{Correlation, halves};
use super::{Equivalents, Possible, Shells, weighted_mean};
use crate::job::parallel;

/// Numerators and the common denominator of the merging R factors, over groups of two and more observations.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RFactors {
    /// Σ|I − ⟨I⟩|.
    pub merge: f64,
    /// Σ√(n/(n−1))·|I − ⟨I⟩|.
    pub meas: f64,
    /// Σ√(1/(n−1))·|I − ⟨I⟩|.
    pub pim: f64,
    /// Σ I.
    pub intensity: f64,
}

impl RFactors {
    /// Adds the observations of one reflection about their weighted mean; a single observation adds nothing.
    pub fn add(&mut self, intensities: impl ExactSizeIterator<Item = f64> + Clone, mean: f64) {
        let n = intensities.len() as f64;
        if intensities.len() < 2 {
            return;
        }
        let deviation: f64 = intensities.clone().map(|i| (i - mean).abs()).sum();
        self.merge += deviation;
        self.meas += (n / (n - 1.0)).sqrt() * deviation;
        self.pim += (1.0 / (n - 1.0)).sqrt() * deviation;
        self.intensity += intensities.sum::<f64>();
    }

    fn join(&mut self, o: &RFactors) {
        self.merge += o.merge;
        self.meas += o.meas;
        self.pim += o.pim;
        self.intensity += o.intensity;
    }

    /// R_merge; not a number without equivalents.
    pub fn r_merge(&self) -> f64 {
        self.merge / self.intensity
    }

    /// R_meas.
    pub fn r_meas(&self) -> f64 {
        self.meas / self.intensity
    }

    /// R_pim.
    pub fn r_pim(&self) -> f64 {
        self.pim / self.intensity
    }
}

/// What is summed over the unique reflections of a shell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    /// Observations.
    pub n_obs: u64,
    /// Unique reflections, systematically absent ones included.
    pub n_unique: u64,
    /// Systematically absent ones among them.
    pub n_absent: u64,
    /// Unique reflections that there could be; `None` when they could not be counted.
    pub n_possible: Option<u64>,
    /// Acentric ones that there could be.
    pub n_possible_pairs: Option<u64>,
    /// Unique reflections with Friedel mates counted apart.
    pub n_unique_anomalous: u64,
    /// Reflections with both I(+) and I(−).
    pub n_pairs: u64,
    /// Σ of merged intensities.
    pub intensity: f64,
    /// Σ of merged I/σ.
    pub i_over_sigma: f64,
    /// R factors over all equivalents.
    pub r: RFactors,
    /// R factors with I(+) and I(−) averaged apart.
    pub r_within: RFactors,
    /// Σ|I(+) − I(−)|.
    pub anomalous_difference: f64,
    /// Σ½(I(+) + I(−)).
    pub anomalous_mean: f64,
    /// Correlation of anomalous differences between random half sets.
    pub cc_anomalous: Correlation,
    /// For CC½: reflections of two and more observations; Σ⟨I⟩, Σ⟨I⟩², Σ of the variance of a half set's mean.
    pub(super) sigma_tau: (u64, f64, f64, f64),
}

impl Sums {
    /// Adds the observations of one unique reflection: intensities, standard deviations, which are I(−).
    fn add(&mut self, hkl: [i32; 3], intensity: &[f64], sigma: &[f64], minus: &[bool]) {
        let Some((mean, sigma_mean)) = weighted_mean(intensity.iter().copied().zip(sigma.iter().copied())) else { return };
        self.n_obs += intensity.len() as u64;
        self.n_unique += 1;
        self.intensity += mean;
        self.i_over_sigma += mean / sigma_mean;
        self.r.add(intensity.iter().copied(), mean);
        if intensity.len() > 1 {
            let n = intensity.len() as f64;
            let (mut w_sum, mut ww) = (0.0, 0.0);
            for (i, s) in intensity.iter().zip(sigma) {
                let w = 1.0 / (s * s);
                w_sum += w;
                ww += w * (i - mean) * (i - mean);
            }
            let variance = ww / w_sum * n / (n - 1.0);
            self.sigma_tau.0 += 1;
            self.sigma_tau.1 += mean;
            self.sigma_tau.2 += mean * mean;
            self.sigma_tau.3 += variance / (n / 2.0);
        }
        self.add_anomalous(hkl, intensity, sigma, minus);
    }

    fn add_anomalous(&mut self, hkl: [i32; 3], intensity: &[f64], sigma: &[f64], minus: &[bool]) {
        let mut means = [None; 2];
        // Half sets of either sign.
        let mut quarter = [[None; 2]; 2];
        for sign in [false, true] {
            let s = usize::from(sign);
            let own: Vec<usize> = (0..intensity.len()).filter(|&j| minus[j] == sign).collect();
            let values: Vec<f64> = own.iter().map(|&j| intensity[j]).collect();
            means[s] = weighted_mean(own.iter().map(|&j| (intensity[j], sigma[j])));
            let Some((mean, _)) = means[s] else { continue };
            self.n_unique_anomalous += 1;
            self.r_within.add(values.iter().copied(), mean);
            if own.len() > 1 {
                let split: Vec<bool> = halves(hkl, own.len(), s as u64).collect();
                for half in [false, true] {
                    let members = own.iter().zip(&split).filter(|(_, h)| **h == half).map(|(&j, _)| (intensity[j], sigma[j]));
                    quarter[s][usize::from(half)] = weighted_mean(members).map(|(m, _)| m);
                }
            }
        }
        if let [Some((plus, _)), Some((minus, _))] = means {
            self.n_pairs += 1;
            self.anomalous_difference += (plus - minus).abs();
            self.anomalous_mean += 0.5 * (plus + minus);
        }
        if let [[Some(a), Some(b)], [Some(c), Some(d)]] = quarter {
            self.cc_anomalous.add(a - c, b - d);
        }
    }

    /// Adds another's sums.
    pub fn join(&mut self, o: &Sums) {
        self.n_obs += o.n_obs;
        self.n_unique += o.n_unique;
        self.n_absent += o.n_absent;
        self.n_possible = self.n_possible.zip(o.n_possible).map(|(a, b)| a + b);
        self.n_possible_pairs = self.n_possible_pairs.zip(o.n_possible_pairs).map(|(a, b)| a + b);
        self.n_unique_anomalous += o.n_unique_anomalous;
        self.n_pairs += o.n_pairs;
        self.intensity += o.intensity;
        self.i_over_sigma += o.i_over_sigma;
        self.r.join(&o.r);
        self.r_within.join(&o.r_within);
        self.anomalous_difference += o.anomalous_difference;
        self.anomalous_mean += o.anomalous_mean;
        self.cc_anomalous.join(&o.cc_anomalous);
        self.sigma_tau.0 += o.sigma_tau.0;
        self.sigma_tau.1 += o.sigma_tau.1;
        self.sigma_tau.2 += o.sigma_tau.2;
        self.sigma_tau.3 += o.sigma_tau.3;
    }

    /// Observations per unique reflection.
    pub fn multiplicity(&self) -> f64 {
        self.n_obs as f64 / self.n_unique as f64
    }

    /// Observed part of the possible reflections, percent, at most 100.
    ///
    /// Systematically absent reflections are never possible but count as observed where they were measured: with this, the figure is what
    /// DIALS (cctbx) prints. For large cells it makes no difference; [`Self::completeness_without_absent`] leaves them out.
    pub fn completeness(&self) -> f64 {
        self.n_possible.map_or(f64::NAN, |n| (100.0 * self.n_unique as f64 / n as f64).min(100.0))
    }

    /// The same with systematically absent reflections counted neither as observed nor as possible.
    pub fn completeness_without_absent(&self) -> f64 {
        self.n_possible.map_or(f64::NAN, |n| 100.0 * (self.n_unique - self.n_absent) as f64 / n as f64)
    }

    /// Part of the possible Bijvoet pairs of which both mates are observed, percent.
    pub fn anomalous_completeness(&self) -> f64 {
        self.n_possible_pairs.map_or(f64::NAN, |n| 100.0 * self.n_pairs as f64 / n as f64)
    }

    /// Observations per unique reflection with Friedel mates counted apart.
    pub fn anomalous_multiplicity(&self) -> f64 {
        self.n_obs as f64 / self.n_unique_anomalous as f64
    }

    /// Mean merged intensity.
    pub fn mean_intensity(&self) -> f64 {
        self.intensity / self.n_unique as f64
    }

    /// Mean merged I/σ.
    pub fn mean_i_over_sigma(&self) -> f64 {
        self.i_over_sigma / self.n_unique as f64
    }

    /// Σ|I(+) − I(−)| / Σ½(I(+) + I(−)).
    pub fn r_anomalous(&self) -> f64 {
        self.anomalous_difference / self.anomalous_mean
    }

    /// CC½ by the σ-τ method (Assmann, Brehm & Diederichs 2016): (σ_y² − ½σ_ε²)/(σ_y² + ½σ_ε²), with σ_y² the variance of the merged
    /// intensities and σ_ε² the mean variance of a half set's merged intensity. It is the expectation of the correlation of random half
    /// sets, without their noise. `None` for fewer than two reflections of two and more observations.
    pub fn cc_half(&self) -> Option<f64> {
        let (n, sum, square, error) = self.sigma_tau;
        if n < 2 {
            return None;
        }
        let nf = n as f64;
        let spread = (square - sum * sum / nf) / (nf - 1.0);
        let noise = 0.5 * error / nf;
        (spread + noise > 0.0).then(|| (spread - noise) / (spread + noise))
    }

    /// Reflections that CC½ rests on.
    pub fn n_cc_half(&self) -> u64 {
        self.sigma_tau.0
    }
}

/// Merging statistics of a set of observations.
#[derive(Debug, Clone, PartialEq)]
pub struct MergingStatistics {
    /// The shells, from low to high resolution.
    pub shells: Shells,
    /// Sums in each shell.
    pub by_shell: Vec<Sums>,
    /// Their total.
    pub overall: Sums,
    /// d (Å) of the reflections of lowest and highest resolution.
    pub d_range: [f64; 2],
}

/// Groups are summed in blocks of this many; part of the definition of the result to the last bit.
const BLOCK: usize = 4096;

/// Merging statistics of observations in the order of `groups.rows`: `intensity` and `sigma` (scaled, σ > 0) have one entry for each
/// member. `d` gives the resolution (Å) of each group; groups outside all shells are left out.
pub fn merging_statistics(
    groups: &Equivalents,
    intensity: &[f64],
    sigma: &[f64],
    d: &[f64],
    shells: Shells,
    possible: Option<&Possible>,
) -> MergingStatistics {
    let n_blocks = groups.len().div_ceil(BLOCK);
    let blocks = parallel::map(n_blocks, |b| {
        let mut sums = vec![Sums::default(); shells.len()];
        for i in b * BLOCK..((b + 1) * BLOCK).min(groups.len()) {
            let Some(shell) = shells.index(d[i]) else { continue };
            let m = groups.members(i);
            sums[shell].n_absent += u64::from(groups.absent[i]);
            sums[shell].add(groups.hkl[i], &intensity[m.clone()], &sigma[m.clone()], &groups.minus[m]);
        }
        sums
    });
    let start =
        |i: usize| Sums { n_possible: possible.map(|p| p.unique[i]), n_possible_pairs: possible.map(|p| p.acentric[i]), ..Sums::default() };
    let zero = Sums { n_possible: Some(0), n_possible_pairs: Some(0), ..Sums::default() };
    let mut by_shell: Vec<Sums> = (0..shells.len()).map(start).collect();
    for block in &blocks {
        for (total, part) in by_shell.iter_mut().zip(block) {
            total.join(&Sums { n_possible: zero.n_possible, n_possible_pairs: zero.n_possible_pairs, ..*part });
        }
    }
    let mut overall = zero;
    by_shell.iter().for_each(|s| overall.join(s));
    let d_range = d.iter().filter(|d| shells.index(**d).is_some()).fold([0.0f64, f64::INFINITY], |[a, b], &d| [a.max(d), b.min(d)]);
    MergingStatistics { shells, by_shell, overall, d_range }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spacegroup::SpaceGroup;

    fn example() -> (Equivalents, Vec<f64>, Vec<f64>, Vec<f64>) {
        let group = SpaceGroup::from_name("P 2 2 2").unwrap();
        let hkl = [[1, 2, 3], [-1, -2, 3], [-1, -2, -3], [2, 2, 3], [2, -2, -3], [3, 1, 1]];
        let e = Equivalents::new(&group, &hkl, &[0, 1, 2, 3, 4, 5]).unwrap();
        let intensity = vec![10.0, 12.0, 8.0, 100.0, 104.0, 50.0];
        let sigma = vec![1.0; 6];
        let d = vec![3.0, 2.9, 2.0];
        (e, intensity, sigma, d)
    }

    #[test]
    fn r_factors_of_a_worked_example() {
        let (e, i, s, d) = example();
        let m = merging_statistics(&e, &i, &s, &d, Shells::new(3.0, 2.0, 2), None);
        // Means 10 and 102: deviations 0 + 2 + 2 and 2 + 2; the single observation does not count.
        let r = m.overall.r;
        assert!((r.r_merge() - 8.0 / 234.0).abs() < 1e-12);
        assert!((r.r_meas() - (4.0 * 1.5f64.sqrt() + 4.0 * 2f64.sqrt()) / 234.0).abs() < 1e-12);
        assert!((r.r_pim() - (4.0 * 0.5f64.sqrt() + 4.0) / 234.0).abs() < 1e-12);
        assert_eq!((m.overall.n_obs, m.overall.n_unique, m.overall.n_unique_anomalous, m.overall.n_pairs), (6, 3, 4, 1));
        // I(+) = 11, I(−) = 8.
        assert!((m.overall.r_anomalous() - 3.0 / 9.5).abs() < 1e-12);
        assert!(m.overall.completeness().is_nan());
    }

    #[test]
    fn shells_add_up_to_the_overall_values() {
        let (e, i, s, d) = example();
        let whole = merging_statistics(&e, &i, &s, &d, Shells::new(3.0, 2.0, 1), None);
        let split = merging_statistics(&e, &i, &s, &d, Shells::new(3.0, 2.0, 5), None);
        assert!((whole.overall.r.meas - split.overall.r.meas).abs() < 1e-12);
        assert!((whole.overall.cc_half().unwrap() - split.overall.cc_half().unwrap()).abs() < 1e-12);
        assert_eq!(whole.overall.n_obs, split.by_shell.iter().map(|s| s.n_obs).sum::<u64>());
    }
}
