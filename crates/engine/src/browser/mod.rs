//! What JavaScript sees of the engine.

mod files;

use ewald_core::format::source::SharedSource;
use ewald_protocol::{Event, decode, encode};
use js_sys::{Array, Object, Reflect, Uint8Array};
use std::sync::Arc;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, File};

use crate::dispatch::{Dispatcher, Host};
use crate::read_ahead::ReadAhead;
use crate::{control, heap};

pub use wasm_bindgen_rayon::init_thread_pool;

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

/// The engine as `worker.js` holds it.
#[wasm_bindgen]
#[derive(Default)]
pub struct Engine {
    dispatcher: Dispatcher,
}

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

    /// Does what the page asks in `body`; `files` come with it. Answers are posted as they arise.
    pub fn request(&mut self, body: &[u8], files: Vec<File>) -> Result<(), JsError> {
        let request = decode(body)?;
        if Dispatcher::replaces_files(&request) {
            files::forget_all();
        }
        let sources = files.into_iter().map(|file| Arc::new(ReadAhead::new(files::FileSource::new(file))) as SharedSource);
        self.dispatcher.handle(request, sources.collect(), &Worker);
        heap::show();
        Ok(())
    }
}

/// The worker that this module runs in.
struct Worker;

impl Host for Worker {
    fn post(&self, event: Event, buffers: Vec<Vec<u8>>) {
        if let Err(error) = post(&event, &buffers) {
            control::log(&format!("a message to the page was lost: {}", text_of(&error)));
        }
    }

    fn seconds(&self) -> f64 {
        scope().performance().map_or(0.0, |p| p.now() / 1000.0)
    }
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

fn post(event: &Event, buffers: &[Vec<u8>]) -> Result<(), JsValue> {
    let body = Uint8Array::from(encode(event).map_err(|e| JsValue::from(e.to_string()))?.as_slice());
    // Copies: what lies in shared memory cannot be transferred.
    let buffers: Array = buffers.iter().map(|b| Uint8Array::from(b.as_slice()).buffer()).collect();
    let message = Object::new();
    Reflect::set(&message, &"kind".into(), &"event".into())?;
    Reflect::set(&message, &"body".into(), &body)?;
    Reflect::set(&message, &"buffers".into(), &buffers)?;
    let transfer = buffers.concat(&Array::of1(&body.buffer()));
    scope().post_message_with_transfer(&message, &transfer)
}

/// A JavaScript exception in words.
fn text_of(error: &JsValue) -> String {
    let field = |name: &str| Reflect::get(error, &name.into()).ok().and_then(|v| v.as_string());
    match (field("name"), field("message")) {
        (Some(name), Some(message)) => format!("{name}: {message}"),
        _ => error.as_string().unwrap_or_else(|| format!("{error:?}")),
    }
}
