//! Long-running work: progress and cancellation ([`Monitor`]), and [`parallel`], the only file that
//! names the thread library.

mod monitor;
pub mod parallel;

pub use monitor::{Cancelled, Monitor, Silent};
