use super::{CrystalCourse, Error, Output, Params, Residuals};
use crate::geometry::ExperimentList;
use crate::job::Monitor;
use crate::refinement::refine;
use crate::reflections::Reflections;
use std::sync::Arc;

/// Refines the models of `experiments` against the indexed rows of `reflections`.
pub fn run(experiments: &ExperimentList, reflections: &Reflections, params: &Params, monitor: &dyn Monitor) -> Result<Output, Error> {
    run_with_reference(experiments, reflections, None, params, monitor)
}

/// As [`run`], with the models as they were `imported` (their beams and detectors numbered as those of `experiments`).
///
/// Two directions cannot be told from a drift of a crystal that varies over its scan: turning the detector about the beam, and turning beam and detector
/// together across the spindle. They are taken from `imported`; without it, from where instruments stand by design
/// ([`crate::refinement::Options::reference`]).
pub fn run_with_reference(
    experiments: &ExperimentList,
    reflections: &Reflections,
    imported: Option<&ExperimentList>,
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Output, Error> {
    let mut options = params.check()?;
    // Another numbering would say nothing about these models.
    let same = |i: &&ExperimentList| i.beams.len() == experiments.beams.len() && i.detectors.len() == experiments.detectors.len();
    options.reference = imported.filter(same).map(|i| Arc::new(i.clone()));
    let (mut list, mut table) = (experiments.clone(), reflections.clone());
    // A beam that is to be kept stands where the images say; what indexing made of it took up errors of its own.
    for (i, (beam, given)) in list.beams.iter_mut().zip(options.reference.iter().flat_map(|r| &r.beams)).enumerate() {
        if options.keeps_direction_of(i) {
            beam.direction = given.direction;
        }
    }
    if !table.hkl.iter().zip(&table.id).any(|(h, id)| *h != [0, 0, 0] && *id >= 0) {
        return Err(Error::NothingIndexed { rows: table.len() });
    }
    let outcome = refine(&mut list, &mut table, &options, monitor)?;
    let first_image = |crystal: usize| {
        let e = list.experiments.iter().find(|e| e.crystal == Some(crystal));
        e.and_then(|e| e.scan).and_then(|s| list.scans.get(s)).map_or(1, |s| s.first_image)
    };
    let courses = list.crystals.iter().enumerate().filter_map(|(i, c)| CrystalCourse::of(i, c, first_image(i))).collect();
    let residuals = Residuals::of(&list, &table);
    Ok(Output { experiments: list, reflections: table, outcome, courses, residuals })
}
