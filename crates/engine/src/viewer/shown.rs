use std::collections::BTreeMap;
use std::sync::Arc;

use ewald_core::geometry::ExperimentList;
use ewald_core::image::{Frame, ImageSource, MemoryImages};
use ewald_core::job::Silent;
use ewald_core::session::{SessionParams, StageId};
use ewald_core::stages::spots::{self, Examined};
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
    /// With the parameters that it was made with.
    layer: Option<(Layer, BTreeMap<String, String>, Levels, f64)>,
    found: Option<Found>,
}

/// An image that has been made ready before it was asked for.
pub struct Ahead {
    sweep: usize,
    image: usize,
    counts: Levels,
}

impl Ahead {
    /// Makes a single image ready; `spare` is memory to be used.
    pub fn read(source: &dyn ImageSource, sweep: usize, image: usize, spare: &mut Vec<i32>) -> Result<Ahead, ViewerError> {
        Ok(Ahead { sweep, image, counts: stacked(source, image, 1, StackKind::Sum, std::mem::take(spare))? })
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

/// What spot finding makes of the image alone with some parameters.
struct Found {
    parameters: BTreeMap<String, String>,
    panels: Vec<Examined>,
    /// Strong pixels, as indices into the image, ascending.
    pixels: Vec<u32>,
    spots: usize,
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
    ) -> Result<Shown, ViewerError> {
        let key = (drawing.sweep, drawing.image, drawing.stack.max(1), drawing.stack_kind);
        let mut shown = match before {
            Some(same) if (same.sweep, same.image, same.stack, same.kind) == key => same,
            other => {
                let counts = match ahead.take() {
                    Some(ahead) if (ahead.sweep, ahead.image, 1, drawing.stack_kind) == key => ahead.counts,
                    _ => stacked(source, key.1, key.2, key.3, std::mem::take(spare))?,
                };
                *spare = other.map(|o| o.counts.into_counts()).unwrap_or_default();
                Shown { sweep: key.0, image: key.1, stack: key.2, kind: key.3, counts, layer: None, found: None }
            }
        };
        shown.make_layer(drawing, source, experiments)?;
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
                self.found = Some(self.find(drawing, &parameters(drawing)?, source, experiments)?);
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
        let panels = self.found.as_ref().map_or(&[][..], |f| &f.panels);
        let (map, unit) = thresholds::map(drawing.layer, size, panels);
        self.layer = Some((drawing.layer, drawing.parameters.clone(), Levels::new(size, map), unit));
        Ok(())
    }

    /// Runs spot finding on this image alone, with everything that belongs to it: masks, filters, sizes.
    fn find(
        &self,
        drawing: &Drawing,
        params: &SessionParams,
        source: &dyn ImageSource,
        experiments: &ExperimentList,
    ) -> Result<Found, ViewerError> {
        let failed = |e: spots::Error| ViewerError::Layer(e.to_string());
        let [width, height] = self.counts.size();
        let frame = Frame { width, height, pixels: self.counts.counts().to_vec() };
        let panels = spots::examine(experiments, self.sweep, source, &frame, &params.find_spots).map_err(failed)?;
        let place = |p: &Examined, k: u32| {
            let (x, y) = (k as usize % p.size[0], k as usize / p.size[0]);
            ((p.origin[1] + y) * width + p.origin[0] + x) as u32
        };
        let mut pixels: Vec<u32> = panels.iter().flat_map(|p| p.strong.iter().map(move |k| place(p, *k))).collect();
        pixels.sort_unstable();
        let mut alone = experiments.clone();
        alone.experiments.retain(|e| e.imageset == Some(self.sweep));
        alone.experiments.truncate(1);
        alone.experiments.iter_mut().for_each(|e| e.imageset = Some(0));
        let images: Arc<dyn ImageSource> = Arc::new(MemoryImages { frames: vec![frame], mask: source.mask().map(<[bool]>::to_vec) });
        let output = spots::run(&alone, &[images], &params.find_spots, &Silent).map_err(failed)?;
        Ok(Found { parameters: drawing.parameters.clone(), panels, pixels, spots: output.reflections.len() })
    }
}

fn parameters(drawing: &Drawing) -> Result<SessionParams, ViewerError> {
    let mut params = SessionParams::default();
    for (name, text) in &drawing.parameters {
        params.set(StageId::FindSpots, name, text).map_err(|e| ViewerError::Layer(e.to_string()))?;
    }
    Ok(params)
}

/// Reads images `first..first + n` (as many as there are) as one. A mean is kept as a sum. `spare` is memory to be used.
fn stacked(source: &dyn ImageSource, first: usize, n: usize, kind: StackKind, spare: Vec<i32>) -> Result<Levels, ViewerError> {
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
    let frame = sum.unwrap_or_default();
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
