//! Struct-of-arrays tables of reflections: spots, predictions, measurements.
//!
//! One type, [`Reflections`], holds what any stage knows about its reflections. A column is a field; it is either as long as the table or
//! empty (absent). The columns' meanings and units are those of DIALS' `.refl` files; `format::refl` maps names to fields.

mod column;
pub mod flags;
mod shoebox;
mod table;

pub use column::ColumnValue;
pub use shoebox::{Shoebox, mask};
pub use table::{Columns, MissingColumn, RawColumn, Reflections};
