//! Flags of the reflections that refinement leaves out (Brünger 1992).

use crate::geometry::UnitCell;
use crate::math::scramble_all;
use crate::spacegroup::lattice::{SubgroupOptions, metric_subgroups};
use crate::spacegroup::{AsymmetricUnit, Error, SpaceGroup};

/// Where the hash of an index starts. Another number would give other flags to the same crystal.
const FLAGS: u64 = 0x5eed_f12e_e5e7_0001;

/// Free-R flags by CCP4's convention: numbers from 0 to n − 1, each for a fraction 1/n of the reflections; 0 is the free set.
///
/// The number is a hash of the index that the reflection has in the full symmetry of the *lattice*, so that reflections which twinning or
/// pseudo-symmetry could relate are free together (else the free set would know the working set); it depends on nothing else, so that every
/// data set of a crystal form indexed alike has the same flags.
///
/// # Errors
/// When the operations of `group` are those of no point group or do not fit the cell.
pub fn free_flags(hkl: &[[i32; 3]], group: &SpaceGroup, cell: &UnitCell, fraction: f64) -> Result<Vec<u32>, Error> {
    let n = (1.0 / fraction).round().clamp(2.0, 1000.0) as u64;
    let lattice = metric_subgroups(&cell.metric(), group, &SubgroupOptions::default())?.into_iter().next();
    // Without a lattice symmetry above the crystal's own, that one must do.
    let (unit, map) = match &lattice {
        Some(highest) => (AsymmetricUnit::new(&highest.patterson)?, Some(highest.basis.hkl_map())),
        None => (AsymmetricUnit::new(group)?, None),
    };
    let key = |h: [i32; 3]| unit.map(map.as_ref().and_then(|m| m.apply(h)).unwrap_or(h)).0;
    Ok(hkl.iter().map(|h| (scramble_all(FLAGS, &key(*h)) % n) as u32).collect())
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
        let flags = free_flags(&hkl, &group, &cell, 0.05).unwrap();
        let free = flags.iter().filter(|f| **f == 0).count() as f64 / flags.len() as f64;
        assert!((free - 0.05).abs() < 0.015, "{free}");
        assert!(flags.iter().all(|f| *f < 20));
        let mates: Vec<[i32; 3]> = hkl.iter().map(|h| [h[1], h[0], -h[2]]).collect();
        assert_eq!(free_flags(&mates, &group, &cell, 0.05).unwrap(), flags);
    }
}
