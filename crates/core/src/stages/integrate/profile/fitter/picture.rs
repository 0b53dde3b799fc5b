//! Reference profiles as pictures.

use super::{Fitter, Vec2};

/// A reference profile, summed along one direction of its grid: the part of the whole in each cell, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picture {
    /// Cells along each axis.
    pub(crate) size: usize,
    /// Along e3: rows of e2, columns of e1.
    pub(crate) face: Vec<f64>,
    /// Along e2: rows of e3, columns of e1.
    pub(crate) side: Vec<f64>,
}

/// The Gaussian is sampled at so many points along either axis of a cell.
const SAMPLES: usize = 4;

impl Fitter<'_> {
    /// Regions of the detector, and blocks along the scan, that have a reference profile.
    pub(crate) fn places(&self) -> [usize; 2] {
        [self.references.sampler.per_layer(), self.references.sampler.layers()]
    }

    /// The profile of a region and a block. `None` where none was learned.
    pub(crate) fn picture(&self, region: usize, block: usize) -> Option<Picture> {
        let [regions, _] = self.places();
        let xyz = self.references.sampler.coordinate(block * regions + region);
        let s1 = self.setup.detector.panels.first()?.s1_from_px(Vec2::new(xyz[0], xyz[1]), 1.0);
        let (shape, ratio) = self.references.profile_at(&xyz, &self.place_of(&s1))?;
        let n = self.grid.size;
        let along: Vec<f64> = self.grid.slices.windows(2).map(|u| 0.5 * (shape.rocking(u[1]) - shape.rocking(u[0]))).collect();
        let at = |k: usize, part: usize| (k as f64 - 0.5 * n as f64 + (part as f64 + 0.5) / SAMPLES as f64) * self.grid.step();
        let area = (self.grid.step() / SAMPLES as f64).powi(2);
        let mut out = Picture { size: n, face: vec![0.0; n * n], side: vec![0.0; n * n] };
        for j in 0..n {
            for i in 0..n {
                let points = (0..SAMPLES * SAMPLES).map(|q| [at(i, q % SAMPLES), at(j, q / SAMPLES)]);
                let mass: f64 = points.map(|e| area * shape.density(&self.bell, e)).sum();
                for (k, w) in along.iter().enumerate() {
                    let part = mass * w * ratio[(j * n + i) * n + k];
                    out.face[j * n + i] += part;
                    out.side[k * n + i] += part;
                }
            }
        }
        Some(out)
    }
}
