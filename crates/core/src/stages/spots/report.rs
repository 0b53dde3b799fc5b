use super::{HotPixel, IceRing, ImageSetDiagnostics, Output, RadialBackground};
use crate::report::{Axis, Cell, Level, Plot, Report, Series, Style, Table};

/// What DIALS prints after finding spots, with the counts by image and by resolution as plots.
pub fn report(output: &Output) -> Report {
    let d = &output.diagnostics;
    let mut r = Report::new("Find spots");
    let n_spots = output.reflections.len();
    let n_images: usize = d.imagesets.iter().map(|s| s.images.len()).sum();
    let hot: usize = d.imagesets.iter().map(|s| s.hot_pixels.len()).sum();
    r.value("n_spots", n_spots as f64).value("n_images", n_images as f64).value("n_hot_pixels", hot as f64);
    r.value("n_imagesets", d.imagesets.len() as f64);
    r.headline = format!("{n_spots} spots");
    let per_image = n_spots as f64 / n_images.max(1) as f64;
    let d_min = d.shells.last().map(|s| s.d_min);
    let reach = d_min.map_or(String::new(), |d_min| format!(", to {d_min:.2} Å"));
    let limit = d.imagesets.iter().filter_map(|s| Some((s.d_min?, s.d_min_of_detector))).min_by(|a, b| a.0.total_cmp(&b.0));
    let limit = limit.map_or(String::new(), |(limit, edge)| {
        r.value("diffraction_limit", limit);
        let at_edge = if limit <= 1.02 * edge {
            format!(", as far as the detector reaches (whole rings to {edge:.2} Å): nearer, it might show more")
        } else {
            String::new()
        };
        format!(" Diffraction to about {limit:.2} Å{at_edge}.")
    });
    r.verdict = format!("{n_spots} spots on {n_images} images, {per_image:.1} per image{reach}.{limit}");
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
            ("Steep background", ""),
            ("Crowded", ""),
            ("Spots", ""),
            ("Hot pixels", ""),
            ("Diffraction limit", "Å"),
        ],
    );
    for (k, s) in d.imagesets.iter().enumerate() {
        r.value(&format!("n_spots_imageset_{k}"), s.n_spots as f64);
        r.texts.push((format!("Finding strong spots in imageset {k}"), listing(s)));
        r.texts.push((format!("Histogram of per-image spot count for imageset {k}:"), histogram_of(output, k)));
        let filtered = s.n_on_gradient.unwrap_or(0) + s.n_crowded.unwrap_or(0);
        let off_centre = s.n_measured.saturating_sub(s.n_spots + filtered);
        let counts = [k, s.images.len(), s.n_extracted, s.n_too_small, s.n_too_large, off_centre];
        let mut row: Vec<Cell> = counts.iter().map(|&n| Cell::count(n)).collect();
        row.extend([s.n_on_gradient, s.n_crowded].map(|n| n.map_or(word("off"), Cell::count)));
        row.extend([s.n_spots, s.hot_pixels.len()].map(Cell::count));
        row.push(s.d_min.map_or(word("–"), |d| Cell::number(d, 2)));
        table.push(row);
        if let Some(g) = s.estimated_gain {
            r.value(&format!("gain_imageset_{k}"), g);
        }
        if let Some(t) = s.estimated_global_threshold {
            r.value(&format!("global_threshold_imageset_{k}"), t);
        }
        if !s.ice_rings.is_empty() {
            r.warn(ice_warning(k, &s.ice_rings));
            r.tables.push(ice_table(k, &s.ice_rings));
        }
        r.value(&format!("n_ice_rings_imageset_{k}"), s.ice_rings.len() as f64);
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
    r.tables.extend(d.imagesets.iter().enumerate().map(|(k, s)| by_image(k, s)));
    r.plots = plots(output);
    r
}

fn word(text: &str) -> Cell {
    Cell::Text(text.to_owned())
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
    let mut out = String::new();
    if let Some(g) = s.estimated_gain {
        out += &format!("Estimated gain: {g:.2}\n");
    }
    if let Some(t) = s.estimated_global_threshold {
        out += &format!("Setting global_threshold: {t:.0}\n");
    }
    let listed: Vec<(i64, usize)> = s.images.iter().copied().zip(s.strong_pixels.iter().copied()).collect();
    for run in listed.chunk_by(|a, b| a.0 + 1 == b.0) {
        let (first, last) = (run[0].0, run[run.len() - 1].0);
        out += &format!("Finding spots in image {first} to {last}...\n");
        out.extend(run.iter().map(|(image, n)| format!("Found {n} strong pixels on image {image}\n")));
    }
    out += &format!("\nExtracted {} spots\n", s.n_extracted);
    out += &format!("Removed {} spots with size < {} pixels\n", s.n_too_small, s.min_spot_size);
    out += &format!("Removed {} spots with size > {} pixels\n", s.n_too_large, s.max_spot_size);
    if s.n_with_hot_pixels > 0 {
        out += &format!("Took hot pixels out of {} spots\n", s.n_with_hot_pixels);
    }
    out += &format!("Calculated {0} spot centroids\nCalculated {0} spot intensities\n", s.n_measured);
    let (steep, crowded) = (s.n_on_gradient.unwrap_or(0), s.n_crowded.unwrap_or(0));
    let near = s.n_spots + steep + crowded;
    out += &format!("Filtered {near} of {} spots by peak-centroid distance\n", s.n_measured);
    if s.n_on_gradient.is_some() {
        out += &format!("Filtered {} of {near} spots by background gradient\n", near - steep);
    }
    if s.n_crowded.is_some() {
        out += &format!("Filtered {} of {} spots by spot density\n", s.n_spots, s.n_spots + crowded);
    }
    out
}

/// Rings that the warning names one by one; the table has them all.
const RINGS_NAMED: usize = 4;

fn ice_warning(image_set: usize, rings: &[IceRing]) -> String {
    let one = |ring: &IceRing| {
        let times =
            |[on, expected]: [f64; 2]| if expected > 0.0 { format!("{:.1} ×", on / expected) } else { "many more than".to_owned() };
        let spots = ring.spots.map(|s| format!("{} the spots beside it ({:.0} for {:.0})", times(s), s[0], s[1]));
        let background = ring.background.map(|b| format!("{} the background beside it", times(b)));
        format!("{:.2} Å with {}", ring.d, [spots, background].into_iter().flatten().collect::<Vec<_>>().join(" and "))
    };
    let mut named: Vec<String> = rings.iter().take(RINGS_NAMED).map(one).collect();
    if rings.len() > RINGS_NAMED {
        named.push(format!("{} more", rings.len() - RINGS_NAMED));
    }
    let what = if rings.len() == 1 { "A ring of ice" } else { "Rings of ice" };
    let remedy = "ice_rings=true leaves them out";
    format!("{what} on image set {image_set}: {}. {remedy}.", named.join(", "))
}

fn ice_table(image_set: usize, rings: &[IceRing]) -> Table {
    let columns = [("d", "Å"), ("Spots", ""), ("Expected", ""), ("Background", "counts"), ("Expected background", "counts")];
    let mut table = Table::new(&format!("ice_rings_{image_set}"), &format!("Rings of ice on image set {image_set}"), &columns);
    for ring in rings {
        let pair = |p: Option<[f64; 2]>, digits: [u8; 2]| match p {
            Some([on, expected]) => [Cell::number(on, digits[0]), Cell::number(expected, digits[1])],
            None => [word("–"), word("–")],
        };
        let cells = [pair(ring.spots, [0, 1]), pair(ring.background, [2, 2])].concat();
        table.push(core::iter::once(Cell::number(ring.d, 2)).chain(cells).collect());
    }
    table
}

/// Rows of the table by image; of more images, several share one.
const ROWS: usize = 500;

/// As `dials.spot_counts_per_image`, with one estimate of the resolution.
fn by_image(image_set: usize, s: &ImageSetDiagnostics) -> Table {
    let columns =
        [("Image", ""), ("Strong pixels", ""), ("Spots", ""), ("Spots off ice", ""), ("Total intensity", "counts"), ("d min", "Å")];
    let mut table = Table::new(&format!("spots_by_image_{image_set}"), &format!("Spots by image, set {image_set}"), &columns).as_detail();
    let together = s.images.len().div_ceil(ROWS).max(1);
    for first in (0..s.images.len()).step_by(together) {
        let last = (first + together).min(s.images.len()) - 1;
        let sum = |counts: &[usize]| counts.get(first..=last).unwrap_or_default().iter().sum::<usize>();
        let intensity: f64 = s.intensity_per_image.get(first..=last).unwrap_or_default().iter().sum();
        let limits: Vec<f64> = s.d_min_per_image.get(first..=last).unwrap_or_default().iter().copied().flatten().collect();
        let mean = limits.iter().sum::<f64>() / limits.len() as f64;
        let name = if first == last { s.images[first].to_string() } else { format!("{}–{}", s.images[first], s.images[last]) };
        table.push(vec![
            Cell::Text(name),
            Cell::count(sum(&s.strong_pixels)),
            Cell::count(sum(&s.spots_per_image)),
            Cell::count(sum(&s.spots_off_ice)),
            Cell::number(intensity, 0),
            if limits.is_empty() { word("–") } else { Cell::number(mean, 2) },
        ]);
    }
    table
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
        x: s.images.iter().map(|z| *z as f64).collect(),
        y: s.spots_per_image.iter().map(|&n| n as f64).collect(),
        style: Style::Line,
    };
    let limits = |k: usize, s: &ImageSetDiagnostics| {
        let known = s.images.iter().zip(&s.d_min_per_image).filter_map(|(z, d)| Some((*z as f64, (*d)?)));
        let (x, y) = known.unzip();
        Series { label: format!("Image set {k}"), x, y, style: Style::Line }
    };
    let backgrounds = |k: usize, s: &ImageSetDiagnostics| {
        let (x, y) = smooth_background(&s.background).into_iter().unzip();
        Series { label: format!("Image set {k}"), x, y, style: Style::Line }
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
        Plot {
            id: "diffraction_limit".to_owned(),
            title: "Estimated diffraction limit".to_owned(),
            x: Axis::new("Image", ""),
            y: Axis::new("d min", "Å"),
            series: d.imagesets.iter().enumerate().map(|(k, s)| limits(k, s)).filter(|s| !s.x.is_empty()).collect(),
        },
        Plot {
            id: "background_by_resolution".to_owned(),
            title: "Background by resolution".to_owned(),
            x: Axis::resolution(),
            y: Axis::new("Mean counts", ""),
            series: d.imagesets.iter().enumerate().map(|(k, s)| backgrounds(k, s)).filter(|s| !s.x.is_empty()).collect(),
        },
    ]
}

/// Points of the background's plot, at most.
const POINTS: usize = 600;

/// Mean counts against 1/d², several bins joined where there are many, and those with few pixels left out.
fn smooth_background(b: &RadialBackground) -> Vec<(f64, f64)> {
    let together = b.pixels.len().div_ceil(POINTS).max(1);
    let part = |first: usize| {
        let bins = first..(first + together).min(b.pixels.len());
        let pixels: u64 = b.pixels[bins.clone()].iter().sum();
        let counts: i64 = b.counts[bins.clone()].iter().sum();
        let middle = 0.5 * (b.q(bins.start) + b.q(bins.end - 1));
        (pixels >= 30).then(|| (middle, counts as f64 / pixels as f64))
    };
    (0..b.pixels.len()).step_by(together).filter_map(part).collect()
}
