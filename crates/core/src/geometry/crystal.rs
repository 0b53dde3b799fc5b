use super::{Extra, UnitCell};
use crate::math::{Mat3, Vec3};

/// Standard uncertainties of a refined cell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CellEsd {
    /// Of a, b, c (Å) and α, β, γ (degrees).
    pub parameters: [f64; 6],
    /// Of the volume, Å³.
    pub volume: f64,
}

/// A crystal: setting matrix A = U B at the goniometer's datum, and its symmetry.
#[derive(Debug, Clone, PartialEq)]
pub struct Crystal {
    /// A, Å⁻¹: the laboratory position of h at the datum is A h. Columns are a*, b*, c*.
    pub a_matrix: Mat3,
    /// A at the borders of images (n_images + 1 of them) of a scan-varying model; empty for a static one.
    pub a_at_scan_points: Vec<Mat3>,
    /// Hall symbol of the space group, as DIALS writes it (such as ` P 4nw 2abw`).
    pub hall_symbol: String,
    /// Covariance of the nine elements of B (row major, 81 numbers); empty when unknown.
    pub b_covariance: Vec<f64>,
    /// Standard uncertainties of the cell, when refined.
    pub cell_esd: Option<CellEsd>,
    /// Keys of the file that are only carried along.
    pub extra: Extra,
}

impl Crystal {
    /// A static crystal in P 1.
    pub fn new(a_matrix: Mat3) -> Self {
        Crystal {
            a_matrix,
            a_at_scan_points: Vec::new(),
            hall_symbol: " P 1".to_owned(),
            b_covariance: Vec::new(),
            cell_esd: None,
            extra: Extra::new(),
        }
    }

    /// A crystal from its real-space vectors (Å, laboratory frame at the datum). `None` when they are coplanar.
    pub fn from_real_space(a: &Vec3, b: &Vec3, c: &Vec3) -> Option<Self> {
        Mat3::from_rows(&[a.transpose(), b.transpose(), c.transpose()]).try_inverse().map(Crystal::new)
    }

    /// Real-space vectors a, b, c (Å, laboratory frame at the datum): the rows of A⁻¹.
    pub fn real_space(&self) -> [Vec3; 3] {
        real_space_of(&self.a_matrix)
    }

    /// The (mean) unit cell.
    pub fn unit_cell(&self) -> UnitCell {
        let [a, b, c] = self.real_space();
        UnitCell::from_vectors(&a, &b, &c)
    }

    /// B of the cell, in the convention of [`UnitCell::b_matrix`].
    pub fn b_matrix(&self) -> Mat3 {
        self.unit_cell().b_matrix()
    }

    /// U = A B⁻¹, a proper rotation for a right-handed cell.
    pub fn u_matrix(&self) -> Mat3 {
        let [a, b, c] = self.real_space();
        // B⁻¹ = Oᵀ.
        self.a_matrix * UnitCell::from_vectors(&a, &b, &c).orthogonalisation().transpose()
    }

    /// A at array index `z` of the scan: interpolated linearly between the two nearest borders of images for a
    /// scan-varying model (clamped at the ends), else the static A.
    pub fn a_at_z(&self, z: f64) -> Mat3 {
        let n = self.a_at_scan_points.len();
        if n < 2 {
            return self.a_matrix;
        }
        let z = z.clamp(0.0, (n - 1) as f64);
        let i = (z as usize).min(n - 2);
        let t = z - i as f64;
        self.a_at_scan_points[i] * (1.0 - t) + self.a_at_scan_points[i + 1] * t
    }

    /// The crystal in a new basis: `h' = m h` for every Miller index, so `A' = A m⁻¹`. `None` when `m` is singular.
    pub fn reindexed(&self, m: &Mat3) -> Option<Self> {
        let inverse = m.try_inverse()?;
        let mut out = self.clone();
        out.a_matrix *= inverse;
        out.a_at_scan_points.iter_mut().for_each(|a| *a *= inverse);
        // Uncertainties of B do not carry over without a new refinement.
        out.b_covariance.clear();
        out.cell_esd = None;
        Some(out)
    }
}

/// Rows of A⁻¹; the reciprocal vectors of a crystal are never coplanar.
fn real_space_of(a_matrix: &Mat3) -> [Vec3; 3] {
    let inverse = a_matrix.try_inverse().unwrap_or_else(Mat3::identity);
    [0, 1, 2].map(|i| inverse.row(i).transpose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::rotation;

    #[test]
    fn u_and_b_multiply_to_a() {
        let cell = UnitCell::new([10.0, 12.0, 17.0, 85.0, 92.0, 100.0]).unwrap();
        let u = rotation(&Vec3::new(1.0, 2.0, -1.0).normalize(), 0.7);
        let crystal = Crystal::new(u * cell.b_matrix());
        assert!((crystal.u_matrix() - u).norm() < 1e-12);
        assert!((crystal.u_matrix() * crystal.b_matrix() - crystal.a_matrix).norm() < 1e-12);
        for (x, y) in crystal.unit_cell().parameters().iter().zip(cell.parameters()) {
            assert!((x - y).abs() < 1e-9);
        }
    }

    #[test]
    fn scan_points_are_interpolated_between_image_borders() {
        let mut crystal = Crystal::new(Mat3::identity());
        crystal.a_at_scan_points = vec![Mat3::identity(), Mat3::identity() * 2.0, Mat3::identity() * 4.0];
        assert_eq!(crystal.a_at_z(1.5).m11, 3.0);
        assert_eq!(crystal.a_at_z(-1.0).m11, 1.0);
        assert_eq!(crystal.a_at_z(9.0).m11, 4.0);
    }
}
