use super::Params;
use super::frame::KabschFrame;
use crate::geometry::{Beam, Detector, ExperimentModels, Panel, Scan, ewald};
use crate::math::{Vec2, Vec3};

/// σ_b and σ_m of an experiment, rad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Widths {
    pub(super) sigma_b: f64,
    pub(super) sigma_m: f64,
}

/// What the geometry of an experiment's reflections needs again and again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup<'a> {
    pub(super) beam: &'a Beam,
    pub(super) detector: &'a Detector,
    pub(super) scan: &'a Scan,
    pub(super) s0: Vec3,
    /// Rotation axis, laboratory.
    pub(super) axis: Vec3,
    pub(super) widths: Widths,
    pub(super) n_sigma: f64,
    /// Reach of a box over that of its reflection, along e1 and e2.
    pub(super) box_factor: f64,
}

/// Boxes with more pixels than this cannot belong to a spot (a ray grazing a panel, a nonsensical width).
const MAX_BOX: i64 = 1 << 22;

impl<'a> Setup<'a> {
    pub(super) fn new(models: &ExperimentModels<'a>, widths: Widths, params: &Params) -> Self {
        Setup {
            beam: models.beam,
            detector: models.detector,
            scan: models.scan,
            s0: models.beam.s0(),
            axis: models.goniometer.lab_axis(),
            widths,
            n_sigma: params.n_sigma,
            box_factor: params.sigma_b_multiplier,
        }
    }

    pub(super) fn frame(&self, s1: &Vec3) -> KabschFrame {
        KabschFrame::new(&self.axis, &self.s0, s1)
    }

    /// n_σ σ_b.
    pub(super) fn delta_b(&self) -> f64 {
        self.n_sigma * self.widths.sigma_b
    }

    /// n_σ σ_m.
    pub(super) fn delta_m(&self) -> f64 {
        self.n_sigma * self.widths.sigma_m
    }

    /// The box x0, x1, y0, y1, z0, z1 (half-open; z within the scan) of a reflection predicted at array index `z`: what the rays at
    /// (±f δ_b, ±f δ_b) and the angles ±δ_m/ζ enclose, f the factor of the box. `None` when a ray misses the panel's plane or the box
    /// would be absurdly large.
    pub(super) fn bounding_box(&self, s1: &Vec3, z: f64, panel: &Panel) -> Option<[i32; 6]> {
        let frame = self.frame(s1);
        let d = self.delta_b() * self.box_factor;
        let (mut lo, mut hi) = (Vec2::repeat(f64::INFINITY), Vec2::repeat(f64::NEG_INFINITY));
        for (a, b) in [(-d, -d), (d, -d), (-d, d), (d, d)] {
            let px = panel.px_from_ray(&frame.ray(Vec2::new(a, b))?)?;
            lo = lo.inf(&px);
            hi = hi.sup(&px);
        }
        let dz = (self.delta_m() / (frame.zeta * self.scan.width)).abs();
        let n = self.scan.n_images as f64;
        let z0 = libm::floor(z - dz).clamp(0.0, n - 1.0);
        let z1 = libm::ceil(z + dz).clamp(1.0, n).max(z0 + 1.0);
        let b = [libm::floor(lo.x), libm::ceil(hi.x), libm::floor(lo.y), libm::ceil(hi.y), z0, z1];
        let volume = (b[1] - b[0]) * (b[3] - b[2]) * (z1 - z0);
        let usable = b.iter().all(|x| x.abs() < 1e6) && volume > 0.0 && volume <= MAX_BOX as f64;
        usable.then(|| b.map(|x| x as i32))
    }

    /// Fraction of a reflection's rocking curve on images z0..z1: ½[erf(c(φ_b − φ)) − erf(c(φ_a − φ))], c = |ζ|/(√2 σ_m).
    pub(super) fn partiality(&self, zeta: f64, z: f64, [z0, z1]: [i32; 2]) -> f64 {
        let c = zeta.abs() * self.scan.width.abs() / (core::f64::consts::SQRT_2 * self.widths.sigma_m);
        (0.5 * (libm::erf(c * (f64::from(z1) - z)) - libm::erf(c * (f64::from(z0) - z)))).clamp(0.0, 1.0)
    }

    /// L⁻¹/P: what intensities are multiplied by.
    pub(super) fn lp(&self, s1: &Vec3) -> f64 {
        let p = ewald::polarization(&self.beam.polarization_normal, self.beam.polarization_fraction, &self.s0, s1);
        ewald::inverse_lorentz(&self.axis, &self.s0, s1) / p
    }

    /// 1 − e^(−μ t/cos θ): the fraction of the photons that the sensor absorbs (1 when its material is unknown).
    pub(super) fn quantum_efficiency(&self, s1: &Vec3, panel: &Panel) -> f64 {
        if panel.mu <= 0.0 || panel.thickness <= 0.0 {
            return 1.0;
        }
        let cos = (s1.dot(&panel.normal()) / s1.norm()).abs();
        -libm::expm1(-panel.mu * panel.thickness / cos)
    }
}
