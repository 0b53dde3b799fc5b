//! For programs that drive the page: `window.ewald.results()` is a promise of the stages' reports, `window.ewald.engine()` tells
//! what the engine has and uses, `window.ewald.reflection()` the reflection that is looked into.

use std::collections::BTreeMap;

use ewald_core::report::Report;
use ewald_protocol::control;
use js_sys::{Object, Promise, Reflect};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use crate::state::Page;

/// Puts `ewald` into the window.
pub fn publish(page: Page) {
    let results = Closure::<dyn Fn() -> Promise>::new(move || {
        let reports: BTreeMap<&str, Report> = page.reports.with_untracked(|r| r.iter().map(|(s, (r, _))| (s.name(), r.clone())).collect());
        // Numbers that JSON cannot hold become null.
        let json = serde_json::to_string(&reports).unwrap_or_default();
        match js_sys::JSON::parse(&json) {
            Ok(value) => Promise::resolve(&value),
            Err(error) => Promise::reject(&error),
        }
    });
    let usage = Closure::<dyn Fn() -> JsValue>::new(move || {
        let object = Object::new();
        let set = |name: &str, value: f64| Reflect::set(&object, &name.into(), &value.into()).unwrap_or_default();
        if let Some((words, memory, threads)) = page.usage() {
            set("heap", f64::from(words.0[control::HEAP_KIB]) * 1024.0);
            set("heapPeak", f64::from(words.0[control::HEAP_PEAK_KIB]) * 1024.0);
            set("memory", memory);
            set("threads", f64::from(threads));
        }
        object.into()
    });
    let reflection = Closure::<dyn Fn() -> JsValue>::new(move || {
        let shown = page.reflection.shown.get_untracked();
        let told = shown.map(|r| {
            let [i_sum, var_sum, i_prf, var_prf] = r.account.tabulated;
            // What integration has in its table, beside what was measured again.
            let tabulated = serde_json::json!({ "i_sum": i_sum, "var_sum": var_sum, "i_prf": i_prf, "var_prf": var_prf });
            serde_json::json!({ "number": r.number, "hkl": r.account.hkl, "report": r.report, "tabulated": tabulated, "upon": r.account.upon.len() })
        });
        told.and_then(|t| js_sys::JSON::parse(&t.to_string()).ok()).unwrap_or(JsValue::NULL)
    });
    let ewald = Object::new();
    // Setting a property of a fresh object, and of the window, does not fail.
    Reflect::set(&ewald, &"results".into(), results.as_ref()).ok();
    Reflect::set(&ewald, &"engine".into(), usage.as_ref()).ok();
    Reflect::set(&ewald, &"reflection".into(), reflection.as_ref()).ok();
    Reflect::set(&window(), &"ewald".into(), &ewald).ok();
    results.forget();
    usage.forget();
    reflection.forget();
}
