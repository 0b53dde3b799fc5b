//! The parameters that the options and the data ask for.

use super::beam::{BeamBlock, BeamMotion};
use super::crystal::CrystalBlock;
use super::detector::{DetectorBlock, DetectorMotion};
use super::fixed;
use super::goniometer::{GoniometerBlock, GoniometerMotion};
use super::layout::{Layout, s0_of_goniometer, spindle_of_beam};
use super::plan::Plan;
use super::select::Observation;
use super::smoother::Smoother;
use super::{Error, Options, Simplification, reduce};

/// All parameters that the options free, of the models that `observations` need, outliers left aside.
pub(crate) fn full(plan: &Plan, observations: &[Observation], options: &Options) -> Result<Layout, Error> {
    let list = &plan.list;
    let mut used = vec![false; list.len()];
    observations.iter().filter(|o| !o.outlier).for_each(|o| used[o.experiment] = true);
    let needed = |model: fn(&crate::geometry::Experiment) -> Option<usize>, i: usize| {
        list.experiments.iter().zip(&used).any(|(e, used)| *used && model(e) == Some(i))
    };

    let mut motions = Vec::new();
    if options.detector_position {
        motions.extend((0..3).map(DetectorMotion::Shift));
    }
    if options.detector_orientation {
        motions.extend((0..3).map(DetectorMotion::Tilt));
    }
    let detectors = list.detectors.iter().enumerate();
    let detectors =
        detectors.map(|(i, d)| if needed(|e| e.detector, i) { DetectorBlock::new(d, options.detector_grouping, &motions) } else { None });

    let mut motions = Vec::new();
    for (free, motion) in [
        (options.beam_in_spindle_plane, BeamMotion::InPlane),
        (options.beam_out_of_spindle_plane, BeamMotion::OutOfPlane),
        (options.wavelength, BeamMotion::Wavenumber),
    ] {
        if free {
            motions.push(motion);
        }
    }
    let beams = list.beams.iter().enumerate();
    let beams = beams.map(|(i, b)| needed(|e| e.beam, i).then(|| BeamBlock::new(b, &spindle_of_beam(list, i), motions.clone())));

    let motions = if options.goniometer { vec![GoniometerMotion::InPlane, GoniometerMotion::OutOfPlane] } else { Vec::new() };
    let goniometers = list.goniometers.iter().enumerate();
    let goniometers =
        goniometers.map(|(i, g)| needed(|e| e.goniometer, i).then(|| GoniometerBlock::new(g, &s0_of_goniometer(list, i), motions.clone())));

    let mut crystals = Vec::with_capacity(list.crystals.len());
    for (i, crystal) in list.crystals.iter().enumerate() {
        if !needed(|e| e.crystal, i) {
            crystals.push(None);
            continue;
        }
        let mut block = CrystalBlock::new(i, crystal, options.cell)?;
        if !options.crystal_orientation {
            block.turns.clear();
        }
        if let (n @ 1.., Some((images, _))) = (plan.intervals[i], plan.images(i)) {
            block.smoother = Some(Smoother::new(images, n));
        }
        crystals.push(Some(block));
    }
    let mut layout = Layout {
        crystals,
        cell_of: plan.cell_of.clone(),
        detectors: detectors.collect(),
        beams: beams.collect(),
        goniometers: goniometers.collect(),
        n: 0,
    };
    fixed::fix(&mut layout, &options.fixed);
    layout.assign();
    Ok(layout)
}

/// As [`full`], less the parameters for which `observations` are too few, outliers among them too: models are not to change from one round of
/// rejection to the next.
pub(crate) fn reduced(plan: &Plan, observations: &[Observation], options: &Options) -> Result<(Layout, Vec<Simplification>), Error> {
    let mut layout = full(plan, observations, options)?;
    let simplified = reduce::reduce(&mut layout, &plan.list, observations, options);
    Ok((layout, simplified))
}
