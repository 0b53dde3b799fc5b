use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ewald_protocol::{Event, JobId, Request, decode, encode};
use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, File, MessageEvent, Worker, WorkerOptions, WorkerType};

use super::progress::Control;

/// Where the engine's worker stands, relative to the page.
const WORKER: &str = "./engine-pkg/worker.js";

/// What comes from the engine.
pub enum Incoming {
    /// The engine is ready for requests.
    Ready {
        /// Threads of its pool.
        threads: u32,
        /// Most memory that the browser lets it have, bytes.
        maximum: f64,
        /// The compiled module, for the viewer.
        module: JsValue,
    },
    /// An event, with bulk data and files that the engine made.
    Event(Event, Vec<ArrayBuffer>, Vec<File>),
    /// The engine did not start, or is lost; [`Engine::start`] makes a new one.
    Lost(String),
}

/// A running engine. Dropping it ends its worker and all of its threads.
pub struct Engine {
    worker: Worker,
    threads: u32,
    control: Rc<RefCell<Option<Control>>>,
    last_job: Cell<JobId>,
    _callbacks: (Closure<dyn Fn(MessageEvent)>, Closure<dyn Fn(ErrorEvent)>),
}

impl Engine {
    /// Starts a worker with a pool of `threads`; `receive` is called for everything that comes from it, first
    /// [`Incoming::Ready`] or [`Incoming::Lost`].
    pub fn start(threads: u32, receive: impl Fn(Incoming) + 'static) -> Result<Engine, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(WORKER, &options)?;
        let control = Rc::new(RefCell::new(None));
        let receive = Rc::new(receive);

        let (kept, to) = (Rc::clone(&control), Rc::clone(&receive));
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |message: MessageEvent| {
            to(incoming(&message.data(), &kept).unwrap_or_else(Incoming::Lost));
        });
        let on_error = Closure::<dyn Fn(ErrorEvent)>::new(move |error: ErrorEvent| {
            receive(Incoming::Lost(format!("the engine's worker failed: {}", error.message())));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        worker.post_message(&message("start", &[("threads", threads.into())])?)?;
        Ok(Engine { worker, threads, control, last_job: Cell::new(0), _callbacks: (on_message, on_error) })
    }

    /// Threads of its pool.
    pub fn threads(&self) -> u32 {
        self.threads
    }

    /// A number for the next request.
    pub fn next_job(&self) -> JobId {
        self.last_job.set(self.last_job.get() + 1);
        self.last_job.get()
    }

    /// Sends a request; `files` go with [`Request::Open`], in the order of its names.
    pub fn send(&self, request: &Request, files: &[File]) -> Result<(), JsValue> {
        let body = encode(request).map_err(|e| JsValue::from(e.to_string()))?;
        let files: Array = files.iter().collect();
        let body = Uint8Array::from(body.as_slice());
        self.worker.post_message(&message("request", &[("body", body.into()), ("files", files.into())])?)
    }

    /// The engine's control block, once it is ready.
    pub fn control(&self) -> Option<Control> {
        self.control.borrow().clone()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

/// A message for a worker.
pub(super) fn message(kind: &str, fields: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    let message = Object::new();
    Reflect::set(&message, &"kind".into(), &kind.into())?;
    for (name, value) in fields {
        Reflect::set(&message, &(*name).into(), value)?;
    }
    Ok(message.into())
}

/// Reads a message of the worker's.
fn incoming(data: &JsValue, control: &RefCell<Option<Control>>) -> Result<Incoming, String> {
    let field = |name: &str| Reflect::get(data, &name.into()).unwrap_or_default();
    let number = |name: &str| field(name).as_f64().unwrap_or(0.0);
    match field("kind").as_string().unwrap_or_default().as_str() {
        "ready" => {
            control.replace(Some(Control::new(field("memory").unchecked_into(), number("control") as u32)));
            Ok(Incoming::Ready { threads: number("threads") as u32, maximum: number("maximum"), module: field("module") })
        }
        "event" => {
            let event = decode(&Uint8Array::new(&field("body")).to_vec()).map_err(|e| e.to_string())?;
            let buffers = Array::from(&field("buffers")).iter().map(JsCast::unchecked_into).collect();
            let files = Array::from(&field("files")).iter().map(JsCast::unchecked_into).collect();
            Ok(Incoming::Event(event, buffers, files))
        }
        _ => {
            // A panic's own words tell more than the trap that ends it.
            let panic = control.borrow().as_ref().and_then(Control::panic);
            Err(panic.unwrap_or_else(|| field("message").as_string().unwrap_or_else(|| "the engine has stopped".to_owned())))
        }
    }
}
