//! The pixels of the reflections, from images in their order: a reflection's box is in memory only from its first image to its last.

use super::measure::{INVALID, OVERLOADED, Pixels};
use crate::geometry::Detector;
use crate::image::{Frame, ImageSource};
use crate::job::parallel;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Which boxes touch which image of an image set.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Boxes by number.
    pub(super) boxes: Vec<BoxAt>,
    /// Boxes by their first image.
    order: Vec<u32>,
    /// Where those that begin on each image begin in `order`, and its end.
    start: Vec<u32>,
    /// Most images that a box is on.
    depth: usize,
    /// Boxes with pixels that the mask hides: for most there is no need to look at it.
    masked: Vec<bool>,
}

/// A box and the panel on which it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxAt {
    pub(super) panel: u32,
    pub(super) bbox: [i32; 6],
}

impl BoxAt {
    fn size(&self) -> [usize; 3] {
        let b = self.bbox;
        [b[5] - b[4], b[3] - b[2], b[1] - b[0]].map(|n| n.max(0) as usize)
    }
}

impl Schedule {
    /// Boxes must lie on images 0..`n_images`.
    pub(super) fn new(boxes: Vec<BoxAt>, n_images: usize, rules: &PixelRules<'_>) -> Self {
        let masked = parallel::map(boxes.len(), |i| rules.hide_some(&boxes[i]));
        let first = |i: &u32| boxes[*i as usize].bbox[4].max(0) as usize;
        let mut order: Vec<u32> = (0..boxes.len() as u32).collect();
        order.sort_by_key(|i| (first(i), *i));
        let start = (0..=n_images).map(|z| order.partition_point(|i| first(i) < z) as u32).collect();
        let depth = boxes.iter().map(|b| (b.bbox[5] - b.bbox[4]).max(0)).max().unwrap_or(0) as usize;
        Schedule { boxes, order, start, depth, masked }
    }

    /// The boxes on image `z`, by their first image.
    fn on_image(&self, z: usize) -> impl Iterator<Item = u32> + '_ {
        let from = self.start.get((z + 1).saturating_sub(self.depth)).map_or(self.order.len(), |s| *s as usize);
        let to = self.start.get(z + 1).map_or(from, |s| *s as usize);
        self.order[from..to.max(from)].iter().copied().filter(move |i| self.boxes[*i as usize].bbox[5] > z as i32)
    }
}

/// What makes a pixel usable.
#[derive(Debug, Clone)]
pub(super) struct PixelRules<'a> {
    detector: &'a Detector,
    /// Of the image, row-major, true = usable: its own mask and what the panels' masks name.
    mask: Option<Cow<'a, [bool]>>,
    /// Of the image.
    width: usize,
}

impl<'a> PixelRules<'a> {
    pub(super) fn new(detector: &'a Detector, source: &'a dyn ImageSource) -> Self {
        let size = source.image_size();
        let mut mask = source.mask().map(Cow::Borrowed);
        detector.hide_masked(size, |run| {
            let all = mask.get_or_insert_with(|| Cow::Owned(vec![true; size[0] * size[1]]));
            if let Some(hidden) = all.to_mut().get_mut(run) {
                hidden.fill(false);
            }
        });
        PixelRules { detector, mask, width: size[0] }
    }

    /// Whether the mask hides pixels of a box.
    fn hide_some(&self, at: &BoxAt) -> bool {
        let Some((mask, panel)) = self.mask.as_ref().zip(self.detector.panels.get(at.panel as usize)) else { return false };
        let inside = |low: i32, high: i32, size: usize| i64::from(low.max(0))..i64::from(high).min(size as i64);
        let columns = inside(at.bbox[0], at.bbox[1], panel.image_size[0]);
        let hidden = |y: i64| {
            let row = (y + panel.raw_image_offset[1]) * self.width as i64 + panel.raw_image_offset[0];
            let run = usize::try_from(row + columns.start).ok().zip(usize::try_from(row + columns.end).ok());
            run.is_none_or(|(a, b)| mask.get(a..b).is_none_or(|run| run.contains(&false)))
        };
        !columns.is_empty() && inside(at.bbox[2], at.bbox[3], panel.image_size[1]).any(hidden)
    }
}

/// Copies the pixels of all boxes on image `z`, box after box.
pub(super) fn cut(schedule: &Schedule, rules: &PixelRules<'_>, z: usize, frame: &Frame) -> Vec<i32> {
    let area = |i: u32| {
        let [_, h, w] = schedule.boxes[i as usize].size();
        h * w
    };
    let mut out = Vec::with_capacity(schedule.on_image(z).map(area).sum());
    for i in schedule.on_image(z) {
        cut_box(&schedule.boxes[i as usize], schedule.masked[i as usize], rules, frame, &mut out);
    }
    out
}

fn cut_box(at: &BoxAt, masked: bool, rules: &PixelRules<'_>, frame: &Frame, out: &mut Vec<i32>) {
    let [_, height, width] = at.size();
    let start = out.len();
    out.resize(start + height * width, INVALID);
    let Some(panel) = rules.detector.panels.get(at.panel as usize) else { return };
    let [x0, x1, y0, y1, ..] = at.bbox;
    let (xa, xb) = (x0.max(0), x1.min(panel.image_size[0] as i32));
    let (ya, yb) = (y0.max(0), y1.min(panel.image_size[1] as i32));
    if xa >= xb {
        return;
    }
    // Counts are whole: the smallest and largest that can be trusted. A negative count means "no data" whatever the range.
    let low = libm::ceil(panel.trusted_range[0]).clamp(0.0, f64::from(i32::MAX)) as i32;
    let high = libm::floor(panel.trusted_range[1]).clamp(-1.0, f64::from(i32::MAX)) as i32;
    for y in ya..yb {
        let from = (i64::from(y) + panel.raw_image_offset[1]) * frame.width as i64 + i64::from(xa) + panel.raw_image_offset[0];
        let n = (xb - xa) as usize;
        // The caller has checked that the panel lies on the image.
        let Ok(from) = usize::try_from(from) else { continue };
        let Some(counts) = frame.pixels.get(from..from + n) else { continue };
        let to = start + (y - y0) as usize * width + (xa - x0) as usize;
        let target = &mut out[to..to + n];
        let trusted = |c: i32| {
            if c > high {
                OVERLOADED
            } else if c < low {
                INVALID
            } else {
                c
            }
        };
        // Without branches, so that several pixels are done at a time.
        match rules.mask.as_ref().filter(|_| masked).and_then(|m| m.get(from..from + n)) {
            Some(usable) => {
                for ((t, &c), &ok) in target.iter_mut().zip(counts).zip(usable) {
                    *t = if ok { trusted(c) } else { INVALID };
                }
            }
            None => target.iter_mut().zip(counts).for_each(|(t, &c)| *t = trusted(c)),
        }
    }
}

/// Boxes that are being filled.
#[derive(Debug)]
pub(super) struct Collector<'a> {
    schedule: &'a Schedule,
    open: BTreeMap<u32, Pixels>,
    bytes: usize,
    /// Most bytes that open boxes have had at a time.
    pub(super) peak_bytes: usize,
}

impl<'a> Collector<'a> {
    /// `open`: what boxes have from images before the first that will be added.
    pub(super) fn new(schedule: &'a Schedule, open: BTreeMap<u32, Vec<i32>>) -> Self {
        let with_place = |(i, counts): (u32, Vec<i32>)| {
            let at = schedule.boxes.get(i as usize)?;
            Some((i, Pixels { panel: at.panel as usize, bbox: at.bbox, counts }))
        };
        let open: BTreeMap<u32, Pixels> = open.into_iter().filter_map(with_place).collect();
        let bytes = open.keys().map(|i| 4 * schedule.boxes[*i as usize].size().iter().product::<usize>()).sum();
        Collector { schedule, open, bytes, peak_bytes: bytes }
    }

    /// What boxes that are not complete have.
    pub(super) fn into_open(self) -> BTreeMap<u32, Vec<i32>> {
        self.open.into_iter().map(|(i, p)| (i, p.counts)).collect()
    }

    /// Adds what [`cut`] made of image `z`; images must come in order. Boxes that are now complete go to `complete` with their numbers.
    pub(super) fn add(&mut self, z: usize, mut pixels: &[i32], complete: &mut Vec<(usize, Pixels)>) {
        let first = complete.len();
        for i in self.schedule.on_image(z) {
            let at = &self.schedule.boxes[i as usize];
            let [depth, height, width] = at.size();
            let (mine, rest) = pixels.split_at(height * width);
            pixels = rest;
            let open = self.open.entry(i).or_insert_with(|| {
                self.bytes += 4 * depth * height * width;
                Pixels { panel: at.panel as usize, bbox: at.bbox, counts: Vec::with_capacity(depth * height * width) }
            });
            open.counts.extend_from_slice(mine);
            if z as i32 + 1 == at.bbox[5]
                && let Some(done) = self.open.remove(&i)
            {
                complete.push((i as usize, done));
            }
        }
        self.peak_bytes = self.peak_bytes.max(self.bytes);
        self.bytes -= complete[first..].iter().map(|(_, p)| 4 * p.counts.len()).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Panel;
    use crate::image::MemoryImages;

    #[test]
    fn boxes_hold_their_own_pixels_and_mark_what_is_unusable() {
        let panel = Panel {
            image_size: [6, 4],
            trusted_range: [0.0, 200.0],
            mask: vec![[2, 1, 3, 2]],
            raw_image_offset: [1, 0],
            ..Panel::default()
        };
        let detector = Detector::single(panel);
        let frames: Vec<Frame> = (0..3).map(|z| Frame { width: 8, height: 4, pixels: (0..32).map(|p| 100 * z + p).collect() }).collect();
        let mut mask = vec![true; 32];
        mask[8 + 1] = false;
        let images = MemoryImages { frames: frames.clone(), mask: Some(mask) };
        let rules = PixelRules::new(&detector, &images);
        let boxes = vec![
            BoxAt { panel: 0, bbox: [0, 3, 1, 3, 0, 2] },
            BoxAt { panel: 0, bbox: [-1, 1, 3, 5, 1, 3] },
            BoxAt { panel: 0, bbox: [20, 22, 0, 1, 2, 3] },
        ];
        let schedule = Schedule::new(boxes, 3, &rules);
        let mut collector = Collector::new(&schedule, BTreeMap::new());
        let mut complete = Vec::new();
        for (z, f) in frames.iter().enumerate() {
            collector.add(z, &cut(&schedule, &rules, z, f), &mut complete);
        }
        let (i, o) = (INVALID, OVERLOADED);
        assert_eq!(complete.iter().map(|c| c.0).collect::<Vec<_>>(), [0, 1, 2]);
        // Row 1 starts at pixel 8, column 0 of the panel is column 1 of the image; (0, 1) is masked, (2, 1) untrusted.
        assert_eq!(complete[0].1.counts, [i, 10, i, 17, 18, 19, i, 110, i, 117, 118, 119]);
        assert_eq!(complete[1].1.counts, [i, 125, i, i, i, o, i, i]);
        assert_eq!(complete[2].1.counts, [i, i]);
        assert_eq!((collector.bytes, collector.peak_bytes), (0, 4 * (12 + 8)));
    }
}
