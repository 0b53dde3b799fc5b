use super::super::setup::Widths;
use super::grid::Grid;
use super::projection::Shares;
use super::sampler::Sampler;
use super::shape::{Moments, Shape};
use super::trend::{Place, Sums, Trend};
use serde::{Deserialize, Serialize};

/// One reference: how much more or less than the Gaussian the spots of its region and block have in each cell.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Reference {
    spots: usize,
    shares: Option<Shares>,
    /// By cell, once it is known.
    ratio: Option<Vec<f64>>,
}

/// The Gaussians of a block.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Layer {
    sums: Sums,
    /// Of spots with others upon them, whose counts these moments hold as well.
    crowded: Sums,
    /// Of the same without what others have there, once that is known.
    unmixed: Option<Sums>,
    trend: Option<Trend>,
}

/// What is told about a reference profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// px, px, array index.
    pub(crate) xyz: [f64; 3],
    /// Spots of its own region and block.
    pub(crate) samples: usize,
    /// Standard deviations of the underlying Gaussian, before pixels and images blur it: smallest and largest on the detector, along the
    /// rotation, rad. `None` without spots near.
    pub(crate) widths: Option<[f64; 3]>,
}

/// What references have learned.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Knowledge {
    layers: Vec<Layer>,
    all: Vec<Reference>,
}

/// The reference profiles of an experiment: a Gaussian times a ratio by cell.
///
/// The Gaussian carries what is finer than a cell or a pixel, and how it changes over the detector; the ratio carries whatever spots are beyond
/// a Gaussian.
#[derive(Debug, Clone)]
pub(super) struct References {
    pub(super) sampler: Sampler,
    widths: Widths,
    layers: Vec<Layer>,
    all: Vec<Reference>,
    /// The ratio where nothing is known.
    ones: Vec<f64>,
}

/// A ratio is believed to be 1 within this, where spots do not tell.
const PRIOR: f64 = 0.3;
/// Counts beyond the Gaussian are believed possible up to this part of the fullest cell.
const PRIOR_TAIL: f64 = 2e-3;
/// Where the Gaussian has next to nothing, no more than this many times as much.
const MAX_RATIO: f64 = 20.0;

/// With fewer free spots than this in a block and its neighbours, ten for each term of a trend, those with others upon them serve as well, without what
/// the others have there.
const ENOUGH: f64 = 60.0;
/// With fewer than this, and nothing known of the others, they are better than none.
const FEW: f64 = 10.0;
/// Part that the blocks before and after have in the Gaussians of a block.
const NEIGHBOUR: f64 = 0.5;

impl References {
    pub(super) fn new(sampler: Sampler, widths: Widths, cells: usize) -> Self {
        References {
            sampler,
            widths,
            layers: vec![Layer::default(); sampler.layers()],
            all: vec![Reference::default(); sampler.len()],
            ones: vec![1.0; cells],
        }
    }

    /// Takes in the moments of a spot.
    pub(super) fn add(&mut self, xyz: &[f64; 3], place: &Place, weight: f64, moments: &Moments, crowded: bool) {
        self.all[self.sampler.clamped(xyz)].spots += 1;
        let layer = &mut self.layers[self.sampler.layer(xyz)];
        let sums = if crowded { &mut layer.crowded } else { &mut layer.sums };
        sums.spot(place, weight, moments);
    }

    /// Whether spots with others upon them are wanted in a layer.
    pub(super) fn wants_crowded(&self, layer: usize) -> bool {
        self.sums(layer, |l| &l.sums).spots < ENOUGH
    }

    /// Whether spots with others upon them serve in a layer.
    pub(super) fn uses_crowded(&self, layer: usize) -> bool {
        self.layers[layer].unmixed.is_some() || self.sums(layer, |l| &l.sums).spots < FEW
    }

    /// Sums of a layer and, for a part, of its neighbours.
    fn sums(&self, layer: usize, of: impl Fn(&Layer) -> &Sums) -> Sums {
        let mut sums = *of(&self.layers[layer]);
        for other in [layer.wrapping_sub(1), layer + 1] {
            if let Some(o) = self.layers.get(other) {
                sums.add(NEIGHBOUR, of(o));
            }
        }
        sums
    }

    /// What the profiles are, without what they were made of.
    pub(super) fn into_profiles(self) -> Knowledge {
        let mut all = self.all;
        all.iter_mut().for_each(|r| r.shares = None);
        Knowledge { layers: self.layers, all }
    }

    pub(super) fn into_knowledge(self) -> Knowledge {
        Knowledge { layers: self.layers, all: self.all }
    }

    /// Goes on with what references of the same experiment have learned; `false` when they are not of the same.
    pub(super) fn know(&mut self, knowledge: Knowledge) -> bool {
        let same = knowledge.layers.len() == self.layers.len() && knowledge.all.len() == self.all.len();
        if same {
            (self.layers, self.all) = (knowledge.layers, knowledge.all);
        }
        same
    }

    /// The references of a layer.
    pub(super) fn layer(&self, layer: usize) -> core::ops::Range<usize> {
        let n = self.sampler.per_layer();
        layer * n..(layer + 1) * n
    }

    /// Gives a layer the Gaussian that σ_b and σ_m say, from which others can be found.
    pub(super) fn shape_by_widths(&mut self, layer: usize) {
        let (b, m) = (self.widths.sigma_b.powi(2), self.widths.sigma_m.powi(2));
        let mut one = Sums::default();
        one.spot(&Place::new(0.0, 0.0), 1.0, &Moments { net: 1.0, first: [0.0; 3], second: [0.5 * b, 0.0, 0.5 * b, m] });
        self.layers[layer].trend = one.solve();
    }

    /// Takes the moments of a layer's crowded spots without what others have there.
    pub(super) fn set_unmixed(&mut self, layer: usize, sums: Sums) {
        self.layers[layer].unmixed = Some(sums);
    }

    /// Gaussians for a layer, of whose spots and whose neighbours' all moments are known.
    pub(super) fn shape_layer(&mut self, layer: usize) {
        let mut sums = self.sums(layer, |l| &l.sums);
        if let Some(unmixed) = &self.layers[layer].unmixed {
            sums.add(1.0, unmixed);
            // Those of the layer after are not known yet.
            if let Some(before) = layer.checked_sub(1).and_then(|l| self.layers[l].unmixed) {
                sums.add(NEIGHBOUR, &before);
            }
        } else if self.uses_crowded(layer) {
            sums.add(1.0, &self.sums(layer, |l| &l.crowded));
        }
        // Without spots near, the block before is the best guess, and before the first spots these.
        let before = layer.checked_sub(1).and_then(|l| self.layers[l].trend);
        let after = || (layer + 1..self.layers.len()).find_map(|l| self.layers[l].sums.solve().or_else(|| self.layers[l].crowded.solve()));
        self.layers[layer].trend = sums.solve().or(before).or_else(after);
    }

    /// The profile of a reflection at a place, that of the nearest region outside the panel and the scan: the Gaussian, and the ratio by cell.
    /// `None` when there were no spots so far.
    pub(super) fn profile_at(&self, xyz: &[f64; 3], place: &Place) -> Option<(Shape, &[f64])> {
        let index = self.sampler.clamped(xyz);
        let shape = self.shape(self.sampler.layer(xyz), place)?;
        Some((shape, self.all[index].ratio.as_deref().unwrap_or(&self.ones)))
    }

    /// The Gaussian of a layer.
    pub(super) fn shape(&self, layer: usize, place: &Place) -> Option<Shape> {
        self.layers[layer].trend?.at(place, self.widths.sigma_b, self.widths.sigma_m)
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
            let mut ratio = self.all[i].ratio.take().unwrap_or_else(|| self.ones.clone());
            update(&mut ratio, &sum);
            self.all[i].ratio = Some(ratio);
        }
        // The shares of the layer before are not needed any more.
        if layer > 0 {
            for i in self.layer(layer - 1) {
                self.all[i].shares = None;
            }
        }
    }

    /// Each reference; `place_of` says where its region is on the detector (px, px).
    pub(super) fn summaries(&self, place_of: impl Fn([f64; 2]) -> Place) -> Vec<Summary> {
        let one = |(i, r): (usize, &Reference)| {
            let xyz = self.sampler.coordinate(i);
            let shape = self.profile_at(&xyz, &place_of([xyz[0], xyz[1]])).map(|p| p.0);
            Summary { xyz, samples: r.spots, widths: shape.map(|s| [s.narrowest, s.widest, s.sigma_3]) }
        };
        self.all.iter().enumerate().map(one).collect()
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
