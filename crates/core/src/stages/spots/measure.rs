//! Box, counts, centroid and variance of a spot.

use super::components::{Component, Voxel};
use crate::reflections::{Shoebox, mask};

/// A measured spot, in pixels and images.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// Its box with counts and mask; pixels of the box that are not strong hold 0 in both.
    pub shoebox: Shoebox,
    /// Number of strong pixels.
    pub n_signal: usize,
    /// Sum of their counts.
    pub intensity: f64,
    /// Centroid (fast, slow, image).
    pub centroid: [f64; 3],
    /// Its variance, px², px², images².
    pub variance: [f64; 3],
    /// Centre of the brightest pixel, the first of several.
    pub peak: [f64; 3],
    /// Image and index of its first pixel.
    first: (u32, u32),
}

/// Uncertainty of a position within a pixel, px².
const PIXEL_VARIANCE: f64 = 1.0 / 12.0;

/// Measures a component with pixels on a panel of `width` pixels. `gain`: the detector's counts per photon, by which counts are divided.
///
/// Centroid r = Σp·r/Σp over pixel centres; variance per axis Σp·(r − r̄)²·Σp/((Σp)² − Σp²)/Σp + 1/12, the unbiased squared standard
/// error of an intensity-weighted mean and the uncertainty within a pixel (1/12 alone for a single pixel).
pub fn measure(component: &Component, panel: usize, width: usize, gain: f64) -> Spot {
    let voxels: Vec<([i32; 3], f64)> = component
        .voxels
        .iter()
        .map(|v| ([(v.index as usize % width) as i32, (v.index as usize / width) as i32, v.z as i32], f64::from(v.value) / gain))
        .collect();
    let mut low = [i32::MAX; 3];
    let mut high = [i32::MIN; 3];
    for (at, _) in &voxels {
        for k in 0..3 {
            low[k] = low[k].min(at[k]);
            high[k] = high[k].max(at[k] + 1);
        }
    }
    let size = [0, 1, 2].map(|k| (high[k] - low[k]).max(0) as usize);
    let n = size.iter().product();
    let (mut data, mut bits) = (vec![0.0f32; n], vec![0; n]);
    let mut brightest = (0, 0.0f32);
    for (at, p) in &voxels {
        let [x, y, z] = [0, 1, 2].map(|k| (at[k] - low[k]) as usize);
        let i = (z * size[1] + y) * size[0] + x;
        data[i] = *p as f32;
        bits[i] = mask::VALID | mask::FOREGROUND;
    }
    for (i, p) in data.iter().enumerate() {
        if *p > brightest.1 {
            brightest = (i, *p);
        }
    }
    let (row, image) = (size[0].max(1), (size[0] * size[1]).max(1));
    let peak = [brightest.0 % row, brightest.0 % image / row, brightest.0 / image];

    let centre = |at: &[i32; 3], k: usize| f64::from(at[k]) + 0.5;
    let sum: f64 = voxels.iter().map(|(_, p)| p).sum();
    let sum_sq: f64 = voxels.iter().map(|(_, p)| p * p).sum();
    let (mut centroid, mut variance) = ([0.0; 3], [0.0; 3]);
    for k in 0..3 {
        if sum <= 0.0 {
            // Counts that cancel have no centre of mass: the middle of the box, without a variance.
            centroid[k] = 0.5 * f64::from(low[k] + high[k]);
            continue;
        }
        let first: f64 = voxels.iter().map(|(at, p)| p * (centre(at, k) - f64::from(low[k]))).sum();
        centroid[k] = f64::from(low[k]) + first / sum;
        let second: f64 = voxels.iter().map(|(at, p)| p * (centre(at, k) - centroid[k]) * (centre(at, k) - centroid[k])).sum();
        let spread = sum * sum - sum_sq;
        variance[k] = PIXEL_VARIANCE + if spread > 0.0 { second / spread } else { 0.0 };
    }
    let [l, h] = [low, high];
    Spot {
        shoebox: Shoebox { panel: panel as u32, bbox: [l[0], h[0], l[1], h[1], l[2], h[2]], data, mask: bits, background: Vec::new() },
        n_signal: component.size,
        intensity: sum,
        centroid,
        variance,
        peak: [0, 1, 2].map(|k| f64::from(low[k]) + peak[k] as f64 + 0.5),
        first: component.voxels.first().map_or((0, 0), |v| (v.z, v.index)),
    }
}

impl Spot {
    /// Image and index of its first pixel: the order of DIALS' tables.
    pub fn first_pixel(&self) -> (u32, u32) {
        self.first
    }

    /// Its strong pixels, on a panel of `width` pixels: the inverse of [`measure`].
    pub fn voxels(&self, width: usize, gain: f64) -> Vec<Voxel> {
        let [_, rows, columns] = self.shoebox.size();
        let strong = self.shoebox.mask.iter().zip(&self.shoebox.data).enumerate().filter(|(_, (m, _))| **m != 0);
        let corner = [0, 2, 4].map(|k| self.shoebox.bbox[k] as usize);
        strong
            .map(|(i, (_, counts))| {
                let [x, y, z] = [i % columns, i / columns % rows, i / (columns * rows)];
                let index = (corner[1] + y) * width + corner[0] + x;
                Voxel { z: (corner[2] + z) as u32, index: index as u32, value: (f64::from(*counts) * gain).round() as i32 }
            })
            .collect()
    }

    /// Distance of the brightest pixel from the centroid, px and images alike.
    pub fn separation(&self) -> f64 {
        (0..3).map(|k| (self.peak[k] - self.centroid[k]) * (self.peak[k] - self.centroid[k])).sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(voxels: &[(u32, u32, i32)]) -> Spot {
        let voxels: Vec<Voxel> = voxels.iter().map(|&(z, index, value)| Voxel { z, index, value }).collect();
        measure(&Component { size: voxels.len(), voxels }, 3, 10, 1.0)
    }

    /// The first spot of the simulated lysozyme data as DIALS 3.12 measured it, on a panel of ten columns.
    #[test]
    fn centroid_and_variance_are_those_of_dials() {
        let s = spot(&[(0, 0, 5), (0, 1, 11), (0, 2, 15), (0, 3, 2), (0, 10, 2), (0, 11, 2), (0, 12, 3)]);
        assert_eq!((s.shoebox.bbox, s.intensity, s.n_signal), ([0, 4, 0, 2, 0, 1], 40.0, 7));
        assert_eq!(s.centroid, [1.875, 0.675, 0.5]);
        let expected = [0.10599475717439294, 0.08811396247240617, 0.08333333333333333];
        assert!((0..3).all(|k| (s.variance[k] - expected[k]).abs() < 1e-12), "{:?}", s.variance);
        assert_eq!((s.shoebox.data[7], s.shoebox.mask[7], s.shoebox.mask[6]), (0.0, 0, 5));
        assert_eq!(s.peak, [2.5, 0.5, 0.5]);
        assert_eq!(s.voxels(10, 1.0).iter().map(|v| (v.z, v.index, v.value)).collect::<Vec<_>>()[3..5], [(0, 3, 2), (0, 10, 2)]);
    }

    #[test]
    fn one_pixel_has_the_variance_of_a_pixel() {
        let s = spot(&[(4, 57, 20)]);
        assert_eq!((s.centroid, s.variance, s.separation()), ([7.5, 5.5, 4.5], [1.0 / 12.0; 3], 0.0));
    }

    #[test]
    fn counts_that_cancel_give_the_middle_of_the_box() {
        let s = spot(&[(4, 57, 20), (4, 58, -20)]);
        assert_eq!((s.centroid, s.variance), ([8.0, 5.5, 4.5], [0.0; 3]));
    }
}
