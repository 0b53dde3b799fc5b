//! The least-squares problem: cost, residuals and normal equations over all reflections.
//!
//! What one reflection adds is in [`super::ray`]. Reflections are gone through in chunks of fixed size on the pool, each with sums of its own over
//! the parameters that its reflections depend on, and the chunks' sums are added in order: the same digits for any number of threads, and memory for
//! the normal equations of a few chunks, never for derivatives of all reflections.

use super::Options;
use super::beam::Prior;
use super::crystal::MAX_LOCAL;
use super::layout::{LabState, Layout};
use super::ray::{MAX_COLUMNS, Row, Scene};
use super::restraint::{self, CellRestraint};
use super::select::Observation;
use crate::geometry::ExperimentList;
use crate::job::parallel;
use crate::math::Symmetric;

/// Reflections of one task; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 1024;
/// Chunks whose normal equations are held at a time.
const BATCH: usize = 64;

/// The least-squares problem.
pub(crate) struct Target<'a> {
    pub layout: &'a Layout,
    observations: &'a [Observation],
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
    /// By body of the detector.
    others: Vec<Others>,
}

/// Sums over the used reflections of one experiment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sums {
    pub n: usize,
    /// Σ Δ², mm², mm², rad².
    pub squares: [f64; 3],
}

/// The cost at one value of the parameters, and what it is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cost {
    /// ½ Σ w Δ², and the parts of priors and restraints.
    pub cost: f64,
    /// By experiment.
    pub sums: Vec<Sums>,
    /// Reflections that could not be predicted.
    pub lost: usize,
}

impl Cost {
    pub(crate) fn n(&self) -> usize {
        self.sums.iter().map(|s| s.n).sum()
    }

    /// Root-mean-square deviations over all experiments, mm, mm, rad.
    pub(crate) fn rmsd(&self) -> [f64; 3] {
        let n = self.n().max(1) as f64;
        [0, 1, 2].map(|k| (self.sums.iter().map(|s| s.squares[k]).sum::<f64>() / n).sqrt())
    }

    fn add(&mut self, experiment: usize, part: &Part) {
        self.cost += part.cost;
        self.lost += part.lost;
        let sums = &mut self.sums[experiment];
        sums.n += part.sums.n;
        (0..3).for_each(|k| sums.squares[k] += part.sums.squares[k]);
    }
}

/// The normal equations at one value of the parameters.
pub(crate) struct Linearised {
    /// Σ w Jᵀ J.
    pub normal: Symmetric,
    /// Σ w Jᵀ Δ.
    pub gradient: Vec<f64>,
}

impl<'a> Target<'a> {
    /// `observations` as [`super::select::select`] sorts them; their experiments have all models and `layout` has blocks for these.
    /// Outliers among them are predicted, but add nothing. `options`: what is known beforehand; nothing without them.
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
            settings: settings.collect(),
            chunks: Vec::new(),
            priors: layout.priors(options.and_then(|o| o.reference.as_deref())),
            restraint: options.and_then(|o| o.cell_restraint),
        };
        let mut start = 0;
        for group in observations.chunk_by(|a, b| a.experiment == b.experiment) {
            for part in group.chunks(CHUNK) {
                target.chunks.push(target.chunk(part, start));
                start += part.len();
            }
        }
        target
    }

    /// Of `part`, which begins at observation `start`.
    fn chunk(&self, part: &[Observation], start: usize) -> Chunk {
        let experiment = part[0].experiment;
        let setting = &self.settings[experiment];
        let crystal = self.layout.crystals[setting.crystal].as_ref();
        let mut samples = 0..1;
        let mut columns = Vec::new();
        if let Some(block) = crystal {
            // In the order of the scan.
            let (first, last) = (block.weights(part[0].z), block.weights(part[part.len() - 1].z));
            samples = first.first..last.first + last.n;
            columns.extend(samples.clone().flat_map(|sample| (0..block.local()).map(move |j| block.column(sample, j))));
        }
        let n_crystal = columns.len();
        let detector = self.layout.detectors[setting.detector].as_ref();
        columns.extend(detector.iter().flat_map(|block| block.columns()));
        let after = columns.len();
        if let Some(block) = &self.layout.beams[setting.beam] {
            columns.extend(block.start..block.start + block.motions.len());
        }
        if let Some(block) = self.layout.goniometers.get(setting.goniometer).and_then(Option::as_ref) {
            columns.extend(block.start..block.start + block.motions.len());
        }
        let mut body = n_crystal;
        let bodies = detector.iter().flat_map(|d| &d.bodies).map(|b| {
            let others = Others { body, n_body: b.motions.len(), after };
            body += b.motions.len();
            others
        });
        let others = bodies.collect();
        Chunk { experiment, range: start..start + part.len(), samples, columns, others }
    }

    /// The models of an experiment in `lab`, which is the state at `p`. `None` when one is missing.
    fn scene<'s>(&'s self, experiment: usize, p: &'s [f64], lab: &'s LabState) -> Option<Scene<'s>> {
        let setting = &self.settings[experiment];
        Some(Scene::new(
            p,
            self.layout.crystals[setting.crystal].as_ref()?,
            lab.crystals[setting.crystal].as_ref(),
            lab.beams[setting.beam].as_ref()?,
            lab.detectors[setting.detector].as_ref()?,
            &self.layout.detectors[setting.detector].as_ref()?.body_of,
            lab.goniometers.get(setting.goniometer)?.as_ref()?,
        ))
    }

    /// The cost at `p`, and the residuals (mm, mm, rad) of every observation, outliers too; `None` where one cannot be predicted.
    /// `None` where the models are impossible.
    pub(crate) fn cost(&self, p: &[f64]) -> Option<(Cost, Vec<Option<[f64; 3]>>)> {
        let lab = self.layout.lab(p)?;
        let parts = parallel::map_slice(&self.chunks, |chunk| {
            let (mut part, scene) = (Part::default(), self.scene(chunk.experiment, p, &lab));
            let of = |o: &Observation| {
                let delta = scene.as_ref().and_then(|s| s.ray(o)).map(|ray| ray.delta);
                part.add(o, delta.as_ref());
                delta
            };
            let residuals: Vec<_> = self.observations[chunk.range.clone()].iter().map(of).collect();
            (part, residuals)
        });
        let mut out = self.empty();
        let mut residuals = Vec::with_capacity(self.observations.len());
        for (chunk, (part, of_chunk)) in self.chunks.iter().zip(parts) {
            out.add(chunk.experiment, &part);
            residuals.extend(of_chunk);
        }
        self.add_what_is_known(p, &mut out, None);
        Some((out, residuals))
    }

    /// The cost and the normal equations at `p`. `None` where the models are impossible.
    pub(crate) fn linearise(&self, p: &[f64]) -> Option<(Cost, Linearised)> {
        let lab = self.layout.lab(p)?;
        let mut out = self.empty();
        let mut at = Linearised { normal: Symmetric::zeros(self.layout.n), gradient: vec![0.0; self.layout.n] };
        // In batches, so that the parts' matrices never fill the memory.
        let parts = self.chunks.chunks(BATCH).flat_map(|batch| parallel::map_slice(batch, |chunk| self.accumulate(chunk, p, &lab)));
        for (chunk, (part, equations)) in self.chunks.iter().zip(parts) {
            out.add(chunk.experiment, &part);
            equations.add_to(&mut at, &chunk.columns);
        }
        self.add_what_is_known(p, &mut out, Some(&mut at));
        Some((out, at))
    }

    fn empty(&self) -> Cost {
        Cost { sums: vec![Sums::default(); self.settings.len()], ..Cost::default() }
    }

    /// Priors and restraints.
    fn add_what_is_known(&self, p: &[f64], out: &mut Cost, mut at: Option<&mut Linearised>) {
        for (i, prior) in self.priors.iter().enumerate() {
            let w = 1.0 / (prior.sigma * prior.sigma);
            let away = p[i] - prior.mean;
            out.cost += 0.5 * w * away * away;
            if let Some(at) = &mut at {
                at.gradient[i] += w * away;
                at.normal.add(i, i, w);
            }
        }
        for row in self.restraint.iter().flat_map(|r| restraint::rows(self.layout, p, r)) {
            out.cost += 0.5 * row.residual * row.residual;
            let Some(at) = &mut at else { continue };
            for (a, (i, di)) in row.slopes.iter().enumerate() {
                at.gradient[*i] += di * row.residual;
                row.slopes[..=a].iter().for_each(|(j, dj)| at.normal.add(*i, *j, di * dj));
            }
        }
    }

    fn accumulate(&self, chunk: &Chunk, p: &[f64], lab: &LabState) -> (Part, Equations) {
        let local = self.layout.crystals[self.settings[chunk.experiment].crystal].as_ref().map_or(0, |b| b.local());
        let mut equations = Equations::new(chunk.columns.len(), local);
        let mut part = Part::default();
        let scene = self.scene(chunk.experiment, p, lab);
        for o in self.observations[chunk.range.clone()].iter().filter(|o| !o.outlier) {
            let Some((scene, ray)) = scene.as_ref().and_then(|s| Some((s, s.ray(o)?))) else {
                part.add(o, None);
                continue;
            };
            part.add(o, Some(&ray.delta));
            let smooth = scene.weights(o);
            let first = smooth.first - chunk.samples.start;
            equations.add(&scene.row(o, &ray), &ray.delta, &o.weight, first, &smooth.w[..smooth.n], &chunk.others[scene.body(o)]);
        }
        equations.flush();
        (part, equations)
    }

    /// Derivatives of observation `i` by parameter `j`.
    #[cfg(test)]
    pub(crate) fn jacobian_column(&self, i: usize, j: usize, p: &[f64]) -> Option<[f64; 3]> {
        let chunk = self.chunks.iter().find(|c| c.range.contains(&i))?;
        let lab = self.layout.lab(p)?;
        let scene = self.scene(chunk.experiment, p, &lab)?;
        let o = &self.observations[i];
        let row = scene.row(o, &scene.ray(o)?);
        let w = scene.weights(o);
        let crystal = self.layout.crystals[self.settings[chunk.experiment].crystal].as_ref()?;
        let local = crystal.local();
        let mut out = [0.0; 3];
        let mut add = |from: usize, column: usize, weight: f64| {
            if column == j {
                (0..3).for_each(|k| out[k] += weight * row.jacobian[k][from]);
            }
        };
        for k in 0..w.n {
            (0..local).for_each(|a| add(a, crystal.column(w.first + k, a), w.w[k]));
        }
        let others = &chunk.others[scene.body(o)];
        (local..row.columns).for_each(|a| add(a, chunk.columns[others.line(a - local)], 1.0));
        Some(out)
    }
}

/// Where the parameters of detector, beam and goniometer of one reflection stand among a chunk's columns.
#[derive(Debug, Clone, Copy)]
struct Others {
    /// Column of the first parameter of the reflection's body, and how many it has.
    body: usize,
    n_body: usize,
    /// Column of the first parameter after the detector's.
    after: usize,
}

impl Others {
    /// The column of parameter `a` of a row, counted from the first of the detector.
    fn line(&self, a: usize) -> usize {
        if a < self.n_body { self.body + a } else { self.after + a - self.n_body }
    }
}

/// The cost of one chunk.
#[derive(Default)]
struct Part {
    cost: f64,
    sums: Sums,
    lost: usize,
}

impl Part {
    fn add(&mut self, o: &Observation, delta: Option<&[f64; 3]>) {
        if o.outlier {
            return;
        }
        let Some(delta) = delta else {
            self.lost += 1;
            return;
        };
        self.sums.n += 1;
        for k in 0..3 {
            let square = delta[k] * delta[k];
            self.sums.squares[k] += square;
            self.cost += 0.5 * o.weight[k] * square;
        }
    }
}

/// Elements of a packed lower triangle of the parameters of one sample.
const PACKED: usize = MAX_LOCAL * (MAX_LOCAL + 1) / 2;
/// The pairs of three samples, the second not after the first.
const PAIRS: [(usize, usize); 6] = [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)];

/// The normal equations of one chunk, in its own columns.
struct Equations {
    columns: usize,
    /// Parameters of one sample of the crystal.
    local: usize,
    /// All elements row by row, the lower triangle filled.
    normal: Vec<f64>,
    gradient: Vec<f64>,
    /// Of the reflections since the last flush, which depend on the same samples, the first of them being `first`: the crystal's part by pair
    /// of samples. Each is the product of two weights with one symmetric matrix, so a triangle will do.
    first: usize,
    pairs: [[f64; PACKED]; 6],
}

impl Equations {
    fn new(columns: usize, local: usize) -> Self {
        let (normal, gradient) = (vec![0.0; columns * columns], vec![0.0; columns]);
        Equations { columns, local, normal, gradient, first: 0, pairs: [[0.0; PACKED]; 6] }
    }

    /// Adds a reflection whose crystal depends on samples `first`, … with weights `smooth`.
    fn add(&mut self, row: &Row, delta: &[f64; 3], weight: &[f64; 3], first: usize, smooth: &[f64], others: &Others) {
        let (m, local) = (self.columns, self.local);
        if first != self.first {
            self.flush();
            self.first = first;
        }
        let [jx, jy, jz] = &row.jacobian;
        let mut crystal = [0.0; PACKED];
        let mut filled = 0;
        for a in 0..row.columns {
            let (wx, wy, wz) = (weight[0] * jx[a], weight[1] * jy[a], weight[2] * jz[a]);
            let down = wx * delta[0] + wy * delta[1] + wz * delta[2];
            let mut products = [0.0; MAX_COLUMNS];
            for (((p, x), y), z) in products[..=a].iter_mut().zip(jx).zip(jy).zip(jz) {
                *p = wx * x + wy * y + wz * z;
            }
            if a < local {
                crystal[filled..=filled + a].copy_from_slice(&products[..=a]);
                filled += a + 1;
                smooth.iter().enumerate().for_each(|(k, w)| self.gradient[(first + k) * local + a] += w * down);
                continue;
            }
            let line = others.line(a - local);
            self.gradient[line] += down;
            let cells = &mut self.normal[line * m..(line + 1) * m];
            for (sample, w) in cells[first * local..].chunks_exact_mut(local.max(1)).zip(smooth) {
                add_to(sample, &products[..local], *w);
            }
            let body = (a + 1 - local).min(others.n_body);
            add_to(&mut cells[others.body..others.body + body], &products[local..local + body], 1.0);
            let rest = &products[local + body..=a];
            add_to(&mut cells[others.after..others.after + rest.len()], rest, 1.0);
        }
        for (sum, (ka, kb)) in self.pairs.iter_mut().zip(PAIRS).take(smooth.len() * (smooth.len() + 1) / 2) {
            add_to(&mut sum[..filled], &crystal[..filled], smooth[ka] * smooth[kb]);
        }
    }

    /// Brings the sums of pairs of samples to their places.
    fn flush(&mut self) {
        let (m, local) = (self.columns, self.local);
        for (sum, (ka, kb)) in self.pairs.iter_mut().zip(PAIRS) {
            let (row, column) = ((self.first + ka) * local, (self.first + kb) * local);
            // Of three samples in the chunk there may be fewer.
            if row + local > m {
                break;
            }
            let mut k = 0;
            for a in 0..local {
                for b in 0..=a {
                    self.normal[(row + a) * m + column + b] += sum[k];
                    if ka != kb && a != b {
                        self.normal[(row + b) * m + column + a] += sum[k];
                    }
                    k += 1;
                }
            }
            *sum = [0.0; PACKED];
        }
    }

    /// Adds them to the whole, where `columns` says which parameter each column is.
    fn add_to(&self, at: &mut Linearised, columns: &[usize]) {
        for (a, &i) in columns.iter().enumerate() {
            at.gradient[i] += self.gradient[a];
            for (b, &j) in columns[..=a].iter().enumerate() {
                at.normal.add(i, j, self.normal[a * self.columns + b]);
            }
        }
    }
}

/// `sums` += `factor` · `values`.
fn add_to(sums: &mut [f64], values: &[f64], factor: f64) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += factor * value;
    }
}
