/// Resolution shells of equal volume in reciprocal space, from low to high resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Shells {
    /// 1/d³ (Å⁻³) at the low-resolution limit.
    low: f64,
    /// Width of a shell, Å⁻³.
    width: f64,
    n: usize,
}

/// Shells are widened by this fraction of their whole range at either end, so that rounding leaves no reflection outside.
const MARGIN: f64 = 1e-6;

impl Shells {
    /// `n` shells between `d_max` and `d_min` (Å, both positive; `d_max` may be infinite).
    pub fn new(d_max: f64, d_min: f64, n: usize) -> Self {
        let (low, high) = (cube_inverse(d_max.max(d_min)), cube_inverse(d_min.min(d_max)));
        let margin = (high - low).max(1e-9 * high) * MARGIN;
        let low = (low - margin).max(0.0);
        Shells { low, width: (high + margin - low) / n.max(1) as f64, n: n.max(1) }
    }

    /// Number of shells.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Never: there is at least one shell.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The shell of a reflection at `d` (Å); `None` outside all of them.
    pub fn index(&self, d: f64) -> Option<usize> {
        let x = (cube_inverse(d) - self.low) / self.width;
        (x >= 0.0 && x < self.n as f64).then_some(x as usize)
    }

    /// d_max and d_min (Å) of shell `i`.
    pub fn limits(&self, i: usize) -> [f64; 2] {
        [i, i + 1].map(|k| libm::cbrt(1.0 / (self.low + self.width * k as f64)))
    }

    /// d_max and d_min (Å) of all shells together.
    pub fn range(&self) -> [f64; 2] {
        [self.limits(0)[0], self.limits(self.n - 1)[1]]
    }
}

fn cube_inverse(d: f64) -> f64 {
    1.0 / (d * d * d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_inside() {
        let s = Shells::new(55.85, 1.5123, 20);
        assert_eq!((s.index(55.85), s.index(1.5123)), (Some(0), Some(19)));
        assert_eq!((s.index(60.0), s.index(1.51)), (None, None));
        // Twenty equal volumes: the first ends near d_min · ∛20.
        assert!((s.limits(0)[1] - 1.5123 * libm::cbrt(20.0)).abs() < 0.01);
        assert!(Shells::new(2.0, 2.0, 3).index(2.0).is_some());
    }
}
