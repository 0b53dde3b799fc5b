//! The whole of refinement on synthetic centroids.

use super::crystal::MAX_LOCAL;
use super::target::Target;
use super::*;
use crate::geometry::{Beam, Crystal, Detector, Experiment, ExperimentList, Goniometer, Panel, Scan, UnitCell};
use crate::job::Silent;
use crate::math::{Mat3, Vec3, rotation};
use crate::predict::Predictor;
use crate::reflections::{Reflections, flags};

const CELL: [f64; 6] = [60.0, 60.0, 85.0, 90.0, 90.0, 90.0];

/// Two scans of one crystal with different goniometer settings, one beam, one tilted detector of two panels.
fn experiments(hall: &str) -> ExperimentList {
    let panel = |y: f64| Panel {
        fast: Vec3::new(1.0, 0.01, 0.02).normalize(),
        slow: rotation(&Vec3::x(), 0.015) * Vec3::new(0.01, -1.0, 0.0).normalize(),
        origin: Vec3::new(-80.0, y, -130.0),
        pixel_size: [0.1, 0.1],
        image_size: [1600, 780],
        ..Panel::default()
    };
    let panels = vec![panel(80.0), panel(0.0)];
    let mut second = Goniometer::single(Vec3::new(1.0, 0.02, 0.01).normalize());
    second.fixed_rotation = rotation(&Vec3::new(0.2, 0.5, 1.0).normalize(), 0.9);
    second.setting_rotation = rotation(&Vec3::y(), 0.02);
    let scan = Scan { first_image: 1, n_images: 400, phi0: 0.2, width: 0.1f64.to_radians(), ..Scan::default() };
    let u = rotation(&Vec3::new(0.3, -0.5, 0.8).normalize(), 0.7);
    let b = UnitCell::new(CELL).unwrap().b_matrix();
    let experiment = |k: usize| Experiment {
        identifier: format!("e{k}"),
        beam: Some(0),
        detector: Some(0),
        goniometer: Some(k),
        scan: Some(k),
        crystal: Some(0),
        ..Experiment::default()
    };
    ExperimentList {
        experiments: vec![experiment(0), experiment(1)],
        beams: vec![Beam { wavelength: 1.0, direction: Vec3::new(0.001, 0.0, 1.0).normalize(), ..Beam::default() }],
        detectors: vec![Detector { panels, ..Detector::default() }],
        goniometers: vec![Goniometer::single(Vec3::x()), second],
        scans: vec![scan.clone(), Scan { phi0: -0.3, ..scan }],
        crystals: vec![Crystal { hall_symbol: hall.to_owned(), ..Crystal::new(u * b) }],
        ..ExperimentList::default()
    }
}

/// Every reflection to 2.5 Å that the models predict on the detector, observed with Gaussian-like errors of `noise` px and images.
fn observed(list: &ExperimentList, noise: f64) -> Reflections {
    let mut t = Reflections::default();
    let mut k = 0u32;
    let mut error = || {
        // A golden-ratio sequence summed six times: even, deterministic, near enough to normal.
        let sum: f64 = (0..6)
            .map(|_| {
                k += 1;
                (f64::from(k) * 0.618_033_988_749_894_9).fract() + (f64::from(k) * f64::from(k) * 0.414_213_562_373_095).fract() - 1.0
            })
            .sum();
        sum * noise
    };
    for id in 0..list.len() {
        let models = list.models(id).unwrap();
        let predictor = Predictor::new(models);
        let near = models.scan.phi_from_z(200.0);
        for h in -20..=20 {
            for k in -20..=20 {
                for l in -20..=20 {
                    let hkl: [i32; 3] = [h, k, l];
                    if hkl == [0, 0, 0] || UnitCell::new(CELL).unwrap().d(hkl) < 3.0 || (h * 7 + k * 3 + l * 5).rem_euclid(4) != 0 {
                        continue;
                    }
                    for entering in [false, true] {
                        let Some((s1, _)) = predictor.ray(hkl, entering, near) else { continue };
                        let Some(hit) = models.detector.hit(&s1) else { continue };
                        let p = predictor.predict(hkl, entering, hit.panel, near).unwrap();
                        let slow = crate::geometry::ewald::inverse_lorentz(&models.goniometer.lab_axis(), &models.beam.s0(), &s1) < 0.03;
                        if slow || !(1.0..399.0).contains(&p.z) {
                            continue;
                        }
                        t.id.push(id as i32);
                        t.hkl.push(hkl);
                        t.panel.push(hit.panel as u64);
                        t.flags.push(flags::INDEXED);
                        t.xyzobs_px.push([p.px.x + error(), p.px.y + error(), p.z + error()]);
                        t.xyzobs_px_variance.push([0.01, 0.01, 0.01]);
                    }
                }
            }
        }
    }
    t.set_rows(t.id.len());
    t
}

fn perturbed(list: &ExperimentList) -> ExperimentList {
    let mut out = list.clone();
    out.crystals[0].a_matrix = rotation(&Vec3::new(1.0, 2.0, -1.0).normalize(), 0.003) * list.crystals[0].a_matrix * 1.002;
    let r = rotation(&Vec3::new(0.3, 0.2, 1.0).normalize(), 0.004);
    for p in &mut out.detectors[0].panels {
        (p.fast, p.slow, p.origin) = (r * p.fast, r * p.slow, r * p.origin + Vec3::new(0.2, -0.1, 0.4));
    }
    out
}

/// About `n` of the observations that `options` select.
fn some_of(list: &ExperimentList, options: &Options, n: usize) -> Vec<select::Observation> {
    let mut t = observed(list, 0.1);
    crate::predict::map_observed(list, &mut t).unwrap();
    t.entering = vec![false; t.len()];
    for i in 0..t.len() {
        let m = list.models(t.id[i] as usize).unwrap();
        t.entering[i] = crate::geometry::ewald::is_entering(&m.goniometer.lab_axis(), &m.beam.s0(), &crate::math::vec3(t.s1[i]));
    }
    let all = select::select(list, &t, options).unwrap();
    all.iter().step_by((all.len() / n).max(1)).copied().collect()
}

/// Plans with a static crystal, with such as vary, and with one for each scan that share a cell.
fn plans(list: &ExperimentList) -> Vec<plan::Plan> {
    let mut plans: Vec<plan::Plan> = (0..4).map(|_| plan::Plan::new(list.clone())).collect();
    (plans[1].intervals[0], plans[2].intervals[0]) = (1, 4);
    let scans = plans[3].scans(0, &vec![1; list.len()]);
    plans[3].split(0, &scans);
    plans
}

/// All parameters there are.
fn everything() -> Options {
    Options {
        beam_out_of_spindle_plane: true,
        wavelength: true,
        goniometer: true,
        detector_grouping: Grouping::Panels,
        ..Options::default()
    }
}

#[test]
fn every_derivative_agrees_with_differences() {
    let list = experiments(" P 1");
    let options = everything();
    let some = some_of(&list, &options, 40);
    for (number, plan) in plans(&list).iter().enumerate() {
        let layout = build::full(plan, &some, &options).unwrap();
        let target = Target::new(&plan.list, &layout, &some, Some(&options));
        let p: Vec<f64> = (0..layout.n).map(|i| 1e-3 * libm::sin(1.0 + i as f64)).collect();
        for j in 0..layout.n {
            // A step that moves the spots by about a thousandth of a degree or a micrometre.
            let h = 1e-5;
            let at = |x: f64| {
                let mut q = p.clone();
                q[j] += x;
                target.cost(&q).unwrap().1
            };
            let (up, down) = (at(h), at(-h));
            for (i, (up, down)) in up.iter().zip(&down).enumerate() {
                let (up, down) = (up.unwrap(), down.unwrap());
                let analytic = target.jacobian_column(i, j, &p).unwrap();
                for k in 0..3 {
                    let numeric = (up[k] - down[k]) / (2.0 * h);
                    let size = analytic.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
                    assert!((numeric - analytic[k]).abs() < 1e-6 * size, "{} {number} {k}: {numeric} {}", layout.names()[j], analytic[k]);
                }
            }
        }
    }
    assert_eq!(MAX_LOCAL, 9);
}

#[test]
fn normal_equations_are_the_products_of_the_derivatives() {
    let list = experiments(" P 1");
    let options = everything();
    let mut some = some_of(&list, &options, 60);
    some.iter_mut().step_by(7).for_each(|o| o.outlier = true);
    for plan in plans(&list) {
        let layout = build::full(&plan, &some, &options).unwrap();
        let target = Target::new(&plan.list, &layout, &some, None);
        let p: Vec<f64> = (0..layout.n).map(|i| 1e-3 * libm::sin(1.0 + i as f64)).collect();
        let (cost, residuals) = target.cost(&p).unwrap();
        let (same, at) = target.linearise(&p).unwrap();
        assert_eq!((cost.cost, &cost.sums), (same.cost, &same.sums));
        let used: Vec<usize> = (0..some.len()).filter(|&i| !some[i].outlier).collect();
        let columns: Vec<Vec<[f64; 3]>> =
            (0..layout.n).map(|j| used.iter().map(|&i| target.jacobian_column(i, j, &p).unwrap()).collect()).collect();
        // Σ w a b over the reflections used and their three coordinates.
        let product = |a: &[[f64; 3]], b: &[[f64; 3]]| -> f64 {
            let of = |(n, &i): (usize, &usize)| (0..3).map(|k| some[i].weight[k] * a[n][k] * b[n][k]).sum::<f64>();
            used.iter().enumerate().map(of).sum()
        };
        let delta: Vec<[f64; 3]> = used.iter().map(|&i| residuals[i].unwrap()).collect();
        // What is known beforehand stands beside them.
        let priors: Vec<(f64, f64)> = layout.priors(None).iter().zip(&p).map(|(q, p)| (1.0 / (q.sigma * q.sigma), p - q.mean)).collect();
        let expected = 0.5 * product(&delta, &delta) + priors.iter().map(|(w, away)| 0.5 * w * away * away).sum::<f64>();
        assert!((cost.cost - expected).abs() < 1e-10 * expected, "{} {expected}", cost.cost);
        let size: Vec<f64> = columns.iter().zip(&priors).map(|(c, (w, _))| (product(c, c) + w).sqrt()).collect();
        for i in 0..layout.n {
            let gradient = product(&columns[i], &delta) + priors[i].0 * priors[i].1;
            assert!((at.gradient[i] - gradient).abs() < 1e-10 * size[i] * expected.sqrt(), "{}", layout.names()[i]);
            for j in 0..=i {
                let expected = product(&columns[i], &columns[j]) + if i == j { priors[i].0 } else { 0.0 };
                let scale = size[i] * size[j];
                assert!((at.normal.get(i, j) - expected).abs() <= 1e-10 * scale, "{} {}", layout.names()[i], layout.names()[j]);
            }
        }
    }
}

#[test]
fn restraints_have_the_derivatives_that_differences_give() {
    let mut list = experiments(" P 1");
    let other = Crystal { a_matrix: rotation(&Vec3::y(), 0.3) * list.crystals[0].a_matrix * 1.01, ..list.crystals[0].clone() };
    list.crystals.push(other);
    list.experiments[1].crystal = Some(1);
    let mut t = observed(&list, 0.1);
    crate::predict::map_observed(&list, &mut t).unwrap();
    t.entering = vec![false; t.len()];
    let options = Options::default();
    let all = select::select(&list, &t, &options).unwrap();
    let sigmas = [0.1, 0.2, 0.0, 0.1, 0.05, 0.3];
    for intervals in [0, 3] {
        let mut plan = plan::Plan::new(list.clone());
        plan.intervals[1] = intervals;
        let layout = build::full(&plan, &all, &options).unwrap();
        let p: Vec<f64> = (0..layout.n).map(|i| 1e-3 * libm::sin(1.0 + i as f64)).collect();
        for target in [CellTarget::Cell([61.0, 60.0, 84.0, 91.0, 90.0, 89.0]), CellTarget::Mean] {
            let restraint = CellRestraint { target, sigmas };
            let at = restraint::rows(&layout, &p, &restraint);
            assert!(at.len() >= 10);
            for j in 0..layout.n {
                let h = 1e-6;
                let moved = |x: f64| {
                    let mut q = p.clone();
                    q[j] += x;
                    restraint::rows(&layout, &q, &restraint)
                };
                for ((row, up), down) in at.iter().zip(moved(h)).zip(moved(-h)) {
                    let numeric = (up.residual - down.residual) / (2.0 * h);
                    let analytic: f64 = row.slopes.iter().filter(|(column, _)| *column == j).map(|(_, d)| d).sum();
                    let size = row.slopes.iter().fold(1.0, |m: f64, (_, d)| m.max(d.abs()));
                    assert!((numeric - analytic).abs() < 1e-6 * size, "{target:?} {j}: {numeric} {analytic}");
                }
            }
        }
    }
}

#[test]
fn exact_centroids_give_the_models_back() {
    let truth = experiments(" P 4nw 2abw");
    let mut t = observed(&truth, 0.0);
    assert!(t.len() > 500, "{}", t.len());
    let mut list = perturbed(&truth);
    let options = Options { outliers: Outliers::None, tolerance: 1e-16, ..Options::default() };
    let outcome = refine(&mut list, &mut t, &options, &Silent).unwrap();
    // The priors pull by parts per million.
    for r in &outcome.rmsds {
        assert!(r.px.iter().all(|x| *x < 1e-4), "{r:?} {:?}", outcome.passes);
    }
    for (x, y) in list.crystals[0].unit_cell().parameters().iter().zip(CELL) {
        assert!((x / y - 1.0).abs() < 1e-5, "{x} {y}");
    }
    assert!(t.flags.iter().all(|f| f & flags::USED_IN_REFINEMENT != 0));
}

#[test]
fn the_cell_is_within_its_uncertainty_and_gross_errors_are_found() {
    let truth = experiments(" P 1");
    let mut t = observed(&truth, 0.05);
    let n = t.len();
    for i in (0..n).step_by(10) {
        t.xyzobs_px[i][i % 3] += 2.5;
    }
    for outliers in [Outliers::Tukey { iqr: 1.5 }, Outliers::Mcd { probability: 0.975, seed: 42 }] {
        let mut list = perturbed(&truth);
        let options = Options { outliers, outlier_rounds: 4, ..Options::default() };
        let outcome = refine(&mut list, &mut t, &options, &Silent).unwrap();
        for i in 0..n {
            if i % 10 == 0 {
                assert!(t.flags[i] & flags::CENTROID_OUTLIER != 0, "{i} {outliers:?}");
            }
        }
        assert!(outcome.n_used > n * 3 / 4, "{} of {n} {outliers:?}", outcome.n_used);
        let esd = list.crystals[0].cell_esd.unwrap().parameters;
        for (k, x) in list.crystals[0].unit_cell().parameters().iter().enumerate() {
            assert!((x - CELL[k]).abs() < 4.0 * esd[k] && esd[k] < 0.02, "{k}: {x} ({})", esd[k]);
        }
    }
}

#[test]
fn a_drifting_crystal_is_followed() {
    let mut truth = experiments(" P 4nw 2abw");
    truth.experiments.truncate(1);
    let a0 = truth.crystals[0].a_matrix;
    truth.crystals[0].a_at_scan_points = (0..=400)
        .map(|i| {
            let t = f64::from(i) / 400.0;
            rotation(&Vec3::new(libm::sin(3.0 * t), t, 0.3).normalize(), 0.002 * t) * a0 / (1.0 + 1e-3 * t)
        })
        .collect();
    let mut t = observed(&truth, 0.01);
    let mut list = truth.clone();
    list.crystals[0].a_at_scan_points.clear();
    let options = Options { outliers: Outliers::None, scan_varying: Some(ScanVarying { interval: None }), ..Options::default() };
    let outcome = refine(&mut list, &mut t, &options, &Silent).unwrap();
    assert!(outcome.overall_px()[2] < 0.3 * outcome.passes[0].rmsds[0].px[2], "{outcome:?}");
    // Noise of 0.01 sums of six sawteeth is about 0.012 px. (A drift about an axis across the spindle is nearly a tilt of the beam and of the
    // detector, so the setting matrices themselves are not compared.)
    assert!(outcome.overall_px().iter().all(|x| *x < 0.013), "{:?}", outcome.overall_px());
    for (a, b) in list.crystals[0].a_at_scan_points.iter().zip(&truth.crystals[0].a_at_scan_points) {
        let (a, b) = (Crystal::new(*a).unit_cell(), Crystal::new(*b).unit_cell());
        assert!((a.lengths[0] / b.lengths[0] - 1.0).abs() < 1e-4 && (a.lengths[2] / b.lengths[2] - 1.0).abs() < 1e-4, "{a} {b}");
    }
    assert_eq!(list.crystals[0].a_at_scan_points.len(), 401);
}

#[test]
fn few_reflections_simplify_the_models_instead_of_failing() {
    let truth = experiments(" P 1");
    let all = observed(&truth, 0.02);
    for n in [12, 25, 45, 80] {
        let rows: Vec<usize> = (0..n).map(|i| i * all.len() / n).collect();
        let mut t = all.select(&rows);
        let mut list = perturbed(&truth);
        let options = Options { scan_varying: Some(ScanVarying { interval: None }), ..Options::default() };
        let outcome = refine(&mut list, &mut t, &options, &Silent).unwrap();
        assert!(outcome.simplified.iter().any(|s| matches!(s, Simplification::Static { .. })), "{n}");
        assert!(3 * outcome.n_used >= 5 * outcome.parameters.len() || outcome.parameters.len() <= 3, "{n}: {outcome:?}");
        let cell = list.crystals[0].unit_cell();
        assert!((cell.lengths[2] / 85.0 - 1.0).abs() < 0.01, "{n}: {cell}");
    }
    let mut none = all.select(&[0, 1]);
    assert!(matches!(refine(&mut truth.clone(), &mut none, &Options::default(), &Silent), Err(Error::TooFewReflections { .. })));
}

#[test]
fn a_shared_crystal_is_split_only_for_scan_varying_models() {
    let truth = experiments(" P 4nw 2abw");
    let mut t = observed(&truth, 0.02);
    let mut list = truth.clone();
    refine(&mut list, &mut t, &Options::default(), &Silent).unwrap();
    assert_eq!(list.crystals.len(), 1);
    let options = Options { scan_varying: Some(ScanVarying { interval: None }), ..Options::default() };
    refine(&mut list, &mut t, &options, &Silent).unwrap();
    assert_eq!((list.crystals.len(), list.experiments[1].crystal), (2, Some(1)));
    assert!(list.crystals.iter().all(|c| c.a_at_scan_points.len() == 401));
    assert!((list.crystals[0].a_matrix - Mat3::identity()).norm() > 0.1);
}

#[test]
fn a_crystal_that_slipped_between_scans_gets_an_orientation_for_each() {
    let truth = experiments(" P 1");
    let mut split = truth.clone();
    split.crystals.push(Crystal { a_matrix: rotation(&Vec3::y(), 0.003) * truth.crystals[0].a_matrix, ..truth.crystals[0].clone() });
    split.experiments[1].crystal = Some(1);
    let options = Options { orientation_per_scan: true, ..Options::default() };
    for (made, crystals) in [(&truth, 1), (&split, 2)] {
        let mut t = observed(made, 0.02);
        let mut list = truth.clone();
        let outcome = refine(&mut list, &mut t, &options, &Silent).unwrap();
        assert_eq!(list.crystals.len(), crystals);
        assert!(outcome.overall_px().iter().all(|x| *x < 0.03), "{:?}", outcome.overall_px());
        let cells: Vec<_> = list.crystals.iter().map(|c| c.unit_cell().parameters()).collect();
        let last = cells[crystals - 1];
        assert!(cells[0].iter().zip(last).all(|(a, b)| (a - b).abs() < 1e-9), "{cells:?}");
        assert!(list.crystals.iter().all(|c| c.cell_esd.is_some()));
    }
}

#[test]
fn cells_are_drawn_to_what_they_are_tied_to() {
    let truth = experiments(" P 1");
    let mut t = observed(&truth, 0.02);
    let mut target = CELL;
    target[0] += 0.5;
    let restrained = |sigma: f64, t: &mut Reflections| {
        let mut list = truth.clone();
        let cell_restraint = Some(CellRestraint { target: CellTarget::Cell(target), sigmas: [sigma, 0.0, 0.0, 0.0, 0.0, 0.0] });
        refine(&mut list, t, &Options { cell_restraint, outliers: Outliers::None, ..Options::default() }, &Silent).unwrap();
        list.crystals[0].unit_cell().lengths[0]
    };
    assert!((restrained(1e-6, &mut t) - target[0]).abs() < 0.01);
    assert!((restrained(10.0, &mut t) - CELL[0]).abs() < 0.01);
}

#[test]
fn what_is_fixed_by_name_stays() {
    let truth = experiments(" P 4nw 2abw");
    let mut t = observed(&truth, 0.02);
    let fixed = ["detector.distance", "beam", "crystal.rotation_z", "crystal0.metric2"].map(|n| Fixed::parse(n).unwrap());
    let mut list = perturbed(&truth);
    let outcome = refine(&mut list, &mut t, &Options { fixed: fixed.to_vec(), ..Options::default() }, &Silent).unwrap();
    let names: Vec<&str> = outcome.parameters.iter().map(|p| p.name.as_str()).collect();
    let expected = [
        "crystal 0 rotation x",
        "crystal 0 rotation y",
        "crystal 0 metric 1",
        "detector 0 shift 1",
        "detector 0 shift 2",
        "detector 0 tilt 1",
        "detector 0 tilt 2",
        "detector 0 tilt 3",
    ];
    assert_eq!(names, expected);
    assert_eq!(list.beams, truth.beams);
}

#[test]
fn a_spindle_that_is_elsewhere_is_found() {
    let truth = experiments(" P 4nw 2abw");
    let mut t = observed(&truth, 0.0);
    let mut list = truth.clone();
    let across = truth.goniometers[1].lab_axis().cross(&truth.beams[0].s0()).normalize();
    list.goniometers[1].setting_rotation = rotation(&across, 0.002) * truth.goniometers[1].setting_rotation;
    let options = Options { outliers: Outliers::None, ..Options::default() };
    let without = refine(&mut list.clone(), &mut t, &options, &Silent).unwrap();
    assert!(without.overall_px()[2] > 0.02, "{:?}", without.overall_px());
    let with = refine(&mut list, &mut t, &Options { goniometer: true, ..options }, &Silent).unwrap();
    assert!(with.overall_px().iter().all(|x| *x < 2e-3), "{:?}", with.overall_px());
}

#[test]
fn panels_that_moved_apart_are_followed_when_they_may_move_by_themselves() {
    let truth = experiments(" P 4nw 2abw");
    let mut t = observed(&truth, 0.0);
    let mut list = truth.clone();
    let moved = &mut list.detectors[0].panels[1];
    moved.origin += moved.fast * 0.15 - moved.slow * 0.1;
    let options = Options { outliers: Outliers::None, ..Options::default() };
    let whole = refine(&mut list.clone(), &mut t, &options, &Silent).unwrap();
    assert!(whole.overall_px()[0] > 0.2, "{:?}", whole.overall_px());
    let tree = serde_json::json!({"children": [{"children": [{"panel": 0}]}, {"children": [{"panel": 1}]}]});
    list.detectors[0].hierarchy = Some(tree);
    for detector_grouping in [Grouping::Panels, Grouping::Groups { level: 1 }] {
        let options = Options { detector_grouping, ..options.clone() };
        let apart = refine(&mut list.clone(), &mut t, &options, &Silent).unwrap();
        assert!(apart.overall_px().iter().all(|x| *x < 2e-3), "{:?}", apart.overall_px());
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let truth = experiments(" P 1");
    let t = observed(&truth, 0.05);
    let options =
        Options { scan_varying: Some(ScanVarying { interval: None }), learn_weights: true, outlier_rounds: 3, ..Options::default() };
    let on = |threads: usize| {
        crate::job::parallel::on_threads(threads, || {
            let (mut list, mut t) = (perturbed(&truth), t.clone());
            let outcome = refine(&mut list, &mut t, &options, &Silent).unwrap();
            (list, t, outcome)
        })
    };
    let one = on(1);
    for threads in [2, 4] {
        assert!(on(threads) == one, "{threads} threads");
    }
}

/// A normal deviate by Box & Muller.
fn normal(rng: &mut rand_chacha::ChaCha8Rng) -> f64 {
    use rand::RngExt;
    let (a, b): (f64, f64) = (rng.random_range(1e-12..1.0), rng.random_range(0.0..1.0));
    (-2.0 * libm::log(a)).sqrt() * libm::cos(2.0 * core::f64::consts::PI * b)
}

/// Centroids of strong and weak spots, whose variances in the table are all about 1/12 pixel².
#[test]
fn uncertainties_are_those_of_many_refinements() {
    use rand::{RngExt, SeedableRng};
    let mut truth = experiments(" P 1");
    truth.experiments.truncate(1);
    let all = observed(&truth, 0.0);
    let rows: Vec<usize> = (0..all.len()).step_by((all.len() / 600).max(1)).collect();
    let exact = all.select(&rows);
    assert!(exact.len() >= 500, "{}", exact.len());
    let one = |seed: usize| {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed as u64);
        let mut t = exact.clone();
        for i in 0..t.len() {
            let counting = libm::pow(10.0, rng.random_range(-4.0..-1.3));
            t.xyzobs_px_variance[i] = [counting + 1.0 / 12.0; 3];
            (0..3).for_each(|k| t.xyzobs_px[i][k] += counting.sqrt() * normal(&mut rng));
        }
        let mut list = truth.clone();
        let options = Options { learn_weights: true, outliers: Outliers::None, outlier_rounds: 2, ..Options::default() };
        let outcome = refine(&mut list, &mut t, &options, &Silent).unwrap();
        let esd = list.crystals[0].cell_esd.unwrap().parameters;
        let cell = list.crystals[0].unit_cell().parameters();
        let mut errors: Vec<f64> = (0..6).map(|k| (cell[k] - CELL[k]) / esd[k]).collect();
        // The models start at the truth, so that shifts are errors.
        errors.extend(outcome.parameters.iter().filter(|p| p.name.starts_with("detector")).map(|p| p.shift / p.esd));
        errors
    };
    let errors = crate::job::parallel::map(200, one);
    let all: Vec<f64> = errors.into_iter().flatten().collect();
    let variance = all.iter().map(|e| e * e).sum::<f64>() / all.len() as f64;
    assert!((0.8..1.2).contains(&variance), "{variance}");
}
