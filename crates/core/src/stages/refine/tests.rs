//! The stage on DIALS' own indexed spots.

use super::{Params, report, run, run_with_reference};
use crate::format::{expt, refl, test_data};
use crate::geometry::ExperimentList;
use crate::job::Silent;
use crate::reflections::{Reflections, flags};

/// Models and reflections of DIALS 3.12 in a folder of the test data.
fn load(folder: &str, experiments: &str, reflections: &str) -> Option<(ExperimentList, Reflections)> {
    let folder = test_data::folder(folder)?.join("dials-3.12");
    let mut list = expt::read(&std::fs::read(folder.join(experiments)).unwrap()).unwrap();
    list.crystals.iter_mut().for_each(|c| c.a_at_scan_points.clear());
    Some((list, refl::read(&std::fs::read(folder.join(reflections)).unwrap()).unwrap()))
}

#[test]
fn the_simulated_crystal_is_found_where_it_is() {
    let Some((list, table)) = load("sim_lysozyme", "indexed.expt", "refined.refl") else { return };
    let (imported, _) = load("sim_lysozyme", "imported.expt", "strong.refl").unwrap();
    let out = run_with_reference(&list, &table, Some(&imported), &Params::default(), &Silent).unwrap();
    // DIALS 3.12: 0.0500, 0.0540 px, 0.108 images.
    let rmsd = out.outcome.overall_px();
    assert!(rmsd[0] < 0.0500 && rmsd[1] < 0.0540 && rmsd[2] < 0.108, "{rmsd:?}");
    // Truth: 79.1 79.1 37.9, growing by 0.04 % over the scan.
    let mut cell = out.experiments.crystals[0].unit_cell().lengths;
    cell.sort_by(f64::total_cmp);
    for (x, t) in cell.iter().zip([37.9, 79.1, 79.1]) {
        assert!((x / (t * 1.0002) - 1.0).abs() < 1e-4, "{cell:?}");
    }
    let panel = &out.experiments.detectors[0].panels[0];
    assert!((panel.distance() - 75.0).abs() < 0.01, "{}", panel.distance());
    let centre = panel.px_from_mm(panel.mm_from_ray(&out.experiments.beams[0].s0()).unwrap());
    // The true beam centre in pixels along the plane's own axes, without parallax (the beam is normal to the panel).
    assert!((centre.x - 550.0).abs() < 0.01 && (centre.y - 505.667).abs() < 0.01, "{centre}");
    let r = report(&out);
    assert_eq!(r.plots.len(), 3);
    assert!(r.to_text().contains("RMSDs by experiment"));
}

#[test]
fn four_narrow_sweeps_of_one_small_crystal() {
    let Some((list, table)) = load("l_cysteine", "indexed.expt", "indexed.refl") else { return };
    let out = run(&list, &table, &Params::default(), &Silent).unwrap();
    assert_eq!(out.reflections.rows_with(flags::USED_IN_REFINEMENT).len(), out.outcome.n_used);
    assert!(out.outcome.n_used > 75, "{}", out.outcome.n_used);
    // DIALS 3.12 with 85 parameters: 0.14, 0.13 px, 0.24 images; here one cell for all sweeps, from one that is 1.2 % wrong.
    let rmsd = out.outcome.overall_px();
    assert!(rmsd[0] < 0.25 && rmsd[1] < 0.25 && rmsd[2] < 0.4, "{rmsd:?}");
    // The goniometer did not come back to where it says, so each sweep has its orientation.
    assert_eq!(out.experiments.crystals.len(), 4);
    for c in &out.experiments.crystals {
        let cell = c.unit_cell();
        for (x, t) in cell.lengths.iter().zip([5.43, 8.14, 12.03]) {
            assert!((x / t - 1.0).abs() < 0.002, "{cell}");
        }
        assert!(cell.angles_deg.iter().all(|x| (x - 90.0).abs() < 0.05), "{cell}");
        assert!(c.cell_esd.is_some_and(|e| e.parameters[0] < 0.005));
    }
    assert!(report(&out).warnings.iter().any(|w| w.contains("kept static")));
}
