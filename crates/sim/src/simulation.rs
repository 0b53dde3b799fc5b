use crate::crystal::TrueCrystal;
use crate::frame::{self, Exposure};
use crate::reflections::{self, TrueReflection};
use crate::{Error, Params, experiment};
use core::ops::Range;
use ewald_core::geometry::{Crystal, ExperimentList, UnitCell};
use ewald_core::image::{Frame, ImageError, ImageSource, RawFrame};
use ewald_core::params::Parameters;
use ewald_core::spacegroup::SpaceGroup;

/// A simulated experiment: its truth, and its frames on demand.
pub struct Simulation {
    params: Params,
    crystal: TrueCrystal,
    reflections: Vec<TrueReflection>,
    /// Reflections visible on each image, as positions in `reflections`.
    on_image: Vec<Vec<u32>>,
    mask: Vec<bool>,
    background: Vec<f32>,
    zero_probability: Vec<f32>,
}

impl Simulation {
    /// Draws the crystal and places its reflections; frames are made later, one by one.
    pub fn new(params: &Params) -> Result<Self, Error> {
        params.check_ranges()?;
        let crystal = TrueCrystal::new(params)?;
        let truth = experiment::models(params, false);
        // The list has one experiment with all of its models.
        let models = truth.models(0).unwrap_or_else(|| unreachable!("a simulated experiment is complete"));
        let reflections = reflections::all(&crystal, models, params)?;
        let mut on_image = vec![Vec::new(); params.images];
        for (i, r) in reflections.iter().enumerate() {
            let [first, last] = r.z_range();
            let first = first.max(0.0) as usize;
            let last = (last.max(0.0) as usize).min(params.images);
            on_image.get_mut(first..last).into_iter().flatten().for_each(|list| list.push(i as u32));
        }
        let background = frame::background(&models, params.background);
        Ok(Simulation {
            zero_probability: frame::zero_probability(&background),
            background,
            mask: params.detector.mask(),
            on_image,
            reflections,
            crystal,
            params: params.clone(),
        })
    }

    /// What is simulated.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The true space group.
    pub fn space_group(&self) -> &SpaceGroup {
        &self.crystal.group
    }

    /// The true cell.
    pub fn unit_cell(&self) -> UnitCell {
        self.crystal.cell
    }

    /// All reflections that touch the scan and the detector, in the order of z.
    pub fn reflections(&self) -> &[TrueReflection] {
        &self.reflections
    }

    /// True intensity of a reflection (of that hand), without Lorentz, polarisation and drift.
    pub fn intensity(&self, hkl: [i32; 3]) -> f64 {
        self.crystal.intensity(hkl)
    }

    /// The models as they truly are, with the crystal.
    pub fn true_experiments(&self) -> ExperimentList {
        let mut list = experiment::models(&self.params, false);
        list.crystals = vec![Crystal::new(self.crystal.a_matrix)];
        list.experiments[0].crystal = Some(0);
        list
    }

    /// The models as the file's header has them.
    pub fn header_experiments(&self) -> ExperimentList {
        experiment::models(&self.params, true)
    }

    /// Frame `z`. Pixels without data hold −1.
    pub fn frame(&self, z: usize) -> Frame {
        let exposure = Exposure {
            size: self.params.detector.image_size(),
            mask: &self.mask,
            background: &self.background,
            zero_probability: &self.zero_probability,
            seed: self.params.seed,
        };
        let spots = self.on_image.get(z).map_or(&[][..], Vec::as_slice);
        exposure.frame(z, spots.iter().map(|i| &self.reflections[*i as usize]))
    }
}

/// The frames straight from the simulator, without a file between.
impl ImageSource for Simulation {
    fn n_images(&self) -> usize {
        self.params.images
    }

    fn image_size(&self) -> [usize; 2] {
        self.params.detector.image_size()
    }

    fn mask(&self) -> Option<&[bool]> {
        Some(&self.mask)
    }

    fn fetch(&self, frames: Range<usize>) -> Result<Vec<RawFrame>, ImageError> {
        if frames.end > self.params.images {
            return Err(ImageError::OutOfRange { file: self.params.name.clone(), z: frames.end - 1, n: self.params.images });
        }
        Ok(frames.map(|z| RawFrame { z, ..RawFrame::default() }).collect())
    }

    fn decode(&self, raw: &RawFrame, out: &mut Frame) -> Result<(), ImageError> {
        *out = self.frame(raw.z);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DetectorKind;

    fn small() -> Params {
        Params { images: 16, detector: DetectorKind::Small, width_deg: 0.2, background: 0.2, ..Params::default() }
    }

    #[test]
    fn a_spots_counts_are_where_the_truth_says() {
        let s = Simulation::new(&Params { background: 0.0, strength: 5e4, ..small() }).unwrap();
        let frames: Vec<Frame> = (0..16).map(|z| s.frame(z)).collect();
        let inside = |r: &&TrueReflection| {
            let [z0, z1] = r.z_range();
            (2000.0..50_000.0).contains(&r.counts) && z0 >= 0.0 && z1 <= 16.0 && r.px.iter().all(|p| (20.0..490.0).contains(p))
        };
        let alone = |r: &&TrueReflection| {
            s.reflections().iter().all(|o| o == *r || o.counts < 1.0 || (o.px[0] - r.px[0]).abs() + (o.px[1] - r.px[1]).abs() > 14.0)
        };
        let mut checked = 0;
        for r in s.reflections().iter().filter(inside).filter(alone).take(20) {
            let (mut sum, mut x, mut y, mut z) = (0.0, 0.0, 0.0, 0.0);
            for (iz, f) in frames.iter().enumerate() {
                for iy in 0..r.size[1] {
                    for ix in 0..r.size[0] {
                        let (px, py) = ((r.corner[0] + ix as i32) as usize, (r.corner[1] + iy as i32) as usize);
                        let c = f64::from(f.pixels[py * 514 + px].max(0));
                        sum += c;
                        x += c * (px as f64 + 0.5);
                        y += c * (py as f64 + 0.5);
                        z += c * (iz as f64 + 0.5);
                    }
                }
            }
            assert!((sum - r.counts).abs() < 5.0 * r.counts.sqrt(), "{sum} {}", r.counts);
            // Five standard errors of a centroid. (Spots much narrower than an image would also be pulled to its middle.)
            let error = 5.0 / r.counts.sqrt();
            let near = |a: f64, b: f64, width: f64| assert!((a - b).abs() < error * width + 0.01, "{:?}: {a} {b}", r.hkl);
            near(x / sum, r.px[0], 1.0);
            near(y / sum, r.px[1], 1.0);
            near(z / sum, r.z, r.sigma_z.max(0.5));
            checked += 1;
        }
        assert!(checked > 5, "{checked}");
    }

    #[test]
    fn header_and_truth_differ_by_what_was_asked_for() {
        let s = Simulation::new(&small()).unwrap();
        let (truth, header) = (s.true_experiments(), s.header_experiments());
        let shift = header.detectors[0].panels[0].origin - truth.detectors[0].panels[0].origin;
        assert!((shift.x + 0.05).abs() < 1e-12 && (shift.y + 0.04).abs() < 1e-12 && (shift.z + 0.1).abs() < 1e-12);
    }
}
