//! Parameters of a goniometer: two turns of its setting rotation, R(θ) S, which move the spindle in the laboratory.

use super::beam::{PINNED, Prior};
use crate::geometry::Goniometer;
use crate::math::{Mat3, Vec3, rotation_vector};

/// What a parameter of the goniometer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GoniometerMotion {
    /// Turns the spindle within the plane of beam and spindle, rad.
    InPlane,
    /// Turns the spindle out of that plane, rad.
    OutOfPlane,
}

/// The free parameters of a goniometer.
#[derive(Debug, Clone)]
pub(crate) struct GoniometerBlock {
    pub start: usize,
    setting: Mat3,
    fixed: Mat3,
    /// The spindle in the laboratory.
    spindle: Vec3,
    /// Axes of the two turns.
    axes: [Vec3; 2],
    pub motions: Vec<GoniometerMotion>,
}

/// A goniometer at some value of the parameters.
#[derive(Debug, Clone)]
pub(crate) struct GoniometerState {
    /// S F: from the crystal's frame to the laboratory, but for the scan's rotation about `spindle`.
    pub lab_from_datum: Mat3,
    pub spindle: Vec3,
    pub setting: Mat3,
    /// By parameter, the vector a with ∂r = a × r.
    pub turns: Vec<Vec3>,
}

impl GoniometerBlock {
    /// `s0`: of an experiment with this goniometer.
    pub(crate) fn new(goniometer: &Goniometer, s0: &Vec3, motions: Vec<GoniometerMotion>) -> Self {
        let spindle = goniometer.lab_axis();
        let across = spindle.cross(s0).try_normalize(1e-6 * s0.norm()).unwrap_or(Vec3::y());
        let axes = [across, across.cross(&spindle).normalize()];
        GoniometerBlock { start: 0, setting: goniometer.setting_rotation, fixed: goniometer.fixed_rotation, spindle, axes, motions }
    }

    pub(crate) fn evaluate(&self, p: &[f64]) -> GoniometerState {
        let axis = |m: &GoniometerMotion| self.axes[usize::from(*m == GoniometerMotion::OutOfPlane)];
        let p = &p[self.start..self.start + self.motions.len()];
        let theta = self.motions.iter().zip(p).fold(Vec3::zeros(), |t, (m, x)| t + axis(m) * *x);
        let (r, jacobian) = rotation_vector(&theta);
        let setting = r * self.setting;
        GoniometerState {
            lab_from_datum: setting * self.fixed,
            spindle: r * self.spindle,
            setting,
            turns: self.motions.iter().map(|m| jacobian * axis(m)).collect(),
        }
    }

    /// What is known beforehand: the spindle's direction to a tenth of a degree, or to [`PINNED`] beside crystals that vary, whose drift
    /// can stand for it.
    pub(crate) fn prior(&self, varying: bool) -> Prior {
        Prior { mean: 0.0, sigma: if varying { PINNED } else { 0.1_f64.to_radians() } }
    }
}
