use super::run::Unique;
use crate::merging::{TableOne, statistics_plots, statistics_tables, statistics_values, twinning_warning};
use crate::report::{Axis, Cell, Plot, Report, Series, Style, Table};

/// The report of merging: the statistics of the merged data, and how intensities fall with resolution.
pub fn report(merged: &Unique) -> Report {
    let mut r = Report::new("Merge");
    let s = &merged.statistics;
    let o = &s.merging.overall;
    r.headline = format!("{} unique reflections to {:.2} Å", o.n_unique, s.merging.d_range[1]);
    r.verdict = format!(
        "{} observations merge to {} unique reflections, {:.1} % of those possible, with mean I/σ {:.1} and Rpim {:.3}.",
        o.n_obs,
        o.n_unique,
        o.completeness(),
        o.mean_i_over_sigma(),
        o.r.r_pim()
    );
    if !merged.remarks.is_empty() {
        r.texts.push(("Free-R flags".to_owned(), merged.remarks.join("\n")));
    }
    for note in &merged.notes {
        r.warn(note.clone());
    }
    if let Some(warning) = twinning_warning(s) {
        r.warn(warning);
    }
    let table_one = TableOne::new(s, merged.wavelength, false);
    r.tables.push(table_one.table());
    r.tables.extend(statistics_tables(s));
    r.tables.push(anomalous_table(merged));
    r.plots.push(wilson_plot(merged));
    r.plots.extend(statistics_plots(s));
    r.texts.push(("Table 1 as LaTeX".to_owned(), table_one.latex()));
    r.texts.push(("Table 1 as CSV".to_owned(), table_one.csv()));
    for (name, value) in statistics_values(s) {
        r.value(name, value);
    }
    r.value("n_amplitudes_rejected", merged.reflections.rejected as f64).value("wavelength", merged.wavelength);
    r.value("n_sweeps", merged.n_sweeps as f64);
    r.label("space_group", s.space_group.clone());
    r
}

/// ⟨|ΔF|/σ(ΔF)⟩ in ten shells of equal numbers of pairs.
fn anomalous_table(merged: &Unique) -> Table {
    let mut t = Table::new(
        "anomalous_differences",
        "Size of anomalous differences",
        &[("d_max", ""), ("d_min", ""), ("pairs", ""), ("<|ΔF|/σ(ΔF)>", "")],
    );
    let m = &merged.reflections;
    let difference = m.anomalous_difference();
    let mut pairs: Vec<(f64, f64)> =
        m.d.iter().zip(&difference).filter(|(_, v)| v[1] > 0.0).map(|(d, v)| (*d, v[0].abs() / v[1])).collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let shells = (pairs.len() / 10).min(10);
    for k in 0..shells {
        let part = &pairs[k * pairs.len() / shells..(k + 1) * pairs.len() / shells];
        let mean = part.iter().map(|p| p.1).sum::<f64>() / part.len() as f64;
        t.push(vec![Cell::number(part[0].0, 2), Cell::number(part[part.len() - 1].0, 2), Cell::count(part.len()), Cell::number(mean, 3)]);
    }
    t
}

/// ln⟨I⟩ against resolution.
fn wilson_plot(merged: &Unique) -> Plot {
    let m = &merged.statistics.merging;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (i, s) in m.by_shell.iter().enumerate() {
        let [a, b] = m.shells.limits(i);
        if s.n_unique > 0 && s.mean_intensity() > 0.0 {
            x.push(0.5 * (1.0 / (a * a) + 1.0 / (b * b)));
            y.push(libm::log(s.mean_intensity()));
        }
    }
    Plot {
        id: "wilson".to_owned(),
        title: "Fall of intensity with resolution".to_owned(),
        x: Axis::resolution(),
        y: Axis::new("ln ⟨I⟩", ""),
        series: vec![Series { label: "observed".to_owned(), x, y, style: Style::Line }],
    }
}
