use ewald_core::image::{Frame, ImageError, ImageSource, RawFrame};
use ewald_core::job::{Cancelled, Monitor, Silent};
use ewald_core::reflections::{Reflections, flags};
use ewald_core::stages::integrate::{Error, Integrated, Params, run};
use ewald_sim::{DetectorKind, Simulation};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) fn simulation(images: usize) -> Simulation {
    let params = ewald_sim::Params {
        images,
        width_deg: 0.25,
        detector: DetectorKind::Small,
        d_min: 2.4,
        background: 0.4,
        ..ewald_sim::Params::default()
    };
    Simulation::new(&params).unwrap()
}

/// The strong reflections, as refinement would leave them: predicted where they are, without pixels.
pub(crate) fn refined(simulation: &Simulation) -> Reflections {
    strong(simulation, 400.0)
}

/// Those with more than `least` counts.
fn strong(simulation: &Simulation, least: f64) -> Reflections {
    let n_images = simulation.n_images() as f64;
    let strong: Vec<_> =
        simulation.reflections().iter().filter(|r| r.counts > least && r.zeta.abs() > 0.1 && r.z > 3.0 && r.z < n_images - 3.0).collect();
    let mut t = Reflections::with_rows(strong.len());
    t.id = vec![0; strong.len()];
    t.panel = vec![0; strong.len()];
    t.hkl = strong.iter().map(|r| r.hkl).collect();
    t.entering = strong.iter().map(|r| r.entering).collect();
    t.flags = vec![flags::INDEXED | flags::STRONG | flags::USED_IN_REFINEMENT; strong.len()];
    t.xyzcal_px = strong.iter().map(|r| [r.px[0], r.px[1], r.z]).collect();
    t.xyzobs_px = t.xyzcal_px.clone();
    let near = |r: &&&ewald_sim::TrueReflection| {
        let [x, y, z] = [r.px[0], r.px[1], r.z].map(|v| v.floor() as i32);
        [x - 3, x + 4, y - 3, y + 4, z - 2, z + 3]
    };
    t.bbox = strong.iter().map(|r| near(&r)).collect();
    t.n_signal = vec![40; strong.len()];
    t
}

fn integrate(simulation: Simulation, params: &Params) -> (Integrated, Arc<Simulation>) {
    let (experiments, refined) = (simulation.true_experiments(), refined(&simulation));
    assert!(refined.len() > 100, "{}", refined.len());
    let simulation = Arc::new(simulation);
    let images: Vec<Arc<dyn ImageSource>> = vec![simulation.clone()];
    (run(&experiments, &refined, None, &images, params, &Silent).unwrap(), simulation)
}

/// Deviations from the true counts in standard deviations, of fully recorded reflections.
pub fn deviations(out: &Integrated, truth: &Simulation, bit: u64) -> Vec<f64> {
    let t = &out.reflections;
    let rows: BTreeMap<_, _> = (0..t.len()).map(|i| ((t.hkl[i], t.entering[i]), i)).collect();
    let one = |r: &ewald_sim::TrueReflection| {
        let i = *rows.get(&(r.hkl, r.entering))?;
        let full = t.flags[i] & bit != 0 && t.partiality[i] > 0.99;
        let (value, variance) = if bit == flags::INTEGRATED_SUM { (t.i_sum[i], t.var_sum[i]) } else { (t.i_prf[i], t.var_prf[i]) };
        full.then(|| (value - r.counts) / variance.sqrt())
    };
    truth.reflections().iter().filter_map(one).collect()
}

pub fn mean_and_sd(z: &[f64]) -> (f64, f64) {
    let clipped: Vec<f64> = z.iter().map(|z| z.clamp(-8.0, 8.0)).collect();
    let mut size: Vec<f64> = z.iter().map(|z| z.abs()).collect();
    size.sort_by(f64::total_cmp);
    (clipped.iter().sum::<f64>() / z.len() as f64, size[size.len() / 2] / 0.6745)
}

#[test]
fn counts_agree_with_the_truth_within_their_standard_deviations() {
    let (out, truth) = integrate(simulation(48), &Params::default());
    for (bit, spread) in [(flags::INTEGRATED_SUM, 0.9..1.15), (flags::INTEGRATED_PRF, 0.8..1.15)] {
        let z = deviations(&out, &truth, bit);
        let (mean, sd) = mean_and_sd(&z);
        assert!(z.len() > 800, "{}", z.len());
        // Three standard errors, and the share of the Gaussian that lies beyond the foreground.
        assert!(mean.abs() < 0.12 + 3.0 / (z.len() as f64).sqrt(), "mean {mean}");
        assert!(spread.contains(&sd), "sd {sd}");
    }
    // σ_b as defined sums over both directions: √2 of the width along one, less what the strong pixels miss.
    let profile = out.experiments.models(0).unwrap().profile.unwrap();
    assert!((0.8..1.3).contains(&(profile.sigma_m_deg / truth.params().sigma_m_deg)), "{}", profile.sigma_m_deg);
}

/// One integrated reflection: d, true counts, intensity of the whole, its variance.
type Row = [f64; 4];

fn compared(out: &Integrated, truth: &Simulation, bit: u64) -> Vec<Row> {
    let t = &out.reflections;
    let rows: BTreeMap<_, _> = (0..t.len()).map(|i| ((t.hkl[i], t.entering[i]), i)).collect();
    let one = |r: &ewald_sim::TrueReflection| {
        let i = *rows.get(&(r.hkl, r.entering))?;
        let p = t.partiality[i];
        // Of what the box does not hold a sum knows nothing; scaling divides by the partiality.
        let row = if bit == flags::INTEGRATED_SUM {
            [t.d[i], r.counts, t.i_sum[i] / p, t.var_sum[i] / (p * p)]
        } else {
            [t.d[i], r.counts, t.i_prf[i], t.var_prf[i]]
        };
        (t.flags[i] & bit != 0 && p > 0.99).then_some(row)
    };
    truth.reflections().iter().filter_map(one).collect()
}

/// Both methods, in ranges of resolution and of true counts: off by no more than a twentieth of a standard deviation, and as uncertain as they say.
///
/// The mean is compared with the mean variance of its range. Divided by its own standard deviation, which is the larger the higher it was
/// counted, even an unbiased intensity is low on average, by 1/(2√N) of N counts; no variance from a reflection's own counts can avoid that, since
/// an efficient estimate has the same covariance with every unbiased one.
#[test]
fn no_range_of_resolution_or_counts_is_biased() {
    let plain = ewald_sim::Params {
        images: 60,
        width_deg: 0.25,
        detector: DetectorKind::Small,
        d_min: 2.4,
        background: 0.4,
        ..ewald_sim::Params::default()
    };
    let dark = ewald_sim::Params { background: 0.0, strength: 120.0, sigma_b_deg: 0.03, sigma_m_deg: 0.2, seed: 5, ..plain.clone() };
    for (name, params, least) in [("plain", plain, 400.0), ("dark", dark, 100.0)] {
        let simulation = Simulation::new(&params).unwrap();
        let refined = strong(&simulation, least);
        let experiments = simulation.true_experiments();
        let truth = Arc::new(simulation);
        let images: Vec<Arc<dyn ImageSource>> = vec![truth.clone()];
        let out = run(&experiments, &refined, None, &images, &Params::default(), &Silent).unwrap();
        for bit in [flags::INTEGRATED_SUM, flags::INTEGRATED_PRF] {
            let mut rows = compared(&out, &truth, bit);
            for column in [0, 1] {
                rows.sort_by(|a, b| a[column].total_cmp(&b[column]));
                for range in rows.chunks(rows.len().div_ceil(4)) {
                    let n = range.len() as f64;
                    let mean = |f: &dyn Fn(&Row) -> f64| range.iter().map(f).sum::<f64>() / n;
                    let (variance, off) = (mean(&|r| r[3]), mean(&|r| r[2] - r[1]));
                    let z2 = mean(&|r| (r[2] - r[1]) * (r[2] - r[1]) / r[3]);
                    let what = format!("{name}, {bit}, column {column}, {} to {}, {n}", range[0][column], range[range.len() - 1][column]);
                    assert!(
                        n > 150.0 && (off.abs() / variance.sqrt()) < 0.05 + 3.0 / n.sqrt(),
                        "{what}: off by {off} of {}",
                        variance.sqrt()
                    );
                    // Three standard errors of a variance; less than a few counts cannot vary as much as the one that is added allows.
                    let low = if range[0][1].min(range[range.len() - 1][1]) < 10.0 { 0.5 } else { 0.9 };
                    assert!((low - 3.0 * (2.0 / n).sqrt()..1.1 + 3.0 * (2.0 / n).sqrt()).contains(&z2), "{what}: normalised variance {z2}");
                }
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads_or_on_memory() {
    let with = |threads: usize, memory_mb: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| integrate(simulation(30), &Params { memory_mb, ..Params::default() }).0.reflections)
    };
    let one = with(1, 256);
    assert!(one.len() > 500);
    assert!(one == with(3, 256), "three threads");
    assert!(one == with(2, 1), "one image at a time");
}

#[test]
fn memory_does_not_grow_with_the_number_of_images() {
    let peak = |n: usize| integrate(simulation(n), &Params::default()).0.report.values["peak_shoebox_bytes"];
    // Reference profiles reach over 15°: 60 images.
    let (short, long) = (peak(80), peak(240));
    assert!(long < 1.4 * short, "{short} {long}");
}

#[test]
fn given_widths_are_used_and_need_no_spots() {
    let s = simulation(20);
    let experiments = s.true_experiments();
    let images: Vec<Arc<dyn ImageSource>> = vec![Arc::new(s)];
    let params = Params { sigma_b_deg: Some(0.05), sigma_m_deg: Some(0.13), ..Params::default() };
    let out = run(&experiments, &Reflections::default(), None, &images, &params, &Silent).unwrap();
    let profile = out.experiments.models(0).unwrap().profile.unwrap();
    assert!((profile.sigma_b_deg - 0.05).abs() < 1e-12 && (profile.sigma_m_deg - 0.13).abs() < 1e-12);
    assert!(out.reflections.rows_with(flags::INTEGRATED_SUM).len() > 300);
    // Without spots there is nothing to fit with.
    assert!(out.reflections.rows_with(flags::INTEGRATED_PRF).is_empty());
}

#[test]
fn what_cannot_be_integrated_is_said() {
    let s = simulation(10);
    let mut experiments = s.true_experiments();
    let refined = refined(&s);
    let images: Vec<Arc<dyn ImageSource>> = vec![Arc::new(s)];
    let go = |list: &_, images: &[Arc<dyn ImageSource>], params: &Params| {
        run(list, &refined, None, images, params, &Silent).map(|o| o.reflections.len())
    };
    assert!(matches!(go(&experiments, &[], &Params::default()), Err(Error::NoImages { imageset: 0 })));
    let one_sigma = Params { sigma_b_deg: Some(0.1), ..Params::default() };
    assert!(matches!(go(&experiments, &images, &one_sigma), Err(Error::Params(_))));
    experiments.scans[0].n_images = 11;
    assert!(matches!(go(&experiments, &images, &Params::default()), Err(Error::ImageCount { images: 10, scan: 11, .. })));
    experiments.scans[0].n_images = 10;
    experiments.detectors[0].panels[0].image_size[0] += 1;
    assert!(matches!(go(&experiments, &images, &Params::default()), Err(Error::ImageSize { .. })));
    experiments.crystals.clear();
    experiments.detectors[0].panels[0].image_size[0] -= 1;
    assert!(matches!(go(&experiments, &images, &Params::default()), Err(Error::Predict { .. })));
}

struct Impatient;

impl Monitor for Impatient {
    fn is_cancelled(&self) -> bool {
        true
    }
}

#[test]
fn cancelling_ends_at_once() {
    let s = simulation(10);
    let (experiments, refined) = (s.true_experiments(), refined(&s));
    let images: Vec<Arc<dyn ImageSource>> = vec![Arc::new(s)];
    let out = run(&experiments, &refined, None, &images, &Params::default(), &Impatient).map(|o| o.reflections.len());
    assert_eq!(out.err().map(|e| e.to_string()), Some(Cancelled.to_string()));
}

/// Simulated images of which something is done to each as it is decoded.
pub struct Altered<F>(pub Arc<Simulation>, pub F);

impl<F: Fn(&RawFrame, &mut Frame) + Send + Sync> ImageSource for Altered<F> {
    fn n_images(&self) -> usize {
        ImageSource::n_images(&*self.0)
    }
    fn image_size(&self) -> [usize; 2] {
        self.0.image_size()
    }
    fn mask(&self) -> Option<&[bool]> {
        self.0.mask()
    }
    fn fetch(&self, frames: std::ops::Range<usize>) -> Result<Vec<RawFrame>, ImageError> {
        self.0.fetch(frames)
    }
    fn decode(&self, raw: &RawFrame, out: &mut Frame) -> Result<(), ImageError> {
        self.0.decode(raw, out)?;
        (self.1)(raw, out);
        Ok(())
    }
}

/// A pixel beside the centre of each of twenty reflections shines, and the panel's mask knows: the profile is fitted without it, and the sum is none.
#[test]
fn masked_pixels_take_no_part() {
    let simulation = simulation(48);
    let (mut experiments, refined) = (simulation.true_experiments(), refined(&simulation));
    let [width, height] = simulation.image_size();
    let beside = |c: &[f64; 3]| [c[0].floor() as i64 + 1, c[1].floor() as i64];
    let on_image = |[x, y]: &[i64; 2]| (0..width as i64).contains(x) && (0..height as i64).contains(y);
    let places: Vec<[i64; 2]> = refined.xyzcal_px.iter().step_by(refined.len() / 20).map(beside).filter(on_image).collect();
    experiments.detectors[0].panels[0].distrust(places.iter().map(|&[x, y]| [x, y, x + 1, y + 1]));
    let shining: Vec<usize> = places.iter().map(|[x, y]| *y as usize * width + *x as usize).collect();
    let shine = move |_: &RawFrame, out: &mut Frame| shining.iter().for_each(|&i| out.pixels[i] = 3000);
    let truth = Arc::new(simulation);
    let images: Vec<Arc<dyn ImageSource>> = vec![Arc::new(Altered(truth.clone(), shine))];
    let out = run(&experiments, &refined, None, &images, &Params::default(), &Silent).unwrap();
    let t = &out.reflections;
    let touched = |i: &usize| t.flags[*i] & flags::FOREGROUND_INCLUDES_BAD_PIXELS != 0 && t.partiality[*i] > 0.99;
    let touched: Vec<usize> = (0..t.len()).filter(touched).collect();
    assert!(touched.len() > 10, "{}", touched.len());
    assert!(touched.iter().all(|&i| t.flags[i] & flags::INTEGRATED_SUM == 0 && t.flags[i] & flags::FAILED_DURING_SUMMATION != 0));
    let rows: BTreeMap<_, _> = touched.iter().map(|&i| ((t.hkl[i], t.entering[i]), i)).collect();
    let mut z = Vec::new();
    for r in truth.reflections() {
        if let Some(&i) = rows.get(&(r.hkl, r.entering)).filter(|&&i| t.flags[i] & flags::INTEGRATED_PRF != 0) {
            z.push((t.i_prf[i] - r.counts) / t.var_prf[i].sqrt());
        }
    }
    // Without its brightest pixels a profile is less well known than its variance says.
    assert!(z.len() > 10 && z.iter().all(|z| z.abs() < 8.0), "{z:?}");
}

/// As DIALS 3.12.1: whatever a reflection's box holds above the trusted range, in its foreground or not, it is overloaded.
#[test]
fn saturated_pixels_are_told() {
    let simulation = simulation(30);
    let (mut experiments, refined) = (simulation.true_experiments(), refined(&simulation));
    let limit = 60;
    experiments.detectors[0].panels[0].trusted_range[1] = f64::from(limit);
    let truth = Arc::new(simulation);
    let images: Vec<Arc<dyn ImageSource>> = vec![truth.clone()];
    let out = run(&experiments, &refined, None, &images, &Params::default(), &Silent).unwrap();
    let (t, [width, height]) = (&out.reflections, truth.image_size());
    let frames: Vec<Frame> = (0..30).map(|z| ImageSource::frame(&*truth, z).unwrap()).collect();
    let mut n = [0, 0];
    for i in (0..t.len()).filter(|&i| t.flags[i] & flags::DONT_INTEGRATE == 0) {
        let b = t.bbox[i];
        let inside = |v: i32, end: usize| v.clamp(0, end as i32) as usize;
        let rows = inside(b[2], height)..inside(b[3], height);
        let above = frames[b[4].max(0) as usize..b[5].min(30) as usize].iter().any(|f| {
            rows.clone().any(|y| f.pixels[y * width + inside(b[0], width)..y * width + inside(b[1], width)].iter().any(|c| *c > limit))
        });
        assert_eq!(t.flags[i] & flags::OVERLOADED != 0, above, "{:?}", t.hkl[i]);
        n[usize::from(above)] += 1;
    }
    assert!(n[0] > 100 && n[1] > 30, "{n:?}");
}
