//! The Fourier transform of the reciprocal-lattice points on a cubic grid: its peaks are vectors of the direct lattice
//! (Bricogne, 1986; Campbell, 1998).

use crate::job::{self, Monitor, parallel};
use crate::math::Vec3;
use realfft::RealFftPlanner;
use rustfft::{FftPlanner, num_complex::Complex};

/// The squared real part of the transform of a set of points, over half of direct space (the map is even: m(−r) = m(r)).
///
/// Values are indexed `[y][z][x]`, x fastest, with z in 0..=n/2 and x, y in 0..n, where indices from n/2 on are negative coordinates.
pub struct Map {
    /// Points along x and y.
    pub n: usize,
    /// Length of the cube in direct space, Å.
    pub edge: f64,
    /// Grid points of the reciprocal grid that hold a spot.
    pub points: usize,
    /// The map.
    pub values: Vec<f32>,
}

/// Smallest product of 2, 3 and 5 that is at least `n` and even, so that the transform is fast and the half-space exact.
pub fn grid_size(n: usize) -> usize {
    let smooth = |mut m: usize| {
        for p in [2, 3, 5] {
            while m.is_multiple_of(p) {
                m /= p;
            }
        }
        m == 1
    };
    (n.max(8)..).find(|&m| m.is_multiple_of(2) && smooth(m)).unwrap_or(n)
}

/// Resolution (Å) to which `points` (Å⁻¹) are used so that cells up to `max_cell` Å fit 2.5 times into the transform.
pub fn resolution_limit(points: &[Vec3], n: usize, max_cell: f64) -> f64 {
    let finest = points.iter().map(Vec3::norm_squared).fold(0.0, f64::max);
    (5.0 * max_cell / n as f64).max(if finest > 0.0 { 1.0 / finest.sqrt() } else { 0.0 })
}

impl Map {
    /// The transform of `points` (Å⁻¹, laboratory frame at the datum) with resolution at least `d_min` Å, on a grid of `n`³ (n from [`grid_size`]).
    ///
    /// Each occupied grid point counts once, weighted by exp(−B d*²/4) with B = −4 d_min² ln 0.05, so that the limit of resolution makes no ripples.
    pub fn of(points: &[Vec3], n: usize, d_min: f64, monitor: &dyn Monitor) -> Result<Map, job::Cancelled> {
        let sparse = occupied(points, n, d_min);
        let half = n / 2 + 1;
        let mut planes = vec![Complex::new(0.0f32, 0.0); n * n * half];
        monitor.begin("Fourier transform", 2 * n as u64);

        // Plane by plane in x: real transforms along z, then complex ones along y.
        let along_z = RealFftPlanner::<f32>::new().plan_fft_forward(n);
        let along = FftPlanner::<f32>::new().plan_fft_forward(n);
        parallel::for_each_chunk_mut(&mut planes, n * half, |start, plane| {
            let x = start / (n * half);
            let (first, last) = (sparse.partition_point(|p| p.0 / (n * n) < x), sparse.partition_point(|p| p.0 / (n * n) <= x));
            monitor.advance(1);
            if first == last || monitor.is_cancelled() {
                return;
            }
            let mut line = along_z.make_input_vec();
            let mut scratch = along_z.make_scratch_vec();
            let mut rest = &sparse[first..last];
            while let Some(&(at, _)) = rest.first() {
                let y = at / n % n;
                let here = rest.partition_point(|p| p.0 / n % n <= y);
                line.fill(0.0);
                rest[..here].iter().for_each(|&(i, w)| line[i % n] = w);
                // The lengths are the plan's own, so it cannot fail.
                let _ = along_z.process_with_scratch(&mut line, &mut plane[y * half..(y + 1) * half], &mut scratch);
                rest = &rest[here..];
            }
            // Columns of 8 at a time, so that each cache line is read once.
            let mut columns = vec![Complex::new(0.0f32, 0.0); n * 8];
            let mut scratch = vec![Complex::new(0.0f32, 0.0); along.get_inplace_scratch_len()];
            for z in (0..half).step_by(8) {
                let width = (half - z).min(8);
                for y in 0..n {
                    for k in 0..width {
                        columns[k * n + y] = plane[y * half + z + k];
                    }
                }
                along.process_with_scratch(&mut columns[..width * n], &mut scratch);
                for y in 0..n {
                    for k in 0..width {
                        plane[y * half + z + k] = columns[k * n + y];
                    }
                }
            }
        });
        monitor.check()?;

        // Then along x, keeping the squared real part alone.
        let mut values = vec![0.0f32; n * n * half];
        parallel::for_each_chunk_mut(&mut values, n * half, |start, out| {
            let y = start / (n * half);
            monitor.advance(1);
            if monitor.is_cancelled() {
                return;
            }
            let mut columns = vec![Complex::new(0.0f32, 0.0); n * 8];
            let mut scratch = vec![Complex::new(0.0f32, 0.0); along.get_inplace_scratch_len()];
            for z in (0..half).step_by(8) {
                let width = (half - z).min(8);
                for x in 0..n {
                    let line = &planes[(x * n + y) * half + z..][..width];
                    line.iter().enumerate().for_each(|(k, v)| columns[k * n + x] = *v);
                }
                along.process_with_scratch(&mut columns[..width * n], &mut scratch);
                for (o, c) in out[z * n..(z + width) * n].iter_mut().zip(&columns) {
                    *o = c.re * c.re;
                }
            }
        });
        monitor.check()?;
        Ok(Map { n, edge: 0.5 * n as f64 * d_min, points: sparse.len(), values })
    }

    /// Root-mean-square deviation of the whole map from its mean.
    pub fn rmsd(&self) -> f64 {
        let (n, half) = (self.n, self.n / 2 + 1);
        let sums = parallel::map_chunks(&self.values, n * half, |_, plane| {
            plane.chunks(n).enumerate().fold([0.0f64; 2], |acc, (z, line)| {
                // All but the first and the last layer stand for their mirror image, too.
                let weight = if z == 0 || z == half - 1 { 1.0 } else { 2.0 };
                let sum = line.iter().fold([0.0f64; 2], |s, &v| [s[0] + v as f64, s[1] + (v as f64) * (v as f64)]);
                [acc[0] + weight * sum[0], acc[1] + weight * sum[1]]
            })
        });
        let total = sums.iter().fold([0.0f64; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
        let count = (n * n * n) as f64;
        (total[1] / count - (total[0] / count) * (total[0] / count)).max(0.0).sqrt()
    }
}

/// Occupied points of the reciprocal grid, as linear indices `(x n + y) n + z` in ascending order, with their weights.
fn occupied(points: &[Vec3], n: usize, d_min: f64) -> Vec<(usize, f32)> {
    let spacing = 2.0 / (d_min * n as f64);
    let b_iso = -4.0 * d_min * d_min * libm::log(0.05);
    let half = (n / 2) as i64;
    let mut out: Vec<(usize, f32)> = points
        .iter()
        .filter_map(|p| {
            let d_star2 = p.norm_squared();
            // A little more than the limit, so that the point that set it is in.
            if d_star2.is_nan() || d_star2 * d_min * d_min > 1.0 + 1e-9 {
                return None;
            }
            let index = |v: f64| {
                let i = libm::round(v / spacing) as i64;
                (i >= -half && i < half).then_some(i.rem_euclid(n as i64) as usize)
            };
            let (x, y, z) = (index(p.x)?, index(p.y)?, index(p.z)?);
            Some(((x * n + y) * n + z, libm::exp(-0.25 * b_iso * d_star2) as f32))
        })
        .collect();
    // Where several spots share a grid point, the strongest weight stands for all of them, in whatever order they came.
    out.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    out.dedup_by_key(|p| p.0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Silent;

    #[test]
    fn grid_sizes_are_even_and_smooth() {
        assert_eq!([grid_size(256), grid_size(255), grid_size(257), grid_size(33)], [256, 256, 270, 36]);
    }

    #[test]
    fn map_is_the_squared_real_part_of_the_transform() {
        let n = 12;
        let d_min = 1.0;
        let spacing = 2.0 / (d_min * n as f64);
        let indices = [[1i64, 2, -3], [0, 4, 1], [-5, 0, 0], [3, -3, 3]];
        let points: Vec<Vec3> = indices.iter().map(|i| Vec3::new(i[0] as f64, i[1] as f64, i[2] as f64) * spacing).collect();
        let map = Map::of(&points, n, d_min, &Silent).unwrap();
        assert_eq!(map.points, 4);
        let b = -4.0 * d_min * d_min * libm::log(0.05);
        for (y, z, x) in [(0, 0, 0), (1, 2, 3), (11, 6, 5), (7, 1, 10)] {
            let re: f64 = indices
                .iter()
                .zip(&points)
                .map(|(i, p)| {
                    let phase = core::f64::consts::TAU * (i[0] * x as i64 + i[1] * y as i64 + i[2] * z as i64) as f64 / n as f64;
                    libm::exp(-0.25 * b * p.norm_squared()) * libm::cos(phase)
                })
                .sum();
            let got = map.values[(y * (n / 2 + 1) + z) * n + x] as f64;
            assert!((got - re * re).abs() < 1e-5, "{got} {}", re * re);
        }
    }
}
