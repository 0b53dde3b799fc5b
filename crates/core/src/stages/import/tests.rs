use std::sync::Arc;

use super::*;
use crate::format::source::{FileSet, MemorySource, SourceFile};
use crate::format::test_data::{files, folder};
use crate::geometry::ReciprocalMap;
use crate::job::Silent;
use crate::math::{Vec3, rotation};

const EIGER: &[&str] = &["l-cyst_01_master.h5", "l-cyst_01_data_000001.h5", "l-cyst_01_data_000002.h5"];

fn import(part: &str, names: &[&str], params: &Params) -> Option<Result<Output, Error>> {
    Some(run(&files(&folder(part)?, names), params, &Silent))
}

#[test]
fn four_sweeps_share_what_is_the_same() {
    let names = ["l-cyst_04.nxs", "l-cyst_02.nxs", "l-cyst_01.nxs", "l-cyst_03.nxs"];
    let Some(output) = import("l_cysteine/single", &names, &Params::default()) else { return };
    let output = output.unwrap();
    let list = &output.experiments;
    assert_eq!(output.warnings, Vec::<String>::new());
    let numbers: Vec<_> = list.experiments.iter().map(|e| (e.beam, e.detector, e.goniometer, e.scan, e.imageset)).collect();
    // As DIALS' imported.expt: three ω scans at different φ with the arm at 30°, then a φ scan with it at 0.
    let want = [(0, 0, 0, 0), (0, 0, 1, 1), (0, 0, 2, 2), (0, 1, 3, 3)];
    assert_eq!(numbers, want.map(|(b, d, g, s)| (Some(b), Some(d), Some(g), Some(s), Some(s))));
    assert_eq!(list.imagesets[3].template, "l-cyst_04.nxs");
    let report = report(&output);
    assert_eq!((report.values["n_images"], report.values["n_experiments"]), (60.0, 4.0));
    let text = &report.texts[0].1;
    // Lines of dials.show on the same sweeps.
    for line in [
        "  mu: 1.41535",
        "  origin: {-148.78,-28.7381,-201.344}",
        "  distance: 160",
        "    px: (192.73,865.00)",
        "    oscillation:   {-145,0.1}",
        "Max resolution (at corners): 0.579871",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // The list goes through a file and finds its images again.
    let expt = crate::format::expt::write(list);
    let again = crate::format::expt::read(expt.as_ref()).unwrap();
    let Some(folder) = folder("l_cysteine/single") else { return };
    let images = open_images(&again, &files(&folder, &names)).unwrap();
    assert_eq!(images.iter().map(|i| i.n_images()).collect::<Vec<_>>(), [15; 4]);
    assert_eq!(images[3].frame(2).unwrap(), output.images[3].frame(2).unwrap());
    let e = open_images(&again, &files(&folder, &names[1..])).map(|_| ()).unwrap_err();
    assert!(matches!(&e, Error::NoImages { wanted } if wanted == "l-cyst_04.nxs"), "{e}");
}

#[test]
fn overrides_change_the_models() {
    let params = Params {
        image_range: Some([3, 10]),
        distance: Some(170.0),
        slow_fast_beam_centre: Some([800.0, 200.0]),
        wavelength: Some(0.7),
        rotation_axis: Some([0.9, 0.1, -0.2]),
        ..Params::default()
    };
    let Some(output) = import("l_cysteine/single", &["l-cyst_04.nxs"], &params) else { return };
    let output = output.unwrap();
    let m = output.experiments.models(0).unwrap();
    assert_eq!((m.scan.first_image, m.scan.n_images, output.images[0].n_images()), (3, 8, 8));
    let whole = import("l_cysteine/single", &["l-cyst_04.nxs"], &Params::default()).unwrap().unwrap();
    let before = whole.experiments.models(0).unwrap();
    assert!((m.scan.phi0 - before.scan.phi_from_z(2.0)).abs() < 1e-12);
    assert_eq!(output.images[0].frame(0).unwrap(), whole.images[0].frame(2).unwrap());
    let p = &m.detector.panels[0];
    assert!((p.distance() - 170.0).abs() < 1e-9 && m.beam.wavelength == 0.7 && p.mu > before.detector.panels[0].mu);
    let mm = p.mm_from_ray(&m.beam.s0()).unwrap();
    assert!((mm.x / 0.172 - 200.0).abs() < 1e-9 && (mm.y / 0.172 - 800.0).abs() < 1e-9);
    // The goniometer is turned as a whole: the crystal turns about the axis asked for, as far as it did.
    let axis = m.goniometer.setting_rotation * m.goniometer.rotation_axis;
    assert!((axis - Vec3::new(0.9, 0.1, -0.2).normalize()).norm() < 1e-12);
    let at = |phi: f64| ReciprocalMap::of(&m).lab_from_datum(phi);
    assert!((at(0.7) * at(0.2).transpose() - rotation(&axis, 0.5)).norm() < 1e-12);
    assert!((m.goniometer.axes[m.goniometer.scan_axis].direction - axis).norm() < 1e-9);
    assert!(Params { rotation_axis: Some([0.0; 3]), ..Params::default() }.check().is_err());
    let beyond = Params { image_range: Some([1, 16]), ..Params::default() };
    let e = import("l_cysteine/single", &["l-cyst_04.nxs"], &beyond).unwrap().unwrap_err();
    assert!(matches!(e, Error::ImageRange { have_last: 15, .. }), "{e}");
}

#[test]
fn a_shift_moves_the_detectors_of_all_sweeps_together() {
    let names = ["l-cyst_01.nxs", "l-cyst_02.nxs", "l-cyst_03.nxs", "l-cyst_04.nxs"];
    let of = |shift| import("l_cysteine/single", &names, &Params { slow_fast_beam_shift: shift, ..Params::default() });
    let (Some(before), Some(after)) = (of(None), of(Some([-0.8, 1.5]))) else { return };
    let (before, after) = (before.unwrap().experiments, after.unwrap().experiments);
    // Three sweeps still share a detector; every panel is moved by the same vector, across the beam.
    let numbers = |list: &crate::geometry::ExperimentList| list.experiments.iter().map(|e| e.detector).collect::<Vec<_>>();
    assert_eq!(numbers(&before), numbers(&after));
    let moved = |k: usize| after.detectors[k].panels[0].origin - before.detectors[k].panels[0].origin;
    assert!((moved(0) - moved(1)).norm() < 1e-9 && (moved(0).norm() - 1.5f64.hypot(0.8)).abs() < 1e-9);
    let centre = |list: &crate::geometry::ExperimentList, k: usize| {
        let m = list.models(k).unwrap();
        let panel = &m.detector.panels[0];
        assert!(moved(0).dot(&m.beam.s0()).abs() < 1e-9);
        // Without parallax, which is not quite the same elsewhere on a tilted panel.
        let plain = crate::geometry::Panel { mu: 0.0, ..panel.clone() };
        plain.mm_from_ray(&m.beam.s0()).unwrap()
    };
    // The last sweep's detector faces the beam; that of the others is turned by 30° about the slow axis.
    let by = |k: usize| centre(&after, k) - centre(&before, k);
    let turned = |k: usize| before.models(k).unwrap().detector.panels[0].normal().dot(&Vec3::z()).abs();
    assert!((by(3).x - 1.5).abs() < 1e-3 && (by(3).y + 0.8).abs() < 1e-3, "{:?}", by(3));
    assert!((turned(0) - 30f64.to_radians().cos()).abs() < 1e-3 && (turned(3) - 1.0).abs() < 1e-3);
    let stretch = by(0).norm() / by(3).norm();
    assert!((1.0..1.0 / turned(0) + 1e-3).contains(&stretch) && stretch > 1.02, "{stretch}");
}

#[test]
fn each_kind_of_bad_input_names_file_problem_and_remedy() {
    let Some(folder) = folder("") else { return };
    let set = |list: &[(&str, Vec<u8>)]| -> FileSet {
        list.iter().map(|(name, bytes)| SourceFile::new(*name, Arc::new(MemorySource::new(bytes.clone())))).collect()
    };
    let error = |files: FileSet| run(&files, &Params::default(), &Silent).unwrap_err().to_string();
    let has = |text: String, words: &[&str]| words.iter().for_each(|w| assert!(text.contains(w), "{w:?} in {text:?}"));
    let whole = std::fs::read(folder.join("l_cysteine/single/l-cyst_01.nxs")).unwrap();
    has(error(set(&[("a.nxs", whole[..whole.len() / 2].to_vec())])), &["a.nxs", "truncated", "Copy it again"]);
    has(error(set(&[("a.nxs", b"hello, this is no HDF5".to_vec())])), &["a.nxs", "not an HDF5 file", "Give"]);
    has(error(set(&[("notes.xyz", b"hello".to_vec())])), &["notes.xyz", "neither HDF5 nor CBF", "Give"]);
    has(
        error(set(&[("integrated.refl", b"x".to_vec()), ("integrated.expt", b"{}".to_vec())])),
        &["integrated.expt", "no images", "ewald symmetry"],
    );
    has(error(FileSet::new()), &["no files"]);
    let eiger = |names: &[&str]| error(files(&folder.join("l_cysteine/eiger"), names));
    has(eiger(&EIGER[..1]), &["l-cyst_01_master.h5", "l-cyst_01_data_000001.h5, l-cyst_01_data_000002.h5", "Add them"]);
    has(eiger(&EIGER[1..]), &["l-cyst_01_data_00000", "data files", "master"]);
    let plain = folder.join("hdf5/hdf5_feature_files/jjhelmus+pyfive");
    has(error(files(&plain, &["groups.hdf5"])), &["groups.hdf5", "no NXmx entry", "Give"]);
    // A data file of another size: the master's detector is the Pilatus.
    let mut wrong = files(&folder.join("l_cysteine/eiger"), EIGER);
    let other =
        files(&folder.join("hdf5/dectris_h5_testfiles/datasets_eiger2"), &["eiger2_simread7_2datafiles_4images_bslz4_data_000001.h5"]);
    wrong.insert(SourceFile::new("l-cyst_01_data_000002.h5", other.files()[0].source.clone()));
    has(error(wrong), &["512 × 1028", "1679 × 1475", "another experiment"]);
}

#[test]
fn two_masters_of_the_same_images_are_one_sweep() {
    let names = ["lyso_data_000001.h5", "lyso_master.h5", "lyso.nxs"];
    let Some(output) = import("sim_lysozyme", &names, &Params::default()) else { return };
    let output = output.unwrap();
    assert_eq!((output.experiments.len(), output.images[0].n_images()), (1, 240));
    assert!(output.warnings[0].contains("same images"), "{:?}", output.warnings);
}

#[test]
fn a_part_of_a_set_is_imported_with_a_warning() {
    let Some(output) = import("l_cysteine/eiger", &EIGER[..2], &Params::default()) else { return };
    let output = output.unwrap();
    assert_eq!(output.images[0].n_images(), 8);
    assert!(output.warnings[0].contains("l-cyst_01_data_000002.h5"), "{:?}", output.warnings);
}
