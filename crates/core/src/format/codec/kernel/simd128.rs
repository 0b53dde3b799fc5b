//! 128-bit lanes in WebAssembly. No bitmask: it is slow where the host is ARM.

use core::arch::wasm32::*;

pub type V = v128;

/// SAFETY: 16 bytes at `p` must be readable.
#[inline(always)]
pub unsafe fn load(p: *const u8) -> V {
    // SAFETY: the caller's promise; the instruction needs no alignment.
    unsafe { v128_load(p.cast()) }
}

/// SAFETY: 16 bytes at `p` must be writable.
#[inline(always)]
pub unsafe fn store(p: *mut u8, v: V) {
    // SAFETY: the caller's promise; the instruction needs no alignment.
    unsafe { v128_store(p.cast(), v) }
}

macro_rules! lanes {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $out:ty = $body:expr;)*) => {$(
        #[inline(always)]
        pub fn $name($($arg: $ty),*) -> $out {
            $body
        }
    )*};
}

lanes! {
    zero() -> V = u64x2_splat(0);
    splat(x: u64) -> V = u64x2_splat(x);
    or(a: V, b: V) -> V = v128_or(a, b);
    and(a: V, b: V) -> V = v128_and(a, b);
    xor(a: V, b: V) -> V = v128_xor(a, b);
    low8(a: V, b: V) -> V = i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b);
    high8(a: V, b: V) -> V = i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b);
    low16(a: V, b: V) -> V = i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b);
    high16(a: V, b: V) -> V = i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b);
    low32(a: V, b: V) -> V = i32x4_shuffle::<0, 4, 1, 5>(a, b);
    high32(a: V, b: V) -> V = i32x4_shuffle::<2, 6, 3, 7>(a, b);
    any(a: V) -> bool = v128_any_true(a);
}

#[inline(always)]
pub fn shift_right<const N: i32>(a: V) -> V {
    u64x2_shr(a, N as u32)
}

#[inline(always)]
pub fn shift_left<const N: i32>(a: V) -> V {
    i64x2_shl(a, N as u32)
}
