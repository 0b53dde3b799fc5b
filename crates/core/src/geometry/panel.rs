use super::Extra;
use crate::math::{Vec2, Vec3};

/// How pixels and millimetres on a panel are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PxMm {
    /// mm = px · pixel size.
    #[default]
    Simple,
    /// As [`PxMm::Simple`], with the mean depth of absorption in the sensor taken into account.
    Parallax,
}

/// A flat rectangle of pixels. Axes are in the laboratory frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Name, such as a NeXus path.
    pub name: String,
    /// Kind of sensor, such as `SENSOR_PAD`.
    pub kind: String,
    /// Serial number or similar.
    pub identifier: String,
    /// Unit vector along increasing fast pixel index.
    pub fast: Vec3,
    /// Unit vector along increasing slow pixel index.
    pub slow: Vec3,
    /// Outer corner of pixel (0, 0), mm.
    pub origin: Vec3,
    /// Pixel size along (fast, slow), mm.
    pub pixel_size: [f64; 2],
    /// Number of pixels along (fast, slow).
    pub image_size: [usize; 2],
    /// Position of the panel's first pixel in the raw image, (fast, slow).
    pub raw_image_offset: [i64; 2],
    /// Lowest and highest pixel value that can be trusted, both included.
    pub trusted_range: [f64; 2],
    /// Sensor thickness, mm (0 when unknown).
    pub thickness: f64,
    /// Sensor material, such as `Si`.
    pub material: String,
    /// Linear attenuation coefficient of the sensor at the beam's energy, mm⁻¹ (0 when unknown).
    pub mu: f64,
    /// Counts per photon.
    pub gain: f64,
    /// Counts at no light.
    pub pedestal: f64,
    /// Rectangles without data: first fast, first slow, past-the-end fast, past-the-end slow.
    pub mask: Vec<[i64; 4]>,
    /// Pixel to millimetre relation.
    pub px_mm: PxMm,
    /// Keys of the file that are only carried along.
    pub extra: Extra,
}

impl Default for Panel {
    fn default() -> Self {
        Panel {
            name: "Panel".to_owned(),
            kind: "SENSOR_PAD".to_owned(),
            identifier: String::new(),
            fast: Vec3::x(),
            slow: -Vec3::y(),
            origin: Vec3::new(0.0, 0.0, -100.0),
            pixel_size: [0.1, 0.1],
            image_size: [0, 0],
            raw_image_offset: [0, 0],
            trusted_range: [0.0, 65535.0],
            thickness: 0.0,
            material: String::new(),
            mu: 0.0,
            gain: 1.0,
            pedestal: 0.0,
            mask: Vec::new(),
            px_mm: PxMm::Simple,
            extra: Extra::new(),
        }
    }
}

impl Panel {
    /// Adds rectangles to the mask, each once.
    pub fn distrust(&mut self, rectangles: impl IntoIterator<Item = [i64; 4]>) {
        for r in rectangles {
            if !self.mask.contains(&r) {
                self.mask.push(r);
            }
        }
    }

    /// Unit normal, fast × slow.
    pub fn normal(&self) -> Vec3 {
        self.fast.cross(&self.slow).normalize()
    }

    /// Distance of the panel's plane from the sample along its normal, mm, positive.
    pub fn distance(&self) -> f64 {
        self.origin.dot(&self.normal()).abs()
    }

    /// Laboratory position (mm) of a point given in mm from the panel's corner along (fast, slow).
    pub fn lab_from_mm(&self, xy: Vec2) -> Vec3 {
        self.origin + self.fast * xy.x + self.slow * xy.y
    }

    /// Where the ray along `s1` (any length) meets the panel's plane, mm from the corner along (fast, slow).
    /// `None` when it runs parallel to the plane or away from it. The point may lie outside the panel.
    pub fn mm_from_ray(&self, s1: &Vec3) -> Option<Vec2> {
        let n = self.fast.cross(&self.slow);
        let along = s1.dot(&n);
        if along == 0.0 {
            return None;
        }
        let t = self.origin.dot(&n) / along;
        if t <= 0.0 {
            return None;
        }
        let p = s1 * t - self.origin;
        // The axes may be slightly oblique, so solve in the dual basis.
        let (ff, fs, ss) = (self.fast.norm_squared(), self.fast.dot(&self.slow), self.slow.norm_squared());
        let (pf, ps) = (p.dot(&self.fast), p.dot(&self.slow));
        let det = ff * ss - fs * fs;
        Some(Vec2::new((pf * ss - ps * fs) / det, (ps * ff - pf * fs) / det))
    }

    /// Pixel coordinates of the ray along `s1`; see [`Panel::mm_from_ray`].
    pub fn px_from_ray(&self, s1: &Vec3) -> Option<Vec2> {
        self.mm_from_ray(s1).map(|mm| self.px_from_mm(mm))
    }

    /// Mean shift along the ray's projection (mm along fast, slow) between where a ray enters the sensor, at `xy` mm, and
    /// where it is absorbed: o = 1/μ − (t + 1/μ)·e^(−μt), t = t0/cos θ.
    fn parallax_shift(&self, xy: Vec2) -> Vec2 {
        let s1 = self.lab_from_mm(xy).normalize();
        let cos = s1.dot(&self.normal()).abs();
        let t = self.thickness / cos;
        let attenuation = 1.0 / self.mu;
        let o = attenuation - (t + attenuation) * libm::exp(-self.mu * t);
        Vec2::new(s1.dot(&self.fast) * o, s1.dot(&self.slow) * o)
    }

    fn has_parallax(&self) -> bool {
        self.px_mm == PxMm::Parallax && self.mu > 0.0 && self.thickness > 0.0
    }

    /// Pixel coordinates of a point in mm from the panel's corner.
    pub fn px_from_mm(&self, mm: Vec2) -> Vec2 {
        let mm = if self.has_parallax() { mm + self.parallax_shift(mm) } else { mm };
        Vec2::new(mm.x / self.pixel_size[0], mm.y / self.pixel_size[1])
    }

    /// Millimetres from the panel's corner of a point in pixels: the inverse of [`Panel::px_from_mm`] to 1e-10 mm
    /// (DIALS evaluates the shift once, at the uncorrected point, and so differs by up to about 1e-4 mm).
    pub fn mm_from_px(&self, px: Vec2) -> Vec2 {
        let raw = Vec2::new(px.x * self.pixel_size[0], px.y * self.pixel_size[1]);
        if !self.has_parallax() {
            return raw;
        }
        // The shift changes slowly, so the fixed point is reached at once.
        let mut mm = raw;
        for _ in 0..8 {
            let next = raw - self.parallax_shift(mm);
            let moved = (next - mm).norm();
            mm = next;
            if moved < 1e-11 {
                break;
            }
        }
        mm
    }

    /// Laboratory position (mm) of a point in pixels.
    pub fn lab_from_px(&self, px: Vec2) -> Vec3 {
        self.lab_from_mm(self.mm_from_px(px))
    }

    /// Diffracted beam vector through a point in pixels, |s1| = 1/`wavelength`, Å⁻¹, laboratory frame.
    pub fn s1_from_px(&self, px: Vec2, wavelength: f64) -> Vec3 {
        self.lab_from_px(px).normalize() / wavelength
    }

    /// Resolution d in Å of a point in pixels for the beam `s0` (Å⁻¹); infinite at the beam's own position.
    pub fn d_at_px(&self, s0: &Vec3, px: Vec2) -> f64 {
        let s1 = self.lab_from_px(px).normalize() * s0.norm();
        1.0 / (s1 - s0).norm()
    }

    /// Whether a point in pixels lies on the panel.
    pub fn contains_px(&self, px: Vec2) -> bool {
        px.x >= 0.0 && px.y >= 0.0 && px.x <= self.image_size[0] as f64 && px.y <= self.image_size[1] as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel() -> Panel {
        Panel {
            fast: Vec3::new(1.0, 2e-4, 0.0).normalize(),
            origin: Vec3::new(-40.0, 40.0, -75.0),
            pixel_size: [0.075, 0.075],
            image_size: [1028, 1062],
            thickness: 0.45,
            mu: 3.96,
            px_mm: PxMm::Parallax,
            ..Panel::default()
        }
    }

    #[test]
    fn pixel_to_ray_and_back_is_the_identity() {
        let p = panel();
        for px in [Vec2::new(0.0, 0.0), Vec2::new(1028.0, 1062.0), Vec2::new(533.3, 533.4), Vec2::new(17.25, 999.0)] {
            let back = p.px_from_ray(&p.s1_from_px(px, 0.98)).unwrap();
            assert!((back - px).norm() < 1e-8, "{px} {back}");
        }
    }

    /// Values of dxtbx 3.12 for the panel of a simulated Eiger 1M at 75.25 mm.
    #[test]
    fn parallax_agrees_with_dxtbx() {
        let p = Panel {
            fast: Vec3::x(),
            origin: Vec3::new(-41.36, 37.845, -75.25),
            mu: 3.9603742974984906,
            thickness: 0.45000000000000007,
            ..panel()
        };
        let t = |mm: [f64; 2], px: [f64; 2]| {
            assert!((p.px_from_mm(Vec2::new(mm[0], mm[1])) - Vec2::new(px[0], px[1])).norm() < 1e-9);
        };
        t([0.07243535352631301, 0.06627939927957727], [0.0015844906272782788, 0.0014498319098003403]);
        t([1.36403333617923, 74.8599550780139], [17.251547955865963, 998.998567417627]);
    }

    #[test]
    fn rays_away_from_the_panel_do_not_meet_it() {
        assert_eq!(panel().mm_from_ray(&Vec3::z()), None);
        assert_eq!(panel().mm_from_ray(&Vec3::new(0.0, 0.0, 0.0)), None);
    }

    #[test]
    fn parallax_moves_spots_outwards_by_less_than_the_sensor_is_thick() {
        let p = panel();
        let flat = Panel { px_mm: PxMm::Simple, ..panel() };
        let mm = Vec2::new(5.0, 40.0);
        let shift = p.px_from_mm(mm) - flat.px_from_mm(mm);
        assert!(shift.x < 0.0 && shift.x.abs() * 0.075 < 0.45, "{shift}");
    }
}
