use super::background::Sampling;
use super::components::{Component, Grower};
use super::hot::{self, AlwaysStrong};
use super::mask::{Searched, is_pad, searched};
use super::measure::{Spot, measure};
use super::never_dark::{self, NeverDark};
use super::params::Checked;
use super::ranges::Searches;
use super::result::RadialBackground;
use super::threshold::{Buffers, Threshold};
use super::{Error, ImageSetDiagnostics, Output, Params, ResolutionShell};
use super::{filter, ice, limit};
use crate::geometry::{Beam, Detector, ExperimentList};
use crate::image::{DEFAULT_BUDGET, Frame, ImageSource, Pixel, for_each_frame};
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
    let mut searches = Vec::new();
    for (imageset, source) in images.iter().enumerate() {
        if let Some(sweep) = Sweep::of(experiments, imageset)? {
            searches.push((imageset, Searches::new(imageset, sweep.first_image, source.n_images(), &params.scan_ranges)?));
        }
    }
    monitor.begin("Finding spots", searches.iter().map(|(_, s)| s.n_images() as u64).sum());
    let mut output = Output { experiments: distrusting(experiments, &params), ..Output::default() };
    let mut resolutions = Vec::new();
    for (imageset, searches) in searches {
        let Some(sweep) = Sweep::of(&output.experiments, imageset)? else { continue };
        let (spots, diagnostics) = find(&sweep, imageset, images[imageset].as_ref(), &searches, &params, monitor)?;
        resolutions.extend(spots.iter().map(|s| sweep.resolution(s)));
        output.reflections.append(&sweep.table(experiments, imageset, spots));
        if params.mask_hot_pixels {
            let detector = sweep.number_of_detector;
            hot::mask(&mut output.experiments.detectors[detector], &diagnostics.hot_pixels);
        }
        output.diagnostics.imagesets.push(diagnostics);
    }
    output.reflections.identifiers = identifiers(experiments);
    output.diagnostics.shells = shells(&resolutions);
    Ok(output)
}

/// The experiments with the regions that the user does not trust in their panels' masks.
pub(super) fn distrusting(experiments: &ExperimentList, params: &Checked) -> ExperimentList {
    let mut out = experiments.clone();
    for panels in out.detectors.iter_mut().map(|d| &mut d.panels) {
        for (number, region) in &params.untrusted {
            if let Some(panel) = panels.get_mut(*number) {
                panel.distrust(region.rectangles(panel.image_size));
            }
        }
    }
    out
}

/// The experiments on one image set.
pub(super) struct Sweep<'a> {
    pub(super) beam: &'a Beam,
    pub(super) detector: &'a Detector,
    /// The detector's number in the list.
    number_of_detector: usize,
    /// Number of the first image.
    pub(super) first_image: i64,
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
        let (beam, detector) = (list.beam_of(first)?, list.detector_of(first)?);
        let number_of_detector = list.experiments[first].detector.unwrap_or_default();
        let scan = |i: usize| list.experiments[i].scan.and_then(|k| list.scans.get(k));
        let first_image = members.iter().filter_map(|&i| scan(i)).map(|s| s.first_image).min().unwrap_or(1);
        let range = |i: usize| match scan(i) {
            Some(s) => [s.first_image - first_image, s.first_image - first_image + s.n_images as i64],
            None => [0, i64::MAX],
        };
        Ok(Some(Sweep {
            beam,
            detector,
            number_of_detector,
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
    searches: &Searches,
    params: &Checked,
    monitor: &dyn Monitor,
) -> Result<(Vec<Spot>, ImageSetDiagnostics), Error> {
    let numbered = sweep.detector.panels.iter().enumerate();
    let panels: Vec<Searched> = numbered.map(|(k, p)| searched(imageset, k, p, sweep.beam, source, params)).collect::<Result<_, _>>()?;
    let pads = sweep.detector.panels.first().is_none_or(is_pad);
    let min_spot_size = params.min_spot_size.unwrap_or(if pads { 3 } else { 6 });
    let n_pixels: usize = panels.iter().map(|p| p.size[0] * p.size[1]).sum();
    let allowed = (params.max_strong_pixel_fraction * n_pixels as f64).ceil() as usize;
    let geometry = (sweep.detector, sweep.beam);
    let first = searches.images().next().unwrap_or(0);
    let (threshold, estimated) = Threshold::new(imageset, params, geometry, &panels, source, first)?;
    let sampling = Sampling::new(sweep.detector, sweep.beam);
    let mut diagnostics = ImageSetDiagnostics {
        first_image: sweep.first_image,
        images: searches.images().map(|z| sweep.first_image + z as i64).collect(),
        min_spot_size,
        hot_pixels_masked: params.mask_hot_pixels,
        max_spot_size: params.max_spot_size,
        estimated_gain: estimated.gain,
        estimated_global_threshold: estimated.global_threshold,
        d_min_of_detector: sweep.detector.d_min_inscribed(&sweep.beam.s0()),
        ..ImageSetDiagnostics::default()
    };
    let fresh = |p: &Searched| PanelState {
        grower: Grower::new(p.size[0], params.max_spot_size),
        always: AlwaysStrong::default(),
        spots: Vec::new(),
    };
    let mut states: Vec<PanelState> = panels.iter().map(fresh).collect();

    let never_dark = NeverDark::new(source, searches.n_images());
    let spare: Mutex<Vec<Buffers>> = Mutex::new(Vec::new());
    let strong_pixels = |z: usize, frame: &Frame| -> Result<(Vec<Vec<Pixel>>, Option<RadialBackground>), Error> {
        let position = searches.position(z);
        never_dark.iter().zip(position).for_each(|(n, k)| n.add(k, frame));
        let take = || spare.lock().unwrap_or_else(|e| e.into_inner());
        let mut buffers = take().pop().unwrap_or_default();
        let each = panels.iter().enumerate().map(|(k, panel)| {
            threshold.strong_pixels(k, frame, panel, &mut buffers).ok_or_else(|| panel_outside(imageset, k, panel, frame))
        });
        let found: Result<Vec<_>, _> = each.collect();
        take().push(buffers);
        let found = found?;
        let looked_at = position.is_some_and(|k| Sampling::includes(k, searches.n_images()));
        let background = looked_at.then(|| sampling.measure(frame, &panels, &found));
        Ok((found, background))
    };
    for range in searches.ranges() {
        for_each_frame(source, range.clone(), DEFAULT_BUDGET, monitor, strong_pixels, |z, found| {
            let (found, background) = found?;
            let strong = found.iter().map(Vec::len).sum();
            if strong > allowed {
                return Err(Error::TooManyStrongPixels { image: sweep.first_image + z as i64, strong, allowed });
            }
            diagnostics.strong_pixels.push(strong);
            background.iter().for_each(|b| diagnostics.background.add(b));
            // Spots do not go on across images that were not searched.
            let is_last = !sweep.is_rotation || z + 1 == range.end;
            for (k, (state, pixels)) in states.iter_mut().zip(&found).enumerate() {
                let mut complete = state.grower.add(z as u32, pixels);
                if is_last {
                    complete.extend(state.grower.finish());
                }
                state.always.add(pixels);
                keep(complete, k, &panels[k], &mut state.spots, &mut diagnostics);
            }
            Ok::<(), Error>(())
        })?;
    }

    let mut never = never_dark.map_or_else(Vec::new, |n| n.hot(source, sweep.detector, &panels)).into_iter();
    let mut spots = Vec::new();
    for (k, mut state) in states.into_iter().enumerate() {
        let hot = never_dark::agreed(&state.always.hot(k, panels[k].size[0]), never.next().unwrap_or_default(), searches.n_images());
        if params.mask_hot_pixels && !hot.is_empty() {
            let (rest, with) = state.spots.into_iter().partition(|s| !hot::is_in(s, &hot));
            state.spots = rest;
            diagnostics.n_with_hot_pixels += with.len();
            diagnostics.n_extracted -= with.len();
            keep(hot::without(with, &hot, &panels[k], params.max_spot_size), k, &panels[k], &mut state.spots, &mut diagnostics);
        }
        diagnostics.hot_pixels.extend(hot);
        state.spots.sort_by_key(Spot::first_pixel);
        spots.extend(state.spots);
    }
    diagnostics.n_measured = spots.len();
    spots.retain(|s| s.separation() <= params.max_separation);
    if let Some(gradient) = params.gradient {
        let flat = filter::background_is_flat(&spots, gradient, &panels, source, searches.ranges(), monitor)?;
        diagnostics.n_on_gradient = Some(drop_unless(&flat, &mut spots));
    }
    if params.spot_density {
        let mut keep = Vec::new();
        for on_panel in spots.chunk_by(|a, b| a.shoebox.panel == b.shoebox.panel) {
            let places: Vec<[f64; 2]> = on_panel.iter().map(|s| [s.centroid[0], s.centroid[1]]).collect();
            keep.extend(filter::not_crowded(&places));
        }
        diagnostics.n_crowded = Some(drop_unless(&keep, &mut spots));
    }
    diagnostics.n_spots = spots.len();
    diagnostics.background.trim();
    describe(sweep, searches, &spots, &mut diagnostics);
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

/// Drops the spots that are not to be kept, and says how many.
fn drop_unless(keep: &[bool], spots: &mut Vec<Spot>) -> usize {
    let before = spots.len();
    let mut keep = keep.iter();
    spots.retain(|_| keep.next().copied().unwrap_or(true));
    before - spots.len()
}

/// Counts by image, rings of ice, diffraction limits.
fn describe(sweep: &Sweep, searches: &Searches, spots: &[Spot], d: &mut ImageSetDiagnostics) {
    let n = searches.n_images();
    d.spots_per_image = vec![0; n];
    d.spots_off_ice = vec![0; n];
    d.intensity_per_image = vec![0.0; n];
    let resolutions: Vec<f64> = spots.iter().map(|s| sweep.resolution(s)).collect();
    let place = |(s, d): (&Spot, &f64)| (s.shoebox.panel as usize, s.centroid[0], s.centroid[1], 1.0 / (d * d));
    let places: Vec<ice::Place> = spots.iter().zip(&resolutions).map(place).collect();
    d.ice_rings = ice::merged(ice::spots_on_rings(&places), ice::background_on_rings(&d.background));
    // Of the limit's evidence, ice is none.
    let by_spots: Vec<_> = d.ice_rings.iter().filter(|r| r.spots.is_some()).copied().collect();
    let rings = ice::all_rings();
    let mut of_image: Vec<Vec<f64>> = vec![Vec::new(); n];
    for (spot, (&resolution, place)) in spots.iter().zip(resolutions.iter().zip(&places)) {
        let Some(k) = searches.position(spot.centroid[2] as usize) else { continue };
        d.spots_per_image[k] += 1;
        d.spots_off_ice[k] += usize::from(!ice::is_on(&rings, place.3));
        d.intensity_per_image[k] += spot.intensity;
        if !ice::is_on(&by_spots, place.3) {
            of_image[k].push(resolution);
        }
    }
    d.d_min = limit::diffraction_limit(&of_image.concat());
    d.d_min_per_image = limit::by_image(&of_image);
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
