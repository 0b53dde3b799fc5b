//! A reference profile on the pixels of a reflection.

use super::super::frame::Corners;
use super::grid::Grid;
use super::shape::{Bell, Moments, Shape};
use serde::{Deserialize, Serialize};

/// The part of a reflection that falls on each of its pixels, and how it is composed of the grid's cells.
///
/// Pixels are sampled at the nodes of Gauss and Legendre, closely enough for the narrowest profile, and images are integrated exactly.
#[derive(Debug, Clone, Default)]
pub(super) struct Projection {
    /// By image and foreground pixel: the fraction of the reflection. The sum is what the box holds of it.
    pub(super) fraction: Vec<f64>,
    /// Columns of the grid that foreground pixels lie on: their first cell, and the Gaussian's mass in it on the pixel.
    points: Vec<(u32, f64)>,
    /// Where each foreground pixel's points end.
    ends: Vec<u32>,
    /// By image and slice: the Gaussian's mass along e3 in both.
    rocking: Vec<f64>,
    /// By image: the slices that have some of it, the last not included.
    overlap: Vec<[usize; 2]>,
    edges: Vec<f64>,
    slices: usize,
}

/// Nodes on (−1, 1) and weights (of sum 1) of Gauss–Legendre quadrature with 1 to 5 nodes.
const NODES: [&[(f64, f64)]; 5] = [
    &[(0.0, 1.0)],
    &[(-0.577_350_269_189_625_8, 0.5), (0.577_350_269_189_625_8, 0.5)],
    &[(-0.774_596_669_241_483_4, 5.0 / 18.0), (0.0, 8.0 / 18.0), (0.774_596_669_241_483_4, 5.0 / 18.0)],
    &[
        (-0.861_136_311_594_052_6, 0.173_927_422_568_726_9),
        (-0.339_981_043_584_856_3, 0.326_072_577_431_273_1),
        (0.339_981_043_584_856_3, 0.326_072_577_431_273_1),
        (0.861_136_311_594_052_6, 0.173_927_422_568_726_9),
    ],
    &[
        (-0.906_179_845_938_664, 0.118_463_442_528_094_5),
        (-0.538_469_310_105_683_1, 0.239_314_335_249_683_2),
        (0.0, 128.0 / 450.0),
        (0.538_469_310_105_683_1, 0.239_314_335_249_683_2),
        (0.906_179_845_938_664, 0.118_463_442_528_094_5),
    ],
];

/// The most slices that a grid can have (`grid_size` ≤ 12).
pub(super) const MAX_SLICES: usize = 25;

impl Projection {
    /// `shape`, `ratio`: the profile; `inside`: foreground pixels; `edges`: the ends of the images in e3, rad, monotonous.
    pub(super) fn fill(
        &mut self,
        (shape, ratio): (&Shape, &[f64]),
        grid: &Grid,
        bell: &Bell,
        corners: &Corners,
        inside: &[bool],
        edges: &[f64],
    ) {
        let n = grid.size;
        self.slices = n;
        self.rocking(shape, grid, edges);
        self.sample(shape, grid, bell, corners, inside);
        let (images, area) = (edges.len() - 1, self.ends.len());
        self.fraction.clear();
        self.fraction.resize(images * area, 0.0);
        let mut start = 0;
        for (q, &end) in self.ends.iter().enumerate() {
            let points = &self.points[start..end as usize];
            start = end as usize;
            if points.is_empty() {
                continue;
            }
            let mut along = [0.0; MAX_SLICES];
            for &(cell, mass) in points {
                let column = &ratio[cell as usize..cell as usize + n];
                along.iter_mut().zip(column).for_each(|(a, r)| *a += mass * r);
            }
            for (k, &[from, to]) in self.overlap.iter().enumerate() {
                let row = &self.rocking[k * n + from..k * n + to];
                // A sum of nothing is −0, which would be told as such.
                self.fraction[k * area + q] = row.iter().zip(&along[from..to]).fold(0.0, |sum, (w, a)| sum + w * a);
            }
        }
    }

    fn rocking(&mut self, shape: &Shape, grid: &Grid, edges: &[f64]) {
        let n = grid.size;
        let slice: [f64; MAX_SLICES + 1] = core::array::from_fn(|s| grid.slices.get(s).map_or(0.0, |u| shape.rocking(*u)));
        self.edges.clear();
        self.edges.extend(edges.iter().map(|u| shape.rocking(*u)));
        self.rocking.clear();
        self.overlap.clear();
        for e in self.edges.windows(2) {
            let (low, high) = if e[0] <= e[1] { (e[0], e[1]) } else { (e[1], e[0]) };
            // erf grows with its argument, so that overlaps can be taken after it.
            let start = self.rocking.len();
            self.rocking.extend((0..n).map(|s| 0.5 * (high.min(slice[s + 1]) - low.max(slice[s])).max(0.0)));
            let row = &self.rocking[start..];
            let from = row.iter().position(|w| *w > 0.0).unwrap_or(0);
            self.overlap.push([from, row.iter().rposition(|w| *w > 0.0).map_or(from, |s| s + 1)]);
        }
    }

    fn sample(&mut self, shape: &Shape, grid: &Grid, bell: &Bell, corners: &Corners, inside: &[bool]) {
        self.points.clear();
        self.ends.clear();
        let width = corners.width.saturating_sub(1);
        for p in (0..inside.len()).filter(|&p| inside[p]) {
            let (j, i) = (p / width, p % width);
            let pixel = Pixel::new(corners, j, i);
            // Closer than one standard deviation.
            let nodes = NODES[((pixel.extent / shape.narrowest) as usize + 1).min(NODES.len() - 1)];
            let first = self.points.len();
            for &(v, wv) in nodes {
                for &(u, wu) in nodes {
                    let at = [0, 1].map(|a| pixel.centre[a] + u * pixel.half[0][a] + v * pixel.half[1][a]);
                    let mass = wu * wv * pixel.area * shape.density(bell, at);
                    if mass > 0.0
                        && let Some(cell) = grid.column(at)
                    {
                        // Most pixels lie on fewer columns than they have nodes.
                        match self.points[first..].iter_mut().find(|p| p.0 == cell as u32) {
                            Some(p) => p.1 += mass,
                            None => self.points.push((cell as u32, mass)),
                        }
                    }
                }
            }
            self.ends.push(self.points.len() as u32);
        }
    }

    /// Shares out the counts above the background of a reflection among the cells as the profile has them, and says what it expected there:
    /// adds `weight` times the shares to `found`, the shares of all counts to `counts`, and `weight · total ·` the profile to `expected`.
    pub(super) fn share(&self, ratio: &[f64], counts: &[i32], levels: &[f64], weight: f64, total: f64, out: &mut Shares) {
        let n = self.slices;
        let area = self.ends.len();
        let images = self.fraction.len() / area.max(1);
        let mut start = 0;
        for (q, &end) in self.ends.iter().enumerate() {
            let points = &self.points[start..end as usize];
            start = end as usize;
            let (mut found, mut all, mut recorded) = ([0.0; MAX_SLICES], [0.0; MAX_SLICES], [0.0; MAX_SLICES]);
            for k in 0..images {
                let (c, f) = (counts[k * area + q], self.fraction[k * area + q]);
                if c < 0 || f <= 0.0 {
                    continue;
                }
                let (net, d) = ((f64::from(c) - levels[k * area + q]) / f, f64::from(c) / f);
                let [from, to] = self.overlap[k];
                for (s, w) in (from..to).zip(&self.rocking[k * n + from..k * n + to]) {
                    found[s] += w * net;
                    all[s] += w * d;
                    recorded[s] += w;
                }
            }
            for &(cell, mass) in points {
                let column = cell as usize..cell as usize + n;
                let sums = out.found[column.clone()].iter_mut().zip(&mut out.counts[column.clone()]).zip(&mut out.expected[column.clone()]);
                for (s, (((f, c), e), r)) in sums.zip(&ratio[column]).enumerate() {
                    let m = weight * mass * r;
                    *f += m * found[s];
                    *c += weight * m * all[s];
                    *e += m * total * recorded[s];
                }
            }
        }
    }
}

/// What spots have in the cells of a grid, weighted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Shares {
    /// Counts above the background.
    pub(super) found: Vec<f64>,
    /// The variance of that: all counts, by the squares of the weights.
    pub(super) counts: Vec<f64>,
    /// What the profile lets one expect.
    pub(super) expected: Vec<f64>,
}

impl Shares {
    pub(super) fn new(cells: usize) -> Self {
        Shares { found: vec![0.0; cells], counts: vec![0.0; cells], expected: vec![0.0; cells] }
    }

    pub(super) fn add(&mut self, weight: f64, other: &Shares) {
        let add = |a: &mut Vec<f64>, b: &[f64], w: f64| a.iter_mut().zip(b).for_each(|(a, b)| *a += w * b);
        add(&mut self.found, &other.found, weight);
        add(&mut self.counts, &other.counts, weight * weight);
        add(&mut self.expected, &other.expected, weight);
    }
}

/// A pixel in (e1, e2), taken as a parallelogram.
struct Pixel {
    centre: [f64; 2],
    /// Half its edges.
    half: [[f64; 2]; 2],
    area: f64,
    /// Longer edge.
    extent: f64,
}

impl Pixel {
    fn new(corners: &Corners, j: usize, i: usize) -> Self {
        let at = |j: usize, i: usize| corners.at[j * corners.width + i];
        let (a, b, c, d) = (at(j, i), at(j, i + 1), at(j + 1, i), at(j + 1, i + 1));
        let centre = [0, 1].map(|k| 0.25 * (a[k] + b[k] + c[k] + d[k]));
        let along = [0, 1].map(|k| 0.25 * (b[k] - a[k] + d[k] - c[k]));
        let down = [0, 1].map(|k| 0.25 * (c[k] - a[k] + d[k] - b[k]));
        let length = |v: [f64; 2]| 2.0 * (v[0] * v[0] + v[1] * v[1]).sqrt();
        let area = 4.0 * (along[0] * down[1] - along[1] * down[0]).abs();
        Pixel { centre, half: [along, down], area, extent: length(along).max(length(down)) }
    }
}

/// Moments of a reflection's counts above its background.
pub(super) fn moments(corners: &Corners, inside: &[bool], edges: &[f64], counts: &[i32], levels: &[f64]) -> Moments {
    let area = inside.iter().filter(|f| **f).count();
    let width = corners.width.saturating_sub(1);
    let mut m = Moments::default();
    for (q, p) in (0..inside.len()).filter(|&p| inside[p]).enumerate() {
        let pixel = Pixel::new(corners, p / width, p % width);
        let (mut net, mut z, mut zz) = (0.0, 0.0, 0.0);
        for (k, e) in edges.windows(2).enumerate() {
            let c = counts[k * area + q];
            if c >= 0 {
                let d = f64::from(c) - levels[k * area + q];
                let (u, w) = (0.5 * (e[0] + e[1]), e[1] - e[0]);
                net += d;
                z += d * u;
                zz += d * (u * u - w * w / 12.0);
            }
        }
        let [x, y] = pixel.centre;
        let [a, b] = pixel.half;
        // A parallelogram's own covariance is (aaᵀ + bbᵀ)/3 of its half edges.
        let own = |i: usize, j: usize| (a[i] * a[j] + b[i] * b[j]) / 3.0;
        m.net += net;
        m.first[0] += net * x;
        m.first[1] += net * y;
        m.first[2] += z;
        m.second[0] += net * (x * x - own(0, 0));
        m.second[1] += net * (x * y - own(0, 1));
        m.second[2] += net * (y * y - own(1, 1));
        m.second[3] += zz;
    }
    m
}
