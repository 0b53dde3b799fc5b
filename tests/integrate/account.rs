//! The account of a reflection, measured again, against what integration has in its table.

use crate::overlap::crowd;
use crate::truth::{refined, simulation};
use ewald_core::image::{Frame, ImageSource, MemoryImages};
use ewald_core::job::Silent;
use ewald_core::reflections::{Reflections, flags};
use ewald_core::stages::integrate::{self, Account, Background, BackgroundShape, Fate, Integrated, Params, account};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Integrates simulated images with a mask on them, pixels that are always bright, and a trusted range that the strongest exceed.
fn integrated(params: &Params) -> (Integrated, Vec<Arc<dyn ImageSource>>) {
    let s = simulation(30);
    let (mut experiments, refined) = (s.true_experiments(), refined(&s));
    experiments.detectors[0].panels[0].trusted_range[1] = 3000.0;
    let [w, h] = s.image_size();
    let mut frames = vec![Frame::default(); s.n_images()];
    for (raw, frame) in s.fetch(0..s.n_images()).unwrap().iter().zip(&mut frames) {
        s.decode(raw, frame).unwrap();
        frame.pixels.iter_mut().step_by(1009).filter(|c| **c >= 0).for_each(|c| *c += 700);
    }
    // A beam stop with its arm: from slivers of spots to whole boxes are gone.
    let mask = (0..w * h).map(|p| (p % w).abs_diff(w / 3) > 12 && (p / w).abs_diff(h / 2) > 9).collect();
    let images: Vec<Arc<dyn ImageSource>> = vec![Arc::new(MemoryImages { frames, mask: Some(mask) })];
    (integrate::run(&experiments, &refined, None, &images, params, &Silent).unwrap(), images)
}

/// Accounts of every `step`-th row.
fn accounts(out: &Integrated, t: &Reflections, step: usize, images: &[Arc<dyn ImageSource>]) -> Vec<(usize, Account)> {
    let tables = [&out.reflections, &out.left_out];
    let table = usize::from(!std::ptr::eq(t, tables[0]));
    (0..t.len()).step_by(step).map(|row| (row, account(&out.experiments, &out.learned, tables, [table, row], images).unwrap())).collect()
}

/// What integration has in its table is measured again to the last bit, and the terms that are told add up to it.
fn check(params: &Params, step: usize) -> BTreeSet<String> {
    let (out, images) = integrated(params);
    check_all(&out, &images, params, step)
}

fn check_all(out: &Integrated, images: &[Arc<dyn ImageSource>], params: &Params, step: usize) -> BTreeSet<String> {
    let (t, rest) = (&out.reflections, &out.left_out);
    assert!(t.len() > 800, "{}", t.len());
    let mut fates = BTreeSet::new();
    for (row, a) in accounts(out, t, step, images) {
        assert!(a.agrees, "{:?} {a:?}", t.hkl[row]);
        assert_eq!(a.fate, Fate::of(t, row, params.min_zeta));
        fates.insert(format!("{:?}", a.fate));
        let s = &a.sum;
        assert!((s.counts as f64 - s.under - s.intensity).abs() < 1e-9 * (1.0 + s.counts as f64));
        if t.flags[row] & flags::INTEGRATED_SUM != 0 {
            assert_eq!((s.intensity.to_bits(), s.variance.to_bits()), (t.i_sum[row].to_bits(), t.var_sum[row].to_bits()));
            assert_eq!(s.foreground, [t.num_pixels_foreground[row]; 2]);
            assert!((s.own_variance - s.intensity.max(0.0) - 1.0 - s.under_variance).abs() < 1e-9 * s.own_variance);
        }
        let Some(f) = &a.fit else { continue };
        assert_eq!((f.intensity.to_bits(), f.variance.to_bits()), (t.i_prf[row].to_bits(), t.var_prf[row].to_bits()));
        // The terms give the intensity as closely as its equation was solved, and the variance of the counts is a part of the whole.
        let sums = f.total();
        let sigma = f.variance.sqrt();
        assert!((sums.found / sums.information - f.intensity).abs() < 1e-3 * sigma, "{} {f:?}", sums.found / sums.information);
        let of_terms = (sums.spread + f.from_background) / sums.information.powi(2);
        assert!((of_terms / f.variance - 1.0).abs() < 1e-8 && (sums.part - f.recorded).abs() < 1e-9, "{of_terms} {f:?}");
        let fitted: Vec<_> = a.upon.iter().filter_map(|u| u.found).collect();
        assert_eq!(fitted.is_empty(), a.beside.is_empty());
        let [theirs, here] = [fitted.iter().map(|u| u.counts).sum::<f64>(), a.beside.iter().map(|o| f64::from(*o)).sum()];
        // Pixels that take no part hold some, too: those that cannot be used, and, of one that has hardly anything here, its outermost.
        assert!(
            s.foreground[0] < s.foreground[1] || !a.spikes.is_empty() || (theirs - here).abs() < 0.02 * (1.0 + here.abs()),
            "{theirs} {here}"
        );
        assert!(fitted.iter().all(|u| u.correlation.abs() < 1.0 && (0.0..1.1).contains(&u.part)), "{fitted:?}");
        assert_eq!(f.expected, f.intensity.max(0.0) + 1.0);
        match f.level_variance {
            Some(level) => assert!((sums.against_level.powi(2) * level - f.from_background).abs() < 1e-9 * sums.spread, "{f:?}"),
            None => assert!(f.from_background > 0.0, "{f:?}"),
        }
        let net: f64 = a.profile.iter().map(|p| f64::from(*p)).sum();
        // Profiles are normalised over all their spots, not over each.
        assert!(net > 0.0 && net < 1.1, "{net}");
    }
    for (row, a) in accounts(out, rest, 1, images) {
        assert!(a.agrees && !a.fate.is_integrated(), "{:?} {a:?}", rest.hkl[row]);
        let report = a.report(params);
        assert_eq!(report.headline, "Not integrated");
        assert!(report.verdict.contains("pixel") || report.verdict.contains("ζ") || report.verdict.contains("rays"), "{}", report.verdict);
        fates.insert(format!("{:?}", a.fate));
    }
    let predicted = out.report.values["n_predicted"];
    assert_eq!((t.len() + rest.len()) as f64, predicted);
    fates
}

#[test]
fn reflections_are_measured_again_to_the_last_bit() {
    let fates = check(&Params::default(), 3);
    for fate in ["Both", "Fitted", "Blind", "Masked"] {
        assert!(fates.contains(fate), "{fate}: {fates:?}");
    }
}

#[test]
fn so_are_those_with_a_sloping_background_and_without_profiles() {
    let sloping = Params { background: Background::Simple, background_shape: BackgroundShape::Linear3d, ..Params::default() };
    check(&sloping, 11);
    let summed = check(&Params { profile_fitting: false, ..sloping }, 11);
    assert!(summed.contains("Summed") && !summed.contains("Both"), "{summed:?}");
}

#[test]
fn spikes_and_results_that_are_not_of_these_images_are_told() {
    let (out, images) = integrated(&Params::default());
    let spikes =
        accounts(&out, &out.reflections, 3, &images).into_iter().find(|(_, a)| !a.spikes.is_empty()).expect("hot pixels in reflections").1;
    assert!(spikes.spikes.iter().all(|n| spikes.counts[*n as usize] >= 700));
    assert!(spikes.report(out.learned.params()).verdict.contains("cannot belong to it"), "{}", spikes.report(out.learned.params()).verdict);
    let row = (0..out.reflections.len()).find(|i| out.reflections.flags[*i] & flags::INTEGRATED == flags::INTEGRATED).unwrap();
    let of = |t: &Reflections| account(&out.experiments, &out.learned, [t, &out.left_out], [0, row], &images).unwrap();
    assert!(of(&out.reflections).agrees);
    let mut moved = out.reflections.clone();
    moved.i_prf[row] += 1.0;
    let c = of(&moved);
    assert!(!c.agrees && c.report(out.learned.params()).warnings.len() == 1);
}

/// Two crystals whose spots lie upon each other, here and there at the same place.
#[test]
fn those_upon_each_other_are_measured_again_together() {
    let (out, images) = crowd();
    let fates = check_all(&out, &images, out.learned.params(), 7);
    assert!(fates.contains("Parted") && fates.contains("Both"), "{fates:?}");
    let all = accounts(&out, &out.reflections, 7, &images);
    let parted = &all.iter().find(|(_, a)| a.fate == Fate::Parted).unwrap().1;
    let report = parted.report(out.learned.params());
    assert!(report.verdict.contains("of the counts in its pixels are theirs"), "{}", report.verdict);
    assert_eq!(report.tables.iter().find(|t| t.id == "account_upon").unwrap().rows.len(), parted.upon.len());
    assert!(all.iter().any(|(_, a)| a.upon.iter().any(|u| u.experiment != a.experiment)));
    assert!(all.iter().any(|(_, a)| !a.taken.is_empty()));
}
