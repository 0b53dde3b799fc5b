//! SSE2, which every x86-64 has, and AVX2, which the caller has looked for.

/// Lanes and row functions of one instruction set. `AVX2`-only rearrangements are passed in, since its packing works within halves.
macro_rules! level {
    ($name:ident, $v:ident, $n:literal, $feature:literal, $load:ident, $store:ident, $splat:ident, $add:ident, $adds:ident, $sub:ident, $mul:ident,
     $sra:ident, $or:ident, $andnot:ident, $gt:ident, $eq:ident, $lo:ident, $hi:ident, $madd:ident, $gt32:ident, $zero:ident,
     $packs32:ident, $packs16:ident, $movemask:ident, $cast:ty, |$packed:ident| $in_order:expr) => {
        pub(in super::super) mod $name {
            use super::super::simd::{self, Lanes};
            use super::super::{Block, Bound, Columns, Levels};
            use core::arch::x86_64::*;

            #[derive(Clone, Copy)]
            struct V($v);

            // SAFETY, for all of it: the instructions exist wherever the functions below may be called; addresses are the caller's promise.
            impl Lanes for V {
                const N: usize = $n;
                #[inline(always)]
                unsafe fn load(p: *const i16) -> Self {
                    V(unsafe { $load(p.cast()) })
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut i16) {
                    unsafe { $store(p.cast(), self.0) }
                }
                #[inline(always)]
                unsafe fn counts(p: *const i32) -> Self {
                    V(unsafe {
                        let $packed = $packs32($load(p.cast()), $load(p.add($n / 2).cast()));
                        $in_order
                    })
                }
                #[inline(always)]
                fn splat(v: i16) -> Self {
                    V(unsafe { $splat(v) })
                }
                #[inline(always)]
                fn add(self, b: Self) -> Self {
                    V(unsafe { $add(self.0, b.0) })
                }
                #[inline(always)]
                fn add_saturating(self, b: Self) -> Self {
                    V(unsafe { $adds(self.0, b.0) })
                }
                #[inline(always)]
                fn sub(self, b: Self) -> Self {
                    V(unsafe { $sub(self.0, b.0) })
                }
                #[inline(always)]
                fn mul(self, b: Self) -> Self {
                    V(unsafe { $mul(self.0, b.0) })
                }
                #[inline(always)]
                fn shift_right(self, by: u32) -> Self {
                    V(unsafe { $sra(self.0, _mm_cvtsi32_si128(by as i32)) })
                }
                #[inline(always)]
                fn or(self, b: Self) -> Self {
                    V(unsafe { $or(self.0, b.0) })
                }
                #[inline(always)]
                fn and_not(self, b: Self) -> Self {
                    V(unsafe { $andnot(self.0, b.0) })
                }
                #[inline(always)]
                fn greater(self, b: Self) -> Self {
                    V(unsafe { $gt(self.0, b.0) })
                }
                #[inline(always)]
                fn equal(self, b: Self) -> Self {
                    V(unsafe { $eq(self.0, b.0) })
                }
                #[inline(always)]
                fn products_positive(a: Self, b: Self, c: Self, d: Self) -> Self {
                    // Interleaving and packing both work within halves, so the order comes out right.
                    V(unsafe {
                        let low = $madd($lo(a.0, c.0), $lo(b.0, d.0));
                        let high = $madd($hi(a.0, c.0), $hi(b.0, d.0));
                        $packs32($gt32(low, $zero()), $gt32(high, $zero()))
                    })
                }
                #[inline(always)]
                fn bits(a: Self, b: Self) -> u64 {
                    unsafe {
                        let $packed = $packs16(a.0, b.0);
                        $movemask($in_order) as $cast as u64
                    }
                }
            }

            #[target_feature(enable = $feature)]
            pub(in super::super) fn narrow(
                pixels: &[i32],
                mask: &[u64],
                levels: Levels,
                values: &mut [i16],
                small: &mut [u64],
                bright: &mut [u64],
            ) {
                simd::narrow::<V>(pixels, mask, levels, values, small, bright);
            }

            #[target_feature(enable = $feature)]
            pub(in super::super) fn slide(x: &mut [i16], y: &mut [i16], new: &[i16], old: &[i16]) {
                simd::slide::<V>(x, y, new, old);
            }

            #[target_feature(enable = $feature)]
            pub(in super::super) fn candidates(columns: Columns, bound: Bound, blocks: &[Block], out: &mut [u64]) {
                simd::candidates::<V>(columns, bound, blocks, out);
            }
        }
    };
}

level!(
    sse2,
    __m128i,
    8,
    "sse2",
    _mm_loadu_si128,
    _mm_storeu_si128,
    _mm_set1_epi16,
    _mm_add_epi16,
    _mm_adds_epi16,
    _mm_sub_epi16,
    _mm_mullo_epi16,
    _mm_sra_epi16,
    _mm_or_si128,
    _mm_andnot_si128,
    _mm_cmpgt_epi16,
    _mm_cmpeq_epi16,
    _mm_unpacklo_epi16,
    _mm_unpackhi_epi16,
    _mm_madd_epi16,
    _mm_cmpgt_epi32,
    _mm_setzero_si128,
    _mm_packs_epi32,
    _mm_packs_epi16,
    _mm_movemask_epi8,
    u16,
    |packed| packed
);

level!(
    avx2,
    __m256i,
    16,
    "avx2",
    _mm256_loadu_si256,
    _mm256_storeu_si256,
    _mm256_set1_epi16,
    _mm256_add_epi16,
    _mm256_adds_epi16,
    _mm256_sub_epi16,
    _mm256_mullo_epi16,
    _mm256_sra_epi16,
    _mm256_or_si256,
    _mm256_andnot_si256,
    _mm256_cmpgt_epi16,
    _mm256_cmpeq_epi16,
    _mm256_unpacklo_epi16,
    _mm256_unpackhi_epi16,
    _mm256_madd_epi16,
    _mm256_cmpgt_epi32,
    _mm256_setzero_si256,
    _mm256_packs_epi32,
    _mm256_packs_epi16,
    _mm256_movemask_epi8,
    u32,
    |packed| _mm256_permute4x64_epi64::<0xD8>(packed)
);
