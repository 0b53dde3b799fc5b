//! What changes while the crystal is exposed, and which images make the data worse.
//!
//! Pairs of equivalent observations of one sweep say how intensities change with dose, here the number of images: R_cp(D) is the pairwise R factor of all
//! that was recorded up to image D; R_d(Δ) that of pairs which are Δ images apart (Diederichs 2006). Without damage both are level.
//!
//! ΔCC½ of a group of images is CC½ with it less CC½ without it (Assmann, Brehm & Diederichs 2016); a negative value means that the data are better
//! without. CC½ is here that of unweighted observations in ten shells, averaged by numbers of reflections, as DIALS has it.

use super::Equivalents;

/// Radiation damage and ΔCC½ along the sweeps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageQuality {
    /// R_cp by the number of images since the start of a sweep.
    pub r_cp: Curve,
    /// R_d by the difference in image numbers.
    pub r_d: Curve,
    /// Groups of images, by sweep and image.
    pub groups: Vec<ImageGroup>,
    /// CC½ (mean over shells) of all data.
    pub cc_half: f64,
    /// ΔCC½ below which a group stands out: the mean less some standard deviations ([`Grouping`]).
    pub cutoff: f64,
}

/// A curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// Images.
    pub x: Vec<f64>,
    /// R.
    pub y: Vec<f64>,
}

/// Some consecutive images of a sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageGroup {
    /// Sweep, from 0.
    pub sweep: usize,
    /// First and last image, from 0 at the sweep's first.
    pub images: [usize; 2],
    /// Observations that are merged.
    pub n: usize,
    /// Observations that were rejected as outliers.
    pub outliers: usize,
    /// ΔCC½; `None` for the only group, and where nothing is merged.
    pub delta: Option<f64>,
}

impl ImageGroup {
    /// Whether more observations were rejected than are merged. ΔCC½ does not see such images: what is left of them is what agrees by chance.
    pub fn mostly_outliers(&self) -> bool {
        self.outliers > self.n
    }
}

impl ImageQuality {
    /// Whether a group's ΔCC½ stands out, or most of its observations are outliers.
    pub fn is_suspicious(&self, group: &ImageGroup) -> bool {
        group.mostly_outliers() || group.delta.is_some_and(|d| d < self.cutoff)
    }

    /// Groups of which that is so.
    pub fn suspicious(&self) -> impl Iterator<Item = &ImageGroup> {
        self.groups.iter().filter(|g| self.is_suspicious(g))
    }

    /// R_d at the largest differences less R_d at the smallest, relative to the latter: what the crystal lost. `None` for short curves.
    pub fn rise_of_r_d(&self) -> Option<f64> {
        let n = self.r_d.y.len();
        let part = n / 5;
        if part < 2 {
            return None;
        }
        let mean = |y: &[f64]| y.iter().sum::<f64>() / y.len() as f64;
        // The last steps rest on few pairs.
        let (start, end) = (mean(&self.r_d.y[..part]), mean(&self.r_d.y[n - 2 * part..n - part]));
        (start > 0.0).then(|| end / start - 1.0)
    }
}

/// One observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposed {
    /// Intensity.
    pub intensity: f64,
    /// Sweep, from 0.
    pub sweep: u32,
    /// Image, from 0 at the sweep's first.
    pub image: u32,
}

/// Images whose ΔCC½ is found together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grouping {
    /// Images of a group; `None` for whole sweeps.
    pub images: Option<u32>,
    /// Standard deviations of all ΔCC½ by which a group stands out.
    pub stands_out: f64,
}

impl Default for Grouping {
    /// Ten images, four standard deviations.
    fn default() -> Self {
        Grouping { images: Some(10), stands_out: 4.0 }
    }
}

const BINS: usize = 10;
/// Points of a curve at most.
const POINTS: u32 = 100;
/// Members of a group of one sweep that are paired at most: more add no accuracy, and pairs are quadratic.
const PAIRED: usize = 60;

/// Damage and ΔCC½ of `observations` in the order of `groups.rows`; `d` is the resolution (Å) of each group, `n_images` the number of images of each sweep.
/// `outliers` have been rejected: they are counted, no more.
pub fn image_quality(
    groups: &Equivalents,
    observations: &[Exposed],
    outliers: &[Exposed],
    d: &[f64],
    n_images: &[u32],
    grouping: Grouping,
) -> ImageQuality {
    let longest = n_images.iter().copied().max().unwrap_or(0).max(1);
    let step = longest.div_ceil(POINTS);
    let (r_cp, r_d) = pairwise(groups, observations, step, longest);
    let mut out = ImageQuality { r_cp, r_d, ..ImageQuality::default() };
    delta_cc_half(groups, observations, outliers, d, grouping, &mut out);
    out
}

fn pairwise(groups: &Equivalents, observations: &[Exposed], step: u32, longest: u32) -> (Curve, Curve) {
    let n = longest.div_ceil(step) as usize;
    let (mut cp, mut d) = (vec![[0.0; 2]; n], vec![[0.0; 2]; n]);
    for g in 0..groups.len() {
        let members: Vec<Exposed> = groups.members(g).map(|j| observations[j]).collect();
        let thin = members.len().div_ceil(PAIRED).max(1);
        let members: Vec<Exposed> = members.into_iter().step_by(thin).collect();
        for (i, a) in members.iter().enumerate() {
            for b in members[..i].iter().filter(|b| b.sweep == a.sweep) {
                let (top, bottom) = ((a.intensity - b.intensity).abs(), 0.5 * (a.intensity + b.intensity).abs());
                let late = (a.image.max(b.image) / step) as usize;
                let apart = (a.image.abs_diff(b.image) / step) as usize;
                for (sums, at) in [(&mut cp, late), (&mut d, apart)] {
                    if let Some(s) = sums.get_mut(at) {
                        s[0] += top;
                        s[1] += bottom;
                    }
                }
            }
        }
    }
    let x = |i: usize| (i as f64 + 0.5) * f64::from(step);
    let mut r_cp = Curve::default();
    let mut total = [0.0; 2];
    for (i, s) in cp.iter().enumerate() {
        total = [total[0] + s[0], total[1] + s[1]];
        if total[1] > 0.0 {
            r_cp.x.push(x(i));
            r_cp.y.push(total[0] / total[1]);
        }
    }
    let mut r_d = Curve::default();
    for (i, s) in d.iter().enumerate().filter(|(_, s)| s[1] > 0.0) {
        r_d.x.push(x(i));
        r_d.y.push(s[0] / s[1]);
    }
    (r_cp, r_d)
}

/// Number, sum and sum of squares of a reflection's observations.
#[derive(Clone, Copy, Default)]
struct Moments {
    n: f64,
    sum: f64,
    square: f64,
}

impl Moments {
    fn add(&mut self, x: f64, sign: f64) {
        self.n += sign;
        self.sum += sign * x;
        self.square += sign * x * x;
    }

    /// Mean and variance of the mean, of two and more.
    fn mean(&self) -> Option<(f64, f64)> {
        if self.n < 1.5 {
            return None;
        }
        let variance = ((self.square - self.sum * self.sum / self.n) / (self.n - 1.0)).max(0.0);
        Some((self.sum / self.n, variance / self.n))
    }
}

/// Sums over the reflections of a resolution shell.
#[derive(Clone, Copy, Default)]
struct Bin {
    n: f64,
    mean: f64,
    square: f64,
    variance: f64,
}

impl Bin {
    fn add(&mut self, m: &Moments, sign: f64) {
        if let Some((mean, variance)) = m.mean() {
            self.n += sign;
            self.mean += sign * mean;
            self.square += sign * mean * mean;
            self.variance += sign * variance;
        }
    }
}

fn mean_cc_half(bins: &[Bin]) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for b in bins.iter().filter(|b| b.n > 1.5) {
        let spread = (b.square - b.mean * b.mean / b.n) / (b.n - 1.0);
        let noise = b.variance / b.n;
        if spread + noise > 0.0 {
            sum += b.n * (spread - noise) / (spread + noise);
            n += b.n;
        }
    }
    if n > 0.0 { sum / n } else { 0.0 }
}

fn delta_cc_half(
    groups: &Equivalents,
    observations: &[Exposed],
    outliers: &[Exposed],
    d: &[f64],
    grouping: Grouping,
    out: &mut ImageQuality,
) {
    let s: Vec<f64> = d.iter().map(|d| 1.0 / (d * d)).collect();
    let (low, high) = s.iter().fold((f64::INFINITY, 0.0f64), |(a, b), s| (a.min(*s), b.max(*s)));
    let bin = |g: usize| (((s[g] - low) / (high - low).max(1e-12) * BINS as f64) as usize).min(BINS - 1);
    let mut moments = vec![Moments::default(); groups.len()];
    for (j, o) in observations.iter().enumerate() {
        moments[groups.group_of[j] as usize].add(o.intensity, 1.0);
    }
    let mut bins = [Bin::default(); BINS];
    moments.iter().enumerate().for_each(|(g, m)| bins[bin(g)].add(m, 1.0));
    out.cc_half = mean_cc_half(&bins);

    let mut list = ImageGroups::new(observations, outliers, grouping.images);
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); list.groups.len()];
    for (j, o) in observations.iter().enumerate() {
        members[list.number(o)].push(j as u32);
    }
    for o in outliers {
        let number = list.number(o);
        list.groups[number].outliers += 1;
    }
    let list = list.groups;
    let several = list.len() > 1;
    for (group, members) in list.into_iter().zip(&mut members) {
        // One after the other by reflection, so that each is taken out of its shell once.
        members.sort_by_key(|&j| groups.group_of[j as usize]);
        let mut without = bins;
        for part in members.chunk_by(|a, b| groups.group_of[*a as usize] == groups.group_of[*b as usize]) {
            let g = groups.group_of[part[0] as usize] as usize;
            let mut m = moments[g];
            without[bin(g)].add(&m, -1.0);
            part.iter().for_each(|&j| m.add(observations[j as usize].intensity, -1.0));
            without[bin(g)].add(&m, 1.0);
        }
        let delta = (several && !members.is_empty()).then(|| out.cc_half - mean_cc_half(&without));
        out.groups.push(ImageGroup { n: members.len(), delta, ..group });
    }
    let deltas: Vec<f64> = out.groups.iter().filter_map(|g| g.delta).collect();
    let n = deltas.len() as f64;
    let mean = deltas.iter().sum::<f64>() / n.max(1.0);
    let spread = (deltas.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n.max(1.0)).sqrt();
    out.cutoff = mean - grouping.stands_out * spread;
}

/// Groups of images, and where they begin.
struct ImageGroups {
    groups: Vec<ImageGroup>,
    size: u32,
    /// By sweep: first group, number of groups, first image.
    sweeps: Vec<[u32; 3]>,
}

impl ImageGroups {
    /// Groups of `size` images, the last of each sweep taking what is left, or whole sweeps.
    fn new(observations: &[Exposed], outliers: &[Exposed], size: Option<u32>) -> Self {
        let size = size.unwrap_or(u32::MAX).max(1);
        let all = || observations.iter().chain(outliers);
        let mut range = vec![[u32::MAX, 0]; all().map(|o| o.sweep as usize + 1).max().unwrap_or(0)];
        for o in all() {
            let r = &mut range[o.sweep as usize];
            *r = [r[0].min(o.image), r[1].max(o.image)];
        }
        let mut out = ImageGroups { groups: Vec::new(), size, sweeps: vec![[0; 3]; range.len()] };
        for (sweep, &[a, b]) in range.iter().enumerate().filter(|(_, r)| r[0] <= r[1]) {
            let n = ((b - a + 1) / size).max(1);
            out.sweeps[sweep] = [out.groups.len() as u32, n, a];
            for k in 0..n {
                let start = a + k * size;
                let end = if k + 1 == n { b } else { start + size - 1 };
                out.groups.push(ImageGroup { sweep, images: [start as usize, end as usize], n: 0, outliers: 0, delta: None });
            }
        }
        out
    }

    /// The group of an observation.
    fn number(&self, o: &Exposed) -> usize {
        let [first, n, start] = self.sweeps[o.sweep as usize];
        (first + ((o.image - start) / self.size).min(n - 1)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spacegroup::SpaceGroup;

    /// 400 reflections, six observations each over 60 images; `change` alters intensities by image.
    fn quality(change: impl Fn(f64, u32, usize) -> f64) -> ImageQuality {
        let hkl: Vec<[i32; 3]> = (0..2400).map(|i| [1 + i / 6 % 20, 1 + i / 120, 3]).collect();
        let rows: Vec<u32> = (0..2400).collect();
        let groups = Equivalents::new(&SpaceGroup::p1(), &hkl, &rows).unwrap();
        let random = |i: u64| (crate::math::scramble(i) >> 40) as f64 / 16_777_216.0;
        let observations: Vec<Exposed> = groups
            .rows
            .iter()
            .enumerate()
            .map(|(j, &row)| {
                let g = groups.group_of[j];
                let image = (10 * (row % 6) + (random(u64::from(row)) * 10.0) as u32).min(59);
                let intensity = 100.0 + 900.0 * random(1_000_000 + u64::from(g)) + 5.0 * (random(2_000_000 + u64::from(row)) - 0.5);
                Exposed { intensity: change(intensity, image, j), sweep: 0, image }
            })
            .collect();
        let d: Vec<f64> = groups.hkl.iter().map(|h| 30.0 / f64::from(h[0] * h[0] + h[1] * h[1] + 9).sqrt()).collect();
        image_quality(&groups, &observations, &[], &d, &[60], Grouping::default())
    }

    #[test]
    fn a_decaying_crystal_has_a_rising_r_d() {
        let stable = quality(|i, _, _| i);
        assert!(stable.rise_of_r_d().unwrap().abs() < 0.5 && stable.suspicious().count() == 0);
        // Each reflection changes in its own way, as damage has it.
        let decaying = quality(|i, image, j| i * (1.0 - 0.008 * f64::from(image) * ((j / 6 * 7 % 11) as f64 / 5.0 - 1.0)));
        assert!(decaying.rise_of_r_d().unwrap() > 2.0, "{:?}", decaying.r_d);
        assert!(decaying.r_cp.y.last().unwrap() > &decaying.r_cp.y[12]);
    }

    #[test]
    fn bad_images_have_a_negative_delta() {
        let bad = quality(|i, image, j| if (20..30).contains(&image) { 1000.0 - i + (j % 7) as f64 * 50.0 } else { i });
        let worst = bad.groups.iter().min_by(|a, b| a.delta.unwrap().total_cmp(&b.delta.unwrap())).unwrap();
        assert_eq!((worst.images, bad.groups.len()), ([20, 29], 6));
        assert!(worst.delta.unwrap() < -0.05, "{:?}", bad.groups);
    }

    #[test]
    fn images_of_outliers_are_suspicious() {
        let hkl = [[1, 2, 3], [1, 2, 3], [2, 2, 3], [2, 2, 3]];
        let groups = Equivalents::new(&SpaceGroup::p1(), &hkl, &(0..4).collect::<Vec<u32>>()).unwrap();
        let at = |intensity: f64, image: u32| Exposed { intensity, sweep: 0, image };
        let observations = [at(10.0, 0), at(11.0, 12), at(30.0, 1), at(29.0, 15)];
        // Three of the second ten images, where two are merged; nothing but outliers on the third ten.
        let outliers = [at(90.0, 11), at(80.0, 11), at(7.0, 19), at(50.0, 20), at(99.0, 29)];
        let q = image_quality(&groups, &observations, &outliers, &[2.0, 2.0], &[30], Grouping::default());
        let told: Vec<_> = q.groups.iter().map(|g| (g.images, g.n, g.outliers, g.delta.is_some(), q.is_suspicious(g))).collect();
        assert_eq!(told, [([0, 9], 2, 0, true, false), ([10, 19], 2, 3, true, true), ([20, 29], 0, 2, false, true)]);
    }

    /// Taking groups out of sums is the same as never having had them.
    #[test]
    fn the_difference_is_that_of_the_definition() {
        let hkl = [[1, 2, 3], [1, 2, 3], [1, 2, 3], [2, 2, 3], [2, 2, 3], [2, 2, 3], [3, 1, 1], [3, 1, 1], [3, 1, 1]];
        let groups = Equivalents::new(&SpaceGroup::p1(), &hkl, &(0..9).collect::<Vec<u32>>()).unwrap();
        let values = [10.0, 12.0, 30.0, 50.0, 47.0, 20.0, 90.0, 95.0, 40.0];
        let observations: Vec<Exposed> = groups
            .rows
            .iter()
            .map(|&r| Exposed { intensity: values[r as usize], sweep: 0, image: if r % 3 == 2 { 15 } else { 3 } })
            .collect();
        let d = [2.0, 2.0, 2.0];
        let q = image_quality(&groups, &observations, &[], &d, &[20], Grouping::default());
        let cc = |sets: [&[f64]; 3]| {
            let moments = sets.map(|s| {
                let (n, mean) = (s.len() as f64, s.iter().sum::<f64>() / s.len() as f64);
                (mean, s.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n)
            });
            let mean = moments.iter().map(|m| m.0).sum::<f64>() / 3.0;
            let spread = moments.iter().map(|m| (m.0 - mean).powi(2)).sum::<f64>() / 2.0;
            let noise = moments.iter().map(|m| m.1).sum::<f64>() / 3.0;
            (spread - noise) / (spread + noise)
        };
        let all = cc([&values[..3], &values[3..6], &values[6..]]);
        let without = cc([&values[..2], &values[3..5], &values[6..8]]);
        assert!((q.cc_half - all).abs() < 1e-12);
        assert_eq!(q.groups.len(), 1, "13 images are one group");
        let apart: Vec<Exposed> = observations.iter().map(|o| Exposed { image: if o.image == 15 { 25 } else { o.image }, ..*o }).collect();
        let q = image_quality(&groups, &apart, &[], &d, &[30], Grouping::default());
        assert_eq!(q.groups.len(), 2);
        assert!((q.groups[1].delta.unwrap() - (all - without)).abs() < 1e-12, "{:?}", q.groups);
    }
}
