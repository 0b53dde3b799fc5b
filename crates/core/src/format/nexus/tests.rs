//! Geometry against what DIALS 3.12.1 imports from the same files.

use super::*;
use crate::format::hdf5::Store;
use crate::format::sweep::Sweep;
use crate::format::test_data::{files, folder};
use crate::math::{Vec3, vec3};

fn sweep(part: &str, names: &[&str]) -> Option<Result<Sweep, Error>> {
    let folder = folder(part)?;
    Some(read(&Store::new(files(&folder, names)), names[0]))
}

fn near(found: Vec3, want: [f64; 3]) {
    assert!((found - vec3(want)).norm() < 1e-9, "{found:?} {want:?}");
}

const DIAMOND: &[&str] = &["l-cyst_01.nxs", "l-cyst_01_000001.h5", "l-cyst_01_000002.h5", "l-cyst_01_meta.h5"];
const EIGER: &[&str] = &["l-cyst_01_master.h5", "l-cyst_01_data_000001.h5", "l-cyst_01_data_000002.h5"];

#[test]
fn three_layouts_of_one_sweep_have_the_same_geometry() {
    for (part, names) in [("l_cysteine/single", &["l-cyst_01.nxs"][..]), ("l_cysteine/eiger", EIGER), ("l_cysteine/diamond", DIAMOND)] {
        let Some(sweep) = sweep(part, names) else { return };
        let s = sweep.unwrap();
        assert_eq!(s.warnings, Vec::<String>::new());
        assert_eq!(s.beam.wavelength, 0.6889);
        let p = &s.detector.panels[0];
        near(p.fast, [0.0, 0.8660254037844387, 0.5]);
        near(p.slow, [1.0, 0.0, 0.0]);
        near(p.origin, [-148.78, -28.738149699174144, -201.3440646055102]);
        assert!((p.pixel_size[0] - 0.172).abs() < 1e-12 && (p.pixel_size[1] - 0.172).abs() < 1e-12);
        assert_eq!((p.image_size, p.trusted_range), ([1475, 1679], [0.0, 388705.0]));
        assert!((p.thickness - 0.32).abs() < 1e-12 && (p.mu / 1.4153536370336604 - 1.0).abs() < 1e-9);
        assert_eq!((p.material.as_str(), p.name.as_str()), ("Si", "/entry/instrument/detector/module"));
        let g = s.goniometer.unwrap();
        let names: Vec<&str> = g.axes.iter().map(|a| a.name.as_str()).collect();
        assert_eq!((names, g.scan_axis), (vec!["phi", "kappa", "omega"], 2));
        near(g.axes[0].direction, vec3([0.5774, -0.8165, 0.0]).normalize().into());
        near(g.axes[1].direction, [0.6427876096865394, 0.766044443118978, 0.0]);
        near(g.lab_axis(), [1.0, 0.0, 0.0]);
        let scan = s.scan.unwrap();
        assert_eq!((scan.first_image, scan.n_images), (1, 15));
        assert!((scan.phi0.to_degrees() + 145.0).abs() < 1e-9 && (scan.width.to_degrees() - 0.1).abs() < 1e-9);
        assert_eq!((scan.exposure_times[14], s.images.n_images(), s.images.image_size()), (0.1, 15, [1475, 1679]));
        let masked = s.images.mask().unwrap().iter().filter(|m| !**m).count();
        // Gaps and dead pixels: the detector's own count is in the meta file of the Eiger layout.
        assert_eq!(masked, 197632, "{part}");
        let frame = s.images.frame(14).unwrap();
        let total: i64 = frame.pixels.iter().filter(|p| **p >= 0).map(|p| i64::from(*p)).sum();
        assert_eq!((frame.width, frame.height, total), (1475, 1679, 69817), "{part}");
    }
}

#[test]
fn the_phi_scan_has_its_scan_axis_within_omega() {
    let Some(sweep) = sweep("l_cysteine/single", &["l-cyst_04.nxs"]) else { return };
    let s = sweep.unwrap();
    let g = s.goniometer.unwrap();
    assert_eq!(g.scan_axis, 0);
    near(s.detector.panels[0].fast, [0.0, 1.0, 0.0]);
    near(s.detector.panels[0].origin, [-148.78, -125.56, -160.0]);
}

#[test]
fn an_eiger_with_pixel_mask_and_chi() {
    for names in [&["lyso.nxs", "lyso_data_000001.h5"], &["lyso_master.h5", "lyso_data_000001.h5"]] {
        let Some(sweep) = sweep("sim_lysozyme", names) else { return };
        let s = sweep.unwrap();
        assert_eq!(s.warnings, Vec::<String>::new());
        let p = &s.detector.panels[0];
        near(p.origin, [-41.36, 37.845, -75.25]);
        near(p.fast, [1.0, 0.0, 0.0]);
        near(p.slow, [0.0, -1.0, 0.0]);
        assert!((p.mu / 3.9603742974984906 - 1.0).abs() < 1e-9);
        assert_eq!(p.trusted_range, [0.0, 9202.0]);
        let scan = s.scan.unwrap();
        assert_eq!((scan.n_images, scan.phi0, scan.width.to_degrees()), (240, 0.0, 0.25));
        let g = s.goniometer.unwrap();
        near(g.axes[1].direction, vec3([-0.0046, 0.0372, -0.9993]).normalize().into());
        // Sum by h5py, 2³² − 1 counted as −1.
        let frame = s.images.frame(123).unwrap();
        assert_eq!(frame.pixels.iter().map(|p| i64::from(*p)).sum::<i64>(), 291032);
    }
}

#[test]
fn an_absent_data_file_is_named_and_the_rest_is_used() {
    let Some(sweep) = sweep("l_cysteine/eiger", &EIGER[..2]) else { return };
    let s = sweep.unwrap();
    assert_eq!((s.images.n_images(), s.scan.unwrap().n_images), (8, 8));
    assert!(s.warnings[0].contains("l-cyst_01_data_000002.h5"), "{:?}", s.warnings);
    let all_absent = self::sweep("l_cysteine/eiger", &EIGER[..1]).unwrap().unwrap_err();
    assert!(matches!(&all_absent, Error::MissingFiles { missing, .. } if missing == &EIGER[1..]), "{all_absent}");
    let no_meta = self::sweep("l_cysteine/diamond", &DIAMOND[..3]).unwrap().unwrap();
    assert!(no_meta.warnings[0].contains("l-cyst_01_meta.h5"), "{:?}", no_meta.warnings);
    assert!(no_meta.images.mask().is_none());
}

#[test]
fn masters_without_their_images_name_them() {
    let Some(therm) = sweep("hdf5/nxmx", &["Therm_6_2.nxs"]) else { return };
    let e = therm.unwrap_err();
    assert!(matches!(&e, Error::MissingFiles { missing, .. } if missing == &["Therm_6_2_000001.h5"]), "{e}");
    let e = sweep("hdf5/nxmx", &["dectris_eiger_master.h5"]).unwrap().unwrap_err();
    assert!(matches!(&e, Error::MissingFiles { missing, .. } if missing == &["dectris_eiger_data_000001.h5"]), "{e}");
}

#[test]
fn a_real_diamond_master_gives_the_geometry_that_dials_gives() {
    let Some(folder) = folder("hdf5/nxmx") else { return };
    let root = Store::new(files(&folder, &["Therm_6_2.nxs"])).root("Therm_6_2.nxs").unwrap();
    let mut warnings = Vec::new();
    let group = root.get("/entry/instrument/detector").unwrap();
    let beam = models::beam(&[root.get("/entry/instrument/beam").unwrap()], &group, &mut warnings).unwrap();
    let modules = [group.get("module").unwrap()];
    let d = models::detector(&group, &modules, [4362, 4148], beam.wavelength, true, &mut warnings).unwrap();
    let p = &d.panels[0];
    near(p.origin, [-166.20416030999735, 172.53078501707142, -213.9589697850523]);
    assert_eq!((p.image_size, p.trusted_range), ([4148, 4362], [0.0, 65535.0]));
    assert!((p.mu / 3.969550283028492 - 1.0).abs() < 1e-9);
    let chain = transform::chain(&root.get("/entry/sample").unwrap(), "/entry/sample/transformations/phi").unwrap();
    let scan = models::scan(&chain, &group, 488, &mut warnings).unwrap().unwrap();
    assert!((scan.phi0.to_degrees() - 174.0).abs() < 1e-9 && (scan.width.to_degrees() - 0.25).abs() < 1e-9);
    let g = models::goniometer(&chain, &mut warnings).unwrap();
    assert_eq!((g.axes.len(), g.scan_axis), (3, 2));
    near(g.axes[0].direction, vec3([1.0, -0.0037, 0.002]).normalize().into());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn files_that_are_no_experiment_are_told_apart() {
    let Some(folder) = folder("") else { return };
    let error = |part: &str| {
        let path = folder.join(part);
        let name = path.file_name().unwrap().to_str().unwrap();
        read(&Store::new(files(path.parent().unwrap(), &[name])), name).unwrap_err()
    };
    assert!(matches!(error("hdf5/hdf5_feature_files/jjhelmus+pyfive/earliest.hdf5"), Error::NoEntry { .. }));
    assert!(matches!(error("l_cysteine/eiger/l-cyst_01_data_000001.h5"), Error::DataFile { .. }));
    let e = error("README.md");
    assert!(matches!(&e, Error::Hdf5(crate::format::hdf5::Error::NotHdf5 { .. })), "{e}");
}
