//! Reading ahead in files that are read piece by piece.
//!
//! A browser passes what it reads from one process to another, and asking costs more than the bytes do: processor time of all of Chromium's
//! threads for 204 MB is 1610 ms in pieces of 256 kB, 590 in pieces of 4 MB, 300 in pieces of 16 MB, and no less in larger ones. Where one read
//! begins about where the last one ended, more are likely to follow: they are served from a window that grows as long as that goes on.

use std::sync::{Mutex, PoisonError};

use ewald_core::format::source::{ByteSource, SourceError, check_range};

/// The first window; each that follows is twice as large.
const SMALLEST: usize = 4 << 20;
/// How much is read at once where many reads follow each other.
const LARGEST: usize = 16 << 20;
/// A read that begins at most so far behind the last one's end follows it: files have indices between images.
const GAP: u64 = 64 << 10;

/// A source that reads ahead.
pub struct ReadAhead<S> {
    inner: S,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where the last read ended; `None` before the first, which follows none: of a file with a single image nothing is kept.
    end: Option<u64>,
    /// Offset of the bytes in `window`.
    start: u64,
    window: Vec<u8>,
    /// How much is read at once the next time.
    next: usize,
}

impl State {
    /// The bytes of the window from `offset` on, if it has any.
    fn held(&self, offset: u64) -> &[u8] {
        let at = offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.window.get(at..)).unwrap_or_default()
    }
}

impl<S: ByteSource> ReadAhead<S> {
    /// Reads ahead in `inner`.
    pub fn new(inner: S) -> Self {
        ReadAhead { inner, state: Mutex::default() }
    }
}

impl<S: ByteSource> ByteSource for ReadAhead<S> {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        check_range(offset, buf.len(), self.len())?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let follows = state.end.is_some_and(|end| offset >= end && offset - end <= GAP);
        let end = offset + buf.len() as u64;
        let held = state.held(offset);
        let (first, rest) = buf.split_at_mut(held.len().min(buf.len()));
        first.copy_from_slice(&held[..first.len()]);
        if !rest.is_empty() {
            let from = offset + first.len() as u64;
            state.next = if follows { (2 * state.next).clamp(SMALLEST, LARGEST) } else { 0 };
            if rest.len() >= state.next {
                self.inner.read_at(from, rest)?;
            } else {
                let mut window = std::mem::take(&mut state.window);
                window.resize((self.len() - from).min(state.next as u64) as usize, 0);
                self.inner.read_at(from, &mut window)?;
                rest.copy_from_slice(&window[..rest.len()]);
                (state.start, state.window) = (from, window);
            }
        }
        state.end = Some(end);
        // What follows the last image of a file is not read again.
        if self.len() - end <= GAP {
            state.window = Vec::new();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Byte `i` is a hash of `i`; counts the reads.
    struct Numbers(u64, AtomicUsize);

    fn byte(i: u64) -> u8 {
        (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
    }

    impl ByteSource for Numbers {
        fn len(&self) -> u64 {
            self.0
        }
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
            check_range(offset, buf.len(), self.0)?;
            self.1.fetch_add(1, Relaxed);
            buf.iter_mut().zip(offset..).for_each(|(b, i)| *b = byte(i));
            Ok(())
        }
    }

    #[test]
    fn whatever_the_order_the_bytes_are_those_of_the_file() {
        let source = ReadAhead::new(Numbers(10 << 20, AtomicUsize::new(0)));
        let mut seed = 1u64;
        let mut offset = 0;
        for _ in 0..400 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let len = (seed >> 48) as usize;
            if seed.is_multiple_of(5) {
                offset = (seed >> 20) % (10 << 20);
            }
            let mut buf = vec![0; len];
            match source.read_at(offset, &mut buf) {
                Ok(()) => assert!(buf.iter().zip(offset..).all(|(b, i)| *b == byte(i))),
                Err(_) => assert!(offset + len as u64 > 10 << 20),
            }
            offset += len as u64 + seed % 2 * 100;
        }
    }

    #[test]
    fn images_in_a_row_are_read_together() {
        let source = ReadAhead::new(Numbers(128 << 20, AtomicUsize::new(0)));
        // Neither divides the window, nor are they without gaps.
        let (size, gap) = (5_300_000, 4096);
        let mut buf = vec![0; size as usize];
        for image in 0..25 {
            let offset = 2048 + image * (size + gap);
            source.read_at(offset, &mut buf).unwrap();
            assert!(buf.iter().zip(offset..).step_by(1009).all(|(b, i)| *b == byte(i)));
        }
        assert!(source.inner.1.load(Relaxed) <= 12, "{} reads", source.inner.1.load(Relaxed));
    }

    #[test]
    fn nothing_is_kept_of_files_that_have_been_read() {
        let kept = |source: &ReadAhead<Numbers>| source.state.lock().unwrap().window.capacity();
        // A header, then all of the file.
        let image = ReadAhead::new(Numbers(3 << 20, AtomicUsize::new(0)));
        for len in [64 << 10, 3 << 20] {
            image.read_at(0, &mut vec![0; len]).unwrap();
        }
        assert_eq!((kept(&image), image.inner.1.load(Relaxed)), (0, 2));
        let many = ReadAhead::new(Numbers(12 << 20, AtomicUsize::new(0)));
        for k in 0..12 {
            many.read_at(k << 20, &mut vec![0; 1 << 20]).unwrap();
            assert!(k == 11 || k == 0 || kept(&many) > 0);
        }
        assert_eq!(kept(&many), 0);
    }
}
