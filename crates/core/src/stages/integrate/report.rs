//! What integration tells: the tables that DIALS prints, and plots.

use super::coverage::Coverage;
use super::experiments::Profile;
use super::pass::Counts;
use super::reference::References;
use super::summary::{Group, by_image, by_resolution, overall};
use super::{Params, coverage_report};
use crate::geometry::ExperimentList;
use crate::reflections::{Reflections, flags};
use crate::report::{Axis, Cell, Level, Plot, Report, Series, Style, Table};

/// The report on all reflections that were tried.
pub(super) fn make(
    experiments: &ExperimentList,
    t: &Reflections,
    references: &References,
    profiles: &[Profile],
    counts: &Counts,
    coverage: &[Coverage],
    params: &Params,
) -> Report {
    let fitted = params.profile_fitting;
    let mut r = Report::new("Integrate");
    let groups: Vec<(usize, Group)> = (0..experiments.len()).map(|e| (e, overall(t, e))).collect();
    let total = |f: fn(&Group) -> usize| groups.iter().map(|g| f(&g.1)).sum::<usize>();
    let (predicted, summed, fits) = (t.len(), total(|g| g.summed), total(|g| g.fitted));
    let saved = t.flags.iter().filter(|f| **f & flags::INTEGRATED != 0).count();

    r.texts.push(("Reference spots".into(), reference_text(references, predicted)));
    r.tables.push(profile_table(profiles));
    if fitted {
        r.tables.push(reference_profile_table(counts));
    }
    for (e, g) in &groups {
        r.tables.push(experiment_table(t, *e, g, fitted));
    }
    r.tables.push(group_table("integration_by_resolution", "Summary vs resolution", "d min", "Å", experiments, fitted, |e| {
        by_resolution(t, e, 20).into_iter().map(|(d, g)| (Cell::number(d, 2), g)).collect()
    }));
    r.tables.push(group_table("integration_by_image", "Summary vs image number", "Image", "", experiments, fitted, |e| {
        let first = experiments.models(e).map_or(1, |m| m.scan.first_image);
        by_image(t, e).into_iter().map(|(z, g)| (Cell::number((z as i64 + first) as f64, 0), g)).collect()
    }));
    r.plots = plots(experiments, t, fitted);
    coverage_report::add(&mut r, coverage, params.min_zeta);

    for p in profiles.iter().filter_map(|p| p.assumed.as_ref()) {
        r.warn(p.clone());
    }
    let overloaded = total(|g| g.overloaded);
    if overloaded > 0 {
        r.warn(format!("{overloaded} reflections contain pixels above the trusted range; attenuate the beam or collect a low-dose pass"));
    }
    let upon = |bits: u64| t.flags.iter().filter(|f| **f & (flags::OVERLAPPED_FG | bits) == flags::OVERLAPPED_FG | bits).count();
    let (overlapped, lost) = (upon(0), upon(flags::FAILED_DURING_SUMMATION | flags::FAILED_DURING_PROFILE_FITTING));
    if fitted && 20 * overlapped > predicted {
        r.warn(format!(
            "{overlapped} of {predicted} reflections lie upon others{}; {}. A larger distance or narrower images part them",
            if params.joint_fitting { " and were fitted together with them" } else { "" },
            if lost > 0 { format!("{lost} could not be told from them") } else { "all could be told from them".to_owned() }
        ));
    }
    if references.unmatched > 0 {
        r.warn(format!("{} indexed spots lie farther than 2 px or images from where they are predicted now", references.unmatched));
    }
    if summed == 0 {
        r.level = Level::Bad;
        r.warnings.push("No reflection could be integrated; look at the masks, the beam centre and the profile widths".into());
    }

    let mean = |f: fn(&Group) -> (f64, usize)| {
        let (s, n) = groups.iter().map(|g| f(&g.1)).fold((0.0, 0), |(s, n), (v, k)| (s + v * k as f64, n + k));
        if n > 0 { s / n as f64 } else { f64::NAN }
    };
    let i_over_sigma = mean(|g| (g.i_over_sigma_sum, g.summed));
    r.headline = format!("{saved} reflections");
    r.verdict = format!(
        "{saved} of {predicted} predicted reflections integrated ({summed} by summation{}), mean I/σ {i_over_sigma:.1}.",
        if fitted { format!(", {fits} by profile fitting") } else { String::new() },
    );
    r.value("n_predicted", predicted as f64).value("n_integrated", saved as f64);
    r.value("n_integrated_sum", summed as f64).value("n_integrated_prf", fits as f64);
    r.value("n_overlapped", overlapped as f64);
    r.value("n_overloaded", overloaded as f64).value("mean_i_over_sigma_sum", i_over_sigma);
    r.value("n_images_read", counts.images as f64).value("peak_shoebox_bytes", counts.peak_bytes as f64);
    for (e, p) in profiles.iter().enumerate() {
        r.value(&format!("sigma_b_deg_{e}"), p.widths.sigma_b.to_degrees());
        r.value(&format!("sigma_m_deg_{e}"), p.widths.sigma_m.to_degrees());
    }
    r.label("background", if counts.robust { "glm" } else { "simple" });
    r
}

fn reference_text(r: &References, predicted: usize) -> String {
    format!(
        " read {} strong spots\n removing {} unindexed reflections\n removing {} reflections marked as bad for refinement\n \
         predicted {predicted} reflections\n matched {} reference spots with predictions\n",
        r.spots,
        r.unindexed,
        r.bad_for_refinement,
        r.matches.len()
    )
}

fn profile_table(profiles: &[Profile]) -> Table {
    let mut t = Table::new("profile_model", "Profile model", &[("ID", ""), ("Spots", ""), ("σ_b", "°"), ("σ_m", "°")]);
    for (e, p) in profiles.iter().enumerate() {
        let widths = [p.widths.sigma_b, p.widths.sigma_m].map(|s| Cell::number(s.to_degrees(), 5));
        let [b, m] = widths;
        t.push(vec![Cell::count(e), Cell::count(p.spots), b, m]);
    }
    t
}

fn reference_profile_table(counts: &Counts) -> Table {
    let columns = [
        ("ID", ""),
        ("Profile", ""),
        ("Created", ""),
        ("X", "px"),
        ("Y", "px"),
        ("Z", "im"),
        ("# reflections", ""),
        ("σ min", "°"),
        ("σ max", "°"),
        ("σ rotation", "°"),
    ];
    let mut t = Table::new("reference_profiles", "Summary of profile model", &columns).as_detail();
    for (e, profiles) in counts.profiles.iter().enumerate() {
        for (i, p) in profiles.iter().enumerate() {
            let created = if p.widths.is_some() { "True" } else { "False" };
            let [x, y, z] = p.xyz.map(|v| Cell::number(v, 2));
            let widths = p.widths.unwrap_or([f64::NAN; 3]).map(|s| Cell::number(s.to_degrees(), 4));
            let row = [Cell::count(e), Cell::count(i), created.into(), x, y, z, Cell::count(p.samples)];
            t.push(row.into_iter().chain(widths).collect());
        }
    }
    t
}

fn experiment_table(t: &Reflections, e: usize, all: &Group, fitted: bool) -> Table {
    let shells = by_resolution(t, e, 20);
    // Shells come from high resolution to low.
    let empty = Group::default();
    let high = shells.first().map_or(&empty, |s| &s.1);
    let low = shells.last().map_or(&empty, |s| &s.1);
    let columns = [("Item", ""), ("Overall", ""), ("Low", ""), ("High", "")];
    let mut table = Table::new(&format!("integration_summary_{e}"), &format!("Summary for experiment {e}"), &columns);
    let mut row = |name: &str, decimals: u8, f: &dyn Fn(&Group) -> f64| {
        let values = [all, low, high].map(|g| Cell::number(f(g), decimals));
        table.push(core::iter::once(Cell::from(name)).chain(values).collect());
    };
    row("dmin", 2, &|g| g.d_min);
    row("dmax", 2, &|g| g.d_max);
    row("number fully recorded", 0, &|g| g.full as f64);
    row("number partially recorded", 0, &|g| g.partial as f64);
    row("number with invalid background pixels", 0, &|g| g.bad_background as f64);
    row("number with invalid foreground pixels", 0, &|g| g.bad_foreground as f64);
    row("number with overloaded pixels", 0, &|g| g.overloaded as f64);
    row("number processed with summation", 0, &|g| g.summed as f64);
    row("number failed in background modelling", 0, &|g| g.failed_background as f64);
    row("number failed in summation", 0, &|g| g.failed_sum as f64);
    if fitted {
        row("number processed with profile fitting", 0, &|g| g.fitted as f64);
        row("number failed in profile fitting", 0, &|g| g.failed_fit as f64);
    }
    row("ibg", 2, &|g| g.background);
    row("i/sigi (summation)", 2, &|g| g.i_over_sigma_sum);
    if fitted {
        row("i/sigi (profile fitting)", 2, &|g| g.i_over_sigma_prf);
        row("cc prf", 2, &|g| g.correlation);
        row("cc_pearson sum/prf", 3, &|g| g.cc_sum_prf);
    }
    table
}

/// Columns of a table of groups of reflections, each of which `what` tells.
pub(super) fn group_columns<'a>(what: &[(&'a str, &'a str)], fitted: bool) -> Vec<(&'a str, &'a str)> {
    let mut columns = vec![("ID", "")];
    columns.extend(what);
    columns.extend([("# full", ""), ("# part", ""), ("# over", ""), ("# sum", "")]);
    if fitted {
        columns.push(("# prf", ""));
    }
    columns.extend([("Ibg", ""), ("I/sigI", "sum")]);
    if fitted {
        columns.extend([("I/sigI", "prf"), ("CC prf", "")]);
    }
    columns.push(("RMSD XY", "px"));
    columns
}

/// The row of a group of experiment `e` under [`group_columns`].
pub(super) fn group_row(e: usize, what: impl IntoIterator<Item = Cell>, g: &Group, fitted: bool) -> Vec<Cell> {
    let mut row = vec![Cell::count(e)];
    row.extend(what);
    row.extend([g.full, g.partial, g.overloaded, g.summed].map(Cell::count));
    if fitted {
        row.push(Cell::count(g.fitted));
    }
    row.extend([Cell::number(g.background, 2), Cell::number(g.i_over_sigma_sum, 2)]);
    if fitted {
        row.extend([Cell::number(g.i_over_sigma_prf, 2), Cell::number(g.correlation, 2)]);
    }
    row.push(Cell::number(g.rmsd_xy, 2));
    row
}

fn group_table(
    id: &str,
    title: &str,
    what: &str,
    unit: &str,
    experiments: &ExperimentList,
    fitted: bool,
    groups: impl Fn(usize) -> Vec<(Cell, Group)>,
) -> Table {
    let mut table = Table::new(id, title, &group_columns(&[(what, unit)], fitted));
    for e in 0..experiments.len() {
        for (cell, g) in groups(e) {
            table.push(group_row(e, [cell], &g, fitted));
        }
    }
    table
}

fn plots(experiments: &ExperimentList, t: &Reflections, fitted: bool) -> Vec<Plot> {
    let series = |name: &str, e: usize, points: Vec<(f64, f64)>| {
        let (x, y) = points.into_iter().filter(|p| p.1.is_finite()).unzip();
        let label = if experiments.len() > 1 { format!("{name}, experiment {e}") } else { name.to_owned() };
        Series { label, x, y, style: Style::Line }
    };
    type Kind = (&'static str, fn(&Group) -> f64);
    let mut kinds: Vec<Kind> = vec![("Summation", |g| g.i_over_sigma_sum)];
    if fitted {
        kinds.push(("Profile fitting", |g| g.i_over_sigma_prf));
    }
    let (mut image, mut shell, mut level) = (Vec::new(), Vec::new(), Vec::new());
    for e in 0..experiments.len() {
        let first = experiments.models(e).map_or(1, |m| m.scan.first_image) as f64;
        let (images, shells) = (by_image(t, e), by_resolution(t, e, 20));
        for (name, f) in &kinds {
            image.push(series(name, e, images.iter().map(|(z, g)| (*z as f64 + first, f(g))).collect()));
            shell.push(series(name, e, shells.iter().map(|(d, g)| (1.0 / (d * d), f(g))).collect()));
        }
        level.push(series("Background", e, images.iter().map(|(z, g)| (*z as f64 + first, g.background)).collect()));
    }
    let plot = |id: &str, title: &str, x: Axis, y: Axis, series: Vec<Series>| Plot { id: id.into(), title: title.into(), x, y, series };
    let ratio = || Axis::new("Mean I/σ(I)", "");
    vec![
        plot("i_over_sigma_vs_image", "I/σ by image", Axis::new("Image", ""), ratio(), image),
        plot("i_over_sigma_vs_d", "I/σ by resolution", Axis::resolution(), ratio(), shell),
        plot("background_vs_image", "Background by image", Axis::new("Image", ""), Axis::new("Mean background", "counts/px"), level),
    ]
}
