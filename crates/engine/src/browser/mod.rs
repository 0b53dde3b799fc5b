//! What JavaScript sees of the engine.

mod files;

use ewald_core::format::source::{SharedSource, SourceFile};
use ewald_protocol::{Ask, Event, Tell, decode, encode};
use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::Serialize;
use std::sync::Arc;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, File};

use crate::dispatch::{Dispatcher, Host};
use crate::read_ahead::ReadAhead;
use crate::viewer::{Place, Viewer};
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

/// How fast frames are decoded and searched here: [`crate::speed::measure`].
#[wasm_bindgen(js_name = frameSpeed)]
pub fn frame_speed() -> Result<String, JsError> {
    Ok(crate::speed::measure(&|| Host::seconds(&Worker), |_, _| ())?)
}

/// The viewer as `viewer.js` holds it.
#[wasm_bindgen]
#[derive(Default)]
pub struct ViewerHandle {
    viewer: Viewer,
}

#[wasm_bindgen]
impl ViewerHandle {
    /// A viewer without files.
    #[wasm_bindgen(constructor)]
    pub fn new() -> ViewerHandle {
        std::panic::set_hook(Box::new(|info| wasm_bindgen::throw_str(&info.to_string())));
        ViewerHandle::default()
    }

    /// Does what the page asks in `body`; `files` and `buffers` come with it. Answers are posted as they arise.
    pub fn request(&mut self, body: &[u8], files: Vec<File>, buffers: Vec<js_sys::ArrayBuffer>) -> Result<(), JsError> {
        let ask: Ask = decode(body)?;
        if Viewer::replaces_files(&ask) {
            files::forget_all();
        }
        // No reading ahead: images are looked at in any order.
        let sources = files.into_iter().map(|file| Arc::new(files::FileSource::new(file)) as SharedSource);
        let buffers = buffers.iter().map(|b| Uint8Array::new(b).to_vec());
        self.viewer.handle(ask, sources.collect(), buffers.collect(), &Worker);
        Ok(())
    }
}

#[wasm_bindgen]
impl ViewerHandle {
    /// Gets ready what is likely to be asked for next.
    pub fn idle(&mut self) {
        self.viewer.idle();
    }

    /// Does what takes longer, when nothing has been asked for a while.
    pub fn settle(&mut self) {
        self.viewer.settle(&Worker);
    }
}

/// The worker that this module runs in.
struct Worker;

impl Host for Worker {
    fn post(&self, event: Event, buffers: Vec<Vec<u8>>) {
        told(post(&event, &buffers, &[]));
    }

    fn post_made(&self, event: Event, files: Vec<SourceFile>) {
        let handles: Result<Vec<File>, JsValue> = files.iter().map(as_file).collect();
        told(handles.and_then(|handles| post(&event, &[], &handles)));
    }

    fn seconds(&self) -> f64 {
        scope().performance().map_or(0.0, |p| p.now() / 1000.0)
    }
}

impl Place for Worker {
    fn post(&self, tell: Tell, buffers: Vec<Vec<u8>>) {
        told(post(&tell, &buffers, &[]));
    }

    fn seconds(&self) -> f64 {
        Host::seconds(self)
    }
}

/// A file of the browser's with the bytes of one that was made here.
fn as_file(file: &SourceFile) -> Result<File, JsValue> {
    let mut bytes = vec![0; usize::try_from(file.source.len()).unwrap_or(0)];
    file.source.read_at(0, &mut bytes).map_err(|e| JsValue::from(e.to_string()))?;
    // A copy: a file cannot be made of shared memory.
    let parts = Array::of1(&Uint8Array::from(bytes.as_slice()));
    File::new_with_u8_array_sequence(&parts, file.base_name())
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

fn told(outcome: Result<(), JsValue>) {
    if let Err(error) = outcome {
        control::log(&format!("a message to the page was lost: {}", text_of(&error)));
    }
}

fn post(event: &impl Serialize, buffers: &[Vec<u8>], files: &[File]) -> Result<(), JsValue> {
    let body = Uint8Array::from(encode(event).map_err(|e| JsValue::from(e.to_string()))?.as_slice());
    // Copies: what lies in shared memory cannot be transferred.
    let buffers: Array = buffers.iter().map(|b| Uint8Array::from(b.as_slice()).buffer()).collect();
    let message = Object::new();
    Reflect::set(&message, &"kind".into(), &"event".into())?;
    Reflect::set(&message, &"body".into(), &body)?;
    Reflect::set(&message, &"buffers".into(), &buffers)?;
    Reflect::set(&message, &"files".into(), &files.iter().collect::<Array>())?;
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
