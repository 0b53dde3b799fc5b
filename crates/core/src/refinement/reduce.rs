//! Fewer parameters where the reflections are few.

use super::Options;
use super::Simplification;
use super::detector::{Body, DetectorMotion};
use super::layout::Layout;
use super::select::Observation;
use crate::geometry::ExperimentList;

/// Removes parameters from `layout` until every model, and the problem as a whole, has `reflections_per_parameter` observed coordinates for each of its
/// parameters. A reflection has three, of which a detector moves two. In the order of what is known best beforehand: the detector's tilts, the beam,
/// the detector's position, the cell.
pub(crate) fn reduce(
    layout: &mut Layout,
    experiments: &ExperimentList,
    observations: &[Observation],
    options: &Options,
) -> Vec<Simplification> {
    let mut n_crystal = vec![0; layout.crystals.len()];
    // By detector and body.
    let mut n_detector: Vec<Vec<usize>> = layout.detectors.iter().map(|d| vec![0; d.as_ref().map_or(0, |d| d.bodies.len())]).collect();
    let mut n_beam = vec![0; layout.beams.len()];
    for o in observations {
        let e = &experiments.experiments[o.experiment];
        for (counts, model) in [(&mut n_crystal, e.crystal), (&mut n_beam, e.beam)] {
            if let Some(count) = model.and_then(|m| counts.get_mut(m)) {
                *count += 1;
            }
        }
        if let Some((d, Some(block))) = e.detector.map(|d| (d, layout.detectors.get(d).and_then(Option::as_ref))) {
            block.body_of.get(o.panel).into_iter().for_each(|b| n_detector[d][*b] += 1);
        }
    }
    let few = |coordinates: usize, parameters: usize| (coordinates as f64) < options.reflections_per_parameter * parameters as f64;
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
        if !block.turns.is_empty() && few(reflections, 2) {
            block.turns.clear();
            done.push(Simplification::Crystal { crystal, reflections });
        }
    }
    for (detector, reflections, body) in bodies(layout, &n_detector) {
        if few(2 * reflections, body.motions.len()) {
            drop_tilts(&mut body.motions, detector, reflections, &mut done);
        }
        if few(2 * reflections, body.motions.len()) {
            body.motions.clear();
            done.push(Simplification::Detector { detector, reflections });
        }
    }
    for (beam, block) in layout.beams.iter_mut().enumerate() {
        let (Some(block), reflections) = (block, n_beam[beam]) else { continue };
        if few(3 * reflections, block.motions.len()) {
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
                for (detector, reflections, body) in bodies(layout, &n_detector) {
                    drop_tilts(&mut body.motions, detector, reflections, &mut done);
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
                for (detector, reflections, body) in bodies(layout, &n_detector).filter(|(_, _, b)| !b.motions.is_empty()) {
                    body.motions.clear();
                    done.push(Simplification::Detector { detector, reflections });
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

/// Every body with its detector's number and its count.
fn bodies<'a>(layout: &'a mut Layout, counts: &'a [Vec<usize>]) -> impl Iterator<Item = (usize, usize, &'a mut Body)> {
    let detectors = layout.detectors.iter_mut().zip(counts).enumerate();
    detectors.flat_map(|(d, (block, counts))| block.iter_mut().flat_map(|b| &mut b.bodies).zip(counts).map(move |(body, n)| (d, *n, body)))
}

fn drop_tilts(motions: &mut Vec<DetectorMotion>, detector: usize, reflections: usize, done: &mut Vec<Simplification>) {
    let before = motions.len();
    motions.retain(|m| matches!(m, DetectorMotion::Shift(_)));
    if motions.len() < before {
        done.push(Simplification::DetectorOrientation { detector, reflections });
    }
}
