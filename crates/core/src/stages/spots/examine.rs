use super::mask::searched;
use super::run::{Sweep, panel_outside, strong_on_panel, test_on};
use super::{Error, Params};
use crate::geometry::ExperimentList;
use crate::image::{Dispersion, Frame, ImageSource, Scratch};

/// What spot finding makes of one panel of one image, before it looks for spots.
#[derive(Debug, Clone)]
pub struct Examined {
    /// First pixel in the image, (fast, slow).
    pub origin: [usize; 2],
    /// Pixels along (fast, slow).
    pub size: [usize; 2],
    /// The counts less the pedestal, row by row; −1 where a pixel is not used: masked, untrusted, or left out by the parameters.
    pub counts: Vec<i32>,
    /// The test, with the panel's own gain.
    pub test: Dispersion,
    /// Strong pixels, slow · width + fast, ascending.
    pub strong: Vec<u32>,
}

/// Examines one image with everything that belongs to it: masks, trusted range, resolutions, ice, gain.
///
/// - `imageset`: number of the image set in `experiments`
/// - `source`: its images, for their mask and size
/// - `frame`: the image
///
/// # Errors
///
/// A description that does not fit the image, or unusable parameters.
pub fn examine(
    experiments: &ExperimentList,
    imageset: usize,
    source: &dyn ImageSource,
    frame: &Frame,
    params: &Params,
) -> Result<Vec<Examined>, Error> {
    let params = params.check()?;
    let Some(sweep) = Sweep::of(experiments, imageset)? else { return Ok(Vec::new()) };
    let mut scratch = Scratch::default();
    let one = |(k, panel)| {
        let s = searched(imageset, k, panel, sweep.beam, source, &params)?;
        let found = strong_on_panel(frame, &s, &params.dispersion, &mut scratch).ok_or_else(|| panel_outside(imageset, k, &s, frame))?;
        let [width, height] = s.size;
        let mut counts = Vec::with_capacity(width * height);
        let [low, high] = s.usable.trusted;
        for y in 0..height {
            let row = &frame.row(s.origin[1] + y)[s.origin[0]..s.origin[0] + width];
            counts.extend(row.iter().enumerate().map(|(x, p)| {
                let p = p.saturating_sub(s.pedestal);
                if (low..=high).contains(&p) && s.usable.contains(x, y) { p } else { -1 }
            }));
        }
        let test = test_on(&s, &params.dispersion);
        Ok(Examined { origin: s.origin, size: s.size, counts, test, strong: found.iter().map(|p| p.index).collect() })
    };
    sweep.detector.panels.iter().enumerate().map(one).collect()
}
