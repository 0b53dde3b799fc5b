use js_sys::{Function, Reflect};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::app::Choosers;
use crate::present::text;
use crate::state::Page;

/// Data set, run and cancel, progress, threads and memory, theme, help.
#[component]
pub fn TopBar(help: RwSignal<bool>) -> impl IntoView {
    let page = expect_context::<Page>();
    let choosers = expect_context::<Choosers>();
    let open = Memo::new(move |_| page.data.with(Option::is_some));
    let running = Memo::new(move |_| page.running.get().is_some());
    let stopping = move || page.running.get().is_some_and(|r| r.broken);
    let title = move || page.data.with(|d| d.as_ref().map_or(String::new(), |d| d.title.clone()));
    let summary = move || {
        page.data.with(|d| {
            d.as_ref().map_or_else(|| "Diffraction images to merged intensities, in the browser".to_owned(), |d| text::sweeps(&d.sweeps))
        })
    };
    let step = move || {
        if stopping() {
            return "stopping…".to_owned();
        }
        page.progress.with(|p| {
            let part = p.fraction.map_or(String::new(), |f| format!(" · {:.0} %", 100.0 * f));
            // The whole run's time is what one waits for; a single stage has only its step's.
            let left = p.run_left.or(p.left).map_or(String::new(), |s| format!(" · {} left", text::duration_short(s)));
            format!("{}{part}{left}", p.label)
        })
    };
    let engine = move || match (page.threads.get(), page.no_engine.get()) {
        (Some(n), _) => (format!("engine ready, {n} threads"), format!("{n} threads · {}", text::bytes(page.progress.with(|p| p.heap)))),
        (None, Some(why)) => (format!("the engine cannot start: {why}"), "no engine".to_owned()),
        (None, None) => ("the engine is starting".to_owned(), "starting…".to_owned()),
    };
    let theme = move |_| {
        if let Some(root) = document().document_element() {
            let dark = match root.get_attribute("data-theme").as_deref() {
                Some(theme) => theme == "dark",
                None => system_is_dark(),
            };
            // Setting an attribute fails only for a bad name.
            root.set_attribute("data-theme", if dark { "light" } else { "dark" }).ok();
        }
    };
    view! {
        <header class="top">
            <h1>"Ewald"</h1>
            <span class="verbs" class:away=move || !open.get()>
                <button class="primary" data-testid="run-all" disabled=move || stopping() || !open.get() on:click=move |_| page.run_all()>"Run all"</button>
                <button data-testid="cancel" disabled=move || !running.get() || stopping() title="Cancel (Esc)" on:click=move |_| page.cancel()>"Cancel"</button>
            </span>
            <span class="what"><strong>{title}</strong><small>{summary}</small></span>
            <Show when=move || running.get()>
                <span class="progress">
                    <small aria-live="polite">{step}</small>
                    <progress max="1" aria-label="Progress of this step" prop:value=move || page.progress.with(|p| p.fraction.unwrap_or(0.0))></progress>
                </span>
            </Show>
            <small class="engine" data-testid="engine-status" title=move || format!("Threads of the engine, and memory in use (the browser gives at most {})", text::bytes(page.maximum.get()))><span class="unseen">{move || engine().0}" "</span><span aria-hidden="true">{move || engine().1}</span></small>
            <Show when=move || open.get()>
                <button title="Other files; they replace these" on:click=move |_| choosers.files()>"Open…"</button>
                <button data-testid="demo" title="Simulated lysozyme instead of these files" disabled=move || page.threads.get().is_none() on:click=move |_| page.demo()>"Demo"</button>
                <button class="icon" title="Close this data set" aria-label="Close this data set" on:click=move |_| page.close()>"✕"</button>
            </Show>
            <button class="icon" title="Light or dark" aria-label="Light or dark" on:click=theme>"◑"</button>
            <button class="icon" title="Keys (?)" aria-label="Keys" on:click=move |_| help.update(|h| *h = !*h)>"?"</button>
        </header>
    }
}

/// Whether the system asks for dark pages.
fn system_is_dark() -> bool {
    let window = window();
    let ask = Reflect::get(&window, &"matchMedia".into()).ok().and_then(|f| f.dyn_into::<Function>().ok());
    let answer = ask.and_then(|f| f.call1(&window, &"(prefers-color-scheme: dark)".into()).ok());
    answer.and_then(|a| Reflect::get(&a, &"matches".into()).ok()).is_some_and(|m| m.is_truthy())
}
