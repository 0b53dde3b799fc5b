//! A random crystal with an experiment that suits it.

use super::cells::{self, BRAVAIS};
use crate::crystal::{mix, random_rotation, uniform};
use ewald_core::geometry::{Beam, Detector, Experiment, ExperimentList, Goniometer, ImageSet, Panel, Scan, UnitCell};
use ewald_core::math::{Mat3, Vec3};
use ewald_core::spacegroup::SpaceGroup;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What kind of experiments are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any crystal: edges of 3–400 Å, 10–360° of rotation, beam centres up to 0.5 mm off, 5–50 % spurious spots, some with two lattices.
    Any,
    /// Proteins (edges of 30–200 Å), the given rotation in degrees, beam centres up to 0.15 mm off, 5–20 % spurious spots.
    Wedge(f64),
}

/// A random crystal (or two) and its experiment.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Its number.
    pub number: usize,
    /// Seed of its spots.
    pub seed: u64,
    /// Bravais type.
    pub bravais: &'static str,
    /// Conventional cell.
    pub cell: UnitCell,
    /// Reduced primitive cell.
    pub primitive: UnitCell,
    /// Setting matrices of the reduced primitive cells of the lattices, Å⁻¹, at the datum.
    pub a_matrices: Vec<Mat3>,
    /// Strength of each lattice relative to the first.
    pub strengths: Vec<f64>,
    /// Wavelength, Å.
    pub wavelength: f64,
    /// True distance of the detector, mm.
    pub distance: f64,
    /// What the header adds to it, mm.
    pub distance_error: f64,
    /// What the header adds to the beam centre along (fast, slow), mm.
    pub beam_error: [f64; 2],
    /// Pixel size, mm.
    pub pixel: f64,
    /// Pixels along (fast, slow).
    pub image_size: [usize; 2],
    /// Resolution to which the crystal diffracts, Å.
    pub d_min: f64,
    /// Fall-off of the intensities, Å².
    pub wilson_b: f64,
    /// Images.
    pub images: usize,
    /// Rotation of each, degrees.
    pub width_deg: f64,
    /// Standard deviation of the reflecting range, degrees.
    pub sigma_m_deg: f64,
    /// Fraction of the spots that belong to no lattice.
    pub spurious: f64,
    /// At most so many spots of the lattices are strong enough to be found.
    pub most_spots: usize,
}

/// Fewer spots of the first lattice than this and the experimenter rotates further.
const FEWEST_SPOTS: usize = 60;
/// Reflections within the resolution; large crystals diffract less far.
const MOST_REFLECTIONS: f64 = 8e5;
/// Distance of neighbouring spots on the detector, px.
const APART_PX: f64 = 8.0;

impl Trial {
    /// Trial `number` of the series that follows from `seed`. The Bravais types take turns.
    pub fn new(kind: Kind, number: usize, seed: u64) -> Trial {
        let seed = mix(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ mix(number as u64 + 1));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (bravais, name) = BRAVAIS[number % BRAVAIS.len()];
        let group = SpaceGroup::from_name(name).unwrap_or_else(|_| SpaceGroup::p1());
        let edges = match kind {
            Kind::Any => [3.0, 400.0],
            Kind::Wedge(_) => [30.0, 200.0],
        };
        let (cell, primitive) = cells::random(&mut rng, bravais, &group, edges);
        let mut draw = || uniform(&mut rng);
        let mut between = |low: f64, high: f64| low + (high - low) * draw();
        let longest = primitive.lengths.into_iter().fold(0.0, f64::max);
        let small = primitive.volume() < 8000.0;

        let wavelength = if small { between(0.4, 0.9) } else { between(0.9, 1.1) };
        let wanted = if small { between(0.6, 1.0) } else { between(1.5, 3.2) };
        let possible = libm::cbrt(4.0 / 3.0 * core::f64::consts::PI * primitive.volume() / MOST_REFLECTIONS);
        let wanted = wanted.max(possible);
        let (pixel, image_size) = match between(0.0, 2.0) as usize {
            _ if longest > 150.0 => (0.075, [4148, 4362]),
            0 => (0.172, [2463, 2527]),
            _ => (0.075, [2068, 2162]),
        };
        let half_mm = 0.5 * image_size[0] as f64 * pixel;
        let two_theta = |d: f64| 2.0 * libm::asin((0.5 * wavelength / d).min(0.7));
        let distance = (half_mm / libm::tan(two_theta(wanted).min(0.96))).max(50.0);
        // Farther back when spots would not be apart.
        let distance = distance.max(APART_PX * pixel * longest / wavelength);
        let d_min = wanted.max(0.5 * wavelength / libm::sin(0.5 * libm::atan(half_mm / distance)));

        // Rotation between neighbouring spots at the limit.
        let between_spots = (d_min / longest).to_degrees();
        let sigma_m_deg = (0.02 * libm::pow(10.0, between(0.0, 1.0))).min(0.25 * between_spots);
        let width_deg =
            [0.1f64, 0.2, 0.25, 0.5, 1.0][between(0.0, 5.0) as usize].min(libm::floor(0.6 * between_spots / 0.05).max(1.0) * 0.05);
        let width_deg = if matches!(kind, Kind::Wedge(_)) { width_deg.min(0.2) } else { width_deg };
        let degrees = match kind {
            Kind::Any => 10.0 * libm::pow(36.0, between(0.0, 1.0)),
            Kind::Wedge(degrees) => degrees,
        };
        let (off, direction) = (between(0.0, if kind == Kind::Any { 0.5 } else { 0.15 }), between(0.0, core::f64::consts::TAU));
        let spurious = between(0.05, if kind == Kind::Any { 0.5 } else { 0.2 });
        let most_spots = match kind {
            Kind::Any => 300.0 * libm::pow(30.0, between(0.0, 1.0)),
            Kind::Wedge(degrees) => degrees * 100.0 * libm::pow(5.0, between(0.0, 1.0)),
        };
        let wilson_b = if small { between(2.0, 6.0) } else { 5.0 * d_min * d_min * between(0.7, 1.5) };
        let distance_error = distance * 2e-3 * between(-1.0, 1.0);
        let two = kind == Kind::Any && between(0.0, 1.0) < 0.15;
        let strengths = if two { vec![1.0, between(0.3, 0.9)] } else { vec![1.0] };
        let a_matrices = (0..strengths.len() as u64)
            .filter_map(|k| cells::primitive_setting(&(random_rotation(mix(seed ^ (k + 77))) * cell.b_matrix()), &group))
            .collect();
        let images = (libm::round(degrees / width_deg) as usize).max(1);
        let mut trial = Trial {
            number,
            seed,
            bravais,
            cell,
            primitive,
            a_matrices,
            strengths,
            wavelength,
            distance,
            distance_error,
            beam_error: [off * libm::cos(direction), off * libm::sin(direction)],
            pixel,
            image_size,
            d_min,
            wilson_b,
            images,
            width_deg,
            sigma_m_deg,
            spurious,
            most_spots: most_spots as usize,
        };
        while kind == Kind::Any && trial.degrees() < 359.0 && trial.count_first_lattice() < FEWEST_SPOTS {
            trial.images = (trial.images * 3 / 2 + 1).min(libm::round(360.0 / trial.width_deg) as usize);
        }
        trial
    }

    /// Rotation, degrees.
    pub fn degrees(&self) -> f64 {
        self.images as f64 * self.width_deg
    }

    fn count_first_lattice(&self) -> usize {
        self.spots().truth.iter().filter(|t| t.is_some_and(|t| t.lattice == 0)).count()
    }

    /// The sweep: as it is, or as its header says.
    pub fn experiments(&self, header: bool) -> ExperimentList {
        let on = f64::from(u8::from(header));
        let [width, height] = self.image_size;
        let distance = self.distance + on * self.distance_error;
        let centre =
            [0.51 * width as f64 * self.pixel + on * self.beam_error[0], 0.49 * height as f64 * self.pixel + on * self.beam_error[1]];
        let panel = Panel {
            origin: Vec3::new(-centre[0], centre[1], -distance),
            pixel_size: [self.pixel; 2],
            image_size: self.image_size,
            ..Panel::default()
        };
        let scan = Scan {
            first_image: 1,
            n_images: self.images,
            width: self.width_deg.to_radians(),
            exposure_times: vec![0.1; self.images],
            epochs: (0..self.images).map(|i| 0.1 * i as f64).collect(),
            ..Scan::default()
        };
        let experiment = Experiment {
            identifier: format!("simulated-{}", self.number),
            beam: Some(0),
            detector: Some(0),
            goniometer: Some(0),
            scan: Some(0),
            imageset: Some(0),
            ..Experiment::default()
        };
        ExperimentList {
            experiments: vec![experiment],
            beams: vec![Beam { wavelength: self.wavelength, ..Beam::default() }],
            detectors: vec![Detector::single(panel)],
            goniometers: vec![Goniometer::single(Vec3::x())],
            scans: vec![scan],
            imagesets: vec![ImageSet { template: "simulated_#####.cbf".to_owned(), ..ImageSet::default() }],
            ..ExperimentList::default()
        }
    }
}

impl core::fmt::Display for Trial {
    /// One line: what matters when it was not indexed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [a, b, c, al, be, ga] = self.cell.parameters();
        write!(
            f,
            "{:>3} {} {a:.1} {b:.1} {c:.1} {al:.0} {be:.0} {ga:.0}, λ {:.2} Å, {:.1} Å, {:.0}° by {:.2}°, {:.0} mm, beam off {:.2} mm = {:.2} of a spot, {:.0} % spurious{}",
            self.number,
            self.bravais,
            self.wavelength,
            self.d_min,
            self.degrees(),
            self.width_deg,
            self.distance,
            self.beam_off(),
            self.beam_off_in_spots(),
            100.0 * self.spurious,
            if self.a_matrices.len() > 1 { format!(", a second lattice of {:.2}", self.strengths[1]) } else { String::new() }
        )
    }
}

impl Trial {
    /// How far the header's beam centre is off, mm.
    pub fn beam_off(&self) -> f64 {
        libm::hypot(self.beam_error[0], self.beam_error[1])
    }

    /// The same in units of the smallest distance between neighbouring spots.
    pub fn beam_off_in_spots(&self) -> f64 {
        let longest = self.primitive.lengths.into_iter().fold(0.0, f64::max);
        self.beam_off() * longest / (self.wavelength * self.distance)
    }
}
