use super::{Mat3, Vec3};

/// Right-handed rotation by `angle` (rad) about the unit vector `axis` (Rodrigues' formula).
pub fn rotation(axis: &Vec3, angle: f64) -> Mat3 {
    let (s, c) = libm::sincos(angle);
    let k = axis.cross_matrix();
    Mat3::identity() + k * s + k * k * (1.0 - c)
}

/// `v` turned by `angle` (rad) about the unit vector `axis`.
pub fn rotate(v: &Vec3, axis: &Vec3, angle: f64) -> Vec3 {
    let (s, c) = libm::sincos(angle);
    v * c + axis.cross(v) * s + axis * (axis.dot(v) * (1.0 - c))
}

/// Axis (unit vector) and angle (rad, in [0, π]) of a proper rotation matrix.
///
/// For the identity the axis is +x and the angle 0.
pub fn axis_angle_of(r: &Mat3) -> (Vec3, f64) {
    let v = Vec3::new(r.m32 - r.m23, r.m13 - r.m31, r.m21 - r.m12);
    let (sin2, cos2) = (v.norm(), r.trace() - 1.0);
    let angle = libm::atan2(sin2, cos2);
    if sin2 > 1e-9 {
        return (v / sin2, angle);
    }
    if cos2 > 0.0 {
        return (Vec3::x(), 0.0);
    }
    // A half turn: R = 2 n nᵀ − 1; the longest column of R + 1 is parallel to n.
    let m = r + Mat3::identity();
    let column = (0..3).map(|j| Vec3::from(m.column(j))).max_by(|a, b| a.norm().total_cmp(&b.norm()));
    (column.map_or(Vec3::x(), |c| c.normalize()), angle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarter_turn_about_z_takes_x_to_y() {
        let v = rotate(&Vec3::x(), &Vec3::z(), core::f64::consts::FRAC_PI_2);
        assert!((v - Vec3::y()).norm() < 1e-15);
    }

    #[test]
    fn axis_and_angle_come_back() {
        for angle in [1e-6, 0.3, 1.0, 3.0, core::f64::consts::PI] {
            let axis = Vec3::new(1.0, -2.0, 0.5).normalize();
            let (n, a) = axis_angle_of(&rotation(&axis, angle));
            assert!((a - angle).abs() < 1e-9, "{a} {angle}");
            assert!((rotation(&n, a) - rotation(&axis, angle)).norm() < 1e-8);
        }
    }
}
