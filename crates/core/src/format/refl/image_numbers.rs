//! z in files and inside.
//!
//! DIALS counts z from image number 0: the first image of a scan that begins with image n spans z = n − 1 to n. Inside, every scan's first
//! image spans 0 to 1. The two agree for scans that begin with image 1.

use crate::geometry::ExperimentList;
use crate::reflections::Reflections;

/// From z as in files to z as inside; `experiments` are those that the table's `id` (or `imageset_id`) refers to.
pub fn from_file(table: &mut Reflections, experiments: &ExperimentList) {
    shift(table, experiments, -1);
}

/// From z as inside to z as in files.
pub fn to_file(table: &mut Reflections, experiments: &ExperimentList) {
    shift(table, experiments, 1);
}

fn shift(table: &mut Reflections, experiments: &ExperimentList, sign: i64) {
    let first = |e: &crate::geometry::Experiment| e.scan.and_then(|s| experiments.scans.get(s)).map_or(0, |s| sign * (s.first_image - 1));
    let by_experiment: Vec<i64> = experiments.experiments.iter().map(first).collect();
    let by_imageset = |set: i32| {
        let same = |e: &&crate::geometry::Experiment| e.imageset.is_some_and(|i| i32::try_from(i) == Ok(set));
        experiments.experiments.iter().find(same).map_or(0, first)
    };
    if by_experiment.iter().all(|s| *s == 0) {
        return;
    }
    for row in 0..table.len() {
        let own = table.id.get(row).and_then(|id| usize::try_from(*id).ok()).and_then(|id| by_experiment.get(id).copied());
        let by = own.or_else(|| table.imageset_id.get(row).map(|set| by_imageset(*set))).unwrap_or(0);
        for column in [&mut table.xyzobs_px, &mut table.xyzcal_px] {
            if let Some(xyz) = column.get_mut(row) {
                xyz[2] += by as f64;
            }
        }
        let move_box = |b: &mut [i32; 6]| {
            for z in &mut b[4..] {
                *z = z.saturating_add(by as i32);
            }
        };
        table.bbox.get_mut(row).into_iter().for_each(move_box);
        table.shoebox.get_mut(row).into_iter().for_each(|s| move_box(&mut s.bbox));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Experiment, Scan};

    #[test]
    fn a_scan_from_image_500_starts_at_zero_inside_and_at_499_in_files() {
        let scan = Scan { first_image: 500, n_images: 10, ..Scan::default() };
        let experiments = ExperimentList {
            experiments: vec![Experiment { scan: Some(0), imageset: Some(0), ..Experiment::default() }],
            scans: vec![scan],
            ..ExperimentList::default()
        };
        let mut t = Reflections::with_rows(2);
        t.id = vec![0, -1];
        t.imageset_id = vec![0, 0];
        t.xyzobs_px = vec![[1.0, 2.0, 499.5], [1.0, 2.0, 501.0]];
        t.bbox = vec![[0, 1, 0, 1, 499, 500]; 2];
        let file = t.clone();
        from_file(&mut t, &experiments);
        assert_eq!((t.xyzobs_px[0][2], t.xyzobs_px[1][2], t.bbox[0][4]), (0.5, 2.0, 0));
        to_file(&mut t, &experiments);
        assert_eq!(t, file);
    }
}
