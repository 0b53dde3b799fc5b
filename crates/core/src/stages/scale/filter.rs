//! ΔCC½ filtering: cycles of scaling and of leaving out what makes the data worse, as DIALS' `scale_and_filter` does.
//!
//! ΔCC½ is that of observations which are not outliers. Of images that fit nothing at all, such as those of another crystal, outlier rejection leaves
//! only what agrees by chance, and ΔCC½ finds nothing amiss; therefore a group also goes when more of it was rejected than is left (in DIALS, when
//! all of it was).
//!
//! Groups of images go only from the ends of what is left of a sweep, so that what stays is whole. Unlike in DIALS, which stops after more than the
//! limit was removed, the limit is kept: the worst go first, and none goes that would exceed it.

use super::error::Error;
use super::exclude::Excluded;
use super::params::{Filtering, Params};
use super::result::{FilterCycle, FilterEnd, Filtered, Scaled};
use crate::merging::{Grouping, ImageGroup, ImageQuality};

/// What ΔCC½ is found of with these parameters.
pub(super) fn grouping(params: &Params) -> Grouping {
    match params.filtering {
        Filtering::None => Grouping::default(),
        Filtering::Dataset => Grouping { images: None, stands_out: params.filtering_stdcutoff },
        Filtering::ImageGroup => Grouping { images: Some(params.filtering_group_size as u32), stands_out: params.filtering_stdcutoff },
    }
}

/// Repeats `scale` with ever more `excluded` until nothing stands out or a limit is reached.
pub(super) fn cycles(
    mut excluded: Excluded,
    n_sweeps: usize,
    params: &Params,
    scale: impl Fn(&Excluded) -> Result<Scaled, Error>,
) -> Result<Scaled, Error> {
    let by_sweep = params.filtering == Filtering::Dataset;
    if by_sweep && n_sweeps < 2 {
        return Err(Error::OneSweep);
    }
    let mut done: Vec<FilterCycle> = Vec::new();
    let (mut most, mut removed, mut end) = (0, 0, None);
    loop {
        let mut scaled = scale(&excluded)?;
        if done.is_empty() {
            most = (params.filtering_max_percent / 100.0 * count(&scaled.filtered, scaled.outliers)) as usize;
            scaled.notes.extend(too_few(&scaled.images, params.filtering_stdcutoff));
        }
        if end.is_none() {
            let (groups, full) = worst(&scaled.images, by_sweep, most - removed);
            for g in &groups {
                excluded.add(g.sweep, g.images);
            }
            removed += groups.iter().map(|g| g.n).sum::<usize>();
            end = match () {
                () if full => Some(FilterEnd::MostRemoved),
                () if groups.is_empty() => Some(FilterEnd::NothingStandsOut),
                () if done.len() + 1 >= params.filtering_cycles => Some(FilterEnd::MostCycles),
                () => None,
            };
            let nothing = groups.is_empty();
            done.push(FilterCycle { cc_half: scaled.images.cc_half, cutoff: scaled.images.cutoff, removed: groups });
            if !nothing {
                continue;
            }
        }
        scaled.filter_cycles = done;
        scaled.filter_end = end;
        return Ok(scaled);
    }
}

/// Observations that were scaled.
fn count(filtered: &Filtered, outliers: usize) -> f64 {
    filtered.suitable.saturating_sub(outliers) as f64
}

/// One of n values lies at most √(n − 1) standard deviations from their mean.
fn too_few(images: &ImageQuality, cutoff: f64) -> Option<String> {
    let n = images.groups.iter().filter(|g| g.delta.is_some()).count();
    let needed = (cutoff * cutoff + 1.0).ceil();
    ((n as f64) < needed).then(|| {
        format!(
            "none of {n} groups can lie {cutoff}σ below the mean ΔCC½ of all, so that filtering removes nothing: lower filtering_stdcutoff, or filter \
             smaller groups of images ({needed} are needed)"
        )
    })
}

/// The groups to leave out, worst first (the lowest ΔCC½, then those of which most are outliers), with at most `room` observations, and whether
/// others had to stay for that.
fn worst(images: &ImageQuality, by_sweep: bool, mut room: usize) -> (Vec<ImageGroup>, bool) {
    let mut left: Vec<ImageGroup> = images.groups.clone();
    let mut out = Vec::new();
    loop {
        // Groups stand in the order of sweeps and images.
        let at_end = |i: usize| i == 0 || i + 1 == left.len() || left[i - 1].sweep != left[i].sweep || left[i + 1].sweep != left[i].sweep;
        let bad = |i: &usize| images.is_suspicious(&left[*i]) && (by_sweep || at_end(*i));
        let delta = |i: usize| left[i].delta.unwrap_or(0.0);
        let Some(next) = (0..left.len()).filter(bad).min_by(|&a, &b| delta(a).total_cmp(&delta(b))) else {
            return (out, false);
        };
        if left[next].n > room {
            return (out, true);
        }
        room -= left[next].n;
        out.push(left.remove(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(deltas: &[(usize, f64)]) -> ImageQuality {
        let groups = deltas.iter().enumerate().map(|(i, &(sweep, delta))| ImageGroup {
            sweep,
            images: [10 * i, 10 * i + 9],
            n: 100,
            outliers: 0,
            delta: Some(delta),
        });
        ImageQuality { groups: groups.collect(), cutoff: -1.0, ..ImageQuality::default() }
    }

    #[test]
    fn images_go_from_the_ends_and_worst_first() {
        let q = quality(&[(0, -2.0), (0, -3.0), (0, 0.0), (0, -5.0), (0, 0.0), (1, 0.0), (1, -4.0)]);
        let firsts = |room: usize, by_sweep: bool| {
            let (groups, full) = worst(&q, by_sweep, room);
            (groups.iter().map(|g| g.images[0]).collect::<Vec<_>>(), full)
        };
        // The fourth group has good neighbours on both sides; the second is at the end once the first is gone.
        assert_eq!(firsts(1000, false), (vec![60, 0, 10], false));
        assert_eq!(firsts(200, false), (vec![60, 0], true));
        assert_eq!(firsts(99, false), (vec![], true));
        assert_eq!(firsts(1000, true), (vec![30, 60, 10, 0], false));
    }

    #[test]
    fn groups_of_outliers_go_too() {
        let mut q = quality(&[(0, 0.0), (0, 0.1), (0, 0.2)]);
        q.groups[2].outliers = 101;
        assert_eq!(worst(&q, false, 1000).0, q.groups[2..]);
        // Nothing else is left of it.
        (q.groups[2].n, q.groups[2].delta) = (0, None);
        assert_eq!(worst(&q, false, 0).0, q.groups[2..]);
        q.groups[2].outliers = 0;
        assert_eq!(worst(&q, false, 1000).0, []);
    }

    #[test]
    fn too_few_groups_are_told() {
        assert!(too_few(&quality(&[(0, 0.0); 16]), 4.0).is_some_and(|t| t.contains("16 groups")));
        assert_eq!(too_few(&quality(&[(0, 0.0); 17]), 4.0), None);
    }
}
