/// The cells of a profile: 2n + 1 along each of e1, e2, e3, reaching 1.5 times as far as a reflection on either side.
///
/// Cells are stored with e3 fastest, then e1, then e2.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    /// Cells along each axis.
    pub(super) size: usize,
    /// Cells per rad along e1 and e2.
    per_step: f64,
    /// Ends of the slices along e3 (size + 1 of them), rad, ascending.
    pub(super) slices: Vec<f64>,
}

/// Reach of the grid over that of a reflection.
const MARGIN: f64 = 1.5;

impl Grid {
    pub(super) fn new(half: usize, n_sigma: f64, sigma_b: f64, sigma_m: f64) -> Self {
        let size = 2 * half + 1;
        let reach = n_sigma * MARGIN;
        let step_m = 2.0 * reach * sigma_m / size as f64;
        let slices = (0..=size).map(|i| (i as f64 - 0.5 * size as f64) * step_m).collect();
        Grid { size, per_step: size as f64 / (2.0 * reach * sigma_b), slices }
    }

    /// Size of a cell along e1 and e2, rad.
    pub(super) fn step(&self) -> f64 {
        1.0 / self.per_step
    }

    pub(super) fn cells(&self) -> usize {
        self.size * self.size * self.size
    }

    /// First cell (slice 0) of the column of cells at (e1, e2). `None` beyond the grid.
    #[inline]
    pub(super) fn column(&self, e: [f64; 2]) -> Option<usize> {
        let centre = 0.5 * self.size as f64;
        let [x, y] = e.map(|c| centre + c * self.per_step);
        let end = self.size as f64;
        (x >= 0.0 && y >= 0.0 && x < end && y < end).then(|| (y as i32 as usize * self.size + x as i32 as usize) * self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_cell_holds_the_centre() {
        let grid = Grid::new(5, 3.0, 1e-3, 2e-3);
        assert_eq!(grid.column([0.0, 0.0]), Some((5 * 11 + 5) * 11));
        assert_eq!(grid.column([4.49e-3, -4.49e-3]), Some(10 * 11));
        assert_eq!(grid.column([4.51e-3, 0.0]), None);
        assert!((grid.slices[0] + 9e-3).abs() < 1e-15 && (grid.slices[11] - 9e-3).abs() < 1e-15);
    }
}
