//! `ewald search-beam-position`: the experiments with a better beam centre, and a page with the map of scores or the projections.

use super::io;
use super::process::add_images;
use super::stage::load_companions;
use crate::arguments::{Arguments, Failure};
use crate::progress::Terminal;
use ewald_core::format::expt;
use ewald_core::params::Parameters;
use ewald_core::report::html;
use ewald_core::session::{Data, Session, StageId};
use ewald_core::stages::beam_centre::{self, Method, Params};

/// Searches, and writes `optimised.expt`.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut params = Params::default();
    for (key, value) in &arguments.parameters {
        params.set(key, value).map_err(Failure::unusable)?;
    }
    let inputs = io::read_inputs(arguments)?;
    let mut session = Session::new();
    match (inputs.experiments, inputs.reflections) {
        (Some((path, experiments)), Some(reflections)) if params.method == Method::Default => {
            load_companions(&mut session, &path, &experiments, &inputs.images);
            session.load(StageId::Index, Data { experiments, reflections }).map_err(io::failure)?;
        }
        _ if params.method == Method::Default => {
            return Err(Failure::unusable(
                "search-beam-position needs an experiment list (.expt) and its strong spots (.refl); method=midpoint, maximum or inversion needs images",
            ));
        }
        (Some((path, experiments)), _) => {
            load_companions(&mut session, &path, &experiments, &inputs.images);
            session.load_imported(experiments).map_err(io::failure)?;
        }
        (None, _) => {
            add_images(&mut session, &inputs.images)?;
            session.run(StageId::Import, &Terminal::new(arguments.quiet)).map_err(io::failure)?;
        }
    }
    let experiments = session.results().imported.clone().unwrap_or_default();
    let strong = session.results().strong.clone().unwrap_or_default();
    let monitor = Terminal::new(arguments.quiet);
    let found = beam_centre::run(&experiments, &strong, session.images(), &params, &monitor);
    monitor.clear();
    let found = found.map_err(|e| match e {
        beam_centre::Error::Cancelled(_) => Failure::Cancelled,
        beam_centre::Error::Params(e) => Failure::unusable(e),
        other => Failure::Failed(other.to_string()),
    })?;
    io::write_bytes(&arguments.output, "optimised.expt", &expt::write(&found.experiments))?;
    let report = beam_centre::report(&found);
    io::write_bytes(&arguments.output, "search_beam_position.html", html::page("Beam centre", &[&report]).as_bytes())?;
    if arguments.json {
        println!("{:#}", serde_json::json!({ "report": report, "score_map": found.map }));
    } else {
        println!("{}", report.to_text());
    }
    Ok(())
}
