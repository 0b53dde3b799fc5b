//! DIALS' reflection tables (`.refl`): a msgpack array `["dials::af::reflection_table", 1, {identifiers, nrows, data}]`, where
//! `data` maps a column's name to `[type, [rows, bytes]]`, the bytes little-endian.

pub mod image_numbers;
mod read;
mod write;

pub use read::{ReflError, read};
pub use write::write;

#[cfg(test)]
mod tests;
