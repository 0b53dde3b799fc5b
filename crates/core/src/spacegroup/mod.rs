//! Space groups: operations, names, reflections, changes of basis and lattice symmetry.
//!
//! - [`SymOp`]: x′ = W·x + w with integral W and w in 1/24; on indices h′ = h·W
//! - [`SpaceGroup`]: the operations of a group in some setting, from a Hall symbol
//!   ([`SpaceGroup::from_hall`]), a name ([`SpaceGroup::from_name`]), a number or a list
//! - [`table`]: the named settings ([`Setting`]) of the 230 groups
//! - [`AsymmetricUnit`]: unique indices and ISYM as MTZ files have them
//! - [`ChangeOfBasis`]: axes, indices, cells, setting matrices and operations in another basis
//! - [`lattice`]: reduced cells, metric symmetry and its subgroups (the Bravais table)
//! - [`constraints`]: metric tensors, cells averaged over a group
//!
//! Cells enter as metric tensors G (Å², Gᵢⱼ = aᵢ·aⱼ), so no frame is involved.
//!
//! References: Hall (1981), Hall & Grosse-Kunstleve (2001, International Tables B A1.4), Le Page
//! (1982), Křivý & Gruber (1976), Grosse-Kunstleve, Sauter & Adams (2004).

mod asu;
mod basis;
mod class;
pub mod constraints;
mod group;
pub mod hall;
pub mod lattice;
mod op;
mod primitive;
mod reflections;
pub mod table;
mod triplet;

pub use asu::AsymmetricUnit;
pub use basis::{ChangeOfBasis, HklMap};
pub use class::{Centring, CrystalSystem, LaueClass, PointGroup};
pub use group::SpaceGroup;
pub use op::{IDENTITY, IntMatrix, RotationKind, SymOp, TRANSLATION_DENOMINATOR, axis};
pub use table::Setting;

/// What can be wrong with a symbol, operator or cell.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text that is no operator.
    #[error("operator \"{text}\": {reason}; expected something like x,y,z+1/2 or a+b,a-b,-c")]
    Triplet {
        /// The text.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Text that is no Hall symbol.
    #[error("Hall symbol \"{symbol}\": {reason}")]
    Hall {
        /// The text.
        symbol: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// No such name.
    #[error("there is no space group \"{name}\"; give a number from 1 to 230 or a symbol like P 43 21 2")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// Operations that are not closed.
    #[error("the symmetry operations form no crystallographic group")]
    NotAGroup,
    /// Coplanar axes.
    #[error("the new axes lie in one plane")]
    SingularBasis,
    /// A change of basis that the group does not survive.
    #[error("the change of basis {operator} does not keep this space group's lattice")]
    BasisNotAllowed {
        /// The operator.
        operator: String,
    },
    /// A cell that is no cell.
    #[error("a unit cell with volume {volume:.3} Å³ and edges {edges:?} Å cannot be reduced")]
    BadCell {
        /// Å³ (0 when it has none).
        volume: f64,
        /// Å.
        edges: [f64; 3],
    },
}
