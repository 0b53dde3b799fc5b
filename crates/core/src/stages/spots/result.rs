use crate::geometry::ExperimentList;
use crate::reflections::Reflections;
use serde::{Deserialize, Serialize};

/// What spot finding found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// The spots: id, imageset_id, panel, flags, bbox, shoebox, n_signal, centroids in px, summed intensities. Ordered by image
    /// set, panel and first pixel (image, slow, fast).
    pub reflections: Reflections,
    /// The experiments, with pixels found hot and regions that the user does not trust in their panels' masks.
    pub experiments: ExperimentList,
    /// How it went.
    pub diagnostics: Diagnostics,
}

/// How spot finding went.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Diagnostics {
    /// By image set.
    pub imagesets: Vec<ImageSetDiagnostics>,
    /// All spots by resolution, from low to high.
    pub shells: Vec<ResolutionShell>,
}

/// How it went on one image set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageSetDiagnostics {
    /// Number of the first image.
    pub first_image: i64,
    /// Strong pixels on each image.
    pub strong_pixels: Vec<usize>,
    /// Spots whose centroid lies on each image.
    pub spots_per_image: Vec<usize>,
    /// Connected components.
    pub n_extracted: usize,
    /// Smallest number of pixels allowed.
    pub min_spot_size: usize,
    /// Components of fewer pixels.
    pub n_too_small: usize,
    /// Largest number of pixels allowed.
    pub max_spot_size: usize,
    /// Components of more pixels.
    pub n_too_large: usize,
    /// Spots that were measured.
    pub n_measured: usize,
    /// Spots that the distance of peak and centroid let pass: the result.
    pub n_spots: usize,
    /// Components that held hot pixels; what is left of them without those is among `n_extracted`.
    #[serde(default)]
    pub n_with_hot_pixels: usize,
    /// Pixels that shine on every image.
    pub hot_pixels: Vec<HotPixel>,
    /// Whether they were taken out of spots and masked.
    #[serde(default)]
    pub hot_pixels_masked: bool,
}

/// A pixel that shines on every image of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HotPixel {
    /// Panel.
    pub panel: usize,
    /// Fast index.
    pub x: usize,
    /// Slow index.
    pub y: usize,
    /// Mean counts per image; of a pixel that is not strong on each, or is not searched, its smallest count.
    pub mean: f64,
}

/// Spots between two resolutions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ResolutionShell {
    /// Low-resolution limit, Å (infinite for the first).
    pub d_max: f64,
    /// High-resolution limit, Å.
    pub d_min: f64,
    /// Spots in it.
    pub n_spots: usize,
}
