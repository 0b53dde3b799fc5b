/// Transposes an 8 × 8 bit matrix, row r in byte r, by three delta swaps (Warren 2012, ch. 7-3).
fn transpose_8x8(mut x: u64) -> u64 {
    let t = (x ^ (x >> 7)) & 0x00AA_00AA_00AA_00AA;
    x ^= t ^ (t << 7);
    let t = (x ^ (x >> 14)) & 0x0000_CCCC_0000_CCCC;
    x ^= t ^ (t << 14);
    let t = (x ^ (x >> 28)) & 0x0000_0000_F0F0_F0F0;
    x ^ t ^ (t << 28)
}

/// Undoes the shuffle for the groups of 8 elements from `first` on.
pub fn untranspose(src: &[u8], dst: &mut [u8], element: usize, groups: usize, first: usize) {
    for b in 0..element {
        for g in first..groups {
            let x = (0..8).fold(0, |x, k| x | u64::from(src[(b * 8 + k) * groups + g]) << (8 * k));
            let x = transpose_8x8(x);
            for j in 0..8 {
                dst[(g * 8 + j) * element + b] = (x >> (8 * j)) as u8;
            }
        }
    }
}

/// Shuffles all groups.
pub fn transpose(src: &[u8], dst: &mut [u8], element: usize, groups: usize) {
    for b in 0..element {
        for g in 0..groups {
            let x = (0..8).fold(0, |x, j| x | u64::from(src[(g * 8 + j) * element + b]) << (8 * j));
            let x = transpose_8x8(x);
            for k in 0..8 {
                dst[(b * 8 + k) * groups + g] = (x >> (8 * k)) as u8;
            }
        }
    }
}
