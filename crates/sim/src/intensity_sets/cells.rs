//! Cells of proteins for a space group, and such as are almost of higher symmetry.

use crate::crystal::uniform;
use ewald_core::geometry::UnitCell;
use ewald_core::spacegroup::{Centring, LaueClass, SpaceGroup};
use rand_chacha::ChaCha8Rng;

/// Edges of the conventional cell, Å.
const EDGES: [f64; 2] = [32.0, 110.0];
/// By how much cells that almost have a higher symmetry miss it: relative, and degrees.
const ALMOST: f64 = 0.004;
const ALMOST_DEG: f64 = 0.4;

/// A random conventional cell for the group. `almost`: its metric comes near to a higher symmetry where the lattice's own is no higher than the group's.
pub(super) fn random(rng: &mut ChaCha8Rng, group: &SpaceGroup, almost: bool) -> [f64; 6] {
    loop {
        let cell = drawn(rng, group, almost);
        // Flat triclinic cells have other reduced ones.
        if UnitCell::new(cell).is_ok_and(|c| c.volume() > 0.5 * cell[0] * cell[1] * cell[2]) {
            return cell;
        }
    }
}

fn drawn(rng: &mut ChaCha8Rng, group: &SpaceGroup, almost: bool) -> [f64; 6] {
    let mut edge = || EDGES[0] * libm::pow(EDGES[1] / EDGES[0], uniform(rng));
    let (a, b, c) = (edge(), edge(), edge());
    let mut between = |low: f64, high: f64| low + (high - low) * uniform(rng);
    let (off, angle) = (1.0 + between(-ALMOST, ALMOST), between(-ALMOST_DEG, ALMOST_DEG));
    let rhombohedral = group.centring() == Centring::R;
    match group.laue_class().unwrap_or(LaueClass::L1) {
        LaueClass::L1 if almost => [a, b, c, 90.0 + angle, between(95.0, 110.0), 90.0 + between(-ALMOST_DEG, ALMOST_DEG)],
        LaueClass::L1 => [a, b, c, between(70.0, 110.0), between(92.0, 115.0), between(70.0, 110.0)],
        LaueClass::L2m if almost => [a, b, c, 90.0, 90.0 + angle, 90.0],
        LaueClass::L2m => [a, b, c, 90.0, between(93.0, 115.0), 90.0],
        LaueClass::Lmmm if almost => [a, a * off, c, 90.0, 90.0, 90.0],
        LaueClass::Lmmm => [a, b, c, 90.0, 90.0, 90.0],
        LaueClass::L4mmm if almost => [a, a, a * off, 90.0, 90.0, 90.0],
        LaueClass::L4m | LaueClass::L4mmm => [a, a, c, 90.0, 90.0, 90.0],
        // A rhombohedron with right angles is a cube.
        LaueClass::L3 | LaueClass::L3m if rhombohedral && almost => [a, a, a * 1.5f64.sqrt() * off, 90.0, 90.0, 120.0],
        LaueClass::L3 | LaueClass::L3m | LaueClass::L6m | LaueClass::L6mmm => [a, a, c, 90.0, 90.0, 120.0],
        LaueClass::Lm3 | LaueClass::Lm3m => [a, a, a, 90.0, 90.0, 90.0],
    }
}
