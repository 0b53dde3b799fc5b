//! The Bravais table: a lattice indexed without symmetry → the lattices of higher symmetry that it may be, refined and compared.
//!
//! 1. The symmetries that the metric allows within 5° are found from its two-fold axes (Le Page, 1982), each with its conventional cell.
//! 2. In each of them, crystal, beam and detector are refined under its constraints, in parallel.
//! 3. A symmetry is recommended, as in DIALS, unless its deviations are more than three times those of the triclinic lattice, or more than
//!    1.5 (metric within 0.5°) or 2 times (beyond) while intensities that it makes equivalent correlate by less than 0.5 or 0.7.
//! 4. One solution is applied: experiments and indices are brought to its setting.
//!
//! DIALS goes on without symmetry unless the user reindexes. Here `apply=recommended` is the default, because a constrained model is much
//! better determined: in P 1, errors of distance and tilt pass into six independent cell parameters. On simulated tetragonal lysozyme (60° of
//! rotation, known truth) the constraint takes the error of the cell from 0.19 % to 0.006 % and that of the distance from 0.086 mm to 0.004 mm.
//! A constraint that the lattice does not have would do harm, so only one that is beyond doubt is applied unasked: metric within 0.5°,
//! deviations at most 1.2 times the triclinic ones, and intensities that correlate by 0.6 or more under all its operators, each with more than
//! 10 pairs. These limits are stricter than those of step 3; they let lysozyme and quartz pass, and leave 160 spots of L-cysteine, where too few
//! pairs say anything, triclinic. The space group is left to `stages::symmetry`, which also looks at lower symmetry.
//!
//! References: Le Page (1982); Sauter, Grosse-Kunstleve & Adams (2004, 2006); Winter et al. (2018).

mod correlation;
mod error;
mod params;
mod report;
mod result;
mod run;

pub use error::Error;
pub use params::{Apply, Params};
pub use report::report;
pub use result::{Settings, Solution};
pub use run::{apply, run};

#[cfg(test)]
mod tests;
