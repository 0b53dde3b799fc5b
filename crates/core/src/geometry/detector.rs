use super::{Extra, Panel};
use crate::math::{Vec2, Vec3};

/// A detector: panels in the laboratory frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detector {
    /// At least one panel in a usable detector.
    pub panels: Vec<Panel>,
    /// The file's tree of panel groups, carried along (the panels' axes here are absolute).
    pub hierarchy: Option<serde_json::Value>,
    /// Keys of the file that are only carried along.
    pub extra: Extra,
}

/// Where a ray meets the detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RayHit {
    /// Index of the panel.
    pub panel: usize,
    /// mm from the panel's corner along (fast, slow).
    pub mm: Vec2,
    /// Pixels along (fast, slow).
    pub px: Vec2,
}

impl Detector {
    /// A detector of one panel.
    pub fn single(panel: Panel) -> Self {
        Detector { panels: vec![panel], ..Detector::default() }
    }

    /// Calls `hide` with the pixels of an image of (width, height) that the panels' masks name: runs of indices, row-major.
    pub fn hide_masked(&self, [width, height]: [usize; 2], mut hide: impl FnMut(core::ops::Range<usize>)) {
        let [w, h] = [width, height].map(|n| n.min(i64::MAX as usize) as i64);
        for panel in &self.panels {
            let [x, y] = panel.raw_image_offset;
            let [right, bottom] = [0, 1].map(|k| i64::try_from(panel.image_size[k]).unwrap_or(i64::MAX));
            for [x0, y0, x1, y1] in &panel.mask {
                let inside = |v: i64, end: i64, offset: i64, whole: i64| v.clamp(0, end).saturating_add(offset).clamp(0, whole) as usize;
                let (x0, x1) = (inside(*x0, right, x, w), inside(*x1, right, x, w));
                for row in inside(*y0, bottom, y, h)..inside(*y1, bottom, y, h) {
                    if x0 < x1 {
                        hide(row * width + x0..row * width + x1);
                    }
                }
            }
        }
    }

    /// The first panel that the ray along `s1` hits within its edges.
    pub fn hit(&self, s1: &Vec3) -> Option<RayHit> {
        self.panels.iter().enumerate().find_map(|(panel, p)| {
            let mm = p.mm_from_ray(s1)?;
            let px = p.px_from_mm(mm);
            p.contains_px(px).then_some(RayHit { panel, mm, px })
        })
    }

    /// Where the beam `s0` (Å⁻¹) meets the detector: the panel that it hits, or else the first panel's plane.
    pub fn beam_centre(&self, s0: &Vec3) -> Option<RayHit> {
        self.hit(s0).or_else(|| {
            let p = self.panels.first()?;
            let mm = p.mm_from_ray(s0)?;
            Some(RayHit { panel: 0, mm, px: p.px_from_mm(mm) })
        })
    }

    /// Smallest d (Å) at any corner of any panel.
    pub fn d_min_at_corners(&self, s0: &Vec3) -> f64 {
        let d = self.panels.iter().flat_map(|p| {
            let [w, h] = [p.image_size[0] as f64, p.image_size[1] as f64];
            [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)].map(|(x, y)| p.d_at_px(s0, Vec2::new(x, y)))
        });
        d.fold(f64::INFINITY, f64::min)
    }

    /// d (Å) of the largest circle about the beam that lies wholly on the detector (of one panel: the nearest edge
    /// point; of several: the nearest of their outer edges is not known, so the smallest over panels).
    pub fn d_min_inscribed(&self, s0: &Vec3) -> f64 {
        let d = self.panels.iter().map(|p| {
            let Some(c) = p.px_from_ray(s0) else { return p.d_at_px(s0, Vec2::zeros()) };
            let [w, h] = [p.image_size[0] as f64, p.image_size[1] as f64];
            let edges = [(0.0, c.y), (w, c.y), (c.x, 0.0), (c.x, h)];
            edges.map(|(x, y)| p.d_at_px(s0, Vec2::new(x, y))).into_iter().fold(0.0, f64::max)
        });
        d.fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_of_panels_are_hidden_where_the_panels_are() {
        let panel = |x, mask| Panel { image_size: [4, 3], raw_image_offset: [x, 1], mask, ..Panel::default() };
        let detector =
            Detector { panels: vec![panel(0, vec![[1, 0, 3, 2]]), panel(6, vec![[-5, 2, 1, 99], [2, 2, 2, 3]])], ..Detector::default() };
        let mut runs = Vec::new();
        detector.hide_masked([10, 4], |run| runs.push(run));
        assert_eq!(runs, [11..13, 21..23, 36..37]);
    }
}
