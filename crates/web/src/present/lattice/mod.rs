//! The reciprocal lattice as it is looked at: pure functions, tested natively. The shader of `gl::points` does for every point what
//! [`Group::point`] and [`Filter::shows`] do here for picking and counting.

pub mod axes;
pub mod camera;
pub mod colour;
pub mod pick;
pub mod scene;
pub mod trial;

pub use scene::{Filter, Group, Kinds, scene};
