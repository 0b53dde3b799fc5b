use ewald_core::session::{ParamView, StageId};
use leptos::prelude::*;

use crate::present::text::with_code;
use crate::state::Page;

/// One parameter: its value, what it means, and a way back to its default.
#[component]
pub fn ParamField(stage: StageId, param: ParamView) -> impl IntoView {
    let page = expect_context::<Page>();
    let name = StoredValue::new(param.name.clone());
    let default = StoredValue::new(param.default.clone());
    let changed = move || page.parameters.with(|all| all.get(&stage).and_then(|s| name.with_value(|n| s.get(n).cloned())));
    let value = move || changed().unwrap_or_else(|| default.get_value());
    let set = move |text: String| {
        let text = if text == default.get_value() { String::new() } else { text };
        name.with_value(|n| page.set_parameter(stage, n, text));
    };
    let kind = param.kind["kind"].as_str().unwrap_or("text").to_owned();
    let words: Vec<String> = match kind.as_str() {
        "bool" => vec!["true".to_owned(), "false".to_owned()],
        "choice" => param.kind["of"].as_array().into_iter().flatten().filter_map(|w| w.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    let id = format!("param-{}-{}", stage.name(), param.name);
    let field = if words.is_empty() {
        view! { <input id=id.clone() type="text" prop:value=value on:change:target=move |e| set(e.target().value())/> }.into_any()
    } else {
        let options = words.into_iter().map(|w| {
            let this = w.clone();
            view! { <option value=w.clone() selected=move || value() == this>{w.clone()}</option> }
        });
        view! { <select id=id.clone() on:change:target=move |e| set(e.target().value())>{options.collect_view()}</select> }.into_any()
    };
    let range =
        if matches!(kind.as_str(), "number" | "integer") { format!(" {} to {}.", param.range[0], param.range[1]) } else { String::new() };
    let dials = if param.dials.is_empty() { String::new() } else { format!(" DIALS: {}.", param.dials) };
    let unit = if param.unit.is_empty() { String::new() } else { format!(" ({})", param.unit) };
    let doc = format!("{} Default {}.{range}{dials}", param.doc.split_whitespace().collect::<Vec<_>>().join(" "), param.default);
    let doc = with_code(&doc).into_iter().map(|(code, part)| if code { view! { <code>{part}</code> }.into_any() } else { part.into_any() });
    let doc = doc.collect_view();
    view! {
        <div class="param" class:changed=move || changed().is_some()>
            <label for=id>{format!("{}{unit}", param.name.replace('_', " "))}</label>
            {field}
            <button class="link" title="Back to the default" disabled=move || changed().is_none() on:click=move |_| set(String::new())>"↺"</button>
            <p>{doc}</p>
        </div>
    }
}
