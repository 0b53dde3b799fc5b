//! Spot finding as a whole: on made images whose spots are known, and on the shared test data.

use super::*;
use crate::format::hdf5::Store;
use crate::format::source::{MemorySource, SourceFile};
use crate::format::{cbf, expt, nexus, refl, test_data};
use crate::geometry::{Beam, Detector, Experiment, ExperimentList, ImageSet, Panel, Scan};
use crate::image::{Frame, ImageError, ImageSource, MemoryImages, RawFrame};
use crate::job::{Cancelled, Monitor, Silent, parallel};
use crate::math::Vec3;
use crate::reflections::Reflections;
use std::ops::Range;
use std::sync::Arc;

const WIDTH: usize = 120;
const HEIGHT: usize = 90;

fn panel(x: usize, width: usize) -> Panel {
    Panel {
        origin: Vec3::new(-6.0 + 0.1 * x as f64, 4.5, -100.0),
        image_size: [width, HEIGHT],
        raw_image_offset: [x as i64, 0],
        trusted_range: [0.0, 1e6],
        ..Panel::default()
    }
}

/// `n_sets` sweeps of `n_images` on one detector.
fn experiments(panels: Vec<Panel>, n_sets: usize, n_images: usize, width: f64) -> ExperimentList {
    let scan = |_| Scan { first_image: 1, n_images, width, ..Scan::default() };
    let experiment = |k: usize| Experiment {
        identifier: format!("sweep {k}"),
        beam: Some(0),
        detector: Some(0),
        scan: Some(k),
        imageset: Some(k),
        ..Experiment::default()
    };
    ExperimentList {
        experiments: (0..n_sets).map(experiment).collect(),
        beams: vec![Beam::default()],
        detectors: vec![Detector { panels, ..Detector::default() }],
        scans: (0..n_sets).map(scan).collect(),
        imagesets: vec![ImageSet::default(); n_sets],
        ..ExperimentList::default()
    }
}

/// Background of 0 to 4 counts from a fixed sequence, with the spots (x, y, z) as blobs of 3 × 3 pixels on two images.
fn images(n: usize, spots: &[[usize; 3]]) -> MemoryImages {
    let mut state = 12345u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as i32 * 5 / 256
    };
    let mut frames: Vec<Frame> =
        (0..n).map(|_| Frame { width: WIDTH, height: HEIGHT, pixels: (0..WIDTH * HEIGHT).map(|_| noise()).collect() }).collect();
    for &[x, y, z] in spots {
        for (dz, dy, dx) in (0..18).map(|k| (k / 9, k % 9 / 3, k % 3)) {
            let peak = if dx == 1 && dy == 1 { 100 } else { 40 };
            if let Some(frame) = frames.get_mut(z + dz) {
                frame.pixels[(y + dy - 1) * WIDTH + x + dx - 1] += peak;
            }
        }
    }
    MemoryImages { frames, mask: None }
}

fn found(list: &ExperimentList, sets: Vec<MemoryImages>, params: &Params) -> Output {
    let sources: Vec<Arc<dyn ImageSource>> = sets.into_iter().map(|s| Arc::new(s) as Arc<dyn ImageSource>).collect();
    run(list, &sources, params, &Silent).unwrap()
}

/// Whether there is exactly one spot per entry of `truth`, within 0.3 px and images.
#[track_caller]
fn assert_spots(t: &Reflections, truth: &[[f64; 3]]) {
    assert_eq!(t.check_lengths(), Ok(()));
    for p in truth {
        let near = t.xyzobs_px.iter().filter(|q| (0..3).all(|k| (q[k] - p[k]).abs() < 0.3)).count();
        assert_eq!(near, 1, "at {p:?} of {:?}", t.xyzobs_px);
    }
    assert_eq!(t.len(), truth.len(), "{:?}", t.xyzobs_px);
}

const SPOTS: [[usize; 3]; 5] = [[20, 30, 0], [60, 10, 3], [100, 80, 3], [5, 70, 8], [90, 40, 11]];

fn centres(spots: &[[usize; 3]]) -> Vec<[f64; 3]> {
    spots.iter().map(|s| [s[0] as f64 + 0.5, s[1] as f64 + 0.5, s[2] as f64 + 1.0]).collect()
}

#[test]
fn planted_spots_are_found_and_nothing_else() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 13, 0.01);
    let out = found(&list, vec![images(13, &SPOTS)], &Params::default());
    assert_spots(&out.reflections, &centres(&SPOTS));
    let t = &out.reflections;
    assert_eq!(t.bbox[0], [19, 22, 29, 32, 0, 2]);
    assert_eq!((t.n_signal[0], t.shoebox[0].data.len()), (18, 18));
    assert_eq!(t.i_sum[0], t.shoebox[0].data.iter().map(|&p| f64::from(p)).sum::<f64>());
    assert_eq!(t.identifiers[&0], "sweep 0");
    assert_eq!(out.diagnostics.imagesets[0].spots_per_image.iter().sum::<usize>(), 5);
    let r = report(&out);
    assert_eq!((r.values["n_spots"], r.values["n_hot_pixels"]), (5.0, 0.0));
    assert!(r.to_text().contains("5 spots found on 13 images"), "{}", r.to_text());
}

#[test]
fn image_sets_keep_their_experiments() {
    let list = experiments(vec![panel(0, WIDTH)], 2, 13, 0.01);
    let out = found(&list, vec![images(13, &SPOTS[..2]), images(13, &SPOTS[2..])], &Params::default());
    let t = &out.reflections;
    assert_eq!((&t.id, &t.imageset_id), (&vec![0, 0, 1, 1, 1], &vec![0, 0, 1, 1, 1]));
    assert_eq!(t.identifiers.len(), 2);
}

#[test]
fn two_experiments_of_one_image_set_share_its_spots() {
    let mut list = experiments(vec![panel(0, WIDTH)], 2, 7, 0.01);
    list.scans[0].n_images = 6;
    list.scans[1].first_image = 7;
    list.experiments[1].imageset = Some(0);
    let out = found(&list, vec![images(13, &SPOTS)], &Params::default());
    assert_eq!(out.reflections.id, [0, 0, 0, 1, 1]);
    // The fourth spot starts on the ninth image, the third of the second scan.
    assert_eq!(out.reflections.bbox[3][4..], [2, 4]);
}

#[test]
fn panels_are_searched_apart() {
    let list = experiments(vec![panel(0, 60), panel(60, 60)], 1, 13, 0.01);
    let out = found(&list, vec![images(13, &SPOTS)], &Params::default());
    // The spot at x = 60 lies across the edge of the panels: one column on the first, two on the second.
    let t = &out.reflections;
    assert_eq!(t.panel, [0, 0, 0, 1, 1, 1]);
    assert_eq!(t.bbox[1][..2], [59, 60]);
    assert_eq!(t.bbox[3][..2], [0, 2]);
    assert!(t.xyzobs_px.iter().all(|p| p[0] < 60.0));
}

#[test]
fn stills_are_not_joined() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 13, 0.0);
    let out = found(&list, vec![images(13, &SPOTS)], &Params::default());
    assert!(out.reflections.bbox.iter().all(|b| b[5] == b[4] + 1));
    assert_eq!(out.reflections.len(), 10);
}

#[test]
fn what_is_excluded_is_not_searched() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 13, 0.01);
    let t = |params: Params, kept: &[usize]| {
        let spots: Vec<[usize; 3]> = kept.iter().map(|&k| SPOTS[k]).collect();
        assert_spots(&found(&list, vec![images(13, &SPOTS)], &params).reflections, &centres(&spots));
    };
    t(Params { untrusted_rectangles: "55,65,5,15; 1:0,120,0,90".into(), ..Params::default() }, &[0, 2, 3, 4]);
    t(Params { untrusted_circles: "60,10,6".into(), ..Params::default() }, &[0, 2, 3, 4]);
    t(Params { untrusted_polygons: "50,0,70,0,70,20,50,20".into(), ..Params::default() }, &[0, 2, 3, 4]);
    t(Params { untrusted_rectangles: "0:".into(), ..Params::default() }, &[]);
    // Next to a border spots are cut back unless gaps belong to them.
    t(Params { border: 8, gaps: Gaps::Spot, ..Params::default() }, &[0, 1, 2, 4]);
    t(Params { region_of_interest: Some([50, 120, 0, 60]), ..Params::default() }, &[1, 4]);
    t(Params { max_spot_size: 10, ..Params::default() }, &[]);
    t(Params { min_spot_size: Some(19), ..Params::default() }, &[]);
    // Resolution of each spot, highest last.
    let p = panel(0, WIDTH);
    let d: Vec<f64> = SPOTS.iter().map(|s| p.d_at_px(&Beam::default().s0(), crate::math::Vec2::new(s[0] as f64, s[1] as f64))).collect();
    let beyond: Vec<usize> = (0..5).filter(|&k| d[k] > 20.0).collect();
    assert!(!beyond.is_empty() && beyond.len() < 5, "{d:?}");
    t(Params { d_min: Some(20.0), ..Params::default() }, &beyond);
    let within: Vec<usize> = (0..5).filter(|&k| d[k] < 20.0).collect();
    t(Params { d_max: Some(20.0), ..Params::default() }, &within);
    // A ring about the fourth spot, and one about the second.
    let ring = |k: usize| format!("{},{}", d[k] / 1.05, d[k] * 1.05);
    let left = |out: &[usize]| (0..5).filter(|&k| out.iter().all(|&o| d[k] < d[o] / 1.12 || d[k] > d[o] * 1.12)).collect::<Vec<_>>();
    assert_eq!((left(&[3]), left(&[3, 1])), (vec![0, 1, 2, 4], vec![0, 2, 4]));
    t(Params { resolution_range: ring(3), gaps: Gaps::Spot, ..Params::default() }, &left(&[3]));
    t(Params { resolution_range: format!("{};{}", ring(3), ring(1)), gaps: Gaps::Spot, ..Params::default() }, &left(&[3, 1]));
}

#[test]
fn the_radial_profile_finds_planted_spots() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 13, 0.01);
    let t = |params: Params| found(&list, vec![images(13, &SPOTS)], &Params { algorithm: Algorithm::RadialProfile, ..params });
    let plain = t(Params { n_bins: 10, ..Params::default() });
    assert_spots(&plain.reflections, &centres(&SPOTS));
    assert_eq!((plain.reflections.n_signal[0], plain.diagnostics.imagesets[0].estimated_gain), (18, None));
    assert_spots(&t(Params { n_bins: 10, blur: Blur::Narrow, ..Params::default() }).reflections, &centres(&SPOTS));
    // Within a region of interest the rings are those of the region.
    let part = t(Params { n_bins: 10, region_of_interest: Some([50, 120, 0, 60]), ..Params::default() });
    assert_spots(&part.reflections, &centres(&[SPOTS[1], SPOTS[4]]));
    // Panels have rings of their own.
    let two = experiments(vec![panel(0, 60), panel(60, 60)], 1, 13, 0.01);
    let out = found(&two, vec![images(13, &SPOTS)], &Params { algorithm: Algorithm::RadialProfile, n_bins: 10, ..Params::default() });
    assert_eq!(out.reflections.panel, [0, 0, 0, 1, 1, 1]);
    let alone = parallel::on_threads(1, || t(Params { n_bins: 10, ..Params::default() }));
    assert_eq!(alone, plain);
}

#[test]
fn images_outside_the_scan_range_are_not_searched() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 13, 0.01);
    let t = |range: &str| found(&list, vec![images(13, &SPOTS)], &Params { scan_range: range.into(), ..Params::default() });
    let out = t("1,2; 9,10");
    assert_spots(&out.reflections, &centres(&[SPOTS[0], SPOTS[3]]));
    let d = &out.diagnostics.imagesets[0];
    assert_eq!((&d.images, d.strong_pixels.len(), d.d_min_per_image.len()), (&vec![1, 2, 9, 10], 4, 4));
    assert_eq!([d.spots_per_image[..2].iter().sum::<usize>(), d.spots_per_image[2..].iter().sum()], [1, 1]);
    let text = report(&out).to_text();
    assert!(text.contains("in image 1 to 2...") && text.contains("in image 9 to 10...") && text.contains("on image 9\n"), "{text}");
    // A spot that goes on beyond the range ends with it, and does not join one that begins after the gap.
    let cut = t("1,4;6,13");
    assert_eq!(cut.reflections.bbox.iter().filter(|b| b[4..] == [3, 4]).count(), 2);
    assert_eq!(t("1,7;8,13").reflections, t("").reflections);
    let sources: Vec<Arc<dyn ImageSource>> = vec![Arc::new(images(13, &[]))];
    let wrong = run(&list, &sources, &Params { scan_range: "0,5".into(), ..Params::default() }, &Silent).unwrap_err();
    assert!(wrong.to_string().contains("1 to 13"), "{wrong}");
}

#[test]
fn gain_and_global_threshold_are_estimated_where_that_is_asked_for() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 13, 0.01);
    let mut set = images(13, &SPOTS);
    // Even numbers from 0 to 48: variance over mean is 8.67.
    set.frames.iter_mut().flat_map(|f| f.pixels.iter_mut().enumerate()).for_each(|(k, p)| *p = *p * 6 + (k * 7919 % 101) as i32 % 7);
    let run = |params: Params| found(&list, vec![set.clone()], &params);
    let out = run(Params { gain: Gain::Estimate, global_threshold: None, ..Params::default() });
    let d = &out.diagnostics.imagesets[0];
    let (gain, threshold) = (d.estimated_gain.unwrap(), d.estimated_global_threshold.unwrap());
    assert!((3.0..12.0).contains(&gain) && (5.0..60.0).contains(&threshold), "{gain} {threshold}");
    assert_spots(&out.reflections, &centres(&SPOTS));
    let given = run(Params { gain: Gain::Value(gain), global_threshold: Some(threshold), ..Params::default() });
    assert_eq!(given.reflections, out.reflections);
    let text = report(&out).to_text();
    assert!(text.contains("Estimated gain: ") && text.contains("Setting global_threshold: "), "{text}");
    assert_eq!(report(&out).values["gain_imageset_0"], gain);
    let empty: Vec<Arc<dyn ImageSource>> = vec![Arc::new(MemoryImages { frames: vec![Frame::new(WIDTH, HEIGHT); 13], mask: None })];
    let wrong = super::run(&list, &empty, &Params { gain: Gain::Estimate, ..Params::default() }, &Silent).unwrap_err();
    assert!(wrong.to_string().contains("give gain as a number"), "{wrong}");
}

#[test]
fn spots_on_a_slope_are_dropped_on_request() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 13, 0.01);
    let mut set = images(13, &SPOTS);
    // A wedge under the spot at x = 60.
    for frame in &mut set.frames {
        (0..WIDTH * HEIGHT)
            .filter(|k| (50..70).contains(&(k % WIDTH)) && k / WIDTH < 20)
            .for_each(|k| frame.pixels[k] += 4 * (k % WIDTH - 50) as i32);
    }
    let t = |on: bool, cutoff: f64| {
        let params = Params { background_gradient: on, background_gradient_cutoff: cutoff, sigma_strong: 5.0, ..Params::default() };
        let out = found(&list, vec![set.clone()], &params);
        let at_wedge = out.reflections.xyzobs_px.iter().filter(|p| (55.0..65.0).contains(&p[0]) && p[1] < 20.0).count();
        (out.reflections.len(), at_wedge, out.diagnostics.imagesets[0].n_on_gradient)
    };
    let (all, at_wedge, none) = t(false, 4.0);
    assert!(at_wedge > 0 && none.is_none(), "{all} {at_wedge}");
    // Two images of 4 counts per pixel each.
    let (left, still, dropped) = t(true, 4.0);
    assert_eq!((still, dropped), (0, Some(all - left)));
    assert!(left >= 4, "{left}");
    assert_eq!(t(true, 40.0), (all, at_wedge, Some(0)));
}

#[test]
fn crowds_are_dropped_on_request() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 13, 0.01);
    let out = found(&list, vec![images(13, &SPOTS)], &Params { spot_density: true, ..Params::default() });
    assert_eq!(out.diagnostics.imagesets[0].n_crowded, Some(0));
    assert!(report(&out).to_text().contains("Filtered 5 of 5 spots by spot density"));
}

/// Images of background 3 with rings of ice that add `ice` to it.
fn icy(ice: f64) -> (ExperimentList, MemoryImages) {
    const SIZE: usize = 640;
    let panel = Panel { origin: Vec3::new(-32.0, 32.0, -100.0), image_size: [SIZE, SIZE], trusted_range: [0.0, 1e6], ..Panel::default() };
    let s0 = Beam::default().s0();
    let mean: Vec<f64> = (0..SIZE * SIZE)
        .map(|k| {
            let d = panel.d_at_px(&s0, crate::math::Vec2::new((k % SIZE) as f64 + 0.5, (k / SIZE) as f64 + 0.5));
            let on_ring = [3.895, 3.669, 3.441].iter().any(|r| (1.0 / (d * d) - 1.0 / (r * r)).abs() < 0.0015);
            3.0 + if on_ring { ice } else { 0.0 }
        })
        .collect();
    let mut state = 7u64;
    let mut frames = Vec::new();
    for _ in 0..3 {
        // Binomial counts of twelve trials: the mean is what matters.
        let count = |m: &f64| {
            (0..12)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    i32::from((state >> 11) as f64 / (1u64 << 53) as f64 * 12.0 < *m)
                })
                .sum()
        };
        frames.push(Frame { width: SIZE, height: SIZE, pixels: mean.iter().map(count).collect() });
    }
    (experiments(vec![panel], 1, 3, 0.01), MemoryImages { frames, mask: None })
}

#[test]
fn rings_of_ice_are_warned_of() {
    let (list, clean) = icy(0.0);
    let out = found(&list, vec![clean], &Params::default());
    assert_eq!(out.diagnostics.imagesets[0].ice_rings, []);
    let b = &out.diagnostics.imagesets[0].background;
    let means: Vec<f64> = (0..b.pixels.len()).filter(|&k| b.pixels[k] > 500).map(|k| b.counts[k] as f64 / b.pixels[k] as f64).collect();
    assert!(means.len() > 10 && means.iter().all(|m| (m - 3.0).abs() < 0.3), "{means:?}");
    let (list, icy) = icy(1.0);
    let out = found(&list, vec![icy], &Params::default());
    let rings: Vec<f64> = out.diagnostics.imagesets[0].ice_rings.iter().map(|r| r.d).collect();
    assert!(rings.iter().any(|d| (d - 3.669).abs() < 0.01) && rings.iter().all(|d| *d > 3.4), "{rings:?}");
    let report = report(&out);
    assert!(
        report.warnings.iter().any(|w| w.contains("3.67 Å with 1.2 × the background") || w.contains("3.67 Å with 1.3 × the background")),
        "{:?}",
        report.warnings
    );
    // Once they are left out, nothing is to be warned of.
    let out = found(&list, vec![self::icy(1.0).1], &Params { ice_rings: true, ice_ring_width: 0.004, ..Params::default() });
    assert_eq!(out.diagnostics.imagesets[0].ice_rings, []);
}

#[test]
fn counts_of_several_per_photon_give_the_same_spots() {
    let mut p = panel(0, WIDTH);
    p.gain = 4.0;
    p.pedestal = 50.0;
    p.trusted_range = [50.0, 1e6];
    let plain = found(&experiments(vec![panel(0, WIDTH)], 1, 13, 0.01), vec![images(13, &SPOTS)], &Params::default());
    let mut scaled = images(13, &SPOTS);
    scaled.frames.iter_mut().flat_map(|f| &mut f.pixels).for_each(|p| *p = *p * 4 + 50);
    assert_eq!(found(&experiments(vec![p], 1, 13, 0.01), vec![scaled], &Params::default()).reflections, plain.reflections);
}

#[test]
fn hot_pixels_are_told_and_masked_and_belong_to_no_spot() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 13, 0.01);
    let mut set = images(13, &SPOTS);
    // A sharp spot that lasts is none.
    for f in &mut set.frames {
        [(60, 40, 120), (61, 40, 30), (60, 41, 30)].into_iter().for_each(|(x, y, p)| f.pixels[y * WIDTH + x] = p);
    }
    let clean_set = set.clone();
    let clean = found(&list, vec![clean_set.clone()], &Params::default());
    let places = [(33, 50), (36, 51), (100, 70)];
    for (z, f) in set.frames.iter_mut().enumerate() {
        places.iter().for_each(|(x, y)| f.pixels[y * WIDTH + x] = 500 + z as i32);
    }
    let out = found(&list, vec![set.clone()], &Params::default());
    let hot: Vec<_> = out.diagnostics.imagesets[0].hot_pixels.iter().map(|h| (h.x, h.y)).collect();
    assert_eq!(hot, places);
    assert!(report(&out).warnings[0].contains("(33, 50)"));
    assert_eq!(out.reflections, clean.reflections);
    assert_eq!(out.experiments.detectors[0].panels[0].mask, [[33, 50, 34, 51], [36, 51, 37, 52], [100, 70, 101, 71]]);
    assert_eq!(clean.experiments, list);
    // As DIALS, which lets them be spots.
    let as_dials = Params { mask_hot_pixels: false, max_separation: None, ..Params::default() };
    let [kept, without] = [&set, &clean_set].map(|set| found(&list, vec![set.clone()], &as_dials));
    assert_eq!((kept.reflections.len(), &kept.experiments), (without.reflections.len() + 3, &list));
    // With the masks that were found nothing is left to find.
    let again = found(&out.experiments, vec![set], &Params::default());
    assert_eq!((&again.reflections, again.diagnostics.imagesets[0].hot_pixels.len()), (&clean.reflections, 0));
}

#[test]
fn in_a_long_sweep_pixels_that_are_weak_or_not_searched_are_found_hot_too() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 50, 0.01);
    let mut set = images(50, &SPOTS);
    for (z, f) in set.frames.iter_mut().enumerate() {
        f.pixels[50 * WIDTH + 33] = 14 + (z % 3) as i32;
        // Two side by side, one of them beside a masked pixel.
        f.pixels[70 * WIDTH + 99..][..2].fill(4000);
        // A bright region with a straight edge is none, nor is a pixel that is dark at times.
        (84..90).for_each(|y| f.pixels[y * WIDTH..(y + 1) * WIDTH].fill(90));
        f.pixels[30 * WIDTH + 90] = if z % 8 == 1 { 0 } else { 300 };
    }
    set.mask = Some((0..WIDTH * HEIGHT).map(|i| i != 70 * WIDTH + 101).collect());
    set.frames.iter_mut().for_each(|f| f.pixels[70 * WIDTH + 101] = 9999);
    let t = |params: Params, expected: &[(usize, usize)]| {
        let out = found(&list, vec![set.clone()], &params);
        let hot: Vec<_> = out.diagnostics.imagesets[0].hot_pixels.iter().map(|h| (h.x, h.y)).collect();
        assert_eq!(hot, expected);
    };
    t(Params::default(), &[(33, 50), (99, 70), (100, 70)]);
    t(Params { region_of_interest: Some([0, 20, 0, 20]), ..Params::default() }, &[(33, 50), (99, 70), (100, 70)]);
}

#[test]
fn a_spot_that_touches_a_hot_pixel_goes_on_without_it() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 13, 0.01);
    let clean = found(&list, vec![images(13, &SPOTS)], &Params::default());
    let spot = &clean.reflections.shoebox[0];
    let [x, y] = [spot.bbox[1] as usize, (spot.bbox[2] + spot.bbox[3]) as usize / 2];
    let mut set = images(13, &SPOTS);
    set.frames.iter_mut().for_each(|f| f.pixels[y * WIDTH + x] = 900);
    let out = found(&list, vec![set], &Params::default());
    assert_eq!(out.diagnostics.imagesets[0].n_with_hot_pixels, 1);
    assert_eq!(out.reflections.len(), clean.reflections.len());
    let [before, after] = [&clean.reflections, &out.reflections].map(|t| (t.xyzobs_px[0], t.n_signal[0]));
    // The threshold beside so bright a pixel is higher, but the spot is there, and on few images.
    assert!((0..3).all(|k| (before.0[k] - after.0[k]).abs() < 0.5) && after.1 <= before.1, "{before:?} {after:?}");
}

#[test]
fn an_empty_sweep_is_no_error_but_a_warning() {
    let list = experiments(vec![panel(0, WIDTH)], 1, 3, 0.01);
    let out = found(&list, vec![images(3, &[])], &Params::default());
    assert!(out.reflections.is_empty());
    assert!(report(&out).warnings[0].contains("No spots"));
}

#[test]
fn misfits_are_named() {
    let t = |list: &ExperimentList, set: MemoryImages, params: Params, word: &str| {
        let text = run(list, &[Arc::new(set)], &params, &Silent).unwrap_err().to_string();
        assert!(text.contains(word), "{text}");
    };
    let list = experiments(vec![panel(0, WIDTH)], 1, 3, 0.01);
    t(&experiments(vec![panel(1, WIDTH)], 1, 3, 0.01), images(3, &[]), Params::default(), "not within the images of 120 × 90");
    t(&list, MemoryImages { mask: Some(vec![true; 7]), ..images(3, &[]) }, Params::default(), "mask has 7 pixels");
    t(&list, images(3, &SPOTS), Params { max_strong_pixel_fraction: 0.0, ..Params::default() }, "image 1 has 9 strong");
    let mut short = images(3, &[]);
    short.frames[2] = Frame::new(10, 10);
    t(&list, short, Params::default(), "images of 10 × 10");
    t(&ExperimentList { beams: Vec::new(), ..list.clone() }, images(3, &[]), Params::default(), "no beam");
    struct Stop;
    impl Monitor for Stop {
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let sources: Vec<Arc<dyn ImageSource>> = vec![Arc::new(images(3, &[]))];
    assert_eq!(run(&list, &sources, &Params::default(), &Stop), Err(Error::Cancelled(Cancelled)));
}

/// The first images of another source.
struct First(Arc<dyn ImageSource>, usize);

impl ImageSource for First {
    fn n_images(&self) -> usize {
        self.1
    }
    fn image_size(&self) -> [usize; 2] {
        self.0.image_size()
    }
    fn mask(&self) -> Option<&[bool]> {
        self.0.mask()
    }
    fn fetch(&self, frames: Range<usize>) -> Result<Vec<RawFrame>, ImageError> {
        self.0.fetch(frames)
    }
    fn decode(&self, raw: &RawFrame, out: &mut Frame) -> Result<(), ImageError> {
        self.0.decode(raw, out)
    }
}

/// Fraction of `theirs` that has a spot of `ours` within 0.05 px and images, and how many of those have the same counts.
fn agreement(ours: &Reflections, theirs: &Reflections, z_max: f64) -> [f64; 2] {
    let (mut n, mut matched, mut equal) = (0.0, 0.0, 0.0);
    for i in (0..theirs.len()).filter(|&i| theirs.xyzobs_px[i][2] < z_max) {
        let p = theirs.xyzobs_px[i];
        n += 1.0;
        let near = |&j: &usize| ours.id[j] == theirs.id[i] && (0..3).all(|k| (ours.xyzobs_px[j][k] - p[k]).abs() < 0.05);
        if let Some(j) = (0..ours.len()).find(near) {
            matched += 1.0;
            equal += f64::from(u8::from(ours.i_sum[j] == theirs.i_sum[i]));
        }
    }
    [matched / n, equal / matched]
}

/// No real or simulated crystal here has ice, and limits are where crystals stop to diffract.
#[test]
fn crystals_are_not_taken_for_ice() {
    let sets = [
        ("sim_lysozyme/dials-3.12", [1.70, 1.85]),
        ("images/thaum_0500", [1.7, 2.1]),
        ("l_cysteine/dials-3.12", [0.6, 1.0]),
        ("indexing/MXSW904", [1.0, 1.5]),
        ("indexing/phi_scan", [0.8, 1.1]),
        ("quartz_ed", [0.5, 0.75]),
    ];
    for (name, limits) in sets {
        let Some(folder) = test_data::folder(name) else { return };
        let list = expt::read(&std::fs::read(folder.join("imported.expt")).unwrap()).unwrap();
        let t = refl::read(&std::fs::read(folder.join("strong.refl")).unwrap()).unwrap();
        let mut places = Vec::new();
        let mut resolutions = Vec::new();
        for i in 0..t.len() {
            let e = &list.experiments[t.id[i].max(0) as usize];
            let (beam, detector) = (&list.beams[e.beam.unwrap()], &list.detectors[e.detector.unwrap()]);
            let [x, y, _] = t.xyzobs_px[i];
            let d = detector.panels[t.panel[i] as usize].d_at_px(&beam.s0(), crate::math::Vec2::new(x, y));
            places.push((t.panel[i] as usize, x, y, 1.0 / (d * d)));
            resolutions.push(d);
        }
        assert_eq!(ice::spots_on_rings(&places), [], "{name}");
        let limit = limit::diffraction_limit(&resolutions).unwrap();
        assert!((limits[0]..limits[1]).contains(&limit), "{name}: {limit}");
    }
}

#[test]
fn l_cysteine_has_the_spots_that_dials_finds() {
    let Some(folder) = test_data::folder("l_cysteine") else { return };
    let names = ["l-cyst_01.nxs", "l-cyst_02.nxs", "l-cyst_03.nxs", "l-cyst_04.nxs"];
    let store = Store::new(test_data::files(&folder.join("single"), &names));
    let sources: Vec<Arc<dyn ImageSource>> = names.iter().map(|n| nexus::read(&store, n).unwrap().images).collect();
    let list = expt::read(&std::fs::read(folder.join("dials-3.12/imported.expt")).unwrap()).unwrap();
    let run = |gaps: Gaps| run(&list, &sources, &Params { gaps, ..Params::default() }, &Silent).unwrap();
    let counts = |out: &Output| -> Vec<usize> { out.diagnostics.imagesets.iter().map(|s| s.n_spots).collect() };
    // Versions of DIALS differ in spots that gaps cut; the newer ones find these.
    assert_eq!(counts(&run(Gaps::Spot)), [56, 33, 43, 31]);
    let out = run(Gaps::Background);
    assert_eq!(counts(&out), [54, 33, 43, 30]);
    let theirs = refl::read(&std::fs::read(folder.join("dials-3.12/strong.refl")).unwrap()).unwrap();
    let [matched, equal] = agreement(&out.reflections, &theirs, f64::INFINITY);
    assert!(matched == 1.0 && equal == 1.0, "{matched} {equal}");
}

/// A still of a Pilatus3 6M, whose gaps cut some dozens of spots.
#[test]
fn a_thaumatin_still_has_the_spots_that_dials_finds() {
    use std::io::Read;
    let Some(folder) = test_data::folder("images/thaum_0500") else { return };
    let packed = std::fs::read(folder.join("thaum_0500.cbf.gz")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    let file = SourceFile::new("thaum_0500.cbf", Arc::new(MemorySource::new(bytes)));
    let images: Arc<dyn ImageSource> = Arc::new(cbf::images(&[file], "thaum_####.cbf").unwrap());
    let list = expt::read(&std::fs::read(folder.join("imported.expt")).unwrap()).unwrap();
    let theirs = refl::read(&std::fs::read(folder.join("strong.refl")).unwrap()).unwrap();
    let mut ours = run(&list, &[images], &Params::default(), &Silent).unwrap().reflections;
    // In files of DIALS z counts from image 1.
    ours.xyzobs_px.iter_mut().for_each(|p| p[2] += 499.0);
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(agreement(&ours, &theirs, f64::INFINITY), [1.0, 1.0]);
}

#[test]
fn simulated_lysozyme_has_the_spots_that_dials_finds_on_any_number_of_threads() {
    let Some(folder) = test_data::folder("sim_lysozyme") else { return };
    let store = Store::new(test_data::files(&folder, &["lyso_master.h5", "lyso_data_000001.h5"]));
    let source: Arc<dyn ImageSource> = Arc::new(First(nexus::read(&store, "lyso_master.h5").unwrap().images, 12));
    let list = expt::read(&std::fs::read(folder.join("dials-3.12/imported.expt")).unwrap()).unwrap();
    let sources = [source];
    let out = run(&list, &sources, &Params::default(), &Silent).unwrap();
    let theirs = refl::read(&std::fs::read(folder.join("dials-3.12/strong.refl")).unwrap()).unwrap();
    // Spots near the rotation axis last many images and go on beyond these.
    let [matched, equal] = agreement(&out.reflections, &theirs, 8.0);
    assert!(matched > 0.99 && equal > 0.995, "{matched} {equal}");
    let alone = parallel::on_threads(1, || run(&list, &sources, &Params::default(), &Silent).unwrap());
    assert_eq!(out, alone);
}

#[test]
fn part_of_an_image_is_examined_as_it_is_in_the_whole() {
    let spots: Vec<[usize; 3]> = (0..40).map(|k| [5 + 11 * k % 105, 4 + 17 * k % 80, 0]).collect();
    let images = images(2, &spots);
    let list = experiments(vec![panel(0, 70), panel(70, 50)], 1, 2, 0.1);
    let frame = images.frame(0).unwrap();
    let (mut before, mut numbers) = (None, Vec::new());
    for params in [
        Params::default(),
        Params { sigma_strong: 1.0, gaps: Gaps::Spot, kernel_size: [2, 5], ..Params::default() },
        Params { algorithm: Algorithm::Dispersion, ..Params::default() },
        Params { algorithm: Algorithm::RadialProfile, n_bins: 5, ..Params::default() },
        Params { border: 3, untrusted_rectangles: "1:10,20,5,60".to_owned(), ..Params::default() },
    ] {
        let examiner = Examiner::new(&list, 0, &images, &params, before.take()).unwrap();
        let strong = |part: &[Range<usize>; 2]| -> Vec<[usize; 2]> {
            let panels = examiner.examine([WIDTH, HEIGHT], &frame.pixels, part).unwrap();
            let place = |e: &Examined, k: u32| [e.origin[0] + k as usize % e.size[0], e.origin[1] + k as usize / e.size[0]];
            let mut all: Vec<[usize; 2]> = panels.iter().flat_map(|e| e.strong.iter().map(move |k| place(e, *k))).collect();
            all.sort_unstable();
            all
        };
        let whole = strong(&[0..WIDTH, 0..HEIGHT]);
        for part in [[0..WIDTH, 0..HEIGHT], [10..40, 20..50], [60..85, 0..90], [119..400, 0..3], [75..75, 0..9]] {
            let expected: Vec<[usize; 2]> = whole.iter().filter(|[x, y]| part[0].contains(x) && part[1].contains(y)).copied().collect();
            assert_eq!(strong(&part), expected, "{part:?} {params:?}");
        }
        // Masks that are kept are those that would be made.
        let anew = Examiner::new(&list, 0, &images, &params, None).unwrap();
        let counts = |e: &Examiner| {
            e.examine([WIDTH, HEIGHT], &frame.pixels, &[30..100, 0..HEIGHT]).unwrap().into_iter().map(|e| e.counts).collect::<Vec<_>>()
        };
        assert_eq!(counts(&examiner), counts(&anew));
        numbers.push(whole.len());
        before = Some(examiner);
    }
    assert!(numbers.iter().all(|n| *n > 10) && numbers[1] != numbers[0], "{numbers:?}");
}
