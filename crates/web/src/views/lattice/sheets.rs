//! Sheets over the picture: which points are shown, and the geometry to be tried.

use std::collections::BTreeSet;

use ewald_core::geometry::Trial;
use ewald_core::session::StageId;
use leptos::prelude::*;

use super::LatticeViewer;
use crate::present::lattice::trial::{self, Values};
use crate::present::lattice::{Filter, Kinds, colour};

/// Which points are shown.
#[component]
pub fn FilterSheet(viewer: LatticeViewer) -> impl IntoView {
    let v = viewer;
    let sweeps = Memo::new(move |_| v.header(|l| colour::sweeps(&l.header)).unwrap_or_default());
    let crystals = Memo::new(move |_| v.header(|l| colour::crystals(&l.header)).unwrap_or_default());
    let images = Memo::new(move |_| v.header(|l| l.header.groups.iter().map(|g| g.images).max()).flatten().unwrap_or(1));
    let kind = |e: String| match e.as_str() {
        "indexed" => Kinds::Indexed,
        "not" => Kinds::NotIndexed,
        _ => Kinds::All,
    };
    let many = move |name: &'static str, all: Memo<Vec<usize>>, hidden: fn(&mut Filter) -> &mut BTreeSet<usize>| {
        let box_of = move |k: usize| {
            let checked = move || v.filter.with(|f| !hidden(&mut f.clone()).contains(&k));
            let set = move |shown: bool| {
                v.filter.update(|f| {
                    if shown {
                        hidden(f).remove(&k)
                    } else {
                        hidden(f).insert(k)
                    };
                });
            };
            view! { <label><input type="checkbox" prop:checked=checked on:change:target=move |e| set(e.target().checked())/>{format!("{name} {}", k + 1)}</label> }
        };
        view! { <Show when=move || { all.with(|a| a.len() > 1) }><p class="boxes">{move || all.get().into_iter().map(box_of).collect_view()}</p></Show> }
    };
    // Resolutions: an empty field is no limit.
    let d_of = |q: f64| {
        if q > 0.0 && q.is_finite() {
            format!("{:.3}", 1.0 / q).trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            String::new()
        }
    };
    let d_max = move |text: String| {
        let q = text.parse::<f64>().ok().filter(|d| *d > 0.0).map_or(0.0, |d| 1.0 / d);
        v.filter.update(|f| f.q = q..=*f.q.end());
    };
    let d_min = move |text: String| {
        let q = text.parse::<f64>().ok().filter(|d| *d > 0.0).map_or(f64::INFINITY, |d| 1.0 / d);
        v.filter.update(|f| f.q = *f.q.start()..=q);
    };
    let number = |z: f64, add: f64| if z.is_finite() { (z + add).to_string() } else { String::new() };
    let first =
        move |text: String| v.filter.update(|f| f.images = text.parse().map_or(f64::NEG_INFINITY, |n: f64| n - 1.0)..=*f.images.end());
    let last = move |text: String| v.filter.update(|f| f.images = *f.images.start()..=text.parse().unwrap_or(f64::INFINITY));
    view! {
        <aside class="sheet" aria-label="Which points are shown" data-testid="lattice-filter">
            <label>"Points"
                <select on:change:target=move |e| { let k = kind(e.target().value()); v.filter.update(|f| f.kinds = k) }>
                    <option value="all" selected=move || v.filter.with(|f| f.kinds == Kinds::All)>"all"</option>
                    <option value="indexed" selected=move || v.filter.with(|f| f.kinds == Kinds::Indexed)>"indexed"</option>
                    <option value="not" selected=move || v.filter.with(|f| f.kinds == Kinds::NotIndexed)>"not indexed"</option>
                </select>
            </label>
            {many("sweep", sweeps, |f| &mut f.hidden_sweeps)}
            {many("lattice", crystals, |f| &mut f.hidden_crystals)}
            <label>"Resolution"
                <input type="number" min="0" step="any" placeholder="∞" aria-label="Lowest resolution, Å" prop:value=move || v.filter.with(|f| d_of(*f.q.start())) on:change:target=move |e| d_max(e.target().value())/>
                "–"
                <input type="number" min="0" step="any" placeholder=move || format!("{:.2}", 1.0 / v.radius.get()) aria-label="Highest resolution, Å" prop:value=move || v.filter.with(|f| d_of(*f.q.end())) on:change:target=move |e| d_min(e.target().value())/>
                "Å"
            </label>
            <label>"Images"
                <input type="number" min="1" step="1" placeholder="1" aria-label="First image" prop:value=move || v.filter.with(|f| number(*f.images.start(), 1.0)) on:change:target=move |e| first(e.target().value())/>
                "–"
                <input type="number" min="1" step="1" placeholder=move || images.get().to_string() aria-label="Last image" prop:value=move || v.filter.with(|f| number(*f.images.end(), 0.0)) on:change:target=move |e| last(e.target().value())/>
            </label>
            <p class="row"><button disabled=move || v.filter.with(|f| *f == Filter::default()) on:click=move |_| v.filter.set(Filter::default())>"Show all"</button></p>
        </aside>
    }
}

/// A quantity that is moved by hand: a slider for the range that makes sense, and a field for any number.
#[component]
fn Knob(
    /// Its name.
    label: &'static str,
    /// Its unit.
    unit: &'static str,
    /// The slider goes from minus this to this.
    reach: f64,
    /// Smallest step.
    step: f64,
    /// The value now.
    #[prop(into)]
    value: Signal<f64>,
    /// Takes another value.
    set: impl Fn(f64) + Copy + 'static,
) -> impl IntoView {
    let text = move || format!("{:.3}", value.get()).trim_end_matches('0').trim_end_matches('.').to_owned();
    let read = move |text: String| set(text.parse::<f64>().ok().filter(|v| v.is_finite()).unwrap_or(0.0));
    view! {
        <label class="knob"><span>{label}</span>
            <input type="range" min=-reach max=reach step=step aria-label=format!("{label}, {unit}") prop:value=move || value.get().to_string() on:input:target=move |e| read(e.target().value())/>
            <input type="number" step=step aria-label=format!("{label}, {unit}, as a number") prop:value=text on:change:target=move |e| read(e.target().value())/>
            <small>{unit}</small>
        </label>
    }
}

/// The geometry to be tried, with the points following.
#[component]
pub fn GeometrySheet(viewer: LatticeViewer) -> impl IntoView {
    let v = viewer;
    let pixel = Memo::new(move |_| v.header(|l| l.header.groups.first().map(|g| g.pixel_mm)).flatten().unwrap_or([0.1; 2]));
    let distance = Memo::new(move |_| {
        v.header(|l| trial::values(&l.header, &Trial::default()).first().map_or(100.0, |x| x.distance)).unwrap_or(100.0)
    });
    let beam = move |i: usize| Signal::derive(move || v.trial.with(|t| t.beam_mm[i]) / pixel.get()[i]);
    let set_beam = move |i: usize| move |px: f64| v.trial.update(|t| t.beam_mm[i] = px * pixel.get_untracked()[i]);
    let values = Memo::new(move |_| v.header(|l| trial::values(&l.header, &v.trial.get())).unwrap_or_default());
    let inverted_before = move || {
        v.page.parameters.with(|p| p.get(&StageId::Import).and_then(|p| p.get("invert_rotation_axis")).is_some_and(|t| t == "true"))
    };
    let change = Memo::new(move |_| {
        v.header(|l| trial::parameters(&l.header, &v.trial.get(), inverted_before())).unwrap_or(Err("There are no points."))
    });
    let apply = move |_| {
        if let Ok(parameters) = change.get_untracked() {
            parameters.into_iter().for_each(|(name, text)| v.page.set_parameter(StageId::Import, name, text));
            v.applied.set(true);
        }
    };
    let reset = move |_| {
        v.trial.set(Trial::default());
        v.applied.set(false);
    };
    let row = |many: bool, x: &Values| {
        let sweep = if many { format!("Sweep {}: ", x.sweep + 1) } else { String::new() };
        let [slow, fast] = x.beam_px;
        let axis = x.axis.map(|c| format!("{c:.4}")).join(" ");
        view! { <p>{format!("{sweep}beam (slow, fast) {slow:.2}, {fast:.2} px; distance {:.3} mm; axis {axis}", x.distance)}</p> }
    };
    view! {
        <aside class="sheet" aria-label="Geometry on trial" data-testid="lattice-geometry">
            <Knob label="Beam, fast" unit="px" reach=20.0 step=0.1 value=beam(0) set=set_beam(0)/>
            <Knob label="Beam, slow" unit="px" reach=20.0 step=0.1 value=beam(1) set=set_beam(1)/>
            <Knob label="Distance" unit="mm" reach=(0.04 * distance.get_untracked()).max(1.0).round() step=0.01 value=Signal::derive(move || v.trial.with(|t| t.distance_mm)) set=move |mm| v.trial.update(|t| t.distance_mm = mm)/>
            <Knob label="Axis about beam" unit="°" reach=10.0 step=0.05 value=Signal::derive(move || v.trial.with(|t| t.axis_about_beam.to_degrees())) set=move |a| v.trial.update(|t| t.axis_about_beam = a.to_radians())/>
            <Knob label="Axis to source" unit="°" reach=10.0 step=0.05 value=Signal::derive(move || v.trial.with(|t| t.axis_along_beam.to_degrees())) set=move |a| v.trial.update(|t| t.axis_along_beam = a.to_radians())/>
            <label><input type="checkbox" prop:checked=move || v.trial.with(|t| t.inverted) on:change:target=move |e| { let on = e.target().checked(); v.trial.update(|t| t.inverted = on) }/>"axis turns the other way round"</label>
            <div class="values" data-testid="lattice-values">{move || values.with(|all| all.iter().map(|x| row(all.len() > 1, x)).collect_view())}</div>
            <p class="row">
                <button class="primary" data-testid="lattice-apply" disabled=move || change.with(Result::is_err) on:click=apply>"Use at import"</button>
                <button disabled=move || v.trial.with(|t| *t == Trial::default()) on:click=reset>"Reset"</button>
            </p>
            <p class="quiet" role="status">{move || match (v.applied.get(), change.get()) {
                (true, _) => "Set as parameters of Import: run it again.",
                (false, Err(why)) => why,
                _ => "",
            }}</p>
        </aside>
    }
}
