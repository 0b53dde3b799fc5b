//! Which images are searched.

use super::Error;
use core::ops::Range;

/// The images of a set that are searched: array indices, ascending, neither overlapping nor touching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Searches(Vec<Range<usize>>);

impl Searches {
    /// `wanted`: first and last image by number; all `n_images` if there is none.
    pub(super) fn new(imageset: usize, first_image: i64, n_images: usize, wanted: &[[i64; 2]]) -> Result<Self, Error> {
        if wanted.is_empty() {
            return Ok(Searches(core::iter::once(0..n_images).collect()));
        }
        let last_image = first_image + n_images as i64 - 1;
        let range = |&[from, to]: &[i64; 2]| match from < first_image || to > last_image {
            true => Err(Error::ScanRange { imageset, first: first_image, last: last_image, from, to }),
            false => Ok((from - first_image) as usize..(to - first_image) as usize + 1),
        };
        let mut ranges: Vec<Range<usize>> = wanted.iter().map(range).collect::<Result<_, _>>()?;
        ranges.sort_by_key(|r| r.start);
        ranges.dedup_by(|next, r| {
            let joined = next.start <= r.end;
            r.end = if joined { r.end.max(next.end) } else { r.end };
            joined
        });
        Ok(Searches(ranges))
    }

    /// The ranges.
    pub(super) fn ranges(&self) -> &[Range<usize>] {
        &self.0
    }

    /// How many images.
    pub(super) fn n_images(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }

    /// The images, in order.
    pub(super) fn images(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().cloned().flatten()
    }

    /// Which of them image `z` is.
    pub(super) fn position(&self, z: usize) -> Option<usize> {
        let mut before = 0;
        for r in &self.0 {
            if r.contains(&z) {
                return Some(before + z - r.start);
            }
            before += r.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_put_in_order_and_joined() {
        let t = |wanted: &[[i64; 2]]| Searches::new(0, 11, 50, wanted).unwrap();
        assert_eq!((t(&[]).ranges().len(), t(&[]).n_images()), (1, 50));
        assert_eq!(t(&[[31, 40], [11, 12], [13, 20], [15, 18]]).ranges(), [0..10, 20..30]);
        let s = t(&[[31, 32], [11, 12]]);
        assert_eq!((s.n_images(), s.images().collect::<Vec<_>>()), (4, vec![0, 1, 20, 21]));
        assert_eq!([0, 1, 2, 20, 21, 22].map(|z| s.position(z)), [Some(0), Some(1), None, Some(2), Some(3), None]);
        assert!(Searches::new(3, 11, 50, &[[10, 12]]).unwrap_err().to_string().contains("11 to 60"));
    }
}
