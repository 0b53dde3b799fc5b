use super::{Output, ScoreMap};
use crate::report::{Axis, Cell, Plot, Report, Series, Style, Table};

/// Old and new centre, and what the choice rests on.
pub fn report(output: &Output) -> Report {
    let mut r = Report::new("Beam centre");
    let (old, new) = (&output.old, &output.new);
    let shift = [0, 1].map(|k| new.mm[k] - old.mm[k]);
    let shift_px = [0, 1].map(|k| new.px[k] - old.px[k]);
    r.value("x_mm", new.mm[0]).value("y_mm", new.mm[1]).value("x_px", new.px[0]).value("y_px", new.px[1]);
    r.value("shift_x_mm", shift[0]).value("shift_y_mm", shift[1]);
    r.headline = format!("({:.2}, {:.2}) px", new.px[0], new.px[1]);
    r.verdict = format!("The beam centre is moved by ({:.3}, {:.3}) mm to ({:.3}, {:.3}) mm.", shift[0], shift[1], new.mm[0], new.mm[1]);
    let mut table =
        Table::new("beam_centre", "Beam centre", &[("", ""), ("x", "mm"), ("y", "mm"), ("x", "px"), ("y", "px"), ("Panel", "")]);
    for (name, mm, px, panel) in
        [("Old", old.mm, old.px, old.panel), ("New", new.mm, new.px, new.panel), ("Shift", shift, shift_px, new.panel)]
    {
        let numbers = [Cell::number(mm[0], 3), Cell::number(mm[1], 3), Cell::number(px[0], 2), Cell::number(px[1], 2)];
        table.push([vec![Cell::from(name)], numbers.to_vec(), vec![Cell::count(panel)]].concat());
    }
    r.tables.push(table);
    if let Some(map) = &output.map {
        r.value("score", output.score).value("n_spots", output.n_spots as f64).value("n_vectors", output.vector_lengths.len() as f64);
        if output.score < 0.3 {
            r.warn(format!(
                "The best score is only {:.2}: spots and lattice fit badly. Widen mm_search_scope, or look at the images' symmetry with method=inversion.",
                output.score
            ));
        }
        r.plots.extend(cuts(map));
    }
    for p in &output.projections {
        let x: Vec<f64> = (0..p.counts.len()).map(|k| k as f64 + 0.5).collect();
        let high = p.counts.iter().copied().fold(0.0, f64::max);
        r.plots.push(Plot {
            id: format!("projection_{}", p.axis),
            title: format!("Mean image along {}", p.axis),
            x: Axis::new(&p.axis, "px"),
            y: Axis::new("Counts", ""),
            series: vec![
                Series { label: "Mean counts".to_owned(), x, y: p.counts.clone(), style: Style::Line },
                Series { label: "Centre".to_owned(), x: vec![p.centre; 2], y: vec![0.0, high], style: Style::Line },
            ],
        });
    }
    r
}

/// The score along both axes through the shift found; the whole map is in the output.
fn cuts(map: &ScoreMap) -> Vec<Plot> {
    let n = map.shifts.len();
    let nearest = |value: f64| (0..n).min_by(|&a, &b| (map.shifts[a] - value).abs().total_cmp(&(map.shifts[b] - value).abs())).unwrap_or(0);
    let (i, j) = (nearest(map.found[0]), nearest(map.found[1]));
    let lines = [
        ("first", (0..n).map(|k| map.scores[j * n + k]).collect()),
        ("second", (0..n).map(|k| map.scores[k * n + i]).collect::<Vec<f64>>()),
    ];
    let series = lines.map(|(name, y)| Series { label: format!("Along the {name} axis"), x: map.shifts.clone(), y, style: Style::Line });
    vec![Plot {
        id: "beam_centre_score".to_owned(),
        title: "Score through the centre found".to_owned(),
        x: Axis::new("Shift", "mm"),
        y: Axis::new("Score", ""),
        series: series.into(),
    }]
}
