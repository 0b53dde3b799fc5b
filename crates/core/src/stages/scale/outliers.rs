use super::input::Observations;
use super::params::OutlierRejection;
use crate::job::parallel;

/// An observation that agrees with the others of its sign is an outlier all the same when it is this many times further from all than is allowed:
/// rather are both wrong than that an anomalous difference is so large. (4/3, or no limit, changed hardly an outlier of the sets tried.)
const MOST_ANOMALOUS: f64 = 2.0;

/// Marks outliers anew: in groups of three and more, the worst observation beyond `z_max` is taken out and the rest tested again.
///
/// z = (I − g·S₁/S₂)/√(1/w + g²/S₂) with S₁ = ΣwgI and S₂ = Σwg² over the other members (`standard`) or
/// z = (I − g·S₁/S₂)/√(1/w + (g/S₂)²) over all (`simple`). `variance` holds 1/w. Returns the number of outliers.
///
/// Where I(+) and I(−) share a group, an observation that agrees with the others of its own sign is none: that is an anomalous difference.
pub(super) fn reject(obs: &mut Observations, g: &[f64], variance: &[f64], method: OutlierRejection, z_max: f64) -> usize {
    if method == OutlierRejection::None {
        obs.outlier.fill(false);
        return 0;
    }
    let sums = |members: &mut dyn Iterator<Item = usize>| {
        members.fold((0.0, 0.0), |(s1, s2), j| (s1 + g[j] * obs.intensity[j] / variance[j], s2 + g[j] * g[j] / variance[j]))
    };
    // z of `j` by the sums over a set that it is part of.
    let z = |j: usize, (s1, s2): (f64, f64)| {
        let (w, gj) = (1.0 / variance[j], g[j]);
        let (t1, t2) = match method {
            OutlierRejection::Simple => (s1, s2),
            _ => (s1 - w * gj * obs.intensity[j], s2 - w * gj * gj),
        };
        let spread = match method {
            OutlierRejection::Simple => (gj / t2) * (gj / t2),
            _ => gj * gj / t2,
        };
        (obs.intensity[j] - gj * t1 / t2).abs() / (variance[j] + spread).sqrt()
    };
    let minus = &obs.groups.minus;
    const BLOCK: usize = 1024;
    let blocks = parallel::map(obs.groups.len().div_ceil(BLOCK), |k| {
        let mut out = Vec::new();
        for i in k * BLOCK..((k + 1) * BLOCK).min(obs.groups.len()) {
            let mut active: Vec<usize> = obs.groups.members(i).collect();
            while active.len() > 2 {
                let all = sums(&mut active.iter().copied());
                let is_anomalous = |j: usize| {
                    let same = || active.iter().copied().filter(|&k| minus[k] == minus[j]);
                    (2..active.len()).contains(&same().count()) && z(j, sums(&mut same())) <= z_max
                };
                let beyond = active.iter().enumerate().map(|(k, &j)| (k, z(j, all))).filter(|(_, z)| *z > z_max);
                let outliers = beyond.filter(|&(k, z)| z > MOST_ANOMALOUS * z_max || !is_anomalous(active[k]));
                let Some((worst, _)) = outliers.max_by(|a, b| a.1.total_cmp(&b.1)) else { break };
                out.push(active.remove(worst));
            }
        }
        out
    });
    obs.outlier.fill(false);
    let mut n = 0;
    for j in blocks.into_iter().flatten() {
        obs.outlier[j] = true;
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merging::Equivalents;
    use crate::spacegroup::SpaceGroup;

    /// Outliers among observations of one reflection with σ = 5, of either sign; the first `plus` are I(+).
    fn outliers(values: &[f64], plus: usize) -> Vec<bool> {
        let hkl: Vec<[i32; 3]> = (0..values.len()).map(|i| if i < plus { [1, 2, 3] } else { [-1, -2, -3] }).collect();
        let rows: Vec<u32> = (0..values.len() as u32).collect();
        let n = values.len();
        let groups = Equivalents::new(&SpaceGroup::from_name("P 1").unwrap(), &hkl, &rows).unwrap();
        let mut obs = Observations { intensity: values.to_vec(), outlier: vec![false; n], groups, ..Observations::default() };
        reject(&mut obs, &vec![1.0; n], &vec![25.0; n], OutlierRejection::Standard, 4.0);
        obs.outlier
    }

    #[test]
    fn anomalous_differences_are_no_outliers() {
        // 140 is 4.6 σ from the mean of the others, but not from its like.
        assert_eq!(outliers(&[100.0, 100.0, 140.0, 140.0], 2), [false; 4]);
        assert_eq!(outliers(&[100.0, 100.0, 100.0, 140.0], 4), [false, false, false, true]);
        // Alone of its sign, nothing speaks for it.
        assert_eq!(outliers(&[100.0, 100.0, 100.0, 140.0], 3), [false, false, false, true]);
        // Of a pair that disagrees, the one that is far from all goes.
        assert_eq!(outliers(&[100.0, 100.0, 100.0, 100.0, 150.0], 3), [false, false, false, false, true]);
        // No anomalous difference is as large as that.
        assert_eq!(outliers(&[100.0, 100.0, 100.0, 200.0, 200.0], 3)[3..], [true, true]);
    }
}
