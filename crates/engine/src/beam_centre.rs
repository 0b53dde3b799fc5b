//! The search for the beam centre, as the page asks for it.

use std::collections::BTreeMap;

use ewald_core::job::Monitor;
use ewald_core::params::Parameters;
use ewald_core::session::Session;
use ewald_core::stages::beam_centre::{self, Params};
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
    let [fast, slow] = found.beam_shift_mm;
    Ok(BeamCentreView {
        report: beam_centre::report(&found),
        slow_fast_shift: [slow, fast],
        old_px: found.old.px,
        pixel_mm: found.pixel_mm,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::job::Silent;

    #[test]
    fn before_import_there_is_nothing_to_search() {
        let none = search(&Session::new(), &BTreeMap::new(), &Silent);
        assert!(matches!(none, Err(Error::NotYet(_))));
        let wrong = BTreeMap::from([("method".to_owned(), "guess".to_owned())]);
        assert!(matches!(search(&Session::new(), &wrong, &Silent), Err(Error::Search(beam_centre::Error::Params(_)))));
    }
}
