//! What any image format gives: the models of one sweep and its images.

use std::sync::Arc;

use crate::geometry::{Beam, Detector, Goniometer, Scan};
use crate::image::ImageSource;

/// One sweep (or still) as its files describe it.
#[derive(Clone)]
pub struct Sweep {
    /// The beam.
    pub beam: Beam,
    /// The detector.
    pub detector: Detector,
    /// The goniometer; none for a still.
    pub goniometer: Option<Goniometer>,
    /// The scan; none for a still.
    pub scan: Option<Scan>,
    /// Name of the file that holds all images, or a template with `#` for the digits of the image number.
    pub template: String,
    /// Whether `template` is one file with many images.
    pub single_file: bool,
    /// The images.
    pub images: Arc<dyn ImageSource>,
    /// Where the first image's pixels lie (file and address), to notice two masters of the same images.
    pub origin: Option<(String, u64)>,
    /// What was missing, guessed or strange; each a sentence.
    pub warnings: Vec<String>,
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweep")
            .field("template", &self.template)
            .field("images", &self.images.n_images())
            .field("detector", &self.detector)
            .field("goniometer", &self.goniometer)
            .field("scan", &self.scan)
            .field("warnings", &self.warnings)
            .finish()
    }
}
