use super::{Mat3, Vec3, rotation};

/// R(θ), the right-handed rotation by |θ| rad about θ, and its left Jacobian J: to first order
/// R(θ + δ) = (1 + \[J δ\]×) R(θ), so ∂R/∂θᵢ = \[J eᵢ\]× R.
///
/// J = 1 + (1 − cos t)/t² \[θ\]× + (t − sin t)/t³ \[θ\]×², t = |θ|.
pub fn rotation_vector(theta: &Vec3) -> (Mat3, Mat3) {
    let t = theta.norm();
    let k = theta.cross_matrix();
    // Series where the closed forms lose digits.
    let (b, c) = if t < 1e-3 {
        (0.5 - t * t / 24.0, 1.0 / 6.0 - t * t / 120.0)
    } else {
        let (s, cos) = libm::sincos(t);
        ((1.0 - cos) / (t * t), (t - s) / (t * t * t))
    };
    let r = if t == 0.0 { Mat3::identity() } else { rotation(&(theta / t), t) };
    (r, Mat3::identity() + k * b + k * k * c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_left_jacobian_is_the_derivative() {
        for theta in [Vec3::zeros(), Vec3::new(1e-4, 2e-4, -1e-4), Vec3::new(0.3, -0.2, 0.9), Vec3::new(0.0, 2.0, 1.0)] {
            let (r, j) = rotation_vector(&theta);
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
