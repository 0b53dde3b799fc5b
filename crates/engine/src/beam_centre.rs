//! The search for the beam centre, as the page asks for it.

use std::collections::BTreeMap;

use ewald_core::geometry::ExperimentList;
use ewald_core::job::Monitor;
use ewald_core::params::Parameters;
use ewald_core::session::Session;
use ewald_core::stages::beam_centre::{self, Output, Params};
use ewald_protocol::BeamCentreView;

use crate::views::ViewError;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A stage that it needs has not run.
    #[error(transparent)]
    NotYet(#[from] ViewError),
    /// The search failed.
    #[error(transparent)]
    Search(#[from] beam_centre::Error),
}

/// Centres that differ by less are the same, px.
const SAME: f64 = 0.05;

/// Searches with the imported models and their spots.
pub fn search(session: &Session, parameters: &BTreeMap<String, String>, monitor: &dyn Monitor) -> Result<BeamCentreView, Error> {
    let mut params = Params::default();
    for (name, text) in parameters {
        params.set(name, text).map_err(beam_centre::Error::from)?;
    }
    let imported = session.results().imported.as_ref().ok_or_else(|| ViewError::NotYet { what: "the experiment".to_owned() })?;
    let none = Default::default();
    let strong = session.results().strong.as_ref().unwrap_or(&none);
    let found = beam_centre::run(imported, strong, session.images(), &params, monitor)?;
    Ok(view(&found, imported))
}

fn view(found: &Output, imported: &ExperimentList) -> BeamCentreView {
    let px = |k: usize, mm: f64| mm / found.pixel_mm[k];
    let new = [0, 1].map(|k| px(k, found.old.mm[k] + found.shift_mm[k]));
    let centres = (0..imported.len()).filter_map(|k| {
        let m = imported.models(k)?;
        m.detector.beam_centre(&m.beam.s0()).map(|c| [px(0, c.mm.x), px(1, c.mm.y)])
    });
    let old = [0, 1].map(|k| px(k, found.old.mm[k]));
    let differs = centres.into_iter().any(|c| (0..2).any(|k| (c[k] - old[k]).abs() > SAME));
    BeamCentreView {
        report: beam_centre::report(found),
        parameter: format!("{:.3},{:.3}", new[1], new[0]),
        old_px: found.old.px,
        shift_mm: found.shift_mm,
        pixel_mm: found.pixel_mm,
        differs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::geometry::{Beam, Detector, Experiment, Panel};
    use ewald_core::job::Silent;
    use ewald_core::math::Vec3;
    use ewald_core::stages::beam_centre::Centre;

    #[test]
    fn the_centre_becomes_what_import_takes_and_sweeps_that_differ_are_told_of() {
        let panel =
            |x: f64| Panel { origin: Vec3::new(x, 40.0, -100.0), pixel_size: [0.1, 0.2], image_size: [800, 400], ..Panel::default() };
        let experiment = |k| Experiment { beam: Some(0), detector: Some(k), goniometer: Some(0), scan: Some(0), ..Experiment::default() };
        let mut list = ExperimentList {
            experiments: vec![experiment(0), experiment(1)],
            beams: vec![Beam::default()],
            detectors: vec![Detector::single(panel(-40.0)), Detector::single(panel(-40.0))],
            goniometers: vec![Default::default()],
            scans: vec![Default::default()],
            ..ExperimentList::default()
        };
        let old = Centre { panel: 0, mm: [40.0, 40.0], px: [400.0, 200.0] };
        let found = Output { old, new: old, shift_mm: [1.5, -3.0], pixel_mm: [0.1, 0.2], ..Output::default() };
        let view_of = |list: &ExperimentList| view(&found, list);
        assert_eq!((view_of(&list).parameter.as_str(), view_of(&list).differs), ("185.000,415.000", false));
        list.detectors[1] = Detector::single(panel(-41.0));
        assert!(view_of(&list).differs);
    }

    #[test]
    fn before_import_there_is_nothing_to_search() {
        let none = search(&Session::new(), &BTreeMap::new(), &Silent);
        assert!(matches!(none, Err(Error::NotYet(_))));
        let wrong = BTreeMap::from([("method".to_owned(), "guess".to_owned())]);
        assert!(matches!(search(&Session::new(), &wrong, &Silent), Err(Error::Search(beam_centre::Error::Params(_)))));
    }
}
