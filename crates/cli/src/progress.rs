//! Progress on the terminal, Ctrl-C, and the log.

use ewald_core::job::Monitor;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Set by Ctrl-C.
static CANCELLED: AtomicBool = AtomicBool::new(false);

/// Ctrl-C asks the stages to stop; a second one ends the program at once.
pub fn watch_ctrl_c() {
    // A handler that cannot be set leaves Ctrl-C ending the program, which is bearable.
    let _ = ctrlc::set_handler(|| {
        if CANCELLED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// A line that is rewritten on stderr, and lines kept for the log.
pub struct Terminal {
    show: bool,
    done: AtomicU64,
    total: AtomicU64,
    step: Mutex<Step>,
    log: Mutex<Vec<String>>,
}

struct Step {
    label: &'static str,
    started: Instant,
    shown: Option<Instant>,
}

impl Terminal {
    /// Shows progress when stderr is a terminal, unless `quiet`.
    pub fn new(quiet: bool) -> Self {
        let step = Step { label: "", started: Instant::now(), shown: None };
        let show = !quiet && std::io::stderr().is_terminal();
        Terminal { show, done: AtomicU64::new(0), total: AtomicU64::new(0), step: Mutex::new(step), log: Mutex::default() }
    }

    /// Wipes the progress line.
    pub fn clear(&self) {
        if self.show {
            eprint!("\r\x1b[K");
        }
    }

    /// Takes the lines logged so far.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Monitor for Terminal {
    fn begin(&self, label: &'static str, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = Step { label, started: Instant::now(), shown: None };
    }

    fn advance(&self, done: u64) {
        let done = self.done.fetch_add(done, Ordering::Relaxed) + done;
        if !self.show {
            return;
        }
        let Ok(mut step) = self.step.try_lock() else { return };
        if step.shown.is_some_and(|t| t.elapsed().as_millis() < 100) {
            return;
        }
        step.shown = Some(Instant::now());
        let total = self.total.load(Ordering::Relaxed).max(1);
        let fraction = (done as f64 / total as f64).min(1.0);
        let left = step.started.elapsed().as_secs_f64() * (1.0 / fraction.max(1e-6) - 1.0);
        eprint!("\r\x1b[K{} {:3.0} %, {left:.0} s left", step.label, 100.0 * fraction);
        let _ = std::io::stderr().flush();
    }

    fn log(&self, line: &str) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }

    fn is_cancelled(&self) -> bool {
        CANCELLED.load(Ordering::Relaxed)
    }
}
