use ewald_protocol::{Layer, Palette, SpotKind, StackKind, Transfer};
use leptos::prelude::*;

use super::Viewer;

const PALETTES: [(&str, Palette); 4] =
    [("grey", Palette::Grey), ("inverted", Palette::Inverted), ("heat", Palette::Heat), ("viridis", Palette::Viridis)];
const TRANSFERS: [(&str, Transfer); 3] = [("linear", Transfer::Linear), ("√", Transfer::Sqrt), ("log", Transfer::Log)];
const STACKS: [(&str, StackKind); 3] = [("sum", StackKind::Sum), ("mean", StackKind::Mean), ("largest", StackKind::Max)];
const LAYERS: [(&str, Layer); 7] = [
    ("counts", Layer::Counts),
    ("mean", Layer::Mean),
    ("variance", Layer::Variance),
    ("dispersion", Layer::Dispersion),
    ("not background", Layer::Flagged),
    ("strong pixels", Layer::Strong),
    ("threshold", Layer::Threshold),
];

/// The image's tool strip: which image, how strong, in which colours, what is drawn on top.
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
    let position = move || slider(v.white_now()).to_string();
    let spots = move || {
        let (what, n) = page.spots.with(|s| s.as_ref().map_or(("spots", None), |s| (name(s.of), Some(s.at.len()))));
        n.map_or_else(|| what.to_owned(), |n| format!("{n} {what}"))
    };
    let switch = |signal: RwSignal<bool>, label: &'static str, title: &'static str| {
        view! { <label title=title><input type="checkbox" prop:checked=signal on:change:target=move |e| signal.set(e.target().checked())/>{label}</label> }
    };
    let masked = move || {
        let regions = || {
            page.models.with(|m| Some(m.as_ref()?.models(page.image.get()[0])?.detector.panels.iter().map(|p| p.mask.len()).sum::<usize>()))
        };
        if v.masked.get() { regions().map(|n| format!("{n} masked regions")) } else { None }
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
                <input type="range" min="0" max="100" step="any" aria-label="Contrast" prop:value=position
                    on:input:target=move |e| v.white.set(Some(white(e.target().value().parse().unwrap_or(50.0))))/>
            </label>
            <button class="link" disabled=move || v.white.get().is_none() on:click=move |_| v.white.set(None)>"auto"</button>
        </span>
        <span class="group">
            {choice("Colours (c)", &PALETTES, v.palette)}
            {choice("Scale", &TRANSFERS, v.transfer)}
        </span>
        <details class="menu" name="image-menu">
            <summary>"Show"</summary>
            <div>
                {switch(v.rings, "resolution rings", "r")}
                {switch(v.ice, "ice rings", "")}
                {switch(v.beam, "beam centre", "")}
                <label title="p"><input type="checkbox" prop:checked=v.spots on:change:target=move |e| v.spots.set(e.target().checked())/>{spots}</label>
                {switch(v.strong, "strong pixels", "t: as spot finding would see this image alone")}
                {switch(v.masked, "masked and without data", "m: pixels without data are tinted; rings and frames are what was masked: hot pixels, regions not trusted")}
                {move || masked().map(|text| view! { <small data-testid="masked-regions">{text}</small> })}
                {choice("What is drawn", &LAYERS, v.layer)}
            </div>
        </details>
        <details class="menu" name="image-menu">
            <summary>{move || if v.stack.get() > 1 { format!("Stack {}", v.stack.get()) } else { "Stack".to_owned() }}</summary>
            <div>
                <label title="s">"images" <input type="number" min="1" max="100" aria-label="Images in the stack" prop:value=move || v.stack.get().to_string()
                    on:change:target=move |e| v.stack.set(e.target().value().parse().unwrap_or(1).clamp(1, 100))/></label>
                {choice("How images are joined", &STACKS, v.stack_kind)}
            </div>
        </details>
        <details class="menu" name="image-menu">
            <summary>"Profile"</summary>
            <div>
                {switch(v.measuring, "draw a line", "or drag with shift")}
                <label><input type="checkbox" prop:checked=v.radial on:change=move |_| v.toggle_radial()/>"by resolution"</label>
            </div>
        </details>
        <button class="link" title="Whole image (0, or double click)" on:click=move |_| v.fit()>"fit"</button>
    }
}

/// A choice among a few.
fn choice<T: Copy + PartialEq + Send + Sync + 'static>(
    label: &'static str,
    of: &'static [(&'static str, T)],
    signal: RwSignal<T>,
) -> impl IntoView {
    let option = |&(name, value): &(&'static str, T)| view! { <option value=name selected=move || signal.get() == value>{name}</option> };
    let chosen = move |text: String| of.iter().find(|(name, _)| *name == text).map_or((), |(_, value)| signal.set(*value));
    view! { <select aria-label=label title=label on:change:target=move |e| chosen(e.target().value())>{of.iter().map(option).collect_view()}</select> }
}

fn name(of: SpotKind) -> &'static str {
    match of {
        SpotKind::Found => "spots",
        SpotKind::Indexed => "spots, indexed or not",
        SpotKind::Integrated => "predictions",
    }
}

/// Slider position 0–100 of a full-strength value, and back: logarithmic, more contrast to the right.
fn slider(white: f64) -> f64 {
    (100.0 - 20.0 * white.max(1e-9).log10()).clamp(0.0, 100.0)
}

fn white(slider: f64) -> f64 {
    10f64.powf((100.0 - slider) / 20.0)
}
