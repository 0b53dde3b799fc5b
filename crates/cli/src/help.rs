//! What `--help` prints; the parameters come from the stages' own declarations.

use crate::commands::{COMMANDS, Command};
use ewald_core::session::{ParamView, SessionParams, parameter_views};

/// The commands, one line each.
pub fn overview() -> String {
    let mut out = String::from(
        "ewald: X-ray diffraction images to merged intensities\n\nUsage: ewald COMMAND [FILES…] [key=value…] [-o FOLDER] [--threads N] [--json] [--quiet]\n\n",
    );
    for c in COMMANDS {
        out += &format!("  {:24} {}\n", c.name, c.summary);
    }
    out + "\n`ewald COMMAND --help` lists the parameters of a command.\nExit status: 0 success, 1 the work failed, 2 arguments or input that cannot be used, 130 cancelled.\n"
}

/// A command's usage and parameters.
pub fn of_command(command: &Command) -> String {
    let mut out = format!("ewald {} {}\n\n{}\n", command.name, command.usage, command.summary);
    let defaults = SessionParams::default();
    if command.name == "simulate" {
        out += "\nParameters (demo=true starts from the page's demonstration data set):\n";
        out += &parameters(&parameter_views(&ewald_sim::Params::default()));
    }
    if command.name == "search-beam-position" {
        out += "\nParameters:\n";
        out += &parameters(&parameter_views(&ewald_core::stages::beam_centre::Params::default()));
    }
    if command.name == "export" {
        out += "\nParameters:\n";
        out += &parameters(&parameter_views(&ewald_core::stages::merge::export::Params::default()));
    }
    for stage in command.stages {
        out += &format!("\nParameters of {}:\n{}", stage.title(), parameters(&defaults.views(*stage)));
    }
    out
}

fn parameters(views: &[ParamView]) -> String {
    let mut out = String::new();
    for p in views {
        let numeric = p.kind["kind"] == "number" || p.kind["kind"] == "integer";
        let range = if numeric { format!(" [{} to {}]", p.range[0], p.range[1]) } else { String::new() };
        let words = |w: &serde_json::Value| {
            w.as_array().map_or(String::new(), |w| w.iter().filter_map(|w| w.as_str()).collect::<Vec<_>>().join(" | "))
        };
        let choice = if p.kind["kind"] == "choice" { format!(" [{}]", words(&p.kind["of"])) } else { String::new() };
        let unit = if p.unit.is_empty() { String::new() } else { format!(" {}", p.unit) };
        out += &format!("  {}={}{unit}{range}{choice}\n", p.name, p.default);
        out += &format!("      {}\n", p.doc.split_whitespace().collect::<Vec<_>>().join(" "));
        if !p.dials.is_empty() {
            out += &format!("      DIALS: {}\n", p.dials);
        }
    }
    out
}
