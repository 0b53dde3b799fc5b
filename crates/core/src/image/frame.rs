/// One image: counts in row-major order, shape (slow, fast).
///
/// Counts are `i32` whatever the file's type: unsigned values that mean "no data" (all bits set) become −1, other values
/// beyond `i32::MAX` become `i32::MAX`. A detector's panels are the rectangles given by their `raw_image_offset` and `image_size`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Number of pixels along the fast direction.
    pub width: usize,
    /// Number of pixels along the slow direction.
    pub height: usize,
    /// `width · height` counts.
    pub pixels: Vec<i32>,
}

impl Frame {
    /// A frame of zeros.
    pub fn new(width: usize, height: usize) -> Self {
        Frame { width, height, pixels: vec![0; width * height] }
    }

    /// One row.
    pub fn row(&self, slow: usize) -> &[i32] {
        &self.pixels[slow * self.width..(slow + 1) * self.width]
    }
}
