//! Contents of `merged.mtz` and `scaled.mtz`, with the columns that DIALS writes.

use super::free::FreeFlags;
use super::merged::MergedReflections;
use super::params::Params;
use crate::format::mtz::{Error, Mtz, batch_offsets, batches_of_scan};
use crate::geometry::{ExperimentList, UnitCell};
use crate::reflections::Reflections;
use crate::report::Origin;
use crate::spacegroup::SpaceGroup;

/// Unique reflections.
pub(super) fn merged(
    reflections: &MergedReflections,
    group: &SpaceGroup,
    cell: &UnitCell,
    wavelength: f64,
    free: Option<&FreeFlags>,
    params: &Params,
    origin: &Origin,
) -> Result<Vec<u8>, Error> {
    let names = [params.project_name.as_str(), params.crystal_name.as_str(), params.dataset_name.as_str()];
    let mut mtz = Mtz::new(group, cell.parameters(), wavelength, names);
    mtz.title = "Merged intensities".to_owned();
    mtz.history = origin.lines();
    mtz.sort_order = [1, 2, 3, 0, 0];
    mtz.push_indices(&reflections.hkl);
    let mut pair = |label: &str, kinds: [char; 2], values: &[[f64; 2]]| {
        mtz.push(label, kinds[0], values.iter().map(|v| v[0] as f32));
        mtz.push(&format!("SIG{label}"), kinds[1], values.iter().map(|v| v[1] as f32));
    };
    pair("IMEAN", ['J', 'Q'], &reflections.mean);
    if params.anomalous {
        pair("I(+)", ['K', 'M'], &reflections.plus);
        pair("I(-)", ['K', 'M'], &reflections.minus);
    }
    let count = |n: u32| if n > 0 { n as f32 } else { f32::NAN };
    if params.anomalous {
        mtz.push("N(+)", 'I', reflections.n.iter().map(|n| count(n[0])));
        mtz.push("N(-)", 'I', reflections.n.iter().map(|n| count(n[1])));
    } else {
        mtz.push("N", 'I', reflections.n.iter().map(|n| count(n[0] + n[1])));
    }
    if !reflections.f.is_empty() {
        let mut pair = |label: &str, kinds: [char; 2], values: &[[f64; 2]]| {
            mtz.push(label, kinds[0], values.iter().map(|v| v[0] as f32));
            mtz.push(&format!("SIG{label}"), kinds[1], values.iter().map(|v| v[1] as f32));
        };
        pair("F", ['F', 'Q'], &reflections.f);
        if params.anomalous {
            pair("F(+)", ['G', 'L'], &reflections.f_plus);
            pair("F(-)", ['G', 'L'], &reflections.f_minus);
            pair("DANO", ['D', 'Q'], &reflections.anomalous_difference());
        }
    }
    if let Some(free) = free {
        mtz.push("FreeR_flag", 'I', free.values.iter().map(|f| *f as f32));
    }
    mtz.to_bytes()
}

/// Every observation, sorted by unique index, symmetry operation and batch. `rows` are the usable rows of the scaled table.
pub(super) fn scaled(
    experiments: &ExperimentList,
    table: &Reflections,
    rows: &[u32],
    group: &SpaceGroup,
    cell: &UnitCell,
    wavelength: f64,
    params: &Params,
    origin: &Origin,
) -> Result<Vec<u8>, Error> {
    let scans: Vec<_> = (0..experiments.len()).map(|i| experiments.models(i)).collect();
    let ranges: Vec<[i64; 2]> = scans.iter().map(|m| m.map_or([1, 1], |m| [m.scan.first_image, m.scan.last_image()])).collect();
    let offsets = batch_offsets(&ranges);
    let batch = |row: usize| -> i64 {
        let sweep = table.id[row] as usize;
        let z = table.xyzcal_px.get(row).or(table.xyzobs_px.get(row)).map_or(0.0, |p| p[2]);
        // Reflections may be centred just off either end of the scan.
        let image = ranges[sweep][0].saturating_add(z.floor() as i64).clamp(ranges[sweep][0], ranges[sweep][1]);
        image + offsets[sweep]
    };
    let unit = crate::spacegroup::AsymmetricUnit::new(group)?;
    let mut keyed: Vec<([i32; 3], i32, i64, usize)> = rows
        .iter()
        .map(|&r| {
            let row = r as usize;
            let (hkl, isym) = unit.map(table.hkl[row]);
            (hkl, isym, batch(row), row)
        })
        .collect();
    keyed.sort_unstable();
    let mut mtz = Mtz::new(group, cell.parameters(), wavelength, ["DIALS", params.crystal_name.as_str(), "FROMDIALS"]);
    mtz.title = "Scaled unmerged intensities".to_owned();
    mtz.history = origin.lines();
    mtz.sort_order = [1, 2, 3, 4, 5];
    for (i, label) in ["H", "K", "L"].into_iter().enumerate() {
        mtz.push(label, 'H', keyed.iter().map(|k| k.0[i] as f32));
    }
    mtz.push("M/ISYM", 'Y', keyed.iter().map(|k| k.1 as f32));
    mtz.push("BATCH", 'B', keyed.iter().map(|k| k.2 as f32));
    let g = |row: usize| table.inverse_scale_factor[row];
    let mut column = |label: &str, kind: char, value: &dyn Fn(usize) -> f64| {
        mtz.push(label, kind, keyed.iter().map(|k| value(k.3) as f32));
    };
    column("I", 'J', &|r| table.scaled(r)[0]);
    column("SIGI", 'Q', &|r| table.scaled(r)[1]);
    column("SCALEUSED", 'R', &g);
    if !table.inverse_scale_factor_variance.is_empty() {
        column("SIGSCALEUSED", 'R', &|r| table.inverse_scale_factor_variance[r].max(0.0).sqrt());
    }
    if !table.background_sum.is_empty() && !table.background_sum_variance.is_empty() {
        column("BG", 'R', &|r| table.background_sum[r]);
        column("SIGBG", 'R', &|r| table.background_sum_variance[r].max(0.0).sqrt());
    }
    column("FRACTIONCALC", 'R', &|r| table.partiality.get(r).copied().unwrap_or(1.0));
    let position = if table.xyzobs_px.is_empty() { &table.xyzcal_px } else { &table.xyzobs_px };
    if !position.is_empty() {
        column("XDET", 'R', &|r| position[r][0]);
        column("YDET", 'R', &|r| position[r][1]);
    }
    if !table.xyzcal_px.is_empty() {
        column("ROT", 'R', &|r| scans[table.id[r] as usize].map_or(0.0, |m| m.scan.phi_from_z(table.xyzcal_px[r][2]).to_degrees()));
    }
    if !table.lp.is_empty() {
        column("LP", 'R', &|r| table.lp[r]);
    }
    let efficiency = table.quantum_efficiency();
    if !efficiency.is_empty() {
        column("QE", 'R', &|r| efficiency[r]);
    }
    for (models, offset) in scans.iter().zip(&offsets) {
        if let Some(models) = models {
            mtz.batches.extend(batches_of_scan(models, *offset, 1));
        }
    }
    mtz.to_bytes()
}
