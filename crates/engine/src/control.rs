//! The engine's side of the shared control block: what a running stage tells the page, and hears from it.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed, Ordering::Release};
use std::sync::{Mutex, PoisonError};

use ewald_core::job::Monitor;
use ewald_core::session::StageId;
use ewald_protocol::{JobId, control};

use crate::heap;

/// The words; the page is told their address.
static WORDS: [AtomicU32; control::WORDS] = [const { AtomicU32::new(0) }; control::WORDS];

/// The log's ring; its size divides 2^32.
static LOG: [AtomicU8; 64 << 10] = [const { AtomicU8::new(0) }; 64 << 10];

/// Held while a line is written, so that lines of different threads do not mix.
static LOG_PEN: Mutex<()> = Mutex::new(());

/// Address of the control block in the shared memory.
pub fn address() -> usize {
    WORDS.as_ptr() as usize
}

/// Writes a word of the control block.
pub fn set(word: usize, value: u32) {
    WORDS[word].store(value, Relaxed);
}

/// Reads a word of the control block.
pub fn get(word: usize) -> u32 {
    WORDS[word].load(Relaxed)
}

/// Says where a message lies that never moves: `address` and `length` are words.
fn point_to(text: &'static str, address: usize, length: usize) {
    // The length is 0 while the address changes, so that the page never reads past a text's end.
    set(length, 0);
    set(address, text.as_ptr() as usize as u32);
    set(length, text.len() as u32);
}

/// Tells the page that the engine is lost, and why. Called once, by the panic hook, from any thread.
pub fn announce_panic(message: String) {
    // Leaked: the page reads it when it next looks, and the engine will not go on.
    point_to(message.leak(), control::PANIC_ADDRESS, control::PANIC_LENGTH);
    set(control::PANICKED, 1);
}

/// Appends a line to the log, from any thread.
pub fn log(line: &str) {
    let _pen = LOG_PEN.lock().unwrap_or_else(PoisonError::into_inner);
    set(control::LOG_ADDRESS, LOG.as_ptr() as usize as u32);
    set(control::LOG_SIZE, LOG.len() as u32);
    let mut written = get(control::LOG_WRITTEN);
    for byte in line.bytes().chain([b'\n']) {
        LOG[written as usize % LOG.len()].store(byte, Relaxed);
        written = written.wrapping_add(1);
    }
    WORDS[control::LOG_WRITTEN].store(written, Release);
}

/// The monitor of one stage of one job. From its making to its dropping the control block shows that stage.
pub struct JobMonitor {
    job: JobId,
    state: Mutex<Step>,
}

/// The present step; counted in 64 bits, shown in 32.
#[derive(Default)]
struct Step {
    done: u64,
    shift: u32,
}

impl JobMonitor {
    /// A monitor for `stage`, in request `job`; for work that is no stage, `None`.
    pub fn new(job: JobId, stage: Option<StageId>) -> Self {
        for word in [control::STEP, control::TOTAL, control::DONE, control::LABEL_LENGTH] {
            set(word, 0);
        }
        set(control::STAGE, stage.map_or(0, |s| 1 + s.index() as u32));
        set(control::JOB, job);
        JobMonitor { job, state: Mutex::default() }
    }
}

impl Drop for JobMonitor {
    fn drop(&mut self) {
        set(control::JOB, 0);
        set(control::STAGE, 0);
    }
}

impl Monitor for JobMonitor {
    fn begin(&self, label: &'static str, total: u64) {
        let mut step = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *step = Step { done: 0, shift: 32u32.saturating_sub(total.leading_zeros()) };
        set(control::DONE, 0);
        set(control::TOTAL, (total >> step.shift) as u32);
        point_to(label, control::LABEL_ADDRESS, control::LABEL_LENGTH);
        set(control::STEP, get(control::STEP).wrapping_add(1));
    }

    fn advance(&self, done: u64) {
        let mut step = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        step.done += done;
        heap::show();
        set(control::DONE, (step.done >> step.shift) as u32);
    }

    fn log(&self, line: &str) {
        log(line);
    }

    fn is_cancelled(&self) -> bool {
        get(control::CANCEL) == self.job
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_protocol::control::Snapshot;

    fn snapshot() -> Snapshot {
        Snapshot(std::array::from_fn(get))
    }

    // One test, since there is one control block.
    #[test]
    fn the_block_shows_the_running_stage_and_cancels_its_job_alone() {
        let monitor = JobMonitor::new(5, Some(StageId::Integrate));
        assert_eq!((snapshot().stage(), snapshot().fraction()), (Some(StageId::Integrate), None));
        monitor.begin("images", 240);
        monitor.advance(60);
        monitor.advance(60);
        assert_eq!(snapshot().fraction(), Some(0.5));
        assert_eq!(get(control::LABEL_LENGTH), 6);

        let many = 3 << 40;
        monitor.begin("pixels", many);
        monitor.advance(many / 4);
        assert!((snapshot().fraction().unwrap() - 0.25).abs() < 1e-6);
        assert_eq!(get(control::STEP), 2);

        monitor.log("one");
        log("zwei");
        let [first, rest] = control::new_in_log(0, &snapshot());
        let text: Vec<u8> = first.chain(rest).map(|i| LOG[i].load(Relaxed)).collect();
        assert_eq!(text, b"one\nzwei\n");

        set(control::CANCEL, 4);
        assert!(!monitor.is_cancelled());
        set(control::CANCEL, 5);
        assert!(monitor.check().is_err());
        drop(monitor);
        assert_eq!((snapshot().stage(), snapshot().fraction()), (None, None));
        assert!(!JobMonitor::new(6, Some(StageId::Scale)).is_cancelled());
    }
}
