//! Scores of the subgroups of the lattice symmetry (Evans 2011, appendix A2).

use super::elements::Element;
use crate::merging::Correlation;
use crate::spacegroup::lattice::MetricSubgroup;

/// The evidence for one subgroup.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Its place in the list of subgroups.
    pub subgroup: usize,
    /// Its share of the likelihood of all.
    pub likelihood: f64,
    /// √(L·(L − next L)).
    pub confidence: f64,
    /// rms CC/σ(CC) of the rotations in the group.
    pub z_for: f64,
    /// rms CC/σ(CC) of the lattice's other rotations.
    pub z_against: f64,
    /// CC over the pairs of the rotations in the group.
    pub cc_for: f64,
    /// CC over the pairs of the others.
    pub cc_against: f64,
}

impl Score {
    /// Zcc⁺ − Zcc⁻.
    pub fn z_net(&self) -> f64 {
        self.z_for - self.z_against
    }
}

/// Scores all subgroups, most likely first (equal ones in the order given).
pub fn score(subgroups: &[MetricSubgroup], elements: &[Element]) -> Vec<Score> {
    let mut logs = Vec::with_capacity(subgroups.len());
    let mut scores: Vec<Score> = subgroups
        .iter()
        .enumerate()
        .map(|(i, subgroup)| {
            let (mut cc_for, mut cc_against) = (Correlation::default(), Correlation::default());
            let (mut z_for, mut z_against) = ((0.0, 0), (0.0, 0));
            let mut log = 0.0;
            for element in elements {
                let inside = subgroup.rotations.contains(&element.rotation);
                let (cc, z, p) =
                    if inside { (&mut cc_for, &mut z_for, element.p_present) } else { (&mut cc_against, &mut z_against, element.p_absent) };
                cc.join(&element.pairs);
                if element.counts() {
                    z.0 += element.z * element.z;
                    z.1 += 1;
                    log += libm::log(p.max(1e-300));
                }
            }
            logs.push(log);
            let rms = |(sum, n): (f64, i32)| if n > 0 { (sum / f64::from(n)).sqrt() } else { 0.0 };
            Score {
                subgroup: i,
                likelihood: 0.0,
                confidence: 0.0,
                z_for: rms(z_for),
                z_against: rms(z_against),
                cc_for: cc_for.coefficient().unwrap_or(0.0),
                cc_against: cc_against.coefficient().unwrap_or(0.0),
            }
        })
        .collect();
    // Relative to the best, so that nothing underflows.
    let best = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logs.iter().map(|l| libm::exp(l - best)).sum();
    for (score, log) in scores.iter_mut().zip(&logs) {
        score.likelihood = libm::exp(log - best) / total;
    }
    scores.sort_by(|x, y| y.likelihood.total_cmp(&x.likelihood));
    for i in 0..scores.len().saturating_sub(1) {
        let (this, next) = (scores[i].likelihood, scores[i + 1].likelihood);
        scores[i].confidence = (this * (this - next)).max(0.0).sqrt();
    }
    scores
}
