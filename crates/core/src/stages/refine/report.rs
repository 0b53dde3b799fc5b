use super::{CrystalCourse, Output, report_residuals as residuals};
use crate::geometry::Crystal;
use crate::math::Mat3;
use crate::refinement::{Rmsd, Stop};
use crate::report::{Axis, Cell, Level, Plot, Report, Series, Style, Table};
use crate::spacegroup::SpaceGroup;

/// The tables that DIALS prints after refinement, with the course of scan-varying crystals as plots.
pub fn report(output: &Output) -> Report {
    let o = &output.outcome;
    let mut r = Report::new("Refine");
    let [x, y, z] = o.plain_px();
    r.value("rmsd_x_px", x).value("rmsd_y_px", y).value("rmsd_z_images", z);
    r.value("n_used", o.n_used as f64).value("n_outliers", o.n_outliers as f64).value("n_parameters", o.parameters.len() as f64);
    r.headline = format!("RMSD {x:.3}, {y:.3} px, {z:.3} images");
    let kind = if o.samples.iter().any(|s| *s > 1) { "scan-varying" } else { "static" };
    let narrow: usize = o.plain_rmsds.iter().map(|e| e.n).sum();
    let fit = format!("fit {} parameters of a {kind} model", o.parameters.len());
    let to = format!("to {x:.3} and {y:.3} px and {z:.3} images");
    r.verdict = if o.plain_rmsds == o.rmsds {
        format!("{} reflections {fit} {to}; {} were left out as outliers.", o.n_used, o.n_outliers)
    } else {
        // Weak spots are wider than the rest without being wrong.
        format!(
            "{} reflections {fit}, {narrow} of them {to} (the others are weak, and count little); {} were left out as outliers.",
            o.n_used, o.n_outliers
        )
    };
    for (i, c) in output.experiments.crystals.iter().enumerate() {
        r.texts.push((format!("Crystal {i}:"), crystal(c)));
        for (name, value) in ["a", "b", "c", "alpha", "beta", "gamma"].iter().zip(c.unit_cell().parameters()) {
            r.value(&format!("crystal_{i}_{name}"), value);
        }
    }
    for (k, pass) in o.passes.iter().enumerate() {
        let title = if pass.scan_varying { "Refinement steps, scan-varying" } else { "Refinement steps" };
        let id = if k == 0 { "refinement_steps" } else { "refinement_steps_scan_varying" };
        let mut t = Table::new(id, title, &[("Step", ""), ("Nref", ""), ("RMSD_X", "mm"), ("RMSD_Y", "mm"), ("RMSD_Phi", "deg")]);
        for (i, s) in pass.steps.iter().enumerate() {
            let number = |x: f64| Cell::number(x, 6);
            t.push(vec![Cell::count(i), Cell::count(s.n), number(s.rmsd[0]), number(s.rmsd[1]), number(s.rmsd[2].to_degrees())]);
        }
        r.tables.push(t);
    }
    let learnt = o.plain_rmsds != o.rmsds;
    r.tables.push(rmsds("rmsd_by_experiment", "RMSDs by experiment", &o.plain_rmsds));
    if learnt {
        r.tables.push(rmsds("rmsd_of_all_used", "RMSDs of all reflections used, weak ones too", &o.rmsds));
    }
    r.tables.extend(residuals::tables(&output.residuals));
    let fixed = o.parameters.iter().filter(|p| !p.name.contains("sample"));
    let mut t = Table::new(
        "parameters",
        "Refined parameters of beam and detector",
        &[("Parameter", ""), ("Shift", ""), ("Uncertainty", ""), ("Unit", "")],
    );
    for p in fixed.filter(|p| !p.name.starts_with("crystal")) {
        let (factor, unit) = if p.name.contains("tilt") {
            (1f64.to_degrees(), "°")
        } else if p.name.contains("wavenumber") {
            (1.0, "")
        } else {
            (1.0, "mm")
        };
        t.push(vec![p.name.as_str().into(), Cell::number(p.shift * factor, 4), Cell::number(p.esd * factor, 4), unit.into()]);
    }
    if !t.rows.is_empty() {
        r.tables.push(t);
    }
    r.tables.extend(residuals::large_correlations(&o.correlations));
    output.courses.iter().for_each(|c| r.plots.extend(plots(c)));
    r.plots.extend(residuals::plots(&output.residuals));
    r.maps.extend(residuals::maps(&output.residuals));
    r.maps.extend(residuals::correlation_map(&o.correlations));
    residuals::warnings(&output.residuals).into_iter().for_each(|w| {
        r.warn(w);
    });

    for s in &o.simplified {
        r.warn(capitalised(&s.to_string()) + ".");
    }
    if o.stopped == Stop::MaxIterations {
        r.warn(format!("Stopped before the minimum: {}. Raise max_iterations.", o.stopped.text()));
    }
    if o.n_outliers > o.n_used {
        r.warn(format!(
            "{} of {} reflections are outliers: look for a second lattice or wrong indices.",
            o.n_outliers,
            o.n_outliers + o.n_used
        ));
    }
    let worst = o.plain_rmsds.iter().flat_map(|e| [e.px[0], e.px[1]]).fold(0.0, f64::max);
    if worst > 2.0 {
        r.warn(format!("Predicted and observed spots differ by {worst:.1} px in one sweep: do not integrate with these models."));
        r.level = Level::Bad;
    }
    r
}

fn rmsds(id: &str, title: &str, rmsds: &[Rmsd]) -> Table {
    let columns = [("Exp id", ""), ("Nref", ""), ("RMSD_X", "px"), ("RMSD_Y", "px"), ("RMSD_Z", "images")];
    let mut t = Table::new(id, title, &columns);
    for e in rmsds {
        let mut row = vec![Cell::count(e.experiment), Cell::count(e.n)];
        row.extend(e.px.map(|x| Cell::number(x, 5)));
        t.push(row);
    }
    t
}

fn capitalised(s: &str) -> String {
    let mut c = s.chars();
    c.next().map_or(String::new(), |first| first.to_uppercase().chain(c).collect())
}

/// A value with its uncertainty in the last digits, such as 78.957(10).
fn with_esd(value: f64, esd: f64) -> String {
    // What symmetry fixes has an uncertainty of rounding errors.
    if !(esd > 1e-9 && esd.is_finite()) {
        return format!("{value:.4}");
    }
    // Two digits of the uncertainty while it is below 20, as crystallographers write.
    let mut decimals = (-libm::floor(libm::log10(esd))).max(0.0) as usize;
    if esd * libm::pow(10.0, decimals as f64) < 1.95 {
        decimals += 1;
    }
    format!("{value:.decimals$}({:.0})", esd * libm::pow(10.0, decimals as f64))
}

/// A crystal as DIALS prints it.
fn crystal(c: &Crystal) -> String {
    let esd = c.cell_esd.map_or([f64::NAN; 6], |e| e.parameters);
    let cell: Vec<String> = c.unit_cell().parameters().iter().zip(esd).map(|(x, e)| with_esd(*x, e)).collect();
    let name = SpaceGroup::from_hall(&c.hall_symbol).map_or_else(|_| c.hall_symbol.trim().to_owned(), |g| g.symbol());
    let matrix = |title: &str, m: &Mat3| {
        let row = |i: usize| format!("{{{:7.4}, {:7.4}, {:7.4}}}", m[(i, 0)], m[(i, 1)], m[(i, 2)]);
        format!("    {title:<11}{{{},\n{pad}{},\n{pad}{}}}\n", row(0), row(1), row(2), pad = " ".repeat(16))
    };
    let mut out = format!("    Unit cell: {}\n    Space group: {name}\n", cell.join(", "));
    out += &matrix("U matrix:", &c.u_matrix());
    out += &matrix("B matrix:", &c.b_matrix());
    out += &matrix("A = UB:", &c.a_matrix);
    if c.a_at_scan_points.len() > 1 {
        out += &format!("    A sampled at {} scan points\n", c.a_at_scan_points.len());
    }
    out
}

fn plots(course: &CrystalCourse) -> Vec<Plot> {
    let i = course.crystal;
    let plot = |id: &str, title: &str, axis: Axis, series: Vec<(&str, Vec<f64>)>| Plot {
        id: format!("{id}_{i}"),
        title: format!("{title}, crystal {i}"),
        x: Axis::new("Image", ""),
        y: axis,
        series: series
            .into_iter()
            .map(|(label, y)| Series { label: label.to_owned(), x: course.image.clone(), y, style: Style::Line })
            .collect(),
    };
    let cell = |k: usize| course.cell.iter().map(|c| c[k]).collect::<Vec<_>>();
    // Edges of different length in one plot show nothing; their changes do.
    let change = |k: usize| course.cell.iter().map(|c| 100.0 * (c[k] / course.cell[0][k] - 1.0)).collect::<Vec<_>>();
    let rotation = |k: usize| course.rotation_deg.iter().map(|r| r[k]).collect::<Vec<_>>();
    let edges = vec![("a", change(0)), ("b", change(1)), ("c", change(2))];
    let angles = vec![("α", cell(3)), ("β", cell(4)), ("γ", cell(5))];
    let turns = vec![("about x", rotation(0)), ("about y", rotation(1)), ("about z", rotation(2))];
    vec![
        plot("cell_edges", "Change of the cell's edges", Axis::new("Change since the first image", "%"), edges),
        plot("cell_angles", "Angles of the cell", Axis::new("Angle", "°"), angles),
        plot("orientation", "Rotation from the mean orientation", Axis::new("Rotation", "°"), turns),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uncertainties_stand_in_the_last_digits() {
        let t = |value, esd, expected: &str| assert_eq!(with_esd(value, esd), expected);
        t(78.9572, 0.00101, "78.9572(10)");
        t(37.8667, 0.0003, "37.8667(3)");
        t(90.0, 0.0, "90.0000");
        t(120.0, 1e-15, "120.0000");
        t(5.43, 0.21, "5.4(2)");
        t(100.0, 12.0, "100(12)");
    }
}
