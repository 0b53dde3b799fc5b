//! Single pixels that cannot belong to a reflection: hot pixels, cosmic rays, decaying nuclei in the sensor.

/// A square root of counts has a standard deviation of one half whatever the mean: pixels this many standard deviations above what can be expected
/// are spikes.
const BEYOND: f64 = 8.0;
/// A profile is trusted to this factor, and to this part of its highest pixel.
const TRUST: f64 = 1.3;
const TRUST_PEAK: f64 = 0.05;
/// Where the profile has less than this part of its highest pixel it has little.
const LITTLE: f64 = 0.3;
/// Neighbours of a spike have at most this part of its counts: what is as sharp as this is no spot.
const SHARP: i32 = 5;

/// Marks spikes among the foreground pixels of a reflection as invalid (−1); returns how many.
///
/// A pixel is one when it has far more counts than the background and the fit, taken generously (the highest of the profile at it or beside it, so that a
/// spot a pixel beside its prediction is none), let one expect, while the pixels beside it have far fewer; and when, besides, it lies where the
/// profile has little, or is as bright on all images although the profile rises and falls. Real spots may be sharper than any profile learned
/// from a few of them, but they are near their prediction and come and go.
///
/// - `inside`, `width`: the foreground of an image, row-major
/// - `fraction`, `levels`, `counts`: profile, background and counts of foreground pixels, image by image
pub(super) fn remove(inside: &[bool], width: usize, fraction: &[f64], levels: &[f64], intensity: f64, counts: &mut [i32]) -> usize {
    // Most reflections have no pixel that could be one.
    let least = (0.5 * BEYOND * BEYOND * 0.5) as i32;
    if counts.iter().all(|&c| c < least) || width == 0 {
        return 0;
    }
    let area = inside.iter().filter(|f| **f).count();
    if area == 0 {
        return 0;
    }
    let mut number = vec![None; inside.len()];
    for (q, p) in (0..inside.len()).filter(|&p| inside[p]).enumerate() {
        number[p] = Some(q);
    }
    let i = intensity.max(0.0);
    // Pixels that are as bright on all images as no rocking curve is.
    let images = counts.len() / area;
    let steady = |q: usize| {
        let column = |v: &dyn Fn(usize) -> f64| {
            (0..images).map(|k| v(k * area + q)).fold((f64::INFINITY, 0.0), |(a, b): (f64, f64), x| (a.min(x), b.max(x)))
        };
        let (low, high) = column(&|n| f64::from(counts[n]));
        let (least, most) = column(&|n| fraction[n]);
        images >= 3 && low > 0.5 * high && least < 0.3 * most
    };
    let mut found = Vec::new();
    for (k, image) in counts.chunks_exact(area).enumerate() {
        let of_image = &fraction[k * area..(k + 1) * area];
        let highest = of_image.iter().copied().fold(0.0, f64::max);
        for p in (0..inside.len()).filter(|&p| inside[p]) {
            let Some(q) = number[p] else { continue };
            let d = image[q];
            if d < least {
                continue;
            }
            let (y, x) = (p / width, p % width);
            let near = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)].into_iter().filter_map(|(dy, dx)| {
                let (y, x) = (y.checked_add_signed(dy)?, x.checked_add_signed(dx)?);
                if x < width { number.get(y * width + x).copied().flatten() } else { None }
            });
            let (mut most, mut brightest) = (of_image[q], 0);
            for n in near {
                most = most.max(of_image[n]);
                brightest = brightest.max(image[n]);
            }
            let steady = steady(q);
            if most > LITTLE * highest && !steady {
                continue;
            }
            let expected = levels[k * area + q].max(0.0) + i * (TRUST * most + TRUST_PEAK * highest);
            if brightest < d / SHARP && 2.0 * ((f64::from(d) + 0.375).sqrt() - (expected + 0.375).sqrt()) > BEYOND {
                if steady {
                    found.extend((0..images).map(|k| k * area + q));
                } else {
                    found.push(k * area + q);
                }
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    for &n in &found {
        counts[n] = -1;
    }
    found.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spikes_go_and_spots_stay() {
        let (w, h) = (9usize, 9usize);
        let inside = vec![true; w * h];
        let gaussian = |x0: f64, s: f64| -> Vec<f64> {
            let g = |p: usize| {
                let (dy, dx) = ((p / w) as f64 - 4.0, (p % w) as f64 - x0);
                libm::exp(-0.5 * (dx * dx + dy * dy) / (s * s)) / (core::f64::consts::TAU * s * s)
            };
            (0..w * h).map(g).collect()
        };
        let p = gaussian(4.0, 0.6);
        let image = |i: f64, shape: &[f64]| -> Vec<i32> { shape.iter().map(|f| (1.0 + i * f).round() as i32).collect() };
        let levels = vec![1.0; w * h];
        for i in [0.0, 50.0, 2000.0, 100_000.0] {
            let mut clean = image(i, &p);
            assert_eq!(remove(&inside, w, &p, &levels, i, &mut clean), 0, "{i}");
            // A spot far sharper than its profile.
            let mut sharp = vec![1; w * h];
            sharp[4 * w + 4] += i as i32;
            assert_eq!(remove(&inside, w, &p, &levels, i, &mut sharp), 0, "{i}");
            // Half a pixel beside its prediction.
            assert_eq!(remove(&inside, w, &p, &levels, i, &mut image(i, &gaussian(4.5, 0.6))), 0, "{i}");
            if i < 10_000.0 {
                // The fit has taken the spike for the reflection.
                let mut hot = clean.clone();
                hot[6 * w + 6] = 3000;
                assert_eq!(remove(&inside, w, &p, &levels, i + 3000.0, &mut hot), 1, "{i}");
                assert_eq!(hot[6 * w + 6], -1);
            }
            // On four images a hot pixel is told even at the centre.
            let rocking = [0.1, 0.4, 0.4, 0.1];
            let all: Vec<f64> = rocking.iter().flat_map(|r| p.iter().map(move |f| r * f)).collect();
            let mut hot: Vec<i32> = rocking.iter().flat_map(|r| image(i * r, &p)).collect();
            (0..4).for_each(|k| hot[k * w * h + 4 * w + 4] = 60_000);
            let taken = remove(&inside, w, &all, &[1.0; 324], i + 240_000.0, &mut hot);
            assert!(i > 10_000.0 || taken == 4, "{i}: {taken}");
        }
    }
}
