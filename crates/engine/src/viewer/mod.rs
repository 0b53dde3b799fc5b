//! The viewer: opens the user's files a second time and draws their images, in a worker of its own with one thread, so that images can be
//! looked at while the engine is busy.
//!
//! It holds one image (or stack) at a time with its smaller versions, and what the engine last told of the reflections.

pub mod levels;
pub mod overlay;
mod profile;
pub mod shade;
mod shown;
pub mod thresholds;

use std::sync::Arc;

use ewald_core::format::expt;
use ewald_core::format::source::{FileSet, SharedSource, SourceFile};
use ewald_core::geometry::ExperimentList;
use ewald_core::image::ImageSource;
use ewald_core::stages::import;
use ewald_protocol::{Ask, Drawing, Drawn, ErrorView, ProfileKind, SpotKind, SpotsHeader, Tell};

use overlay::Overlay;
use shown::{Ahead, Shown};

/// What the viewer needs of the place where it runs.
pub trait Place {
    /// Sends an answer, with bulk data.
    fn post(&self, tell: Tell, buffers: Vec<Vec<u8>>);
    /// A clock; only differences matter.
    fn seconds(&self) -> f64;
}

/// Files, images and reflections to be looked at.
#[derive(Default)]
pub struct Viewer {
    files: FileSet,
    experiments: ExperimentList,
    images: Vec<Arc<dyn ImageSource>>,
    overlays: [Option<Overlay>; 3],
    shown: Option<Shown>,
    /// The image that is likely to be asked for next, and which that is.
    ahead: Option<Ahead>,
    next: Option<[usize; 2]>,
    /// Memory of an image that is no longer looked at.
    spare: Vec<i32>,
}

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub enum ViewerError {
    /// No such sweep.
    #[error("there is no sweep {sweep}; import found {n}")]
    NoSweep {
        /// Number asked for, from 0.
        sweep: usize,
        /// How many there are.
        n: usize,
    },
    /// The models did not arrive whole.
    #[error("the imported models cannot be read ({0}); reload the page")]
    Models(String),
    /// The files cannot be opened.
    #[error(transparent)]
    Open(#[from] import::Error),
    /// The image cannot be had.
    #[error(transparent)]
    Image(#[from] ewald_core::image::ImageError),
    /// The layer cannot be made.
    #[error("{0}")]
    Layer(String),
}

impl Viewer {
    /// Whether what is asked begins anew with other files.
    pub fn replaces_files(ask: &Ask) -> bool {
        matches!(ask, Ask::Open { add: false, .. })
    }

    /// Does what is asked. `files` come with [`Ask::Open`], in the order of its names.
    pub fn handle(&mut self, ask: Ask, files: Vec<SharedSource>, buffers: Vec<Vec<u8>>, place: &dyn Place) {
        match ask {
            Ask::Open { names, add } => {
                if !add {
                    *self = Viewer::default();
                }
                names.into_iter().zip(files).for_each(|(name, source)| self.files.insert(SourceFile::new(name, source)));
            }
            Ask::Models { job } => match self.open(buffers.first().map_or(&[], Vec::as_slice)) {
                Ok(()) => place.post(Tell::Ready { job }, Vec::new()),
                Err(error) => place.post(Tell::Failed { job, error: ErrorView::from(&error) }, Vec::new()),
            },
            Ask::Reflections(header) => self.overlays[slot(header.of)] = Some(Overlay::new(&header, &buffers)),
            Ask::Draw { job, drawing } => match self.draw(*drawing, place) {
                Ok((drawn, rgba)) => place.post(Tell::Drawn { job, drawn: Box::new(drawn) }, vec![rgba]),
                Err(error) => place.post(Tell::Failed { job, error: ErrorView::from(&error) }, Vec::new()),
            },
            Ask::Probe { at } => {
                let value = self.shown.as_ref().and_then(|shown| shown.value(at));
                place.post(Tell::Probed { at, value }, Vec::new());
            }
            Ask::Spots { sweep, image, of } => {
                if let Some(overlay) = &self.overlays[slot(of)] {
                    let (n, buffers) = overlay.on_image(sweep, image);
                    place.post(Tell::Spots(SpotsHeader { sweep, image, of, n }), buffers);
                }
            }
            Ask::Profile(kind) => {
                let (x, y) = self.profile(kind).unwrap_or_default();
                let bytes = |values: Vec<f64>| values.into_iter().flat_map(f64::to_le_bytes).collect();
                place.post(Tell::Profile(kind), vec![bytes(x), bytes(y)]);
            }
        }
    }

    /// Reads the image that is likely to be asked for next, if there is one; whether anything was done. To be called when nothing is asked.
    pub fn idle(&mut self) -> bool {
        let Some([sweep, image]) = self.next.take() else { return false };
        let Some(source) = self.images.get(sweep).filter(|s| image < s.n_images()) else { return false };
        if let Some(old) = self.ahead.take() {
            if old.is(sweep, image) {
                self.ahead = Some(old);
                return false;
            }
            self.spare = old.into_counts();
        }
        // An image that cannot be read is told of when it is asked for.
        self.ahead = Ahead::read(source.as_ref(), sweep, image, &mut self.spare).ok();
        true
    }

    fn open(&mut self, models: &[u8]) -> Result<(), ViewerError> {
        self.experiments = expt::read(models).map_err(|e| ViewerError::Models(e.to_string()))?;
        (self.shown, self.ahead, self.next) = (None, None, None);
        self.images = import::open_images(&self.experiments, &self.files)?;
        Ok(())
    }

    fn draw(&mut self, drawing: Drawing, place: &dyn Place) -> Result<(Drawn, Vec<u8>), ViewerError> {
        let start = place.seconds();
        let missing = ViewerError::NoSweep { sweep: drawing.sweep, n: self.images.len() };
        let source = self.images.get(drawing.sweep).ok_or(missing)?;
        let before = self.shown.as_ref().and_then(|s| Some([s.sweep(), s.single()?]));
        let shown = Shown::updated(self.shown.take(), &drawing, source.as_ref(), &self.experiments, &mut self.ahead, &mut self.spare)?;
        // Who goes from one image to its neighbour goes on in that direction.
        let step = before.filter(|b| b[0] == drawing.sweep && drawing.stack <= 1).map(|b| drawing.image as i64 - b[1] as i64);
        if let Some(step) = step.filter(|s| *s != 0 && s.abs() <= 10) {
            self.next = drawing.image.checked_add_signed(step as isize).map(|image| [drawing.sweep, image]);
        }
        let read = place.seconds();
        let (levels, unit) = shown.levels();
        let white = drawing.white.unwrap_or_else(|| shown.automatic(&drawing));
        let found: &[u32] = if drawing.strong { shown.strong_pixels() } else { &[] };
        let rgba = shade::draw(levels, unit, &drawing, white, found);
        let milliseconds = [read - start, place.seconds() - read].map(|s| 1000.0 * s);
        let drawn = Drawn { size: levels.size(), white, found: shown.found(), milliseconds, drawing };
        self.shown = Some(shown);
        Ok((drawn, rgba))
    }

    fn profile(&self, kind: ProfileKind) -> Option<(Vec<f64>, Vec<f64>)> {
        let shown = self.shown.as_ref()?;
        let (levels, unit) = shown.levels();
        match kind {
            ProfileKind::Line(ends) => Some(profile::line(levels, unit, ends)),
            ProfileKind::Radial => {
                let own = self.experiments.experiments.iter().find(|e| e.imageset == Some(shown.sweep()))?;
                let (beam, detector) = (self.experiments.beams.get(own.beam?)?, self.experiments.detectors.get(own.detector?)?);
                Some(profile::radial(levels, unit, beam, detector))
            }
        }
    }
}

fn slot(of: SpotKind) -> usize {
    match of {
        SpotKind::Found => 0,
        SpotKind::Indexed => 1,
        SpotKind::Integrated => 2,
    }
}

#[cfg(test)]
mod tests;
