//! Files of a small scaled table.

use super::*;
use crate::geometry::{Beam, CellEsd, Crystal, Detector, Experiment, ExperimentList, Goniometer, Panel, Scan, UnitCell};
use crate::job::Silent;
use crate::reflections::{Reflections, flags};
use crate::report::Origin;
use crate::stages::merge;

fn experiments(n: usize) -> ExperimentList {
    let cell = UnitCell::new([20.0, 25.0, 30.0, 90.0, 90.0, 90.0]).unwrap();
    let mut crystal = Crystal::new(cell.b_matrix());
    crystal.hall_symbol = " P 2ac 2ab".to_owned();
    crystal.cell_esd = Some(CellEsd { parameters: [0.002, 0.003, 0.004, 0.0, 0.0, 0.0], volume: 1.0 });
    let one =
        Experiment { beam: Some(0), detector: Some(0), goniometer: Some(0), scan: Some(0), crystal: Some(0), ..Experiment::default() };
    ExperimentList {
        experiments: vec![one; n],
        beams: vec![Beam::default()],
        detectors: vec![Detector::single(Panel {
            image_size: [1000, 1000],
            origin: crate::math::Vec3::new(-50.0, 50.0, -100.0),
            ..Panel::default()
        })],
        goniometers: vec![Goniometer::default()],
        scans: vec![Scan { first_image: 11, n_images: 10, width: 0.01, epochs: vec![1_700_000_000.0], ..Scan::default() }],
        crystals: vec![crystal],
        ..ExperimentList::default()
    }
}

fn table(n: i32) -> Reflections {
    let rows: Vec<(i32, [i32; 3], f64, f64, f64)> = vec![
        (0, [1, 2, 3], 20.0, 16.0, 2.0),
        (n - 1, [-1, -2, 3], 13.0, 1.0, 1.0),
        (0, [-1, -2, -3], 6.0, 4.0, 1.0),
        (0, [2, 2, 0], 50.0, 4.0, 1.0),
        (n - 1, [2, -2, 0], -0.5, 1.0, 1.0),
    ];
    let mut t = Reflections::with_rows(rows.len());
    t.id = rows.iter().map(|r| r.0).collect();
    t.hkl = rows.iter().map(|r| r.1).collect();
    t.i_scale = rows.iter().map(|r| r.2).collect();
    t.var_scale = rows.iter().map(|r| r.3).collect();
    t.inverse_scale_factor = rows.iter().map(|r| r.4).collect();
    t.i_prf = rows.iter().map(|r| 10.0 * r.2).collect();
    t.var_prf = rows.iter().map(|r| 100.0 * r.3).collect();
    t.lp = vec![0.5; rows.len()];
    t.flags = vec![flags::SCALED | flags::INTEGRATED_PRF; rows.len()];
    t.xyzcal_px = (0..rows.len()).map(|i| [10.0, 20.0, i as f64 * 2.0 + 0.5]).collect();
    t
}

fn export(format: ExportFormat, sweeps: usize, change: impl Fn(&mut Params)) -> Vec<(String, String)> {
    let mut params = Params { format, ..Params::default() };
    change(&mut params);
    let origin = Origin { session: "ab12".to_owned(), ..Origin::default() };
    let files = run(&experiments(sweeps), &table(sweeps as i32), None, &merge::Params::default(), &params, &origin, &Silent).unwrap();
    files.into_iter().map(|f| (f.name, String::from_utf8_lossy(&f.bytes).into_owned())).collect()
}

/// Tags and rows of a loop of numbers and plain words.
fn loop_of<'a>(text: &'a str, category: &str) -> (Vec<&'a str>, Vec<Vec<&'a str>>) {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|l| l.starts_with(&format!("{category}."))).unwrap();
    let tags: Vec<&str> = lines[start..].iter().take_while(|l| l.starts_with(category)).map(|l| &l[category.len() + 1..]).collect();
    let rows = lines[start + tags.len()..].iter().take_while(|l| !l.starts_with('#')).map(|l| l.split_whitespace().collect()).collect();
    (tags, rows)
}

#[test]
fn merged_mmcif_holds_reflections_and_statistics() {
    let files = export(ExportFormat::MergedMmcif, 1, |_| {});
    assert_eq!(files[0].0, "merged.cif");
    let text = &files[0].1;
    for part in [
        "data_EWALD",
        "session ab12",
        "'P 21 21 21'",
        "_cell.length_b    25.0000",
        "2023-11-14",
        "_reflns.pdbx_number_measured_all",
        "# Session ab12",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let (tags, rows) = loop_of(text, "_refln");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|r| r.len() == tags.len()));
    let at = |row: usize, tag: &str| rows[row][tags.iter().position(|t| *t == tag).unwrap()];
    assert_eq!([at(0, "index_h"), at(0, "index_k"), at(0, "index_l")], ["1", "2", "3"]);
    // 10 ± 2 and 13 ± 1.
    assert_eq!((at(0, "pdbx_I_plus"), at(0, "pdbx_I_plus_sigma"), at(0, "pdbx_I_minus")), ("12.4", "0.8944272", "6"));
    assert_eq!(at(1, "pdbx_I_minus"), "?");
    assert!(at(0, "status") == "o" || at(0, "status") == "f");
    let (tags, shells) = loop_of(text, "_reflns_shell");
    assert!(!shells.is_empty() && shells.iter().all(|r| r.len() == tags.len()));
}

#[test]
fn unmerged_mmcif_numbers_images_as_the_scan_does() {
    let files = export(ExportFormat::Mmcif, 2, |_| {});
    let (tags, rows) = loop_of(&files[0].1, "_diffrn_refln");
    assert_eq!((files[0].0.as_str(), rows.len()), ("scaled.cif", 5));
    let column = |name: &str| tags.iter().position(|t| *t == name).unwrap();
    // Row 0: I = 20/2, σ = 4/2, image 11; row 1: z = 2.5, image 13.
    let of = |row: usize, name: &str| rows[row][column(name)];
    assert_eq!(
        (of(0, "intensity_net"), of(0, "intensity_sigma"), of(0, "pdbx_scale_value"), of(0, "pdbx_image_id")),
        ("10", "2", "0.5", "11")
    );
    assert_eq!((of(1, "pdbx_image_id"), of(1, "index_h")), ("13", "-1"));
    let next = export(ExportFormat::Mmcif, 2, |p| p.pdb_version = PdbVersion::V5Next);
    let (tags, rows) = loop_of(&next[0].1, "_pdbx_diffrn_unmerged_refln");
    assert!(rows.len() == 5 && rows.iter().all(|r| r.len() == tags.len()));
    assert_eq!(rows[1][1], "2");
    let (_, scans) = loop_of(&next[0].1, "_pdbx_diffrn_scan");
    assert_eq!((scans.len(), scans[1][2], scans[1][3]), (2, "11", "20"));
}

#[test]
fn xds_ascii_has_a_file_for_each_sweep() {
    let files = export(ExportFormat::XdsAscii, 2, |_| {});
    assert_eq!(files.iter().map(|f| f.0.as_str()).collect::<Vec<_>>(), ["XDS_ASCII_1.HKL", "XDS_ASCII_2.HKL"]);
    let text = &files[0].1;
    assert!(text.starts_with("!FORMAT=XDS_ASCII    MERGE=FALSE") && text.ends_with("!END_OF_DATA\n"));
    // The detector's foot is its middle.
    assert!(text.contains("!ORGX=    500.00 ORGY=    500.00") && text.contains("!DETECTOR_DISTANCE=  100.000"), "{text}");
    assert!(text.contains("!UNIT_CELL_A-AXIS=    20.000") && text.contains("!SPACE_GROUP_NUMBER= 19"));
    let rows: Vec<Vec<f64>> =
        text.lines().filter(|l| !l.starts_with('!')).map(|l| l.split_whitespace().map(|x| x.parse().unwrap()).collect()).collect();
    assert_eq!((rows.len(), rows[0].len()), (3, 12));
    // Profile-fitted 200 ± 40 times lp = ½; z from image 11 on.
    let first = rows.iter().find(|r| r[..3] == [1.0, 2.0, 3.0]).unwrap();
    assert_eq!((first[3], first[4], first[7], first[8]), (100.0, 20.0, 10.5, 0.5));
    let scaled = export(ExportFormat::XdsAscii, 1, |p| p.intensity = Intensity::Scale);
    assert!(scaled[0].0 == "XDS_ASCII.HKL" && scaled[0].1.contains("\n1 2 3 10.000000 2.000000 "));
}

#[test]
fn shelx_fits_its_columns_and_says_what_the_cell_holds() {
    let files = export(ExportFormat::Shelx, 1, |p| p.composition = Some("C3H7NO2S".to_owned()));
    let hkl = &files[0].1;
    // 50 is the largest: the scale is 9999/50.
    assert!(hkl.lines().all(|l| l.len() == 28) && hkl.contains("   2   2   0 9999.00 399.960\n"), "{hkl}");
    assert!(hkl.contains("   2  -2   0 -99.990 199.980\n") && hkl.ends_with("   0   0   0    0.00    0.00\n"), "{hkl}");
    let ins = &files[1].1;
    assert!(ins.starts_with("TITL 19 in P212121\n") && ins.ends_with("SFAC C H N O S\nUNIT 12 28 4 8 4\nHKLF 4\nEND\n"), "{ins}");
    assert!(ins.contains("CELL  1.00000  20.0000  25.0000  30.0000   90.000   90.000   90.000\n"), "{ins}");
    assert!(ins.contains("ZERR     4.00   0.0020   0.0030   0.0040"), "{ins}");
}
