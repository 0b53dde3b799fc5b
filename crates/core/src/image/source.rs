use super::Frame;
use core::ops::Range;

/// A frame as it lies in its file, not yet decompressed.
#[derive(Debug, Clone, Default)]
pub struct RawFrame {
    /// Array index in the scan.
    pub z: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What the source needs to know to decode them (an HDF5 chunk's filter mask, for example).
    pub tag: u32,
}

/// A frame that cannot be had.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// No such frame.
    #[error("{file}: there is no image {z}; the data set has {n}")]
    OutOfRange {
        /// The file.
        file: String,
        /// The frame asked for.
        z: usize,
        /// How many there are.
        n: usize,
    },
    /// Reading failed.
    #[error("{file}: image {z} cannot be read: {reason}")]
    Read {
        /// The file.
        file: String,
        /// The frame.
        z: usize,
        /// Why, and what to do.
        reason: String,
    },
    /// Decoding failed.
    #[error("{file}: image {z} is damaged: {reason}")]
    Decode {
        /// The file.
        file: String,
        /// The frame.
        z: usize,
        /// Why, and what to do.
        reason: String,
    },
}

/// The images of one image set, whatever lies behind them.
///
/// Reading and decoding are separate: [`fetch`](ImageSource::fetch) runs on the thread that owns the files (in a browser only that
/// one can read them), [`decode`](ImageSource::decode) on any.
pub trait ImageSource: Send + Sync {
    /// Number of images.
    fn n_images(&self) -> usize;

    /// Number of pixels along (fast, slow).
    fn image_size(&self) -> [usize; 2];

    /// Pixels that are usable whatever their count (row-major, true = usable); `None` when all are.
    fn mask(&self) -> Option<&[bool]>;

    /// The compressed bytes of consecutive frames (array indices).
    fn fetch(&self, frames: Range<usize>) -> Result<Vec<RawFrame>, ImageError>;

    /// Decodes into `out`, which is resized as needed.
    fn decode(&self, raw: &RawFrame, out: &mut Frame) -> Result<(), ImageError>;

    /// Reads and decodes one frame.
    fn frame(&self, z: usize) -> Result<Frame, ImageError> {
        let raw = self.fetch(z..z + 1)?;
        let mut out = Frame::default();
        match raw.first() {
            Some(raw) => self.decode(raw, &mut out)?,
            None => return Err(ImageError::OutOfRange { file: String::new(), z, n: self.n_images() }),
        }
        Ok(out)
    }
}

/// Frames held in memory: small simulations and tests.
#[derive(Debug, Clone, Default)]
pub struct MemoryImages {
    /// The frames, all of one size.
    pub frames: Vec<Frame>,
    /// Usable pixels, if not all are.
    pub mask: Option<Vec<bool>>,
}

impl ImageSource for MemoryImages {
    fn n_images(&self) -> usize {
        self.frames.len()
    }

    fn image_size(&self) -> [usize; 2] {
        self.frames.first().map_or([0, 0], |f| [f.width, f.height])
    }

    fn mask(&self) -> Option<&[bool]> {
        self.mask.as_deref()
    }

    fn fetch(&self, frames: Range<usize>) -> Result<Vec<RawFrame>, ImageError> {
        if frames.end > self.frames.len() {
            return Err(ImageError::OutOfRange { file: "memory".into(), z: frames.end - 1, n: self.frames.len() });
        }
        Ok(frames.map(|z| RawFrame { z, ..RawFrame::default() }).collect())
    }

    fn decode(&self, raw: &RawFrame, out: &mut Frame) -> Result<(), ImageError> {
        out.clone_from(&self.frames[raw.z]);
        Ok(())
    }
}
