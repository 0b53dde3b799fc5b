//! Parameters of a beam.

use crate::geometry::Beam;
use crate::math::{Vec3, rotation_vector};

/// What a parameter of the beam does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BeamMotion {
    /// Turns s0 within the plane of beam and spindle, rad.
    InPlane,
    /// Turns s0 out of that plane, rad.
    OutOfPlane,
    /// Lengthens s0 by this fraction.
    Wavenumber,
}

/// What is known of a parameter before the data speak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prior {
    pub mean: f64,
    /// Standard deviation; infinite when nothing is known.
    pub sigma: f64,
}

/// Standard deviation of a direction that the data cannot tell, rad.
///
/// With a crystal that varies over the scan, a turn of the detector about the beam, or of beam and detector together about an axis across
/// the spindle, is made good by a smooth drift of the crystal. Holding these two where the beamline says they are costs nothing, and
/// leaves to the drift only what is one.
pub(crate) const PINNED: f64 = 0.01 * core::f64::consts::PI / 180.0;

/// The free parameters of a beam.
#[derive(Debug, Clone)]
pub(crate) struct BeamBlock {
    pub start: usize,
    s0: Vec3,
    /// Axes of the in-plane and out-of-plane rotations.
    axes: [Vec3; 2],
    pub motions: Vec<BeamMotion>,
}

/// s0 and its derivatives.
#[derive(Debug, Clone)]
pub(crate) struct BeamState {
    pub s0: Vec3,
    pub ds0: Vec<Vec3>,
}

impl BeamBlock {
    /// `axis`: spindle in the laboratory of an experiment with this beam.
    pub(crate) fn new(beam: &Beam, axis: &Vec3, motions: Vec<BeamMotion>) -> Self {
        let s0 = beam.s0();
        let across = s0.cross(axis).try_normalize(1e-6 * s0.norm()).unwrap_or(Vec3::y());
        BeamBlock { start: 0, s0, axes: [across, s0.cross(&across).normalize()], motions }
    }

    pub(crate) fn evaluate(&self, p: &[f64]) -> BeamState {
        let p = &p[self.start..self.start + self.motions.len()];
        let (mut theta, mut length) = (Vec3::zeros(), 1.0);
        for (motion, x) in self.motions.iter().zip(p) {
            match motion {
                BeamMotion::InPlane => theta += self.axes[0] * *x,
                BeamMotion::OutOfPlane => theta += self.axes[1] * *x,
                BeamMotion::Wavenumber => length += x,
            }
        }
        let (r, jacobian) = rotation_vector(&theta);
        let turned = r * self.s0;
        let s0 = turned * length;
        let ds0 = self.motions.iter().map(|motion| match motion {
            BeamMotion::InPlane => (jacobian * self.axes[0]).cross(&s0),
            BeamMotion::OutOfPlane => (jacobian * self.axes[1]).cross(&s0),
            BeamMotion::Wavenumber => turned,
        });
        BeamState { s0, ds0: ds0.collect() }
    }

    /// What is known beforehand: the direction of `reference` (of the beam itself without one) to a tenth of a degree, or
    /// [`PINNED`] beside crystals that vary; the wavelength to a thousandth.
    pub(crate) fn prior(&self, motion: BeamMotion, reference: Option<&Beam>, varying: bool) -> Prior {
        let turn = reference.map_or(Vec3::zeros(), |r| self.s0.normalize().cross(&r.s0().normalize()));
        let sigma = if varying { PINNED } else { 0.1_f64.to_radians() };
        match motion {
            BeamMotion::InPlane => Prior { mean: turn.dot(&self.axes[0]), sigma },
            BeamMotion::OutOfPlane => Prior { mean: turn.dot(&self.axes[1]), sigma },
            BeamMotion::Wavenumber => Prior { mean: 0.0, sigma: 1e-3 },
        }
    }
}
