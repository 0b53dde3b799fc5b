//! Whether the symmetry found is that of the crystal.

use super::{DataSet, Trial};
use ewald_core::spacegroup::{AsymmetricUnit, IDENTITY, SpaceGroup, SymOp, axis};
use ewald_core::stages::symmetry::Output;
use std::collections::HashMap;

/// How the space group that was found compares with the true one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absences {
    /// Equal, or its mirror image, or another that has the same absent reflections.
    Right,
    /// Another, but no reflection was recorded that could tell.
    NotObservable,
    /// Another, against what was recorded.
    Wrong,
}

/// What became of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The Laue group is right, with its axes where they are.
    pub laue_right: bool,
    /// The space group.
    pub absences: Absences,
}

/// Indices to which absences are compared.
const BOX: i32 = 13;
/// I/σ of a reflection that is certainly there.
const CERTAIN: f64 = 5.0;
/// Forbidden reflections that were recorded, below which nothing follows from them.
const FORBIDDEN: usize = 2;

/// Compares what was found from `data` (of one sweep, or of several indexed as the first) with the truth.
pub fn judge(trial: &Trial, data: &DataSet, found: &Output) -> Verdict {
    let conventional = found.experiments.crystals.first().and_then(|c| SpaceGroup::from_hall(&c.hall_symbol).ok());
    let back = found.laue_group().reindex.inverse();
    let Some(group) = conventional.and_then(|g| g.change_basis(&back).ok()) else {
        return Verdict { laue_right: false, absences: Absences::Wrong };
    };
    let laue_right = group.patterson() == trial.group.patterson();
    Verdict { laue_right, absences: if laue_right { absences(trial, data, &group) } else { Absences::Wrong } }
}

fn absences(trial: &Trial, data: &DataSet, found: &SpaceGroup) -> Absences {
    let truth = &trial.group;
    let range = -BOX..=BOX;
    let mut all = range.clone().flat_map(|h| range.clone().flat_map(move |k| (-BOX..=BOX).map(move |l| [h, k, l])));
    if all.all(|h| truth.is_absent(h) == found.is_absent(h)) {
        return Absences::Right;
    }
    // Reflections along the axes, merged over the point group.
    let Ok(unit) = AsymmetricUnit::new(truth) else { return Absences::Wrong };
    let table = &data.reflections;
    let mut merged: HashMap<[i32; 3], (f64, f64)> = HashMap::new();
    for row in 0..table.len() {
        let (i, v) = (table.i_prf[row] * table.lp[row], table.var_prf[row] * table.lp[row] * table.lp[row]);
        let sums = merged.entry(unit.map(table.hkl[row]).0).or_default();
        *sums = (sums.0 + 1.0 / v, sums.1 + i / v);
    }
    // In a twin, what one crystal forbids the other may allow.
    let law = trial.relation.filter(|_| trial.twin_fraction > 0.0).map(SymOp::from_rotation);
    let dark = |h: [i32; 3]| truth.is_absent(h) && law.is_none_or(|l| truth.is_absent(l.apply_to_hkl(h)));
    let significance = |h: [i32; 3]| merged.get(&h).map(|(w, wi)| wi / w.sqrt());
    let directions: Vec<[i32; 3]> = truth.rotations().iter().filter(|r| **r != IDENTITY).map(reciprocal_axis).collect();
    for direction in directions {
        let along: Vec<[i32; 3]> = (1..=60).map(|n| unit.map(direction.map(|v| n * v)).0).filter(|h| merged.contains_key(h)).collect();
        let strong = |h: &[i32; 3]| significance(*h).is_some_and(|s| s > CERTAIN);
        if along.iter().any(|h| !truth.is_absent(*h) && found.is_absent(*h) && strong(h)) {
            return Absences::Wrong;
        }
        let forbidden = along.iter().filter(|h| dark(**h) && !found.is_absent(**h)).count();
        let allowed = along.iter().filter(|h| !truth.is_absent(**h) && strong(h)).count();
        if forbidden >= FORBIDDEN && allowed >= FORBIDDEN {
            return Absences::Wrong;
        }
    }
    Absences::NotObservable
}

/// The shortest reflection along the axis of a rotation: the axis of its action on indices.
fn reciprocal_axis(rotation: &[[i32; 3]; 3]) -> [i32; 3] {
    let transposed = std::array::from_fn(|i| std::array::from_fn(|j| rotation[j][i]));
    axis(&SymOp::from_rotation(transposed).rotation)
}
