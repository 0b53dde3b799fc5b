//! Row functions of the dispersion test: the inner loops, without borders, threads or choices.
//!
//! ```text
//! for each row j of a band:
//!     prepare     counts of row j + k with unusable pixels as 0; which are usable
//!     slide       column sums over rows j − k … j + k:  m, x = Σp, y = Σp²
//!     candidates  window sums along the row, 64 pixels at a time; which of them may be dispersed
//! ```
//!
//! 1. Rows are padded to whole blocks of 64 plus the half-width on either side, with m = x = y = 0: no edge cases.
//! 2. Sums of squares are `i32` where the band's largest count allows it, else `f64` (exact to 2⁵³).
//! 3. y moves by (new − old)(new + old): one product a pixel.
//! 4. Candidates are found in `f32` with a margin that covers its rounding, and only they are tested exactly: the
//!    result is that of the exact test.
//!
//! The scalar version is written so that the compiler vectorises it; it is the specification for any other.

mod scalar;

pub(super) use scalar::{BLOCK, Squares, candidates, pack, prepare, slide};
