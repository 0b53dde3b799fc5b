//! Building the engine (`engine-pkg/`) and the page (`dist/`).

use std::path::PathBuf;
use std::process::Command;

use crate::Failure;
use crate::command::{in_root, root, run};
use crate::options::Options;
use crate::setup;
use crate::toolchain::{self, Flavour, Toolchain};
use crate::tools::{self, TRUNK, WASM_BINDGEN};

/// How to build.
pub struct Settings {
    /// Optimised, or quick to build.
    pub release: bool,
    /// Where on its host the page will stand.
    pub public_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        // "./" makes the same files work in any folder of any host.
        Settings { release: true, public_url: "./".to_owned() }
    }
}

/// The built page.
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// `cargo xtask build`.
pub fn run_task(arguments: &[String]) -> Result<(), Failure> {
    let mut options = Options::new(arguments);
    let mut settings = Settings { release: !options.flag("--debug"), ..Settings::default() };
    options.flag("--release");
    if let Some(url) = options.value("--public-url")? {
        settings.public_url = url;
    }
    options.finish()?;
    everything(&settings)?;
    println!("built {}", dist().display());
    Ok(())
}

/// Sets up, then builds engine and page.
pub fn everything(settings: &Settings) -> Result<(), Failure> {
    let toolchain = setup::for_building()?;
    engine(&toolchain, settings)?;
    page(&toolchain, settings)
}

/// The engine, its JavaScript and its worker, into `engine-pkg/`, from where the page's build copies it.
pub fn engine(toolchain: &Toolchain, settings: &Settings) -> Result<(), Failure> {
    let mut cargo = toolchain.cargo(Flavour::Engine);
    cargo.args(["build", "--package", "ewald-engine", "--lib", "--target", "wasm32-unknown-unknown"]);
    if settings.release {
        cargo.arg("--release");
    }
    run(&mut cargo)?;

    let profile = if settings.release { "release" } else { "debug" };
    let module = toolchain::target().join("wasm32-unknown-unknown").join(profile).join("ewald_engine.wasm");
    let package = root().join("engine-pkg");
    // wasm-bindgen leaves snippets of earlier builds behind.
    std::fs::remove_dir_all(&package).ok();
    run(in_root(WASM_BINDGEN.file())
        .args(["--target", "web", "--no-typescript", "--out-dir"])
        .arg(&package)
        .args(if settings.release { &[] } else { &["--keep-debug"][..] })
        .arg(module))?;
    let scripts = root().join("crates/engine/js");
    let entries = std::fs::read_dir(&scripts).map_err(|e| format!("{}: {e}", scripts.display()))?;
    for entry in entries.flatten() {
        let copied = std::fs::copy(entry.path(), package.join(entry.file_name()));
        copied.map_err(|e| format!("{} cannot be copied: {e}", entry.path().display()))?;
    }
    Ok(())
}

/// The page and everything it loads, into `dist/`.
pub fn page(toolchain: &Toolchain, settings: &Settings) -> Result<(), Failure> {
    let mut trunk = in_root(TRUNK.file());
    toolchain.apply(&mut trunk, Flavour::Page);
    // `--offline`: Trunk would else download its own copies of its tools.
    trunk.args(["build", "--offline", "--skip-version-check", "--public-url", &settings.public_url]);
    if settings.release {
        trunk.arg("--release");
    }
    run(&mut trunk)
}

/// The command line program, for tests and benchmarks. Returns its path.
pub fn command_line(release: bool) -> Result<PathBuf, Failure> {
    let mut cargo: Command = in_root(crate::command::cargo());
    cargo.args(["build", "--package", "ewald-cli"]).env("PATH", tools::path());
    if release {
        cargo.arg("--release");
    }
    run(&mut cargo)?;
    Ok(root().join("target").join(if release { "release" } else { "debug" }).join("ewald"))
}
