//! Candidate cells: combinations of basis vectors, reduced; comparison of lattices; removal of centrings.

use super::vectors::angle_deg;
use crate::geometry::UnitCell;
use crate::math::{Mat3, Vec3};
use crate::spacegroup::{constraints::metric_from_setting_matrix, lattice};

/// A cell's volume is at least this fraction of abc.
const MIN_RELATIVE_VOLUME: f64 = 0.01;
/// No more vectors than this are combined.
const MAX_VECTORS: usize = 100;

/// Setting matrices A (Å⁻¹) of the reduced cells of triples of `vectors` (Å, strongest first), in order of the triples' squared ranks.
///
/// Vectors at a smaller angle than `min_angle` (degrees), or closer than this to the plane of the others, make no basis.
pub fn combinations(vectors: &[Vec3], min_angle: f64) -> impl Iterator<Item = Mat3> + '_ {
    let n = vectors.len().min(MAX_VECTORS);
    let mut triples = Vec::new();
    for i in 0..n {
        for j in i + 1..n {
            for k in j + 1..n {
                triples.push([i, j, k]);
            }
        }
    }
    // Stable, so triples of equal sum stay in order of their ranks.
    triples.sort_by_key(|t| t.iter().map(|r| r * r).sum::<usize>());
    triples.into_iter().filter_map(move |[i, j, k]| cell_of(&vectors[i], &vectors[j], &vectors[k], min_angle))
}

/// The reduced cell of three vectors; `None` when they are too nearly coplanar.
pub fn cell_of(a: &Vec3, b: &Vec3, c: &Vec3, min_angle: f64) -> Option<Mat3> {
    let flat = |x: &Vec3, y: &Vec3| {
        let angle = angle_deg(x, y);
        angle.min(180.0 - angle) < min_angle
    };
    if flat(a, b) || (90.0 - angle_deg(&a.cross(b), c)).abs() < min_angle {
        return None;
    }
    let sign = if a.cross(b).dot(c) < 0.0 { -1.0 } else { 1.0 };
    let a_matrix = reduced(&Mat3::from_rows(&[(a * sign).transpose(), (b * sign).transpose(), (c * sign).transpose()]).try_inverse()?)?;
    let cell = cell(&a_matrix)?;
    (cell.volume() > MIN_RELATIVE_VOLUME * cell.lengths.iter().product::<f64>()).then_some(a_matrix)
}

/// The cell of a setting matrix; `None` when it is singular.
pub fn cell(a_matrix: &Mat3) -> Option<UnitCell> {
    metric_from_setting_matrix(a_matrix).map(|g| UnitCell::from_metric(&g))
}

/// The same lattice on its Niggli cell (Křivý & Gruber, 1976).
pub fn reduced(a_matrix: &Mat3) -> Option<Mat3> {
    let basis = lattice::niggli_cell(&metric_from_setting_matrix(a_matrix)?).ok()?;
    Some(basis.setting_matrix(a_matrix))
}

/// Rotation, degrees, between two lattices with the same cell, or `None` when no basis of one is nearly a rotated basis of the other.
///
/// Small rotations and differences of the cell only are seen: axes may differ by less than half a cell.
pub fn rotation_between(a: &Mat3, b: &Mat3) -> Option<f64> {
    let change = a.try_inverse()? * b;
    let rounded = change.map(libm::round);
    if (rounded.determinant().abs() - 1.0).abs() > 0.1 {
        return None;
    }
    let r = b * rounded.try_inverse()? * a.try_inverse()?;
    let svd = r.svd(true, true);
    let turn = svd.u? * svd.v_t?;
    Some(crate::math::axis_angle_of(&turn).1.to_degrees())
}

/// Whether two setting matrices describe the same lattice within `tolerance` (of an axis, in fractions of the other's).
pub fn same_lattice(a: &Mat3, b: &Mat3, tolerance: f64) -> bool {
    let Some(inverse) = a.try_inverse() else { return false };
    let change = inverse * b;
    let rounded = change.map(libm::round);
    (change - rounded).amax() < tolerance && (rounded.determinant().abs() - 1.0).abs() < 0.1
}

/// A lattice vector that the basis has missed, if at least `threshold` of the indices say so: with v·h a multiple of n for (nearly) all h, v/n is a
/// vector of the direct lattice. Returns the reduced setting matrix of the lattice with that vector.
pub fn with_missed_vector(a_matrix: &Mat3, hkl: &[[i32; 3]], threshold: f64) -> Option<Mat3> {
    for n in [2i32, 3, 5] {
        for v in directions(n) {
            let obeying = hkl.iter().filter(|h| (h[0] * v[0] + h[1] * v[1] + h[2] * v[2]) % n == 0).count();
            if obeying as f64 > threshold * hkl.len() as f64 {
                // The first non-zero component is 1, so that axis is replaced and the volume divided by n.
                let axis = v.iter().position(|&x| x != 0)?;
                let mut direct = a_matrix.try_inverse()?;
                let new = (0..3).map(|i| direct.row(i) * (v[i] as f64 / n as f64)).fold(nalgebra::RowVector3::zeros(), |s, r| s + r);
                direct.set_row(axis, &new);
                return reduced(&direct.try_inverse()?);
            }
        }
    }
    None
}

/// Vectors of residues modulo the prime `n`, one for each line through the origin: the first non-zero component is 1.
pub fn directions(n: i32) -> impl Iterator<Item = [i32; 3]> {
    (0..n * n * n).map(move |i| [i / (n * n), i / n % n, i % n]).filter(|v| v.iter().find(|x| **x != 0) == Some(&1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::rotation;

    #[test]
    fn the_first_combination_is_the_reduced_cell_of_the_strongest_vectors() {
        let u = rotation(&Vec3::new(1.0, 1.0, 0.3).normalize(), 0.6);
        let vectors =
            [u * Vec3::new(10.0, 0.0, 0.0), u * Vec3::new(0.0, 0.0, 15.0), u * Vec3::new(10.0, 12.0, 0.0), u * Vec3::new(20.0, 1.0, 0.0)];
        let first = combinations(&vectors, 20.0).next().unwrap();
        for (x, y) in cell(&first).unwrap().parameters().iter().zip([10.0, 12.0, 15.0, 90.0, 90.0, 90.0]) {
            assert!((x - y).abs() < 1e-9);
        }
        assert!(first.determinant() > 0.0);
        // 4 triples, of which the one with the nearly parallel first and fourth and a coplanar third makes no cell.
        assert!(combinations(&vectors, 20.0).count() < 4);
    }

    #[test]
    fn centrings_are_removed() {
        assert_eq!([2, 3, 5].map(|n| directions(n).count()), [7, 13, 31]);
        let a = UnitCell::new([20.0, 24.0, 30.0, 90.0, 90.0, 90.0]).unwrap().b_matrix();
        let all = |keep: fn([i32; 3]) -> bool| -> Vec<[i32; 3]> {
            let range = || -7..8;
            range().flat_map(|h| range().flat_map(move |k| range().map(move |l| [h, k, l]))).filter(|h| keep(*h)).collect()
        };
        let t = |keep: fn([i32; 3]) -> bool, n: f64| {
            let small = with_missed_vector(&a, &all(keep), 0.9).unwrap();
            assert!((cell(&small).unwrap().volume() * n / 14400.0 - 1.0).abs() < 1e-9);
        };
        t(|h| (h[0] + h[1] + h[2]) % 2 == 0, 2.0);
        t(|h| h[2] % 2 == 0, 2.0);
        t(|h| (-h[0] + h[1] + h[2]) % 3 == 0, 3.0);
        t(|h| h[0] % 5 == 0, 5.0);
        assert_eq!(with_missed_vector(&a, &all(|_| true), 0.9), None);
    }

    #[test]
    fn lattices_are_compared_whatever_their_basis() {
        let a = UnitCell::new([20.0, 24.0, 30.0, 90.0, 95.0, 90.0]).unwrap().b_matrix();
        let other_basis = a * Mat3::new(1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0);
        assert!(same_lattice(&a, &other_basis, 1e-9));
        let turned = rotation(&Vec3::z(), 0.05) * other_basis;
        assert!(!same_lattice(&a, &turned, 0.02));
        assert!((rotation_between(&a, &turned).unwrap() - 0.05f64.to_degrees()).abs() < 1e-6);
        assert_eq!(rotation_between(&a, &(a * 2.0)), None);
    }
}
