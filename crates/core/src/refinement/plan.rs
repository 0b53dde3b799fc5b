//! The models as one pass refines them: which crystals vary, which share a cell.

use crate::geometry::{Experiment, ExperimentList};

/// An experiment list and how its crystals are parameterised; both vectors go by crystal.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub list: ExperimentList,
    /// Intervals of the smoother; 0 for a static crystal.
    pub intervals: Vec<usize>,
    /// The crystal whose cell parameters this one uses (itself, or the one that it was split from).
    pub cell_of: Vec<usize>,
}

/// Where a minimisation starts: values of parameters with these names. Others start at 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    pub names: Vec<String>,
    pub p: Vec<f64>,
}

impl Plan {
    /// All crystals static, each with its own cell.
    pub(crate) fn new(list: ExperimentList) -> Self {
        let n = list.crystals.len();
        Plan { list, intervals: vec![0; n], cell_of: (0..n).collect() }
    }

    /// The scans that a crystal was measured in, each with its experiments' share of `counts` (by experiment).
    pub(crate) fn scans(&self, crystal: usize, counts: &[usize]) -> Vec<(usize, usize)> {
        let mut scans: Vec<(usize, usize)> = Vec::new();
        for (e, n) in self.list.experiments.iter().zip(counts).filter(|(e, _)| e.crystal == Some(crystal)) {
            let Some(scan) = e.scan else { continue };
            match scans.iter_mut().find(|(s, _)| *s == scan) {
                Some((_, total)) => *total += n,
                None => scans.push((scan, *n)),
            }
        }
        scans
    }

    /// Gives each of `scans` but the first a copy of the crystal, which shares the cell of the first.
    pub(crate) fn split(&mut self, crystal: usize, scans: &[(usize, usize)]) {
        for &(scan, _) in scans.iter().skip(1) {
            let copy = self.list.crystals.len();
            self.list.crystals.push(self.list.crystals[crystal].clone());
            self.intervals.push(0);
            self.cell_of.push(self.cell_of[crystal]);
            let mine = |e: &&mut Experiment| e.crystal == Some(crystal) && e.scan == Some(scan);
            self.list.experiments.iter_mut().filter(mine).for_each(|e| e.crystal = Some(copy));
        }
    }

    /// Number of images and their width (rad) of the scan of crystal `i`'s first experiment.
    pub(crate) fn images(&self, i: usize) -> Option<(usize, f64)> {
        images_of_crystal(&self.list, i)
    }
}

/// Number of images and their width (rad) of the scan of crystal `i`'s first experiment.
pub(crate) fn images_of_crystal(list: &ExperimentList, i: usize) -> Option<(usize, f64)> {
    let scan = list.experiments.iter().find(|e| e.crystal == Some(i))?.scan?;
    list.scans.get(scan).map(|s| (s.n_images, s.width.abs()))
}
