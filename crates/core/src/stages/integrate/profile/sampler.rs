use crate::geometry::{Detector, Scan};

/// Where reference profiles stand: 3 × 3 on a detector of one panel (one in all on others), and every 5° along the scan. Detector and scan alone
/// decide; how images are read does not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampler {
    size: [usize; 3],
    /// px, px, images.
    step: [f64; 3],
    extent: [f64; 3],
}

/// Largest distance between profiles along the scan.
///
/// No parameter, because strong reflections feel how many spots a profile was learned from: with 2° in place of 5° one that the scan's end cuts in
/// two changes by 0.4 of its standard deviation, and complete ones of 50 000 counts by 0.1, although the crystal has the same profile throughout.
const STEP_DEG: f64 = 5.0;

impl Sampler {
    pub(super) fn new(detector: &Detector, scan: &Scan) -> Self {
        let panel = detector.panels.first();
        let image = panel.map_or([1, 1], |p| p.image_size);
        let across = if detector.panels.len() == 1 { 3 } else { 1 };
        let range = scan.width.abs() * scan.n_images as f64;
        // A hair less, so that 60°/5° is 12 and not 13.
        let along = (libm::ceil(range / STEP_DEG.to_radians() - 1e-9) as usize).clamp(1, scan.n_images.max(1));
        let size = [across, across, along];
        let extent = [image[0] as f64, image[1] as f64, scan.n_images as f64];
        Sampler { size, step: [0, 1, 2].map(|a| extent[a] / size[a] as f64), extent }
    }

    pub(super) fn len(&self) -> usize {
        self.size.iter().product()
    }

    /// Profiles with the same place along the scan.
    pub(super) fn per_layer(&self) -> usize {
        self.size[0] * self.size[1]
    }

    pub(super) fn layers(&self) -> usize {
        self.size[2]
    }

    fn cell(&self, xyz: &[f64; 3]) -> [usize; 3] {
        [0, 1, 2].map(|a| if self.size[a] == 1 { 0 } else { (xyz[a] / self.step[a]).max(0.0) as usize }.min(self.size[a] - 1))
    }

    /// Layer of a place, clamped to the scan.
    pub(super) fn layer(&self, xyz: &[f64; 3]) -> usize {
        self.cell(xyz)[2]
    }

    /// Whether a place (px, px, array index) is on the scan and, where there are several profiles, on the panel.
    pub(super) fn covers(&self, xyz: &[f64; 3]) -> bool {
        (0..3).all(|a| (a < 2 && self.size[a] == 1) || (xyz[a] >= 0.0 && xyz[a] < self.extent[a]))
    }

    /// The profile nearest to a place, clamped to the panel and the scan.
    pub(super) fn clamped(&self, xyz: &[f64; 3]) -> usize {
        let [i, j, k] = self.cell(xyz);
        (k * self.size[1] + j) * self.size[0] + i
    }

    /// Middle of the cell of a profile: px, px, array index.
    pub(super) fn coordinate(&self, index: usize) -> [f64; 3] {
        let [nx, ny, _] = self.size;
        let cell = [index % nx, index / nx % ny, index / (nx * ny)];
        [0, 1, 2].map(|a| (cell[a] as f64 + 0.5) * self.step[a])
    }

    /// The share that a spot at `xyz` has in a profile: e^(−4 ln 2 d²), d the distance in steps; 0 for profiles beyond the neighbouring ones.
    pub(super) fn weight(&self, index: usize, xyz: &[f64; 3]) -> f64 {
        let here = self.cell(xyz);
        let [nx, ny, _] = self.size;
        let there = [index % nx, index / nx % ny, index / (nx * ny)];
        if (0..3).any(|a| here[a].abs_diff(there[a]) > 1) {
            return 0.0;
        }
        let c = self.coordinate(index);
        let d2: f64 = (0..3).map(|a| if a < 2 && self.size[a] == 1 { 0.0 } else { (c[a] - xyz[a]) / self.step[a] }).map(|d| d * d).sum();
        libm::exp(-4.0 * core::f64::consts::LN_2 * d2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Panel;

    #[test]
    fn profiles_stand_as_dials_sets_them() {
        let detector = Detector::single(Panel { image_size: [1028, 1062], ..Panel::default() });
        let scan = Scan { n_images: 240, width: 0.25f64.to_radians(), ..Scan::default() };
        let s = Sampler::new(&detector, &scan);
        assert_eq!((s.len(), s.layers()), (108, 12));
        let c = s.coordinate(13);
        assert!((c[0] - 514.0).abs() < 1e-9 && (c[1] - 531.0).abs() < 1e-9 && (c[2] - 30.0).abs() < 1e-9);
        assert!(s.covers(&[514.0, 531.0, 30.0]) && s.clamped(&[514.0, 531.0, 30.0]) == 13);
        assert!((s.weight(13, &[514.0, 531.0, 30.0]) - 1.0).abs() < 1e-12);
        // Half a step away the weight is one half.
        assert!((s.weight(13, &[514.0, 531.0, 40.0 - 1e-9]) - 0.5).abs() < 1e-6);
        assert_eq!(s.weight(13, &[514.0, 531.0, 65.0]), 0.0);
        assert!(!s.covers(&[514.0, 531.0, 240.0]) && s.clamped(&[514.0, 531.0, 240.0]) == 103);
        assert!(!s.covers(&[-1.0, 531.0, 3.0]));
    }
}
