use ewald_core::report::{Cell, Table};
use leptos::prelude::*;

use crate::present::text::{heading, tsv};

/// Rows that are drawn before one asks for the rest: very long tables would take their time.
const FIRST: usize = 60;

/// A table as a paper would print it, with a button that copies it.
#[component]
pub fn DataTable(table: Table) -> impl IntoView {
    let words: Vec<bool> =
        (0..table.columns.len()).map(|j| !table.rows.iter().any(|r| matches!(r.get(j), Some(Cell::Number { .. })))).collect();
    let class = move |j: usize| if words.get(j).copied().unwrap_or(true) { "w" } else { "" };
    let with_unit = table.columns.iter().any(|c| !c.unit.is_empty());
    let head = table.columns.iter().enumerate().map(|(j, c)| {
        let unit = with_unit.then(|| view! { <small>{c.unit.clone()}</small> });
        view! { <th class=class(j)>{c.label.clone()}{unit}</th> }
    });
    let head = head.collect_view();
    let n = table.rows.len();
    let (title, detail) = (heading(&table.title), table.detail);
    let table = StoredValue::new(table);
    let class = StoredValue::new(class);
    let all = RwSignal::new(false);
    let copied = RwSignal::new(false);
    let copy = move |_| {
        let text = table.with_value(tsv);
        // The promise's outcome is the browser's to tell.
        let _ = window().navigator().clipboard().write_text(&text);
        copied.set(true);
        set_timeout(move || copied.try_set(false).map_or((), drop), core::time::Duration::from_secs(2));
    };
    let body = move || {
        let shown = if all.get() { n } else { n.min(FIRST) };
        table.with_value(|table| {
            let row = |row: &Vec<Cell>| {
                let cells = row
                    .iter()
                    .enumerate()
                    .map(|(j, cell)| view! { <td class=class.with_value(|c| c(j))>{cell.text()}</td> })
                    .collect_view();
                view! { <tr>{cells}</tr> }
            };
            table.rows.iter().take(shown).map(row).collect_view()
        })
    };
    let copy = view! { <button class="link" title="Copy as tab-separated values" on:click=copy>{move || if copied.get() { "copied" } else { "copy" }}</button> };
    let rest = view! {
        <div class="scroll">
            <table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>
        </div>
        <Show when=move || !all.get() && { n > FIRST }><button class="link" on:click=move |_| all.set(true)>{format!("all {n} rows")}</button></Show>
    };
    if detail {
        view! { <details class="text"><summary>{title}</summary><section class="data">{copy}{rest}</section></details> }.into_any()
    } else {
        view! { <section class="data"><div class="row-head"><h4>{title}</h4>{copy}</div>{rest}</section> }.into_any()
    }
}
