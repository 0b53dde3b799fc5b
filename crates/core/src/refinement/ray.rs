//! One reflection: where the models put it, and how that changes with each of their parameters.
//!
//! With r = S R(φ) F A h and s1 = s0 + r, the angle solves s0·r + r²/2 = 0. A change that moves r by ∂r (at fixed φ) and s0 by ∂s0
//! moves the angle by ∂φ = −(s1·∂r + r·∂s0)/(s1·(m × r)) and the ray by ∂s1 = ∂s0 + ∂r + (m × r) ∂φ. On a panel with
//! D = \[fast slow origin\], (u, v, w) = D⁻¹ s1 gives x = u/w, y = v/w; moving the panel's point by ∂p changes (u, v, w) by −w D⁻¹ ∂p.
//!
//! So each of x, y and φ has one vector that is its gradient by r, one by s0 and one by the panel's point, and every derivative is a scalar product
//! with one of them. A scan-varying A is taken at the observed angle.

use super::beam::BeamState;
use super::crystal::{CrystalBlock, LocalCrystal, MAX_LOCAL};
use super::detector::{BodyState, DetectorState, Field, PlaneState};
use super::goniometer::GoniometerState;
use super::select::Observation;
use super::smoother::Weights;
use crate::geometry::ewald;
use crate::math::{Mat3, Vec3};

/// Crystal, detector, beam and goniometer parameters that one reflection depends on, for one sample.
pub(super) const MAX_COLUMNS: usize = MAX_LOCAL + 6 + 3 + 2;

/// The models of one experiment at one value `p` of the parameters.
pub(super) struct Scene<'a> {
    p: &'a [f64],
    block: &'a CrystalBlock,
    /// `None` where it varies.
    crystal: Option<&'a LocalCrystal>,
    beam: &'a BeamState,
    detector: &'a DetectorState,
    /// The body of each panel.
    body_of: &'a [usize],
    goniometer: &'a GoniometerState,
    /// S R(φ) F = `level` + cos φ `cosine` + sin φ `sine`.
    level: Mat3,
    cosine: Mat3,
    sine: Mat3,
}

/// A predicted reflection.
pub(super) struct Ray<'a> {
    /// Predicted less observed: mm, mm, rad.
    pub delta: [f64; 3],
    plane: &'a PlaneState,
    /// The crystal's U and B there.
    u: Mat3,
    b: Mat3,
    /// B h and A h.
    bh: Vec3,
    ah: Vec3,
    lab_from_datum: Mat3,
    r: Vec3,
    s1: Vec3,
    /// x and y, mm, and w.
    xyw: [f64; 3],
}

/// Derivatives of the residuals of one reflection by the parameters that it depends on: those of its crystal for one sample, then those of its
/// detector's body, its beam and its goniometer.
pub(super) struct Row {
    pub jacobian: [[f64; MAX_COLUMNS]; 3],
    pub columns: usize,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        p: &'a [f64],
        block: &'a CrystalBlock,
        crystal: Option<&'a LocalCrystal>,
        beam: &'a BeamState,
        detector: &'a DetectorState,
        body_of: &'a [usize],
        goniometer: &'a GoniometerState,
    ) -> Self {
        let (axis, datum) = (goniometer.spindle, goniometer.lab_from_datum);
        let level = axis * (axis.transpose() * datum);
        let (cosine, sine) = (datum - level, axis.cross_matrix() * datum);
        Scene { p, block, crystal, beam, detector, body_of, goniometer, level, cosine, sine }
    }

    /// The samples of the crystal that a reflection depends on.
    pub(super) fn weights(&self, o: &Observation) -> Weights {
        self.block.weights(o.z)
    }

    /// The body of its panel.
    pub(super) fn body(&self, o: &Observation) -> usize {
        self.body_of[o.panel]
    }

    fn local_parameters(&self, o: &Observation) -> [f64; MAX_LOCAL] {
        self.block.local_parameters(self.p, &self.weights(o))
    }

    /// `None` when it cannot be predicted.
    pub(super) fn ray(&self, o: &Observation) -> Option<Ray<'a>> {
        let plane = self.detector.panels.get(o.panel)?;
        let (u, b) = match self.crystal {
            Some(fixed) => (fixed.u, fixed.b),
            None => self.block.u_and_b(&self.local_parameters(o))?,
        };
        let bh = b * o.h;
        let ah = u * bh;
        let [cos, sin] = ewald::crossing(&self.beam.s0, &self.goniometer.spindle, &(self.goniometer.lab_from_datum * ah), o.entering)?;
        let lab_from_datum = self.level + self.cosine * cos + self.sine * sin;
        let r = lab_from_datum * ah;
        let s1 = self.beam.s0 + r;
        let uvw = plane.inverse * s1;
        if uvw.z.is_nan() || uvw.z <= 0.0 {
            return None;
        }
        let (x, y) = (uvw.x / uvw.z, uvw.y / uvw.z);
        let [cos0, sin0] = o.turn;
        let turned = libm::atan2(sin * cos0 - cos * sin0, cos * cos0 + sin * sin0);
        Some(Ray { delta: [x - o.xyz[0], y - o.xyz[1], turned], plane, u, b, bh, ah, lab_from_datum, r, s1, xyw: [x, y, uvw.z] })
    }

    /// The derivatives of a `ray` of observation `o`.
    pub(super) fn row(&self, o: &Observation, ray: &Ray<'_>) -> Row {
        let Ray { plane, r, s1, xyw: [x, y, w], .. } = ray;
        let varying;
        let crystal = match self.crystal {
            Some(fixed) => fixed,
            None => {
                varying = self.block.derivatives(&self.local_parameters(o), ray.u, ray.b);
                &varying
            }
        };
        // Gradients of x and y by s1.
        let rows = [0, 1, 2].map(|i| Vec3::from(plane.inverse.row(i).transpose()));
        let by_ray = [(rows[0] - rows[2] * *x) / *w, (rows[1] - rows[2] * *y) / *w];
        // Of x, y and φ by r and by s0, with the angle following.
        let speed = self.goniometer.spindle.cross(r);
        let per_along = 1.0 / s1.dot(&speed);
        let pace = [by_ray[0].dot(&speed) * per_along, by_ray[1].dot(&speed) * per_along];
        let by_r = [by_ray[0] - s1 * pace[0], by_ray[1] - s1 * pace[1], s1 * -per_along];
        let by_s0 = [by_ray[0] - r * pace[0], by_ray[1] - r * pace[1], r * -per_along];

        let mut row = Row { jacobian: [[0.0; MAX_COLUMNS]; 3], columns: 0 };
        let mut push = |of: &dyn Fn(usize) -> f64| {
            (0..3).for_each(|k| row.jacobian[k][row.columns] = of(k));
            row.columns += 1;
        };
        // The gradients by A h; w × A h and U X B h in the crystal's frame.
        let by_ah = by_r.map(|v| ray.lab_from_datum.tr_mul(&v));
        let torque = by_ah.map(|v| ray.ah.cross(&v));
        for turn in &crystal.turns[..self.block.angles()] {
            push(&|k| turn.dot(&torque[k]));
        }
        let by_bh = by_ah.map(|v| ray.u.tr_mul(&v));
        for strain in &crystal.strains[..self.block.cell.len()] {
            let moved = strain * ray.bh;
            push(&|k| moved.dot(&by_bh[k]));
        }
        if let Some(BodyState { pivot, fields }) = self.body_of.get(o.panel).and_then(|b| self.detector.bodies.get(*b)) {
            let arm = plane.origin + plane.fast * *x + plane.slow * *y - pivot;
            for field in fields {
                let moved = match field {
                    Field::Shift(v) => *v * -*w,
                    Field::Turn(v) => v.cross(&arm) * -*w,
                };
                push(&|k| if k < 2 { by_ray[k].dot(&moved) } else { 0.0 });
            }
        }
        for ds0 in &self.beam.ds0 {
            push(&|k| by_s0[k].dot(ds0));
        }
        // A turn of the spindle carries the crystal along.
        for turn in &self.goniometer.turns {
            let dr = turn.cross(r);
            push(&|k| by_r[k].dot(&dr));
        }
        row
    }
}
