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
#[serde(default)]
pub struct ImageSetDiagnostics {
    /// Number of the first image.
    pub first_image: i64,
    /// Numbers of the images that were searched; the lists by image have as many entries.
    pub images: Vec<i64>,
    /// Strong pixels on each image.
    pub strong_pixels: Vec<usize>,
    /// Spots whose centroid lies on each image.
    pub spots_per_image: Vec<usize>,
    /// Of these, spots that lie on no ring of ice (within 0.002 Å⁻² in 1/d², down to 1.7 Å).
    pub spots_off_ice: Vec<usize>,
    /// Counts in the spots of each image.
    pub intensity_per_image: Vec<f64>,
    /// Estimate of how far the crystal diffracts on each image, Å. `None` where there are too few spots.
    pub d_min_per_image: Vec<Option<f64>>,
    /// The same from the spots of all images, Å.
    pub d_min: Option<f64>,
    /// Resolution at the edge of the largest circle about the beam that is on the detector, Å.
    pub d_min_of_detector: f64,
    /// Counts per photon that were estimated, on top of the detector's gain.
    pub estimated_gain: Option<f64>,
    /// Global threshold that was estimated, photons.
    pub estimated_global_threshold: Option<f64>,
    /// Spots that were dropped for their steep background, if that was asked for.
    pub n_on_gradient: Option<usize>,
    /// Spots that were dropped where they are too dense, if that was asked for.
    pub n_crowded: Option<usize>,
    /// Rings of ice that stand out.
    pub ice_rings: Vec<IceRing>,
    /// Mean background by resolution.
    pub background: RadialBackground,
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

/// A ring of ice that stands out from what is beside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IceRing {
    /// Where it is, Å.
    pub d: f64,
    /// Spots on it, and how many the resolutions beside let expect; if it stands out by them.
    pub spots: Option<[f64; 2]>,
    /// Mean counts of its background, and how many those beside let expect; if it stands out by them.
    pub background: Option<[f64; 2]>,
}

/// Sums over background pixels of a sample of images, in bins of 1/d² that begin at 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RadialBackground {
    /// Width of a bin, Å⁻².
    pub step: f64,
    /// Pixels in each bin.
    pub pixels: Vec<u64>,
    /// Their counts.
    pub counts: Vec<i64>,
}

impl RadialBackground {
    /// Empty bins.
    pub(super) fn new(step: f64, bins: usize) -> Self {
        RadialBackground { step, pixels: vec![0; bins], counts: vec![0; bins] }
    }

    /// Adds another's sums.
    pub(super) fn add(&mut self, other: &Self) {
        if self.pixels.is_empty() {
            *self = other.clone();
            return;
        }
        self.pixels.iter_mut().zip(&other.pixels).for_each(|(a, b)| *a += b);
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }

    /// Drops the empty bins at the high-resolution end.
    pub(super) fn trim(&mut self) {
        let used = self.pixels.iter().rposition(|n| *n > 0).map_or(0, |k| k + 1);
        self.pixels.truncate(used);
        self.counts.truncate(used);
    }

    /// 1/d² at the middle of bin `k`, Å⁻².
    pub fn q(&self, k: usize) -> f64 {
        (k as f64 + 0.5) * self.step
    }

    /// The bins whose middles are between two values of 1/d².
    pub(super) fn within(&self, [low, high]: [f64; 2]) -> Vec<usize> {
        (0..self.pixels.len()).filter(|&k| (low..high).contains(&self.q(k))).collect()
    }
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
