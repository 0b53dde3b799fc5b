use super::sampler::Sampler;
use crate::job::parallel;

/// A strong spot's normalised profile and where it was seen.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) xyz: [f64; 3],
    /// By cell, sum 1.
    pub(super) profile: Vec<f64>,
}

/// One reference profile on its way.
#[derive(Debug, Clone, Default)]
struct Reference {
    /// Weighted sum of samples; then, once final, non-negative and of sum 1. Empty without samples.
    data: Vec<f64>,
    samples: usize,
}

/// What is told about a reference profile.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    profiles: Vec<Reference>,
}

impl References {
    pub(super) fn new(sampler: Sampler) -> Self {
        References { sampler, profiles: vec![Reference::default(); sampler.len()] }
    }

    /// Adds spots to all profiles near them, in the order given.
    pub(super) fn add(&mut self, samples: &[Sample]) {
        let sampler = self.sampler;
        parallel::for_each_chunk_mut(&mut self.profiles, 1, |index, chunk| {
            for reference in chunk {
                for s in samples {
                    let w = sampler.weight(index, &s.xyz);
                    if w > 0.0 {
                        reference.data.resize(s.profile.len(), 0.0);
                        reference.data.iter_mut().zip(&s.profile).for_each(|(r, p)| *r += w * p);
                        reference.samples += 1;
                    }
                }
            }
        });
    }

    /// No more spots will come for a layer: negative cells to 0, sum to 1.
    pub(super) fn finish_layer(&mut self, layer: usize) {
        let n = self.sampler.per_layer();
        for r in &mut self.profiles[layer * n..(layer + 1) * n] {
            r.data.iter_mut().for_each(|x| *x = x.max(0.0));
            let sum: f64 = r.data.iter().sum();
            if sum > 0.0 {
                r.data.iter_mut().for_each(|x| *x /= sum);
            } else {
                *r = Reference::default();
            }
        }
    }

    /// The profile for a place; where it had no spots, the nearest of its layer that had. `None` outside the panel or the scan, or when the whole
    /// layer had none.
    pub(super) fn profile_at(&self, xyz: &[f64; 3]) -> Option<&[f64]> {
        let index = self.sampler.nearest(xyz)?;
        if !self.profiles[index].data.is_empty() {
            return Some(&self.profiles[index].data);
        }
        let n = self.sampler.per_layer();
        let layer = index / n * n;
        let distance = |i: usize| {
            let c = self.sampler.coordinate(i);
            (c[0] - xyz[0]).powi(2) + (c[1] - xyz[1]).powi(2)
        };
        let others = (layer..layer + n).filter(|&i| !self.profiles[i].data.is_empty());
        others.min_by(|&a, &b| distance(a).total_cmp(&distance(b))).map(|i| self.profiles[i].data.as_slice())
    }

    pub(super) fn summaries(&self) -> Vec<Summary> {
        self.profiles.iter().enumerate().map(|(i, p)| Summary { xyz: self.sampler.coordinate(i), samples: p.samples }).collect()
    }
}
