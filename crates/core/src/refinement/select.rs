//! Which reflections are refined against.

use super::{Error, Options};
use crate::geometry::ExperimentList;
use crate::job::parallel;
use crate::math::{Vec3, vec3};
use crate::reflections::Reflections;

/// An observed centroid with its index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    /// Row of the table.
    pub row: usize,
    pub experiment: usize,
    pub panel: usize,
    pub h: Vec3,
    pub entering: bool,
    /// mm, mm, rad.
    pub xyz: [f64; 3],
    /// Cosine and sine of the angle.
    pub turn: [f64; 2],
    /// 1/variance.
    pub weight: [f64; 3],
    /// Taken for an outlier: predicted, but not refined against.
    pub outlier: bool,
    /// Array index.
    pub z: f64,
    /// Mean of the counting variances of x and y, px².
    pub counting: f64,
    /// Recorded on one image only.
    pub single_image: bool,
    /// Size of a pixel (mm, mm) and of an image (rad).
    pub unit: [f64; 3],
}

/// Number of rows with an index and an experiment.
pub(crate) fn indexed(reflections: &Reflections) -> usize {
    reflections.hkl.iter().zip(&reflections.id).filter(|(h, id)| **h != [0, 0, 0] && **id >= 0).count()
}

/// The usable reflections, sorted by experiment, position in the scan and row.
///
/// Left out are those without index, without a positive variance, too close to the spindle, outside the scan (less its margins), beyond
/// `d_min`; of the rest, each experiment keeps an even sample of what `reflections_per_degree` allows.
pub(crate) fn select(experiments: &ExperimentList, reflections: &Reflections, options: &Options) -> Result<Vec<Observation>, Error> {
    let used: Vec<bool> = {
        let mut used = vec![false; experiments.len()];
        for (h, id) in reflections.hkl.iter().zip(&reflections.id) {
            if let Some(u) = usize::try_from(*id).ok().and_then(|id| used.get_mut(id)).filter(|_| *h != [0, 0, 0]) {
                *u = true;
            }
        }
        used
    };
    for (experiment, _) in used.iter().enumerate().filter(|(_, u)| **u) {
        let Some(models) = experiments.models(experiment) else {
            return Err(Error::Model { experiment, lacks: "no beam, detector, goniometer or scan" });
        };
        if models.crystal.is_none() {
            return Err(Error::Model { experiment, lacks: "no crystal" });
        }
        if models.scan.is_still() {
            return Err(Error::Model { experiment, lacks: "no rotation in its scan: stills cannot be refined" });
        }
    }
    let models: Vec<_> = (0..experiments.len()).map(|i| experiments.models(i)).collect();
    let rows = parallel::map(reflections.len(), |row| {
        let hkl = reflections.hkl[row];
        let experiment = usize::try_from(reflections.id[row]).ok()?;
        let m = (*models.get(experiment)?)?;
        let panel = reflections.panel[row] as usize;
        if hkl == [0, 0, 0] || panel >= m.detector.panels.len() {
            return None;
        }
        let (xyz, variance, z) = (reflections.xyzobs_mm[row], reflections.xyzobs_mm_variance[row], reflections.xyzobs_px[row][2]);
        if !variance.iter().all(|v| *v > 0.0 && v.is_finite()) || !xyz.iter().all(|x| x.is_finite()) {
            return None;
        }
        let (s1, s0, axis) = (vec3(reflections.s1[row]), m.beam.s0(), m.goniometer.lab_axis());
        if s1.dot(&axis.cross(&s0)).abs() < options.close_to_spindle {
            return None;
        }
        let margin = options.scan_margin / m.scan.width.abs();
        if z < margin || z > m.scan.n_images as f64 - margin {
            return None;
        }
        if options.d_min.is_some_and(|d_min| 1.0 / (s1 - s0).norm() < d_min) {
            return None;
        }
        let size = m.detector.panels[panel].pixel_size;
        let unit = [size[0], size[1], m.scan.width.abs()];
        // Less the 1/12 that spot finding adds for the pixel's width.
        let counting = [0, 1, 2].map(|k| (variance[k] / (unit[k] * unit[k]) - 1.0 / 12.0).max(0.0));
        let (sin, cos) = libm::sincos(xyz[2]);
        Some(Observation {
            row,
            experiment,
            panel,
            h: Vec3::new(f64::from(hkl[0]), f64::from(hkl[1]), f64::from(hkl[2])),
            entering: reflections.entering[row],
            xyz,
            turn: [cos, sin],
            weight: variance.map(|v| 1.0 / v),
            outlier: false,
            z,
            counting: 0.5 * (counting[0] + counting[1]),
            single_image: counting[2] < 1e-9,
            unit,
        })
    });
    let mut all: Vec<Observation> = rows.into_iter().flatten().collect();
    all.sort_unstable_by(|a, b| a.experiment.cmp(&b.experiment).then(a.z.total_cmp(&b.z)).then(a.row.cmp(&b.row)));
    let Some(density) = options.reflections_per_degree else { return Ok(all) };
    let mut kept = Vec::new();
    for group in all.chunk_by(|a, b| a.experiment == b.experiment) {
        let degrees = models[group[0].experiment].map_or(0.0, |m| m.scan.n_images as f64 * m.scan.width.abs().to_degrees());
        // A narrow scan is not thinned below what all parameters of one experiment want.
        let most = (libm::ceil(density * degrees) as usize).max(200);
        if group.len() <= most {
            kept.extend_from_slice(group);
        } else {
            kept.extend((0..most).map(|k| group[(k * 2 + 1) * group.len() / (2 * most)]));
        }
    }
    Ok(kept)
}
