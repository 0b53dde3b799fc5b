use super::result::Scaled;
use super::statistics::Statistics;
use crate::merging::{AnomalousSignal, MergingStatistics, Sums};
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
    if let (Some(fit), Some(_)) = (scaled.statistics.cc_half_fit, &scaled.statistics.suggested) {
        r.warn(format!("CC½ falls below its limit at {:.2} Å; consider d_min={:.2}", fit.d_min, fit.d_min));
    }
    let low = &scaled.statistics.merging.by_shell[0];
    if low.n_pairs >= 50 && low.r_within.r_meas() < 0.7 * low.r.r_meas() {
        r.warn(format!(
            "Friedel mates differ much more than other equivalents (lowest shell: Rmeas {:.3}, {:.3} with I+ and I− apart): there is an \
             anomalous signal, and anomalous=true would give smaller and better standard deviations",
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
    for (name, value) in values(&scaled.statistics) {
        r.value(name, value);
    }
    r.value("error_model_a", e.a).value("error_model_b", e.b).value("isa", e.isa()).value("n_outliers", scaled.outliers as f64);
    let n: usize = scaled.models.iter().map(|m| m.parameters.len()).sum();
    r.value("n_parameters", n as f64);
    r.label("space_group", scaled.statistics.space_group.clone());
    r
}

/// Key figures of merging statistics by their stable names.
pub(crate) fn values(s: &Statistics) -> Vec<(&'static str, f64)> {
    let o = &s.merging.overall;
    let mut out = vec![
        ("n_observations", o.n_obs as f64),
        ("n_unique", o.n_unique as f64),
        ("completeness", o.completeness()),
        ("multiplicity", o.multiplicity()),
        ("i_over_sigma", o.mean_i_over_sigma()),
        ("r_merge", o.r.r_merge()),
        ("r_meas", o.r.r_meas()),
        ("r_pim", o.r.r_pim()),
        ("d_min", s.merging.d_range[1]),
        ("d_max", s.merging.d_range[0]),
    ];
    out.extend(o.cc_half().map(|cc| ("cc_half", cc)));
    out.extend(o.cc_anomalous.coefficient().map(|cc| ("cc_anomalous", cc)));
    out.extend(s.anomalous.slope.map(|x| ("anomalous_slope", x)));
    out.extend(s.cc_half_fit.map(|f| ("suggested_d_min", f.d_min)));
    out.retain(|(_, v)| v.is_finite());
    out
}

/// "Merging statistics by resolution bin" and "Summary of merging statistics".
pub fn statistics_tables(s: &Statistics) -> Vec<Table> {
    vec![shell_table(&s.merging), summary_table(s)]
}

fn shell_table(m: &MergingStatistics) -> Table {
    let columns = [
        ("d_max", ""),
        ("d_min", ""),
        ("#obs", ""),
        ("#uniq", ""),
        ("mult.", ""),
        ("%comp", ""),
        ("<I>", ""),
        ("<I/sI>", ""),
        ("r_mrg", ""),
        ("r_meas", ""),
        ("r_pim", ""),
        ("r_anom", ""),
        ("cc1/2", ""),
        ("cc_ano", ""),
    ];
    let mut t = Table::new("merging_by_shell", "Merging statistics by resolution bin", &columns);
    for (i, sums) in m.by_shell.iter().enumerate() {
        t.push(shell_row(m.shells.limits(i), sums));
    }
    t.push(shell_row(m.d_range, &m.overall));
    t
}

fn shell_row(limits: [f64; 2], s: &Sums) -> Vec<Cell> {
    let n = Cell::number;
    vec![
        n(limits[0], 2),
        n(limits[1], 2),
        n(s.n_obs as f64, 0),
        n(s.n_unique as f64, 0),
        n(s.multiplicity(), 2),
        n(s.completeness(), 2),
        n(s.mean_intensity(), 1),
        n(s.mean_i_over_sigma(), 1),
        n(s.r.r_merge(), 3),
        n(s.r.r_meas(), 3),
        n(s.r.r_pim(), 3),
        n(s.r_anomalous(), 3),
        n(s.cc_half().unwrap_or(f64::NAN), 3),
        n(s.cc_anomalous.coefficient().unwrap_or(f64::NAN), 3),
    ]
}

fn summary_table(s: &Statistics) -> Table {
    let cut = s.suggested.as_deref();
    let (shown, signal): (&MergingStatistics, &AnomalousSignal) = cut.map_or((&s.merging, &s.anomalous), |(m, a)| (m, a));
    let n = shown.by_shell.len();
    let (low, high) = (&shown.by_shell[0], &shown.by_shell[n - 1]);
    let mut heads = vec![("", ""), if cut.is_some() { ("Suggested", "") } else { ("Overall", "") }, ("Low", ""), ("High", "")];
    if cut.is_some() {
        heads.push(("Overall", ""));
    }
    let mut t = Table::new("merging_summary", "Summary of merging statistics", &heads);
    let whole = [Some(&shown.overall), Some(low), Some(high), cut.map(|_| &s.merging.overall)];
    let mut limits = |label: &str, i: usize| {
        let mut row: Vec<Cell> = vec![label.into()];
        row.push(Cell::number(shown.d_range[i], 2));
        row.push(Cell::number(shown.shells.limits(0)[i], 2));
        row.push(Cell::number(shown.shells.limits(n - 1)[i], 2));
        if cut.is_some() {
            row.push(Cell::number(s.merging.d_range[i], 2));
        }
        t.push(row);
    };
    limits("High resolution limit", 1);
    limits("Low resolution limit", 0);
    type Figure = (&'static str, u8, fn(&Sums) -> f64);
    let figures: [Figure; 15] = [
        ("Completeness", 1, Sums::completeness),
        ("Multiplicity", 1, Sums::multiplicity),
        ("I/sigma", 1, Sums::mean_i_over_sigma),
        ("Rmerge(I)", 3, |s| s.r.r_merge()),
        ("Rmerge(I+/-)", 3, |s| s.r_within.r_merge()),
        ("Rmeas(I)", 3, |s| s.r.r_meas()),
        ("Rmeas(I+/-)", 3, |s| s.r_within.r_meas()),
        ("Rpim(I)", 3, |s| s.r.r_pim()),
        ("Rpim(I+/-)", 3, |s| s.r_within.r_pim()),
        ("CC half", 3, |s| s.cc_half().unwrap_or(f64::NAN)),
        ("Anomalous completeness", 1, Sums::anomalous_completeness),
        ("Anomalous multiplicity", 1, Sums::anomalous_multiplicity),
        ("Anomalous correlation", 3, |s| s.cc_anomalous.coefficient().unwrap_or(f64::NAN)),
        ("Total observations", 0, |s| s.n_obs as f64),
        ("Total unique", 0, |s| s.n_unique as f64),
    ];
    let width = heads.len();
    for (label, decimals, of) in figures {
        if label == "Total observations" {
            let once =
                [("Anomalous slope", signal.slope.unwrap_or(f64::NAN)), ("dF/F", signal.df_over_f), ("dI/s(dI)", signal.di_over_sigma)];
            for (label, value) in once {
                let mut row: Vec<Cell> = vec![label.into(), Cell::number(value, 3)];
                row.resize(width, "".into());
                t.push(row);
            }
        }
        let mut row: Vec<Cell> = vec![label.into()];
        row.extend(whole.iter().flatten().map(|s| Cell::number(of(s), decimals)));
        t.push(row);
    }
    t
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

/// Plots of merging statistics against resolution.
pub(crate) fn statistics_plots(s: &Statistics) -> Vec<Plot> {
    let m = &s.merging;
    let x: Vec<f64> = (0..m.shells.len())
        .map(|i| {
            let [a, b] = m.shells.limits(i);
            0.5 * (1.0 / (a * a) + 1.0 / (b * b))
        })
        .collect();
    let series = |label: &str, of: &dyn Fn(&Sums) -> f64| {
        let pairs: Vec<(f64, f64)> = x.iter().zip(&m.by_shell).map(|(x, s)| (*x, of(s))).filter(|p| p.1.is_finite()).collect();
        let (x, y) = pairs.into_iter().unzip();
        Series { label: label.to_owned(), x, y, style: Style::Line }
    };
    let plot = |id: &str, title: &str, y: &str, series: Vec<Series>| Plot {
        id: id.to_owned(),
        title: title.to_owned(),
        x: Axis::resolution(),
        y: Axis::new(y, ""),
        series,
    };
    let mut cc = vec![
        series("CC½", &|s| s.cc_half().unwrap_or(f64::NAN)),
        series("CC of anomalous differences", &|s| s.cc_anomalous.coefficient().unwrap_or(f64::NAN)),
    ];
    if let Some(fit) = s.cc_half_fit {
        cc.push(Series { label: "tanh fit".to_owned(), x: x.clone(), y: x.iter().map(|&x| fit.at(x)).collect(), style: Style::Line });
    }
    let mut out = vec![
        plot("cc_half_by_resolution", "CC½", "CC", cc),
        plot("i_over_sigma_by_resolution", "I/σ of merged intensities", "I/σ", vec![series("I/σ", &Sums::mean_i_over_sigma)]),
        plot(
            "r_by_resolution",
            "Merging R factors",
            "R",
            vec![
                series("Rmerge", &|s| positive(s.r.r_merge())),
                series("Rmeas", &|s| positive(s.r.r_meas())),
                series("Rpim", &|s| positive(s.r.r_pim())),
            ],
        ),
        plot(
            "completeness_by_resolution",
            "Completeness",
            "%",
            vec![series("completeness", &Sums::completeness), series("anomalous completeness", &Sums::anomalous_completeness)],
        ),
        plot("multiplicity_by_resolution", "Multiplicity", "", vec![series("multiplicity", &Sums::multiplicity)]),
    ];
    let a = &s.anomalous;
    if a.observed.len() > 10 {
        // Every point of a long plot adds nothing: 500 show its form.
        let step = a.observed.len().div_ceil(500);
        let thin = |v: &[f64]| v.iter().copied().step_by(step).collect::<Vec<f64>>();
        out.push(Plot {
            id: "anomalous_probability".to_owned(),
            title: "Normal probability of anomalous differences".to_owned(),
            x: Axis::new("Expected ΔI/σ", ""),
            y: Axis::new("Observed ΔI/σ", ""),
            series: vec![
                Series { label: "observed".to_owned(), x: thin(&a.expected), y: thin(&a.observed), style: Style::Points },
                Series { label: "slope 1".to_owned(), x: vec![-4.0, 4.0], y: vec![-4.0, 4.0], style: Style::Line },
            ],
        });
    }
    out
}

/// R factors of shells without signal are large or negative and would hide the rest of a plot.
fn positive(r: f64) -> f64 {
    if (0.0..2.0).contains(&r) { r } else { f64::NAN }
}

fn text(x: Option<f64>, decimals: usize) -> String {
    x.map_or_else(|| "unknown".to_owned(), |x| format!("{x:.decimals$}"))
}
