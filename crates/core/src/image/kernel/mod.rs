//! Row functions of the dispersion test: the inner loops, without borders, threads or choices.
//!
//! ```text
//! for each row r of a panel, in blocks of 64 pixels:
//!     narrow      counts as i16, those that are unusable, large or negative as 0; which are small, which are bright
//!     slide       column sums over rows r − 2k … r:  x = Σp, y = Σp²
//!     candidates  window sums along row r − k; which pixels may be dispersed
//! ```
//!
//! Everything is in 16-bit integers, with products in 32. The result is a *superset* of the dispersed pixels, and only its pixels are tested
//! exactly, so that the strong pixels are those of the definition (see [`super::dispersion`] for the letters). Why nothing is missed:
//!
//! 1. A count above [`Levels::high`] or below 0 is *large*: it takes no part in the sums, and the driver makes every pixel whose
//!    window holds one a candidate. `high` is such that neither a column's Σp² nor a window's Σp + b exceeds 2¹⁵ − 1.
//! 2. A window's Σp² may exceed that; the sum saturates, and a saturated one makes a candidate.
//! 3. With a full window, m·y − x² > x·b is tested with ⌊b⌋ ≤ b in exact 32-bit integers.
//! 4. With m < M = (2k+1)² usable pixels, b(m) = g(m − 1 + σ_b √(2(m−1))) is replaced by its chord from b(1) = 0 to b(M), which lies below
//!    because b is concave; the chord's slope is rounded down to a fraction of a power of two.
//! 5. *Early rejection.* Let no count of a window be negative, and the largest be p. Then y = Σpᵢ² ≤ p·Σpᵢ = p·x, and x ≥ p. If the pixel is
//!    flagged, x·b < m·y − x² ≤ (m·p − x)·x, so x > 0 and b < m·p − x ≤ (m − 1)·p, that is p > b(m)/(m − 1) = g(1 + σ_b √(2/(m−1))), which
//!    is at least g(1 + σ_b √(2/(M−1))). A window without a *bright* count, one above the last number (2.2 with the defaults) or one
//!    that is large or negative, holds no dispersed pixel, and blocks of such windows are not summed.
//!
//! [`scalar`] is the specification; [`simd`] is written once over the lanes of SSE2, AVX2 (found at run time) and SIMD128, with the same results.

mod scalar;
#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod simd;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Pixels that are handled together: the bits of a word.
pub(super) const BLOCK: usize = 64;

/// What counts mean to the row functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Levels {
    /// Smallest count that is summed, at least 0.
    pub(super) low: i16,
    /// Largest count that is summed.
    pub(super) high: i16,
    /// Counts above this are bright.
    pub(super) bright: i16,
}

/// What is done with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// It has no candidates.
    Skip,
    /// All pixels of all its windows are usable.
    Full,
    /// Some are not.
    Gaps,
}

/// The test m·y − x² > x·b in integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    /// Number of columns of a window.
    pub(super) columns: usize,
    /// Number of pixels of a full window.
    pub(super) full: i16,
    /// ⌊b⌋ of a full window.
    pub(super) of_full: i16,
    /// Slope of the chord, times 2^`shift`.
    pub(super) slope: i16,
    /// See `slope`.
    pub(super) shift: u32,
}

/// Column sums of a row, padded by half a window on either side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns<'a> {
    /// Usable pixels.
    pub(super) m: &'a [i16],
    /// Σp.
    pub(super) x: &'a [i16],
    /// Σp².
    pub(super) y: &'a [i16],
}

/// Instructions that the row functions are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Plain Rust.
    #[cfg_attr(any(target_arch = "x86_64", target_feature = "simd128"), allow(dead_code))]
    Scalar,
    /// 128 bits on x86-64.
    #[cfg(target_arch = "x86_64")]
    Sse2,
    /// 256 bits on x86-64.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 128 bits in WebAssembly.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
}

impl Level {
    /// The best that this machine has.
    pub(super) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        return if std::arch::is_x86_feature_detected!("avx2") { Level::Avx2 } else { Level::Sse2 };
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        return Level::Simd128;
        #[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
        Level::Scalar
    }
}

/// Calls the row function of a level: the scalar one, or the vector one with its lanes.
macro_rules! dispatch {
    ($level:expr, $name:ident($($arg:expr),*)) => {
        match $level {
            Level::Scalar => scalar::$name($($arg),*),
            // SAFETY: every x86-64 has SSE2.
            #[cfg(target_arch = "x86_64")]
            Level::Sse2 => unsafe { x86::sse2::$name($($arg),*) },
            // SAFETY: this level is chosen only where the processor has AVX2.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { x86::avx2::$name($($arg),*) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Simd128 => simd128::$name($($arg),*),
        }
    };
}

/// Narrows a row of whole blocks.
///
/// - `pixels`, `mask` (bits): the row
/// - `values`: as many; 0 where a count is masked or not between `low` and `high`
/// - `small`: which are between `low` and `high`, masked or not
/// - `bright`: which of those that are small and not masked are bright
pub(super) fn narrow(
    level: Level,
    pixels: &[i32],
    mask: &[u64],
    levels: Levels,
    values: &mut [i16],
    small: &mut [u64],
    bright: &mut [u64],
) {
    let n = mask.len();
    assert!(pixels.len() == n * BLOCK && values.len() == n * BLOCK && small.len() == n && bright.len() == n);
    dispatch!(level, narrow(pixels, mask, levels, values, small, bright));
}

/// Moves column sums by a row: `new` enters, `old` leaves. All slices are equally long.
pub(super) fn slide(level: Level, x: &mut [i16], y: &mut [i16], new: &[i16], old: &[i16]) {
    let n = x.len();
    assert!(y.len() == n && new.len() == n && old.len() == n);
    dispatch!(level, slide(x, y, new, old));
}

/// The pixels of a row that may be dispersed: bits in `out`, a word for each of `blocks`.
pub(super) fn candidates(level: Level, columns: Columns, bound: Bound, blocks: &[Block], out: &mut [u64]) {
    let needed = blocks.len() * BLOCK + bound.columns - 1;
    let Columns { m, x, y } = columns;
    assert!(out.len() == blocks.len() && m.len() >= needed && x.len() >= needed && y.len() >= needed);
    dispatch!(level, candidates(columns, bound, blocks, out));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All levels of this machine.
    fn levels() -> Vec<Level> {
        #[cfg(target_arch = "x86_64")]
        return if Level::best() == Level::Avx2 { vec![Level::Sse2, Level::Avx2] } else { vec![Level::Sse2] };
        #[cfg(not(target_arch = "x86_64"))]
        vec![Level::best()]
    }

    fn pixels(blocks: usize) -> impl Strategy<Value = Vec<i32>> {
        let count =
            prop_oneof![8 => 0i32..6, 2 => 0i32..90, 1 => prop_oneof![Just(-1), Just(i32::MIN), Just(i32::MAX), Just(1 << 16), -70..70i32]];
        prop::collection::vec(count, blocks * BLOCK)
    }

    proptest! {
        #[test]
        fn every_level_narrows_alike(
            (pixels, mask) in (0usize..6).prop_flat_map(|n| (pixels(n), prop::collection::vec(prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)], n))),
            low in 0i16..2, high in 3i16..80, bright in 2i16..60,
        ) {
            let n = mask.len();
            let run = |level| {
                let (mut v, mut s, mut b) = (vec![7i16; n * BLOCK], vec![7u64; n], vec![7u64; n]);
                narrow(level, &pixels, &mask, Levels { low, high, bright }, &mut v, &mut s, &mut b);
                (v, s, b)
            };
            let expected = run(Level::Scalar);
            for level in levels() {
                prop_assert_eq!(&run(level), &expected, "{:?}", level);
            }
        }

        #[test]
        fn every_level_slides_alike(rows in (0usize..200).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(0i16..69, n), 4))) {
            let run = |level| {
                let (mut x, mut y) = (rows[0].clone(), rows[1].clone());
                slide(level, &mut x, &mut y, &rows[2], &rows[3]);
                (x, y)
            };
            let expected = run(Level::Scalar);
            for level in levels() {
                prop_assert_eq!(&run(level), &expected, "{:?}", level);
            }
        }

        #[test]
        fn every_level_has_the_same_candidates(
            half in 1usize..8,
            (blocks, sums) in prop::collection::vec(prop_oneof![Just(Block::Skip), Just(Block::Full), Just(Block::Gaps)], 0..4)
                .prop_flat_map(|b| { let n = b.len() * BLOCK + 14; (Just(b), prop::collection::vec((0i16..16, 0i16..40, prop_oneof![4 => 0i16..200, 1 => 0i16..i16::MAX]), n)) }),
            (of_full, slope, shift) in (0i16..400, 0i16..1000, 0u32..8),
        ) {
            let column = |f: fn(&(i16, i16, i16)) -> i16| sums.iter().map(f).collect::<Vec<_>>();
            let (m, x, y) = (column(|s| s.0), column(|s| s.1), column(|s| s.2));
            let columns = 2 * half + 1;
            let bound = Bound { columns, full: (columns * columns) as i16, of_full, slope, shift };
            let run = |level| {
                let mut out = vec![7; blocks.len()];
                candidates(level, Columns { m: &m, x: &x, y: &y }, bound, &blocks, &mut out);
                out
            };
            let expected = run(Level::Scalar);
            for level in levels() {
                prop_assert_eq!(&run(level), &expected, "{:?}", level);
            }
        }
    }
}
