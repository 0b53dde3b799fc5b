//! 128-bit lanes on x86-64, where SSE2 is always there.

use core::arch::x86_64::*;

pub type V = __m128i;

/// SAFETY: 16 bytes at `p` must be readable.
#[inline(always)]
pub unsafe fn load(p: *const u8) -> V {
    // SAFETY: the caller's promise; the instruction needs no alignment.
    unsafe { _mm_loadu_si128(p.cast()) }
}

/// SAFETY: 16 bytes at `p` must be writable.
#[inline(always)]
pub unsafe fn store(p: *mut u8, v: V) {
    // SAFETY: the caller's promise; the instruction needs no alignment.
    unsafe { _mm_storeu_si128(p.cast(), v) }
}

macro_rules! lanes {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $out:ty = $body:expr;)*) => {$(
        #[inline(always)]
        pub fn $name($($arg: $ty),*) -> $out {
            // SAFETY: SSE2 is part of every x86-64.
            #[allow(unused_unsafe)]
            unsafe { $body }
        }
    )*};
}

lanes! {
    zero() -> V = _mm_setzero_si128();
    splat(x: u64) -> V = _mm_set1_epi64x(x as i64);
    or(a: V, b: V) -> V = _mm_or_si128(a, b);
    and(a: V, b: V) -> V = _mm_and_si128(a, b);
    xor(a: V, b: V) -> V = _mm_xor_si128(a, b);
    low8(a: V, b: V) -> V = _mm_unpacklo_epi8(a, b);
    high8(a: V, b: V) -> V = _mm_unpackhi_epi8(a, b);
    low16(a: V, b: V) -> V = _mm_unpacklo_epi16(a, b);
    high16(a: V, b: V) -> V = _mm_unpackhi_epi16(a, b);
    low32(a: V, b: V) -> V = _mm_unpacklo_epi32(a, b);
    high32(a: V, b: V) -> V = _mm_unpackhi_epi32(a, b);
    any(a: V) -> bool = _mm_movemask_epi8(_mm_cmpeq_epi8(a, _mm_setzero_si128())) != 0xffff;
}

#[inline(always)]
pub fn shift_right<const N: i32>(a: V) -> V {
    // SAFETY: SSE2 is part of every x86-64.
    #[allow(unused_unsafe)]
    unsafe {
        _mm_srli_epi64::<N>(a)
    }
}

#[inline(always)]
pub fn shift_left<const N: i32>(a: V) -> V {
    // SAFETY: SSE2 is part of every x86-64.
    #[allow(unused_unsafe)]
    unsafe {
        _mm_slli_epi64::<N>(a)
    }
}
