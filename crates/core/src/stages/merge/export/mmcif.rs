//! What merged and unmerged mmCIF files have in common.

use crate::format::cif::{Block, number};
use crate::geometry::{ExperimentList, Probe};
use crate::merging::{MergingStatistics, Sums};
use crate::report::Origin;
use crate::spacegroup::SpaceGroup;
use crate::stages::merge::Unique;

/// Name of the entry until the data bank gives it one.
pub(super) const ENTRY: &str = "EWALD";

/// The block's head: program, software, crystal, cell, symmetry, source.
pub(super) fn head(experiments: &ExperimentList, unique: &Unique, origin: &Origin) -> Block {
    let mut b = Block::new(ENTRY);
    origin.lines().iter().for_each(|l| b.comment(l));
    let version = origin.program.split_whitespace().last().unwrap_or_default().to_owned();
    let method = if origin.session.is_empty() { origin.program.clone() } else { format!("{}, session {}", origin.program, origin.session) };
    b.items(&[("_entry.id", ENTRY.into())]);
    b.items(&[("_audit.revision_id", "1".into()), ("_audit.creation_method", method)]);
    b.table(
        "_software",
        &["pdbx_ordinal", "name", "version", "type", "classification", "description"],
        [("1", "data reduction", "indexing and integration"), ("2", "data scaling", "scaling and merging")]
            .map(|(n, class, does)| vec![n.into(), "Ewald".into(), version.clone(), "program".into(), class.into(), does.into()]),
    );
    b.items(&[("_exptl_crystal.id", "1".into())]);
    b.items(&[("_diffrn.id", "1".into()), ("_diffrn.crystal_id", "1".into())]);
    let models = || (0..experiments.len()).filter_map(|i| experiments.models(i));
    let probe = match models().next().map(|m| m.beam.probe) {
        Some(Probe::Electron) => "electron",
        Some(Probe::Neutron) => "neutron",
        _ => "x-ray",
    };
    b.items(&[
        ("_diffrn_radiation.diffrn_id", "1".into()),
        ("_diffrn_radiation.wavelength_id", "1".into()),
        ("_diffrn_radiation.pdbx_diffrn_protocol", "SINGLE WAVELENGTH".into()),
        ("_diffrn_radiation.pdbx_monochromatic_or_laue_m_l", "M".into()),
        ("_diffrn_radiation.pdbx_scattering_type", probe.into()),
    ]);
    b.items(&[
        ("_diffrn_radiation_wavelength.id", "1".into()),
        ("_diffrn_radiation_wavelength.wavelength", format!("{:.5}", unique.wavelength)),
        ("_diffrn_radiation_wavelength.wt", "1.0".into()),
    ]);
    let mut wavelengths: Vec<String> = models().map(|m| format!("{:.5}", m.beam.wavelength)).collect();
    wavelengths.sort();
    wavelengths.dedup();
    b.items(&[("_diffrn_source.diffrn_id", "1".into()), ("_diffrn_source.pdbx_wavelength_list", wavelengths.join(", "))]);
    let start = models().filter_map(|m| m.scan.epochs.first().copied()).filter(|t| *t > 1e8).fold(f64::INFINITY, f64::min);
    if start.is_finite() {
        b.items(&[("_diffrn_detector.diffrn_id", "1".into()), ("_diffrn_detector.pdbx_collection_date", date(start))]);
    }
    let [a, b_, c] = unique.cell.lengths;
    let [al, be, ga] = unique.cell.angles_deg;
    b.items(&[
        ("_cell.entry_id", ENTRY.into()),
        ("_cell.length_a", format!("{a:.4}")),
        ("_cell.length_b", format!("{b_:.4}")),
        ("_cell.length_c", format!("{c:.4}")),
        ("_cell.angle_alpha", format!("{al:.4}")),
        ("_cell.angle_beta", format!("{be:.4}")),
        ("_cell.angle_gamma", format!("{ga:.4}")),
    ]);
    symmetry(&mut b, &unique.group);
    b
}

fn symmetry(b: &mut Block, group: &SpaceGroup) {
    let setting = group.setting();
    let mut items = vec![
        ("_symmetry.entry_id", ENTRY.to_owned()),
        ("_symmetry.space_group_name_H-M", setting.map_or_else(|| group.symbol(), |s| s.ccp4_symbol())),
    ];
    if let Some(s) = setting {
        items.push(("_symmetry.space_group_name_Hall", s.hall.to_owned()));
        items.push(("_symmetry.Int_Tables_number", s.number.to_string()));
    }
    b.items(&items);
    let operations = group.all_ops().enumerate().map(|(i, op)| vec![(i + 1).to_string(), op.triplet()]);
    b.table("_symmetry_equiv", &["id", "pos_as_xyz"], operations);
}

/// Statistics for deposition: overall and by shell.
pub(super) fn statistics(b: &mut Block, unique: &Unique, origin: &Origin) {
    let m = &unique.statistics.merging;
    let o = &m.overall;
    let mut items: Vec<(&str, String)> = vec![
        ("_reflns.entry_id", ENTRY.into()),
        ("_reflns.pdbx_diffrn_id", "1".into()),
        ("_reflns.pdbx_ordinal", "1".into()),
        ("_reflns.d_resolution_high", format!("{:.3}", m.d_range[1])),
        ("_reflns.d_resolution_low", format!("{:.3}", m.d_range[0])),
        ("_reflns.number_obs", o.n_unique.to_string()),
        ("_reflns.number_all", o.n_possible.map_or_else(|| "?".to_owned(), |n| n.to_string())),
        ("_reflns.pdbx_number_measured_all", o.n_obs.to_string()),
        ("_reflns.percent_possible_obs", decimals(o.completeness(), 1)),
        ("_reflns.pdbx_redundancy", decimals(o.multiplicity(), 2)),
        ("_reflns.pdbx_netI_over_sigmaI", decimals(o.mean_i_over_sigma(), 2)),
        ("_reflns.pdbx_Rmerge_I_obs", decimals(o.r.r_merge(), 4)),
        ("_reflns.pdbx_Rrim_I_all", decimals(o.r.r_meas(), 4)),
        ("_reflns.pdbx_Rpim_I_all", decimals(o.r.r_pim(), 4)),
        ("_reflns.pdbx_CC_half", decimals(o.cc_half().unwrap_or(f64::NAN), 4)),
        ("_reflns.pdbx_percent_possible_anomalous", decimals(o.anomalous_completeness(), 1)),
        ("_reflns.pdbx_redundancy_anomalous", decimals(o.anomalous_multiplicity(), 2)),
        ("_reflns.pdbx_CC_half_anomalous", decimals(o.cc_anomalous.coefficient().unwrap_or(f64::NAN), 3)),
        ("_reflns.pdbx_absDiff_over_sigma_anomalous", decimals(unique.statistics.anomalous.di_over_sigma, 3)),
    ];
    if !origin.methods.is_empty() {
        items.push(("_reflns.details", origin.methods.clone()));
    }
    b.items(&items);
    let tags = [
        "pdbx_ordinal",
        "pdbx_diffrn_id",
        "d_res_high",
        "d_res_low",
        "number_unique_obs",
        "number_measured_obs",
        "number_possible",
        "percent_possible_obs",
        "pdbx_redundancy",
        "pdbx_netI_over_sigmaI_obs",
        "Rmerge_I_obs",
        "pdbx_Rrim_I_all",
        "pdbx_Rpim_I_all",
        "pdbx_CC_half",
        "pdbx_percent_possible_anomalous",
        "pdbx_redundancy_anomalous",
        "pdbx_CC_half_anomalous",
    ];
    let rows = m.by_shell.iter().enumerate().filter(|(_, s)| s.n_unique > 0).map(|(i, s)| shell(i, s, m)).collect::<Vec<_>>();
    b.table("_reflns_shell", &tags, rows);
}

fn shell(i: usize, s: &Sums, m: &MergingStatistics) -> Vec<String> {
    let [low, high] = m.shells.limits(i);
    vec![
        (i + 1).to_string(),
        "1".to_owned(),
        format!("{high:.3}"),
        format!("{low:.3}"),
        s.n_unique.to_string(),
        s.n_obs.to_string(),
        s.n_possible.map_or_else(|| "?".to_owned(), |n| n.to_string()),
        decimals(s.completeness(), 1),
        decimals(s.multiplicity(), 2),
        decimals(s.mean_i_over_sigma(), 2),
        decimals(s.r.r_merge(), 4),
        decimals(s.r.r_meas(), 4),
        decimals(s.r.r_pim(), 4),
        decimals(s.cc_half().unwrap_or(f64::NAN), 4),
        decimals(s.anomalous_completeness(), 1),
        decimals(s.anomalous_multiplicity(), 2),
        decimals(s.cc_anomalous.coefficient().unwrap_or(f64::NAN), 3),
    ]
}

/// Digits of intensities and amplitudes: those of an f32.
pub(super) fn value(x: f64) -> String {
    number(x, 7)
}

/// Fixed decimals; `?` for what is not known.
pub(super) fn decimals(x: f64, n: usize) -> String {
    if x.is_finite() { format!("{x:.n$}") } else { "?".to_owned() }
}

/// The day (UTC, yyyy-mm-dd) of a number of seconds since 1970.
fn date(seconds: f64) -> String {
    // Days to year, month, day in the era of 400 years that begins in March (Hinnant, chrono-compatible date algorithms).
    let z = (seconds / 86400.0).floor() as i64 + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for (seconds, day) in [(0.0, "1970-01-01"), (951_782_400.0, "2000-02-29"), (1_700_000_000.0, "2023-11-14")] {
            assert_eq!(date(seconds), day);
        }
    }
}
