use super::Error;
use super::untrusted::{self, Region};
use crate::image::{self, Dispersion, Method};
use crate::params::{ParamError, Parameters};

crate::choice! {
    /// How strong pixels are told from background.
    pub enum Algorithm {
        /// Index of dispersion, then above the mean of the background around.
        #[default]
        DispersionExtended = "dispersion_extended",
        /// Index of dispersion, and above the mean of the window.
        Dispersion = "dispersion",
    }
}

crate::choice! {
    /// What unusable pixels are to a spot beside them (dispersion_extended).
    pub enum Gaps {
        /// Background: spots that a gap cuts are lost or cut back, as in DIALS to 3.13.
        #[default]
        Background = "background",
        /// Part of the spot: spots that a gap cuts are found, as in DIALS from 3.14. Their centroids are off.
        Spot = "spot",
    }
}

crate::parameters! {
    /// Parameters of spot finding.
    pub struct Params {
        /// How strong pixels are told from background.
        [expert; ""; 0.0..=0.0; "spotfinder.threshold.algorithm"]
        algorithm: Algorithm = Algorithm::DispersionExtended,
        /// Half-widths of the window of local statistics along slow and fast: 3,3 is 7 × 7 pixels.
        [expert; "px"; 1.0..=60.0; "spotfinder.threshold.dispersion.kernel_size"]
        kernel_size: [usize; 2] = [3, 3],
        /// A region is not flat background when its index of dispersion is this many standard deviations above 1.
        [expert; "σ"; 0.0..=1000.0; "spotfinder.threshold.dispersion.sigma_background"]
        sigma_background: f64 = 6.0,
        /// Pixels this many standard deviations above the local background are strong. Lower finds weaker spots.
        [basic; "σ"; 0.0..=1000.0; "spotfinder.threshold.dispersion.sigma_strong"]
        sigma_strong: f64 = 3.0,
        /// Fewest usable pixels in the window; 0 asks for all of them.
        [expert; "px"; 0.0..=14641.0; "spotfinder.threshold.dispersion.min_local"]
        min_local: usize = 2,
        /// Counts at or below this are never strong.
        [expert; "counts"; 0.0..=1e9; "spotfinder.threshold.dispersion.global_threshold"]
        global_threshold: f64 = 0.0,
        /// What unusable pixels are to a spot beside them.
        [expert; ""; 0.0..=0.0; ""]
        gaps: Gaps = Gaps::Background,
        /// Counts per photon, on top of the gain in the detector's description. Auto is 1.
        [basic; ""; 0.001..=1000.0; "spotfinder.threshold.dispersion.gain"]
        gain: Option<f64> = None,
        /// Spots of fewer pixels are dropped. Auto: 3 for pixel-array detectors, 6 for others.
        [basic; "px"; 1.0..=1e6; "spotfinder.filter.min_spot_size"]
        min_spot_size: Option<usize> = None,
        /// Spots of more pixels are dropped.
        [basic; "px"; 1.0..=1e6; "spotfinder.filter.max_spot_size"]
        max_spot_size: usize = 1000,
        /// Spots whose brightest pixel is farther from their centroid are dropped.
        [expert; "px"; 0.0..=1e6; "spotfinder.filter.max_separation"]
        max_separation: Option<f64> = Some(2.0),
        /// An image with more than this fraction of strong pixels is an error: the threshold must be wrong.
        [expert; ""; 0.0..=1.0; "spotfinder.filter.max_strong_pixel_fraction"]
        max_strong_pixel_fraction: f64 = 0.25,
        /// Pixels at higher resolution (smaller d) are not used.
        [basic; "Å"; 0.1..=1e4; "spotfinder.filter.d_min"]
        d_min: Option<f64> = None,
        /// Pixels at lower resolution (larger d) are not used.
        [basic; "Å"; 0.1..=1e6; "spotfinder.filter.d_max"]
        d_max: Option<f64> = None,
        /// Leave out the rings of hexagonal ice.
        [basic; ""; 0.0..=0.0; "spotfinder.filter.ice_rings.filter"]
        ice_rings: bool = false,
        /// Width of an ice ring in 1/d².
        [expert; "Å⁻²"; 0.0..=1.0; "spotfinder.filter.ice_rings.width"]
        ice_ring_width: f64 = 0.002,
        /// Pixels within this distance of a panel's edge are not used.
        [expert; "px"; 0.0..=1e5; "spotfinder.filter.border"]
        border: usize = 0,
        /// Only this rectangle of each panel is searched: x0,x1,y0,y1, the ends not included.
        [expert; "px"; 0.0..=1e6; "spotfinder.region_of_interest"]
        region_of_interest: Option<[usize; 4]> = None,
        /// Rectangles that no stage uses from here on: x0,x1,y0,y1 (ends not included), with the panel's number and a colon before them
        /// for other panels than 0 (nothing after the colon: the whole panel), separated by semicolons.
        [expert; "px"; 0.0..=0.0; "spotfinder.filter.untrusted.rectangle"]
        untrusted_rectangles: String = String::new(),
        /// Circles that no stage uses from here on: xc,yc,r, written as the rectangles are.
        [expert; "px"; 0.0..=0.0; "spotfinder.filter.untrusted.circle"]
        untrusted_circles: String = String::new(),
        /// Polygons that no stage uses from here on: x1,y1,x2,y2,x3,y3,…, written as the rectangles are.
        [expert; "px"; 0.0..=0.0; "spotfinder.filter.untrusted.polygon"]
        untrusted_polygons: String = String::new(),
        /// Single pixels that no stage uses from here on: y,x (slow first, as DIALS has it), written as the rectangles are.
        [expert; "px"; 0.0..=0.0; "spotfinder.filter.untrusted.pixel"]
        untrusted_pixels: String = String::new(),
        /// Pixels that shine on every image with constant counts are hot: they belong to no spot, and no stage uses them from here on.
        [expert; ""; 0.0..=0.0; ""]
        mask_hot_pixels: bool = true,
    }
}

/// Parameters that have been found usable, in internal form.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) dispersion: Dispersion,
    pub(super) min_spot_size: Option<usize>,
    pub(super) max_spot_size: usize,
    pub(super) max_separation: f64,
    pub(super) max_strong_pixel_fraction: f64,
    pub(super) d_min: Option<f64>,
    pub(super) d_max: Option<f64>,
    pub(super) ice_ring_width: Option<f64>,
    pub(super) border: usize,
    pub(super) region_of_interest: Option<[usize; 4]>,
    /// Regions with their panels.
    pub(super) untrusted: Vec<(usize, Region)>,
    pub(super) mask_hot_pixels: bool,
}

impl Params {
    pub(super) fn check(&self) -> Result<Checked, Error> {
        self.check_ranges()?;
        let wrong = |name: &str, reason: String| ParamError::Value { name: name.to_owned(), reason };
        let window = self.kernel_size.iter().map(|k| 2 * k + 1).product::<usize>();
        if self.min_local == 1 || self.min_local > window {
            return Err(
                wrong("min_local", format!("{} is neither 0 nor between 2 and the {window} pixels of the window", self.min_local)).into()
            );
        }
        if let (Some(d_min), Some(d_max)) = (self.d_min, self.d_max)
            && d_min >= d_max
        {
            return Err(wrong("d_min", format!("{d_min} Å is not below d_max = {d_max} Å")).into());
        }
        if let Some([x0, x1, y0, y1]) = self.region_of_interest
            && (x0 >= x1 || y0 >= y1)
        {
            return Err(
                wrong("region_of_interest", format!("{x0},{x1},{y0},{y1} is empty; give x0,x1,y0,y1 with x0 < x1 and y0 < y1")).into()
            );
        }
        if self.min_spot_size.is_some_and(|n| n > self.max_spot_size) {
            return Err(wrong("min_spot_size", format!("larger than max_spot_size = {}", self.max_spot_size)).into());
        }
        let mut untrusted = Vec::new();
        let kinds: [(&str, &str, fn(&str) -> Result<Region, String>); 4] = [
            ("untrusted_rectangles", &self.untrusted_rectangles, untrusted::rectangle),
            ("untrusted_circles", &self.untrusted_circles, untrusted::circle),
            ("untrusted_polygons", &self.untrusted_polygons, untrusted::polygon),
            ("untrusted_pixels", &self.untrusted_pixels, untrusted::pixel),
        ];
        for (name, text, region) in kinds {
            untrusted.extend(untrusted::regions(text, region).map_err(|reason| wrong(name, reason))?);
        }
        Ok(Checked {
            dispersion: Dispersion {
                method: match self.algorithm {
                    Algorithm::DispersionExtended => Method::DispersionExtended,
                    Algorithm::Dispersion => Method::Dispersion,
                },
                kernel: self.kernel_size,
                sigma_background: self.sigma_background,
                sigma_strong: self.sigma_strong,
                min_local: if self.min_local == 0 { window } else { self.min_local },
                global_threshold: self.global_threshold,
                gain: self.gain.unwrap_or(1.0),
                gaps: match self.gaps {
                    Gaps::Background => image::Gaps::Background,
                    Gaps::Spot => image::Gaps::Flagged,
                },
            },
            min_spot_size: self.min_spot_size,
            max_spot_size: self.max_spot_size,
            max_separation: self.max_separation.unwrap_or(f64::INFINITY),
            max_strong_pixel_fraction: self.max_strong_pixel_fraction,
            d_min: self.d_min,
            d_max: self.d_max,
            ice_ring_width: self.ice_rings.then_some(self.ice_ring_width),
            border: self.border,
            region_of_interest: self.region_of_interest,
            untrusted,
            mask_hot_pixels: self.mask_hot_pixels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_refused() {
        let t = |p: Params, word: &str| assert!(p.check().unwrap_err().to_string().contains(word), "{word}");
        assert!(Params::default().check().is_ok());
        t(Params { d_min: Some(3.0), d_max: Some(2.0), ..Params::default() }, "d_min");
        t(Params { min_local: 50, ..Params::default() }, "49");
        t(Params { kernel_size: [0, 3], ..Params::default() }, "kernel_size");
        t(Params { region_of_interest: Some([5, 5, 0, 9]), ..Params::default() }, "region_of_interest");
        t(Params { untrusted_circles: "1,2".into(), ..Params::default() }, "untrusted_circles");
        t(Params { min_spot_size: Some(2000), ..Params::default() }, "max_spot_size");
    }
}
