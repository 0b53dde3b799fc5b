use crate::geometry::{ExperimentList, Panel, ReciprocalMap, Scan};
use crate::job::parallel;
use crate::math::{Vec2, vec3};
use crate::reflections::{MissingColumn, Reflections};

/// The experiment of row `i`: its `id`, or else (−1, not indexed) the first experiment with the row's image set.
pub fn experiment_of(experiments: &ExperimentList, reflections: &Reflections, i: usize) -> Option<usize> {
    match reflections.id.get(i).map(|&id| usize::try_from(id)) {
        Some(Ok(id)) => (id < experiments.len()).then_some(id),
        _ => {
            let set = usize::try_from(*reflections.imageset_id.get(i)?).ok()?;
            experiments.experiments.iter().position(|e| e.imageset == Some(set))
        }
    }
}

/// A centroid in px and array index as mm and rad.
pub fn centroid_in_mm(panel: &Panel, scan: &Scan, [x, y, z]: [f64; 3]) -> [f64; 3] {
    let mm = panel.mm_from_px(Vec2::new(x, y));
    [mm.x, mm.y, scan.phi_from_z(z)]
}

/// Its variance in mm² and rad²: that in px² and images² times the pixel's size and the image's width squared.
pub fn centroid_variance_in_mm(panel: &Panel, scan: &Scan, variance: [f64; 3]) -> [f64; 3] {
    let scale = [panel.pixel_size[0], panel.pixel_size[1], scan.width];
    [0, 1, 2].map(|a| variance[a] * scale[a] * scale[a])
}

/// Observed centroids in pixels → mm and rad with their variances, diffracted beam vectors, and reciprocal-lattice points at the datum.
///
/// Fills `xyzobs_mm`, `s1` and `rlp`, and `xyzobs_mm_variance` where `xyzobs_px_variance` is present (the pixel's size and the image's
/// width squared times it). rlp = (S R(φ) F)⁻¹ (s1 − s0). Rows without experiment or panel get zeros.
pub fn map_observed(experiments: &ExperimentList, reflections: &mut Reflections) -> Result<(), MissingColumn> {
    reflections.require(&["id", "panel", "xyzobs.px.value"])?;
    let table = &*reflections;
    let models: Vec<_> = (0..experiments.len()).map(|i| experiments.models(i).map(|m| (m, ReciprocalMap::of(&m)))).collect();
    let rows = parallel::map(table.len(), |i| {
        let (m, map) = models[experiment_of(experiments, table, i)?].as_ref()?;
        let panel = m.detector.panels.get(table.panel[i] as usize)?;
        let [x, y, phi] = centroid_in_mm(panel, m.scan, table.xyzobs_px[i]);
        let lab = panel.lab_from_mm(Vec2::new(x, y));
        let (s1, rlp) = (map.s1(&lab), map.point(&lab, phi));
        let variance = table.xyzobs_px_variance.get(i).map(|v| centroid_variance_in_mm(panel, m.scan, *v));
        Some(([x, y, phi], variance, s1, rlp))
    });
    let n = table.len();
    let has_variance = !table.xyzobs_px_variance.is_empty();
    let none = ([0.0; 3], None, vec3([0.0; 3]), vec3([0.0; 3]));
    let rows: Vec<_> = rows.into_iter().map(|r| r.unwrap_or(none)).collect();
    reflections.xyzobs_mm = rows.iter().map(|r| r.0).collect();
    reflections.xyzobs_mm_variance = if has_variance { rows.iter().map(|r| r.1.unwrap_or([0.0; 3])).collect() } else { Vec::new() };
    reflections.s1 = rows.iter().map(|r| [r.2.x, r.2.y, r.2.z]).collect();
    reflections.rlp = rows.iter().map(|r| [r.3.x, r.3.y, r.3.z]).collect();
    debug_assert_eq!(reflections.s1.len(), n);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Beam, Detector, Experiment, Goniometer};
    use crate::math::Vec3;

    #[test]
    fn the_rlp_turns_back_onto_the_ewald_sphere() {
        let list = ExperimentList {
            experiments: vec![Experiment {
                beam: Some(0),
                detector: Some(0),
                goniometer: Some(0),
                scan: Some(0),
                imageset: Some(0),
                ..Experiment::default()
            }],
            beams: vec![Beam::default()],
            detectors: vec![Detector::single(Panel { origin: Vec3::new(-50.0, 50.0, -120.0), ..Panel::default() })],
            goniometers: vec![Goniometer::single(Vec3::x())],
            scans: vec![Scan { n_images: 10, width: 0.01, phi0: 0.5, ..Scan::default() }],
            ..ExperimentList::default()
        };
        let mut t = Reflections::with_rows(2);
        t.id = vec![-1, 0];
        t.imageset_id = vec![0, 0];
        t.panel = vec![0, 0];
        t.xyzobs_px = vec![[100.0, 200.5, 3.5], [700.0, 10.0, 0.5]];
        t.xyzobs_px_variance = vec![[0.1, 0.2, 0.3]; 2];
        map_observed(&list, &mut t).unwrap();
        for i in 0..2 {
            let (s1, rlp) = (vec3(t.s1[i]), vec3(t.rlp[i]));
            let r = list.goniometers[0].lab_from_datum(t.xyzobs_mm[i][2]) * rlp;
            assert!((r + list.beams[0].s0() - s1).norm() < 1e-14);
            assert!((s1.norm() - 1.0).abs() < 1e-14);
        }
        assert!((t.xyzobs_mm[0][2] - 0.535).abs() < 1e-15);
        assert!((t.xyzobs_mm_variance[1][0] - 0.001).abs() < 1e-15);
    }
}
