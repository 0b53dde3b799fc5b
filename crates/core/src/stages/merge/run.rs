use super::error::Error;
use super::free::{FreeFlags, free_flags};
use super::free_reference::FreeReference;
use super::merged::MergedReflections;
use super::mtz_files;
use super::params::Params;
use crate::format::mtz;
use crate::geometry::{ExperimentList, UnitCell};
use crate::job::Monitor;
use crate::merging::{Equivalents, Statistics, scaled_statistics, symmetry_and_cell, usable_rows};
use crate::params::Parameters;
use crate::reflections::Reflections;
use crate::report::Origin;
use crate::spacegroup::SpaceGroup;

/// Unique reflections and what is known of them.
#[derive(Debug, Clone)]
pub struct Unique {
    /// The reflections.
    pub reflections: MergedReflections,
    /// Rows of the scaled table that were merged, ascending.
    pub rows: Vec<u32>,
    /// The space group.
    pub group: SpaceGroup,
    /// The cell.
    pub cell: UnitCell,
    /// Flags for the free R factor, if they were asked for.
    pub free: Option<FreeFlags>,
    /// Merging statistics.
    pub statistics: Statistics,
    /// Mean wavelength, Å.
    pub wavelength: f64,
    /// Experiments whose observations were merged.
    pub n_sweeps: usize,
    /// What was done, where parameters asked for something special.
    pub remarks: Vec<String>,
    /// What was assumed or left out.
    pub notes: Vec<String>,
}

/// What merging leaves.
#[derive(Debug, Clone)]
pub struct Merged {
    /// Unique reflections.
    pub unique: Unique,
    /// `merged.mtz`.
    pub merged_mtz: Vec<u8>,
    /// `scaled.mtz`: every observation.
    pub scaled_mtz: Vec<u8>,
}

/// Experiments whose wavelengths differ by more (Å) hold different datasets.
pub(super) const WAVELENGTH_TOLERANCE: f64 = 1e-4;

/// Merges the observations that scaling marked as scaled and good, and makes the MTZ files.
///
/// # Errors
/// When scaling's columns are missing, nothing is usable, or the crystals differ in symmetry.
pub fn run(experiments: &ExperimentList, reflections: &Reflections, params: &Params, monitor: &dyn Monitor) -> Result<Merged, Error> {
    run_with(experiments, reflections, None, params, &Origin::default(), monitor)
}

/// [`run`] with the free-R flags of another file, if any; `origin` goes to the history of the files.
///
/// # Errors
/// As [`run`], and where the flags are those of another crystal form or indexing.
pub fn run_with(
    experiments: &ExperimentList,
    reflections: &Reflections,
    reference: Option<&FreeReference>,
    params: &Params,
    origin: &Origin,
    monitor: &dyn Monitor,
) -> Result<Merged, Error> {
    monitor.begin("Merging", 4);
    let u = unique(experiments, reflections, reference, params, monitor)?;
    let merged_mtz = mtz_files::merged(&u.reflections, &u.group, &u.cell, u.wavelength, u.free.as_ref(), params, origin)?;
    let scaled_mtz = scaled_mtz(experiments, reflections, &u, params, origin)?;
    monitor.advance(1);
    Ok(Merged { unique: u, merged_mtz, scaled_mtz })
}

/// Every observation that was merged, as an MTZ file.
///
/// # Errors
/// When there are too many for the format.
pub fn scaled_mtz(
    experiments: &ExperimentList,
    reflections: &Reflections,
    u: &Unique,
    params: &Params,
    origin: &Origin,
) -> Result<Vec<u8>, mtz::Error> {
    mtz_files::scaled(experiments, reflections, &u.rows, &u.group, &u.cell, u.wavelength, params, origin)
}

/// The unique reflections alone, without files.
///
/// # Errors
/// As [`run_with`].
pub fn unique(
    experiments: &ExperimentList,
    reflections: &Reflections,
    reference: Option<&FreeReference>,
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Unique, Error> {
    params.check_ranges()?;
    reflections.require(&["id", "flags", "miller_index", "intensity.scale.value", "intensity.scale.variance", "inverse_scale_factor"])?;
    let (group, cell) = symmetry_and_cell(experiments)?;
    let (finest, coarsest) = (params.d_min.unwrap_or(0.0), params.d_max.unwrap_or(f64::INFINITY));
    let n = experiments.len();
    let rows: Vec<u32> = usable_rows(reflections, params.partiality_threshold)
        .into_iter()
        .filter(|&r| usize::try_from(reflections.id[r as usize]).is_ok_and(|id| id < n))
        .filter(|&r| (finest..=coarsest).contains(&cell.d(reflections.hkl[r as usize])))
        .collect();
    if rows.is_empty() {
        return Err(Error::NothingToMerge { rows: reflections.len() });
    }
    let mut notes = Vec::new();
    let wavelengths: Vec<f64> = (0..n).filter_map(|i| experiments.models(i)).map(|m| m.beam.wavelength).collect();
    let wavelength = wavelengths.iter().sum::<f64>() / wavelengths.len().max(1) as f64;
    if wavelengths.iter().any(|w| (w - wavelength).abs() > WAVELENGTH_TOLERANCE) {
        notes.push(format!(
            "the experiments' wavelengths differ by more than {WAVELENGTH_TOLERANCE} Å; they are merged into one dataset with their mean, \
             {wavelength:.5} Å"
        ));
    }
    let groups = Equivalents::new(&group, &reflections.hkl, &rows)?;
    let (intensity, sigma): (Vec<f64>, Vec<f64>) = groups.rows.iter().map(|&r| reflections.scaled(r as usize).into()).unzip();
    let d: Vec<f64> = groups.hkl.iter().map(|h| cell.d(*h)).collect();
    let mut merged = MergedReflections::new(&groups, &intensity, &sigma, &d);
    monitor.check()?;
    monitor.advance(1);
    if params.truncate {
        merged.add_amplitudes(&group, &groups.centric, params.min_reflections);
        if merged.hkl.len() < params.min_reflections {
            notes.push(format!(
                "{} unique reflections are too few to know how intensities fall with resolution ({} are needed); amplitudes assume that \
                 all positive intensities are equally likely",
                merged.hkl.len(),
                params.min_reflections
            ));
        }
        if merged.rejected > 0 {
            notes.push(format!("{} reflections are too negative to have an amplitude; their intensities are kept", merged.rejected));
        }
    }
    monitor.check()?;
    monitor.advance(1);
    let mut remarks = Vec::new();
    let free = match (params.free_flags, reference) {
        (false, _) => None,
        (true, None) => Some(free_flags(&merged.hkl, &group, &cell, params.free_fraction)?),
        (true, Some(reference)) => {
            let (flags, done, warning) = reference.extended(&merged.hkl, &merged.mean, &group, &cell)?;
            remarks.push(done);
            notes.extend(warning);
            Some(flags)
        }
    };
    let statistics = statistics(experiments, reflections, params, &cell)?;
    monitor.check()?;
    monitor.advance(1);
    Ok(Unique { reflections: merged, rows, group, cell, free, statistics, wavelength, n_sweeps: n, remarks, notes })
}

/// Statistics of what is written: the same as scaling's unless limits were given.
fn statistics(experiments: &ExperimentList, reflections: &Reflections, params: &Params, cell: &UnitCell) -> Result<Statistics, Error> {
    const CC_HALF: f64 = 0.3;
    if params.d_min.is_none() && params.d_max.is_none() {
        return Ok(scaled_statistics(experiments, reflections, params.n_shells, CC_HALF, params.partiality_threshold)?);
    }
    let (finest, coarsest) = (params.d_min.unwrap_or(0.0), params.d_max.unwrap_or(f64::INFINITY));
    let rows: Vec<usize> = (0..reflections.len()).filter(|&i| (finest..=coarsest).contains(&cell.d(reflections.hkl[i]))).collect();
    let within = reflections.select(&rows);
    Ok(scaled_statistics(experiments, &within, params.n_shells, CC_HALF, params.partiality_threshold)?)
}
