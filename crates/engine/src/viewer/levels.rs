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
    pub fn new(size: [usize; 2], mut counts: Vec<i32>) -> Self {
        counts.resize(size[0] * size[1], -1);
        let mut levels = vec![Level { size, counts }];
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
    fn halved(&self) -> Level {
        let [w, h] = self.size;
        let half = [w.div_ceil(2), h.div_ceil(2)];
        let mut counts = vec![i32::MIN; half[0] * half[1]];
        for (y, row) in self.counts.chunks_exact(w).enumerate() {
            let out = &mut counts[y / 2 * half[0]..][..half[0]];
            let (pairs, last) = row.as_chunks::<2>();
            for ([a, b], to) in pairs.iter().zip(out.iter_mut()) {
                *to = (*to).max(*a).max(*b);
            }
            if let (Some(a), Some(to)) = (last.first(), out.last_mut()) {
                *to = (*to).max(*a);
            }
        }
        Level { size: half, counts }
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
}
