use crate::geometry::{ExperimentModels, ewald};
use crate::job::{Cancelled, Monitor, parallel};
use crate::math::{Mat3, Vec2, Vec3};
use crate::reflections::{Reflections, flags};
use crate::spacegroup::SpaceGroup;
use core::f64::consts::TAU;

/// What to predict of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ScanOptions {
    /// Smallest d, Å; `None` = as far as the corners of the detector.
    pub d_min: Option<f64>,
    /// Largest d, Å.
    pub d_max: Option<f64>,
    /// How far beyond both ends of the scan reflections are predicted, rad: their tails may lie on it.
    pub padding: f64,
    /// Use the mean crystal even where a scan-varying one is known.
    pub force_static: bool,
}

/// A scan that cannot be predicted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// There is no crystal.
    #[error("the experiment has no crystal; index it first")]
    NoCrystal,
    /// There is no rotation.
    #[error("the images have no width; reflections can be predicted for rotation scans only")]
    Still,
    /// The crystal's setting matrix has no inverse.
    #[error("the crystal's setting matrix is singular; index the experiment again")]
    Singular,
    /// The resolution asked for is beyond what this wavelength reaches.
    #[error("d_min = {d_min:.3} Å cannot be reached with λ = {wavelength:.4} Å; it must be above {:.3} Å", wavelength / 2.0)]
    BeyondLimit {
        /// Å.
        d_min: f64,
        /// Å.
        wavelength: f64,
    },
    /// The cell is so large that prediction would not end.
    #[error("{points:.2e} lattice points lie within {d_min:.2} Å; set d_min to a larger value")]
    TooMany {
        /// Their estimated number.
        points: f64,
        /// Å.
        d_min: f64,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// More lattice points than any real experiment has.
const MAX_POINTS: f64 = 2e9;

/// All reflections of a scan, each exactly once per crossing of the Ewald sphere.
///
/// With f(z) = |s0 + r(z)|² − |s0|² and r(z) = S R(φ(z)) F A(z) h, a reflection lies on image i when f changes sign between the
/// borders i and i + 1. Both images at a border evaluate the same f there, so none is lost or doubled at a border, also when A varies.
/// Only images near the two roots of the mean crystal are looked at: with |A(z) Ā⁻¹ − 1| ≤ ε (Frobenius norm) over the scan the roots
/// lie where |α cos φ + β sin φ − γ| ≤ (|s0| + |r|) ε|r| + (ε|r|)²/2 (symbols of [`ewald`]), which is exhaustive, not a guess.
/// (Two crossings within one image, at grazing incidence, cancel; such reflections have ζ ≈ 0 and cannot be measured.)
///
/// Reflections that the lattice's centring forbids are left out; those forbidden by screw axes and glide planes are not, they are evidence.
///
/// Returns `miller_index`, `entering`, `panel`, `s1`, `xyzcal.px`, `xyzcal.mm`, `zeta`, `d`, `flags`, in the order of z.
pub fn predict_scan(models: &ExperimentModels<'_>, options: &ScanOptions, monitor: &dyn Monitor) -> Result<Reflections, ScanError> {
    let sweep = Sweep::new(models, options)?;
    let limit = sweep.h_limit(0);
    let planes =
        parallel::map((2 * limit + 1) as usize, |i| if monitor.is_cancelled() { Vec::new() } else { sweep.plane(i as i32 - limit) });
    monitor.check()?;
    let mut found: Vec<Found> = planes.into_iter().flatten().collect();
    found.sort_by(|a, b| a.z.total_cmp(&b.z).then(a.hkl.cmp(&b.hkl)));
    Ok(sweep.table(&found))
}

struct Found {
    hkl: [i32; 3],
    entering: bool,
    panel: usize,
    s1: Vec3,
    mm: Vec2,
    px: Vec2,
    z: f64,
}

struct Sweep<'a> {
    models: &'a ExperimentModels<'a>,
    /// Centring translations in 1/24.
    centring: Vec<[i32; 3]>,
    s0: Vec3,
    axis: Vec3,
    /// Ā at the datum.
    mean: Mat3,
    /// S F Ā.
    mean_lab: Mat3,
    /// ε of [`predict_scan`].
    epsilon: f64,
    varying: bool,
    d_star: [f64; 2],
    /// First border and number of images, padding included.
    first: i64,
    n_images: i64,
    /// S R(φ) F A at each border.
    borders: Vec<Mat3>,
}

impl<'a> Sweep<'a> {
    fn new(models: &'a ExperimentModels<'a>, options: &ScanOptions) -> Result<Self, ScanError> {
        let crystal = models.crystal.ok_or(ScanError::NoCrystal)?;
        let (scan, gonio) = (models.scan, models.goniometer);
        if scan.is_still() || !scan.width.is_finite() || scan.n_images == 0 {
            return Err(ScanError::Still);
        }
        let varying = !options.force_static && crystal.a_at_scan_points.len() > 1;
        let points: &[Mat3] = if varying { &crystal.a_at_scan_points } else { core::slice::from_ref(&crystal.a_matrix) };
        let mean = points.iter().sum::<Mat3>() / points.len() as f64;
        let inverse = mean.try_inverse().filter(|m| m.iter().all(|x| x.is_finite())).ok_or(ScanError::Singular)?;
        let epsilon = points.iter().map(|a| (a * inverse - Mat3::identity()).norm()).fold(0.0, f64::max);

        let s0 = models.beam.s0();
        let wavelength = models.beam.wavelength;
        let d_min = options.d_min.unwrap_or_else(|| models.detector.d_min_at_corners(&s0));
        if !(d_min.is_finite() && d_min >= 0.5 * wavelength * (1.0 - 1e-9)) {
            return Err(ScanError::BeyondLimit { d_min, wavelength });
        }
        let points_in_sphere = 2.0 / 3.0 * TAU * inverse.determinant().abs() / (d_min * d_min * d_min);
        if points_in_sphere.is_nan() || points_in_sphere > MAX_POINTS {
            return Err(ScanError::TooMany { points: points_in_sphere, d_min });
        }

        let padding = libm::round(options.padding.abs() / scan.width.abs()).min(1e6) as i64;
        let (first, n_images) = (-padding, scan.n_images as i64 + 2 * padding);
        let borders = (0..=n_images).map(|i| {
            let z = (first + i) as f64;
            let a = if varying { crystal.a_at_z(z) } else { crystal.a_matrix };
            gonio.lab_from_datum(scan.phi_from_z(z)) * a
        });
        Ok(Sweep {
            models,
            // A symbol that cannot be read leaves nothing out that might be there.
            centring: SpaceGroup::from_hall(&crystal.hall_symbol).map_or(Vec::new(), |g| g.centring_vectors().to_vec()),
            s0,
            axis: gonio.lab_axis(),
            mean,
            mean_lab: gonio.setting_rotation * gonio.fixed_rotation * mean,
            epsilon,
            varying,
            d_star: [options.d_max.map_or(0.0, |d| 1.0 / d), 1.0 / d_min],
            first,
            n_images,
            borders: borders.collect(),
        })
    }

    /// Whether the lattice's centring forbids the reflection.
    fn is_absent(&self, [h, k, l]: [i32; 3]) -> bool {
        self.centring.iter().any(|t| (h * t[0] + k * t[1] + l * t[2]).rem_euclid(24) != 0)
    }

    /// Largest |h| (k, l for `axis` 1, 2) within the resolution limit: |h·a*| ≤ 1/d means |h| ≤ |a|/d.
    fn h_limit(&self, axis: usize) -> i32 {
        let inverse = self.mean.try_inverse().unwrap_or_else(Mat3::identity);
        (inverse.row(axis).norm() * self.d_star[1]).min(1e6) as i32
    }

    /// Reflections of one h.
    fn plane(&self, h: i32) -> Vec<Found> {
        let (mut found, mut ranges) = (Vec::new(), Vec::new());
        let k_limit = self.h_limit(1);
        let c: Vec3 = self.mean.column(2).into();
        let r_max2 = self.d_star[1] * self.d_star[1];
        for k in -k_limit..=k_limit {
            // |v + l c| ≤ 1/d_min: the roots of a quadratic in l.
            let v: Vec3 = self.mean.column(0) * f64::from(h) + self.mean.column(1) * f64::from(k);
            let (cc, vc) = (c.norm_squared(), v.dot(&c));
            let disc = vc * vc - cc * (v.norm_squared() - r_max2);
            if disc < 0.0 {
                continue;
            }
            let root = disc.sqrt();
            let l0 = libm::ceil((-vc - root) / cc) as i32;
            let l1 = libm::floor((-vc + root) / cc) as i32;
            for l in l0..=l1 {
                let hkl = [h, k, l];
                if hkl != [0, 0, 0] && !self.is_absent(hkl) {
                    self.point(hkl, &mut ranges, &mut found);
                }
            }
        }
        found
    }

    /// Crossings of one lattice point; `ranges` is scratch.
    fn point(&self, hkl: [i32; 3], ranges: &mut Vec<[i64; 2]>, found: &mut Vec<Found>) {
        let h = Vec3::new(f64::from(hkl[0]), f64::from(hkl[1]), f64::from(hkl[2]));
        let r0 = self.mean_lab * h;
        let r = r0.norm();
        if r < self.d_star[0] {
            return;
        }
        let along = self.axis.dot(&r0);
        let alpha = self.s0.dot(&r0) - self.s0.dot(&self.axis) * along;
        let beta = self.s0.dot(&self.axis.cross(&r0));
        let gamma = -0.5 * r * r - self.s0.dot(&self.axis) * along;
        let amplitude = libm::hypot(alpha, beta);
        let moved = self.epsilon * r;
        let eta = (self.s0.norm() + r) * moved + 0.5 * moved * moved;
        if amplitude <= gamma.abs() - eta || amplitude == 0.0 {
            return;
        }
        let centre = libm::atan2(beta, alpha);
        let near = libm::acos(((gamma + eta) / amplitude).clamp(-1.0, 1.0));
        let far = libm::acos(((gamma - eta) / amplitude).clamp(-1.0, 1.0));
        let windows = [[centre + near, centre + far], [centre - far, centre - near]].map(|w| self.images(w));
        let turn = TAU / self.models.scan.width.abs();
        let turns = (self.n_images as f64 / turn) as i64 + 2;
        ranges.clear();
        for t in -1..turns {
            for w in windows {
                let shift = t as f64 * turn;
                let i0 = (libm::floor(w[0] + shift - 1e-6) as i64).max(0);
                let i1 = (libm::floor(w[1] + shift + 1e-6) as i64 + 1).min(self.n_images);
                if i0 < i1 {
                    ranges.push([i0, i1]);
                }
            }
        }
        // Each image of the union once.
        ranges.sort_unstable();
        let mut done = 0;
        for &[i0, i1] in &*ranges {
            if i0.max(done) < i1 {
                self.crossings(hkl, &h, i0.max(done), i1, found);
                done = i1;
            }
        }
    }

    /// An interval of angles as an interval of (padded) image indices, its centre within the first turn.
    fn images(&self, phi: [f64; 2]) -> [f64; 2] {
        let scan = self.models.scan;
        let z = phi.map(|p| scan.z_from_phi(p) - self.first as f64);
        let (lo, hi) = (z[0].min(z[1]), z[0].max(z[1]));
        let turn = TAU / scan.width.abs();
        let shift = turn * libm::floor(0.5 * (lo + hi) / turn);
        [lo - shift, hi - shift]
    }

    /// Sign changes on the (padded) images `i0..i1`.
    fn crossings(&self, hkl: [i32; 3], h: &Vec3, i0: i64, i1: i64, found: &mut Vec<Found>) {
        let distance = |r: &Vec3| r.norm_squared() + 2.0 * self.s0.dot(r);
        let mut before = distance(&(self.borders[i0 as usize] * h));
        for i in i0..i1 {
            let after = distance(&(self.borders[i as usize + 1] * h));
            if (before >= 0.0) != (after >= 0.0) {
                self.crossing(hkl, h, (self.first + i) as f64, [before, after], found);
            }
            before = after;
        }
    }

    /// r at array index z.
    fn r_at(&self, h: &Vec3, z: f64) -> Vec3 {
        // The experiment has a crystal: Sweep::new checked it.
        let a = match self.models.crystal {
            Some(c) if self.varying => c.a_at_z(z),
            _ => self.mean,
        };
        self.models.goniometer.lab_from_datum(self.models.scan.phi_from_z(z)) * (a * h)
    }

    /// The root of f on the image that starts at `z0`, by false position with the Illinois modification.
    fn crossing(&self, hkl: [i32; 3], h: &Vec3, z0: f64, f: [f64; 2], found: &mut Vec<Found>) {
        let ([mut za, mut zb], [mut fa, mut fb]) = ([z0, z0 + 1.0], f);
        let mut z = z0;
        let mut r = Vec3::zeros();
        let mut side = 0;
        for _ in 0..60 {
            let next = if fa == fb { 0.5 * (za + zb) } else { (fa * zb - fb * za) / (fa - fb) };
            let step = (next - z).abs();
            z = next;
            r = self.r_at(h, z);
            let fz = r.norm_squared() + 2.0 * self.s0.dot(&r);
            if step < 1e-11 || fz == 0.0 {
                break;
            }
            if (fz >= 0.0) == (fa >= 0.0) {
                (za, fa) = (z, fz);
                if side == -1 {
                    fb *= 0.5;
                }
                side = -1;
            } else {
                (zb, fb) = (z, fz);
                if side == 1 {
                    fa *= 0.5;
                }
                side = 1;
            }
        }
        // A root at an upper border belongs to this image by the sign rule; keep its z inside so that the order shows it.
        let z = z.clamp(z0, z0 + 1.0);
        let s1 = self.s0 + r;
        if let Some((panel, mm)) = self.hit(&s1) {
            let entering = ewald::is_entering(&self.axis, &self.s0, &s1);
            let px = self.models.detector.panels[panel].px_from_mm(mm);
            found.push(Found { hkl, entering, panel, s1, mm, px, z });
        }
    }

    /// The first panel that the ray enters within its edges. Absorbed deeper in the sensor, it may be seen up to a pixel outside.
    fn hit(&self, s1: &Vec3) -> Option<(usize, Vec2)> {
        self.models.detector.panels.iter().enumerate().find_map(|(i, p)| {
            let mm = p.mm_from_ray(s1)?;
            let inside = |x: f64, axis: usize| x >= 0.0 && x <= p.pixel_size[axis] * p.image_size[axis] as f64;
            (inside(mm.x, 0) && inside(mm.y, 1)).then_some((i, mm))
        })
    }

    fn table(&self, found: &[Found]) -> Reflections {
        let mut t = Reflections::with_rows(found.len());
        let scan = self.models.scan;
        t.hkl = found.iter().map(|f| f.hkl).collect();
        t.entering = found.iter().map(|f| f.entering).collect();
        t.panel = found.iter().map(|f| f.panel as u64).collect();
        t.s1 = found.iter().map(|f| f.s1.into()).collect();
        t.xyzcal_px = found.iter().map(|f| [f.px.x, f.px.y, f.z]).collect();
        t.xyzcal_mm = found.iter().map(|f| [f.mm.x, f.mm.y, scan.phi_from_z(f.z)]).collect();
        t.zeta = found.iter().map(|f| ewald::zeta(&self.axis, &self.s0, &f.s1)).collect();
        t.d = found.iter().map(|f| 1.0 / (self.mean * Vec3::new(f.hkl[0].into(), f.hkl[1].into(), f.hkl[2].into())).norm()).collect();
        t.flags = vec![flags::PREDICTED; found.len()];
        t
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
