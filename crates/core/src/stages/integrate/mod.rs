//! Integration: how many counts each predicted reflection has left on the images.
//!
//! ```text
//! predict      every reflection of every scan (predict::predict_scan)
//! reference    strong spots found again among them
//! widths       σ_b and σ_m of each experiment from its strong spots
//! setup        boxes, partiality, corrections
//! collect      pixels of the boxes, from the images read once and in order
//! neighbours   which reflections lie beside a reflection, and which upon it
//! measure      foreground, background, sum and centroid of one reflection
//! background   the robust level; field, outlier: simple ones, which may have slopes
//! profile      reference profiles and fitting
//! table        the columns of the result
//! resume       an integration that was stopped, and what it takes to go on with it
//! coverage     what the sweeps leave out, and why
//! report       what is told about it
//! account      one reflection once more, with all that goes into its intensity
//! ```
//!
//! A reflection's box is in memory from its first image to its last only, so memory does not grow with the number of images; and every
//! reflection is measured by itself, so results depend neither on threads nor on how images are grouped.

mod account;
mod account_around;
mod account_report;
mod background;
mod collect;
mod coverage;
mod coverage_report;
mod error;
mod experiments;
mod fate;
mod field;
mod frame;
mod measure;
mod neighbours;
mod outlier;
mod params;
mod pass;
mod profile;
mod reference;
mod report;
mod report_places;
mod report_profiles;
mod resume;
mod setup;
mod strong;
mod summary;
mod table;
mod widths;

pub use account::{Account, FitImage, FitTerms, Found, Learned, Sum, Upon, account};
pub use error::Error;
pub use fate::Fate;
pub use params::{Background, BackgroundShape, Outlier, Params};
pub use resume::{Checkpoint, CheckpointError};

use crate::geometry::ExperimentList;
use crate::image::ImageSource;
use crate::job::Monitor;
use crate::reflections::Reflections;
use crate::report::Report;
use std::sync::Arc;

/// What integration hands on.
#[derive(Debug, Clone)]
pub struct Integrated {
    /// The experiments with their profile models.
    pub experiments: ExperimentList,
    /// Reflections integrated by summation, by profile fitting or both, in the order of experiments and then of z.
    pub reflections: Reflections,
    /// Those that were predicted but not integrated, in the same order, without the columns of measurements; [`Fate`] tells why.
    pub left_out: Reflections,
    /// What it takes to measure any of them again: see [`account()`].
    pub learned: Learned,
    /// Tables and plots.
    pub report: Report,
}

/// Integrates all reflections of all experiments.
///
/// - `experiments`: refined
/// - `refined`: their strong spots with `miller_index`, `entering`, `panel`, `flags`, `xyzcal.px`
/// - `strong`: the strong spots with their shoeboxes, in any order, when `refined` has lost that column. Without either, the pixels are read again
///   in the spots' boxes
/// - `images`: the images of each image set
///
/// # Errors
///
/// See [`Error`]; few strong spots are no error but a warning in the report, which says what was assumed.
pub fn run(
    experiments: &ExperimentList,
    refined: &Reflections,
    strong: Option<&Reflections>,
    images: &[Arc<dyn ImageSource>],
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Integrated, Error> {
    resume(experiments, refined, strong, images, params, &mut Checkpoint::default(), monitor)
}

/// As [`run`], going on from `checkpoint` if that fits. When it is cancelled or fails on the images, `checkpoint` has what was measured by then.
///
/// # Errors
///
/// See [`Error`].
pub fn resume(
    experiments: &ExperimentList,
    refined: &Reflections,
    strong: Option<&Reflections>,
    images: &[Arc<dyn ImageSource>],
    params: &Params,
    checkpoint: &mut Checkpoint,
    monitor: &dyn Monitor,
) -> Result<Integrated, Error> {
    params.check()?;
    experiments::check(experiments, images)?;
    let mut predicted = experiments::predict(experiments, params, monitor)?;
    let references = reference::match_references(refined, &mut predicted)?;
    let shoeboxes = strong::shoeboxes(experiments, refined, strong, images, params, monitor)?;
    let models = experiments::profile_models(experiments, refined, &predicted, &references, &shoeboxes, params);
    drop(shoeboxes);
    let setups = experiments::setups(experiments, &models, params)?;
    table::prepare(&mut predicted, &setups, params);
    let from = continue_from(experiments, &setups, &mut predicted, images, params, checkpoint, monitor)?;
    let counts = match pass::measure_all(experiments, &setups, &mut predicted, images, params, from, monitor) {
        Ok(counts) => counts,
        Err((error, stopped)) => {
            if let Ok(key) = resume::key(experiments, &setups, &predicted, images, params) {
                checkpoint.keep(key, predicted, *stopped);
            }
            return Err(error);
        }
    };
    let coverage = coverage::of(experiments, params);
    let mut report = report::make(experiments, &predicted, &references, &models, &counts, &coverage, params);
    report_places::add(&mut report, experiments, &predicted, params);
    report_profiles::add(&mut report, &setups, &counts, params);
    let left_out = table::left_out(&predicted);
    let mut reflections = table::integrated(predicted);
    table::in_millimetres(&mut reflections, &setups);
    Ok(Integrated {
        experiments: experiments::with_profiles(experiments, &models, params),
        reflections,
        left_out,
        learned: Learned::new(params, &models, counts),
        report,
    })
}

/// Takes up what an earlier integration has measured, if that is of the same.
fn continue_from(
    experiments: &ExperimentList,
    setups: &[setup::Setup<'_>],
    predicted: &mut Reflections,
    images: &[Arc<dyn ImageSource>],
    params: &Params,
    checkpoint: &mut Checkpoint,
    monitor: &dyn Monitor,
) -> Result<Option<pass::Stopped>, Error> {
    if checkpoint.is_empty() {
        return Ok(None);
    }
    let done = checkpoint.images_done();
    let key = resume::key(experiments, setups, predicted, images, params)?;
    let Some((table, stopped)) = checkpoint.take(&key) else {
        monitor.log("integration starts anew: parameters or inputs are not those with which it was stopped");
        return Ok(None);
    };
    monitor.log(&format!("integration goes on after the {done} images that were done when it was stopped"));
    *predicted = table;
    Ok(Some(stopped))
}
