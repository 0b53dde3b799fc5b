use leptos::html::Pre;
use leptos::prelude::*;

use crate::present::text::tail;
use crate::save::save_text;
use crate::state::Page;

/// Most of the log that is drawn; all of it can be saved.
const DRAWN: usize = 60_000;

/// The log, in a drawer.
#[component]
pub fn Log() -> impl IntoView {
    let page = expect_context::<Page>();
    let all = StoredValue::new(String::new());
    let drawn = StoredValue::new(0_usize);
    let open = RwSignal::new(false);
    let pre = NodeRef::<Pre>::new();
    let last = RwSignal::new(String::new());
    Effect::new(move |_| {
        let new = page.log.get();
        if new.is_empty() {
            return;
        }
        if let Some(line) = new.lines().rev().find(|l| !l.trim().is_empty()) {
            last.set(line.trim().to_owned());
        }
        all.update_value(|text| text.push_str(&new));
        if open.get_untracked() {
            append(pre, all, drawn, &new);
        }
    });
    let toggled = move |_| {
        open.update(|o| *o = !*o);
        if let (true, Some(element)) = (open.get_untracked(), pre.get_untracked()) {
            let text = all.with_value(|t| tail(t, DRAWN).to_owned());
            drawn.set_value(text.len());
            element.set_text_content(Some(&text));
            element.set_scroll_top(element.scroll_height());
        }
    };
    view! {
        <section class="log" aria-label="Log">
            <div class="row-head">
                <button class="link" aria-expanded=move || open.get().to_string() on:click=toggled>{move || if open.get() { "▾ Log" } else { "▸ Log" }}</button>
                <small class="last">{move || if open.get() { String::new() } else { last.get() }}</small>
                <button class="link" title="Save the whole log" on:click=move |_| all.with_value(|t| save_text("ewald.log", "text/plain", t))>"save"</button>
            </div>
            <pre data-testid="log" tabindex="0" node_ref=pre style:display=move || if open.get() { "block" } else { "none" }></pre>
        </section>
    }
}

/// Adds to what is drawn; what has become too much is drawn anew from its tail.
fn append(pre: NodeRef<Pre>, all: StoredValue<String>, drawn: StoredValue<usize>, new: &str) {
    let Some(element) = pre.get_untracked() else { return };
    let at_end = element.scroll_top() + element.client_height() + 40 > element.scroll_height();
    if drawn.get_value() + new.len() > 2 * DRAWN {
        let text = all.with_value(|t| tail(t, DRAWN).to_owned());
        drawn.set_value(text.len());
        element.set_text_content(Some(&text));
    } else {
        drawn.update_value(|n| *n += new.len());
        // It can only fail for nodes that may not have children.
        element.append_with_str_1(new).ok();
    }
    if at_end {
        element.set_scroll_top(element.scroll_height());
    }
}
