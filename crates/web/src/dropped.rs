//! Files and folders that were dropped, with their paths.

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File};

/// Most entries that are looked at; a home folder dropped by mistake must not take for ever.
const MOST: usize = 20_000;

/// All files of a drop, those of folders with their paths within it.
pub async fn files_of(transfer: &DataTransfer) -> Vec<(String, File)> {
    // The list of items is emptied when the event has been handled, so entries are taken before anything is awaited.
    let items = transfer.items();
    let mut todo: Vec<JsValue> = (0..items.length())
        .filter_map(|i| items.get(i))
        .filter_map(|item| call(item.as_ref(), "webkitGetAsEntry", &[]).filter(|e| !e.is_null()))
        .collect();
    if todo.is_empty() {
        let list = transfer.files();
        return list.map_or_else(Vec::new, |l| (0..l.length()).filter_map(|i| l.get(i)).map(|f| (f.name(), f)).collect());
    }
    let mut out = Vec::new();
    while let Some(entry) = todo.pop() {
        if out.len() + todo.len() > MOST {
            break;
        }
        let truth = |name: &str| Reflect::get(&entry, &name.into()).is_ok_and(|v| v.is_truthy());
        if truth("isFile") {
            if let Some(file) = awaited(&entry, "file").await.and_then(|f| f.dyn_into::<File>().ok()) {
                let path = Reflect::get(&entry, &"fullPath".into()).ok().and_then(|p| p.as_string()).unwrap_or_else(|| file.name());
                out.push((path.trim_start_matches('/').to_owned(), file));
            }
        } else if truth("isDirectory")
            && let Some(reader) = call(&entry, "createReader", &[])
        {
            // A reader gives a hundred entries at a time, and an empty list at the end.
            while let Some(part) = awaited(&reader, "readEntries").await.map(|l| Array::from(&l)).filter(|l| l.length() > 0) {
                todo.extend(part.iter());
            }
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

fn call(object: &JsValue, method: &str, arguments: &[&JsValue]) -> Option<JsValue> {
    let function: Function = Reflect::get(object, &method.into()).ok()?.dyn_into().ok()?;
    Reflect::apply(&function, object, &arguments.iter().copied().collect::<Array>()).ok()
}

/// Calls a method that takes two callbacks, success and failure, and awaits it.
async fn awaited(object: &JsValue, method: &str) -> Option<JsValue> {
    let promise = Promise::new(&mut |resolve, reject| {
        call(object, method, &[resolve.as_ref(), reject.as_ref()]);
    });
    JsFuture::from(promise).await.ok()
}
