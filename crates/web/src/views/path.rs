use ewald_core::report::Level;
use ewald_core::session::{StageId, StageState};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, MouseEvent};

use crate::present::text;
use crate::state::Page;

/// The stages as a path from top to bottom.
#[component]
pub fn Path() -> impl IntoView {
    view! { <nav class="path" aria-label="Stages"><ol>{StageId::ALL.map(|stage| view! { <Step stage/> }).into_iter().collect_view()}</ol></nav> }
}

/// A click by hand leaves the focus to nobody, so that space, Enter and the arrows mean the page; by key it stays, to go on from there.
fn let_go(event: &MouseEvent) {
    let button = event.current_target().and_then(|t| t.dyn_into::<HtmlElement>().ok());
    if let Some(button) = button.filter(|_| event.detail() > 0) {
        // It fails for an element that has gone.
        button.blur().ok();
    }
}

#[component]
fn Step(stage: StageId) -> impl IntoView {
    let page = expect_context::<Page>();
    let state = Memo::new(move |_| page.state(stage));
    let part = Memo::new(move |_| page.progress.with(|p| p.fraction.filter(|_| p.stage == Some(stage)).map(|f| (100.0 * f) as u32)));
    let time = move || match (state.get(), part.get()) {
        (StageState::Running, Some(percent)) => format!("{percent} %"),
        (StageState::Running, None) => "…".to_owned(),
        _ => page.reports.with(|r| r.get(&stage).map_or(String::new(), |(_, seconds)| text::duration(*seconds))),
    };
    let figure = move || match state.get() {
        StageState::Failed => "failed".to_owned(),
        _ => page.reports.with(|r| r.get(&stage).map_or(String::new(), |(report, _)| report.headline.clone())),
    };
    let level = move || page.reports.with(|r| r.get(&stage).map(|(report, _)| report.level)).filter(|_| state.get() == StageState::Done);
    let doubt = move || level().filter(|l| *l != Level::Good).map(|l| text::sign(l));
    view! {
        <li data-testid=format!("stage-{}", stage.name()) data-state=move || state.get().name()>
            <button aria-current=move || (page.selected.get() == stage).to_string() on:click=move |e| { page.select(stage); let_go(&e) }
                title=format!("{} ({})", stage.title(), stage.index() + 1)>
                <span class="mark" role="img" aria-label=move || state.get().name()>{move || text::mark(state.get())}</span>
                <span class="name">{stage.title()}<i class="doubt">{doubt}</i></span>
                <small>{time}</small>
                <span class="figure" title=figure>{figure}</span>
                <span class="bar" style:width=move || format!("{}%", part.get().filter(|_| state.get() == StageState::Running).unwrap_or(0))></span>
            </button>
        </li>
    }
}
