//! Parameters of beam and detector.

use crate::geometry::{Beam, Detector, Panel};
use crate::math::{Mat3, Vec3, axis_angle_of, rotation_vector};

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
const PINNED: f64 = 0.01 * core::f64::consts::PI / 180.0;

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

/// What a parameter of the detector does; axes are those of the first panel: fast, slow, normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DetectorMotion {
    /// Moves it along an axis, mm.
    Shift(usize),
    /// Turns it about an axis through its centre, rad.
    Tilt(usize),
}

/// The free parameters of a detector, moved as one rigid body.
#[derive(Debug, Clone)]
pub(crate) struct DetectorBlock {
    pub start: usize,
    axes: [Vec3; 3],
    centre: Vec3,
    distance: f64,
    panels: Vec<Plane>,
    pub motions: Vec<DetectorMotion>,
}

/// A panel's frame.
#[derive(Debug, Clone, Copy)]
struct Plane {
    fast: Vec3,
    slow: Vec3,
    origin: Vec3,
}

/// A panel at some value of the parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlaneState {
    pub fast: Vec3,
    pub slow: Vec3,
    pub origin: Vec3,
    /// \[fast slow origin\]⁻¹: s1 ↦ (x w, y w, w).
    pub inverse: Mat3,
}

/// How a parameter moves points of the detector.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    /// By this vector.
    Shift(Vec3),
    /// By this vector × (point − pivot).
    Turn(Vec3),
}

#[derive(Debug, Clone)]
pub(crate) struct DetectorState {
    pub panels: Vec<PlaneState>,
    pub pivot: Vec3,
    pub fields: Vec<Field>,
}

impl DetectorBlock {
    /// `None` for a detector without panels.
    pub(crate) fn new(detector: &Detector, motions: Vec<DetectorMotion>) -> Option<Self> {
        let first = detector.panels.first()?;
        let fast = first.fast.normalize();
        let normal = first.normal();
        let middle = |p: &Panel| {
            let [w, h] = [0, 1].map(|i| p.image_size[i] as f64 * p.pixel_size[i] / 2.0);
            p.origin + p.fast * w + p.slow * h
        };
        let centre = detector.panels.iter().map(middle).sum::<Vec3>() / detector.panels.len() as f64;
        let panels = detector.panels.iter().map(|p| Plane { fast: p.fast, slow: p.slow, origin: p.origin }).collect();
        Some(DetectorBlock { start: 0, axes: [fast, normal.cross(&fast), normal], centre, distance: first.distance(), panels, motions })
    }

    /// `None` when a panel's plane runs through the sample.
    pub(crate) fn evaluate(&self, p: &[f64]) -> Option<DetectorState> {
        let p = &p[self.start..self.start + self.motions.len()];
        let (mut shift, mut theta) = (Vec3::zeros(), Vec3::zeros());
        for (motion, x) in self.motions.iter().zip(p) {
            match motion {
                DetectorMotion::Shift(k) => shift += self.axes[*k] * *x,
                DetectorMotion::Tilt(k) => theta += self.axes[*k] * *x,
            }
        }
        let (r, jacobian) = rotation_vector(&theta);
        let pivot = self.centre + shift;
        let panels = self.panels.iter().map(|q| {
            let (fast, slow, origin) = (r * q.fast, r * q.slow, pivot + r * (q.origin - self.centre));
            let inverse = Mat3::from_columns(&[fast, slow, origin]).try_inverse()?;
            Some(PlaneState { fast, slow, origin, inverse })
        });
        let panels = panels.collect::<Option<Vec<_>>>()?;
        let fields = self.motions.iter().map(|motion| match motion {
            DetectorMotion::Shift(k) => Field::Shift(self.axes[*k]),
            DetectorMotion::Tilt(k) => Field::Turn(jacobian * self.axes[*k]),
        });
        Some(DetectorState { panels, pivot, fields: fields.collect() })
    }

    /// What is known beforehand: the place of `reference` (of the detector itself without one) to half a per cent of the distance, its
    /// orientation to a quarter of a degree, or, about its normal and beside crystals that vary, to [`PINNED`].
    pub(crate) fn prior(&self, motion: DetectorMotion, reference: Option<&Detector>, varying: bool) -> Prior {
        let reference = reference.and_then(|d| DetectorBlock::new(d, Vec::new())).filter(|r| r.panels.len() == self.panels.len());
        let (shift, turn) = match reference {
            Some(r) => {
                let (axis, angle) = axis_angle_of(&(Mat3::from_columns(&r.axes) * Mat3::from_columns(&self.axes).transpose()));
                (r.centre - self.centre, axis * angle)
            }
            None => (Vec3::zeros(), Vec3::zeros()),
        };
        match motion {
            DetectorMotion::Shift(k) => Prior { mean: shift.dot(&self.axes[k]), sigma: 0.005 * self.distance.max(1.0) },
            DetectorMotion::Tilt(2) if varying => Prior { mean: turn.dot(&self.axes[2]), sigma: PINNED },
            DetectorMotion::Tilt(k) => Prior { mean: turn.dot(&self.axes[k]), sigma: 0.25_f64.to_radians() },
        }
    }
}
