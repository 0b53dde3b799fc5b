use leptos::prelude::*;

const KEYS: [(&str, &str); 18] = [
    ("← →", "previous and next image; with shift, ten"),
    ("space", "play the images"),
    ("+ − 0", "zoom in, zoom out, whole image"),
    ("[ ]", "less and more contrast"),
    ("c", "the next colours"),
    ("s", "stack of five images"),
    ("r p", "resolution rings, spots"),
    ("t m", "strong pixels, pixels without data"),
    ("l", "table of the spots; ↑ ↓ go from row to row in it, Enter shows a reflection's shoebox"),
    ("shift, drag", "values along a line"),
    ("in the lattice", "arrows turn it, comma and full stop roll it; a drag turns, with shift it moves"),
    ("a b c z x", "look along a*, b*, c*, the beam, the axis"),
    ("i", "the lit spot on its image"),
    ("1 … 9", "the stages"),
    ("Enter", "run the selected stage"),
    ("Esc", "cancel what runs"),
    ("/", "search the parameters"),
    ("?", "this list"),
];

/// The keys.
#[component]
pub fn Help(shown: RwSignal<bool>) -> impl IntoView {
    let list = || KEYS.map(|(key, what)| view! { <dt>{key}</dt><dd>{what}</dd> }).collect_view();
    view! {
        <Show when=move || shown.get()>
            <div class="help" role="dialog" aria-label="Keys">
                <h2>"Keys"</h2>
                <dl>{list()}</dl>
                <button on:click=move |_| shown.set(false)>"Close"</button>
            </div>
        </Show>
    }
}
