use leptos::prelude::*;

use crate::app::Choosers;
use crate::state::Page;

/// The start: a drop zone as large as the window, and a demonstration.
#[component]
pub fn Start() -> impl IntoView {
    let page = expect_context::<Page>();
    let choosers = expect_context::<Choosers>();
    view! {
        <main class="start">
            <h2>"Drop the files of a rotation experiment here"</h2>
            <p>"Ewald turns X-ray diffraction images into merged intensities: it finds spots, indexes, refines, integrates, scales and merges, and hands back MTZ files."</p>
            <div class="row">
                <button on:click=move |_| choosers.files()>"Choose files…"</button>
                <button on:click=move |_| choosers.folder()>"Choose a folder…"</button>
            </div>
            <p class="quiet">"NeXus/HDF5 with the data files that it links to, or miniCBF. Your files never leave this computer."</p>
            <div class="or"><span>"or"</span></div>
            <button class="primary large" data-testid="demo" disabled=move || page.threads.get().is_none() on:click=move |_| page.demo()>"Try it now"</button>
            <p class="quiet">"Simulated lysozyme: nothing to download, under a minute."</p>
        </main>
    }
}
