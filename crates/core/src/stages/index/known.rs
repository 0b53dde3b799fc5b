//! Known unit cell and space group: lattices that cannot have them are passed over, the others get their setting and constraints.

use super::{Error, Params};
use crate::geometry::UnitCell;
use crate::math::Mat3;
use crate::spacegroup::constraints::{cell_from_metric, constrained_setting_matrix, metric_from_setting_matrix, symmetrised};
use crate::spacegroup::lattice::{self, SubgroupOptions, metric_subgroups};
use crate::spacegroup::{ChangeOfBasis, IntMatrix, Setting, SpaceGroup, table};

/// What the user knows of the crystal.
pub struct Known {
    setting: &'static Setting,
    group: SpaceGroup,
    cell: Option<UnitCell>,
    max_delta: f64,
    relative_length: f64,
    angle_deg: f64,
    /// Changes of basis that leave the lattice and the Laue group of the setting as they are: its possible choices of axes.
    choices: Vec<ChangeOfBasis>,
}

impl Known {
    /// `None` when neither cell nor space group is given. A cell alone is taken as that of a triclinic crystal.
    pub fn from_params(p: &Params) -> Result<Option<Self>, Error> {
        if p.unit_cell.is_none() && p.space_group.is_none() {
            return Ok(None);
        }
        let bad = |field, reason: String| Error::Contradiction { field, reason };
        let setting = table::by_name(p.space_group.as_deref().unwrap_or("P 1")).map_err(|e| bad("space_group", e.to_string()))?;
        let group = setting.group();
        let cell = match p.unit_cell {
            Some(c) => Some(UnitCell::new(c).map_err(|e| bad("unit_cell", e.to_string()))?),
            None => None,
        };
        if let Some(cell) = &cell {
            let mean = cell_from_metric(&symmetrised(&cell.metric(), &group.rotations()));
            let given = cell.parameters();
            if (0..6).any(|i| (mean[i] - given[i]).abs() > 0.02 * given[i]) {
                let reason = format!("{cell} does not have the symmetry of {}, which needs a cell like {:.2?}", setting.symbol(), mean);
                return Err(bad("unit_cell", reason));
            }
        }
        let choices = match cell {
            Some(_) => choices(&group),
            None => vec![ChangeOfBasis::IDENTITY],
        };
        Ok(Some(Known {
            setting,
            group,
            cell,
            max_delta: p.max_delta,
            relative_length: p.relative_length_tolerance,
            angle_deg: p.absolute_angle_tolerance,
            choices,
        }))
    }

    /// The reduced primitive cell of the known one.
    pub fn primitive_cell(&self) -> Option<UnitCell> {
        let primitive = self.group.to_primitive().metric(&self.cell?.metric());
        let reduce = lattice::niggli_cell(&primitive).ok()?;
        Some(UnitCell::from_metric(&reduce.metric(&primitive)))
    }

    /// Longest edge (Å) of the primitive cell of the known one.
    pub fn longest_primitive_edge(&self) -> Option<f64> {
        Some(self.primitive_cell()?.longest_edge())
    }

    /// Hall symbol for the crystal.
    pub fn hall_symbol(&self) -> String {
        self.setting.hall_symbol()
    }

    /// Whether an index is absent because of the centring of the setting.
    pub fn is_absent(&self, hkl: [i32; 3]) -> bool {
        self.group.is_absent_by_centring(hkl)
    }

    /// As a phrase for messages.
    pub fn phrase(&self) -> String {
        match &self.cell {
            Some(cell) if self.group.rotations().len() == 1 => format!(" with the cell {cell}"),
            Some(cell) => format!(" with {} and the cell {cell}", self.setting.symbol()),
            None => format!(" with {}", self.setting.symbol()),
        }
    }

    /// The lattice of `a_matrix` (a primitive cell) on the axes of the known setting, with the metric of its symmetry. `None` when its metric
    /// does not allow the symmetry, or no choice of axes comes near the known cell.
    pub fn apply(&self, a_matrix: &Mat3) -> Option<Mat3> {
        let metric = metric_from_setting_matrix(a_matrix)?;
        let options = SubgroupOptions { max_delta_deg: self.max_delta, bravais_types_only: true, best_monoclinic_beta: false };
        let subgroups = metric_subgroups(&metric, &SpaceGroup::p1(), &options).ok()?;
        let from_reference = self.setting.to_reference().inverse().without_shift();
        let bravais = self.setting.bravais();
        let mut best: Option<(f64, Mat3)> = None;
        for subgroup in subgroups.iter().filter(|s| s.bravais == bravais) {
            let Some(best_setting) = table::identify(&subgroup.patterson) else { continue };
            let to_user = subgroup.basis.then(&best_setting.to_reference().without_shift()).then(&from_reference);
            for choice in &self.choices {
                let basis = to_user.then(choice);
                let in_setting = basis.metric(&metric);
                let score = match &self.cell {
                    None => subgroup.max_delta_deg,
                    Some(cell) => match self.distance(&UnitCell::from_metric(&in_setting), cell) {
                        Some(distance) => distance,
                        None => continue,
                    },
                };
                if best.as_ref().is_none_or(|b| score < b.0) {
                    best = Some((score, basis.setting_matrix(a_matrix)));
                }
            }
        }
        best.and_then(|(_, a)| constrained_setting_matrix(&a, &self.group.rotations()))
    }

    /// How far a cell is from the known one, in units of the tolerances; `None` beyond them.
    fn distance(&self, cell: &UnitCell, known: &UnitCell) -> Option<f64> {
        let mut worst = 0.0f64;
        let mut sum = 0.0;
        for i in 0..3 {
            let (a, b) = (cell.lengths[i], known.lengths[i]);
            let length = (a - b).abs() / a.max(b) / self.relative_length;
            let angle = (cell.angles_deg[i] - known.angles_deg[i]).abs() / self.angle_deg;
            worst = worst.max(length).max(angle);
            sum += length + angle;
        }
        (worst <= 1.0).then_some(sum)
    }
}

/// Changes of basis with axes −1, 0, 1 of the old ones that keep the hand, the centring and the Laue group; the identity first.
fn choices(group: &SpaceGroup) -> Vec<ChangeOfBasis> {
    let patterson = group.patterson();
    let mut list = vec![ChangeOfBasis::IDENTITY];
    for code in 0..3i32.pow(9) {
        let digit = |n: usize| code / 3i32.pow(n as u32) % 3 - 1;
        let axes: IntMatrix = core::array::from_fn(|i| core::array::from_fn(|j| digit(3 * i + j)));
        let Ok(basis) = ChangeOfBasis::from_axes(&axes) else { continue };
        if (basis.volume_ratio() - 1.0).abs() < 1e-9 && !basis.is_identity() && patterson.change_basis(&basis).is_ok_and(|g| g == patterson)
        {
            list.push(basis);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;
    use crate::math::{Vec3, rotation};

    fn lattice_of(cell: [f64; 6], group: &str) -> Mat3 {
        let u = rotation(&Vec3::new(0.2, -0.4, 1.0).normalize(), 1.3);
        let a = u * UnitCell::new(cell).unwrap().b_matrix();
        let primitive = SpaceGroup::from_name(group).unwrap().to_primitive().setting_matrix(&a);
        cells::reduced(&primitive).unwrap()
    }

    fn known(cell: Option<[f64; 6]>, group: Option<&str>) -> Known {
        let p = Params { unit_cell: cell, space_group: group.map(str::to_owned), ..Params::default() };
        Known::from_params(&p).unwrap().unwrap()
    }

    #[test]
    fn lattices_get_the_setting_and_the_constraints_asked_for() {
        let t = |cell: [f64; 6], group: &str, with_cell: bool| {
            // A slightly wrong cell without symmetry.
            let mut a = lattice_of(cell, group);
            a[(0, 1)] *= 1.002;
            let k = known(with_cell.then_some(cell), Some(group));
            let got = cells::cell(&k.apply(&a).unwrap_or_else(|| panic!("{group}"))).unwrap().parameters();
            for i in 0..6 {
                assert!((got[i] / cell[i] - 1.0).abs() < 0.01, "{group} {got:?}");
            }
        };
        t([37.9, 79.1, 79.1, 90.0, 90.0, 90.0].map(|x| x), "P 2 2 2", true);
        t([79.1, 79.1, 37.9, 90.0, 90.0, 90.0], "P 43 21 2", false);
        t([79.1, 79.1, 37.9, 90.0, 90.0, 90.0], "P43212", true);
        t([78.0, 78.0, 78.0, 90.0, 90.0, 90.0], "I 21 3", false);
        t([60.0, 60.0, 110.0, 90.0, 90.0, 120.0], "R 3 2 :H", false);
        t([60.0, 40.0, 55.0, 90.0, 112.0, 90.0], "C 1 2 1", true);
        t([60.0, 40.0, 55.0, 90.0, 100.0, 90.0], "P 1 21 1", true);
        t([12.0, 5.4, 8.1, 90.0, 90.0, 90.0], "P 21 21 21", true);
        t([10.0, 11.0, 14.0, 83.0, 95.0, 101.0], "P 1", true);
        t([50.0, 80.0, 120.0, 90.0, 90.0, 90.0], "F 2 2 2", false);
    }

    #[test]
    fn other_lattices_are_passed_over() {
        let a = lattice_of([37.9, 45.0, 79.1, 90.0, 90.0, 90.0], "P 2 2 2");
        assert_eq!(known(None, Some("P 43 21 2")).apply(&a), None);
        assert_eq!(known(Some([37.9, 45.0, 92.0, 90.0, 90.0, 90.0]), Some("P 2 2 2")).apply(&a), None);
        assert!(known(Some([45.0, 37.9, 79.1, 90.0, 90.0, 90.0]), None).apply(&a).is_some());
        let p = |cell, group: &str| Params { unit_cell: cell, space_group: Some(group.to_owned()), ..Params::default() };
        assert!(Known::from_params(&p(None, "P 9")).is_err());
        assert!(Known::from_params(&p(Some([37.9, 45.0, 79.1, 90.0, 90.0, 90.0]), "P 4")).is_err());
        let edge = known(Some([78.0, 78.0, 78.0, 90.0, 90.0, 90.0]), Some("I 2 3")).longest_primitive_edge().unwrap();
        assert!((edge - 78.0 * 0.75f64.sqrt()).abs() < 1e-6);
    }
}
