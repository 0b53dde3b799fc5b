//! Spots as points of reciprocal space, for the lattice viewer.
//!
//! What is sent is where each spot was seen, in the laboratory: the viewer takes it to reciprocal space itself, so that the beam, the detector
//! and the axis can be moved under the hand.

use ewald_core::geometry::{ExperimentList, ExperimentModels, ReciprocalMap};
use ewald_core::math::{Vec2, rows_of};
use ewald_core::predict::experiment_of;
use ewald_core::reflections::{Reflections, flags};
use ewald_core::session::{Data, Results, StageId};
use ewald_protocol::{Bulk, LatticeGroup, LatticeHeader, MapView, ViewHeader, mark};

use crate::views::ViewError;

/// The points of a stage's result.
pub fn view(results: &Results, after: StageId) -> Result<Bulk, ViewError> {
    let of = |data: &'_ Option<Data>| data.as_ref().map(|d| points(after, &d.experiments, &d.reflections));
    let bulk = match after {
        StageId::FindSpots => results.imported.as_ref().zip(results.strong.as_ref()).map(|(e, r)| points(after, e, r)),
        StageId::Index => of(&results.indexed),
        StageId::Bravais => of(&results.bravais),
        StageId::Refine => of(&results.refined),
        _ => None,
    };
    bulk.ok_or_else(|| ViewError::NotYet { what: format!("the reciprocal lattice after {}", after.title()) })
}

/// Observed spots with the models of `experiments`; rows that have no experiment, panel or position are left out.
fn points(after: StageId, experiments: &ExperimentList, table: &Reflections) -> Bulk {
    let mut rows_of_experiment: Vec<Vec<usize>> = vec![Vec::new(); experiments.len()];
    let seen = table.panel.len().min(table.xyzobs_px.len());
    for row in 0..seen {
        if let Some(e) = experiment_of(experiments, table, row) {
            rows_of_experiment[e].push(row);
        }
    }
    let mut out = Buffers::default();
    let mut groups = Vec::new();
    for (e, rows) in rows_of_experiment.iter().enumerate() {
        let Some(m) = experiments.models(e) else { continue };
        let start = out.marks.len();
        rows.iter().for_each(|&row| out.push(&m, table, row));
        let n = out.marks.len() - start;
        if n > 0 {
            let experiment = &experiments.experiments[e];
            groups.push(group(&m, start, n, experiment.imageset.unwrap_or(e), experiment.crystal));
        }
    }
    let header =
        LatticeHeader { after, n: out.marks.len(), groups, crystals: experiments.crystals.iter().map(|c| rows_of(&c.a_matrix)).collect() };
    let bytes = |v: Vec<f32>| v.into_iter().flat_map(f32::to_le_bytes).collect();
    let buffers = vec![
        bytes(out.places),
        out.marks.into_iter().flat_map(u32::to_le_bytes).collect(),
        bytes(out.pixels),
        out.hkl.into_iter().flat_map(i32::to_le_bytes).collect(),
    ];
    Bulk { header: ViewHeader::Lattice(header), buffers }
}

#[derive(Default)]
struct Buffers {
    places: Vec<f32>,
    marks: Vec<u32>,
    pixels: Vec<f32>,
    hkl: Vec<i32>,
}

impl Buffers {
    fn push(&mut self, m: &ExperimentModels<'_>, table: &Reflections, row: usize) {
        let Some(panel) = m.detector.panels.get(table.panel[row] as usize) else { return };
        let [x, y, z] = table.xyzobs_px[row];
        let lab = panel.lab_from_px(Vec2::new(x, y));
        let phi = m.scan.phi_from_z(z);
        if !lab.iter().chain([&phi]).all(|v| v.is_finite()) {
            return;
        }
        self.places.extend([lab.x as f32, lab.y as f32, lab.z as f32, phi as f32]);
        let has = |bits: u64| table.flags.get(row).is_some_and(|f| f & bits != 0);
        let indexed = has(flags::INDEXED) && !table.hkl.is_empty();
        self.marks.push(if indexed { mark::INDEXED } else { 0 } | if has(flags::CENTROID_OUTLIER) { mark::OUTLIER } else { 0 });
        let [dx, dy] = panel.raw_image_offset.map(|n| n as f64);
        self.pixels.extend([(x + dx) as f32, (y + dy) as f32, z as f32]);
        if let Some(hkl) = table.hkl.get(row) {
            self.hkl.extend(if indexed { *hkl } else { [0; 3] });
        }
    }
}

fn group(m: &ExperimentModels<'_>, start: usize, n: usize, sweep: usize, crystal: Option<usize>) -> LatticeGroup {
    let s0 = m.beam.s0();
    let beam = m.detector.beam_centre(&s0);
    let panel = &m.detector.panels[beam.map_or(0, |b| b.panel)];
    LatticeGroup {
        start,
        n,
        sweep,
        crystal,
        map: MapView::from(&ReciprocalMap::of(m)),
        phi0: m.scan.phi0,
        width: m.scan.width,
        images: m.scan.n_images,
        panel: [panel.fast.into(), panel.slow.into(), panel.origin.into()],
        pixel_mm: panel.pixel_size,
        panels: m.detector.panels.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::geometry::{Beam, Crystal, Detector, Experiment, Goniometer, Panel, Scan};
    use ewald_core::math::{Mat3, Vec3, vec3};
    use ewald_core::predict::map_observed;

    fn floats(bytes: &[u8]) -> Vec<f32> {
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    /// Two sweeps with a crystal each; spots out of order, one without index, one on a panel that is not there.
    fn data() -> Data {
        let experiment = |k| Experiment {
            beam: Some(0),
            detector: Some(0),
            goniometer: Some(0),
            scan: Some(k),
            crystal: Some(k),
            imageset: Some(k),
            ..Experiment::default()
        };
        let panel =
            Panel { origin: Vec3::new(-50.0, 50.0, -120.0), image_size: [1000, 1000], raw_image_offset: [7, 0], ..Panel::default() };
        let experiments = ExperimentList {
            experiments: vec![experiment(0), experiment(1)],
            beams: vec![Beam::default()],
            detectors: vec![Detector::single(panel)],
            goniometers: vec![Goniometer::single(Vec3::x())],
            scans: vec![
                Scan { n_images: 10, width: 0.01, ..Scan::default() },
                Scan { n_images: 20, width: 0.02, phi0: 1.0, ..Scan::default() },
            ],
            crystals: vec![Crystal::new(Mat3::identity() * 0.1), Crystal::new(Mat3::identity() * 0.05)],
            ..ExperimentList::default()
        };
        let mut t = Reflections::with_rows(5);
        t.id = vec![1, 0, -1, 1, 0];
        t.imageset_id = vec![1, 0, 0, 1, 0];
        t.panel = vec![0, 0, 0, 3, 0];
        t.xyzobs_px = vec![[100.0, 200.0, 3.0], [300.0, 400.0, 1.5], [640.0, 480.0, 9.5], [1.0; 3], [700.0, 20.0, 0.5]];
        t.flags = vec![flags::INDEXED, flags::INDEXED, 0, flags::INDEXED, flags::INDEXED | flags::CENTROID_OUTLIER];
        t.hkl = vec![[1, 2, 3], [4, 5, 6], [0; 3], [9; 3], [-7, 0, 1]];
        Data { experiments, reflections: t }
    }

    #[test]
    fn points_come_by_experiment_and_lead_to_the_same_place_as_indexing_takes_them() {
        let mut data = data();
        let results = Results { refined: Some(data.clone()), ..Results::default() };
        let bulk = view(&results, StageId::Refine).unwrap();
        let ViewHeader::Lattice(header) = bulk.header else { panic!("another view") };
        assert_eq!((header.n, header.groups.len(), header.crystals.len()), (4, 2, 2));
        let (first, second) = (&header.groups[0], &header.groups[1]);
        assert_eq!([(first.start, first.n), (second.start, second.n)], [(0, 3), (3, 1)]);
        assert_eq!((second.sweep, second.crystal, second.images), (1, Some(1), 20));
        let marks: Vec<u32> = bulk.buffers[1].chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_eq!(marks, [1, 0, 3, 1]);
        assert_eq!(floats(&bulk.buffers[2])[..3], [307.0, 400.0, 1.5], "x is that of the raw image");
        let hkl: Vec<i32> = bulk.buffers[3].chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_eq!(hkl, [4, 5, 6, 0, 0, 0, -7, 0, 1, 1, 2, 3]);

        map_observed(&data.experiments, &mut data.reflections).unwrap();
        let places = floats(&bulk.buffers[0]);
        for (k, row) in [1, 2, 4, 0].into_iter().enumerate() {
            let p = &places[4 * k..4 * k + 4];
            let map = ReciprocalMap::from(&header.groups[usize::from(k == 3)].map);
            let point = map.point(&Vec3::new(p[0].into(), p[1].into(), p[2].into()), p[3].into());
            assert!((point - vec3(data.reflections.rlp[row])).norm() < 1e-6);
        }
    }

    #[test]
    fn before_its_stage_has_run_there_is_nothing() {
        assert!(matches!(view(&Results::default(), StageId::FindSpots), Err(ViewError::NotYet { .. })));
        assert!(matches!(view(&Results::default(), StageId::Merge), Err(ViewError::NotYet { .. })));
    }
}
