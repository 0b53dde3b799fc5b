//! The one pass over the images.

use super::collect::{BoxAt, Collector, PixelRules, Schedule, cut};
use super::measure::{BackgroundModel, Measured, Pixels, Scratch, foreground_counts, measure};
use super::profile::{Candidate, Fitter, Foreground, Level, Profiles, Summary};
use super::setup::Setup;
use super::{Background, Error, Params, table};
use crate::geometry::{Detector, ExperimentList};
use crate::image::{Frame, ImageSource};
use crate::job::{Monitor, parallel};
use crate::math::vec3;
use crate::reflections::{Reflections, flags};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the pass has to tell beyond the table.
#[derive(Debug, Clone, Default)]
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
    let mut counts = Counts { profiles: vec![Vec::new(); setups.len()], learned: vec![None; setups.len()], ..Counts::default() };
    for (imageset, source) in images.iter().enumerate() {
        let members: Vec<usize> = (0..setups.len()).filter(|&e| experiments.experiments[e].imageset == Some(imageset)).collect();
        let Some(&first) = members.first() else { continue };
        let n = members.iter().map(|&e| setups[e].scan.n_images).max().unwrap_or(0);
        let wanted = |&i: &usize| t.imageset_id[i] == imageset as i32 && t.flags[i] & flags::DONT_INTEGRATE == 0;
        let rows: Vec<usize> = (0..t.len()).filter(wanted).collect();
        let boxes = rows.iter().map(|&i| BoxAt { panel: t.panel[i] as u32, bbox: t.bbox[i] }).collect();
        let schedule = Schedule::new(boxes, n);
        let rules = PixelRules::new(setups[first].detector, source.as_ref());
        let mut collector = Collector::new(&schedule);
        let mut fitters: BTreeMap<usize, Fitter<'_>> = BTreeMap::new();
        if params.profile_fitting {
            fitters.extend(members.iter().map(|&e| (e, fitter(e, &setups[e], t, params))));
        }
        let background = background_model(setups[first].detector, params);
        let mut batch = Batch { rows: &rows, setups, background, params, complete: Vec::new() };
        monitor.begin("integrating", n as u64);
        for_each_frame(
            source.as_ref(),
            n,
            params,
            monitor,
            |z, f| cut(&schedule, &rules, z, f),
            |z, pixels| {
                collector.add(z, &pixels, &mut batch.complete);
                if batch.complete.len() >= BATCH || z + 1 == n {
                    batch.measure(z as i32 + 1, &mut fitters, t);
                }
                Ok(())
            },
        )?;
        counts.images += n;
        let waiting: usize = fitters.values().map(|f| f.peak_bytes).sum();
        counts.peak_bytes = counts.peak_bytes.max(collector.peak_bytes + waiting);
        counts.robust = background.robust;
        for (e, f) in fitters {
            counts.profiles[e] = f.summaries();
            counts.learned[e] = Some(f.into_profiles());
        }
    }
    Ok(counts)
}

/// The fitter of experiment `e`, told where its reference spots are.
fn fitter<'a>(e: usize, setup: &Setup<'a>, t: &Reflections, params: &Params) -> Fitter<'a> {
    let bits = flags::REFERENCE_SPOT;
    let spots = (0..t.len()).filter(|&i| t.id[i] == e as i32 && t.flags[i] & bits != 0 && t.flags[i] & flags::DONT_INTEGRATE == 0);
    Fitter::new(*setup, params.grid_size, params.scan_step_deg.to_radians(), spots.map(|i| (t.xyzcal_px[i], t.bbox[i][5])))
}

/// Spots recorded at least to this part make reference profiles.
const FULL_REFERENCE: f64 = 0.99;

/// Complete boxes on their way through measurement and fitting.
pub(super) struct Batch<'a> {
    pub(super) rows: &'a [usize],
    pub(super) setups: &'a [Setup<'a>],
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
            chunk.iter().map(|(i, pixels)| self.one(self.rows[*i], pixels, table, &mut scratch)).collect::<Vec<_>>()
        });
        self.complete.clear();
        let mut candidates: BTreeMap<usize, Vec<Candidate>> = fitters.keys().map(|e| (*e, Vec::new())).collect();
        for (row, measured, candidate) in results.into_iter().flatten() {
            let e = t.id[row] as usize;
            table::set(t, row, &self.setups[e], &measured);
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
        for (e, fitter) in fitters {
            for (row, fit) in fitter.take(candidates.remove(e).unwrap_or_default(), z) {
                table::set_fit(t, row, fit);
            }
        }
    }

    /// One reflection, and what fitting needs of it.
    pub(super) fn one(&self, row: usize, pixels: &Pixels, t: &Reflections, scratch: &mut Scratch) -> (usize, Measured, Option<Candidate>) {
        let setup = &self.setups[t.id[row] as usize];
        let s1 = vec3(t.s1[row]);
        let (mut m, field) = measure(setup, &self.background, &s1, pixels, scratch);
        let fraction = f64::from(m.foreground) / f64::from(m.foreground_total.max(1));
        if fraction < self.params.valid_foreground_threshold {
            m.flags |= flags::DONT_INTEGRATE;
        }
        let usable = self.params.profile_fitting && m.flags & flags::DONT_INTEGRATE == 0;
        let candidate = usable.then(|| {
            let size = setup.detector.panels[pixels.panel].image_size;
            let b = pixels.bbox;
            let on_panel = b[0] >= 0 && b[2] >= 0 && b[1] as i64 <= size[0] as i64 && b[3] as i64 <= size[1] as i64;
            Candidate {
                row,
                s1,
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
            }
        });
        (row, m, candidate)
    }
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
