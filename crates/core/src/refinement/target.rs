//! Residuals, their derivatives, and the normal equations.
//!
//! With r = S R(φ) F A h and s1 = s0 + r, the angle solves s0·r + r²/2 = 0. A parameter that changes r by ∂r (at fixed φ) and s0 by ∂s0
//! moves the angle by ∂φ = −(s1·∂r + r·∂s0)/(s1·(m × r)) and the ray by ∂s1 = ∂s0 + ∂r + (m × r) ∂φ. On a panel with
//! D = \[fast slow origin\], (u, v, w) = D⁻¹ s1 gives x = u/w, y = v/w; moving the panel's point by ∂p changes (u, v, w) by −w D⁻¹ ∂p.
//! A scan-varying A is taken at the observed angle.

use super::Options;
use super::beam::Prior;
use super::crystal::MAX_LOCAL;
use super::detector::{Field, PlaneState};
use super::layout::{LabState, Layout};
use super::restraint::{self, CellRestraint};
use super::select::Observation;
use super::smoother::Weights;
use crate::geometry::ExperimentList;
use crate::job::parallel;
use crate::math::{Symmetric, Vec3, rotation};
use crate::predict::{diffracting_angle, nearest_turn};

/// Reflections of one task; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 1024;
/// Chunks whose normal equations are held at a time.
const BATCH: usize = 64;
/// Crystal, detector, beam and goniometer parameters that one reflection depends on, for one sample.
const MAX_COLUMNS: usize = MAX_LOCAL + 6 + 3 + 2;

/// The least-squares problem.
pub(crate) struct Target<'a> {
    pub layout: &'a Layout,
    observations: &'a [Observation],
    weights: Vec<Weights>,
    settings: Vec<Setting>,
    chunks: Vec<Chunk>,
    priors: Vec<Prior>,
    restraint: Option<CellRestraint>,
}

/// What of an experiment does not change.
struct Setting {
    crystal: usize,
    detector: usize,
    beam: usize,
    goniometer: usize,
}

/// Consecutive observations of one experiment.
struct Chunk {
    experiment: usize,
    range: core::ops::Range<usize>,
    /// Samples of the crystal that they depend on.
    samples: core::ops::Range<usize>,
    /// The parameters that they depend on.
    columns: Vec<usize>,
}

/// Sums over the used reflections of one experiment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sums {
    pub n: usize,
    /// Σ Δ², mm², mm², rad².
    pub squares: [f64; 3],
}

/// The problem at one value of the parameters.
pub(crate) struct Linearised {
    /// ½ Σ w Δ², and the parts of priors and restraints.
    pub cost: f64,
    pub sums: Vec<Sums>,
    /// Σ w Jᵀ J.
    pub normal: Symmetric,
    /// Σ w Jᵀ Δ.
    pub gradient: Vec<f64>,
    /// Reflections that could not be predicted.
    pub lost: usize,
}

impl Linearised {
    pub(crate) fn n(&self) -> usize {
        self.sums.iter().map(|s| s.n).sum()
    }

    /// Root-mean-square deviations over all experiments, mm, mm, rad.
    pub(crate) fn rmsd(&self) -> [f64; 3] {
        let n = self.n().max(1) as f64;
        [0, 1, 2].map(|k| (self.sums.iter().map(|s| s.squares[k]).sum::<f64>() / n).sqrt())
    }
}

/// Residuals of one reflection and their derivatives by its columns.
struct Row {
    delta: [f64; 3],
    jacobian: [[f64; MAX_COLUMNS]; 3],
    columns: usize,
}

impl<'a> Target<'a> {
    /// `observations` as [`super::select::select`] sorts them; their experiments have all models and `layout` has blocks for these.
    /// `options`: what is known beforehand; nothing without them.
    pub(crate) fn new(
        experiments: &ExperimentList,
        layout: &'a Layout,
        observations: &'a [Observation],
        options: Option<&Options>,
    ) -> Self {
        let settings = experiments.experiments.iter().map(|e| Setting {
            crystal: e.crystal.unwrap_or(0),
            detector: e.detector.unwrap_or(0),
            beam: e.beam.unwrap_or(0),
            goniometer: e.goniometer.unwrap_or(0),
        });
        let mut target = Target {
            layout,
            observations,
            weights: Vec::new(),
            settings: settings.collect(),
            chunks: Vec::new(),
            priors: layout.priors(options.and_then(|o| o.reference.as_deref())),
            restraint: options.and_then(|o| o.cell_restraint),
        };
        target.weights = observations
            .iter()
            .map(|o| match &layout.crystals[target.settings[o.experiment].crystal] {
                Some(block) => block.weights(o.z),
                None => Weights::STATIC,
            })
            .collect();
        let mut start = 0;
        for group in observations.chunk_by(|a, b| a.experiment == b.experiment) {
            for part in group.chunks(CHUNK) {
                let range = start..start + part.len();
                target.chunks.push(target.chunk(part[0].experiment, range));
                start += part.len();
            }
        }
        target
    }

    fn chunk(&self, experiment: usize, range: core::ops::Range<usize>) -> Chunk {
        let setting = &self.settings[experiment];
        let weights = &self.weights[range.clone()];
        let first = weights.iter().map(|w| w.first).min().unwrap_or(0);
        let last = weights.iter().map(|w| w.first + w.n).max().unwrap_or(1);
        let mut columns = Vec::new();
        if let Some(block) = &self.layout.crystals[setting.crystal] {
            columns.extend((first..last).flat_map(|sample| (0..block.local()).map(move |j| block.column(sample, j))));
        }
        if let Some(block) = &self.layout.detectors[setting.detector] {
            columns.extend(block.columns());
        }
        if let Some(block) = &self.layout.beams[setting.beam] {
            columns.extend(block.start..block.start + block.motions.len());
        }
        if let Some(block) = self.layout.goniometers.get(setting.goniometer).and_then(Option::as_ref) {
            columns.extend(block.start..block.start + block.motions.len());
        }
        Chunk { experiment, range, samples: first..last, columns }
    }

    /// Residuals and derivatives of observation `i`; `None` when it cannot be predicted.
    fn row(&self, i: usize, p: &[f64], lab: &LabState) -> Option<Row> {
        let o = &self.observations[i];
        let setting = &self.settings[o.experiment];
        let block = self.layout.crystals[setting.crystal].as_ref()?;
        let beam = lab.beams[setting.beam].as_ref()?;
        let detector = lab.detectors[setting.detector].as_ref()?;
        let goniometer = lab.goniometers.get(setting.goniometer)?.as_ref()?;
        let plane: &PlaneState = detector.panels.get(o.panel)?;
        let body =
            self.layout.detectors[setting.detector].as_ref().and_then(|d| d.body_of.get(o.panel)).and_then(|b| detector.bodies.get(*b))?;

        let varying;
        let crystal = match &lab.crystals[setting.crystal] {
            Some(fixed) => fixed,
            None => {
                varying = block.evaluate(&block.local_parameters(p, &self.weights[i]))?;
                &varying
            }
        };
        let axis = &goniometer.spindle;
        let r0 = goniometer.lab_from_datum * (crystal.a * o.h);
        let phi = diffracting_angle(&beam.s0, axis, &r0, o.entering, o.xyz[2])?;
        let to_lab = rotation(axis, phi) * goniometer.lab_from_datum;
        let r = to_lab * (crystal.a * o.h);
        let s1 = beam.s0 + r;
        let uvw = plane.inverse * s1;
        if uvw.z.is_nan() || uvw.z <= 0.0 {
            return None;
        }
        let (x, y) = (uvw.x / uvw.z, uvw.y / uvw.z);
        let delta = [x - o.xyz[0], y - o.xyz[1], nearest_turn(phi - o.xyz[2])];

        let mut row = Row { delta, jacobian: [[0.0; MAX_COLUMNS]; 3], columns: 0 };
        // (∂x, ∂y) of a change of (u, v, w).
        let project = |d: &Vec3| [(d.x - x * d.z) / uvw.z, (d.y - y * d.z) / uvw.z];
        let speed = axis.cross(&r);
        let along = s1.dot(&speed);
        let mut push = |[dx, dy]: [f64; 2], dphi: f64| {
            for (j, d) in row.jacobian.iter_mut().zip([dx, dy, dphi]) {
                j[row.columns] = d;
            }
            row.columns += 1;
        };
        for da in &crystal.da[..block.local()] {
            let dr = to_lab * (da * o.h);
            let dphi = -s1.dot(&dr) / along;
            push(project(&(plane.inverse * (dr + speed * dphi))), dphi);
        }
        let point = plane.origin + plane.fast * x + plane.slow * y;
        for field in &body.fields {
            let moved = match field {
                Field::Shift(v) => *v,
                Field::Turn(v) => v.cross(&(point - body.pivot)),
            };
            push(project(&(plane.inverse * moved * -uvw.z)), 0.0);
        }
        for ds0 in &beam.ds0 {
            let dphi = -r.dot(ds0) / along;
            push(project(&(plane.inverse * (ds0 + speed * dphi))), dphi);
        }
        // A turn of the spindle carries the crystal along.
        for turn in &goniometer.turns {
            let dr = turn.cross(&r);
            let dphi = -s1.dot(&dr) / along;
            push(project(&(plane.inverse * (dr + speed * dphi))), dphi);
        }
        Some(row)
    }

    /// Residuals (mm, mm, rad) of every observation; `None` where it cannot be predicted.
    pub(crate) fn residuals(&self, p: &[f64]) -> Option<Vec<Option<[f64; 3]>>> {
        let lab = self.layout.lab(p)?;
        Some(parallel::map(self.observations.len(), |i| self.row(i, p, &lab).map(|row| row.delta)))
    }

    /// Derivatives of observation `i` by parameter `j`.
    #[cfg(test)]
    pub(crate) fn jacobian_column(&self, i: usize, j: usize, p: &[f64]) -> Option<[f64; 3]> {
        let row = self.row(i, p, &self.layout.lab(p)?)?;
        let setting = &self.settings[self.observations[i].experiment];
        let w = &self.weights[i];
        let mut out = [0.0; 3];
        let mut add = |from: usize, column: usize, weight: f64| {
            if column == j {
                (0..3).for_each(|k| out[k] += weight * row.jacobian[k][from]);
            }
        };
        let crystal = self.layout.crystals[setting.crystal].as_ref()?;
        let local = crystal.local();
        for k in 0..w.n {
            (0..local).for_each(|a| add(a, crystal.column(w.first + k, a), w.w[k]));
        }
        let chunk = self.chunks.iter().find(|c| c.range.contains(&i))?;
        let others = Others::new(self, chunk, self.observations[i].panel);
        (local..row.columns).for_each(|a| add(a, chunk.columns[others.line(a - local)], 1.0));
        Some(out)
    }

    /// Cost, normal equations and sums at `p`. `None` where the models are impossible.
    pub(crate) fn linearise(&self, p: &[f64]) -> Option<Linearised> {
        let lab = self.layout.lab(p)?;
        let mut out = Linearised {
            cost: 0.0,
            sums: vec![Sums::default(); self.settings.len()],
            normal: Symmetric::zeros(self.layout.n),
            gradient: vec![0.0; self.layout.n],
            lost: 0,
        };
        // In batches, so that the parts' matrices never fill the memory.
        let parts = self.chunks.chunks(BATCH).flat_map(|batch| parallel::map_slice(batch, |chunk| self.accumulate(chunk, p, &lab)));
        for (chunk, part) in self.chunks.iter().zip(parts) {
            out.cost += part.cost;
            out.lost += part.lost;
            let sums = &mut out.sums[chunk.experiment];
            sums.n += part.sums.n;
            for k in 0..3 {
                sums.squares[k] += part.sums.squares[k];
            }
            let m = chunk.columns.len();
            for (a, &i) in chunk.columns.iter().enumerate() {
                out.gradient[i] += part.gradient[a];
                for (b, &j) in chunk.columns[..=a].iter().enumerate() {
                    out.normal.add(i, j, part.normal[a * m + b]);
                }
            }
        }
        for (i, prior) in self.priors.iter().enumerate() {
            let w = 1.0 / (prior.sigma * prior.sigma);
            let away = p[i] - prior.mean;
            out.cost += 0.5 * w * away * away;
            out.gradient[i] += w * away;
            out.normal.add(i, i, w);
        }
        for row in self.restraint.iter().flat_map(|r| restraint::rows(self.layout, p, r)) {
            out.cost += 0.5 * row.residual * row.residual;
            for (a, (i, di)) in row.slopes.iter().enumerate() {
                out.gradient[*i] += di * row.residual;
                row.slopes[..=a].iter().for_each(|(j, dj)| out.normal.add(*i, *j, di * dj));
            }
        }
        Some(out)
    }

    fn accumulate(&self, chunk: &Chunk, p: &[f64], lab: &LabState) -> Part {
        let m = chunk.columns.len();
        let local = self.layout.crystals[self.settings[chunk.experiment].crystal].as_ref().map_or(0, |b| b.local());
        let mut part = Part { cost: 0.0, sums: Sums::default(), normal: vec![0.0; m * m], gradient: vec![0.0; m], lost: 0 };
        for i in chunk.range.clone() {
            let Some(row) = self.row(i, p, lab) else {
                part.lost += 1;
                continue;
            };
            let (w, smooth) = (&self.observations[i].weight, &self.weights[i]);
            part.sums.n += 1;
            for k in 0..3 {
                let square = row.delta[k] * row.delta[k];
                part.sums.squares[k] += square;
                part.cost += 0.5 * w[k] * square;
            }
            let first = smooth.first - chunk.samples.start;
            let n = row.columns;
            let others = Others::new(self, chunk, self.observations[i].panel);
            for a in 0..n {
                let weighted = [0, 1, 2].map(|k| w[k] * row.jacobian[k][a]);
                let down: f64 = (0..3).map(|k| weighted[k] * row.delta[k]).sum();
                let product =
                    |b: usize| weighted[0] * row.jacobian[0][b] + weighted[1] * row.jacobian[1][b] + weighted[2] * row.jacobian[2][b];
                if a < local {
                    let products: [f64; MAX_LOCAL] = core::array::from_fn(|b| if b < local { product(b) } else { 0.0 });
                    for ka in 0..smooth.n {
                        let line = (first + ka) * local + a;
                        part.gradient[line] += smooth.w[ka] * down;
                        for kb in 0..=ka {
                            let weight = smooth.w[ka] * smooth.w[kb];
                            let from = line * m + (first + kb) * local;
                            let to = if kb == ka { a + 1 } else { local };
                            for (cell, value) in part.normal[from..from + to].iter_mut().zip(&products) {
                                *cell += weight * value;
                            }
                        }
                    }
                } else {
                    let line = others.line(a - local);
                    part.gradient[line] += down;
                    for b in 0..local {
                        let value = product(b);
                        for kb in 0..smooth.n {
                            part.normal[line * m + (first + kb) * local + b] += smooth.w[kb] * value;
                        }
                    }
                    for b in local..=a {
                        part.normal[line * m + others.line(b - local)] += product(b);
                    }
                }
            }
        }
        part
    }
}

/// Where the parameters of detector, beam and goniometer of one reflection stand among a chunk's columns.
struct Others {
    /// Column of the first parameter of the reflection's body, and how many it has.
    body: usize,
    n_body: usize,
    /// Column of the first parameter after the detector's.
    after: usize,
}

impl Others {
    fn new(target: &Target<'_>, chunk: &Chunk, panel: usize) -> Self {
        let setting = &target.settings[chunk.experiment];
        let local = target.layout.crystals[setting.crystal].as_ref().map_or(0, |b| b.local());
        let crystal = chunk.samples.len() * local;
        let detector = target.layout.detectors[setting.detector].as_ref();
        let bodies = detector.map_or(&[][..], |d| &d.bodies);
        let mine = detector.and_then(|d| d.body_of.get(panel)).and_then(|b| bodies.get(*b));
        // Bodies stand one after the other.
        let start = bodies.first().map_or(0, |b| b.start);
        Others {
            body: crystal + mine.map_or(0, |b| b.start - start),
            n_body: mine.map_or(0, |b| b.motions.len()),
            after: crystal + bodies.iter().map(|b| b.motions.len()).sum::<usize>(),
        }
    }

    /// The column of parameter `a` of a row, counted from the first of the detector.
    fn line(&self, a: usize) -> usize {
        if a < self.n_body { self.body + a } else { self.after + a - self.n_body }
    }
}

/// The sums of one chunk, in its own columns; `normal` is full, its lower triangle filled.
struct Part {
    cost: f64,
    sums: Sums,
    normal: Vec<f64>,
    gradient: Vec<f64>,
    lost: usize,
}
