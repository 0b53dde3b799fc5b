//! Merging statistics of a scaled table.

use super::{
    AnomalousSignal, CcHalfFit, Direction, Equivalents, Error, Exposed, Grouping, ImageQuality, MergingStatistics, ResolutionLimit, Shells,
    TwinStatistics, anomalous_signal, directions, image_quality, merging_statistics, possible, resolution_from_cc_half, resolution_limits,
    twin_statistics,
};
use crate::geometry::{ExperimentList, UnitCell};
use crate::reflections::{Reflections, flags};
use crate::spacegroup::SpaceGroup;

/// Statistics of a scaled table.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// By shell and overall.
    pub merging: MergingStatistics,
    /// Size of the Bijvoet differences.
    pub anomalous: AnomalousSignal,
    /// Suggested resolution.
    pub cc_half_fit: Option<CcHalfFit>,
    /// Moments and L-test; `None` where too few reflections are strong enough.
    pub twinning: Option<TwinStatistics>,
    /// Resolution by several criteria.
    pub limits: Vec<ResolutionLimit>,
    /// By direction, where symmetry allows directions to differ.
    pub directions: Vec<Direction>,
    /// Statistics to the suggested resolution, where that is coarser than the data.
    pub suggested: Option<Box<(MergingStatistics, AnomalousSignal)>>,
    /// Space group, as named.
    pub space_group: String,
    /// Cell (median over the experiments).
    pub cell: UnitCell,
}

/// The space group that all experiments share, and the median of their cells.
///
/// # Errors
/// When there is no experiment, one has no crystal, or their space groups differ.
pub fn symmetry_and_cell(experiments: &ExperimentList) -> Result<(SpaceGroup, UnitCell), Error> {
    let mut cells = Vec::new();
    let mut hall: Option<&str> = None;
    for (i, e) in experiments.experiments.iter().enumerate() {
        let crystal = e.crystal.and_then(|k| experiments.crystals.get(k)).ok_or(Error::NoCrystal { experiment: i })?;
        let first = *hall.get_or_insert(&crystal.hall_symbol);
        if first != crystal.hall_symbol {
            return Err(Error::SpaceGroups { experiment: i, first: first.to_owned(), other: crystal.hall_symbol.clone() });
        }
        cells.push(crystal.unit_cell().parameters());
    }
    let hall = hall.ok_or(Error::NoCrystal { experiment: 0 })?;
    let median = |k: usize| {
        let mut v: Vec<f64> = cells.iter().map(|c| c[k]).collect();
        v.sort_by(f64::total_cmp);
        0.5 * (v[(v.len() - 1) / 2] + v[v.len() / 2])
    };
    let p: [f64; 6] = core::array::from_fn(median);
    Ok((SpaceGroup::from_hall(hall)?, UnitCell { lengths: [p[0], p[1], p[2]], angles_deg: [p[3], p[4], p[5]] }))
}

/// Rows of a scaled table that are to be merged.
pub fn usable_rows(table: &Reflections, partiality_cutoff: f64) -> Vec<u32> {
    (0..table.len())
        .filter(|&i| {
            table.flags[i] & flags::SCALED != 0
                && table.flags[i] & flags::BAD_FOR_SCALING == 0
                && table.partiality.get(i).is_none_or(|p| *p >= partiality_cutoff)
                && table.inverse_scale_factor[i] > 0.0
                && table.var_scale[i] > 0.0
        })
        .map(|i| i as u32)
        .collect()
}

/// Merging statistics of the rows of a scaled table that are marked scaled and not bad.
///
/// # Errors
/// When a column is missing, or experiments have no or different space groups.
pub fn scaled_statistics(
    experiments: &ExperimentList,
    table: &Reflections,
    n_shells: usize,
    cc_half: f64,
    partiality_cutoff: f64,
) -> Result<Statistics, Error> {
    table.require(&["flags", "miller_index", "intensity.scale.value", "intensity.scale.variance", "inverse_scale_factor"])?;
    let (group, cell) = symmetry_and_cell(experiments)?;
    let rows = usable_rows(table, partiality_cutoff);
    let groups = Equivalents::new(&group, &table.hkl, &rows)?;
    let intensity: Vec<f64> = groups.rows.iter().map(|&r| table.scaled(r as usize)[0]).collect();
    let sigma: Vec<f64> = groups.rows.iter().map(|&r| table.scaled(r as usize)[1]).collect();
    let d: Vec<f64> = groups.hkl.iter().map(|h| cell.d(*h)).collect();
    let finest = d.iter().copied().fold(f64::INFINITY, f64::min);
    let coarsest = d.iter().copied().fold(0.0, f64::max);
    let of = |d_min: f64| {
        let shells = Shells::new(coarsest, d_min, n_shells);
        let count = possible(&group, &cell, &shells);
        let merging = merging_statistics(&groups, &intensity, &sigma, &d, shells, count.as_ref());
        let inside = |g: usize| merging.shells.index(d[g]).is_some();
        let anomalous = anomalous_signal(&groups, &intensity, &sigma, inside);
        (merging, anomalous)
    };
    let (merging, anomalous) = of(finest.min(coarsest));
    let cc_half_fit = resolution_from_cc_half(&merging, cc_half);
    let suggested = cc_half_fit.filter(|f| f.d_min > finest * 1.0001 && f.d_min < coarsest).map(|f| Box::new(of(f.d_min)));
    let space_group = group.symbol();
    let limits = resolution_limits(&merging, cc_half);
    let epsilon: Vec<f64> = groups.hkl.iter().map(|h| f64::from(group.epsilon(*h).max(1))).collect();
    let twinning = twin_statistics(&groups, &intensity, &sigma, &d, &epsilon);
    let directions = directions(&group, &cell, &groups, &intensity, &sigma, &d, cc_half);
    Ok(Statistics { merging, anomalous, cc_half_fit, twinning, limits, directions, suggested, space_group, cell })
}

/// Radiation damage and ΔCC½ of the images of a scaled table.
///
/// # Errors
/// As [`scaled_statistics`].
pub fn image_statistics(
    experiments: &ExperimentList,
    table: &Reflections,
    partiality_cutoff: f64,
    grouping: Grouping,
) -> Result<ImageQuality, Error> {
    table.require(&["id", "flags", "miller_index", "intensity.scale.value", "intensity.scale.variance", "inverse_scale_factor"])?;
    let (group, cell) = symmetry_and_cell(experiments)?;
    let n_images: Vec<u32> = (0..experiments.len()).map(|i| experiments.models(i).map_or(1, |m| m.scan.n_images as u32)).collect();
    let known = |row: usize| usize::try_from(table.id[row]).is_ok_and(|id| id < n_images.len());
    let mut rows = usable_rows(table, partiality_cutoff);
    rows.retain(|&r| known(r as usize));
    let groups = Equivalents::new(&group, &table.hkl, &rows)?;
    let exposed = |&row: &u32| {
        let row = row as usize;
        let sweep = table.id[row] as usize;
        let z = table.xyzobs_px.get(row).or(table.xyzcal_px.get(row)).map_or(0.0, |p| p[2]);
        let image = (z.max(0.0) as u32).min(n_images[sweep].saturating_sub(1));
        Exposed { intensity: table.scaled(row)[0], sweep: sweep as u32, image }
    };
    let observations: Vec<Exposed> = groups.rows.iter().map(exposed).collect();
    let rejected = (0..table.len()).filter(|&i| table.flags[i] & flags::OUTLIER_IN_SCALING != 0 && known(i));
    let outliers: Vec<Exposed> = rejected.map(|i| exposed(&(i as u32))).collect();
    let d: Vec<f64> = groups.hkl.iter().map(|h| cell.d(*h)).collect();
    Ok(image_quality(&groups, &observations, &outliers, &d, &n_images, grouping))
}
