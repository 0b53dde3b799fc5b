//! Synthetic data with known scales.

use super::*;
use crate::geometry::{Beam, Crystal, Detector, Experiment, ExperimentList, Goniometer, Panel, Scan, UnitCell};
use crate::job::Silent;
use crate::math::scramble_all;
use crate::merging::normal_quantile;
use crate::reflections::{Reflections, flags};
use crate::spacegroup::SpaceGroup;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Experiments in P 2 2 2, one sweep of `range_deg` each.
fn experiments(n: usize, range_deg: f64) -> ExperimentList {
    let cell = UnitCell::new([20.0, 25.0, 30.0, 90.0, 90.0, 90.0]).unwrap();
    let mut crystal = Crystal::new(cell.b_matrix());
    crystal.hall_symbol = " P 2 2".to_owned();
    ExperimentList {
        experiments: (0..n)
            .map(|i| Experiment {
                identifier: format!("sweep {i}"),
                beam: Some(0),
                detector: Some(0),
                goniometer: Some(0),
                scan: Some(0),
                crystal: Some(0),
                ..Experiment::default()
            })
            .collect(),
        beams: vec![Beam::default()],
        detectors: vec![Detector::single(Panel::default())],
        goniometers: vec![Goniometer::default()],
        scans: vec![Scan { first_image: 1, n_images: 100, width: (range_deg / 100.0).to_radians(), ..Scan::default() }],
        crystals: vec![crystal],
        ..ExperimentList::default()
    }
}

/// `m` equivalents of each of many reflections in every sweep, with counting noise and a scale g(sweep, t, 1/2d²), 0 ≤ t ≤ 1.
fn reflections(list: &ExperimentList, m: usize, d_min: f64, g: impl Fn(usize, f64, f64) -> f64) -> Reflections {
    reflections_at(list, m, d_min, |sweep, [_, _, t], half_stol| g(sweep, t, half_stol))
}

/// The same with a scale that depends on the position on the detector, too: x and y (0 to 1) and t.
fn reflections_at(list: &ExperimentList, m: usize, d_min: f64, g: impl Fn(usize, [f64; 3], f64) -> f64) -> Reflections {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut uniform = move || (rng.next_u64() >> 11) as f64 / 9007199254740992.0;
    let cell = list.crystals[0].unit_cell();
    let ops = SpaceGroup::from_hall(" P 2 2").unwrap();
    let mut t = Reflections::default();
    for h in 0..30 {
        for k in 0..30 {
            for l in 0..30 {
                let d = cell.d([h, k, l]);
                if (h, k, l) == (0, 0, 0) || d < d_min {
                    continue;
                }
                let truth = -500.0 * libm::log(1.0 - uniform());
                for sweep in 0..list.len() {
                    for copy in 0..m {
                        let at = uniform();
                        let [x, y] = [0, 1].map(|axis| (scramble_all(axis, &[t.id.len() as i32]) >> 40) as f64 / 16_777_216.0);
                        let i = truth * g(sweep, [x, y, at], 0.5 / (d * d));
                        let noise = normal_quantile(uniform() * 0.999999 + 5e-7);
                        t.id.push(sweep as i32);
                        t.hkl.push(ops.ops()[copy % 4].apply_to_hkl([h, k, l]).map(|x| if copy % 2 == 0 { x } else { -x }));
                        t.i_prf.push(i + noise * (i + 20.0).sqrt());
                        t.var_prf.push(i + 20.0);
                        t.xyzcal_px.push([1000.0 * x, 1000.0 * y, at * 100.0]);
                        t.flags.push(flags::INTEGRATED_PRF);
                        t.partiality.push(1.0);
                    }
                }
            }
        }
    }
    t.set_rows(t.id.len());
    t
}

#[test]
fn scales_that_were_put_in_come_out() {
    let list = experiments(2, 60.0);
    let truth = |s: usize, t: f64, h: f64| [1.0, 2.5][s] * (1.0 + 0.2 * libm::sin(5.0 * t)) * libm::exp([-1.0, -3.0][s] * t * h);
    let table = reflections(&list, 4, 2.0, truth);
    let s = run(&list, &table, &Params::default(), &Silent).unwrap();
    let r = &s.reflections;
    assert_eq!((r.len(), s.notes.len()), (table.len(), 0), "{:?}", s.notes);
    // A common factor and a common B are not determined: the logarithm of the ratio may be a line in 1/2d².
    let cell = list.crystals[0].unit_cell();
    let points: Vec<(f64, f64)> = (0..r.len())
        .map(|i| {
            let h = 0.5 / cell.d(r.hkl[i]).powi(2);
            (h, (r.inverse_scale_factor[i] / truth(r.id[i] as usize, r.xyzcal_px[i][2] / 100.0, h)).ln())
        })
        .collect();
    let n = points.len() as f64;
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let slope = mean(&|p| (p.0 - x) * (p.1 - y)) / mean(&|p| (p.0 - x).powi(2));
    let rms = mean(&|p| (p.1 - y - slope * (p.0 - x)).powi(2)).sqrt();
    assert!(rms < 0.012, "relative rms of the scales {rms}");
    assert!((s.error_model.a - 1.0).abs() < 0.05 && s.error_model.b < 0.02, "{:?}", s.error_model);
    assert!(s.outliers < r.len() / 1000);
    let m = &s.experiments.scaling_models;
    assert_eq!((m.len(), m[1]["__id__"].as_str(), m[1]["scale"]["n_parameters"].as_u64()), (2, Some("physical"), Some(10)));
}

#[test]
fn wild_observations_are_rejected_and_flagged() {
    let list = experiments(1, 60.0);
    let mut table = reflections(&list, 6, 3.0, |_, _, _| 1.0);
    let wild: Vec<usize> = (0..table.len()).step_by(97).collect();
    for &i in &wild {
        table.i_prf[i] += 40.0 * table.var_prf[i].sqrt() + 0.5 * table.i_prf[i].abs();
    }
    let s = run(&list, &table, &Params::default(), &Silent).unwrap();
    let found = wild.iter().filter(|&&i| s.reflections.flags[i] & flags::OUTLIER_IN_SCALING != 0).count();
    assert!(found * 100 >= wild.len() * 97, "{found} of {}", wild.len());
    assert!(s.outliers < wild.len() + table.len() / 500);
}

#[test]
fn partials_determine_the_model_only_where_they_are_needed() {
    let list = experiments(2, 60.0);
    let truth = |s: usize, t: f64, _: f64| [1.0, 2.5][s] * (1.0 + 0.2 * t);
    let mut table = reflections(&list, 4, 2.5, truth);
    // Relative rms error of the scales apart from a common factor.
    let error = |table: &Reflections, params: &Params| {
        let s = run(&list, table, params, &Silent).unwrap().reflections;
        let ratio = |i: usize| s.inverse_scale_factor[i] / truth(s.id[i] as usize, s.xyzcal_px[i][2] / 100.0, 0.0);
        let n = s.len() as f64;
        let mean = (0..s.len()).map(ratio).sum::<f64>() / n;
        ((0..s.len()).map(|i| (ratio(i) / mean - 1.0).powi(2)).sum::<f64>() / n).sqrt()
    };
    // The second sweep has nothing but partials.
    table.partiality = table.id.iter().map(|&id| if id == 1 { 0.8 } else { 1.0 }).collect();
    let only = error(&table, &Params::default());
    assert!(only < 0.012, "{only}");
    // Those at its start are made too much of.
    for i in 0..table.len() {
        let cut = table.xyzcal_px[i][2] < 5.0;
        table.partiality[i] = if cut { 0.8 } else { 1.0 };
        table.i_prf[i] *= if cut { 1.15 } else { 1.0 };
    }
    let (without, with) = (error(&table, &Params::default()), error(&table, &Params { min_partiality: 0.0, ..Params::default() }));
    assert!(without < 0.012 && with > 2.0 * without, "{without} {with}");
}

#[test]
fn few_data_are_scaled_with_less() {
    let list = experiments(4, 1.5);
    let mut table = reflections(&list, 1, 6.0, |s, _, _| 1.0 + s as f64);
    // Two equivalents in all.
    let rows: Vec<usize> = (0..table.len()).filter(|&i| table.id[i] == (i / 4 % 4) as i32 || i < 2).collect();
    table = table.select(&rows);
    let s = run(&list, &table, &Params::default(), &Silent).unwrap();
    assert!(!s.notes.is_empty());
    assert_eq!(s.models[0].layout, Layout::NONE);
    assert!(s.reflections.inverse_scale_factor.iter().all(|g| *g == 1.0));
}

#[test]
fn order_of_rows_does_not_change_the_result() {
    let list = experiments(1, 30.0);
    let table = reflections(&list, 4, 3.0, |_, t, _| 1.0 + 0.3 * t);
    let n = table.len();
    let order: Vec<usize> = (0..n).map(|i| (i * 7919) % n).collect();
    assert_eq!(order.iter().collect::<std::collections::BTreeSet<_>>().len(), n);
    let a = run(&list, &table, &Params::default(), &Silent).unwrap();
    let b = run(&list, &table.select(&order), &Params::default(), &Silent).unwrap();
    for (i, &j) in order.iter().enumerate() {
        let (x, y) = (a.reflections.inverse_scale_factor[j], b.reflections.inverse_scale_factor[i]);
        assert!((x / y - 1.0).abs() < 1e-6, "{x} {y}");
    }
}

#[test]
fn unusable_tables_say_why() {
    let list = experiments(1, 30.0);
    let mut table = reflections(&list, 2, 6.0, |_, _, _| 1.0);
    let t = |table: &Reflections, words: &str| {
        let e = run(&list, table, &Params::default(), &Silent).unwrap_err().to_string();
        assert!(e.contains(words), "{e}");
    };
    let mut other = table.clone();
    other.id[3] = 7;
    t(&other, "row 3 belongs to experiment 7");
    let mut other = table.clone();
    other.i_prf.clear();
    t(&other, "intensity.sum.value");
    table.flags.fill(0);
    t(&table, "not integrated");
    t(&Reflections::default(), "none of the 0 reflections");
}

/// How scales compare with those put in: the relative rms of their ratio about its mean in each of twenty resolution shells, and the largest
/// deviation of a shell's mean scale from 1. (A factor by resolution alone is not determined; the second number says that none was made up.)
fn against_truth(s: &Scaled, truth: impl Fn(usize, [f64; 3], f64) -> f64) -> [f64; 2] {
    const SHELLS: f64 = 20.0;
    let r = &s.reflections;
    let d_min = r.d.iter().copied().fold(f64::INFINITY, f64::min);
    let mut shells: Vec<Vec<[f64; 2]>> = vec![Vec::new(); SHELLS as usize + 1];
    for i in (0..r.len()).filter(|&i| r.flags[i] & flags::SCALED != 0) {
        let [x, y, z] = r.xyzcal_px[i];
        let g = r.inverse_scale_factor[i];
        let ratio = g / truth(r.id[i] as usize, [x / 1000.0, y / 1000.0, z / 100.0], 0.5 / (r.d[i] * r.d[i]));
        shells[(SHELLS * (d_min / r.d[i]).powi(3)) as usize].push([g, ratio]);
    }
    let (mut sum, mut n, mut off) = (0.0, 0.0, 0.0f64);
    for shell in shells.iter().filter(|s| s.len() > 50) {
        let mean = |k: usize| shell.iter().map(|x| x[k]).sum::<f64>() / shell.len() as f64;
        let (g, ratio) = (mean(0), mean(1));
        sum += shell.iter().map(|x| (x[1] / ratio - 1.0).powi(2)).sum::<f64>();
        n += shell.len() as f64;
        off = off.max((g - 1.0).abs());
    }
    [(sum / n).sqrt(), off]
}

#[test]
fn the_array_model_follows_decay_and_absorption_on_the_detector() {
    let list = experiments(1, 100.0);
    let truth = |_: usize, [x, y, t]: [f64; 3], h: f64| {
        (1.0 + 0.2 * libm::sin(5.0 * t)) * libm::exp(-3.0 * t * h) * (1.0 + 0.15 * (x - 0.5) * libm::cos(3.0 * t) + 0.1 * (y - 0.5))
    };
    let table = reflections_at(&list, 8, 2.4, truth);
    let with = |model: ModelChoice| run(&list, &table, &Params { model, ..Params::default() }, &Silent).unwrap();
    let (array, physical) = (with(ModelChoice::Array), with(ModelChoice::Physical));
    let ([a, level], [p, _]) = (against_truth(&array, truth), against_truth(&physical, truth));
    assert!(a < 0.015, "relative rms of the scales {a}");
    assert!(p > 2.0 * a, "without s1 the physical model knows nothing of the detector: {p}");
    assert!(level < 0.02, "mean scale of a shell off by {level}");
    assert!(array.notes.is_empty(), "{:?}", array.notes);
    let m = &array.experiments.scaling_models[0];
    // 100° in steps of 20°, 10 shells, 3 × 3 areas: one point more at either end of each.
    let n = |of: &str| m[of]["parameters"].as_array().map(Vec::len);
    assert_eq!((m["__id__"].as_str(), n("decay"), n("absorption")), (Some("array"), Some(12 * 7), Some(5 * 5 * 7)));
    assert_eq!(m["configuration_parameters"]["corrections"], serde_json::json!(["decay", "absorption"]));
}

#[test]
fn kb_finds_one_scale_and_one_b_factor_for_each_sweep() {
    let list = experiments(3, 30.0);
    let (k, b) = ([1.0, 0.4, 2.0], [0.0, 4.0, -3.0]);
    let table = reflections(&list, 4, 2.5, |s, _, h| k[s] * libm::exp(b[s] * h));
    let s = run(&list, &table, &Params { model: ModelChoice::Kb, ..Params::default() }, &Silent).unwrap();
    let parameters: Vec<&[f64]> = s.models.iter().map(|m| &m.parameters[..]).collect();
    assert_eq!((parameters[0].len(), s.experiments.scaling_models[2]["__id__"].as_str()), (2, Some("KB")));
    for i in 1..3 {
        // Only ratios and differences are determined.
        let (ratio, difference) = (parameters[i][0] / parameters[0][0], parameters[i][1] - parameters[0][1]);
        assert!((ratio / k[i] - 1.0).abs() < 0.01 && (difference - b[i]).abs() < 0.2, "sweep {i}: {ratio} {difference}");
    }
}

#[test]
fn filtering_leaves_out_the_sweep_that_is_another_crystal() {
    let list = experiments(4, 30.0);
    // Of the last sweep every intensity has a factor of its own.
    let table = reflections(&list, 3, 3.0, |s, _, h| if s == 3 { 0.2 + 4.0 * (1e4 * h - (1e4 * h).floor()) } else { 1.0 });
    let params = Params { filtering: Filtering::Dataset, filtering_stdcutoff: 1.5, filtering_max_percent: 30.0, ..Params::default() };
    let s = run(&list, &table, &params, &Silent).unwrap();
    // Outlier rejection leaves of it what agrees by chance, so that CC½ is high with it and without.
    let removed: Vec<_> = s.filter_cycles.iter().flat_map(|c| &c.removed).map(|g| (g.sweep, g.mostly_outliers())).collect();
    assert_eq!(removed, [(3, true)]);
    assert_eq!(s.filter_end, Some(FilterEnd::NothingStandsOut));
    let r = &s.reflections;
    assert!((0..r.len()).all(|i| (r.id[i] == 3) == (r.flags[i] & flags::USER_EXCLUDED_IN_SCALING != 0)));
    // The limit stands before it.
    let kept = run(&list, &table, &Params { filtering_max_percent: 2.0, ..params.clone() }, &Silent).unwrap();
    assert_eq!((kept.filter_end, kept.filter_cycles[0].removed.len()), (Some(FilterEnd::MostRemoved), 0));
    let one = experiments(1, 30.0);
    let e = run(&one, &reflections(&one, 2, 6.0, |_, _, _| 1.0), &params, &Silent).unwrap_err().to_string();
    assert!(e.contains("only one"), "{e}");
}

#[test]
fn filtering_leaves_out_images_at_the_end_of_a_sweep() {
    let list = experiments(1, 100.0);
    let clean = reflections(&list, 6, 3.5, |_, _, _| 1.0);
    let last = |t: &Reflections, i: usize| t.xyzcal_px[i][2] >= 90.0;
    // Much noise, and σ that say so: no outliers, but CC½ is better without.
    let mut noisy = clean.clone();
    for i in (0..noisy.len()).filter(|&i| last(&clean, i)) {
        let uniform = (scramble_all(5, &[i as i32]) >> 11) as f64 / 9007199254740992.0;
        noisy.i_prf[i] += 400.0 * normal_quantile(uniform * 0.999999 + 5e-7);
        noisy.var_prf[i] += 400.0 * 400.0;
    }
    // Every intensity with a factor of its own: most are outliers.
    let other = reflections(&list, 6, 3.5, |_, t, h| if t > 0.9 { 0.2 + 4.0 * (1e4 * h - (1e4 * h).floor()) } else { 1.0 });
    let params = Params { filtering: Filtering::ImageGroup, filtering_stdcutoff: 2.5, filtering_max_percent: 15.0, ..Params::default() };
    for (table, outliers) in [(noisy, false), (other, true)] {
        let s = run(&list, &table, &params, &Silent).unwrap();
        let removed: Vec<_> = s.filter_cycles[0].removed.iter().map(|g| (g.images, g.mostly_outliers())).collect();
        assert_eq!(removed, [([90, 99], outliers)]);
        let r = &s.reflections;
        assert!((0..r.len()).all(|i| last(r, i) == (r.flags[i] & flags::USER_EXCLUDED_IN_SCALING != 0)));
        assert_eq!(s.filter_end, Some(FilterEnd::NothingStandsOut));
        if !outliers {
            let [before, after] = [0, 1].map(|i| s.filter_cycles[i].cc_half);
            assert!(after > before + 0.01, "{before} {after}");
        }
        let table = report(&s).tables.into_iter().find(|t| t.id == "filtering").unwrap();
        eprintln!("{}", table.to_text());
    }
    let s = run(&list, &clean, &params, &Silent).unwrap();
    assert_eq!((s.filter_cycles.len(), s.filter_cycles[0].removed.len(), s.filter_end), (1, 0, Some(FilterEnd::NothingStandsOut)));
}

/// A decay by resolution that differs between sweeps, with little in common between the sweeps' ranges of resolution.
#[test]
fn the_array_model_brings_sweeps_together() {
    let list = experiments(2, 60.0);
    let truth = |s: usize, [_, _, t]: [f64; 3], h: f64| [0.5, 2.0][s] * libm::exp([-2.0, -6.0][s] * t * h);
    let all = reflections_at(&list, 6, 2.2, truth);
    let rows: Vec<usize> = (0..all.len()).filter(|&i| all.id[i] == 0 || list.crystals[0].unit_cell().d(all.hkl[i]) > 3.0).collect();
    let params = Params { model: ModelChoice::Array, n_resolution_bins: 5, ..Params::default() };
    let s = run(&list, &all.select(&rows), &params, &Silent).unwrap();
    let [rms, _] = against_truth(&s, truth);
    assert!(rms < 0.015, "relative rms of the scales {rms}");
    // Finer grids fit noise, which is told, up to what cannot be refined.
    let params = Params { n_absorption_bins: 6, ..params };
    let s = run(&list, &all.select(&rows), &params, &Silent).unwrap();
    assert!(s.notes.iter().any(|n| n.contains("lowers Rmeas by")), "{:?}", s.notes);
    let e = run(&list, &all.select(&rows), &Params { n_absorption_bins: 20, decay_interval: Some(10.0), ..params }, &Silent)
        .unwrap_err()
        .to_string();
    assert!(e.contains("raise decay_interval"), "{e}");
}
