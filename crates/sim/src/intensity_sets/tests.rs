use super::*;
use crate::crystal::mix;
use ewald_core::job::Silent;
use ewald_core::spacegroup::{IDENTITY, SymOp};
use ewald_core::stages::symmetry::{Output, Params, run};

fn found(data: &DataSet) -> Output {
    run(&data.experiments, &data.reflections, &Params::default(), &Silent).unwrap()
}

/// A trial small enough for the dev profile.
fn small(kind: Kind, symbol: &str, seed: u64) -> Trial {
    let trial = Trial::with(0, seed, kind, symbol).unwrap();
    let d_min = trial.d_min * 1.3;
    Trial { d_min, degrees: trial.degrees.max(80.0), mean_counts: 400.0, background: 200.0, ..trial }
}

#[test]
fn symmetry_is_found_of_one_group_of_each_laue_class() {
    let groups = ["P 1", "P 1 21 1", "P 21 21 21", "P 41", "P 43 21 2", "P 31", "R 3 2", "P 61", "P 61 2 2", "P 21 3", "P 41 3 2"];
    for (i, symbol) in groups.iter().enumerate() {
        let trial = small(Kind::Plain, symbol, 40 + i as u64);
        let data = trial.measure(&[trial.sweep()]);
        let output = found(&data);
        let verdict = judge(&trial, &data, &output);
        assert!(verdict.laue_right && verdict.absences != Absences::Wrong, "{trial}: {} {verdict:?}", output.space_group().symbol);
        assert!(!output.twinning.is_some_and(|t| t.suspicious()), "{trial}");
        assert!(output.relations.iter().all(|r| !r.is_notable()), "{trial}: {:?}", output.relations);
    }
}

#[test]
fn a_twin_and_a_pseudo_symmetry_are_told_apart() {
    let twin = Trial { twin_fraction: 0.3, ..small(Kind::Twin, "P 41", 3) };
    let data = twin.measure(&[twin.sweep()]);
    let output = found(&data);
    assert!(judge(&twin, &data, &output).laue_right, "{twin}: {}", output.space_group().symbol);
    assert!(output.notes.iter().any(|n| n.contains("twin") && n.contains("probably")), "{:?}", output.notes);
    assert!(output.relations.iter().any(|r| (r.twin_fraction - 0.3).abs() < 0.05), "{:?}", output.relations);

    let pseudo = small(Kind::PseudoSymmetry, "P 41", 3);
    let data = pseudo.measure(&[pseudo.sweep()]);
    let output = found(&data);
    assert!(judge(&pseudo, &data, &output).laue_right, "{pseudo}: {}", output.space_group().symbol);
    assert!(output.notes.iter().any(|n| n.starts_with("pseudo-symmetry")), "{:?}", output.notes);
}

/// Sweeps of `degrees` each, indexed at random by the rotations of the lattice.
fn sweeps(trial: &Trial, n: u64, degrees: f64, strength: f64) -> Vec<Sweep> {
    (0..n)
        .map(|i| {
            let draw = mix(trial.seed ^ (i + 900));
            Sweep { seed: draw, degrees, strength, indexed_by: trial.lattice[(draw >> 20) as usize % trial.lattice.len()] }
        })
        .collect()
}

/// Whether every sweep has come to the indexing of the first (up to the crystal's own symmetry); the number of those reindexed.
fn consistent(trial: &Trial, sweeps: &[Sweep], output: &Output) -> (bool, usize) {
    let op = |i: usize| {
        // Indices went h → h·W when the sweep was indexed, and → h·W·R by the stage.
        let by_stage = output.indexing.get(i).map_or(IDENTITY, |s| s.rotation);
        SymOp::from_rotation(sweeps[i].indexed_by).after(&SymOp::from_rotation(by_stage))
    };
    let first = op(0).inverse();
    let changed = output.indexing.iter().filter(|s| s.rotation != IDENTITY).count();
    ((0..sweeps.len()).all(|i| trial.group.has_rotation(&op(i).after(&first).rotation)), changed)
}

#[test]
fn sweeps_come_to_one_indexing() {
    for (i, symbol) in ["P 41", "P 31", "P 63", "R 3", "P 21 3", "P 32 2 1"].iter().enumerate() {
        let trial = small(Kind::Plain, symbol, 70 + i as u64);
        let sweeps = sweeps(&trial, 6, 40.0, 1.0);
        let data = trial.measure(&sweeps);
        let output = found(&data);
        let (right, changed) = consistent(&trial, &sweeps, &output);
        assert!(right, "{trial}: {:?}", output.indexing);
        assert!(changed <= 3 || trial.lattice.len() > 2 * trial.group.ops().len(), "{trial}: the fewest are reindexed, not {changed}");
        assert!(output.indexing.iter().all(|s| s.confidence > 0.99), "{trial}: {:?}", output.indexing);
        assert!(judge_first(&trial, &sweeps, &data, &output), "{trial}: {}", output.space_group().symbol);
    }
}

/// The Laue group, which refers to an indexing that may be turned against the truth's.
fn judge_first(trial: &Trial, sweeps: &[Sweep], data: &DataSet, output: &Output) -> bool {
    let normal = trial.group.rotations().iter().all(|r| {
        let w = SymOp::from_rotation(sweeps[0].indexed_by);
        trial.group.has_rotation(&w.after(&SymOp::from_rotation(*r)).after(&w.inverse()).rotation)
    });
    !normal || judge(trial, data, output).laue_right
}

#[test]
fn accidental_and_weak_ones_too() {
    // a ≈ b in an orthorhombic lattice; then wedges of 8° so weak that no two sweeps alone would tell.
    let trial = small(Kind::Metric, "P 21 21 21", 81);
    let list = sweeps(&trial, 5, 40.0, 1.0);
    let output = found(&trial.measure(&list));
    assert!(trial.lattice.len() > 4 && consistent(&trial, &list, &output).0, "{trial}: {:?}", output.indexing);

    let trial = Trial { mean_counts: 30.0, background: 60.0, ..small(Kind::Plain, "P 31", 83) };
    let list = sweeps(&trial, 12, 12.0, 1.0);
    let output = found(&trial.measure(&list));
    assert!(consistent(&trial, &list, &output).0, "{trial}: {:?}", output.indexing);
}

#[test]
fn where_the_lattice_has_no_other_symmetry_nothing_is_changed() {
    let trial = small(Kind::Plain, "P 43 21 2", 90);
    let list = sweeps(&trial, 4, 40.0, 1.0);
    let data = trial.measure(&list);
    let output = found(&data);
    assert!(output.indexing.is_empty());
    assert!(judge(&trial, &data, &output).laue_right);
}

#[test]
fn a_sweep_that_shares_nothing_is_named() {
    let trial = small(Kind::Plain, "P 41", 91);
    let mut list = sweeps(&trial, 3, 40.0, 1.0);
    list[2] = Sweep { degrees: 0.4, strength: 0.01, ..list[2] };
    let output = found(&trial.measure(&list));
    assert!(output.indexing[2].confidence < 0.99, "{:?}", output.indexing);
    assert!(output.notes.iter().any(|n| n.contains("too few common reflections") && n.contains("sweep 3")), "{:?}", output.notes);
}
