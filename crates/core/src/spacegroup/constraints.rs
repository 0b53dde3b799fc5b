//! Cells and symmetry: metric tensors, their averages over a group, free parameters.

use super::class::CrystalSystem;
use super::op::IntMatrix;
use nalgebra::{Matrix3, Vector3};

/// Metric tensor G (Å²) of a cell `[a, b, c, α, β, γ]` in Å and degrees.
pub fn metric_from_cell(cell: [f64; 6]) -> Matrix3<f64> {
    let [a, b, c] = [cell[0], cell[1], cell[2]];
    let cosine = |deg: f64| {
        // Right angles and the hexagonal angle are exact, so that symmetric cells stay symmetric.
        if deg == 90.0 {
            0.0
        } else if deg == 120.0 {
            -0.5
        } else if deg == 60.0 {
            0.5
        } else {
            libm::cos(deg.to_radians())
        }
    };
    let (ca, cb, cg) = (cosine(cell[3]), cosine(cell[4]), cosine(cell[5]));
    Matrix3::new(
        a * a,
        a * b * cg,
        a * c * cb, //
        a * b * cg,
        b * b,
        b * c * ca, //
        a * c * cb,
        b * c * ca,
        c * c,
    )
}

/// Cell `[a, b, c, α, β, γ]` in Å and degrees of a metric tensor (Å²).
pub fn cell_from_metric(g: &Matrix3<f64>) -> [f64; 6] {
    let length: [f64; 3] = std::array::from_fn(|i| g[(i, i)].max(0.0).sqrt());
    let angle = |i: usize, j: usize| {
        let cosine = (g[(i, j)] / (length[i] * length[j])).clamp(-1.0, 1.0);
        if cosine == 0.0 {
            90.0
        } else if cosine == -0.5 {
            120.0
        } else {
            libm::acos(cosine).to_degrees()
        }
    };
    [length[0], length[1], length[2], angle(1, 2), angle(0, 2), angle(0, 1)]
}

/// Metric tensor of a setting matrix A with columns a*, b*, c* (Å⁻¹): (AᵀA)⁻¹.
///
/// `None` when A is singular.
pub fn metric_from_setting_matrix(a_matrix: &Matrix3<f64>) -> Option<Matrix3<f64>> {
    (a_matrix.transpose() * a_matrix).try_inverse()
}

/// Volume of the cell, Å³.
pub fn volume(metric: &Matrix3<f64>) -> f64 {
    metric.determinant().max(0.0).sqrt()
}

/// Mean of Wᵀ·G·W over the rotations of a group: the closest metric that has its symmetry.
pub fn symmetrised(metric: &Matrix3<f64>, rotations: &[IntMatrix]) -> Matrix3<f64> {
    let mut sum = Matrix3::zeros();
    for w in rotations {
        let w = Matrix3::from_fn(|i, j| f64::from(w[i][j]));
        sum += w.transpose() * metric * w;
    }
    let mean = sum / rotations.len().max(1) as f64;
    (mean + mean.transpose()) * 0.5
}

/// The setting matrix nearest to `a_matrix` (columns a*, b*, c* in Å⁻¹) whose metric has the symmetry of `rotations`.
///
/// The metric is averaged over the group and the orientation taken as the rotation nearest to A·B⁻¹. `None` when A is singular or
/// left-handed.
pub fn constrained_setting_matrix(a_matrix: &Matrix3<f64>, rotations: &[IntMatrix]) -> Option<Matrix3<f64>> {
    let mean = symmetrised(&metric_from_setting_matrix(a_matrix)?, rotations);
    // B with BᵀB = G*: the transposed Cholesky factor of the reciprocal metric.
    let b = mean.try_inverse()?.cholesky()?.l().transpose();
    let svd = (a_matrix * b.try_inverse()?).svd(true, true);
    let u = svd.u? * svd.v_t?;
    (u.determinant() > 0.0).then(|| u * b)
}

/// Whether the metric has the symmetry of `rotations`: each operation changes the basis vectors by
/// less than `tolerance` (relative, and in radians for the angles).
pub fn is_compatible(metric: &Matrix3<f64>, rotations: &[IntMatrix], tolerance: f64) -> bool {
    let mean = symmetrised(metric, rotations);
    (0..3).all(|i| {
        (0..3).all(|j| {
            let scale = (metric[(i, i)] * metric[(j, j)]).sqrt();
            (metric[(i, j)] - mean[(i, j)]).abs() <= 2.0 * tolerance * scale
        })
    })
}

/// Independent displacements of a metric (or reciprocal metric) allowed by symmetry.
///
/// Each returned matrix is symmetric; the metrics invariant under `rotations` are exactly their
/// linear combinations (1 for cubic, 2 for tetragonal … 6 for triclinic). Rows of a reduced echelon
/// form, so each has one element of the metric to itself. For the reciprocal metric pass the
/// transposed rotations.
pub fn free_metric_parameters(rotations: &[IntMatrix]) -> Vec<Matrix3<f64>> {
    const PAIRS: [(usize, usize); 6] = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)];
    // Project a unit change of each element, then eliminate.
    let mut rows: Vec<[f64; 6]> = PAIRS
        .iter()
        .map(|&(i, j)| {
            let mut unit = Matrix3::zeros();
            unit[(i, j)] = 1.0;
            unit[(j, i)] = 1.0;
            let mean = symmetrised(&unit, rotations);
            PAIRS.map(|(i, j)| mean[(i, j)])
        })
        .collect();
    let mut rank = 0;
    for column in 0..6 {
        let Some(best) = (rank..6).max_by(|&x, &y| rows[x][column].abs().total_cmp(&rows[y][column].abs())) else {
            break;
        };
        if rows[best][column].abs() < 1e-9 {
            continue;
        }
        rows.swap(rank, best);
        let pivot = rows[rank][column];
        rows[rank].iter_mut().for_each(|v| *v /= pivot);
        let lead = rows[rank];
        for (r, row) in rows.iter_mut().enumerate() {
            if r != rank {
                let factor = row[column];
                for k in 0..6 {
                    row[k] -= factor * lead[k];
                }
            }
        }
        rank += 1;
    }
    rows[..rank]
        .iter()
        .map(|row| {
            let mut m = Matrix3::zeros();
            for (value, (i, j)) in row.iter().zip(PAIRS) {
                m[(i, j)] = *value;
                m[(j, i)] = *value;
            }
            m
        })
        .collect()
}

/// Number of free cell parameters of a crystal system.
pub fn free_cell_parameters(system: CrystalSystem) -> usize {
    match system {
        CrystalSystem::Triclinic => 6,
        CrystalSystem::Monoclinic => 4,
        CrystalSystem::Orthorhombic => 3,
        CrystalSystem::Tetragonal | CrystalSystem::Trigonal | CrystalSystem::Hexagonal => 2,
        CrystalSystem::Cubic => 1,
    }
}

/// d = 1/|h| for a reciprocal metric G* = G⁻¹ (Å⁻²); infinite for 0 0 0.
pub fn d_spacing(reciprocal_metric: &Matrix3<f64>, hkl: [i32; 3]) -> f64 {
    let h = Vector3::from(hkl.map(f64::from));
    1.0 / (h.dot(&(reciprocal_metric * h))).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spacegroup::table::by_number;

    #[test]
    fn cells_round_trip() {
        for cell in [[79.1, 79.1, 37.9, 90.0, 90.0, 90.0], [10.0, 11.0, 12.0, 71.0, 82.0, 93.0], [5.0, 5.0, 7.0, 90.0, 90.0, 120.0]] {
            let back = cell_from_metric(&metric_from_cell(cell));
            for i in 0..6 {
                assert!((back[i] - cell[i]).abs() < 1e-11, "{cell:?} {back:?}");
            }
        }
    }

    #[test]
    fn as_many_free_parameters_as_the_crystal_system_has() {
        for number in 1..=230 {
            let setting = by_number(number).unwrap();
            let rotations = setting.group().rotations();
            let free = free_metric_parameters(&rotations);
            assert_eq!(free.len(), free_cell_parameters(setting.crystal_system()), "{number}");
            for m in &free {
                assert!((symmetrised(m, &rotations) - m).norm() < 1e-12);
            }
        }
    }

    #[test]
    fn the_constrained_setting_is_near_and_symmetric() {
        let group = by_number(92).unwrap().group();
        let b = metric_from_cell([79.0, 79.2, 37.9, 90.1, 89.9, 90.2]).try_inverse().unwrap().cholesky().unwrap().l().transpose();
        let u = nalgebra::Rotation3::from_euler_angles(0.3, -1.0, 2.0).into_inner();
        let a = constrained_setting_matrix(&(u * b), &group.rotations()).unwrap();
        let metric = metric_from_setting_matrix(&a).unwrap();
        assert!(is_compatible(&metric, &group.rotations(), 1e-12));
        assert!((a - u * b).norm() < 4e-3 * a.norm());
        assert!(constrained_setting_matrix(&-a, &group.rotations()).is_none());
    }

    #[test]
    fn a_symmetrised_tetragonal_cell() {
        let group = by_number(92).unwrap().group();
        let g = metric_from_cell([79.0, 79.2, 37.9, 90.1, 89.9, 90.2]);
        assert!(!is_compatible(&g, &group.rotations(), 1e-3));
        let mean = symmetrised(&g, &group.rotations());
        assert!(is_compatible(&mean, &group.rotations(), 1e-12));
        let cell = cell_from_metric(&mean);
        assert!((cell[0] - cell[1]).abs() < 1e-12 && cell[3..] == [90.0; 3], "{cell:?}");
        assert!((cell[0] - 79.1).abs() < 1e-3);
    }
}
