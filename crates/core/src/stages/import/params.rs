use super::Error;
use crate::params::{ParamError, Parameters};

crate::parameters! {
    /// Parameters of import: corrections of what the files say.
    pub struct Params {
        /// First and last image to be used, by number (1 is the first of an HDF5 file). Auto is all.
        [basic; ""; 0.0..=1e9; "geometry.scan.image_range"]
        image_range: Option<[usize; 2]> = None,
        /// Distance from the sample to the detector along its normal. Auto is the file's.
        [basic; "mm"; 1.0..=100000.0; "geometry.detector.distance"]
        distance: Option<f64> = None,
        /// Where the beam meets the detector: slow,fast, on the panel that it meets. Auto is the file's.
        [basic; "px"; -1e6..=1e6; "geometry.detector.slow_fast_beam_centre"]
        slow_fast_beam_centre: Option<[f64; 2]> = None,
        /// How much farther the beam meets the detector than the files (or the parameters above) say: slow,fast, of the first sweep's first panel.
        /// The detectors of all sweeps move together, perpendicular to the beam, so that it serves sweeps whose centres differ; it is what the
        /// beam-centre search finds.
        [basic; "mm"; -1000.0..=1000.0; ""]
        slow_fast_beam_shift: Option<[f64; 2]> = None,
        /// Wavelength. Auto is the file's.
        [basic; "Å"; 0.001..=100.0; "geometry.beam.wavelength"]
        wavelength: Option<f64> = None,
        /// Scan angle at the start of the first image and width of an image. Auto is the file's.
        [expert; "°"; -100000.0..=100000.0; "geometry.scan.oscillation"]
        oscillation: Option<[f64; 2]> = None,
        /// Direction of the spindle in the laboratory (x,y,z; the beam comes from +z); of several axes the one that scans, and the others turn
        /// with it. Auto is the file's.
        [expert; ""; -1.0..=1.0; "geometry.goniometer.axes"]
        rotation_axis: Option<[f64; 3]> = None,
        /// Turn the spindle the other way round.
        [expert; ""; 0.0..=0.0; "geometry.goniometer.invert_rotation_axis"]
        invert_rotation_axis: bool = false,
        /// Lowest and highest count that can be trusted. Auto is the file's.
        [expert; "counts"; -1e9..=1e10; "geometry.detector.panel.trusted_range"]
        trusted_range: Option<[f64; 2]> = None,
    }
}

impl Params {
    pub(super) fn check(&self) -> Result<(), Error> {
        self.check_ranges()?;
        let wrong = |name: &str, reason: String| Err(ParamError::Value { name: name.to_owned(), reason }.into());
        if let Some([first, last]) = self.image_range
            && first > last
        {
            return wrong("image_range", format!("{first},{last} is empty; give the lower number first"));
        }
        if let Some(axis) = self.rotation_axis
            && !(axis.iter().map(|c| c * c).sum::<f64>() > 1e-6)
        {
            return wrong("rotation_axis", "it has no direction; give three numbers of which one at least is not 0".to_owned());
        }
        if let Some([low, high]) = self.trusted_range
            && low >= high
        {
            return wrong("trusted_range", format!("{low},{high} is empty; give the lower count first"));
        }
        Ok(())
    }
}
