//! Counts the memory in use, for the page's gauge and for measurements: a browser tells only how far the memory has ever grown.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ewald_protocol::control;

use crate::control::set;

/// The system's allocator, counting.
pub struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn took(bytes: usize) {
    let now = IN_USE.fetch_add(bytes, Relaxed) + bytes;
    if now > PEAK.load(Relaxed) {
        PEAK.fetch_max(now, Relaxed);
    }
}

fn gave(bytes: usize) {
    IN_USE.fetch_sub(bytes, Relaxed);
}

/// Bytes in use now, and the most that were in use at once.
pub fn in_use() -> (usize, usize) {
    (IN_USE.load(Relaxed), PEAK.load(Relaxed))
}

/// Shows them in the control block. Called as often as a stage reports progress, not at every allocation.
pub fn show() {
    let (now, peak) = in_use();
    set(control::HEAP_KIB, (now / 1024) as u32);
    set(control::HEAP_PEAK_KIB, (peak / 1024) as u32);
}

// SAFETY: every call is passed on unchanged to `System`, which keeps the contract; counting touches atomics only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `System` asks for.
        let pointer = unsafe { System.alloc(layout) };
        if !pointer.is_null() {
            took(layout.size());
        }
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        if !pointer.is_null() {
            took(layout.size());
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        gave(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        let moved = unsafe { System.realloc(pointer, layout, new_size) };
        if !moved.is_null() {
            took(new_size);
            gave(layout.size());
        }
        moved
    }
}
