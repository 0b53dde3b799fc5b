//! Whether a lattice found is a true one.

use super::{SpotList, Trial, Truth};
use ewald_core::math::{Mat3, Vec3};

/// How a lattice found compares with the true one that it is most like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The true lattice.
    pub lattice: usize,
    /// Determinant of the change of basis: 1 for the same lattice, 2 for one of half the volume.
    pub determinant: f64,
    /// How far the change of basis is from whole numbers.
    pub misfit: f64,
    /// Fraction of the true lattice's spots with the right index.
    pub right: f64,
    /// Of all spots that belong to no lattice, the fraction indexed.
    pub spurious_indexed: f64,
}

/// Misfit up to which axes are the same.
const SAME: f64 = 0.15;
/// The same for the volume: a distance that few spots leave undetermined changes it.
const SAME_VOLUME: f64 = 0.1;

impl Verdict {
    /// The right lattice and at least `fraction` of its spots with the right indices.
    pub fn is_right(&self, fraction: f64) -> bool {
        self.misfit < SAME && (self.determinant.abs() - 1.0).abs() < SAME_VOLUME && self.right >= fraction
    }
}

/// Compares a lattice found with the truth.
///
/// - `a_matrix`: its setting matrix, Å⁻¹, at the datum
/// - `index`: of each spot, the index that it gave, if any
pub fn judge(trial: &Trial, spots: &SpotList, a_matrix: &Mat3, index: impl Fn(usize) -> Option<[i32; 3]>) -> Option<Verdict> {
    let true_from_found: Vec<Mat3> = trial.a_matrices.iter().map(|a| a.try_inverse().map(|i| i * a_matrix)).collect::<Option<_>>()?;
    let misfit = |m: &Mat3| (m - m.map(libm::round)).amax();
    let lattice = (0..true_from_found.len()).min_by(|&a, &b| misfit(&true_from_found[a]).total_cmp(&misfit(&true_from_found[b])))?;
    let change = true_from_found[lattice];
    let rounded = change.map(libm::round);
    let (mut n, mut right, mut none, mut caught) = (0usize, 0usize, 0usize, 0usize);
    for (i, truth) in spots.truth.iter().enumerate() {
        match truth {
            Some(Truth { lattice: l, hkl }) if *l == lattice => {
                n += 1;
                let want = Vec3::from(hkl.map(f64::from));
                right += usize::from(index(i).is_some_and(|h| (rounded * Vec3::from(h.map(f64::from)) - want).amax() < 0.5));
            }
            Some(_) => {}
            None => {
                none += 1;
                caught += usize::from(index(i).is_some());
            }
        }
    }
    Some(Verdict {
        lattice,
        determinant: change.determinant(),
        misfit: misfit(&change),
        right: right as f64 / n.max(1) as f64,
        spurious_indexed: caught as f64 / none.max(1) as f64,
    })
}
