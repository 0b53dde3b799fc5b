use super::error::{Error, NotIndexed, Why};
use super::report::{candidates, peaks};
use super::result::LatticeSearch;
use crate::report::{Axis, Level, Plot, Report, Series, Style};

/// Fewer spots than this may be why there is no lattice.
const FEW_SPOTS: usize = 100;
/// A candidate's longest edge above this fraction of what was looked for is at the limit.
const AT_THE_LIMIT: f64 = 0.9;

/// What an indexing that failed has seen: peaks and candidates with their scores, and what to try. `None` for errors of the input.
pub fn failure_report(error: &Error) -> Option<Report> {
    let Error::NotIndexed(failed) = error else { return None };
    let mut r = Report::new("Index");
    r.level = Level::Bad;
    r.headline = "No lattice".to_owned();
    r.verdict = format!("{failed}.");
    hints(failed).into_iter().for_each(|hint| {
        r.warn(hint);
    });
    // Warnings make a report one; this is more.
    r.level = Level::Bad;
    for search in &failed.searches {
        let aside = if search.known_left_aside { ", known cell and space group left aside" } else { "" };
        if !search.candidates.is_empty() {
            let mut table = candidates(&search.candidates);
            table.title = format!("Candidate solutions{aside}:");
            r.tables.push(table);
        }
        if !search.peaks.is_empty() {
            r.tables.push(peaks(search));
        }
    }
    r.plots.extend(failed.searches.iter().find(|s| !s.peaks.is_empty()).map(plot));
    if let Some(beam) = &failed.beam {
        r.value("beam_shift_x_mm", beam.shift_mm[0]).value("beam_shift_y_mm", beam.shift_mm[1]).value("beam_score", beam.score);
    }
    Some(r)
}

/// What to try, likeliest first.
fn hints(failed: &NotIndexed) -> Vec<String> {
    let mut out = Vec::new();
    let without_known = failed.searches.iter().find(|s| s.known_left_aside).and_then(|s| s.candidates.first());
    if let Some(best) = without_known {
        let percent = 100.0 * best.fraction_indexed;
        out.push(format!("Without the known cell and space group, the best cell is {}, which indexes {percent:.0} % of the spots: is it the same crystal?", best.cell));
    }
    if let Why::NoLattice { spots, .. } | Why::NoPeriodicity { points: spots, .. } | Why::ByChance { spots, .. } = failed.why
        && spots < FEW_SPOTS
    {
        out.push(format!("{spots} spots are few: find more (lower find_spots' sigma_strong, more images), or give the unit_cell and take method=low_res_spot_match."));
    }
    let at_limit = |s: &&LatticeSearch| {
        let longest = s.candidates.first().map_or(0.0, |c| c.cell.lengths.into_iter().fold(0.0, f64::max));
        longest > AT_THE_LIMIT * s.max_cell
    };
    if let Some(search) = failed.searches.iter().find(at_limit) {
        out.push(format!(
            "The best candidate's longest edge is at the limit of what was looked for ({:.0} Å): try max_cell={:.0}.",
            search.max_cell,
            2.0 * search.max_cell
        ));
    }
    if failed.beam.is_none_or(|b| b.score < 0.3) {
        out.push("A beam centre that is off by more than half the distance of two spots hides the lattice: search for it (Beam centre, or search-beam-position), also with method=inversion on the images.".to_owned());
    }
    out
}

/// Volume of the peaks by the length of their vectors.
fn plot(search: &LatticeSearch) -> Plot {
    Plot {
        id: "fft_peaks".to_owned(),
        title: "Peaks of the search".to_owned(),
        x: Axis::new("Length", "Å"),
        y: Axis::new("Volume", ""),
        series: vec![Series {
            label: "peaks".to_owned(),
            x: search.peaks.iter().map(|p| p.length).collect(),
            y: search.peaks.iter().map(|p| p.volume as f64).collect(),
            style: Style::Points,
        }],
    }
}
