//! Standard uncertainties of parameters and cells.

use super::cell::cell_and_derivative;
use super::crystal::CrystalBlock;
use super::engine::Minimum;
use super::layout::Layout;
use super::plan::images_of_crystal;
use crate::geometry::{CellEsd, ExperimentList};
use crate::job::parallel;
use crate::math::rows_of;

/// The covariance matrix of all parameters by columns, (N⁻¹) × reduced χ². `None` when the problem is singular.
pub(crate) fn covariance(minimum: &Minimum) -> Option<Vec<Vec<f64>>> {
    let factor = minimum.at.normal.cholesky(1e-14)?;
    let parameters = minimum.p.len();
    let freedom = (3 * minimum.cost.n()).saturating_sub(parameters).max(1) as f64;
    let chi2 = 2.0 * minimum.cost.cost / freedom;
    Some(parallel::map(parameters, |j| factor.inverse_column(j).into_iter().map(|x| x * chi2).collect()))
}

/// Sets the covariance of B and the standard uncertainties of the cell of every crystal whose cell was refined, at the mean of its parameters.
pub(crate) fn set_cell_uncertainties(layout: &Layout, p: &[f64], covariance: &[Vec<f64>], experiments: &mut ExperimentList) {
    for (i, block) in layout.crystals.iter().enumerate() {
        let Some(block) = block.as_ref().filter(|b| !b.cell.is_empty()) else { continue };
        let images = images_of_crystal(experiments, i).map_or(1, |(images, _)| images);
        let mean = mean_weights(block, images);
        let (local, n) = (block.local(), block.cell.len());
        let column = |sample: usize, k: usize| block.column(sample, local - n + k);
        // Covariance of the mean metric's parameters.
        let of_metric = |k: usize, l: usize| -> f64 {
            let pairs = (0..mean.len()).flat_map(|a| (0..mean.len()).map(move |b| (a, b)));
            pairs.map(|(a, b)| mean[a] * mean[b] * covariance[column(a, k)][column(b, l)]).sum()
        };
        let c: Vec<Vec<f64>> = (0..n).map(|k| (0..n).map(|l| of_metric(k, l)).collect()).collect();
        let q = core::array::from_fn(|j| if j < local { (0..mean.len()).map(|s| mean[s] * p[block.column(s, j)]).sum() } else { 0.0 });
        let Some((_, db)) = block.b_and_derivatives(&q) else { continue };
        let rows: Vec<[f64; 9]> = db.iter().map(rows_of).collect();
        let propagate = |d: &dyn Fn(usize, usize) -> f64, x: usize, y: usize| -> f64 {
            (0..n).flat_map(|k| (0..n).map(move |l| (k, l))).map(|(k, l)| d(k, x) * c[k][l] * d(l, y)).sum()
        };
        let b_covariance = (0..9).flat_map(|x| (0..9).map(move |y| (x, y))).map(|(x, y)| propagate(&|k, e| rows[k][e], x, y)).collect();
        let by_metric: Vec<[f64; 7]> = block.cell.iter().map(|m| cell_and_derivative(&block.metric(&q), m).1).collect();
        let esd = |e: usize| propagate(&|k, e| by_metric[k][e], e, e).max(0.0).sqrt();
        let Some(crystal) = experiments.crystals.get_mut(i) else { continue };
        crystal.b_covariance = b_covariance;
        crystal.cell_esd = Some(CellEsd { parameters: core::array::from_fn(esd), volume: esd(6) });
    }
}

/// The weights of a crystal's samples in the mean over its image borders.
fn mean_weights(block: &CrystalBlock, images: usize) -> Vec<f64> {
    let mut mean = vec![0.0; block.samples()];
    let borders = if block.smoother.is_some() { images + 1 } else { 1 };
    for z in 0..borders {
        let w = block.weights(z as f64);
        for k in 0..w.n {
            mean[w.first + k] += w.w[k] / borders as f64;
        }
    }
    mean
}
