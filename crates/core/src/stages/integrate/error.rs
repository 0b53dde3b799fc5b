use crate::image::ImageError;
use crate::job::Cancelled;
use crate::params::ParamError;
use crate::predict::ScanError;
use crate::reflections::MissingColumn;

/// Why integration could not be done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter cannot be used.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// No experiments.
    #[error("there are no experiments; index and refine first")]
    NoExperiments,
    /// Beam, detector, goniometer or scan is missing.
    #[error("experiment {experiment} lacks a beam, a detector, a goniometer or a scan; only rotation scans can be integrated")]
    Incomplete {
        /// The experiment.
        experiment: usize,
    },
    /// An experiment cannot be predicted.
    #[error("experiment {experiment}: {source}")]
    Predict {
        /// The experiment.
        experiment: usize,
        /// Why.
        source: ScanError,
    },
    /// Nothing falls on the images.
    #[error("no reflection is predicted on the images; check crystal, scan and detector, or raise the resolution limit d_min")]
    NothingPredicted,
    /// The refined table lacks a column.
    #[error(transparent)]
    Column(#[from] MissingColumn),
    /// The strong spots are not those that were refined.
    #[error("only {found} of {rows} refined spots are among the strong spots; give the strong spots from which these were indexed")]
    ShoeboxRows {
        /// Spots found.
        found: usize,
        /// Refined spots.
        rows: usize,
    },
    /// No images for an image set.
    #[error("image set {imageset} has no images; open its files again")]
    NoImages {
        /// The image set.
        imageset: usize,
    },
    /// The images are not those of the scan.
    #[error("image set {imageset} has {images} images, its scan {scan}; open the files that were imported")]
    ImageCount {
        /// The image set.
        imageset: usize,
        /// Images in the source.
        images: usize,
        /// Images in the scan.
        scan: usize,
    },
    /// A panel lies outside the images.
    #[error(
        "panel {panel} of image set {imageset} ends at pixel ({}, {}), its images have {} × {} pixels; open the files that were imported",
        need[0], need[1], size[0], size[1]
    )]
    ImageSize {
        /// The image set.
        imageset: usize,
        /// The panel.
        panel: usize,
        /// Pixels needed along (fast, slow).
        need: [i64; 2],
        /// Pixels there are along (fast, slow).
        size: [usize; 2],
    },
    /// No such reflection.
    #[error("there is no such reflection among those that were predicted")]
    NoReflection,
    /// An image cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
