//! How far the crystal diffracts, from where its spots are.
//!
//! Spots are counted in shells of equal volume of reciprocal space. As far as the crystal diffracts, shells hold about equally many; the limit
//! is the outer end of the first shell that holds, like the one after it, fewer than 15 % of the mean of the first two. This is method 2 of
//! Zhang et al. (2006), with DIALS' choice of shells: such that the first holds 25 spots or 5 % of them (a quarter, if there are few), and
//! 20 to 40 of them.
//!
//! Of the estimates that `dials.spot_counts_per_image` prints this is the steadiest: on the 240 images of a simulated crystal that diffracts
//! alike on all of them its quartiles are 1.79 and 1.81 Å (method 1: 2.03 and 2.22 Å, with outliers at 5 Å; the fit to I/σ: 1.76 and 1.78 Å, but
//! it follows the single farthest spot: 0.49 Å where the others say 0.65 Å, on electron diffraction). Where no shell is that empty, the spots
//! go on to the edge of the detector, and the limit is that of the farthest.

/// Fewer spots than this tell nothing.
const FEWEST: usize = 11;
/// An image with fewer spots than this is looked at together with its neighbours.
const WANTED: usize = 50;
/// At most so many on either side.
const NEIGHBOURS: usize = 15;
/// A shell with less than this part of the first shells' spots is empty.
const EMPTY: f64 = 0.15;

/// The limit in Å; `None` with 10 spots or fewer. `d`: the resolution of each spot, Å.
pub(super) fn diffraction_limit(d: &[f64]) -> Option<f64> {
    let volume = |d: f64| 1.0 / (d * d * d);
    let mut v: Vec<f64> = d.iter().filter(|d| d.is_finite() && **d > 0.0).map(|d| volume(*d)).collect();
    if v.len() < FEWEST {
        return None;
    }
    v.sort_by(f64::total_cmp);
    let n = v.len() as f64;
    let (first, last) = (v[0], v[v.len() - 1]);
    let in_first = (0.05 * n).max(25.0).min(0.25 * n).ceil() as usize;
    let step = v[in_first] - first;
    if last <= first {
        return None;
    }
    let shells = if step > 0.0 { ((last - first) / step).ceil().clamp(20.0, 40.0) } else { 40.0 } as usize;
    let width = (last - first) / shells as f64;
    let mut counts = vec![0usize; shells];
    for v in &v {
        counts[(((v - first) / width) as usize).min(shells - 1)] += 1;
    }
    let enough = EMPTY * 0.5 * (counts[0] + counts[1]) as f64;
    let end = counts.windows(2).position(|c| c.iter().all(|c| (*c as f64) < enough)).unwrap_or(shells - 1);
    Some(1.0 / libm::cbrt(first + width * (end + 1) as f64))
}

/// The limit on each image, from its own spots, or where those are fewer than 50, from as many images around it as together have 50
/// (at most 15 on either side). `images`: the resolutions of each image's spots.
pub(super) fn by_image(images: &[Vec<f64>]) -> Vec<Option<f64>> {
    let around = |k: usize, reach: usize| k.saturating_sub(reach)..images.len().min(k + reach + 1);
    let spots = |k: usize, reach: usize| -> usize { images[around(k, reach)].iter().map(Vec::len).sum() };
    let limit = |k: usize| {
        let reach = (0..=NEIGHBOURS).find(|&r| spots(k, r) >= WANTED).unwrap_or(NEIGHBOURS);
        diffraction_limit(&images[around(k, reach)].concat())
    };
    (0..images.len()).map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` spots evenly in reciprocal space to `d_min`, and `stray` ones between there and `far`.
    fn spots(n: usize, d_min: f64, stray: usize, far: f64) -> Vec<f64> {
        let place = |k: usize, n: usize, low: f64, high: f64| (low + (high - low) * (k as f64 + 0.5) / n as f64).cbrt().recip();
        let edge = d_min.powi(-3);
        (0..n).map(|k| place(k, n, 1e-5, edge)).chain((0..stray).map(|k| place(k, stray, edge, far.powi(-3)))).collect()
    }

    #[test]
    fn stray_spots_beyond_the_limit_do_not_move_it() {
        for (n, d_min) in [(60, 3.0), (300, 2.0), (5000, 1.2)] {
            let found = diffraction_limit(&spots(n, d_min, n / 50, 0.8 * d_min)).unwrap();
            assert!((found / d_min - 1.0).abs() < 0.06, "{n} {d_min}: {found}");
            assert!((diffraction_limit(&spots(n, d_min, 0, 1.0)).unwrap() / d_min - 1.0).abs() < 0.01);
        }
    }

    #[test]
    fn too_few_spots_tell_nothing() {
        assert_eq!(diffraction_limit(&spots(10, 2.0, 0, 1.0)), None);
        assert_eq!(diffraction_limit(&[2.0; 30]), None);
        assert_eq!(diffraction_limit(&[f64::NAN; 30]), None);
        let mut bunched = vec![5.0; 30];
        bunched.push(2.0);
        assert!(diffraction_limit(&bunched).is_some());
    }

    #[test]
    fn sparse_images_are_taken_with_their_neighbours() {
        let all = spots(600, 2.0, 0, 1.0);
        let images: Vec<Vec<f64>> = (0..60).map(|z| (0..10).map(|k| all[(60 * k + 7 * z) * 37 % 600]).collect()).collect();
        let limits = by_image(&images);
        assert_eq!(limits.len(), 60);
        assert!(limits.iter().all(|l| (l.unwrap() / 2.0 - 1.0).abs() < 0.05), "{limits:?}");
        assert!(by_image(&vec![vec![3.0]; 8]).iter().all(Option::is_none));
    }
}
