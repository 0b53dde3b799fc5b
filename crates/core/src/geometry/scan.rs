use super::Extra;

/// A rotation scan: images of equal width, numbered from `first_image`.
///
/// The array index z (first image spans 0..1) is used everywhere inside; image numbers are for files and people.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scan {
    /// Number of the first image (1 in most files).
    pub first_image: i64,
    /// Number of images.
    pub n_images: usize,
    /// Scan angle at the start of the first image, rad.
    pub phi0: f64,
    /// Width of an image, rad (negative for a reversed axis; 0 for a still).
    pub width: f64,
    /// Exposure time of each image, s; empty when unknown.
    pub exposure_times: Vec<f64>,
    /// Time of each image, s; empty when unknown.
    pub epochs: Vec<f64>,
    /// Offset between image numbers and batch numbers.
    pub batch_offset: i64,
    /// Keys of the file that are only carried along.
    pub extra: Extra,
}

impl Scan {
    /// Scan angle (rad) at array index `z`.
    pub fn phi_from_z(&self, z: f64) -> f64 {
        self.phi0 + z * self.width
    }

    /// Array index at scan angle `phi` (rad); not a number for a still.
    pub fn z_from_phi(&self, phi: f64) -> f64 {
        (phi - self.phi0) / self.width
    }

    /// Lowest and highest scan angle, rad.
    pub fn phi_range(&self) -> [f64; 2] {
        let end = self.phi_from_z(self.n_images as f64);
        [self.phi0.min(end), self.phi0.max(end)]
    }

    /// Number of the last image.
    pub fn last_image(&self) -> i64 {
        self.first_image + self.n_images as i64 - 1
    }

    /// True when images have no width.
    pub fn is_still(&self) -> bool {
        self.width == 0.0
    }
}
