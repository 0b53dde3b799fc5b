//! Structure factors of atoms placed at random.

use crate::crystal::uniform;
use ewald_core::math::Vec3;
use ewald_core::spacegroup::{IntMatrix, SpaceGroup, SymOp, TRANSLATION_DENOMINATOR};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Atoms of one asymmetric unit.
const ATOMS: usize = 24;
/// How many of them scatter anomalously, their electrons, and f″.
const HEAVY: usize = 2;
const HEAVY_ELECTRONS: f64 = 16.0;
const HEAVY_ANOMALOUS: f64 = 0.8;

#[derive(Debug, Clone)]
struct Atom {
    /// Fractional coordinates.
    x: Vec3,
    electrons: f64,
    anomalous: f64,
}

/// A symmetry that the structure almost has: x → W x + t.
#[derive(Debug, Clone)]
pub(super) struct PseudoSymmetry {
    pub(super) rotation: IntMatrix,
    /// 1/24 of the edges.
    pub(super) translation: [i32; 3],
    /// How far it takes atoms past their partners, Å (rms).
    pub(super) displacement: f64,
}

/// Point atoms in a primitive cell, and the space group that repeats them.
#[derive(Debug, Clone)]
pub(super) struct Structure {
    ops: Vec<SymOp>,
    atoms: Vec<Atom>,
}

fn act(op: &SymOp, x: &Vec3) -> Vec3 {
    let turn = f64::from(TRANSLATION_DENOMINATOR);
    Vec3::from_fn(|i, _| (0..3).map(|j| f64::from(op.rotation[i][j]) * x[j]).sum::<f64>() + f64::from(op.translation[i]) / turn)
}

impl Structure {
    /// Atoms at random places of a primitive cell; `edges` in Å.
    pub(super) fn new(group: &SpaceGroup, edges: [f64; 3], pseudo: Option<&PseudoSymmetry>, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut atoms: Vec<Atom> = (0..ATOMS)
            .map(|i| {
                let heavy = i < HEAVY;
                let light = 6.0 + libm::floor(3.0 * uniform(&mut rng));
                Atom {
                    x: Vec3::from_fn(|_, _| uniform(&mut rng)),
                    electrons: if heavy { HEAVY_ELECTRONS } else { light },
                    anomalous: if heavy { HEAVY_ANOMALOUS } else { 0.0 },
                }
            })
            .collect();
        if let Some(p) = pseudo {
            let op = SymOp { rotation: p.rotation, translation: p.translation };
            let mut image = op;
            let originals = atoms.clone();
            // W may be of order three relative to the group.
            while !group.has_rotation(&image.rotation) {
                for atom in &originals {
                    let shift = Vec3::from_fn(|i, _| p.displacement / 3f64.sqrt() / edges[i] * rng.sample::<f64, _>(StandardNormal));
                    atoms.push(Atom { x: act(&image, &atom.x) + shift, ..atom.clone() });
                }
                image = op.after(&image);
            }
        }
        Structure { ops: group.ops().to_vec(), atoms }
    }

    /// |F|² of the atoms at rest, electrons².
    pub(super) fn intensity(&self, hkl: [i32; 3]) -> f64 {
        let tau = core::f64::consts::TAU;
        let (mut real, mut imaginary) = (0.0, 0.0);
        for op in &self.ops {
            let h = op.apply_to_hkl(hkl).map(f64::from);
            let shift = op.hkl_shift(hkl) as f64 / f64::from(TRANSLATION_DENOMINATOR);
            for atom in &self.atoms {
                let phase = h[0] * atom.x[0] + h[1] * atom.x[1] + h[2] * atom.x[2] + shift;
                let (sin, cos) = libm::sincos(tau * (phase - libm::floor(phase)));
                real += atom.electrons * cos - atom.anomalous * sin;
                imaginary += atom.electrons * sin + atom.anomalous * cos;
            }
        }
        real * real + imaginary * imaginary
    }

    /// Σ f² over the atoms of the cell: the mean of [`Self::intensity`] over general reflections.
    pub(super) fn mean_intensity(&self) -> f64 {
        self.ops.len() as f64 * self.atoms.iter().map(|a| a.electrons * a.electrons).sum::<f64>()
    }
}
