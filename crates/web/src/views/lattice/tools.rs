use leptos::prelude::*;

use super::{LatticeViewer, Sheet};
use crate::present::lattice::axes::Along;
use crate::present::lattice::colour::{self, ColourBy};

/// The lattice's tool strip: along what it is looked at, what colours tell, what is drawn with it.
#[component]
pub fn LatticeTools(viewer: LatticeViewer) -> impl IntoView {
    let v = viewer;
    let crystals = Memo::new(move |_| v.header(|l| colour::crystals(&l.header)).unwrap_or_default());
    let indexed = move || crystals.with(|c| !c.is_empty());
    let star = move |which: usize, name: &'static str, key: &'static str| {
        view! { <button class="icon" disabled=move || !indexed() title=format!("Look along {name} ({key})") on:click=move |_| v.look_along_star(which)>{name}</button> }
    };
    let check = move |label: &'static str, title: &'static str, signal: RwSignal<bool>| {
        view! { <label title=title><input type="checkbox" prop:checked=signal on:change:target=move |e| signal.set(e.target().checked())/>{label}</label> }
    };
    let sheet = move |which: Sheet, label: &'static str| {
        let open = move || v.sheet.get() == Some(which);
        view! {
            <button aria-expanded=move || open().to_string() aria-pressed=move || open().to_string()
                on:click=move |_| v.sheet.update(|s| *s = if *s == Some(which) { None } else { Some(which) })>{label}</button>
        }
    };
    let lattices = move || {
        crystals
            .get()
            .into_iter()
            .map(|c| view! { <option value=c.to_string() selected=move || v.crystal.get() == c>{format!("lattice {}", c + 1)}</option> })
            .collect_view()
    };
    let colours = ColourBy::ALL.into_iter().enumerate().map(move |(k, by)| {
        view! { <option value=k.to_string() selected=move || v.colour_by() == by>{by.title()}</option> }
    });
    view! {
        <span class="group">"Along"
            <button class="icon" title="Look along the beam, as on the first image (z)" on:click=move |_| v.look(Along::Beam)>"beam"</button>
            <button class="icon" title="Look along the rotation axis (x)" on:click=move |_| v.look(Along::Axis)>"axis"</button>
            {star(0, "a*", "a")}{star(1, "b*", "b")}{star(2, "c*", "c")}
            <Show when=move || { crystals.with(|c| c.len() > 1) }>
                <select aria-label="Lattice whose axes these are" on:change:target=move |e| v.crystal.set(e.target().value().parse().unwrap_or(0))>{lattices}</select>
            </Show>
        </span>
        <label>"Colour"
            <select data-testid="lattice-colour" on:change:target=move |e| v.by.set(e.target().value().parse().ok().and_then(|k: usize| ColourBy::ALL.get(k).copied()))>
                {colours.collect_view()}
            </select>
        </label>
        <details class="menu" name="lattice-menu">
            <summary>"Show"</summary>
            <div>
            {check("a* b* c*", "Reciprocal axes; the longest is drawn half as long as the farthest point is away", v.reciprocal)}
            {check("a b c", "Axes of the cell", v.direct)}
            {check("beam, axis", "Beam on the first image and rotation axis", v.setting)}
            <Show when=indexed>
                <label title="Turn each crystal's points into its own frame, so that crystals and sweeps lie on each other">
                    <input type="checkbox" prop:checked=v.crystal_frame on:change:target=move |e| v.set_crystal_frame(e.target().checked())/>"crystal frame"
                </label>
            </Show>
            </div>
        </details>
        <span class="group">{sheet(Sheet::Filter, "Filter")}{sheet(Sheet::Geometry, "Geometry")}
            <button class="link" title="All points (0)" on:click=move |_| v.fit()>"fit"</button>
        </span>
    }
}
