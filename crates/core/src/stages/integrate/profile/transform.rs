//! Pixels onto the grid of a profile.

use super::super::frame::Corners;
use super::grid::{Grid, SliceWeights};

/// A convex polygon: a quadrilateral cut by up to four lines has at most eight corners.
#[derive(Clone, Copy)]
struct Polygon {
    at: [[f64; 2]; 8],
    n: usize,
}

impl Polygon {
    #[inline]
    fn push(&mut self, p: [f64; 2]) {
        // Only a quadrilateral that crosses itself could have more; pixels never do.
        if let Some(slot) = self.at.get_mut(self.n) {
            *slot = p;
            self.n += 1;
        }
    }

    fn area(&self) -> f64 {
        let mut twice = 0.0;
        for i in 0..self.n {
            let (p, q) = (self.at[i], self.at[if i + 1 == self.n { 0 } else { i + 1 }]);
            twice += p[0] * q[1] - p[1] * q[0];
        }
        (0.5 * twice).abs()
    }

    /// Both parts beside the line where coordinate `AXIS` is `x`: below, above (Sutherland & Hodgman 1974).
    #[inline]
    fn cut<const AXIS: usize>(&self, x: f64) -> (Polygon, Polygon) {
        let empty = Polygon { at: [[0.0; 2]; 8], n: 0 };
        let (mut below, mut above) = (empty, empty);
        if self.n == 0 {
            return (below, above);
        }
        let mut p = self.at[self.n - 1];
        for q in &self.at[..self.n] {
            if (p[AXIS] < x) != (q[AXIS] < x) {
                let t = (x - p[AXIS]) / (q[AXIS] - p[AXIS]);
                let mut c = [p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])];
                c[AXIS] = x;
                below.push(c);
                above.push(c);
            }
            if q[AXIS] < x {
                below.push(*q);
            } else {
                above.push(*q);
            }
            p = *q;
        }
        (below, above)
    }

    fn range<const AXIS: usize>(&self) -> (f64, f64) {
        self.at[..self.n].iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p[AXIS]), b.max(p[AXIS])))
    }
}

/// Calls `f(column, row, fraction)` for each cell of a grid of `size` × `size` unit squares that the quadrilateral overlaps, with the fraction of
/// the quadrilateral's area within it.
fn share(quad: [[f64; 2]; 4], size: usize, mut f: impl FnMut(usize, usize, f64)) {
    let mut rest = Polygon { at: [[0.0; 2]; 8], n: 0 };
    quad.into_iter().for_each(|p| rest.push(p));
    let total = rest.area();
    let (x0, x1) = rest.range::<0>();
    let end = size as f64;
    if total <= 0.0 || !total.is_finite() || x1 <= 0.0 || x0 >= end {
        return;
    }
    let cells = |a: f64, b: f64| (libm::floor(a.max(0.0)) as usize, (libm::ceil(b.min(end)) as usize).min(size));
    if x0 < 0.0 {
        rest = rest.cut::<0>(0.0).1;
    }
    let (i0, i1) = cells(x0, x1);
    for i in i0..i1 {
        let (mut column, above) = rest.cut::<0>((i + 1) as f64);
        rest = above;
        if column.n < 3 {
            continue;
        }
        let (y0, y1) = column.range::<1>();
        if y1 <= 0.0 || y0 >= end {
            continue;
        }
        if y0 < 0.0 {
            column = column.cut::<1>(0.0).1;
        }
        let (j0, j1) = cells(y0, y1);
        for j in j0..j1 {
            let (cell, above) = column.cut::<1>((j + 1) as f64);
            column = above;
            if cell.n >= 3 {
                let fraction = cell.area() / total;
                if fraction > 0.0 {
                    f(i, j, fraction);
                }
            }
        }
    }
}

/// A reflection on the grid.
#[derive(Debug, Clone, Default)]
pub(super) struct OnGrid {
    /// Counts, by cell.
    pub(super) counts: Vec<f64>,
    /// What a background of one count per pixel would put there.
    pub(super) background: Vec<f64>,
    /// Slices along e3 that take part.
    pub(super) covered: Vec<bool>,
}

/// Resamples the valid foreground pixels. `counts`: foreground pixels in the order of `inside`, image by image; negative ones are invalid.
pub(super) fn transform(grid: &Grid, corners: &Corners, inside: &[bool], counts: &[i32], slices: &SliceWeights, out: &mut OnGrid) {
    let n = grid.size;
    out.counts.clear();
    out.counts.resize(grid.cells(), 0.0);
    out.background.clear();
    out.background.resize(grid.cells(), 0.0);
    out.covered.clone_from(&slices.covered);
    let images = slices.weights.len() / n;
    let area = inside.iter().filter(|f| **f).count();
    let width = corners.width.saturating_sub(1);
    let centre = 0.5 * n as f64;
    let at = |j: usize, i: usize| corners.at[j * corners.width + i].map(|c| centre + c / grid.step);
    let (mut along, mut weight) = (vec![0.0; n], vec![0.0; n]);
    let pixels = (0..inside.len()).filter(|&p| inside[p]);
    for (q, p) in pixels.enumerate() {
        along.fill(0.0);
        weight.fill(0.0);
        for k in 0..images {
            let c = counts[k * area + q];
            if c >= 0 {
                let c = f64::from(c);
                for (s, w) in slices.weights[k * n..(k + 1) * n].iter().enumerate() {
                    along[s] += c * w;
                    weight[s] += w;
                }
            }
        }
        let (j, i) = (p / width, p % width);
        share([at(j, i), at(j, i + 1), at(j + 1, i + 1), at(j + 1, i)], n, |x, y, fraction| {
            let cell = (y * n + x) * n;
            for s in 0..n {
                out.counts[cell + s] += fraction * along[s];
                out.background[cell + s] += fraction * weight[s];
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_quadrilateral_within_the_grid_add_up_to_one() {
        let shapes = [
            [[2.3, 2.2], [3.6, 2.5], [3.4, 3.9], [2.1, 3.6]],
            [[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0]],
            [[0.1, 4.9], [4.9, 4.8], [4.8, 0.1], [0.2, 0.3]],
            [[1.5, 1.0], [2.0, 1.5], [1.5, 2.0], [1.0, 1.5]],
        ];
        for quad in shapes {
            let mut sum = 0.0;
            share(quad, 5, |x, y, f| {
                assert!(x < 5 && y < 5 && f > 0.0);
                sum += f;
            });
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }
        let mut cells = Vec::new();
        share([[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0]], 5, |x, y, f| cells.push((x, y, f)));
        assert_eq!(cells, [(1, 1, 1.0)]);
    }

    #[test]
    fn what_lies_outside_the_grid_is_lost_and_nothing_else() {
        let mut sum = 0.0;
        share([[-0.5, 1.2], [0.5, 1.2], [0.5, 2.2], [-0.5, 2.2]], 5, |_, _, f| sum += f);
        assert!((sum - 0.5).abs() < 1e-12);
        share([[4.0, -1.0], [6.0, -1.0], [6.0, 1.0], [4.0, 1.0]], 5, |x, y, f| {
            assert_eq!((x, y), (4, 0));
            assert!((f - 0.25).abs() < 1e-12);
        });
        share([[7.0, 7.0], [8.0, 7.0], [8.0, 8.0], [7.0, 8.0]], 5, |_, _, _| unreachable!());
        share([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], 5, |_, _, _| unreachable!());
    }

    #[test]
    fn counts_and_background_are_kept() {
        let grid = Grid::new(3, 3.0, 1e-3, 1e-3);
        let mut corners = Corners { width: 5, height: 5, at: Vec::new() };
        for j in 0..5 {
            for i in 0..5 {
                let (x, y) = (f64::from(i) - 2.0, f64::from(j) - 2.0);
                corners.at.push([1.1e-3 * x + 2e-4 * y, 1.1e-3 * y - 2e-4 * x]);
            }
        }
        let mut inside = vec![true; 16];
        inside[0] = false;
        let mut slices = SliceWeights::default();
        grid.slice_weights(&[-3e-3, -1e-3, 1e-3, 3e-3], &mut slices);
        let counts: Vec<i32> = (0..45).map(|c| if c == 7 { -1 } else { c }).collect();
        let mut out = OnGrid::default();
        transform(&grid, &corners, &inside, &counts, &slices, &mut out);
        assert!((out.counts.iter().sum::<f64>() - (45.0 * 44.0 / 2.0 - 7.0)).abs() < 1e-9);
        assert!((out.background.iter().sum::<f64>() - 44.0).abs() < 1e-9);
    }
}
