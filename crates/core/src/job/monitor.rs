/// What a stage tells about its progress, and how it learns that it should stop.
///
/// Called from any pool thread; every method has a do-nothing default. Labels are for display only.
pub trait Monitor: Sync {
    /// A step of `total` units of work begins (a stage may have several, one after the other).
    fn begin(&self, _label: &'static str, _total: u64) {}
    /// `done` more units of the current step are finished.
    fn advance(&self, _done: u64) {}
    /// A line for the log.
    fn log(&self, _line: &str) {}
    /// True once the user has asked to stop.
    fn is_cancelled(&self) -> bool {
        false
    }
    /// `Err` once the user has asked to stop: write `monitor.check()?` at the head of loops.
    fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

/// The monitor that says nothing and never cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {}

/// The user asked to stop; what was computed before is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;
