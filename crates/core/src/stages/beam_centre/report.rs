use super::{Centre, Output, ScoreMap};
use crate::report::{Axis, Cell, HeatMap, Plot, Report, Series, Style, Table};

/// Old and new centre, and what the choice rests on.
pub fn report(output: &Output) -> Report {
    let mut r = Report::new("Beam centre");
    let (old, new) = (&output.old, &output.new);
    let shift = output.shift_mm;
    let pixel = output.pixel_mm;
    let shift_px = [0, 1].map(|k| shift[k] / pixel[k]);
    r.value("x_mm", new.mm[0]).value("y_mm", new.mm[1]).value("x_px", new.px[0]).value("y_px", new.px[1]);
    r.value("shift_x_mm", shift[0]).value("shift_y_mm", shift[1]);
    r.headline = format!("({:.2}, {:.2}) px", new.px[0], new.px[1]);
    r.value("shift_mm", shift[0].hypot(shift[1])).value("shift_px", shift_px[0].hypot(shift_px[1]));
    r.verdict = format!(
        "The beam meets the detector {:.2} mm ({:.1} px) from where the header says: ({:+.3}, {:+.3}) mm along (fast, slow), at ({:.2}, {:.2}) px.",
        shift[0].hypot(shift[1]),
        shift_px[0].hypot(shift_px[1]),
        shift[0],
        shift[1],
        new.px[0],
        new.px[1]
    );
    let mut table =
        Table::new("beam_centre", "Beam centre", &[("", ""), ("x", "mm"), ("y", "mm"), ("x", "px"), ("y", "px"), ("Panel", "")]);
    for (name, mm, px, panel) in
        [("Old", old.mm, old.px, old.panel), ("New", new.mm, new.px, new.panel), ("Shift", shift, shift_px, new.panel)]
    {
        let numbers = [Cell::number(mm[0], 3), Cell::number(mm[1], 3), Cell::number(px[0], 2), Cell::number(px[1], 2)];
        table.push([vec![Cell::from(name)], numbers.to_vec(), vec![Cell::count(panel)]].concat());
    }
    r.tables.push(table);
    let [fast, slow] = output.beam_shift_mm;
    r.texts.push((
        "For import".to_owned(),
        format!("slow_fast_beam_shift={slow:.4},{fast:.4}\n(mm, as seen along the beam, for all sweeps; added to what import had already)"),
    ));
    if let Some(map) = &output.map {
        r.value("score", output.score).value("n_spots", output.n_spots as f64).value("n_vectors", output.vector_lengths.len() as f64);
        if output.score < 0.3 {
            r.warn(format!(
                "The best score is only {:.2}: spots and lattice fit badly. Widen mm_search_scope, or look at the images' symmetry with method=inversion.",
                output.score
            ));
        }
        r.maps.push(heat_map(map, old, pixel));
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

/// The score by where the beam meets the detector.
fn heat_map(map: &ScoreMap, old: &Centre, pixel: [f64; 2]) -> HeatMap {
    let n = map.shifts.len();
    let px = |axis: usize, shift: f64| old.px[axis] + shift / pixel[axis];
    let range = |axis: usize| [map.shifts.first(), map.shifts.last()].map(|s| px(axis, s.copied().unwrap_or(0.0)));
    HeatMap {
        id: "beam_centre_map".to_owned(),
        title: "Part of the lattice that fits, by beam centre".to_owned(),
        x: Axis::new("Beam centre, fast", "px"),
        y: Axis::new("Beam centre, slow", "px"),
        value: Axis::new("score", ""),
        range_x: range(0),
        range_y: range(1),
        size: [n, n],
        values: map.scores.iter().copied().map(Some).collect(),
        marks: vec![("header".to_owned(), old.px), ("found".to_owned(), [px(0, map.found[0]), px(1, map.found[1])])],
        ..HeatMap::default()
    }
}

/// The score along both axes through the shift found; the whole map is in the output.
fn cuts(map: &ScoreMap) -> Vec<Plot> {
    let n = map.shifts.len();
    let nearest = |value: f64| (0..n).min_by(|&a, &b| (map.shifts[a] - value).abs().total_cmp(&(map.shifts[b] - value).abs())).unwrap_or(0);
    let (i, j) = (nearest(map.found[0]), nearest(map.found[1]));
    let lines =
        [("fast", (0..n).map(|k| map.scores[j * n + k]).collect()), ("slow", (0..n).map(|k| map.scores[k * n + i]).collect::<Vec<f64>>())];
    let series = lines.map(|(name, y)| Series { label: format!("Along {name}"), x: map.shifts.clone(), y, style: Style::Line });
    vec![Plot {
        id: "beam_centre_score".to_owned(),
        title: "Score through the centre found".to_owned(),
        x: Axis::new("Shift of the beam", "mm"),
        y: Axis::new("Score", ""),
        series: series.into(),
    }]
}
