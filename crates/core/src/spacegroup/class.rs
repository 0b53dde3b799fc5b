//! Names of what a group is: point group, Laue class, crystal system, centring.

use super::op::{IntMatrix, RotationKind};
use std::fmt;

/// The seven crystal systems. Groups with a three-fold axis are trigonal whatever their lattice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum CrystalSystem {
    Triclinic,
    Monoclinic,
    Orthorhombic,
    Tetragonal,
    Trigonal,
    Hexagonal,
    Cubic,
}

impl CrystalSystem {
    /// Letter of the crystal family in a Bravais symbol: a, m, o, t, h or c.
    pub fn family_letter(self) -> char {
        match self {
            CrystalSystem::Triclinic => 'a',
            CrystalSystem::Monoclinic => 'm',
            CrystalSystem::Orthorhombic => 'o',
            CrystalSystem::Tetragonal => 't',
            CrystalSystem::Trigonal | CrystalSystem::Hexagonal => 'h',
            CrystalSystem::Cubic => 'c',
        }
    }
}

/// The eleven Laue classes. The two orientations of −3m are one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum LaueClass {
    L1,
    L2m,
    Lmmm,
    L4m,
    L4mmm,
    L3,
    L3m,
    L6m,
    L6mmm,
    Lm3,
    Lm3m,
}

impl LaueClass {
    /// The crystal system of the class.
    pub fn crystal_system(self) -> CrystalSystem {
        match self {
            LaueClass::L1 => CrystalSystem::Triclinic,
            LaueClass::L2m => CrystalSystem::Monoclinic,
            LaueClass::Lmmm => CrystalSystem::Orthorhombic,
            LaueClass::L4m | LaueClass::L4mmm => CrystalSystem::Tetragonal,
            LaueClass::L3 | LaueClass::L3m => CrystalSystem::Trigonal,
            LaueClass::L6m | LaueClass::L6mmm => CrystalSystem::Hexagonal,
            LaueClass::Lm3 | LaueClass::Lm3m => CrystalSystem::Cubic,
        }
    }

    /// Its symbol, such as `4/mmm`.
    pub fn symbol(self) -> &'static str {
        match self {
            LaueClass::L1 => "-1",
            LaueClass::L2m => "2/m",
            LaueClass::Lmmm => "mmm",
            LaueClass::L4m => "4/m",
            LaueClass::L4mmm => "4/mmm",
            LaueClass::L3 => "-3",
            LaueClass::L3m => "-3m",
            LaueClass::L6m => "6/m",
            LaueClass::L6mmm => "6/mmm",
            LaueClass::Lm3 => "m-3",
            LaueClass::Lm3m => "m-3m",
        }
    }
}

impl fmt::Display for LaueClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

/// A crystallographic point group (one of 32), without orientation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PointGroup {
    symbol: &'static str,
    laue: LaueClass,
}

/// Counts of 2, 3, 4, 6, −1, m, −3, −4, −6 and what they mean.
const POINT_GROUPS: [([u8; 9], &str, LaueClass); 32] = [
    ([0, 0, 0, 0, 0, 0, 0, 0, 0], "1", LaueClass::L1),
    ([0, 0, 0, 0, 1, 0, 0, 0, 0], "-1", LaueClass::L1),
    ([1, 0, 0, 0, 0, 0, 0, 0, 0], "2", LaueClass::L2m),
    ([0, 0, 0, 0, 0, 1, 0, 0, 0], "m", LaueClass::L2m),
    ([1, 0, 0, 0, 1, 1, 0, 0, 0], "2/m", LaueClass::L2m),
    ([3, 0, 0, 0, 0, 0, 0, 0, 0], "222", LaueClass::Lmmm),
    ([1, 0, 0, 0, 0, 2, 0, 0, 0], "mm2", LaueClass::Lmmm),
    ([3, 0, 0, 0, 1, 3, 0, 0, 0], "mmm", LaueClass::Lmmm),
    ([1, 0, 2, 0, 0, 0, 0, 0, 0], "4", LaueClass::L4m),
    ([1, 0, 0, 0, 0, 0, 0, 2, 0], "-4", LaueClass::L4m),
    ([1, 0, 2, 0, 1, 1, 0, 2, 0], "4/m", LaueClass::L4m),
    ([5, 0, 2, 0, 0, 0, 0, 0, 0], "422", LaueClass::L4mmm),
    ([1, 0, 2, 0, 0, 4, 0, 0, 0], "4mm", LaueClass::L4mmm),
    ([3, 0, 0, 0, 0, 2, 0, 2, 0], "-42m", LaueClass::L4mmm),
    ([5, 0, 2, 0, 1, 5, 0, 2, 0], "4/mmm", LaueClass::L4mmm),
    ([0, 2, 0, 0, 0, 0, 0, 0, 0], "3", LaueClass::L3),
    ([0, 2, 0, 0, 1, 0, 2, 0, 0], "-3", LaueClass::L3),
    ([3, 2, 0, 0, 0, 0, 0, 0, 0], "32", LaueClass::L3m),
    ([0, 2, 0, 0, 0, 3, 0, 0, 0], "3m", LaueClass::L3m),
    ([3, 2, 0, 0, 1, 3, 2, 0, 0], "-3m", LaueClass::L3m),
    ([1, 2, 0, 2, 0, 0, 0, 0, 0], "6", LaueClass::L6m),
    ([0, 2, 0, 0, 0, 1, 0, 0, 2], "-6", LaueClass::L6m),
    ([1, 2, 0, 2, 1, 1, 2, 0, 2], "6/m", LaueClass::L6m),
    ([7, 2, 0, 2, 0, 0, 0, 0, 0], "622", LaueClass::L6mmm),
    ([1, 2, 0, 2, 0, 6, 0, 0, 0], "6mm", LaueClass::L6mmm),
    ([3, 2, 0, 0, 0, 4, 0, 0, 2], "-62m", LaueClass::L6mmm),
    ([7, 2, 0, 2, 1, 7, 2, 0, 2], "6/mmm", LaueClass::L6mmm),
    ([3, 8, 0, 0, 0, 0, 0, 0, 0], "23", LaueClass::Lm3),
    ([3, 8, 0, 0, 1, 3, 8, 0, 0], "m-3", LaueClass::Lm3),
    ([9, 8, 6, 0, 0, 0, 0, 0, 0], "432", LaueClass::Lm3m),
    ([3, 8, 0, 0, 0, 6, 0, 6, 0], "-43m", LaueClass::Lm3m),
    ([9, 8, 6, 0, 1, 9, 8, 6, 0], "m-3m", LaueClass::Lm3m),
];

impl PointGroup {
    /// Identifies a complete list of rotations; `None` when the counts are those of no group.
    pub fn of(rotations: &[IntMatrix]) -> Option<Self> {
        let mut counts = [0u8; 9];
        for r in rotations {
            let RotationKind { order, improper } = RotationKind::of(r);
            let slot = match (order, improper) {
                (1, false) => continue,
                (2, false) => 0,
                (3, false) => 1,
                (4, false) => 2,
                (6, false) => 3,
                (1, true) => 4,
                (2, true) => 5,
                (3, true) => 6,
                (4, true) => 7,
                (6, true) => 8,
                _ => return None,
            };
            counts[slot] = counts[slot].saturating_add(1);
        }
        POINT_GROUPS.iter().find(|(c, _, _)| *c == counts).map(|&(_, symbol, laue)| PointGroup { symbol, laue })
    }

    /// Its Hermann–Mauguin symbol, such as `422`.
    pub fn symbol(self) -> &'static str {
        self.symbol
    }

    /// The Laue class.
    pub fn laue_class(self) -> LaueClass {
        self.laue
    }
}

impl fmt::Display for PointGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol)
    }
}

/// Kind of centring of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Centring {
    P,
    A,
    B,
    C,
    I,
    F,
    /// Rhombohedral lattice on hexagonal axes, obverse.
    R,
    /// Any other set of translations (reverse R, H, multiple cells).
    Other,
}

impl Centring {
    /// Identifies a sorted list of translations in 1/24, zero first.
    pub fn of(vectors: &[[i32; 3]]) -> Self {
        match vectors {
            [_] => Centring::P,
            [_, [0, 12, 12]] => Centring::A,
            [_, [12, 0, 12]] => Centring::B,
            [_, [12, 12, 0]] => Centring::C,
            [_, [12, 12, 12]] => Centring::I,
            [_, [0, 12, 12], [12, 0, 12], [12, 12, 0]] => Centring::F,
            [_, [8, 16, 16], [16, 8, 8]] => Centring::R,
            _ => Centring::Other,
        }
    }

    /// Its letter; `?` for [`Centring::Other`].
    pub fn letter(self) -> char {
        match self {
            Centring::P => 'P',
            Centring::A => 'A',
            Centring::B => 'B',
            Centring::C => 'C',
            Centring::I => 'I',
            Centring::F => 'F',
            Centring::R => 'R',
            Centring::Other => '?',
        }
    }
}
