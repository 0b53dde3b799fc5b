//! Where bytes come from: a slice of a browser's `File`, a file on disk, or memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Why bytes could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The range reaches beyond the end: the file is shorter than its own tables say.
    #[error("bytes {offset}..{end} were asked for, but the file ends at {len}: it is truncated")]
    OutOfRange {
        /// First byte wanted.
        offset: u64,
        /// One past the last byte wanted.
        end: u64,
        /// Bytes in the source.
        len: u64,
    },
    /// The system refused to read.
    #[error("reading {len} bytes at {offset} failed: {reason}")]
    Io {
        /// First byte wanted.
        offset: u64,
        /// Bytes wanted.
        len: u64,
        /// What the system said.
        reason: String,
    },
}

/// Random access to the bytes of one file.
///
/// A source is read from one thread at a time where the host demands it (a browser's `File` lives
/// in one worker); decoding what was read happens anywhere.
pub trait ByteSource: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` with the bytes from `offset` on.
    ///
    /// Fails with [`SourceError::OutOfRange`] when they do not all exist; `buf` is then unspecified.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError>;
}

/// A source shared between the files and stacks made from it.
pub type SharedSource = Arc<dyn ByteSource>;

/// Checks that `len` bytes from `offset` on lie within a source of `size` bytes.
pub fn check_range(offset: u64, len: usize, size: u64) -> Result<(), SourceError> {
    let end = offset.saturating_add(len as u64);
    if end > size {
        return Err(SourceError::OutOfRange { offset, end, len: size });
    }
    Ok(())
}

/// A file held in memory.
#[derive(Debug, Clone)]
pub struct MemorySource(Arc<[u8]>);

impl MemorySource {
    /// Takes the bytes of a whole file.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        MemorySource(bytes.into())
    }
}

impl ByteSource for MemorySource {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        check_range(offset, buf.len(), self.len())?;
        // In range, so it fits the platform's usize: the bytes are in memory.
        let start = offset as usize;
        buf.copy_from_slice(&self.0[start..start + buf.len()]);
        Ok(())
    }
}

/// A least-recently-used cache of aligned blocks in front of a source.
///
/// Metadata is read in hundreds of small pieces, each of which would otherwise be a request to the
/// browser or the disk. Image data should bypass it: it is read once, and in large pieces.
pub struct BlockCache {
    inner: SharedSource,
    block: usize,
    capacity: usize,
    state: Mutex<CacheState>,
}

#[derive(Default)]
struct CacheState {
    clock: u64,
    blocks: HashMap<u64, (u64, Arc<[u8]>)>,
}

impl BlockCache {
    /// A cache of `capacity` blocks of `block` bytes each (both at least 1).
    pub fn new(inner: SharedSource, block: usize, capacity: usize) -> Self {
        BlockCache { inner, block: block.max(1), capacity: capacity.max(1), state: Mutex::default() }
    }

    fn block(&self, index: u64) -> Result<Arc<[u8]>, SourceError> {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.clock += 1;
            let now = state.clock;
            if let Some((used, block)) = state.blocks.get_mut(&index) {
                *used = now;
                return Ok(block.clone());
            }
        }
        let start = index * self.block as u64;
        let len = (self.inner.len().saturating_sub(start)).min(self.block as u64) as usize;
        let mut bytes = vec![0; len];
        self.inner.read_at(start, &mut bytes)?;
        let bytes: Arc<[u8]> = bytes.into();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.blocks.len() >= self.capacity {
            let oldest = state.blocks.iter().min_by_key(|(_, (used, _))| *used).map(|(&index, _)| index);
            if let Some(oldest) = oldest {
                state.blocks.remove(&oldest);
            }
        }
        let now = state.clock;
        state.blocks.insert(index, (now, bytes.clone()));
        Ok(bytes)
    }
}

impl ByteSource for BlockCache {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        check_range(offset, buf.len(), self.len())?;
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done as u64;
            let block = self.block(at / self.block as u64)?;
            let within = (at % self.block as u64) as usize;
            let n = (block.len() - within).min(buf.len() - done);
            buf[done..done + n].copy_from_slice(&block[within..within + n]);
            done += n;
        }
        Ok(())
    }
}

/// One file that the user gave.
#[derive(Clone)]
pub struct SourceFile {
    /// Its name as given: a base name, or a path relative to a folder the user picked, with `/`.
    pub name: String,
    /// Its bytes.
    pub source: SharedSource,
}

impl SourceFile {
    /// A file with its name.
    pub fn new(name: impl Into<String>, source: SharedSource) -> Self {
        SourceFile { name: name.into(), source }
    }

    /// The last component of the name.
    pub fn base_name(&self) -> &str {
        base_name(&self.name)
    }
}

impl std::fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SourceFile({:?}, {} bytes)", self.name, self.source.len())
    }
}

/// The last component of a path with `/` or `\` between components.
pub fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The files that the user gave, in the order given.
///
/// A link from one file to another names a path on the machine where it was written. Here that path
/// means the given file that shares the longest tail of path components with it; the base
/// name must agree.
#[derive(Debug, Clone, Default)]
pub struct FileSet {
    files: Vec<SourceFile>,
    companions: Vec<SourceFile>,
}

impl FileSet {
    /// An empty set.
    pub fn new() -> Self {
        FileSet::default()
    }

    /// Adds a file; one of the same name is replaced.
    pub fn insert(&mut self, file: SourceFile) {
        match self.files.iter_mut().find(|f| f.name == file.name) {
            Some(old) => *old = file,
            None => self.files.push(file),
        }
    }

    /// Adds a file that others may refer to, but that is no input of its own: a neighbour in the folder of a file that was given.
    pub fn insert_companion(&mut self, file: SourceFile) {
        if self.get(&file.name).is_none() {
            self.companions.push(file);
        }
    }

    /// The files given, in that order, without companions.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The file or companion with exactly this name.
    pub fn get(&self, name: &str) -> Option<&SourceFile> {
        self.all().find(|f| f.name == name)
    }

    fn all(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().chain(&self.companions)
    }

    /// The file that a path written inside `from` means. `None` when it was not given.
    ///
    /// Among files of the same base name the one with the longest common tail wins, then one in the
    /// folder of `from`, then the first given.
    pub fn resolve(&self, path: &str, from: &str) -> Option<&SourceFile> {
        let folder = |name: &str| name.len() - base_name(name).len();
        let wanted: Vec<&str> = components(path);
        let mut best: Option<(usize, bool, &SourceFile)> = None;
        for file in self.all() {
            let have = components(&file.name);
            let tail = wanted.iter().rev().zip(have.iter().rev()).take_while(|(a, b)| a == b).count();
            if tail == 0 {
                continue;
            }
            let beside = file.name[..folder(&file.name)] == from[..folder(from)];
            if best.is_none_or(|(t, b, _)| (tail, beside) > (t, b)) {
                best = Some((tail, beside, file));
            }
        }
        best.map(|(_, _, file)| file)
    }
}

impl FromIterator<SourceFile> for FileSet {
    fn from_iter<I: IntoIterator<Item = SourceFile>>(files: I) -> Self {
        let mut set = FileSet::new();
        files.into_iter().for_each(|file| set.insert(file));
        set
    }
}

fn components(path: &str) -> Vec<&str> {
    path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(name: &str) -> SourceFile {
        SourceFile::new(name, Arc::new(MemorySource::new(name.as_bytes().to_vec())))
    }

    #[test]
    fn a_range_beyond_the_end_is_an_error_with_numbers() {
        let source = MemorySource::new(vec![1, 2, 3]);
        let mut buf = [0; 2];
        assert!(source.read_at(1, &mut buf).is_ok());
        assert_eq!(buf, [2, 3]);
        let e = source.read_at(2, &mut buf);
        assert_eq!(e, Err(SourceError::OutOfRange { offset: 2, end: 4, len: 3 }));
        assert!(source.read_at(u64::MAX, &mut buf).is_err());
    }

    #[test]
    fn links_resolve_by_the_longest_common_tail() {
        let set: FileSet = ["a/x_1.h5", "b/x_1.h5", "x_2.h5"].map(file).into_iter().collect();
        let t = |path: &str, from: &str| set.resolve(path, from).map(|f| f.name.clone());
        assert_eq!(t("/dls/i03/b/x_1.h5", "a/m.h5"), Some("b/x_1.h5".into()));
        assert_eq!(t("x_1.h5", "b/m.h5"), Some("b/x_1.h5".into()));
        assert_eq!(t("x_1.h5", "m.h5"), Some("a/x_1.h5".into()));
        assert_eq!(t("C:\\data\\x_2.h5", "m.h5"), Some("x_2.h5".into()));
        assert_eq!(t("x_3.h5", "m.h5"), None);
    }

    proptest! {
        #[test]
        fn the_cache_reads_what_the_source_holds(
            len in 1usize..500, block in 1usize..40, capacity in 1usize..5,
            reads in prop::collection::vec((0usize..500, 0usize..100), 1..20),
        ) {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
            let cache = BlockCache::new(Arc::new(MemorySource::new(bytes.clone())), block, capacity);
            for (start, n) in reads {
                let mut buf = vec![0; n];
                let result = cache.read_at(start as u64, &mut buf);
                if start + n <= len {
                    prop_assert!(result.is_ok());
                    prop_assert_eq!(&buf[..], &bytes[start..start + n]);
                } else {
                    prop_assert!(result.is_err());
                }
            }
        }
    }
}
