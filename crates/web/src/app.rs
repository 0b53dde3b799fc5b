//! The page's shell: the context, the polling, the keys, and where the views stand.

use std::cell::RefCell;
use std::time::Duration;

use ewald_core::session::StageId;
use leptos::html::Input;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, File, KeyboardEvent};

use crate::dropped::files_of;
use crate::keys::belongs_elsewhere;
use crate::programs;
use crate::state::Page;
use crate::views::{Help, Log, Messages, Path, PictureView, Stage, Start, TopBar};

/// The fields by which files and folders are chosen; they are in the document all the time.
#[derive(Clone, Copy)]
pub struct Choosers {
    files: NodeRef<Input>,
    folder: NodeRef<Input>,
}

impl Choosers {
    /// Asks for files.
    pub fn files(self) {
        self.files.get_untracked().iter().for_each(|i| i.click());
    }

    /// Asks for a folder.
    pub fn folder(self) {
        if let Some(input) = self.folder.get_untracked() {
            // The attribute has no binding of its own; setting one fails only for a bad name.
            input.set_attribute("webkitdirectory", "").ok();
            input.click();
        }
    }
}

/// The page.
#[component]
pub fn App() -> impl IntoView {
    let page = Page::new();
    provide_context(page);
    let choosers = Choosers { files: NodeRef::new(), folder: NodeRef::new() };
    provide_context(choosers);
    let seen = RefCell::new((0, (0, 0.0)));
    set_interval(
        move || {
            let (log, step) = &mut *seen.borrow_mut();
            page.poll(log, step);
        },
        Duration::from_millis(100),
    );
    programs::publish(page);
    let help = RwSignal::new(false);
    let keys = window_event_listener(leptos::ev::keydown, move |event| key(page, help, &event));
    on_cleanup(move || keys.remove());

    let chosen = move |input: NodeRef<Input>| {
        let Some(input) = input.get_untracked() else { return };
        let list = input.files();
        let all: Vec<File> = list.map_or_else(Vec::new, |list| (0..list.length()).filter_map(|i| list.get(i)).collect());
        page.open(all.into_iter().map(|f| (relative_path(&f), f)).collect());
        // So that choosing the same file again is a change.
        input.set_value("");
    };
    let over = RwSignal::new(false);
    let drop = move |event: DragEvent| {
        event.prevent_default();
        over.set(false);
        if let Some(transfer) = event.data_transfer() {
            leptos::task::spawn_local(async move { page.open(files_of(&transfer).await) });
        }
    };
    let open = Memo::new(move |_| page.data.with(Option::is_some));
    view! {
        <div id="app" class:over=over
            on:dragover=move |e: DragEvent| { e.prevent_default(); over.set(true) }
            on:dragleave=move |e: DragEvent| if e.related_target().is_none() { over.set(false) }
            on:drop=drop>
            <TopBar help/>
            <Show when=move || !open.get()><Start/></Show>
            <div class="contents" class:away=move || !open.get()>
                <Path/>
                <PictureView/>
                <Stage/>
            </div>
            <Log/>
            <input class="chooser" type="file" multiple data-testid="file-input" aria-label="Files" tabindex="-1" node_ref=choosers.files on:change=move |_| chosen(choosers.files)/>
            <input class="chooser" type="file" multiple aria-label="Folder" tabindex="-1" node_ref=choosers.folder on:change=move |_| chosen(choosers.folder)/>
        </div>
        <Help shown=help/>
        <Messages/>
    }
}

/// A chosen file's path within the folder chosen, or its name.
fn relative_path(file: &File) -> String {
    let path = js_sys::Reflect::get(file.unchecked_ref(), &"webkitRelativePath".into()).ok().and_then(|p| p.as_string());
    path.filter(|p| !p.is_empty()).unwrap_or_else(|| file.name())
}

/// What keys do, wherever the focus is except where they mean something else.
fn key(page: Page, help: RwSignal<bool>, event: &KeyboardEvent) {
    if belongs_elsewhere(event) {
        return;
    }
    match event.key().as_str() {
        "Escape" if help.get_untracked() => help.set(false),
        "Escape" => page.cancel(),
        "Enter" => {
            let stage = page.selected.get_untracked();
            page.run(stage, stage);
        }
        "/" => {
            let search = format!("search-{}", page.selected.get_untracked().name());
            if let Some(field) = document().get_element_by_id(&search).and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
                if let Ok(Some(details)) = field.closest("details") {
                    details.set_attribute("open", "").ok();
                }
                field.focus().ok();
            }
        }
        "l" => page.table.open.update(|o| *o = !*o),
        "?" => help.update(|h| *h = !*h),
        digit => {
            let number = digit.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            let Some(stage) = number.and_then(|n| StageId::ALL.get(n)) else { return };
            page.select(*stage);
        }
    }
    event.prevent_default();
}
