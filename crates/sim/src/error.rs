/// What cannot be simulated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter outside its range.
    #[error(transparent)]
    Params(#[from] ewald_core::params::ParamError),
    /// No such space group.
    #[error(transparent)]
    SpaceGroup(#[from] ewald_core::spacegroup::Error),
    /// No such cell.
    #[error(transparent)]
    Cell(#[from] ewald_core::geometry::CellError),
    /// A cell that the space group forbids.
    #[error("the cell {cell} does not have the symmetry of {group}")]
    CellSymmetry {
        /// The cell.
        cell: String,
        /// The space group.
        group: String,
    },
    /// Too many reflections for the memory.
    #[error("{expected} reflections would have to be simulated; {most} are possible. Raise d_min or take a smaller cell")]
    TooMany {
        /// About how many.
        expected: usize,
        /// The limit.
        most: usize,
    },
    /// Writing the files failed.
    #[error("the simulated files cannot be written: {0}")]
    Write(String),
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] ewald_core::job::Cancelled),
}
