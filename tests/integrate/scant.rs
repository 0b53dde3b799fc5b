//! Where there is little: few strong spots, a narrow wedge, one image, pixels that are missing.

use crate::truth::{deviations, mean_and_sd, refined, simulation};
use ewald_core::image::ImageSource;
use ewald_core::job::Silent;
use ewald_core::reflections::{Reflections, flags};
use ewald_core::stages::integrate::{Integrated, Params, run};
use ewald_sim::Simulation;
use std::sync::Arc;

fn with_spots(truth: &Arc<Simulation>, spots: &Reflections, params: &Params) -> Integrated {
    let images: Vec<Arc<dyn ImageSource>> = vec![truth.clone()];
    run(&truth.true_experiments(), spots, None, &images, params, &Silent).unwrap()
}

/// The summed intensities are right however few spots there are, fitted ones are where there are five, and the report says what was assumed.
#[test]
fn few_strong_spots_are_no_failure() {
    let truth = Arc::new(simulation(40));
    let all = refined(&truth);
    for n in [0, 1, 5, 20] {
        let rows: Vec<usize> = (0..n).map(|i| i * all.len() / n.max(1)).collect();
        let out = with_spots(&truth, &all.select(&rows), &Params::default());
        assert!(out.report.warnings.iter().any(|w| w.contains(if n == 0 { "assumed" } else { "only" })), "{n}: {:?}", out.report.warnings);
        let sums = deviations(&out, &truth, flags::INTEGRATED_SUM);
        let (mean, sd) = mean_and_sd(&sums);
        eprintln!("{n} spots: {} sums, mean {mean:.3}, sd {sd:.3}", sums.len());
        assert!(sums.len() > 500 && mean.abs() < 0.4 && (0.85..1.25).contains(&sd), "{n}: {}, {mean}, {sd}", sums.len());
        let fits = deviations(&out, &truth, flags::INTEGRATED_PRF);
        if n == 0 {
            assert!(fits.is_empty());
            continue;
        }
        let (mean, sd) = mean_and_sd(&fits);
        eprintln!("{n} spots: {} fits, mean {mean:.3}, sd {sd:.3}", fits.len());
        assert!(fits.len() > 500, "{n}: {}", fits.len());
        assert!(n < 5 || (mean.abs() < 0.5 && (0.8..1.4).contains(&sd)), "{n}: {mean}, {sd}");
    }
}

/// Four images, and one alone.
#[test]
fn a_narrow_wedge_is_integrated() {
    for n in [4, 1] {
        let truth = Arc::new(simulation(n));
        let strong = |r: &&ewald_sim::TrueReflection| r.counts > 300.0 && r.zeta.abs() > 0.2 && r.z > 0.0 && r.z < n as f64;
        let strong: Vec<_> = truth.reflections().iter().filter(strong).collect();
        let mut spots = Reflections::with_rows(strong.len());
        (spots.id, spots.panel) = (vec![0; strong.len()], vec![0; strong.len()]);
        spots.hkl = strong.iter().map(|r| r.hkl).collect();
        spots.entering = strong.iter().map(|r| r.entering).collect();
        spots.flags = vec![flags::INDEXED | flags::STRONG; strong.len()];
        spots.xyzcal_px = strong.iter().map(|r| [r.px[0], r.px[1], r.z]).collect();
        let near = |r: &&ewald_sim::TrueReflection| {
            let [x, y] = r.px.map(|v| v.floor() as i32);
            [x - 3, x + 4, y - 3, y + 4, 0, n as i32]
        };
        spots.bbox = strong.iter().map(near).collect();
        spots.n_signal = vec![20 * n as i32; strong.len()];
        let out = with_spots(&truth, &spots, &Params::default());
        let t = &out.reflections;
        let sums = t.rows_with(flags::INTEGRATED_SUM).len();
        let fits = t.rows_with(flags::INTEGRATED_PRF).len();
        eprintln!("{n} images, {} spots: {sums} sums, {fits} fits; {:?}", spots.len(), out.report.warnings);
        assert!(sums > 50 && fits > 20, "{sums} {fits}");
        let finite = |v: &[f64]| v.iter().all(|x| x.is_finite());
        assert!(finite(&t.i_sum) && finite(&t.var_sum) && finite(&t.i_prf) && finite(&t.var_prf));
    }
}

/// Strips of two pixels are masked every thirty: what lies on them is fitted on what is left.
#[test]
fn cropped_reflections_are_as_uncertain_as_they_say() {
    let truth = Arc::new(simulation(80));
    let mut experiments = truth.true_experiments();
    let strips = (0..17).flat_map(|i| [[30 * i, 0, 30 * i + 2, 514], [0, 30 * i, 514, 30 * i + 2]]);
    experiments.detectors[0].panels[0].distrust(strips);
    let images: Vec<Arc<dyn ImageSource>> = vec![truth.clone()];
    let mut out = run(&experiments, &refined(&truth), None, &images, &Params::default(), &Silent).unwrap();
    let cropped: Vec<usize> =
        (0..out.reflections.len()).filter(|&i| out.reflections.flags[i] & flags::FOREGROUND_INCLUDES_BAD_PIXELS != 0).collect();
    out.reflections = out.reflections.select(&cropped);
    let fits = deviations(&out, &truth, flags::INTEGRATED_PRF);
    let (mean, sd) = mean_and_sd(&fits);
    eprintln!("cropped: {} fits, mean {mean:.3}, sd {sd:.3}", fits.len());
    assert!(fits.len() > 150, "{}", fits.len());
    assert!(mean.abs() < 0.1 + 3.0 / (fits.len() as f64).sqrt() && (0.85..1.15).contains(&sd), "{mean} {sd}");
    assert!(deviations(&out, &truth, flags::INTEGRATED_SUM).is_empty());
}
