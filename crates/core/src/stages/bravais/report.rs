use super::result::Settings;
use crate::report::{Cell, Report, Table};
use crate::spacegroup::table;

/// The report: DIALS' table of solutions and the space groups of each lattice.
pub fn report(settings: &Settings) -> Report {
    let mut r = Report::new("Bravais lattice");
    r.texts.push(("Chiral space groups corresponding to each Bravais lattice:".to_owned(), space_groups(settings)));
    r.tables.push(solutions(settings));
    r.value("n_solutions", settings.solutions.len() as f64);
    if let Some(top) = settings.solutions.iter().find(|s| s.recommended) {
        r.label("top", top.bravais.clone()).value("top_number", top.number as f64);
        r.headline = format!("{} on top", top.bravais);
    }
    let applied = settings.applied.and_then(|n| settings.solution(n));
    match applied {
        Some(s) => {
            r.label("applied", s.bravais.clone()).value("applied_number", s.number as f64);
            let cc = s.min_max_cc.map_or(String::new(), |c| format!(", symmetry-related intensities correlate by {:.2} or better", c[0]));
            r.verdict = format!(
                "Going on with solution {}, {} ({}): metric fit {:.3}°, rmsd {:.3} mm{cc}.",
                s.number,
                s.bravais,
                s.cell,
                s.metric_fit_deg,
                s.rmsd_mm.unwrap_or(f64::NAN)
            );
        }
        None => {
            let top = settings.solutions.iter().find(|s| s.recommended).map_or("aP", |s| s.bravais.as_str());
            r.verdict = if top == "aP" {
                "The lattice is triclinic; going on with it.".to_owned()
            } else {
                format!(
                    "Going on with the lattice as indexed: {top} is possible, but not beyond doubt. Set apply to its number to take it."
                )
            };
        }
    }
    r
}

fn solutions(settings: &Settings) -> Table {
    let columns = [
        ("Solution", ""),
        ("Metric fit", "°"),
        ("rmsd", "mm"),
        ("min/max cc", ""),
        ("#spots", ""),
        ("lattice", ""),
        ("unit_cell", "Å, °"),
        ("volume", "Å³"),
        ("cb_op", ""),
    ];
    let mut t = Table::new("bravais", "Possible Bravais lattices (* = recommended):", &columns);
    for s in &settings.solutions {
        let star = if s.recommended { "*" } else { " " };
        let cc = s.min_max_cc.map_or("-/-".to_owned(), |c| format!("{:.3}/{:.3}", c[0], c[1]));
        let cell = s.cell.parameters().map(|x| format!("{x:.2}")).join(" ");
        t.push(vec![
            format!("{star} {:>3}", s.number).into(),
            Cell::number(s.metric_fit_deg, 4),
            Cell::number(s.rmsd_mm.unwrap_or(f64::NAN), 3),
            cc.into(),
            Cell::count(s.n_spots),
            s.bravais.as_str().into(),
            cell.into(),
            Cell::number(s.cell.volume(), 0),
            s.basis.to_string().into(),
        ]);
    }
    t
}

fn space_groups(settings: &Settings) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for s in settings.solutions.iter().rev() {
        if !seen.contains(&s.bravais.as_str()) {
            seen.push(&s.bravais);
        }
    }
    let line = |bravais: &str| {
        // I cells are another choice of axes of C lattices.
        let lattice = if bravais == "mI" { "mC" } else { bravais };
        let groups = (1..=230).filter_map(table::by_number).filter(|s| s.bravais() == lattice && s.group().is_chiral());
        let names: Vec<String> = groups.map(|s| s.short_symbol()).collect();
        format!("{bravais}: {}", names.join(" "))
    };
    seen.into_iter().map(line).collect::<Vec<_>>().join("\n")
}
