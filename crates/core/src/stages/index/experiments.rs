//! Experiment lists for indexing: one experiment for each crystal and sweep.

use crate::geometry::{Crystal, Experiment, ExperimentList};
use crate::math::Mat3;

/// The sweeps alone: crystals, profiles and scaling models that there were are dropped.
pub fn without_crystals(imported: &ExperimentList) -> ExperimentList {
    let bare = |e: &Experiment| Experiment { crystal: None, profile: None, scaling_model: None, ..e.clone() };
    let experiments = imported.experiments.iter().map(bare).collect();
    ExperimentList { experiments, crystals: Vec::new(), profiles: Vec::new(), scaling_models: Vec::new(), ..imported.clone() }
}

/// The sweeps with the given crystals: experiment `k · sweeps + i` is crystal k in sweep i. Beams, detectors and goniometers stay shared as they were.
pub fn with_crystals(sweeps: &ExperimentList, crystals: &[Crystal]) -> ExperimentList {
    let mut list = ExperimentList { crystals: crystals.to_vec(), ..without_crystals(sweeps) };
    let bare = core::mem::take(&mut list.experiments);
    list.experiments = (0..crystals.len()).flat_map(|k| bare.iter().map(move |e| Experiment { crystal: Some(k), ..e.clone() })).collect();
    list
}

/// Adds a crystal, in all `sweeps` first experiments' sweeps, to a list made by [`with_crystals`].
pub fn add_crystal(list: &mut ExperimentList, sweeps: usize, crystal: Crystal) {
    let k = list.crystals.len();
    list.crystals.push(crystal);
    for i in 0..sweeps {
        let sweep = Experiment { crystal: Some(k), ..list.experiments[i].clone() };
        list.experiments.push(sweep);
    }
}

/// One sweep as a list of its own.
pub fn only(list: &ExperimentList, i: usize) -> ExperimentList {
    let e = &list.experiments[i];
    fn take<T: Clone>(from: &[T], index: Option<usize>) -> Vec<T> {
        index.and_then(|i| from.get(i)).cloned().into_iter().collect()
    }
    let mut out = ExperimentList {
        beams: take(&list.beams, e.beam),
        detectors: take(&list.detectors, e.detector),
        goniometers: take(&list.goniometers, e.goniometer),
        scans: take(&list.scans, e.scan),
        crystals: take(&list.crystals, e.crystal),
        imagesets: list.imagesets.clone(),
        extra: list.extra.clone(),
        ..ExperimentList::default()
    };
    let first = |m: Option<usize>| m.map(|_| 0);
    out.experiments = vec![Experiment {
        identifier: e.identifier.clone(),
        beam: first(e.beam),
        detector: first(e.detector),
        goniometer: first(e.goniometer),
        scan: first(e.scan),
        crystal: first(e.crystal),
        imageset: e.imageset,
        ..Experiment::default()
    }];
    out
}

/// Appends the experiments of `more`, which share nothing with those before; image sets are the same in both.
pub fn append(list: &mut ExperimentList, more: ExperimentList) {
    let offset = [list.beams.len(), list.detectors.len(), list.goniometers.len(), list.scans.len(), list.crystals.len()];
    list.experiments.extend(more.experiments.into_iter().map(|e| Experiment {
        beam: e.beam.map(|i| i + offset[0]),
        detector: e.detector.map(|i| i + offset[1]),
        goniometer: e.goniometer.map(|i| i + offset[2]),
        scan: e.scan.map(|i| i + offset[3]),
        crystal: e.crystal.map(|i| i + offset[4]),
        ..e
    }));
    list.beams.extend(more.beams);
    list.detectors.extend(more.detectors);
    list.goniometers.extend(more.goniometers);
    list.scans.extend(more.scans);
    list.crystals.extend(more.crystals);
    list.imagesets = more.imagesets;
    list.extra = more.extra;
}

/// A name for an experiment that the same data and model always get, in the form of a UUID: a hash of the sweep's name and the setting matrix.
pub fn identifier(sweep: &str, lattice: usize, a_matrix: &Mat3) -> String {
    // FNV-1a with 128 bits.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let mut eat = |bytes: &[u8]| {
        for b in bytes {
            hash = (hash ^ u128::from(*b)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    };
    eat(sweep.as_bytes());
    eat(&(lattice as u64).to_le_bytes());
    a_matrix.iter().for_each(|x| eat(&x.to_le_bytes()));
    // Version 8 (free form), variant 1 of RFC 9562.
    let h = hash & !(0xf000 << 64) & !(0xc << 60) | 0x8000 << 64 | 0x8 << 60;
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", h >> 96, h >> 80 & 0xffff, h >> 64 & 0xffff, h >> 48 & 0xffff, h & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_look_like_uuids_and_differ() {
        let a = identifier("x", 0, &Mat3::identity());
        assert_eq!((a.len(), a.matches('-').count(), &a[14..15]), (36, 4, "8"));
        assert!("89ab".contains(&a[19..20]), "{a}");
        assert_ne!(a, identifier("x", 1, &Mat3::identity()));
        assert_eq!(a, identifier("x", 0, &Mat3::identity()));
    }
}
