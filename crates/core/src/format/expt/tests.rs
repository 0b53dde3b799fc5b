use super::*;
use crate::geometry::*;
use crate::math::{Vec3, rotation};

fn sample() -> ExperimentList {
    let panel = Panel { image_size: [10, 20], thickness: 0.3, px_mm: PxMm::Parallax, mask: vec![[0, 1, 2, 3]], ..Panel::default() };
    let axes = vec![
        Axis { name: "phi".into(), direction: Vec3::x(), angle: 0.3 },
        Axis { name: "omega".into(), direction: Vec3::new(0.6, 0.8, 0.0), angle: 0.0 },
    ];
    let cell = UnitCell::new([10.0, 11.0, 12.0, 80.0, 90.0, 100.0]).unwrap();
    let mut crystal = Crystal::new(rotation(&Vec3::y(), 0.3) * cell.b_matrix());
    crystal.a_at_scan_points = vec![crystal.a_matrix; 3];
    let e = Experiment {
        identifier: "x".into(),
        beam: Some(0),
        detector: Some(0),
        goniometer: Some(0),
        scan: Some(0),
        crystal: Some(0),
        profile: Some(0),
        imageset: Some(0),
        scaling_model: None,
    };
    ExperimentList {
        experiments: vec![e],
        beams: vec![Beam { wavelength: 0.9795, ..Beam::default() }],
        detectors: vec![Detector::single(panel)],
        goniometers: vec![Goniometer::multi_axis(axes, 1)],
        scans: vec![Scan { first_image: 1, n_images: 2, phi0: 10f64.to_radians(), width: 0.1f64.to_radians(), ..Scan::default() }],
        crystals: vec![crystal],
        profiles: vec![ProfileModel { sigma_b_deg: 0.02, sigma_m_deg: 0.1, n_sigma: 3.0, ..ProfileModel::default() }],
        imagesets: vec![ImageSet { template: "a.nxs".into(), single_file_indices: vec![0, 1], ..ImageSet::default() }],
        ..ExperimentList::default()
    }
}

#[test]
fn what_is_written_means_the_same_when_read() {
    let list = sample();
    let back = read(&write(&list)).unwrap();
    assert_eq!(back.experiments, list.experiments);
    assert_eq!(back.beams[0].wavelength, 0.9795);
    assert!((back.crystals[0].a_matrix - list.crystals[0].a_matrix).norm() < 1e-14);
    assert!((back.goniometers[0].fixed_rotation - list.goniometers[0].fixed_rotation).norm() < 1e-14);
    assert_eq!(back.detectors[0].panels[0].mask, [[0, 1, 2, 3]]);
    assert!((back.scans[0].width - list.scans[0].width).abs() < 1e-16);
    assert!(String::from_utf8(write(&list)).unwrap().contains("0.1"));
}

#[test]
fn unknown_keys_are_kept() {
    let mut value: serde_json::Value = serde_json::from_slice(&write(&sample())).unwrap();
    value["history"] = serde_json::json!(["x"]);
    value["crystal"][0]["mosaicity"] = 0.1.into();
    value["detector"][0]["panels"][0]["projection_2d"] = serde_json::json!([1, 2]);
    let again: serde_json::Value = serde_json::from_slice(&write(&read(value.to_string().as_bytes()).unwrap())).unwrap();
    assert_eq!(again["history"], value["history"]);
    assert_eq!(again["crystal"][0]["mosaicity"], 0.1);
    assert_eq!(again["detector"][0]["panels"][0]["projection_2d"], serde_json::json!([1, 2]));
}

#[test]
fn panels_in_groups_are_placed_in_the_laboratory_and_written_back() {
    let mut value: serde_json::Value = serde_json::from_slice(&write(&sample())).unwrap();
    value["detector"][0]["hierarchy"]["origin"] = serde_json::json!([0.0, 0.0, -50.0]);
    value["detector"][0]["hierarchy"]["fast_axis"] = serde_json::json!([0.0, 1.0, 0.0]);
    value["detector"][0]["hierarchy"]["slow_axis"] = serde_json::json!([-1.0, 0.0, 0.0]);
    let list = read(value.to_string().as_bytes()).unwrap();
    assert_eq!(list.detectors[0].panels[0].fast, Vec3::y());
    assert_eq!(list.detectors[0].panels[0].origin, Vec3::new(0.0, 0.0, -150.0));
    let again: serde_json::Value = serde_json::from_slice(&write(&list)).unwrap();
    assert_eq!(again["detector"][0]["panels"][0]["origin"], serde_json::json!([0.0, 0.0, -100.0]));
}

/// DIALS to 3.12 trusts what is above the lower limit, later versions the limit, too; Ewald's own limit stays what it was.
#[test]
fn pixels_without_counts_are_trusted_by_all_versions_of_dials() {
    for (low, written) in [(0.0, -0.5), (3.0, 2.5), (-1.0, -1.0), (-2147483648.0, -2147483648.0), (0.25, 0.25)] {
        let mut list = sample();
        list.detectors[0].panels[0].trusted_range = [low, 1e4];
        let value: serde_json::Value = serde_json::from_slice(&write(&list)).unwrap();
        assert_eq!(value["detector"][0]["panels"][0]["trusted_range"], serde_json::json!([written, 1e4]));
        assert_eq!(read(&write(&list)).unwrap().detectors[0].panels[0].trusted_range, [low, 1e4]);
    }
}

#[test]
fn errors_name_the_place() {
    let t = |edit: fn(&mut serde_json::Value), expected: &str| {
        let mut value: serde_json::Value = serde_json::from_slice(&write(&sample())).unwrap();
        edit(&mut value);
        let message = read(value.to_string().as_bytes()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    t(|v| v["beam"][0]["wavelength"] = (-1.0).into(), "beam[0].wavelength");
    t(|v| v["experiment"][0]["crystal"] = 4.into(), "experiment[0].crystal");
    t(|v| v["scan"][0]["image_range"] = serde_json::json!([5, 1]), "scan[0].image_range");
    t(|v| v["__id__"] = "x".into(), "__id__");
    assert!(matches!(read(b"\x89HDF"), Err(ExptError::Json { .. })));
}
