//! The longest cell edge to look for, from the distances between neighbouring spots.

use crate::math::Vec3;

/// What the estimate needs to know of a spot.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Reciprocal-lattice point, Å⁻¹.
    pub rlp: Vec3,
    /// Scan angle, rad.
    pub phi: f64,
    /// Whether it enters the Ewald sphere.
    pub entering: bool,
    /// Its sweep.
    pub sweep: usize,
    /// Its box of pixels (x0, x1, y0, y1, z0, z1) and panel, for finding overlaps.
    pub bbox: Option<([i32; 6], u64)>,
}

/// Width of the ranges of rotation within which neighbours are looked for.
const STEP: f64 = core::f64::consts::FRAC_PI_4;
/// Histogram bins hold about this many entries.
const PER_BIN: usize = 5;
/// Bins below this fraction of the highest do not count.
const HEIGHT: f64 = 0.25;
/// 1/d² half-width of the shells of ice that are left out, Å⁻².
const ICE_WIDTH: f64 = 0.004;

/// The estimate, times `multiplier`, Å; `None` when fewer than 10 spots have a neighbour.
///
/// The distance from each spot to its nearest neighbour, within 45° of rotation and on the same side of the sphere, is at most the longest cell edge's
/// reciprocal. Spots on rings of ice and spots whose boxes overlap are left out.
pub fn estimate(points: &[Point], multiplier: f64) -> Option<f64> {
    let overlapped = overlaps(points);
    let used: Vec<&Point> =
        points.iter().zip(overlapped).filter(|(p, overlap)| !overlap && !on_ice(p.rlp.norm_squared())).map(|(p, _)| p).collect();
    let mut distances = Vec::new();
    let sweeps = used.iter().map(|p| p.sweep + 1).max().unwrap_or(0);
    for sweep in 0..sweeps {
        let here: Vec<&&Point> = used.iter().filter(|p| p.sweep == sweep).collect();
        let first = here.iter().map(|p| p.phi).fold(f64::INFINITY, f64::min);
        let mut groups: std::collections::BTreeMap<(i64, bool), Vec<Vec3>> = Default::default();
        for p in here {
            groups.entry((libm::floor((p.phi - first) / STEP) as i64, p.entering)).or_default().push(p.rlp);
        }
        groups.values().for_each(|g| distances.extend(nearest_neighbours(g)));
    }
    // In direct space.
    let mut direct: Vec<f64> = distances.iter().map(|d| 1.0 / d).filter(|d| *d > 1.0 && d.is_finite()).collect();
    if direct.len() < 10 {
        return None;
    }
    direct.sort_by(f64::total_cmp);
    direct.truncate((direct.len() * 99 / 100).max(1));
    Some(multiplier * last_tall_bin(&direct))
}

/// Upper edge of the last bin, of a histogram evenly spaced in log d, whose frequency per Å is above a quarter of the highest.
fn last_tall_bin(sorted: &[f64]) -> f64 {
    let (low, high) = (libm::log10(sorted[0]), libm::log10(sorted[sorted.len() - 1]));
    let bins = (sorted.len() / PER_BIN).max(1);
    let width = (high - low) / bins as f64;
    if width <= 0.0 {
        return sorted[0];
    }
    let mut counts = vec![0usize; bins];
    sorted.iter().for_each(|d| counts[(((libm::log10(*d) - low) / width) as usize).min(bins - 1)] += 1);
    let edge = |i: usize| libm::pow(10.0, low + i as f64 * width);
    let density: Vec<f64> = counts.iter().enumerate().map(|(i, c)| *c as f64 / (edge(i + 1) - edge(i))).collect();
    let tallest = density.iter().copied().fold(0.0, f64::max);
    let last = density.iter().rposition(|d| *d > HEIGHT * tallest).unwrap_or(bins - 1);
    edge(last + 1)
}

/// Distance of each point to its nearest neighbour, by sweeping along the coordinate of widest spread.
fn nearest_neighbours(points: &[Vec3]) -> Vec<f64> {
    if points.len() < 2 {
        return Vec::new();
    }
    let spread = |axis: usize| {
        let (low, high) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p[axis]), h.max(p[axis])));
        high - low
    };
    let axis = (0..3).max_by(|a, b| spread(*a).total_cmp(&spread(*b))).unwrap_or(0);
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a[axis].total_cmp(&b[axis]));
    let nearest = |i: usize| {
        let mut best = f64::INFINITY;
        for range in [&mut (i + 1..sorted.len()) as &mut dyn Iterator<Item = usize>, &mut (0..i).rev()] {
            for j in range {
                let ahead = sorted[j][axis] - sorted[i][axis];
                if ahead * ahead > best {
                    break;
                }
                best = best.min((sorted[j] - sorted[i]).norm_squared());
            }
        }
        best.sqrt()
    };
    crate::job::parallel::map(sorted.len(), nearest)
}

/// Which points' boxes overlap another's.
fn overlaps(points: &[Point]) -> Vec<bool> {
    let mut out = vec![false; points.len()];
    let mut order: Vec<usize> = (0..points.len()).filter(|&i| points[i].bbox.is_some()).collect();
    let key = |i: usize| points[i].bbox.map_or((0, 0, 0), |(b, panel)| (points[i].sweep, panel, b[0]));
    order.sort_by_key(|&i| key(i));
    for (k, &i) in order.iter().enumerate() {
        let Some((a, panel)) = points[i].bbox else { continue };
        for &j in &order[k + 1..] {
            let Some((b, other)) = points[j].bbox else { continue };
            if other != panel || points[j].sweep != points[i].sweep || b[0] >= a[1] {
                break;
            }
            if (1..3).all(|axis| a[2 * axis] < b[2 * axis + 1] && b[2 * axis] < a[2 * axis + 1]) {
                out[i] = true;
                out[j] = true;
            }
        }
    }
    out
}

/// Whether d*² (Å⁻²) is on a powder ring of hexagonal ice (a = 4.498 Å, c = 7.338 Å, P6₃/mmc).
fn on_ice(d_star2: f64) -> bool {
    // hkl of the rings to 1.2 Å that the space group allows.
    const RINGS: [[f64; 3]; 18] = [
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 2.0],
        [1.0, 0.0, 1.0],
        [1.0, 0.0, 2.0],
        [1.0, 1.0, 0.0],
        [1.0, 0.0, 3.0],
        [2.0, 0.0, 0.0],
        [1.0, 1.0, 2.0],
        [2.0, 0.0, 1.0],
        [0.0, 0.0, 4.0],
        [2.0, 0.0, 2.0],
        [1.0, 0.0, 4.0],
        [2.0, 0.0, 3.0],
        [2.0, 1.0, 0.0],
        [2.0, 1.0, 1.0],
        [1.0, 1.0, 4.0],
        [2.0, 1.0, 2.0],
        [1.0, 0.0, 5.0],
    ];
    let (a2, c2) = (4.498 * 4.498, 7.338 * 7.338);
    RINGS.iter().any(|[h, k, l]| (4.0 / 3.0 * (h * h + h * k + k * k) / a2 + l * l / c2 - d_star2).abs() < 0.5 * ICE_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lattice_gives_its_longest_edge() {
        let mut points = Vec::new();
        for h in -5..6 {
            for k in -5..6 {
                for l in -20..21 {
                    let rlp = Vec3::new(h as f64 / 10.0, k as f64 / 12.0, l as f64 / 47.0);
                    points.push(Point { rlp, phi: 0.1, entering: true, sweep: 0, bbox: None });
                }
            }
        }
        let found = estimate(&points, 1.3).unwrap();
        assert!((found / 1.3 - 47.0).abs() < 0.5, "{found}");
        assert_eq!(estimate(&points[..5], 1.3), None);
    }

    #[test]
    fn overlapping_boxes_are_seen() {
        let point = |b| Point { rlp: Vec3::zeros(), phi: 0.0, entering: true, sweep: 0, bbox: Some((b, 0)) };
        let found = overlaps(&[point([0, 4, 0, 4, 0, 2]), point([3, 6, 3, 6, 1, 2]), point([3, 6, 3, 6, 2, 3]), point([6, 8, 0, 4, 0, 2])]);
        assert_eq!(found, [true, true, false, false]);
    }
}
