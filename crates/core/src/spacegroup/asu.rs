//! Asymmetric units of reciprocal space, as CCP4 programs and gemmi choose them.

use super::Error;
use super::basis::{ChangeOfBasis, HklMap};
use super::class::LaueClass;
use super::group::SpaceGroup;
use super::op::{IntMatrix, SymOp, apply_row, multiply};

/// The shapes of the CCP4 asymmetric units, for reference settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// −1.
    Triclinic,
    /// 2/m, unique axis b.
    Monoclinic,
    /// mmm.
    Orthorhombic,
    /// 4/m and 6/m.
    FourOrSix,
    /// 4/mmm and 6/mmm.
    FourOrSixMm,
    /// −3.
    Three,
    /// −31m.
    Three1m,
    /// −3m1 and R −3m on hexagonal axes.
    ThreeM1,
    /// m−3.
    CubicLow,
    /// m−3m.
    CubicHigh,
}

impl Shape {
    /// Whether `[h, k, l]` lies inside.
    fn contains(self, [h, k, l]: [i32; 3]) -> bool {
        match self {
            Shape::Triclinic => l > 0 || (l == 0 && (h > 0 || (h == 0 && k >= 0))),
            Shape::Monoclinic => k >= 0 && (l > 0 || (l == 0 && h >= 0)),
            Shape::Orthorhombic => h >= 0 && k >= 0 && l >= 0,
            Shape::FourOrSix => l >= 0 && ((h >= 0 && k > 0) || (h == 0 && k == 0)),
            Shape::FourOrSixMm => h >= k && k >= 0 && l >= 0,
            Shape::Three => (h >= 0 && k > 0) || (h == 0 && k == 0 && l >= 0),
            Shape::Three1m => h >= k && k >= 0 && (k > 0 || l >= 0),
            Shape::ThreeM1 => h >= k && k >= 0 && (h > k || l >= 0),
            Shape::CubicLow => h >= 0 && ((l >= h && k > h) || (l == h && k == h)),
            Shape::CubicHigh => k >= l && l >= h && h >= 0,
        }
    }
}

/// Maps Miller indices into the asymmetric unit of reciprocal space.
///
/// ISYM numbers follow MTZ: 2i − 1 when operation i (counted from 1 in the order of
/// [`SpaceGroup::ops`]) takes the given index to the unique one, 2i when it takes it to minus the
/// unique one. In both cases `unique` = ±h·Wᵢ.
#[derive(Debug, Clone)]
pub struct AsymmetricUnit {
    shape: Shape,
    /// Reference setting's indices from this setting's; `None` when the same.
    to_reference: Option<HklMap>,
    rotations: Vec<IntMatrix>,
}

impl AsymmetricUnit {
    /// The asymmetric unit of a group.
    ///
    /// For a named setting, that of the reference setting turned back (as gemmi does). A setting
    /// without a name has its units defined through its Laue group's conventional axes.
    ///
    /// # Errors
    /// [`Error::NotAGroup`] when the operations are those of no point group.
    pub fn new(group: &SpaceGroup) -> Result<Self, Error> {
        let laue = group.laue_class().ok_or(Error::NotAGroup)?;
        let (reference, to_reference) = match group.setting() {
            Some(setting) => {
                let reference = super::table::by_number(setting.number).ok_or(Error::NotAGroup)?;
                (reference.group(), setting.to_reference().without_shift())
            }
            None => {
                let axes = super::lattice::conventional_axes(group)?;
                (group.derived_point_group().change_basis(&axes)?, axes)
            }
        };
        let shape = match laue {
            LaueClass::L1 => Shape::Triclinic,
            LaueClass::L2m => Shape::Monoclinic,
            LaueClass::Lmmm => Shape::Orthorhombic,
            LaueClass::L4m | LaueClass::L6m => Shape::FourOrSix,
            LaueClass::L4mmm | LaueClass::L6mmm => Shape::FourOrSixMm,
            LaueClass::L3 => Shape::Three,
            // A two-fold (or the normal of a mirror) along a means −3m1.
            LaueClass::L3m => {
                let along_a = SymOp::parse("x-y,-y,-z")?.rotation;
                let negative = super::op::negate(&along_a);
                if reference.has_rotation(&along_a) || reference.has_rotation(&negative) { Shape::ThreeM1 } else { Shape::Three1m }
            }
            LaueClass::Lm3 => Shape::CubicLow,
            LaueClass::Lm3m => Shape::CubicHigh,
        };
        Ok(AsymmetricUnit {
            shape,
            to_reference: (to_reference != ChangeOfBasis::IDENTITY).then(|| to_reference.hkl_map()),
            rotations: group.rotations(),
        })
    }

    /// Whether `hkl` lies in the asymmetric unit.
    pub fn contains(&self, hkl: [i32; 3]) -> bool {
        match &self.to_reference {
            None => self.shape.contains(hkl),
            // An index that a smaller reference cell does not have is absent in any case; treat
            // it as its double to have an answer for it.
            Some(map) => {
                let scaled = (1..=24).find_map(|n| map.apply(hkl.map(|v| v.saturating_mul(n))));
                scaled.is_some_and(|h| self.shape.contains(h))
            }
        }
    }

    /// The equivalent of `hkl` in the asymmetric unit and its ISYM (see the type).
    pub fn map(&self, hkl: [i32; 3]) -> ([i32; 3], i32) {
        for (i, rotation) in self.rotations.iter().enumerate() {
            let equivalent = apply_row(hkl, rotation);
            if self.contains(equivalent) {
                return (equivalent, 2 * i as i32 + 1);
            }
            let friedel = equivalent.map(|v| -v);
            if self.contains(friedel) {
                return (friedel, 2 * i as i32 + 2);
            }
        }
        // Every shape meets every orbit (tested on all settings); 0 marks the impossible.
        (hkl, 0)
    }

    /// The original index from a unique one and its ISYM; `None` for an ISYM out of range.
    pub fn original(&self, unique: [i32; 3], isym: i32) -> Option<[i32; 3]> {
        let index = usize::try_from(isym.checked_sub(1)?).ok()? / 2;
        let rotation = self.rotations.get(index)?;
        let inverse = SymOp::from_rotation(*rotation).inverse().rotation;
        debug_assert_eq!(multiply(rotation, &inverse), super::op::IDENTITY);
        let hkl = apply_row(unique, &inverse);
        Some(if isym % 2 == 0 { hkl.map(|v| -v) } else { hkl })
    }
}
