use super::{Mat3, Vec3};

/// R(θ), the right-handed rotation by |θ| rad about θ, and its left Jacobian J: to first order
/// R(θ + δ) = (1 + \[J δ\]×) R(θ), so ∂R/∂θᵢ = \[J eᵢ\]× R.
///
/// With t = |θ|: R = 1 + (sin t)/t \[θ\]× + (1 − cos t)/t² \[θ\]×² and J = 1 + (1 − cos t)/t² \[θ\]× + (t − sin t)/t³ \[θ\]×².
pub fn rotation_vector(theta: &Vec3) -> (Mat3, Mat3) {
    let [a, b, c] = coefficients(theta.norm_squared());
    (polynomial(theta, a, b), polynomial(theta, b, c))
}

/// The J of [`rotation_vector`].
pub fn left_jacobian(theta: &Vec3) -> Mat3 {
    let [_, b, c] = coefficients(theta.norm_squared());
    polynomial(theta, b, c)
}

/// (sin t)/t, (1 − cos t)/t² and (t − sin t)/t³ from t²: by series where the closed forms lose digits.
fn coefficients(t2: f64) -> [f64; 3] {
    if t2 < 1e-4 {
        let t4 = t2 * t2;
        [1.0 - t2 / 6.0 + t4 / 120.0, 0.5 - t2 / 24.0 + t4 / 720.0, 1.0 / 6.0 - t2 / 120.0 + t4 / 5040.0]
    } else {
        let t = t2.sqrt();
        let (sin, cos) = libm::sincos(t);
        [sin / t, (1.0 - cos) / t2, (t - sin) / (t2 * t)]
    }
}

/// 1 + a \[θ\]× + b \[θ\]×², the square being θ θᵀ − t².
fn polynomial(theta: &Vec3, a: f64, b: f64) -> Mat3 {
    let (k, w) = (theta * a, theta * b);
    let level = 1.0 - w.dot(theta);
    Mat3::new(
        level + w.x * theta.x,
        w.x * theta.y - k.z,
        w.x * theta.z + k.y,
        w.y * theta.x + k.z,
        level + w.y * theta.y,
        w.y * theta.z - k.x,
        w.z * theta.x - k.y,
        w.z * theta.y + k.x,
        level + w.z * theta.z,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::rotation;

    #[test]
    fn the_left_jacobian_is_the_derivative() {
        for theta in [
            Vec3::zeros(),
            Vec3::new(1e-4, 2e-4, -1e-4),
            Vec3::new(7e-3, 7e-3, 1e-3),
            Vec3::new(-8e-3, 7e-3, 1e-3),
            Vec3::new(0.3, -0.2, 0.9),
            Vec3::new(0.0, 2.0, 1.0),
        ] {
            let (r, j) = rotation_vector(&theta);
            let t = theta.norm();
            let expected = if t > 0.0 { rotation(&(theta / t), t) } else { Mat3::identity() };
            assert!((r - expected).norm() < 1e-15 && j == left_jacobian(&theta));
            for i in 0..3 {
                let mut e = Vec3::zeros();
                e[i] = 1e-5;
                let numeric = (rotation_vector(&(theta + e)).0 - rotation_vector(&(theta - e)).0) / 2e-5;
                let w: Vec3 = j.column(i).into();
                assert!((numeric - w.cross_matrix() * r).norm() < 1e-9);
            }
        }
    }
}
