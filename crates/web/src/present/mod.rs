//! Pure functions from results to what components draw; tested natively.

pub mod lattice;
pub mod leaving;
pub mod opening;
pub mod pace;
pub mod plot;
pub mod projection;
pub mod readout;
pub mod rings;
pub mod scroll;
pub mod shift;
pub mod shoebox;
pub mod text;
