//! The experiment as it is and as its header says it is.

use crate::{DetectorKind, Params};
use ewald_core::geometry::{Beam, Detector, Experiment, ExperimentList, Goniometer, ImageSet, Panel, PxMm, Scan};
use ewald_core::math::Vec3;

/// Pixel size, mm.
const PIXEL: f64 = 0.075;
/// Sensor thickness, mm.
pub(crate) const THICKNESS: f64 = 0.45;
/// Highest count that the detector's counters hold.
pub(crate) const SATURATION: i32 = 65534;

impl DetectorKind {
    /// Pixels along (fast, slow).
    pub fn image_size(self) -> [usize; 2] {
        match self {
            DetectorKind::Small => [514, 514],
            DetectorKind::Eiger1M => [1028, 1062],
            DetectorKind::Eiger4M => [2068, 2162],
            DetectorKind::Eiger16M => [4148, 4362],
        }
    }

    /// Usable pixels (row-major): gaps between modules of 1028 × 512 pixels, 12 columns and 38 rows wide, have none.
    pub fn mask(self) -> Vec<bool> {
        let [width, height] = self.image_size();
        let gap = |i: usize, module: usize, gap: usize| i % (module + gap) >= module;
        (0..height).flat_map(|y| (0..width).map(move |x| !gap(x, 1028, 12) && !gap(y, 512, 38))).collect()
    }
}

/// Linear attenuation of silicon, mm⁻¹, at λ in Å: a cubic law through 3.96 mm⁻¹ at 0.9795 Å, good to a few per cent between 0.5 and 2 Å.
fn silicon_mu(wavelength: f64) -> f64 {
    3.96 * libm::pow(wavelength / 0.9795, 2.9)
}

/// The models. `header` adds the header's errors.
pub(crate) fn models(params: &Params, header: bool) -> ExperimentList {
    let [width, height] = params.detector.image_size();
    let beam = Beam { wavelength: params.wavelength, ..Beam::default() };
    let [bx, by] = if header { params.beam_error } else { [0.0, 0.0] };
    let distance = params.distance + if header { params.distance_error } else { 0.0 };
    // The beam meets the detector a little off its middle, as it mostly does.
    let (cx, cy) = ((width as f64 * 0.51).round() * PIXEL + bx, (height as f64 * 0.49).round() * PIXEL + by);
    let panel = Panel {
        name: "/entry/instrument/detector".to_owned(),
        fast: Vec3::x(),
        slow: -Vec3::y(),
        origin: Vec3::new(-cx, cy, -distance),
        pixel_size: [PIXEL, PIXEL],
        image_size: [width, height],
        trusted_range: [0.0, f64::from(SATURATION)],
        thickness: THICKNESS,
        material: "Si".to_owned(),
        mu: silicon_mu(params.wavelength),
        px_mm: PxMm::Parallax,
        ..Panel::default()
    };
    let scan = Scan {
        first_image: 1,
        n_images: params.images,
        phi0: params.phi0_deg.to_radians(),
        width: params.width_deg.to_radians(),
        exposure_times: vec![0.01; params.images],
        epochs: (0..params.images).map(|i| 0.01 * i as f64).collect(),
        ..Scan::default()
    };
    let experiment =
        Experiment { beam: Some(0), detector: Some(0), goniometer: Some(0), scan: Some(0), imageset: Some(0), ..Experiment::default() };
    ExperimentList {
        experiments: vec![experiment],
        beams: vec![beam],
        detectors: vec![Detector::single(panel)],
        goniometers: vec![Goniometer::single(Vec3::x())],
        scans: vec![scan],
        imagesets: vec![ImageSet { template: format!("{}.nxs", params.name), ..ImageSet::default() }],
        ..ExperimentList::default()
    }
}
