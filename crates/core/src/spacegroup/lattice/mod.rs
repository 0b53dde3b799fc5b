//! Lattice symmetry: reduced cells, two-fold axes of the metric, the subgroups and their cells.
//!
//! From the metric tensor of any primitive cell,
//!
//! 1. [`minimum_cell`] or [`niggli_cell`]: a reduced cell and the change of basis to it
//! 2. [`two_folds`]: the two-fold rotations that the reduced cell allows within an angle
//!    (Le Page 1982)
//! 3. [`lattice_group`]: the group they generate
//! 4. [`metric_subgroups`]: each Laue subgroup with its conventional ("best") cell, Bravais type and
//!    misfit: the rows of the Bravais table, and the candidates of the Laue-group analysis
//!
//! Angles are in degrees here because they are tolerances meant for people.

mod conventional;
mod reduction;
mod subgroups;
mod two_fold;

pub(super) use conventional::conventional_axes;
pub use conventional::{Conventional, conventional_cell};
pub use reduction::{minimum_cell, niggli_cell};
pub use subgroups::{MetricSubgroup, SubgroupOptions, lattice_group, metric_subgroups};
pub use two_fold::{TwoFold, max_delta_deg, two_folds};
