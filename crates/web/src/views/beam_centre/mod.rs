//! The search for the beam centre: what it is told, the map of scores or the projections, and the centre found.

mod map;

use std::rc::Rc;

use ewald_core::report::{Plot, Series, Style};
use ewald_core::session::StageId;
use ewald_protocol::BeamCentreView;
use leptos::prelude::*;

use crate::components::{DataTable, PlotView};
use crate::present::text;
use crate::state::Page;
use map::MapView;

const METHODS: [(&str, &str); 4] = [
    ("default", "spots on a lattice"),
    ("midpoint", "images: midpoint of the projections"),
    ("maximum", "images: top of the projections"),
    ("inversion", "images: symmetry of the projections"),
];

/// The tool strip: method, how far to look, search.
#[component]
pub fn BeamCentreTools() -> impl IntoView {
    let page = expect_context::<Page>();
    let beam = page.beam;
    let set = move |name: &'static str, text: String| {
        beam.texts.update(|t| {
            if text.trim().is_empty() || (name == "method" && text == "default") {
                t.remove(name);
            } else {
                t.insert(name.to_owned(), text);
            }
        });
    };
    let get = move |name: &'static str| beam.texts.with(|t| t.get(name).cloned().unwrap_or_default());
    let method = move || Some(get("method")).filter(|m| !m.is_empty()).unwrap_or_else(|| "default".to_owned());
    let options = METHODS.map(|(value, title)| view! { <option value=value selected=move || method() == value>{title}</option> });
    let searching = Memo::new(move |_| beam.job.get().is_some());
    let cannot = move || page.running.get().is_some() || page.beam_search_needs().is_some();
    view! {
        <label>"By"
            <select data-testid="beam-method" aria-label="Method" on:change:target=move |e| set("method", e.target().value())>{options.into_iter().collect_view()}</select>
        </label>
        <Show when=move || !page.beam_search_of_images()>
            <label title="How far from the header's centre is looked (mm_search_scope)">"within"
                <input type="number" class="short" min="0" max="50" step="0.5" placeholder="4" aria-label="Search within, mm" prop:value=move || get("mm_search_scope") on:change:target=move |e| set("mm_search_scope", e.target().value())/>"mm"
            </label>
            <label title="Spots at higher resolution are not used (d_min)">"spots to"
                <input type="number" class="short" min="0.1" step="0.1" placeholder="all" aria-label="Resolution limit, Å" prop:value=move || get("d_min") on:change:target=move |e| set("d_min", e.target().value())/>"Å"
            </label>
        </Show>
        <Show when=move || searching.get()
            fallback=move || view! { <button class="primary" data-testid="beam-search" disabled=cannot on:click=move |_| page.search_beam_centre()>"Search"</button> }>
            <button data-testid="beam-cancel" on:click=move |_| page.cancel_beam_search()>"Cancel"</button>
            <small aria-live="polite">{move || page.progress.with(|p| p.fraction.map_or_else(|| "searching…".to_owned(), |f| format!("searching… {:.0} %", 100.0 * f)))}</small>
        </Show>
    }
}

/// What was found.
#[component]
pub fn BeamCentrePicture() -> impl IntoView {
    let page = expect_context::<Page>();
    let beam = page.beam;
    let needs = move || {
        let needs = page.beam_search_needs()?;
        let text = match needs {
            StageId::Import => "The search needs images: import them first.",
            _ => "This search needs spots. Find them first, or search by the images themselves.",
        };
        let busy = move || page.running.get().is_some();
        Some(view! {
            <p class="quiet">{text}" "<button disabled=busy on:click=move |_| page.run(needs, needs)>{needs.title()}</button></p>
        })
    };
    let what = move || {
        (beam.found.with(Option::is_none) && page.beam_search_needs().is_none() && beam.job.get().is_none()).then(|| {
            view! { <p class="quiet">"The header's beam centre can be millimetres off, and then no lattice is found, or the wrong one. The search moves the beam until the spots lie on lattice planes; nothing changes until you use what it finds."</p> }
        })
    };
    let problem = move || {
        beam.problem.get().map(
            |p| view! { <p class="verdict" data-level="bad" data-testid="beam-problem"><span class="sign" aria-label="bad">"✕"</span><span>{p}</span></p> },
        )
    };
    view! {
        <div class="plots beam" data-testid="beam-centre" aria-busy=move || beam.job.get().is_some().to_string()>
            {needs}
            {what}
            {problem}
            {move || beam.found.get().map(|found| view! { <Found found/> })}
        </div>
    }
}

#[component]
fn Found(found: Rc<BeamCentreView>) -> impl IntoView {
    let page = expect_context::<Page>();
    let BeamCentreView { report, old_px, pixel_mm, differs, parameter, .. } = (*found).clone();
    let level = match report.level {
        ewald_core::report::Level::Good => "good",
        ewald_core::report::Level::Warning => "warning",
        ewald_core::report::Level::Bad => "bad",
    };
    let sign = text::sign(report.level);
    let taken = Memo::new(move |_| page.beam_centre_taken());
    let imported = Memo::new(move |_| page.beam_centre_imported());
    let busy = Memo::new(move |_| page.running.get().is_some());
    let maps = report.maps.clone();
    let is_map = !maps.is_empty();
    let plots = report.plots.iter().enumerate().map(|(axis, p)| if is_map { p.clone() } else { with_header(p, old_px[axis.min(1)]) });
    let plots: Vec<Plot> = plots.collect();
    let told = move || {
        match (taken.get(), imported.get()) {
        (_, true) => format!("In use: import has slow_fast_beam_centre = {parameter}."),
        (true, _) => format!("Set for import: slow_fast_beam_centre = {parameter}. All stages are to be run again."),
        _ if differs => "The sweeps' headers have different centres, and import's slow_fast_beam_centre would give all of them this one, which is of the first sweep alone. So it is not offered: open the sweeps one at a time, and search and use the centre of each.".to_owned(),
        _ => String::new(),
    }
    };
    view! {
        <div class="found">
            <p class="verdict" data-level=level data-testid="beam-verdict"><span class="sign" aria-label=level>{sign}</span><span>{report.verdict.clone()}</span></p>
            {report.warnings.iter().map(|w| view! { <p class="verdict" data-level="warning"><span class="sign" aria-label="warning">"▲"</span><span>{w.clone()}</span></p> }).collect_view()}
            <p class="row">
                <Show when=move || taken.get()
                    fallback=move || view! { <button class="primary" data-testid="beam-apply" disabled=move || differs || busy.get() on:click=move |_| page.take_beam_centre()>"Use this centre"</button> }>
                    <button data-testid="beam-undo" disabled=move || busy.get() on:click=move |_| page.leave_beam_centre()>"Take it back"</button>
                    <Show when=move || !imported.get()>
                        <button class="primary" data-testid="beam-run" disabled=move || busy.get() on:click=move |_| page.run(StageId::Import, StageId::Index)>"Run again to Index"</button>
                    </Show>
                </Show>
                <small role="status">{told}</small>
            </p>
        </div>
        {maps.into_iter().map(|map| view! { <MapView map old=old_px pixel=pixel_mm/> }).collect_view()}
        {plots.into_iter().map(|plot| view! { <PlotView plot size=[640.0, 240.0]/> }).collect_view()}
        {report.tables.into_iter().map(|table| view! { <DataTable table/> }).collect_view()}
    }
}

/// The projection with the header's centre beside the one found.
fn with_header(plot: &Plot, at: f64) -> Plot {
    let high = plot.series.iter().flat_map(|s| &s.y).copied().fold(0.0, f64::max);
    let header = Series { label: "Header".to_owned(), x: vec![at; 2], y: vec![0.0, high], style: Style::Line };
    let mut plot = plot.clone();
    plot.series.push(header);
    plot
}
