use super::score::{Spot, Sweep, best_of, coarse, follow, improve, map, score};
use super::vectors::{longest_edge, vectors};
use crate::geometry::{ExperimentList, MissingModel, Panel};
use crate::job::{Cancelled, Monitor};
use crate::math::{Vec2, Vec3, rotation};
use crate::reflections::Reflections;
use serde::{Deserialize, Serialize};

/// Rotation within which a wrong beam centre moves all reciprocal-lattice points alike, rad.
const WEDGE: f64 = 3.0 * core::f64::consts::PI / 180.0;
/// Fewer spots have no lattice that could be told from chance.
const FEWEST_SPOTS: usize = 20;

/// How far, and with which spots, the shift is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scope {
    /// To this distance from where the header has the beam, mm.
    pub mm: f64,
    /// Step of the coarse search, px.
    pub binning_px: f64,
    /// Longest lattice vector, Å; from the distances between neighbouring spots when not given.
    pub max_cell: Option<f64>,
    /// Most spots of a sweep that are used; of more, evenly chosen ones.
    pub max_spots: usize,
    /// Spots at higher resolution (smaller d, Å) are not used.
    pub d_min: Option<f64>,
    /// Only spots on these images, of array numbers from the first to before the second.
    pub images: Option<[usize; 2]>,
    /// How often lattice and shift are improved in turn.
    pub cycles: usize,
}

/// A shift at which spots lie on a lattice.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// What the detector is moved by, mm, laboratory frame, perpendicular to the beam.
    pub offset: Vec3,
    /// By how much that moves the beam on a detector that faces it, along (fast, slow), mm.
    pub beam_mm: [f64; 2],
    /// Mean cosine of the phases of all spots with all vectors there: 1 at most.
    pub score: f64,
    /// The same where the header has the beam, with the same vectors.
    pub score_at_header: f64,
    /// Spots that were used.
    pub n_spots: usize,
    /// The lattice vectors, Å, laboratory frame at the datum.
    pub vectors: Vec<Vec3>,
    /// The last map of scores; none for a scope of 0.
    pub map: Option<ScoreMap>,
}

/// Score over shifts of the beam on the detector.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScoreMap {
    /// Shifts of the beam from the header's position along fast, and along slow, mm; of a detector that does not face the beam, as seen along the
    /// beam.
    pub shifts: Vec<f64>,
    /// Directions in which the detector moves for these, laboratory frame.
    pub axes: [[f64; 3]; 2],
    /// Scores, `shifts.len()` rows along slow of as many along fast; 1 is perfect.
    pub scores: Vec<f64>,
    /// The shift found along (fast, slow), mm.
    pub found: [f64; 2],
}

/// Why no shift was found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An experiment lacks something.
    #[error(transparent)]
    MissingModel(#[from] MissingModel),
    /// The beam does not meet the detector.
    #[error("the beam does not meet the detector's plane; correct the geometry by hand")]
    NoIntersection,
    /// Too few spots for any lattice.
    #[error(
        "the sweep with most spots has {found}; the search needs {needed}. Find more spots, raise d_min's limit, or take method=inversion"
    )]
    TooFewSpots {
        /// Spots that can be used.
        found: usize,
        /// Spots needed.
        needed: usize,
    },
    /// No lattice vectors.
    #[error("no lattice vectors were found in {spots} spots; give max_cell, or take method=midpoint, maximum or inversion")]
    NoVectors {
        /// Spots that were used.
        spots: usize,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Looks for the shift.
///
/// - `experiments`: one for each sweep, without crystals
/// - `spots`: with `id` (the sweep), `panel` and `xyzobs_px`
///
/// The result does not depend on the number of threads.
///
/// # Errors
///
/// Models that are missing, too few spots, no lattice, or cancellation.
pub fn search(experiments: &ExperimentList, spots: &Reflections, scope: &Scope, monitor: &dyn Monitor) -> Result<Shift, Error> {
    let (s0, detector) = (experiments.beam_of(0)?.s0(), experiments.detector_of(0)?);
    let hit = detector.beam_centre(&s0).ok_or(Error::NoIntersection)?;
    let axes = axes(&s0, &detector.panels[hit.panel]);
    monitor.begin("Looking for the beam centre", scope.cycles as u64 + 3);
    let mut sweeps = Vec::new();
    for i in 0..experiments.len() {
        sweeps.push(sweep(experiments, spots, i, scope)?);
    }
    let most = sweeps.iter().map(|s| s.spots.len()).max().unwrap_or(0);
    if most < FEWEST_SPOTS {
        return Err(Error::TooFewSpots { found: most, needed: FEWEST_SPOTS });
    }
    for sweep in sweeps.iter_mut().filter(|s| s.spots.len() >= FEWEST_SPOTS) {
        monitor.check()?;
        let points = sweep.points(&Vec3::zeros());
        if let Some(max_cell) = scope.max_cell.or_else(|| longest_edge(&points)) {
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
    let half = if scope.mm > 0.0 { ((scope.mm / (pixel * scope.binning_px)) as usize).clamp(1, 200) } else { 0 };
    let step = scope.mm / half.max(1) as f64;
    let fine = if half > 0 { 0.5 * step } else { 0.5 * pixel };
    let places = coarse(&sweeps, &axes, scope.mm, step, monitor)?;
    let mut found = (follow(&mut sweeps, &axes, &places, fine, monitor)?, 0.0);
    monitor.advance(1);
    for _ in 0..scope.cycles {
        found = improve(&mut sweeps, &axes, found.0, fine, f64::INFINITY);
        monitor.advance(1);
        monitor.check()?;
    }
    let mut scores = Vec::new();
    if half > 0 {
        // With good vectors the whole scope is looked at once more.
        scores = map(&sweeps, &axes, half, step, monitor)?;
        let best = best_of(&scores, half, step);
        if (0..2).any(|k| (best[k] - found.0[k]).abs() > 2.0 * step) {
            let other = improve(&mut sweeps.clone(), &axes, best, fine, f64::INFINITY);
            if other.1 > found.1 {
                found = other;
            }
        }
        monitor.advance(1);
    }
    let offset = axes[0] * found.0[0] + axes[1] * found.0[1];
    let shifts = (0..2 * half + 1).map(|k| (k as f64 - half as f64) * step).collect();
    Ok(Shift {
        offset,
        beam_mm: found.0,
        score: found.1,
        score_at_header: score(&sweeps, &Vec3::zeros(), f64::INFINITY, 1),
        n_spots: sweeps.iter().map(|s| s.spots.len()).sum(),
        vectors: sweeps.iter().flat_map(|s| s.vectors.iter().copied()).collect(),
        map: (half > 0).then(|| ScoreMap { shifts, axes: axes.map(|a| a.into()), scores, found: found.0 }),
    })
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
pub fn moved(experiments: &ExperimentList, offset: &Vec3) -> ExperimentList {
    let mut out = experiments.clone();
    for panel in out.detectors.iter_mut().flat_map(|d| &mut d.panels) {
        panel.origin += offset;
    }
    out
}

fn pixel_size(experiments: &ExperimentList) -> f64 {
    experiments.detectors.iter().flat_map(|d| &d.panels).map(|p| p.pixel_size[0]).find(|p| *p > 0.0).unwrap_or(0.1)
}

/// The spots of experiment `i` that `scope` admits.
fn sweep(experiments: &ExperimentList, spots: &Reflections, i: usize, scope: &Scope) -> Result<Sweep, MissingModel> {
    let e = &experiments.experiments[i];
    let (beam, detector) = (experiments.beam_of(i)?, experiments.detector_of(i)?);
    let goniometer = e.goniometer.and_then(|k| experiments.goniometers.get(k));
    let scan = e.scan.and_then(|k| experiments.scans.get(k)).filter(|s| !s.is_still());
    let s0 = beam.s0();
    let complete = spots.id.len().min(spots.xyzobs_px.len());
    let mut rows: Vec<(f64, Spot)> = Vec::new();
    for k in (0..complete).filter(|&k| spots.id[k] == i as i32) {
        let [x, y, z] = spots.xyzobs_px[k];
        let Some(panel) = detector.panels.get(spots.panel.get(k).map_or(0, |p| *p as usize)) else { continue };
        let lab = panel.lab_from_px(Vec2::new(x, y));
        let d = 1.0 / (lab.normalize() * s0.norm() - s0).norm();
        let on_images = scope.images.is_none_or(|[a, b]| (a as f64..b as f64).contains(&z));
        if !on_images || scope.d_min.is_some_and(|d_min| d < d_min) || !d.is_finite() {
            continue;
        }
        let phi = scan.map_or(0.0, |s| s.phi_from_z(z));
        // Where the crystal was set before the scan does not matter.
        let lab_from_datum = goniometer.map_or(crate::math::Mat3::identity(), |g| g.setting_rotation * rotation(&g.rotation_axis, phi));
        rows.push((phi, Spot { lab, datum_from_lab: lab_from_datum.transpose(), wedge: 0 }));
    }
    let n = rows.len();
    if n > scope.max_spots {
        let mut k = 0;
        rows.retain(|_| {
            k += 1;
            k * scope.max_spots / n > (k - 1) * scope.max_spots / n
        });
    }
    let first = rows.iter().map(|r| r.0).fold(f64::INFINITY, f64::min);
    let last = rows.iter().map(|r| r.0).fold(f64::NEG_INFINITY, f64::max);
    let n_wedges = if rows.is_empty() { 0 } else { (libm::ceil((last - first) / WEDGE) as usize).max(1) };
    let wedge = |phi: f64| (((phi - first) / WEDGE) as usize).min(n_wedges.saturating_sub(1));
    let spots = rows.into_iter().map(|(phi, s)| Spot { wedge: wedge(phi), ..s }).collect();
    Ok(Sweep { spots, s0, n_wedges, vectors: Vec::new() })
}
