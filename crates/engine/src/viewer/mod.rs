//! The viewer: opens the user's files a second time and draws their images, in a worker of its own with one thread, so that images can be
//! looked at while the engine is busy.
//!
//! It holds one image (or stack) at a time with its smaller versions, and what the engine last told of the reflections.

pub mod levels;
pub mod overlay;
mod profile;
pub mod shade;
mod shown;
mod table;
pub mod thresholds;

use std::sync::Arc;

use ewald_core::format::expt;
use ewald_core::format::source::{FileSet, SharedSource, SourceFile};
use ewald_core::geometry::ExperimentList;
use ewald_core::image::ImageSource;
use ewald_core::stages::import;
use ewald_protocol::{Ask, Drawing, Drawn, ErrorView, JobId, ProfileKind, SpotKind, SpotsHeader, Tell};

use overlay::Overlay;
use shown::{Ahead, Examination, Shown};

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
    examination: Examination,
    /// The last drawing, with the request.
    drawn: Option<(JobId, Drawing)>,
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
            Ask::Draw { job, drawing } => match self.draw(job, *drawing, place) {
                Ok((drawn, rgba)) => place.post(Tell::Drawn { job, drawn: Box::new(drawn) }, vec![rgba]),
                Err(error) => place.post(Tell::Failed { job, error: ErrorView::from(&error) }, Vec::new()),
            },
            Ask::Probe { at } => {
                let value = self.shown.as_ref().and_then(|shown| shown.view().value(at));
                place.post(Tell::Probed { at, value }, Vec::new());
            }
            Ask::Spots { sweep, image, of } => {
                if let Some(overlay) = &self.overlays[slot(of)] {
                    let (n, buffers) = overlay.on_image(sweep, image);
                    place.post(Tell::Spots(SpotsHeader { sweep, image, of, n }), buffers);
                }
            }
            Ask::Rows(window) => {
                if let Some(overlay) = &mut self.overlays[slot(window.of)] {
                    place.post(Tell::Rows(Box::new(overlay.rows(window))), Vec::new());
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
        self.ahead = Ahead::read(source.as_ref(), &self.experiments, sweep, image, &mut self.spare).ok();
        true
    }

    /// Counts the strong pixels and spots of the image with the parameters of the last drawing, if that was asked for by it and has not been
    /// done. To be called when nothing has been asked for a while: of a large image it takes longer than drawing what is seen of it.
    pub fn settle(&mut self, place: &dyn Place) {
        let (Some((job, drawing)), Some(shown)) = (&self.drawn, &mut self.shown) else { return };
        let Some(source) = self.images.get(drawing.sweep).filter(|_| shown.is_uncounted()) else { return };
        match shown.count(source.as_ref(), &self.experiments) {
            Ok(Some(found)) => place.post(Tell::Counted { job: *job, found }, Vec::new()),
            Ok(None) => {}
            Err(error) => place.post(Tell::Failed { job: *job, error: ErrorView::from(&error) }, Vec::new()),
        }
    }

    fn open(&mut self, models: &[u8]) -> Result<(), ViewerError> {
        self.experiments = expt::read(models).map_err(|e| ViewerError::Models(e.to_string()))?;
        (self.shown, self.ahead, self.next, self.drawn) = (None, None, None, None);
        self.examination = Examination::default();
        self.images = import::open_images(&self.experiments, &self.files)?;
        Ok(())
    }

    fn draw(&mut self, job: JobId, drawing: Drawing, place: &dyn Place) -> Result<(Drawn, Vec<u8>), ViewerError> {
        let start = place.seconds();
        let missing = ViewerError::NoSweep { sweep: drawing.sweep, n: self.images.len() };
        let source = self.images.get(drawing.sweep).ok_or(missing)?;
        let before = self.shown.as_ref().and_then(|s| Some([s.sweep(), s.single()?]));
        self.drawn = None;
        let shown = Shown::updated(
            self.shown.take(),
            &drawing,
            source.as_ref(),
            &self.experiments,
            &mut self.ahead,
            &mut self.spare,
            &mut self.examination,
        )?;
        // Who goes from one image to its neighbour goes on in that direction.
        let step = before.filter(|b| b[0] == drawing.sweep && drawing.stack <= 1).map(|b| drawing.image as i64 - b[1] as i64);
        if let Some(step) = step.filter(|s| *s != 0 && s.abs() <= 10) {
            self.next = drawing.image.checked_add_signed(step as isize).map(|image| [drawing.sweep, image]);
        }
        let read = place.seconds();
        let white = drawing.white.unwrap_or_else(|| shown.automatic(&drawing, &mut self.examination));
        let strong: &[[u32; 2]] = if drawing.strong { shown.strong_pixels() } else { &[] };
        let rgba = shade::draw(shown.view(), &drawing, white, strong);
        let milliseconds = [read - start, place.seconds() - read].map(|s| 1000.0 * s);
        self.drawn = Some((job, drawing.clone()));
        let (strong, found) = (shown.strong_in(&drawing), shown.found());
        let drawn = Drawn { size: shown.size(), white, strong, found, milliseconds, drawing };
        self.shown = Some(shown);
        Ok((drawn, rgba))
    }

    fn profile(&mut self, kind: ProfileKind) -> Option<(Vec<f64>, Vec<f64>)> {
        let shown = self.shown.as_mut()?;
        if let (ProfileKind::Radial, Some((_, drawing))) = (kind, &self.drawn) {
            // Of a map, what lies out of view counts too.
            let ([width, height], source) = (shown.size(), self.images.get(drawing.sweep)?);
            shown.threshold(drawing, source.as_ref(), &self.experiments, &mut self.examination, [0..width, 0..height]).ok()?;
        }
        let view = shown.view();
        match kind {
            ProfileKind::Line(ends) => Some(profile::line(&view, ends)),
            ProfileKind::Radial => {
                let own = self.experiments.experiments.iter().find(|e| e.imageset == Some(shown.sweep()))?;
                let (beam, detector) = (self.experiments.beams.get(own.beam?)?, self.experiments.detectors.get(own.detector?)?);
                Some(profile::radial(&view, beam, detector))
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
