use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::Arc;

use ewald_core::geometry::{Detector, ExperimentList};
use ewald_core::image::{Frame, ImageSource, MemoryImages};
use ewald_core::job::Silent;
use ewald_core::session::{SessionParams, StageId};
use ewald_core::stages::spots::{self, Examined, Examiner};
use ewald_protocol::{Drawing, Layer, StackKind, Transfer};

use super::ViewerError;
use super::levels::Levels;
use super::shade;
use super::thresholds;

/// The image that is looked at, and what was made of it.
pub struct Shown {
    sweep: usize,
    image: usize,
    stack: usize,
    kind: StackKind,
    counts: Levels,
    thresholding: Option<Thresholding>,
    /// Parameters, and how many strong pixels and spots there are with them.
    found: Option<(BTreeMap<String, String>, [usize; 2])>,
}

/// What spot finding makes of a part of the image, alone, with some parameters.
struct Thresholding {
    parameters: BTreeMap<String, String>,
    /// Pixels along (fast, slow).
    part: [Range<usize>; 2],
    panels: Vec<Examined>,
    /// Strong pixels, (fast, slow).
    strong: Vec<[u32; 2]>,
    map: Option<Map>,
}

/// A map of the part.
struct Map {
    layer: Layer,
    levels: Levels,
    /// Value of one step.
    unit: f64,
}

/// Masks and test of a sweep, kept from image to image.
#[derive(Default)]
pub struct Examination {
    /// With the sweep.
    examiner: Option<(usize, BTreeMap<String, String>, Examiner)>,
    /// Values that are drawn with full strength, by themselves: with the layer and scale that they are for. They stay while one looks
    /// around and moves a parameter, so that what becomes stronger looks stronger.
    white: Option<(Layer, Transfer, f64)>,
}

/// An image that has been made ready before it was asked for.
pub struct Ahead {
    sweep: usize,
    image: usize,
    counts: Levels,
}

impl Ahead {
    /// Makes a single image ready; `spare` is memory to be used.
    pub fn read(
        source: &dyn ImageSource,
        experiments: &ExperimentList,
        sweep: usize,
        image: usize,
        spare: &mut Vec<i32>,
    ) -> Result<Ahead, ViewerError> {
        let counts = stacked(source, detector(experiments, sweep), image, 1, StackKind::Sum, std::mem::take(spare))?;
        Ok(Ahead { sweep, image, counts })
    }

    /// Whether it is this image.
    pub fn is(&self, sweep: usize, image: usize) -> bool {
        (self.sweep, self.image) == (sweep, image)
    }

    /// The memory, to be used again.
    pub fn into_counts(self) -> Vec<i32> {
        self.counts.into_counts()
    }
}

impl Shown {
    /// What a drawing needs: read ahead, or made from what was shown before as far as that serves.
    pub fn updated(
        before: Option<Shown>,
        drawing: &Drawing,
        source: &dyn ImageSource,
        experiments: &ExperimentList,
        ahead: &mut Option<Ahead>,
        spare: &mut Vec<i32>,
        examination: &mut Examination,
    ) -> Result<Shown, ViewerError> {
        let key = (drawing.sweep, drawing.image, drawing.stack.max(1), drawing.stack_kind);
        let mut shown = match before {
            Some(same) if (same.sweep, same.image, same.stack, same.kind) == key => same,
            other => {
                let counts = match ahead.take() {
                    Some(ahead) if (ahead.sweep, ahead.image, 1, drawing.stack_kind) == key => ahead.counts,
                    _ => stacked(source, detector(experiments, key.0), key.1, key.2, key.3, std::mem::take(spare))?,
                };
                *spare = other.map(|o| o.counts.into_counts()).unwrap_or_default();
                Shown { sweep: key.0, image: key.1, stack: key.2, kind: key.3, counts, thresholding: None, found: None }
            }
        };
        shown.threshold(drawing, source, experiments, examination, visible(drawing, shown.counts.size()))?;
        Ok(shown)
    }

    /// The first image shown, when it is a single one.
    pub fn single(&self) -> Option<usize> {
        (self.stack == 1).then_some(self.image)
    }

    /// The sweep of the image.
    pub fn sweep(&self) -> usize {
        self.sweep
    }

    /// What is drawn.
    pub fn view(&self) -> View<'_> {
        match self.thresholding.as_ref().and_then(|t| Some((t, t.map.as_ref()?))) {
            Some((t, map)) => View { levels: &map.levels, origin: [t.part[0].start, t.part[1].start], unit: map.unit },
            None => View { levels: &self.counts, origin: [0, 0], unit: self.unit() },
        }
    }

    /// Pixels of the image along (fast, slow).
    pub fn size(&self) -> [usize; 2] {
        self.counts.size()
    }

    /// The value of one step of the counts: a mean is kept as a sum.
    fn unit(&self) -> f64 {
        if self.kind == StackKind::Mean { 1.0 / self.stack as f64 } else { 1.0 }
    }

    /// The value to draw with full strength, by the data.
    pub fn automatic(&self, drawing: &Drawing, examination: &mut Examination) -> f64 {
        let View { levels, unit, .. } = self.view();
        if drawing.layer == Layer::Counts {
            return shade::automatic(levels, drawing.transfer) * unit;
        }
        if matches!(drawing.layer, Layer::Flagged | Layer::Strong) {
            return 1.0;
        }
        if let Some((layer, transfer, white)) = examination.white
            && (layer, transfer) == (drawing.layer, drawing.transfer)
        {
            return white;
        }
        let spread = if drawing.transfer == Transfer::Linear { 1.0 } else { 4.0 };
        let white = shade::quantile(levels, 0.995).map_or(1.0, |q| (spread * q * unit).max(unit));
        examination.white = Some((drawing.layer, drawing.transfer, white));
        white
    }

    /// Strong pixels, (fast, slow), where they were looked for.
    pub fn strong_pixels(&self) -> &[[u32; 2]] {
        self.thresholding.as_ref().map_or(&[], |t| &t.strong)
    }

    /// How many strong pixels are in view, where they were looked for.
    pub fn strong_in(&self, drawing: &Drawing) -> Option<usize> {
        let [x, y] = within(drawing, self.size());
        let inside = |p: &&[u32; 2]| x.contains(&(p[0] as usize)) && y.contains(&(p[1] as usize));
        self.thresholding.as_ref().map(|t| t.strong.iter().filter(inside).count())
    }

    /// How many strong pixels and spots the image has with the parameters of now, if they have been counted.
    pub fn found(&self) -> Option<[usize; 2]> {
        let now = self.thresholding.as_ref()?;
        self.found.as_ref().filter(|(parameters, _)| *parameters == now.parameters).map(|(_, found)| *found)
    }

    /// Thresholds the pixels `wanted`, unless that has been done.
    pub fn threshold(
        &mut self,
        drawing: &Drawing,
        source: &dyn ImageSource,
        experiments: &ExperimentList,
        examination: &mut Examination,
        wanted: [Range<usize>; 2],
    ) -> Result<(), ViewerError> {
        if drawing.layer == Layer::Counts {
            examination.white = None;
            if !drawing.strong {
                self.thresholding = None;
                return Ok(());
            }
        }
        let covers = |t: &Thresholding| (0..2).all(|i| t.part[i].start <= wanted[i].start && wanted[i].end <= t.part[i].end);
        let mut now = match self.thresholding.take().filter(|t| t.parameters == drawing.parameters && covers(t)) {
            Some(same) => same,
            None => self.examined(drawing, source, experiments, examination, wanted)?,
        };
        now.map = match (drawing.layer, now.map.take()) {
            (Layer::Counts, _) => None,
            (layer, Some(map)) if map.layer == layer => Some(map),
            (layer, _) => {
                let (map, unit) = thresholds::map(layer, &now.part, &now.panels);
                let size = [now.part[0].len(), now.part[1].len()];
                Some(Map { layer, levels: Levels::new(size, map), unit })
            }
        };
        self.thresholding = Some(now);
        Ok(())
    }

    fn examined(
        &self,
        drawing: &Drawing,
        source: &dyn ImageSource,
        experiments: &ExperimentList,
        examination: &mut Examination,
        part: [Range<usize>; 2],
    ) -> Result<Thresholding, ViewerError> {
        let failed = |e: spots::Error| ViewerError::Layer(e.to_string());
        let before = examination.examiner.take().filter(|(sweep, ..)| *sweep == self.sweep);
        let examiner = match before {
            Some((_, parameters, same)) if parameters == drawing.parameters => same,
            other => {
                let params = parameters(&drawing.parameters)?.find_spots;
                Examiner::new(experiments, self.sweep, source, &params, other.map(|(.., e)| e)).map_err(failed)?
            }
        };
        let [width, height] = self.size();
        let panels = examiner.examine([width, height], self.counts.counts(), &part).map_err(failed)?;
        examination.examiner = Some((self.sweep, drawing.parameters.clone(), examiner));
        let place = |p: &Examined, k: u32| {
            let (x, y) = (k as usize % p.size[0], k as usize / p.size[0]);
            [(p.origin[0] + x) as u32, (p.origin[1] + y) as u32]
        };
        let strong = panels.iter().flat_map(|p| p.strong.iter().map(move |k| place(p, *k))).collect();
        Ok(Thresholding { parameters: drawing.parameters.clone(), part, panels, strong, map: None })
    }

    /// Whether strong pixels are looked for, and it is not known how many they and their spots are.
    pub fn is_uncounted(&self) -> bool {
        self.thresholding.is_some() && self.found().is_none()
    }

    /// Runs spot finding on this image alone, with everything that belongs to it (masks, filters, sizes), and counts.
    pub fn count(&mut self, source: &dyn ImageSource, experiments: &ExperimentList) -> Result<Option<[usize; 2]>, ViewerError> {
        let Some(now) = &self.thresholding else { return Ok(None) };
        let failed = |e: spots::Error| ViewerError::Layer(e.to_string());
        let [width, height] = self.size();
        let frame = Frame { width, height, pixels: self.counts.counts().to_vec() };
        let mut alone = experiments.clone();
        alone.experiments.retain(|e| e.imageset == Some(self.sweep));
        alone.experiments.truncate(1);
        alone.experiments.iter_mut().for_each(|e| e.imageset = Some(0));
        let images: Arc<dyn ImageSource> = Arc::new(MemoryImages { frames: vec![frame], mask: source.mask().map(<[bool]>::to_vec) });
        // Whatever part of the scan is searched, this image is looked at.
        let params = spots::Params { scan_range: String::new(), ..parameters(&now.parameters)?.find_spots };
        let output = spots::run(&alone, &[images], &params, &Silent).map_err(failed)?;
        let strong = output.diagnostics.imagesets.iter().flat_map(|d| &d.strong_pixels).sum();
        let found = [strong, output.reflections.len()];
        self.found = Some((now.parameters.clone(), found));
        Ok(Some(found))
    }
}

/// Something that can be drawn: the image, or a map of a part of it.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Its integers, at all sizes.
    pub levels: &'a Levels,
    /// Its first pixel in the image, (fast, slow).
    pub origin: [usize; 2],
    /// The value of one step of the integers.
    pub unit: f64,
}

impl View<'_> {
    /// Value at a pixel of the image; `None` where there is none.
    pub fn value(&self, [x, y]: [i32; 2]) -> Option<f64> {
        let steps = self.levels.count(x - self.origin[0] as i32, y - self.origin[1] as i32);
        (steps >= 0).then(|| f64::from(steps) * self.unit)
    }
}

/// Smaller versions of a part have the pixels that those of the whole image have when it begins at a multiple of this.
const GRID: usize = 64;

/// The pixels along (fast, slow) that a drawing shows.
fn within(drawing: &Drawing, size: [usize; 2]) -> [Range<usize>; 2] {
    [0, 1].map(|i| {
        let half = 0.5 * f64::from(drawing.canvas[i]) / drawing.scale.max(1e-9);
        let at = |p: f64| (p.max(0.0) as usize).min(size[i]);
        at((drawing.centre[i] - half).floor())..at((drawing.centre[i] + half).ceil())
    })
}

/// The pixels that are thresholded for a drawing: those that it shows, and some more on all sides, so that not every movement takes others.
fn visible(drawing: &Drawing, size: [usize; 2]) -> [Range<usize>; 2] {
    let within = within(drawing, size);
    [0, 1].map(|i| {
        let Range { start, end } = within[i];
        let more = (end - start) / 8;
        start.saturating_sub(more) / GRID * GRID..(end + more).next_multiple_of(GRID).min(size[i])
    })
}

fn detector(experiments: &ExperimentList, sweep: usize) -> Option<&Detector> {
    let own = experiments.experiments.iter().find(|e| e.imageset == Some(sweep))?;
    experiments.detectors.get(own.detector?)
}

fn parameters(texts: &BTreeMap<String, String>) -> Result<SessionParams, ViewerError> {
    let mut params = SessionParams::default();
    for (name, text) in texts {
        params.set(StageId::FindSpots, name, text).map_err(|e| ViewerError::Layer(e.to_string()))?;
    }
    Ok(params)
}

/// Reads images `first..first + n` (as many as there are) as one. A mean is kept as a sum. `spare` is memory to be used.
fn stacked(
    source: &dyn ImageSource,
    detector: Option<&Detector>,
    first: usize,
    n: usize,
    kind: StackKind,
    spare: Vec<i32>,
) -> Result<Levels, ViewerError> {
    let end = (first + n).min(source.n_images()).max(first + 1);
    let mut frame = Frame { width: 0, height: 0, pixels: spare };
    let mut sum: Option<Frame> = None;
    for z in first..end {
        let raw = source.fetch(z..z + 1)?;
        if let Some(raw) = raw.first() {
            source.decode(raw, &mut frame)?;
        }
        match &mut sum {
            None => sum = Some(std::mem::take(&mut frame)),
            Some(sum) => add(&mut sum.pixels, &frame.pixels, kind),
        }
    }
    let mut frame = sum.unwrap_or_default();
    if let Some(detector) = detector {
        detector.hide_masked([frame.width, frame.height], |run| {
            if let Some(hidden) = frame.pixels.get_mut(run) {
                hidden.fill(-1);
            }
        });
    }
    Ok(Levels::masked([frame.width, frame.height], frame.pixels, source.mask()))
}

/// Adds an image to a stack. A pixel without data in one has none in the stack.
fn add(to: &mut [i32], image: &[i32], kind: StackKind) {
    for (a, b) in to.iter_mut().zip(image) {
        *a = match (*a, *b) {
            (a, b) if a < 0 || b < 0 => -1,
            (a, b) if kind == StackKind::Max => a.max(b),
            (a, b) => a.saturating_add(b),
        };
    }
}
