//! The help texts.

/// The help of `task`, or the overview when there is no such task.
pub fn of(task: &str) -> &'static str {
    match task {
        "setup" => SETUP,
        "build" => BUILD,
        "serve" => SERVE,
        "test" => TEST,
        "check" => CHECK,
        "bench" => BENCH,
        _ => OVERVIEW,
    }
}

const OVERVIEW: &str = "\
cargo xtask TASK [OPTIONS]

  serve   build the page and its engine and serve them on this machine
  test    everything that continuous integration runs
  check   the quick part of it: formatting, lints, documentation
  build   build the page and its engine into dist/
  bench   stage timings, native and in Chromium
  setup   install what the tasks above need (each of them does so itself)

`cargo xtask TASK --help` explains one.
";

const SETUP: &str = "\
cargo xtask setup [--tests]

Installs what building needs and says what it installs. A second run finds everything in place.

  - the compiler for wasm with threads: rustup's rust-src where rustup can download, else Debian's
    packages rustc-web, cargo-web, rust-web-src and lld-22 (with apt-get, through sudo if not root).
    EWALD_WASM_TOOLCHAIN=own or debian insists on one of them
  - wasm-bindgen-cli and trunk, in pinned versions, built by cargo
  --tests   also what the tests need: Node.js, Chromium, playwright-core, and gemmi and numpy for Python

Tools are kept in $XDG_CACHE_HOME/ewald/tools (~/.cache/ewald/tools), outside the project.
";

const BUILD: &str = "\
cargo xtask build [--debug] [--public-url URL]

Builds the engine (wasm with threads and SIMD) and the page (plain wasm) into dist/, which any static host
can serve: where the host does not send the cross-origin isolation headers, the page's service worker does.

  --debug            a quicker build of slower code, with names in backtraces
  --public-url URL   where on its host the page will stand; default ./ (anywhere)
";

const SERVE: &str = "\
cargo xtask serve [--port N] [--debug | --release] [--no-open] [--no-build] [--no-isolation]

Sets up, builds, and serves the page on this machine only, with the headers that shared memory needs. Prints the address.

  --port N         port to listen on; default 8080, or the next free one; 0 takes any
  --release        optimised (default)
  --debug          a quicker build of slower code
  --no-open        do not open a browser
  --no-build       serve dist/ as it is
  --no-isolation   send no isolation headers, as a plain static host (the service worker then adds them)
";

const TEST: &str = "\
cargo xtask test [--only PART[,PART…]] [--list]

Everything that continuous integration runs. The last line counts all test cases; the exit status is 0 only if none failed.

  format    cargo fmt --check
  lints     clippy with warnings as errors, on native code, engine and page
  native    cargo test on the whole workspace
  docs      documentation without warnings
  wasm      builds engine and page; runs the core's unit tests compiled to wasm in Node
  browser   drives the page in Chromium

  --only    run these parts only
  --list    name the parts
";

const CHECK: &str = "\
cargo xtask check

The quick part of `cargo xtask test`: formatting, lints and documentation.
";

const BENCH: &str = "\
cargo xtask bench [--data DIR] [--threads N] [--only native|browser|frames]

Times every stage on the same images: `ewald process` natively, and the page in Chromium.

  --data DIR     folder with the images; default is a simulated data set made for the purpose
  --threads N    threads to use; default 2
  --only PART    native, browser, or frames: decoding frames of 18 megapixels beside HDF5's C filter (the Python package
                 hdf5plugin), and finding their spots, natively and in Chromium, on one thread and two

cargo xtask bench indexing [--sets N | --set N,N,…] [--wedge DEGREES] [--seed N] [--verbose] [--write DIR]

Indexes spot lists of random simulated crystals and says how often the right lattice comes out, and what the others were like.

  --sets N         how many; default 200
  --set N,N,…      these alone
  --wedge DEGREES  proteins with so little rotation, instead of crystals of all kinds with 10 to 360 degrees
  --seed N         another series; default 1
  --verbose        all sets, with their reports
  --write DIR      writes imported.expt, strong.refl and truth.txt of each set into folders instead

cargo xtask bench symmetry [--sets N | --set N,N,…] [--seeds N] [--verbose]

Finds the symmetry of simulated integrated data of all Laue classes, twins and pseudo-symmetric crystals among them, and says how often it is right.

  --sets N      how many; default 50
  --set N,N,…   these alone
  --seeds N     the same number again from so many seeds; default 1
  --verbose     all sets, with their reports
";
