//! The Ewald condition, ζ, and the Lorentz–polarisation factor: written once, used by prediction, indexing,
//! refinement and integration.
//!
//! With r(φ) = S R(e, φ) r₀ and the axis m = S e in the laboratory, a point diffracts when |s0 + r| = |s0|, that is
//! 2 s0·r + r² = 0. Splitting r₀' = S r₀ into its part along m and the rest,
//! r(φ) = m(m·r₀') + (r₀' − m(m·r₀')) cos φ + (m × r₀') sin φ, the condition reads
//! α cos φ + β sin φ = γ with α = s0·(r₀' − m(m·r₀')), β = s0·(m × r₀'), γ = −r²/2 − (s0·m)(m·r₀').

use crate::math::Vec3;

/// Rotation angles at which a reciprocal-lattice point crosses the Ewald sphere.
///
/// Solves |s0 + R(m, φ)·r0| = |s0| for φ; at most two roots per turn.
///
/// - `s0`: incident beam, lab frame, Å⁻¹, |s0| = 1/λ
/// - `m`: rotation axis, lab frame, unit length
/// - `r0`: the point at φ = 0 (after the setting and fixed rotations), lab frame, Å⁻¹
///
/// Returns φ in radians, each in [0, 2π): first where the point leaves the sphere, then where it enters. `None` when the point lies in the
/// blind region or beyond the diffraction limit: expected, so not an error.
///
/// Source: derivation in the module documentation.
pub fn diffracting_angles(s0: &Vec3, m: &Vec3, r0: &Vec3) -> Option<[f64; 2]> {
    let along = m.dot(r0);
    let alpha = s0.dot(r0) - s0.dot(m) * along;
    let beta = s0.dot(&m.cross(r0));
    let gamma = -0.5 * r0.norm_squared() - s0.dot(m) * along;
    let amplitude = libm::hypot(alpha, beta);
    if amplitude <= gamma.abs() || amplitude == 0.0 {
        return None;
    }
    let centre = libm::atan2(beta, alpha);
    let half = libm::acos(gamma / amplitude);
    Some([wrap(centre - half), wrap(centre + half)])
}

/// Cosine and sine of one of the two angles of [`diffracting_angles`]: where the point enters the sphere, or where it leaves.
///
/// Without inverse functions: with A² = α² + β² and d² = A² − γ², cos φ = (αγ ± βd)/A² and sin φ = (βγ ∓ αd)/A², the upper signs where
/// the point leaves. Arguments and failure as [`diffracting_angles`].
pub fn crossing(s0: &Vec3, m: &Vec3, r0: &Vec3, entering: bool) -> Option<[f64; 2]> {
    let (along, across) = (m.dot(r0), s0.dot(m));
    let alpha = s0.dot(r0) - across * along;
    let beta = s0.dot(&m.cross(r0));
    let gamma = -0.5 * r0.norm_squared() - across * along;
    let square = alpha * alpha + beta * beta;
    let inside = square - gamma * gamma;
    if !(inside > 0.0) {
        return None;
    }
    let d = if entering { -inside.sqrt() } else { inside.sqrt() };
    Some([(alpha * gamma + beta * d) / square, (beta * gamma - alpha * d) / square])
}

/// The angle in [0, 2π).
fn wrap(phi: f64) -> f64 {
    let turn = core::f64::consts::TAU;
    let w = phi - turn * libm::floor(phi / turn);
    if w >= turn { 0.0 } else { w }
}

/// ζ = m·e1 with e1 = (s1 × s0)/|s1 × s0|: by how much faster or slower than the crystal a spot passes through the sphere.
///
/// `m`: rotation axis, lab frame, unit; `s1`, `s0`: Å⁻¹, lab frame. Source: Kabsch (2010).
pub fn zeta(m: &Vec3, s0: &Vec3, s1: &Vec3) -> f64 {
    let e1 = s1.cross(s0);
    m.dot(&e1) / e1.norm()
}

/// Whether the point enters the Ewald sphere as φ increases: d|s0 + r|²/dφ = 2 s0·(m × r) < 0.
///
/// This is DIALS' flag `entering` = s1·(m × s0) > 0, since s0·(m × s1) = −s1·(m × s0).
pub fn is_entering(m: &Vec3, s0: &Vec3, s1: &Vec3) -> bool {
    s0.dot(&m.cross(s1)) < 0.0
}

/// Lorentz factor's reciprocal, L⁻¹ = |s1·(m × s0)| / (|s0||s1|): multiply intensities by it.
pub fn inverse_lorentz(m: &Vec3, s0: &Vec3, s1: &Vec3) -> f64 {
    s1.dot(&m.cross(s0)).abs() / (s0.norm() * s1.norm())
}

/// Polarisation factor P = (1 − 2f)(1 − (n·ŝ1)²) + f(1 + (ŝ1·ŝ0)²): divide intensities by it.
///
/// - `normal`: unit normal of the plane of polarisation; `fraction`: f, 0.5 for unpolarised light.
///
/// Source: Kabsch (1988).
pub fn polarization(normal: &Vec3, fraction: f64, s0: &Vec3, s1: &Vec3) -> f64 {
    let (u0, u1) = (s0.normalize(), s1.normalize());
    let (along, cos2t) = (normal.dot(&u1), u1.dot(&u0));
    (1.0 - 2.0 * fraction) * (1.0 - along * along) + fraction * (1.0 + cos2t * cos2t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::rotate;

    #[test]
    fn both_roots_put_the_point_on_the_ewald_sphere() {
        let s0 = Vec3::new(0.01, -0.02, -1.0);
        let m = Vec3::new(1.0, 0.02, -0.01).normalize();
        let mut found = 0;
        for i in 0..200 {
            let t = i as f64;
            let r0 = Vec3::new(libm::sin(t), libm::cos(2.1 * t), libm::sin(0.7 * t + 1.0)) * (0.05 + 0.004 * t);
            let Some(roots) = diffracting_angles(&s0, &m, &r0) else { continue };
            found += 1;
            for (phi, entering) in roots.into_iter().zip([false, true]) {
                let [cos, sin] = crossing(&s0, &m, &r0, entering).unwrap();
                assert!((cos - libm::cos(phi)).abs() < 1e-12 && (sin - libm::sin(phi)).abs() < 1e-12);
                let s1 = s0 + rotate(&r0, &m, phi);
                assert!((s1.norm() - s0.norm()).abs() < 1e-12);
                let ahead = s0 + rotate(&r0, &m, phi + 1e-6);
                assert_eq!(is_entering(&m, &s0, &s1), ahead.norm() < s0.norm());
                assert_eq!(is_entering(&m, &s0, &s1), entering);
            }
        }
        assert!(found > 100);
    }

    #[test]
    fn points_on_the_axis_never_diffract() {
        let (s0, m, r0) = (Vec3::new(0.0, 0.0, -1.0), Vec3::x(), Vec3::new(0.3, 0.0, 0.0));
        assert_eq!(diffracting_angles(&s0, &m, &r0), None);
        assert_eq!(crossing(&s0, &m, &r0, true), None);
    }
}
