//! The core in a web worker: wasm with threads.
//!
//! ```text
//! page ──request──▶ js/worker.js ──▶ browser::Engine ──▶ dispatch ──▶ core::session, on the pool
//!      ◀──event────                                          │
//!      ◀─ polls, cancels ─▶ control (shared memory) ◀────────┘
//! ```
//!
//! The parts that know nothing of browsers are tested natively.
#![cfg_attr(target_arch = "wasm32", feature(alloc_error_hook))]

#[cfg(target_arch = "wasm32")]
pub mod browser;
pub mod control;
mod demo;
pub mod dispatch;
pub mod heap;
pub mod read_ahead;
pub mod views;
