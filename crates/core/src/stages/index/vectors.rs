//! From peaks of the Fourier map to candidate basis vectors.

use super::peaks::Peak;
use crate::math::{Mat3, Vec3};

/// Vectors within this of each other in length (relative) and direction are one.
const SAME_LENGTH: f64 = 0.1;
const SAME_DIRECTION_DEG: f64 = 5.0;
/// A ratio of lengths within this of a whole number makes a vector a multiple of another.
const MULTIPLE_TOLERANCE: f64 = 0.2;

/// Angle between two vectors, degrees.
pub fn angle_deg(a: &Vec3, b: &Vec3) -> f64 {
    libm::atan2(a.cross(b).norm(), a.dot(b)).to_degrees()
}

/// Candidate basis vectors (Å), strongest first: peaks with lengths between `min_cell` and `max_length`, with opposite and nearly equal ones joined,
/// and without multiples of a stronger, shorter one.
pub fn basis_vectors(peaks: &[Peak], min_cell: f64, max_length: f64) -> Vec<Vec3> {
    let mut sorted: Vec<&Peak> = peaks.iter().filter(|p| (min_cell..=max_length).contains(&p.site.norm())).collect();
    // Ties between a peak and its opposite are broken by the coordinates.
    let coordinates = |v: &Vec3| [v.x, v.y, v.z];
    sorted.sort_by(|a, b| {
        let (ka, kb) = (coordinates(&a.site), coordinates(&b.site));
        a.site.norm().total_cmp(&b.site.norm()).then(ka.partial_cmp(&kb).unwrap_or(core::cmp::Ordering::Equal))
    });
    let groups = group(&sorted);

    // Shortest first: drop what is a multiple of something shorter and stronger.
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by(|&a, &b| groups[a].0.norm().total_cmp(&groups[b].0.norm()).then(a.cmp(&b)));
    let mut kept: Vec<(Vec3, usize)> = Vec::new();
    for i in order {
        let (v, volume) = groups[i];
        if !kept.iter().any(|(shorter, w)| *w > volume && is_multiple(shorter, &v)) {
            kept.push((v, volume));
        }
    }
    kept.sort_by_key(|k| core::cmp::Reverse(k.1));
    kept.into_iter().map(|(v, _)| v).collect()
}

/// Mean vector and largest volume of each group of nearly parallel or opposite vectors.
fn group(peaks: &[&Peak]) -> Vec<(Vec3, usize)> {
    struct Group {
        sum: Vec3,
        count: f64,
        volume: usize,
    }
    let mut groups: Vec<Group> = Vec::new();
    for peak in peaks {
        let v = peak.site;
        let matching = groups.iter_mut().find_map(|g| {
            let mean = g.sum / g.count;
            let (a, b) = (mean.norm(), v.norm());
            if (a - b).abs() / a.max(b) >= SAME_LENGTH {
                return None;
            }
            let angle = angle_deg(&mean, &v);
            if angle < SAME_DIRECTION_DEG {
                Some((g, 1.0))
            } else if 180.0 - angle < SAME_DIRECTION_DEG {
                Some((g, -1.0))
            } else {
                None
            }
        });
        match matching {
            Some((g, sign)) => {
                g.sum += v * sign;
                g.count += 1.0;
                g.volume = g.volume.max(peak.volume);
            }
            None => groups.push(Group { sum: v, count: 1.0, volume: peak.volume }),
        }
    }
    groups.into_iter().map(|g| (g.sum / g.count, g.volume)).collect()
}

/// The vector moved to fit the `points` (Å⁻¹) nearest to its planes: the least squares of r·v − n over those within a quarter of the distance between
/// planes, twice. Left as it is where they do not determine it.
pub fn refined(v: &Vec3, points: &[Vec3]) -> Vec3 {
    let mut v = *v;
    for _ in 0..2 {
        let (mut normal, mut right) = (Mat3::zeros(), Vec3::zeros());
        for p in points {
            let x = v.dot(p);
            let off = libm::round(x) - x;
            if off.abs() < 0.25 {
                normal += p * p.transpose();
                right += p * off;
            }
        }
        let Some(shift) = normal.try_inverse().map(|i| i * right) else { return v };
        // A vector that runs away has nothing to do with the spots.
        if shift.norm() > 0.05 * v.norm() {
            return v;
        }
        v += shift;
    }
    v
}

/// Whether `long` is nearly a whole number of times `short`, in either direction.
fn is_multiple(short: &Vec3, long: &Vec3) -> bool {
    let angle = angle_deg(short, long);
    let ratio = long.norm() / short.norm();
    angle.min(180.0 - angle) < SAME_DIRECTION_DEG && (ratio - libm::round(ratio)).abs() < MULTIPLE_TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposite_vectors_are_one_and_weaker_multiples_none() {
        let peak = |x, y, z, volume| Peak { site: Vec3::new(x, y, z), volume };
        let peaks = [
            peak(10.0, 0.0, 0.0, 50),
            peak(-10.1, 0.0, 0.0, 40),
            peak(20.1, 0.1, 0.0, 30),
            peak(0.0, 15.0, 0.0, 60),
            peak(0.0, 30.0, 0.0, 70),
            peak(0.0, 0.0, 1.0, 99),
        ];
        let vectors = basis_vectors(&peaks, 3.0, 100.0);
        // The double of the first is weaker and goes; that of the second is stronger and stays.
        assert_eq!(vectors.iter().map(|v| libm::round(v.norm())).collect::<Vec<_>>(), [30.0, 15.0, 10.0]);
    }
}
