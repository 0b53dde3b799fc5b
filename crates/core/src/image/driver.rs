use super::{Frame, ImageError, ImageSource, RawFrame};
use crate::job::{Cancelled, Monitor, parallel};
use core::ops::Range;
use std::sync::Mutex;

/// Bytes that the frames in flight may take unless the caller knows better.
///
/// Enough for sixteen threads with frames of 9 Mpx; a quarter of what a browser's 32-bit memory holds.
pub const DEFAULT_BUDGET: usize = 1 << 30;

/// Runs through the frames `z` of `range`: reads ahead on the calling thread, decodes and maps on the pool, folds in order.
///
/// - `budget`: bytes that frames in flight may take (compressed and decoded). At least one frame is always in flight, however large.
/// - `per_frame(z, frame)`: runs on any pool thread
/// - `fold(z, result)`: runs on the calling thread, in the order of z
///
/// The monitor advances by one per frame (the caller begins the step) and is asked before each frame whether to go on.
///
/// # Errors
///
/// The first failure to read or decode, [`Cancelled`], or the first error of `fold`.
pub fn for_each_frame<T: Send, E: From<ImageError> + From<Cancelled>>(
    source: &dyn ImageSource,
    range: Range<usize>,
    budget: usize,
    monitor: &dyn Monitor,
    per_frame: impl Fn(usize, &Frame) -> T + Sync,
    mut fold: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    let [width, height] = source.image_size();
    // Compressed bytes, decoded counts and what a visitor keeps beside them: half as much again.
    let frame_bytes = width.saturating_mul(height).saturating_mul(6).max(1);
    let in_flight = (budget / frame_bytes).clamp(1, 2 * parallel::threads() + 2);
    let batch = in_flight.div_ceil(2);
    let frames: Mutex<Vec<Frame>> = Mutex::new(Vec::new());

    let mut position = range.start;
    let mut ahead: std::vec::IntoIter<RawFrame> = Vec::new().into_iter();
    let next = || -> Result<Option<RawFrame>, E> {
        monitor.check()?;
        if let Some(raw) = ahead.next() {
            return Ok(Some(raw));
        }
        let end = range.end.min(position + batch);
        if position >= end {
            return Ok(None);
        }
        ahead = source.fetch(position..end)?.into_iter();
        position = end;
        Ok(ahead.next())
    };
    let work = |raw: RawFrame| -> (usize, Result<T, ImageError>) {
        // A poisoned lock only means that another task panicked; the spare frames are still frames.
        let spare = || frames.lock().unwrap_or_else(|e| e.into_inner());
        let mut frame = spare().pop().unwrap_or_default();
        let result = source.decode(&raw, &mut frame).map(|()| per_frame(raw.z, &frame));
        spare().push(frame);
        (raw.z, result)
    };
    parallel::pipeline(in_flight, next, work, |(z, result)| {
        fold(z, result?)?;
        monitor.advance(1);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::MemoryImages;
    use crate::job::Silent;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Debug, PartialEq, thiserror::Error)]
    enum Error {
        #[error(transparent)]
        Image(#[from] ImageError),
        #[error(transparent)]
        Cancelled(#[from] Cancelled),
    }

    fn images(n: usize) -> MemoryImages {
        let frames = (0..n).map(|z| Frame { width: 3, height: 2, pixels: vec![z as i32; 6] }).collect();
        MemoryImages { frames, mask: None }
    }

    #[test]
    fn every_frame_of_the_range_comes_once_and_in_order() {
        for budget in [1, 100, DEFAULT_BUDGET] {
            let mut seen = Vec::new();
            let end: Result<(), Error> = for_each_frame(
                &images(50),
                7..43,
                budget,
                &Silent,
                |z, f| (z, f.pixels[5]),
                |z, t| {
                    seen.push((z, t));
                    Ok(())
                },
            );
            assert_eq!(end, Ok(()));
            assert_eq!(seen, (7..43).map(|z| (z, (z, z as i32))).collect::<Vec<_>>());
        }
    }

    struct CancelAt(u64, AtomicU64);

    impl Monitor for CancelAt {
        fn advance(&self, done: u64) {
            self.1.fetch_add(done, Ordering::Relaxed);
        }
        fn is_cancelled(&self) -> bool {
            self.1.load(Ordering::Relaxed) >= self.0
        }
    }

    #[test]
    fn cancelling_ends_within_the_frames_in_flight() {
        let monitor = CancelAt(10, AtomicU64::new(0));
        let mut n = 0;
        let end: Result<(), Error> = for_each_frame(
            &images(1000),
            0..1000,
            DEFAULT_BUDGET,
            &monitor,
            |_, _| (),
            |_, ()| {
                n += 1;
                Ok(())
            },
        );
        assert_eq!(end, Err(Error::Cancelled(Cancelled)));
        assert!(n < 10 + 2 * parallel::threads() + 3, "{n}");
    }

    #[test]
    fn a_missing_frame_is_an_error() {
        let end: Result<(), Error> = for_each_frame(&images(5), 0..8, DEFAULT_BUDGET, &Silent, |_, _| (), |_, ()| Ok(()));
        assert!(matches!(end, Err(Error::Image(ImageError::OutOfRange { n: 5, .. }))));
    }
}
