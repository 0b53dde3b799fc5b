use super::grid::Grid;
use super::projection::Shares;
use super::sampler::Sampler;
use super::shape::{Moments, Shape};

/// A reference profile: a Gaussian times a ratio by cell.
///
/// The Gaussian carries what is finer than a cell or a pixel, the ratio whatever spots are beyond a Gaussian.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Profile {
    pub(super) shape: Shape,
    /// By cell.
    pub(super) ratio: Vec<f64>,
}

/// One reference on its way: what the spots of its own block and region add to it.
#[derive(Debug, Clone, Default)]
struct Reference {
    spots: usize,
    moments: Moments,
    shares: Option<Shares>,
    profile: Option<Profile>,
}

/// What is told about a reference profile.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    /// px, px, array index.
    pub(crate) xyz: [f64; 3],
    /// Spots that took part.
    pub(crate) samples: usize,
}

/// The reference profiles of an experiment.
#[derive(Debug, Clone)]
pub(super) struct References {
    pub(super) sampler: Sampler,
    all: Vec<Reference>,
}

/// A ratio is believed to be 1 within this, where spots do not tell.
const PRIOR: f64 = 0.3;
/// Counts beyond the Gaussian are believed possible up to this part of the fullest cell.
const PRIOR_TAIL: f64 = 2e-3;
/// Where the Gaussian has next to nothing, no more than this many times as much.
const MAX_RATIO: f64 = 20.0;

impl References {
    pub(super) fn new(sampler: Sampler) -> Self {
        References { sampler, all: vec![Reference::default(); sampler.len()] }
    }

    /// Takes in the moments of a spot.
    pub(super) fn add(&mut self, xyz: &[f64; 3], weight: f64, moments: &Moments) {
        let r = &mut self.all[self.sampler.clamped(xyz)];
        r.spots += 1;
        r.moments.add(weight, moments);
    }

    /// The references of a layer.
    pub(super) fn layer(&self, layer: usize) -> core::ops::Range<usize> {
        let n = self.sampler.per_layer();
        layer * n..(layer + 1) * n
    }

    /// Gaussians for a layer, of whose spots and whose neighbours' all moments are known: those of neighbours count by their distance.
    pub(super) fn shape_layer(&mut self, layer: usize, grid: &Grid, sigma_b: f64, sigma_m: f64) {
        for i in self.layer(layer) {
            let mut m = Moments::default();
            for (j, other) in self.all.iter().enumerate().filter(|(_, o)| o.spots > 0) {
                m.add(self.sampler.weight(i, &self.sampler.coordinate(j)), &other.moments);
            }
            let shape = Shape::from_moments(&m, sigma_b, sigma_m);
            self.all[i].profile = shape.map(|shape| Profile { shape, ratio: vec![1.0; grid.cells()] });
        }
    }

    /// The profile of a reference, `None` when there were no spots near it.
    pub(super) fn profile(&self, index: usize) -> Option<&Profile> {
        self.all[index].profile.as_ref()
    }

    /// Takes what the spots of a reference have in its cells.
    pub(super) fn set_shares(&mut self, index: usize, shares: Shares) {
        self.all[index].shares = Some(shares);
    }

    /// Ratios for a layer, from the spots of this layer and the one before; those of neighbours count by their distance. Where spots say little,
    /// the Gaussian is believed.
    pub(super) fn finish_layer(&mut self, layer: usize, grid: &Grid) {
        for i in self.layer(layer) {
            let mut sum = Shares::new(grid.cells());
            for (j, other) in self.all.iter().enumerate() {
                let w = self.sampler.weight(i, &self.sampler.coordinate(j));
                if let Some(s) = other.shares.as_ref().filter(|_| w > 0.0) {
                    sum.add(w, s);
                }
            }
            if let Some(p) = &mut self.all[i].profile {
                update(&mut p.ratio, &sum);
            }
        }
        // The shares of the layer before are not needed any more.
        if layer > 0 {
            for i in self.layer(layer - 1) {
                self.all[i].shares = None;
            }
        }
    }

    /// The profile for a place; where it has none, the nearest of its layer or of the one before that has. `None` outside the panel or the scan,
    /// or when there were no spots so far.
    pub(super) fn profile_at(&self, xyz: &[f64; 3]) -> Option<&Profile> {
        let index = self.sampler.nearest(xyz)?;
        if let Some(p) = &self.all[index].profile {
            return Some(p);
        }
        let distance = |i: usize| {
            let c = self.sampler.coordinate(i);
            (c[0] - xyz[0]).powi(2) + (c[1] - xyz[1]).powi(2)
        };
        for layer in (0..=index / self.sampler.per_layer()).rev() {
            let there = self.layer(layer).filter(|&i| self.all[i].profile.is_some());
            if let Some(i) = there.min_by(|&a, &b| distance(a).total_cmp(&distance(b))) {
                return self.all[i].profile.as_ref();
            }
        }
        None
    }

    pub(super) fn summaries(&self) -> Vec<Summary> {
        self.all.iter().enumerate().map(|(i, r)| Summary { xyz: self.sampler.coordinate(i), samples: r.spots }).collect()
    }
}

/// New ratios from what was found and what was expected in each cell: the mean, weighted by their variances, of what was found and the Gaussian.
/// What is expected of all cells together is kept.
fn update(ratio: &mut [f64], shares: &Shares) {
    let fullest = shares.expected.iter().copied().fold(0.0, f64::max);
    if !(fullest > 0.0) {
        return;
    }
    let (mut before, mut after) = (0.0, 0.0);
    for (i, r) in ratio.iter_mut().enumerate() {
        let (found, expected) = (shares.found[i], shares.expected[i]);
        if expected <= 0.0 {
            continue;
        }
        let noise = shares.counts[i].max(expected).max(1.0);
        let prior = (PRIOR * expected).powi(2) + (PRIOR_TAIL * fullest).powi(2);
        let likely = (found * prior + expected * noise) / (prior + noise);
        let change = (likely / expected).clamp(0.0, MAX_RATIO);
        *r *= change;
        before += expected;
        after += expected * change;
    }
    if after > 0.0 {
        ratio.iter_mut().for_each(|r| *r *= before / after);
    }
}
