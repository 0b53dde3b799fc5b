//! Vectors, small matrices, rotations: no crystallography.
//!
//! Trigonometric functions come from [`libm`] so that native and wasm builds agree to the last bit.

mod cholesky;
mod rotation;
mod rotation_vector;
mod scramble;
mod sha256;

pub use cholesky::{Cholesky, Symmetric};
pub use rotation::{axis_angle_of, rotate, rotation};
pub use rotation_vector::{left_jacobian, rotation_vector};
pub use scramble::{scramble, scramble_all};
pub use sha256::Sha256;

/// A 3-vector of f64; the frame and unit are stated where it is used.
pub type Vec3 = nalgebra::Vector3<f64>;
/// A 2-vector of f64.
pub type Vec2 = nalgebra::Vector2<f64>;
/// A 3×3 matrix of f64, acting on column vectors.
pub type Mat3 = nalgebra::Matrix3<f64>;

/// `[x, y, z]` as a vector.
pub fn vec3(v: [f64; 3]) -> Vec3 {
    Vec3::new(v[0], v[1], v[2])
}

/// A matrix from its nine elements in row-major order, as DIALS' files store it.
pub fn mat3_from_rows(m: &[f64; 9]) -> Mat3 {
    Mat3::new(m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8])
}

/// The nine elements in row-major order, as DIALS' files store them.
pub fn rows_of(m: &Mat3) -> [f64; 9] {
    [m.m11, m.m12, m.m13, m.m21, m.m22, m.m23, m.m31, m.m32, m.m33]
}
