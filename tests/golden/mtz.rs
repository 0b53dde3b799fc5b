//! MTZ files that DIALS wrote, and files as we write them.

use ewald_core::format::{expt, mtz::*};
use ewald_core::spacegroup::AsymmetricUnit;

#[test]
fn files_of_dials_read_and_write_back_the_same() {
    for (name, rows, columns, batches) in [
        ("sim_lysozyme/dials-3.12/unmerged.mtz", 50465, 17, 240),
        ("sim_lysozyme/dials-3.12/merged.mtz", 13993, 19, 0),
        ("l_cysteine/dials-3.12/scaled_unmerged.mtz", 121, 17, 60),
        ("l_cysteine/dials-3.12/merged.mtz", 110, 19, 0),
        ("merging/insulin_dials_scaled_unmerged.mtz", 45595, 18, 2),
        ("merging/french_wilson_hewl/HEWL_refined.mtz", 0, 0, 0),
    ] {
        let Some(path) = ewald_tests::data(name) else { return };
        let file = Mtz::from_bytes(&std::fs::read(path).unwrap()).unwrap();
        if rows > 0 && !name.contains("insulin") {
            assert_eq!((file.len(), file.columns.len(), file.batches.len()), (rows, columns, batches), "{name}");
        }
        let back = Mtz::from_bytes(&file.to_bytes().unwrap()).unwrap();
        let bits = |m: &Mtz| -> Vec<u32> { m.columns.iter().flat_map(|c| c.values.iter().map(|v| v.to_bits())).collect() };
        assert!(bits(&back) == bits(&file), "{name}");
        assert_eq!((&back.batches, &back.symmetry, &back.datasets), (&file.batches, &file.symmetry, &file.datasets), "{name}");
        // The indices are in the asymmetric unit of CCP4, and the group has a name.
        let group = file.symmetry.group().unwrap();
        assert_eq!(group.setting().map(|s| s.number), Some(file.symmetry.number), "{name}");
        let unit = AsymmetricUnit::new(&group).unwrap();
        assert!(file.indices().unwrap().iter().all(|h| unit.contains(*h)), "{name}");
    }
}

/// The geometry of every image, from DIALS' models, as DIALS writes it.
#[test]
fn batch_headers_are_those_of_dials() {
    let Some(folder) = ewald_tests::data("sim_lysozyme/dials-3.12") else { return };
    let theirs = Mtz::from_bytes(&std::fs::read(folder.join("unmerged.mtz")).unwrap()).unwrap();
    let experiments = expt::read(&std::fs::read(folder.join("scaled.expt")).unwrap()).unwrap();
    let ours = batches_of_scan(&experiments.models(0).unwrap(), 0, 1);
    assert_eq!(ours.len(), theirs.batches.len());
    for (o, t) in ours.iter().zip(&theirs.batches) {
        assert_eq!((o.number, &o.title, &o.integers, &o.axes), (t.number, &t.title, &t.integers, &t.axes));
        for (i, (x, y)) in o.reals.iter().zip(&t.reals).enumerate() {
            // DIALS interpolates U as a rotation, we A as a matrix: equal to 1e-5 at these steps.
            assert!((x - y).abs() < 2e-5 * y.abs().max(1.0), "batch {} word {i}: {x} {y}", o.number);
        }
    }
}
