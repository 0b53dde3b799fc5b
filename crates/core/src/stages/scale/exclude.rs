use super::error::Error;
use crate::geometry::ExperimentList;
use crate::reflections::Reflections;

/// Images that are left out of scaling.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Excluded {
    /// By sweep: first image and one past the last, counted from the sweep's first.
    ranges: Vec<Vec<[f64; 2]>>,
}

impl Excluded {
    /// From `sweep:first:last` with commas or blanks between several: sweeps count from 0, images have their numbers, both ends are left out. Ends
    /// beyond the sweep are no error; a sweep that does not exist is.
    pub(super) fn new(text: Option<&str>, experiments: &ExperimentList) -> Result<Self, Error> {
        let mut out = Excluded { ranges: vec![Vec::new(); experiments.len()] };
        for part in text.unwrap_or("").split([',', ' ']).filter(|p| !p.is_empty()) {
            let bad = |reason: String| Error::ExcludedImages { range: part.to_owned(), reason };
            let numbers: Option<Vec<i64>> = part.split(':').map(|n| n.trim().parse().ok()).collect();
            let Some(&[sweep, first, last]) = numbers.as_deref() else {
                return Err(bad("it is not sweep:first:last".to_owned()));
            };
            if first > last {
                return Err(bad("its first image is after its last".to_owned()));
            }
            let known = usize::try_from(sweep).ok().filter(|s| *s < experiments.len());
            let sweep = known.ok_or_else(|| bad(format!("sweeps go from 0 to {}", experiments.len().saturating_sub(1))))?;
            let start = experiments.models(sweep).map_or(1, |m| m.scan.first_image);
            out.ranges[sweep].push([first.saturating_sub(start) as f64, last.saturating_sub(start).saturating_add(1) as f64]);
        }
        Ok(out)
    }

    /// Leaves out further images of a sweep: the first and the last of them, counted from the sweep's first.
    pub(super) fn add(&mut self, sweep: usize, images: [usize; 2]) {
        self.ranges[sweep].push([images[0] as f64, images[1] as f64 + 1.0]);
    }

    /// Whether a row's centre lies on one of them.
    pub(super) fn has(&self, table: &Reflections, row: usize) -> bool {
        let Some(ranges) = usize::try_from(table.id[row]).ok().and_then(|s| self.ranges.get(s)).filter(|r| !r.is_empty()) else {
            return false;
        };
        let z = table.xyzobs_px.get(row).or(table.xyzcal_px.get(row)).map(|p| p[2]);
        z.is_some_and(|z| ranges.iter().any(|[a, b]| (*a..*b).contains(&z)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Beam, Detector, Experiment, Goniometer, Scan};

    #[test]
    fn ranges_are_image_numbers_and_include_both_ends() {
        let one = Experiment { beam: Some(0), detector: Some(0), goniometer: Some(0), scan: Some(0), ..Experiment::default() };
        let list = ExperimentList {
            experiments: vec![one.clone(), one],
            beams: vec![Beam::default()],
            detectors: vec![Detector::default()],
            goniometers: vec![Goniometer::default()],
            scans: vec![Scan { first_image: 101, n_images: 50, width: 0.01, ..Scan::default() }],
            ..ExperimentList::default()
        };
        let excluded = Excluded::new(Some("0:101:110, 1:150:200"), &list).unwrap();
        let mut table = Reflections::with_rows(4);
        table.id = vec![0, 0, 1, 1];
        table.xyzobs_px = [9.9, 10.0, 48.9, 49.0].map(|z| [0.0, 0.0, z]).into();
        assert_eq!([0, 1, 2, 3].map(|row| excluded.has(&table, row)), [true, false, false, true]);
        for wrong in ["1:2", "2:1:5", "0:9:1", "x:1:2"] {
            let told = Excluded::new(Some(wrong), &list).unwrap_err().to_string();
            assert!(told.contains(wrong), "{told}");
        }
        assert!(!Excluded::new(None, &list).unwrap().has(&table, 0));
    }
}
