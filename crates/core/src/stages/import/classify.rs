//! What kind of file each one is.

use super::Error;
use crate::format::cbf;
use crate::format::source::{FileSet, SourceFile};

/// The given files by kind, in natural order of their names.
#[derive(Debug, Default)]
pub struct Kinds {
    pub hdf5: Vec<SourceFile>,
    pub cbf: Vec<SourceFile>,
}

/// Sorts files by content, or by name where the content is damaged (so that the damage is reported).
pub fn classify(files: &FileSet) -> Result<Kinds, Error> {
    let mut out = Kinds::default();
    let mut sorted: Vec<&SourceFile> = files.files().iter().collect();
    sorted.sort_by_cached_key(|f| natural(&f.name));
    let (mut unknown, mut companion) = (None, None);
    for file in sorted {
        let name = file.name.to_ascii_lowercase();
        let named_hdf5 = [".h5", ".nxs", ".hdf5", ".hdf", ".nx5"].iter().any(|e| name.ends_with(e));
        if is_hdf5(file) || named_hdf5 {
            out.hdf5.push(file.clone());
        } else if cbf::is_cbf(&file.name) || begins(file, 0, b"###CBF") {
            out.cbf.push(file.clone());
        } else if is_companion(&name) {
            companion.get_or_insert_with(|| file.name.clone());
        } else {
            unknown.get_or_insert_with(|| file.name.clone());
        }
    }
    // A stray file among images is passed over; alone it deserves an answer.
    match (unknown, companion) {
        _ if !out.hdf5.is_empty() || !out.cbf.is_empty() => Ok(out),
        (Some(file), _) => Err(Error::UnknownKind { file }),
        (None, Some(file)) => Err(Error::OnlyTables { file }),
        (None, None) => Err(Error::NoFiles),
    }
}

/// Files that lie beside images and are no images.
fn is_companion(name: &str) -> bool {
    [".txt", ".log", ".json", ".md", ".expt", ".refl", ".mtz", ".html"].iter().any(|e| name.ends_with(e))
}

/// The HDF5 signature may stand after a user block of 512, 1024, 2048 … bytes.
fn is_hdf5(file: &SourceFile) -> bool {
    core::iter::once(0).chain((0..8).map(|i| 512 << i)).any(|at| begins(file, at, b"\x89HDF\r\n\x1a\n"))
}

fn begins(file: &SourceFile, at: u64, what: &[u8]) -> bool {
    let mut bytes = vec![0; what.len()];
    file.source.read_at(at, &mut bytes).is_ok() && bytes == what
}

/// A key that sorts `x_2` before `x_10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut out = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(text_end);
        let digits_end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (digits, tail) = tail.split_at(digits_end);
        out.push((text.to_owned(), digits.parse().unwrap_or(0)));
        rest = tail;
    }
    out
}
