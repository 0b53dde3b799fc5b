//! The core in a web worker: wasm with threads.
//!
//! ```text
//! page ──request──▶ js/worker.js ──▶ browser::Engine ──▶ dispatch ──▶ core::session, on the pool
//!      ◀──event────                                          │
//!      ◀─ polls, cancels ─▶ control (shared memory) ◀────────┘
//!
//! page ──ask──▶ js/viewer.js ──▶ browser::ViewerHandle ──▶ viewer, with one thread and a memory of its own
//!      ◀─tell──
//! ```
//!
//! The parts that know nothing of browsers are tested natively.
#![cfg_attr(target_arch = "wasm32", feature(alloc_error_hook))]

pub mod beam_centre;
#[cfg(target_arch = "wasm32")]
pub mod browser;
pub mod control;
mod demo;
pub mod dispatch;
pub mod heap;
pub mod lattice;
mod quantities;
pub mod read_ahead;
pub mod reflection;
pub mod speed;
pub mod viewer;
pub mod views;
