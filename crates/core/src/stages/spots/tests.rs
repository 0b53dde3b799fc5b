//! Stage-level tests.
