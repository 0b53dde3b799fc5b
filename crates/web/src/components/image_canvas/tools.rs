use ewald_protocol::SpotKind;
use leptos::prelude::*;

use super::Viewer;

/// The image's tool strip: which image, how strong, what is drawn on top.
#[component]
pub fn ImageTools(viewer: Viewer) -> impl IntoView {
    let v = viewer;
    let page = v.page;
    let n = move || page.images_in(page.image.get()[0]);
    let sweeps = Memo::new(move |_| page.data.with(|d| d.as_ref().map_or(0, |d| d.sweeps.len())));
    let sweep_options = move || {
        (0..sweeps.get())
            .map(|i| view! { <option value=i.to_string() selected=move || page.image.get()[0] == i>{format!("Sweep {}", i + 1)}</option> })
            .collect_view()
    };
    let position = move || slider(v.white.get().unwrap_or_else(|| v.automatic.get())).to_string();
    let spots = move || {
        let (what, n) = page.spots.with(|s| s.as_ref().map_or(("spots", None), |s| (name(s.of), Some(s.at.len()))));
        n.map_or_else(|| what.to_owned(), |n| format!("{n} {what}"))
    };
    view! {
        <Show when=move || { sweeps.get() > 1 }>
            <select aria-label="Sweep" on:change:target=move |e| page.show([e.target().value().parse().unwrap_or(0), 0])>{sweep_options}</select>
        </Show>
        <span class="group">
            <button class="icon" title="Previous image (←)" aria-label="Previous image" on:click=move |_| v.step(-1)>"‹"</button>
            <input type="range" class="wide" min="1" aria-label="Image" max=move || n().max(1).to_string() prop:value=move || (page.image.get()[1] + 1).to_string()
                on:input:target=move |e| page.show([page.image.get_untracked()[0], e.target().value().parse::<usize>().unwrap_or(1).saturating_sub(1)])/>
            <button class="icon" title="Next image (→)" aria-label="Next image" on:click=move |_| v.step(1)>"›"</button>
            <button class="icon" title="Play (space)" aria-label="Play" aria-pressed=move || v.playing.get().to_string() on:click=move |_| v.playing.update(|p| *p = !*p)>
                {move || if v.playing.get() { "❚❚" } else { "▶" }}
            </button>
            <span class="count">{move || format!("{} / {}", (page.image.get()[1] + 1).min(n()), n())}</span>
        </span>
        <span class="group">
            <label title="Contrast ([ and ])">"Contrast"
                <input type="range" min="0" max="100" step="any" prop:value=position
                    on:input:target=move |e| v.white.set(Some(white(e.target().value().parse().unwrap_or(50.0))))/>
            </label>
            <button class="link" disabled=move || v.white.get().is_none() on:click=move |_| v.white.set(None)>"auto"</button>
        </span>
        <span class="group">
            <label title="Light spots on dark"><input type="checkbox" prop:checked=v.inverted on:change:target=move |e| v.inverted.set(e.target().checked())/>"invert"</label>
            <label title="Resolution rings (r)"><input type="checkbox" prop:checked=v.rings on:change:target=move |e| v.rings.set(e.target().checked())/>"rings"</label>
            <label title="Spots (p)"><input type="checkbox" prop:checked=v.spots on:change:target=move |e| v.spots.set(e.target().checked())/>{spots}</label>
        </span>
        <button class="link" title="Whole image (0, or double click)" on:click=move |_| v.fit()>"fit"</button>
    }
}

fn name(of: SpotKind) -> &'static str {
    match of {
        SpotKind::Found => "spots",
        SpotKind::Indexed => "indexed",
        SpotKind::Integrated => "integrated",
    }
}

/// Slider position 0–100 of a full-strength count, and back: logarithmic, more contrast to the right.
fn slider(white: f64) -> f64 {
    (100.0 - 20.0 * white.max(1.0).log10()).clamp(0.0, 100.0)
}

fn white(slider: f64) -> f64 {
    10f64.powf((100.0 - slider) / 20.0)
}
