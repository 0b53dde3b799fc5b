//! Where every reflection falls, how bright it is, and how its counts spread over pixels and images.

use crate::crystal::TrueCrystal;
use crate::{Error, Params};
use ewald_core::geometry::{ExperimentModels, ewald};
use ewald_core::job::parallel;
use ewald_core::math::{Vec2, Vec3};

/// Most reflections that are simulated.
const MOST: usize = 20_000_000;
/// A spot reaches this many standard deviations in each direction.
const REACH: f64 = 4.5;
/// Each pixel is sampled at this many points along each side.
const SAMPLES: usize = 5;
/// Reflections nearer to the rotation axis than this |ζ| are left out: they smear over a large part of the scan.
const MIN_ZETA: f64 = 0.01;

/// A reflection as it truly is.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueReflection {
    /// Miller index.
    pub hkl: [i32; 3],
    /// Pixel coordinates of its centre.
    pub px: [f64; 2],
    /// Array index of its centre.
    pub z: f64,
    /// Expected counts when fully recorded, after Lorentz, polarisation and drift.
    pub counts: f64,
    /// Intensity on the scale of the crystal, without any factor.
    pub intensity: f64,
    /// ζ.
    pub zeta: f64,
    /// Whether it enters the Ewald sphere.
    pub entering: bool,
    /// First pixel of its patch (fast, slow).
    pub(crate) corner: [i32; 2],
    /// Size of its patch (fast, slow).
    pub(crate) size: [usize; 2],
    /// Fraction of its counts in each pixel of the patch, row by row; they add to one.
    pub(crate) shape: Vec<f32>,
    /// Standard deviation along z, in images.
    pub(crate) sigma_z: f64,
}

impl TrueReflection {
    /// Fraction recorded on the image that spans z to z + 1.
    pub fn fraction(&self, z: f64) -> f64 {
        let cdf = |t: f64| 0.5 * libm::erf((t - self.z) / (self.sigma_z * core::f64::consts::SQRT_2));
        cdf(z + 1.0) - cdf(z)
    }

    /// The images (array indices, half-open, unclipped) on which it is visible.
    pub fn z_range(&self) -> [f64; 2] {
        [(self.z - REACH * self.sigma_z).floor(), (self.z + REACH * self.sigma_z).ceil()]
    }
}

/// All reflections whose patch touches the scan and the detector, sorted by z.
pub(crate) fn all(crystal: &TrueCrystal, models: ExperimentModels<'_>, params: &Params) -> Result<Vec<TrueReflection>, Error> {
    let s_max = 1.0 / params.d_min;
    let volume = 1.0 / crystal.a_matrix.determinant().abs();
    let expected = (4.0 / 3.0 * core::f64::consts::PI * s_max * s_max * s_max * volume) as usize;
    if expected > MOST {
        return Err(Error::TooMany { expected, most: MOST });
    }
    // |h| ≤ |a| / d_min, since h = a·r.
    let limit = crystal.cell.lengths.map(|a| (a * s_max).floor() as i32);
    let rows: Vec<i32> = (-limit[0]..=limit[0]).collect();
    let found = parallel::map_slice(&rows, |&h| {
        let mut out = Vec::new();
        for k in -limit[1]..=limit[1] {
            for l in -limit[2]..=limit[2] {
                let r = crystal.a_matrix * Vec3::new(f64::from(h), f64::from(k), f64::from(l));
                if r.norm() <= s_max && !crystal.group.is_absent([h, k, l]) {
                    place([h, k, l], &r, crystal, &models, params, &mut out);
                }
            }
        }
        out
    });
    let mut out: Vec<TrueReflection> = found.into_iter().flatten().collect();
    out.sort_by(|a, b| a.z.total_cmp(&b.z).then(a.hkl.cmp(&b.hkl)));
    Ok(out)
}

fn place(hkl: [i32; 3], r: &Vec3, crystal: &TrueCrystal, m: &ExperimentModels<'_>, params: &Params, out: &mut Vec<TrueReflection>) {
    let s0 = m.beam.s0();
    let axis = m.goniometer.lab_axis();
    let r0 = m.goniometer.lab_from_datum(0.0) * r;
    let Some(roots) = ewald::diffracting_angles(&s0, &axis, &r0) else { return };
    let turn = core::f64::consts::TAU;
    let [low, high] = m.scan.phi_range();
    for root in roots {
        let s1 = s0 + ewald_core::math::rotate(&r0, &axis, root);
        let zeta = ewald::zeta(&axis, &s0, &s1);
        if zeta.abs() < MIN_ZETA {
            continue;
        }
        let sigma_phi = params.sigma_m_deg.to_radians() / zeta.abs();
        let margin = REACH * sigma_phi;
        // Every turn in which the spot is seen.
        let first = ((low - margin - root) / turn).ceil() as i64;
        let last = ((high + margin - root) / turn).floor() as i64;
        if first > last {
            continue;
        }
        let Some(spot) = Patch::new(&s1, m, params) else { continue };
        let lorentz = ewald::inverse_lorentz(&axis, &s0, &s1);
        let polarization = ewald::polarization(&m.beam.polarization_normal, m.beam.polarization_fraction, &s0, &s1);
        let intensity = crystal.intensity(hkl);
        for n in first..=last {
            let phi = root + n as f64 * turn;
            let drift = 1.0 + params.scale_drift * libm::sin(turn * (phi - low) / 60f64.to_radians() + 0.4);
            out.push(TrueReflection {
                hkl,
                px: spot.px,
                z: m.scan.z_from_phi(phi),
                counts: intensity * drift * polarization * spot.efficiency / lorentz,
                intensity,
                zeta,
                entering: ewald::is_entering(&axis, &s0, &s1),
                corner: spot.corner,
                size: spot.size,
                shape: spot.shape.clone(),
                sigma_z: sigma_phi / m.scan.width.abs(),
            });
        }
    }
}

/// The pixels of a spot.
struct Patch {
    px: [f64; 2],
    corner: [i32; 2],
    size: [usize; 2],
    shape: Vec<f32>,
    efficiency: f64,
}

impl Patch {
    /// A Gaussian of standard deviation σ_b in the angles about `s1` (Kabsch's e1 and e2), integrated over pixels. `None` off the detector.
    fn new(s1: &Vec3, m: &ExperimentModels<'_>, params: &Params) -> Option<Patch> {
        let panel = &m.detector.panels[0];
        let px = panel.px_from_ray(s1)?;
        let [w, h] = panel.image_size.map(|n| n as f64);
        if px.x < -20.0 || px.y < -20.0 || px.x > w + 20.0 || px.y > h + 20.0 {
            return None;
        }
        let s0 = m.beam.s0();
        let e1 = s1.cross(&s0).normalize();
        let e2 = s1.cross(&e1).normalize();
        // Angles about the centre change linearly over the few pixels of a spot: columns of J are their changes per pixel.
        let angles = |p: Vec2| {
            let ray = panel.lab_from_px(p).normalize();
            Vec2::new(ray.dot(&e1), ray.dot(&e2))
        };
        let step = 0.5;
        let jx = angles(px + Vec2::new(step, 0.0)) - angles(px - Vec2::new(step, 0.0));
        let jy = angles(px + Vec2::new(0.0, step)) - angles(px - Vec2::new(0.0, step));
        let sigma = params.sigma_b_deg.to_radians();
        let j = Jacobian { x: jx / sigma, y: jy / sigma };
        let (reach_x, reach_y) = j.reach()?;
        let low = [(px.x - REACH * reach_x).floor() as i32, (px.y - REACH * reach_y).floor() as i32];
        let high = [(px.x + REACH * reach_x).ceil() as i32, (px.y + REACH * reach_y).ceil() as i32];
        let size = [(high[0] - low[0]) as usize, (high[1] - low[1]) as usize];
        let mut shape = Vec::with_capacity(size[0] * size[1]);
        for y in 0..size[1] {
            for x in 0..size[0] {
                let mut sum = 0.0;
                for sy in 0..SAMPLES {
                    for sx in 0..SAMPLES {
                        let at = |s: usize| (s as f64 + 0.5) / SAMPLES as f64;
                        let d = Vec2::new(f64::from(low[0]) + x as f64 + at(sx) - px.x, f64::from(low[1]) + y as f64 + at(sy) - px.y);
                        sum += libm::exp(-0.5 * j.norm_squared(d));
                    }
                }
                shape.push(sum);
            }
        }
        let total: f64 = shape.iter().sum();
        let cos = s1.normalize().dot(&panel.normal()).abs();
        Some(Patch {
            px: [px.x, px.y],
            corner: low,
            size,
            shape: shape.iter().map(|s| (s / total) as f32).collect(),
            efficiency: 1.0 - libm::exp(-panel.mu * panel.thickness / cos),
        })
    }
}

/// Two columns: changes of the two angles, in standard deviations, per pixel along x and y.
struct Jacobian {
    x: Vec2,
    y: Vec2,
}

impl Jacobian {
    fn norm_squared(&self, d: Vec2) -> f64 {
        (self.x * d.x + self.y * d.y).norm_squared()
    }
    /// Half-extents in x and y of the ellipse of one standard deviation.
    fn reach(&self) -> Option<(f64, f64)> {
        let (a, b, c) = (self.x.norm_squared(), self.x.dot(&self.y), self.y.norm_squared());
        let det = a * c - b * b;
        (det > 0.0).then(|| ((c / det).sqrt(), (a / det).sqrt()))
    }
}
