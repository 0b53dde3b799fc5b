//! The columns of integrated reflections.

use super::Params;
use super::measure::Measured;
use super::profile::{Fit, Outcome, Unfit};
use super::setup::Setup;
use crate::job::parallel;
use crate::math::vec3;
use crate::predict::{centroid_in_mm, centroid_variance_in_mm};
use crate::reflections::{Reflections, flags};

/// Adds what is known before the images are read: `bbox`, `partiality`, `partial_id`, `lp`, `qe`, and [`flags::DONT_INTEGRATE`] on reflections
/// in the blind region or without a usable box.
pub(super) fn prepare(t: &mut Reflections, setups: &[Setup<'_>], params: &Params) {
    let n = t.len();
    let rows = parallel::map(n, |i| {
        let s = &setups[t.id[i] as usize];
        let (s1, z) = (vec3(t.s1[i]), t.xyzcal_px[i][2]);
        let panel = &s.detector.panels[t.panel[i] as usize];
        let bbox = if t.zeta[i].abs() < params.min_zeta { None } else { s.bounding_box(&s1, z, panel) };
        let partiality = bbox.map_or(0.0, |b| s.partiality(t.zeta[i], z, [b[4], b[5]]));
        (bbox, partiality, s.lp(&s1), s.quantum_efficiency(&s1, panel))
    });
    t.bbox = rows.iter().map(|r| r.0.unwrap_or([0; 6])).collect();
    t.partiality = rows.iter().map(|r| r.1).collect();
    t.lp = rows.iter().map(|r| r.2).collect();
    t.qe = rows.iter().map(|r| r.3).collect();
    t.partial_id = (0..n as u64).collect();
    for (f, r) in t.flags.iter_mut().zip(&rows) {
        if r.0.is_none() {
            *f |= flags::DONT_INTEGRATE;
        }
    }
    make_room(t, params);
}

/// Adds the columns of what is measured, empty handed.
pub(super) fn make_room(t: &mut Reflections, params: &Params) {
    let n = t.len();
    t.i_sum = vec![0.0; n];
    t.var_sum = vec![-1.0; n];
    if params.profile_fitting {
        t.i_prf = vec![0.0; n];
        t.var_prf = vec![-1.0; n];
        t.profile_correlation = vec![0.0; n];
    }
    t.background_mean = vec![0.0; n];
    t.background_sum = vec![0.0; n];
    t.background_sum_variance = vec![0.0; n];
    t.num_pixels_valid = vec![0; n];
    t.num_pixels_background = vec![0; n];
    t.num_pixels_background_used = vec![0; n];
    t.num_pixels_foreground = vec![0; n];
    t.xyzobs_px = t.xyzcal_px.clone();
    t.xyzobs_px_variance = vec![[0.0; 3]; n];
}

/// Adds the centroids in mm and rad. They are made of those in pixels when all are measured, since a pass over many images fills the memory.
pub(super) fn in_millimetres(t: &mut Reflections, setups: &[Setup<'_>]) {
    let rows = parallel::map(t.len(), |i| {
        let setup = &setups[t.id[i] as usize];
        let panel = &setup.detector.panels[t.panel[i] as usize];
        let variance = centroid_variance_in_mm(panel, setup.scan, t.xyzobs_px_variance[i]);
        (centroid_in_mm(panel, setup.scan, t.xyzobs_px[i]), variance)
    });
    (t.xyzobs_mm, t.xyzobs_mm_variance) = rows.into_iter().unzip();
}

/// Writes what was measured into row `i`.
pub(super) fn set(t: &mut Reflections, i: usize, m: &Measured) {
    t.flags[i] |= m.flags;
    t.i_sum[i] = m.i_sum;
    t.var_sum[i] = m.var_sum;
    t.background_mean[i] = m.background_mean;
    t.background_sum[i] = m.background_sum;
    t.background_sum_variance[i] = m.background_sum_variance;
    t.num_pixels_valid[i] = m.valid;
    t.num_pixels_background[i] = m.background;
    t.num_pixels_background_used[i] = m.background_used;
    t.num_pixels_foreground[i] = m.foreground;
    t.xyzobs_px[i] = m.xyz;
    t.xyzobs_px_variance[i] = m.xyz_variance;
}

/// Writes what became of a reflection's fit into row `i`.
pub(super) fn set_fit(t: &mut Reflections, i: usize, outcome: Outcome) {
    let no_sum = |flags: &mut u64| {
        *flags |= flags::FAILED_DURING_SUMMATION;
        *flags &= !flags::INTEGRATED_SUM;
    };
    if outcome.spikes > 0 {
        // A fit does without those pixels, a sum cannot.
        t.flags[i] |= flags::FOREGROUND_INCLUDES_BAD_PIXELS;
        no_sum(&mut t.flags[i]);
    }
    let fit = match outcome.fit {
        Ok(fit) => fit,
        Err(why) => {
            t.flags[i] |= flags::FAILED_DURING_PROFILE_FITTING;
            if why == Unfit::Inseparable {
                no_sum(&mut t.flags[i]);
            }
            return;
        }
    };
    t.flags[i] |= flags::INTEGRATED_PRF;
    t.i_prf[i] = fit.intensity;
    t.var_prf[i] = fit.variance;
    t.profile_correlation[i] = fit.correlation;
    if fit.beside.abs() > OTHERS * t.var_sum[i].max(0.0).sqrt() {
        // A fit knows what is others', a sum does not.
        no_sum(&mut t.flags[i]);
    }
    if t.flags[i] & flags::INTEGRATED_SUM != 0 {
        t.var_sum[i] = sum_variance(t, i, &fit);
    }
}

/// A sum that holds more than this many standard deviations of other reflections' counts is none.
const OTHERS: f64 = 0.25;

/// The variance of a sum of Poisson counts is what is expected of it, not what was counted: the fitted intensity tells that far better for weak
/// reflections, and a variance that followed each sum's own noise would make low ones seem the more certain. Where sum and fit contradict each
/// other, the sum's own is kept.
fn sum_variance(t: &Reflections, i: usize, f: &Fit) -> f64 {
    let own = t.var_sum[i];
    let expected = f.expected() * f.recorded + f.beside.max(0.0) + t.background_sum_variance[i];
    let apart = t.i_sum[i] - f.intensity * f.recorded - f.beside;
    if apart * apart < CONTRADICTION * CONTRADICTION * expected.max(1.0) { expected } else { own.max(expected) }
}

/// Standard deviations by which sum and fit may differ.
const CONTRADICTION: f64 = 4.0;

/// The rows that were integrated one way or the other.
pub(super) fn integrated(t: Reflections) -> Reflections {
    let rows: Vec<usize> = (0..t.len()).filter(|&i| t.flags[i] & flags::INTEGRATED != 0).collect();
    t.into_selected(&rows)
}

/// The rows that were not integrated, with what is known of them without the images.
pub(super) fn left_out(t: &Reflections) -> Reflections {
    let rows: Vec<usize> = (0..t.len()).filter(|&i| t.flags[i] & flags::INTEGRATED == 0).collect();
    let mut out = t.select(&rows);
    let Reflections { i_sum, var_sum, i_prf, var_prf, profile_correlation, .. } = &mut out;
    for column in [i_sum, var_sum, i_prf, var_prf, profile_correlation] {
        *column = Vec::new();
    }
    out.xyzobs_px = Vec::new();
    out.xyzobs_px_variance = Vec::new();
    out
}
