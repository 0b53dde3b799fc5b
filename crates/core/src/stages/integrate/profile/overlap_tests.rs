use super::*;
use rand::{RngExt, SeedableRng};

/// A Poisson deviate, by multiplying uniform ones (Knuth 1969), from parts that are small enough for it.
fn poisson(rng: &mut rand_chacha::ChaCha8Rng, mut mean: f64) -> i32 {
    let mut n = 0;
    while mean > 0.0 {
        let end = libm::exp(-mean.min(20.0));
        mean -= 20.0;
        let mut product = rng.random::<f64>();
        while product > end {
            n += 1;
            product *= rng.random::<f64>();
        }
    }
    n
}

/// A Gaussian of standard deviation 2 on 17 pixels, at a distance from their middle.
fn spot(at: f64) -> Vec<f64> {
    let g = |x: f64| 0.5 * libm::erf((x - at) / (2.0 * core::f64::consts::SQRT_2));
    (-8..=8).map(|i| g(f64::from(i) + 0.5) - g(f64::from(i) - 0.5)).collect()
}

const B: f64 = 1.5;

/// Mean and spread of (I − truth)/σ, with neighbours in the model or not.
fn deviations(places: &[f64], intensities: &[f64], together: bool) -> (f64, f64) {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    let all: Vec<Vec<f64>> = places.iter().map(|x| spot(*x)).collect();
    let known = if together { &all[..] } else { &all[..1] };
    let (mut sum, mut sum2, n) = (0.0, 0.0, 3000);
    for _ in 0..n {
        let level = Level { mean: f64::from(poisson(&mut rng, 200.0 * B)) / 200.0, pixels: 200.0 };
        let expected = |q: usize| B + all.iter().zip(intensities).map(|(p, i)| i * p[q]).sum::<f64>();
        let counts: Vec<i32> = (0..17).map(|q| poisson(&mut rng, expected(q))).collect();
        let f = fit(known, &counts, &[level.mean; 17], &level, None).unwrap().fit;
        let z = (f.intensity - intensities[0]) / f.variance.sqrt();
        sum += z;
        sum2 += z * z;
    }
    let mean = sum / f64::from(n);
    (mean, (sum2 / f64::from(n) - mean * mean).sqrt())
}

/// Neighbours at one and a half widths and beyond, stronger and weaker, on one side and on both.
#[test]
fn what_others_have_is_told_apart_and_uncertain_as_it_says() {
    for (places, intensities) in [
        (&[0.0, 3.0][..], &[1000.0, 1000.0][..]),
        (&[0.0, 4.0], &[200.0, 5000.0]),
        (&[0.0, 9.0], &[200.0, 20_000.0]),
        (&[0.3, 5.0, -4.5], &[600.0, 3000.0, 300.0]),
    ] {
        let (mean, spread) = deviations(places, intensities, true);
        assert!(mean.abs() < 0.08, "{places:?}: {mean}");
        assert!((spread - 1.0).abs() < 0.06, "{places:?}: {spread}");
        assert!(deviations(places, intensities, false).0 > 2.0, "{places:?}");
    }
}

#[test]
fn alone_it_is_fitted_as_by_itself() {
    let p = spot(0.4);
    let counts: Vec<i32> = p.iter().map(|p| (2.0 + 900.0 * p).round() as i32).collect();
    let level = Level { mean: 2.0, pixels: 100.0 };
    let joint = fit(std::slice::from_ref(&p), &counts, &[2.0; 17], &level, None).unwrap();
    let single = super::super::fit::fit(&p, &counts, &[2.0; 17], &level, None, &mut Vec::new()).unwrap();
    assert!((joint.fit.intensity / single.intensity - 1.0).abs() < 1e-4 && (joint.fit.variance / single.variance - 1.0).abs() < 1e-4);
    assert_eq!((joint.fit.beside, joint.others), (0.0, vec![0.0; 17]));
}

#[test]
fn one_at_the_same_place_cannot_be_told_apart_and_two_others_there_do_no_harm() {
    let level = Level { mean: B, pixels: 100.0 };
    let go = |places: &[f64]| {
        let all: Vec<Vec<f64>> = places.iter().map(|x| spot(*x)).collect();
        let counts: Vec<i32> = (0..17).map(|q| (B + 500.0 * all.iter().map(|p| p[q]).sum::<f64>()).round() as i32).collect();
        fit(&all, &counts, &[B; 17], &level, None)
    };
    assert_eq!(go(&[0.0, 0.05]).err(), Some(Unfit::Inseparable));
    let with_twins = go(&[0.0, 5.0, 5.0]).unwrap().fit;
    assert!((with_twins.intensity - 500.0).abs() < 20.0, "{with_twins:?}");
    // Nothing of it is on usable pixels.
    assert_eq!(fit(&[spot(0.0)], &[-1; 17], &[B; 17], &level, None).err(), Some(Unfit::Nothing));
}
