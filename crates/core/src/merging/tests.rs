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
    let all = merging_statistics(&e, &column("I"), &column("SIGI"), &d, shells, Some(&count));
    // All, unique, Rmerge, Rmeas, Rpim, CC½ in twenty shells of equal volume.
    let by_shell = [
        (2765, 543, 0.0268, 0.0298, 0.0127, 0.9976),
        (2837, 534, 0.0208, 0.0230, 0.0096, 0.9995),
        (2785, 521, 0.0234, 0.0259, 0.0108, 0.9993),
        (2781, 520, 0.0301, 0.0334, 0.0143, 0.9990),
        (2806, 526, 0.0354, 0.0393, 0.0168, 0.9987),
        (2811, 522, 0.0411, 0.0456, 0.0195, 0.9984),
        (2799, 524, 0.0472, 0.0524, 0.0224, 0.9983),
        (2733, 515, 0.0571, 0.0635, 0.0273, 0.9975),
        (2746, 511, 0.0625, 0.0694, 0.0296, 0.9962),
        (2825, 525, 0.0795, 0.0881, 0.0373, 0.9944),
        (2801, 522, 0.0925, 0.1026, 0.0435, 0.9940),
        (2679, 501, 0.1080, 0.1198, 0.0507, 0.9925),
        (2751, 523, 0.1240, 0.1378, 0.0589, 0.9885),
        (2262, 532, 0.1441, 0.1638, 0.0757, 0.9806),
        (1671, 465, 0.1547, 0.1797, 0.0890, 0.9698),
        (1515, 470, 0.1737, 0.2067, 0.1089, 0.9518),
        (1273, 437, 0.2208, 0.2672, 0.1466, 0.9177),
        (1080, 409, 0.2714, 0.3381, 0.1974, 0.8662),
        (900, 369, 0.2870, 0.3640, 0.2201, 0.8742),
        (775, 362, 0.3908, 0.5123, 0.3272, 0.7699),
    ];
    for (i, (found, expected)) in all.by_shell.iter().zip(by_shell).enumerate() {
        let (n, unique, merge, meas, pim, cc) = expected;
        assert_eq!((found.n_obs, found.n_unique), (n, unique), "shell {i}");
        let printed = |x: f64, y: f64| assert!((x - y).abs() < 5.1e-5, "shell {i}: {x} {y}");
        printed(found.r.r_merge(), merge);
        printed(found.r.r_meas(), meas);
        printed(found.r.r_pim(), pim);
        // gemmi takes half sets of n/2 as this does, but weights differently: equal to the three digits that are printed.
        let found_cc = found.cc_half().unwrap();
        assert!((found_cc - cc).abs() < 5e-4, "shell {i}: {found_cc} {cc}");
    }
    // Possible reflections, mean merged intensity and mean I/σ (gemmi's enumeration of the asymmetric unit and its merged intensities).
    let means = [
        (565, 7200.956, 72.8766),
        (541, 8460.789, 78.0582),
        (524, 4501.401, 65.1559),
        (522, 2172.224, 47.0741),
        (526, 1522.658, 40.8670),
        (522, 1202.576, 35.4442),
        (524, 855.498, 29.0506),
        (515, 696.044, 25.1060),
        (511, 606.212, 23.9368),
        (525, 416.570, 18.8820),
        (522, 340.015, 16.0976),
        (501, 261.579, 13.4573),
        (523, 221.449, 11.9105),
        (536, 160.064, 8.4109),
        (490, 137.118, 6.9015),
        (523, 119.017, 5.7556),
        (514, 89.473, 4.2901),
        (515, 66.973, 3.1749),
        (500, 68.943, 3.0101),
        (529, 49.101, 2.0863),
    ];
    for (i, (found, (possible, intensity, over_sigma))) in all.by_shell.iter().zip(means).enumerate() {
        assert_eq!(found.n_possible, Some(possible), "shell {i}");
        let near = |x: f64, y: f64, digit: f64| assert!((x - y).abs() < 0.5 * digit + 1e-5 * y, "shell {i}: {x} {y}");
        near(found.mean_intensity(), intensity, 1e-3);
        near(found.mean_i_over_sigma(), over_sigma, 1e-4);
    }
    let s = all.overall;
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
