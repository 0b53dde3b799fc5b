//! Random cells of the fourteen Bravais types.

use crate::crystal::uniform;
use ewald_core::geometry::UnitCell;
use ewald_core::math::Mat3;
use ewald_core::spacegroup::{SpaceGroup, lattice};
use rand_chacha::ChaCha8Rng;

/// The Bravais types, and a space group of each.
pub const BRAVAIS: [(&str, &str); 14] = [
    ("aP", "P 1"),
    ("mP", "P 1 2 1"),
    ("mC", "C 1 2 1"),
    ("oP", "P 2 2 2"),
    ("oC", "C 2 2 2"),
    ("oF", "F 2 2 2"),
    ("oI", "I 2 2 2"),
    ("tP", "P 4"),
    ("tI", "I 4"),
    ("hP", "P 3"),
    ("hR", "R 3 :H"),
    ("cP", "P 2 3"),
    ("cF", "F 2 3"),
    ("cI", "I 2 3"),
];

/// Edges of one cell differ by at most about this factor.
const ASPECT: f64 = 6.0;
/// Smallest volume of a primitive cell, Å³: that of a simple inorganic crystal.
const SMALLEST_VOLUME: f64 = 30.0;

/// A random conventional cell of Bravais type `symbol` with the edges of its reduced primitive cell within `edges` (Å), and that cell.
pub(super) fn random(rng: &mut ChaCha8Rng, symbol: &str, group: &SpaceGroup, edges: [f64; 2]) -> (UnitCell, UnitCell) {
    loop {
        let cell = conventional(rng, symbol, edges);
        let primitive = cell.as_ref().and_then(|c| reduced_primitive(c, group));
        if let (Some(cell), Some(primitive)) = (cell, primitive)
            && primitive.lengths.iter().all(|l| (edges[0]..=edges[1]).contains(l))
            && primitive.volume() > SMALLEST_VOLUME
        {
            return (cell, primitive);
        }
    }
}

/// The reduced primitive cell of a conventional one.
fn reduced_primitive(cell: &UnitCell, group: &SpaceGroup) -> Option<UnitCell> {
    let metric = group.to_primitive().metric(&cell.metric());
    let basis = lattice::niggli_cell(&metric).ok()?;
    Some(UnitCell::from_metric(&basis.metric(&metric)))
}

/// Setting matrix of the reduced primitive cell of a crystal whose conventional cell has setting matrix `a`.
pub(super) fn primitive_setting(a: &Mat3, group: &SpaceGroup) -> Option<Mat3> {
    let primitive = group.to_primitive().setting_matrix(a);
    let metric = ewald_core::spacegroup::constraints::metric_from_setting_matrix(&primitive)?;
    Some(lattice::niggli_cell(&metric).ok()?.setting_matrix(&primitive))
}

fn conventional(rng: &mut ChaCha8Rng, symbol: &str, edges: [f64; 2]) -> Option<UnitCell> {
    let mut logarithmic = |low: f64, high: f64| low * libm::pow(high / low, uniform(rng));
    let a = logarithmic(edges[0], edges[1]);
    let side = libm::sqrt(ASPECT);
    let b = a * logarithmic(1.0 / side, side);
    let c = a * logarithmic(1.0 / side, side);
    let mut angle = |low: f64, high: f64| low + (high - low) * uniform(rng);
    let (al, be, ga) = (angle(65.0, 115.0), angle(90.0, 122.0), angle(65.0, 115.0));
    let p = match symbol.as_bytes().first()? {
        b'm' => [a, b, c, 90.0, be, 90.0],
        b'o' => [a, b, c, 90.0, 90.0, 90.0],
        b't' => [a, a, c, 90.0, 90.0, 90.0],
        b'h' => [a, a, c, 90.0, 90.0, 120.0],
        b'c' => [a, a, a, 90.0, 90.0, 90.0],
        _ => [a, b, c, al, be, ga],
    };
    let cell = UnitCell::new(p).ok()?;
    // Flat triclinic cells have other reduced ones.
    (cell.volume() > 0.4 * p[0] * p[1] * p[2]).then_some(cell)
}
