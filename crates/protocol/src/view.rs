use serde::{Deserialize, Serialize};

/// Something to show. Engines are asked for views of what they hold, never for whole tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// The pixels of one image.
    Image {
        /// Number of the sweep.
        sweep: usize,
        /// Number of the image in its sweep, from 0.
        image: usize,
    },
    /// The reflections on one image.
    Spots {
        /// Number of the sweep.
        sweep: usize,
        /// Number of the image in its sweep, from 0.
        image: usize,
        /// Which reflections.
        of: SpotKind,
    },
    /// A file to save, by one of the names in `ewald_core::session::FILE_NAMES`.
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
    /// Found, with the Miller indices they were given.
    Indexed,
    /// Predicted and integrated.
    Integrated,
}

/// What the buffers of a view hold. All numbers are little-endian.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ViewHeader {
    /// One buffer: `i32` counts, row by row; −1 where there are no data.
    Image(ImageHeader),
    /// Buffers: see [`SpotsHeader`].
    Spots(SpotsHeader),
    /// One buffer: the file's bytes.
    File {
        /// Its name.
        name: String,
    },
}

/// An image's shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageHeader {
    /// Number of the sweep.
    pub sweep: usize,
    /// Number of the image.
    pub image: usize,
    /// Pixels along the fast direction.
    pub width: usize,
    /// Pixels along the slow direction.
    pub height: usize,
}

/// Reflections on one image. Buffers: `f32` pairs (x, y) in px of the raw image; for indexed and integrated ones also `i32` triples hkl.
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
