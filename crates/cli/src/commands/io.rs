//! Reading a session's inputs and writing its outputs.

use crate::arguments::{Arguments, Failure};
use crate::file_source;
use ewald_core::format::{expt, refl};
use ewald_core::geometry::ExperimentList;
use ewald_core::reflections::Reflections;
use ewald_core::session::{Session, SessionError, StageId};
use std::path::{Path, PathBuf};

/// Input files by kind.
#[derive(Default)]
pub struct Inputs {
    /// The experiment list, and the path that it came from.
    pub experiments: Option<(PathBuf, ExperimentList)>,
    /// The reflections.
    pub reflections: Option<Reflections>,
    /// Where the reflections came from.
    pub reflections_path: PathBuf,
    /// Everything else: images.
    pub images: Vec<PathBuf>,
}

/// Sorts the files into experiment lists, reflection tables and images, and reads the first two.
pub fn read_inputs(arguments: &Arguments) -> Result<Inputs, Failure> {
    let mut out = Inputs::default();
    for path in &arguments.files {
        let unusable = |e: &dyn std::fmt::Display| Failure::unusable(format!("{}: {e}", path.display()));
        let read = || std::fs::read(path).map_err(|e| unusable(&e));
        match path.extension().and_then(|e| e.to_str()) {
            Some("expt") => {
                if out.experiments.is_some() {
                    return Err(unusable(&"one .expt file is enough; combine several first"));
                }
                out.experiments = Some((path.clone(), expt::read(&read()?).map_err(|e| unusable(&e))?));
            }
            Some("refl") => {
                if out.reflections.is_some() {
                    return Err(unusable(&"one .refl file is enough; combine several first"));
                }
                out.reflections = Some(refl::read(&read()?).map_err(|e| unusable(&e))?);
                out.reflections_path.clone_from(path);
            }
            _ if path.is_dir() => out.images.extend(file_source::files_in(path)),
            _ if path.is_file() => out.images.push(path.clone()),
            _ => return Err(unusable(&"there is no such file")),
        }
    }
    Ok(out)
}

/// Sets `key=value` parameters. A key is `stage.name`, or a name that only one of `stages` has, or the first of several.
pub fn set_parameters(session: &mut Session, stages: &[StageId], arguments: &Arguments) -> Result<(), Failure> {
    for (key, value) in &arguments.parameters {
        let named = key.split_once('.').and_then(|(stage, name)| Some((StageId::from_name(stage)?, name)));
        if let Some((stage, name)) = named.filter(|(stage, _)| stages.contains(stage)) {
            session.set_param(stage, name, value).map_err(Failure::unusable)?;
            continue;
        }
        let mut first_error = None;
        let mut set = false;
        for stage in stages {
            match session.set_param(*stage, key, value) {
                Ok(()) => set = true,
                Err(error @ ewald_core::params::ParamError::Unknown { .. }) => {
                    first_error.get_or_insert(error);
                }
                Err(error) => return Err(Failure::unusable(error)),
            }
        }
        if !set {
            return Err(Failure::unusable(
                first_error.map_or_else(|| format!("this command takes no parameters, {key} least of all"), |e| e.to_string()),
            ));
        }
    }
    Ok(())
}

/// Gives the session the file whose free-R flags are to be kept.
pub fn add_free_flags(session: &mut Session) -> Result<(), Failure> {
    let Some(name) = session.params().merge.free_flags_from.clone() else { return Ok(()) };
    let mut file = file_source::open(Path::new(&name)).map_err(|e| Failure::unusable(format!("free_flags_from={name}: {e}")))?;
    // The parameter names it as it is named here.
    file.name = name;
    session.add_companions([file]);
    Ok(())
}

/// Writes one of a session's files into the output folder; says nothing when there is no such result.
pub fn write(session: &Session, folder: &Path, name: &str) -> Result<(), Failure> {
    match session.file(name) {
        Some(bytes) => write_bytes(folder, name, &bytes),
        None => Ok(()),
    }
}

/// Writes a file into a folder, made if need be.
pub fn write_bytes(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, bytes))
        .map_err(|e| Failure::unusable(format!("{} cannot be written: {e}", path.display())))
}

/// Turns a stage's error into an exit status: bad input is the user's to mend.
pub fn failure(error: SessionError) -> Failure {
    if error.is_cancelled() {
        return Failure::Cancelled;
    }
    match error {
        SessionError::Import(_) | SessionError::NoImages { .. } | SessionError::Needs { .. } => Failure::unusable(error),
        other => Failure::Failed(other.to_string()),
    }
}
