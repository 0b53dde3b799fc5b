//! Merging statistics as tables, plots and named values, for the reports of all stages that show them.

use super::{AnomalousSignal, Criterion, Direction, MergingStatistics, Statistics, Sums, TwinStatistics};
use crate::report::{Axis, Cell, Plot, Series, Style, Table};

/// Key figures of merging statistics by their stable names.
pub fn statistics_values(s: &Statistics) -> Vec<(&'static str, f64)> {
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

/// "Merging statistics by resolution bin", "Summary of merging statistics", and to which resolution the data are good.
pub fn statistics_tables(s: &Statistics) -> Vec<Table> {
    let mut out = vec![shell_table(&s.merging), summary_table(s), limits_table(s)];
    out.extend((!s.directions.is_empty()).then(|| directions_table(s)));
    out.extend(s.twinning.as_ref().map(twinning_table));
    out
}

fn directions_table(s: &Statistics) -> Table {
    let columns = [("Along", ""), ("Reflections", ""), ("d_min by CC½", "Å"), ("d_min by <I/σ>", "Å")];
    let mut t = Table::new("resolution_by_direction", "Resolution by direction (reflections within 30° of it)", &columns);
    for direction in &s.directions {
        let d = |criterion| Cell::number(direction.d_min(criterion).unwrap_or(f64::NAN), 2);
        let n = direction.statistics.overall.n_unique as usize;
        t.push(vec![direction.label.as_str().into(), Cell::count(n), d(Criterion::CcHalf), d(Criterion::IOverSigma)]);
    }
    t
}

/// What to say of data that reach much further in some directions than in others.
pub fn anisotropy_warning(s: &Statistics) -> Option<String> {
    // Ratio of limits by I/σ; below it the directions' own uncertainties decide.
    const CLEAR: f64 = 1.15;
    let limits = s.directions.iter().filter_map(|x| Some((x.label.as_str(), x.d_min(Criterion::IOverSigma)?)));
    let best = limits.clone().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let worst = limits.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (worst.1 > CLEAR * best.1).then(|| {
        format!(
            "diffraction is anisotropic: <I/σ> falls to 2 at {:.2} Å along {} but only at {:.2} Å along {}; a limit for all directions loses data \
             or adds noise",
            best.1, best.0, worst.1, worst.0
        )
    })
}

fn twinning_table(t: &TwinStatistics) -> Table {
    let columns = [("Statistic", ""), ("Reflections", ""), ("Found", ""), ("Single crystal", ""), ("Perfect twin", "")];
    let title = format!("Distribution of intensities to {:.2} Å", t.d_min);
    let mut table = Table::new("intensity_statistics", &title, &columns);
    let rows = [
        ("<I²>/<I>², acentric", t.n_acentric, t.acentric_moment, 2.0, 1.5),
        ("<I²>/<I>², centric", t.n_centric, t.centric_moment, 3.0, 2.0),
        ("<|L|>", t.n_pairs, t.mean_l, 0.5, 0.375),
        ("<L²>", t.n_pairs, t.mean_l2, 1.0 / 3.0, 0.2),
    ];
    for (name, n, found, single, twin) in rows {
        let n3 = |x: f64| Cell::number(x, 3);
        table.push(vec![name.into(), Cell::count(n), n3(found.unwrap_or(f64::NAN)), n3(single), n3(twin)]);
    }
    table
}

/// What to say of intensities that scatter less than those of a single crystal.
pub fn twinning_warning(s: &Statistics) -> Option<String> {
    let t = s.twinning.as_ref().filter(|t| t.suspicious())?;
    Some(format!(
        "the L-test gives <|L|> = {:.3} over {} pairs, single crystals 0.5 and perfect twins 0.375: the crystal may be twinned; refine with a \
         twin law, or look whether the true symmetry is lower",
        t.mean_l.unwrap_or(f64::NAN),
        t.n_pairs
    ))
}

fn limits_table(s: &Statistics) -> Table {
    let columns = [("Criterion", ""), ("At least", ""), ("d_min", "Å"), ("", "")];
    let mut t = Table::new("resolution_limits", "Resolution to which the data are good", &columns);
    let finest = s.merging.d_range[1];
    for l in &s.limits {
        let all = l.d_min <= finest * 1.0001;
        t.push(vec![
            l.criterion.name().into(),
            Cell::number(l.limit, if l.criterion == Criterion::CcHalf { 2 } else { 0 }),
            Cell::number(l.d_min, 2),
            if all { "all data" } else { "" }.into(),
        ]);
    }
    t
}

/// A sentence that suggests where to cut, for data that go on beyond their signal.
pub fn resolution_suggestion(s: &Statistics) -> Option<String> {
    let (inner, _) = s.suggested.as_deref()?;
    let fit = s.cc_half_fit?;
    Some(format!(
        "CC½ falls to {:.2} at {:.2} Å, the data go on to {:.2} Å; with d_min={:.2} they would be {:.1} % complete with Rmeas {:.3} instead of \
         {:.1} % with {:.3}",
        s.limits.iter().find(|l| l.criterion == Criterion::CcHalf).map_or(0.3, |l| l.limit),
        fit.d_min,
        s.merging.d_range[1],
        fit.d_min,
        inner.overall.completeness(),
        inner.overall.r.r_meas(),
        s.merging.overall.completeness(),
        s.merging.overall.r.r_meas()
    ))
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

/// Plots of merging statistics against resolution.
pub fn statistics_plots(s: &Statistics) -> Vec<Plot> {
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
    if !s.directions.is_empty() {
        let by_direction = |of: &dyn Fn(&Sums) -> f64| -> Vec<Series> {
            let line = |direction: &Direction| {
                let m = &direction.statistics;
                let points = m.by_shell.iter().enumerate().filter(|(_, s)| s.n_unique > 0).map(|(i, s)| {
                    let [a, b] = m.shells.limits(i);
                    (0.5 * (1.0 / (a * a) + 1.0 / (b * b)), of(s))
                });
                let (x, y) = points.filter(|p| p.1.is_finite()).unzip();
                Series { label: format!("along {}", direction.label), x, y, style: Style::Line }
            };
            s.directions.iter().map(line).collect()
        };
        let cc = by_direction(&|s| s.cc_half().unwrap_or(f64::NAN));
        out.push(plot("cc_half_by_direction", "CC½ by direction", "CC", cc));
        out.push(plot("i_over_sigma_by_direction", "I/σ by direction", "I/σ", by_direction(&Sums::mean_i_over_sigma)));
    }
    if let Some(t) = s.twinning.as_ref().filter(|t| !t.cumulative.is_empty()) {
        let x: Vec<f64> = (0..=t.cumulative.len()).map(|i| i as f64 / t.cumulative.len() as f64).collect();
        let line = |label: &str, y: Vec<f64>| Series { label: label.to_owned(), x: x.clone(), y, style: Style::Line };
        let observed = core::iter::once(0.0).chain(t.cumulative.iter().copied()).collect();
        out.push(Plot {
            id: "l_test".to_owned(),
            title: "L-test".to_owned(),
            x: Axis::new("|L|", ""),
            y: Axis::new("Part of the pairs below", ""),
            series: vec![
                line("observed", observed),
                line("single crystal", x.clone()),
                line("perfect twin", x.iter().map(|x| 0.5 * x * (3.0 - x * x)).collect()),
            ],
        });
    }
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
