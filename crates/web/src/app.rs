//! The page's shell: opens files, runs all stages, shows how they stand.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ewald_core::report::Report;
use ewald_core::session::{StageId, StageState};
use ewald_protocol::{Demo, Event, JobId, Request, StageTexts, View, ViewHeader, control};
use js_sys::{Array, ArrayBuffer, Promise, Reflect};
use leptos::html::Input;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{Blob, File, HtmlAnchorElement, Url};

use crate::client::{Engine, Incoming};

/// Most threads that are started: each costs memory, and more bring little.
const MOST_THREADS: f64 = 16.0;

/// What the page knows.
#[derive(Clone, Copy)]
struct Page {
    status: RwSignal<String>,
    message: RwSignal<String>,
    log: RwSignal<String>,
    fraction: RwSignal<Option<f64>>,
    states: RwSignal<BTreeMap<StageId, StageState>>,
    reports: RwSignal<BTreeMap<StageId, Report>>,
    run: RwSignal<JobId>,
}

impl Page {
    fn receive(self, incoming: Incoming) {
        match incoming {
            Incoming::Ready { threads, .. } => self.status.set(format!("engine ready, {threads} threads")),
            Incoming::Lost(why) => self.message.set(format!("The engine has stopped: {why}")),
            Incoming::Event(event, buffers) => self.happened(event, &buffers),
        }
    }

    fn happened(self, event: Event, buffers: &[ArrayBuffer]) {
        match event {
            Event::States { states } => self.states.set(states.into_iter().collect()),
            Event::Finished { stage, report, .. } => self.reports.update(|reports| {
                reports.insert(stage, *report);
            }),
            Event::Failed { error, .. } => self.message.set(error.message),
            Event::View { header: ViewHeader::File { name }, .. } => {
                if let Some(bytes) = buffers.first() {
                    save(&name, bytes).unwrap_or_else(|e| self.message.set(format!("{name} cannot be saved: {e:?}")));
                }
            }
            _ => {}
        }
    }
}

/// The page.
#[component]
pub fn App() -> impl IntoView {
    let page = Page {
        status: RwSignal::new("starting the engine".to_owned()),
        message: RwSignal::default(),
        log: RwSignal::default(),
        fraction: RwSignal::default(),
        states: RwSignal::default(),
        reports: RwSignal::default(),
        run: RwSignal::default(),
    };
    let threads = threads_asked_for().unwrap_or_else(|| window().navigator().hardware_concurrency()).clamp(1.0, MOST_THREADS) as u32;
    let engine = match Engine::start(threads, move |incoming| page.receive(incoming)) {
        Ok(engine) => StoredValue::new_local(Rc::new(engine)),
        Err(error) => return view! { <p data-testid="message">{format!("The engine cannot start: {error:?}")}</p> }.into_any(),
    };
    poll(page, engine);
    publish(page, engine);

    let send = move |request: Request, files: &[File]| {
        page.message.set(String::new());
        engine.with_value(|e| e.send(&request, files)).unwrap_or_else(|e| page.message.set(format!("{e:?}")));
    };
    let job = move || engine.with_value(|e| e.next_job());
    let run_all = move || {
        page.run.set(job());
        let request =
            Request::Run { job: page.run.get_untracked(), from: StageId::Import, to: StageId::Merge, parameters: StageTexts::new() };
        send(request, &[]);
    };
    let input = NodeRef::<Input>::new();
    let open = move |_| {
        let chosen: Vec<File> =
            input.get().and_then(|i| i.files()).map_or_else(Vec::new, |list| (0..list.length()).filter_map(|i| list.get(i)).collect());
        let names = chosen.iter().map(File::name).collect();
        send(Request::Open { job: job(), names, add: false }, &chosen);
    };
    let demo = move |_| {
        send(Request::OpenDemo { job: job(), demo: Demo { images: None, seed: None } }, &[]);
        run_all();
    };
    let cancel = move |_| engine.with_value(|e| e.control().iter().for_each(|c| c.cancel(page.run.get_untracked())));
    let download = move |name: &'static str| move |_| send(Request::Fetch { job: job(), view: View::File { name: name.to_owned() } }, &[]);
    let stage = move |stage: StageId| {
        let state = move || page.states.with(|s| s.get(&stage).copied().unwrap_or_default().name());
        let report = move || page.reports.with(|r| r.get(&stage).map(Report::to_text).unwrap_or_default());
        view! {
            <section data-testid=format!("stage-{}", stage.name()) data-state=state>
                <h2>{stage.title()} " " <small>{state}</small></h2>
                <pre data-testid=format!("report-{}", stage.name())>{report}</pre>
            </section>
        }
    };
    view! {
        <h1>"Ewald"</h1>
        <p data-testid="engine-status">{page.status}</p>
        <input type="file" multiple data-testid="file-input" node_ref=input on:change=open/>
        <button data-testid="demo" on:click=demo>"Try it now"</button>
        <button data-testid="run-all" on:click=move |_| run_all()>"Run all"</button>
        <button data-testid="cancel" on:click=cancel>"Cancel"</button>
        <button data-testid="download-merged-mtz" on:click=download("merged.mtz")>"merged.mtz"</button>
        <button data-testid="download-scaled-mtz" on:click=download("scaled.mtz")>"scaled.mtz"</button>
        <progress max="1" prop:value=move || page.fraction.get().unwrap_or(0.0)></progress>
        <p data-testid="message" role="alert">{page.message}</p>
        {StageId::ALL.map(stage).into_iter().collect_view()}
        <pre data-testid="log">{page.log}</pre>
    }
    .into_any()
}

/// Looks at the control block ten times a second.
fn poll(page: Page, engine: StoredValue<Rc<Engine>, LocalStorage>) {
    let mut seen = 0;
    let look = move || {
        let Some(control) = engine.with_value(|e| e.control()) else { return };
        page.fraction.set(control.read().fraction());
        let lines = control.log(&mut seen);
        if !lines.is_empty() {
            page.log.update(|log| log.push_str(&lines));
        }
        if let Some(why) = control.panic() {
            page.message.set(format!("The engine has stopped: {why}"));
        }
    };
    let look = std::cell::RefCell::new(look);
    set_interval(move || look.borrow_mut()(), Duration::from_millis(100));
}

/// `?threads=N` in the page's address, for measurements.
fn threads_asked_for() -> Option<f64> {
    let search = window().location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&search).ok()?.get("threads")?.parse().ok()
}

/// For programs: `window.ewald.results()`, a promise of the stages' reports, and `window.ewald.engine()`, what the engine has and uses.
fn publish(page: Page, engine: StoredValue<Rc<Engine>, LocalStorage>) {
    let results = Closure::<dyn Fn() -> Promise>::new(move || {
        let reports: BTreeMap<&str, Report> = page.reports.with_untracked(|r| r.iter().map(|(s, r)| (s.name(), r.clone())).collect());
        let json = serde_json::to_string(&reports).unwrap_or_default();
        Promise::resolve(&js_sys::JSON::parse(&json).unwrap_or_default())
    });
    let usage = Closure::<dyn Fn() -> JsValue>::new(move || {
        let object = js_sys::Object::new();
        let set = |name: &str, value: f64| Reflect::set(&object, &name.into(), &value.into()).unwrap_or_default();
        if let Some(control) = engine.with_value(|e| e.control()) {
            let words = control.read().0;
            set("heap", f64::from(words[control::HEAP_KIB]) * 1024.0);
            set("heapPeak", f64::from(words[control::HEAP_PEAK_KIB]) * 1024.0);
            set("memory", control.memory_bytes());
            set("threads", engine.with_value(|e| f64::from(e.threads())));
        }
        object.into()
    });
    let ewald = js_sys::Object::new();
    // Setting a property of a fresh object, and of the window, does not fail.
    Reflect::set(&ewald, &"results".into(), results.as_ref()).ok();
    Reflect::set(&ewald, &"engine".into(), usage.as_ref()).ok();
    Reflect::set(&window(), &"ewald".into(), &ewald).ok();
    results.forget();
    usage.forget();
}

/// Lets the user save a file.
fn save(name: &str, bytes: &ArrayBuffer) -> Result<(), JsValue> {
    let blob = Blob::new_with_buffer_source_sequence(&Array::of1(bytes))?;
    let address = Url::create_object_url_with_blob(&blob)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&address);
    link.set_download(name);
    link.click();
    // The browser has begun to save by then.
    set_timeout(move || Url::revoke_object_url(&address).unwrap_or(()), Duration::from_secs(60));
    Ok(())
}
