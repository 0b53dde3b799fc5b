//! Bit transposition: the inner loop of bitshuffle.
//!
//! A shuffled block of n elements (n a multiple of 8) of s bytes holds 8·s *bit rows* of n/8 bytes each. Row
//! 8·b + k holds bit k of byte b of every element, element i in bit i mod 8 of byte i div 8. To undo it:
//!
//! ```text
//! for each byte b of the element
//!   for each group g of 8 elements
//!     x = the 8 bytes rows[8b .. 8b + 8][g]          an 8 × 8 bit matrix
//!     x = transpose(x)                               byte j of it is byte b of element 8g + j
//!     for j in 0..8: out[(8g + j)·s + b] = byte j of x
//! ```
//!
//! [`scalar`] is that, and the specification. [`simd`] does 16 groups at once:
//! 1. One load takes 16 groups of one row; 8 loads are a byte plane of 128 elements.
//! 2. Three rounds of byte interleaving gather the 8 bytes of each group into one 64-bit lane.
//! 3. Three delta swaps transpose all lanes (Warren 2012, ch. 7-3).
//! 4. The planes of an element are interleaved on the way out.
//!
//! Most pixels hold few counts, so the upper planes are zero nearly everywhere: a plane whose rows
//! are all zero skips steps 2 and 3.

mod scalar;

#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod simd;

#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
use x86 as lanes;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use simd128 as lanes;

/// Undoes the bit shuffle of one block.
///
/// `src` and `dst` have the same length, a multiple of 8·`element`; `element` is in bytes.
pub fn untranspose(src: &[u8], dst: &mut [u8], element: usize) {
    assert!(src.len() == dst.len() && element > 0 && src.len().is_multiple_of(8 * element));
    let groups = src.len() / (8 * element);
    #[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
    let done = simd::untranspose(src, dst, element, groups);
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
    let done = 0;
    scalar::untranspose(src, dst, element, groups, done);
}

/// Shuffles the bits of one block: the inverse of [`untranspose`].
pub fn transpose(src: &[u8], dst: &mut [u8], element: usize) {
    assert!(src.len() == dst.len() && element > 0 && src.len().is_multiple_of(8 * element));
    scalar::transpose(src, dst, element, src.len() / (8 * element));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bit by bit, from the definition.
    fn naive(src: &[u8], element: usize) -> Vec<u8> {
        let n = src.len() / element;
        let mut out = vec![0; src.len()];
        for i in 0..n {
            for b in 0..element {
                for k in 0..8 {
                    let bit = src[(b * 8 + k) * (n / 8) + i / 8] >> (i % 8) & 1;
                    out[i * element + b] |= bit << k;
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn every_variant_undoes_the_shuffle(
            element in prop::sample::select(vec![1usize, 2, 3, 4, 8]),
            groups in 0usize..70,
            sparse in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let mut state = seed | 1;
            let src: Vec<u8> = (0..groups * 8 * element).map(|i| {
                state ^= state << 13; state ^= state >> 7; state ^= state << 17;
                // Sparse: bit rows of the upper bytes are zero, as in real images.
                if sparse && i >= groups * 8 { 0 } else { (state >> 32) as u8 }
            }).collect();
            let want = naive(&src, element);
            let mut got = vec![0xAA; src.len()];
            untranspose(&src, &mut got, element);
            prop_assert_eq!(&got, &want);
            let mut by_scalar = vec![0xAA; src.len()];
            scalar::untranspose(&src, &mut by_scalar, element, groups, 0);
            prop_assert_eq!(&by_scalar, &want);
            let mut back = vec![0xAA; src.len()];
            transpose(&want, &mut back, element);
            prop_assert_eq!(&back, &src);
        }
    }
}
