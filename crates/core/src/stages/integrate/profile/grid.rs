use core::f64::consts::SQRT_2;

/// The cells of a profile: 2n + 1 along each of e1, e2, e3, reaching 1.5 times as far as a reflection on either side.
///
/// Cells are stored with e3 fastest, then e1, then e2.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    /// Cells along each axis.
    pub(super) size: usize,
    /// Size of a cell along e1 and e2, rad.
    pub(super) step: f64,
    /// Ends of the slices along e3 (size + 1 of them), rad, ascending.
    pub(super) slices: Vec<f64>,
    /// erf(slice/(√2 σ_m)).
    slice_erf: Vec<f64>,
    sigma_m: f64,
}

/// What each image of a box gives to each slice of the grid.
#[derive(Debug, Clone, Default)]
pub(super) struct SliceWeights {
    /// By image and slice: the fraction of an image's counts that belongs to the slice.
    pub(super) weights: Vec<f64>,
    /// Slices that the box's images cover to 99 %.
    pub(super) covered: Vec<bool>,
}

/// Reach of the grid over that of a reflection.
const MARGIN: f64 = 1.5;
/// A slice takes part when the images hold at least this much of it.
const COVERED: f64 = 0.99;

impl Grid {
    pub(super) fn new(half: usize, n_sigma: f64, sigma_b: f64, sigma_m: f64) -> Self {
        let size = 2 * half + 1;
        let reach = n_sigma * MARGIN;
        let step_m = 2.0 * reach * sigma_m / size as f64;
        let slices: Vec<f64> = (0..=size).map(|i| (i as f64 - 0.5 * size as f64) * step_m).collect();
        let slice_erf = slices.iter().map(|u| libm::erf(u / (SQRT_2 * sigma_m))).collect();
        Grid { size, step: 2.0 * reach * sigma_b / size as f64, slices, slice_erf, sigma_m }
    }

    pub(super) fn cells(&self) -> usize {
        self.size * self.size * self.size
    }

    /// Weights of the images between `edges` (their ends in e3 = ζ(φ − φ₀), rad, monotonous), supposing a Gaussian rocking curve: an image's
    /// counts are shared among the slices that it overlaps as the curve's integral over each overlap.
    pub(super) fn slice_weights(&self, edges: &[f64], out: &mut SliceWeights) {
        let n = self.size;
        out.weights.clear();
        out.weights.resize(edges.len().saturating_sub(1) * n, 0.0);
        let mut held = vec![0.0; n];
        let erf: Vec<f64> = edges.iter().map(|u| libm::erf(u / (SQRT_2 * self.sigma_m))).collect();
        for k in 0..edges.len().saturating_sub(1) {
            let (a, b) = if edges[k] <= edges[k + 1] { (k, k + 1) } else { (k + 1, k) };
            let image = erf[b] - erf[a];
            for s in 0..n {
                let low = if edges[a] > self.slices[s] { (edges[a], erf[a]) } else { (self.slices[s], self.slice_erf[s]) };
                let high = if edges[b] < self.slices[s + 1] { (edges[b], erf[b]) } else { (self.slices[s + 1], self.slice_erf[s + 1]) };
                if low.0 < high.0 {
                    held[s] += high.1 - low.1;
                    if image > 0.0 {
                        out.weights[k * n + s] = (high.1 - low.1) / image;
                    }
                }
            }
        }
        out.covered.clear();
        out.covered.extend((0..n).map(|s| held[s] > COVERED * (self.slice_erf[s + 1] - self.slice_erf[s])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_tile_the_grid_give_all_their_counts() {
        let grid = Grid::new(5, 3.0, 1e-3, 2e-3);
        for sign in [1.0, -1.0] {
            let edges: Vec<f64> = (0..=9).map(|k| sign * (k as f64 - 4.3) * 1.7e-3).collect();
            let mut w = SliceWeights::default();
            grid.slice_weights(&edges, &mut w);
            for image in w.weights.chunks(11) {
                assert!((image.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            }
            // The outermost slices lie beyond the images.
            assert!(w.covered[5] && !w.covered[0] && !w.covered[10]);
        }
    }
}
