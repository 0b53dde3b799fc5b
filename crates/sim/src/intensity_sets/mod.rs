//! Integrated intensities of random crystals, with the truth beside them: how often is the right symmetry found?
//!
//! [`Trial`] draws one of the 65 space groups of chiral molecules, a cell, atoms and an experiment; [`Trial::measure`] gives what
//! integration would: every reflection that crosses the Ewald sphere while the crystal turns, with Lorentz factor, counting statistics, a
//! beam that drifts, absorption, errors of the instrument and now and then a wild value. Indices are those of a reduced cell, as of an indexing that knows
//! nothing of symmetry. Some crystals have a lattice, or a structure, that is almost of higher symmetry, and some are twins
//! ([`Kind`]). [`judge()`] compares what was found with the truth. Everything follows from one seed.

mod cells;
mod judge;
mod measure;
mod structure;
mod trial;

pub use judge::{Absences, Verdict, judge};
pub use measure::{DataSet, Sweep};
pub use trial::{Kind, Trial};

#[cfg(test)]
mod tests;
