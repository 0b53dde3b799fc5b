//! Virtual data sets: which elements of which other data sets they are made of.

use hdf5_reader::checksum::jenkins_lookup3;

use super::selection::{Reader, Selection};

/// One mapping: elements of a source data set that stand at elements of the virtual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The source file's name as written; `.` for the same file. May hold `%b`.
    pub file: String,
    /// The source data set's path. May hold `%b`.
    pub dataset: String,
    /// Elements of the source.
    pub source: Selection,
    /// Elements of the virtual data set.
    pub target: Selection,
}

impl Mapping {
    /// Whether the names hold a block number.
    pub fn is_numbered(&self) -> bool {
        self.file.contains("%b") || self.dataset.contains("%b")
    }

    /// File and data set of block `b` of a numbered mapping.
    pub fn names(&self, b: u64) -> (String, String) {
        let fill = |text: &str| text.replace("%b", &b.to_string()).replace("%%", "%");
        (fill(&self.file), fill(&self.dataset))
    }
}

/// Decodes the heap object of a virtual layout. `None` when it is damaged or of an unknown version.
pub fn decode(bytes: &[u8], length_size: u8) -> Option<Vec<Mapping>> {
    const SAME_FILE: u64 = 4;
    const SHARED_FILE: u64 = 1;
    const SHARED_DATASET: u64 = 2;
    let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    if jenkins_lookup3(body).to_le_bytes() != checksum {
        return None;
    }
    let width = usize::from(length_size);
    let mut r = Reader(body);
    let version = r.number(1)?;
    if version > 1 {
        return None;
    }
    let n = r.number(width)?;
    let mut out: Vec<Mapping> = Vec::new();
    for _ in 0..n {
        let flags = if version == 1 { r.number(1)? } else { 0 };
        let earlier = |r: &mut Reader, out: &[Mapping]| usize::try_from(r.number(width)?).ok().and_then(|i| out.get(i).cloned());
        let file = if flags & SAME_FILE != 0 {
            ".".to_owned()
        } else if flags & SHARED_FILE != 0 {
            earlier(&mut r, &out)?.file
        } else {
            r.text()?
        };
        let dataset = if flags & SHARED_DATASET != 0 { earlier(&mut r, &out)?.dataset } else { r.text()? };
        let (source, target) = (r.selection()?, r.selection()?);
        out.push(Mapping { file, dataset, source, target });
    }
    Some(out)
}
