//! The one pass over the images.

use super::collect::{BoxAt, Collector, PixelRules, Schedule, cut};
use super::measure::{BackgroundModel, Measured, Pixels, Scratch, measure};
use super::setup::Setup;
use super::{Background, Error, Params, table};
use crate::geometry::{Detector, ExperimentList};
use crate::image::{Frame, ImageSource};
use crate::job::{Monitor, parallel};
use crate::math::vec3;
use crate::reflections::{Reflections, flags};
use std::sync::Arc;

/// What the pass has to tell beyond the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    /// Images read.
    pub(super) images: usize,
    /// Most bytes that boxes took at a time.
    pub(super) peak_bytes: usize,
    /// Whether the robust background was used.
    pub(super) robust: bool,
}

/// Complete boxes that are measured together, in parallel.
const BATCH: usize = 512;
/// Boxes measured by one task.
const CHUNK: usize = 16;

/// Runs through the images of a source, in order.
pub(super) fn for_each_frame<T: Send>(
    source: &dyn ImageSource,
    n: usize,
    params: &Params,
    monitor: &dyn Monitor,
    per_frame: impl Fn(usize, &Frame) -> T + Sync,
    fold: impl FnMut(usize, T) -> Result<(), Error>,
) -> Result<(), Error> {
    crate::image::for_each_frame(source, 0..n, params.memory_mb << 20, monitor, per_frame, fold)
}

/// Measures every reflection that has a box, image set by image set.
pub(super) fn measure_all(
    experiments: &ExperimentList,
    setups: &[Setup<'_>],
    t: &mut Reflections,
    images: &[Arc<dyn ImageSource>],
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    for (imageset, source) in images.iter().enumerate() {
        let Some(first) = experiments.experiments.iter().position(|e| e.imageset == Some(imageset)) else { continue };
        let n = setups.iter().zip(&experiments.experiments).filter(|(_, e)| e.imageset == Some(imageset)).map(|(s, _)| s.scan.n_images);
        let n = n.max().unwrap_or(0);
        let wanted = |&i: &usize| t.imageset_id[i] == imageset as i32 && t.flags[i] & flags::DONT_INTEGRATE == 0;
        let rows: Vec<usize> = (0..t.len()).filter(wanted).collect();
        let boxes = rows.iter().map(|&i| BoxAt { panel: t.panel[i] as u32, bbox: t.bbox[i] }).collect();
        let schedule = Schedule::new(boxes, n);
        let background = background_model(setups[first].detector, params);
        let rules = PixelRules { detector: setups[first].detector, mask: source.mask() };
        let mut collector = Collector::new(&schedule);
        let mut complete: Vec<(usize, Pixels)> = Vec::new();
        monitor.begin("integrating", n as u64);
        for_each_frame(
            source.as_ref(),
            n,
            params,
            monitor,
            |z, f| cut(&schedule, &rules, z, f),
            |z, pixels| {
                collector.add(z, &pixels, &mut complete);
                if complete.len() >= BATCH || z + 1 == n {
                    measure_batch(&complete, &rows, setups, &background, t);
                    complete.clear();
                }
                Ok(())
            },
        )?;
        counts.images += n;
        counts.peak_bytes = counts.peak_bytes.max(collector.peak_bytes);
        counts.robust = background.robust;
    }
    Ok(counts)
}

/// Measures boxes and writes the results into their rows.
fn measure_batch(complete: &[(usize, Pixels)], rows: &[usize], setups: &[Setup<'_>], background: &BackgroundModel, t: &mut Reflections) {
    let table = &*t;
    let results: Vec<Vec<Measured>> = parallel::map_chunks(complete, CHUNK, |_, chunk| {
        let mut scratch = Scratch::default();
        let one = |(i, pixels): &(usize, Pixels)| {
            let row = rows[*i];
            measure(&setups[table.id[row] as usize], background, &vec3(table.s1[row]), pixels, &mut scratch)
        };
        chunk.iter().map(one).collect()
    });
    for ((i, _), m) in complete.iter().zip(results.iter().flatten()) {
        let setup = &setups[t.id[rows[*i]] as usize];
        table::set(t, rows[*i], setup, m);
    }
}

/// The robust Poisson mean for counting detectors (gain 1, pixel arrays), the trimmed mean for others, unless the user chose.
fn background_model(detector: &Detector, params: &Params) -> BackgroundModel {
    let counting = detector.panels.iter().all(|p| p.gain == 1.0 && p.kind.contains("PAD"));
    let robust = match params.background {
        Background::Auto => counting,
        Background::Glm => true,
        Background::Simple => false,
    };
    BackgroundModel { robust, tuning: params.tuning_constant, min_pixels: params.min_pixels }
}
