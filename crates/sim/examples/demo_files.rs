//! Writes the demonstration data set into a folder: `cargo run --release -p ewald-sim --example demo_files FOLDER`.

use ewald_sim::{Simulation, demo};

fn main() {
    let folder = std::path::PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let simulation = Simulation::new(&demo()).expect("the demo's parameters are good");
    let save = |name: String, bytes: Vec<u8>| std::fs::write(folder.join(&name), bytes).map_err(|e| ewald_sim::Error::Write(e.to_string()));
    simulation.write_nxmx(&ewald_core::job::Silent, save).expect("the files can be written");
}
