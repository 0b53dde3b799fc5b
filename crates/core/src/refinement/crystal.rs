//! A crystal's parameters: a rotation vector θ on top of its orientation U₀ and steps g along the free directions of its reciprocal metric,
//! A = R(θ) U₀ B(G*₀ + Σ gₖ Mₖ).

use super::Error;
use super::smoother::{Smoother, Weights};
use crate::geometry::Crystal;
use crate::math::{Mat3, Vec3, left_jacobian, rotation_vector};
use crate::spacegroup::{SpaceGroup, constraints};

/// Orientation and cell have at most this many parameters.
pub(crate) const MAX_LOCAL: usize = 9;

/// The parameters of one crystal, or of one sample of it.
#[derive(Debug, Clone)]
pub(crate) struct CrystalBlock {
    /// First parameter of the first sample.
    pub start: usize,
    /// First cell parameter, where that is another crystal's (then this one is static).
    pub shared_cell: Option<usize>,
    u0: Mat3,
    g0: Mat3,
    /// Axes of the laboratory (0, 1, 2) about which it may turn.
    pub turns: Vec<usize>,
    /// Numbers of the free directions of G* among those that symmetry leaves.
    pub metrics: Vec<usize>,
    /// Free directions of G*, each of the size of G* itself.
    pub cell: Vec<Mat3>,
    /// `None` for a static crystal.
    pub smoother: Option<Smoother>,
}

/// A crystal at one value of its parameters, A = U B, with what its derivatives are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalCrystal {
    pub u: Mat3,
    /// Lower triangular.
    pub b: Mat3,
    /// By free angle, the vector w with ∂A = w × A.
    pub turns: [Vec3; 3],
    /// By free direction of the metric, the lower triangular X with ∂A = U X B.
    pub strains: [Mat3; 6],
}

impl CrystalBlock {
    /// Of a crystal with its orientation free. A `free_cell` is brought to the symmetry of the space group; another stays as it is.
    pub(crate) fn new(index: usize, crystal: &Crystal, free_cell: bool) -> Result<Self, Error> {
        let a = crystal.a_matrix;
        let g = a.transpose() * a;
        let singular = Error::SingularCrystal { crystal: index };
        let u0 = b_from_reciprocal_metric(&g).and_then(|b| b.try_inverse()).map(|inverse| a * inverse).ok_or(singular.clone())?;
        if !free_cell {
            let (turns, metrics) = (vec![0, 1, 2], Vec::new());
            return Ok(CrystalBlock { start: 0, shared_cell: None, u0, g0: g, turns, metrics, cell: Vec::new(), smoother: None });
        }
        let group = SpaceGroup::from_hall(&crystal.hall_symbol).map_err(|e| Error::SpaceGroup {
            crystal: index,
            symbol: crystal.hall_symbol.clone(),
            reason: e.to_string(),
        })?;
        // G* = W G* Wᵀ for every rotation W of the group.
        let rotations: Vec<_> = group.rotations().iter().map(|w| core::array::from_fn(|i| core::array::from_fn(|j| w[j][i]))).collect();
        let g0 = constraints::symmetrised(&g, &rotations);
        if b_from_reciprocal_metric(&g0).is_none() {
            return Err(singular);
        }
        let cell: Vec<Mat3> = constraints::free_metric_parameters(&rotations).into_iter().map(|m| m * (g0.norm() / m.norm())).collect();
        let (turns, metrics) = (vec![0, 1, 2], (0..cell.len()).collect());
        Ok(CrystalBlock { start: 0, shared_cell: None, u0, g0, turns, metrics, cell, smoother: None })
    }

    /// Keeps the cell as the crystal has it.
    pub(crate) fn fix_cell(&mut self) {
        self.keep_metrics(|_| false);
    }

    /// Keeps free those directions of G* whose number satisfies `free`.
    pub(crate) fn keep_metrics(&mut self, free: impl Fn(usize) -> bool) {
        let kept = |i: &usize| free(self.metrics[*i]);
        let places: Vec<usize> = (0..self.metrics.len()).filter(kept).collect();
        self.cell = places.iter().map(|&i| self.cell[i]).collect();
        self.metrics = places.iter().map(|&i| self.metrics[i]).collect();
    }

    /// Parameters that one sample depends on: those of the orientation first, then those of the cell.
    pub(crate) fn local(&self) -> usize {
        self.cell.len() + self.angles()
    }

    /// Free parameters of the orientation.
    pub(crate) fn angles(&self) -> usize {
        self.turns.len()
    }

    /// Where parameter `j` of sample `sample` stands among all parameters.
    pub(crate) fn column(&self, sample: usize, j: usize) -> usize {
        match self.shared_cell {
            Some(cell) if j >= self.angles() => cell + j - self.angles(),
            Some(_) => self.start + j,
            None => self.start + sample * self.local() + j,
        }
    }

    pub(crate) fn samples(&self) -> usize {
        self.smoother.as_ref().map_or(1, Smoother::samples)
    }

    /// Number of parameters of its own.
    pub(crate) fn len(&self) -> usize {
        if self.shared_cell.is_some() { self.angles() } else { self.samples() * self.local() }
    }

    pub(crate) fn weights(&self, z: f64) -> Weights {
        self.smoother.as_ref().map_or(Weights::STATIC, |s| s.weights(z))
    }

    /// The local parameters at one position of the scan.
    pub(crate) fn local_parameters(&self, p: &[f64], w: &Weights) -> [f64; MAX_LOCAL] {
        let mut out = [0.0; MAX_LOCAL];
        let local = self.local();
        if self.shared_cell.is_some() {
            out.iter_mut().take(local).enumerate().for_each(|(j, o)| *o = p[self.column(0, j)]);
            return out;
        }
        let samples = p[self.start + w.first * local..].chunks_exact(local.max(1));
        for (sample, weight) in samples.zip(&w.w[..w.n]) {
            out.iter_mut().zip(sample).for_each(|(o, x)| *o += weight * x);
        }
        out
    }

    fn theta(&self, q: &[f64; MAX_LOCAL]) -> Vec3 {
        let mut theta = Vec3::zeros();
        self.turns.iter().zip(q).for_each(|(axis, x)| theta[*axis] = *x);
        theta
    }

    /// Reciprocal metric at local parameters `q`.
    pub(crate) fn metric(&self, q: &[f64; MAX_LOCAL]) -> Mat3 {
        self.cell.iter().zip(&q[self.turns.len()..]).fold(self.g0, |g, (m, x)| g + m * *x)
    }

    /// A at local parameters `q`; `None` when the metric is not positive definite.
    pub(crate) fn a_matrix(&self, q: &[f64; MAX_LOCAL]) -> Option<Mat3> {
        self.u_and_b(q).map(|(u, b)| u * b)
    }

    /// U and B at local parameters `q`; `None` as [`CrystalBlock::a_matrix`].
    pub(crate) fn u_and_b(&self, q: &[f64; MAX_LOCAL]) -> Option<(Mat3, Mat3)> {
        Some((rotation_vector(&self.theta(q)).0 * self.u0, b_from_reciprocal_metric(&self.metric(q))?))
    }

    /// With its derivatives at local parameters `q`; `None` as [`CrystalBlock::a_matrix`].
    pub(crate) fn evaluate(&self, q: &[f64; MAX_LOCAL]) -> Option<LocalCrystal> {
        self.u_and_b(q).map(|(u, b)| self.derivatives(q, u, b))
    }

    /// The derivatives at local parameters `q`, where [`CrystalBlock::u_and_b`] are `u` and `b`.
    pub(crate) fn derivatives(&self, q: &[f64; MAX_LOCAL], u: Mat3, b: Mat3) -> LocalCrystal {
        let mut out = LocalCrystal { u, b, turns: [Vec3::zeros(); 3], strains: [Mat3::zeros(); 6] };
        let jacobian = left_jacobian(&self.theta(q));
        for (turn, axis) in out.turns.iter_mut().zip(&self.turns) {
            *turn = jacobian.column(*axis).into();
        }
        let inverse = inverse_lower(&b);
        for (strain, m) in out.strains.iter_mut().zip(&self.cell) {
            *strain = strain_of(&inverse, m);
        }
        out
    }

    /// B and its derivatives by the cell parameters at local parameters `q`.
    pub(crate) fn b_and_derivatives(&self, q: &[f64; MAX_LOCAL]) -> Option<(Mat3, Vec<Mat3>)> {
        let b = b_from_reciprocal_metric(&self.metric(q))?;
        let inverse = inverse_lower(&b);
        Some((b, self.cell.iter().map(|m| strain_of(&inverse, m) * b).collect()))
    }
}

/// The lower triangular B with positive diagonal and BᵀB = G*: the convention of [`crate::geometry::UnitCell::b_matrix`].
/// `None` when G* is not positive definite.
pub(crate) fn b_from_reciprocal_metric(g: &Mat3) -> Option<Mat3> {
    let root = |x: f64| if x > 0.0 { Some(x.sqrt()) } else { None };
    let b33 = root(g.m33)?;
    let (b31, b32) = (g.m13 / b33, g.m23 / b33);
    let b22 = root(g.m22 - b32 * b32)?;
    let b21 = (g.m12 - b31 * b32) / b22;
    let b11 = root(g.m11 - b21 * b21 - b31 * b31)?;
    Some(Mat3::new(b11, 0.0, 0.0, b21, b22, 0.0, b31, b32, b33))
}

fn inverse_lower(b: &Mat3) -> Mat3 {
    let (i11, i22, i33) = (1.0 / b.m11, 1.0 / b.m22, 1.0 / b.m33);
    let i21 = -b.m21 * i11 * i22;
    let i32 = -b.m32 * i22 * i33;
    let i31 = -(b.m31 * i11 + b.m32 * i21) * i33;
    Mat3::new(i11, 0.0, 0.0, i21, i22, 0.0, i31, i32, i33)
}

/// The lower triangular X with dB = X B for a change dG of G*: from dG = dBᵀB + BᵀdB follows B⁻ᵀ dG B⁻¹ = Xᵀ + X.
fn strain_of(inverse: &Mat3, dg: &Mat3) -> Mat3 {
    let i = inverse;
    // dG B⁻¹, and of B⁻ᵀ times that the lower triangle, with B⁻¹ lower triangular.
    let t = [0, 1, 2].map(|k| {
        let d = [dg[(k, 0)], dg[(k, 1)], dg[(k, 2)]];
        [d[0] * i.m11 + d[1] * i.m21 + d[2] * i.m31, d[1] * i.m22 + d[2] * i.m32, d[2] * i.m33]
    });
    let s11 = i.m11 * t[0][0] + i.m21 * t[1][0] + i.m31 * t[2][0];
    let (s21, s22) = (i.m22 * t[1][0] + i.m32 * t[2][0], i.m22 * t[1][1] + i.m32 * t[2][1]);
    let (s31, s32, s33) = (i.m33 * t[2][0], i.m33 * t[2][1], i.m33 * t[2][2]);
    Mat3::new(0.5 * s11, 0.0, 0.0, s21, 0.5 * s22, 0.0, s31, s32, 0.5 * s33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::UnitCell;
    use crate::math::rotation;

    fn crystal(cell: [f64; 6], hall: &str) -> Crystal {
        let b = UnitCell::new(cell).unwrap().b_matrix();
        Crystal { hall_symbol: hall.to_owned(), ..Crystal::new(rotation(&Vec3::new(0.1, 0.7, -0.4).normalize(), 0.8) * b) }
    }

    #[test]
    fn the_reciprocal_metric_gives_b_back() {
        let b = UnitCell::new([10.0, 12.0, 17.0, 85.0, 92.0, 100.0]).unwrap().b_matrix();
        assert!((b_from_reciprocal_metric(&(b.transpose() * b)).unwrap() - b).norm() < 1e-15);
        assert_eq!(b_from_reciprocal_metric(&-Mat3::identity()), None);
    }

    #[test]
    fn derivatives_agree_with_differences() {
        for (hall, n) in [(" P 1", 9), (" P 2yb", 7), (" P 4nw 2abw", 5), (" P 3 2\"", 5), (" P 2ac 2ab", 6)] {
            let block = CrystalBlock::new(0, &crystal([50.0, 50.0, 90.0, 90.0, 90.0, 90.0], hall), true).unwrap();
            assert_eq!(block.local(), n, "{hall}");
            let mut q = [0.01, -0.02, 0.03, 0.01, 0.02, -0.01, 0.005, 0.001, 0.002];
            q[n..].fill(0.0);
            let at = block.evaluate(&q).unwrap();
            for i in 0..n {
                let (mut up, mut down) = (q, q);
                up[i] += 1e-6;
                down[i] -= 1e-6;
                let numeric = (block.a_matrix(&up).unwrap() - block.a_matrix(&down).unwrap()) / 2e-6;
                let a = at.u * at.b;
                let analytic = if i < 3 { at.turns[i].cross_matrix() * a } else { at.u * at.strains[i - 3] * at.b };
                assert!((numeric - analytic).norm() < 1e-6 * a.norm(), "{hall} {i}");
            }
        }
    }

    #[test]
    fn the_cell_gets_the_symmetry_of_its_group() {
        let block = CrystalBlock::new(0, &crystal([79.0, 79.2, 37.9, 90.1, 89.9, 90.05], " P 4nw 2abw"), true).unwrap();
        let a = block.a_matrix(&[0.0; MAX_LOCAL]).unwrap();
        let cell = Crystal::new(a).unit_cell();
        assert!((cell.lengths[0] - cell.lengths[1]).abs() < 1e-9);
        assert!(cell.angles_deg.iter().all(|x| (x - 90.0).abs() < 1e-9));
    }
}
