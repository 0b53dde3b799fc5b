//! The worked example of `CONVENTIONS.md`, number by number.

use super::{Beam, Crystal, Detector, Goniometer, Panel, Scan, ewald};
use crate::math::{Mat3, Vec3};

#[test]
fn worked_example() {
    let near = |a: f64, b: f64, tolerance: f64| assert!((a - b).abs() < tolerance, "{a} is not {b}");
    let beam = Beam { wavelength: 1.0, ..Beam::default() };
    let s0 = beam.s0();
    assert_eq!(s0, Vec3::new(0.0, 0.0, -1.0));

    let panel = Panel {
        fast: Vec3::x(),
        slow: -Vec3::y(),
        origin: Vec3::new(-50.0, 50.0, -100.0),
        pixel_size: [0.1, 0.1],
        image_size: [1000, 1000],
        ..Panel::default()
    };
    let detector = Detector::single(panel);
    let centre = detector.beam_centre(&s0).unwrap().px;
    near(centre.x, 500.0, 1e-9);
    near(centre.y, 500.0, 1e-9);

    let goniometer = Goniometer::single(Vec3::x());
    let scan = Scan { first_image: 1, n_images: 720, phi0: 0.0, width: 0.5f64.to_radians(), ..Scan::default() };
    let crystal = Crystal::new(Mat3::identity() * 0.1);
    let r0 = crystal.a_matrix * Vec3::new(0.0, 0.0, 2.0);
    near(1.0 / r0.norm(), 5.0, 1e-12);

    let mut roots = ewald::diffracting_angles(&s0, &goniometer.lab_axis(), &r0).unwrap();
    roots.sort_by(f64::total_cmp);
    near(roots[0].to_degrees(), 84.261, 5e-4);
    near(roots[1].to_degrees(), 275.739, 5e-4);

    let r = goniometer.lab_from_datum(roots[0]) * r0;
    near(r.y, -0.19900, 5e-6);
    near(r.z, 0.02, 1e-12);
    let s1 = s0 + r;
    near(s1.norm(), 1.0, 1e-12);
    near(s1.z, -0.98, 1e-12);

    let hit = detector.hit(&s1).unwrap();
    near(hit.mm.y, 70.306, 5e-4);
    near(hit.px.x, 500.0, 1e-9);
    near(hit.px.y, 703.06, 5e-3);
    let z = scan.z_from_phi(roots[0]);
    near(z, 168.52, 5e-3);
    assert_eq!(scan.first_image + z.floor() as i64, 169);
    near(s1.dot(&goniometer.lab_axis().cross(&s0)), -0.199, 5e-5);
    assert!(!ewald::is_entering(&goniometer.lab_axis(), &s0, &s1));
}
