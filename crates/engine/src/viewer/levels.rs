//! An image and its smaller versions, so that drawing costs what the screen has pixels, not what the image has.

/// An image at full size, half, quarter, …; a pixel of a smaller version is the brightest of the four it stands for, so that no
/// spot is lost. −1 stands where there are no data.
pub struct Levels {
    levels: Vec<Level>,
}

/// One of the versions.
pub struct Level {
    /// Pixels along (fast, slow).
    pub size: [usize; 2],
    /// Counts, row by row.
    pub counts: Vec<i32>,
}

/// Versions smaller than this are of no use.
const SMALLEST: usize = 128;

impl Levels {
    /// The versions of an image of `size` (fast, slow). Counts that are missing are taken as no data.
    pub fn new(size: [usize; 2], counts: Vec<i32>) -> Self {
        Levels::masked(size, counts, None)
    }

    /// The same; pixels that are false in `mask` have no data.
    pub fn masked(size: [usize; 2], mut counts: Vec<i32>, mask: Option<&[bool]>) -> Self {
        counts.resize(size[0] * size[1], -1);
        let mut full = Level { size, counts };
        if size.iter().any(|n| *n < 2 * SMALLEST) {
            full.mask(mask, 0..size[1]);
            return Levels { levels: vec![full] };
        }
        // While two rows are in the processor's cache they are masked and halved at once: of the largest version the memory is what takes time.
        let half = Level::half_of(size);
        let mut next = half;
        for y in (0..size[1]).step_by(2) {
            full.mask(mask, y..(y + 2).min(size[1]));
            full.halve_row(y / 2, &mut next);
        }
        let mut levels = vec![full, next];
        while let Some(last) = levels.last().filter(|l| l.size.iter().all(|n| *n >= 2 * SMALLEST)) {
            let next = last.halved();
            levels.push(next);
        }
        Levels { levels }
    }

    /// Pixels along (fast, slow) of the image itself.
    pub fn size(&self) -> [usize; 2] {
        self.levels[0].size
    }

    /// The counts of the image itself.
    pub fn counts(&self) -> &[i32] {
        &self.levels[0].counts
    }

    /// Count at a pixel, −1 outside.
    pub fn count(&self, x: i32, y: i32) -> i32 {
        let [w, h] = self.size();
        let inside = x >= 0 && y >= 0 && (x as usize) < w && (y as usize) < h;
        if inside { self.counts()[y as usize * w + x as usize] } else { -1 }
    }

    /// The full-size counts' memory, to be used again.
    pub fn into_counts(mut self) -> Vec<i32> {
        self.levels.swap_remove(0).counts
    }

    /// The version to draw at `scale` screen pixels per image pixel, and how many times it was halved.
    pub fn for_scale(&self, scale: f64) -> (&Level, u32) {
        let halvings = (1.0 / scale).log2().floor().clamp(0.0, (self.levels.len() - 1) as f64) as usize;
        (&self.levels[halvings], halvings as u32)
    }
}

impl Level {
    fn half_of(size: [usize; 2]) -> Level {
        let half = size.map(|n| n.div_ceil(2));
        Level { size: half, counts: vec![0; half[0] * half[1]] }
    }

    fn mask(&mut self, mask: Option<&[bool]>, rows: core::ops::Range<usize>) {
        let pixels = rows.start * self.size[0]..rows.end * self.size[0];
        if let Some(mask) = mask.and_then(|m| m.get(pixels.clone())) {
            // Without a branch, so that many are done at once.
            self.counts[pixels].iter_mut().zip(mask).for_each(|(count, usable)| *count |= i32::from(*usable) - 1);
        }
    }

    /// Row `y` of the next smaller version.
    fn halve_row(&self, y: usize, into: &mut Level) {
        let [w, h] = self.size;
        let row = |j: usize| &self.counts[j * w..(j + 1) * w];
        let (first, second) = (row(2 * y), row((2 * y + 1).min(h - 1)));
        let out = &mut into.counts[y * into.size[0]..][..into.size[0]];
        let (pairs, last) = first.as_chunks::<2>();
        let (below, last_below) = second.as_chunks::<2>();
        for (to, ([a, b], [c, d])) in out.iter_mut().zip(pairs.iter().zip(below)) {
            *to = (*a).max(*b).max((*c).max(*d));
        }
        if let (Some(to), Some(a), Some(c)) = (out.get_mut(pairs.len()), last.first(), last_below.first()) {
            *to = (*a).max(*c);
        }
    }

    fn halved(&self) -> Level {
        let mut next = Level::half_of(self.size);
        (0..next.size[1]).for_each(|y| self.halve_row(y, &mut next));
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_versions_keep_the_brightest_pixel_and_odd_edges() {
        let mut counts = vec![-1; 513 * 301];
        counts[300 * 513 + 512] = 9;
        counts[0] = 4;
        let levels = Levels::new([513, 301], counts);
        let (level, halvings) = levels.for_scale(0.4);
        assert_eq!((level.size, halvings), ([257, 151], 1));
        assert_eq!((level.counts[0], level.counts[257 * 151 - 1], level.counts[1]), (4, 9, -1));
        assert_eq!(levels.for_scale(2.0).1, 0);
        assert_eq!((levels.count(512, 300), levels.count(-1, 0)), (9, -1));
    }

    #[test]
    fn a_mask_takes_pixels_out_of_all_versions() {
        let counts: Vec<i32> = (0..300 * 301).map(|k| k % 97).collect();
        let mask: Vec<bool> = (0..300 * 301).map(|k| k % 5 != 0 && k / 300 != 300).collect();
        let mut plain = counts.clone();
        plain.iter_mut().zip(&mask).filter(|(_, m)| !**m).for_each(|(c, _)| *c = -1);
        let (a, b) = (Levels::masked([300, 301], counts, Some(&mask)), Levels::new([300, 301], plain.clone()));
        assert!(a.levels.len() == 2 && a.levels.iter().zip(&b.levels).all(|(x, y)| x.counts == y.counts));
        assert_eq!(a.levels[1].counts[150 * 150], -1);
        let slow = |x: usize, y: usize| (0..4).map(|k| plain[(2 * y + k / 2) * 300 + 2 * x + k % 2]).max().unwrap();
        assert!((0..150 * 150).all(|k| a.levels[1].counts[k] == slow(k % 150, k / 150)));
    }
}
