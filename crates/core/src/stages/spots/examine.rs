use super::mask::{Searched, searched};
use super::ranges::Searches;
use super::run::{Sweep, distrusting, panel_outside};
use super::threshold::{Buffers, Threshold};
use super::{Error, Params};
use crate::geometry::ExperimentList;
use crate::image::{Dispersion, Frame, ImageSource};

/// What spot finding makes of one panel of one image, before it looks for spots.
#[derive(Debug, Clone)]
pub struct Examined {
    /// First pixel in the image, (fast, slow).
    pub origin: [usize; 2],
    /// Pixels along (fast, slow).
    pub size: [usize; 2],
    /// The counts less the pedestal, row by row; −1 where a pixel is not used: masked, untrusted, or left out by the parameters.
    pub counts: Vec<i32>,
    /// The test, with the panel's own gain; `None` for the radial profile, which has no windows.
    pub test: Option<Dispersion>,
    /// Strong pixels, slow · width + fast, ascending.
    pub strong: Vec<u32>,
}

/// Examines one image with everything that belongs to it: masks, trusted range, resolutions, ice, gain.
///
/// - `imageset`: number of the image set in `experiments`
/// - `source`: its images, for their mask and size, and for estimates from the first that is searched
/// - `frame`: the image
///
/// # Errors
///
/// A description that does not fit the image, unusable parameters, or an image that cannot be read.
pub fn examine(
    experiments: &ExperimentList,
    imageset: usize,
    source: &dyn ImageSource,
    frame: &Frame,
    params: &Params,
) -> Result<Vec<Examined>, Error> {
    let params = params.check()?;
    let experiments = distrusting(experiments, &params);
    let Some(sweep) = Sweep::of(&experiments, imageset)? else { return Ok(Vec::new()) };
    let numbered = sweep.detector.panels.iter().enumerate();
    let panels: Vec<Searched> = numbered.map(|(k, p)| searched(imageset, k, p, sweep.beam, source, &params)).collect::<Result<_, _>>()?;
    let searches = Searches::new(imageset, sweep.first_image, source.n_images(), &params.scan_ranges)?;
    let first = searches.images().next().unwrap_or(0);
    let (threshold, _) = Threshold::new(imageset, &params, (sweep.detector, sweep.beam), &panels, source, first)?;
    let mut buffers = Buffers::default();
    let one = |(k, s): (usize, &Searched)| {
        let found = threshold.strong_pixels(k, frame, s, &mut buffers).ok_or_else(|| panel_outside(imageset, k, s, frame))?;
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
        let strong = found.iter().map(|p| p.index).collect();
        Ok(Examined { origin: s.origin, size: s.size, counts, test: threshold.dispersion_on(s), strong })
    };
    panels.iter().enumerate().map(one).collect()
}
