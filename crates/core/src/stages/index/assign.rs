//! Miller indices of the spots: the nearest integers to A⁻¹ r.

use crate::math::{Mat3, Vec3};

/// What indexing needs to know of the spots, one entry each.
#[derive(Debug, Clone, Default)]
pub struct Points {
    /// Reciprocal-lattice points, Å⁻¹, laboratory frame at the datum.
    pub rlp: Vec<Vec3>,
    /// Scan angles, rad.
    pub phi: Vec<f64>,
    /// Sweeps.
    pub sweep: Vec<u32>,
    /// Whether the point enters the Ewald sphere.
    pub entering: Vec<bool>,
}

/// The index of a spot and the crystal to which it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// Number of the crystal.
    pub crystal: u32,
    /// Miller index, never (0, 0, 0).
    pub hkl: [i32; 3],
}

/// Two spots of the same index within this rotation, rad, on the same side of the sphere are pieces of one reflection.
const SAME_CROSSING: f64 = core::f64::consts::FRAC_PI_4;

/// Indexes the spots with numbers `rows`; the result is in their order.
///
/// - `a_matrices`: setting matrices A of the crystals, Å⁻¹; a spot goes to the crystal that fits it best
/// - `tolerance`: largest |A⁻¹r − h|
///
/// Of several spots that get the same index within 45° of each other, on the same side of the sphere, the nearest to its lattice point keeps it.
pub fn assign(points: &Points, rows: &[usize], a_matrices: &[Mat3], tolerance: f64) -> Vec<Option<Assigned>> {
    let inverses: Vec<Option<Mat3>> = a_matrices.iter().map(|a| a.try_inverse()).collect();
    let found: Vec<Option<(Assigned, f64)>> = rows.iter().map(|&i| nearest(&points.rlp[i], &inverses, tolerance)).collect();
    without_duplicates(points, rows, found)
}

/// The indices of `rows` with their squared distances from the lattice points, without all but the nearest of several spots of the same index.
pub fn without_duplicates(points: &Points, rows: &[usize], mut found: Vec<Option<(Assigned, f64)>>) -> Vec<Option<Assigned>> {
    // Rows in order of crystal, sweep, side and index; then neighbours in angle compete.
    let key = |k: usize| {
        found[k].map(|(a, _)| {
            let i = rows[k];
            (a.crystal, points.sweep[i], points.entering[i], a.hkl)
        })
    };
    let mut order: Vec<(_, f64, usize)> = (0..rows.len()).filter_map(|k| Some((key(k)?, points.phi[rows[k]], k))).collect();
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut lost = Vec::new();
    let mut best = 0;
    for k in 1..order.len() {
        let (previous, this) = (&order[best], &order[k]);
        if previous.0 != this.0 || this.1 - previous.1 >= SAME_CROSSING {
            best = k;
            continue;
        }
        let distance = |at: usize| found[at].map_or(f64::INFINITY, |f| f.1);
        if distance(this.2) < distance(previous.2) {
            lost.push(previous.2);
            best = k;
        } else {
            lost.push(this.2);
        }
    }
    lost.into_iter().for_each(|k| found[k] = None);
    found.into_iter().map(|f| f.map(|(a, _)| a)).collect()
}

/// The crystal and index nearest to a point, and the squared distance in index units.
fn nearest(rlp: &Vec3, inverses: &[Option<Mat3>], tolerance: f64) -> Option<(Assigned, f64)> {
    let mut best: Option<(Assigned, f64)> = None;
    for (crystal, inverse) in inverses.iter().enumerate() {
        let Some(inverse) = inverse else { continue };
        let h = inverse * rlp;
        let rounded = h.map(libm::round);
        let distance = (h - rounded).norm_squared();
        if distance <= tolerance * tolerance && best.is_none_or(|b| distance < b.1) && rounded.amax() < 1e6 {
            let hkl = [rounded.x as i32, rounded.y as i32, rounded.z as i32];
            if hkl != [0, 0, 0] {
                best = Some((Assigned { crystal: crystal as u32, hkl }, distance));
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(rows: &[(Vec3, f64, bool)]) -> Points {
        Points {
            rlp: rows.iter().map(|r| r.0).collect(),
            phi: rows.iter().map(|r| r.1).collect(),
            sweep: vec![0; rows.len()],
            entering: rows.iter().map(|r| r.2).collect(),
        }
    }

    #[test]
    fn pieces_of_one_reflection_leave_one_index() {
        let a = Mat3::identity() * 0.01;
        let at = |dx: f64| Vec3::new(0.03 + dx, 0.01, 0.0);
        let p = points(&[
            (at(0.001), 0.1, true),
            (at(0.0005), 0.2, true),
            (at(0.0015), 0.3, true),
            (at(0.0), 0.3, false),
            (at(0.001), 2.0, true),
            (at(0.004), 4.0, true),
        ]);
        let got = assign(&p, &[0, 1, 2, 3, 4, 5], &[a], 0.3);
        assert_eq!(got.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, true, true, false]);
        assert_eq!(got[1].unwrap().hkl, [3, 1, 0]);
    }

    #[test]
    fn the_better_crystal_wins_and_the_origin_has_no_index() {
        let (a, b) = (Mat3::identity() * 0.01, Mat3::identity() * 0.0102);
        let p = points(&[(Vec3::new(0.051, 0.0, 0.0), 0.0, true), (Vec3::new(1e-4, 0.0, 0.0), 0.0, true)]);
        assert_eq!(assign(&p, &[0, 1], &[a, b], 0.3), [Some(Assigned { crystal: 1, hkl: [5, 0, 0] }), None]);
    }
}
