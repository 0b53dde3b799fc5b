//! The streaming sums against the definition, evaluated window by window.

use super::super::bitmap::bit;
use super::super::stream::BIG;
use super::*;
use proptest::prelude::*;

/// Sums over the pixels of a window that `counts` admits.
fn window(frame: &Frame, j: usize, i: usize, k: [usize; 2], counts: impl Fn(usize, usize) -> bool) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for r in j.saturating_sub(k[0])..frame.height.min(j + k[0] + 1) {
        for c in i.saturating_sub(k[1])..frame.width.min(i + k[1] + 1) {
            let p = f64::from(frame.row(r)[c]);
            if counts(r, c) && p.abs() < f64::from(BIG) {
                sums = [sums[0] + 1.0, sums[1] + p, sums[2] + p * p];
            }
        }
    }
    sums
}

/// Strong pixels, and the flagged and the kept ones.
fn by_definition(t: &Dispersion, frame: &Frame, u: &Usable) -> (Vec<Pixel>, [Vec<bool>; 2]) {
    let (w, h) = (frame.width, frame.height);
    let usable = |j: usize, i: usize| u.contains(i, j) && (u.trusted[0]..=u.trusted[1]).contains(&frame.row(j)[i]);
    let each = |f: &dyn Fn(usize, usize) -> bool| -> Vec<bool> { (0..w * h).map(|k| f(k / w, k % w)).collect() };
    let flagged = each(&|j, i| {
        let [m, x, y] = window(frame, j, i, t.kernel, usable);
        let bound = t.gain * (m - 1.0 + t.sigma_background * (2.0 * (m - 1.0)).sqrt());
        (!usable(j, i) && t.gaps == Gaps::Flagged) || (usable(j, i) && m >= t.min_local as f64 && x >= 0.0 && m * y - x * x > x * bound)
    });
    let d = match t.method {
        Method::Dispersion => 0,
        Method::DispersionExtended => t.kernel[0].min(t.kernel[1]) - 1,
    };
    let kept = each(&|j, i| {
        let near = |r: usize, c: usize| r.abs_diff(j) <= d && c.abs_diff(i) <= d;
        usable(j, i) && (0..w * h).all(|k| !near(k / w, k % w) || flagged[k])
    });
    let strong = each(&|j, i| {
        let p = f64::from(frame.row(j)[i]);
        let over = |mean: f64| mean + t.sigma_strong * (t.gain * mean).sqrt();
        let above = match t.method {
            Method::Dispersion => {
                let [m, x, _] = window(frame, j, i, t.kernel, usable);
                p > over(x / m)
            }
            Method::DispersionExtended => {
                let [m, x, _] = window(frame, j, i, t.kernel.map(|k| k + 2), |r, c| usable(r, c) && !kept[r * w + c]);
                x >= 0.0 && p >= over(if m >= 2.0 { x / m } else { 0.0 })
            }
        };
        kept[j * w + i] && p > t.global_threshold && above
    });
    let flagged = each(&|j, i| usable(j, i) && flagged[j * w + i]);
    ((0..w * h).filter(|&k| strong[k]).map(|k| Pixel { index: k as u32, value: frame.pixels[k] }).collect(), [flagged, kept])
}

prop_compose! {
    /// A flat background with spots, gaps and a few wild pixels.
    fn scene()(w in 1usize..150, h in 1usize..80)(
        background in 0i32..12,
        noise in prop::collection::vec(0i32..4, w * h),
        spots in prop::collection::vec((0..w, 0..h, prop_oneof![5i32..60, 1000..200_000, Just(1 << 26)]), 0..12),
        gap in (0..w, 0..h),
        dead in prop::collection::vec(0..w * h, 0..20),
        w in Just(w), h in Just(h),
    ) -> (Frame, Vec<bool>) {
        let mut frame = Frame { width: w, height: h, pixels: noise.iter().map(|n| n * background / 3).collect() };
        for (x, y, peak) in spots {
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (1, 2)] {
                if x + dx < w && y + dy < h {
                    frame.pixels[(y + dy) * w + x + dx] += peak / (1 + dx + dy) as i32;
                }
            }
        }
        let mut mask: Vec<bool> = (0..w * h).map(|k| k % w != gap.0 && k / w != gap.1).collect();
        dead.iter().for_each(|&k| mask[k] = false);
        (frame, mask)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn streaming_finds_what_the_definition_says(
        (frame, mask) in scene(),
        kernel in [1usize..5, 1usize..5],
        method in prop_oneof![Just(Method::DispersionExtended), Just(Method::Dispersion)],
        gaps in prop_oneof![Just(Gaps::Background), Just(Gaps::Flagged)],
        high in prop_oneof![Just(i32::MAX), 5i32..100],
        (sigma_background, min_local, gain, low) in (1.0f64..7.0, 2usize..20, prop_oneof![Just(1.0), 0.5f64..3.0], -1i32..2),
    ) {
        let t = Dispersion { method, kernel, sigma_background, min_local, gain, gaps, ..Dispersion::default() };
        let usable = Usable::new(&mask, frame.width, [low, high]);
        let view = PanelView::new(&frame, [0, 0], [frame.width, frame.height]).unwrap();
        let (strong, decisions) = by_definition(&t, &frame, &usable);
        let mut scratch = Scratch::default();
        prop_assert_eq!(&t.strong_pixels(&view, &usable, &mut scratch), &strong);
        let (again, told) = t.decisions(&view, &usable, &mut scratch);
        prop_assert_eq!(again, strong);
        let (w, h) = (frame.width, frame.height);
        let bits = |of: &[u64]| (0..w * h).map(|k| bit(Decisions::row(of, w, k / w), k % w)).collect::<Vec<_>>();
        prop_assert_eq!([bits(&told.flagged), bits(&told.kept)], decisions);
        for j in 0..h {
            let mut row = frame.row(j).to_vec();
            usable.hide_unusable(j, &mut row);
            let expected = frame.row(j).iter().enumerate().map(|(i, p)| if usable.contains(i, j) && usable.trusts(*p) { *p } else { -1 });
            prop_assert_eq!(row, expected.collect::<Vec<_>>());
        }
    }
}

proptest! {
    /// What early rejection rests on (`kernel`, step 5), and that it rejects as much as it may.
    #[test]
    fn windows_without_a_bright_count_are_never_flagged(
        kernel in [1usize..6, 1usize..6],
        (sigma_background, gain) in (0.0f64..8.0, 0.3f64..4.0),
        parts in prop::collection::vec((prop::bool::weighted(0.8), prop_oneof![Just(0.0), 0.0f64..=1.0, Just(1.0)]), 121),
    ) {
        let t = Dispersion { kernel, sigma_background, gain, ..Dispersion::default() };
        let full = ((2 * kernel[0] + 1) * (2 * kernel[1] + 1)) as f64;
        let brightest = (t.bound(full) / (full - 1.0)).floor();
        let counts = parts[..full as usize].iter().filter(|p| p.0).map(|p| (p.1 * (brightest + 1.0)).floor().min(brightest));
        let [m, x, y] = counts.fold([0.0; 3], |[m, x, y], p| [m + 1.0, x + p, y + p * p]);
        prop_assert!(m * y - x * x <= x * t.bound(m), "{} {} {}", m, x, y);
        // One count above it, alone in its window, is flagged.
        let p = brightest + 1.0;
        prop_assert!(full * p * p - p * p > p * t.bound(full));
    }
}

#[test]
fn a_panel_is_seen_as_if_alone() {
    let mut frame = Frame::new(90, 70);
    for (k, p) in frame.pixels.iter_mut().enumerate() {
        *p = (k * k % 7) as i32 / 3;
    }
    for k in 0..40 {
        frame.pixels[(30 + k / 7) * 90 + 40 + k % 7] += 50 - k as i32;
    }
    let mut alone = Frame::new(60, 45);
    for j in 0..45 {
        alone.pixels[j * 60..(j + 1) * 60].copy_from_slice(&frame.row(j + 20)[25..85]);
    }
    let usable = Usable::new(&[true; 60 * 45], 60, [0, 1000]);
    let t = Dispersion::default();
    let mut scratch = Scratch::default();
    let within = t.strong_pixels(&PanelView::new(&frame, [25, 20], [60, 45]).unwrap(), &usable, &mut scratch);
    assert!(!within.is_empty());
    assert_eq!(within, t.strong_pixels(&PanelView::new(&alone, [0, 0], [60, 45]).unwrap(), &usable, &mut scratch));
    assert!(PanelView::new(&frame, [31, 0], [60, 45]).is_none());
}

#[test]
fn flat_and_empty_images_have_no_strong_pixels() {
    for level in [0, 1, 1000, 1 << 23, 1 << 25] {
        let frame = Frame { width: 100, height: 50, pixels: vec![level; 5000] };
        let usable = Usable::new(&[true; 5000], 100, [0, i32::MAX]);
        let view = PanelView::new(&frame, [0, 0], [100, 50]).unwrap();
        assert_eq!(Dispersion::default().strong_pixels(&view, &usable, &mut Scratch::default()), []);
    }
}
