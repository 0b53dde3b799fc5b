use ewald_core::geometry::ReciprocalMap;
use ewald_core::math::{mat3_from_rows, rows_of, vec3};
use ewald_core::session::StageId;
use serde::{Deserialize, Serialize};

/// Spots as points of reciprocal space. Buffers, each row by row in the same order, the rows of an experiment together:
///
/// 0. `f32` quadruples: the spot's place (x, y, z) in the laboratory, mm, and its scan angle, rad;
/// 1. `u32` [`mark`]s;
/// 2. `f32` triples: x, y in px of the raw image, z in images from the sweep's first;
/// 3. `i32` triples hkl, 0 0 0 for spots without an index; empty before indexing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatticeHeader {
    /// The stage whose result this is.
    pub after: StageId,
    /// How many points.
    pub n: usize,
    /// The experiments that have points.
    pub groups: Vec<LatticeGroup>,
    /// Setting matrices of the crystals, row by row, Å⁻¹: columns are a*, b*, c* at the datum.
    pub crystals: Vec<[f64; 9]>,
}

/// The points of one experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatticeGroup {
    /// First of its rows.
    pub start: usize,
    /// Number of its rows.
    pub n: usize,
    /// Number of the sweep.
    pub sweep: usize,
    /// Index of its crystal in the header's list.
    pub crystal: Option<usize>,
    /// How its spots are taken to reciprocal space.
    pub map: MapView,
    /// Scan angle at the start of the first image, rad.
    pub phi0: f64,
    /// Width of an image, rad.
    pub width: f64,
    /// Number of images.
    pub images: usize,
    /// Axes (fast, slow) and origin of the panel that the beam meets, or of the first: laboratory frame, mm.
    pub panel: [[f64; 3]; 3],
    /// The panel's pixels along (fast, slow), mm.
    pub pixel_mm: [f64; 2],
    /// How many panels the detector has.
    pub panels: usize,
}

/// A [`ReciprocalMap`] on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapView {
    wavelength: f64,
    s0: [f64; 3],
    setting: [f64; 9],
    axis: [f64; 3],
    fixed: [f64; 9],
}

impl From<&ReciprocalMap> for MapView {
    fn from(m: &ReciprocalMap) -> Self {
        MapView { wavelength: m.wavelength, s0: m.s0.into(), setting: rows_of(&m.setting), axis: m.axis.into(), fixed: rows_of(&m.fixed) }
    }
}

impl From<&MapView> for ReciprocalMap {
    fn from(m: &MapView) -> Self {
        ReciprocalMap {
            wavelength: m.wavelength,
            s0: vec3(m.s0),
            setting: mat3_from_rows(&m.setting),
            axis: vec3(m.axis),
            fixed: mat3_from_rows(&m.fixed),
            detector_shift: vec3([0.0; 3]),
        }
    }
}

/// What is known of a point, packed into 32 bits: bit 0, has an index; bit 1, rejected as an outlier in refinement.
pub mod mark {
    /// It has a Miller index.
    pub const INDEXED: u32 = 1;
    /// Refinement rejected it as an outlier.
    pub const OUTLIER: u32 = 2;
}
