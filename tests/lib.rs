//! End-to-end tests of Ewald; see the folders beside this file.
//!
//! Real and simulated data sets are too large for the repository. Tests that use them look in `EWALD_TEST_DATA`, or in
//! `../shared/data` beside the project, and say loudly that they skipped where there is nothing.

use std::path::{Path, PathBuf};

/// The path of a file or folder of the test data, or `None`, said loudly, where it is missing.
pub fn data(relative: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("EWALD_TEST_DATA") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
    };
    let path = root.join(relative);
    if path.exists() {
        Some(path)
    } else {
        eprintln!("SKIPPED: {relative} is not in the test data (set EWALD_TEST_DATA)");
        None
    }
}

/// Every file below `folder` whose name ends in `.extension`, sorted.
pub fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}
