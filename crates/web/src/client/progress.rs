//! The control block in the engine's memory: what it is doing, and how to stop it.

use ewald_protocol::JobId;
use ewald_protocol::control::{self, Snapshot};
use js_sys::{Atomics, Int32Array, Uint8Array, WebAssembly::Memory};

/// The engine's control block.
#[derive(Clone)]
pub struct Control {
    memory: Memory,
    words: Int32Array,
}

impl Control {
    /// The block at `address` in `memory`.
    pub fn new(memory: Memory, address: u32) -> Self {
        let words = Int32Array::new_with_byte_offset_and_length(&memory.buffer(), address, control::WORDS as u32);
        Control { memory, words }
    }

    /// The words now.
    pub fn read(&self) -> Snapshot {
        Snapshot(std::array::from_fn(|word| Atomics::load(&self.words, word as u32).unwrap_or(0) as u32))
    }

    /// Asks the engine to stop `job`.
    pub fn cancel(&self, job: JobId) {
        // It can only fail for an index beyond the words.
        Atomics::store(&self.words, control::CANCEL as u32, job as i32).ok();
    }

    /// What the present step is called.
    pub fn label(&self) -> String {
        let words = self.read().0;
        self.text(words[control::LABEL_ADDRESS], words[control::LABEL_LENGTH])
    }

    /// Why the engine panicked, if it has.
    pub fn panic(&self) -> Option<String> {
        let words = self.read().0;
        (words[control::PANICKED] != 0).then(|| self.text(words[control::PANIC_ADDRESS], words[control::PANIC_LENGTH]))
    }

    /// What was logged since `seen`, which is brought up to date. Start with 0. Lines end in a line feed.
    pub fn log(&self, seen: &mut u32) -> String {
        let words = self.read();
        let base = words.0[control::LOG_ADDRESS];
        let parts = control::new_in_log(*seen, &words);
        *seen = words.0[control::LOG_WRITTEN];
        let bytes: Vec<u8> = parts.into_iter().flat_map(|part| self.bytes(base + part.start as u32, part.len() as u32)).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Memory that the engine has ever taken, bytes. It does not shrink; `HEAP_KIB` tells what is in use.
    pub fn memory_bytes(&self) -> f64 {
        js_sys::Reflect::get(&self.memory.buffer(), &"byteLength".into()).ok().and_then(|n| n.as_f64()).unwrap_or(0.0)
    }

    fn text(&self, address: u32, length: u32) -> String {
        String::from_utf8_lossy(&self.bytes(address, length)).into_owned()
    }

    fn bytes(&self, address: u32, length: u32) -> Vec<u8> {
        Uint8Array::new_with_byte_offset_and_length(&self.memory.buffer(), address, length).to_vec()
    }
}
