//! The images of a NeXus file.

use core::ops::Range;

use crate::format::hdf5::{Error as H5Error, Node, Stack, Target};
use crate::image::{Frame, ImageError, ImageSource, RawFrame};

use super::Error;

/// Images in one or several data sets, one after the other.
#[derive(Debug)]
pub struct NexusImages {
    /// Name of the master.
    file: String,
    /// Each with the number of its first image.
    stacks: Vec<(usize, Stack)>,
    n_images: usize,
    /// Rows and columns.
    shape: [usize; 2],
    mask: Option<Vec<bool>>,
}

impl NexusImages {
    /// Finds the images of an entry: the signal of its `NXdata` group, or the numbered data sets in it. The second value names the files that
    /// are linked to but were not given; images after the first missing file are left out.
    ///
    /// Fails when there are none at all.
    pub fn find(master: &str, data: &[Node], detector: &Node) -> Result<(NexusImages, Vec<String>), Error> {
        let mut missing = Vec::new();
        for group in data.iter().chain([detector]) {
            let stacks = stacks_of(group, &mut missing)?;
            if stacks.is_empty() {
                continue;
            }
            let shape = stacks[0].shape();
            let mut numbered = Vec::new();
            let mut n_images = 0;
            for stack in stacks {
                if stack.shape() != shape {
                    let [slow, fast] = shape;
                    let [found_slow, found_fast] = stack.shape();
                    let (file, path) = (stack.file_name().into(), group.path().into());
                    return Err(Error::ImageSize { file, path, found_slow, found_fast, slow, fast });
                }
                missing.extend(stack.missing_files().into_iter().filter(|f| !missing.contains(f)).collect::<Vec<_>>());
                let available = stack.available();
                let whole = available == stack.len();
                if available > 0 {
                    numbered.push((n_images, stack));
                    n_images += usize::try_from(available).unwrap_or(usize::MAX).min(usize::MAX - n_images);
                }
                if !whole {
                    break;
                }
            }
            if n_images == 0 {
                break;
            }
            return Ok((NexusImages { file: master.into(), stacks: numbered, n_images, shape, mask: None }, missing));
        }
        if missing.is_empty() {
            return Err(Error::Missing { file: master.into(), what: "a data set of images".into() });
        }
        Err(Error::MissingFiles { file: master.into(), missing })
    }

    /// Rows and columns of an image.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// File and address of the first image's stored bytes.
    pub fn origin(&self) -> Option<(String, u64)> {
        self.stacks.first().and_then(|(_, stack)| stack.origin())
    }

    /// Whether pixels are unsigned in the file.
    pub fn is_unsigned(&self) -> bool {
        self.stacks.iter().all(|(_, s)| s.element().kind == crate::format::hdf5::Kind::Unsigned)
    }

    /// Sets the mask (true = usable), one value per pixel, or none.
    pub fn set_mask(&mut self, mask: Option<Vec<bool>>) {
        self.mask = mask.filter(|m| m.len() == self.shape[0] * self.shape[1]);
    }

    fn at(&self, z: usize) -> Result<(&Stack, u64), ImageError> {
        let out_of_range = || ImageError::OutOfRange { file: self.file.clone(), z, n: self.n_images };
        if z >= self.n_images {
            return Err(out_of_range());
        }
        let i = self.stacks.partition_point(|(first, _)| *first <= z);
        let (first, stack) = i.checked_sub(1).and_then(|i| self.stacks.get(i)).ok_or_else(out_of_range)?;
        Ok((stack, (z - first) as u64))
    }
}

/// The stacks of images in a group, in order, up to the first that is missing.
fn stacks_of(group: &Node, missing: &mut Vec<String>) -> Result<Vec<Stack>, Error> {
    let links = group.links()?;
    let signal = group.attribute("signal").ok().flatten().and_then(|v| v.text().map(str::to_owned));
    // A file writer that splits its images names the first part the signal; the others belong to it.
    let named = signal.iter().map(String::as_str).filter(|name| !is_numbered(name)).chain(["data"]);
    for name in named {
        if let Some(link) = links.iter().find(|l| l.name == name) {
            match group.get(&link.name) {
                Ok(node) if is_stack(&node) => return Ok(vec![node.stack()?]),
                Ok(_) => {}
                Err(H5Error::MissingFile { wanted, .. }) => missing.push(wanted),
                // A soft link to what was never written; the numbered data sets may still be there.
                Err(H5Error::NotFound { .. }) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    let mut names: Vec<&String> = links.iter().map(|l| &l.name).filter(|name| is_numbered(name)).collect();
    names.sort_by_key(|n| (n.len(), n.as_str()));
    let mut out = Vec::new();
    for name in names {
        match group.get(name) {
            Ok(node) if missing.is_empty() => out.push(node.stack()?),
            Ok(_) => {}
            Err(H5Error::MissingFile { wanted, .. }) => missing.push(wanted),
            Err(e) => return Err(e.into()),
        }
    }
    if out.is_empty() && missing.is_empty() {
        // Some other name: the first stack of images there is.
        for link in links.iter().filter(|l| !matches!(l.target, Target::External { .. })) {
            match group.get(&link.name) {
                Ok(node) if is_stack(&node) => return Ok(vec![node.stack()?]),
                _ => {}
            }
        }
    }
    Ok(out)
}

/// Whether a data set of this name is one part of many: `data_000001`, `data_000002`, …
fn is_numbered(name: &str) -> bool {
    name.strip_prefix("data_").is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a node is a 3-D data set.
fn is_stack(node: &Node) -> bool {
    node.is_dataset().unwrap_or(false) && node.dataset_type().is_ok_and(|(shape, _)| shape.len() == 3)
}

impl ImageSource for NexusImages {
    fn n_images(&self) -> usize {
        self.n_images
    }

    fn image_size(&self) -> [usize; 2] {
        [self.shape[1], self.shape[0]]
    }

    fn mask(&self) -> Option<&[bool]> {
        self.mask.as_deref()
    }

    fn fetch(&self, frames: Range<usize>) -> Result<Vec<RawFrame>, ImageError> {
        frames
            .map(|z| {
                let (stack, within) = self.at(z)?;
                let mut bytes = Vec::new();
                stack.fetch(within, &mut bytes).map_err(|e| ImageError::Read {
                    file: stack.file_name().into(),
                    z,
                    reason: e.to_string(),
                })?;
                Ok(RawFrame { z, bytes, tag: 0 })
            })
            .collect()
    }

    fn decode(&self, raw: &RawFrame, out: &mut Frame) -> Result<(), ImageError> {
        let (stack, within) = self.at(raw.z)?;
        let [height, width] = self.shape;
        out.width = width;
        out.height = height;
        out.pixels.resize(width * height, 0);
        stack.decode(within, &raw.bytes, &mut out.pixels).map_err(|e| ImageError::Decode {
            file: stack.file_name().into(),
            z: raw.z,
            reason: e.to_string(),
        })
    }
}
