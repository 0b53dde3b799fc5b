/// Bits of a shoebox's mask, as in DIALS.
pub mod mask {
    /// Usable pixel.
    pub const VALID: u8 = 1 << 0;
    /// Background.
    pub const BACKGROUND: u8 = 1 << 1;
    /// Foreground.
    pub const FOREGROUND: u8 = 1 << 2;
    /// Strong in spot finding.
    pub const STRONG: u8 = 1 << 3;
    /// Background that was used in the fit.
    pub const BACKGROUND_USED: u8 = 1 << 4;
    /// Shared with another reflection.
    pub const OVERLAPPED: u8 = 1 << 5;
}

/// The box of pixels around a reflection. Arrays are in order (image, slow, fast), fast varying fastest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shoebox {
    /// Panel.
    pub panel: u32,
    /// x0, x1, y0, y1, z0, z1: half-open ranges in pixels and images.
    pub bbox: [i32; 6],
    /// Counts.
    pub data: Vec<f32>,
    /// Bits of [`mask`]. Files have 32 bits for them.
    pub mask: Vec<u8>,
    /// Background under each pixel; empty when not determined.
    pub background: Vec<f32>,
}

impl Shoebox {
    /// Number of images, rows and columns.
    pub fn size(&self) -> [usize; 3] {
        let b = self.bbox;
        [b[5] - b[4], b[3] - b[2], b[1] - b[0]].map(|n| n.max(0) as usize)
    }
}
