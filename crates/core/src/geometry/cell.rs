use crate::math::{Mat3, Vec3};
use serde::{Deserialize, Serialize};

/// Numbers that are no unit cell.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CellError {
    /// Edge or angle out of bounds, or angles that do not close.
    #[error("{a} {b} {c} Å, {alpha}° {beta}° {gamma}° is not a unit cell")]
    Impossible {
        /// a, Å.
        a: f64,
        /// b, Å.
        b: f64,
        /// c, Å.
        c: f64,
        /// α, degrees.
        alpha: f64,
        /// β, degrees.
        beta: f64,
        /// γ, degrees.
        gamma: f64,
    },
}

/// A unit cell: edges in Å, angles in **degrees**, as everyone writes them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UnitCell {
    /// a, b, c in Å.
    pub lengths: [f64; 3],
    /// α, β, γ in degrees.
    pub angles_deg: [f64; 3],
}

impl UnitCell {
    /// A cell from a, b, c (Å) and α, β, γ (degrees).
    pub fn new(p: [f64; 6]) -> Result<Self, CellError> {
        let cell = UnitCell { lengths: [p[0], p[1], p[2]], angles_deg: [p[3], p[4], p[5]] };
        let bounded = p.iter().all(|x| x.is_finite() && *x > 0.0) && cell.angles_deg.iter().all(|x| *x < 180.0);
        if bounded && cell.metric().determinant() > 0.0 {
            Ok(cell)
        } else {
            Err(CellError::Impossible { a: p[0], b: p[1], c: p[2], alpha: p[3], beta: p[4], gamma: p[5] })
        }
    }

    /// The cell spanned by three vectors in Å (any frame).
    pub fn from_vectors(a: &Vec3, b: &Vec3, c: &Vec3) -> Self {
        let angle = |u: &Vec3, v: &Vec3| libm::atan2(u.cross(v).norm(), u.dot(v)).to_degrees();
        UnitCell { lengths: [a.norm(), b.norm(), c.norm()], angles_deg: [angle(b, c), angle(a, c), angle(a, b)] }
    }

    /// The cell of a metric matrix G (Å²), Gᵢⱼ = aᵢ·aⱼ.
    pub fn from_metric(g: &Mat3) -> Self {
        let l = [g.m11.sqrt(), g.m22.sqrt(), g.m33.sqrt()];
        let angle = |d: f64, p: f64| libm::acos((d / p).clamp(-1.0, 1.0)).to_degrees();
        UnitCell { lengths: l, angles_deg: [angle(g.m23, l[1] * l[2]), angle(g.m13, l[0] * l[2]), angle(g.m12, l[0] * l[1])] }
    }

    /// a, b, c, α, β, γ.
    pub fn parameters(&self) -> [f64; 6] {
        let ([a, b, c], [al, be, ga]) = (self.lengths, self.angles_deg);
        [a, b, c, al, be, ga]
    }

    /// Metric matrix G (Å²), Gᵢⱼ = aᵢ·aⱼ.
    pub fn metric(&self) -> Mat3 {
        let [a, b, c] = self.lengths;
        let [ca, cb, cg] = self.angles_deg.map(cos_deg);
        Mat3::new(a * a, a * b * cg, a * c * cb, a * b * cg, b * b, b * c * ca, a * c * cb, b * c * ca, c * c)
    }

    /// Length of the longest edge, Å.
    pub fn longest_edge(&self) -> f64 {
        self.lengths.into_iter().fold(0.0, f64::max)
    }

    /// Volume, Å³.
    pub fn volume(&self) -> f64 {
        self.metric().determinant().max(0.0).sqrt()
    }

    /// Reciprocal metric matrix G* = G⁻¹ (Å⁻²); `None` only for a degenerate cell.
    pub fn reciprocal_metric(&self) -> Option<Mat3> {
        self.metric().try_inverse()
    }

    /// Orthogonalisation matrix O (Å), columns a, b, c: a along x, b in the x-y plane (PDB convention).
    pub fn orthogonalisation(&self) -> Mat3 {
        let [a, b, c] = self.lengths;
        let [ca, cb, cg] = self.angles_deg.map(cos_deg);
        let sg = (1.0 - cg * cg).sqrt();
        let c_y = c * (ca - cb * cg) / sg;
        Mat3::new(a, b * cg, c * cb, 0.0, b * sg, c_y, 0.0, 0.0, self.volume() / (a * b * sg))
    }

    /// Reciprocal orthogonalisation B (Å⁻¹), columns a*, b*, c*: B = (O⁻¹)ᵀ, the convention of cctbx and DIALS.
    pub fn b_matrix(&self) -> Mat3 {
        self.orthogonalisation().try_inverse().unwrap_or_else(Mat3::identity).transpose()
    }

    /// d (Å) of a reflection; infinite for (0, 0, 0).
    pub fn d(&self, hkl: [i32; 3]) -> f64 {
        1.0 / (self.b_matrix() * Vec3::new(hkl[0] as f64, hkl[1] as f64, hkl[2] as f64)).norm()
    }
}

/// Cosine of an angle in degrees, exact at 90°, so that right angles stay right.
fn cos_deg(x: f64) -> f64 {
    if x == 90.0 { 0.0 } else { libm::cos(x.to_radians()) }
}

impl core::fmt::Display for UnitCell {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let ([a, b, c], [al, be, ga]) = (self.lengths, self.angles_deg);
        write!(f, "{a:.3}, {b:.3}, {c:.3}, {al:.3}, {be:.3}, {ga:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orthogonalisation_spans_the_cell() {
        let cell = UnitCell::new([10.0, 20.0, 30.0, 80.0, 95.0, 110.0]).unwrap();
        let o = cell.orthogonalisation();
        let back = UnitCell::from_vectors(&o.column(0).into(), &o.column(1).into(), &o.column(2).into());
        for (x, y) in back.parameters().iter().zip(cell.parameters()) {
            assert!((x - y).abs() < 1e-10, "{x} {y}");
        }
        assert!((o.determinant() - cell.volume()).abs() < 1e-8);
        assert!((UnitCell::from_metric(&cell.metric()).angles_deg[2] - 110.0).abs() < 1e-10);
    }

    #[test]
    fn reciprocal_metric_gives_the_spacing() {
        let cell = UnitCell::new([79.1, 79.1, 37.9, 90.0, 90.0, 90.0]).unwrap();
        assert!((cell.d([0, 0, 4]) - 37.9 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn angles_that_do_not_close_are_refused() {
        assert!(UnitCell::new([10.0, 10.0, 10.0, 10.0, 10.0, 90.0]).is_err());
        assert!(UnitCell::new([0.0, 10.0, 10.0, 90.0, 90.0, 90.0]).is_err());
    }
}
