//! Bravais tables of what DIALS indexed, compared with its own.

use super::*;
use crate::format::{expt, refl};
use crate::geometry::ExperimentList;
use crate::job::Silent;
use crate::reflections::{Reflections, flags};
use std::path::PathBuf;

/// The experiments and reflections that DIALS indexed or refined, and its own table.
fn load(folder: &str, stem: &str) -> Option<(ExperimentList, Reflections, Option<serde_json::Value>)> {
    let root = std::env::var("EWALD_TEST_DATA")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = root.join(folder);
    if !path.exists() {
        eprintln!("SKIPPED: no test data at {}", path.display());
        return None;
    }
    let experiments = expt::read(&std::fs::read(path.join("indexed.expt")).unwrap()).unwrap();
    let reflections = refl::read(&std::fs::read(path.join(stem)).unwrap()).unwrap();
    let table = std::fs::read(path.join("bravais_summary.json")).ok().map(|b| serde_json::from_slice(&b).unwrap());
    Some((experiments, reflections, table))
}

/// The same solutions, cells and recommendations as DIALS', deviations within `rmsd` (relative).
fn agree(ours: &Settings, dials: &serde_json::Value, edges: f64, rmsd: f64) {
    let summary = ours.summary();
    let (a, b) = (summary.as_object().unwrap(), dials.as_object().unwrap());
    assert_eq!(a.len(), b.len());
    for (number, theirs) in b {
        let mine = &a[number];
        let number = |v: &serde_json::Value, key: &str| v[key].as_f64().unwrap();
        assert_eq!(mine["bravais"], theirs["bravais"], "{mine} {theirs}");
        assert_eq!(mine["recommended"], theirs["recommended"]);
        assert!((number(mine, "max_angular_difference") - number(theirs, "max_angular_difference")).abs() < 1e-3, "{mine} {theirs}");
        assert!((number(mine, "rmsd") / number(theirs, "rmsd") - 1.0).abs() < rmsd, "{mine} {theirs}");
        for i in 0..6 {
            let (x, y) = (mine["unit_cell"][i].as_f64().unwrap(), theirs["unit_cell"][i].as_f64().unwrap());
            assert!((x - y).abs() < if i < 3 { edges * y } else { 0.3 }, "{mine} {theirs}");
        }
    }
}

#[test]
fn cysteine_may_be_orthorhombic() {
    let Some((experiments, reflections, dials)) = load("l_cysteine/dials-3.12", "indexed.refl") else { return };
    let out = run(&experiments, &reflections, &Params::default(), &Silent).unwrap();
    agree(&out, &dials.unwrap(), 0.005, 0.25);
    assert_eq!(out.solutions[0].bravais, "oP");
    assert!(out.solutions[0].recommended);
    // Sixteen pairs that correlate by 0.6 are no proof.
    assert_eq!(out.applied, None);
    assert_eq!((&out.reflections.hkl, &out.experiments.crystals), (&reflections.hkl, &experiments.crystals));
    let by_number = Params { apply: Apply::Solution(5), ..Params::default() };
    let out = run(&experiments, &reflections, &by_number, &Silent).unwrap();
    let crystal = &out.experiments.crystals[0];
    assert_eq!(crystal.hall_symbol, " P 2 2");
    assert!(crystal.unit_cell().angles_deg.iter().all(|a| (a - 90.0).abs() < 1e-9));
    assert!(matches!(
        run(&experiments, &reflections, &Params { apply: Apply::Solution(6), ..by_number }, &Silent),
        Err(Error::NoSolution { .. })
    ));
    let text = report(&out).to_text();
    assert!(text.contains("oP: P222 P2221 P21212 P212121"), "{text}");
}

/// A second lattice, turned and with its axes in another order, goes into the chosen setting by itself, in all sweeps.
#[test]
fn a_choice_is_applied_to_every_lattice_and_sweep() {
    let Some((mut experiments, mut reflections, _)) = load("l_cysteine/dials-3.12", "indexed.refl") else { return };
    let n = experiments.len();
    let turn = crate::math::rotation(&crate::math::Vec3::new(0.3, 0.5, 0.8).normalize(), 0.6);
    let order = crate::spacegroup::ChangeOfBasis::parse("c,a,b").unwrap();
    let mut second = experiments.crystals[0].clone();
    second.a_matrix = turn * order.setting_matrix(&second.a_matrix);
    experiments.crystals.push(second);
    let k = experiments.crystals.len() - 1;
    for e in experiments.experiments.clone() {
        experiments.experiments.push(crate::geometry::Experiment { crystal: Some(k), identifier: format!("{} 2", e.identifier), ..e });
    }
    // Every third row becomes one of the second lattice.
    let of_second: Vec<usize> = (0..reflections.len()).filter(|i| i % 3 == 0 && reflections.id[*i] >= 0).collect();
    for &i in &of_second {
        reflections.id[i] += n as i32;
        reflections.hkl[i] = order.hkl(reflections.hkl[i]).unwrap();
    }
    let params = Params { apply: Apply::Solution(5), ..Params::default() };
    let out = run(&experiments, &reflections, &params, &Silent).unwrap();
    assert_eq!(out.solutions[0].bravais, "oP");
    let at = |list: &ExperimentList, table: &Reflections, i: usize| {
        let crystal = list.experiments[table.id[i] as usize].crystal.unwrap();
        (crystal, list.crystals[crystal].a_matrix * crate::math::vec3(table.hkl[i].map(f64::from)))
    };
    let mut seen = vec![0; experiments.crystals.len()];
    for i in (0..reflections.len()).filter(|&i| reflections.id[i] >= 0) {
        let ((crystal, before), (_, after)) = (at(&experiments, &reflections, i), at(&out.experiments, &out.reflections, i));
        seen[crystal] += 1;
        // But for the constraint and the refinement the same point.
        assert!((after - before).norm() < 0.02 * before.norm(), "{i} {crystal}: {before} {after}");
    }
    assert!(seen[0] > 50 && seen[k] > 30, "{seen:?}");
    for crystal in &out.experiments.crystals {
        let cell = crystal.unit_cell();
        assert_eq!(crystal.hall_symbol, " P 2 2");
        assert!(cell.angles_deg.iter().all(|a| (a - 90.0).abs() < 1e-9) && cell.lengths[0] < cell.lengths[1], "{cell}");
    }
}

#[test]
fn lysozyme_is_tetragonal_beyond_doubt() {
    let Some((experiments, mut reflections, dials)) = load("sim_lysozyme/dials-3.12", "refined.refl") else { return };
    // The refined table's flags are those of a scan-varying model.
    reflections.flags.iter_mut().for_each(|f| *f &= !flags::USED_IN_REFINEMENT);
    let out = run(&experiments, &reflections, &Params::default(), &Silent).unwrap();
    agree(&out, &dials.unwrap(), 5e-4, 0.15);
    assert_eq!((out.solutions[0].bravais.as_str(), out.applied), ("tP", Some(9)));
    let cell = out.experiments.crystals[0].unit_cell();
    assert!((cell.lengths[0] / 79.1 - 1.0).abs() < 5e-4 && (cell.lengths[2] / 37.9 - 1.0).abs() < 5e-4, "{cell}");
    // Indices and setting matrices went the same way.
    let solution = &out.solutions[0];
    for i in (0..reflections.len()).step_by(97) {
        assert_eq!(out.reflections.hkl[i], solution.basis.hkl(reflections.hkl[i]).unwrap());
        if reflections.hkl[i] != [0, 0, 0] {
            let (x, y) = (out.reflections.xyzcal_px[i], reflections.xyzobs_px[i]);
            assert!(libm::hypot(x[0] - y[0], x[1] - y[1]) < 1.5, "{x:?} {y:?}");
        }
    }
}

#[test]
fn apply_reads_what_it_writes() {
    use crate::params::Parameters;
    let mut p = Params::default();
    for (text, want) in [("none", Apply::None), ("recommended", Apply::Recommended), ("9", Apply::Solution(9))] {
        p.set("apply", text).unwrap();
        assert_eq!((p.apply, p.get("apply").unwrap().as_str()), (want, text));
        let json = serde_json::to_string(&p).unwrap();
        assert_eq!(serde_json::from_str::<Params>(&json).unwrap(), p);
    }
    assert!(p.set("apply", "tP").is_err());
}
