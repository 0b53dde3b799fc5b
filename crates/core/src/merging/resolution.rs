use super::{MergingStatistics, Sums};

/// CC½ = ½(1 − tanh((s − s₀)/r)) with s = 1/d², fitted to shells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CcHalfFit {
    /// Where CC½ is one half, Å⁻².
    pub s0: f64,
    /// Width of the fall, Å⁻².
    pub r: f64,
    /// d (Å) where the curve reaches the limit, no finer than the data.
    pub d_min: f64,
}

impl CcHalfFit {
    /// The curve at s = 1/d² (Å⁻²).
    pub fn at(&self, s: f64) -> f64 {
        0.5 * (1.0 - libm::tanh((s - self.s0) / self.r))
    }
}

/// Resolution at which CC½ falls to `limit` (0 to 1), by a weighted fit over shells of ten and more reflections, weight √(n − 3).
///
/// `None` when fewer than three shells can be used. Where even the finest shell stays above the limit, `d_min` is the data's.
pub fn resolution_from_cc_half(statistics: &MergingStatistics, limit: f64) -> Option<CcHalfFit> {
    let mut points = Vec::new();
    for (i, sums) in statistics.by_shell.iter().enumerate() {
        let [a, b] = statistics.shells.limits(i);
        if let (Some(cc), n) = (sums.cc_half(), sums.n_cc_half())
            && n >= 10
        {
            points.push((0.5 * (1.0 / (a * a) + 1.0 / (b * b)), cc, (n as f64 - 3.0).sqrt()));
        }
    }
    if points.len() < 3 {
        return None;
    }
    let (s0, r) = fit(&points);
    let s_limit = s0 + r * libm::atanh(1.0 - 2.0 * limit);
    let finest = statistics.d_range[1];
    let d_min = if s_limit > 0.0 { (1.0 / s_limit.sqrt()).max(finest) } else { statistics.d_range[0] };
    Some(CcHalfFit { s0, r, d_min })
}

/// A figure of merit by which resolution may be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// CC½ by the tanh fit.
    CcHalf,
    /// Mean I/σ of merged intensities.
    IOverSigma,
    /// Completeness, percent.
    Completeness,
}

impl Criterion {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Criterion::CcHalf => "CC½ (fit)",
            Criterion::IOverSigma => "<I/σ> of merged intensities",
            Criterion::Completeness => "completeness (%)",
        }
    }
}

/// Where a figure of merit falls below a limit for good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResolutionLimit {
    /// Which.
    pub criterion: Criterion,
    /// The limit.
    pub limit: f64,
    /// d (Å) to which it is kept, no finer than the data.
    pub d_min: f64,
}

/// Merged I/σ at which a shell is worth having.
const I_OVER_SIGMA: f64 = 2.0;
/// Completeness (percent) below which maps and refinement suffer.
const COMPLETENESS: f64 = 90.0;

/// Resolution by CC½ and, for comparison, by I/σ (2) and completeness (90 %): the latter two from straight lines between shells.
pub fn resolution_limits(statistics: &MergingStatistics, cc_half: f64) -> Vec<ResolutionLimit> {
    let fit = resolution_from_cc_half(statistics, cc_half);
    let mut out: Vec<ResolutionLimit> =
        fit.iter().map(|f| ResolutionLimit { criterion: Criterion::CcHalf, limit: cc_half, d_min: f.d_min }).collect();
    type Figure = (Criterion, f64, fn(&Sums) -> f64);
    let others: [Figure; 2] =
        [(Criterion::IOverSigma, I_OVER_SIGMA, Sums::mean_i_over_sigma), (Criterion::Completeness, COMPLETENESS, Sums::completeness)];
    for (criterion, limit, of) in others {
        out.extend(falls_below(statistics, limit, of).map(|d_min| ResolutionLimit { criterion, limit, d_min }));
    }
    out
}

/// d (Å) after which every shell is below `limit`; `None` when none reaches it.
fn falls_below(statistics: &MergingStatistics, limit: f64, of: fn(&Sums) -> f64) -> Option<f64> {
    let middle = |i: usize| {
        let [a, b] = statistics.shells.limits(i);
        0.5 * (1.0 / (a * a) + 1.0 / (b * b))
    };
    let good = (0..statistics.by_shell.len()).rev().find(|&i| of(&statistics.by_shell[i]) >= limit)?;
    let finest = statistics.d_range[1];
    let Some(next) = statistics.by_shell.get(good + 1) else { return Some(finest) };
    let (above, below) = (of(&statistics.by_shell[good]), of(next));
    let t = if below.is_finite() && above > below { (above - limit) / (above - below) } else { 0.0 };
    Some((1.0 / (middle(good) + t * (middle(good + 1) - middle(good))).sqrt()).max(finest))
}

/// Minimises Σw(y − curve)² by Gauss–Newton with step halving from a start at the crossing of one half in the points.
fn fit(points: &[(f64, f64, f64)]) -> (f64, f64) {
    let last = points[points.len() - 1].0;
    let crossing = points.iter().find(|p| p.1 < 0.5).map_or(1.2 * last, |p| p.0);
    let residual =
        |s0: f64, r: f64| -> f64 { points.iter().map(|&(s, y, w)| w * (y - 0.5 * (1.0 - libm::tanh((s - s0) / r))).powi(2)).sum() };
    let (mut s0, mut r) = (crossing, 0.4 * last);
    let mut best = residual(s0, r);
    for _ in 0..60 {
        let (mut a, mut b, mut c, mut u, mut v) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(s, y, w) in points {
            let x = (s - s0) / r;
            let t = libm::tanh(x);
            let slope = 0.5 * (1.0 - t * t) / r;
            let (j0, j1) = (slope, slope * x);
            let d = y - 0.5 * (1.0 - t);
            a += w * j0 * j0;
            b += w * j0 * j1;
            c += w * j1 * j1;
            u += w * j0 * d;
            v += w * j1 * d;
        }
        // A touch of damping keeps flat curves (all CC½ near 1) solvable.
        let (a, c) = (a * (1.0 + 1e-3) + 1e-12, c * (1.0 + 1e-3) + 1e-12);
        let det = a * c - b * b;
        let (mut d0, mut d1) = ((c * u - b * v) / det, (a * v - b * u) / det);
        let mut improved = false;
        for _ in 0..12 {
            let (t0, t1) = (s0 + d0, r + d1);
            if t1 > 1e-3 * last && t0 > 0.0 && t0 < 10.0 * last && t1 < 10.0 * last && residual(t0, t1) < best {
                (s0, r) = (t0, t1);
                improved = true;
                break;
            }
            d0 *= 0.5;
            d1 *= 0.5;
        }
        let now = residual(s0, r);
        if !improved || best - now <= 1e-10 * best {
            break;
        }
        best = now;
    }
    (s0, r)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_that_made_the_points_comes_back() {
        let points: Vec<_> = (1..30).map(|i| i as f64 * 0.02).map(|s| (s, 0.5 * (1.0 - libm::tanh((s - 0.31) / 0.08)), 5.0)).collect();
        let (s0, r) = fit(&points);
        assert!((s0 - 0.31).abs() < 1e-6 && (r - 0.08).abs() < 1e-6, "{s0} {r}");
    }

    #[test]
    fn completeness_falls_below_its_limit_between_two_shells() {
        let shells = super::super::Shells::new(20.0, 1.5, 4);
        let shell = |unique: u64| Sums { n_unique: unique, n_possible: Some(100), ..Sums::default() };
        let by_shell = vec![shell(100), shell(95), shell(85), shell(10)];
        let statistics = MergingStatistics { d_range: shells.range(), shells, by_shell, overall: Sums::default() };
        let middle = |i: usize| {
            let [a, b] = statistics.shells.limits(i);
            0.5 * (1.0 / (a * a) + 1.0 / (b * b))
        };
        let d = falls_below(&statistics, 90.0, Sums::completeness).unwrap();
        assert!((1.0 / (d * d) - 0.5 * (middle(1) + middle(2))).abs() < 1e-12);
        assert_eq!(falls_below(&statistics, 5.0, Sums::completeness), Some(statistics.d_range[1]));
        assert_eq!(falls_below(&statistics, 101.0, Sums::completeness), None);
    }

    #[test]
    fn flat_data_do_not_upset_the_fit() {
        let points: Vec<_> = (1..20).map(|i| (i as f64 * 0.02, 0.999, 5.0)).collect();
        let (s0, r) = fit(&points);
        assert!(s0.is_finite() && r > 0.0);
    }
}
