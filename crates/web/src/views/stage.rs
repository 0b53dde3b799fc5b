use ewald_core::report::{Level, Report};
use ewald_core::session::{ParamView, SessionParams, StageId, StageState, other_files};
use leptos::prelude::*;

use crate::components::{DataTable, ParamField, PlotView};
use crate::present::text;
use crate::state::Page;

/// The selected stage: verdict, parameters, tables, downloads. All stages are in the document, so that programs find them.
#[component]
pub fn Stage() -> impl IntoView {
    let page = expect_context::<Page>();
    let one = move |stage: StageId| view! { <div class="one" class:away=move || page.selected.get() != stage><OneStage stage/></div> };
    view! {
        <aside class="stage" aria-label="Stage">
            <Results/>
            {StageId::ALL.map(one).into_iter().collect_view()}
        </aside>
    }
}

/// The files that everyone came for.
#[component]
fn Results() -> impl IntoView {
    let page = expect_context::<Page>();
    let ready = Memo::new(move |_| page.has_report(StageId::Merge));
    view! {
            <div class="results" class:away=move || !ready.get()>
                <button class="primary" data-testid="download-merged-mtz" on:click=move |_| page.download("merged.mtz")>"↓ merged.mtz"</button>
                <button class="primary" data-testid="download-scaled-mtz" on:click=move |_| page.download("scaled.mtz")>"↓ scaled.mtz"</button>
                <button on:click=move |_| page.download("report.html")>"↓ report.html"</button>
            </div>
    }
}

#[component]
fn OneStage(stage: StageId) -> impl IntoView {
    let page = expect_context::<Page>();
    let report = Memo::new(move |_| page.reports.with(|r| r.get(&stage).map(|(report, _)| report.clone())));
    let failure = Memo::new(move |_| page.failures.with(|f| f.get(&stage).cloned()));
    let busy = Memo::new(move |_| page.running.get().is_some());
    let state = Memo::new(move |_| page.state(stage));
    let note = move || match state.get() {
        StageState::Idle => Some("Not run yet."),
        StageState::Running => Some("At work…"),
        StageState::Failed if report.with(Option::is_some) => Some("The last run failed; this is the result of the run before."),
        StageState::Failed => Some("The last run failed; see the message."),
        StageState::Stale => Some("Parameters or inputs have changed since this result: run it again."),
        StageState::Done => None,
    };
    let files = move || {
        let one = |name: &&'static str| {
            let name = *name;
            view! { <button on:click=move |_| page.download(name)>"↓ "{name}</button> }
        };
        stage.files().iter().map(one).collect_view()
    };
    view! {
        <div class="row-head">
            <h2>{stage.title()}</h2>
            <span class="grow"></span>
            <button disabled=move || busy.get() title="Run this stage (Enter)" on:click=move |_| page.run(stage, stage)>"Run"</button>
            <Show when=move || stage != StageId::Merge>
                <button disabled=move || busy.get() title="Run this stage and all after it" on:click=move |_| page.run(stage, StageId::Merge)>"Run from here"</button>
            </Show>
        </div>
        {move || note().map(|n| view! { <p class="note">{n}</p> })}
        <div class="report" data-testid=format!("failure-{}", stage.name())>
            {move || failure.get().map(|r| view! { <ReportView report=r/> })}
        </div>
        <div class="report" data-testid=format!("report-{}", stage.name())>
            {move || report.get().map(|r| view! { <ReportView report=r/> })}
        </div>
        {matches!(stage, StageId::FindSpots | StageId::Index).then(|| view! {
            <p class="row"><button data-testid=format!("beam-centre-{}", stage.name()) title="Where does the beam meet the detector? From the spots, or from the images" on:click=move |_| page.open_beam_centre()>"Beam centre…"</button></p>
        })}
        <Show when=move || report.with(Option::is_some)><div class="downloads">{files()}</div></Show>
        <Show when=move || stage == StageId::Merge && state.get() == StageState::Done><OtherFiles/></Show>
        <Parameters stage/>
    }
}

/// Merged data in the formats of other programs, made when they are asked for.
#[component]
fn OtherFiles() -> impl IntoView {
    let page = expect_context::<Page>();
    let sweeps = move || {
        let of = |r: &ewald_core::report::Report| r.values.get("n_sweeps").copied();
        page.reports.with(|all| all.get(&StageId::Merge).and_then(|(report, _)| of(report))).unwrap_or(1.0) as usize
    };
    let one = move |name: String| {
        let label = name.clone();
        view! { <button class="link" on:click=move |_| page.download(&name)>{label}</button> }
    };
    view! {
        <details class="text" data-testid="other-formats">
            <summary>"Other formats: mmCIF, SHELX, XDS"</summary>
            <div class="downloads">{move || other_files(sweeps()).into_iter().map(one).collect_view()}</div>
        </details>
    }
}

/// The few parameters that people change, and a search through the rest.
#[component]
fn Parameters(stage: StageId) -> impl IntoView {
    let page = expect_context::<Page>();
    let (basic, expert): (Vec<_>, Vec<_>) = SessionParams::default().views(stage).into_iter().partition(|p| p.basic);
    let (n_basic, n_expert) = (basic.len(), expert.len());
    let search = RwSignal::new(String::new());
    let expert = StoredValue::new(expert);
    // The rest is drawn when it is asked for.
    let open = RwSignal::new(false);
    let found = move || {
        let wanted = search.get().to_lowercase();
        let matches =
            |p: &&ParamView| format!("{} {} {} {}", p.name.replace('_', " "), p.name, p.doc, p.dials).to_lowercase().contains(&wanted);
        if open.get() { expert.with_value(|all| all.iter().filter(matches).cloned().collect::<Vec<_>>()) } else { Vec::new() }
    };
    let changed = move || page.parameters.with(|all| all.get(&stage).map_or(0, |s| s.len()));
    let reset = move |_| {
        let names: Vec<String> =
            page.parameters.with_untracked(|all| all.get(&stage).map_or_else(Vec::new, |s| s.keys().cloned().collect()));
        names.iter().for_each(|n| page.set_parameter(stage, n, String::new()));
    };
    (n_basic + n_expert > 0).then(|| view! {
        <section class="parameters">
            <div class="row-head">
                <h3>"Parameters"</h3>
                <Show when=move || { changed() > 0 }>
                    <small>{move || format!("{} changed", changed())}</small>
                    <button class="link" on:click=reset>"back to defaults"</button>
                </Show>
            </div>
            {basic.into_iter().map(|param| view! { <ParamField stage param/> }).collect_view()}
            <Show when=move || { n_expert > 0 }>
                <details on:toggle:target=move |e| open.set(e.target().has_attribute("open"))>
                    <summary>{format!("{n_expert} more")}</summary>
                    <input id=format!("search-{}", stage.name()) type="search" placeholder="Search (/)" aria-label="Search parameters" on:input:target=move |e| search.set(e.target().value())/>
                    <For each=found key=|p| p.name.clone() children=move |param| view! { <ParamField stage param/> }/>
                </details>
            </Show>
        </section>
    })
}

/// A report; its tables and plots are drawn one at a time, so that the page stays awake.
#[component]
fn ReportView(report: Report) -> impl IntoView {
    let level = match report.level {
        Level::Good => "good",
        Level::Warning => "warning",
        Level::Bad => "bad",
    };
    let sign = text::sign(report.level);
    let verdict = (!report.verdict.is_empty()).then(
        || view! { <p class="verdict" data-level=level><span class="sign" aria-label=level>{sign}</span><span>{report.verdict}</span></p> },
    );
    let warnings = report.warnings.into_iter().map(|w| view! { <p class="verdict" data-level="warning"><span class="sign" aria-label="warning">{text::sign(Level::Warning)}</span><span>{w}</span></p> });
    let (n_tables, n_plots) = (report.tables.len(), report.plots.len());
    let drawn = RwSignal::new(0_usize);
    draw_more(drawn, n_tables + n_plots);
    let tables = report.tables.into_iter().enumerate().map(move |(k, table)| {
        let table = StoredValue::new(table);
        view! { <Show when=move || { drawn.get() > k }><DataTable table=table.get_value()/></Show> }
    });
    let plots = report.plots.into_iter().enumerate().map(move |(k, plot)| {
        let plot = StoredValue::new(plot);
        view! { <Show when=move || { drawn.get() > n_tables + k }><PlotView plot=plot.get_value() size=[400.0, 210.0]/></Show> }
    });
    let maps = report.maps.into_iter().map(|m| view! { <figure class="map" inner_html=m.to_svg()></figure> });
    let texts = report
        .texts
        .into_iter()
        .map(|(heading, text)| view! { <details class="text"><summary>{heading}</summary><pre>{text}</pre></details> });
    view! {
        <p class="headline">{report.headline}</p>
        {verdict}
        {warnings.collect_view()}
        {tables.collect_view()}
        {plots.collect_view()}
        {maps.collect_view()}
        {texts.collect_view()}
    }
}

/// Counts up to `all`, one a task; ends when the view is gone.
fn draw_more(drawn: RwSignal<usize>, all: usize) {
    let more = move || {
        if let Some(n) = drawn.try_get_untracked().filter(|n| *n < all) {
            drawn.set(n + 1);
            draw_more(drawn, all);
        }
    };
    set_timeout(more, core::time::Duration::ZERO);
}
