use leptos::prelude::*;

use super::beam_centre::{BeamCentrePicture, BeamCentreTools};
use super::lattice::{LatticeCanvas, LatticeTools, LatticeViewer};
use super::shoebox::Shoebox;
use super::spot_table::SpotTable;
use crate::components::{ImageCanvas, ImageTools, PlotView, ThresholdBar, Viewer};
use crate::present::plot::has_points;
use crate::state::{Page, Picture};

/// The middle: tabs, each with its own tools. What is not in front stays in the document if it is costly to build, and remembers itself.
#[component]
pub fn PictureView() -> impl IntoView {
    let page = expect_context::<Page>();
    let viewer = Viewer::new(page);
    let lattice = LatticeViewer::new(page);
    let tab = move |which: Picture| {
        view! {
            <button role="tab" data-testid=format!("tab-{}", which.title().to_lowercase().replace(' ', "-")) aria-selected=move || (page.picture.get() == which).to_string()
                on:click=move |_| page.picture.set(which)>{which.title()}</button>
        }
    };
    let tools = move || match page.picture.get() {
        Picture::Image => view! { <ImageTools viewer/> }.into_any(),
        Picture::Lattice => view! { <LatticeTools viewer=lattice/> }.into_any(),
        Picture::BeamCentre => view! { <BeamCentreTools/> }.into_any(),
        Picture::Plots => ().into_any(),
    };
    // The image and the lattice are there always; others come and go.
    let front = move || match page.picture.get() {
        Picture::Image | Picture::Lattice => ().into_any(),
        Picture::Plots => view! { <Plots/> }.into_any(),
        Picture::BeamCentre => view! { <BeamCentrePicture/> }.into_any(),
    };
    view! {
        <section class="picture" aria-label="Picture">
            <div class="tools">
                <span class="tabs" role="tablist">{Picture::ALL.map(tab).into_iter().collect_view()}</span>
                {tools}
                <button class="table" data-testid="spot-table-toggle" title="Table of spots (l)" aria-pressed=move || page.table.open.get().to_string() on:click=move |_| page.table.open.update(|o| *o = !*o)>"Table"</button>
            </div>
            <Show when=move || page.picture.get() == Picture::Image><ThresholdBar viewer/></Show>
            <div class="layer" class:away=move || page.picture.get() != Picture::Image><ImageCanvas viewer/></div>
            <div class="layer" class:away=move || page.picture.get() != Picture::Lattice><LatticeCanvas viewer=lattice/></div>
            {front}
            <SpotTable/>
            <Shoebox/>
        </section>
    }
}

/// The plots of the selected stage.
#[component]
fn Plots() -> impl IntoView {
    let page = expect_context::<Page>();
    let plots = Memo::new(move |_| {
        let stage = page.selected.get();
        let all = page.reports.with(|r| r.get(&stage).map(|(report, _)| report.plots.clone()).unwrap_or_default());
        all.into_iter().filter(has_points).collect::<Vec<_>>()
    });
    view! {
        <div class="plots">
            {move || plots.get().into_iter().map(|plot| view! { <PlotView plot size=[720.0, 340.0]/> }).collect_view()}
            <Show when=move || plots.with(Vec::is_empty)><p class="quiet">{move || format!("{} has no plots yet.", page.selected.get().title())}</p></Show>
        </div>
    }
}
