//! Fewer parameters where the reflections are few.

use super::Options;
use super::Simplification;
use super::lab::DetectorMotion;
use super::layout::Layout;
use super::select::Observation;
use crate::geometry::ExperimentList;

/// Removes parameters from `layout` until every detector and beam has `reflections_per_parameter` reflections for each of its parameters, and
/// every crystal, and the problem as a whole, as many coordinates (three to a reflection). In the order of what is known best beforehand: the detector's tilts, the beam, the detector's position, the cell.
pub(crate) fn reduce(
    layout: &mut Layout,
    experiments: &ExperimentList,
    observations: &[Observation],
    options: &Options,
) -> Vec<Simplification> {
    let mut n_crystal = vec![0; layout.crystals.len()];
    let mut n_detector = vec![0; layout.detectors.len()];
    let mut n_beam = vec![0; layout.beams.len()];
    for o in observations {
        let e = &experiments.experiments[o.experiment];
        for (counts, model) in [(&mut n_crystal, e.crystal), (&mut n_detector, e.detector), (&mut n_beam, e.beam)] {
            if let Some(count) = model.and_then(|m| counts.get_mut(m)) {
                *count += 1;
            }
        }
    }
    let few = |n: usize, parameters: usize| (n as f64) < options.reflections_per_parameter * parameters as f64;
    let mut done = Vec::new();
    // Crystals that share a cell determine it together, and each reflection has three coordinates.
    let mut group = vec![(0, 0); layout.crystals.len()];
    for (crystal, block) in layout.crystals.iter().enumerate() {
        if let Some(block) = block {
            let (reflections, parameters) = &mut group[layout.cell_of[crystal]];
            *reflections += n_crystal[crystal];
            *parameters += block.len();
        }
    }
    for (crystal, block) in layout.crystals.iter_mut().enumerate() {
        let (Some(block), reflections) = (block, n_crystal[crystal]) else { continue };
        let (all, parameters) = group[layout.cell_of[crystal]];
        if !block.cell.is_empty() && few(3 * all, parameters) {
            block.fix_cell();
            done.push(Simplification::Cell { crystal, reflections: all });
        }
        // Three angles are determined by two reflections already; what is asked for here guards against wrong indices.
        if block.orientation_free && few(reflections, 2) {
            block.orientation_free = false;
            done.push(Simplification::Crystal { crystal, reflections });
        }
    }
    for (detector, block) in layout.detectors.iter_mut().enumerate() {
        let (Some(block), reflections) = (block, n_detector[detector]) else { continue };
        if few(reflections, block.motions.len()) {
            drop_tilts(&mut block.motions, detector, reflections, &mut done);
        }
        if few(reflections, block.motions.len()) {
            block.motions.clear();
            done.push(Simplification::Detector { detector, reflections });
        }
    }
    for (beam, block) in layout.beams.iter_mut().enumerate() {
        let (Some(block), reflections) = (block, n_beam[beam]) else { continue };
        if few(reflections, block.motions.len()) {
            block.motions.clear();
            done.push(Simplification::Beam { beam, reflections });
        }
    }
    // The whole: simplest first.
    for round in 0..4 {
        layout.assign();
        if !few(3 * observations.len(), layout.n) {
            break;
        }
        match round {
            0 => {
                for (detector, block) in layout.detectors.iter_mut().enumerate() {
                    if let Some(block) = block {
                        drop_tilts(&mut block.motions, detector, n_detector[detector], &mut done);
                    }
                }
            }
            1 => {
                for (beam, block) in layout.beams.iter_mut().enumerate() {
                    if let Some(block) = block.as_mut().filter(|b| !b.motions.is_empty()) {
                        block.motions.clear();
                        done.push(Simplification::Beam { beam, reflections: n_beam[beam] });
                    }
                }
            }
            2 => {
                for (detector, block) in layout.detectors.iter_mut().enumerate() {
                    if let Some(block) = block.as_mut().filter(|b| !b.motions.is_empty()) {
                        block.motions.clear();
                        done.push(Simplification::Detector { detector, reflections: n_detector[detector] });
                    }
                }
            }
            _ => {
                for (crystal, block) in layout.crystals.iter_mut().enumerate() {
                    if let Some(block) = block.as_mut().filter(|b| !b.cell.is_empty()) {
                        block.fix_cell();
                        done.push(Simplification::Cell { crystal, reflections: n_crystal[crystal] });
                    }
                }
            }
        }
    }
    layout.assign();
    done
}

fn drop_tilts(motions: &mut Vec<DetectorMotion>, detector: usize, reflections: usize, done: &mut Vec<Simplification>) {
    let before = motions.len();
    motions.retain(|m| matches!(m, DetectorMotion::Shift(_)));
    if motions.len() < before {
        done.push(Simplification::DetectorOrientation { detector, reflections });
    }
}
