//! The vector form, written once over the lane operations of each architecture.

use super::lanes::*;

/// Groups of 8 elements handled together: the bytes of one vector.
const STEP: usize = 16;

#[inline(always)]
fn delta_swap<const N: i32>(x: V, mask: u64) -> V {
    let t = and(xor(x, shift_right::<N>(x)), splat(mask));
    xor(xor(x, t), shift_left::<N>(t))
}

/// Transposes the 8 × 8 bit matrix in each 64-bit lane.
#[inline(always)]
fn transpose_lanes(x: V) -> V {
    let x = delta_swap::<7>(x, 0x00AA_00AA_00AA_00AA);
    let x = delta_swap::<14>(x, 0x0000_CCCC_0000_CCCC);
    delta_swap::<28>(x, 0x0000_0000_F0F0_F0F0)
}

/// One byte plane of 128 elements: eight vectors, each with this byte of 16 consecutive elements.
/// `None` when all are zero.
///
/// SAFETY: `rows + 7·groups .. + 16` must be readable.
#[inline(always)]
unsafe fn plane(rows: *const u8, groups: usize) -> Option<[V; 8]> {
    // SAFETY: the caller's promise covers row 7, and with it the rows before.
    let r: [V; 8] = core::array::from_fn(|k| unsafe { load(rows.add(k * groups)) });
    if !any(r.iter().fold(zero(), |o, &v| or(o, v))) {
        return None;
    }
    // Bytes of rows 01, 23, 45, 67 in pairs; then of rows 0–3 and 4–7; then of all 8 in a lane.
    let pair = |i: usize| (low8(r[i], r[i + 1]), high8(r[i], r[i + 1]));
    let ((a0, a1), (b0, b1), (c0, c1), (d0, d1)) = (pair(0), pair(2), pair(4), pair(6));
    let e = [low16(a0, b0), high16(a0, b0), low16(a1, b1), high16(a1, b1)];
    let f = [low16(c0, d0), high16(c0, d0), low16(c1, d1), high16(c1, d1)];
    Some(core::array::from_fn(|k| {
        let (e, f) = (e[k / 2], f[k / 2]);
        transpose_lanes(if k % 2 == 0 { low32(e, f) } else { high32(e, f) })
    }))
}

/// Undoes the shuffle for as many groups as fill vectors; returns how many. Elements of 8 bytes
/// are left to the scalar form (no detector writes them).
///
/// The caller has checked that both slices hold `groups`·8·`element` bytes.
pub fn untranspose(src: &[u8], dst: &mut [u8], element: usize, groups: usize) -> usize {
    if !matches!(element, 1 | 2 | 4) {
        return 0;
    }
    let z = [zero(); 8];
    let end = groups / STEP * STEP;
    for g in (0..end).step_by(STEP) {
        // SAFETY: g + 16 ≤ groups, so row 8·element − 1 ends within src = 8·element rows of `groups`
        // bytes, and 128 elements from element 8g on end within dst.
        unsafe {
            let rows = src.as_ptr().add(g);
            let out = dst.as_mut_ptr().add(g * 8 * element);
            let byte = |b: usize| plane(rows.add(b * 8 * groups), groups);
            match element {
                1 => {
                    let p = byte(0).unwrap_or(z);
                    for k in 0..8 {
                        store(out.add(k * 16), p[k]);
                    }
                }
                2 => {
                    let (p, q) = (byte(0).unwrap_or(z), byte(1).unwrap_or(z));
                    for k in 0..8 {
                        store(out.add(k * 32), low8(p[k], q[k]));
                        store(out.add(k * 32 + 16), high8(p[k], q[k]));
                    }
                }
                _ => {
                    let (p, q) = (byte(0).unwrap_or(z), byte(1).unwrap_or(z));
                    let (r, s) = (byte(2), byte(3));
                    let upper = r.is_some() || s.is_some();
                    let (r, s) = (r.unwrap_or(z), s.unwrap_or(z));
                    for k in 0..8 {
                        let (a, b) = (low8(p[k], q[k]), high8(p[k], q[k]));
                        let (c, d) = if upper { (low8(r[k], s[k]), high8(r[k], s[k])) } else { (zero(), zero()) };
                        let out = out.add(k * 64);
                        store(out, low16(a, c));
                        store(out.add(16), high16(a, c));
                        store(out.add(32), low16(b, d));
                        store(out.add(48), high16(b, d));
                    }
                }
            }
        }
    }
    end
}
