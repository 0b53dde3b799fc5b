//! Numbers of groups of reflections: all of an experiment, those of an image, those of a resolution shell.

use crate::reflections::{Reflections, flags};

/// A reflection with at least this partiality counts as fully recorded: the part of a Gaussian within ±3 σ.
const FULL: f64 = 0.997_300_203_937 - 1e-7;

/// What is said about a group; means of nothing are not numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) full: usize,
    pub(super) partial: usize,
    pub(super) overloaded: usize,
    pub(super) bad_background: usize,
    pub(super) bad_foreground: usize,
    pub(super) summed: usize,
    pub(super) fitted: usize,
    pub(super) failed_background: usize,
    pub(super) failed_sum: usize,
    pub(super) failed_fit: usize,
    pub(super) d_min: f64,
    pub(super) d_max: f64,
    pub(super) background: f64,
    pub(super) i_over_sigma_sum: f64,
    pub(super) i_over_sigma_prf: f64,
    pub(super) correlation: f64,
    /// Correlation of summed and fitted intensities.
    pub(super) cc_sum_prf: f64,
    /// Of observed against predicted positions, px.
    pub(super) rmsd_xy: f64,
}

fn of(t: &Reflections, rows: &[usize]) -> Group {
    let count = |bits: u64| rows.iter().filter(|&&i| t.flags[i] & bits == bits).count();
    let mean = |bits: u64, f: &dyn Fn(usize) -> f64| {
        let chosen = rows.iter().filter(|&&i| t.flags[i] & bits == bits);
        let (s, n) = chosen.fold((0.0, 0usize), |(s, n), &i| (s + f(i), n + 1));
        s / n as f64
    };
    let ratio = |i: f64, v: f64| if v > 0.0 { i / v.sqrt() } else { 0.0 };
    let full = rows.iter().filter(|&&i| t.partiality[i] >= FULL).count();
    let fits = !t.i_prf.is_empty();
    let both: Vec<(f64, f64)> =
        rows.iter().filter(|&&i| fits && t.flags[i] & flags::INTEGRATED == flags::INTEGRATED).map(|&i| (t.i_sum[i], t.i_prf[i])).collect();
    Group {
        full,
        partial: rows.len() - full,
        overloaded: count(flags::OVERLOADED),
        bad_background: count(flags::BACKGROUND_INCLUDES_BAD_PIXELS),
        bad_foreground: count(flags::FOREGROUND_INCLUDES_BAD_PIXELS),
        summed: count(flags::INTEGRATED_SUM),
        fitted: count(flags::INTEGRATED_PRF),
        failed_background: count(flags::FAILED_DURING_BACKGROUND_MODELLING),
        failed_sum: count(flags::FAILED_DURING_SUMMATION),
        failed_fit: count(flags::FAILED_DURING_PROFILE_FITTING),
        d_min: rows.iter().map(|&i| t.d[i]).fold(f64::INFINITY, f64::min),
        d_max: rows.iter().map(|&i| t.d[i]).fold(f64::NEG_INFINITY, f64::max),
        background: mean(flags::INTEGRATED_SUM, &|i| t.background_mean[i]),
        i_over_sigma_sum: mean(flags::INTEGRATED_SUM, &|i| ratio(t.i_sum[i], t.var_sum[i])),
        i_over_sigma_prf: if fits { mean(flags::INTEGRATED_PRF, &|i| ratio(t.i_prf[i], t.var_prf[i])) } else { f64::NAN },
        correlation: if fits { mean(flags::INTEGRATED_PRF, &|i| t.profile_correlation[i]) } else { f64::NAN },
        cc_sum_prf: pearson(&both),
        rmsd_xy: mean(flags::INTEGRATED_SUM, &|i| {
            let (a, b) = (t.xyzobs_px[i], t.xyzcal_px[i]);
            (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1])
        })
        .sqrt(),
    }
}

fn pearson(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let (mx, my) = pairs.iter().fold((0.0, 0.0), |(a, b), p| (a + p.0 / n, b + p.1 / n));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - mx) * (x - mx);
        xy += (x - mx) * (y - my);
        yy += (y - my) * (y - my);
    }
    xy / (xx * yy).sqrt()
}

/// Rows of an experiment that were to be integrated.
fn rows_of(t: &Reflections, e: usize) -> Vec<usize> {
    // A usable box is what tells reflections that were tried from those in the blind region.
    (0..t.len()).filter(|&i| t.id[i] == e as i32 && t.bbox[i][5] > t.bbox[i][4]).collect()
}

/// All of an experiment.
pub(super) fn overall(t: &Reflections, e: usize) -> Group {
    of(t, &rows_of(t, e))
}

/// By the image (array index) on which the centre is predicted, clamped to the scan.
pub(super) fn by_image(t: &Reflections, e: usize) -> Vec<(usize, Group)> {
    images(t, e, true)
}

/// The same without those whose centre is beyond the scan.
pub(super) fn by_image_within(t: &Reflections, e: usize) -> Vec<(usize, Group)> {
    images(t, e, false)
}

fn images(t: &Reflections, e: usize, beyond: bool) -> Vec<(usize, Group)> {
    let rows = rows_of(t, e);
    let n = rows.iter().map(|&i| t.bbox[i][5]).max().unwrap_or(0).max(0) as usize;
    let mut groups = vec![Vec::new(); n];
    for i in rows {
        let z = libm::floor(t.xyzcal_px[i][2]);
        let nearest = z.clamp(0.0, n as f64 - 1.0);
        if beyond || z == nearest {
            groups[nearest as usize].push(i);
        }
    }
    groups.iter().enumerate().map(|(z, rows)| (z, of(t, rows))).collect()
}

/// Shells of equal steps in 1/d², from high resolution to low, each with its smallest d.
pub(super) fn by_resolution(t: &Reflections, e: usize, shells: usize) -> Vec<(f64, Group)> {
    let rows = rows_of(t, e);
    let s = |i: usize| 1.0 / (t.d[i] * t.d[i]);
    let (lo, hi) = rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &i| (a.min(s(i)), b.max(s(i))));
    if hi <= lo || !hi.is_finite() {
        return if rows.is_empty() { Vec::new() } else { vec![(t.d[rows[0]], of(t, &rows))] };
    }
    let step = (hi - lo) / shells as f64;
    let mut groups = vec![Vec::new(); shells];
    for i in rows {
        let k = ((hi - s(i)) / step) as usize;
        groups[k.min(shells - 1)].push(i);
    }
    groups.iter().enumerate().map(|(k, rows)| (1.0 / (hi - k as f64 * step).sqrt(), of(t, rows))).collect()
}

/// Regions of equal size over a detector of `extent` px, `n` along either direction, row by row; `offset`: of a row's panel, px.
pub(super) fn by_region(t: &Reflections, e: usize, extent: [f64; 2], n: usize, offset: impl Fn(usize) -> [f64; 2]) -> Vec<Group> {
    let mut groups = vec![Vec::new(); n * n];
    for i in rows_of(t, e) {
        let [dx, dy] = offset(i);
        let cell = |v: f64, extent: f64| ((v / extent * n as f64).max(0.0) as usize).min(n - 1);
        groups[cell(t.xyzcal_px[i][1] + dy, extent[1]) * n + cell(t.xyzcal_px[i][0] + dx, extent[0])].push(i);
    }
    groups.iter().map(|rows| of(t, rows)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_add_up_to_the_whole() {
        let n = 300;
        let mut t = Reflections::with_rows(n);
        t.id = vec![0; n];
        t.d = (0..n).map(|i| 1.5 + 0.05 * i as f64).collect();
        t.bbox = (0..n).map(|i| [0, 1, 0, 1, (i % 7) as i32, (i % 7) as i32 + 1]).collect();
        t.xyzcal_px = (0..n).map(|i| [0.5, 0.5, (i % 7) as f64 - 0.4]).collect();
        t.xyzobs_px = t.xyzcal_px.clone();
        t.partiality = (0..n).map(|i| if i % 3 == 0 { 0.5 } else { 1.0 }).collect();
        t.flags = vec![flags::INTEGRATED_SUM; n];
        t.i_sum = vec![20.0; n];
        t.var_sum = vec![25.0; n];
        t.background_mean = vec![0.5; n];
        let all = overall(&t, 0);
        assert_eq!((all.full, all.partial, all.summed, all.i_over_sigma_sum), (200, 100, 300, 4.0));
        for groups in
            [by_image(&t, 0).into_iter().map(|g| g.1).collect::<Vec<_>>(), by_resolution(&t, 0, 20).into_iter().map(|g| g.1).collect()]
        {
            assert_eq!(groups.iter().map(|g| g.full + g.partial).sum::<usize>(), n);
            assert_eq!(groups.iter().map(|g| g.summed).sum::<usize>(), n);
        }
        assert_eq!(by_image(&t, 0).len(), 7);
        let counted = |groups: Vec<(usize, Group)>| groups.iter().map(|(_, g)| g.full + g.partial).sum::<usize>();
        // Every seventh is centred before the first image.
        assert_eq!((counted(by_image(&t, 0)), counted(by_image_within(&t, 0))), (n, n - n.div_ceil(7)));
        t.xyzcal_px.iter_mut().enumerate().for_each(|(i, p)| (p[0], p[1]) = ((i % 10) as f64, (i / 10) as f64));
        let regions = by_region(&t, 0, [20.0, 30.0], 2, |i| [if i % 2 == 0 { 10.0 } else { 0.0 }, 0.0]);
        assert_eq!(regions.iter().map(|g| g.full + g.partial).collect::<Vec<_>>(), [75; 4]);
        assert!(overall(&t, 1).i_over_sigma_sum.is_nan());
    }
}
