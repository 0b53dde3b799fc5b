//! A simulated diffraction experiment: demo data, lessons, and ground truth for tests.
//!
//! [`Simulation`] knows a crystal, its orientation and intensities, a detector and a beam, and gives the frames that such an experiment
//! would record: every reflection is a Gaussian in the angles of Kabsch's frame, cut into images and pixels, on a background that falls
//! off with resolution, with Poisson noise. Everything follows from one seed; frames can be made in any order and on any number of threads.
//!
//! What the header says can differ from the truth by a stated amount, as in life.
//!
//! ```
//! use ewald_sim::{Params, Simulation};
//! let params = Params { images: 2, detector: ewald_sim::DetectorKind::Small, ..Params::default() };
//! let simulation = Simulation::new(&params).unwrap();
//! assert_eq!(simulation.frame(0), simulation.frame(0));
//! ```

mod crystal;
mod demo;

mod error;
mod experiment;
mod frame;
pub mod intensity_sets;
mod nxmx;

mod params;
mod reflections;
mod simulation;
pub mod spot_lists;

pub use demo::demo;
pub use error::Error;
pub use params::{DetectorKind, Params};
pub use reflections::TrueReflection;
pub use simulation::Simulation;
