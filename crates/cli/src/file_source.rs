//! Files of the operating system as the core's byte sources.

use ewald_core::format::source::{ByteSource, SourceError, SourceFile, check_range};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A file, opened when it is first read: a folder may hold thousands.
struct LocalFile {
    path: PathBuf,
    len: u64,
    file: OnceLock<Result<File, String>>,
}

impl ByteSource for LocalFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        check_range(offset, buf.len(), self.len)?;
        let failed = |reason: String| SourceError::Io { offset, len: buf.len() as u64, reason };
        let file = self.file.get_or_init(|| File::open(&self.path).map_err(|e| e.to_string()));
        let file = file.as_ref().map_err(|e| failed(e.clone()))?;
        read_exact_at(file, buf, offset).map_err(|e| SourceError::Io { offset, len: buf.len() as u64, reason: e.to_string() })
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buf: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buf: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !buf.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_read(file, buf, offset)?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        buf = &mut buf[n..];
        offset += n as u64;
    }
    Ok(())
}

/// The file at `path`, under its absolute path as name: experiment lists name their images so, and are read from other folders later.
pub fn open(path: &Path) -> Result<SourceFile, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let meta = std::fs::metadata(path).map_err(failed)?;
    let absolute = std::path::absolute(path).map_err(failed)?;
    let name = absolute.to_string_lossy().into_owned();
    let file = LocalFile { path: absolute, len: meta.len(), file: OnceLock::new() };
    Ok(SourceFile::new(name, Arc::new(file)))
}

/// The files in the folder of `path`, sorted, without `path` itself and without sub-folders.
pub fn siblings(path: &Path) -> Vec<PathBuf> {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    files_in(folder).into_iter().filter(|p| p.file_name() != path.file_name()).collect()
}

/// The files in a folder, sorted by name.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).filter(|p| p.is_file()).collect();
    out.sort();
    out
}
