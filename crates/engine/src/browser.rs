//! What JavaScript sees of the engine.

use rayon::prelude::*;
use wasm_bindgen::prelude::*;

pub use wasm_bindgen_rayon::init_thread_pool;

/// The engine as `worker.js` holds it.
#[wasm_bindgen]
#[derive(Default)]
pub struct Engine {}

#[wasm_bindgen]
impl Engine {
    /// An engine without files.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Engine {
        Engine {}
    }

    /// Number of pool threads that really answer, in shared memory, each once.
    #[wasm_bindgen(js_name = threadsAnswering)]
    pub fn threads_answering(&self) -> usize {
        rayon::broadcast(|context| context.index()).into_par_iter().count()
    }
}
