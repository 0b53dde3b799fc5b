//! The core in a web worker: wasm with threads.
//!
//! `js/worker.js` makes the shared memory, loads this module, starts the thread pool and
//! hands every message of the page to [`Engine`](browser::Engine).

#[cfg(target_arch = "wasm32")]
pub mod browser;
