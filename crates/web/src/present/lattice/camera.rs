//! Where the lattice is looked at from: a parallel projection, so that rows of points stay rows.

use ewald_core::math::{Mat3, Vec3, rotation};

/// A view of reciprocal space. On the screen x points right, y up and z to the viewer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// Rotation from the frame of the points to the screen.
    pub turn: Mat3,
    /// Screen pixels per Å⁻¹.
    pub scale: f64,
    /// Screen position of the origin, px from the middle of the canvas, y up.
    pub pan: [f64; 2],
    /// Size of the canvas, px.
    pub canvas: [f64; 2],
}

/// Part of the canvas' shorter side that the points take when they are fitted.
const FILLED: f64 = 0.92;
/// Bounds of the scale, px per Å⁻¹.
const SCALES: [f64; 2] = [1.0, 1e7];

impl Camera {
    /// All points within `radius` (Å⁻¹) of the origin.
    pub fn fitted(turn: Mat3, radius: f64, canvas: [f64; 2]) -> Self {
        let scale = FILLED * canvas[0].min(canvas[1]) / (2.0 * radius.max(1e-6));
        Camera { turn, scale: scale.clamp(SCALES[0], SCALES[1]), pan: [0.0; 2], canvas }
    }

    /// Screen position (px from the top left corner, y down) of a point, and its distance towards the viewer in Å⁻¹.
    pub fn screen(&self, point: &Vec3) -> ([f64; 2], f64) {
        let p = self.turn * point;
        let x = self.canvas[0] / 2.0 + self.pan[0] + self.scale * p.x;
        let y = self.canvas[1] / 2.0 - self.pan[1] - self.scale * p.y;
        ([x, y], p.z)
    }

    /// After a drag from one place on the canvas to another (px, y down), with the point under the cursor staying under it while it is on
    /// the ball: the arcball of Shoemake (1992), with a hyperbolic sheet around it so that nothing jumps at the rim.
    pub fn dragged(&self, from: [f64; 2], to: [f64; 2]) -> Self {
        let (a, b) = (self.on_ball(from), self.on_ball(to));
        let axis = a.cross(&b);
        let (sine, cosine) = (axis.norm(), a.dot(&b));
        if sine < 1e-12 { *self } else { self.turned(&(axis / sine), sine.atan2(cosine)) }
    }

    /// A place on the canvas on the ball around its middle, unit vector.
    fn on_ball(&self, at: [f64; 2]) -> Vec3 {
        let r = self.canvas[0].min(self.canvas[1]) / 2.0;
        let (x, y) = ((at[0] - self.canvas[0] / 2.0 - self.pan[0]) / r, (self.canvas[1] / 2.0 - self.pan[1] - at[1]) / r);
        let d2 = x * x + y * y;
        let z = if d2 < 0.5 { (1.0 - d2).sqrt() } else { 0.5 / d2.sqrt() };
        Vec3::new(x, y, z).normalize()
    }

    /// Turned by `angle` (rad) about an axis of the screen (unit vector).
    pub fn turned(&self, axis: &Vec3, angle: f64) -> Self {
        Camera { turn: orthonormal(&(rotation(axis, angle) * self.turn)), ..*self }
    }

    /// Zoomed by `factor` about a place on the canvas (px, y down), which stays where it is.
    pub fn zoomed(&self, factor: f64, about: [f64; 2]) -> Self {
        let scale = (self.scale * factor).clamp(SCALES[0], SCALES[1]);
        let f = scale / self.scale;
        let from_middle = [about[0] - self.canvas[0] / 2.0, self.canvas[1] / 2.0 - about[1]];
        Camera { scale, pan: [0, 1].map(|i| from_middle[i] + (self.pan[i] - from_middle[i]) * f), ..*self }
    }

    /// Moved by so many px (y down).
    pub fn panned(&self, by: [f64; 2]) -> Self {
        Camera { pan: [self.pan[0] + by[0], self.pan[1] - by[1]], ..*self }
    }

    /// On a canvas of another size, with as much in view.
    pub fn resized(&self, canvas: [f64; 2]) -> Self {
        let f = canvas[0].min(canvas[1]) / self.canvas[0].min(self.canvas[1]).max(1.0);
        Camera { scale: self.scale * f, pan: self.pan.map(|p| p * f), canvas, ..*self }
    }
}

/// The rotation that looks along `along`, with `up` as far up as it can be. Both in the frame of the points, any length; when they are
/// parallel another direction is up.
pub fn looking_along(along: &Vec3, up: &Vec3) -> Mat3 {
    let z = -along.normalize();
    let across = |up: &Vec3| up.cross(&z);
    let mut x = across(up);
    if x.norm() < 1e-6 * up.norm() {
        x = across(&if z.x.abs() < 0.9 { Vec3::x() } else { Vec3::y() });
    }
    let x = x.normalize();
    Mat3::from_rows(&[x.transpose(), z.cross(&x).transpose(), z.transpose()])
}

/// The rotation nearest to one that has gathered rounding errors.
fn orthonormal(m: &Mat3) -> Mat3 {
    let x = Vec3::from(m.column(0)).normalize();
    let y = Vec3::from(m.column(1));
    let y = (y - x * x.dot(&y)).normalize();
    Mat3::from_columns(&[x, y, x.cross(&y)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera() -> Camera {
        Camera::fitted(rotation(&Vec3::new(0.3, -0.5, 1.0).normalize(), 0.8), 0.5, [800.0, 600.0])
    }

    #[test]
    fn a_point_on_the_ball_follows_the_cursor() {
        let c = camera().panned([20.0, -10.0]);
        let (from, to) = ([450.0, 260.0], [380.0, 330.0]);
        // The point of the ball that is under the cursor.
        let on_ball = c.turn.transpose() * c.on_ball(from) * (300.0 / c.scale);
        assert!((c.screen(&on_ball).0[0] - from[0]).abs() < 1e-9);
        let ([x, y], _) = c.dragged(from, to).screen(&on_ball);
        assert!((x - to[0]).abs() < 1e-9 && (y - to[1]).abs() < 1e-9, "{x} {y}");
    }

    #[test]
    fn the_ball_has_no_rim_and_a_thousand_drags_leave_a_rotation() {
        let c = camera();
        let near = |r: f64| c.on_ball([400.0 + r, 300.0]);
        let rim = 300.0 * 0.5f64.sqrt();
        assert!((near(rim - 1e-6) - near(rim + 1e-6)).norm() < 1e-7);
        let mut d = c;
        for k in 0..1000 {
            let t = f64::from(k);
            d = d.dragged([400.0 + 200.0 * t.sin(), 300.0], [400.0, 300.0 + 150.0 * (1.7 * t).cos()]);
        }
        assert!((d.turn.transpose() * d.turn - Mat3::identity()).norm() < 1e-12 && (d.turn.determinant() - 1.0).abs() < 1e-12);
        assert_eq!(c.dragged([10.0, 10.0], [10.0, 10.0]), c);
    }

    #[test]
    fn what_is_looked_along_is_in_the_middle_and_far() {
        for (along, up) in [([1.0, 2.0, 3.0], [0.0, 1.0, 0.0]), ([0.0, 0.0, -2.0], [0.0, 0.0, 5.0]), ([1.0, 0.0, 0.0], [1.0, 0.0, 0.0])] {
            let (along, up) = (Vec3::from(along), Vec3::from(up));
            let c = Camera { turn: looking_along(&along, &up), ..camera() };
            let ([x, y], depth) = c.screen(&along);
            assert!((x - 400.0).abs() < 1e-9 && (y - 300.0).abs() < 1e-9 && depth < 0.0);
            assert!((c.turn.determinant() - 1.0).abs() < 1e-12);
            if along.cross(&up).norm() > 0.0 {
                let ([x, y], _) = c.screen(&up);
                assert!((x - 400.0).abs() < 1e-9 && y < 300.0, "up is up");
            }
        }
    }

    #[test]
    fn zoom_keeps_its_point_and_another_canvas_the_same_view() {
        let c = camera();
        let p = Vec3::new(0.1, 0.2, -0.3);
        let (at, _) = c.screen(&p);
        let (after, _) = c.zoomed(3.0, at).panned([5.0, 7.0]).screen(&p);
        assert!((after[0] - at[0] - 5.0).abs() < 1e-9 && (after[1] - at[1] - 7.0).abs() < 1e-9);
        let (small, _) = c.resized([400.0, 300.0]).screen(&p);
        assert!((small[0] - at[0] / 2.0).abs() < 1e-9 && (small[1] - at[1] / 2.0).abs() < 1e-9);
    }
}
