//! Symmetry from DIALS' integrated data, against the logs of dials.symmetry.

use ewald_core::format::{expt, refl};
use ewald_core::job::Silent;
use ewald_core::stages::symmetry::{Output, Params, report, run};

fn symmetry(folder: &str, name: &str) -> Option<Output> {
    let folder = ewald_tests::data(folder)?;
    let experiments = expt::read(&std::fs::read(folder.join(format!("{name}.expt"))).unwrap()).unwrap();
    let table = refl::read(&std::fs::read(folder.join(format!("{name}.refl"))).unwrap()).unwrap();
    let output = run(&experiments, &table, &Params::default(), &Silent).unwrap();
    eprintln!("{}", report(&output).to_text());
    Some(output)
}

/// Every rotation of a log: axis, order and CC.
///
/// The tolerance allows for another normalisation: DIALS fits amplitudes with a model of their errors, we intensities, and which
/// outliers go before it differs.
fn assert_correlations(output: &Output, expected: &[(u8, [i32; 3], f64)], tolerance: f64) {
    assert_eq!(output.elements.len(), expected.len());
    for &(order, axis, cc) in expected {
        let found = output.elements.iter().find(|e| e.order == order && e.axis == axis);
        let found = found.unwrap_or_else(|| panic!("no {order}-fold along {axis:?}"));
        assert!((found.cc - cc).abs() <= tolerance, "{order} {axis:?}: {} instead of {cc}", found.cc);
    }
}

#[test]
fn simulated_lysozyme_is_p41212_or_its_mirror_image() {
    let Some(output) = symmetry("sim_lysozyme/dials-3.12", "integrated") else { return };
    let laue = output.laue_group();
    assert_eq!((laue.symbol.as_str(), laue.reindex.to_string().as_str()), ("P 4/m m m", "b,c,a"));
    assert!(laue.likelihood > 0.99, "{}", laue.likelihood);
    assert_eq!(output.groups.len(), 10);
    let group = output.space_group();
    assert_eq!((group.symbol.as_str(), group.enantiomorph.as_deref()), ("P 41 21 2", Some("P 43 21 2")));
    assert!(output.assumed.is_none() && output.dropped == 0);
    let all = [1, 4, 2, 2, 2, 2, 2];
    let axes = [[0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [0, -1, 1]];
    let cc = [0.98, 0.99, 0.98, 0.99, 0.99, 1.0, 0.98];
    let expected: Vec<_> = (0..7).map(|i| (all[i], axes[i], cc[i])).collect();
    assert_correlations(&output, &expected, 0.03);
    // The crystal is tetragonal now, and indices still give the same points.
    let cell = output.experiments.crystals[0].unit_cell();
    assert!((cell.lengths[0] - 78.991).abs() < 0.01 && (cell.lengths[0] - cell.lengths[1]).abs() < 1e-9, "{cell}");
    assert_eq!(output.experiments.crystals[0].hall_symbol, " P 4abw 2nw");
}

#[test]
fn l_cysteine_is_p212121() {
    let Some(output) = symmetry("l_cysteine_full", "combined") else { return };
    assert_eq!(output.laue_group().symbol, "P m m m");
    assert!(output.laue_group().likelihood > 0.95);
    assert_eq!(output.space_group().symbol, "P 21 21 21");
    // The third digits are those of the same run's objects in memory.
    let expected = [(1, [0, 0, 0], 0.971), (2, [1, 0, 0], 0.978), (2, [0, 1, 0], 0.968), (2, [0, 0, 1], 0.969)];
    assert_correlations(&output, &expected, 0.01);
}

/// True symmetry is P 31 2 1 or P 32 2 1; with electrons, forbidden reflections are not weak, and DIALS says P 3 2 1 as well.
#[test]
fn quartz_by_electrons_is_p321() {
    let Some(output) = symmetry("quartz_ed", "integrated") else { return };
    assert_eq!(output.laue_group().symbol, "P -3 m 1");
    assert_eq!(output.space_group().symbol, "P 3 2 1");
    assert_eq!(output.groups.len(), 16);
}

/// 1.5° of each of four sweeps: hardly a pair of equivalents.
#[test]
fn with_few_data_the_assumption_is_said() {
    let Some(output) = symmetry("l_cysteine/dials-3.12", "integrated") else { return };
    assert_eq!(output.laue_group().symbol, "P m m m");
    assert!(output.assumed.as_deref().is_some_and(|t| t.contains("assumed")), "{:?}", output.assumed);
}
