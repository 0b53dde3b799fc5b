use core::ops::Range;
use std::sync::Arc;

use crate::image::{Frame, ImageError, ImageSource, RawFrame};

/// Some consecutive images of a source, numbered from 0.
pub struct Window {
    inner: Arc<dyn ImageSource>,
    first: usize,
    n: usize,
}

impl Window {
    /// `n` images of a source from `first` on (as many of them as there are).
    pub fn new(inner: Arc<dyn ImageSource>, first: usize, n: usize) -> Window {
        let n = n.min(inner.n_images().saturating_sub(first));
        Window { inner, first, n }
    }
}

impl ImageSource for Window {
    fn n_images(&self) -> usize {
        self.n
    }

    fn image_size(&self) -> [usize; 2] {
        self.inner.image_size()
    }

    fn mask(&self) -> Option<&[bool]> {
        self.inner.mask()
    }

    fn fetch(&self, frames: Range<usize>) -> Result<Vec<RawFrame>, ImageError> {
        if frames.end > self.n {
            return Err(ImageError::OutOfRange { file: "image range".into(), z: frames.end - 1, n: self.n });
        }
        let mut raw = self.inner.fetch(frames.start + self.first..frames.end + self.first)?;
        raw.iter_mut().for_each(|r| r.z -= self.first);
        Ok(raw)
    }

    fn decode(&self, raw: &RawFrame, out: &mut Frame) -> Result<(), ImageError> {
        let moved = RawFrame { z: raw.z + self.first, bytes: raw.bytes.clone(), tag: raw.tag };
        self.inner.decode(&moved, out)
    }
}
