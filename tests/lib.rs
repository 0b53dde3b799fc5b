//! End-to-end tests of Ewald; see the folders beside this file.
