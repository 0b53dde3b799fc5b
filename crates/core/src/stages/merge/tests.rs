//! Merging of a small scaled table, files read back, and reference data of other programs.

use super::*;
use crate::format::mtz::Mtz;
use crate::geometry::{Beam, Crystal, Detector, Experiment, ExperimentList, Goniometer, Panel, Scan, UnitCell};
use crate::job::Silent;
use crate::reflections::{Reflections, flags};
use std::path::PathBuf;

fn list() -> ExperimentList {
    let cell = UnitCell::new([20.0, 25.0, 30.0, 90.0, 90.0, 90.0]).unwrap();
    let mut crystal = Crystal::new(cell.b_matrix());
    crystal.hall_symbol = " P 2ac 2ab".to_owned();
    let one = Experiment {
        identifier: "one".to_owned(),
        beam: Some(0),
        detector: Some(0),
        goniometer: Some(0),
        scan: Some(0),
        crystal: Some(0),
        ..Experiment::default()
    };
    ExperimentList {
        experiments: vec![one.clone(), one],
        beams: vec![Beam::default()],
        detectors: vec![Detector::single(Panel::default())],
        goniometers: vec![Goniometer::default()],
        scans: vec![Scan { first_image: 1, n_images: 10, width: 0.01, ..Scan::default() }],
        crystals: vec![crystal],
        ..ExperimentList::default()
    }
}

/// Sweep, hkl, I·g, variance·g², g, flags.
type Row = (i32, [i32; 3], f64, f64, f64, u64);

fn table(rows: &[Row]) -> Reflections {
    let mut t = Reflections::with_rows(rows.len());
    t.id = rows.iter().map(|r| r.0).collect();
    t.hkl = rows.iter().map(|r| r.1).collect();
    t.i_scale = rows.iter().map(|r| r.2).collect();
    t.var_scale = rows.iter().map(|r| r.3).collect();
    t.inverse_scale_factor = rows.iter().map(|r| r.4).collect();
    t.inverse_scale_factor_variance = vec![1e-4; rows.len()];
    t.flags = rows.iter().map(|r| r.5).collect();
    t.xyzcal_px = (0..rows.len()).map(|i| [10.0, 20.0, i as f64 * 3.0 - 0.5]).collect();
    t
}

#[test]
fn means_counts_and_files_of_a_small_table() {
    let bad = flags::SCALED | flags::OUTLIER_IN_SCALING;
    let t = table(&[
        (0, [1, 2, 3], 20.0, 16.0, 2.0, flags::SCALED),
        (1, [-1, -2, 3], 13.0, 1.0, 1.0, flags::SCALED),
        (1, [-1, -2, -3], 6.0, 4.0, 1.0, flags::SCALED),
        (0, [1, 2, 3], 900.0, 1.0, 1.0, bad),
        (0, [2, 2, 0], 50.0, 4.0, 1.0, flags::SCALED),
        (0, [0, 0, 7], -0.5, 1.0, 1.0, flags::SCALED),
    ]);
    let m = run(&list(), &t, &Params::default(), &Silent).unwrap();
    let r = &m.unique.reflections;
    assert_eq!((r.hkl.as_slice(), r.n.as_slice()), (&[[0, 0, 7], [1, 2, 3], [2, 2, 0]][..], &[[1, 0], [2, 1], [1, 0]][..]));
    // 10 ± 2 and 13 ± 1: (10/4 + 13)/(1/4 + 1).
    assert!((r.plus[1][0] - 12.4).abs() < 1e-12 && (r.plus[1][1] - 0.8f64.sqrt()).abs() < 1e-12);
    assert_eq!(r.minus[1], [6.0, 2.0]);
    // 0 0 7 is absent in P 21 21 21: an intensity, but no amplitude.
    assert!(r.f[0][0].is_nan() && (r.f[2][0] - 50f64.sqrt()).abs() < 0.02);
    assert!(m.unique.notes.iter().any(|n| n.contains("too few")));

    let merged = Mtz::from_bytes(&m.merged_mtz).unwrap();
    assert_eq!(merged.indices().unwrap(), r.hkl);
    assert_eq!(merged.column("N(+)").unwrap().values[1], 2.0);
    assert!(merged.column("I(-)").unwrap().values[0].is_nan());
    let scaled = Mtz::from_bytes(&m.scaled_mtz).unwrap();
    assert_eq!((scaled.len(), scaled.batches.len()), (5, 20));
    let mut observed = scaled.observed_indices().unwrap();
    observed.sort_unstable();
    assert_eq!(observed, [[-1, -2, -3], [-1, -2, 3], [0, 0, 7], [1, 2, 3], [2, 2, 0]]);
    // Every batch of the column has a header.
    let numbers: Vec<i32> = scaled.batches.iter().map(|b| b.number).collect();
    assert!(scaled.column("BATCH").unwrap().values.iter().all(|b| numbers.contains(&(*b as i32))));
}

#[test]
fn order_of_observations_does_not_change_means() {
    let rows: Vec<_> = (0..40).map(|i| (i % 2, [1, 2, 3 - (i % 3)], 10.0 + f64::from(i), 4.0, 1.0, flags::SCALED)).collect();
    let mut other = rows.clone();
    other.reverse();
    let a = run(&list(), &table(&rows), &Params::default(), &Silent).unwrap();
    let b = run(&list(), &table(&other), &Params::default(), &Silent).unwrap();
    for (x, y) in a.unique.reflections.mean.iter().zip(&b.unique.reflections.mean) {
        assert!((x[0] - y[0]).abs() < 1e-12 && (x[1] - y[1]).abs() < 1e-12);
    }
}

#[test]
fn unscaled_tables_are_refused() {
    let mut t = table(&[(0, [1, 2, 3], 20.0, 16.0, 2.0, 0)]);
    let t1 = run(&list(), &t, &Params::default(), &Silent).unwrap_err().to_string();
    assert!(t1.contains("none of the 1 reflections"), "{t1}");
    t.i_scale.clear();
    let t2 = run(&list(), &t, &Params::default(), &Silent).unwrap_err().to_string();
    assert!(t2.contains("intensity.scale.value") && t2.contains("scale"), "{t2}");
}

fn data(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("EWALD_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let bytes = std::fs::read(root.join(path)).ok();
    if bytes.is_none() {
        eprintln!("SKIPPED: {path} is not there (set EWALD_TEST_DATA)");
    }
    bytes
}

/// F and σF of 12 542 merged intensities (hen egg-white lysozyme, 1.70 Å) against phenix (PROVENANCE in the data).
///
/// Both agree within 1 % for more than 99.9 %; what differs comes from tables with steps of 0.1 in h and from how the mean intensity is smoothed.
#[test]
fn amplitudes_of_real_data_agree_with_phenix() {
    let Some(bytes) = data("merging/french_wilson_hewl/phenix_fw_ref.mtz") else { return };
    let mtz = Mtz::from_bytes(&bytes).unwrap();
    let group = mtz.symmetry.group().unwrap();
    let cell = UnitCell::new(mtz.cell).unwrap();
    let hkl = mtz.indices().unwrap();
    let column = |label: &str| -> Vec<f64> { mtz.column(label).unwrap().values.iter().map(|v| f64::from(*v)).collect() };
    let pairs = |a: &str, b: &str| -> Vec<[f64; 2]> { column(a).into_iter().zip(column(b)).map(|(a, b)| [a, b]).collect() };
    let centric: Vec<bool> = hkl.iter().map(|h| group.is_centric(*h)).collect();
    let mut merged =
        MergedReflections { d: hkl.iter().map(|h| cell.d(*h)).collect(), mean: pairs("I", "SIGI"), hkl, ..MergedReflections::default() };
    merged.add_amplitudes(&group, &centric, 200);
    let theirs = pairs("F", "SIGF");
    let within = |k: usize, tolerance: f64| {
        let same = merged.f.iter().zip(&theirs).filter(|(f, t)| (f[k] / t[k] - 1.0).abs() < tolerance).count();
        same as f64 / theirs.len() as f64
    };
    assert_eq!(merged.f.len(), 12542);
    assert!(within(0, 0.01) > 0.999 && within(1, 0.01) > 0.999, "{} {}", within(0, 0.01), within(1, 0.01));
}
