//! The one pass over the images.

use super::collect::{BoxAt, Collector, PixelRules, Schedule, cut};
use super::measure::{BackgroundModel, Measured, Pixels, Scratch, foreground_counts, measure};
use super::neighbours::Neighbours;
use super::profile::{Candidate, Fitter, Foreground, Level, MOST_NEIGHBOURS, Neighbour, Profiles, Progress, Summary, fit_ready};
use super::setup::Setup;
use super::{Background, Error, Params, table};
use crate::geometry::{Detector, ExperimentList};
use crate::image::{Frame, ImageSource};
use crate::job::{Monitor, parallel};
use crate::math::vec3;
use crate::reflections::{Reflections, flags};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What the pass has to tell beyond the table.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Images read.
    pub(super) images: usize,
    /// Most bytes that boxes took at a time.
    pub(super) peak_bytes: usize,
    /// Whether the robust background was used.
    pub(super) robust: bool,
    /// Reference profiles of each experiment; empty without fitting.
    pub(super) profiles: Vec<Vec<Summary>>,
    /// What they were fitted with.
    pub(super) learned: Vec<Option<Profiles>>,
}

/// Complete boxes that are measured together, in parallel.
const BATCH: usize = 512;
/// Boxes measured by one task.
const CHUNK: usize = 16;

/// Runs through images of a source, in order.
pub(super) fn for_each_frame<T: Send>(
    source: &dyn ImageSource,
    range: Range<usize>,
    params: &Params,
    monitor: &dyn Monitor,
    per_frame: impl Fn(usize, &Frame) -> T + Sync,
    fold: impl FnMut(usize, T) -> Result<(), Error>,
) -> Result<(), Error> {
    crate::image::for_each_frame(source, range, params.memory_mb << 20, monitor, per_frame, fold)
}

/// A pass that has not reached its end: what it knows beyond the table.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Stopped {
    /// The image set on which it was, and the first of its images that was not read.
    imageset: usize,
    image: usize,
    /// Boxes that are on both sides of that image.
    open: BTreeMap<u32, Vec<i32>>,
    fitters: BTreeMap<usize, Progress>,
    counts: Counts,
}

impl Stopped {
    /// Images that were read.
    pub(super) fn images_done(&self) -> usize {
        self.counts.images + self.image
    }
}

/// Measures every reflection that has a box, image set by image set, from where an earlier pass has stopped; in failing, says where it has.
pub(super) fn measure_all(
    experiments: &ExperimentList,
    setups: &[Setup<'_>],
    t: &mut Reflections,
    images: &[Arc<dyn ImageSource>],
    params: &Params,
    from: Option<Stopped>,
    monitor: &dyn Monitor,
) -> Result<Counts, (Error, Box<Stopped>)> {
    let mut from = from.unwrap_or_default();
    from.counts.profiles.resize(setups.len(), Vec::new());
    from.counts.learned.resize(setups.len(), None);
    for imageset in from.imageset..images.len() {
        if imageset > from.imageset {
            from = Stopped { imageset, counts: from.counts, ..Stopped::default() };
        }
        if let Err(error) = measure_set(experiments, setups, t, images[imageset].as_ref(), params, &mut from, monitor) {
            return Err((error, Box::new(from)));
        }
    }
    Ok(from.counts)
}

/// Measures the reflections of one image set.
fn measure_set(
    experiments: &ExperimentList,
    setups: &[Setup<'_>],
    t: &mut Reflections,
    source: &dyn ImageSource,
    params: &Params,
    at: &mut Stopped,
    monitor: &dyn Monitor,
) -> Result<(), Error> {
    let imageset = at.imageset;
    let members: Vec<usize> = (0..setups.len()).filter(|&e| experiments.experiments[e].imageset == Some(imageset)).collect();
    let Some(&first) = members.first() else { return Ok(()) };
    let n = members.iter().map(|&e| setups[e].scan.n_images).max().unwrap_or(0);
    // A reflection that was found unfit while it was measured had a box all the same.
    let wanted = |&i: &usize| t.imageset_id[i] == imageset as i32 && t.bbox[i][5] > t.bbox[i][4];
    let rows: Vec<u32> = (0..t.len()).filter(wanted).map(|i| i as u32).collect();
    let boxes = rows.iter().map(|&i| i as usize).map(|i| BoxAt { panel: t.panel[i] as u32, bbox: t.bbox[i] }).collect();
    let rules = PixelRules::new(setups[first].detector, source);
    let schedule = Schedule::new(boxes, n, &rules);
    let neighbours = {
        let t = &*t;
        Neighbours::new(&schedule.boxes, |i| {
            let row = rows[i] as usize;
            (&setups[t.id[row] as usize], vec3(t.s1[row]), [t.xyzcal_px[row][0], t.xyzcal_px[row][1]])
        })
    };
    let mut collector = Collector::new(&schedule, std::mem::take(&mut at.open));
    let mut fitters: BTreeMap<usize, Fitter<'_>> = BTreeMap::new();
    if params.profile_fitting {
        fitters.extend(members.iter().map(|&e| (e, fitter(e, &setups[e], t, params))));
        Fitter::join(&mut fitters);
        for (e, progress) in std::mem::take(&mut at.fitters) {
            fitters.entry(e).and_modify(|f| f.go_on(progress));
        }
    }
    let background = background_model(setups[first].detector, params);
    let mut batch = Batch { rows: &rows, setups, neighbours, background, params, complete: Vec::new() };
    monitor.begin("integrating", n as u64);
    monitor.advance(at.image as u64);
    let mut next = at.image;
    let outcome = for_each_frame(
        source,
        at.image..n,
        params,
        monitor,
        |z, f| cut(&schedule, &rules, z, f),
        |z, pixels| {
            collector.add(z, &pixels, &mut batch.complete);
            next = z + 1;
            if batch.complete.len() >= BATCH || next == n {
                batch.measure(next as i32, &mut fitters, t);
            }
            Ok(())
        },
    );
    let waiting: usize = fitters.values().map(|f| f.peak_bytes).sum();
    at.counts.peak_bytes = at.counts.peak_bytes.max(collector.peak_bytes + waiting);
    at.counts.robust = background.robust;
    if let Err(error) = outcome {
        batch.measure(next as i32, &mut fitters, t);
        at.image = next;
        at.open = collector.into_open();
        at.fitters = fitters.into_iter().map(|(e, f)| (e, f.into_progress())).collect();
        return Err(error);
    }
    at.counts.images += n;
    at.image = 0;
    for (e, f) in fitters {
        at.counts.profiles[e] = f.summaries();
        at.counts.learned[e] = Some(f.into_profiles());
    }
    Ok(())
}

/// The fitter of experiment `e`, told where its reference spots are.
fn fitter<'a>(e: usize, setup: &Setup<'a>, t: &Reflections, params: &Params) -> Fitter<'a> {
    let bits = flags::REFERENCE_SPOT;
    let spots = (0..t.len()).filter(|&i| t.id[i] == e as i32 && t.flags[i] & bits != 0 && t.bbox[i][5] > t.bbox[i][4]);
    Fitter::new(*setup, params.grid_size, spots.map(|i| (t.xyzcal_px[i], t.bbox[i][5])))
}

/// Spots recorded at least to this part make reference profiles.
const FULL_REFERENCE: f64 = 0.99;

/// Complete boxes on their way through measurement and fitting.
pub(super) struct Batch<'a> {
    /// Rows of the table by the number of their box.
    pub(super) rows: &'a [u32],
    pub(super) setups: &'a [Setup<'a>],
    pub(super) neighbours: Neighbours<'a>,
    pub(super) background: BackgroundModel,
    pub(super) params: &'a Params,
    pub(super) complete: Vec<(usize, Pixels)>,
}

impl Batch<'_> {
    /// Measures the boxes that are complete before image `z`, and fits what can be fitted by then; writes results into their rows.
    fn measure(&mut self, z: i32, fitters: &mut BTreeMap<usize, Fitter<'_>>, t: &mut Reflections) {
        let table = &*t;
        let results = parallel::map_chunks(&self.complete, CHUNK, |_, chunk| {
            let mut scratch = Scratch::default();
            chunk.iter().map(|(i, pixels)| self.one(*i, pixels, table, &mut scratch)).collect::<Vec<_>>()
        });
        self.complete.clear();
        let mut candidates: BTreeMap<usize, Vec<Candidate>> = fitters.keys().map(|e| (*e, Vec::new())).collect();
        for (row, measured, candidate) in results.into_iter().flatten() {
            let e = t.id[row] as usize;
            table::set(t, row, &measured);
            match (candidate, candidates.get_mut(&e)) {
                (Some(c), Some(list)) => {
                    if c.reference {
                        t.flags[row] |= flags::USED_IN_MODELLING;
                    }
                    list.push(c);
                }
                (None, Some(_)) => t.flags[row] |= flags::FAILED_DURING_PROFILE_FITTING,
                _ => {}
            }
        }
        let mut ready = Vec::new();
        for (e, fitter) in fitters.iter_mut() {
            ready.extend(fitter.take(candidates.remove(e).unwrap_or_default(), z).into_iter().map(|c| (*e, c)));
        }
        for (row, fit) in fit_ready(fitters, &ready) {
            table::set_fit(t, row, fit);
        }
    }

    /// One reflection, and what fitting needs of it.
    pub(super) fn one(&self, i: usize, pixels: &Pixels, t: &Reflections, scratch: &mut Scratch) -> (usize, Measured, Option<Candidate>) {
        let row = self.rows[i] as usize;
        let setup = &self.setups[t.id[row] as usize];
        let s1 = vec3(t.s1[row]);
        let beside = self.neighbours.beside(i);
        self.neighbours.taken(i, &beside.near, &mut scratch.taken);
        let (mut m, field) = measure(setup, &self.background, &s1, pixels, scratch);
        let fraction = f64::from(m.foreground) / f64::from(m.foreground_total.max(1));
        if fraction < self.params.valid_foreground_threshold {
            m.flags |= flags::DONT_INTEGRATE;
        }
        let joint = if self.params.joint_fitting { &beside.upon[..beside.upon.len().min(MOST_NEIGHBOURS)] } else { &[] };
        if !beside.upon.is_empty() {
            m.flags |= flags::OVERLAPPED_FG;
        }
        if !beside.near.is_empty() {
            m.flags |= flags::OVERLAPPED_BG;
        }
        let usable = self.params.profile_fitting && m.flags & flags::DONT_INTEGRATE == 0;
        let candidate = usable.then(|| {
            let size = setup.detector.panels[pixels.panel].image_size;
            let b = pixels.bbox;
            let on_panel = b[0] >= 0 && b[2] >= 0 && b[1] as i64 <= size[0] as i64 && b[3] as i64 <= size[1] as i64;
            Candidate {
                row,
                s1: t.s1[row],
                xyz: t.xyzcal_px[row],
                foreground: Foreground {
                    panel: pixels.panel,
                    bbox: b,
                    counts: foreground_counts(pixels, &scratch.footprint),
                    field,
                    level: Level { mean: m.background_mean, pixels: f64::from(m.background_used) },
                },
                reference: t.flags[row] & flags::REFERENCE_SPOT != 0
                    && m.flags & flags::INTEGRATED_SUM != 0
                    && t.partiality[row] > FULL_REFERENCE
                    && on_panel,
                crowded: !beside.upon.is_empty(),
                neighbours: joint.iter().map(|&j| neighbour(t, self.rows[j as usize] as usize)).collect(),
            }
        });
        (row, m, candidate)
    }
}

fn neighbour(t: &Reflections, row: usize) -> Neighbour {
    Neighbour { experiment: t.id[row] as u32, s1: t.s1[row], xyz: t.xyzcal_px[row] }
}

/// The robust Poisson mean for counting detectors (gain 1, pixel arrays), the simple background for others, unless the user chose.
pub(super) fn background_model(detector: &Detector, params: &Params) -> BackgroundModel {
    let counting = detector.panels.iter().all(|p| p.gain == 1.0 && p.kind.contains("PAD"));
    let robust = match params.background {
        Background::Auto => counting,
        Background::Glm => true,
        Background::Simple => false,
    };
    BackgroundModel {
        robust,
        tuning: params.tuning_constant,
        min_pixels: params.min_pixels,
        shape: params.background_shape,
        outlier: params.background_outlier,
    }
}
