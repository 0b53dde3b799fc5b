use super::*;

/// The rings that every crystallographer knows.
#[test]
fn the_strong_rings_are_where_they_are_seen() {
    let d: Vec<f64> = rings(2.0).iter().map(|q| 1.0 / q.sqrt()).collect();
    let expected = [3.90, 3.67, 3.44, 2.67, 2.25, 2.07];
    assert_eq!(d.len(), expected.len(), "{d:?}");
    assert!(d.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{d:?}");
}

#[test]
fn neighbourhoods_keep_clear_of_other_rings() {
    let rings = rings(FINEST);
    for k in 0..rings.len() {
        let others: Vec<f64> = rings.iter().enumerate().filter(|(i, _)| *i != k).map(|(_, o)| *o).collect();
        let parts = neighbourhood(rings[k], &others);
        assert!(parts.iter().map(|[a, b]| b - a).sum::<f64>() > 0.004, "{k} {parts:?}");
        assert!(parts.iter().all(|[a, b]| rings.iter().all(|r| r + 0.0029 < *a || r - 0.0029 > *b)), "{k} {parts:?}");
    }
}

/// Evenly distributed numbers from a fixed sequence.
fn random() -> impl FnMut() -> f64 {
    let mut state = 2024u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// `n` spots of a crystal to 1.8 Å, anywhere on the detector, and `ice` spots on each of four rings.
fn places(n: usize, ice: usize) -> Vec<Place> {
    let mut random = random();
    let highest = (1.0f64 / 1.8).powi(3);
    let mut out: Vec<Place> = (0..n).map(|_| (0, 4000.0 * random(), 4000.0 * random(), (highest * random()).cbrt().powi(2))).collect();
    for ring in [0, 1, 2, 4].map(|k| rings(FINEST)[k]) {
        out.extend((0..ice).map(|_| (0, 4000.0 * random(), 4000.0 * random(), ring + 0.001 * (random() - 0.5))));
    }
    out
}

#[test]
fn ice_spots_are_told_and_crystals_are_not_ice() {
    for n in [200, 1000, 5000, 50_000] {
        assert_eq!(spots_on_rings(&places(n, 0)), [], "{n}");
        let found: Vec<f64> = spots_on_rings(&places(n, n / 20)).iter().map(|r| (r.d * 100.0).round() / 100.0).collect();
        assert_eq!(found, if n == 200 { vec![] } else { vec![3.90, 3.67, 3.44, 2.25] }, "{n}");
    }
    let found = spots_on_rings(&places(5000, 250));
    let [on, expected] = found[0].spots.unwrap();
    assert!(on > 250.0 && on < 350.0 && expected < 80.0, "{on} {expected}");
}

#[test]
fn places_that_shine_again_and_again_are_not_ice() {
    let mut all = places(3000, 0);
    for ring in &rings(FINEST)[..3] {
        all.extend((0..120).map(|k| (0, 580.0 + 0.01 * f64::from(k), 937.0, *ring)));
    }
    assert_eq!(spots_on_rings(&all), []);
}

/// A crystal that diffracts just beyond a ring, as a detector's edge or a limit may have it.
#[test]
fn where_diffraction_ends_is_no_ring() {
    for (k, ring) in rings(FINEST).into_iter().enumerate().skip(4) {
        for beyond in [0.002, 0.004, 0.006] {
            let mut all = places(40_000, 0);
            all.retain(|p| p.3 < ring + beyond);
            assert_eq!(spots_on_rings(&all), [], "ring {k}, ends {beyond} beyond it");
        }
    }
}

/// The equivalents of one strong reflection of a small cell.
#[test]
fn one_ring_with_some_equivalents_is_not_ice() {
    let mut random = random();
    let mut all = places(300, 0);
    all.extend((0..30).map(|_| (0, 4000.0 * random(), 4000.0 * random(), rings(FINEST)[1] + 0.0002 * random())));
    assert_eq!(spots_on_rings(&all), []);
}

/// A cubic cell of 13.53 Å: of its few distances, two are those of ice.
#[test]
fn a_small_cell_is_not_ice() {
    let mut random = random();
    let mut all = Vec::new();
    for (h, k, l) in (0..9).flat_map(|h| (0..9).flat_map(move |k| (0..9).map(move |l| (h, k, l)))).filter(|(h, k, l)| (h + k + l) % 2 == 0)
    {
        let q = f64::from(h * h + k * k + l * l) / (13.53f64 * 13.53);
        all.extend((0..24).map(|_| (0, 4000.0 * random(), 4000.0 * random(), q * (1.0 + 0.01 * (random() - 0.5)))));
    }
    assert_eq!(spots_on_rings(&all), []);
}

/// Background of 2 counts with a broad solvent ring, and rings of ice that add `ice` to it.
fn background(ice: f64) -> RadialBackground {
    let mut out = RadialBackground::new(0.001, 400);
    let mut random = random();
    for k in 0..400 {
        let q = out.q(k);
        let solvent = 1.5 * (-((q - 0.09) / 0.03).powi(2)).exp();
        let on_ring = rings(FINEST).iter().take(4).any(|r| (r - q).abs() < 0.0012);
        let mean = 2.0 - 2.0 * q + solvent + if on_ring { ice } else { 0.0 };
        let n = 200 + 10 * k;
        // Counting noise, by its second moment.
        let noise = (12.0f64).sqrt() * (random() - 0.5) * (mean * n as f64).sqrt();
        (out.pixels[k], out.counts[k]) = (n as u64, (mean * n as f64 + noise).round() as i64);
    }
    out
}

#[test]
fn bright_rings_are_told_and_solvent_is_not_ice() {
    assert_eq!(background_on_rings(&background(0.0)), []);
    let found = background_on_rings(&background(1.0));
    assert!(found.len() >= 3 && found.iter().all(|r| r.d > 2.6), "{found:?}");
    let [on, expected] = found[0].background.unwrap();
    assert!(on > 1.15 * expected, "{on} {expected}");
    assert_eq!(background_on_rings(&RadialBackground::default()), []);
}

#[test]
fn what_spots_and_background_show_is_one_list() {
    let ring = |d: f64, spots, background| IceRing { d, spots, background };
    let both = merged(
        vec![ring(3.9, Some([20.0, 5.0]), None), ring(2.25, Some([30.0, 9.0]), None)],
        vec![ring(3.9, None, Some([3.0, 2.0])), ring(3.44, None, Some([3.0, 2.0]))],
    );
    assert_eq!(
        both.iter().map(|r| (r.d, r.spots.is_some(), r.background.is_some())).collect::<Vec<_>>(),
        [(3.9, true, true), (3.44, false, true), (2.25, true, false)]
    );
    assert!(is_on(&both, 1.0 / (3.44 * 3.44) + 0.001) && !is_on(&both, 0.07));
}
