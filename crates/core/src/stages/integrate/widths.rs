//! σ_b and σ_m of an experiment from its strong spots.

use super::setup::Widths;
use crate::geometry::{Detector, ExperimentModels, ewald};
use crate::job::parallel;
use crate::math::{Vec2, Vec3};
use crate::reflections::{Shoebox, mask};
use core::f64::consts::SQRT_2;

/// A strong spot with its prediction.
#[derive(Debug, Clone, Copy)]
pub(super) struct StrongSpot<'a> {
    pub(super) shoebox: &'a Shoebox,
    /// Predicted, Å⁻¹.
    pub(super) s1: Vec3,
    /// Predicted scan angle, rad.
    pub(super) phi: f64,
}

/// An estimate and how many spots it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) widths: Widths,
    pub(super) spots: usize,
}

/// Estimates from spots of |ζ| ≥ `min_zeta`. `None` when none of them can be used.
pub(super) fn estimate(models: &ExperimentModels<'_>, spots: &[StrongSpot<'_>], min_zeta: f64) -> Option<Estimate> {
    let (axis, s0) = (models.goniometer.lab_axis(), models.beam.s0());
    let used: Vec<StrongSpot<'_>> = spots.iter().copied().filter(|s| ewald::zeta(&axis, &s0, &s.s1).abs() >= min_zeta).collect();
    let sigma_b = divergence(models.detector, &used)?;
    let sigma_m = Rocking::new(models, &used).sigma_m()?;
    Some(Estimate { widths: Widths { sigma_b, sigma_m }, spots: used.len() })
}

/// σ_b = √mean(v) with v = Σ c α²/(Σ c − 1) of each spot, α the angle between a pixel's ray and the predicted ray; after Kabsch (2010).
fn divergence(detector: &Detector, spots: &[StrongSpot<'_>]) -> Option<f64> {
    let variances = parallel::map_slice(spots, |s| {
        let panel = detector.panels.get(s.shoebox.panel as usize)?;
        let direction = s.s1.normalize();
        let mm = panel.mm_from_ray(&direction)?;
        let px = panel.px_from_mm(mm);
        // The depth of absorption changes little over a spot.
        let shift = Vec2::new(px.x * panel.pixel_size[0] - mm.x, px.y * panel.pixel_size[1] - mm.y);
        let [nz, ny, nx] = s.shoebox.size();
        let [x0, _, y0, ..] = s.shoebox.bbox;
        let (mut sum, mut moment) = (0.0, 0.0);
        for j in 0..ny {
            for i in 0..nx {
                let at = (0..nz).map(|k| (k * ny + j) * nx + i);
                let counts: f64 = at.filter(|&q| s.shoebox.mask[q] != 0).map(|q| f64::from(s.shoebox.data[q])).sum();
                if counts != 0.0 {
                    let x = (f64::from(x0) + i as f64 + 0.5) * panel.pixel_size[0] - shift.x;
                    let y = (f64::from(y0) + j as f64 + 0.5) * panel.pixel_size[1] - shift.y;
                    let ray = panel.lab_from_mm(Vec2::new(x, y)).normalize();
                    let half = 0.5 * (ray - direction).norm();
                    let angle = 2.0 * libm::asin(half.min(1.0));
                    sum += counts;
                    moment += counts * angle * angle;
                }
            }
        }
        (sum > 1.0).then(|| moment / (sum - 1.0))
    });
    let (sum, n) = variances.iter().flatten().fold((0.0, 0usize), |(s, n), v| (s + v, n + 1));
    (n > 0).then(|| (sum / n as f64).sqrt()).filter(|s| s.is_finite() && *s > 0.0)
}

/// The likelihood of the counts' distribution over images as a function of σ_m.
///
/// Of an image at angle τ from the prediction, the fraction z = ½[erf(|ζ|(τ + Δφ/2)/(√2σ)) − erf(|ζ|(τ − Δφ/2)/(√2σ))] of the counts
/// is expected; ln L = Σ_spots [Σ_j n_j ln z_j − K ln Z + ln Z] with K = Σ n_j and Z = Σ z_j.
struct Rocking {
    /// Ends of each image times |ζ|/√2, rad, and its counts; images without counts left out.
    images: Vec<([f64; 2], f64)>,
    /// Where each spot's images end.
    ends: Vec<usize>,
}

/// Spots handled together by one task.
const CHUNK: usize = 512;

impl Rocking {
    fn new(models: &ExperimentModels<'_>, spots: &[StrongSpot<'_>]) -> Self {
        let (axis, s0, scan) = (models.goniometer.lab_axis(), models.beam.s0(), models.scan);
        let mut out = Rocking { images: Vec::new(), ends: Vec::new() };
        for s in spots {
            let zeta = ewald::zeta(&axis, &s0, &s.s1).abs() / SQRT_2;
            let [_, ny, nx] = s.shoebox.size();
            let before = out.images.len();
            for (k, z) in (s.shoebox.bbox[4]..s.shoebox.bbox[5]).enumerate() {
                let range = k * ny * nx..(k + 1) * ny * nx;
                let strong = s.shoebox.mask[range.clone()].iter().zip(&s.shoebox.data[range]);
                let bits = mask::VALID | mask::FOREGROUND;
                let counts: f64 = strong.filter(|(m, _)| **m & (bits | mask::BACKGROUND) == bits).map(|(_, d)| f64::from(*d)).sum();
                if counts > 0.0 {
                    let ends = [scan.phi_from_z(f64::from(z)), scan.phi_from_z(f64::from(z + 1))].map(|p| (p - s.phi) * zeta);
                    out.images.push(([ends[0].min(ends[1]), ends[0].max(ends[1])], counts));
                }
            }
            if out.images.len() > before {
                out.ends.push(out.images.len());
            }
        }
        out
    }

    /// −ln L over every `stride`-th spot.
    fn cost(&self, ln_sigma: f64, stride: usize) -> f64 {
        let inverse = libm::exp(-ln_sigma);
        let chosen: Vec<usize> = (0..self.ends.len()).step_by(stride).collect();
        let sums = parallel::map_chunks(&chosen, CHUNK, |_, chunk| {
            let mut total = 0.0;
            for &s in chunk {
                let start = if s == 0 { 0 } else { self.ends[s - 1] };
                let (mut l, mut k, mut z_sum) = (0.0, 0.0, 0.0);
                for &([a, b], n) in &self.images[start..self.ends[s]] {
                    let z = (0.5 * (libm::erf(b * inverse) - libm::erf(a * inverse))).max(1e-10);
                    l += n * libm::log(z);
                    k += n;
                    z_sum += z;
                }
                total += l - (k - 1.0) * libm::log(z_sum);
            }
            total
        });
        -sums.iter().sum::<f64>()
    }

    /// The most likely σ_m, rad: a scan of ln σ over a sample of the spots from 0.001° to 10°, then golden sections over all of them.
    fn sigma_m(&self) -> Option<f64> {
        if self.ends.is_empty() {
            return None;
        }
        let (lo, hi) = (libm::log(0.001f64.to_radians()), libm::log(10f64.to_radians()));
        let stride = self.ends.len().div_ceil(1000);
        let steps = 46;
        let h = (hi - lo) / f64::from(steps);
        let grid = (0..=steps).map(|i| lo + h * f64::from(i));
        let best = grid.map(|x| (self.cost(x, stride), x)).min_by(|a, b| a.0.total_cmp(&b.0))?.1;
        Some(libm::exp(golden_section(best - h, best + h, 2e-3, |x| self.cost(x, 1))))
    }
}

/// Where `f`, with one minimum between `a` and `b`, has it, to within `tolerance`.
fn golden_section(mut a: f64, mut b: f64, tolerance: f64, f: impl Fn(f64) -> f64) -> f64 {
    const G: f64 = 0.618_033_988_749_894_9;
    let (mut c, mut d) = (b - G * (b - a), a + G * (b - a));
    let (mut fc, mut fd) = (f(c), f(d));
    while b - a > tolerance {
        if fc < fd {
            (b, d, fd) = (d, c, fc);
            c = b - G * (b - a);
            fc = f(c);
        } else {
            (a, c, fc) = (c, d, fd);
            d = a + G * (b - a);
            fd = f(d);
        }
    }
    0.5 * (a + b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Beam, Goniometer, Panel, Scan};

    /// Spots of known widths, with smooth counts, come back with them.
    #[test]
    fn widths_of_gaussian_spots_are_recovered() {
        let beam = Beam::default();
        let panel = Panel { origin: Vec3::new(-50.0, 50.0, -100.0), image_size: [1000, 1000], ..Panel::default() };
        let detector = Detector::single(panel.clone());
        let goniometer = Goniometer::single(Vec3::x());
        let scan = Scan { n_images: 100, width: 0.1f64.to_radians(), first_image: 1, ..Scan::default() };
        let models =
            ExperimentModels { beam: &beam, detector: &detector, goniometer: &goniometer, scan: &scan, crystal: None, profile: None };
        let (sigma_b, sigma_m) = (0.15f64.to_radians(), 0.2f64.to_radians());
        let s0 = beam.s0();
        let mut boxes = Vec::new();
        for (x, y, z) in [(520.3, 610.8, 40.2), (450.7, 300.1, 61.9), (480.0, 820.5, 33.4)] {
            let s1 = panel.s1_from_px(Vec2::new(x, y), 1.0);
            let frame = super::super::frame::KabschFrame::new(&Vec3::x(), &s0, &s1);
            let (cx, cy, cz) = (x as i32, y as i32, z as i32);
            let bbox = [cx - 15, cx + 16, cy - 15, cy + 16, cz - 12, cz + 13];
            let mut b = Shoebox { panel: 0, bbox, ..Shoebox::default() };
            for k in bbox[4]..bbox[5] {
                let edge = |zz: i32| libm::erf(frame.zeta.abs() * (f64::from(zz) - z) * scan.width / (SQRT_2 * sigma_m));
                let rocking = 0.5 * (edge(k + 1) - edge(k));
                for j in bbox[2]..bbox[3] {
                    for i in bbox[0]..bbox[1] {
                        let c = frame.coordinates(&panel.s1_from_px(Vec2::new(f64::from(i) + 0.5, f64::from(j) + 0.5), 1.0));
                        let g = libm::exp(-0.5 * c.norm_squared() / (sigma_b * sigma_b));
                        b.data.push((1e6 * rocking * g) as f32);
                        b.mask.push(mask::VALID | mask::FOREGROUND);
                    }
                }
            }
            boxes.push((b, s1, scan.phi_from_z(z)));
        }
        let spots: Vec<StrongSpot<'_>> = boxes.iter().map(|(shoebox, s1, phi)| StrongSpot { shoebox, s1: *s1, phi: *phi }).collect();
        let e = estimate(&models, &spots, 0.05).unwrap();
        assert_eq!(e.spots, 3);
        // α² sums over two directions, so that this definition of σ_b is √2 times the width along either.
        assert!((e.widths.sigma_b / (SQRT_2 * sigma_b) - 1.0).abs() < 0.02, "{}", e.widths.sigma_b / sigma_b);
        assert!((e.widths.sigma_m / sigma_m - 1.0).abs() < 0.01, "{}", e.widths.sigma_m / sigma_m);
        assert!(estimate(&models, &[], 0.05).is_none());
    }
}
