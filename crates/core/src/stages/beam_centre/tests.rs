//! The search on made spots and images whose centre is known, and on the shared test data.

use super::*;
use crate::beam_shift;
use crate::format::hdf5::Store;
use crate::format::{expt, nexus, refl, test_data};
use crate::geometry::{Beam, Detector, Experiment, ExperimentList, Goniometer, ImageSet, Panel, Scan};
use crate::image::{Frame, ImageSource, MemoryImages};
use crate::job::{Silent, parallel};
use crate::math::{Mat3, Vec3, rotation};
use crate::reflections::Reflections;
use std::sync::Arc;

const PIXEL: f64 = 0.075;

fn experiments(n_images: usize) -> ExperimentList {
    let panel = Panel {
        origin: Vec3::new(-39.3, 39.8, -75.0),
        pixel_size: [PIXEL; 2],
        image_size: [1028, 1062],
        trusted_range: [0.0, 1e6],
        ..Panel::default()
    };
    let one =
        Experiment { beam: Some(0), detector: Some(0), goniometer: Some(0), scan: Some(0), imageset: Some(0), ..Experiment::default() };
    ExperimentList {
        experiments: vec![one],
        beams: vec![Beam { wavelength: 0.9795, ..Beam::default() }],
        detectors: vec![Detector::single(panel)],
        goniometers: vec![Goniometer::single(Vec3::x())],
        scans: vec![Scan { first_image: 1, n_images, width: 0.25f64.to_radians(), ..Scan::default() }],
        imagesets: vec![ImageSet::default()],
        ..ExperimentList::default()
    }
}

/// Every third spot of a turned crystal to 2.2 Å, each with an error of about a fifth of a pixel and the middle of its image.
fn spots(list: &ExperimentList, cell: [f64; 3]) -> Reflections {
    let models = list.models(0).unwrap();
    let (s0, panel) = (models.beam.s0(), &models.detector.panels[0]);
    let u = rotation(&Vec3::new(0.3, -0.5, 0.8).normalize(), 1.1);
    let b = Mat3::from_diagonal(&Vec3::new(1.0 / cell[0], 1.0 / cell[1], 1.0 / cell[2]));
    let reach = cell.map(|a| (a / 2.2) as i32);
    let mut t = Reflections::with_rows(0);
    let mut noise = 1u32;
    let mut random = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(noise >> 8) / f64::from(1 << 24) - 0.5
    };
    for h in -reach[0]..=reach[0] {
        for k in -reach[1]..=reach[1] {
            for l in -reach[2]..=reach[2] {
                let r = u * b * Vec3::new(f64::from(h), f64::from(k), f64::from(l));
                if r.norm() > 1.0 / 2.2 || r.norm() < 1.0 / 40.0 || (h + 3 * k + 5 * l).rem_euclid(3) != 0 {
                    continue;
                }
                let excitation = |z: f64| (rotation(&Vec3::x(), models.scan.phi_from_z(z)) * r + s0).norm() - s0.norm();
                for image in 0..models.scan.n_images {
                    let z = image as f64;
                    if excitation(z) * excitation(z + 1.0) > 0.0 {
                        continue;
                    }
                    let s1 = rotation(&Vec3::x(), models.scan.phi_from_z(z + 0.5)) * r + s0;
                    let Some(px) = panel.px_from_ray(&s1).filter(|p| panel.contains_px(*p)) else { continue };
                    t.id.push(0);
                    t.panel.push(0);
                    t.xyzobs_px.push([px.x + 0.7 * random(), px.y + 0.7 * random(), z + 0.5]);
                }
            }
        }
    }
    t
}

/// The detector moved by `error` (mm) in its plane.
fn wrong(list: &ExperimentList, error: [f64; 2]) -> ExperimentList {
    let mut out = list.clone();
    for panel in out.detectors.iter_mut().flat_map(|d| &mut d.panels) {
        panel.origin += panel.fast * error[0] + panel.slow * error[1];
    }
    out
}

/// Distance between the centre found and the true one, mm.
fn miss(found: &Output, list: &ExperimentList) -> f64 {
    let models = list.models(0).unwrap();
    let truth = models.detector.beam_centre(&models.beam.s0()).unwrap().mm;
    ((found.new.mm[0] - truth.x).powi(2) + (found.new.mm[1] - truth.y).powi(2)).sqrt()
}

#[test]
fn a_wrong_centre_is_put_right() {
    let params = Params { max_reflections: 2000, ..Params::default() };
    for (cell, n_images) in [([79.1, 79.1, 37.9], 120), ([57.0, 61.0, 150.0], 80)] {
        let list = experiments(n_images);
        let table = spots(&list, cell);
        for (error, tolerance) in [([0.5, -0.6], 0.05), ([-1.0, -2.8], 0.1)] {
            let out = run(&wrong(&list, error), &table, &[], &params, &Silent).unwrap();
            assert!(miss(&out, &list) < tolerance, "{cell:?} {error:?}: {} mm, score {}", miss(&out, &list), out.score);
            let map = out.map.as_ref().unwrap();
            let told = report(&out);
            // The beam moves back by what the detector was moved, and the map has it there.
            assert!((0..2).all(|k| (map.found[k] - error[k]).abs() < tolerance), "{error:?}: {:?}", map.found);
            assert!((0..2).all(|k| (out.shift_mm[k] - map.found[k]).abs() < 1e-6) && !told.plots.is_empty());
            let heat = &told.maps[0];
            assert!(heat.at(heat.marks[1].1).unwrap() > 0.8 * heat.extremes()[1]);
        }
    }
}

#[test]
fn sweeps_whose_headers_differ_are_moved_together() {
    // The second sweep has its detector farther away, turned by 20° about the slow axis, and elsewhere in its plane.
    let mut list = experiments(60);
    let turn = rotation(&Vec3::y(), 20f64.to_radians());
    let first = list.detectors[0].panels[0].clone();
    let origin = turn * (first.origin + Vec3::new(4.0, -3.0, -20.0));
    list.detectors.push(Detector::single(Panel { origin, fast: turn * first.fast, slow: turn * first.slow, ..first }));
    list.scans.push(Scan { phi0: 1.0, ..list.scans[0].clone() });
    let one = list.experiments[0].clone();
    list.experiments.push(Experiment { detector: Some(1), scan: Some(1), ..one });
    let alone = |k: usize| ExperimentList { experiments: vec![list.experiments[k].clone()], ..list.clone() };
    let mut table = spots(&alone(0), [79.1, 79.1, 37.9]);
    let mut second = spots(&alone(1), [79.1, 79.1, 37.9]);
    second.id.iter_mut().for_each(|id| *id = 1);
    table.append(&second);
    assert!(second.id.len() > 300);
    let error = Vec3::new(1.1, 1.6, 0.0);
    let before = beam_shift::moved(&list, &error);
    let out = run(&before, &table, &[], &Params { max_reflections: 2000, ..Params::default() }, &Silent).unwrap();
    for (found, truth) in out.experiments.detectors.iter().zip(&list.detectors) {
        let miss = found.panels[0].origin - truth.panels[0].origin;
        assert!(miss.norm() < 0.1, "{miss:?}, score {}", out.score);
    }
    // What import is told does the same, and twice so much does twice so much.
    let same = |a: &ExperimentList, b: &ExperimentList| {
        a.detectors.iter().zip(&b.detectors).all(|(a, b)| (a.panels[0].origin - b.panels[0].origin).norm() < 1e-9)
    };
    let shifted = |list: &ExperimentList, by: [f64; 2]| beam_shift::moved(list, &beam_shift::offset(list, by).unwrap());
    assert!(same(&shifted(&before, out.beam_shift_mm), &out.experiments));
    assert!(same(&shifted(&out.experiments, out.beam_shift_mm), &shifted(&before, out.beam_shift_mm.map(|s| 2.0 * s))));
    let [fast, slow] = out.beam_shift_mm;
    assert!(report(&out).to_text().contains(&format!("slow_fast_beam_shift={slow:.4},{fast:.4}")));
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let list = experiments(40);
    let table = spots(&list, [79.1, 79.1, 37.9]);
    let wrong = wrong(&list, [0.7, 0.3]);
    let params = Params { max_reflections: 1000, mm_search_scope: 1.5, ..Params::default() };
    let out = run(&wrong, &table, &[], &params, &Silent).unwrap();
    assert_eq!(out, parallel::on_threads(1, || run(&wrong, &table, &[], &params, &Silent).unwrap()));
}

#[test]
fn too_little_is_an_error() {
    let list = experiments(10);
    let t = |table: &Reflections, params: Params, word: &str| {
        let text = run(&list, table, &[], &params, &Silent).unwrap_err().to_string();
        assert!(text.contains(word), "{text}");
    };
    t(&Reflections::with_rows(0), Params::default(), "has 0");
    t(&Reflections::with_rows(0), Params { method: Method::Inversion, ..Params::default() }, "needs the images");
    t(&Reflections::with_rows(0), Params { n_macro_cycles: 0, ..Params::default() }, "n_macro_cycles");
}

#[test]
fn the_middle_of_the_scattering_is_found() {
    let list = experiments(3);
    let true_px = [530.3, 502.6];
    let frame = |seed: u32| {
        let mut noise = seed;
        let mut frame = Frame::new(1028, 1062);
        for (k, p) in frame.pixels.iter_mut().enumerate() {
            let d = [(k % 1028) as f64 + 0.5 - true_px[0], (k / 1028) as f64 + 0.5 - true_px[1]];
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *p = (100.0 * (-(d[0] * d[0] + d[1] * d[1]) / 60_000.0).exp() + f64::from(noise >> 29)) as i32;
        }
        // A few strong spots, which must not matter.
        (0..50).for_each(|k| frame.pixels[(k * 7919 * 1031) % (1028 * 500)] = 100_000);
        frame
    };
    let images = MemoryImages { frames: (1..4).map(frame).collect(), mask: None };
    let sources: Vec<Arc<dyn ImageSource>> = vec![Arc::new(images)];
    for (method, tolerance) in [(Method::Midpoint, 1.0), (Method::Maximum, 1.5), (Method::Inversion, 0.7)] {
        let out = run(&list, &Reflections::with_rows(0), &sources, &Params { method, ..Params::default() }, &Silent).unwrap();
        let miss = (0..2).map(|k| (out.new.px[k] - true_px[k]).abs()).fold(0.0, f64::max);
        assert!(miss < tolerance, "{method:?}: {:?}", out.new);
        assert_eq!(report(&out).plots.len(), 2);
    }
    let flat = MemoryImages { frames: vec![Frame::new(1028, 1062)], mask: None };
    let end = run(&list, &Reflections::with_rows(0), &[Arc::new(flat)], &Params { method: Method::Midpoint, ..Params::default() }, &Silent);
    assert_eq!(end, Err(Error::Flat { axis: "fast" }));
}

/// On simulated images: with DIALS' spots and a header that is wrong by 3 mm, and with images alone.
#[test]
fn simulated_lysozyme_finds_its_centre() {
    let Some(folder) = test_data::folder("sim_lysozyme") else { return };
    let list = expt::read(&std::fs::read(folder.join("dials-3.12/imported.expt")).unwrap()).unwrap();
    let refined = expt::read(&std::fs::read(folder.join("dials-3.12/refined.expt")).unwrap()).unwrap();
    let table = refl::read(&std::fs::read(folder.join("dials-3.12/strong.refl")).unwrap()).unwrap();
    for (error, tolerance, max_reflections) in
        [([0.6, -0.5], 0.05, 2000), ([1.8, -2.4], 0.1, 3000), ([-2.1, 2.1], 0.1, 2000), ([-2.1, 2.1], 0.1, 10000)]
    {
        let params = Params { max_reflections, ..Params::default() };
        let out = run(&wrong(&list, error), &table, &[], &params, &Silent).unwrap();
        assert!(miss(&out, &refined) < tolerance, "{error:?}: {} mm, score {}", miss(&out, &refined), out.score);
    }
    let store = Store::new(test_data::files(&folder, &["lyso_master.h5", "lyso_data_000001.h5"]));
    let sources: Vec<Arc<dyn ImageSource>> = vec![nexus::read(&store, "lyso_master.h5").unwrap().images];
    // The projections are broad, and their tops more so.
    for (method, tolerance) in [(Method::Midpoint, 1.0), (Method::Maximum, 2.0), (Method::Inversion, 1.0)] {
        let out = run(&list, &table, &sources, &Params { method, n_images: 5, ..Params::default() }, &Silent).unwrap();
        assert!(miss(&out, &refined) < tolerance, "{method:?}: {} mm", miss(&out, &refined));
    }
}
