//! What the page and the engine say to each other.
//!
//! - [`Request`]s go to the engine, [`Event`]s come back, each with the [`JobId`] that it belongs to. Both travel as MessagePack
//!   (JSON has no NaN) in the field `body` of a JavaScript message, beside `files` (the browser's `File` handles, which only it can
//!   copy) or `buffers` (bulk data, transferred without a copy).
//! - While a stage runs the engine receives nothing: progress and cancelling go through the shared [`control`] block, which the
//!   page polls and writes. Events still arrive then.
//!
//! - [`Ask`] and [`Tell`] go to and from the viewer, which draws images while the engine works.
//!
//! Message kinds, in the field `kind`: `start` (page → worker, with `threads`), answered by `ready` (with `threads`,
//! `maximum`, `memory`, `control`, `module`) or `failed` (with `message`); then `request` and `event`. The simulated data set comes with
//! its files, in the field `files` of the event `Opened`, for the viewer. The viewer is started with `module`.

pub mod control;
mod event;
mod lattice;
mod picture;
mod request;
mod table;
mod view;

pub use event::{BeamCentreView, ErrorView, Event, SweepView};
pub use lattice::{LatticeGroup, LatticeHeader, MapView, mark};
pub use picture::{Ask, Drawing, Drawn, Layer, Palette, ProfileKind, StackKind, Tell, Transfer};
pub use request::{Demo, Request, StageTexts};
pub use table::{Column, Order, Place, Row, Rows, Window};
pub use view::{Bulk, GOOD, ReflectionView, ReflectionsHeader, SpotKind, SpotsHeader, View, ViewHeader};

use serde::{Serialize, de::DeserializeOwned};

/// Numbers a request; its events carry the same number. Counts up from 1, so that a later request has a larger one.
pub type JobId = u32;

/// A message that cannot be read: page and engine are of different builds.
#[derive(Debug, thiserror::Error)]
#[error("page and engine do not understand each other ({0}); reload the page")]
pub struct NotUnderstood(String);

/// The bytes of a message.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, NotUnderstood> {
    rmp_serde::to_vec_named(message).map_err(|e| NotUnderstood(e.to_string()))
}

/// The message in `bytes`.
pub fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, NotUnderstood> {
    rmp_serde::from_slice(bytes).map_err(|e| NotUnderstood(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::report::{Cell, Report, Table};
    use ewald_core::session::StageId;

    #[test]
    fn a_report_survives_the_journey_even_with_values_that_json_cannot_hold() {
        let mut report = Report::new("Scale");
        report.value("rmeas", f64::NAN).value("n", 3.0);
        let mut table = Table::new("t", "T", &[("a", ""), ("b", "")]);
        table.push(vec![Cell::number(f64::INFINITY, 2), "x".into()]);
        report.tables.push(table);
        let sent = Event::Finished { job: 7, stage: StageId::Scale, report: Box::new(report.clone()), seconds: 0.5 };
        let Event::Finished { job: 7, stage: StageId::Scale, report: got, .. } = decode(&encode(&sent).unwrap()).unwrap() else {
            panic!("another event arrived");
        };
        assert!(got.values["rmeas"].is_nan());
        assert_eq!(got.tables, report.tables);
    }

    #[test]
    fn nonsense_is_an_error() {
        assert!(decode::<Request>(b"\xc1nonsense").is_err());
        assert!(decode::<Request>(&[]).is_err());
    }
}
