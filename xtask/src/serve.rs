//! `cargo xtask serve`.

use crate::Failure;
use crate::build::{self, Settings, dist};
use crate::options::Options;
use crate::server::Server;
use crate::setup::open_in_browser;

/// Builds the page and serves it until interrupted.
pub fn run_task(arguments: &[String]) -> Result<(), Failure> {
    let mut options = Options::new(arguments);
    let port = match options.value("--port")? {
        None => None,
        Some(text) => Some(text.parse::<u16>().map_err(|_| format!("--port {text:?} is not a port (0 to 65535)"))?),
    };
    let settings = Settings { release: !options.flag("--debug"), ..Settings::default() };
    options.flag("--release");
    let open = !options.flag("--no-open");
    let as_it_is = options.flag("--no-build");
    let isolated = !options.flag("--no-isolation");
    options.finish()?;

    if !as_it_is {
        build::everything(&settings)?;
    } else if !dist().join("index.html").is_file() {
        return Err("there is no dist/index.html to serve; leave --no-build out once".to_owned());
    }
    let server = Server::bind(dist(), port, isolated)?;
    println!("\nEwald is at {}   (Ctrl-C ends it)", server.address());
    if open {
        open_in_browser(&server.address());
    }
    server.serve_forever();
    Ok(())
}
