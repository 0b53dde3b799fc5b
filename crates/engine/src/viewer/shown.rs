use std::collections::BTreeMap;
use std::sync::Arc;

use ewald_core::geometry::{Detector, ExperimentList};
use ewald_core::image::{Frame, ImageSource, MemoryImages};
use ewald_core::job::Silent;
use ewald_core::reflections::mask;
use ewald_core::session::{SessionParams, StageId};
use ewald_core::stages::spots;
use ewald_protocol::{Drawing, Layer, StackKind, Transfer};

use super::ViewerError;
use super::levels::Levels;
use super::shade;
use super::thresholds::{self, Rectangle};

/// The image that is looked at, and what was made of it.
pub struct Shown {
    sweep: usize,
    image: usize,
    stack: usize,
    kind: StackKind,
    counts: Levels,
    /// With the parameters that it was made with.
    layer: Option<(Layer, BTreeMap<String, String>, Levels, f64)>,
    found: Option<Found>,
    mask: Option<Vec<bool>>,
}

/// Spots of the image alone, as spot finding finds them with some parameters.
struct Found {
    parameters: BTreeMap<String, String>,
    /// Strong pixels of all spots, as indices into the image, ascending.
    pixels: Vec<u32>,
    spots: usize,
}

impl Shown {
    /// What a drawing needs, made from what was shown before as far as that serves.
    pub fn updated(
        before: Option<Shown>,
        drawing: &Drawing,
        source: &dyn ImageSource,
        experiments: &ExperimentList,
    ) -> Result<Shown, ViewerError> {
        let key = (drawing.sweep, drawing.image, drawing.stack.max(1), drawing.stack_kind);
        let mut shown = match before {
            Some(same) if (same.sweep, same.image, same.stack, same.kind) == key => same,
            other => {
                let spare = other.map(|o| o.counts.into_counts()).unwrap_or_default();
                let counts = stacked(source, detector(experiments, key.0), key.1, key.2, key.3, spare)?;
                Shown { sweep: key.0, image: key.1, stack: key.2, kind: key.3, counts, layer: None, found: None, mask: None }
            }
        };
        shown.make_layer(drawing, source, experiments)?;
        Ok(shown)
    }

    /// The sweep of the image.
    pub fn sweep(&self) -> usize {
        self.sweep
    }

    /// What is drawn, and the value of one step of its integers.
    pub fn levels(&self) -> (&Levels, f64) {
        match &self.layer {
            Some((_, _, levels, unit)) => (levels, *unit),
            None => (&self.counts, self.unit()),
        }
    }

    /// The value of one step of the counts: a mean is kept as a sum.
    fn unit(&self) -> f64 {
        if self.kind == StackKind::Mean { 1.0 / self.stack as f64 } else { 1.0 }
    }

    /// Value of a pixel.
    pub fn value(&self, [x, y]: [i32; 2]) -> Option<f64> {
        let (levels, unit) = self.levels();
        let steps = levels.count(x, y);
        (steps >= 0).then(|| f64::from(steps) * unit)
    }

    /// The value to draw with full strength, by the data.
    pub fn automatic(&self, drawing: &Drawing) -> f64 {
        let (levels, unit) = self.levels();
        match drawing.layer {
            Layer::Counts => shade::automatic(levels, drawing.transfer) * unit,
            Layer::Flagged | Layer::Strong => 1.0,
            _ => {
                let spread = if drawing.transfer == Transfer::Linear { 1.0 } else { 4.0 };
                shade::quantile(levels, 0.995).map_or(1.0, |q| (spread * q * unit).max(unit))
            }
        }
    }

    /// Strong pixels, as indices, where they were looked for.
    pub fn strong_pixels(&self) -> &[u32] {
        self.found.as_ref().map_or(&[], |f| &f.pixels)
    }

    /// How many strong pixels and spots there are, where they were looked for.
    pub fn found(&self) -> Option<[usize; 2]> {
        self.found.as_ref().map(|f| [f.pixels.len(), f.spots])
    }

    fn make_layer(&mut self, drawing: &Drawing, source: &dyn ImageSource, experiments: &ExperimentList) -> Result<(), ViewerError> {
        let thresholding = drawing.layer != Layer::Counts;
        if thresholding || drawing.strong {
            if self.found.as_ref().is_none_or(|f| f.parameters != drawing.parameters) {
                self.found = None;
                let params = parameters(drawing)?;
                self.mask = source.mask().map(<[bool]>::to_vec);
                self.found = Some(self.find(drawing, &params, experiments)?);
            }
        } else {
            self.found = None;
        }
        if !thresholding {
            self.layer = None;
            return Ok(());
        }
        let same = |l: &(Layer, BTreeMap<String, String>, Levels, f64)| l.0 == drawing.layer && l.1 == drawing.parameters;
        if self.layer.as_ref().is_some_and(same) {
            return Ok(());
        }
        self.layer = None;
        let size = self.counts.size();
        let (map, unit) = if drawing.layer == Layer::Strong {
            let mut map: Vec<i32> = self.counts.counts().iter().map(|c| if *c < 0 { -1 } else { 0 }).collect();
            self.strong_pixels().iter().for_each(|&i| map[i as usize] = 1);
            (map, 1.0)
        } else {
            let params = parameters(drawing)?;
            thresholds::map(drawing.layer, self.counts.counts(), size[0], &self.panels(experiments), &params.find_spots)
        };
        self.layer = Some((drawing.layer, drawing.parameters.clone(), Levels::new(size, map), unit));
        Ok(())
    }

    fn panels(&self, experiments: &ExperimentList) -> Vec<Rectangle> {
        let rectangle = |p: &ewald_core::geometry::Panel| {
            let origin = [usize::try_from(p.raw_image_offset[0]).ok()?, usize::try_from(p.raw_image_offset[1]).ok()?];
            Some(Rectangle { origin, size: p.image_size })
        };
        let panels: Vec<Rectangle> =
            detector(experiments, self.sweep).map_or_else(Vec::new, |d| d.panels.iter().filter_map(rectangle).collect());
        if panels.is_empty() { vec![Rectangle { origin: [0, 0], size: self.counts.size() }] } else { panels }
    }

    /// Runs spot finding on this image alone, with everything that belongs to it: masks, filters, sizes.
    fn find(&self, drawing: &Drawing, params: &SessionParams, experiments: &ExperimentList) -> Result<Found, ViewerError> {
        let mut alone = experiments.clone();
        alone.experiments.retain(|e| e.imageset == Some(self.sweep));
        alone.experiments.truncate(1);
        alone.experiments.iter_mut().for_each(|e| e.imageset = Some(0));
        let [width, height] = self.counts.size();
        let frame = Frame { width, height, pixels: self.counts.counts().to_vec() };
        let images: Arc<dyn ImageSource> = Arc::new(MemoryImages { frames: vec![frame], mask: self.mask.clone() });
        // Whatever part of the scan is searched, this image is looked at.
        let params = spots::Params { scan_range: String::new(), ..params.find_spots.clone() };
        let output = spots::run(&alone, &[images], &params, &Silent).map_err(|e| ViewerError::Layer(e.to_string()))?;
        let panels = self.panels(experiments);
        let mut pixels = Vec::new();
        for spot in &output.reflections.shoebox {
            let [_, rows, columns] = spot.size();
            let Some(panel) = panels.get(spot.panel as usize).filter(|_| rows * columns > 0) else { continue };
            let place = |k: usize| {
                let (x, y) = (spot.bbox[0] as usize + k % columns, spot.bbox[2] as usize + k / columns % rows);
                ((panel.origin[1] + y) * width + panel.origin[0] + x) as u32
            };
            let strong = spot.mask.iter().enumerate().filter(|(_, m)| **m & mask::STRONG != 0 || **m & mask::FOREGROUND != 0);
            pixels.extend(strong.map(|(k, _)| place(k)));
        }
        pixels.sort_unstable();
        pixels.dedup();
        pixels.retain(|p| (*p as usize) < width * height);
        Ok(Found { parameters: drawing.parameters.clone(), pixels, spots: output.reflections.len() })
    }
}

fn detector(experiments: &ExperimentList, sweep: usize) -> Option<&Detector> {
    let own = experiments.experiments.iter().find(|e| e.imageset == Some(sweep))?;
    experiments.detectors.get(own.detector?)
}

fn parameters(drawing: &Drawing) -> Result<SessionParams, ViewerError> {
    let mut params = SessionParams::default();
    for (name, text) in &drawing.parameters {
        params.set(StageId::FindSpots, name, text).map_err(|e| ViewerError::Layer(e.to_string()))?;
    }
    Ok(params)
}

/// Reads images `first..first + n` (as many as there are) as one. A mean is kept as a sum. What is masked, in the images or on the detector, has no
/// count. `spare` is memory to be used.
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
    if let Some(mask) = source.mask() {
        frame.pixels.iter_mut().zip(mask).filter(|(_, usable)| !**usable).for_each(|(pixel, _)| *pixel = -1);
    }
    if let Some(detector) = detector {
        detector.hide_masked([frame.width, frame.height], |run| {
            if let Some(hidden) = frame.pixels.get_mut(run) {
                hidden.fill(-1);
            }
        });
    }
    Ok(Levels::new([frame.width, frame.height], frame.pixels))
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
