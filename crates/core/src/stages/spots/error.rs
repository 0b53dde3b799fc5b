use crate::geometry::MissingModel;
use crate::image::ImageError;
use crate::job::Cancelled;
use crate::params::ParamError;

/// Why no spots could be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter cannot be used.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// An image cannot be had.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// An experiment lacks beam, detector or images.
    #[error(transparent)]
    MissingModel(#[from] MissingModel),
    /// The detector's description does not fit the images.
    #[error(
        "image set {imageset}: panel {panel} is {width} × {height} pixels at ({x}, {y}), which is not within the images of \
         {image_width} × {image_height}; the description belongs to other images, import these again"
    )]
    PanelOutside {
        /// The image set.
        imageset: usize,
        /// The panel.
        panel: usize,
        /// Its width, px.
        width: usize,
        /// Its height, px.
        height: usize,
        /// Where it starts, fast.
        x: i64,
        /// Where it starts, slow.
        y: i64,
        /// Width of the images, px.
        image_width: usize,
        /// Height of the images, px.
        image_height: usize,
    },
    /// The mask does not fit the images.
    #[error("image set {imageset}: the mask has {mask} pixels, the images have {image}; use the mask that belongs to these images")]
    MaskSize {
        /// The image set.
        imageset: usize,
        /// Pixels of the mask.
        mask: usize,
        /// Pixels of an image.
        image: usize,
    },
    /// The threshold cannot be right.
    #[error(
        "image {image} has {strong} strong pixels, more than the {allowed} that max_strong_pixel_fraction allows; \
         raise sigma_strong or gain, or mask what is bright"
    )]
    TooManyStrongPixels {
        /// Number of the image.
        image: i64,
        /// Strong pixels on it.
        strong: usize,
        /// Largest number allowed.
        allowed: usize,
    },
    /// The gain cannot be estimated.
    #[error("image set {imageset}: the first image's counts are too few, or too even, to estimate the gain from; give gain as a number")]
    NoGain {
        /// The image set.
        imageset: usize,
    },
    /// There are no such images.
    #[error("scan_range: image set {imageset} has images {first} to {last}, {from} to {to} is not within")]
    ScanRange {
        /// The image set.
        imageset: usize,
        /// Number of its first image.
        first: i64,
        /// Number of its last image.
        last: i64,
        /// Where the range begins.
        from: i64,
        /// Where it ends.
        to: i64,
    },
}
