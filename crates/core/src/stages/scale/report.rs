use super::result::{FilterEnd, Scaled};
use crate::merging::{
    ImageGroup, anisotropy_warning, resolution_suggestion, statistics_plots, statistics_tables, statistics_values, twinning_warning,
};
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
    if let Some(warning) = anisotropy_warning(&scaled.statistics) {
        r.warn(warning);
    }
    images_warnings(scaled, &mut r);
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
    r.tables.extend(images_table(scaled));
    r.tables.extend(filtering_table(scaled));
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

/// Images that make the data worse, and damage.
fn images_warnings(scaled: &Scaled, r: &mut Report) {
    /// R_d at large differences in dose, relative to that at small ones, that is worth a word.
    const DAMAGED: f64 = 0.5;
    /// A gain of CC½ that is worth a word. Good data have groups that stand out by far less.
    const GAIN: f64 = 0.001;
    let bad: Vec<String> = scaled
        .images
        .suspicious()
        .filter(|g| g.mostly_outliers() || g.delta.is_some_and(|d| d < -GAIN))
        .map(|g| named(scaled, g))
        .collect();
    if !bad.is_empty() {
        r.warn(format!(
            "CC½ is clearly higher without some images (their ΔCC½ stands out), or most of their observations are outliers: see whether exclude_images={} makes \
             the data better",
            bad.join(",")
        ));
    }
    if scaled.filter_end == Some(FilterEnd::MostRemoved) {
        r.warn("filtering ended because leaving out the next images would have exceeded filtering_max_percent; the table of filtering says what went before".to_owned());
    }
    if let Some(rise) = scaled.images.rise_of_r_d() {
        r.value("rise_of_r_d", rise);
        if rise > DAMAGED {
            r.warn(format!(
                "observations far apart in a sweep differ {:.0} % more than neighbours do (Rd): the crystal suffered from radiation; the last images \
                 may better be left out with exclude_images",
                100.0 * rise
            ));
        }
    }
}

/// Numbers of the first and the last image of a group.
fn image_numbers(s: &Scaled, g: &ImageGroup) -> [i64; 2] {
    let first = s.experiments.models(g.sweep).map_or(1, |m| m.scan.first_image);
    g.images.map(|i| first + i as i64)
}

/// A group as `exclude_images` takes it.
fn named(s: &Scaled, g: &ImageGroup) -> String {
    let [first, last] = image_numbers(s, g);
    format!("{}:{first}:{last}", g.sweep)
}

fn images_table(s: &Scaled) -> Option<Table> {
    const SHOWN: usize = 10;
    let columns = [("Sweep", ""), ("First image", ""), ("Last image", ""), ("Observations", ""), ("Outliers", ""), ("ΔCC½", "%")];
    let mut groups: Vec<_> = s.images.groups.iter().filter_map(|g| Some((g.delta?, g))).collect();
    groups.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut t = Table::new("delta_cc_half", "Images that add least (ΔCC½: CC½ with less CC½ without them)", &columns);
    for (delta, g) in groups.into_iter().take(SHOWN) {
        let [first, last] = image_numbers(s, g).map(|i| Cell::count(i as usize));
        t.push(vec![Cell::count(g.sweep), first, last, Cell::count(g.n), Cell::count(g.outliers), Cell::number(100.0 * delta, 3)]);
    }
    (!t.rows.is_empty()).then_some(t)
}

/// What filtering left out, cycle by cycle.
fn filtering_table(s: &Scaled) -> Option<Table> {
    let end = match s.filter_end? {
        FilterEnd::NothingStandsOut => "until nothing stood out",
        FilterEnd::MostRemoved => "until filtering_max_percent was reached",
        FilterEnd::MostCycles => "until filtering_cycles were done",
    };
    let columns = [
        ("Cycle", ""),
        ("CC½", ""),
        ("Limit of ΔCC½", "%"),
        ("Left out (sweep:first:last image)", ""),
        ("ΔCC½", "%"),
        ("Observations", ""),
        ("Outliers", ""),
        ("Why", ""),
    ];
    let mut t = Table::new("filtering", &format!("ΔCC½ filtering, {end}"), &columns);
    for (i, cycle) in s.filter_cycles.iter().enumerate() {
        let mut add = |what: [Cell; 5]| {
            let cycle = [Cell::count(i + 1), Cell::number(cycle.cc_half, 4), Cell::number(100.0 * cycle.cutoff, 3)];
            t.push(cycle.into_iter().chain(what).collect());
        };
        if cycle.removed.is_empty() {
            add(["nothing".into(), "".into(), "".into(), "".into(), "".into()]);
        }
        for g in &cycle.removed {
            let stands_out = g.delta.is_some_and(|d| d < cycle.cutoff);
            let why = if stands_out { "ΔCC½ below the limit" } else { "most observations are outliers" };
            let delta = g.delta.map_or_else(|| "".into(), |d| Cell::number(100.0 * d, 3));
            add([named(s, g).into(), delta, Cell::count(g.n), Cell::count(g.outliers), why.into()]);
        }
    }
    Some(t)
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
        ("on images left out", f.images),
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
    let q = &s.images;
    if q.r_cp.x.len() > 2 {
        let dose = |label: &str| Axis::new(label, "images");
        let r_cp = vec![line("Rcp".to_owned(), q.r_cp.x.clone(), q.r_cp.y.clone())];
        out.push(plot(
            "r_cp",
            "Cumulative pairwise R factor (radiation damage)",
            dose("Images since the start of the sweep"),
            Axis::new("Rcp", ""),
            r_cp,
        ));
        let r_d = vec![line("Rd".to_owned(), q.r_d.x.clone(), q.r_d.y.clone())];
        out.push(plot("r_d", "Pairwise R factor by difference in dose", dose("Difference"), Axis::new("Rd", ""), r_d));
    }
    if q.groups.len() > 1 {
        // Sweeps one after the other.
        let mut start = 0;
        let mut series = Vec::new();
        for sweep in 0..s.models.len() {
            let own = || q.groups.iter().filter(|g| g.sweep == sweep && g.delta.is_some());
            let x = own().map(|g| (start + g.images[0]) as f64 + 0.5 * (g.images[1] - g.images[0] + 1) as f64).collect();
            let y = own().filter_map(|g| g.delta).map(|d| 100.0 * d).collect();
            let label = if s.models.len() > 1 { format!("sweep {}", sweep + 1) } else { "groups of images".to_owned() };
            series.push(points(label, x, y));
            start += s.experiments.models(sweep).map_or(0, |m| m.scan.n_images);
        }
        series.push(line("limit".to_owned(), vec![0.0, start as f64], vec![100.0 * q.cutoff; 2]));
        out.push(plot("delta_cc_half", "ΔCC½ by images", Axis::new("Images", ""), Axis::new("ΔCC½", "%"), series));
    }
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
