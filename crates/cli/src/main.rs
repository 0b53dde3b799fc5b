//! `ewald` on the command line.
fn main() {}
