//! Reflections that the ends of a scan cut in two.

use crate::truth::refined;
use ewald_core::image::ImageSource;
use ewald_core::job::Silent;
use ewald_core::reflections::flags;
use ewald_core::stages::integrate::{Params, run};
use ewald_sim::{DetectorKind, Simulation};
use std::collections::BTreeMap;
use std::sync::Arc;

/// True counts of a reflection of which a part is on the scan, and how far its sum and its fit are from them, in standard deviations.
struct Cut {
    counts: f64,
    sum: f64,
    fit: f64,
}

/// Reflections of which 50 to 99 % are recorded, on short scans at different angles.
fn cut() -> Vec<Cut> {
    let mut out = Vec::new();
    for (seed, phi0_deg) in [(1, 0.0), (2, 35.0), (3, 110.0), (4, 215.0), (5, 300.0)] {
        let sim = ewald_sim::Params {
            images: 16,
            phi0_deg,
            seed,
            detector: DetectorKind::Small,
            d_min: 2.4,
            background: 0.4,
            ..ewald_sim::Params::default()
        };
        let truth = Arc::new(Simulation::new(&sim).unwrap());
        let images: Vec<Arc<dyn ImageSource>> = vec![truth.clone()];
        // σ_b as it is defined sums over two directions.
        let sigma_b_deg = Some(core::f64::consts::SQRT_2 * sim.sigma_b_deg);
        let params = Params { sigma_b_deg, sigma_m_deg: Some(sim.sigma_m_deg), d_min: Some(sim.d_min), ..Params::default() };
        let t = run(&truth.true_experiments(), &refined(&truth), None, &images, &params, &Silent).unwrap().reflections;
        let rows: BTreeMap<_, _> = (0..t.len()).map(|i| ((t.hkl[i], t.entering[i]), i)).collect();
        let both = flags::INTEGRATED_SUM | flags::INTEGRATED_PRF;
        for r in truth.reflections() {
            let Some(&i) = rows.get(&(r.hkl, r.entering)) else { continue };
            let p = t.partiality[i];
            if t.flags[i] & both == both && (0.5..0.99).contains(&p) {
                // Sums are of what was recorded; fits are of the whole.
                let sum = (t.i_sum[i] - p * r.counts) / t.var_sum[i].sqrt();
                out.push(Cut { counts: r.counts, sum, fit: (t.i_prf[i] - r.counts) / t.var_prf[i].sqrt() });
            }
        }
    }
    out
}

/// Where they are predicted without error, they are right and as uncertain as they say: what a part tells of the whole needs no more than the rocking
/// curve.
#[test]
fn parts_tell_of_the_whole() {
    let all = cut();
    for (low, high) in [(0.0, 1000.0), (1000.0, f64::INFINITY)] {
        let some: Vec<&Cut> = all.iter().filter(|c| c.counts > low && c.counts <= high).collect();
        let n = some.len() as f64;
        for (method, of) in [("sum", (|c: &Cut| c.sum) as fn(&Cut) -> f64), ("fit", |c| c.fit)] {
            let mean = some.iter().map(|c| of(c)).sum::<f64>() / n;
            let square = some.iter().map(|c| of(c) * of(c)).sum::<f64>() / n;
            eprintln!("{method}, {low} to {high} counts: {n}, mean {mean:.3}, mean square {square:.3}");
            // With three standard errors.
            assert!(n > 100.0 && mean.abs() < 0.05 + 3.0 / n.sqrt(), "{method}, {low} to {high}: mean {mean} of {n}");
            assert!((square - 1.0).abs() < 0.1 + 3.0 * (2.0 / n).sqrt(), "{method}, {low} to {high}: mean square {square} of {n}");
        }
    }
}
