use super::Shells;
use crate::geometry::UnitCell;
use crate::job::parallel;
use crate::spacegroup::{AsymmetricUnit, SpaceGroup};

/// How many unique reflections each shell could hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Possible {
    /// Unique reflections, systematic absences left out.
    pub unique: Vec<u64>,
    /// Those among them that are acentric, so that they have a Friedel mate of their own.
    pub acentric: Vec<u64>,
}

/// More lattice points than this within the limiting sphere are not counted: no diffraction experiment has them.
const MOST_POINTS: f64 = 2e9;

/// Counts the unique reflections of a crystal in each shell. `None` when the asymmetric unit is unknown or the numbers are absurd.
pub fn possible(group: &SpaceGroup, cell: &UnitCell, shells: &Shells) -> Option<Possible> {
    let asu = AsymmetricUnit::new(group).ok()?;
    let g = cell.reciprocal_metric()?;
    let [d_max, d_min] = shells.range();
    let sphere = 4.0 / 3.0 * core::f64::consts::PI * cell.volume() / (d_min * d_min * d_min);
    if !sphere.is_finite() || sphere > MOST_POINTS {
        return None;
    }
    // |h| ≤ a/d for every index, whatever the angles: h = a·s.
    let limit = cell.lengths.map(|a| (a / d_min) as i32 + 1);
    let (low, high) = (1.0 / (d_max * d_max), 1.0 / (d_min * d_min));
    let of_h = |i: usize| {
        let h = i as i32 - limit[0];
        let (mut unique, mut acentric) = (vec![0; shells.len()], vec![0; shells.len()]);
        for k in -limit[1]..=limit[1] {
            // 1/d² = c + b·l + a·l² along the row.
            let (hf, kf) = (h as f64, k as f64);
            let c = g.m11 * hf * hf + g.m22 * kf * kf + 2.0 * g.m12 * hf * kf;
            let b = 2.0 * (g.m13 * hf + g.m23 * kf);
            let a = g.m33;
            let discriminant = b * b - 4.0 * a * (c - high);
            if discriminant < 0.0 {
                continue;
            }
            let root = discriminant.sqrt();
            let first = ((-b - root) / (2.0 * a)).floor() as i32;
            let last = ((-b + root) / (2.0 * a)).ceil() as i32;
            for l in first..=last {
                let lf = l as f64;
                let q = c + b * lf + a * lf * lf;
                if q < low || q > high || (h, k, l) == (0, 0, 0) || !asu.contains([h, k, l]) {
                    continue;
                }
                let Some(shell) = shells.index(1.0 / q.sqrt()) else { continue };
                if group.is_absent([h, k, l]) {
                    continue;
                }
                unique[shell] += 1;
                acentric[shell] += u64::from(!group.is_centric([h, k, l]));
            }
        }
        (unique, acentric)
    };
    let rows = parallel::map(2 * limit[0] as usize + 1, of_h);
    let mut out = Possible { unique: vec![0; shells.len()], acentric: vec![0; shells.len()] };
    for (unique, acentric) in rows {
        for i in 0..shells.len() {
            out.unique[i] += unique[i];
            out.acentric[i] += acentric[i];
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_plain_enumeration() {
        let cell = UnitCell::new([8.0, 9.0, 11.0, 90.0, 103.0, 90.0]).unwrap();
        let group = SpaceGroup::from_name("P 1 21 1").unwrap();
        let shells = Shells::new(50.0, 1.1, 4);
        let found = possible(&group, &cell, &shells).unwrap();
        let asu = AsymmetricUnit::new(&group).unwrap();
        let mut expected = vec![0u64; 4];
        for h in -10..=10 {
            for k in -10..=10 {
                for l in -12..=12 {
                    let hkl = [h, k, l];
                    let present = hkl != [0; 3] && asu.contains(hkl) && !group.is_absent(hkl);
                    if let Some(i) = shells.index(cell.d(hkl)).filter(|_| present) {
                        expected[i] += 1;
                    }
                }
            }
        }
        assert_eq!(found.unique, expected);
        assert!(found.acentric.iter().zip(&found.unique).all(|(a, u)| a <= u));
    }
}
