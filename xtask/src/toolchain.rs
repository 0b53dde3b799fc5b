//! The compiler for wasm with threads.
//!
//! Threads need a standard library rebuilt with atomics (`-Zbuild-std`): its source, and the right to use
//! unstable flags, which `RUSTC_BOOTSTRAP=1` gives a stable compiler. The source comes from rustup where rustup can
//! download; else from Debian's packages, which then bring a compiler of their own. Nothing in the project names
//! a channel, so native builds stay on whatever Rust is there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::command::{find, in_root, output_of, root, run};
use crate::setup::apt_install;
use crate::tools;

/// A compiler that can build the standard library for wasm.
pub enum Toolchain {
    /// The Rust that runs this task, with its standard library's source.
    Own,
    /// Debian's `rustc-web`, linked by `wasm-ld-22`; the folder holds `cargo` and `rustc` under those names.
    Debian(PathBuf),
}

/// Flags of the threaded module. All are needed: without `--shared-memory` the memory cannot be sent to
/// workers, without `__heap_base` wasm-bindgen finds no room for thread ids.
const THREADED: &str = "-Ctarget-feature=+atomics,+bulk-memory,+mutable-globals,+simd128 \
    -Clink-arg=--shared-memory -Clink-arg=--import-memory -Clink-arg=--max-memory=4294967296 \
    -Clink-arg=--export=__heap_base -Clink-arg=--export=__wasm_init_tls -Clink-arg=--export=__tls_size \
    -Clink-arg=--export=__tls_align -Clink-arg=--export=__tls_base";

/// Flags of wasm without threads but with the engine's SIMD, in which the core's tests run.
const UNTHREADED_SIMD: &str = "-Ctarget-feature=+bulk-memory,+simd128";

/// What a wasm build is for.
#[derive(Clone, Copy)]
pub enum Flavour {
    /// The engine: threads and SIMD.
    Engine,
    /// The page: plain wasm, so that it starts everywhere.
    Page,
    /// The core's tests: SIMD, no threads.
    Tests,
}

impl Toolchain {
    /// The first that works, installing it if need be.
    pub fn ensure() -> Result<Self, Failure> {
        let choice = std::env::var("EWALD_WASM_TOOLCHAIN").unwrap_or_default();
        let may = |kind: &str| choice.is_empty() || choice == kind;
        if may("own") && own_has_source() {
            return Ok(Toolchain::Own);
        }
        if let Some(debian) = debian().filter(|_| may("debian")) {
            return Ok(debian);
        }
        if may("own") && find("rustup").is_some() {
            println!("setup: adding the standard library's source with rustup (rust-src)");
            if run(in_root("rustup").args(["component", "add", "rust-src"])).is_ok() && own_has_source() {
                return Ok(Toolchain::Own);
            }
            println!("setup: rustup cannot download it here; trying Debian's compiler for the web");
        }
        apt_install(&["rustc-web", "cargo-web", "rust-web-src", "lld-22"])?;
        debian().ok_or_else(|| {
            "no compiler for wasm: neither rustup's rust-src nor Debian's rustc-web, rust-web-src and lld-22 \
             could be installed"
                .to_owned()
        })
    }

    /// In a few words, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Toolchain::Own => "this Rust with rust-src",
            Toolchain::Debian(_) => "Debian's rustc-web",
        }
    }

    /// Whether it comes with clippy.
    pub fn has_clippy(&self) -> bool {
        matches!(self, Toolchain::Own)
    }

    /// Sets `command` (cargo, or a program that calls cargo) up to build wasm of `flavour`.
    pub fn apply<'c>(&self, command: &'c mut Command, flavour: Flavour) -> &'c mut Command {
        let mut front = vec![tools::folder().join("bin")];
        if let Toolchain::Debian(bin) = self {
            // rustup's variables would make its proxies answer instead.
            command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env("RUSTC", bin.join("rustc"));
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-22");
            front.insert(0, bin.clone());
        }
        let flags = match flavour {
            Flavour::Engine => THREADED,
            Flavour::Page => "",
            Flavour::Tests => UNTHREADED_SIMD,
        };
        command
            .env("PATH", tools::with_in_front(&front))
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags)
            // Apart from native builds: build scripts are run anew whenever RUSTC_BOOTSTRAP comes or goes.
            .env("CARGO_TARGET_DIR", target())
    }

    /// A cargo command that builds wasm of `flavour`.
    pub fn cargo(&self, flavour: Flavour) -> Command {
        let mut command = match self {
            Toolchain::Own => in_root(crate::command::cargo()),
            Toolchain::Debian(bin) => in_root(bin.join("cargo")),
        };
        self.apply(&mut command, flavour);
        command
    }
}

/// Where wasm is built.
pub fn target() -> PathBuf {
    root().join("target/wasm")
}

/// Whether the running Rust has its standard library's source and can link wasm.
fn own_has_source() -> bool {
    output_of(in_root("rustc").args(["--print", "sysroot"])).is_some_and(|sysroot| {
        let rustlib = Path::new(&sysroot).join("lib/rustlib");
        // A distribution's own compiler keeps no linker for wasm in its sysroot.
        let host = output_of(in_root("rustc").args(["--print", "host-tuple"])).unwrap_or_default();
        rustlib.join("src/rust/library/std/Cargo.toml").is_file() && rustlib.join(host).join("bin/rust-lld").is_file()
    })
}

/// Debian's compiler, if it and its source and linker are installed.
fn debian() -> Option<Toolchain> {
    let source = Path::new("/usr/lib/rustlib/src/rust/library/std/Cargo.toml");
    let programs = ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/bin/wasm-ld-22"];
    if !source.is_file() || !programs.iter().all(|p| Path::new(p).is_file()) {
        return None;
    }
    let bin = tools::folder().join("debian-web");
    std::fs::create_dir_all(&bin).ok()?;
    for name in ["cargo", "rustc", "rustdoc"] {
        let link = bin.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(Path::new("/usr/bin").join(name), &link).ok()?;
        }
    }
    Some(Toolchain::Debian(bin))
}
