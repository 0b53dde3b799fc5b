mod examined;
mod picture;
mod unmix;

use super::super::field::Field;
use super::super::frame::Corners;
use super::super::measure::Footprint;
use super::super::setup::Setup;
use super::fit::{Cell, Fit, Level, fit};
use super::grid::Grid;
use super::overlap::{self, Joint, Neighbour, Unfit};
use super::projection::{Projection, Shares, moments};
use super::references::{Knowledge, References, Summary};
use super::sampler::Sampler;
use super::shape::{Bell, Moments};
use super::spikes;
use super::trend::Place;
use crate::job::parallel;
use crate::math::{Vec2, Vec3, vec3};
pub(crate) use examined::{Examined, Profiles};
pub(crate) use picture::Picture;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The foreground of a reflection, kept until its reference profile is final.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Foreground {
    pub(crate) panel: usize,
    pub(crate) bbox: [i32; 6],
    /// Foreground pixels image by image; negative ones are invalid.
    pub(crate) counts: Vec<i32>,
    pub(crate) level: Level,
    /// How it varies over the box, if it does.
    pub(crate) field: Option<Box<Field>>,
}

/// A reflection to be fitted, and perhaps to serve as a reference.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Candidate {
    /// Row of the table.
    pub(crate) row: usize,
    /// Å⁻¹.
    pub(crate) s1: [f64; 3],
    /// Predicted: px, px, array index.
    pub(crate) xyz: [f64; 3],
    pub(crate) foreground: Foreground,
    /// Whether it contributes to the reference profiles.
    pub(crate) reference: bool,
    /// Whether others are upon it, so that it should be none where there are free ones.
    pub(crate) crowded: bool,
    /// Reflections upon it.
    pub(crate) neighbours: Vec<Neighbour>,
}

impl Candidate {
    fn bytes(&self) -> usize {
        4 * self.foreground.counts.len() + size_of::<Candidate>() + self.neighbours.len() * size_of::<Neighbour>()
    }
}

/// What became of a reflection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) fit: Result<Fit, Unfit>,
    /// Pixels that cannot belong to it; a fit does without them.
    pub(crate) spikes: usize,
}

impl Default for Outcome {
    fn default() -> Self {
        Outcome { fit: Err(Unfit::Nothing), spikes: 0 }
    }
}

/// The same with all that is known of it; neighbours by their number in the candidate.
#[derive(Debug, Clone)]
struct Tried {
    joint: Result<Joint, Unfit>,
    spikes: usize,
    /// Without the spikes.
    counts: Vec<i32>,
}

impl Tried {
    fn outcome(&self) -> Outcome {
        Outcome { fit: self.joint.as_ref().map(|joint| joint.fit).map_err(|why| *why), spikes: self.spikes }
    }
}

/// Makes the reference profiles of an experiment while its images pass by, and fits reflections as soon as their profile is final.
#[derive(Debug)]
pub(crate) struct Fitter<'a> {
    setup: Setup<'a>,
    grid: Grid,
    bell: Bell,
    references: References,
    /// First image by which all spots of a layer and its neighbours are complete.
    ready_at: Vec<i32>,
    finished: Vec<bool>,
    waiting: Vec<Vec<Candidate>>,
    bytes: usize,
    pub(crate) peak_bytes: usize,
}

/// How far a fitter has come: all of it that images have changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    references: Knowledge,
    finished: Vec<bool>,
    waiting: Vec<Vec<Candidate>>,
    peak_bytes: usize,
}

/// Reflections transformed by one task.
const CHUNK: usize = 16;

/// Strong spots that are shared out among cells by one task.
const SHARE_CHUNK: usize = 64;
/// A spot with more counts than this counts no more than one with as many: its model would have to be right to a per cent.
const STRONGEST: f64 = 2000.0;

/// Times that spots are shared out: once by the Gaussian, then by what came of it.
const ROUNDS: usize = 1;
/// Mean square distance from the centre, in σ_b², beyond which a spot is no reference.
const WIDEST: f64 = 3.0;

/// Times that spikes are looked for.
const SPIKE_ROUNDS: usize = 3;

/// Memory used again and again.
#[derive(Default)]
struct Scratch {
    footprint: Footprint,
    edges: Vec<f64>,
    projection: Projection,
    /// Background of the foreground pixels, image by image, and their places where it varies.
    levels: Vec<f64>,
    places: Vec<[usize; 3]>,
    cells: Vec<Cell>,
    /// Of reflections upon the one: corners of its pixels in their frame, ends of its images, profile.
    corners: Corners,
    other: Projection,
}

impl<'a> Fitter<'a> {
    /// `spots`: where reference spots are predicted (px, px, array index) and the images after their last.
    pub(crate) fn new(setup: Setup<'a>, half: usize, spots: impl Iterator<Item = ([f64; 3], i32)>) -> Self {
        let sampler = Sampler::new(setup.detector, setup.scan);
        let layers = sampler.layers();
        let mut ready_at = vec![0; layers];
        for (xyz, end) in spots {
            let layer = sampler.layer(&xyz);
            for ready in &mut ready_at[layer.saturating_sub(1)..(layer + 2).min(layers)] {
                *ready = end.max(*ready);
            }
        }
        // A layer without spots borrows from the last before it that has some, or from the first of all.
        let first = ready_at.iter().copied().find(|r| *r > 0).unwrap_or(0);
        ready_at.iter_mut().fold(first, |before, ready| {
            *ready = before.max(*ready);
            *ready
        });
        let grid = Grid::new(half, setup.n_sigma, setup.widths.sigma_b, setup.widths.sigma_m);
        Fitter {
            bell: Bell::new(),
            references: References::new(sampler, setup.widths, grid.cells()),
            grid,
            ready_at,
            finished: vec![false; layers],
            waiting: vec![Vec::new(); layers],
            setup,
            bytes: 0,
            peak_bytes: 0,
        }
    }

    /// Leaves what images have changed.
    pub(crate) fn into_progress(self) -> Progress {
        let Fitter { references, finished, waiting, peak_bytes, .. } = self;
        Progress { references: references.into_knowledge(), finished, waiting, peak_bytes }
    }

    /// Goes on from where a fitter of the same reflections has come to.
    pub(crate) fn go_on(&mut self, progress: Progress) {
        let Progress { references, finished, waiting, peak_bytes } = progress;
        if finished.len() == self.finished.len() && waiting.len() == self.waiting.len() && self.references.know(references) {
            self.bytes = waiting.iter().flatten().map(Candidate::bytes).sum();
            (self.finished, self.waiting, self.peak_bytes) = (finished, waiting, peak_bytes);
        }
    }

    /// Takes reflections that were completed by image `z` (exclusive); returns those whose profile is final. All reflections that end before `z`
    /// must have been given.
    pub(crate) fn take(&mut self, mut candidates: Vec<Candidate>, z: i32) -> Vec<Candidate> {
        let spots: Vec<&Candidate> = candidates.iter().filter(|c| c.reference).collect();
        let found = parallel::map_chunks(&spots, CHUNK, |_, chunk| {
            let mut scratch = Scratch::default();
            chunk.iter().map(|c| self.moments(c, &mut scratch)).collect::<Vec<_>>()
        });
        for (c, m) in candidates.iter_mut().filter(|c| c.reference).zip(found.into_iter().flatten()) {
            match m.filter(|m| self.usable(m)) {
                Some(m) => self.references.add(&c.xyz, &self.place_of(&vec3(c.s1)), weight(m.net), &m, c.crowded),
                // Others may have made it wide.
                None => c.reference = !c.neighbours.is_empty(),
            }
        }
        for c in candidates {
            let layer = self.references.sampler.layer(&c.xyz);
            self.bytes += c.bytes();
            self.waiting[layer].push(c);
        }
        self.peak_bytes = self.peak_bytes.max(self.bytes);
        let mut ready = Vec::new();
        for layer in 0..self.ready_at.len() {
            if self.ready_at[layer] <= z {
                if !self.finished[layer] {
                    self.finish(layer);
                    self.finished[layer] = true;
                }
                ready.append(&mut self.waiting[layer]);
            }
        }
        self.bytes -= ready.iter().map(Candidate::bytes).sum::<usize>();
        ready
    }

    /// Makes the fitters of one scan finish each layer together, so that reflections of one lattice upon another's find its profiles.
    pub(crate) fn join(fitters: &mut BTreeMap<usize, Fitter<'_>>) {
        let mut last: BTreeMap<usize, Vec<i32>> = BTreeMap::new();
        for f in fitters.values() {
            let all = last.entry(f.ready_at.len()).or_insert_with(|| f.ready_at.clone());
            all.iter_mut().zip(&f.ready_at).for_each(|(a, b)| *a = (*a).max(*b));
        }
        for f in fitters.values_mut() {
            if let Some(all) = last.get(&f.ready_at.len()) {
                f.ready_at.clone_from(all);
            }
        }
    }

    /// The reference profiles with their numbers of spots.
    pub(crate) fn summaries(&self) -> Vec<Summary> {
        let panel = self.setup.detector.panels.first();
        let place = |at: [f64; 2]| {
            let s1 = panel.map(|p| p.s1_from_px(Vec2::new(at[0], at[1]), 1.0));
            s1.map_or(Place::new(0.0, 0.0), |s1| self.place_of(&s1))
        };
        self.references.summaries(place)
    }

    /// Makes the profiles of a layer whose spots are complete.
    fn finish(&mut self, layer: usize) {
        if !self.unmix(layer) {
            self.references.shape_layer(layer);
        }
        for _ in 0..ROUNDS {
            self.learn_ratios(layer);
        }
    }

    /// Shares the spots of a layer out among the cells by the ratios so far, and makes better ones of them.
    fn learn_ratios(&mut self, layer: usize) {
        let mut spots: Vec<Vec<&Candidate>> = vec![Vec::new(); self.references.sampler.per_layer()];
        let range = self.references.layer(layer);
        let crowded = self.references.uses_crowded(layer);
        for c in self.waiting[layer].iter().filter(|c| c.reference && (crowded || !c.crowded)) {
            spots[self.references.sampler.clamped(&c.xyz) - range.start].push(c);
        }
        let tasks: Vec<(usize, &[&Candidate])> =
            spots.iter().enumerate().flat_map(|(i, s)| s.chunks(SHARE_CHUNK).map(move |c| (i, c))).collect();
        let shares = parallel::map_slice(&tasks, |&(_, chunk)| {
            let mut scratch = Scratch::default();
            let mut out = Shares::new(self.grid.cells());
            for c in chunk {
                self.share(c, &mut scratch, &mut out);
            }
            out
        });
        let mut sums: Vec<Option<Shares>> = vec![None; spots.len()];
        for (&(i, _), s) in tasks.iter().zip(shares) {
            match &mut sums[i] {
                Some(sum) => sum.add(1.0, &s),
                none => *none = Some(s),
            }
        }
        for (i, s) in sums.into_iter().enumerate() {
            if let Some(s) = s {
                self.references.set_shares(range.start + i, s);
            }
        }
        self.references.finish_layer(layer, &self.grid);
    }

    /// The corners of a reflection's pixels and the ends of its images in its frame.
    fn place(&self, c: &Candidate, scratch: &mut Scratch) -> Option<()> {
        let frame = self.setup.frame(&vec3(c.s1));
        let f = &c.foreground;
        scratch.footprint.fill(&self.setup, &frame, f.panel, &f.bbox)?;
        let e3 = |z: i32| frame.zeta * (f64::from(z) - c.xyz[2]) * self.setup.scan.width;
        scratch.edges.clear();
        scratch.edges.extend((f.bbox[4]..=f.bbox[5]).map(e3));
        scratch.levels.clear();
        scratch.places.clear();
        match &f.field {
            None => scratch.levels.resize(f.counts.len(), f.level.mean),
            Some(field) => {
                let inside = &scratch.footprint.inside;
                let width = scratch.footprint.corners.width.saturating_sub(1).max(1);
                let images = (f.bbox[5] - f.bbox[4]).max(0) as usize;
                let of_image = |k: usize| (0..inside.len()).filter(|&p| inside[p]).map(move |p| [p % width, p / width, k]);
                scratch.places.extend((0..images).flat_map(of_image));
                scratch.levels.extend(scratch.places.iter().map(|at| field.at(*at)));
            }
        }
        Some(())
    }

    /// Lays the profile over a reflection's pixels; returns its ratios.
    fn project(&self, c: &Candidate, scratch: &mut Scratch) -> Option<&[f64]> {
        let (shape, ratio) = self.references.profile_at(&c.xyz, &self.place_of(&vec3(c.s1)))?;
        self.place(c, scratch)?;
        let Scratch { footprint, edges, projection, .. } = scratch;
        projection.fill((&shape, ratio), &self.grid, &self.bell, &footprint.corners, &footprint.inside, edges);
        Some(ratio)
    }

    /// Where on the detector a diffracted beam points.
    fn place_of(&self, s1: &Vec3) -> Place {
        let across = self.setup.s0.cross(&self.setup.axis).normalize();
        let direction = s1.normalize();
        Place::new(direction.dot(&self.setup.axis), direction.dot(&across))
    }

    /// Whether a spot can be a reference: not one that is far wider than the others (a neighbour or a hot pixel lies within it).
    fn usable(&self, m: &Moments) -> bool {
        let sigma_b = self.setup.widths.sigma_b;
        m.net > 0.0 && m.second[0] + m.second[2] < WIDEST * sigma_b * sigma_b * m.net
    }

    fn moments(&self, c: &Candidate, scratch: &mut Scratch) -> Option<Moments> {
        self.place(c, scratch)?;
        let f = &c.foreground;
        Some(moments(&scratch.footprint.corners, &scratch.footprint.inside, &scratch.edges, &f.counts, &scratch.levels))
    }

    /// Adds what a spot has in the cells of its reference.
    fn share(&self, c: &Candidate, scratch: &mut Scratch, out: &mut Shares) -> Option<()> {
        let ratio = self.project(c, scratch)?;
        let f = &c.foreground;
        if !c.neighbours.is_empty() {
            // What others have there is none of its own. Those of other lattices are not sought in their fitters, which may not have come as far.
            let joint = self.fit_among(c, &BTreeMap::new(), scratch).joint.ok()?;
            scratch.levels.iter_mut().zip(&joint.others).for_each(|(level, others)| *level += others.max(0.0));
        }
        let net: f64 = f.counts.iter().zip(&scratch.levels).filter(|(c, _)| **c >= 0).map(|(c, b)| f64::from(*c) - b).sum();
        let recorded: f64 = scratch.projection.fraction.iter().sum();
        if net > 0.0 && recorded > 0.5 {
            scratch.projection.share(ratio, &f.counts, &scratch.levels, weight(net), net / recorded, out);
        }
        Some(())
    }

    /// The part of a reflection upon `c` on each of its pixels; `false` when there is no profile for it.
    fn project_neighbour(&self, n: &Neighbour, c: &Candidate, corners: &mut Corners, inside: &[bool], out: &mut Projection) -> bool {
        let s1 = vec3(n.s1);
        let b = &c.foreground.bbox;
        let frame = self.setup.frame(&s1);
        let Some(panel) = self.setup.detector.panels.get(c.foreground.panel) else { return false };
        // Its layer may not be finished yet, that of the reflection is.
        let Some((shape, ratio)) = self.references.profile_at(&c.xyz, &self.place_of(&s1)) else { return false };
        if corners.fill(&frame, panel, [b[0], b[1], b[2], b[3]]).is_none() {
            return false;
        }
        let edges: Vec<f64> = (b[4]..=b[5]).map(|z| frame.zeta * (f64::from(z) - n.xyz[2]) * self.setup.scan.width).collect();
        out.fill((&shape, ratio), &self.grid, &self.bell, corners, inside, &edges);
        true
    }

    /// Fits a reflection by itself or with those upon it; `None` when there is no profile for it.
    fn fit(&self, c: &Candidate, fitters: &BTreeMap<usize, Fitter<'_>>, scratch: &mut Scratch) -> Option<Tried> {
        self.project(c, scratch)?;
        // With its centre off the scan most of a reflection is extrapolated.
        let fittable = self.references.sampler.covers(&c.xyz);
        Some(if c.neighbours.is_empty() || !fittable { fit_alone(c, fittable, scratch) } else { self.fit_among(c, fitters, scratch) })
    }

    /// Fits a reflection with others upon it. Where there is no profile for one of another lattice, that of the reflection's own serves.
    fn fit_among(&self, c: &Candidate, fitters: &BTreeMap<usize, Fitter<'_>>, scratch: &mut Scratch) -> Tried {
        let f = &c.foreground;
        let mut fractions = vec![scratch.projection.fraction.clone()];
        let mut whose = Vec::new();
        let Scratch { footprint, levels, places, corners, other, .. } = scratch;
        for (k, n) in c.neighbours.iter().enumerate() {
            let theirs = fitters.get(&(n.experiment as usize)).unwrap_or(self);
            if theirs.project_neighbour(n, c, corners, &footprint.inside, other)
                || self.project_neighbour(n, c, corners, &footprint.inside, other)
            {
                fractions.push(other.fraction.clone());
                whose.push(k);
            }
        }
        let carried = f
            .field
            .as_ref()
            .map(|field| |weights: &mut dyn Iterator<Item = (usize, f64)>| field.variance(weights.map(|(q, w)| (places[q], w))));
        let carried = carried.as_ref().map(|f| f as &dyn Fn(&mut dyn Iterator<Item = (usize, f64)>) -> f64);
        let mut tried =
            without_spikes(f, footprint, &fractions[0], levels, |counts| overlap::fit(&fractions, counts, levels, &f.level, carried));
        if let Ok(joint) = &mut tried.joint {
            joint.upon.iter_mut().for_each(|u| u.number = whose[u.number]);
        }
        tried
    }
}

/// Fits a reflection upon which there are no others; one that is not `fittable` is only searched for spikes.
fn fit_alone(c: &Candidate, fittable: bool, scratch: &mut Scratch) -> Tried {
    let Scratch { projection, levels, places, cells, footprint, .. } = scratch;
    let f = &c.foreground;
    let carried = f.field.as_ref().map(|field| {
        |cells: &[Cell], intensity: f64| field.variance(cells.iter().map(|c| (places[c.index as usize], c.weight(intensity))))
    });
    let carried = carried.as_ref().map(|f| f as &dyn Fn(&[Cell], f64) -> f64);
    let fraction = &projection.fraction;
    without_spikes(f, footprint, fraction, levels, |counts| {
        let fit = if fittable { fit(fraction, counts, levels, &f.level, carried, cells) } else { None };
        fit.map(Joint::alone).ok_or(Unfit::Nothing)
    })
}

/// Fits a reflection again and again while there are spikes to leave out. One that cannot be fitted is searched for them once.
fn without_spikes(
    f: &Foreground,
    footprint: &Footprint,
    fraction: &[f64],
    levels: &[f64],
    mut try_fit: impl FnMut(&[i32]) -> Result<Joint, Unfit>,
) -> Tried {
    let width = footprint.corners.width.saturating_sub(1);
    let mut counts = f.counts.clone();
    let remove =
        |counts: &mut [i32], levels: &[f64], intensity| spikes::remove(&footprint.inside, width, fraction, levels, intensity, counts);
    let mut spikes = 0;
    let mut tried = try_fit(&counts);
    // With the worst gone, lesser ones may show.
    for _ in 0..SPIKE_ROUNDS {
        let found = match &tried {
            Ok(joint) => remove(&mut counts, &joint.below(levels), joint.fit.intensity),
            Err(_) => remove(&mut counts, levels, 0.0),
        };
        spikes += found;
        if found == 0 || tried.is_err() {
            break;
        }
        tried = try_fit(&counts);
    }
    Tried { joint: tried, spikes, counts }
}

fn weight(net: f64) -> f64 {
    (STRONGEST / net).min(1.0)
}

/// Fits reflections whose profiles are final, each with the profiles of its experiment: by row, in their order.
pub(crate) fn fit_ready(fitters: &BTreeMap<usize, Fitter<'_>>, ready: &[(usize, Candidate)]) -> Vec<(usize, Outcome)> {
    let fits = parallel::map_chunks(ready, CHUNK, |_, chunk| {
        let mut scratch = Scratch::default();
        let one = |(e, c): &(usize, Candidate)| {
            let tried = fitters.get(e).and_then(|f| f.fit(c, fitters, &mut scratch));
            (c.row, tried.map_or_else(Outcome::default, |t| t.outcome()))
        };
        chunk.iter().map(one).collect::<Vec<_>>()
    });
    fits.into_iter().flatten().collect()
}
