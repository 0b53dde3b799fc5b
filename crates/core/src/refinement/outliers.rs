//! Which residuals are too large to be believed.

use super::Outliers;
use super::mcd;
use super::select::Observation;
use crate::geometry::ExperimentList;
use crate::job::parallel;
use crate::math::Vec3;

/// Width of the blocks of a scan within which residuals are compared, rad.
const BLOCK: f64 = 18.0 * core::f64::consts::PI / 180.0;
/// Fewer residuals than this say nothing about each other.
const LEAST: usize = 20;

/// True for the outliers. `residuals` (mm, mm, rad) go with `observations`, which are sorted by experiment and z; those that
/// could not be predicted (`None`) are outliers whatever the method.
///
/// `again`: the observations' own outliers are those of much the same residuals, so that the search may start from them.
pub(crate) fn find(
    experiments: &ExperimentList,
    observations: &[Observation],
    residuals: &[Option<[f64; 3]>],
    method: Outliers,
    again: bool,
) -> Vec<bool> {
    let mut out: Vec<bool> = residuals.iter().map(Option::is_none).collect();
    let predicted: Vec<usize> = (0..residuals.len()).filter(|&i| residuals[i].is_some()).collect();
    let by_experiment: Vec<&[usize]> = predicted.chunk_by(|&a, &b| observations[a].experiment == observations[b].experiment).collect();
    let at = |i: usize| residuals[i].unwrap_or_default();
    match method {
        Outliers::None => {}
        Outliers::Tukey { iqr } => {
            for group in by_experiment.into_iter().filter(|g| g.len() >= LEAST) {
                for k in 0..3 {
                    let [low, high] = fences(group.iter().map(|&i| at(i)[k]).collect(), iqr);
                    for &i in group {
                        out[i] |= !(low..=high).contains(&at(i)[k]);
                    }
                }
            }
        }
        Outliers::Mcd { probability, seed } => {
            let blocks: Vec<Vec<usize>> = by_experiment.into_iter().flat_map(|g| blocks(experiments, observations, g)).collect();
            let limit = mcd::chi2_quantile(probability);
            let found = parallel::map_slice(&blocks, |block| {
                let points: Vec<Vec3> = block.iter().map(|&i| Vec3::from(at(i))).collect();
                // A small block is searched anew: a wrong start may not be left from there, and trials cost little.
                let good: Option<Vec<bool>> =
                    (again && block.len() >= 2 * mcd::GROUP).then(|| block.iter().map(|&i| !observations[i].outlier).collect());
                mcd::robust_distances2(&points, good.as_deref(), probability, seed)
            });
            for (block, distances) in blocks.iter().zip(found) {
                for (&i, d) in block.iter().zip(distances.unwrap_or_default()) {
                    out[i] |= d > limit;
                }
            }
        }
    }
    out
}

/// Equal blocks of at least 18° with at least 20 residuals each; one block where that is not possible, none for fewer than 20 in all.
fn blocks(experiments: &ExperimentList, observations: &[Observation], group: &[usize]) -> Vec<Vec<usize>> {
    if group.len() < LEAST {
        return Vec::new();
    }
    let images = group.first().and_then(|&i| experiments.models(observations[i].experiment)).map_or((1.0, 0.0), |m| {
        let n = m.scan.n_images.max(1) as f64;
        (n, n * m.scan.width.abs())
    });
    let most = (libm::floor(images.1 / BLOCK + 1e-9) as usize).max(1);
    for n in (1..=most).rev() {
        let mut blocks = vec![Vec::new(); n];
        for &i in group {
            let k = (observations[i].z / images.0 * n as f64).max(0.0) as usize;
            blocks[k.min(n - 1)].push(i);
        }
        if n == 1 || blocks.iter().all(|b| b.len() >= LEAST) {
            return blocks;
        }
    }
    Vec::new()
}

/// Quartiles widened by `iqr` times their distance.
fn fences(mut x: Vec<f64>, iqr: f64) -> [f64; 2] {
    x.sort_by(f64::total_cmp);
    let at = |q: f64| {
        let place = q * (x.len() - 1) as f64;
        let i = place as usize;
        let next = x[(i + 1).min(x.len() - 1)];
        x[i] + (place - i as f64) * (next - x[i])
    };
    let (q1, q3) = (at(0.25), at(0.75));
    [q1 - iqr * (q3 - q1), q3 + iqr * (q3 - q1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_stand_at_the_quartiles() {
        let x = (0..=8).map(f64::from).collect();
        assert_eq!(fences(x, 1.5), [2.0 - 6.0, 6.0 + 6.0]);
    }
}
