//! One reflection, as the page asks for it.

use ewald_core::session::{Session, Wanted};
use ewald_protocol::{Bulk, ReflectionView, ViewHeader};

use crate::views::ViewError;

/// The reflection wanted, measured again.
pub fn view(session: &Session, wanted: Wanted) -> Result<Bulk, ViewError> {
    let not_yet = || ViewError::NotYet { what: "a reflection's shoebox".to_owned() };
    let learned = &session.results().integration.as_ref().ok_or_else(not_yet)?.learned;
    let found = session.observation(wanted)?.map(|o| {
        let report = o.account.report(learned.params());
        Box::new(ReflectionView { number: o.number, same: o.same, sweep: o.imageset, at: o.at, report, account: o.account })
    });
    Ok(Bulk { header: ViewHeader::Reflection(found), buffers: Vec::new() })
}
