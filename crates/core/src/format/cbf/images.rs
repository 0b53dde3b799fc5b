use core::ops::Range;

use super::{Error, header};
use crate::format::source::SourceFile;
use crate::image::{Frame, ImageError, ImageSource, RawFrame};

/// One image in each file.
#[derive(Debug)]
pub struct CbfImages {
    files: Vec<SourceFile>,
    /// Columns and rows.
    size: [usize; 2],
    template: String,
}

impl CbfImages {
    /// Images of `size` (fast, slow) in files in their order.
    pub fn new(files: Vec<SourceFile>, size: [usize; 2], template: String) -> CbfImages {
        CbfImages { files, size, template }
    }

    fn file(&self, z: usize) -> Result<&SourceFile, ImageError> {
        let out_of_range = || ImageError::OutOfRange { file: self.template.clone(), z, n: self.files.len() };
        self.files.get(z).ok_or_else(out_of_range)
    }
}

impl ImageSource for CbfImages {
    fn n_images(&self) -> usize {
        self.files.len()
    }

    fn image_size(&self) -> [usize; 2] {
        self.size
    }

    fn mask(&self) -> Option<&[bool]> {
        None
    }

    fn fetch(&self, frames: Range<usize>) -> Result<Vec<RawFrame>, ImageError> {
        frames
            .map(|z| {
                let file = self.file(z)?;
                let bytes = header::stored(file).map_err(|e| ImageError::Read { file: file.name.clone(), z, reason: e.to_string() })?;
                Ok(RawFrame { z, bytes, tag: 0 })
            })
            .collect()
    }

    fn decode(&self, raw: &RawFrame, out: &mut Frame) -> Result<(), ImageError> {
        let file = &self.file(raw.z)?.name;
        let damaged = |e: Error| ImageError::Decode { file: file.clone(), z: raw.z, reason: e.to_string() };
        let found = header::decode(file, &raw.bytes, &mut out.pixels).map_err(damaged)?;
        if found != self.size {
            let ([found_fast, found_slow], [fast, slow]) = (found, self.size);
            let (file, template) = (file.clone(), self.template.clone());
            return Err(damaged(Error::ImageSize { file, template, found_fast, found_slow, fast, slow }));
        }
        [out.width, out.height] = self.size;
        Ok(())
    }
}
