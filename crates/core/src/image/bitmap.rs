//! One bit per pixel, 64 pixels a word, rows padded to whole words with zeros.

/// The last rows of a bitmap.
#[derive(Debug, Clone, Default)]
pub(super) struct Ring {
    words_per_row: usize,
    rows: usize,
    words: Vec<u64>,
}

/// Number of words in a row of `width` pixels.
pub(super) fn words(width: usize) -> usize {
    width.div_ceil(64)
}

impl Ring {
    /// A ring of `rows` rows of `width` pixels.
    pub(super) fn new(width: usize, rows: usize) -> Self {
        let rows = rows.max(1);
        Ring { words_per_row: words(width), rows, words: vec![0; words(width) * rows] }
    }

    /// Row `j`, one of the last.
    pub(super) fn row(&self, j: usize) -> &[u64] {
        let at = j % self.rows * self.words_per_row;
        &self.words[at..at + self.words_per_row]
    }

    /// Row `j`, or nothing when there is none.
    pub(super) fn row_if(&self, j: Option<usize>) -> &[u64] {
        j.map_or(&[], |j| self.row(j))
    }

    /// Row `j`, which takes the place of the oldest.
    pub(super) fn row_mut(&mut self, j: usize) -> &mut [u64] {
        let at = j % self.rows * self.words_per_row;
        &mut self.words[at..at + self.words_per_row]
    }
}

/// Whether bit `i` of a row is set.
pub(super) fn bit(row: &[u64], i: usize) -> bool {
    row[i / 64] >> (i % 64) & 1 == 1
}

/// Keeps the set bits whose neighbours to a distance of `d` along the row (less than 64) are set too; beyond the ends counts as set.
pub(super) fn erode_row(row: &[u64], d: u32, out: &mut [u64]) {
    for w in 0..row.len() {
        let left = if w > 0 { row[w - 1] } else { u64::MAX };
        let right = if w + 1 < row.len() { row[w + 1] } else { u64::MAX };
        let mut kept = row[w];
        for s in 1..=d {
            kept &= row[w] << s | left >> (64 - s);
            kept &= row[w] >> s | right << (64 - s);
        }
        out[w] = kept;
    }
}

/// Calls `f(first, past the end)` for each run of set bits in a row.
pub(super) fn for_each_run(row: &[u64], mut f: impl FnMut(usize, usize)) {
    let mut open: Option<usize> = None;
    for (w, &word) in row.iter().enumerate() {
        let mut at = 0;
        while at < 64 {
            let rest = match open {
                None => word >> at,
                Some(_) => !word >> at,
            };
            // A shift by `at` fills with zeros from above, so `rest` holds no bit past the word's end.
            if rest == 0 {
                break;
            }
            at += rest.trailing_zeros();
            let position = w * 64 + at as usize;
            match open.take() {
                None => open = Some(position),
                Some(first) => f(first, position),
            }
        }
    }
    if let Some(first) = open {
        f(first, row.len() * 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_and_erosion_agree_with_bits(row in prop::collection::vec(prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)], 1..6), d in 0u32..5) {
            let n = row.len() * 64;
            let mut seen = vec![false; n];
            let mut last = 0;
            for_each_run(&row, |a, b| {
                assert!(a < b && (a > last || last == 0) && b <= n);
                last = b;
                seen[a..b].fill(true);
            });
            prop_assert_eq!(&seen, &(0..n).map(|i| bit(&row, i)).collect::<Vec<_>>());
            let mut out = vec![0; row.len()];
            erode_row(&row, d, &mut out);
            for i in 0..n {
                let expected = (i.saturating_sub(d as usize)..n.min(i + d as usize + 1)).all(|t| seen[t]);
                prop_assert_eq!(bit(&out, i), expected);
            }
        }
    }
}
