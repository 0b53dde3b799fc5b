use super::Error;
use crate::params::Parameters;

crate::choice! {
    /// How the beam centre is looked for.
    pub enum Method {
        /// From spots: where they lie on a lattice.
        #[default]
        Default = "default",
        /// From images: the middle between the flanks of the projected intensity.
        Midpoint = "midpoint",
        /// From images: the highest projected intensity.
        Maximum = "maximum",
        /// From images: the point about which the projected intensity is most symmetric.
        Inversion = "inversion",
    }
}

crate::parameters! {
    /// Parameters of the beam-centre search.
    pub struct Params {
        /// How the beam centre is looked for.
        [basic; ""; 0.0..=0.0; "method"]
        method: Method = Method::Default,
        /// The centre is looked for to this distance from where the header has it.
        [basic; "mm"; 0.0..=50.0; "default.mm_search_scope"]
        mm_search_scope: f64 = 4.0,
        /// Step of the first, coarse search, in pixels.
        [expert; "px"; 0.5..=50.0; "default.wide_search_binning"]
        wide_search_binning: f64 = 2.0,
        /// Longest lattice vector. Auto: from the distances between neighbouring spots.
        [expert; "Å"; 5.0..=2000.0; "default.max_cell"]
        max_cell: Option<f64> = None,
        /// Most spots of a sweep that are used; of more, evenly chosen ones.
        [expert; ""; 50.0..=1e6; "default.max_reflections"]
        max_reflections: usize = 10000,
        /// Spots at higher resolution (smaller d) are not used.
        [basic; "Å"; 0.1..=1e4; "default.d_min"]
        d_min: Option<f64> = None,
        /// Only spots on these images, of array numbers from the first to before the second.
        [expert; ""; 0.0..=1e6; "default.image_range"]
        image_range: Option<[usize; 2]> = None,
        /// How often lattice and centre are improved in turn.
        [expert; ""; 1.0..=20.0; "default.n_macro_cycles"]
        n_macro_cycles: usize = 3,
        /// Most images that are averaged by the methods that need images; of more, evenly chosen ones.
        [expert; "images"; 1.0..=1000.0; ""]
        n_images: usize = 20,
    }
}

impl Params {
    pub(super) fn check(&self) -> Result<(), Error> {
        Ok(self.check_ranges()?)
    }
}
