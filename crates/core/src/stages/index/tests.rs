//! Indexing of real and simulated spots, compared with the known cells and with DIALS' indices.

use super::*;
use crate::format::{expt, refl};
use crate::geometry::{Beam, Crystal, Detector, Experiment, ExperimentList, Goniometer, Panel, Scan, UnitCell};
use crate::job::{Cancelled, Monitor, Silent};
use crate::math::{Mat3, Vec3, rotation, vec3};
use crate::predict::Predictor;
use crate::reflections::{Reflections, flags};
use std::path::PathBuf;

/// A folder of the test data, or `None` with a line saying so.
fn data(folder: &str) -> Option<PathBuf> {
    let root = std::env::var("EWALD_TEST_DATA")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = root.join(folder);
    if !path.exists() {
        eprintln!("SKIPPED: no test data at {}", path.display());
        return None;
    }
    Some(path)
}

fn load(folder: &str) -> Option<(ExperimentList, Reflections)> {
    let path = data(folder)?;
    let experiments = expt::read(&std::fs::read(path.join("imported.expt")).unwrap()).unwrap();
    let strong = refl::read(&std::fs::read(path.join("strong.refl")).unwrap()).unwrap();
    Some((experiments, strong))
}

/// What holds of every result.
fn check(imported: &ExperimentList, strong: &Reflections, out: &Indexed) {
    let (e, r) = (&out.experiments, &out.reflections);
    assert_eq!(r.len(), strong.len());
    assert_eq!(r.xyzobs_px, strong.xyzobs_px);
    assert_eq!(r.shoebox.len(), strong.shoebox.len());
    assert_eq!(r.check_lengths(), Ok(()));
    assert_eq!(e.len() % imported.len(), 0);
    assert_eq!(out.counts.iter().map(|c| c.indexed + c.unindexed).sum::<usize>(), r.len());
    for i in 0..r.len() {
        let indexed = r.flags[i] & flags::INDEXED != 0;
        assert_eq!(indexed, r.id[i] >= 0);
        assert_eq!(indexed, r.hkl[i] != [0, 0, 0]);
        if indexed {
            let m = e.models(r.id[i] as usize).unwrap();
            // Within the tolerance of the model's own lattice, seen from the observed position.
            let h = m.crystal.unwrap().a_matrix.try_inverse().unwrap() * vec3(r.rlp[i]);
            let want = Vec3::new(r.hkl[i][0].into(), r.hkl[i][1].into(), r.hkl[i][2].into());
            assert!((h - want).norm() <= 0.3 + 1e-9, "{h} {want}");
            assert_eq!(e.experiments[r.id[i] as usize].imageset, Some(r.imageset_id[i] as usize));
        }
    }
    for (i, experiment) in e.experiments.iter().enumerate() {
        assert_eq!(r.identifiers.get(&(i as u32)), Some(&experiment.identifier));
    }
    let told = report(out);
    assert_eq!(told.values["n_indexed"], out.counts.iter().map(|c| c.indexed).sum::<usize>() as f64);
    assert!(told.to_text().contains("Refined crystal models"));
}

/// Fractions indexed here and by DIALS, and the fraction of common spots whose indices are those of DIALS in another basis of the same lattice.
fn compare(ours: &Reflections, folder: &str) -> [f64; 3] {
    let dials = refl::read(&std::fs::read(data(folder).unwrap().join("indexed.refl")).unwrap()).unwrap();
    let fraction = |t: &Reflections| t.rows_with(flags::INDEXED).len() as f64 / t.len() as f64;
    let place = |t: &Reflections, i: usize| (t.imageset_id[i], t.xyzobs_px[i].map(|v| (v * 100.0).round() as i64));
    let at: std::collections::BTreeMap<_, usize> = dials.rows_with(flags::INDEXED).into_iter().map(|i| (place(&dials, i), i)).collect();
    let pairs: Vec<(Vec3, Vec3)> = ours
        .rows_with(flags::INDEXED)
        .into_iter()
        .filter_map(|i| {
            let j = *at.get(&place(ours, i))?;
            let v = |h: [i32; 3]| Vec3::new(h[0].into(), h[1].into(), h[2].into());
            Some((v(ours.hkl[i]), v(dials.hkl[j])))
        })
        .collect();
    let (hk, kk) = pairs.iter().fold((Mat3::zeros(), Mat3::zeros()), |s, (h, k)| (s.0 + h * k.transpose(), s.1 + k * k.transpose()));
    let m = (hk * kk.try_inverse().unwrap()).map(libm::round);
    assert_eq!(m.determinant().abs().round(), 1.0, "another lattice: {m}");
    let same = pairs.iter().filter(|(h, k)| (m * k - h).norm() < 0.5).count();
    [fraction(ours), fraction(&dials), same as f64 / pairs.len() as f64]
}

#[test]
fn four_narrow_sweeps_of_cysteine_are_indexed_jointly() {
    let Some((imported, strong)) = load("l_cysteine/dials-3.12") else { return };
    let out = run(&imported, &strong, &Params::default(), &Silent).unwrap();
    check(&imported, &strong, &out);
    assert_eq!((out.experiments.len(), out.experiments.crystals.len()), (4, 1));
    let cell = out.experiments.crystals[0].unit_cell();
    for (i, want) in [5.43, 8.14, 12.03].into_iter().enumerate() {
        assert!((cell.lengths[i] / want - 1.0).abs() < 0.02, "{cell}");
        assert!((cell.angles_deg[i] - 90.0).abs() < 1.0, "{cell}");
    }
    let [ours, dials, same] = compare(&out.reflections, "l_cysteine/dials-3.12");
    assert!(ours >= dials - 0.005 && same >= 0.99, "{ours} {dials} {same}");
}

#[test]
fn real_single_sweeps_are_indexed_as_by_dials() {
    for folder in ["indexing/phi_scan", "indexing/MXSW904", "quartz_ed"] {
        let Some((imported, strong)) = load(folder) else { continue };
        let out = run(&imported, &strong, &Params::default(), &Silent).unwrap();
        check(&imported, &strong, &out);
        let [ours, dials, same] = compare(&out.reflections, folder);
        assert!(ours >= dials - 0.005 && same >= 0.995, "{folder}: {ours} {dials} {same}");
    }
}

#[test]
fn simulated_lysozyme_is_indexed() {
    let Some((imported, strong)) = load("sim_lysozyme/dials-3.12") else { return };
    let out = run(&imported, &strong, &Params::default(), &Silent).unwrap();
    check(&imported, &strong, &out);
    assert!(out.counts[0].percent() >= 98.0, "{:?}", out.counts);
    let cell = out.experiments.crystals[0].unit_cell();
    for (i, want) in [37.9, 79.1, 79.1].into_iter().enumerate() {
        assert!((cell.lengths[i] / want - 1.0).abs() < 0.002 && (cell.angles_deg[i] - 90.0).abs() < 0.1, "{cell}");
    }
    // With the symmetry known, the cell is the true one to a few parts in 10⁴ (it grows by 4 in 10⁴ over the scan).
    let known = Params { space_group: Some("P43212".to_owned()), ..Params::default() };
    let out = run(&imported, &strong, &known, &Silent).unwrap();
    check(&imported, &strong, &out);
    let cell = out.experiments.crystals[0].unit_cell();
    assert!((cell.lengths[0] / 79.1 - 1.0).abs() < 5e-4 && (cell.lengths[2] / 37.9 - 1.0).abs() < 5e-4, "{cell}");
    assert_eq!((cell.lengths[0] - cell.lengths[1]).abs() < 1e-9, cell.angles_deg.iter().all(|a| (a - 90.0).abs() < 1e-9));
    assert!(out.counts[0].percent() >= 98.0, "{:?}", out.counts);
}

#[test]
fn known_cell_and_sweeps_one_by_one() {
    let Some((imported, strong)) = load("l_cysteine/dials-3.12") else { return };
    let known =
        Params { unit_cell: Some([12.03, 5.43, 8.14, 90.0, 90.0, 90.0]), space_group: Some("P 21 21 21".to_owned()), ..Params::default() };
    let out = run(&imported, &strong, &known, &Silent).unwrap();
    check(&imported, &strong, &out);
    let cell = out.experiments.crystals[0].unit_cell();
    assert!((cell.lengths[0] / 12.03 - 1.0).abs() < 0.02 && (cell.lengths[1] / 5.43 - 1.0).abs() < 0.02, "{cell}");
    assert!(cell.angles_deg.iter().all(|a| (a - 90.0).abs() < 1e-9), "{cell}");
    // A cell that has nothing to do with the crystal still indexes some spots.
    let wrong = Params { unit_cell: Some([20.0, 31.0, 45.0, 90.0, 90.0, 90.0]), ..known };
    let error = run(&imported, &strong, &wrong, &Silent).map(|_| ()).unwrap_err();
    assert!(matches!(&error, Error::NotIndexed(e) if matches!(e.why, Why::ByChance { .. } | Why::NoLattice { .. })), "{error}");
    assert!(error.to_string().contains("20.000, 31.000, 45.000"), "{error}");
    let told = failure_report(&error).unwrap();
    assert!(told.tables.iter().any(|t| t.id == "candidates" && !t.rows.is_empty()), "{}", told.to_text());
    assert!(told.tables.iter().any(|t| t.id == "fft_peaks" && !t.rows.is_empty()), "{}", told.to_text());
    // Twice the same sweep, once more as separate crystals.
    let alone = Params { joint: false, ..Params::default() };
    let Some((imported, strong)) = load("quartz_ed") else { return };
    let (mut two, mut spots) = (imported.clone(), strong.clone());
    two.experiments.push(Experiment { identifier: "second".to_owned(), imageset: Some(1), ..two.experiments[0].clone() });
    two.imagesets.push(two.imagesets[0].clone());
    let mut again = strong.clone();
    again.id.fill(1);
    spots.append(&again);
    let out = run(&two, &spots, &alone, &Silent).unwrap();
    check(&two, &spots, &out);
    assert_eq!((out.experiments.len(), out.experiments.crystals.len()), (2, 2));
    assert_eq!(out.counts[0].indexed, out.counts[1].indexed);
    assert_eq!(out.experiments.crystals[0].a_matrix, out.experiments.crystals[1].a_matrix);
}

/// A sweep of a simulated crystal: every prediction within 1.6 Å is a spot, moved by up to `noise` px. The models that made them come with it.
fn simulated(crystals: &[Crystal], noise: f64) -> (ExperimentList, Reflections) {
    let panel = Panel { origin: Vec3::new(-80.0, 80.0, -120.0), image_size: [1600, 1600], ..Panel::default() };
    let mut list = ExperimentList {
        beams: vec![Beam { wavelength: 1.0, ..Beam::default() }],
        detectors: vec![Detector::single(panel)],
        goniometers: vec![Goniometer::single(Vec3::x())],
        scans: vec![Scan { n_images: 400, width: 0.1f64.to_radians(), first_image: 1, ..Scan::default() }],
        imagesets: vec![Default::default()],
        crystals: crystals.to_vec(),
        ..ExperimentList::default()
    };
    let bare =
        Experiment { beam: Some(0), detector: Some(0), goniometer: Some(0), scan: Some(0), imageset: Some(0), ..Experiment::default() };
    list.experiments = (0..crystals.len()).map(|k| Experiment { crystal: Some(k), ..bare.clone() }).collect();
    let mut t = Reflections::default();
    let mut state = 12345u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0
    };
    for k in 0..crystals.len() {
        let predictor = Predictor::new(list.models(k).unwrap());
        for h in -25..26 {
            for kk in -25..26 {
                for l in -25..26 {
                    for entering in [false, true] {
                        let Some(p) = predictor.predict([h, kk, l], entering, 0, 0.35) else { continue };
                        let inside = list.detectors[0].panels[0].contains_px(p.px) && (0.0..400.0).contains(&p.z);
                        if inside && crystals[k].unit_cell().d([h, kk, l]) > 1.6 {
                            t.xyzobs_px.push([p.px.x + noise * uniform(), p.px.y + noise * uniform(), p.z + noise * uniform()]);
                        }
                    }
                }
            }
        }
    }
    let n = t.xyzobs_px.len();
    t.set_rows(n);
    t.id = vec![0; n];
    t.panel = vec![0; n];
    t.flags = vec![flags::OBSERVED | flags::STRONG; n];
    t.xyzobs_px_variance = vec![[0.05; 3]; n];
    list.experiments = vec![Experiment { crystal: None, ..bare }];
    list.crystals.clear();
    (list, t)
}

fn crystal(cell: [f64; 6], axis: [f64; 3], angle: f64) -> Crystal {
    Crystal::new(rotation(&vec3(axis).normalize(), angle) * UnitCell::new(cell).unwrap().b_matrix())
}

#[test]
fn a_simulated_triclinic_crystal_comes_back() {
    let truth = crystal([21.0, 24.5, 29.0, 82.0, 97.0, 104.0], [0.3, 1.0, -0.4], 0.8);
    let (imported, strong) = simulated(std::slice::from_ref(&truth), 0.3);
    let out = run(&imported, &strong, &Params::default(), &Silent).unwrap();
    check(&imported, &strong, &out);
    let found = out.experiments.crystals[0].a_matrix;
    let change = truth.a_matrix.try_inverse().unwrap() * found;
    assert!((change - change.map(libm::round)).amax() < 2e-3, "{change}");
    assert!((found.determinant() / truth.a_matrix.determinant() - 1.0).abs() < 1e-3);
    assert!(out.counts[0].percent() > 99.0);
}

#[test]
fn a_centred_crystal_is_indexed_on_its_primitive_cell_or_the_known_one() {
    let truth = crystal([30.0, 30.0, 42.0, 90.0, 90.0, 90.0], [1.0, 0.3, 0.4], 0.5);
    let (imported, mut strong) = simulated(std::slice::from_ref(&truth), 0.2);
    // Keep the spots that a body-centred lattice has.
    let body = {
        let all = run(&imported, &strong, &Params::default(), &Silent).unwrap();
        let a = truth.a_matrix.try_inverse().unwrap();
        let even = |i: usize| (a * vec3(all.reflections.rlp[i])).map(libm::round).sum() as i64 % 2 == 0;
        (0..strong.len()).filter(|&i| even(i)).collect::<Vec<_>>()
    };
    strong = strong.select(&body);
    let out = run(&imported, &strong, &Params::default(), &Silent).unwrap();
    check(&imported, &strong, &out);
    assert!((out.experiments.crystals[0].unit_cell().volume() * 2.0 / truth.unit_cell().volume() - 1.0).abs() < 1e-2);
    let known = Params { space_group: Some("I 4".to_owned()), ..Params::default() };
    let out = run(&imported, &strong, &known, &Silent).unwrap();
    check(&imported, &strong, &out);
    let cell = out.experiments.crystals[0].unit_cell();
    assert!((cell.lengths[0] - 30.0).abs() < 0.05 && (cell.lengths[2] - 42.0).abs() < 0.05, "{cell}");
    assert!(out.reflections.hkl.iter().all(|h| (h[0] + h[1] + h[2]) % 2 == 0));
}

#[test]
fn two_lattices_in_one_sweep_are_told_apart() {
    let cell = [22.0, 26.0, 31.0, 90.0, 101.0, 90.0];
    let truth = [crystal(cell, [0.3, 1.0, -0.4], 0.8), crystal(cell, [0.9, -0.2, 0.5], 1.9)];
    let (imported, strong) = simulated(&truth, 0.2);
    let one = run(&imported, &strong, &Params::default(), &Silent).unwrap();
    assert!(one.counts[0].percent() < 75.0);
    let out = run(&imported, &strong, &Params { max_lattices: 3, ..Params::default() }, &Silent).unwrap();
    check(&imported, &strong, &out);
    assert_eq!(out.experiments.crystals.len(), 2, "{:?}", out.remarks);
    assert!(out.counts[0].percent() > 97.0, "{:?}", out.counts);
    for t in &truth {
        let near = |c: &Crystal| {
            let change = t.a_matrix.try_inverse().unwrap() * c.a_matrix;
            (change - change.map(libm::round)).amax() < 5e-3
        };
        assert!(out.experiments.crystals.iter().any(near));
    }
}

/// A beam half-way between two spots makes the doubled cell fit: it must not be taken for the crystal's, and never without a word.
#[test]
fn a_beam_between_the_spots_does_not_double_the_cell() {
    let truth = crystal([34.0, 41.0, 52.0, 90.0, 90.0, 90.0], [0.3, 1.0, -0.4], 0.8);
    let (mut imported, strong) = simulated(std::slice::from_ref(&truth), 0.3);
    // Neighbours along c are λ·120 mm/52 Å = 2.3 mm apart; the direction is that of c* as it lies on the detector.
    let c_star = truth.a_matrix.column(2).normalize();
    let panel = &mut imported.detectors[0].panels[0];
    let along = Vec3::new(c_star.x, c_star.y, 0.0).normalize() * 1.1;
    panel.origin += along;
    let params = Params { mm_search_scope: 2.0, ..Params::default() };
    let out = run(&imported, &strong, &params, &Silent).unwrap();
    check(&imported, &strong, &out);
    let volume = |p: &Indexed| p.experiments.crystals[0].unit_cell().volume() / truth.unit_cell().volume();
    assert!((volume(&out) - 1.0).abs() < 0.01 && out.counts[0].percent() > 95.0, "{:?} {:?}", out.counts, out.remarks);
    // Where the beam is not looked for, the lattice is right all the same, or there is none, or doubts are told.
    match run(&imported, &strong, &Params { mm_search_scope: 0.0, ..Params::default() }, &Silent) {
        Ok(out) => assert!((volume(&out) - 1.0).abs() < 0.01 || out.remarks.iter().any(|r| r.contains("doubtful")), "{:?}", out.remarks),
        Err(e) => assert!(matches!(e, Error::NotIndexed(_)), "{e}"),
    }
}

#[test]
fn too_few_or_wrong_spots_are_explained() {
    let (imported, strong) = simulated(&[crystal([21.0, 24.5, 29.0, 82.0, 97.0, 104.0], [0.3, 1.0, -0.4], 0.8)], 0.0);
    let few = strong.select(&[0, 1, 2]);
    let t = |spots: &Reflections, word: &str| {
        let error = run(&imported, spots, &Params::default(), &Silent).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    t(&few, "3 spots");
    let mut other = strong.clone();
    other.panel[5] = 3;
    t(&other, "panel 3");
    // Spots without any lattice.
    let mut random = strong.clone();
    let mut x = 1u64;
    for v in random.xyzobs_px.iter_mut().flatten() {
        x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        *v = (x >> 33) as f64 / (1u64 << 31) as f64 * 400.0;
    }
    let found = run(&imported, &random, &Params::default(), &Silent);
    assert!(found.is_err(), "{}", report(&found.unwrap()).to_text());
    let told = failure_report(&found.unwrap_err()).unwrap();
    assert!(!told.tables.is_empty() && told.warnings.iter().any(|w| w.contains("beam centre")), "{}", told.to_text());
    let none = Params { n_points: 7, ..Params::default() };
    assert!(matches!(run(&imported, &strong, &none, &Silent), Err(Error::Params(_))));
}

struct CancelAfter(std::sync::atomic::AtomicU64);
impl Monitor for CancelAfter {
    fn is_cancelled(&self) -> bool {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) as i64 <= 0
    }
}

#[test]
fn cancelling_ends_it_wherever_it_is() {
    let (imported, strong) = simulated(&[crystal([21.0, 24.5, 29.0, 82.0, 97.0, 104.0], [0.3, 1.0, -0.4], 0.8)], 0.0);
    for after in [0, 300, 520, 700] {
        let monitor = CancelAfter(std::sync::atomic::AtomicU64::new(after));
        match run(&imported, &strong, &Params::default(), &monitor) {
            Err(Error::Cancelled(Cancelled)) | Ok(_) => {}
            Err(e) => panic!("{after}: {e}"),
        }
    }
    let monitor = CancelAfter(std::sync::atomic::AtomicU64::new(0));
    assert!(matches!(run(&imported, &strong, &Params::default(), &monitor), Err(Error::Cancelled(_))));
}
