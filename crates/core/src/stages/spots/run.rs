use super::components::{Component, Grower};
use super::hot::AlwaysStrong;
use super::mask::{Searched, is_pad, searched};
use super::measure::{Spot, measure};
use super::params::Checked;
use super::{Error, ImageSetDiagnostics, Output, Params, ResolutionShell};
use crate::geometry::{Beam, Detector, ExperimentList};
use crate::image::{DEFAULT_BUDGET, Dispersion, Frame, ImageSource, PanelView, Pixel, Scratch, for_each_frame};
use crate::job::Monitor;
use crate::math::Vec2;
use crate::reflections::{Reflections, flags};
use std::sync::{Arc, Mutex};

/// Finds the spots of all image sets.
///
/// - `experiments`: what import made; beams and detectors are needed, crystals are not
/// - `images`: the images of each image set of `experiments`, in their order
///
/// # Errors
///
/// An image that cannot be read, a description that does not fit the images, unusable parameters, too many strong pixels, or
/// cancellation. Images without spots are no error.
pub fn run(experiments: &ExperimentList, images: &[Arc<dyn ImageSource>], params: &Params, monitor: &dyn Monitor) -> Result<Output, Error> {
    let params = params.check()?;
    monitor.begin("Finding spots", images.iter().map(|s| s.n_images() as u64).sum());
    let mut output = Output::default();
    let mut resolutions = Vec::new();
    for (imageset, source) in images.iter().enumerate() {
        let Some(sweep) = Sweep::of(experiments, imageset)? else { continue };
        let (spots, diagnostics) = find(&sweep, imageset, source.as_ref(), &params, monitor)?;
        resolutions.extend(spots.iter().map(|s| sweep.resolution(s)));
        output.reflections.append(&sweep.table(experiments, imageset, spots));
        output.diagnostics.imagesets.push(diagnostics);
    }
    output.reflections.identifiers = identifiers(experiments);
    output.diagnostics.shells = shells(&resolutions);
    Ok(output)
}

/// The experiments on one image set.
pub(super) struct Sweep<'a> {
    pub(super) beam: &'a Beam,
    pub(super) detector: &'a Detector,
    /// Number of the first image.
    first_image: i64,
    /// Whether spots may go on from image to image.
    is_rotation: bool,
    /// Experiment, with the images that are its own: first and past the last, counted from 0.
    experiments: Vec<(usize, [i64; 2])>,
}

impl<'a> Sweep<'a> {
    /// `None` when no experiment has the image set.
    pub(super) fn of(list: &'a ExperimentList, imageset: usize) -> Result<Option<Self>, Error> {
        let members: Vec<usize> = (0..list.len()).filter(|&i| list.experiments[i].imageset == Some(imageset)).collect();
        let Some(&first) = members.first() else { return Ok(None) };
        let missing = |what| Error::Incomplete { experiment: first, what };
        let e = &list.experiments[first];
        let beam = e.beam.and_then(|k| list.beams.get(k)).ok_or_else(|| missing("beam"))?;
        let detector = e.detector.and_then(|k| list.detectors.get(k)).ok_or_else(|| missing("detector"))?;
        let scan = |i: usize| list.experiments[i].scan.and_then(|k| list.scans.get(k));
        let first_image = members.iter().filter_map(|&i| scan(i)).map(|s| s.first_image).min().unwrap_or(1);
        let range = |i: usize| match scan(i) {
            Some(s) => [s.first_image - first_image, s.first_image - first_image + s.n_images as i64],
            None => [0, i64::MAX],
        };
        Ok(Some(Sweep {
            beam,
            detector,
            first_image,
            is_rotation: scan(first).is_some_and(|s| !s.is_still()),
            experiments: members.iter().map(|&i| (i, range(i))).collect(),
        }))
    }

    fn resolution(&self, spot: &Spot) -> f64 {
        let panel = &self.detector.panels[spot.shoebox.panel as usize];
        panel.d_at_px(&self.beam.s0(), Vec2::new(spot.centroid[0], spot.centroid[1]))
    }

    /// The spots as a table; z counts from the first image of the experiment that a spot belongs to.
    fn table(&self, list: &ExperimentList, imageset: usize, spots: Vec<Spot>) -> Reflections {
        let mut t = Reflections::with_rows(spots.len());
        for spot in spots {
            let owner = self.experiments.iter().find(|(_, [z0, z1])| (*z0 as f64..*z1 as f64).contains(&spot.centroid[2]));
            let (id, offset) = owner.map_or((-1, 0), |&(i, [z0, _])| (i as i32, z0 as i32));
            let Spot { mut shoebox, n_signal, intensity, mut centroid, variance, .. } = spot;
            shoebox.bbox[4] -= offset;
            shoebox.bbox[5] -= offset;
            centroid[2] -= f64::from(offset);
            t.id.push(id);
            t.imageset_id.push(imageset as i32);
            t.panel.push(u64::from(shoebox.panel));
            t.flags.push(flags::STRONG);
            t.bbox.push(shoebox.bbox);
            t.shoebox.push(shoebox);
            t.n_signal.push(n_signal as i32);
            t.xyzobs_px.push(centroid);
            t.xyzobs_px_variance.push(variance);
            t.i_sum.push(intensity);
            t.var_sum.push(intensity.abs());
        }
        debug_assert!(list.len() > self.experiments[0].0);
        t
    }
}

fn identifiers(list: &ExperimentList) -> std::collections::BTreeMap<u32, String> {
    let named = list.experiments.iter().enumerate().filter(|(_, e)| !e.identifier.is_empty());
    named.map(|(i, e)| (i as u32, e.identifier.clone())).collect()
}

/// Everything about one panel that lasts from image to image.
struct PanelState {
    grower: Grower,
    always: AlwaysStrong,
    spots: Vec<Spot>,
}

/// Finds the spots of one image set, ordered by panel and first pixel.
fn find(
    sweep: &Sweep,
    imageset: usize,
    source: &dyn ImageSource,
    params: &Checked,
    monitor: &dyn Monitor,
) -> Result<(Vec<Spot>, ImageSetDiagnostics), Error> {
    let numbered = sweep.detector.panels.iter().enumerate();
    let panels: Vec<Searched> = numbered.map(|(k, p)| searched(imageset, k, p, sweep.beam, source, params)).collect::<Result<_, _>>()?;
    let pads = sweep.detector.panels.first().is_none_or(is_pad);
    let min_spot_size = params.min_spot_size.unwrap_or(if pads { 3 } else { 6 });
    let n_pixels: usize = panels.iter().map(|p| p.size[0] * p.size[1]).sum();
    let allowed = (params.max_strong_pixel_fraction * n_pixels as f64).ceil() as usize;
    let mut diagnostics = ImageSetDiagnostics {
        first_image: sweep.first_image,
        min_spot_size,
        max_spot_size: params.max_spot_size,
        spots_per_image: vec![0; source.n_images()],
        ..ImageSetDiagnostics::default()
    };
    let fresh = |p: &Searched| PanelState {
        grower: Grower::new(p.size[0], params.max_spot_size),
        always: AlwaysStrong::default(),
        spots: Vec::new(),
    };
    let mut states: Vec<PanelState> = panels.iter().map(fresh).collect();

    let spare: Mutex<Vec<Scratch>> = Mutex::new(Vec::new());
    let strong_pixels = |_: usize, frame: &Frame| -> Result<Vec<Vec<Pixel>>, Error> {
        let take = || spare.lock().unwrap_or_else(|e| e.into_inner());
        let mut scratch = take().pop().unwrap_or_default();
        let each = panels.iter().enumerate().map(|(k, panel)| {
            strong_on_panel(frame, panel, &params.dispersion, &mut scratch).ok_or_else(|| panel_outside(imageset, k, panel, frame))
        });
        let found = each.collect();
        take().push(scratch);
        found
    };
    for_each_frame(source, 0..source.n_images(), DEFAULT_BUDGET, monitor, strong_pixels, |z, found| {
        let found = found?;
        let strong = found.iter().map(Vec::len).sum();
        if strong > allowed {
            return Err(Error::TooManyStrongPixels { image: sweep.first_image + z as i64, strong, allowed });
        }
        diagnostics.strong_pixels.push(strong);
        for (k, (state, pixels)) in states.iter_mut().zip(&found).enumerate() {
            let mut complete = state.grower.add(z as u32, pixels);
            if !sweep.is_rotation {
                complete.extend(state.grower.finish());
            }
            state.always.add(pixels);
            keep(complete, k, &panels[k], &mut state.spots, &mut diagnostics);
        }
        Ok::<(), Error>(())
    })?;

    let mut spots = Vec::new();
    for (k, mut state) in states.into_iter().enumerate() {
        keep(state.grower.finish(), k, &panels[k], &mut state.spots, &mut diagnostics);
        diagnostics.hot_pixels.extend(state.always.hot(k, panels[k].size[0]));
        state.spots.sort_by_key(Spot::first_pixel);
        spots.extend(state.spots);
    }
    diagnostics.n_measured = spots.len();
    spots.retain(|s| s.separation() <= params.max_separation);
    diagnostics.n_spots = spots.len();
    for spot in &spots {
        if let Some(n) = diagnostics.spots_per_image.get_mut(spot.centroid[2] as usize) {
            *n += 1;
        }
    }
    Ok((spots, diagnostics))
}

pub(super) fn panel_outside(imageset: usize, number: usize, panel: &Searched, frame: &Frame) -> Error {
    Error::PanelOutside {
        imageset,
        panel: number,
        width: panel.size[0],
        height: panel.size[1],
        x: panel.origin[0] as i64,
        y: panel.origin[1] as i64,
        image_width: frame.width,
        image_height: frame.height,
    }
}

/// The test as a panel needs it: with counts of several per photon, the photons' statistics are those of counts with that gain.
pub(super) fn test_on(panel: &Searched, test: &Dispersion) -> Dispersion {
    Dispersion { gain: test.gain * panel.gain, global_threshold: test.global_threshold * panel.gain, ..test.clone() }
}

/// Strong pixels of one panel, its pedestal subtracted. `None` when the panel is not within the frame.
pub(super) fn strong_on_panel(frame: &Frame, panel: &Searched, test: &Dispersion, scratch: &mut Scratch) -> Option<Vec<Pixel>> {
    let test = test_on(panel, test);
    if panel.pedestal == 0 {
        let view = PanelView::new(frame, panel.origin, panel.size)?;
        return Some(test.strong_pixels(&view, &panel.usable, scratch));
    }
    let level = Frame { pixels: frame.pixels.iter().map(|p| p.saturating_sub(panel.pedestal)).collect(), ..*frame };
    let view = PanelView::new(&level, panel.origin, panel.size)?;
    Some(test.strong_pixels(&view, &panel.usable, scratch))
}

/// Measures the components that are neither too small nor too large, and counts the rest.
fn keep(complete: Vec<Component>, number: usize, panel: &Searched, spots: &mut Vec<Spot>, d: &mut ImageSetDiagnostics) {
    d.n_extracted += complete.len();
    for component in complete {
        if component.size < d.min_spot_size {
            d.n_too_small += 1;
        } else if component.size > d.max_spot_size {
            d.n_too_large += 1;
        } else {
            spots.push(measure(&component, number, panel.size[0], panel.gain));
        }
    }
}

/// Number of shells that the spots are counted in.
const SHELLS: usize = 20;

/// Counts in shells of equal width in 1/d² between the lowest and the highest resolution.
fn shells(resolutions: &[f64]) -> Vec<ResolutionShell> {
    let q: Vec<f64> = resolutions.iter().map(|d| 1.0 / (d * d)).collect();
    let (low, high) = q.iter().fold((f64::INFINITY, 0.0f64), |(a, b), &q| (a.min(q), b.max(q)));
    if low.partial_cmp(&high) != Some(std::cmp::Ordering::Less) {
        return Vec::new();
    }
    let step = (high - low) / SHELLS as f64;
    let limit = |k: usize| 1.0 / (low + step * k as f64).sqrt();
    let mut shells: Vec<ResolutionShell> =
        (0..SHELLS).map(|k| ResolutionShell { d_max: limit(k), d_min: limit(k + 1), n_spots: 0 }).collect();
    for q in q {
        shells[(((q - low) / step) as usize).min(SHELLS - 1)].n_spots += 1;
    }
    shells
}
