use super::Extra;
use crate::math::Vec3;

/// What is scattered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Probe {
    /// X-rays.
    #[default]
    XRay,
    /// Electrons.
    Electron,
    /// Neutrons.
    Neutron,
}

/// A monochromatic beam.
#[derive(Debug, Clone, PartialEq)]
pub struct Beam {
    /// Unit vector from the sample to the source, laboratory frame.
    pub direction: Vec3,
    /// λ in Å.
    pub wavelength: f64,
    /// Beam divergence, rad (0 when unknown).
    pub divergence: f64,
    /// Standard deviation of the divergence, rad.
    pub sigma_divergence: f64,
    /// Unit normal of the plane of polarisation, laboratory frame.
    pub polarization_normal: Vec3,
    /// Fraction of the light polarised perpendicular to the normal (0.5 = unpolarised).
    pub polarization_fraction: f64,
    /// Photons per second, 0 when unknown.
    pub flux: f64,
    /// Attenuator transmission, 1 when unknown.
    pub transmission: f64,
    /// What is scattered.
    pub probe: Probe,
    /// Keys of the file that are only carried along.
    pub extra: Extra,
}

impl Default for Beam {
    fn default() -> Self {
        Beam {
            direction: Vec3::z(),
            wavelength: 1.0,
            divergence: 0.0,
            sigma_divergence: 0.0,
            polarization_normal: Vec3::y(),
            polarization_fraction: 0.999,
            flux: 0.0,
            transmission: 1.0,
            probe: Probe::XRay,
            extra: Extra::new(),
        }
    }
}

impl Beam {
    /// Incident beam vector s0 (from source to sample), |s0| = 1/λ, Å⁻¹, laboratory frame.
    pub fn s0(&self) -> Vec3 {
        self.direction * (-1.0 / self.wavelength)
    }

    /// Sets direction and wavelength from s0 (Å⁻¹, laboratory frame; must not be zero).
    pub fn set_s0(&mut self, s0: &Vec3) {
        let n = s0.norm();
        self.wavelength = 1.0 / n;
        self.direction = -s0 / n;
    }
}
