use leptos::prelude::*;

use crate::components::{ImageCanvas, ImageTools, PlotView, Viewer};
use crate::state::{Page, Picture};

/// The middle: the image, or the plots of the selected stage.
#[component]
pub fn PictureView() -> impl IntoView {
    let page = expect_context::<Page>();
    let viewer = Viewer::new(page);
    let tab = move |which: Picture, label: &'static str| {
        view! { <button role="tab" aria-selected=move || (page.picture.get() == which).to_string() on:click=move |_| page.picture.set(which)>{label}</button> }
    };
    let image = move || page.picture.get() == Picture::Image;
    let plots = Memo::new(move |_| {
        let stage = page.selected.get();
        page.reports.with(|r| r.get(&stage).map(|(report, _)| report.plots.clone()).unwrap_or_default())
    });
    view! {
        <section class="picture" aria-label="Picture">
            <div class="tools">
                <span class="tabs" role="tablist">{tab(Picture::Image, "Image")}{tab(Picture::Plots, "Plots")}</span>
                <Show when=image><ImageTools viewer/></Show>
            </div>
            <div class="layer" class:away=move || !image()><ImageCanvas viewer/></div>
            <Show when=move || !image()>
                <div class="plots">
                    {move || plots.get().into_iter().map(|plot| view! { <PlotView plot size=[720.0, 340.0]/> }).collect_view()}
                    <Show when=move || plots.with(Vec::is_empty)><p class="quiet">{move || format!("{} has no plots yet.", page.selected.get().title())}</p></Show>
                </div>
            </Show>
        </section>
    }
}
