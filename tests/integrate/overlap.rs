//! Reflections upon each other: a long axis far from the detector's resolving power, and two lattices in one sweep.

use crate::truth::{Altered, mean_and_sd, refined};
use ewald_core::geometry::ExperimentList;
use ewald_core::image::{Frame, ImageSource, RawFrame};
use ewald_core::job::Silent;
use ewald_core::reflections::{Reflections, flags};
use ewald_core::stages::integrate::{Integrated, Params, run};
use ewald_sim::{DetectorKind, Simulation, TrueReflection};
use std::collections::BTreeMap;
use std::sync::Arc;

/// σ_b as it is defined sums over two directions.
fn params(sim: &ewald_sim::Params, joint_fitting: bool) -> Params {
    Params {
        sigma_b_deg: Some(core::f64::consts::SQRT_2 * sim.sigma_b_deg),
        sigma_m_deg: Some(sim.sigma_m_deg),
        d_min: Some(sim.d_min),
        joint_fitting,
        ..Params::default()
    }
}

/// Mean and spread of the fitted intensities' deviations from the truth, in standard deviations, of fully recorded reflections with others upon them.
fn deviations(t: &Reflections, id: i32, truth: &[TrueReflection], bit: u64) -> (usize, f64, f64) {
    let rows: BTreeMap<_, _> = (0..t.len()).filter(|&i| t.id[i] == id).map(|i| ((t.hkl[i], t.entering[i]), i)).collect();
    let z: Vec<f64> = truth
        .iter()
        .filter_map(|r| {
            let i = *rows.get(&(r.hkl, r.entering))?;
            let wanted = t.flags[i] & bit != 0 && t.flags[i] & flags::OVERLAPPED_FG != 0 && t.partiality[i] > 0.99;
            let (value, variance) = if bit == flags::INTEGRATED_SUM { (t.i_sum[i], t.var_sum[i]) } else { (t.i_prf[i], t.var_prf[i]) };
            wanted.then(|| (value - r.counts) / variance.sqrt())
        })
        .collect();
    let (mean, sd) = mean_and_sd(&z);
    (z.len(), mean, sd)
}

/// Spots 4.9 px apart along a*, of 1.75 px standard deviation.
#[test]
fn spots_of_a_long_axis_are_told_apart() {
    let sim = ewald_sim::Params {
        images: 40,
        detector: DetectorKind::Small,
        space_group: "P 1".to_owned(),
        unit_cell: [200.0, 40.0, 45.0, 90.0, 90.0, 90.0],
        d_min: 3.2,
        sigma_b_deg: 0.1,
        sigma_m_deg: 0.2,
        strength: 2000.0,
        background: 0.4,
        ..ewald_sim::Params::default()
    };
    let truth = Arc::new(Simulation::new(&sim).unwrap());
    let images: Vec<Arc<dyn ImageSource>> = vec![truth.clone()];
    let (experiments, spots) = (truth.true_experiments(), refined(&truth));
    let go = |joint: bool| run(&experiments, &spots, None, &images, &params(&sim, joint), &Silent).unwrap();
    let together = go(true);
    let (n, mean, sd) = deviations(&together.reflections, 0, truth.reflections(), flags::INTEGRATED_PRF);
    eprintln!("together: {n} reflections, mean {mean:.3}, sd {sd:.3}");
    assert!(n > 1000, "{n}");
    // Although there is hardly a free spot from which a profile could be learned.
    assert!(mean.abs() < 0.1 && (sd - 1.0).abs() < 0.1, "mean {mean}, sd {sd}");
    let (_, mean, sd) = deviations(&go(false).reflections, 0, truth.reflections(), flags::INTEGRATED_PRF);
    eprintln!("each alone: mean {mean:.3}, sd {sd:.3}");
    assert!(mean > 0.5, "{mean}");
    // Sums that hold much of others' counts are none.
    let sums = deviations(&together.reflections, 0, truth.reflections(), flags::INTEGRATED_SUM).0;
    eprintln!("{sums} sums of {n}");
    assert!(50 * sums < n, "{sums} of {n}");
    assert!(together.report.values["n_overlapped"] > 1000.0);
}

/// Experiments of two crystals on the same images.
fn two_crystals(a: &Simulation, b: &Simulation) -> ExperimentList {
    let mut list = a.true_experiments();
    list.crystals.extend(b.true_experiments().crystals);
    let second = ewald_core::geometry::Experiment { identifier: "second".to_owned(), crystal: Some(1), ..list.experiments[0].clone() };
    list.experiments.push(second);
    list
}

/// Two crystals in one sweep: parameters, truths, experiments, strong spots, images.
type Crowd = (ewald_sim::Params, [Arc<Simulation>; 2], ExperimentList, Reflections, Vec<Arc<dyn ImageSource>>);

fn two_lattices() -> Crowd {
    let sim = |seed: u64| ewald_sim::Params {
        images: 40,
        detector: DetectorKind::Small,
        d_min: 2.9,
        sigma_b_deg: 0.07,
        sigma_m_deg: 0.15,
        background: 0.2,
        seed,
        ..ewald_sim::Params::default()
    };
    let (a, b) = (Arc::new(Simulation::new(&sim(1)).unwrap()), Arc::new(Simulation::new(&sim(2)).unwrap()));
    let experiments = two_crystals(&a, &b);
    let mut spots = refined(&a);
    let mut more = refined(&b);
    more.id = vec![1; more.len()];
    spots.append(&more);
    let second = b.clone();
    let both = move |raw: &RawFrame, out: &mut Frame| {
        let other = second.frame(raw.z);
        out.pixels.iter_mut().zip(&other.pixels).filter(|(_, o)| **o > 0).for_each(|(p, o)| *p += o);
    };
    let images: Vec<Arc<dyn ImageSource>> = vec![Arc::new(Altered(a.clone(), both))];
    (sim(1), [a, b], experiments, spots, images)
}

/// They, integrated.
pub(crate) fn crowd() -> (Integrated, Vec<Arc<dyn ImageSource>>) {
    let (sim, _, experiments, spots, images) = two_lattices();
    (run(&experiments, &spots, None, &images, &params(&sim, true), &Silent).unwrap(), images)
}

#[test]
fn reflections_of_two_lattices_are_told_apart() {
    let (pa, [a, b], experiments, spots, images) = two_lattices();
    let go = |joint: bool| run(&experiments, &spots, None, &images, &params(&pa, joint), &Silent).unwrap().reflections;
    let (together, alone) = (go(true), go(false));
    for (id, truth) in [(0, &a), (1, &b)] {
        let (n, mean, sd) = deviations(&together, id, truth.reflections(), flags::INTEGRATED_PRF);
        eprintln!("lattice {id} together: {n} reflections, mean {mean:.3}, sd {sd:.3}");
        assert!(n > 200, "{n}");
        assert!(mean.abs() < 0.15 && (sd - 1.0).abs() < 0.15, "mean {mean}, sd {sd}");
        let (_, mean, sd) = deviations(&alone, id, truth.reflections(), flags::INTEGRATED_PRF);
        eprintln!("lattice {id} each alone: mean {mean:.3}, sd {sd:.3}");
        assert!(mean > 0.3, "{mean}");
    }
}
