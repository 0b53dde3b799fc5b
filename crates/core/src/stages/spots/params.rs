use super::Error;
use super::filter::Gradient;
use super::untrusted::{self, Region};
use crate::image::{self, Dispersion, Method, RadialProfile};
use crate::params::{Kind, ParamError, ParamValue, Parameters};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

crate::choice! {
    /// How strong pixels are told from background.
    pub enum Algorithm {
        /// Index of dispersion, then above the mean of the background around.
        #[default]
        DispersionExtended = "dispersion_extended",
        /// Index of dispersion, and above the mean of the window.
        Dispersion = "dispersion",
        /// Above the other pixels at the same scattering angle: median and quartiles in rings. For electron diffraction, and detectors whose
        /// gain and noise are not known; needs the beam centre to be about right.
        RadialProfile = "radial_profile",
    }
}

crate::choice! {
    /// Smoothing before the radial profile is taken.
    pub enum Blur {
        /// None.
        #[default]
        None = "none",
        /// Over 3 × 3 pixels.
        Narrow = "narrow",
        /// Over 5 × 5 pixels.
        Wide = "wide",
    }
}

/// Counts per photon, on top of the gain in the detector's description.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Gain {
    /// As the detector's description says: 1 on top of it.
    #[default]
    Detector,
    /// Estimated from the first image.
    Estimate,
    /// Given.
    Value(f64),
}

impl Gain {
    /// The number given; 1 if there is none, or none yet.
    pub fn or_one(self) -> f64 {
        match self {
            Gain::Value(g) => g,
            Gain::Detector | Gain::Estimate => 1.0,
        }
    }
}

impl ParamValue for Gain {
    fn kind() -> Kind {
        Kind::Number
    }
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "none" | "detector" => Ok(Gain::Detector),
            "auto" | "estimate" => Ok(Gain::Estimate),
            _ => f64::parse(text).map(Gain::Value).map_err(|e| format!("{e}; give one, or estimate, or detector")),
        }
    }
    fn text(&self) -> String {
        match self {
            Gain::Detector => "detector".to_owned(),
            Gain::Estimate => "estimate".to_owned(),
            Gain::Value(g) => g.text(),
        }
    }
    fn numbers(&self) -> Vec<f64> {
        if let Gain::Value(g) = self { vec![*g] } else { Vec::new() }
    }
}

impl Serialize for Gain {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Gain {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // A number or null where the text could be: so it was in earlier files.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Number(Option<f64>),
        }
        match Form::deserialize(from)? {
            Form::Text(text) => Gain::parse(&text).map_err(serde::de::Error::custom),
            Form::Number(g) => Ok(g.map_or(Gain::Detector, Gain::Value)),
        }
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
        /// Counts at or below this are never strong. Auto: estimated from the first image as where the background's counts end.
        [expert; "counts"; 0.0..=1e9; "spotfinder.threshold.dispersion.global_threshold"]
        global_threshold: Option<f64> = Some(0.0),
        /// What unusable pixels are to a spot beside them.
        [expert; ""; 0.0..=0.0; ""]
        gaps: Gaps = Gaps::Background,
        /// Counts per photon, on top of the gain in the detector's description: a number, or "estimate" for an estimate from the first image,
        /// or "detector" for what the description says.
        [basic; ""; 0.001..=1000.0; "spotfinder.threshold.dispersion.gain"]
        gain: Gain = Gain::Detector,
        /// Pixels this many interquartile ranges above the median of their ring are strong (radial_profile).
        [basic; "IQR"; 0.0..=1000.0; "spotfinder.threshold.radial_profile.n_iqr"]
        n_iqr: f64 = 6.0,
        /// Number of rings (radial_profile).
        [expert; ""; 1.0..=1000.0; "spotfinder.threshold.radial_profile.n_bins"]
        n_bins: usize = 100,
        /// Smoothing of the image: less noise, and split spots joined (radial_profile).
        [expert; ""; 0.0..=0.0; "spotfinder.threshold.radial_profile.blur"]
        blur: Blur = Blur::None,
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
        /// Ranges of resolution that are not used: d,d with semicolons between several, such as 3.4,3.5;2.2,2.3.
        [expert; "Å"; 0.0..=0.0; "spotfinder.filter.resolution_range"]
        resolution_range: String = String::new(),
        /// Leave out the rings of hexagonal ice.
        [basic; ""; 0.0..=0.0; "spotfinder.filter.ice_rings.filter"]
        ice_rings: bool = false,
        /// Width of an ice ring in 1/d².
        [expert; "Å⁻²"; 0.0..=1.0; "spotfinder.filter.ice_rings.width"]
        ice_ring_width: f64 = 0.002,
        /// Drop spots on a steep background.
        [expert; ""; 0.0..=0.0; "spotfinder.filter.background_gradient.filter"]
        background_gradient: bool = false,
        /// Width of the frame of pixels around a spot in which its background is looked at.
        [expert; "px"; 1.0..=100.0; "spotfinder.filter.background_gradient.background_size"]
        background_gradient_size: usize = 2,
        /// Steepest background allowed.
        [expert; "counts/px"; 0.0..=1e9; "spotfinder.filter.background_gradient.gradient_cutoff"]
        background_gradient_cutoff: f64 = 4.0,
        /// Drop spots where they are far denser than elsewhere on the detector, such as on split or powder-like patches.
        [expert; ""; 0.0..=0.0; "spotfinder.filter.spot_density.filter"]
        spot_density: bool = false,
        /// Images that are searched, by their numbers, the ends included: 1,20 or several such as 1,20;61,80. All if empty.
        [basic; ""; 0.0..=0.0; "spotfinder.scan_range"]
        scan_range: String = String::new(),
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

/// The test for strong pixels, and what of it is to be estimated.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Dispersion { test: Dispersion, estimate_gain: bool, estimate_global_threshold: bool },
    RadialProfile { test: RadialProfile, n_bins: usize },
}

/// Parameters that have been found usable, in internal form.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) test: Test,
    pub(super) min_spot_size: Option<usize>,
    pub(super) max_spot_size: usize,
    pub(super) max_separation: f64,
    pub(super) max_strong_pixel_fraction: f64,
    pub(super) d_min: Option<f64>,
    pub(super) d_max: Option<f64>,
    /// Lowest and highest d.
    pub(super) resolution_ranges: Vec<[f64; 2]>,
    pub(super) ice_ring_width: Option<f64>,
    pub(super) gradient: Option<Gradient>,
    pub(super) spot_density: bool,
    /// First and last image, by number; all if there is none.
    pub(super) scan_ranges: Vec<[i64; 2]>,
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
        let method = match self.algorithm {
            Algorithm::Dispersion => Method::Dispersion,
            Algorithm::DispersionExtended | Algorithm::RadialProfile => Method::DispersionExtended,
        };
        let dispersion = Dispersion {
            method,
            kernel: self.kernel_size,
            sigma_background: self.sigma_background,
            sigma_strong: self.sigma_strong,
            min_local: if self.min_local == 0 { window } else { self.min_local },
            global_threshold: self.global_threshold.unwrap_or(0.0),
            gain: self.gain.or_one(),
            gaps: match self.gaps {
                Gaps::Background => image::Gaps::Background,
                Gaps::Spot => image::Gaps::Flagged,
            },
        };
        let blur = match self.blur {
            Blur::None => image::Blur::None,
            Blur::Narrow => image::Blur::Narrow,
            Blur::Wide => image::Blur::Wide,
        };
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
            test: match self.algorithm {
                Algorithm::RadialProfile => Test::RadialProfile { test: RadialProfile { n_iqr: self.n_iqr, blur }, n_bins: self.n_bins },
                Algorithm::Dispersion | Algorithm::DispersionExtended => Test::Dispersion {
                    test: dispersion,
                    estimate_gain: self.gain == Gain::Estimate,
                    estimate_global_threshold: self.global_threshold.is_none(),
                },
            },
            min_spot_size: self.min_spot_size,
            max_spot_size: self.max_spot_size,
            max_separation: self.max_separation.unwrap_or(f64::INFINITY),
            max_strong_pixel_fraction: self.max_strong_pixel_fraction,
            d_min: self.d_min,
            d_max: self.d_max,
            resolution_ranges: resolution_ranges(&self.resolution_range).map_err(|reason| wrong("resolution_range", reason))?,
            ice_ring_width: self.ice_rings.then_some(self.ice_ring_width),
            gradient: self
                .background_gradient
                .then_some(Gradient { size: self.background_gradient_size, cutoff: self.background_gradient_cutoff }),
            spot_density: self.spot_density,
            scan_ranges: scan_ranges(&self.scan_range).map_err(|reason| wrong("scan_range", reason))?,
            border: self.border,
            region_of_interest: self.region_of_interest,
            untrusted,
            mask_hot_pixels: self.mask_hot_pixels,
        })
    }
}

fn resolution_ranges(text: &str) -> Result<Vec<[f64; 2]>, String> {
    let parts = text.split(';').map(str::trim).filter(|p| !p.is_empty() && !p.eq_ignore_ascii_case("none"));
    parts
        .map(|part| {
            let [a, b] = <[f64; 2] as ParamValue>::parse(part)?;
            let positive = a.is_finite() && b.is_finite() && a.min(b) >= 0.0;
            if positive && a != b {
                Ok([a.min(b), a.max(b)])
            } else {
                Err(format!("{part} is not a range of resolutions in Å, such as 3.4,3.5"))
            }
        })
        .collect()
}

fn scan_ranges(text: &str) -> Result<Vec<[i64; 2]>, String> {
    let parts = text.split(';').map(str::trim).filter(|p| !p.is_empty() && !matches!(p.to_ascii_lowercase().as_str(), "none" | "all"));
    parts
        .map(|part| {
            let wrong = || format!("{part:?} is not a range of images, such as 1,20");
            let (first, last) = part.split_once(',').ok_or_else(wrong)?;
            let number = |t: &str| t.trim().parse::<i64>().map_err(|_| wrong());
            let [first, last] = [number(first)?, number(last)?];
            if first <= last { Ok([first, last]) } else { Err(format!("{part}: the last image comes before the first")) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_with_their_separators() {
        assert_eq!(resolution_ranges("3.5,3.4; 2,2.2;"), Ok(vec![[3.4, 3.5], [2.0, 2.2]]));
        assert!(["3", "3,3", "-1,2", "a,b", "nan,1"].iter().all(|t| resolution_ranges(t).is_err()));
        assert_eq!(scan_ranges("1,20;61, 80"), Ok(vec![[1, 20], [61, 80]]));
        assert_eq!(scan_ranges("none"), Ok(Vec::new()));
        assert!(["5", "20,1", "1-5", "1,2,3"].iter().all(|t| scan_ranges(t).is_err()));
    }

    #[test]
    fn the_gain_is_a_number_or_a_word() {
        let mut p = Params::default();
        for (text, gain) in [("2.5", Gain::Value(2.5)), ("estimate", Gain::Estimate), ("Auto", Gain::Estimate), ("none", Gain::Detector)] {
            p.set("gain", text).unwrap();
            assert_eq!(p.gain, gain);
            assert_eq!(Gain::parse(&gain.text()), Ok(gain));
            assert_eq!(serde_json::from_str::<Gain>(&serde_json::to_string(&gain).unwrap()).unwrap(), gain);
        }
        assert_eq!([serde_json::from_str::<Gain>("null").unwrap(), serde_json::from_str("4").unwrap()], [Gain::Detector, Gain::Value(4.0)]);
        assert!(p.set("gain", "much").unwrap_err().to_string().contains("estimate"));
        assert!(Params { gain: Gain::Value(-1.0), ..Params::default() }.check().is_err());
        p.set("threshold.dispersion.global_threshold", "auto").unwrap();
        assert_eq!(p.global_threshold, None);
    }

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
