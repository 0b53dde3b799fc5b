//! Against what DIALS 3.12.1 imports from the same files.

use std::sync::Arc;

use super::*;
use crate::format::codec::byte_offset;
use crate::format::source::{MemorySource, SourceFile};
use crate::format::test_data::{files, folder};
use crate::math::{Vec3, vec3};

fn near(found: Vec3, want: [f64; 3]) {
    assert!((found - vec3(want)).norm() < 1e-9, "{found:?} {want:?}");
}

#[test]
fn templates_find_the_last_number() {
    let t = |name: &str, text: &str, number: Option<u64>| {
        let template = Template::of(name);
        assert_eq!((template.text.as_str(), template.number), (text, number));
        if let Some(n) = number {
            assert_eq!(template.file(n), name);
        }
    };
    t("d1/l-cyst_01_00012.cbf", "d1/l-cyst_01_#####.cbf", Some(12));
    t("thaum_0500.cbf.gz", "thaum_####.cbf.gz", Some(500));
    t("0007.cbf", "####.cbf", Some(7));
    t("é12.cbf", "é##.cbf", Some(12));
    t("x.cbf", "x.cbf", None);
}

#[test]
fn a_diamond_header_with_axes() {
    let Some(folder) = folder("l_cysteine/cbf") else { return };
    let set = files(&folder, &["l-cyst_01_00002.cbf", "l-cyst_01_00001.cbf"]);
    let sweeps = read(set.files()).unwrap();
    let [s] = &sweeps[..] else { panic!("{} sweeps", sweeps.len()) };
    assert_eq!(s.template, "l-cyst_01_#####.cbf");
    assert_eq!(s.warnings, Vec::<String>::new());
    let p = &s.detector.panels[0];
    near(p.fast, [0.0, 0.8660254037844387, 0.5]);
    near(p.slow, [1.0, 0.0, 0.0]);
    near(p.origin, [-148.78, -28.738149699174144, -201.3440646055102]);
    assert_eq!((p.pixel_size, p.image_size, p.trusted_range), ([0.172, 0.172], [1475, 1679], [0.0, 388705.0]));
    assert!((p.mu / 1.4153536370336604 - 1.0).abs() < 1e-9 && (p.thickness - 0.32).abs() < 1e-12);
    assert_eq!(p.identifier, "PILATUS 2M, S/N 24-0107 Diamond");
    assert_eq!(p.mask.len(), 9);
    let g = s.goniometer.as_ref().unwrap();
    let names: Vec<&str> = g.axes.iter().map(|a| a.name.as_str()).collect();
    assert_eq!((names, g.scan_axis), (vec!["GON_PHI", "GON_OMEGA"], 1));
    near(g.axes[0].direction, vec3([0.5774, -0.8165, 0.0]).normalize().into());
    let scan = s.scan.as_ref().unwrap();
    assert_eq!((scan.first_image, scan.n_images, scan.exposure_times[0]), (1, 2, 0.0964));
    assert!((scan.phi0.to_degrees() + 145.0).abs() < 1e-9 && (scan.width.to_degrees() - 0.1).abs() < 1e-9);
    assert!((scan.epochs[0] - 1457168505.613).abs() < 1e-3, "{}", scan.epochs[0]);
    // The same pixels as in the HDF5 layouts: sums by h5py.
    let frame = s.images.frame(0).unwrap();
    assert_eq!(frame.pixels.iter().map(|p| i64::from(*p)).sum::<i64>(), -142707);
}

#[test]
fn a_gzipped_still_of_a_plain_header() {
    let Some(folder) = folder("images/thaum_0500") else { return };
    let set = files(&folder, &["thaum_0500.cbf.gz"]);
    let s = &read(set.files()).unwrap()[0];
    let p = &s.detector.panels[0];
    near(p.origin, [-214.38424000000003, 207.8792, -338.1]);
    near(p.fast, [1.0, 0.0, 0.0]);
    near(p.slow, [0.0, -1.0, 0.0]);
    assert!((p.mu / 3.9220365583933647 - 1.0).abs() < 1e-9);
    assert_eq!((p.image_size, p.mask.len(), p.trusted_range[1]), ([2463, 2527], 15, 1009797.0));
    let scan = s.scan.as_ref().unwrap();
    assert_eq!((scan.first_image, scan.n_images, scan.width), (500, 1, 0.0));
    let frame = s.images.frame(0).unwrap();
    assert_eq!((frame.width, frame.height), (2463, 2527));
    assert!(frame.pixels.iter().all(|p| *p >= -2) && frame.pixels.iter().any(|p| *p > 100));
}

/// A small miniCBF as Dectris writes it.
fn cbf(fast: usize, slow: usize, angle: f64, value: i32) -> Vec<u8> {
    let pixels = vec![value; fast * slow];
    let mut out = format!(
        "###CBF: VERSION 1.5\r\ndata_x\r\n_array_data.header_convention \"PILATUS_1.2\"\r\n# Detector: TEST\r\n# Pixel_size 172e-6 m x 172e-6 m\r\n\
         # Silicon sensor, thickness 0.000450 m\r\n# Exposure_period 0.1 s\r\n# Count_cutoff 1000 counts\r\n# Wavelength 1.0 A\r\n\
         # Detector_distance 0.1 m\r\n# Beam_xy (3.0, 2.0) pixels\r\n# Start_angle {angle:.4} deg.\r\n# Angle_increment 0.5000 deg.\r\n\
         --CIF-BINARY-FORMAT-SECTION--\r\nconversions=\"x-CBF_BYTE_OFFSET\"\r\nX-Binary-Size-Fastest-Dimension: {fast}\r\n\
         X-Binary-Size-Second-Dimension: {slow}\r\n\r\n"
    )
    .into_bytes();
    out.extend([0x0C, 0x1A, 0x04, 0xD5]);
    out.extend(byte_offset::encode(&pixels));
    out
}

fn file(name: &str, bytes: Vec<u8>) -> SourceFile {
    SourceFile::new(name, Arc::new(MemorySource::new(bytes)))
}

#[test]
fn gaps_in_numbers_or_angles_divide_sweeps() {
    let numbered: Vec<SourceFile> =
        [(1, 0.0), (2, 0.5), (3, 1.0), (5, 2.0), (6, 2.5), (7, 90.0)].map(|(n, a)| file(&format!("x_{n:03}.cbf"), cbf(6, 4, a, n))).into();
    let sweeps = read(&numbered).unwrap();
    let ranges: Vec<_> = sweeps.iter().map(|s| s.scan.as_ref().map(|s| (s.first_image, s.n_images)).unwrap()).collect();
    assert_eq!(ranges, [(1, 3), (5, 2), (7, 1)]);
    assert_eq!(sweeps[1].images.frame(1).unwrap().pixels, [6; 24]);
}

#[test]
fn wrong_sizes_and_damage_are_named() {
    let e = read(&[file("x_1.cbf", cbf(6, 4, 0.0, 1)), file("x_2.cbf", cbf(4, 6, 0.5, 1))]).unwrap_err();
    assert!(matches!(&e, Error::ImageSize { file, .. } if file == "x_2.cbf"), "{e}");
    let whole = cbf(6, 4, 0.0, 1);
    for cut in [0, 3, 50, 400, whole.len() - 30] {
        let e = read(&[file("x_1.cbf", whole[..cut].to_vec())]).unwrap_err();
        assert!(matches!(e, Error::NotCbf { .. } | Error::Header { .. }), "{cut}: {e}");
    }
    let short = read(&[file("x_1.cbf", whole[..whole.len() - 3].to_vec())]).unwrap();
    let e = short[0].images.frame(0).unwrap_err();
    assert!(e.to_string().contains("x_1.cbf") && e.to_string().contains("truncated"), "{e}");
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x15;
        if let Ok(sweeps) = read(&[file("x_1.cbf", bytes)]) {
            let _ = sweeps[0].images.frame(0);
        }
    }
}
