//! What is told of the part of reciprocal space that the sweeps leave out.

use super::coverage::{Coverage, Parts};
use crate::report::{Cell, Report, Table};

/// Blind parts beyond this are worth a warning: a map notices.
const WORTH_A_WARNING: f64 = 0.02;

/// Adds the table, what is to be done, and the numbers.
pub(super) fn add(r: &mut Report, all: &[Coverage], min_zeta: f64) {
    if all.is_empty() {
        return;
    }
    let columns = [
        ("Crystal", ""),
        ("Symmetry", ""),
        ("d min", "Å"),
        ("Unique", ""),
        ("Recorded", "%"),
        ("Beyond the scan", "%"),
        ("Off the detector", "%"),
        ("Near the axis", "%"),
    ];
    let mut table = Table::new("sweep_coverage", "What the sweep reaches", &columns);
    for c in all {
        for (symbol, unique, p) in &c.symmetries {
            let percent = |x: f64| Cell::number(100.0 * x, 1);
            let row = [Cell::count(c.crystal), symbol.as_str().into(), Cell::number(c.d_min, 2), Cell::number(rounded(*unique), 0)];
            table.push(row.into_iter().chain([p.recorded, p.beyond, p.missed, p.blind].map(percent)).collect());
        }
    }
    r.tables.push(table);
    let text: Vec<String> = all.iter().flat_map(|c| sentences(c, min_zeta)).collect();
    r.texts.push(("What the sweep leaves out".to_owned(), text.join("\n")));
    for c in all {
        let Some((symbol, _, p)) = c.symmetries.last() else { continue };
        r.value(&format!("percent_unreachable_{}", c.crystal), 100.0 * p.blind);
        r.value(&format!("percent_beyond_scan_{}", c.crystal), 100.0 * p.beyond);
        if p.blind > WORTH_A_WARNING {
            r.warn(format!(
                "{:.1} % of the unique reflections to {:.2} Å ({symbol}) lie too near the rotation axis to be recorded at any angle; {}",
                100.0 * p.blind,
                c.d_min,
                remedy(c)
            ));
        }
    }
}

fn sentences(c: &Coverage, min_zeta: f64) -> Vec<String> {
    let one = |(symbol, unique, p): &(String, f64, Parts)| {
        let n = |x: f64| rounded(x * unique);
        format!(
            "Of about {:.0} unique reflections to {:.2} Å in {symbol} (Friedel mates counted once), this sweep leaves out {:.1} %: {:.1} % (about {:.0}) come past \
             beyond the range of the scan, {:.1} % miss the detector, and {:.1} % (about {:.0}) lie so near the rotation axis that they never cross the Ewald \
             sphere, or only graze it (|ζ| < {min_zeta}).",
            rounded(*unique),
            c.d_min,
            100.0 * (1.0 - p.recorded),
            100.0 * p.beyond,
            n(p.beyond),
            100.0 * p.missed,
            100.0 * p.blind,
            n(p.blind)
        )
    };
    let mut out: Vec<String> = c.symmetries.iter().map(one).collect();
    let blind = c.symmetries.last().map_or(0.0, |s| s.2.blind);
    if blind > 0.0 {
        out.push(format!("More rotation does not bring in those near the axis: {}.", remedy(c)));
    }
    if c.symmetries.len() > 1 {
        out.push(
            "The symmetry is that of the lattice; in a true group of lower symmetry more is missing, at most what is without symmetry."
                .to_owned(),
        );
    }
    out
}

fn remedy(c: &Coverage) -> String {
    format!(
        "a second sweep does, with the crystal in another orientation, its old axis at least {:.0}° from the new one (twice the largest Bragg angle: then the two \
         blind regions have nothing in common)",
        libm::ceil(2.0 * c.bragg.to_degrees())
    )
}

/// To two digits: the numbers are estimates.
fn rounded(x: f64) -> f64 {
    if !(x >= 1.0) {
        return 0.0;
    }
    let unit = libm::pow(10.0, libm::floor(libm::log10(x)) - 1.0).max(1.0);
    libm::round(x / unit) * unit
}
