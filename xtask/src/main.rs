//! Everything a contributor or user runs: `cargo xtask serve | test | bench | setup`.
fn main() {}
