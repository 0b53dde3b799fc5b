use ewald_core::report::Report;
use ewald_core::session::{StageId, Wanted};
use ewald_core::stages::integrate::Account;
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
    /// One reflection of integration, measured again.
    Reflection {
        /// Which.
        wanted: Wanted,
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
    /// No buffers: a reflection is small. `None` where there is no such one.
    Reflection(Option<Box<ReflectionView>>),
    /// One buffer: the file's bytes.
    File {
        /// Its name.
        name: String,
    },
}

/// Bit of a reflection's state: it is indexed, or integrated.
pub const GOOD: u8 = 1;

/// One reflection: its pixels, and how its intensity comes of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReflectionView {
    /// Its number among all predicted.
    pub number: u64,
    /// Numbers of all with its Miller index, itself among them.
    pub same: Vec<u64>,
    /// Number of the sweep.
    pub sweep: usize,
    /// Where it is predicted: x, y in px of the raw image, z in images from the sweep's first.
    pub at: [f64; 3],
    /// Verdict and arithmetic.
    pub report: Report,
    /// Pixels.
    pub account: Account,
}

/// Reflections of all images. Buffers, per reflection:
///
/// 1. `f32` × 2: position (x, y) in px of the raw image; observed, or predicted for integrated ones
/// 2. `i32` × 3: sweep, first image and past the last (from 0) of its box
/// 3. `i32` × 4: x0, x1, y0, y1 of its box in px of the raw image, half-open
/// 4. `i32` × 3: hkl; empty for found ones
/// 5. `u8`: [`GOOD`] when indexed, or integrated; above that bit, for integrated ones, the number of the
///    [`Fate`](ewald_core::stages::integrate::Fate)
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
