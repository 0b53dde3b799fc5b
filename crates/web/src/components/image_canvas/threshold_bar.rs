use ewald_core::session::{SessionParams, StageId};
use ewald_protocol::Layer;
use leptos::prelude::*;

use super::Viewer;

/// The parameters of thresholding that can be moved while one looks: name, label, smallest, largest, step.
const SLIDERS: [(&str, &str, f64, f64, f64); 4] = [
    ("sigma_background", "background σ", 0.0, 20.0, 0.5),
    ("sigma_strong", "strong σ", 0.0, 12.0, 0.25),
    ("kernel_size", "window", 1.0, 12.0, 1.0),
    ("gain", "gain", 0.1, 5.0, 0.1),
];

/// Sliders of the parameters of thresholding, and what they find on this image alone. They are the parameters of spot finding themselves.
#[component]
pub fn ThresholdBar(viewer: Viewer) -> impl IntoView {
    let page = viewer.page;
    let shown = move || viewer.layer.get() != Layer::Counts || viewer.strong.get();
    let defaults = StoredValue::new(SessionParams::default().views(StageId::FindSpots));
    let slider = move |(name, label, low, high, step): (&'static str, &'static str, f64, f64, f64)| {
        let text = move || {
            let changed = page.parameters.with(|p| p.get(&StageId::FindSpots).and_then(|s| s.get(name).cloned()));
            let default = || defaults.with_value(|all| all.iter().find(|p| p.name == name).map_or(String::new(), |p| p.default.clone()));
            changed.unwrap_or_else(default)
        };
        // Auto stands for 1, and a window is told by its half-width along slow.
        let value = move || text().split(',').next().and_then(|t| t.trim().parse::<f64>().ok()).unwrap_or(1.0);
        let set = move |value: String| {
            let text = if name == "kernel_size" { format!("{value},{value}") } else { value };
            page.set_parameter(StageId::FindSpots, name, text);
        };
        let told = move || if name == "kernel_size" { format!("{0} × {0}", 2.0 * value() + 1.0) } else { format!("{}", value()) };
        view! {
            <label>{label}
                <input type="range" data-testid=format!("threshold-{name}") min=low max=high step=step prop:value=move || value().to_string() on:input:target=move |e| set(e.target().value())/>
                <span class="count">{told}</span>
            </label>
        }
    };
    let found = move || {
        let here = page.shown.with(|s| s.as_ref().and_then(|s| s.drawn.strong));
        match (page.found.get(), here) {
            (Some([pixels, spots]), _) => format!("{spots} spots, {pixels} pixels on this image alone"),
            (None, Some(pixels)) => format!("{pixels} strong pixels in view; counting spots…"),
            (None, None) => "…".to_owned(),
        }
    };
    view! {
        <Show when=shown>
            <div class="tools" data-testid="threshold-bar">
                {SLIDERS.map(slider).into_iter().collect_view()}
                <strong data-testid="threshold-found">{found}</strong>
            </div>
        </Show>
    }
}
