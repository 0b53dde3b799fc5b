//! 128-bit lanes in WebAssembly.

use super::simd::{self, Lanes};
use super::{Block, Bound, Columns, Levels};
use core::arch::wasm32::*;

#[derive(Clone, Copy)]
struct V(v128);

impl Lanes for V {
    const N: usize = 8;
    #[inline(always)]
    unsafe fn load(p: *const i16) -> Self {
        // SAFETY: the caller's promise; the instruction needs no alignment.
        V(unsafe { v128_load(p.cast()) })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut i16) {
        // SAFETY: the caller's promise; the instruction needs no alignment.
        unsafe { v128_store(p.cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn counts(p: *const i32) -> Self {
        // SAFETY: the caller's promise; the instruction needs no alignment.
        unsafe { V(i16x8_narrow_i32x4(v128_load(p.cast()), v128_load(p.add(4).cast()))) }
    }
    #[inline(always)]
    fn splat(v: i16) -> Self {
        V(i16x8_splat(v))
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        V(i16x8_add(self.0, b.0))
    }
    #[inline(always)]
    fn add_saturating(self, b: Self) -> Self {
        V(i16x8_add_sat(self.0, b.0))
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        V(i16x8_sub(self.0, b.0))
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        V(i16x8_mul(self.0, b.0))
    }
    #[inline(always)]
    fn shift_right(self, by: u32) -> Self {
        V(i16x8_shr(self.0, by))
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        V(v128_or(self.0, b.0))
    }
    #[inline(always)]
    fn and_not(self, b: Self) -> Self {
        V(v128_andnot(b.0, self.0))
    }
    #[inline(always)]
    fn greater(self, b: Self) -> Self {
        V(i16x8_gt(self.0, b.0))
    }
    #[inline(always)]
    fn equal(self, b: Self) -> Self {
        V(i16x8_eq(self.0, b.0))
    }
    #[inline(always)]
    fn products_positive(a: Self, b: Self, c: Self, d: Self) -> Self {
        let low = i32x4_dot_i16x8(i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a.0, c.0), i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(b.0, d.0));
        let high =
            i32x4_dot_i16x8(i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a.0, c.0), i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(b.0, d.0));
        let zero = i32x4_splat(0);
        V(i16x8_narrow_i32x4(i32x4_gt(low, zero), i32x4_gt(high, zero)))
    }
    #[inline(always)]
    fn bits(a: Self, b: Self) -> u64 {
        u64::from(i8x16_bitmask(i8x16_narrow_i16x8(a.0, b.0)))
    }
}

pub(super) fn narrow(pixels: &[i32], mask: &[u64], levels: Levels, values: &mut [i16], small: &mut [u64], bright: &mut [u64]) {
    simd::narrow::<V>(pixels, mask, levels, values, small, bright);
}

pub(super) fn slide(x: &mut [i16], y: &mut [i16], new: &[i16], old: &[i16]) {
    simd::slide::<V>(x, y, new, old);
}

pub(super) fn candidates(columns: Columns, bound: Bound, blocks: &[Block], out: &mut [u64]) {
    simd::candidates::<V>(columns, bound, blocks, out);
}
