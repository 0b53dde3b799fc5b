//! `ewald show-reflection`: one reflection, measured again after integration, with all that goes into its intensity.

use super::io;
use super::stage::run_session;
use crate::arguments::{Arguments, Failure};
use ewald_core::report::Report;
use ewald_core::session::{StageId, Wanted};

/// Integrates as `integrate` does, and tells of each observation of the reflection.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut rest = arguments.clone();
    rest.parameters.retain(|(key, _)| key != "hkl");
    let text = arguments.parameters.iter().find(|(key, _)| key == "hkl").map(|(_, value)| value);
    let text = text.ok_or_else(|| Failure::unusable("show-reflection needs a Miller index: hkl=1,-2,3"))?;
    let numbers: Result<Vec<i32>, _> = text.split(',').map(|n| n.trim().parse()).collect();
    let hkl: Option<[i32; 3]> = numbers.ok().and_then(|n| n.try_into().ok());
    let hkl = hkl.ok_or_else(|| Failure::unusable(format!("hkl={text}: three whole numbers with commas between them are needed")))?;

    let session = run_session(StageId::Integrate, &rest, false)?;
    let learned = session.results().integration.as_ref().map(|i| &i.learned);
    let params = learned.map(|l| l.params().clone()).unwrap_or_default();
    let find = |wanted| session.observation(wanted).map_err(io::failure);
    let Some(first) = find(Wanted::Index(hkl))? else {
        return Err(Failure::unusable(format!("({} {} {}) is not among the reflections that were predicted", hkl[0], hkl[1], hkl[2])));
    };
    let mut reports: Vec<Report> = Vec::new();
    for (k, number) in first.same.iter().enumerate() {
        let Some(o) = find(Wanted::Number(*number))? else { continue };
        let mut report = o.account.report(&params);
        report.title = format!("{}, observation {} of {}", report.title, k + 1, first.same.len());
        report.texts.push(("Counts".to_owned(), o.account.pixels_as_text()));
        reports.push(report);
    }
    if arguments.json {
        println!("{:#}", serde_json::to_value(&reports).unwrap_or_default());
    } else {
        reports.iter().for_each(|r| println!("{}: {}\n{}", r.title, r.headline, r.to_text()));
    }
    Ok(())
}
