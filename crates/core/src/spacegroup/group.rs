//! Space groups as explicit lists of operations.

use super::Error;
use super::basis::ChangeOfBasis;
use super::class::{Centring, CrystalSystem, LaueClass, PointGroup};
use super::op::{IDENTITY, IntMatrix, SymOp, negate};
use std::collections::HashSet;

/// Most operations that a space group in a sensible setting has (F m −3 m: 192), with room
/// for non-standard centred settings.
const MAX_OPERATIONS: usize = 1200;

/// A space group in some setting.
///
/// Holds one operation for each rotation (the identity first) and the centring translations
/// (zero first); the whole group is their product. Two groups are equal when they have the same
/// operations, whatever the order.
#[derive(Debug, Clone)]
pub struct SpaceGroup {
    ops: Vec<SymOp>,
    centring: Vec<[i32; 3]>,
}

impl SpaceGroup {
    /// P 1.
    pub fn p1() -> Self {
        SpaceGroup { ops: vec![SymOp::IDENTITY], centring: vec![[0; 3]] }
    }

    /// The group that `generators` generate together with the lattice translations.
    ///
    /// # Errors
    /// [`Error::NotAGroup`] when no finite group comes out.
    pub fn from_generators(generators: &[SymOp]) -> Result<Self, Error> {
        let mut all = vec![SymOp::IDENTITY];
        let mut known: HashSet<SymOp> = HashSet::from([SymOp::IDENTITY]);
        let mut next = 0;
        while next < all.len() {
            let op = all[next];
            next += 1;
            for g in generators {
                if g.kind().order == 0 {
                    return Err(Error::NotAGroup);
                }
                let new = g.after(&op).wrapped();
                if new.rotation.iter().flatten().any(|v| v.abs() > 100) {
                    return Err(Error::NotAGroup);
                }
                if known.insert(new) {
                    all.push(new);
                    if all.len() > MAX_OPERATIONS {
                        return Err(Error::NotAGroup);
                    }
                }
            }
        }
        Ok(Self::from_all(&all))
    }

    /// Splits a complete list of operations (identity among them).
    fn from_all(all: &[SymOp]) -> Self {
        let mut centring: Vec<[i32; 3]> = all.iter().filter(|op| op.rotation == IDENTITY).map(|op| op.translation).collect();
        centring.sort_unstable();
        let mut ops: Vec<SymOp> = Vec::new();
        let mut seen: HashSet<IntMatrix> = HashSet::new();
        for op in std::iter::once(&SymOp::IDENTITY).chain(all) {
            if seen.insert(op.rotation) {
                ops.push(*op);
            }
        }
        SpaceGroup { ops, centring }
    }

    /// Parses a Hall symbol. See [`super::hall::parse`].
    pub fn from_hall(symbol: &str) -> Result<Self, Error> {
        super::hall::parse(symbol)
    }

    /// The group of a list such as the symmetry records of an MTZ file, in that order.
    ///
    /// # Errors
    /// [`Error::NotAGroup`] when the list is empty or not closed under multiplication.
    pub fn from_ops(list: &[SymOp]) -> Result<Self, Error> {
        let list: Vec<SymOp> = list.iter().map(|op| op.wrapped()).collect();
        let group = Self::from_generators(&list)?;
        if list.is_empty() || group.order() != list.len() {
            return Err(Error::NotAGroup);
        }
        Ok(Self::from_all(&list))
    }

    /// One operation for each rotation, the identity first.
    pub fn ops(&self) -> &[SymOp] {
        &self.ops
    }

    /// Centring translations in 1/24, zero first.
    pub fn centring_vectors(&self) -> &[[i32; 3]] {
        &self.centring
    }

    /// Every operation of the cell: [`ops`](Self::ops), then the same with each further centring.
    pub fn all_ops(&self) -> impl Iterator<Item = SymOp> + '_ {
        self.centring.iter().flat_map(move |c| {
            self.ops
                .iter()
                .map(move |op| SymOp { rotation: op.rotation, translation: std::array::from_fn(|i| op.translation[i] + c[i]) }.wrapped())
        })
    }

    /// Number of operations in the cell.
    pub fn order(&self) -> usize {
        self.ops.len() * self.centring.len()
    }

    /// Whether `op` (translation modulo the lattice) belongs to the group.
    pub fn contains(&self, op: &SymOp) -> bool {
        let op = op.wrapped();
        self.all_ops().any(|o| o == op)
    }

    /// Whether some operation has this rotation part.
    pub fn has_rotation(&self, rotation: &IntMatrix) -> bool {
        self.ops.iter().any(|op| op.rotation == *rotation)
    }

    /// Sorted operations: equal for equal groups.
    pub(super) fn canonical(&self) -> Vec<SymOp> {
        let mut all: Vec<SymOp> = self.all_ops().collect();
        all.sort_unstable();
        all
    }

    /// The group in another basis. Centring translations appear when the cell grows and vanish
    /// when it shrinks.
    ///
    /// # Errors
    /// [`Error::BasisNotAllowed`] when an operation has no integral form in the new basis.
    pub fn change_basis(&self, basis: &ChangeOfBasis) -> Result<Self, Error> {
        let not_allowed = || Error::BasisNotAllowed { operator: basis.to_string() };
        let mut generators = Vec::new();
        for op in &self.ops {
            generators.push(basis.op(op).ok_or_else(not_allowed)?);
        }
        let edges = [[24, 0, 0], [0, 24, 0], [0, 0, 24]];
        for v in self.centring.iter().chain(&edges) {
            let translation = basis.translation(*v).ok_or_else(not_allowed)?;
            if translation != [0; 3] {
                generators.push(SymOp { rotation: IDENTITY, translation });
            }
        }
        Self::from_generators(&generators).map_err(|_| not_allowed())
    }

    /// Rotations without translations, lattice without centring: the point group as operators.
    pub fn rotations(&self) -> Vec<IntMatrix> {
        self.ops.iter().map(|op| op.rotation).collect()
    }

    /// The group of proper rotations without screws, same centring (P 41 21 2 → P 4 2 2,
    /// P m m m → P 2 2 2).
    pub fn derived_acentric(&self) -> Self {
        let ops = self.ops.iter().filter(|op| !op.kind().improper).map(|op| SymOp::from_rotation(op.rotation)).collect();
        SpaceGroup { ops, centring: self.centring.clone() }
    }

    /// Rotations without translations, same centring (P 41 21 2 → P 4 2 2).
    pub fn derived_point_group(&self) -> Self {
        let ops = self.ops.iter().map(|op| SymOp::from_rotation(op.rotation)).collect();
        SpaceGroup { ops, centring: self.centring.clone() }
    }

    /// Rotations without translations and a centre of inversion, same centring: the symmetry of
    /// the Patterson function (P 41 21 2 → P 4/m m m).
    pub fn patterson(&self) -> Self {
        let mut group = self.derived_point_group();
        let inversion = negate(&IDENTITY);
        if !group.has_rotation(&inversion) {
            let inverted: Vec<SymOp> = group.ops.iter().map(|op| SymOp::from_rotation(negate(&op.rotation))).collect();
            group.ops.extend(inverted);
        }
        group
    }

    /// Whether the group has a centre of inversion.
    pub fn is_centrosymmetric(&self) -> bool {
        self.has_rotation(&negate(&IDENTITY))
    }

    /// Whether a crystal of one hand can have this symmetry: proper rotations and screws only
    /// (the 65 Sohncke groups).
    pub fn is_chiral(&self) -> bool {
        self.ops.iter().all(|op| !op.kind().improper)
    }

    /// The point group, or `None` for operations that form none.
    pub fn point_group(&self) -> Option<PointGroup> {
        PointGroup::of(&self.rotations())
    }

    /// The Laue class, or `None` for operations that form no point group.
    pub fn laue_class(&self) -> Option<LaueClass> {
        self.point_group().map(|g| g.laue_class())
    }

    /// The crystal system.
    pub fn crystal_system(&self) -> CrystalSystem {
        self.laue_class().map_or(CrystalSystem::Triclinic, |l| l.crystal_system())
    }

    /// The kind of centring.
    pub fn centring(&self) -> Centring {
        Centring::of(&self.centring)
    }

    /// Change of basis from this setting to a primitive one.
    pub fn to_primitive(&self) -> ChangeOfBasis {
        super::primitive::to_primitive(&self.centring)
    }

    /// The same group seen in a mirror (through the origin): P 41 → P 43.
    pub fn mirrored(&self) -> Self {
        let ops = self.ops.iter().map(|op| SymOp { rotation: op.rotation, translation: op.translation.map(|t| -t) }.wrapped()).collect();
        SpaceGroup { ops, centring: self.centring.clone() }
    }
}

impl PartialEq for SpaceGroup {
    fn eq(&self, other: &Self) -> bool {
        self.ops.len() == other.ops.len() && self.centring == other.centring && self.canonical() == other.canonical()
    }
}

impl Eq for SpaceGroup {}
