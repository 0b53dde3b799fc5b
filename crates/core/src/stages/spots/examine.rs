use core::ops::Range;

use super::mask::{Searched, searched};
use super::ranges::Searches;
use super::run::{Sweep, distrusting, panel_outside};
use super::threshold::{Buffers, Threshold};
use super::{Error, Params};
use crate::geometry::ExperimentList;
use crate::image::{Dispersion, Frame, ImageSource, Method, Usable};

/// What spot finding makes of a rectangle of one panel of one image, before it looks for spots.
#[derive(Debug, Clone)]
pub struct Examined {
    /// First pixel in the image, (fast, slow).
    pub origin: [usize; 2],
    /// Pixels along (fast, slow).
    pub size: [usize; 2],
    /// The pixels of which everything can be told, along (fast, slow), from `origin`: those asked for. The others are there for their windows.
    pub inner: [Range<usize>; 2],
    /// The counts less the pedestal, row by row; −1 where a pixel is not used: masked, untrusted, or left out by the parameters.
    pub counts: Vec<i32>,
    /// The test, with the panel's own gain; `None` for the radial profile, which has no windows.
    pub test: Option<Dispersion>,
    /// Strong pixels among `inner`, slow · width + fast, ascending.
    pub strong: Vec<u32>,
}

/// Looks at single images of an image set as spot finding does: with its masks, trusted range, resolutions, ice, gain and test.
///
/// The masks take longer than a glance at part of an image; they serve all images, and all parameters that are of the test alone.
pub struct Examiner {
    imageset: usize,
    /// The parameters that the masks depend on; those of the test are at their defaults.
    masking: Params,
    panels: Vec<Searched>,
    threshold: Option<Threshold>,
}

impl Examiner {
    /// - `imageset`: number of the image set in `experiments`
    /// - `source`: its images, for their mask and size, and for estimates from the first that is searched
    /// - `before`: an examiner of the same images, whose masks are kept where they serve
    ///
    /// # Errors
    ///
    /// A description that does not fit the images, unusable parameters, or an image that cannot be read.
    pub fn new(
        experiments: &ExperimentList,
        imageset: usize,
        source: &dyn ImageSource,
        params: &Params,
        before: Option<Examiner>,
    ) -> Result<Self, Error> {
        let masking = masking(params);
        let params = params.check()?;
        let kept = before.filter(|b| b.imageset == imageset && b.masking == masking).map(|b| b.panels);
        let distrusting = distrusting(experiments, &params);
        let Some(sweep) = Sweep::of(&distrusting, imageset)? else {
            return Ok(Examiner { imageset, masking, panels: Vec::new(), threshold: None });
        };
        let numbered = || sweep.detector.panels.iter().enumerate();
        let made = || numbered().map(|(k, p)| searched(imageset, k, p, sweep.beam, source, &params)).collect::<Result<Vec<_>, _>>();
        let panels = kept.map_or_else(made, Ok)?;
        let searches = Searches::new(imageset, sweep.first_image, source.n_images(), &params.scan_ranges)?;
        let first = searches.images().next().unwrap_or(0);
        let (threshold, _) = Threshold::new(imageset, &params, (sweep.detector, sweep.beam), &panels, source, first)?;
        Ok(Examiner { imageset, masking, panels, threshold: Some(threshold) })
    }

    /// Examines part of an image: a rectangle for each panel that has pixels there, with as many more around as the windows of the test reach,
    /// so that it is told exactly what it would be of the whole image.
    ///
    /// - `size`, `pixels`: of the image along (fast, slow), and its counts, row by row
    /// - `part`: pixels along (fast, slow)
    ///
    /// # Errors
    ///
    /// A panel that is not within the image.
    pub fn examine(&self, size: [usize; 2], pixels: &[i32], part: &[Range<usize>; 2]) -> Result<Vec<Examined>, Error> {
        let Some(threshold) = &self.threshold else { return Ok(Vec::new()) };
        let outside = |k: usize, panel: &Searched| {
            panel_outside(self.imageset, k, panel, &Frame { width: size[0], height: size[1], pixels: Vec::new() })
        };
        let mut buffers = Buffers::default();
        let mut out = Vec::new();
        for (k, panel) in self.panels.iter().enumerate() {
            let test = threshold.dispersion_on(panel);
            let wanted = [0, 1].map(|i| {
                let at = |p: usize| p.saturating_sub(panel.origin[i]).min(panel.size[i]);
                at(part[i].start)..at(part[i].end)
            });
            if wanted.iter().any(Range::is_empty) {
                continue;
            }
            // The radial profile looks at whole rings.
            let reach = test.as_ref().map_or(panel.size, reach);
            let around = [0, 1].map(|i| wanted[i].start.saturating_sub(reach[i])..(wanted[i].end + reach[i]).min(panel.size[i]));
            let here = panel.part(&around);
            let pixels = cut(size, pixels, &here).ok_or_else(|| outside(k, panel))?;
            let [width, height] = here.size;
            let alone = Searched { origin: [0, 0], ..here };
            let found = threshold.strong_pixels(k, &pixels, &alone, &mut buffers);
            let found = found.ok_or_else(|| outside(k, panel))?;
            let inner = [0, 1].map(|i| wanted[i].start - around[i].start..wanted[i].end - around[i].start);
            let inside = |k: &u32| {
                let (x, y) = (*k as usize % width, *k as usize / width);
                inner[0].contains(&x) && inner[1].contains(&y)
            };
            let strong = found.iter().map(|p| p.index).filter(inside).collect();
            let mut counts = pixels.pixels;
            let [low, high] = alone.usable.trusted;
            for y in 0..height {
                for (x, p) in counts[y * width..(y + 1) * width].iter_mut().enumerate() {
                    let level = p.saturating_sub(alone.pedestal);
                    *p = if (low..=high).contains(&level) && alone.usable.contains(x, y) { level } else { -1 };
                }
            }
            let origin = [0, 1].map(|i| panel.origin[i] + around[i].start);
            out.push(Examined { origin, size: [width, height], inner, counts, test, strong });
        }
        Ok(out)
    }
}

/// `params` without what is the test's alone.
fn masking(params: &Params) -> Params {
    let Params {
        algorithm, kernel_size, sigma_background, sigma_strong, min_local, global_threshold, gaps, gain, n_iqr, n_bins, blur, ..
    } = Params::default();
    Params {
        algorithm,
        kernel_size,
        sigma_background,
        sigma_strong,
        min_local,
        global_threshold,
        gaps,
        gain,
        n_iqr,
        n_bins,
        blur,
        ..params.clone()
    }
}

/// How far, along (fast, slow), the pixels are that decide whether a pixel is strong: the background is a mean over a window of those
/// pixels that were not flagged, by windows of their own, nor are far from any that were not.
fn reach(test: &Dispersion) -> [usize; 2] {
    let [slow, fast] = test.kernel;
    let of = |k: usize| match test.method {
        Method::Dispersion => k,
        Method::DispersionExtended => (k + 2) + slow.min(fast) + k,
    };
    [of(fast), of(slow)]
}

/// The pixels of a rectangle as an image of their own. `None` if it is not within the image.
fn cut([whole, _]: [usize; 2], image: &[i32], panel: &Searched) -> Option<Frame> {
    let ([x, y], [width, height]) = (panel.origin, panel.size);
    let mut pixels = Vec::with_capacity(width * height);
    for j in y..y + height {
        pixels.extend_from_slice(image.get(j * whole..(j + 1) * whole)?.get(x..x + width)?);
    }
    Some(Frame { width, height, pixels })
}

impl Searched {
    /// Pixels along (fast, slow) of it.
    fn part(&self, of: &[Range<usize>; 2]) -> Searched {
        let size = [of[0].len(), of[1].len()];
        let usable = if size == self.size {
            self.usable.clone()
        } else {
            let mask: Vec<bool> =
                of[1].clone().flat_map(|y| of[0].clone().map(move |x| (x, y))).map(|(x, y)| self.usable.contains(x, y)).collect();
            Usable::new(&mask, size[0], self.usable.trusted)
        };
        Searched { origin: [0, 1].map(|i| self.origin[i] + of[i].start), size, usable, ..*self }
    }
}
