//! What integration would give.

use super::Trial;
use crate::crystal::{mix, random_rotation, uniform};
use ewald_core::geometry::{Beam, Crystal, Detector, Experiment, ExperimentList, Goniometer, Scan, ewald};
use ewald_core::math::{Vec3, rotate};
use ewald_core::reflections::{Reflections, flags};
use ewald_core::spacegroup::{ChangeOfBasis, IDENTITY, IntMatrix, SymOp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::collections::HashMap;

/// One sweep of a crystal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    /// Orientation and errors follow from it.
    pub seed: u64,
    /// Rotation, degrees.
    pub degrees: f64,
    /// Strength relative to the trial's.
    pub strength: f64,
    /// The sweep was indexed with axes that this rotation of the lattice has turned.
    pub indexed_by: IntMatrix,
}

/// Integrated intensities and the models.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// One experiment a sweep.
    pub experiments: ExperimentList,
    /// The intensities.
    pub reflections: Reflections,
}

/// Reflections nearer to the rotation axis than this |ζ| are not integrated.
const MIN_ZETA: f64 = 0.05;
/// One observation in so many is wild.
const WILD: f64 = 1e-3;
const WIDTH_DEG: f64 = 0.2;
const WAVELENGTH: f64 = 1.0;

impl Trial {
    /// The one sweep that the trial asks for.
    pub fn sweep(&self) -> Sweep {
        Sweep { seed: mix(self.seed ^ 0x5EE9), degrees: self.degrees, strength: 1.0, indexed_by: IDENTITY }
    }

    /// Mean counts of a reflection before Lorentz factor and errors, as the sweep's crystal (a twin perhaps) gives them.
    fn counts(&self, hkl: [i32; 3], known: &mut HashMap<([i32; 3], bool), f64>) -> f64 {
        let own = self.intensity(hkl, known);
        match self.relation.filter(|_| self.twin_fraction > 0.0) {
            Some(law) => {
                let other = self.intensity(SymOp::from_rotation(law).apply_to_hkl(hkl), known);
                (1.0 - self.twin_fraction) * own + self.twin_fraction * other
            }
            None => own,
        }
    }

    fn intensity(&self, hkl: [i32; 3], known: &mut HashMap<([i32; 3], bool), f64>) -> f64 {
        let (unique, isym) = self.unit.map(hkl);
        let minus = isym % 2 == 0;
        *known.entry((unique, minus)).or_insert_with(|| {
            let h = if minus { unique.map(|v| -v) } else { unique };
            let s = self.reduced.d(h).powi(-2);
            self.mean_counts * self.structure.intensity(h) / self.structure.mean_intensity() * libm::exp(-0.5 * self.wilson_b * s)
        })
    }

    /// Integrates sweeps of the crystal, each in an orientation of its own.
    pub fn measure(&self, sweeps: &[Sweep]) -> DataSet {
        let mut list = ExperimentList {
            beams: vec![Beam { wavelength: WAVELENGTH, ..Beam::default() }],
            detectors: vec![Detector::default()],
            goniometers: vec![Goniometer::single(Vec3::x())],
            ..ExperimentList::default()
        };
        let mut known = HashMap::new();
        let mut rows = Rows::default();
        for (i, sweep) in sweeps.iter().enumerate() {
            let a = random_rotation(sweep.seed) * self.reduced.b_matrix();
            let n_images = libm::round(sweep.degrees / WIDTH_DEG) as usize;
            self.measure_sweep(i as i32, sweep, &a, &mut known, &mut rows);
            let basis = ChangeOfBasis::from_axes(&sweep.indexed_by).unwrap_or_default();
            list.crystals.push(Crystal::new(basis.setting_matrix(&a)));
            list.scans.push(Scan {
                first_image: 1,
                n_images,
                width: WIDTH_DEG.to_radians(),
                exposure_times: vec![0.1; n_images],
                epochs: (0..n_images).map(|k| 0.1 * k as f64).collect(),
                ..Scan::default()
            });
            list.experiments.push(Experiment {
                identifier: format!("simulated-{}-{i}", self.number),
                beam: Some(0),
                detector: Some(0),
                goniometer: Some(0),
                scan: Some(i),
                crystal: Some(i),
                ..Experiment::default()
            });
        }
        DataSet { experiments: list, reflections: rows.table() }
    }

    fn measure_sweep(
        &self,
        id: i32,
        sweep: &Sweep,
        a: &ewald_core::math::Mat3,
        known: &mut HashMap<([i32; 3], bool), f64>,
        rows: &mut Rows,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(mix(sweep.seed ^ 0xE44));
        let map = ChangeOfBasis::from_axes(&sweep.indexed_by).unwrap_or_default().hkl_map();
        let (s0, axis) = (Vec3::new(0.0, 0.0, -1.0 / WAVELENGTH), Vec3::x());
        let (s_max, high) = (1.0 / self.d_min, sweep.degrees.to_radians());
        let absorbing = Vec3::from_fn(|_, _| rng.sample::<f64, _>(StandardNormal)).normalize();
        let limit = self.reduced.lengths.map(|l| libm::floor(l * s_max) as i32);
        for h in -limit[0]..=limit[0] {
            for k in -limit[1]..=limit[1] {
                for l in -limit[2]..=limit[2] {
                    let r = a * Vec3::new(f64::from(h), f64::from(k), f64::from(l));
                    if r.norm() > s_max || [h, k, l] == [0; 3] {
                        continue;
                    }
                    for phi in ewald::diffracting_angles(&s0, &axis, &r).into_iter().flatten().filter(|phi| *phi < high) {
                        let s1 = s0 + rotate(&r, &axis, phi);
                        if ewald::zeta(&axis, &s0, &s1).abs() < MIN_ZETA {
                            continue;
                        }
                        // A beam that drifts, absorption that depends on where the ray leaves the crystal.
                        let away = rotate(&s1.normalize(), &axis, -phi).dot(&absorbing);
                        let drift = 1.0 + 0.1 * libm::sin(2.0 * phi + 1.0);
                        let scale = sweep.strength * drift * libm::exp(-self.absorption * away * (1.0 + away));
                        let lp = ewald::inverse_lorentz(&axis, &s0, &s1);
                        let expected = self.counts([h, k, l], known) * scale / lp;
                        let background = self.background / lp;
                        let mut normal = || rng.sample::<f64, _>(StandardNormal);
                        let seen = expected * (1.0 + self.instability * normal());
                        let mut counts = seen + (seen.max(0.0) + background).sqrt() * normal();
                        if uniform(&mut rng) < WILD {
                            counts += self.mean_counts * sweep.strength / lp * 20.0 * uniform(&mut rng);
                        }
                        let Some(hkl) = map.apply([h, k, l]) else { continue };
                        let z = phi.to_degrees() / WIDTH_DEG;
                        rows.push(id, hkl, counts, counts.max(0.0) + background, lp, z);
                    }
                }
            }
        }
    }
}

/// The table under way.
#[derive(Default)]
struct Rows {
    id: Vec<i32>,
    hkl: Vec<[i32; 3]>,
    counts: Vec<f64>,
    variance: Vec<f64>,
    lp: Vec<f64>,
    xyz: Vec<[f64; 3]>,
}

impl Rows {
    fn push(&mut self, id: i32, hkl: [i32; 3], counts: f64, variance: f64, lp: f64, z: f64) {
        self.id.push(id);
        self.hkl.push(hkl);
        self.counts.push(counts);
        self.variance.push(variance);
        self.lp.push(lp);
        self.xyz.push([0.0, 0.0, z]);
    }

    fn table(self) -> Reflections {
        let mut table = Reflections::with_rows(self.id.len());
        table.flags = vec![flags::INTEGRATED; self.id.len()];
        (table.i_sum, table.var_sum) = (self.counts.clone(), self.variance.clone());
        (table.i_prf, table.var_prf) = (self.counts, self.variance);
        (table.id, table.hkl, table.lp, table.xyzobs_px) = (self.id, self.hkl, self.lp, self.xyz);
        table
    }
}
