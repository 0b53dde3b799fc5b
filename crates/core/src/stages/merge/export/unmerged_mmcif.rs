use super::error::Error;
use super::mmcif::{decimals, head, statistics, value};
use super::params::PdbVersion;
use crate::format::cif::Block;
use crate::geometry::ExperimentList;
use crate::reflections::Reflections;
use crate::report::Origin;
use crate::stages::merge::Unique;
use std::fmt::Write;

/// Every observation that was merged.
pub(super) fn text(
    experiments: &ExperimentList,
    table: &Reflections,
    unique: &Unique,
    version: PdbVersion,
    origin: &Origin,
) -> Result<String, Error> {
    let mut b = head(experiments, unique, origin);
    statistics(&mut b, unique, origin);
    b.reserve(unique.rows.len() * 90).map_err(|_| Error::TooLarge { rows: unique.rows.len() })?;
    match version {
        PdbVersion::V5 => v5(&mut b, experiments, table, unique),
        PdbVersion::V5Next => v5_next(&mut b, experiments, table, unique)?,
    }
    let mut text = b.into_text();
    text.push_str("#END\n");
    Ok(text)
}

/// Where a row was recorded: sweep, first image of it, x, y (px), z (from the first image).
fn place(experiments: &ExperimentList, table: &Reflections, row: usize) -> (usize, i64, [f64; 3]) {
    let sweep = table.id[row].max(0) as usize;
    let first = experiments.models(sweep).map_or(1, |m| m.scan.first_image);
    let p = table.xyzobs_px.get(row).or(table.xyzcal_px.get(row)).copied().unwrap_or_default();
    (sweep, first, p)
}

/// Rotation angle of a row's prediction, degrees.
fn angle(experiments: &ExperimentList, table: &Reflections, row: usize) -> f64 {
    let models = experiments.models(table.id[row].max(0) as usize);
    let z = table.xyzcal_px.get(row).or(table.xyzobs_px.get(row)).map(|p| p[2]);
    models.zip(z).map_or(f64::NAN, |(m, z)| m.scan.phi_from_z(z).to_degrees())
}

fn v5(b: &mut Block, experiments: &ExperimentList, table: &Reflections, unique: &Unique) {
    let tags = [
        "diffrn_id",
        "id",
        "index_h",
        "index_k",
        "index_l",
        "pdbx_image_id",
        "pdbx_detector_x",
        "pdbx_detector_y",
        "pdbx_scale_value",
        "intensity_net",
        "intensity_sigma",
        "pdbx_scan_angle",
    ];
    b.loop_head("_diffrn_refln", &tags);
    let mut line = String::new();
    for (n, &row) in unique.rows.iter().enumerate() {
        let row = row as usize;
        let [h, k, l] = table.hkl[row];
        let (_, first, [x, y, z]) = place(experiments, table, row);
        let [intensity, sigma] = table.scaled(row);
        line.clear();
        let _ = write!(
            line,
            "1 {} {h} {k} {l} {} {x:.3} {y:.3} {} {} {} {}",
            n + 1,
            first.saturating_add(z.floor().max(0.0) as i64),
            value(1.0 / table.inverse_scale_factor[row]),
            value(intensity),
            value(sigma),
            decimals(angle(experiments, table, row), 4)
        );
        b.row(&line);
    }
}

fn v5_next(b: &mut Block, experiments: &ExperimentList, table: &Reflections, unique: &Unique) -> Result<(), Error> {
    b.items(&[
        ("_pdbx_diffrn_data_section.id", "ewald".into()),
        ("_pdbx_diffrn_data_section.type_scattering", "x-ray".into()),
        ("_pdbx_diffrn_data_section.type_merged", "false".into()),
        ("_pdbx_diffrn_data_section.type_scaled", "true".into()),
    ]);
    let bravais = unique.group.setting().map_or_else(|| "?".to_owned(), |s| s.bravais());
    let number = |e: usize| experiments.experiments.get(e).and_then(|e| e.crystal).unwrap_or(0) + 1;
    let mut cells = Vec::new();
    let mut scans = Vec::new();
    for e in 0..experiments.len() {
        let m = experiments.models(e).ok_or(Error::NoModel { experiment: e, what: "scan" })?;
        let crystal = m.crystal.ok_or(Error::NoModel { experiment: e, what: "crystal" })?;
        let mut row = vec![(e + 1).to_string(), number(e).to_string(), format!("{:.5}", m.beam.wavelength)];
        row.extend(crystal.unit_cell().parameters().map(|p| format!("{p:.4}")));
        row.push(bravais.clone());
        cells.push(row);
        let ends = [0.0, m.scan.n_images as f64].map(|z| format!("{:.4}", m.scan.phi_from_z(z).to_degrees()));
        let mut row = vec![(e + 1).to_string(), number(e).to_string(), m.scan.first_image.to_string(), m.scan.last_image().to_string()];
        row.extend(ends);
        scans.push(row);
    }
    let cell_tags = [
        "ordinal",
        "crystal_id",
        "wavelength",
        "cell_length_a",
        "cell_length_b",
        "cell_length_c",
        "cell_angle_alpha",
        "cell_angle_beta",
        "cell_angle_gamma",
        "Bravais_lattice",
    ];
    b.table("_pdbx_diffrn_unmerged_cell", &cell_tags, cells);
    let scan_tags = ["scan_id", "crystal_id", "image_id_begin", "image_id_end", "scan_angle_begin", "scan_angle_end"];
    b.table("_pdbx_diffrn_scan", &scan_tags, scans);
    let mut tags = vec![
        "reflection_id",
        "scan_id",
        "image_id_begin",
        "image_id_end",
        "index_h",
        "index_k",
        "index_l",
        "scale_value",
        "intensity_meas",
        "intensity_sigma",
        "scan_angle_reflection",
    ];
    let partial = !table.partiality.is_empty();
    if partial {
        tags.push("partiality");
    }
    b.loop_head("_pdbx_diffrn_unmerged_refln", &tags);
    let mut line = String::new();
    for (n, &row) in unique.rows.iter().enumerate() {
        let row = row as usize;
        let [h, k, l] = table.hkl[row];
        let (sweep, first, [_, _, z]) = place(experiments, table, row);
        // Image numbers as in the list of scans above, both included. (DIALS writes array indices, one less at the beginning.)
        let [z0, z1] = table.bbox.get(row).map_or([z.floor() as i64; 2], |b| [i64::from(b[4]), i64::from(b[5]) - 1]);
        let [intensity, sigma] = table.scaled(row);
        line.clear();
        let _ = write!(
            line,
            "{} {} {} {} {h} {k} {l} {} {} {} {}",
            n + 1,
            sweep + 1,
            first.saturating_add(z0),
            first.saturating_add(z1),
            value(1.0 / table.inverse_scale_factor[row]),
            value(intensity),
            value(sigma),
            decimals(angle(experiments, table, row), 4)
        );
        if partial {
            let _ = write!(line, " {:.4}", table.partiality[row]);
        }
        b.row(&line);
    }
    Ok(())
}
