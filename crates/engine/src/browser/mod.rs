//! What JavaScript sees of the engine.

use wasm_bindgen::prelude::*;

use crate::{control, heap};

pub use wasm_bindgen_rayon::init_thread_pool;

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

/// The engine as `worker.js` holds it.
#[wasm_bindgen]
#[derive(Default)]
pub struct Engine {}

#[wasm_bindgen]
impl Engine {
    /// An engine without files.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Engine {
        std::panic::set_hook(Box::new(|info| control::announce_panic(info.to_string())));
        std::alloc::set_alloc_error_hook(|layout| {
            control::announce_panic(format!("the browser gives no more memory ({} bytes were asked for)", layout.size()));
        });
        Engine::default()
    }

    /// Number of pool threads that really answer.
    #[wasm_bindgen(js_name = threadsAnswering)]
    pub fn threads_answering(&self) -> usize {
        rayon::broadcast(|_| ()).len()
    }

    /// Address of the control block in the shared memory.
    #[wasm_bindgen(js_name = controlAddress)]
    pub fn control_address(&self) -> usize {
        control::address()
    }
}
