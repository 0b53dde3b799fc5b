//! What experiment lists and reflection tables hold, as reports.

use ewald_core::geometry::ExperimentList;
use ewald_core::reflections::Reflections;
use ewald_core::report::{Axis, Cell, Plot, Report, Series, Style, Table};
use ewald_core::stages::import;

/// The models, as `dials.show` lists them.
pub fn experiments(list: &ExperimentList) -> Report {
    let mut out = Report::new("Experiments");
    out.headline = format!("{} experiments", list.len());
    out.texts.push(("Models".to_owned(), import::show(list)));
    out
}

/// The columns with their ranges, and intensities against resolution.
pub fn reflections(table: &Reflections) -> Report {
    let mut out = Report::new("Reflections");
    out.headline = format!("{} reflections", table.len());
    out.value("n_reflections", table.len() as f64);
    let mut columns = Table::new("columns", "Columns", &[("Column", ""), ("min", ""), ("max", ""), ("mean", "")]);
    let mut row = |name: &str, values: &mut dyn Iterator<Item = f64>| {
        let (mut n, mut min, mut max, mut sum) = (0usize, f64::INFINITY, f64::NEG_INFINITY, 0.0);
        for v in values.filter(|v| v.is_finite()) {
            (n, min, max, sum) = (n + 1, min.min(v), max.max(v), sum + v);
        }
        if n > 0 {
            columns.push(vec![name.into(), Cell::number(min, 4), Cell::number(max, 4), Cell::number(sum / n as f64, 4)]);
        }
    };
    let scalars: [(&str, &Vec<f64>); 10] = [
        ("d", &table.d),
        ("intensity.sum.value", &table.i_sum),
        ("intensity.sum.variance", &table.var_sum),
        ("intensity.prf.value", &table.i_prf),
        ("intensity.prf.variance", &table.var_prf),
        ("intensity.scale.value", &table.i_scale),
        ("inverse_scale_factor", &table.inverse_scale_factor),
        ("partiality", &table.partiality),
        ("profile.correlation", &table.profile_correlation),
        ("zeta", &table.zeta),
    ];
    for (name, values) in scalars {
        row(name, &mut values.iter().copied());
    }
    for (name, values) in [("xyzobs.px", &table.xyzobs_px), ("xyzcal.px", &table.xyzcal_px)] {
        for (k, axis) in ["x", "y", "z"].into_iter().enumerate() {
            row(&format!("{name} {axis}"), &mut values.iter().map(|v| v[k]));
        }
    }
    out.tables.push(columns);
    let others = table.extra.keys().cloned().collect::<Vec<_>>();
    out.texts.push(("All columns".to_owned(), [table.present().join("\n"), others.join("\n")].join("\n")));
    let z = if table.xyzobs_px.is_empty() { &table.xyzcal_px } else { &table.xyzobs_px };
    out.plots.extend(per_image(z));
    out
}

/// Reflections per image, by their centres.
fn per_image(xyz: &[[f64; 3]]) -> Option<Plot> {
    let last = xyz.iter().map(|p| p[2]).filter(|z| z.is_finite() && *z < 1e6).fold(0.0, f64::max) as usize;
    let mut counts = vec![0.0; last + 1];
    xyz.iter().filter(|p| p[2] >= 0.0).for_each(|p| {
        if let Some(n) = counts.get_mut(p[2] as usize) {
            *n += 1.0;
        }
    });
    let series =
        Series { label: "reflections".to_owned(), x: (0..counts.len()).map(|i| i as f64 + 0.5).collect(), y: counts, style: Style::Bars };
    (!xyz.is_empty()).then(|| Plot {
        id: "reflections_per_image".to_owned(),
        title: "Reflections per image".to_owned(),
        x: Axis::new("z", "images"),
        y: Axis::new("Reflections", ""),
        series: vec![series],
    })
}
