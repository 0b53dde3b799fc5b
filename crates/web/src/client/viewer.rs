use std::cell::Cell;
use std::rc::Rc;

use ewald_protocol::{Ask, JobId, Tell, decode, encode};
use js_sys::{Array, ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, File, MessageEvent, Worker, WorkerOptions, WorkerType};

use super::engine::message;

/// Where the viewer's worker stands, relative to the page.
const WORKER: &str = "./engine-pkg/viewer.js";

/// What comes from the viewer.
pub enum Seen {
    /// An answer, with bulk data.
    Tell(Tell, Vec<ArrayBuffer>),
    /// The viewer did not start, or is lost; [`Viewer::new`] makes a new one.
    Lost(String),
}

/// The viewer's worker, which draws images while the engine works. Dropping it ends it.
pub struct Viewer {
    worker: Worker,
    last_job: Cell<JobId>,
    _callbacks: (Closure<dyn Fn(MessageEvent)>, Closure<dyn Fn(ErrorEvent)>),
}

impl Viewer {
    /// Makes a worker that waits for [`start`](Viewer::start), as do requests; `receive` is called for everything that comes from it.
    pub fn new(receive: impl Fn(Seen) + 'static) -> Result<Viewer, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(WORKER, &options)?;
        let receive = Rc::new(receive);
        let to = Rc::clone(&receive);
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |message: MessageEvent| {
            to(seen(&message.data()).unwrap_or_else(Seen::Lost));
        });
        let on_error = Closure::<dyn Fn(ErrorEvent)>::new(move |error: ErrorEvent| {
            receive(Seen::Lost(error.message()));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Viewer { worker, last_job: Cell::new(0), _callbacks: (on_message, on_error) })
    }

    /// Starts it with the engine's compiled module.
    pub fn start(&self, module: &JsValue) -> Result<(), JsValue> {
        self.worker.post_message(&message("start", &[("module", module.clone())])?)
    }

    /// A number for the next request.
    pub fn next_job(&self) -> JobId {
        self.last_job.set(self.last_job.get() + 1);
        self.last_job.get()
    }

    /// Asks for something; `buffers` are handed over and gone here.
    pub fn ask(&self, ask: &Ask, files: &[File], buffers: &[ArrayBuffer]) -> Result<(), JsValue> {
        let body = encode(ask).map_err(|e| JsValue::from(e.to_string()))?;
        let files: Array = files.iter().collect();
        let buffers: Array = buffers.iter().collect();
        let fields = [("body", Uint8Array::from(body.as_slice()).into()), ("files", files.into()), ("buffers", buffers.clone().into())];
        self.worker.post_message_with_transfer(&message("request", &fields)?, &buffers)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

/// Reads a message of the worker's.
fn seen(data: &JsValue) -> Result<Seen, String> {
    let field = |name: &str| Reflect::get(data, &name.into()).unwrap_or_default();
    if field("kind").as_string().as_deref() != Some("event") {
        return Err(field("message").as_string().unwrap_or_else(|| "it has stopped".to_owned()));
    }
    let tell = decode(&Uint8Array::new(&field("body")).to_vec()).map_err(|e| e.to_string())?;
    Ok(Seen::Tell(tell, Array::from(&field("buffers")).iter().map(JsCast::unchecked_into).collect()))
}
