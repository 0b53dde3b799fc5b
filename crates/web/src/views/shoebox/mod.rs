//! A reflection's shoebox: its images one beside the other, what was fitted to them, and how its intensity comes of that.

mod draw;

use std::rc::Rc;

use ewald_core::report::Level;
use ewald_core::session::Wanted;
use ewald_protocol::ReflectionView;
use leptos::html::Canvas;
use leptos::prelude::*;
use web_sys::PointerEvent;

use crate::components::DataTable;
use crate::present::shoebox::{Layer, MOST_IMAGES, Pixel, Sheet, heading, parse_hkl, range};
use crate::present::text;
use crate::state::{Page, Picture};

/// The panel below the image: which reflection, its pictures, its arithmetic.
#[component]
pub fn Shoebox() -> impl IntoView {
    let page = expect_context::<Page>();
    let looked = page.reflection;
    let large = RwSignal::new(false);
    let open = Memo::new(move |_| looked.open.get() && matches!(page.picture.get(), Picture::Image | Picture::Lattice));
    let number = move || looked.shown.with(|r| r.as_ref().map(|r| r.number));
    let go = move |to: fn(u64) -> Wanted| {
        if let Some(n) = untrack(number) {
            page.look_into(to(n));
        }
    };
    let wrong = RwSignal::new(false);
    let find = move |text: String| match parse_hkl(&text) {
        Some(hkl) => {
            wrong.set(false);
            page.look_into(Wanted::Index(hkl));
        }
        None => wrong.set(!text.trim().is_empty()),
    };
    let waiting = move || match (looked.job.get(), page.running.get().and_then(|r| r.stage)) {
        (Some(_), Some(stage)) => format!("comes when {} is through…", stage.title()),
        (Some(_), None) => "measuring…".to_owned(),
        _ => String::new(),
    };
    let title = move || looked.shown.with(|r| r.as_ref().map_or_else(|| "Reflection".to_owned(), |r| r.report.title.clone()));
    view! {
        <Show when=move || open.get()>
            <section class="shoebox" class:large=move || large.get() aria-label="Reflection" data-testid="shoebox" data-number=move || number().map(|n| n.to_string())
                aria-busy=move || looked.job.get().is_some().to_string()>
                <header class="row-head">
                    <h3 data-testid="shoebox-title">{title}</h3>
                    <button class="icon" title="The reflection before, by rotation" aria-label="Previous reflection" data-testid="shoebox-previous" on:click=move |_| go(Wanted::Before)>"‹"</button>
                    <button class="icon" title="The reflection after, by rotation" aria-label="Next reflection" data-testid="shoebox-next" on:click=move |_| go(Wanted::After)>"›"</button>
                    <input type="search" class="hkl" placeholder="find h k l" aria-label="Find by Miller index" data-testid="shoebox-find" class:wrong=move || wrong.get()
                        title="Three whole numbers" on:change:target=move |e| find(e.target().value())/>
                    <Same/>
                    <button class="link" title="The image on which it is predicted" on:click=move |_| page.show_reflection()>"on the image"</button>
                    <small role="status">{waiting}</small>
                    <span class="grow"></span>
                    <button class="icon" title="Larger or smaller" aria-label="Larger or smaller" aria-pressed=move || large.get().to_string() on:click=move |_| large.update(|l| *l = !*l)>"⤢"</button>
                    <button class="icon" title="Close" aria-label="Close the reflection" on:click=move |_| looked.open.set(false)>"✕"</button>
                </header>
                {move || looked.problem.get().map(|p| view! { <p class="verdict" data-level="bad" data-testid="shoebox-problem"><span class="sign" aria-label="bad">"✕"</span><span>{p}</span></p> })}
                {move || looked.shown.get().map(|reflection| view! { <Contents reflection/> })}
            </section>
        </Show>
    }
}

/// The other observations with the same index.
#[component]
fn Same() -> impl IntoView {
    let page = expect_context::<Page>();
    let same = move || {
        let (number, same) = page.reflection.shown.with(|r| r.as_ref().map(|r| (r.number, r.same.clone())))?;
        let at = same.iter().position(|n| *n == number)?;
        let n = same.len();
        let next = same[(at + 1) % n];
        (n > 1).then(|| {
            view! {
                <button class="link" title="The next observation with the same index" data-testid="shoebox-same" on:click=move |_| page.look_into(Wanted::Number(next))>
                    {format!("{} of {n} with this index", at + 1)}
                </button>
            }
        })
    };
    view! { {same} }
}

#[component]
fn Contents(reflection: Rc<ReflectionView>) -> impl IntoView {
    let report = reflection.report.clone();
    let level = match report.level {
        Level::Good => "good",
        Level::Warning => "warning",
        Level::Bad => "bad",
    };
    let sign = text::sign(report.level);
    let warnings = report.warnings.into_iter().map(|w| view! { <p class="verdict" data-level="warning"><span class="sign" aria-label="warning">{text::sign(Level::Warning)}</span><span>{w}</span></p> });
    view! {
        <div class="inside">
            <p class="verdict" data-level=level data-testid="shoebox-verdict"><span class="sign" aria-label=level>{sign}</span><strong>{report.headline}</strong><span>{report.verdict}</span></p>
            {warnings.collect_view()}
            <Neighbours reflection=Rc::clone(&reflection)/>
            <Pictures reflection/>
            <div class="arithmetic" data-testid="shoebox-arithmetic">
                {report.tables.into_iter().map(|table| { let id = table.id.clone(); view! { <div data-table=id><DataTable table/></div> } }).collect_view()}
            </div>
        </div>
    }
}

/// Those upon it, each a way to its own shoebox.
#[component]
fn Neighbours(reflection: Rc<ReflectionView>) -> impl IntoView {
    let page = expect_context::<Page>();
    let links = reflection.account.upon.iter().map(|u| {
        let number = u.number;
        let name = format!("({} {} {})", u.hkl[0], u.hkl[1], u.hkl[2]);
        view! { <button class="link" data-testid="shoebox-upon" on:click=move |_| page.look_into(Wanted::Number(number))>{name}</button>" " }
    });
    let links = links.collect_view();
    (!reflection.account.upon.is_empty()).then(|| view! { <p><small>"Upon it: "</small>{links}</p> })
}

/// Height of a picture that is tried for, screen px.
const HEIGHT: f64 = 120.0;

#[component]
fn Pictures(reflection: Rc<ReflectionView>) -> impl IntoView {
    let layers = Layer::of(&reflection.account);
    if layers.is_empty() {
        return ().into_any();
    }
    let zoom = RwSignal::new(Sheet::fitting(&reflection.account, HEIGHT));
    let under = RwSignal::new(None::<String>);
    let taken = if reflection.account.taken.is_empty() { "" } else { " Green corner: of another reflection." };
    let n = reflection.account.size()[0];
    let some = (n > MOST_IMAGES).then(|| {
        let [first, shown] = Sheet::new(&reflection.account, 1.0).images;
        let start = reflection.account.first_image + i64::from(reflection.account.bbox[4]) + first as i64;
        view! { <small>{format!("images {start} to {} of its {n}", start + shown as i64 - 1)}</small> }
    });
    let rows = layers.into_iter().map({
        let reflection = Rc::clone(&reflection);
        move |layer| view! { <LayerRow reflection=Rc::clone(&reflection) layer zoom under/> }
    });
    view! {
        <div class="row-head">
            <small>"Outlined: the reflection's own pixels. Hatched: not usable. Crossed: left out."{taken}" A number in each pixel when they are large."</small>
            {some}
            <span class="grow"></span>
            <label><small>"size "</small><input type="range" min="3" max="40" aria-label="Size of the pixels" data-testid="shoebox-zoom" prop:value=move || zoom.get().to_string()
                on:input:target=move |e| zoom.set(e.target().value().parse().unwrap_or(8.0))/></label>
        </div>
        <div class="scroll frames" on:pointerleave=move |_| under.set(None)>{rows.collect_view()}</div>
        <p class="under" data-testid="shoebox-pixel">{move || under.get().unwrap_or_else(|| "\u{a0}".to_owned())}</p>
    }
    .into_any()
}

#[component]
fn LayerRow(reflection: Rc<ReflectionView>, layer: Layer, zoom: RwSignal<f64>, under: RwSignal<Option<String>>) -> impl IntoView {
    let canvas: NodeRef<Canvas> = NodeRef::new();
    let ends = range(&reflection.account, layer);
    let drawn = Rc::clone(&reflection);
    let name = heading(&reflection.account, layer);
    Effect::new(move |_| {
        let sheet = Sheet::new(&drawn.account, zoom.get());
        if let Some(canvas) = canvas.get() {
            draw::draw(&canvas, &drawn.account, &sheet, layer, ends);
        }
    });
    let moved = move |e: PointerEvent| {
        let a = &reflection.account;
        let sheet = Sheet::new(a, zoom.get_untracked());
        let hit = sheet.hit([f64::from(e.offset_x()), f64::from(e.offset_y()) - draw::head(layer)]);
        under.set(hit.and_then(|[k, j, i]| {
            let [_, rows, columns] = a.size();
            let pixel = Pixel::of(a, (k * rows + j) * columns + i)?;
            let image = a.first_image + i64::from(a.bbox[4]) + k as i64;
            Some(format!("pixel ({}, {}) on image {image}, {}", a.bbox[0] + i as i32, a.bbox[2] + j as i32, pixel.words()))
        }));
    };
    view! {
        <div class="frame-row">
            <small class="name">{name}</small>
            <canvas node_ref=canvas data-layer=format!("{layer:?}").to_lowercase() role="img" aria-label=layer.title() on:pointermove=moved></canvas>
        </div>
    }
}
