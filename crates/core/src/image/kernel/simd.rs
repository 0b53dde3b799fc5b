//! The row functions over the lanes of an architecture.
//!
//! No closures, and loops by hand: what is not inlined into the function that has the processor's features is compiled without them.

use super::{BLOCK, Block, Bound, Columns, Levels};

/// A vector of 16-bit integers.
pub(super) trait Lanes: Copy {
    /// How many.
    const N: usize;

    /// SAFETY: `N` values at `p` must be readable.
    unsafe fn load(p: *const i16) -> Self;
    /// SAFETY: `N` values at `p` must be writable.
    unsafe fn store(self, p: *mut i16);
    /// `N` counts, saturated.
    ///
    /// SAFETY: `N` values at `p` must be readable.
    unsafe fn counts(p: *const i32) -> Self;
    fn splat(v: i16) -> Self;
    fn add(self, b: Self) -> Self;
    fn add_saturating(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    /// The low halves of the products.
    fn mul(self, b: Self) -> Self;
    fn shift_right(self, by: u32) -> Self;
    fn or(self, b: Self) -> Self;
    /// `b` where a bit of `self` is not set.
    fn and_not(self, b: Self) -> Self;
    /// All bits of a lane where self > b.
    fn greater(self, b: Self) -> Self;
    fn equal(self, b: Self) -> Self;
    /// All bits of a lane where a·b + c·d > 0, in 32 bits.
    fn products_positive(a: Self, b: Self, c: Self, d: Self) -> Self;
    /// The highest bits of the lanes of `a`, then of `b`.
    fn bits(a: Self, b: Self) -> u64;
}

/// `N` counts from `p` on to `v`; which are outside `low..=high`, and which of the others are above `limit`.
///
/// SAFETY: `N` values must be readable at `p` and writable at `v`.
#[inline(always)]
unsafe fn narrow_lanes<V: Lanes>(p: *const i32, v: *mut i16, low: V, high: V, limit: V) -> (V, V) {
    // SAFETY: the caller's promise.
    unsafe {
        let count = V::counts(p);
        let outside = low.greater(count).or(count.greater(high));
        let value = outside.and_not(count);
        value.store(v);
        (outside, value.greater(limit))
    }
}

#[inline(always)]
pub(super) fn narrow<V: Lanes>(pixels: &[i32], mask: &[u64], levels: Levels, values: &mut [i16], small: &mut [u64], bright: &mut [u64]) {
    let (low, high, limit) = (V::splat(levels.low), V::splat(levels.high), V::splat(levels.bright));
    for (w, &mask) in mask.iter().enumerate() {
        let (p, v) = (pixels[w * BLOCK..][..BLOCK].as_ptr(), values[w * BLOCK..][..BLOCK].as_mut_ptr());
        let (mut s, mut b) = (0, 0);
        let mut i = 0;
        while i < BLOCK {
            // SAFETY: the slices above are a block long, of which these are the parts from i and i + N on.
            unsafe {
                let first = narrow_lanes(p.add(i), v.add(i), low, high, limit);
                let second = narrow_lanes(p.add(i + V::N), v.add(i + V::N), low, high, limit);
                s |= V::bits(first.0, second.0) << i;
                b |= V::bits(first.1, second.1) << i;
            }
            i += 2 * V::N;
        }
        // The bits gathered are those outside.
        (small[w], bright[w]) = (!s, b & !s & mask);
        let mut masked = !s & !mask;
        if masked == u64::MAX {
            values[w * BLOCK..(w + 1) * BLOCK].fill(0);
            masked = 0;
        }
        while masked != 0 {
            values[w * BLOCK + masked.trailing_zeros() as usize] = 0;
            masked &= masked - 1;
        }
    }
}

#[inline(always)]
pub(super) fn slide<V: Lanes>(x: &mut [i16], y: &mut [i16], new: &[i16], old: &[i16]) {
    let whole = x.len() / V::N * V::N;
    let mut i = 0;
    while i < whole {
        // SAFETY: i + N ≤ x.len(), and the caller has checked that all slices are as long.
        unsafe {
            let (n, o) = (V::load(new.as_ptr().add(i)), V::load(old.as_ptr().add(i)));
            let (px, py) = (x.as_mut_ptr().add(i), y.as_mut_ptr().add(i));
            let step = n.sub(o);
            V::load(px).add(step).store(px);
            V::load(py).add(step.mul(n.add(o))).store(py);
        }
        i += V::N;
    }
    super::scalar::slide(&mut x[whole..], &mut y[whole..], &new[whole..], &old[whole..]);
}

/// The candidates among `N` pixels: column sums of their windows begin at the addresses.
///
/// SAFETY: `N + columns − 1` values must be readable at each address.
#[inline(always)]
unsafe fn candidate_lanes<V: Lanes>([m, x, y]: [*const i16; 3], bound: Bound, gaps: bool) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let (mut sx, mut sy) = (V::load(x), V::load(y));
        let mut t = 1;
        while t < bound.columns {
            sx = sx.add(V::load(x.add(t)));
            sy = sy.add_saturating(V::load(y.add(t)));
            t += 1;
        }
        let (mut sm, mut b) = (V::splat(bound.full), V::splat(bound.of_full));
        if gaps {
            sm = V::load(m);
            let mut t = 1;
            while t < bound.columns {
                sm = sm.add(V::load(m.add(t)));
                t += 1;
            }
            b = sm.sub(V::splat(1)).mul(V::splat(bound.slope)).shift_right(bound.shift);
        }
        V::products_positive(sy, sm, sx, V::splat(0).sub(sx.add(b))).or(sy.equal(V::splat(i16::MAX)))
    }
}

#[inline(always)]
pub(super) fn candidates<V: Lanes>(columns: Columns, bound: Bound, blocks: &[Block], out: &mut [u64]) {
    for (w, block) in blocks.iter().enumerate() {
        out[w] = 0;
        if *block == Block::Skip {
            continue;
        }
        let span = w * BLOCK..(w + 1) * BLOCK + bound.columns - 1;
        let (m, x, y) = (columns.m[span.clone()].as_ptr(), columns.x[span.clone()].as_ptr(), columns.y[span].as_ptr());
        let mut word = 0;
        let mut i = 0;
        while i < BLOCK {
            let j = i + V::N;
            // SAFETY: j + N ≤ BLOCK, and the slices above go on for columns − 1 beyond that.
            unsafe {
                let first: V = candidate_lanes([m.add(i), x.add(i), y.add(i)], bound, *block == Block::Gaps);
                let second: V = candidate_lanes([m.add(j), x.add(j), y.add(j)], bound, *block == Block::Gaps);
                word |= V::bits(first, second) << i;
            }
            i += 2 * V::N;
        }
        out[w] = word;
    }
}
