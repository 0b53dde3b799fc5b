use super::elements::{self, Calibration, Element};
use super::input::{self, Observation};
use super::result::{ElementScore, GroupScore, Output, SpaceGroupScore};
use super::{Error, Params, absences, ambiguity, choice, groups, normalise, resolution, twins};
use crate::geometry::{Crystal, ExperimentList, UnitCell};
use crate::job::{Monitor, parallel};
use crate::math::Mat3;
use crate::params::Parameters;
use crate::reflections::Reflections;
use crate::spacegroup::constraints::{cell_from_metric, d_spacing, symmetrised};
use crate::spacegroup::lattice::{MetricSubgroup, SubgroupOptions, metric_subgroups, minimum_cell};
use crate::spacegroup::{AsymmetricUnit, ChangeOfBasis, HklMap, IntMatrix, SpaceGroup, SymOp, axis};
use std::collections::HashMap;

/// E² beyond which a normalised intensity is taken for an artefact.
const WILSON_LIMIT: f64 = 16.0;

/// Finds Laue and space group and reindexes to the conventional cell.
///
/// `experiments`: all with crystals of one lattice, indexed consistently. `reflections` needs `id`, `flags`, `miller_index` and
/// profile-fitted or summed intensities; `lp`, `qe` and `partiality` are used where they are.
///
/// # Errors
/// Missing crystals, columns or intensities; cells that differ; a `laue_group` that the lattice does not have. Few data are no
/// error: then `Output::assumed` says what was assumed.
pub fn run(experiments: &ExperimentList, reflections: &Reflections, params: &Params, monitor: &dyn Monitor) -> Result<Output, Error> {
    params.check_ranges()?;
    monitor.begin("Symmetry", 5);
    let crystals = crystals(experiments)?;
    let (metric, start) = common_cell(&crystals, params)?;
    let options =
        SubgroupOptions { max_delta_deg: params.max_delta, bravais_types_only: false, best_monoclinic_beta: params.best_monoclinic_beta };
    let subgroups = metric_subgroups(&metric, &start, &options)?;
    let to_primitive = start.to_primitive();
    let to_minimum = to_primitive.then(&minimum_cell(&to_primitive.metric(&metric))?);
    let minimum = to_minimum.metric(&metric);
    monitor.advance(1);

    let (mut observed, counts) = input::observations(experiments, reflections, params)?;
    let mut notes = Vec::new();
    let lattice = subgroups.first().map(|s| s.rotations.clone()).unwrap_or_default();
    let (mut scored, d_min) = prepare(&observed, &to_minimum, &minimum, &lattice, params, &mut notes)?;
    monitor.check()?;
    let sweep_of = by_crystal(experiments);
    let several = sweep_of.iter().any(|s| *s > 0) && lattice.len() > 1 && params.resolve_ambiguity;
    let sweeps = several.then(|| ambiguity::Sweeps::new(&scored, &sweep_of, &lattice));
    let rotations = sweeps.as_ref().map_or_else(Vec::new, ambiguity::Sweeps::align);
    let turned: Vec<usize> = sweep_of.iter().map(|s| rotations.get(*s).copied().unwrap_or(0)).collect();
    turn(&mut scored, &mut observed, &turned, &lattice, &to_minimum);
    monitor.advance(1);

    let (calibration, evidence) = score_elements(&scored, &lattice, params)?;
    let scores = groups::score(&subgroups, &evidence);
    monitor.check()?;
    monitor.advance(1);

    let choice::Choice { row: chosen, assumed, note } = choice::choose(&subgroups, &scores, &evidence, &start, params)?;
    notes.extend(note);
    let best = &subgroups[scores[chosen].subgroup];
    let in_setting = in_setting(&observed, best, d_min, &metric)?;
    let relations = twins::relations(&evidence, best, &to_minimum, &calibration);
    let conventional = best.basis.metric(&metric).try_inverse().ok_or(crate::spacegroup::Error::SingularBasis)?;
    let twinning = twins::statistics(&in_setting, best, &conventional)?;
    notes.extend(twins::notes(&relations, twinning.as_ref()));
    let (screws, space_groups, recommended) = space_group(&in_setting, best, params, &mut notes)?;
    monitor.check()?;
    monitor.advance(1);

    let indexing = sweeps.map_or_else(Vec::new, |s| s.told(&rotations, &best.rotations));
    notes.extend(ambiguity::notes(&indexing));
    let basis = |s: &usize| indexing.get(*s).map_or(best.basis, |s| turning(&s.rotation, &to_minimum).then(&best.basis));
    let bases: Vec<ChangeOfBasis> = sweep_of.iter().map(basis).collect();
    let (experiments, reflections, dropped) = reindexed(experiments, reflections, &bases, best, &space_groups[recommended])?;
    monitor.advance(1);
    Ok(Output {
        experiments,
        reflections,
        chosen,
        groups: scores.iter().map(|s| group_score(s, &subgroups[s.subgroup])).collect(),
        elements: evidence.iter().map(element_score).collect(),
        calibration,
        to_minimum,
        minimum_cell: cell_from_metric(&minimum),
        input_cell: cell_from_metric(&metric),
        acentric: best.acentric.symbol(),
        d_min,
        counts,
        n_scored: scored.len(),
        screws,
        space_groups,
        recommended,
        assumed,
        indexing,
        relations,
        twinning,
        dropped,
        notes,
    })
}

fn crystals(experiments: &ExperimentList) -> Result<Vec<&Crystal>, Error> {
    (0..experiments.len())
        .map(|i| experiments.experiments[i].crystal.and_then(|c| experiments.crystals.get(c)).ok_or(Error::NoCrystal { experiment: i }))
        .collect()
}

/// For each experiment the number of its crystal, counted in the order in which they come.
fn by_crystal(experiments: &ExperimentList) -> Vec<usize> {
    let mut seen: Vec<Option<usize>> = Vec::new();
    let number = |crystal: Option<usize>| {
        seen.iter().position(|c| *c == crystal).unwrap_or_else(|| {
            seen.push(crystal);
            seen.len() - 1
        })
    };
    experiments.experiments.iter().map(|e| e.crystal).map(number).collect()
}

/// Median cell of the experiments as a metric, and the symmetry they came with.
fn common_cell(crystals: &[&Crystal], params: &Params) -> Result<(Mat3, SpaceGroup), Error> {
    let first = crystals.first().ok_or(Error::NoCrystal { experiment: 0 })?;
    let cells: Vec<[f64; 6]> = crystals.iter().map(|c| c.unit_cell().parameters()).collect();
    let median: [f64; 6] = std::array::from_fn(|i| {
        let mut values: Vec<f64> = cells.iter().map(|c| c[i]).collect();
        values.sort_by(f64::total_cmp);
        let n = values.len();
        0.5 * (values[(n - 1) / 2] + values[n / 2])
    });
    for (experiment, cell) in cells.iter().enumerate() {
        let edges = (0..3).all(|i| (cell[i] / median[i] - 1.0).abs() <= params.relative_length_tolerance);
        let angles = (3..6).all(|i| (cell[i] - median[i]).abs() <= params.absolute_angle_tolerance);
        if !(edges && angles) {
            let text = |c: [f64; 6]| c.map(|v| format!("{v:.2}")).join(" ");
            return Err(Error::DifferentCells { experiment, found: text(*cell), median: text(median) });
        }
    }
    let group = SpaceGroup::from_hall(&first.hall_symbol)?;
    // Of several experiments, symmetry only counts where all have it.
    let common = crystals.iter().all(|c| c.hall_symbol == first.hall_symbol);
    let metric = if crystals.len() == 1 {
        let a = first.a_matrix;
        (a.transpose() * a).try_inverse().ok_or(crate::spacegroup::Error::SingularBasis)?
    } else {
        UnitCell::new(median).map_err(|_| crate::spacegroup::Error::SingularBasis)?.metric()
    };
    Ok((metric, if common { group } else { SpaceGroup::p1() }))
}

/// Merged, normalised intensities in the minimum cell, by falling d, for the resolution where they are good enough.
fn prepare(
    observed: &[Observation],
    to_minimum: &ChangeOfBasis,
    minimum: &Mat3,
    lattice: &[IntMatrix],
    params: &Params,
    notes: &mut Vec<String>,
) -> Result<(Vec<Observation>, Option<f64>), Error> {
    let map = to_minimum.hkl_map();
    let mut list = input::merged(observed);
    list = list.into_iter().filter_map(|o| Some(Observation { hkl: map.apply(o.hkl)?, ..o })).collect();
    let group = SpaceGroup::from_ops(&lattice.iter().map(|r| SymOp::from_rotation(*r)).collect::<Vec<_>>())?.patterson();
    list.retain(|o| group.epsilon(o.hkl) == 1);
    for o in &mut list {
        o.sigma = input::realistic_sigma(o.intensity, o.sigma);
    }
    let reciprocal = minimum.try_inverse().ok_or(crate::spacegroup::Error::SingularBasis)?;
    let left = normalise::normalise(&mut list, &reciprocal);
    if !left.is_empty() {
        notes.push(format!("{} of the sweeps have no positive mean intensity and could not be normalised", left.len()));
    }
    list.retain(|o| {
        let s = d_spacing(&reciprocal, o.hkl).powi(-2);
        o.intensity < WILSON_LIMIT * normalise::mean_square_scattering(s)
    });
    let d_min = resolution::limit(&list, &reciprocal, params);
    let mut with_d: Vec<(f64, Observation)> = list.into_iter().map(|o| (d_spacing(&reciprocal, o.hkl), o)).collect();
    if let Some(d_min) = d_min {
        with_d.retain(|(d, _)| *d > d_min);
    }
    with_d.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.hkl.cmp(&y.1.hkl)).then(x.1.experiment.cmp(&y.1.experiment)));
    Ok((with_d.into_iter().map(|(_, o)| o).collect(), d_min))
}

fn score_elements(scored: &[Observation], lattice: &[IntMatrix], params: &Params) -> Result<(Calibration, Vec<Element>), Error> {
    let group = SpaceGroup::from_ops(&lattice.iter().map(|r| SymOp::from_rotation(*r)).collect::<Vec<_>>())?;
    let unit = AsymmetricUnit::new(&group)?;
    let unique: Vec<[i32; 3]> = scored.iter().map(|o| unit.map(o.hkl).0).collect();
    let calibration = elements::calibrate(scored, &unique, params.seed as u64);
    // Of a rotation and its inverse, one.
    let mut wanted: Vec<IntMatrix> = Vec::new();
    for r in lattice {
        let inverse = SymOp::from_rotation(*r).inverse().rotation;
        if !wanted.contains(&inverse) || *r == inverse {
            wanted.push(*r);
        }
    }
    let evidence = parallel::map_slice(&wanted, |r| elements::score(scored, r, &calibration));
    Ok((calibration, evidence))
}

/// Observations within the resolution, with the indices of a subgroup's conventional cell.
fn in_setting(observed: &[Observation], best: &MetricSubgroup, d_min: Option<f64>, metric: &Mat3) -> Result<Vec<Observation>, Error> {
    let reciprocal = metric.try_inverse().ok_or(crate::spacegroup::Error::SingularBasis)?;
    let map = best.basis.hkl_map();
    let inside = observed.iter().filter(|o| d_min.is_none_or(|d| d_spacing(&reciprocal, o.hkl) > d));
    Ok(inside.filter_map(|o| Some(Observation { hkl: map.apply(o.hkl)?, ..*o })).collect())
}

type SpaceGroups = (Vec<super::ScrewScore>, Vec<SpaceGroupScore>, usize);

/// Screw axes, possible space groups and the best of them.
fn space_group(list: &[Observation], best: &MetricSubgroup, params: &Params, notes: &mut Vec<String>) -> Result<SpaceGroups, Error> {
    let symmorphic = || SpaceGroupScore {
        symbol: best.acentric.symbol(),
        number: best.acentric.setting().map_or(0, |s| s.number),
        hall_symbol: best.acentric.setting().map_or_else(|| " P 1".to_owned(), |s| s.hall_symbol()),
        score: 1.0,
        repeats: Vec::new(),
        enantiomorph: None,
        indistinguishable: Vec::new(),
    };
    if !params.systematic_absences {
        return Ok((Vec::new(), vec![symmorphic()], 0));
    }
    let found = absences::analyse(list, &best.acentric, params.significance_level)?;
    notes.extend(found.notes);
    if found.groups.is_empty() {
        return Ok((found.screws, vec![symmorphic()], 0));
    }
    // The first of equals: the one with the fewest screws.
    let recommended =
        (0..found.groups.len()).reduce(|best, i| if found.groups[i].score > found.groups[best].score { i } else { best }).unwrap_or(0);
    for other in &found.groups[recommended].indistinguishable {
        notes.push(format!("{} and {other} have the same absences: {other} is equally likely", found.groups[recommended].symbol));
    }
    Ok((found.screws, found.groups, recommended))
}

/// The change of the input's basis that turns the minimum cell by a rotation of the lattice.
fn turning(rotation: &IntMatrix, to_minimum: &ChangeOfBasis) -> ChangeOfBasis {
    let turn = ChangeOfBasis::from_axes(rotation).unwrap_or_default();
    to_minimum.then(&turn).then(&to_minimum.inverse())
}

/// Gives the observations of each sweep the indices that its rotation of the lattice makes of them.
fn turn(scored: &mut [Observation], observed: &mut Vec<Observation>, turned: &[usize], lattice: &[IntMatrix], to_minimum: &ChangeOfBasis) {
    if turned.iter().all(|t| *t == 0) {
        return;
    }
    for o in scored {
        o.hkl = SymOp::from_rotation(lattice[turned[o.experiment as usize]]).apply_to_hkl(o.hkl);
    }
    let maps: Vec<HklMap> = turned.iter().map(|t| turning(&lattice[*t], to_minimum).hkl_map()).collect();
    observed.retain_mut(|o| maps[o.experiment as usize].apply(o.hkl).map(|hkl| o.hkl = hkl).is_some());
}

/// Everything in the new basis (one for each experiment), with the new space group and cells averaged over its symmetry.
fn reindexed(
    experiments: &ExperimentList,
    reflections: &Reflections,
    bases: &[ChangeOfBasis],
    best: &MetricSubgroup,
    group: &SpaceGroupScore,
) -> Result<(ExperimentList, Reflections, usize), Error> {
    let rotations = best.acentric.rotations();
    let mut out = experiments.clone();
    // Experiments that share a crystal may part when they are reindexed.
    let mut made: Vec<(usize, ChangeOfBasis)> = Vec::new();
    for (experiment, basis) in out.experiments.iter_mut().zip(bases) {
        let Some(old) = experiment.crystal else { continue };
        let known = made.iter().position(|m| *m == (old, *basis));
        experiment.crystal = Some(known.unwrap_or_else(|| {
            made.push((old, *basis));
            made.len() - 1
        }));
    }
    out.crystals = made.iter().map(|(old, basis)| in_basis(&experiments.crystals[*old], basis, &rotations, group)).collect();
    let maps: Vec<HklMap> = bases.iter().map(ChangeOfBasis::hkl_map).collect();
    let mut memory: HashMap<(i32, [i32; 3]), Option<[i32; 3]>> = HashMap::new();
    let mut rows = Vec::with_capacity(reflections.len());
    let mut indices = Vec::with_capacity(reflections.len());
    for (row, hkl) in reflections.hkl.iter().enumerate() {
        let id = reflections.id[row];
        let map = usize::try_from(id).ok().and_then(|i| maps.get(i)).unwrap_or(&maps[0]);
        if let Some(new) = memory.entry((id, *hkl)).or_insert_with(|| map.apply(*hkl)) {
            rows.push(row);
            indices.push(*new);
        }
    }
    let dropped = reflections.len() - rows.len();
    let mut table = if dropped == 0 { reflections.clone() } else { reflections.select(&rows) };
    table.hkl = indices;
    Ok((out, table, dropped))
}

fn in_basis(crystal: &Crystal, basis: &ChangeOfBasis, rotations: &[IntMatrix], group: &SpaceGroupScore) -> Crystal {
    let mut crystal = crystal.clone();
    crystal.a_matrix = averaged(&basis.setting_matrix(&crystal.a_matrix), rotations);
    for a in &mut crystal.a_at_scan_points {
        *a = averaged(&basis.setting_matrix(a), rotations);
    }
    crystal.hall_symbol = group.hall_symbol.clone();
    if !basis.is_identity() {
        // Uncertainties of B do not carry over without a new refinement.
        crystal.b_covariance.clear();
        crystal.cell_esd = None;
    }
    crystal
}

/// A with the same orientation and the cell averaged over the rotations.
fn averaged(a: &Mat3, rotations: &[IntMatrix]) -> Mat3 {
    let Some(metric) = (a.transpose() * a).try_inverse() else { return *a };
    let mean = cell_from_metric(&symmetrised(&metric, rotations));
    let (Ok(old), Ok(new)) = (UnitCell::new(cell_from_metric(&metric)), UnitCell::new(mean)) else { return *a };
    // U = A·B⁻¹, and B⁻¹ = Oᵀ.
    a * old.orthogonalisation().transpose() * new.b_matrix()
}

fn group_score(score: &groups::Score, subgroup: &MetricSubgroup) -> GroupScore {
    GroupScore {
        symbol: subgroup.symbol(),
        likelihood: score.likelihood,
        confidence: score.confidence,
        z_net: score.z_net(),
        z_for: score.z_for,
        z_against: score.z_against,
        cc_for: score.cc_for,
        cc_against: score.cc_against,
        delta_deg: subgroup.max_delta_deg,
        reindex: subgroup.basis,
        cell: subgroup.cell,
        bravais: subgroup.bravais.clone(),
    }
}

fn element_score(element: &Element) -> ElementScore {
    ElementScore {
        order: crate::spacegroup::RotationKind::of(&element.rotation).order,
        axis: axis(&element.rotation),
        operator: SymOp::from_rotation(element.rotation).triplet(),
        likelihood: if element.counts() { element.likelihood() } else { 0.0 },
        z_cc: element.z,
        cc: element.cc,
        n: element.pairs.n,
    }
}
