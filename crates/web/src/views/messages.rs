use leptos::prelude::*;

use crate::state::{Message, Page};

/// What went wrong, as cards that stay until they are read.
#[component]
pub fn Messages() -> impl IntoView {
    let page = expect_context::<Page>();
    let card = move |m: Message| {
        let (level, sign) = if m.warning { ("warning", "▲") } else { ("error", "✕") };
        view! {
            <div class="card" data-level=level data-testid="message" role="alert">
                <span class="sign" aria-hidden="true">{sign}</span>
                <div><strong>{m.place}</strong><p>{m.text}</p>
                    {m.offers_beam_centre.then(|| view! {
                        <p class="row"><button data-testid="message-beam-centre" on:click=move |_| page.open_beam_centre()>"Search the beam centre"</button>
                        <small>"a wrong one is often the reason"</small></p>
                    })}
                </div>
                <button title="I have read this" on:click=move |_| page.messages.update(|all| all.retain(|other| other.id != m.id))>"Dismiss"</button>
            </div>
        }
    };
    view! { <div class="messages"><For each=move || page.messages.get() key=|m| m.id children=card/></div> }
}
