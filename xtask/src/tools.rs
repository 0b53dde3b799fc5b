//! The tools that tasks use, in pinned versions, and where they are kept.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::command::{cargo, output_of, run};

/// A program that cargo builds.
pub struct Tool {
    /// Package to install.
    pub package: &'static str,
    /// The program, which answers `--version`.
    pub program: &'static str,
    /// Exactly this version.
    pub version: &'static str,
    /// Further arguments of `cargo install`.
    arguments: &'static [&'static str],
    /// For the person who waits.
    about: &'static str,
}

/// Must be the version of the `wasm-bindgen` crate in Cargo.toml.
pub const WASM_BINDGEN: Tool =
    Tool { package: "wasm-bindgen-cli", program: "wasm-bindgen", version: "0.2.130", arguments: &[], about: "about 3 minutes" };

/// 0.22 needs a newer compiler; without `--locked` it does not compile.
pub const TRUNK: Tool = Tool {
    package: "trunk",
    program: "trunk",
    version: "0.21.14",
    arguments: &["--locked", "--no-default-features", "--features", "rustls"],
    about: "about 10 minutes",
};

/// The folder of all tools: `$XDG_CACHE_HOME/ewald/tools`, outside the project and its `target/`.
pub fn folder() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|c| Path::new(c).is_absolute()).map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| OsString::from("."))).join(".cache");
    cache.unwrap_or_else(home).join("ewald").join("tools")
}

/// Folder of the Python packages that tests use.
pub fn python_packages() -> PathBuf {
    folder().join("python")
}

/// PATH with the tools in front.
pub fn path() -> OsString {
    with_in_front(&[folder().join("bin")])
}

/// PATH with `folders` in front.
pub fn with_in_front(folders: &[PathBuf]) -> OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&old));
    std::env::join_paths(all).unwrap_or(old)
}

impl Tool {
    /// Where the program stands once installed.
    pub fn file(&self) -> PathBuf {
        folder().join("bin").join(self.program)
    }

    /// Whether exactly this version is there.
    pub fn is_installed(&self) -> bool {
        output_of(Command::new(self.file()).arg("--version")).is_some_and(|said| said.split_whitespace().any(|word| word == self.version))
    }

    /// Builds and installs the tool, unless it is there.
    pub fn ensure(&self) -> Result<(), Failure> {
        if self.is_installed() {
            return Ok(());
        }
        println!("setup: installing {} {} into {} ({}, once)", self.package, self.version, folder().display(), self.about);
        // A target folder of its own: cargo would else build the tool where the project is being built.
        let target = folder().join("build");
        run(Command::new(cargo())
            .args(["install", self.package, "--version", self.version])
            .args(self.arguments)
            .arg("--force")
            .arg("--root")
            .arg(folder())
            .env("CARGO_TARGET_DIR", &target))?;
        // Its objects are of no further use, and large.
        std::fs::remove_dir_all(&target).ok();
        Ok(())
    }
}
