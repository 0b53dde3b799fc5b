use super::{HotPixel, ImageSetDiagnostics, Output};
use crate::report::{Axis, Cell, Level, Plot, Report, Series, Style, Table};

/// What DIALS prints after finding spots, with the counts by image and by resolution as plots.
pub fn report(output: &Output) -> Report {
    let d = &output.diagnostics;
    let mut r = Report::new("Find spots");
    let n_spots = output.reflections.len();
    let n_images: usize = d.imagesets.iter().map(|s| s.strong_pixels.len()).sum();
    let hot: usize = d.imagesets.iter().map(|s| s.hot_pixels.len()).sum();
    r.value("n_spots", n_spots as f64).value("n_images", n_images as f64).value("n_hot_pixels", hot as f64);
    r.value("n_imagesets", d.imagesets.len() as f64);
    r.headline = format!("{n_spots} spots");
    let per_image = n_spots as f64 / n_images.max(1) as f64;
    let d_min = d.shells.last().map(|s| s.d_min);
    let reach = d_min.map_or(String::new(), |d_min| format!(", to {d_min:.2} Å"));
    r.verdict = format!("{n_spots} spots on {n_images} images, {per_image:.1} per image{reach}.");
    if let Some(d_min) = d_min {
        r.value("d_min", d_min);
    }

    let mut table = Table::new(
        "spots_by_imageset",
        "Spots by image set",
        &[
            ("Image set", ""),
            ("Images", ""),
            ("Components", ""),
            ("Too small", ""),
            ("Too large", ""),
            ("Peak off centre", ""),
            ("Spots", ""),
            ("Hot pixels", ""),
        ],
    );
    for (k, s) in d.imagesets.iter().enumerate() {
        r.value(&format!("n_spots_imageset_{k}"), s.n_spots as f64);
        r.texts.push((format!("Finding strong spots in imageset {k}"), listing(s)));
        r.texts.push((format!("Histogram of per-image spot count for imageset {k}:"), histogram_of(output, k)));
        let counts = [
            k,
            s.strong_pixels.len(),
            s.n_extracted,
            s.n_too_small,
            s.n_too_large,
            s.n_measured - s.n_spots,
            s.n_spots,
            s.hot_pixels.len(),
        ];
        table.push(counts.iter().map(|&n| Cell::count(n)).collect());
        if s.n_spots == 0 {
            r.warn(format!("No spots on image set {k}. Lower sigma_strong or min_spot_size, or check that the images show diffraction."));
        }
        if !s.hot_pixels.is_empty() {
            // No reason to worry: the detector is so, and neither spots nor intensities are affected.
            r.warnings.push(hot_warning(k, &s.hot_pixels, s.hot_pixels_masked));
            r.tables.push(hot_table(k, &s.hot_pixels));
        }
    }
    r.tables.push(table);
    if n_spots == 0 {
        r.level = Level::Bad;
    }
    r.tables.push(by_resolution(output));
    r.plots = plots(output);
    r
}

/// Hot pixels that a warning names one by one; the table has them all.
const NAMED: usize = 5;

fn hot_warning(image_set: usize, pixels: &[HotPixel], masked: bool) -> String {
    let mut places: Vec<String> = pixels.iter().take(NAMED).map(|h| format!("({}, {})", h.x, h.y)).collect();
    if pixels.len() > NAMED {
        places.push(format!("{} more", pixels.len() - NAMED));
    }
    let what = if pixels.len() == 1 { "1 pixel shines".to_owned() } else { format!("{} pixels shine", pixels.len()) };
    let told = format!("{what} on every image of set {image_set} with constant counts, probably hot: {}", places.join(", "));
    if masked { format!("{told}. They belong to no spot, and no stage uses them from here on (mask_hot_pixels)") } else { told }
}

fn hot_table(image_set: usize, pixels: &[HotPixel]) -> Table {
    let columns = [("Panel", ""), ("x", "px"), ("y", "px"), ("Mean counts", "")];
    let mut table = Table::new(&format!("hot_pixels_{image_set}"), &format!("Hot pixels of image set {image_set}"), &columns);
    for h in pixels {
        table.push(vec![Cell::count(h.panel), Cell::count(h.x), Cell::count(h.y), Cell::number(h.mean, 0)]);
    }
    table
}

fn listing(s: &ImageSetDiagnostics) -> String {
    let last = s.first_image + s.strong_pixels.len() as i64 - 1;
    let mut out = format!("Finding spots in image {} to {last}...\n", s.first_image);
    for (k, n) in s.strong_pixels.iter().enumerate() {
        out += &format!("Found {n} strong pixels on image {}\n", s.first_image + k as i64);
    }
    out += &format!("\nExtracted {} spots\n", s.n_extracted);
    out += &format!("Removed {} spots with size < {} pixels\n", s.n_too_small, s.min_spot_size);
    out += &format!("Removed {} spots with size > {} pixels\n", s.n_too_large, s.max_spot_size);
    if s.n_with_hot_pixels > 0 {
        out += &format!("Took hot pixels out of {} spots\n", s.n_with_hot_pixels);
    }
    out += &format!("Calculated {0} spot centroids\nCalculated {0} spot intensities\n", s.n_measured);
    out + &format!("Filtered {} of {} spots by peak-centroid distance\n", s.n_spots, s.n_measured)
}

fn histogram_of(output: &Output, imageset: usize) -> String {
    let t = &output.reflections;
    let z: Vec<f64> = (0..t.len()).filter(|&i| t.imageset_id[i] == imageset as i32).map(|i| t.xyzobs_px[i][2]).collect();
    histogram(&z)
}

/// Stars over images, ten high and at most sixty wide, as DIALS draws them.
///
/// So that centroids at exactly half an image do not all fall on one side of a bin's edge, they are moved by ±¼ image in turn.
fn histogram(z: &[f64]) -> String {
    let (low, high) = z.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &z| (a.min(z), b.max(z)));
    let (first, last) = (low.ceil(), high.ceil());
    if z.is_empty() {
        return String::new();
    }
    let n_images = (last - first) as usize + 1;
    if n_images <= 1 {
        return format!("{} spots found on 1 image\n", z.len());
    }
    let width = n_images.min(60);
    let step = (high - low) / width as f64;
    let mut counts = vec![0usize; width];
    for (i, z) in z.iter().enumerate() {
        let moved = z + if i % 2 == 0 { -0.25 } else { 0.25 };
        // The bin's number is that of the first edge above the point, as DIALS counts.
        let bin = (1..width).find(|&k| moved < low + k as f64 * step).map_or(width - 1, |k| k - 1);
        counts[bin] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let heights: Vec<usize> = counts.iter().map(|&n| (n as f64 * 10.0 / most as f64).round() as usize).collect();
    let mut out = format!("{} spots found on {n_images} images (max {most} / bin)\n", z.len());
    for level in (1..=10).rev() {
        out.extend(heights.iter().map(|&h| if h >= level { '*' } else { ' ' }));
        out.push('\n');
    }
    let ends = [first.to_string(), last.to_string()];
    let gap = width.saturating_sub(ends[0].len() + ends[1].len());
    let label = if gap < 7 { " " } else { "image" };
    // Of an odd margin the larger half goes to the right when the gap is even, as Python centres text.
    let margin = gap.saturating_sub(label.len());
    let left = margin / 2 + (margin & gap & 1);
    let right = gap.saturating_sub(label.len() + left);
    out + &format!("{}{}{label}{}{}\n", ends[0], " ".repeat(left), " ".repeat(right), ends[1])
}

fn by_resolution(output: &Output) -> Table {
    let mut table = Table::new("spots_by_resolution", "Spots by resolution", &[("d max", "Å"), ("d min", "Å"), ("Spots", "")]);
    for s in &output.diagnostics.shells {
        table.push(vec![Cell::number(s.d_max, 2), Cell::number(s.d_min, 2), Cell::count(s.n_spots)]);
    }
    table
}

fn plots(output: &Output) -> Vec<Plot> {
    let d = &output.diagnostics;
    let per_image = |k: usize, s: &ImageSetDiagnostics| Series {
        label: format!("Image set {k}"),
        x: (0..s.spots_per_image.len()).map(|z| (s.first_image + z as i64) as f64).collect(),
        y: s.spots_per_image.iter().map(|&n| n as f64).collect(),
        style: Style::Line,
    };
    let middle = |d: f64| 1.0 / (d * d);
    let shells = Series {
        label: "Spots".to_owned(),
        x: d.shells.iter().map(|s| 0.5 * (middle(s.d_max) + middle(s.d_min))).collect(),
        y: d.shells.iter().map(|s| s.n_spots as f64).collect(),
        style: Style::Bars,
    };
    vec![
        Plot {
            id: "spots_per_image".to_owned(),
            title: "Spots per image".to_owned(),
            x: Axis::new("Image", ""),
            y: Axis::new("Spots", ""),
            series: d.imagesets.iter().enumerate().map(|(k, s)| per_image(k, s)).collect(),
        },
        Plot {
            id: "spots_by_resolution".to_owned(),
            title: "Spots by resolution".to_owned(),
            x: Axis::resolution(),
            y: Axis::new("Spots", ""),
            series: vec![shells],
        },
    ]
}
