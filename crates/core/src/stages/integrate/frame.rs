use crate::geometry::{Panel, ewald};
use crate::math::{Vec2, Vec3};

/// The coordinate system of one reflection (Kabsch 2010): e1 = s1 × s0, e2 = s1 × e1 (unit vectors) at the tip of s1, and the rotation angle
/// scaled by ζ. In it all reflections of a crystal have nearly the same shape: a Gaussian of width σ_b along e1 and e2 and σ_m along e3, in rad.
#[derive(Debug, Clone, Copy)]
pub(super) struct KabschFrame {
    /// Diffracted beam, unit vector.
    pub(super) direction: Vec3,
    pub(super) e1: Vec3,
    pub(super) e2: Vec3,
    /// m · e1.
    pub(super) zeta: f64,
}

impl KabschFrame {
    /// `axis`: rotation axis, unit; `s0`, `s1`: Å⁻¹; all in the laboratory.
    pub(super) fn new(axis: &Vec3, s0: &Vec3, s1: &Vec3) -> Self {
        let e1 = s1.cross(s0).normalize();
        KabschFrame { direction: s1.normalize(), e1, e2: s1.cross(&e1).normalize(), zeta: ewald::zeta(axis, s0, s1) }
    }

    /// (e1, e2) of a ray (any length), rad. [`Corners`] has a quicker way.
    #[cfg(test)]
    pub(super) fn coordinates(&self, ray: &Vec3) -> Vec2 {
        let d = ray / ray.norm() - self.direction;
        Vec2::new(self.e1.dot(&d), self.e2.dot(&d))
    }

    /// The ray (unit vector) at (e1, e2). `None` beyond a right angle.
    pub(super) fn ray(self, c: Vec2) -> Option<Vec3> {
        let p = self.e1 * c.x + self.e2 * c.y;
        let left = 1.0 - p.norm_squared();
        (left > 0.0).then(|| p + self.direction * left.sqrt())
    }
}

/// (e1, e2) at the corners of the pixels of a box.
///
/// The depth at which the rays are absorbed in the sensor changes little over a box: its effect at the reflection's centre is used throughout.
#[derive(Debug, Clone, Default)]
pub(super) struct Corners {
    /// Number of columns of corners: one more than of pixels.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Row-major.
    pub(super) at: Vec<[f64; 2]>,
}

impl Corners {
    /// For pixels x0..x1, y0..y1 of `panel`. `None` when the reflection's own ray misses the panel's plane.
    pub(super) fn fill(&mut self, frame: &KabschFrame, panel: &Panel, [x0, x1, y0, y1]: [i32; 4]) -> Option<()> {
        let mm = panel.mm_from_ray(&frame.direction)?;
        let px = panel.px_from_mm(mm);
        let [sx, sy] = panel.pixel_size;
        let shift = Vec2::new(px.x * sx - mm.x, px.y * sy - mm.y);
        self.width = (x1 - x0 + 1).max(0) as usize;
        self.height = (y1 - y0 + 1).max(0) as usize;
        self.at.clear();
        // e1 and e2 are at right angles to the reflection's own direction, so that the coordinates of a ray r are (e1·r, e2·r)/|r|; along a row these
        // products change evenly, and r² by a quadratic.
        let step = panel.fast * sx;
        let (step_1, step_2, step_r) = (frame.e1.dot(&step), frame.e2.dot(&step), step.norm_squared());
        for j in 0..self.height {
            let first = Vec2::new(f64::from(x0) * sx - shift.x, (f64::from(y0) + j as f64) * sy - shift.y);
            let ray = panel.lab_from_mm(first);
            let (first_1, first_2, first_r, slope_r) = (frame.e1.dot(&ray), frame.e2.dot(&ray), ray.norm_squared(), 2.0 * ray.dot(&step));
            self.at.extend((0..self.width).map(|i| {
                let i = i as f64;
                let scale = 1.0 / (first_r + i * (slope_r + i * step_r)).sqrt();
                [(first_1 + i * step_1) * scale, (first_2 + i * step_2) * scale]
            }));
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rays_and_coordinates_are_inverse() {
        let s0 = Vec3::new(0.0, 0.01, -1.0).normalize();
        let s1 = Vec3::new(0.3, -0.4, -0.8).normalize();
        let f = KabschFrame::new(&Vec3::x(), &s0, &s1);
        assert!(f.e1.dot(&s1).abs() < 1e-15 && f.e2.dot(&s1).abs() < 1e-15 && f.e1.dot(&f.e2).abs() < 1e-15);
        for c in [Vec2::new(0.01, -0.02), Vec2::new(0.0, 0.0), Vec2::new(-0.3, 0.1)] {
            assert!((f.coordinates(&(f.ray(c).unwrap() * 3.0)) - c).norm() < 1e-14);
        }
        assert!(f.ray(Vec2::new(1.0, 0.2)).is_none());
    }

    #[test]
    fn the_spot_itself_lies_at_the_origin_also_with_parallax() {
        let panel = Panel {
            origin: Vec3::new(-50.0, 50.0, -100.0),
            image_size: [1000, 1000],
            mu: 4.0,
            thickness: 0.45,
            px_mm: crate::geometry::PxMm::Parallax,
            ..Panel::default()
        };
        let s1 = panel.s1_from_px(Vec2::new(900.0, 120.0), 1.0);
        let f = KabschFrame::new(&Vec3::x(), &Vec3::new(0.0, 0.0, -1.0), &s1);
        let mut c = Corners::default();
        c.fill(&f, &panel, [895, 905, 115, 125]).unwrap();
        let centre = c.at[5 * c.width + 5];
        assert!(centre[0].abs() < 1e-12 && centre[1].abs() < 1e-12);
        // A neighbour's coordinates agree with its exact ray.
        let exact = f.coordinates(&panel.s1_from_px(Vec2::new(899.0, 124.0), 1.0));
        let near = c.at[9 * c.width + 4];
        assert!((exact.x - near[0]).abs() < 1e-5 && (exact.y - near[1]).abs() < 1e-5);
    }
}
