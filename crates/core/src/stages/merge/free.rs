//! Flags of the reflections that refinement leaves out (Brünger 1992).

use crate::geometry::UnitCell;
use crate::math::scramble_all;
use crate::spacegroup::lattice::{MetricSubgroup, SubgroupOptions, metric_subgroups};
use crate::spacegroup::{AsymmetricUnit, Error, HklMap, SpaceGroup};

/// Where the hash of an index starts. Another number would give other flags to the same crystal.
const FLAGS: u64 = 0x5eed_f12e_e5e7_0001;

/// A flag for each reflection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FreeFlags {
    /// The flags.
    pub values: Vec<i32>,
    /// The value that marks the free set.
    pub free: i32,
}

/// The class of reflections that the full symmetry of a *lattice* makes equivalent.
///
/// Reflections which twinning or pseudo-symmetry could relate are to be free together, else the free set would know the working set.
pub(super) struct LatticeClass {
    unit: AsymmetricUnit,
    map: Option<HklMap>,
    highest: Option<MetricSubgroup>,
}

impl LatticeClass {
    pub(super) fn new(group: &SpaceGroup, cell: &UnitCell) -> Result<Self, Error> {
        let highest = metric_subgroups(&cell.metric(), group, &SubgroupOptions::default())?.into_iter().next();
        // Without a lattice symmetry above the crystal's own, that one must do.
        let (unit, map) = match &highest {
            Some(highest) => (AsymmetricUnit::new(&highest.patterson)?, Some(highest.basis.hkl_map())),
            None => (AsymmetricUnit::new(group)?, None),
        };
        Ok(LatticeClass { unit, map, highest })
    }

    /// The index that stands for the class of `h`.
    pub(super) fn of(&self, h: [i32; 3]) -> [i32; 3] {
        self.unit.map(self.map.as_ref().and_then(|m| m.apply(h)).unwrap_or(h)).0
    }

    /// The lattice's symmetry in the crystal's basis, where it is a symmetry of that basis.
    pub(super) fn symmetry(&self) -> Option<SpaceGroup> {
        let highest = self.highest.as_ref()?;
        highest.patterson.change_basis(&highest.basis.without_shift().inverse()).ok()
    }
}

/// A number that depends on the class alone.
pub(super) fn hash(class: [i32; 3]) -> u64 {
    scramble_all(FLAGS, &class)
}

/// Free-R flags by CCP4's convention: numbers from 0 to n − 1, each for a fraction 1/n of the reflections; 0 is the free set.
///
/// The number is a hash of the index that the reflection has in the full symmetry of the *lattice*; it depends on nothing else, so that every
/// data set of a crystal form indexed alike has the same flags.
///
/// # Errors
/// When the operations of `group` are those of no point group or do not fit the cell.
pub fn free_flags(hkl: &[[i32; 3]], group: &SpaceGroup, cell: &UnitCell, fraction: f64) -> Result<FreeFlags, Error> {
    let n = (1.0 / fraction).round().clamp(2.0, 1000.0) as u64;
    let class = LatticeClass::new(group, cell)?;
    Ok(FreeFlags { values: hkl.iter().map(|h| (hash(class.of(*h)) % n) as i32).collect(), free: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_twenty_is_free_and_twin_mates_are_free_together() {
        // P 4: a lattice of higher symmetry, P 4/mmm, whose two-fold along a + b exchanges h and k.
        let group = SpaceGroup::from_name("P 4").unwrap();
        let cell = UnitCell::new([50.0, 50.0, 70.0, 90.0, 90.0, 90.0]).unwrap();
        let hkl: Vec<[i32; 3]> = (0..8000).map(|i| [i / 400, i / 20 % 20, i % 20]).filter(|h| *h != [0; 3]).collect();
        let flags = free_flags(&hkl, &group, &cell, 0.05).unwrap().values;
        let free = flags.iter().filter(|f| **f == 0).count() as f64 / flags.len() as f64;
        assert!((free - 0.05).abs() < 0.015, "{free}");
        assert!(flags.iter().all(|f| (0..20).contains(f)));
        let mates: Vec<[i32; 3]> = hkl.iter().map(|h| [h[1], h[0], -h[2]]).collect();
        assert_eq!(free_flags(&mates, &group, &cell, 0.05).unwrap().values, flags);
    }
}
