//! Sweeps brought to one indexing where the lattice allows several.
//!
//! A lattice of higher symmetry than the crystal (P 4, P 3, R 3, a ≈ b, …) looks the same in several indexings, and each sweep was given one
//! of them by chance. The right ones make the sweeps' intensities correlate (Brehm & Diederichs 2014; Gildea & Winter 2018).
//!
//! With r(i, j; k) the correlation of sweep i with sweep j turned by the rotation k of the lattice, over n reflections, and g(i) the rotations
//! sought, Σ (n − 3) atanh r(i, j; g(i) g(j)⁻¹) over all pairs of sweeps is, but for a constant, the log-likelihood: atanh r is normal with variance
//! 1/(n − 3) about one value for sweeps indexed alike and another for the rest (Fisher). Its maximum is sought from each sweep as a start: sweeps are
//! added by falling overlap with those that are there, then each is reconsidered until none changes. Nothing is drawn at random.
//!
//! The papers embed sweeps as points in a space of few dimensions and look for clusters, which pays for thousands of stills;
//! the dozens of sweeps that there are here need no approximation. The symmetry of the crystal need not be known: rotations
//! that are symmetries change nothing, and sweeps are left as they are unless another indexing is clearly better.

use super::input::Observation;
use crate::job::parallel;
use crate::merging::Correlation;
use crate::spacegroup::{IDENTITY, IntMatrix, SymOp};
use std::collections::HashMap;

/// Common reflections of two sweeps below which they say nothing of each other.
const MIN_COMMON: u64 = 10;
/// A sweep is reindexed when its present CC with the others is below this part of the other indexing's, …
const WORSE: f64 = 0.9;
/// … by so many standard deviations.
const SIGNIFICANT: f64 = 3.0;
/// Sweeps from which the search starts, and rounds of reconsidering.
const MAX_STARTS: usize = 24;
const MAX_ROUNDS: usize = 50;

/// How a sweep was indexed, and how sure that is.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepIndexing {
    /// The experiments; several when they share one crystal, which cannot be indexed in two ways.
    pub experiments: Vec<usize>,
    /// The rotation of the minimum cell that took its indices to those of the others.
    pub rotation: IntMatrix,
    /// Reflections in common with the other sweeps (counted once for each).
    pub n: u64,
    /// Correlation with the other sweeps.
    pub cc: f64,
    /// The same for the best indexing that the crystal's symmetry does not make equivalent.
    pub next_cc: f64,
    /// Probability that the difference is not chance: Φ of it in standard deviations of Fisher's z.
    pub confidence: f64,
}

impl SweepIndexing {
    /// The experiments' numbers as people count them.
    pub fn name(&self) -> String {
        self.experiments.iter().map(|e| (e + 1).to_string()).collect::<Vec<_>>().join("+")
    }
}

/// Confidence below which an indexing is no more than a guess.
pub const SURE: f64 = 0.99;

/// Correlations of all pairs of sweeps in all relative indexings.
pub(super) struct Sweeps {
    lattice: Vec<IntMatrix>,
    sweep_of: Vec<usize>,
    /// `product[a][b]`: which rotation a·b is; `inverse[a]`.
    product: Vec<Vec<usize>>,
    inverse: Vec<usize>,
    n: usize,
    /// By i·n + j for i < j, then by relative rotation.
    pairs: Vec<Vec<Correlation>>,
}

fn fisher(c: &Correlation) -> f64 {
    match c.coefficient() {
        Some(r) if c.n >= MIN_COMMON => (c.n as f64 - 3.0) * libm::atanh(r.clamp(-0.999, 0.999)),
        _ => 0.0,
    }
}

impl Sweeps {
    /// - `list`: normalised intensities in the minimum cell
    /// - `sweep_of`: for each experiment, which sweep it belongs to
    /// - `lattice`: rotations of the minimum cell, the identity first
    pub(super) fn new(list: &[Observation], sweep_of: &[usize], lattice: &[IntMatrix]) -> Self {
        let n = sweep_of.iter().max().map_or(0, |last| last + 1);
        let op = |r: &IntMatrix| SymOp::from_rotation(*r);
        let number = |r: IntMatrix| lattice.iter().position(|x| *x == r).unwrap_or(0);
        let product = lattice.iter().map(|a| lattice.iter().map(|b| number(op(a).after(&op(b)).rotation)).collect()).collect();
        let inverse = lattice.iter().map(|a| number(op(a).inverse().rotation)).collect();
        // Friedel mates are averaged.
        let mut sums: Vec<HashMap<[i32; 3], (f64, f64)>> = vec![HashMap::new(); n];
        for o in list {
            let sum = sums[sweep_of[o.experiment as usize]].entry(o.hkl.max(o.hkl.map(|v| -v))).or_default();
            *sum = (sum.0 + o.intensity, sum.1 + 1.0);
        }
        let sweeps: Vec<Vec<([i32; 3], f64)>> = sums
            .iter()
            .map(|s| {
                let mut v: Vec<_> = s.iter().map(|(h, (sum, n))| (*h, sum / n)).collect();
                // Sums in a fixed order.
                v.sort_by_key(|x| x.0);
                v
            })
            .collect();
        let pairs = parallel::map(n * n, |ij| {
            let (i, j) = (ij / n, ij % n);
            if i >= j {
                return Vec::new();
            }
            let of = |rotation: &IntMatrix| {
                let rotation = op(rotation);
                let mut c = Correlation::default();
                for (h, x) in &sweeps[i] {
                    let image = rotation.apply_to_hkl(*h);
                    if let Some((sum, n)) = sums[j].get(&image.max(image.map(|v| -v))) {
                        c.add(*x, sum / n);
                    }
                }
                c
            };
            lattice.iter().map(of).collect()
        });
        Sweeps { lattice: lattice.to_vec(), sweep_of: sweep_of.to_vec(), product, inverse, n, pairs }
    }

    /// Sweep `i` turned by rotation `a` with sweep `j` turned by `b`.
    fn pair(&self, i: usize, a: usize, j: usize, b: usize) -> &Correlation {
        // h·a = h′·b: sweep j is looked up at h′ = h·(a b⁻¹).
        let relative = self.product[a][self.inverse[b]];
        if i < j { &self.pairs[i * self.n + j][relative] } else { &self.pairs[j * self.n + i][self.inverse[relative]] }
    }

    /// Log-likelihood and pooled correlation of sweep `i` turned by `a` with the others that have a rotation.
    fn with_others(&self, i: usize, a: usize, turned: &[Option<usize>]) -> (f64, Correlation) {
        let (mut score, mut pooled) = (0.0, Correlation::default());
        for (j, b) in turned.iter().enumerate() {
            if let Some(b) = b.filter(|_| j != i) {
                let c = self.pair(i, a, j, b);
                score += fisher(c);
                pooled.join(c);
            }
        }
        (score, pooled)
    }

    fn best(&self, i: usize, turned: &[Option<usize>]) -> usize {
        // The first of equals is the least turned.
        (0..self.lattice.len())
            .map(|a| self.with_others(i, a, turned).0)
            .enumerate()
            .fold((0, f64::NEG_INFINITY), |x, y| if y.1 > x.1 { y } else { x })
            .0
    }

    fn started_from(&self, start: usize) -> (f64, Vec<usize>) {
        let mut turned: Vec<Option<usize>> = vec![None; self.n];
        turned[start] = Some(0);
        for _ in 1..self.n {
            let overlap = |i: usize| self.with_others(i, 0, &turned).1.n;
            let free = (0..self.n).filter(|i| turned[*i].is_none());
            let Some(next) = free.max_by_key(|i| (overlap(*i), std::cmp::Reverse(*i))) else { break };
            turned[next] = Some(self.best(next, &turned));
        }
        for _ in 0..MAX_ROUNDS {
            let before = turned.clone();
            for i in (0..self.n).filter(|i| *i != start) {
                turned[i] = Some(self.best(i, &turned));
            }
            if turned == before {
                break;
            }
        }
        let total = (0..self.n).map(|i| self.with_others(i, turned[i].unwrap_or(0), &turned).0).sum();
        (total, turned.into_iter().map(|t| t.unwrap_or(0)).collect())
    }

    /// The rotation (as its place in the lattice's) that each sweep needs; the identity wherever that is as good, and for as many as can be.
    pub(super) fn align(&self) -> Vec<usize> {
        let found = parallel::map(self.n.min(MAX_STARTS), |start| self.started_from(start));
        // The first of equals, but for rounding.
        let best = found.into_iter().reduce(|x, y| if y.0 > x.0 + 1e-9 * x.0.abs() { y } else { x }).map_or_else(Vec::new, |x| x.1);
        let of_gauge = |k: usize| {
            let mut turned: Vec<Option<usize>> = best.iter().map(|a| Some(self.product[*a][k])).collect();
            for i in 0..self.n {
                let own = self.with_others(i, turned[i].unwrap_or(0), &turned).1;
                if !clearly_better(&own, &self.with_others(i, 0, &turned).1) {
                    turned[i] = Some(0);
                }
            }
            turned.into_iter().map(|t| t.unwrap_or(0)).collect::<Vec<_>>()
        };
        let unchanged = |t: &[usize]| t.iter().filter(|a| **a == 0).count();
        (0..self.lattice.len())
            .map(of_gauge)
            .fold(None, |x: Option<Vec<usize>>, y| match x {
                Some(x) if unchanged(&x) >= unchanged(&y) => Some(x),
                _ => Some(y),
            })
            .unwrap_or_default()
    }

    /// What to say of each sweep, once the Laue group's rotations are known. Empty when the lattice has no others.
    pub(super) fn told(&self, turned: &[usize], laue: &[IntMatrix]) -> Vec<SweepIndexing> {
        let outside: Vec<usize> = (0..self.lattice.len()).filter(|a| !laue.contains(&self.lattice[*a])).collect();
        if outside.is_empty() {
            return Vec::new();
        }
        let all: Vec<Option<usize>> = turned.iter().map(|a| Some(*a)).collect();
        (0..self.n)
            .map(|i| {
                let own = self.with_others(i, turned[i], &all).1;
                let cc = |c: &Correlation| c.coefficient().unwrap_or(0.0);
                let others = outside.iter().map(|w| self.with_others(i, self.product[turned[i]][*w], &all).1);
                let next = others.fold(Correlation::default(), |x, y| if x.n == 0 || cc(&y) > cc(&x) { y } else { x });
                let confidence = 0.5 * (1.0 + libm::erf(distance(&own, &next) / core::f64::consts::SQRT_2));
                // A symmetry of the crystal is no other indexing.
                let rotation = if laue.contains(&self.lattice[turned[i]]) { IDENTITY } else { self.lattice[turned[i]] };
                let experiments = (0..self.sweep_of.len()).filter(|e| self.sweep_of[*e] == i).collect();
                SweepIndexing { experiments, rotation, n: own.n, cc: cc(&own), next_cc: cc(&next), confidence }
            })
            .collect()
    }
}

/// By how many standard deviations x is above y, in Fisher's z; 0 when there is too little to tell.
fn distance(x: &Correlation, y: &Correlation) -> f64 {
    let z = |c: &Correlation| c.coefficient().filter(|_| c.n >= MIN_COMMON).map(|r| libm::atanh(r.clamp(-0.999, 0.999)));
    let (Some(zx), Some(zy)) = (z(x), z(y)) else { return 0.0 };
    (zx - zy) / (1.0 / (x.n as f64 - 3.0) + 1.0 / (y.n as f64 - 3.0)).sqrt()
}

fn clearly_better(x: &Correlation, y: &Correlation) -> bool {
    let cc = |c: &Correlation| c.coefficient().unwrap_or(0.0);
    cc(y) < WORSE * cc(x) && distance(x, y) > SIGNIFICANT
}

/// Warnings: who was reindexed, and of whom nothing can be said.
pub(super) fn notes(sweeps: &[SweepIndexing]) -> Vec<String> {
    let mut out = Vec::new();
    let changed: Vec<String> = sweeps.iter().filter(|s| s.rotation != IDENTITY).map(SweepIndexing::name).collect();
    if !changed.is_empty() {
        out.push(format!(
            "the lattice can be indexed in more than one way; reindexed to agree with the others: sweep {}",
            changed.join(", ")
        ));
    }
    let unsure: Vec<String> = sweeps.iter().filter(|s| s.confidence < SURE).map(SweepIndexing::name).collect();
    if !unsure.is_empty() {
        out.push(format!(
            "the lattice can be indexed in more than one way, and too few common reflections tell which is right for sweep {}: check before merging it with the \
             others",
            unsure.join(", ")
        ));
    }
    out
}
