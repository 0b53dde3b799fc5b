//! `ewald show` and `ewald report`: what files hold.

use super::describe;
use super::io::{self, Inputs};
use super::process::add_images;
use crate::arguments::{Arguments, Failure};
use crate::progress::Terminal;
use ewald_core::report::html;
use ewald_core::session::{Session, StageId};

/// Prints models, reflection columns, or the geometry of images.
pub fn show(arguments: &Arguments) -> Result<(), Failure> {
    let reports = describe_all(arguments, "show")?;
    if arguments.json {
        println!("{:#}", serde_json::to_value(&reports).unwrap_or_default());
    } else {
        reports.iter().for_each(|r| println!("{}", r.to_text()));
    }
    Ok(())
}

/// Writes `report.html`.
pub fn report(arguments: &Arguments) -> Result<(), Failure> {
    let reports = describe_all(arguments, "report")?;
    let page = html::page("Ewald report", &reports.iter().collect::<Vec<_>>());
    io::write_bytes(&arguments.output, "report.html", page.as_bytes())?;
    if arguments.json {
        println!("{:#}", serde_json::to_value(&reports).unwrap_or_default());
    }
    Ok(())
}

fn describe_all(arguments: &Arguments, command: &str) -> Result<Vec<ewald_core::report::Report>, Failure> {
    if let Some((key, _)) = arguments.parameters.first() {
        return Err(Failure::unusable(format!("{command} takes no parameters, but {key} was given")));
    }
    let Inputs { experiments, reflections, images, .. } = io::read_inputs(arguments)?;
    let mut out = Vec::new();
    if !images.is_empty() {
        let mut session = Session::new();
        add_images(&mut session, &images)?;
        out.push(session.run(StageId::Import, &Terminal::new(arguments.quiet)).map_err(io::failure)?.clone());
    }
    if let Some((_, experiments)) = &experiments {
        out.push(describe::experiments(experiments));
    }
    if let Some(reflections) = &reflections {
        out.push(describe::reflections(reflections));
    }
    if out.is_empty() {
        return Err(Failure::unusable(format!("{command} needs .expt, .refl or image files")));
    }
    Ok(out)
}
