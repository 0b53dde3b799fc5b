//! One stage: what the stage before left goes in, its results come out under DIALS' names.

use super::io::{self, Inputs};
use super::process::add_images;
use super::unfinished;
use crate::arguments::{Arguments, Failure};
use crate::file_source;
use crate::progress::Terminal;
use ewald_core::format::expt;
use ewald_core::geometry::ExperimentList;
use ewald_core::session::{Data, Session, StageId};
use std::path::{Path, PathBuf};

/// Runs one stage.
pub fn run(stage: StageId, arguments: &Arguments) -> Result<(), Failure> {
    let session = run_session(stage, arguments, true)?;
    for name in stage.files() {
        io::write(&session, &arguments.output, name)?;
    }
    if stage == StageId::Bravais {
        write_settings(&session, &arguments.output)?;
    }
    Ok(())
}

/// Runs the merge stage and writes one of its files.
pub fn merge(arguments: &Arguments, name: &str) -> Result<(), Failure> {
    let session = run_session(StageId::Merge, arguments, true)?;
    io::write(&session, &arguments.output, name)
}

/// Offers a session the files that may hold the images of an experiment list: those given, those that it names, and those beside it.
pub fn load_companions(session: &mut Session, path: &Path, experiments: &ExperimentList, given: &[PathBuf]) {
    let beside = file_source::siblings(path);
    let named = experiments.imagesets.iter().map(|set| path.with_file_name(&set.template));
    let elsewhere = named.flat_map(|p| [vec![p.clone()], file_source::siblings(&p)].concat()).filter(|p| p.is_file());
    let all = given.iter().cloned().chain(elsewhere).chain(beside);
    session.add_companions(all.filter_map(|p| file_source::open(&p).ok()));
}

/// A session in which one stage has run; `tell`: whether its report is printed.
pub fn run_session(stage: StageId, arguments: &Arguments, tell: bool) -> Result<Session, Failure> {
    let mut session = Session::new();
    io::set_parameters(&mut session, &[stage], arguments)?;
    io::add_free_flags(&mut session)?;
    load(&mut session, stage, io::read_inputs(arguments)?)?;
    let monitor = Terminal::new(arguments.quiet);
    if stage == StageId::Integrate {
        unfinished::take_up(&mut session, arguments);
    }
    let outcome = session.run(stage, &monitor).cloned();
    monitor.clear();
    monitor.take_log().iter().for_each(|line| eprintln!("{line}"));
    if stage == StageId::Integrate {
        unfinished::leave(&session, &outcome, arguments)?;
    }
    let told = match &outcome {
        Ok(report) => tell.then(|| report.clone()),
        Err(error) => error.report(),
    };
    if let Some(mut report) = told {
        if arguments.json {
            println!("{:#}", serde_json::to_value(&report).unwrap_or_default());
        } else {
            if outcome.is_err() {
                // The error itself follows.
                report.verdict.clear();
            }
            println!("{}", report.to_text());
        }
    }
    outcome.map_err(io::failure)?;
    Ok(session)
}

/// Puts the inputs where the stage looks for the results of those before it.
pub fn load(session: &mut Session, stage: StageId, inputs: Inputs) -> Result<(), Failure> {
    let needs = |what: &str| Failure::unusable(format!("{} needs {what}", stage.name()));
    if stage == StageId::Import {
        if inputs.images.is_empty() {
            return Err(needs("images: NeXus/HDF5 or CBF files, or a folder that holds them"));
        }
        return add_images(session, &inputs.images);
    }
    let (path, mut experiments) = inputs.experiments.ok_or_else(|| needs("an experiment list (.expt)"))?;
    if matches!(stage, StageId::FindSpots | StageId::Integrate) {
        load_companions(session, &path, &experiments, &inputs.images);
    }
    if stage == StageId::FindSpots {
        session.load_imported(experiments).map_err(io::failure)?;
        return Ok(());
    }
    if stage == StageId::Index {
        adopt_masks(&mut experiments, &inputs.reflections_path);
    }
    let reflections = inputs.reflections.ok_or_else(|| needs("reflections (.refl)"))?;
    session.load(stage, Data { experiments, reflections }).map_err(io::failure)
}

/// Masks of spot finding come with the experiment list beside the spots (`strong.expt` beside `strong.refl`), also where the list of import is given,
/// as DIALS' users are used to. A neighbour that cannot be read is none.
fn adopt_masks(experiments: &mut ExperimentList, spots: &Path) {
    let beside = std::fs::read(spots.with_extension("expt")).ok().and_then(|bytes| expt::read(&bytes).ok());
    if let Some(masked) = beside {
        experiments.adopt_masks(&masked);
    }
}

/// Each Bravais setting as an experiment list, and the data in the one chosen.
fn write_settings(session: &Session, folder: &Path) -> Result<(), Failure> {
    for (number, experiments) in &session.results().bravais_settings {
        io::write_bytes(folder, &format!("bravais_setting_{number}.expt"), experiments)?;
    }
    if let Some(data) = &session.results().bravais {
        io::write_bytes(folder, "reindexed.expt", &expt::write(&data.experiments))?;
        io::write_bytes(folder, "reindexed.refl", &session.table_for_file(data))?;
    }
    Ok(())
}
