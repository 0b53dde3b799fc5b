//! Which pixels of each panel spots are looked for on.

use super::Error;
use super::ice;
use super::params::Checked;
use crate::geometry::{Beam, Panel};
use crate::image::{ImageSource, Usable};
use crate::job::parallel;
use crate::math::Vec2;

/// A panel as spot finding needs it.
#[derive(Debug, Clone)]
pub(super) struct Searched {
    /// First pixel in the image, (fast, slow).
    pub(super) origin: [usize; 2],
    /// Pixels along (fast, slow).
    pub(super) size: [usize; 2],
    /// Which pixels count.
    pub(super) usable: Usable,
    /// Counts at no light.
    pub(super) pedestal: i32,
    /// Counts per photon.
    pub(super) gain: f64,
}

/// Half-open rectangle of pixels, clipped to the panel.
fn fill(mask: &mut [bool], [width, height]: [usize; 2], [x0, x1, y0, y1]: [usize; 4]) {
    let (x0, x1) = (x0.min(width), x1.min(width));
    for y in y0.min(height)..y1.min(height) {
        if x0 < x1 {
            mask[y * width + x0..y * width + x1].fill(false);
        }
    }
}

/// Panel `number` of image set `imageset`, with everything masked that the images, the panel or the parameters exclude.
pub(super) fn searched(
    imageset: usize,
    number: usize,
    panel: &Panel,
    beam: &Beam,
    source: &dyn ImageSource,
    params: &Checked,
) -> Result<Searched, Error> {
    let [image_width, image_height] = source.image_size();
    let [width, height] = panel.image_size;
    let outside = || Error::PanelOutside {
        imageset,
        panel: number,
        width,
        height,
        x: panel.raw_image_offset[0],
        y: panel.raw_image_offset[1],
        image_width,
        image_height,
    };
    let place = |k: usize, whole: usize| {
        let first = usize::try_from(panel.raw_image_offset[k]).ok()?;
        (first.checked_add(panel.image_size[k])? <= whole).then_some(first)
    };
    let origin = [place(0, image_width).ok_or_else(outside)?, place(1, image_height).ok_or_else(outside)?];
    let mut mask = vec![true; width * height];
    if let Some(source_mask) = source.mask() {
        if source_mask.len() != image_width * image_height {
            return Err(Error::MaskSize { imageset, mask: source_mask.len(), image: image_width * image_height });
        }
        for y in 0..height {
            let from = (origin[1] + y) * image_width + origin[0];
            mask[y * width..(y + 1) * width].copy_from_slice(&source_mask[from..from + width]);
        }
    }
    let size = [width, height];
    for r in &panel.mask {
        let [x0, y0, x1, y1] = r.map(|c| usize::try_from(c).unwrap_or(0));
        fill(&mut mask, size, [x0, x1, y0, y1]);
    }
    // The regions that the parameters name are in the panel's mask by now.
    let whole = usize::MAX;
    let inside =
        |x0: usize, x1: usize, y0: usize, y1: usize| [[0, x0, 0, whole], [x1, whole, 0, whole], [0, whole, 0, y0], [0, whole, y1, whole]];
    let b = params.border;
    for r in inside(b, width.saturating_sub(b), b, height.saturating_sub(b)) {
        fill(&mut mask, size, r);
    }
    if let Some([x0, x1, y0, y1]) = params.region_of_interest {
        for r in inside(x0, x1, y0, y1) {
            fill(&mut mask, size, r);
        }
    }
    exclude_resolutions(&mut mask, panel, beam, params);

    // Unsigned counts that mean "no data" arrive as negative ones, whatever the trusted range says.
    let lowest = if is_pad(panel) { 0.0 } else { f64::from(i32::MIN) };
    let trusted = [panel.trusted_range[0].ceil().max(lowest) as i32, panel.trusted_range[1].floor() as i32];
    let pedestal = panel.pedestal.round() as i32;
    Ok(Searched {
        origin,
        size,
        usable: Usable::new(&mask, width, trusted.map(|t| t.saturating_sub(pedestal))),
        pedestal,
        gain: if panel.gain > 0.0 { panel.gain } else { 1.0 },
    })
}

/// Whether a panel counts photons in pixels of its own, so that a point of light stays in few of them.
pub(super) fn is_pad(panel: &Panel) -> bool {
    panel.kind == "SENSOR_PAD"
}

/// Masks pixels whose centres lie at d ≤ d_min, d ≥ d_max, in a range that is not to be used or on a ring of ice.
fn exclude_resolutions(mask: &mut [bool], panel: &Panel, beam: &Beam, params: &Checked) {
    if params.d_min.is_none() && params.d_max.is_none() && params.resolution_ranges.is_empty() && params.ice_ring_width.is_none() {
        return;
    }
    let s0 = beam.s0();
    let [width, height] = panel.image_size;
    let corners = [(0, 0), (width, 0), (0, height), (width, height)];
    let highest = corners.map(|(x, y)| panel.d_at_px(&s0, Vec2::new(x as f64, y as f64))).into_iter().fold(f64::INFINITY, f64::min);
    let rings = if params.ice_ring_width.is_some() { ice::rings(params.d_min.unwrap_or(highest)) } else { Vec::new() };
    let half_width = 0.5 * params.ice_ring_width.unwrap_or(0.0);
    let excluded = |d: f64| {
        let q = 1.0 / (d * d);
        let next = rings.partition_point(|r| *r < q - half_width);
        params.d_min.is_some_and(|d_min| d <= d_min)
            || params.d_max.is_some_and(|d_max| d >= d_max)
            || params.resolution_ranges.iter().any(|[low, high]| (*low..=*high).contains(&d))
            || rings.get(next).is_some_and(|r| *r <= q + half_width)
    };
    parallel::for_each_chunk_mut(mask, width.max(1), |start, row| {
        let y = (start / width.max(1)) as f64 + 0.5;
        for (x, pixel) in row.iter_mut().enumerate() {
            if *pixel && excluded(panel.d_at_px(&s0, Vec2::new(x as f64 + 0.5, y))) {
                *pixel = false;
            }
        }
    });
}
