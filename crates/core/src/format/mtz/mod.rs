//! MTZ files: merged and unmerged intensities as CCP4 programs and DIALS read and write them.
//!
//! A file is a table of f32 columns between a 80-byte preamble and a text header of 80-character records (`VERS`, `TITLE`,
//! `NCOL`, `CELL`, `SORT`, `SYMINF`, `SYMM`, `RESO`, `VALM`, `COLUMN`, `NDIF` …, `END`, history, batch headers).
//! [`Mtz`] holds all of it; [`Mtz::to_bytes`] and [`Mtz::from_bytes`] are the only way in and out. NaN marks a missing value.
//!
//! Unmerged files have a `BATCH` column and one [`Batch`] per image ([`batches_of_scan`]), and give each observation as unique
//! index plus `M/ISYM` ([`Mtz::push_observed_indices`]).
//!
//! Source: CCP4's `library/mtz` format description; the batch header is the `MTZBAT` structure of its C library.

mod batch;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use batch::{Batch, batch_offsets, batches_of_scan};

use crate::spacegroup::{AsymmetricUnit, SpaceGroup, SymOp};

/// What can be wrong with an MTZ file, or with a table to be written as one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not this format.
    #[error("not an MTZ file: it does not start with \"MTZ \"")]
    NotMtz,
    /// Sizes that do not fit.
    #[error("the MTZ file is damaged: {what}")]
    Damaged {
        /// What does not fit.
        what: String,
    },
    /// Columns that are no table.
    #[error("column {label} has {found} values, others have {expected}")]
    Ragged {
        /// Label.
        label: String,
        /// Values of that column.
        found: usize,
        /// Values of the first column.
        expected: usize,
    },
    /// A table too large for the format.
    #[error("{rows} reflections in {columns} columns are too many for an MTZ file")]
    TooLarge {
        /// Reflections.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// Symmetry of no use.
    #[error(transparent)]
    Symmetry(#[from] crate::spacegroup::Error),
}

/// One wavelength of one crystal.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Number that columns and batches refer to.
    pub id: i32,
    /// Project name.
    pub project: String,
    /// Crystal name.
    pub crystal: String,
    /// Dataset name.
    pub name: String,
    /// a, b, c (Å), α, β, γ (degrees).
    pub cell: [f64; 6],
    /// Å.
    pub wavelength: f64,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Label, at most 30 characters.
    pub label: String,
    /// Type letter: H index, J intensity, Q σ, F amplitude, D anomalous difference, K/M I(±) and σ, G/L F(±) and σ,
    /// B batch, Y M/ISYM, I integer, R real.
    pub kind: char,
    /// Dataset number.
    pub dataset: i32,
    /// One per reflection; NaN where missing.
    pub values: Vec<f32>,
}

/// The symmetry that an MTZ file states.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetry {
    /// Hermann–Mauguin symbol, such as `P 43 21 2`.
    pub name: String,
    /// Number in International Tables; 0 when unknown.
    pub number: u16,
    /// Lattice letter.
    pub lattice: char,
    /// Point group without the leading PG, such as `422`.
    pub point_group: String,
    /// All operations, in the order that M/ISYM counts (the first [`n_primitive`](Self::n_primitive) of them).
    pub operations: Vec<SymOp>,
    /// Number of operations without centring.
    pub n_primitive: usize,
}

impl Symmetry {
    /// Of a group.
    pub fn of(group: &SpaceGroup) -> Self {
        let setting = group.setting();
        Symmetry {
            name: setting.map_or_else(|| group.symbol(), |s| s.ccp4_symbol()),
            number: setting.map_or(0, |s| s.number),
            lattice: match (group.centring().letter(), setting) {
                ('R', _) => 'H',
                (letter, _) => letter,
            },
            point_group: group.point_group().map_or_else(String::new, |g| g.symbol().to_owned()),
            operations: group.all_ops().collect(),
            n_primitive: group.ops().len(),
        }
    }

    /// The group of the operations, in their order.
    ///
    /// # Errors
    /// Operations that are no group.
    pub fn group(&self) -> Result<SpaceGroup, Error> {
        Ok(SpaceGroup::from_ops(&self.operations)?)
    }
}

/// The content of an MTZ file.
#[derive(Debug, Clone, PartialEq)]
pub struct Mtz {
    /// Title, at most 70 characters.
    pub title: String,
    /// File-level cell: a, b, c (Å), α, β, γ (degrees).
    pub cell: [f64; 6],
    /// Symmetry.
    pub symmetry: Symmetry,
    /// Columns (counted from 1) by which rows are sorted; 0 for none.
    pub sort_order: [i32; 5],
    /// History lines, newest first, at most 80 characters each.
    pub history: Vec<String>,
    /// Datasets.
    pub datasets: Vec<Dataset>,
    /// Columns, the first three being H, K, L.
    pub columns: Vec<Column>,
    /// Batch headers of an unmerged file.
    pub batches: Vec<Batch>,
}

impl Mtz {
    /// An empty file with one dataset of number 1.
    ///
    /// `project`, `crystal`, `dataset`: DIALS writes AUTOMATIC/XTAL/NATIVE for merged and DIALS/XTAL/FROMDIALS for unmerged
    /// files.
    pub fn new(group: &SpaceGroup, cell: [f64; 6], wavelength: f64, names: [&str; 3]) -> Self {
        Mtz {
            title: String::new(),
            cell,
            symmetry: Symmetry::of(group),
            sort_order: [0; 5],
            history: Vec::new(),
            datasets: vec![Dataset {
                id: 1,
                project: names[0].to_owned(),
                crystal: names[1].to_owned(),
                name: names[2].to_owned(),
                cell,
                wavelength,
            }],
            columns: Vec::new(),
            batches: Vec::new(),
        }
    }

    /// Number of reflections.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |c| c.values.len())
    }

    /// Whether there are no reflections.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column with a label.
    pub fn column(&self, label: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.label == label)
    }

    /// Adds a column of dataset 1.
    pub fn push(&mut self, label: &str, kind: char, values: impl IntoIterator<Item = f32>) {
        self.columns.push(Column { label: label.to_owned(), kind, dataset: 1, values: values.into_iter().collect() });
    }

    /// Adds columns H, K, L of unique indices.
    pub fn push_indices(&mut self, hkl: &[[i32; 3]]) {
        for (i, label) in ["H", "K", "L"].into_iter().enumerate() {
            self.push(label, 'H', hkl.iter().map(|h| h[i] as f32));
        }
    }

    /// Adds columns H, K, L (unique) and M/ISYM from indices as observed. Full observations: M = 0.
    ///
    /// # Errors
    /// Symmetry without an asymmetric unit.
    pub fn push_observed_indices(&mut self, observed: &[[i32; 3]]) -> Result<(), Error> {
        let unit = AsymmetricUnit::new(&self.symmetry.group()?)?;
        let mapped: Vec<([i32; 3], i32)> = observed.iter().map(|h| unit.map(*h)).collect();
        for (i, label) in ["H", "K", "L"].into_iter().enumerate() {
            self.push(label, 'H', mapped.iter().map(|(h, _)| h[i] as f32));
        }
        self.push("M/ISYM", 'Y', mapped.iter().map(|(_, isym)| *isym as f32));
        Ok(())
    }

    /// Indices of columns H, K, L.
    ///
    /// # Errors
    /// [`Error::Damaged`] when there are none.
    pub fn indices(&self) -> Result<Vec<[i32; 3]>, Error> {
        let find = |label| self.column(label).ok_or_else(|| Error::Damaged { what: format!("it has no column {label}") });
        let [h, k, l] = [find("H")?, find("K")?, find("L")?];
        Ok((0..self.len()).map(|i| [h.values[i] as i32, k.values[i] as i32, l.values[i] as i32]).collect())
    }

    /// Indices as observed, from H, K, L and M/ISYM. The same as [`indices`](Self::indices) without such a column.
    ///
    /// # Errors
    /// No index columns, or symmetry numbers out of range.
    pub fn observed_indices(&self) -> Result<Vec<[i32; 3]>, Error> {
        let unique = self.indices()?;
        let Some(isym) = self.columns.iter().find(|c| c.kind == 'Y') else { return Ok(unique) };
        let unit = AsymmetricUnit::new(&self.symmetry.group()?)?;
        unique
            .iter()
            .zip(&isym.values)
            .map(|(h, v)| {
                // The partiality flag M is packed above the symmetry number as 256·M.
                unit.original(*h, *v as i32 % 256).ok_or_else(|| Error::Damaged { what: format!("M/ISYM {v} has no operation") })
            })
            .collect()
    }
}
