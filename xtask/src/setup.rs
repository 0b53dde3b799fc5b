//! Installing what the other tasks need, and saying so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::command::{find, output_of, root, run};
use crate::options::Options;
use crate::toolchain::Toolchain;
use crate::tools::{self, TRUNK, WASM_BINDGEN};

/// Python packages of the tests: independent readers of the files that Ewald writes.
const PYTHON_PACKAGES: [&str; 2] = ["gemmi==0.7.5", "numpy"];

/// Browsers that the page is tested in, by the name of their program.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// `cargo xtask setup`.
pub fn run_task(arguments: &[String]) -> Result<(), Failure> {
    let mut options = Options::new(arguments);
    let tests = options.flag("--tests");
    options.finish()?;
    let toolchain = for_building()?;
    println!("setup: wasm is built by {}", toolchain.name());
    println!("setup: {} {}, {} {}", WASM_BINDGEN.package, WASM_BINDGEN.version, TRUNK.package, TRUNK.version);
    if tests {
        for_testing()?;
        println!("setup: Chromium, its driver and the Python packages of the tests");
    }
    println!("setup: everything is in place, in {}", tools::folder().display());
    Ok(())
}

/// What building takes.
pub fn for_building() -> Result<Toolchain, Failure> {
    let toolchain = Toolchain::ensure()?;
    WASM_BINDGEN.ensure()?;
    TRUNK.ensure()?;
    Ok(toolchain)
}

/// What the tests take beyond building. Returns Chromium's program.
pub fn for_testing() -> Result<PathBuf, Failure> {
    ensure_node()?;
    ensure_node_packages()?;
    ensure_python_packages()?;
    ensure_browser()
}

/// Installs Debian packages, refreshing the lists of packages if they turn out to be too old.
pub fn apt_install(packages: &[&str]) -> Result<(), Failure> {
    if find("apt-get").is_none() {
        return Err(format!("{} must be installed by hand: there is no apt-get here", packages.join(", ")));
    }
    println!("setup: installing with apt-get: {}", packages.join(" "));
    let install = || run(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages));
    // New machines come with empty or outdated lists.
    install().or_else(|_| {
        run(apt().arg("update"))?;
        install()
    })
}

/// `apt-get`, as root.
fn apt() -> Command {
    let is_root = output_of(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    let mut command = Command::new(if is_root { "apt-get" } else { "sudo" });
    if !is_root {
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
    command
}

/// Node.js 20 or newer, with npm.
fn ensure_node() -> Result<(), Failure> {
    let major = || -> Option<u32> {
        let version = output_of(Command::new("node").arg("--version"))?;
        version.strip_prefix('v')?.split('.').next()?.parse().ok()
    };
    if major().is_none() {
        apt_install(&["nodejs"])?;
    }
    if find("npm").is_none() {
        apt_install(&["npm"])?;
    }
    match major() {
        Some(20..) => Ok(()),
        Some(old) => Err(format!("the tests need Node.js 20 or newer; this is {old}")),
        None => Err("the tests need Node.js 20 or newer, and it could not be installed".to_owned()),
    }
}

/// Packages in tests/package-lock.json, put beside it.
fn ensure_node_packages() -> Result<(), Failure> {
    let tests = root().join("tests");
    let lock = read(&tests.join("package-lock.json"))?;
    if std::fs::read_to_string(tests.join("node_modules/.installed")).is_ok_and(|done| done == lock) {
        return Ok(());
    }
    println!("setup: installing tests/package-lock.json with npm (playwright-core drives Chromium)");
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&tests))?;
    write(&tests.join("node_modules/.installed"), &lock)
}

/// The Python packages, in a folder of their own, which the tests put on PYTHONPATH.
fn ensure_python_packages() -> Result<(), Failure> {
    let folder = tools::python_packages();
    let version = output_of(Command::new("python3").arg("--version"));
    if version.is_none() {
        apt_install(&["python3"])?;
    }
    let wanted = format!("{} {}", version.unwrap_or_default(), PYTHON_PACKAGES.join(" "));
    if std::fs::read_to_string(folder.join(".installed")).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    let has_pip = || output_of(Command::new("python3").args(["-m", "pip", "--version"])).is_some();
    if !has_pip() {
        apt_install(&["python3-pip"])?;
    }
    println!("setup: installing with pip into {}: {}", folder.display(), PYTHON_PACKAGES.join(" "));
    std::fs::remove_dir_all(&folder).ok();
    let pip = ["-m", "pip", "install", "--quiet", "--upgrade", "--target"];
    run(Command::new("python3").args(pip).arg(&folder).args(PYTHON_PACKAGES))?;
    write(&folder.join(".installed"), &wanted)
}

/// Chromium and its driver.
fn ensure_browser() -> Result<PathBuf, Failure> {
    let present = || BROWSERS.iter().find_map(|name| find(name));
    if present().is_none() {
        apt_install(&["chromium"])?;
    }
    present().ok_or_else(|| "the tests need Chromium, and it could not be installed".to_owned())
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|e| format!("{} cannot be written: {e}", file.display()))
}

/// Opens `address` in the user's browser, if there is a screen to show it on.
pub fn open_in_browser(address: &str) {
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|v| std::env::var_os(v).is_some());
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if (has_screen || cfg!(target_os = "macos")) && find(opener).is_some() {
        // Whether it works is seen at once, and the address has been printed.
        Command::new(opener).arg(address).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok();
    }
}
