use super::Output;
use crate::merging::TwinStatistics;
use crate::report::{Axis, Cell, Level, Plot, Report, Series, Style, Table};
use crate::spacegroup::{IDENTITY, SymOp};

fn stars(likelihood: f64, limits: [f64; 3]) -> &'static str {
    match limits.iter().filter(|l| likelihood > **l).count() {
        3 => "***",
        2 => "**",
        1 => "*",
        _ => "",
    }
}

/// The report of symmetry: rotations, Laue groups, screw axes and space groups, with the columns of DIALS' tables.
pub fn report(output: &Output) -> Report {
    let mut r = Report::new("Symmetry");
    let (laue, group) = (output.laue_group(), output.space_group());
    let pair = group.enantiomorph.as_ref().map_or(String::new(), |e| format!(" or {e}"));
    r.headline = format!("{}{pair}", group.symbol);
    r.verdict = match &output.assumed {
        Some(_) => format!("Laue group {}, assumed and not measured.", laue.symbol),
        None => format!(
            "Laue group {} with likelihood {:.3} (confidence {:.3}); its rotations correlate with CC {:.2}. Recommended space group: {}{}.",
            laue.symbol,
            laue.likelihood,
            laue.confidence,
            laue.cc_for,
            group.symbol,
            group.enantiomorph.as_ref().map_or(String::new(), |e| format!(", or its mirror image {e}"))
        ),
    };
    r.level = if output.assumed.is_some() || laue.confidence < 0.5 { Level::Warning } else { Level::Good };
    if let Some(text) = &output.assumed {
        r.warn(format!("The Laue group is an assumption: {text}."));
    }
    for note in &output.notes {
        r.warn(note.clone());
    }
    if output.dropped > 0 {
        r.warn(format!("{} reflections are absent in the new cell and were dropped", output.dropped));
    }
    r.label("space_group", group.symbol.clone()).label("laue_group", laue.symbol.clone()).label("reindex", laue.reindex.to_string());
    r.label("bravais", laue.bravais.clone());
    if let Some(other) = &group.enantiomorph {
        r.label("enantiomorph", other.clone());
    }
    r.value("space_group_number", f64::from(group.number)).value("likelihood", laue.likelihood);
    r.value("confidence", laue.confidence).value("n_observations", output.counts.used as f64);
    r.value("n_scored", output.n_scored as f64).value("delta", laue.delta_deg);
    if let Some(d) = output.d_min {
        r.value("d_min", d);
    }
    for (name, value) in ["cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma"].iter().zip(laue.cell) {
        r.value(name, value);
    }
    r.texts.push(("Laue group analysis".to_owned(), preamble(output)));
    r.tables.push(element_table(output));
    r.tables.push(group_table(output));
    if !output.indexing.is_empty() {
        r.tables.push(indexing_table(output));
    }
    if !output.relations.is_empty() {
        r.tables.push(relation_table(output));
    }
    if let Some(t) = &output.twinning {
        r.texts.push(("Distribution of intensities".to_owned(), distribution(t)));
        for (name, value) in [("mean_l", t.mean_l), ("mean_l2", t.mean_l2), ("second_moment_acentric", t.acentric_moment)] {
            if let Some(value) = value {
                r.value(name, value);
            }
        }
    }
    if !output.screws.is_empty() {
        r.tables.push(screw_table(output));
    }
    r.tables.push(space_group_table(output));
    r.plots.extend(output.screws.iter().map(screw_plot));
    r
}

fn preamble(output: &Output) -> String {
    let c = &output.calibration;
    let n = &output.counts;
    let cell = |p: [f64; 6]| p.map(|v| format!("{v:.3}")).join(", ");
    let limit = output.d_min.map_or("all".to_owned(), |d| format!("{d:.2} Å"));
    format!(
        "  {} rows: {} used ({}), {} not integrated, {} partial, {} joined, {} weak, {} outliers\n  Resolution used: {limit}, {} merged \
         intensities\n  Input cell: {}\n  Minimum cell: {} (change of basis {})\n  CC of {} unrelated pairs: {:.3}\n  E(CC) from σ: {:.3}; \
         with Friedel mates: {:.3}\n  sd(CC) = {:.3}/√N",
        n.rows,
        n.used,
        if n.profile { "profile-fitted" } else { "summed" },
        n.not_integrated,
        n.partial,
        n.joined,
        n.weak,
        n.outliers,
        output.n_scored,
        cell(output.input_cell),
        cell(output.minimum_cell),
        output.to_minimum,
        c.unrelated_pairs,
        c.unrelated,
        c.expected_from_sigma,
        c.expected,
        c.sigma_factor
    )
}

fn element_table(output: &Output) -> Table {
    let columns = [("likelihood", ""), ("Z-CC", ""), ("CC", ""), ("N", ""), ("", ""), ("Operator", "")];
    let mut t = Table::new("symmetry_elements", "Scoring individual symmetry elements", &columns);
    for e in &output.elements {
        let [h, k, l] = e.axis;
        t.push(vec![
            Cell::number(e.likelihood, 3),
            Cell::number(e.z_cc, 2),
            Cell::number(e.cc, 2),
            Cell::count(e.n as usize),
            stars(e.likelihood, [0.5, 0.7, 0.9]).into(),
            format!("{} |({h}, {k}, {l})", e.order).into(),
        ]);
    }
    t
}

fn group_table(output: &Output) -> Table {
    let columns = [
        ("Patterson group", ""),
        ("", ""),
        ("Likelihood", ""),
        ("NetZcc", ""),
        ("Zcc+", ""),
        ("Zcc-", ""),
        ("CC", ""),
        ("CC-", ""),
        ("delta", "°"),
        ("Reindex operator", ""),
    ];
    let mut t = Table::new("laue_groups", "Scoring all possible sub-groups", &columns);
    for g in &output.groups {
        t.push(vec![
            g.symbol.as_str().into(),
            stars(g.likelihood, [0.4, 0.6, 0.8]).into(),
            Cell::number(g.likelihood, 3),
            Cell::number(g.z_net, 2),
            Cell::number(g.z_for, 2),
            Cell::number(g.z_against, 2),
            Cell::number(g.cc_for, 2),
            Cell::number(g.cc_against, 2),
            Cell::number(g.delta_deg, 1),
            g.reindex.to_string().into(),
        ]);
    }
    t
}

/// Whose indexing was changed, and how sure that is.
fn indexing_table(output: &Output) -> Table {
    let columns = [("Sweep", ""), ("Turned by", ""), ("N", ""), ("CC", ""), ("next CC", ""), ("confidence", "")];
    let mut t = Table::new("indexing", "Indexing of the sweeps", &columns);
    for s in &output.indexing {
        let turned = if s.rotation == IDENTITY { "-".to_owned() } else { SymOp::from_rotation(s.rotation).triplet() };
        t.push(vec![
            s.name().into(),
            turned.into(),
            Cell::count(s.n as usize),
            Cell::number(s.cc, 3),
            Cell::number(s.next_cc, 3),
            Cell::number(s.confidence, 4),
        ]);
    }
    t
}

fn relation_table(output: &Output) -> Table {
    let columns = [("h,k,l →", ""), ("CC", ""), ("CC of true symmetry", "%"), ("N", ""), ("", ""), ("if a twin: fraction", "%")];
    let mut t = Table::new("relations", "Rotations of the lattice that are not in the Laue group", &columns);
    for relation in &output.relations {
        t.push(vec![
            relation.operator.as_str().into(),
            Cell::number(relation.cc, 2),
            Cell::number(100.0 * relation.relative_cc, 0),
            Cell::count(relation.n as usize),
            if relation.is_notable() { "*" } else { "" }.into(),
            Cell::number(100.0 * relation.twin_fraction, 0),
        ]);
    }
    t
}

fn distribution(t: &TwinStatistics) -> String {
    let value = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.3}"));
    format!(
        "  To {:.2} Å                single crystal   perfect twin\n  ⟨|L|⟩            {:>6}       0.500          0.375  ({} pairs)\n  ⟨L²⟩             {:>6}       \
         0.333          0.200\n  ⟨I²⟩/⟨I⟩², acentric {:>6}    2.0            1.5  ({} reflections)\n  ⟨I²⟩/⟨I⟩², centric  {:>6}    3.0            2.0  ({} reflections)",
        t.d_min,
        value(t.mean_l),
        t.n_pairs,
        value(t.mean_l2),
        value(t.acentric_moment),
        t.n_acentric,
        value(t.centric_moment),
        t.n_centric
    )
}

fn screw_table(output: &Output) -> Table {
    let columns = [
        ("Screw axis", ""),
        ("Score", ""),
        ("No. present", ""),
        ("No. absent", ""),
        ("<I> present", ""),
        ("<I> absent", ""),
        ("<I/sig> present", ""),
        ("<I/sig> absent", ""),
    ];
    let mut t = Table::new("screw_axes", "Systematic absences", &columns);
    for s in &output.screws {
        t.push(vec![
            s.name.as_str().into(),
            Cell::number(s.score, 3),
            Cell::count(s.n_allowed),
            Cell::count(s.n_forbidden),
            Cell::number(s.mean_allowed, 3),
            Cell::number(s.mean_forbidden, 3),
            Cell::number(s.mean_i_over_sigma_allowed, 3),
            Cell::number(s.mean_i_over_sigma_forbidden, 3),
        ]);
    }
    t
}

fn space_group_table(output: &Output) -> Table {
    let mut t = Table::new("space_groups", "Space groups", &[("Space group", ""), ("score", ""), ("Same absences", "")]);
    for g in &output.space_groups {
        let same: Vec<&str> = g.enantiomorph.iter().chain(&g.indistinguishable).map(String::as_str).collect();
        t.push(vec![g.symbol.as_str().into(), Cell::number(g.score, 4), same.join(", ").into()]);
    }
    t
}

/// I/σ along a possible screw axis.
fn screw_plot(screw: &super::ScrewScore) -> Plot {
    let split = |keep: bool| -> (Vec<f64>, Vec<f64>) {
        screw
            .index
            .iter()
            .zip(&screw.i_over_sigma)
            .filter(|(h, _)| (*h % screw.repeat == 0) == keep)
            .map(|(h, v)| (f64::from(*h), *v))
            .unzip()
    };
    let series = |label: &str, (x, y): (Vec<f64>, Vec<f64>)| Series { label: label.to_owned(), x, y, style: Style::Points };
    Plot {
        id: format!("screw_{}", screw.name),
        title: format!("Reflections along the axis of {}", screw.name),
        x: Axis::new("index", ""),
        y: Axis::new("I/σ(I)", ""),
        series: vec![series("allowed", split(true)), series("forbidden", split(false))],
    }
}
