use super::input::Observations;
use super::params::OutlierRejection;
use crate::job::parallel;

/// Marks outliers anew: in groups of three and more, the worst observation beyond `z_max` is taken out and the rest tested again.
///
/// z = (I − g·S₁/S₂)/√(1/w + g²/S₂) with S₁ = ΣwgI and S₂ = Σwg² over the other members (`standard`) or
/// z = (I − g·S₁/S₂)/√(1/w + (g/S₂)²) over all (`simple`). `variance` holds 1/w. Returns the number of outliers.
pub(super) fn reject(obs: &mut Observations, g: &[f64], variance: &[f64], method: OutlierRejection, z_max: f64) -> usize {
    if method == OutlierRejection::None {
        obs.outlier.fill(false);
        return 0;
    }
    const BLOCK: usize = 1024;
    let blocks = parallel::map(obs.groups.len().div_ceil(BLOCK), |k| {
        let mut out = Vec::new();
        for i in k * BLOCK..((k + 1) * BLOCK).min(obs.groups.len()) {
            let mut active: Vec<usize> = obs.groups.members(i).collect();
            while active.len() > 2 {
                let (mut s1, mut s2) = (0.0, 0.0);
                for &j in &active {
                    s1 += g[j] * obs.intensity[j] / variance[j];
                    s2 += g[j] * g[j] / variance[j];
                }
                let z = |j: usize| {
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
                let worst = active.iter().enumerate().map(|(k, &j)| (k, z(j))).max_by(|a, b| a.1.total_cmp(&b.1));
                match worst {
                    Some((k, z)) if z > z_max => out.push(active.remove(k)),
                    _ => break,
                }
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
