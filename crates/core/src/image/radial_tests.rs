//! Histograms and runs against the definition, evaluated with sorted lists.

use super::super::Frame;
use super::*;
use proptest::prelude::*;

/// What the test says of one panel, without any economy.
fn by_definition(
    test: &RadialProfile,
    frame: &Frame,
    usable: &Usable,
    bin: impl Fn(usize, usize) -> Option<usize>,
    n: usize,
) -> Vec<Pixel> {
    let (w, h) = (frame.width, frame.height);
    let ok = |i: usize, j: usize| usable.contains(i, j) && usable.trusts(frame.row(j)[i]);
    let (weights, reach, unit) = (test.blur.weights(), test.blur.reach() as isize, test.blur.unit());
    let value = |i: usize, j: usize| {
        let (mut sum, mut total) = (0i64, 0i64);
        for (dj, di) in (-reach..=reach).flat_map(|dj| (-reach..=reach).map(move |di| (dj, di))) {
            let (x, y) = (i.saturating_add_signed(di).min(w - 1), j.saturating_add_signed(dj).min(h - 1));
            if ok(x, y) {
                let weight = i64::from(weights[dj.unsigned_abs()][di.unsigned_abs()]);
                sum += weight * i64::from(frame.row(y)[x]);
                total += weight;
            }
        }
        (sum as f64 * f64::from(unit) / total as f64).round()
    };
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); n];
    let pixels: Vec<(usize, usize)> = (0..h).flat_map(|j| (0..w).map(move |i| (i, j))).filter(|&(i, j)| ok(i, j)).collect();
    for &(i, j) in &pixels {
        if let Some(b) = bin(i, j) {
            values[b].push(value(i, j));
        }
    }
    let threshold: Vec<f64> = values
        .iter_mut()
        .map(|v| {
            v.sort_by(f64::total_cmp);
            let at = |place: f64| {
                let (a, b) = (v[place.floor() as usize], v[place.ceil() as usize]);
                a + (b - a) * (place - place.floor())
            };
            let last = v.len().saturating_sub(1) as f64;
            if v.is_empty() {
                return 0.0;
            }
            let above = test.n_iqr * (at(0.75 * last) - at(0.25 * last)) / f64::from(unit);
            at(0.5 * last) / f64::from(unit) + if above <= 1.0 { 2.0 } else { above }
        })
        .collect();
    let strong = pixels.into_iter().filter(|&(i, j)| bin(i, j).is_some_and(|b| value(i, j) / f64::from(unit) > threshold[b]));
    strong.map(|(i, j)| Pixel { index: (j * w + i) as u32, value: frame.row(j)[i] }).collect()
}

prop_compose! {
    fn scene()(w in 1usize..40, h in 1usize..30)(
        background in prop_oneof![Just(2i32), Just(40), Just(3000), Just(1_000_000)],
        noise in prop::collection::vec(0i32..100, w * h),
        spots in prop::collection::vec((0..w, 0..h, prop_oneof![5i32..60, 1000..200_000]), 0..8),
        dead in prop::collection::vec(0..w * h, 0..20),
        negative in prop::collection::vec((0..w * h, -3000i32..0), 0..20),
        region in prop_oneof![Just([0, w, 0, h]), (0..w, 0..w + 3, 0..h, 0..h + 3).prop_map(|(a, b, c, d)| [a.min(b), a.max(b), c.min(d), c.max(d)])],
        w in Just(w), h in Just(h),
    ) -> (Frame, Vec<bool>, [usize; 4]) {
        let mut frame = Frame { width: w, height: h, pixels: noise.iter().map(|n| n * background / 50).collect() };
        spots.iter().for_each(|&(x, y, peak)| frame.pixels[y * w + x] += peak);
        negative.iter().for_each(|&(k, v)| frame.pixels[k] = v);
        let mut mask = vec![true; w * h];
        dead.iter().for_each(|&k| mask[k] = false);
        (frame, mask, region)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn histograms_find_what_sorting_finds(
        (frame, mask, region) in scene(),
        n_bins in 1usize..8,
        blur in prop_oneof![Just(Blur::None), Just(Blur::Narrow), Just(Blur::Wide)],
        n_iqr in 0.5f64..8.0,
        low in prop_oneof![Just(0i32), Just(-2000)],
        high in prop_oneof![Just(i32::MAX), Just(5000)],
    ) {
        let (w, h) = (frame.width, frame.height);
        let angle = |x: usize, y: usize| ((x as f64 - 7.3).powi(2) + (y as f64 - 11.1).powi(2)).sqrt();
        let bins = RadialBins::new([w, h], n_bins, region, angle);
        let [x0, x1, y0, y1] = region;
        let inside = |i: usize, j: usize| (x0..x1).contains(&i) && (y0..y1).contains(&j);
        let all: Vec<f64> = (0..w * h).filter(|k| inside(k % w, k / w)).map(|k| angle(k % w, k / w)).collect();
        let (least, most) = all.iter().fold((f64::INFINITY, 0.0f64), |(a, b), t| (a.min(*t), b.max(*t)));
        let bin = |i: usize, j: usize| {
            inside(i, j).then(|| ((angle(i, j) - least) * (n_bins as f64 / (most - least + 1e-10))).floor() as usize)
        };
        let test = RadialProfile { n_iqr, blur };
        let usable = Usable::new(&mask, w, [low, high]);
        let view = PanelView::new(&frame, [0, 0], [w, h]).unwrap();
        let mut scratch = RadialScratch::default();
        let found = test.strong_pixels(&view, &usable, &bins, &mut scratch);
        prop_assert_eq!(&found, &by_definition(&test, &frame, &usable, bin, n_bins));
        prop_assert_eq!(&found, &test.strong_pixels(&view, &usable, &bins, &mut scratch));
    }

    #[test]
    fn buckets_ascend_and_hold_their_values(mut v in prop::collection::vec(any::<i32>(), 50)) {
        v.extend([0, 1023, 1024, 1025, i32::MAX, i32::MIN, -1]);
        v.sort_unstable();
        prop_assert!(v.windows(2).all(|w| bucket(w[0]) <= bucket(w[1])));
        for v in v {
            let (low, bits) = interval(bucket(v));
            prop_assert!(bucket(v) < BUCKETS && i64::from(v) >= low && i64::from(v) - low < 1 << bits);
        }
    }
}

#[test]
fn weights_add_up() {
    assert_eq!([Blur::None, Blur::Narrow, Blur::Wide].map(Blur::unit), [1, 16, 273]);
}

/// On a panel of the size of large detectors the bins take a small part of what a byte per pixel would.
#[test]
fn bins_are_compact() {
    let bins =
        RadialBins::new([2000, 1000], 100, [0, 2000, 0, 1000], |x, y| ((x as f64 - 1000.0).powi(2) + (y as f64 - 500.0).powi(2)).sqrt());
    assert!(bins.runs.len() * size_of::<Run>() < 2000 * 1000, "{}", bins.runs.len());
}
