use super::super::measure::Footprint;
use super::super::setup::Setup;
use super::fit::{Fit, fit};
use super::grid::{Grid, SliceWeights};
use super::references::{References, Sample, Summary};
use super::sampler::Sampler;
use super::transform::{OnGrid, transform};
use crate::job::parallel;
use crate::math::Vec3;

/// The foreground of a reflection, kept until its reference profile is final.
#[derive(Debug, Clone, Default)]
pub(crate) struct Foreground {
    pub(crate) panel: usize,
    pub(crate) bbox: [i32; 6],
    /// Foreground pixels image by image; negative ones are invalid.
    pub(crate) counts: Vec<i32>,
    /// Background, counts per pixel.
    pub(crate) level: f64,
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

/// Makes the reference profiles of an experiment while its images pass by, and fits reflections as soon as their profile is final.
#[derive(Debug)]
pub(crate) struct Fitter<'a> {
    setup: Setup<'a>,
    grid: Grid,
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

/// Memory used again and again.
#[derive(Default)]
struct Scratch {
    footprint: Footprint,
    slices: SliceWeights,
    edges: Vec<f64>,
    on_grid: OnGrid,
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
        Fitter {
            grid: Grid::new(half, setup.n_sigma, setup.widths.sigma_b, setup.widths.sigma_m),
            references: References::new(sampler),
            ready_at,
            finished: vec![false; layers],
            waiting: vec![Vec::new(); layers],
            setup,
            bytes: 0,
            peak_bytes: 0,
        }
    }

    /// Takes reflections that were completed by image `z` (exclusive); returns the fits of those whose profile is final, by row. `None` for a
    /// reflection that cannot be fitted. All reflections that end before `z` must have been given.
    pub(crate) fn take(&mut self, candidates: Vec<Candidate>, z: i32) -> Vec<(usize, Option<Fit>)> {
        let spots: Vec<&Candidate> = candidates.iter().filter(|c| c.reference).collect();
        let samples: Vec<Vec<Option<Sample>>> = parallel::map_chunks(&spots, CHUNK, |_, chunk| {
            let mut scratch = Scratch::default();
            chunk.iter().map(|c| self.sample(c, &mut scratch)).collect()
        });
        let samples: Vec<Sample> = samples.into_iter().flatten().flatten().collect();
        self.references.add(&samples);
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
                    self.references.finish_layer(layer);
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
        self.references.summaries()
    }

    fn on_grid(&self, c: &Candidate, scratch: &mut Scratch) -> Option<()> {
        let frame = self.setup.frame(&c.s1);
        let f = &c.foreground;
        scratch.footprint.fill(&self.setup, &frame, f.panel, &f.bbox)?;
        let e3 = |z: i32| frame.zeta * (f64::from(z) - c.xyz[2]) * self.setup.scan.width;
        scratch.edges.clear();
        scratch.edges.extend((f.bbox[4]..=f.bbox[5]).map(e3));
        self.grid.slice_weights(&scratch.edges, &mut scratch.slices);
        let footprint = &scratch.footprint;
        transform(&self.grid, &footprint.corners, &footprint.inside, &f.counts, &scratch.slices, &mut scratch.on_grid);
        Some(())
    }

    /// A spot's profile, background subtracted, of sum 1. `None` when there is nothing above the background.
    fn sample(&self, c: &Candidate, scratch: &mut Scratch) -> Option<Sample> {
        self.on_grid(c, scratch)?;
        let level = c.foreground.level;
        let cells = scratch.on_grid.counts.iter().zip(&scratch.on_grid.background);
        let mut profile: Vec<f64> = cells.map(|(d, b)| d - level * b).collect();
        let sum: f64 = profile.iter().sum();
        if sum <= 0.0 {
            return None;
        }
        profile.iter_mut().for_each(|x| *x /= sum);
        Some(Sample { xyz: c.xyz, profile })
    }

    fn fit(&self, c: &Candidate, scratch: &mut Scratch) -> Option<Fit> {
        let reference = self.references.profile_at(&c.xyz)?;
        self.on_grid(c, scratch)?;
        let (g, level, n) = (&scratch.on_grid, c.foreground.level, self.grid.size);
        // Cells of covered slices; e3 runs fastest.
        let mut cells: Vec<(f64, f64, f64)> = Vec::with_capacity(reference.len());
        for (column, p) in reference.chunks_exact(n).enumerate() {
            for (s, p) in p.iter().enumerate().filter(|(s, _)| g.covered[*s]) {
                cells.push((g.counts[column * n + s], level * g.background[column * n + s], *p));
            }
        }
        fit(|| cells.iter().copied())
    }
}
