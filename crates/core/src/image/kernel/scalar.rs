//! The specification of the row functions; see [`super`].

use super::{BLOCK, Block, Bound, Columns, Levels};

pub(super) fn narrow(pixels: &[i32], mask: &[u64], levels: Levels, values: &mut [i16], small: &mut [u64], bright: &mut [u64]) {
    for (w, &mask) in mask.iter().enumerate() {
        (small[w], bright[w]) = (0, 0);
        for i in 0..BLOCK {
            let p = pixels[w * BLOCK + i].clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
            let is_small = (levels.low..=levels.high).contains(&p);
            let is_used = is_small && mask >> i & 1 == 1;
            values[w * BLOCK + i] = if is_used { p } else { 0 };
            small[w] |= u64::from(is_small) << i;
            bright[w] |= u64::from(is_used && p > levels.bright) << i;
        }
    }
}

pub(super) fn slide(x: &mut [i16], y: &mut [i16], new: &[i16], old: &[i16]) {
    for i in 0..x.len() {
        let (n, o) = (new[i], old[i]);
        x[i] = x[i].wrapping_add(n.wrapping_sub(o));
        // A sum of squares fits although a difference of two may not.
        y[i] = y[i].wrapping_add(n.wrapping_sub(o).wrapping_mul(n.wrapping_add(o)));
    }
}

pub(super) fn candidates(columns: Columns, bound: Bound, blocks: &[Block], out: &mut [u64]) {
    for (w, block) in blocks.iter().enumerate() {
        out[w] = 0;
        if *block == Block::Skip {
            continue;
        }
        for i in 0..BLOCK {
            let window = w * BLOCK + i..w * BLOCK + i + bound.columns;
            let x = columns.x[window.clone()].iter().fold(0i16, |s, c| s.wrapping_add(*c));
            let y = columns.y[window.clone()].iter().fold(0i16, |s, c| s.saturating_add(*c));
            let (m, b) = match block {
                Block::Gaps => {
                    let m = columns.m[window].iter().fold(0i16, |s, c| s.wrapping_add(*c));
                    (m, m.wrapping_sub(1).wrapping_mul(bound.slope) >> bound.shift)
                }
                _ => (bound.full, bound.of_full),
            };
            let against = i32::from(x.wrapping_add(b).wrapping_neg()) * i32::from(x);
            let dispersed = i32::from(m) * i32::from(y) + against > 0 || y == i16::MAX;
            out[w] |= u64::from(dispersed) << i;
        }
    }
}
