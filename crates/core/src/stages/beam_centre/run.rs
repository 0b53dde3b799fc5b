use super::projections;
use super::{Centre, Error, Method, Output, Params};
use crate::beam_shift::{self, Scope, moved};
use crate::geometry::{Detector, ExperimentList};
use crate::image::ImageSource;
use crate::job::Monitor;
use crate::math::{Vec2, Vec3};
use crate::reflections::Reflections;
use std::sync::Arc;

/// Finds the beam centre.
///
/// - `experiments`: what import made
/// - `strong`: its spots, with `id`, `panel` and `xyzobs_px`; only the method `default` needs them
/// - `images`: the images of each image set; only the other methods need them
///
/// # Errors
///
/// Models that are missing, too few spots, no lattice, images that cannot be read, unusable parameters, or cancellation.
pub fn run(
    experiments: &ExperimentList,
    strong: &Reflections,
    images: &[Arc<dyn ImageSource>],
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Output, Error> {
    params.check()?;
    let (s0, detector) = (experiments.beam_of(0)?.s0(), experiments.detector_of(0)?);
    let old = centre(detector, &s0)?;
    let mut out = match params.method {
        Method::Default => by_lattice(experiments, strong, params, monitor)?,
        method => by_projections(experiments, &old, images, method, params, monitor)?,
    };
    let moved = out.experiments.experiments[0].detector.and_then(|k| out.experiments.detectors.get(k));
    let moved = moved.unwrap_or(detector);
    out.new = centre(moved, &s0)?;
    // On the panel that the beam met before, even where that ends.
    let there = moved.panels[old.panel].mm_from_ray(&s0).ok_or(Error::NoIntersection)?;
    out.shift_mm = [there.x - old.mm[0], there.y - old.mm[1]];
    out.pixel_mm = detector.panels[old.panel].pixel_size;
    out.old = old;
    Ok(out)
}

fn centre(detector: &Detector, s0: &Vec3) -> Result<Centre, Error> {
    let hit = detector.beam_centre(s0).ok_or(Error::NoIntersection)?;
    Ok(Centre { panel: hit.panel, mm: hit.mm.into(), px: hit.px.into() })
}

fn by_lattice(experiments: &ExperimentList, strong: &Reflections, params: &Params, monitor: &dyn Monitor) -> Result<Output, Error> {
    let scope = Scope {
        mm: params.mm_search_scope,
        binning_px: params.wide_search_binning,
        max_cell: params.max_cell,
        max_spots: params.max_reflections,
        d_min: params.d_min,
        images: params.image_range,
        cycles: params.n_macro_cycles,
    };
    let found = beam_shift::search(experiments, strong, &scope, monitor)?;
    Ok(Output {
        experiments: moved(experiments, &found.offset),
        n_spots: found.n_spots,
        vector_lengths: found.vectors.iter().map(Vec3::norm).collect(),
        score: found.score,
        map: found.map,
        ..Output::default()
    })
}

fn by_projections(
    experiments: &ExperimentList,
    old: &Centre,
    images: &[Arc<dyn ImageSource>],
    method: Method,
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Output, Error> {
    let e = &experiments.experiments[0];
    let source = e.imageset.and_then(|k| images.get(k)).ok_or(Error::NoImages { method: crate::params::ParamValue::text(&method) })?;
    let panel = &experiments.detector_of(0)?.panels[old.panel];
    let mean = projections::mean_image(source.as_ref(), panel, params.n_images, monitor)?;
    let projections = [projections::along(&mean, method, 0)?, projections::along(&mean, method, 1)?];
    let new = panel.mm_from_px(Vec2::new(projections[0].centre, projections[1].centre));
    // The beam meets the panel farther along when the panel moves back.
    let offset = panel.fast * (old.mm[0] - new.x) + panel.slow * (old.mm[1] - new.y);
    Ok(Output { experiments: moved(experiments, &offset), projections: projections.into(), ..Output::default() })
}
