//! Counts, I/σ and profile correlations by resolution, image and region of the detector.

use super::Params;
use super::report::{group_columns, group_row};
use super::summary::{Group, by_image_within, by_region, by_resolution};
use crate::geometry::{Detector, ExperimentList};
use crate::reflections::Reflections;
use crate::report::{Axis, Cell, HeatMap, Plot, Report, Series, Style, Table};

/// Regions of the table along either direction of the detector, and of the maps.
const COARSE: usize = 3;
const FINE: usize = 16;

/// Adds what the report does not have yet.
pub(super) fn add(report: &mut Report, experiments: &ExperimentList, t: &Reflections, params: &Params) {
    report.plots.extend(plots(experiments, t, params.profile_fitting));
    let extent = |e: usize| experiments.models(e).map(|m| extent(m.detector));
    let columns = group_columns(&[("Fast", "px"), ("Slow", "px")], params.profile_fitting);
    let mut table = Table::new("integration_by_region", "Summary vs region of the detector", &columns);
    for e in 0..experiments.len() {
        let Some(extent) = extent(e) else { continue };
        let offset = |row: usize| offset(experiments, e, t, row);
        for (k, g) in by_region(t, e, extent, COARSE, offset).iter().enumerate() {
            let edge = |i: usize, a: usize| (extent[a] * i as f64 / COARSE as f64).round();
            let (i, j) = (k % COARSE, k / COARSE);
            let range = |i: usize, a: usize| format!("{}–{}", edge(i, a), edge(i + 1, a));
            table.push(group_row(e, [range(i, 0), range(j, 1)].map(Cell::from), g, params.profile_fitting));
        }
        let suffix = if experiments.len() > 1 { format!(", experiment {e}") } else { String::new() };
        report.maps.extend(maps(e, &suffix, &by_region(t, e, extent, FINE, offset), extent, params.profile_fitting));
    }
    let after = report.tables.iter().position(|t| t.id == "integration_by_image").map_or(report.tables.len(), |k| k + 1);
    report.tables.insert(after, table);
}

/// Where a panel's pixels lie on the raw image, px.
fn offset(experiments: &ExperimentList, e: usize, t: &Reflections, row: usize) -> [f64; 2] {
    let panels = experiments.models(e).map(|m| &m.detector.panels);
    let panel = panels.and_then(|p| p.get(usize::try_from(t.panel[row]).ok()?));
    panel.map_or([0.0; 2], |p| p.raw_image_offset.map(|n| n as f64))
}

/// Pixels of the raw image that the panels take.
fn extent(detector: &Detector) -> [f64; 2] {
    let end = |a: usize| detector.panels.iter().map(|p| p.raw_image_offset[a] + p.image_size[a] as i64).max().unwrap_or(1);
    [end(0), end(1)].map(|n| n.max(1) as f64)
}

fn maps(e: usize, suffix: &str, groups: &[Group], extent: [f64; 2], fitted: bool) -> Vec<HeatMap> {
    type Kind = (&'static str, &'static str, &'static str, fn(&Group) -> f64);
    let mut kinds: Vec<Kind> = vec![
        ("integrated_over_detector", "Integrated reflections over the detector", "Reflections", |g| g.summed.max(g.fitted) as f64),
        ("i_over_sigma_over_detector", "Mean I/σ over the detector", "I/σ", |g| {
            if g.i_over_sigma_prf.is_finite() { g.i_over_sigma_prf } else { g.i_over_sigma_sum }
        }),
        ("background_over_detector", "Mean background over the detector", "counts/px", |g| g.background),
    ];
    if fitted {
        kinds.push(("profile_correlation_over_detector", "Mean profile correlation over the detector", "CC", |g| g.correlation));
    }
    let one = |(id, title, value, f): Kind| HeatMap {
        id: format!("{id}_{e}"),
        title: format!("{title}{suffix}"),
        x: Axis::new("Fast", "px"),
        y: Axis::new("Slow", "px"),
        value: Axis::new(value, ""),
        range_x: HeatMap::middles([0.0, extent[0]], FINE),
        range_y: HeatMap::middles([0.0, extent[1]], FINE),
        size: [FINE, FINE],
        values: groups.iter().map(|g| Some(f(g)).filter(|v| v.is_finite() && g.summed + g.fitted > 0)).collect(),
        ..HeatMap::default()
    };
    kinds.into_iter().map(one).collect()
}

/// Counts and profile correlations; the report has I/σ and background already.
fn plots(experiments: &ExperimentList, t: &Reflections, fitted: bool) -> Vec<Plot> {
    type Kind = (&'static str, fn(&Group) -> f64);
    let mut numbers: Vec<Kind> = vec![("Summed", |g| g.summed as f64)];
    if fitted {
        numbers.push(("Fitted", |g| g.fitted as f64));
    }
    numbers.push(("Predicted", |g| (g.full + g.partial) as f64));
    if experiments.len() > 1 {
        // One line each can be told apart.
        numbers = vec![("Integrated", |g| g.summed.max(g.fitted) as f64)];
    }
    let correlation: Vec<Kind> = if fitted { vec![("Profile correlation", |g| g.correlation)] } else { Vec::new() };
    let [mut images, mut shells, mut image_cc, mut shell_cc] = [const { Vec::new() }; 4];
    for e in 0..experiments.len() {
        let first = experiments.models(e).map_or(1, |m| m.scan.first_image) as f64;
        let by_image: Vec<(f64, Group)> = by_image_within(t, e).into_iter().map(|(z, g)| (z as f64 + first, g)).collect();
        let by_shell: Vec<(f64, Group)> = by_resolution(t, e, 20).into_iter().map(|(d, g)| (1.0 / (d * d), g)).collect();
        let series = |(name, f): &Kind, groups: &[(f64, Group)]| {
            let (x, y) = groups.iter().map(|(x, g)| (*x, f(g))).filter(|p| p.1.is_finite()).unzip();
            let label = if experiments.len() > 1 { format!("{name}, experiment {e}") } else { (*name).to_owned() };
            Series { label, x, y, style: Style::Line }
        };
        images.extend(numbers.iter().map(|k| series(k, &by_image)));
        shells.extend(numbers.iter().map(|k| series(k, &by_shell)));
        image_cc.extend(correlation.iter().map(|k| series(k, &by_image)));
        shell_cc.extend(correlation.iter().map(|k| series(k, &by_shell)));
    }
    let plot = |id: &str, title: &str, x: Axis, y: &str, series: Vec<Series>| {
        (!series.is_empty()).then(|| Plot { id: id.into(), title: title.into(), x, y: Axis::new(y, ""), series })
    };
    let image = || Axis::new("Image", "");
    let all = [
        plot("reflections_vs_image", "Reflections by image", image(), "Reflections", images),
        plot("reflections_vs_d", "Reflections by resolution", Axis::resolution(), "Reflections", shells),
        plot("profile_correlation_vs_image", "Profile correlation by image", image(), "Mean correlation", image_cc),
        plot("profile_correlation_vs_d", "Profile correlation by resolution", Axis::resolution(), "Mean correlation", shell_cc),
    ];
    all.into_iter().flatten().collect()
}
