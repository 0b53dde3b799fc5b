use ewald_protocol::{Column, Order, Place, Row, SpotKind};
use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{KeyboardEvent, ResizeObserver};

use crate::present::scroll::{self, HEAD, ROW};
use crate::state::Page;

/// The reflections of the selected stage as a table, of which only the rows that are seen are there. A row that is clicked is lit on its image and
/// in the lattice, and a spot that is lit there is brought into view here. Of integrated ones a double click, or Enter, opens the shoebox.
#[component]
pub fn SpotTable() -> impl IntoView {
    let page = expect_context::<Page>();
    view! { <Show when=move || page.table.open.get()><Rows/></Show> }
}

#[component]
fn Rows() -> impl IntoView {
    let page = expect_context::<Page>();
    let table = page.table;
    let node = NodeRef::<Div>::new();
    let n = Memo::new(move |_| table.rows.with(|r| r.as_ref().map_or(0, |r| r.n)));
    let look = move || {
        // The observer looks once more when the table has been closed.
        if let (Some(Some(node)), Some(n)) = (node.try_get_untracked(), n.try_get_untracked()) {
            let view = f64::from(node.client_height());
            let first = scroll::first(n, f64::from(node.scroll_top()), view);
            let seen = [first, scroll::whole(view) + 1];
            if table.seen.get_untracked() != seen {
                table.seen.set(seen);
            }
        }
    };
    // It tells once more when the element goes, and by then there is nothing to look at.
    let observer = StoredValue::new_local(None::<(ResizeObserver, Closure<dyn FnMut()>)>);
    node.on_load(move |element| {
        let resized = Closure::<dyn FnMut()>::new(look);
        if let Ok(made) = ResizeObserver::new(resized.as_ref().unchecked_ref()) {
            made.observe(&element);
            observer.set_value(Some((made, resized)));
        }
    });
    on_cleanup(move || {
        if let Some(Some((observer, _))) = observer.try_update_value(Option::take) {
            observer.disconnect();
        }
    });
    Effect::new(move |_| {
        n.track();
        look();
    });
    let reveal = move |row: usize| {
        let Some(node) = node.get_untracked() else { return };
        let view = f64::from(node.client_height());
        let [first, _] = table.seen.get_untracked();
        if !(first..first + scroll::whole(view)).contains(&row) {
            let above = row.saturating_sub(scroll::whole(view) / 2);
            node.set_scroll_top(scroll::top(n.get_untracked(), above, view).round() as i32);
        }
    };
    // A spot that has been lit is brought into view once, and again in another order; then one may scroll away.
    // Rows tell for which spot they are: those of the one before are still there when another is lit.
    Effect::new(move |before: Option<Option<(Place, Order)>>| {
        let what = table.rows.with(|r| r.as_ref().map(|r| (r.lit, r.window.lit.map(|place| (place, r.window.order)))));
        let Some((Some(lit), now)) = what else { return None };
        if now.is_some() && before.flatten() != now {
            reveal(lit);
        }
        now
    });
    let key = move |e: KeyboardEvent| {
        let by: isize = match e.key().as_str() {
            "ArrowDown" => 1,
            "ArrowUp" => -1,
            "Enter" => 0,
            _ => return,
        };
        e.prevent_default();
        e.stop_propagation();
        let place = table.rows.with_untracked(|r| r.as_ref().map(|r| (r.lit, r.window.first)));
        let Some((lit, first)) = place else { return };
        let next = lit.map_or(Some(first), |l| l.checked_add_signed(by));
        // Of a row that is not seen nothing is known yet.
        let k = next.and_then(|row| row.checked_sub(first)).filter(|k| page.spot_of_row(*k).is_some());
        match (k, lit) {
            (Some(k), _) => page.choose_row(k, by == 0),
            (None, Some(lit)) => reveal(lit),
            (None, None) => {}
        }
    };
    let sort = move |by: Column| {
        table.order.update(|o| {
            *o = if o.by == by {
                Order { descending: !o.descending, ..*o }
            } else {
                Order { by, descending: !matches!(by, Column::Resolution | Column::Image) }
            }
        });
    };
    let head = move |by: Column, label: &'static str, unit: &'static str| {
        let sorted = move || match table.order.get() {
            Order { by: now, descending } if now == by => {
                if descending {
                    "descending"
                } else {
                    "ascending"
                }
            }
            _ => "none",
        };
        let arrow = move || match sorted() {
            "ascending" => " ▴",
            "descending" => " ▾",
            _ => "",
        };
        view! { <th aria-sort=sorted><button class="link" data-testid=format!("sort-{}", label.to_lowercase()) title=format!("Sort by {label}") on:click=move |_| sort(by)>{label}{arrow}<small>{unit}</small></button></th> }
    };
    let kind = Memo::new(move |_| table.rows.with(|r| r.as_ref().map(|r| r.window.of)));
    let sweeps = Memo::new(move |_| page.data.with(|d| d.as_ref().map_or(0, |d| d.sweeps.len())));
    let body = move || {
        let (kind, many) = (kind.get(), sweeps.get() > 1);
        table.rows.with(|rows| {
            rows.as_ref().map(|rows| {
                let one = |(k, row): (usize, &Row)| {
                    let at = rows.window.first + k;
                    let lit = rows.lit == Some(at);
                    let cells = cells(row, kind, many).into_iter().map(|text| view! { <td>{text}</td> }).collect_view();
                    view! { <tr class:lit=lit aria-selected=lit.to_string() aria-rowindex=(at + 2).to_string() title=row.fate.map(|_| "Double click or Enter: how its intensity comes of its pixels")
                        on:click=move |_| page.choose_row(k, false) on:dblclick=move |_| page.choose_row(k, true)>{cells}</tr> }
                };
                rows.rows.iter().enumerate().map(one).collect_view()
            })
        })
    };
    let told = move || match kind.get() {
        None => "The table fills when spots have been found.".to_owned(),
        Some(kind) => format!("{} {}", n.get(), named(kind)),
    };
    view! {
        <div class="spots" data-testid="spot-table" aria-label="Table of spots">
            <p class="quiet" role="status"><span data-testid="spot-table-told">{told}</span>
                <button class="icon" aria-label="Close the table" title="Close (l)" on:click=move |_| table.open.set(false)>"✕"</button></p>
            <div class="rows" tabindex="0" node_ref=node on:scroll=move |_| look() on:keydown=key>
                <div style:height=move || format!("{}px", scroll::height(n.get()))>
                    <table class:fates=move || kind.get().is_some_and(|k| k != SpotKind::Found) aria-rowcount=move || (n.get() + 1).to_string() style=format!("--row:{ROW}px;--head:{HEAD}px")>
                        <thead><tr>
                            <Show when=move || { sweeps.get() > 1 }><th>"sweep"</th></Show>
                            {head(Column::Image, "image", "")}
                            <th>"x"<small>" px"</small></th><th>"y"<small>" px"</small></th>
                            {head(Column::Resolution, "d", " Å")}
                            {head(Column::Intensity, "I", " counts")}
                            <th>"σ"</th>
                            {head(Column::Significance, "I/σ", "")}
                            <Show when=move || { kind.get().is_some_and(|k| k != SpotKind::Found) }><th>"h k l"</th><th></th></Show>
                        </tr></thead>
                        <tbody>{body}</tbody>
                    </table>
                </div>
            </div>
        </div>
    }
}

fn named(kind: SpotKind) -> &'static str {
    match kind {
        SpotKind::Found => "spots",
        SpotKind::Indexed => "spots, indexed or not",
        SpotKind::Integrated => "predicted reflections",
    }
}

/// What stands in a row. Images are told by number, from 1.
fn cells(row: &Row, kind: Option<SpotKind>, many_sweeps: bool) -> Vec<String> {
    let number = |v: f32, digits: usize| if v.is_finite() { format!("{v:.digits$}") } else { "–".to_owned() };
    let mut cells = Vec::new();
    if many_sweeps {
        cells.push((row.sweep + 1).to_string());
    }
    // z counts from the first image's beginning; the first image is number 1 all through.
    cells.push(number(row.at[2] + 1.0, 1));
    cells.extend([number(row.at[0], 1), number(row.at[1], 1), number(row.d, 2)]);
    cells.extend([number(row.intensity, 0), number(row.sigma, 0), number(row.intensity / row.sigma, 1)]);
    if kind.is_some_and(|k| k != SpotKind::Found) {
        let done = if kind == Some(SpotKind::Integrated) { "integrated" } else { "indexed" };
        cells.push(row.hkl.map_or(String::new(), |h| h.map(|n| n.to_string()).join(" ")));
        cells.push(match row.fate {
            Some(fate) => fate.words().to_owned(),
            None if row.good => done.to_owned(),
            None => format!("not {done}"),
        });
    }
    cells
}
