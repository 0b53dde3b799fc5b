/// Pixels that [`candidates`] tests at a time.
pub(in crate::image) const BLOCK: usize = 64;

/// Covers the rounding of a handful of `f32` operations (6e-8 each) with room to spare.
const MARGIN: f32 = 1.0 + 1e-5;

/// A type that holds sums of squares of counts.
pub(in crate::image) trait Squares: Copy + Default + core::ops::AddAssign {
    /// new² − old².
    fn difference(new: i32, old: i32) -> Self;
    /// For the approximate test.
    fn approximate(self) -> f32;
    /// For the exact test.
    fn exact(self) -> f64;
}

impl Squares for i32 {
    fn difference(new: i32, old: i32) -> Self {
        (new - old) * (new + old)
    }
    fn approximate(self) -> f32 {
        self as f32
    }
    fn exact(self) -> f64 {
        f64::from(self)
    }
}

impl Squares for f64 {
    fn difference(new: i32, old: i32) -> Self {
        f64::from(new - old) * f64::from(new + old)
    }
    fn approximate(self) -> f32 {
        self as f32
    }
    fn exact(self) -> f64 {
        self
    }
}

/// Counts of a row with unusable pixels as 0, and which are usable.
///
/// - `pixels`, `mask`: the row, as wide
/// - `trusted`: lowest and highest count to be used
/// - `values`, `valid` (0 or 1): at least as wide; beyond the row they are left alone
///
/// Returns the largest |value|.
pub(in crate::image) fn prepare(pixels: &[i32], mask: &[bool], trusted: [i32; 2], values: &mut [i32], valid: &mut [u8]) -> u32 {
    let n = pixels.len();
    let (mask, values, valid) = (&mask[..n], &mut values[..n], &mut valid[..n]);
    let [low, high] = trusted;
    for i in 0..n {
        valid[i] = u8::from(mask[i] & (pixels[i] >= low) & (pixels[i] <= high));
    }
    let mut largest = 0;
    for i in 0..n {
        let value = if valid[i] != 0 { pixels[i] } else { 0 };
        values[i] = value;
        largest = largest.max(value.unsigned_abs());
    }
    largest
}

/// Moves column sums by a row: the row `new` enters, `old` leaves. All slices are equally long.
pub(in crate::image) fn slide<Y: Squares>(m: &mut [u8], x: &mut [i32], y: &mut [Y], new: (&[i32], &[u8]), old: (&[i32], &[u8])) {
    let n = m.len();
    let (x, y) = (&mut x[..n], &mut y[..n]);
    let (new_values, new_valid, old_values, old_valid) = (&new.0[..n], &new.1[..n], &old.0[..n], &old.1[..n]);
    for i in 0..n {
        m[i] = m[i].wrapping_add(new_valid[i]).wrapping_sub(old_valid[i]);
    }
    for i in 0..n {
        x[i] += new_values[i] - old_values[i];
    }
    for i in 0..n {
        y[i] += Y::difference(new_values[i], old_values[i]);
    }
}

/// Which of [`BLOCK`] pixels may have m·y − x² > x·b(m) in a window of `window` columns, as bits.
///
/// - `m`, `x`, `y`: column sums from half a window before the first pixel on, `BLOCK + window − 1` long
/// - `full`: number of pixels in a window without gaps; `bound(m)` = b(m), which rises with √m at most
/// - `bounds[m]`: b(m)
///
/// A superset of the true ones by about one in 10⁵ of m·y; where the sums are all zero there are none.
pub(in crate::image) fn candidates<Y: Squares>(m: &[u8], x: &[i32], y: &[Y], window: usize, bounds: &[f32]) -> u64 {
    let span = BLOCK + window - 1;
    let (m, x, y) = (&m[..span], &x[..span], &y[..span]);
    let mut sum_x = [0i32; BLOCK];
    let mut sum_y = [Y::default(); BLOCK];
    for t in 0..window {
        for i in 0..BLOCK {
            sum_x[i] += x[i + t];
        }
        for i in 0..BLOCK {
            sum_y[i] += y[i + t];
        }
    }
    let mut possible = [0u8; BLOCK];
    // The window has as many rows as columns only by chance; a full one has the largest m.
    let full = bounds.len() - 1;
    let rows = (full / window) as u8;
    if m.iter().all(|&n| n == rows) {
        let (n, bound) = (full as f32 * MARGIN, bounds[full]);
        for i in 0..BLOCK {
            let s = sum_x[i] as f32;
            possible[i] = u8::from(n * sum_y[i].approximate() > s * (s + bound));
        }
    } else {
        let mut sum_m = [0u16; BLOCK];
        for t in 0..window {
            for i in 0..BLOCK {
                sum_m[i] += u16::from(m[i + t]);
            }
        }
        for i in 0..BLOCK {
            let (s, n) = (sum_x[i] as f32, usize::from(sum_m[i]).min(full));
            possible[i] = u8::from(n as f32 * MARGIN * sum_y[i].approximate() > s * (s + bounds[n]));
        }
    }
    pack(&possible)
}

/// Sixty-four bytes of 0 or 1 as bits, the first in the lowest.
pub(in crate::image) fn pack(bytes: &[u8; BLOCK]) -> u64 {
    let mut word = 0;
    for (k, eight) in bytes.chunks_exact(8).enumerate() {
        let mut le = [0u8; 8];
        le.copy_from_slice(eight);
        // Gathers the eight low bits in the top byte.
        let gathered = u64::from_le_bytes(le).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word |= gathered << (8 * k);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_the_order() {
        for i in 0..BLOCK {
            let mut bytes = [0; BLOCK];
            bytes[i] = 1;
            assert_eq!(pack(&bytes), 1 << i);
        }
        assert_eq!(pack(&[1; BLOCK]), u64::MAX);
    }
}
