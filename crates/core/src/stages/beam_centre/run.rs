use super::lattice::{longest_edge, vectors};
use super::offset::{Spot, Sweep, best_of, coarse, follow, improve, map};
use super::projections;
use super::{Centre, Error, Method, Output, Params, ScoreMap};
use crate::geometry::{Detector, ExperimentList, Panel};
use crate::image::ImageSource;
use crate::job::Monitor;
use crate::math::{Vec2, Vec3, rotation};
use crate::reflections::Reflections;
use std::sync::Arc;

/// Rotation within which a wrong beam centre moves all reciprocal-lattice points alike, rad.
const WEDGE: f64 = 3.0 * core::f64::consts::PI / 180.0;
/// Fewer spots have no lattice that could be told from chance.
const FEWEST_SPOTS: usize = 20;

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
    let beam = experiments.experiments.first().and_then(|e| e.beam).and_then(|k| experiments.beams.get(k));
    let beam = beam.ok_or(Error::Incomplete { experiment: 0, what: "beam" })?;
    let detector = experiments.experiments.first().and_then(|e| e.detector).and_then(|k| experiments.detectors.get(k));
    let detector = detector.ok_or(Error::Incomplete { experiment: 0, what: "detector" })?;
    let s0 = beam.s0();
    let old = centre(detector, &s0)?;
    let mut out = match params.method {
        Method::Default => by_lattice(experiments, strong, &axes(&s0, &detector.panels[old.panel]), params, monitor)?,
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

/// Unit vectors perpendicular to the beam and each other. The detector moved along the first moves the beam on it along +fast, along the second
/// along +slow; exactly so for a detector that faces the beam.
fn axes(s0: &Vec3, panel: &Panel) -> [Vec3; 2] {
    let beam = s0.normalize();
    let across = |v: &Vec3| v - beam * v.dot(&beam);
    // A panel along the beam has no such direction.
    let of_panel = [&panel.fast, &Vec3::x(), &Vec3::y()].map(across).into_iter().find(|v| v.norm() > 1e-3);
    let first = -of_panel.unwrap_or_else(Vec3::x).normalize();
    let second = first.cross(&beam);
    [first, if second.dot(&panel.slow) > 0.0 { -second } else { second }]
}

/// The experiments with all detectors moved by `offset` (mm).
fn moved(experiments: &ExperimentList, offset: &Vec3) -> ExperimentList {
    let mut out = experiments.clone();
    for panel in out.detectors.iter_mut().flat_map(|d| &mut d.panels) {
        panel.origin += offset;
    }
    out
}

fn by_lattice(
    experiments: &ExperimentList,
    strong: &Reflections,
    axes: &[Vec3; 2],
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Output, Error> {
    monitor.begin("Looking for the beam centre", params.n_macro_cycles as u64 + 3);
    let mut sweeps = Vec::new();
    for i in 0..experiments.len() {
        sweeps.push(sweep(experiments, strong, i, params)?);
    }
    let most = sweeps.iter().map(|s| s.spots.len()).max().unwrap_or(0);
    if most < FEWEST_SPOTS {
        return Err(Error::TooFewSpots { found: most, needed: FEWEST_SPOTS });
    }
    for sweep in sweeps.iter_mut().filter(|s| s.spots.len() >= FEWEST_SPOTS) {
        monitor.check()?;
        let points = sweep.points(&Vec3::zeros());
        if let Some(max_cell) = params.max_cell.or_else(|| longest_edge(&points)) {
            sweep.vectors = vectors(&points, max_cell).into_iter().map(|(a, _)| a).collect();
        }
    }
    let n_spots = sweeps.iter().map(|s| s.spots.len()).sum();
    sweeps.retain(|s| !s.vectors.is_empty());
    if sweeps.is_empty() {
        return Err(Error::NoVectors { spots: n_spots });
    }
    monitor.advance(1);

    let pixel = pixel_size(experiments);
    let half = if params.mm_search_scope > 0.0 {
        ((params.mm_search_scope / (pixel * params.wide_search_binning)) as usize).clamp(1, 200)
    } else {
        0
    };
    let step = params.mm_search_scope / half.max(1) as f64;
    let fine = if half > 0 { 0.5 * step } else { 0.5 * pixel };
    let places = coarse(&sweeps, axes, params.mm_search_scope, step, monitor)?;
    let mut found = (follow(&mut sweeps, axes, &places, fine, monitor)?, 0.0);
    monitor.advance(1);
    for _ in 0..params.n_macro_cycles {
        found = improve(&mut sweeps, axes, found.0, fine, f64::INFINITY);
        monitor.advance(1);
        monitor.check()?;
    }
    let mut scores = Vec::new();
    if half > 0 {
        // With good vectors the whole scope is looked at once more.
        scores = map(&sweeps, axes, half, step, monitor)?;
        let best = best_of(&scores, half, step);
        if (0..2).any(|k| (best[k] - found.0[k]).abs() > 2.0 * step) {
            let other = improve(&mut sweeps.clone(), axes, best, fine, f64::INFINITY);
            if other.1 > found.1 {
                found = other;
            }
        }
        monitor.advance(1);
    }
    let offset = axes[0] * found.0[0] + axes[1] * found.0[1];
    let shifts = (0..2 * half + 1).map(|k| (k as f64 - half as f64) * step).collect();
    let map = (half > 0).then(|| ScoreMap { shifts, axes: axes.map(|a| a.into()), scores, found: found.0 });
    Ok(Output {
        experiments: moved(experiments, &offset),
        n_spots: sweeps.iter().map(|s| s.spots.len()).sum(),
        vector_lengths: sweeps.iter().flat_map(|s| s.vectors.iter().map(Vec3::norm)).collect(),
        score: found.1,
        map,
        ..Output::default()
    })
}

fn pixel_size(experiments: &ExperimentList) -> f64 {
    experiments.detectors.iter().flat_map(|d| &d.panels).map(|p| p.pixel_size[0]).find(|p| *p > 0.0).unwrap_or(0.1)
}

/// The spots of experiment `i` that the parameters admit.
fn sweep(experiments: &ExperimentList, strong: &Reflections, i: usize, params: &Params) -> Result<Sweep, Error> {
    let missing = |what| Error::Incomplete { experiment: i, what };
    let e = &experiments.experiments[i];
    let beam = e.beam.and_then(|k| experiments.beams.get(k)).ok_or_else(|| missing("beam"))?;
    let detector = e.detector.and_then(|k| experiments.detectors.get(k)).ok_or_else(|| missing("detector"))?;
    let goniometer = e.goniometer.and_then(|k| experiments.goniometers.get(k));
    let scan = e.scan.and_then(|k| experiments.scans.get(k)).filter(|s| !s.is_still());
    let s0 = beam.s0();
    let complete = strong.id.len().min(strong.xyzobs_px.len());
    let mut rows: Vec<(f64, Spot)> = Vec::new();
    for k in (0..complete).filter(|&k| strong.id[k] == i as i32) {
        let [x, y, z] = strong.xyzobs_px[k];
        let Some(panel) = detector.panels.get(strong.panel.get(k).map_or(0, |p| *p as usize)) else { continue };
        let lab = panel.lab_from_px(Vec2::new(x, y));
        let d = 1.0 / (lab.normalize() * s0.norm() - s0).norm();
        let on_images = params.image_range.is_none_or(|[a, b]| (a as f64..b as f64).contains(&z));
        if !on_images || params.d_min.is_some_and(|d_min| d < d_min) || !d.is_finite() {
            continue;
        }
        let phi = scan.map_or(0.0, |s| s.phi_from_z(z));
        // Where the crystal was set before the scan does not matter.
        let lab_from_datum = goniometer.map_or(crate::math::Mat3::identity(), |g| g.setting_rotation * rotation(&g.rotation_axis, phi));
        rows.push((phi, Spot { lab, datum_from_lab: lab_from_datum.transpose(), wedge: 0 }));
    }
    let n = rows.len();
    if n > params.max_reflections {
        let mut k = 0;
        rows.retain(|_| {
            k += 1;
            k * params.max_reflections / n > (k - 1) * params.max_reflections / n
        });
    }
    let first = rows.iter().map(|r| r.0).fold(f64::INFINITY, f64::min);
    let last = rows.iter().map(|r| r.0).fold(f64::NEG_INFINITY, f64::max);
    let n_wedges = if rows.is_empty() { 0 } else { (libm::ceil((last - first) / WEDGE) as usize).max(1) };
    let wedge = |phi: f64| (((phi - first) / WEDGE) as usize).min(n_wedges.saturating_sub(1));
    let spots = rows.into_iter().map(|(phi, s)| Spot { wedge: wedge(phi), ..s }).collect();
    Ok(Sweep { spots, s0, n_wedges, vectors: Vec::new() })
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
    let detector = e.detector.and_then(|k| experiments.detectors.get(k)).ok_or(Error::Incomplete { experiment: 0, what: "detector" })?;
    let panel = &detector.panels[old.panel];
    let mean = projections::mean_image(source.as_ref(), panel, params.n_images, monitor)?;
    let projections = [projections::along(&mean, method, 0)?, projections::along(&mean, method, 1)?];
    let new = panel.mm_from_px(Vec2::new(projections[0].centre, projections[1].centre));
    // The beam meets the panel farther along when the panel moves back.
    let offset = panel.fast * (old.mm[0] - new.x) + panel.slow * (old.mm[1] - new.y);
    Ok(Output { experiments: moved(experiments, &offset), projections: projections.into(), ..Output::default() })
}
