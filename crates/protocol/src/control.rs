//! The control block: a few words in the engine's shared memory, for what cannot wait for messages.
//!
//! The engine is blocked while the pool works, so that cancelling is a word that the page sets, and progress are words that the
//! page reads, about ten times a second. All are 32-bit and accessed atomically. Several words that belong together (`DONE` of
//! `TOTAL`) may be seen at slightly different moments: they are for display only.

/// Number of words.
pub const WORDS: usize = 16;

/// Written by the page: the job to stop. Any other number, such as 0, stops nothing.
pub const CANCEL: usize = 0;
/// The job at work, or 0.
pub const JOB: usize = 1;
/// 1 + the index of the stage at work in `StageId::ALL`, or 0.
pub const STAGE: usize = 2;
/// Counts the steps begun, so that a change of step is seen even if its label is the same.
pub const STEP: usize = 3;
/// Work of the step, in its own units, divided by a power of two if it would not fit.
pub const TOTAL: usize = 4;
/// Work done of it, divided likewise.
pub const DONE: usize = 5;
/// Address of the step's label (UTF-8) in the shared memory.
pub const LABEL_ADDRESS: usize = 6;
/// Length of the label, bytes.
pub const LABEL_LENGTH: usize = 7;
/// 1 once the engine has panicked: it answers no more and must be started anew.
pub const PANICKED: usize = 8;
/// Address of the panic's message (UTF-8).
pub const PANIC_ADDRESS: usize = 9;
/// Length of the panic's message, bytes.
pub const PANIC_LENGTH: usize = 10;
/// Bytes taken from the allocator and not given back, in KiB.
pub const HEAP_KIB: usize = 11;
/// Largest value that `HEAP_KIB` has had since the engine started.
pub const HEAP_PEAK_KIB: usize = 12;

/// Address of the log: a ring of bytes, lines of UTF-8 that each end in a line feed.
pub const LOG_ADDRESS: usize = 13;
/// Size of the ring, bytes.
pub const LOG_SIZE: usize = 14;
/// Bytes ever written to the ring, modulo 2^32; byte `n` stands at `LOG_ADDRESS + n % LOG_SIZE`.
pub const LOG_WRITTEN: usize = 15;

/// The words as read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot(pub [u32; WORDS]);

impl Snapshot {
    /// Part of the present step that is done, 0 to 1; `None` while nothing is at work or the step cannot tell.
    pub fn fraction(&self) -> Option<f64> {
        let [total, done] = [self.0[TOTAL], self.0[DONE]];
        (self.0[JOB] != 0 && total != 0).then(|| (f64::from(done) / f64::from(total)).min(1.0))
    }

    /// The stage at work.
    pub fn stage(&self) -> Option<ewald_core::session::StageId> {
        let index = (self.0[STAGE] as usize).checked_sub(1)?;
        ewald_core::session::StageId::ALL.get(index).copied()
    }
}

/// Where new bytes of the log stand in its ring, in order, given how many had been written when it was last read.
/// Those that have been overwritten meanwhile are left out.
pub fn new_in_log(seen: u32, words: &Snapshot) -> [core::ops::Range<usize>; 2] {
    let size = words.0[LOG_SIZE] as usize;
    let written = words.0[LOG_WRITTEN];
    let new = (written.wrapping_sub(seen) as usize).min(size);
    if new == 0 {
        return [0..0, 0..0];
    }
    // The size is a power of two, so that the count may wrap around.
    let start = (written as usize).wrapping_sub(new) % size;
    let end = start + new;
    if end <= size { [start..end, 0..0] } else { [start..size, 0..end - size] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::session::StageId;

    #[test]
    fn a_snapshot_tells_stage_and_fraction() {
        let mut words = [0; WORDS];
        assert_eq!((Snapshot(words).fraction(), Snapshot(words).stage()), (None, None));
        words[JOB] = 4;
        words[STAGE] = 1 + StageId::Integrate.index() as u32;
        (words[TOTAL], words[DONE]) = (200, 50);
        assert_eq!(Snapshot(words).fraction(), Some(0.25));
        assert_eq!(Snapshot(words).stage(), Some(StageId::Integrate));
    }

    #[test]
    fn the_log_is_read_around_the_end_of_its_ring() {
        let mut words = [0; WORDS];
        words[LOG_SIZE] = 16;
        words[LOG_WRITTEN] = 20;
        assert_eq!(new_in_log(20, &Snapshot(words)), [0..0, 0..0]);
        assert_eq!(new_in_log(17, &Snapshot(words)), [1..4, 0..0]);
        assert_eq!(new_in_log(13, &Snapshot(words)), [13..16, 0..4]);
        assert_eq!(new_in_log(0, &Snapshot(words)), [4..16, 0..4]);
        words[LOG_WRITTEN] = 3;
        assert_eq!(new_in_log(u32::MAX - 1, &Snapshot(words)), [14..16, 0..3]);
    }
}
