use crate::math::{scramble, scramble_all};

/// Sums for the correlation coefficient of pairs (x, y); sums of several shells add up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Correlation {
    /// Number of pairs.
    pub n: u64,
    sum: [f64; 2],
    square: [f64; 2],
    product: f64,
}

impl Correlation {
    /// Adds a pair.
    pub fn add(&mut self, x: f64, y: f64) {
        self.n += 1;
        self.sum[0] += x;
        self.sum[1] += y;
        self.square[0] += x * x;
        self.square[1] += y * y;
        self.product += x * y;
    }

    /// Adds another's pairs.
    pub fn join(&mut self, other: &Correlation) {
        self.n += other.n;
        for i in 0..2 {
            self.sum[i] += other.sum[i];
            self.square[i] += other.square[i];
        }
        self.product += other.product;
    }

    /// Pearson's correlation coefficient; `None` for fewer than three pairs or no spread.
    pub fn coefficient(&self) -> Option<f64> {
        let n = self.n as f64;
        let spread = |i: usize| n * self.square[i] - self.sum[i] * self.sum[i];
        let denominator = (spread(0) * spread(1)).sqrt();
        (self.n > 2 && denominator > 0.0).then(|| (n * self.product - self.sum[0] * self.sum[1]) / denominator)
    }
}

/// Splits the members of a group at random in two halves whose sizes differ by one at most: true for the first half.
///
/// The split is a hash of the group's index and the member's place, so that it is the same on every machine.
pub(super) fn halves(hkl: [i32; 3], n: usize, salt: u64) -> impl Iterator<Item = bool> {
    let seed = scramble_all(salt, &hkl);
    // Pairs of members go to different halves; a coin decides which of the two goes where.
    (0..n).map(move |i| (scramble(seed ^ (i as u64 / 2)) & 1 == 0) == (i % 2 == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_equal_in_size() {
        for n in 0..9 {
            let first = halves([1, 2, 3], n, 7).filter(|h| *h).count();
            assert!(first.abs_diff(n - first) <= 1);
        }
    }

    #[test]
    fn correlation_of_a_line_is_one() {
        let mut c = Correlation::default();
        let mut d = Correlation::default();
        (0..5).for_each(|i| c.add(i as f64, 3.0 - 2.0 * i as f64));
        (5..9).for_each(|i| d.add(i as f64, 3.0 - 2.0 * i as f64));
        c.join(&d);
        assert!((c.coefficient().unwrap() + 1.0).abs() < 1e-12);
        assert_eq!(Correlation::default().coefficient(), None);
    }
}
