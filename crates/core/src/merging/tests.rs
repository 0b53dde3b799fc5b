//! Merging statistics of real data against another program.

use super::*;
use crate::format::mtz::Mtz;
use crate::geometry::UnitCell;
use std::path::PathBuf;

/// Cubic insulin, 45 595 scaled observations. The reference values are those of gemmi 0.7.5 (`Intensities.calculate_merging_stats` with
/// weights as XDS has them, ΣI below the line; Friedel mates together), computed on the same file.
#[test]
fn statistics_of_insulin_are_those_of_gemmi() {
    let root = std::env::var_os("EWALD_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(bytes) = std::fs::read(root.join("merging/insulin_dials_scaled_unmerged.mtz")) else {
        eprintln!("SKIPPED: merging/insulin_dials_scaled_unmerged.mtz is not there (set EWALD_TEST_DATA)");
        return;
    };
    let mtz = Mtz::from_bytes(&bytes).unwrap();
    let group = mtz.symmetry.group().unwrap();
    let cell = UnitCell::new(mtz.cell).unwrap();
    let hkl = mtz.observed_indices().unwrap();
    let rows: Vec<u32> = (0..hkl.len() as u32).collect();
    let e = Equivalents::new(&group, &hkl, &rows).unwrap();
    let column = |label| -> Vec<f64> {
        let values = &mtz.column(label).unwrap().values;
        e.rows.iter().map(|&r| f64::from(values[r as usize])).collect()
    };
    let d: Vec<f64> = e.hkl.iter().map(|h| cell.d(*h)).collect();
    let d_min = d.iter().copied().fold(f64::INFINITY, f64::min);
    let shells = Shells::new(24.6989, d_min, 20);
    let count = possible(&group, &cell, &shells).unwrap();
    let s = merging_statistics(&e, &column("I"), &column("SIGI"), &d, shells, Some(&count)).overall;
    assert_eq!((s.n_obs, s.n_unique, s.n_cc_half(), s.n_absent), (45595, 9831, 9314, 0));
    assert_eq!(s.n_possible, Some(10428));
    let close = |found: f64, gemmi: f64, tolerance: f64| assert!((found / gemmi - 1.0).abs() < tolerance, "{found} {gemmi}");
    close(s.r.r_merge(), 0.03287969627576414, 1e-12);
    close(s.r.r_meas(), 0.036695816641053036, 1e-12);
    close(s.r.r_pim(), 0.015847654582948942, 1e-12);
    close(s.cc_half().unwrap(), 0.9991650115235908, 1e-4);
    close(s.mean_intensity(), 1567.0593465562213, 1e-5);
    close(s.mean_i_over_sigma(), 27.136306220736174, 1e-5);
}
