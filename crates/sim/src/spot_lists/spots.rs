//! The spots that spot finding would report.

use super::Trial;
use super::merge::merged;
use crate::crystal::{mix, uniform};
use ewald_core::geometry::{ExperimentModels, ewald};
use ewald_core::math::{Mat3, Vec3, rotate};
use ewald_core::reflections::{Reflections, flags};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, StandardNormal};

/// Reflections nearer to the rotation axis than this |ζ| smear over too many images to be found.
const MIN_ZETA: f64 = 0.03;
/// Standard deviation of a spot on the detector, px.
const SIGMA_PX: f64 = 0.9;
/// Standard deviation of what pixels do to a centroid however strong, px.
const PIXEL_ERROR: f64 = 0.05;
/// One in so many spots is split or cut and has a bad centroid, with this standard deviation, px.
const BAD: f64 = 0.03;
const BAD_ERROR: f64 = 0.7;
/// Counts of the weakest spot that is found.
const WEAKEST: f64 = 60.0;
/// An image with less than this fraction of a spot does not rise above the background.
const LEAST_FRACTION: f64 = 0.08;
/// d of the rings on which some spurious spots lie, Å (ice).
const RINGS: [f64; 4] = [3.897, 3.669, 3.441, 2.249];

/// Whose spot it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// Number of the lattice.
    pub lattice: usize,
    /// Index on its reduced primitive cell.
    pub hkl: [i32; 3],
}

/// Spots and whose they are.
#[derive(Debug, Clone)]
pub struct SpotList {
    /// As spot finding writes them, in order of the images.
    pub table: Reflections,
    /// `None` for spurious spots, and for those that two reflections share.
    pub truth: Vec<Option<Truth>>,
}

/// A reflection on the detector.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) truth: Option<Truth>,
    /// Centroid, px and array index.
    pub(super) xyz: [f64; 3],
    /// First image and the one past the last.
    pub(super) z: [i32; 2],
    pub(super) counts: f64,
}

impl Trial {
    /// The spots.
    pub fn spots(&self) -> SpotList {
        let mut rng = ChaCha8Rng::seed_from_u64(mix(self.seed ^ 0x5707));
        let list = self.experiments(false);
        let Some(models) = list.models(0) else { return SpotList { table: Reflections::default(), truth: Vec::new() } };
        let mut seen = Vec::new();
        for (lattice, a) in self.a_matrices.iter().enumerate() {
            self.reflections(lattice, a, &models, &mut seen);
        }
        // The strongest are found.
        seen.sort_by(|a, b| b.counts.total_cmp(&a.counts).then(a.xyz[2].total_cmp(&b.xyz[2])));
        seen.truncate(self.most_spots);
        let scale = WEAKEST / seen.last().map_or(1.0, |s| s.counts);
        seen.iter_mut().for_each(|s| s.counts *= scale);
        let mut seen = merged(seen);
        for s in &mut seen {
            self.blur(s, &mut rng);
        }
        let n = libm::round(seen.len() as f64 * self.spurious / (1.0 - self.spurious)) as usize;
        self.spurious_spots(n, &models, &mut rng, &mut seen);
        seen.retain(|s| (0..2).all(|k| s.xyz[k] > 0.0 && s.xyz[k] < self.image_size[k] as f64));
        seen.sort_by(|a, b| a.z[0].cmp(&b.z[0]).then(a.xyz[1].total_cmp(&b.xyz[1])).then(a.xyz[0].total_cmp(&b.xyz[0])));
        SpotList { table: table(&seen), truth: seen.into_iter().map(|s| s.truth).collect() }
    }

    /// All reflections of a lattice that cross the sphere within the scan and reach the detector, with relative counts.
    fn reflections(&self, lattice: usize, a: &Mat3, m: &ExperimentModels<'_>, out: &mut Vec<Seen>) {
        let s_max = 1.0 / self.d_min;
        let (s0, axis) = (m.beam.s0(), m.goniometer.lab_axis());
        let turn = m.goniometer.lab_from_datum(0.0);
        let [low, high] = m.scan.phi_range();
        let sigma_m = self.sigma_m_deg.to_radians();
        let limit = self.primitive.lengths.map(|l| libm::floor(l * s_max) as i32);
        for h in -limit[0]..=limit[0] {
            for k in -limit[1]..=limit[1] {
                for l in -limit[2]..=limit[2] {
                    let r = a * Vec3::new(f64::from(h), f64::from(k), f64::from(l));
                    if r.norm() > s_max || [h, k, l] == [0, 0, 0] {
                        continue;
                    }
                    let r0 = turn * r;
                    for phi in ewald::diffracting_angles(&s0, &axis, &r0).into_iter().flatten() {
                        if !(low..high).contains(&phi) {
                            continue;
                        }
                        let s1 = s0 + rotate(&r0, &axis, phi);
                        let zeta = ewald::zeta(&axis, &s0, &s1).abs();
                        let Some(px) = m.detector.panels[0].px_from_ray(&s1).filter(|p| m.detector.panels[0].contains_px(*p)) else {
                            continue;
                        };
                        if zeta < MIN_ZETA {
                            continue;
                        }
                        let lorentz = ewald::inverse_lorentz(&axis, &s0, &s1);
                        let fall = libm::exp(-0.5 * self.wilson_b * r.norm_squared());
                        let counts = self.strengths[lattice] * self.intensity([h, k, l]) * fall / lorentz;
                        let Some((z, images)) = on_images(m.scan.z_from_phi(phi), sigma_m / zeta / m.scan.width, m.scan.n_images) else {
                            continue;
                        };
                        out.push(Seen { truth: Some(Truth { lattice, hkl: [h, k, l] }), xyz: [px.x, px.y, z], z: images, counts });
                    }
                }
            }
        }
    }

    /// Relative intensity: a draw from Wilson's distribution for each Friedel pair.
    fn intensity(&self, hkl: [i32; 3]) -> f64 {
        let first = hkl.iter().find(|x| **x != 0).map_or(1, |x| x.signum());
        let [h, k, l] = hkl.map(|x| (x * first) as u32 as u64);
        ChaCha8Rng::seed_from_u64(self.seed ^ mix(h.wrapping_mul(0x9E37_79B9) ^ k.rotate_left(21) ^ l.rotate_left(42))).sample(Exp1)
    }

    /// Moves a centroid by the errors of counting and pixels.
    fn blur(&self, spot: &mut Seen, rng: &mut ChaCha8Rng) {
        let bad = uniform(rng) < BAD;
        let sigma = if bad { BAD_ERROR } else { libm::sqrt(SIGMA_PX * SIGMA_PX / spot.counts + PIXEL_ERROR * PIXEL_ERROR) };
        for k in 0..2 {
            let normal: f64 = rng.sample(StandardNormal);
            spot.xyz[k] += sigma * normal;
        }
        if spot.z[1] - spot.z[0] > 1 {
            let normal: f64 = rng.sample(StandardNormal);
            let width = 0.25 * f64::from(spot.z[1] - spot.z[0]);
            spot.xyz[2] += (width / libm::sqrt(spot.counts) + if bad { 0.3 } else { 0.0 }) * normal;
        }
        spot.xyz[2] = spot.xyz[2].clamp(f64::from(spot.z[0]) + 0.01, f64::from(spot.z[1]) - 0.01);
    }

    /// Spots of no lattice: half of them anywhere (more of them near the beam), a quarter on rings, a quarter on a few pixels again and again.
    fn spurious_spots(&self, n: usize, m: &ExperimentModels<'_>, rng: &mut ChaCha8Rng, out: &mut Vec<Seen>) {
        let [width, height] = self.image_size.map(|n| n as f64);
        let panel = &m.detector.panels[0];
        let Some(centre) = panel.px_from_ray(&m.beam.s0()) else { return };
        let reach = 0.5 * width.min(height);
        let hot: Vec<[f64; 2]> = (0..4).map(|_| [width * uniform(rng), height * uniform(rng)]).collect();
        for i in 0..n {
            let z = (uniform(rng) * self.images as f64).min(self.images as f64 - 0.01);
            let xy = match i % 4 {
                0 | 1 => {
                    let (radius, angle) = (reach * libm::pow(uniform(rng), 0.7), core::f64::consts::TAU * uniform(rng));
                    [centre.x + radius * libm::cos(angle), centre.y + radius * libm::sin(angle)]
                }
                2 => {
                    let d = RINGS[(uniform(rng) * 4.0) as usize % 4] * (1.0 + 0.004 * (uniform(rng) - 0.5));
                    let two_theta = 2.0 * libm::asin((0.5 * self.wavelength / d).min(0.99));
                    let (radius, angle) = (self.distance * libm::tan(two_theta) / self.pixel, core::f64::consts::TAU * uniform(rng));
                    [centre.x + radius * libm::cos(angle), centre.y + radius * libm::sin(angle)]
                }
                _ => hot[(uniform(rng) * 4.0) as usize % 4].map(|x| x + 0.3 * (uniform(rng) - 0.5)),
            };
            let image = libm::floor(z) as i32;
            out.push(Seen { truth: None, xyz: [xy[0], xy[1], f64::from(image) + 0.5], z: [image, image + 1], counts: 100.0 });
        }
    }
}

/// Centroid and images of a Gaussian at `z` of standard deviation `sigma` (images), seen on the images that have enough of it.
fn on_images(z: f64, sigma: f64, n_images: usize) -> Option<(f64, [i32; 2])> {
    let cdf = |t: f64| 0.5 * libm::erf((t - z) / (sigma * core::f64::consts::SQRT_2));
    let (first, last) = (libm::floor(z - 3.0 * sigma).max(0.0) as i32, (libm::floor(z + 3.0 * sigma) as i32).min(n_images as i32 - 1));
    let (mut sum, mut weighted, mut images) = (0.0, 0.0, [i32::MAX, i32::MIN]);
    let highest = (first..=last).map(|i| cdf(f64::from(i) + 1.0) - cdf(f64::from(i))).fold(0.0, f64::max);
    for i in first..=last {
        let part = cdf(f64::from(i) + 1.0) - cdf(f64::from(i));
        if part > LEAST_FRACTION * highest {
            sum += part;
            weighted += part * (f64::from(i) + 0.5);
            images = [images[0].min(i), images[1].max(i + 1)];
        }
    }
    (sum > 0.2).then(|| (weighted / sum, images))
}

fn table(seen: &[Seen]) -> Reflections {
    let n = seen.len();
    let mut t = Reflections::with_rows(n);
    t.id = vec![0; n];
    t.imageset_id = vec![0; n];
    t.panel = vec![0; n];
    t.flags = vec![flags::OBSERVED | flags::STRONG; n];
    for s in seen {
        let width = f64::from(s.z[1] - s.z[0]);
        t.xyzobs_px.push(s.xyz);
        let xy = SIGMA_PX * SIGMA_PX / s.counts + PIXEL_ERROR * PIXEL_ERROR;
        // As a single image leaves the angle.
        t.xyzobs_px_variance.push([xy, xy, width * width / 12.0 / s.counts.min(12.0) + 1.0 / 48.0]);
        let [x, y] = [s.xyz[0], s.xyz[1]].map(|v| libm::floor(v) as i32);
        t.bbox.push([x - 1, x + 2, y - 1, y + 2, s.z[0], s.z[1]]);
        t.i_sum.push(s.counts);
        t.var_sum.push(s.counts);
    }
    t
}
