//! The commands: arguments in, a session's stages run, files out.

mod beam_centre;
mod describe;
mod export;
mod io;
mod process;
mod reflection;
mod report;
mod simulate;
mod stage;
mod unfinished;

use crate::arguments::{Arguments, Failure};
use ewald_core::session::StageId;

/// A command.
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What stands after the name.
    pub usage: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// The stages whose parameters it takes.
    pub stages: &'static [StageId],
    /// Does it.
    pub run: fn(&Arguments) -> Result<(), Failure>,
}

/// All commands, in the order in which they are listed.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "process",
        usage: "IMAGES… [-o FOLDER] [key=value…]",
        summary: "everything from images to merged.mtz, scaled.mtz and report.html",
        stages: &StageId::ALL,
        run: process::run,
    },
    Command {
        name: "import",
        usage: "IMAGES…",
        summary: "images → imported.expt",
        stages: &[StageId::Import],
        run: |a| stage::run(StageId::Import, a),
    },
    Command {
        name: "find-spots",
        usage: "imported.expt",
        summary: "imported.expt → strong.expt (with masks), strong.refl",
        stages: &[StageId::FindSpots],
        run: |a| stage::run(StageId::FindSpots, a),
    },
    Command {
        name: "search-beam-position",
        usage: "imported.expt strong.refl, or IMAGES… method=…",
        summary: "a better beam centre → optimised.expt",
        stages: &[],
        run: beam_centre::run,
    },
    Command {
        name: "index",
        usage: "imported.expt strong.refl",
        summary: "strong spots → indexed.expt, indexed.refl",
        stages: &[StageId::Index],
        run: |a| stage::run(StageId::Index, a),
    },
    Command {
        name: "refine-bravais-settings",
        usage: "indexed.expt indexed.refl",
        summary: "the Bravais table → bravais_summary.json, reindexed.expt, reindexed.refl",
        stages: &[StageId::Bravais],
        run: |a| stage::run(StageId::Bravais, a),
    },
    Command {
        name: "refine",
        usage: "indexed.expt indexed.refl",
        summary: "better models → refined.expt, refined.refl",
        stages: &[StageId::Refine],
        run: |a| stage::run(StageId::Refine, a),
    },
    Command {
        name: "integrate",
        usage: "refined.expt refined.refl",
        summary: "intensities → integrated.expt, integrated.refl",
        stages: &[StageId::Integrate],
        run: |a| stage::run(StageId::Integrate, a),
    },
    Command {
        name: "show-reflection",
        usage: "refined.expt refined.refl hkl=h,k,l [key=value…]",
        summary: "integrates, and tells how the intensity of one reflection comes of its pixels",
        stages: &[StageId::Integrate],
        run: reflection::run,
    },
    Command {
        name: "symmetry",
        usage: "integrated.expt integrated.refl",
        summary: "Laue and space group → symmetrized.expt, symmetrized.refl",
        stages: &[StageId::Symmetry],
        run: |a| stage::run(StageId::Symmetry, a),
    },
    Command {
        name: "scale",
        usage: "symmetrized.expt symmetrized.refl",
        summary: "one scale for all → scaled.expt, scaled.refl",
        stages: &[StageId::Scale],
        run: |a| stage::run(StageId::Scale, a),
    },
    Command {
        name: "merge",
        usage: "scaled.expt scaled.refl",
        summary: "unique reflections → merged.mtz",
        stages: &[StageId::Merge],
        run: |a| stage::merge(a, "merged.mtz"),
    },
    Command {
        name: "export",
        usage: "scaled.expt scaled.refl [format=mtz|mmcif|merged_mmcif|xds_ascii|shelx]",
        summary: "scaled reflections in other programs' formats → scaled.mtz, scaled.cif, merged.cif, XDS_ASCII.HKL, scaled.hkl and .ins",
        stages: &[StageId::Merge],
        run: export::run,
    },
    Command {
        name: "report",
        usage: "FILES.expt FILES.refl",
        summary: "models and reflections as report.html",
        stages: &[],
        run: report::report,
    },
    Command { name: "show", usage: "FILES", summary: "what .expt and .refl files and images hold", stages: &[], run: report::show },
    Command {
        name: "simulate",
        usage: "[-o FOLDER] [key=value…]",
        summary: "a simulated data set as NXmx files (bitshuffle-LZ4)",
        stages: &[],
        run: simulate::run,
    },
];

/// The command of that name; DIALS' names work too.
pub fn find(name: &str) -> Option<&'static Command> {
    let plain = name.strip_prefix("dials.").unwrap_or(name).replace('_', "-");
    COMMANDS.iter().find(|c| c.name == plain)
}
