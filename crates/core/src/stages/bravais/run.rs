use super::correlation::Intensities;
use super::params::Apply;
use super::result::{Settings, Solution};
use super::{Error, Params};
use crate::geometry::{ExperimentList, UnitCell};
use crate::job::{Monitor, Silent, parallel};
use crate::params::Parameters;
use crate::predict::update_predictions;
use crate::refinement::{self, Options, Outliers};
use crate::reflections::{Reflections, flags};
use crate::spacegroup::constraints::metric_from_setting_matrix;
use crate::spacegroup::lattice::{MetricSubgroup, SubgroupOptions, metric_subgroups};
use crate::spacegroup::{SpaceGroup, SymOp, constraints, table};
use std::collections::{BTreeMap, BTreeSet};

/// Steps of each refinement.
const MAX_STEPS: usize = 50;
/// Correlations of fewer pairs than this say nothing.
const LEAST_PAIRS: usize = 10;

/// Refines the lattice under the constraints of every symmetry that its metric allows, and applies one of them.
///
/// - `experiments`, `reflections`: as indexing leaves them. With several crystals, the table is that of the first; its choice is applied to all.
pub fn run(experiments: &ExperimentList, reflections: &Reflections, params: &Params, monitor: &dyn Monitor) -> Result<Settings, Error> {
    params.check_ranges()?;
    reflections.require(&["id", "miller_index", "panel", "flags", "xyzobs.px.value", "xyzobs.px.variance"])?;
    let solutions = solutions(experiments, reflections, params, monitor)?;
    let number = match params.apply {
        Apply::None => None,
        Apply::Recommended => solutions.iter().find(|s| s.safe).map(|s| s.number),
        Apply::Solution(n) => Some(n),
    };
    let (experiments, reflections) = match number {
        None => (experiments.clone(), reflections.clone()),
        Some(n) => {
            let solution = solutions.iter().find(|s| s.number == n).ok_or(Error::NoSolution { asked: n, last: solutions.len() })?;
            apply(experiments, reflections, solution, params)?
        }
    };
    Ok(Settings { solutions, applied: number, experiments, reflections })
}

/// The metric subgroups of crystal `k`.
fn subgroups_of(experiments: &ExperimentList, k: usize, params: &Params) -> Result<Vec<MetricSubgroup>, Error> {
    let crystal = experiments.crystals.get(k).ok_or(Error::NoCrystal)?;
    let bad = |reason: String| Error::Crystal { crystal: k, reason };
    let metric = metric_from_setting_matrix(&crystal.a_matrix).ok_or_else(|| bad("its setting matrix is singular".to_owned()))?;
    let group = SpaceGroup::from_hall(&crystal.hall_symbol).map_err(|e| bad(e.to_string()))?;
    let options =
        SubgroupOptions { max_delta_deg: params.max_delta, bravais_types_only: true, best_monoclinic_beta: params.best_monoclinic_beta };
    metric_subgroups(&metric, &group, &options).map_err(|e| bad(e.to_string()))
}

/// The table of the first crystal: highest symmetry first.
fn solutions(
    experiments: &ExperimentList,
    reflections: &Reflections,
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Vec<Solution>, Error> {
    let subgroups = subgroups_of(experiments, 0, params)?;
    let of_first = |e: i32| usize::try_from(e).ok().and_then(|e| experiments.experiments.get(e)).is_some_and(|e| e.crystal == Some(0));
    let indexed: Vec<usize> = (0..reflections.len()).filter(|&i| reflections.hkl[i] != [0, 0, 0] && of_first(reflections.id[i])).collect();
    let light = sample(experiments, reflections, &indexed, params.reflections_per_degree as f64);
    // Other crystals have no reflections here, so refinement leaves them alone.
    monitor.begin("Bravais lattices", subgroups.len() as u64);
    let n = subgroups.len();
    let settings: Vec<Setting> = subgroups.into_iter().map(Setting::new).collect();
    let correlations = correlations(&settings, &Intensities::new(reflections, &indexed));
    let mut list: Vec<Solution> = parallel::map(n, |k| {
        let solution = solve(experiments, &light, &settings[k], &correlations, n - k, params, monitor);
        monitor.advance(1);
        solution
    });
    monitor.check()?;
    recommend(&mut list)?;
    Ok(list)
}

/// A symmetry that the metric allows.
struct Setting {
    subgroup: MetricSubgroup,
    /// The lowest space group with its lattice.
    group: SpaceGroup,
    /// The group's operators in the basis of the input, without translations; `None` for one that has no integral form there.
    operators: Vec<Option<SymOp>>,
}

impl Setting {
    fn new(subgroup: MetricSubgroup) -> Self {
        let group = lowest_group(&subgroup.bravais);
        let back = subgroup.basis.inverse();
        let operators = group.ops().iter().map(|op| back.op(&SymOp::from_rotation(op.rotation))).collect();
        Setting { subgroup, group, operators }
    }
}

/// The correlation under each operator of the settings; most of them occur in several.
fn correlations(settings: &[Setting], data: &Intensities) -> BTreeMap<SymOp, (f64, usize)> {
    let all: BTreeSet<SymOp> = settings.iter().flat_map(|s| s.operators.iter().copied().flatten()).collect();
    let all: Vec<SymOp> = all.into_iter().collect();
    let found = parallel::map_slice(&all, |op| data.correlation(op));
    all.into_iter().zip(found).collect()
}

/// Columns that refinement needs, of an even sample of the rows.
fn sample(experiments: &ExperimentList, reflections: &Reflections, rows: &[usize], per_degree: f64) -> Reflections {
    let mut order = rows.to_vec();
    order.sort_by(|&a, &b| {
        let z = |i: usize| reflections.xyzobs_px[i][2];
        reflections.id[a].cmp(&reflections.id[b]).then(z(a).total_cmp(&z(b))).then(a.cmp(&b))
    });
    let mut kept = Vec::new();
    for group in order.chunk_by(|&a, &b| reflections.id[a] == reflections.id[b]) {
        let degrees = usize::try_from(reflections.id[group[0]])
            .ok()
            .and_then(|e| experiments.models(e))
            .map_or(0.0, |m| m.scan.n_images as f64 * m.scan.width.abs().to_degrees());
        // Some to spare for outliers; a narrow sweep keeps all that it has.
        let most = (libm::ceil(1.1 * per_degree * degrees) as usize).max(500);
        if group.len() <= most {
            kept.extend_from_slice(group);
        } else {
            kept.extend((0..most).map(|k| group[(2 * k + 1) * group.len() / (2 * most)]));
        }
    }
    let mut out = Reflections::with_rows(kept.len());
    macro_rules! pick {
        ($($field:ident),*) => { $( if !reflections.$field.is_empty() { out.$field = kept.iter().map(|&i| reflections.$field[i].clone()).collect(); } )* };
    }
    pick!(id, imageset_id, panel, flags, hkl, entering, xyzobs_px, xyzobs_px_variance, xyzobs_mm, xyzobs_mm_variance, s1, rlp);
    out
}

/// Refines one setting.
fn solve(
    experiments: &ExperimentList,
    light: &Reflections,
    setting: &Setting,
    correlations: &BTreeMap<SymOp, (f64, usize)>,
    number: usize,
    params: &Params,
    monitor: &dyn Monitor,
) -> Solution {
    let Setting { subgroup, group, operators } = setting;
    let refined = refine_setting(experiments, light, subgroup, group, params, monitor);
    let of = |op: &Option<SymOp>| op.and_then(|op| correlations.get(&op).copied()).unwrap_or((f64::NAN, 0));
    let correlations: Vec<(f64, usize)> = operators.iter().map(of).collect();
    let sure: Vec<f64> = correlations.iter().skip(1).filter(|c| c.1 > LEAST_PAIRS && c.0.is_finite()).map(|c| c.0).collect();
    let min_max_cc = (!sure.is_empty()).then(|| [sure.iter().copied().fold(1.0, f64::min), sure.iter().copied().fold(-1.0, f64::max)]);
    let (refined, rmsd_mm, n_spots) = match refined {
        Ok((list, rmsd, n)) => (Ok(list), Some(rmsd), n),
        Err(reason) => (Err(reason), None, 0),
    };
    let [a, b, c, al, be, ga] = subgroup.cell;
    let unrefined = UnitCell { lengths: [a, b, c], angles_deg: [al, be, ga] };
    Solution {
        number,
        bravais: subgroup.bravais.clone(),
        metric_fit_deg: subgroup.max_delta_deg,
        basis: subgroup.basis,
        hall_symbol: hall_of(group),
        cell: refined.as_ref().ok().and_then(|l: &ExperimentList| l.crystals.first()).map_or(unrefined, |c| c.unit_cell()),
        rmsd_mm,
        n_spots,
        correlations,
        min_max_cc,
        recommended: false,
        safe: false,
        refined,
    }
}

/// Experiments refined in a setting, their deviation on the detector (mm) and the number of reflections.
fn refine_setting(
    experiments: &ExperimentList,
    light: &Reflections,
    subgroup: &MetricSubgroup,
    group: &SpaceGroup,
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<(ExperimentList, f64, usize), String> {
    if monitor.is_cancelled() {
        return Err("cancelled".to_owned());
    }
    let mut list = experiments.clone();
    set_crystal(&mut list, 0, subgroup, group)?;
    let map = subgroup.basis.hkl_map();
    let rows: Vec<usize> = (0..light.len()).filter(|&i| map.apply(light.hkl[i]).is_some()).collect();
    let mut table = light.select(&rows);
    table.hkl.iter_mut().for_each(|h| *h = map.apply(*h).unwrap_or_default());
    // First against what was used before, so that the constraint itself does not make outliers; then against all.
    let base = Options { outliers: Outliers::None, ..Options::fast(MAX_STEPS, params.reflections_per_degree as f64) };
    let used: Vec<usize> = table.rows_with(flags::USED_IN_REFINEMENT);
    let first = if used.is_empty() {
        let generous = Options { outliers: Outliers::Tukey { iqr: 3.0 }, ..base.clone() };
        refinement::refine(&mut list, &mut table, &generous, &Silent)
    } else {
        refinement::refine(&mut list, &mut table.select(&used), &base, &Silent)
    };
    first.map_err(|e| e.to_string())?;
    let options = Options { outliers: Outliers::Tukey { iqr: 1.5 }, ..base };
    let outcome = refinement::refine(&mut list, &mut table, &options, &Silent).map_err(|e| e.to_string())?;
    let [x, y, _] = outcome.overall_mm();
    Ok((list, libm::hypot(x, y), outcome.n_used))
}

/// Brings crystal `k` into a setting and gives it the symmetry's metric.
fn set_crystal(list: &mut ExperimentList, k: usize, subgroup: &MetricSubgroup, group: &SpaceGroup) -> Result<(), String> {
    let old = list.crystals.get(k).ok_or("no crystal")?;
    let in_setting = subgroup.basis.setting_matrix(&old.a_matrix);
    let a_matrix =
        constraints::constrained_setting_matrix(&in_setting, &group.rotations()).ok_or("the cell cannot be given this symmetry")?;
    let crystal = &mut list.crystals[k];
    crystal.a_matrix = a_matrix;
    crystal.a_at_scan_points.clear();
    crystal.hall_symbol = hall_of(group);
    crystal.b_covariance.clear();
    crystal.cell_esd = None;
    Ok(())
}

/// The lowest space group with a Bravais lattice, as DIALS chooses it.
pub(super) fn lowest_group(bravais: &str) -> SpaceGroup {
    let name = match bravais {
        "mI" => "I 1 2 1",
        "mP" => "3",
        "mC" => "5",
        "oP" => "16",
        "oC" => "20",
        "oF" => "22",
        "oI" => "23",
        "tP" => "75",
        "tI" => "79",
        "hP" => "143",
        "hR" => "146",
        "cP" => "195",
        "cF" => "196",
        "cI" => "197",
        _ => "1",
    };
    SpaceGroup::from_name(name).unwrap_or_else(|_| SpaceGroup::p1())
}

fn hall_of(group: &SpaceGroup) -> String {
    table::identify(group).map_or_else(|| " P 1".to_owned(), |s| s.hall_symbol())
}

/// DIALS' heuristics for `recommended`, and the stricter ones for `safe` (module documentation).
fn recommend(list: &mut [Solution]) -> Result<(), Error> {
    let Some(triclinic) = list.last() else { return Err(Error::NoCrystal) };
    let p1 = match (&triclinic.refined, triclinic.rmsd_mm) {
        (Err(reason), _) => return Err(Error::Refinement { reason: reason.clone() }),
        (Ok(_), rmsd) => rmsd.unwrap_or(f64::INFINITY),
    };
    for s in list.iter_mut() {
        let Some(rmsd) = s.rmsd_mm else { continue };
        let cc = s.min_max_cc.map(|c| c[0]);
        let cc_below = |limit: f64| cc.is_none_or(|c| c < limit);
        let unlikely = if s.metric_fit_deg < 0.5 { cc_below(0.5) && rmsd > 1.5 * p1 } else { cc_below(0.7) && rmsd > 2.0 * p1 };
        let triclinic = s.number == 1;
        s.recommended = triclinic || !(unlikely || rmsd > 3.0 * p1);
        s.safe = s.recommended && !triclinic && s.metric_fit_deg < 0.5 && !cc_below(0.6) && rmsd <= 1.2 * p1;
    }
    Ok(())
}

/// The experiments and reflections in the setting of a solution: refined models, and indices transformed. Indices that the new basis does not have
/// are dropped.
pub fn apply(
    experiments: &ExperimentList,
    reflections: &Reflections,
    solution: &Solution,
    params: &Params,
) -> Result<(ExperimentList, Reflections), Error> {
    let mut list = solution.refined.clone().map_err(|reason| Error::Unrefined {
        asked: solution.number,
        bravais: solution.bravais.clone(),
        reason,
    })?;
    let mut maps = vec![solution.basis.hkl_map()];
    let group = lowest_group(&solution.bravais);
    for k in 1..experiments.crystals.len() {
        let crystal = &experiments.crystals[k];
        let failed = || Error::OtherCrystal {
            crystal: k,
            cell: crystal.unit_cell().to_string(),
            bravais: solution.bravais.clone(),
            max_delta: params.max_delta,
        };
        let candidates = subgroups_of(experiments, k, params)?;
        let closest =
            candidates.iter().filter(|s| s.bravais == solution.bravais).min_by(|a, b| a.max_delta_deg.total_cmp(&b.max_delta_deg));
        let subgroup = closest.ok_or_else(failed)?;
        set_crystal(&mut list, k, subgroup, &group).map_err(|_| failed())?;
        maps.push(subgroup.basis.hkl_map());
    }
    let mut table = reflections.clone();
    for i in 0..table.len() {
        let crystal = usize::try_from(table.id[i]).ok().and_then(|e| experiments.experiments.get(e)).and_then(|e| e.crystal);
        let Some(map) = crystal.and_then(|k| maps.get(k)) else { continue };
        match map.apply(table.hkl[i]) {
            Some(h) => table.hkl[i] = h,
            None => {
                table.hkl[i] = [0; 3];
                table.id[i] = -1;
                table.flags[i] &= !(flags::INDEXED | flags::USED_IN_REFINEMENT | flags::PREDICTED);
            }
        }
    }
    if !table.entering.is_empty() {
        let s1 = table.s1.clone();
        update_predictions(&list, &mut table);
        table.s1 = s1;
    }
    Ok((list, table))
}
