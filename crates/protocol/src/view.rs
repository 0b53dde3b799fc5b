use ewald_core::session::StageId;
use serde::{Deserialize, Serialize};

use crate::LatticeHeader;

/// Something to show. Engines are asked for views of what they hold, never for whole tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// All reflections of a kind, for the viewer to show.
    Reflections {
        /// Which reflections.
        of: SpotKind,
    },
    /// The spots as points of reciprocal space, with the models of a stage's result.
    Lattice {
        /// The stage: find-spots (with the imported models), index, bravais or refine.
        after: StageId,
    },
    /// A file to save, by one of `ewald_core::session::file_names`.
    File {
        /// Its name.
        name: String,
    },
}

/// Which reflections to show on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpotKind {
    /// Found on the image.
    Found,
    /// Found, with the Miller indices that some were given.
    Indexed,
    /// Predicted, and integrated or not.
    Integrated,
}

/// What the buffers of a view hold. All numbers are little-endian.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ViewHeader {
    /// Buffers: see [`ReflectionsHeader`].
    Reflections(ReflectionsHeader),
    /// Buffers: see [`LatticeHeader`].
    Lattice(LatticeHeader),
    /// One buffer: the file's bytes.
    File {
        /// Its name.
        name: String,
    },
}

/// Reflections of all images. Buffers, per reflection:
///
/// 1. `f32` × 2: position (x, y) in px of the raw image; observed, or predicted for integrated ones
/// 2. `i32` × 3: sweep, first image and past the last (from 0) of its box
/// 3. `i32` × 4: x0, x1, y0, y1 of its box in px of the raw image, half-open
/// 4. `i32` × 3: hkl; empty for found ones
/// 5. `u8`: 1 when indexed, or integrated; else 0
/// 6. `f32` × 4: z in images from the sweep's first, d (Å), intensity and its standard deviation (counts; not numbers where there is none)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReflectionsHeader {
    /// Which reflections.
    pub of: SpotKind,
    /// How many.
    pub n: usize,
}

/// Reflections on one image, whose boxes have pixels there. Buffers as of [`ReflectionsHeader`] without the second and the sixth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotsHeader {
    /// Number of the sweep.
    pub sweep: usize,
    /// Number of the image.
    pub image: usize,
    /// Which reflections.
    pub of: SpotKind,
    /// How many.
    pub n: usize,
}

/// A view with its bulk data, before they become transferable buffers.
#[derive(Debug, Clone, PartialEq)]
pub struct Bulk {
    /// What the buffers are.
    pub header: ViewHeader,
    /// The buffers.
    pub buffers: Vec<Vec<u8>>,
}
