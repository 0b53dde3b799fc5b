use super::error::Error;
use super::mmcif::{head, statistics, value};
use crate::geometry::ExperimentList;
use crate::report::Origin;
use crate::stages::merge::Unique;
use std::fmt::Write;

/// Unique reflections as the Protein Data Bank takes structure factors.
pub(super) fn text(experiments: &ExperimentList, unique: &Unique, anomalous: bool, origin: &Origin) -> Result<String, Error> {
    let mut b = head(experiments, unique, origin);
    statistics(&mut b, unique, origin);
    b.items(&[("_exptl.entry_id", super::mmcif::ENTRY.into()), ("_exptl.crystals_number", "1".into())]);
    let r = &unique.reflections;
    let difference = r.anomalous_difference();
    let none: Vec<[f64; 2]> = Vec::new();
    let amplitudes = !r.f.is_empty();
    let columns: [(&str, &str, &[[f64; 2]], bool); 7] = [
        ("intensity_meas", "intensity_sigma", &r.mean, true),
        ("F_meas_au", "F_meas_sigma_au", &r.f, amplitudes),
        ("pdbx_I_plus", "pdbx_I_plus_sigma", &r.plus, anomalous),
        ("pdbx_I_minus", "pdbx_I_minus_sigma", &r.minus, anomalous),
        ("pdbx_F_plus", "pdbx_F_plus_sigma", &r.f_plus, anomalous && amplitudes),
        ("pdbx_F_minus", "pdbx_F_minus_sigma", &r.f_minus, anomalous && amplitudes),
        ("pdbx_anom_difference", "pdbx_anom_difference_sigma", if amplitudes { &difference } else { &none }, anomalous && amplitudes),
    ];
    let columns: Vec<_> = columns.into_iter().filter(|c| c.3).collect();
    let mut tags = vec!["crystal_id", "wavelength_id", "scale_group_code", "index_h", "index_k", "index_l", "status"];
    if unique.free.is_some() {
        tags.push("pdbx_r_free_flag");
    }
    for (x, sigma, ..) in &columns {
        tags.extend([*x, *sigma]);
    }
    b.reserve(r.hkl.len() * (24 + 18 * columns.len())).map_err(|_| Error::TooLarge { rows: r.hkl.len() })?;
    b.loop_head("_refln", &tags);
    let mut line = String::new();
    for i in 0..r.hkl.len() {
        let [h, k, l] = r.hkl[i];
        let free = unique.free.as_ref().map(|f| (f.values[i], f.values[i] == f.free));
        // f: left out of refinement for the free R factor; o: observed.
        let status = if free.is_some_and(|f| f.1) { 'f' } else { 'o' };
        line.clear();
        let _ = write!(line, "1 1 1 {h} {k} {l} {status}");
        if let Some((flag, _)) = free {
            let _ = write!(line, " {flag}");
        }
        for (_, _, values, _) in &columns {
            let [x, sigma] = values[i];
            let _ = if x.is_finite() { write!(line, " {} {}", value(x), value(sigma)) } else { write!(line, " ? ?") };
        }
        b.row(&line);
    }
    let mut text = b.into_text();
    text.push_str("#END\n");
    Ok(text)
}
