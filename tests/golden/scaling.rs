//! Symmetry, scaling and merging of DIALS' integrated data, against its logs and merged files.

use ewald_core::format::mtz::Mtz;
use ewald_core::format::{expt, refl};
use ewald_core::job::Silent;
use ewald_core::merging::Correlation;
use ewald_core::stages::{merge, scale, symmetry};
use std::collections::HashMap;
use std::path::Path;

fn scaled(folder: &Path, name: &str, find_symmetry: bool, params: &scale::Params) -> scale::Scaled {
    let mut experiments = expt::read(&std::fs::read(folder.join(format!("{name}.expt"))).unwrap()).unwrap();
    let mut table = refl::read(&std::fs::read(folder.join(format!("{name}.refl"))).unwrap()).unwrap();
    if find_symmetry {
        let found = symmetry::run(&experiments, &table, &symmetry::Params::default(), &Silent).unwrap();
        (experiments, table) = (found.experiments, found.reflections);
    }
    let out = scale::run(&experiments, &table, params, &Silent).unwrap();
    eprintln!("{}", scale::report(&out).to_text());
    out
}

type Intensities = HashMap<[i32; 3], [f32; 3]>;

/// IMEAN, I(+), I(−) of a merged file.
fn intensities(bytes: &[u8]) -> Intensities {
    let mtz = Mtz::from_bytes(bytes).unwrap();
    let column = |label: &str| &mtz.column(label).unwrap().values;
    let (mean, plus, minus) = (column("IMEAN"), column("I(+)"), column("I(-)"));
    mtz.indices().unwrap().into_iter().enumerate().map(|(i, h)| (h, [mean[i], plus[i], minus[i]])).collect()
}

/// CC of mean intensities and of anomalous differences.
fn correlations(a: &Intensities, b: &Intensities) -> (f64, f64) {
    let (mut mean, mut anomalous) = (Correlation::default(), Correlation::default());
    for (hkl, x) in a {
        let Some(y) = b.get(hkl) else { continue };
        mean.add(f64::from(x[0]), f64::from(y[0]));
        let (p, q) = (f64::from(x[1] - x[2]), f64::from(y[1] - y[2]));
        if p.is_finite() && q.is_finite() {
            anomalous.add(p, q);
        }
    }
    (mean.coefficient().unwrap(), anomalous.coefficient().unwrap())
}

/// Four sweeps of L-cysteine; dials.scale: 11 914 observations, 1 578 unique, 96.7 %, Rmeas 0.035, Rpim 0.011, CC½ 1.000.
#[test]
fn l_cysteine_scales_as_well_as_by_dials() {
    let Some(folder) = ewald_tests::data("l_cysteine_full") else { return };
    let scaled = scaled(&folder, "combined", true, &scale::Params::default());
    let o = &scaled.statistics.merging.overall;
    assert!((o.n_obs as f64 / 11914.0 - 1.0).abs() < 0.005, "{}", o.n_obs);
    assert_eq!(o.n_unique, 1578);
    assert!((o.completeness() - 96.7).abs() < 0.1, "{}", o.completeness());
    assert!(o.r.r_meas() < 0.035 + 0.001 && o.r.r_pim() < 0.011 + 0.001, "{} {}", o.r.r_meas(), o.r.r_pim());
    assert!(o.cc_half().unwrap() > 0.9995, "{:?}", o.cc_half());
    let merged = merge::run(&scaled.experiments, &scaled.reflections, &merge::Params::default(), &Silent).unwrap();
    let theirs = intensities(&std::fs::read(folder.join("merged.mtz")).unwrap());
    let (mean, anomalous) = correlations(&intensities(&merged.merged_mtz), &theirs);
    eprintln!("CC with DIALS' merged intensities {mean:.6}, anomalous differences {anomalous:.4}");
    assert!(mean > 0.9995, "{mean}");
    // There is hardly an anomalous signal in them (CC of half sets 0.06): what correlates is the noise of the same counts, so that this asks
    // for the same outliers and the same mixture of summed and profile-fitted intensities.
    assert!(anomalous > 0.95, "{anomalous}");
}

/// DIALS' own integration of the simulated lysozyme; dials.scale: 50 465 observations, after it rejected 649 whose only fault is the anomalous
/// signal, so that Rmeas is not compared.
#[test]
fn simulated_lysozyme_scales_as_by_dials() {
    let Some(folder) = ewald_tests::data("sim_lysozyme/dials-3.12") else { return };
    let scaled = scaled(&folder, "integrated", true, &scale::Params::default());
    let o = &scaled.statistics.merging.overall;
    assert_eq!(o.n_unique, 13993);
    assert!((o.n_obs as f64 / 50465.0 - 1.0).abs() < 0.02, "{}", o.n_obs);
    assert!(o.cc_half().unwrap() > 0.9985, "{:?}", o.cc_half());
    // The anomalous signal is not taken for an error of 4 %.
    let error = &scaled.error_model;
    assert!((error.a - 1.0).abs() < 0.1 && error.b < 0.015, "{} {}", error.a, error.b);
    // The truth has nothing beyond 1.75 Å.
    let d = scaled.statistics.cc_half_fit.unwrap().d_min;
    assert!((d - 1.75).abs() < 0.04, "{d}");
    let warnings = scale::report(&scaled).warnings;
    assert!(warnings.iter().any(|w| w.contains("d_min=1.7")), "{warnings:?}");
    let merged = merge::run(&scaled.experiments, &scaled.reflections, &merge::Params::default(), &Silent).unwrap();
    let theirs = intensities(&std::fs::read(folder.join("merged.mtz")).unwrap());
    let (mean, anomalous) = correlations(&intensities(&merged.merged_mtz), &theirs);
    assert!(mean > 0.9995 && anomalous > 0.85, "{mean} {anomalous}");
}
