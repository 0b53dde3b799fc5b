use super::{Output, show};
use crate::report::{Cell, Level, Report, Table};

/// What `dials.import` and `dials.show` print, with one row a sweep.
pub fn report(output: &Output) -> Report {
    let list = &output.experiments;
    let mut r = Report::new("Import");
    let n_images: usize = output.images.iter().map(|i| i.n_images()).sum();
    let n_sweeps = list.len();
    r.value("n_experiments", n_sweeps as f64).value("n_images", n_images as f64);
    r.value("n_beams", list.beams.len() as f64).value("n_detectors", list.detectors.len() as f64);
    r.value("n_goniometers", list.goniometers.len() as f64);
    r.headline = format!("{n_images} images in {n_sweeps} sweep{}", if n_sweeps == 1 { "" } else { "s" });
    let mut table = Table::new(
        "sweeps",
        "Sweeps",
        &[
            ("Sweep", ""),
            ("Images", ""),
            ("Start", "°"),
            ("Width", "°"),
            ("Wavelength", "Å"),
            ("Distance", "mm"),
            ("Beam centre x", "px"),
            ("Beam centre y", "px"),
            ("d min", "Å"),
            ("File", ""),
        ],
    );
    for (i, e) in list.experiments.iter().enumerate() {
        let beam = e.beam.and_then(|k| list.beams.get(k));
        let detector = e.detector.and_then(|k| list.detectors.get(k));
        let scan = e.scan.and_then(|k| list.scans.get(k));
        let imageset = e.imageset.and_then(|k| list.imagesets.get(k));
        let (Some(beam), Some(detector)) = (beam, detector) else { continue };
        let centre = detector.beam_centre(&beam.s0());
        let distance = detector.panels.first().map_or(f64::NAN, |p| p.distance());
        let d_min = detector.d_min_at_corners(&beam.s0());
        if i == 0 {
            r.value("wavelength", beam.wavelength).value("distance", distance).value("d_min", d_min);
            if let Some(c) = &centre {
                r.value("beam_centre_x", c.px.x).value("beam_centre_y", c.px.y);
            }
        }
        let images = e.imageset.and_then(|k| output.images.get(k)).map_or(0, |s| s.n_images());
        table.push(vec![
            Cell::count(i + 1),
            Cell::count(images),
            Cell::number(scan.map_or(f64::NAN, |s| s.phi0.to_degrees()), 3),
            Cell::number(scan.map_or(f64::NAN, |s| s.width.to_degrees()), 4),
            Cell::number(beam.wavelength, 5),
            Cell::number(distance, 2),
            Cell::number(centre.as_ref().map_or(f64::NAN, |c| c.px.x), 2),
            Cell::number(centre.as_ref().map_or(f64::NAN, |c| c.px.y), 2),
            Cell::number(d_min, 3),
            imageset.map_or("", |s| s.template.as_str()).into(),
        ]);
    }
    r.tables.push(table);
    r.texts.push(("Experiments".into(), show(list)));
    for warning in &output.warnings {
        r.warn(warning.clone());
    }
    r.verdict = match r.level {
        Level::Good => format!("{}.", r.headline),
        _ => format!("{}; see the warnings.", r.headline),
    };
    r
}
