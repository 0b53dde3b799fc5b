use crate::Params;

/// The demonstration data set: lysozyme on an Eiger 1M, 90° in 0.5° images, enough for a complete tetragonal data set in under a minute.
pub fn demo() -> Params {
    Params { images: 180, width_deg: 0.5, name: "lysozyme_demo".to_owned(), seed: 5, ..Params::default() }
}
