//! L-cysteine, four sweeps of 15 images, from the models that DIALS refined: see `dials-3.12/COMMANDS.md` of the test data.

use ewald_core::format::hdf5::Store;
use ewald_core::format::source::{FileSet, MemorySource, SourceFile};
use ewald_core::format::{expt, nexus, refl};
use ewald_core::image::ImageSource;
use ewald_core::job::Silent;
use ewald_core::reflections::{Reflections, flags};
use ewald_core::stages::integrate::{Params, run};
use ewald_tests::data;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn images(folder: &Path) -> Vec<Arc<dyn ImageSource>> {
    let open = |k: usize| {
        let name = format!("l-cyst_0{k}.nxs");
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        let files: FileSet = [SourceFile::new(name.clone(), Arc::new(MemorySource::new(bytes)))].into_iter().collect();
        nexus::read(&Store::new(files), &name).unwrap().images
    };
    (1..=4).map(open).collect()
}

fn by_index(t: &Reflections) -> BTreeMap<(i32, [i32; 3], bool), usize> {
    (0..t.len()).map(|i| ((t.id[i], t.hkl[i], t.entering[i]), i)).collect()
}

/// Widths within 5 % and summed intensities as DIALS has them, although each sweep has fewer than 50 spots.
#[test]
fn l_cysteine_is_integrated_as_dials_does() {
    let Some(folder) = data("l_cysteine/single") else { return };
    let Some(dials) = data("l_cysteine/dials-3.12") else { return };
    let read = |name: &str| std::fs::read(dials.join(name)).unwrap();
    let experiments = expt::read(&read("refined.expt")).unwrap();
    let refined = refl::read(&read("refined.refl")).unwrap();
    let out = run(&experiments, &refined, None, &images(&folder), &Params::default(), &Silent).unwrap();
    // The first sweep has 31 spots on 1.5°, just more than 20 per degree.
    assert_eq!(out.report.warnings.iter().filter(|w| w.contains("only")).count(), 3, "{:?}", out.report.warnings);

    let want = expt::read(&read("integrated.expt")).unwrap();
    for e in 0..4 {
        let (a, b) = (out.experiments.models(e).unwrap().profile.unwrap(), want.models(e).unwrap().profile.unwrap());
        assert!((a.sigma_b_deg / b.sigma_b_deg - 1.0).abs() < 0.05, "σ_b {} {}", a.sigma_b_deg, b.sigma_b_deg);
        assert!((a.sigma_m_deg / b.sigma_m_deg - 1.0).abs() < 0.05, "σ_m {} {}", a.sigma_m_deg, b.sigma_m_deg);
    }

    // `dials.integrate.log` says 83, 76, 75 and 50. DIALS looks for each image's reflections by itself, with a crystal that turns from one image to the
    // next, and so may pass over one that diffracts between two: that of the second sweep is predicted at z = -6.001. The other was not looked up.
    let mut predicted = [0; 4];
    out.reflections.id.iter().chain(&out.left_out.id).for_each(|e| predicted[*e as usize] += 1);
    assert_eq!(predicted, [83, 77, 75, 51]);

    let theirs = refl::read(&read("integrated.refl")).unwrap();
    let (ours, left_out) = (by_index(&out.reflections), by_index(&out.left_out));
    let (mut n, mut missing, mut x, mut y) = (0, 0, Vec::new(), Vec::new());
    for (key, j) in by_index(&theirs) {
        if theirs.flags[j] & flags::INTEGRATED_SUM == 0 {
            continue;
        }
        n += 1;
        let Some(&i) = ours.get(&key) else {
            assert!(left_out.contains_key(&key), "{key:?} was not predicted");
            missing += 1;
            continue;
        };
        if out.reflections.partiality[i] > 0.99 {
            x.push(out.reflections.i_sum[i]);
            y.push(theirs.i_sum[j]);
        }
    }
    // One, off the scan and half a box from where it is predicted, has pixels that do not look as if they belonged to it.
    assert!(n > 200 && missing <= 1, "{missing} of {n} missing");
    assert!(x.len() > 60);
    let cc = correlation(&x, &y);
    assert!(cc > 0.9999, "{cc}");
    let mut ratio: Vec<f64> = x.iter().zip(&y).map(|(a, b)| a / b).collect();
    ratio.sort_by(f64::total_cmp);
    let median = ratio[ratio.len() / 2];
    assert!((median - 1.0).abs() < 0.002, "{median}");
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(a, b)| f(a - mx, b - my)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}
