mod examined;
mod picture;

use super::super::field::Field;
use super::super::measure::Footprint;
use super::super::setup::Setup;
use super::fit::{Cell, Fit, Level, fit};
use super::grid::Grid;
use super::projection::{Projection, Shares, moments};
use super::references::{References, Summary};
use super::sampler::Sampler;
use super::shape::{Bell, Moments};
use super::spikes;
use super::trend::Place;
use crate::job::parallel;
use crate::math::{Vec2, Vec3};
pub(crate) use examined::{Examined, Profiles};
pub(crate) use picture::Picture;

/// The foreground of a reflection, kept until its reference profile is final.
#[derive(Debug, Clone, Default)]
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
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Row of the table.
    pub(crate) row: usize,
    pub(crate) s1: Vec3,
    /// Predicted: px, px, array index.
    pub(crate) xyz: [f64; 3],
    pub(crate) foreground: Foreground,
    /// Whether it contributes to the reference profiles.
    pub(crate) reference: bool,
}

/// What became of a reflection.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Outcome {
    /// `None` when too little of it was recorded, its centre is not on the scan, or there is no profile for it.
    pub(crate) fit: Option<Fit>,
    /// Pixels that cannot belong to it; a fit does without them.
    pub(crate) spikes: usize,
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
    /// Counts of the foreground pixels without spikes.
    counts: Vec<i32>,
}

impl<'a> Fitter<'a> {
    /// `spots`: where reference spots are predicted (px, px, array index) and the images after their last.
    pub(crate) fn new(setup: Setup<'a>, half: usize, scan_step: f64, spots: impl Iterator<Item = ([f64; 3], i32)>) -> Self {
        let sampler = Sampler::new(setup.detector, setup.scan, scan_step);
        let layers = sampler.layers();
        let mut ready_at = vec![0; layers];
        for (xyz, end) in spots {
            let layer = sampler.layer(&xyz);
            for ready in &mut ready_at[layer.saturating_sub(1)..(layer + 2).min(layers)] {
                *ready = end.max(*ready);
            }
        }
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

    /// Takes reflections that were completed by image `z` (exclusive); returns what became of those whose profile is final, by row. All
    /// reflections that end before `z` must have been given.
    pub(crate) fn take(&mut self, mut candidates: Vec<Candidate>, z: i32) -> Vec<(usize, Outcome)> {
        let spots: Vec<&Candidate> = candidates.iter().filter(|c| c.reference).collect();
        let found = parallel::map_chunks(&spots, CHUNK, |_, chunk| {
            let mut scratch = Scratch::default();
            chunk.iter().map(|c| self.moments(c, &mut scratch)).collect::<Vec<_>>()
        });
        for (c, m) in candidates.iter_mut().filter(|c| c.reference).zip(found.into_iter().flatten()) {
            match m.filter(|m| self.usable(m)) {
                Some(m) => self.references.add(&c.xyz, &self.place_of(&c.s1), weight(m.net), &m),
                None => c.reference = false,
            }
        }
        for c in candidates {
            let layer = self.references.sampler.layer(&c.xyz);
            self.bytes += 4 * c.foreground.counts.len() + size_of::<Candidate>();
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
        self.bytes -= ready.iter().map(|c| 4 * c.foreground.counts.len() + size_of::<Candidate>()).sum::<usize>();
        let fits = parallel::map_chunks(&ready, CHUNK, |_, chunk| {
            let mut scratch = Scratch::default();
            chunk.iter().map(|c| (c.row, self.fit(c, &mut scratch))).collect::<Vec<_>>()
        });
        fits.into_iter().flatten().collect()
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
        self.references.shape_layer(layer);
        for _ in 0..ROUNDS {
            self.learn_ratios(layer);
        }
    }

    /// Shares the spots of a layer out among the cells by the ratios so far, and makes better ones of them.
    fn learn_ratios(&mut self, layer: usize) {
        let mut spots: Vec<Vec<&Candidate>> = vec![Vec::new(); self.references.sampler.per_layer()];
        let range = self.references.layer(layer);
        for c in self.waiting[layer].iter().filter(|c| c.reference) {
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
        let frame = self.setup.frame(&c.s1);
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
        let (shape, ratio) = self.references.profile_at(&c.xyz, &self.place_of(&c.s1))?;
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
        let net: f64 = f.counts.iter().zip(&scratch.levels).filter(|(c, _)| **c >= 0).map(|(c, b)| f64::from(*c) - b).sum();
        let recorded: f64 = scratch.projection.fraction.iter().sum();
        if net > 0.0 && recorded > 0.5 {
            scratch.projection.share(ratio, &f.counts, &scratch.levels, weight(net), net / recorded, out);
        }
        Some(())
    }

    /// Fits a reflection, again and again while there are spikes to leave out. One that cannot be fitted is searched for them once.
    fn fit(&self, c: &Candidate, scratch: &mut Scratch) -> Outcome {
        scratch.counts.clone_from(&c.foreground.counts);
        if self.project(c, scratch).is_none() {
            return Outcome::default();
        }
        let Scratch { projection, levels, places, cells, footprint, counts, .. } = scratch;
        let f = &c.foreground;
        let carried = f.field.as_ref().map(|field| {
            |cells: &[Cell], intensity: f64| field.variance(cells.iter().map(|c| (places[c.index as usize], c.weight(intensity))))
        });
        let carried = carried.as_ref().map(|f| f as &dyn Fn(&[Cell], f64) -> f64);
        let width = footprint.corners.width.saturating_sub(1);
        // With its centre off the scan most of a reflection is extrapolated.
        let fittable = self.references.sampler.covers(&c.xyz);
        let mut try_fit =
            |counts: &[i32]| if fittable { fit(&projection.fraction, counts, levels, &f.level, carried, cells) } else { None };
        let mut out = Outcome { fit: try_fit(counts), spikes: 0 };
        // With the worst gone, lesser ones may show.
        for _ in 0..SPIKE_ROUNDS {
            let intensity = out.fit.map_or(0.0, |f| f.intensity);
            let found = spikes::remove(&footprint.inside, width, &projection.fraction, levels, intensity, counts);
            out.spikes += found;
            if found == 0 || out.fit.is_none() {
                break;
            }
            out.fit = try_fit(counts);
        }
        out
    }
}

fn weight(net: f64) -> f64 {
    (STRONGEST / net).min(1.0)
}
