//! Files of the shared test data, which is not part of the project.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source::{FileSet, MemorySource, SourceFile};

/// The folder, from `EWALD_TEST_DATA` or beside the project. `None`, with a line on stderr, when there is none.
pub fn folder(part: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("EWALD_TEST_DATA").map_or(beside, PathBuf::from);
    let folder = root.join(part);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no test data at {}; set EWALD_TEST_DATA", folder.display());
    None
}

/// Reads files of a folder into a set under their own names.
pub fn files(folder: &Path, names: &[&str]) -> FileSet {
    let read = |name: &&str| {
        let bytes = std::fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        SourceFile::new(*name, Arc::new(MemorySource::new(bytes)))
    };
    names.iter().map(read).collect()
}

/// All files below a folder, as paths relative to it.
pub fn list(folder: &Path) -> Vec<String> {
    let mut out = Vec::new();
    let mut todo = vec![folder.to_path_buf()];
    while let Some(at) = todo.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                out.push(path.strip_prefix(folder).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    out.sort();
    out
}
