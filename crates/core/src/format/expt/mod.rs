//! DIALS' experiment lists (`.expt`): JSON with one list per kind of model, and experiments that name models by number.
//!
//! Keys that this program does not interpret are kept in each model's `extra` and written back. Angles are degrees in the
//! file and radians in the models (profile widths excepted, which say so in their names).

mod detector;
mod object;
mod read;
mod write;

pub use object::ExptError;
pub use read::read;
pub use write::write;

#[cfg(test)]
mod tests;
