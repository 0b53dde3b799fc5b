//! The reference profiles as pictures.

use super::Params;
use super::pass::Counts;
use super::profile::{Fitter, Picture};
use super::setup::Setup;
use crate::report::{Axis, HeatMap, Report};

/// Most blocks that are shown side by side; of more, some evenly spaced.
const MOST_BLOCKS: usize = 12;

/// Adds, for each experiment, its reference profiles seen along the rotation and from the side: a row of pictures for each region of the detector,
/// a column for each block of the scan.
pub(super) fn add(report: &mut Report, setups: &[Setup<'_>], counts: &Counts, params: &Params) {
    for (e, (setup, profiles)) in setups.iter().zip(&counts.learned).enumerate() {
        let Some(profiles) = profiles else { continue };
        let fitter = Fitter::with_profiles(*setup, params.grid_size, profiles);
        let [regions, layers] = fitter.places();
        let blocks = layers.min(MOST_BLOCKS);
        // The middle one of each run of blocks.
        let shown: Vec<usize> = (0..blocks).map(|k| (2 * k + 1) * layers / (2 * blocks)).collect();
        let pictures: Vec<Option<Picture>> =
            (0..regions).flat_map(|r| shown.iter().map(move |b| (r, *b))).map(|(r, b)| fitter.picture(r, b)).collect();
        if pictures.iter().all(Option::is_none) {
            continue;
        }
        let suffix = if setups.len() > 1 { format!(", experiment {e}") } else { String::new() };
        let every = if layers > blocks { format!(", {blocks} of {layers} blocks") } else { String::new() };
        type Side = fn(&Picture) -> &Vec<f64>;
        let views: [(&str, &str, Side); 2] =
            [("face", "summed along the rotation", |p| &p.face), ("side", "e₁ across, rotation downwards", |p| &p.side)];
        for (id, how, side) in views {
            let title = format!("Reference profiles, {how}{suffix}{every}");
            report.maps.push(tiles(&format!("reference_profiles_{id}_{e}"), title, &pictures, [blocks, regions], side));
        }
    }
}

/// Pictures side by side, a cell apart; each relative to its highest cell.
fn tiles(id: &str, title: String, pictures: &[Option<Picture>], [columns, rows]: [usize; 2], side: fn(&Picture) -> &Vec<f64>) -> HeatMap {
    let n = pictures.iter().flatten().next().map_or(1, |p| p.size);
    let size = [columns * (n + 1) - 1, rows * (n + 1) - 1];
    let mut values = vec![None; size[0] * size[1]];
    for (k, picture) in pictures.iter().enumerate() {
        let Some(cells) = picture.as_ref().map(side) else { continue };
        let highest = cells.iter().copied().fold(0.0, f64::max);
        if !(highest > 0.0) {
            continue;
        }
        let (x0, y0) = (k % columns * (n + 1), k / columns * (n + 1));
        for (q, v) in cells.iter().enumerate() {
            values[(y0 + q / n) * size[0] + x0 + q % n] = Some(v / highest);
        }
    }
    HeatMap {
        id: id.to_owned(),
        title,
        x: Axis::new("Block of the scan", ""),
        y: Axis::new("Region of the detector, row by row", ""),
        value: Axis::new("Part of the highest cell", ""),
        // A picture is centred at the number of its block and region.
        range_x: HeatMap::middles([0.5, columns as f64 + 0.5], size[0]),
        range_y: HeatMap::middles([0.5, rows as f64 + 0.5], size[1]),
        size,
        values,
        ..HeatMap::default()
    }
}
