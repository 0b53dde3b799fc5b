//! The page. It never computes and never blocks; the engine's worker does the work.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

/// Most threads that are started: each costs memory, and more bring little.
const MOST_THREADS: f64 = 16.0;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    let (status, set_status) = signal(String::from("starting the engine"));
    if let Err(error) = start_engine(set_status) {
        set_status.set(format!("the engine cannot start: {error:?}"));
    }
    view! { <p data-testid="engine-status">{status}</p> }
}

fn start_engine(set_status: WriteSignal<String>) -> Result<(), JsValue> {
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Worker::new_with_options("./engine-pkg/worker.js", &options)?;
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        let field = |name: &str| js_sys::Reflect::get(&event.data(), &name.into()).unwrap_or_default();
        let said = match field("kind").as_string().as_deref() {
            Some("ready") => format!("engine ready, {} threads", field("threads").as_f64().unwrap_or(0.0)),
            _ => field("message").as_string().unwrap_or_default(),
        };
        set_status.set(said);
    });
    worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The worker lives as long as the page.
    on_message.forget();
    let threads = window().navigator().hardware_concurrency().min(MOST_THREADS);
    let start = js_sys::Object::new();
    js_sys::Reflect::set(&start, &"kind".into(), &"start".into())?;
    js_sys::Reflect::set(&start, &"threads".into(), &threads.into())?;
    worker.post_message(&start)
}
