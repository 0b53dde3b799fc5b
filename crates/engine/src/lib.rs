//! The core in a web worker.
