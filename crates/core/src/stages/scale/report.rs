use super::result::Scaled;
use crate::merging::{resolution_suggestion, statistics_plots, statistics_tables, statistics_values, twinning_warning};
use crate::report::{Axis, Cell, Level, Plot, Report, Series, Style, Table};

/// The report of scaling: what was left out, refinement, error model, merging statistics.
pub fn report(scaled: &Scaled) -> Report {
    let mut r = Report::new("Scale");
    let overall = &scaled.statistics.merging.overall;
    let (d, rmeas, cc) = (scaled.statistics.merging.d_range[1], overall.r.r_meas(), overall.cc_half());
    r.headline = format!("Rmeas {rmeas:.3}, CC½ {}, {:.1} % complete to {d:.2} Å", text(cc, 3), overall.completeness());
    r.verdict = format!(
        "{} observations of {} unique reflections agree with Rmeas {rmeas:.3} (lowest shell {:.3}); I/σ of the strongest reflections (ISa) \
         is {:.1}.",
        overall.n_obs,
        overall.n_unique,
        scaled.statistics.merging.by_shell[0].r.r_meas(),
        scaled.error_model.isa()
    );
    r.level = if rmeas.is_finite() && rmeas > 0.5 { Level::Bad } else { Level::Good };
    for note in &scaled.notes {
        r.warn(note.clone());
    }
    if let Some(suggestion) = resolution_suggestion(&scaled.statistics) {
        r.warn(suggestion);
    }
    if let Some(warning) = twinning_warning(&scaled.statistics) {
        r.warn(warning);
    }
    let low = &scaled.statistics.merging.by_shell[0];
    if low.n_pairs >= 50 && low.r_within.r_meas() < 0.7 * low.r.r_meas() {
        r.warn(format!(
            "Friedel mates differ much more than other equivalents (lowest shell: Rmeas {:.3}, {:.3} with I+ and I− apart): there is an \
             anomalous signal. Standard deviations are those within I+ and I−; anomalous=true keeps them apart in outlier rejection, too",
            low.r.r_meas(),
            low.r_within.r_meas()
        ));
    }
    r.tables.push(filter_table(scaled));
    r.tables.push(rounds_table(scaled));
    if !scaled.combinations.is_empty() {
        let mut t = Table::new(
            "intensity_combination",
            "Profile-fitted or summed intensities",
            &[("Combination", ""), ("Rmeas", ""), ("Chosen", "")],
        );
        for c in &scaled.combinations {
            t.push(vec![c.name.as_str().into(), Cell::number(c.r_meas, 5), if c.chosen { "*" } else { "" }.into()]);
        }
        r.tables.push(t);
    }
    r.tables.push(error_table(scaled));
    let e = &scaled.error_model;
    r.texts.push((
        "Error model".to_owned(),
        format!(
            "  Type: basic\n  Parameters: a = {:.5}, b = {:.5}\n  Error model formula: σ'² = a²(σ² + (bI)²)\n  estimated I/sigma asymptotic \
             limit: {:.3}",
            e.a,
            e.b,
            e.isa()
        ),
    ));
    r.tables.extend(statistics_tables(&scaled.statistics));
    r.plots.extend(plots(scaled));
    for (name, value) in statistics_values(&scaled.statistics) {
        r.value(name, value);
    }
    r.value("error_model_a", e.a).value("error_model_b", e.b).value("isa", e.isa()).value("n_outliers", scaled.outliers as f64);
    let n: usize = scaled.models.iter().map(|m| m.parameters.len()).sum();
    r.value("n_parameters", n as f64);
    r.label("space_group", scaled.statistics.space_group.clone());
    r
}

fn filter_table(s: &Scaled) -> Table {
    let f = &s.filtered;
    let mut t = Table::new("scaling_filters", "Reflections left out of scaling", &[("Reason", ""), ("Reflections", "")]);
    let rows = [
        ("rows of the input", f.rows),
        ("not integrated", f.not_integrated),
        ("joined with other parts of the same reflection", f.joined),
        ("unusable values", f.bad_values),
        ("partiality too low", f.partial),
        ("I/σ too low", f.weak),
        ("outside the resolution limits", f.resolution),
        ("outliers", s.outliers),
        ("scaled", f.suitable - s.outliers),
    ];
    for (reason, n) in rows {
        t.push(vec![reason.into(), Cell::count(n)]);
    }
    t
}

fn rounds_table(s: &Scaled) -> Table {
    let columns = [("Step", ""), ("What", ""), ("Nref", ""), ("Cycles", ""), ("RMSD before", ""), ("RMSD after", ""), ("Outliers", "")];
    let mut t = Table::new("scaling_rounds", "Rounds of scaling", &columns);
    for (i, r) in s.rounds.iter().enumerate() {
        let refined = r.steps > 0 || r.rmsd_after > 0.0;
        let only = |yes: bool, c: Cell| if yes { c } else { "".into() };
        t.push(vec![
            Cell::count(i + 1),
            r.what.as_str().into(),
            Cell::count(r.observations),
            only(refined, Cell::count(r.steps)),
            only(refined, Cell::number(r.rmsd_before, 4)),
            only(refined, Cell::number(r.rmsd_after, 4)),
            only(!refined, Cell::count(r.outliers)),
        ]);
    }
    t
}

fn error_table(s: &Scaled) -> Table {
    let columns = [("Intensity range (<Ih>)", ""), ("n_refl", ""), ("Uncorrected variance", ""), ("Corrected variance", "")];
    let mut t = Table::new("error_model", "Variances of normalised intensity deviations", &columns);
    for b in &s.error_model.bins {
        t.push(vec![
            format!("{:.2} - {:.2}", b.range[0], b.range[1]).into(),
            Cell::count(b.n),
            Cell::number(b.uncorrected, 3),
            Cell::number(b.corrected, 3),
        ]);
    }
    t
}

fn plots(s: &Scaled) -> Vec<Plot> {
    let line = |label: String, x: Vec<f64>, y: Vec<f64>| Series { label, x, y, style: Style::Line };
    let points = |label: String, x: Vec<f64>, y: Vec<f64>| Series { label, x, y, style: Style::Points };
    let plot =
        |id: &str, title: &str, x: Axis, y: Axis, series: Vec<Series>| Plot { id: id.to_owned(), title: title.to_owned(), x, y, series };
    let sweep = |i: usize| if s.sweeps.len() > 1 { format!("sweep {}", i + 1) } else { "sweep".to_owned() };
    let phi = || Axis::new("Rotation angle", "°");
    let mut out = vec![
        plot(
            "scale_by_angle",
            "Smooth scale",
            phi(),
            Axis::new("K", ""),
            s.sweeps.iter().enumerate().map(|(i, w)| line(sweep(i), w.phi_deg.clone(), w.scale.clone())).collect(),
        ),
        plot(
            "decay_by_angle",
            "Relative B factor",
            phi(),
            Axis::new("B", "Å²"),
            s.sweeps.iter().enumerate().map(|(i, w)| line(sweep(i), w.phi_deg.clone(), w.decay.clone())).collect(),
        ),
        plot(
            "scale_by_image",
            "Mean inverse scale factor",
            Axis::new("Image", ""),
            Axis::new("g", ""),
            s.sweeps.iter().enumerate().map(|(i, w)| line(sweep(i), w.image.clone(), w.g.clone())).collect(),
        ),
        plot(
            "r_merge_by_image",
            "Rmerge by image",
            Axis::new("Image", ""),
            Axis::new("Rmerge", ""),
            s.sweeps.iter().enumerate().map(|(i, w)| line(sweep(i), w.image.clone(), w.r_merge.clone())).collect(),
        ),
    ];
    out.extend(statistics_plots(&s.statistics));
    let bins = &s.error_model.bins;
    if !bins.is_empty() {
        let x: Vec<f64> = bins.iter().map(|b| libm::log10(b.range[1].max(1.0))).collect();
        out.push(plot(
            "error_model_variance",
            "Variance of normalised deviations",
            Axis::new("log10 of expected intensity", ""),
            Axis::new("Variance", ""),
            vec![
                points("before".to_owned(), x.clone(), bins.iter().map(|b| b.uncorrected).collect()),
                line("with the error model".to_owned(), x, bins.iter().map(|b| b.corrected).collect()),
            ],
        ));
    }
    out
}

fn text(x: Option<f64>, decimals: usize) -> String {
    x.map_or_else(|| "unknown".to_owned(), |x| format!("{x:.decimals$}"))
}
