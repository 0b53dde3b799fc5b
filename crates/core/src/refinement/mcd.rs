//! Minimum covariance determinant: centre and covariance of the half of the points that lie closest together.
//!
//! FAST-MCD of Rousseeuw & Van Driessen (1999) in three dimensions: many trial subsets, each improved by concentration steps (keep the
//! h points nearest to the subset's own centre, in its own metric), first within groups of a few hundred points, the best then in all
//! points. The covariance is scaled so that the median distance is that of a normal distribution, and re-estimated once from the
//! points within the limit.

use crate::math::{Mat3, Vec3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const TRIALS: usize = 500;
/// Points of a group.
pub(crate) const GROUP: usize = 300;
const MAX_GROUPS: usize = 5;
/// Trials that go on to the next level.
const BEST: usize = 10;
/// Concentration steps at the first levels, and at most at the last, which also end when the determinant falls by less than this part of itself.
const FEW_STEPS: usize = 2;
const MANY_STEPS: usize = 100;
const SETTLED: f64 = 1e-5;

/// A centre and an inverse covariance (up to a factor), with the determinant that ranks it.
#[derive(Debug, Clone, Copy)]
struct Scatter {
    centre: Vec3,
    inverse: Mat3,
    determinant: f64,
}

impl Scatter {
    fn of<'a>(points: impl IntoIterator<Item = &'a Vec3>) -> Option<Self> {
        let mut points = points.into_iter();
        let first = points.next()?;
        let mut moments = Moments::about(*first);
        moments.add(first);
        points.for_each(|p| moments.add(p));
        moments.scatter()
    }

    fn distance2(&self, p: &Vec3) -> f64 {
        let d = p - self.centre;
        d.dot(&(self.inverse * d))
    }

    /// The scatter of the `h` points nearest to this one.
    fn concentrate(&self, points: &[Vec3], h: usize, work: &mut Work) -> Option<Self> {
        let h = h.min(points.len());
        work.distances.clear();
        work.distances.extend(points.iter().map(|p| self.distance2(p)));
        work.sorted.clone_from(&work.distances);
        let limit = *work.sorted.select_nth_unstable_by(h - 1, f64::total_cmp).1;
        // Of those at the limit itself, the first; all is summed in the order of the input.
        let mut at_limit = h - work.sorted[..h].iter().filter(|d| **d < limit).count();
        let mut moments = Moments::about(self.centre);
        for (p, d) in points.iter().zip(&work.distances) {
            if *d < limit || (*d == limit && at_limit > 0) {
                at_limit -= usize::from(*d == limit);
                moments.add(p);
            }
        }
        moments.scatter()
    }

    /// Concentrates until the determinant falls no more.
    fn steps(mut self, points: &[Vec3], h: usize, work: &mut Work) -> Self {
        for _ in 0..MANY_STEPS {
            match self.concentrate(points, h, work) {
                Some(next) if next.determinant < self.determinant * (1.0 - SETTLED) => self = next,
                Some(next) if next.determinant <= self.determinant => return next,
                _ => break,
            }
        }
        self
    }
}

/// Memory that concentration steps use again and again.
#[derive(Default)]
struct Work {
    distances: Vec<f64>,
    sorted: Vec<f64>,
}

/// Sums over points, about a place near their centre so that no digits are lost.
struct Moments {
    about: Vec3,
    n: f64,
    sum: Vec3,
    /// xx, xy, xz, yy, yz, zz.
    products: [f64; 6],
}

impl Moments {
    fn about(about: Vec3) -> Self {
        Moments { about, n: 0.0, sum: Vec3::zeros(), products: [0.0; 6] }
    }

    fn add(&mut self, p: &Vec3) {
        let d = p - self.about;
        self.n += 1.0;
        self.sum += d;
        for (sum, product) in self.products.iter_mut().zip([d.x * d.x, d.x * d.y, d.x * d.z, d.y * d.y, d.y * d.z, d.z * d.z]) {
            *sum += product;
        }
    }

    /// `None` for points in a plane.
    fn scatter(&self) -> Option<Scatter> {
        let mean = self.sum / self.n;
        let [xx, xy, xz, yy, yz, zz] = self.products.map(|p| p / self.n);
        let covariance = Mat3::new(xx, xy, xz, xy, yy, yz, xz, yz, zz) - mean * mean.transpose();
        let determinant = covariance.determinant();
        let scale = covariance.trace() / 3.0;
        if determinant.is_nan() || determinant <= 1e-12 * scale * scale * scale {
            return None;
        }
        Some(Scatter { centre: self.about + mean, inverse: covariance.try_inverse()?, determinant })
    }
}

fn keep_best(mut all: Vec<Scatter>, n: usize) -> Vec<Scatter> {
    all.sort_by(|a, b| a.determinant.total_cmp(&b.determinant));
    all.dedup_by(|a, b| a.determinant == b.determinant);
    all.truncate(n);
    all
}

fn half(n: usize) -> usize {
    (n + 4) / 2
}

/// The best few subsets of `points` from trials with random quadruples.
fn trials(points: &[Vec3], n_trials: usize, rng: &mut ChaCha8Rng) -> Vec<Scatter> {
    let mut work = Work::default();
    let h = half(points.len());
    let mut found = Vec::with_capacity(n_trials);
    for _ in 0..n_trials {
        // A degenerate quadruple grows until it spans space.
        let mut chosen: Vec<usize> = Vec::with_capacity(8);
        let start = loop {
            let i = rng.random_range(0..points.len());
            if !chosen.contains(&i) {
                chosen.push(i);
            }
            if chosen.len() >= 4 {
                if let Some(s) = Scatter::of(chosen.iter().map(|&i| &points[i])) {
                    break Some(s);
                }
                if chosen.len() >= points.len().min(40) {
                    break None;
                }
            }
        };
        let Some(mut s) = start else { continue };
        for _ in 0..FEW_STEPS {
            match s.concentrate(points, h, &mut work) {
                Some(next) => s = next,
                None => break,
            }
        }
        found.push(s);
    }
    keep_best(found, BEST)
}

/// Squared robust distances of all points, scaled to χ² of three degrees of freedom in the bulk. `None` when the points
/// are too few (fewer than 8) or lie in a plane.
///
/// `good`: of each point, whether a judgement of almost the same points found it good. It is where concentration then starts, instead of at random subsets.
pub(crate) fn robust_distances2(points: &[Vec3], good: Option<&[bool]>, probability: f64, seed: u64) -> Option<Vec<f64>> {
    let n = points.len();
    if n < 8 {
        return None;
    }
    // Units of mm and rad differ; the method does not care, its test for degeneracy does.
    let mut x = Vec::with_capacity(n);
    let mut scale = |k: usize| {
        x.clear();
        x.extend(points.iter().map(|p| p[k]));
        let m = median(&mut x);
        x.iter_mut().for_each(|v| *v = (*v - m).abs());
        (m, median(&mut x))
    };
    let s = [scale(0), scale(1), scale(2)];
    if s.iter().any(|(_, d)| d.is_nan() || *d <= 0.0) {
        return None;
    }
    let points: Vec<Vec3> = points.iter().map(|p| Vec3::from_fn(|k, _| (p[k] - s[k].0) / s[k].1)).collect();
    let mut work = Work::default();
    let starts = match good.and_then(|good| Scatter::of(points.iter().zip(good).filter(|(_, good)| **good).map(|(p, _)| p))) {
        Some(start) => vec![start],
        None => starts(&points, seed, &mut work),
    };
    let h = half(n);
    let finals = starts.into_iter().filter_map(|s| {
        // The determinant of another set says nothing here, so the first step is always taken.
        Some(s.concentrate(&points, h, &mut work)?.steps(&points, h, &mut work))
    });
    let best = keep_best(finals.collect(), 1).pop()?;
    let limit = chi2_quantile(probability);
    let mut consistent = |s: &Scatter| {
        let mut d: Vec<f64> = points.iter().map(|p| s.distance2(p)).collect();
        work.sorted.clone_from(&d);
        let factor = chi2_quantile(0.5) / median(&mut work.sorted);
        d.iter_mut().for_each(|d| *d *= factor);
        d
    };
    let first = consistent(&best);
    let inside = points.iter().zip(&first).filter(|(_, d)| **d <= limit).map(|(p, _)| p);
    Scatter::of(inside).map(|s| consistent(&s))
}

/// Scatters to concentrate from, by trials with random subsets.
fn starts(points: &[Vec3], seed: u64, work: &mut Work) -> Vec<Scatter> {
    let n = points.len();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    if n < 2 * GROUP {
        return trials(points, TRIALS, &mut rng);
    }
    let groups = (n / GROUP).min(MAX_GROUPS);
    // Every k-th point of a random permutation's head: here, distinct random strides.
    let mut index: Vec<u32> = (0..n as u32).collect();
    for i in 0..groups * GROUP {
        index.swap(i, rng.random_range(i..n));
    }
    let merged: Vec<Vec3> = index[..groups * GROUP].iter().map(|&i| points[i as usize]).collect();
    let mut found = Vec::new();
    for group in merged.chunks(GROUP) {
        found.extend(trials(group, TRIALS / groups, &mut rng));
    }
    let h = half(merged.len());
    let better = found.into_iter().filter_map(|s| s.concentrate(&merged, h, work)?.concentrate(&merged, h, work));
    keep_best(better.collect(), 2)
}

fn median(x: &mut [f64]) -> f64 {
    let k = x.len() / 2;
    *x.select_nth_unstable_by(k, f64::total_cmp).1
}

/// The value below which χ² of three degrees of freedom lies with probability `p`.
pub(crate) fn chi2_quantile(p: f64) -> f64 {
    let below = |x: f64| libm::erf((x / 2.0).sqrt()) - (2.0 * x / core::f64::consts::PI).sqrt() * libm::exp(-x / 2.0);
    let (mut low, mut high) = (0.0, 200.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if below(middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(n: usize, bad: usize, seed: u64) -> Vec<Vec3> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || (0..12).map(|_| rng.random_range(-0.5..0.5)).sum::<f64>();
        (0..n)
            .map(|i| {
                let (a, b, c) = (normal(), normal(), normal());
                let good = Vec3::new(1e-2 * a + 0.5, 2e-2 * (b + 0.6 * a), 1e-3 * c);
                if i < bad { good + Vec3::new(0.2, 0.0, 0.03) } else { good }
            })
            .collect()
    }

    #[test]
    fn quantiles_are_those_of_tables() {
        assert!((chi2_quantile(0.975) - 9.348_403_604).abs() < 1e-8);
        assert!((chi2_quantile(0.5) - 2.365_973_884).abs() < 1e-8);
    }

    #[test]
    fn a_third_of_bad_points_is_found_and_few_good_ones_are_lost() {
        for n in [60, 500, 4000] {
            let bad = n / 3;
            let points = cloud(n, bad, n as u64);
            let d = robust_distances2(&points, None, 0.975, 42).unwrap();
            let limit = chi2_quantile(0.975);
            assert!(d[..bad].iter().all(|d| *d > limit), "{n}");
            let lost = d[bad..].iter().filter(|d| **d > limit).count() as f64 / (n - bad) as f64;
            assert!(lost < 0.09, "{n}: {lost}");
            // From what an earlier judgement found, wrong for one in thirty, to the same.
            let good: Vec<bool> = d.iter().enumerate().map(|(i, d)| (*d <= limit) != (i % 30 == 0)).collect();
            let again = robust_distances2(&points, Some(&good), 0.975, 42).unwrap();
            let moved = d.iter().zip(&again).filter(|(a, b)| (**a > limit) != (**b > limit)).count();
            assert!(moved * 100 <= n, "{n}: {moved}");
        }
    }

    #[test]
    fn points_in_a_plane_have_no_distances() {
        let mut points = cloud(100, 0, 3);
        points.iter_mut().for_each(|p| p.z = 0.0);
        assert_eq!(robust_distances2(&points, None, 0.975, 1), None);
    }
}
