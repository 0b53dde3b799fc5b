use leptos::prelude::*;

use super::{LatticeViewer, point};
use crate::present::lattice::axes::{self, Drawn, Kind, Line};
use crate::present::lattice::colour::{self, Legend};

/// The axes' labels, and the spot that is lit, over the points; the lines themselves are drawn with the points.
#[component]
pub fn Overlay(viewer: LatticeViewer) -> impl IntoView {
    let v = viewer;
    let ratio = move || window().device_pixel_ratio().max(1.0);
    let place = move |line: &Line| v.camera.get().map(|c| axes::draw(line, &c));
    let one = move |line: Line| {
        let class = match line.kind {
            Kind::Reciprocal => "star",
            Kind::Direct => "cell",
            Kind::Setting => "setting",
        };
        let (label, own) = (line.label.clone(), line.colour.map(colour::css));
        let line = StoredValue::new(line);
        let drawn = Memo::new(move |_| line.with_value(place).map(|d| scaled(&d, 1.0 / ratio())));
        let at = move |i: usize| move || drawn.with(|d| d.as_ref().map_or(0.0, |d| (10.0 * d.label[i]).round() / 10.0));
        view! {
            <text class=class style:color=own x=at(0) y=at(1)>{label}</text>
        }
    };
    let lit = move || {
        let row = v.lit.get()?;
        let groups = v.groups.get();
        let camera = v.camera.get()?;
        let at = v.header(|l| point(l, &groups, row)).flatten()?;
        let ([x, y], _) = camera.screen(&at);
        Some([x / ratio(), y / ratio()])
    };
    view! {
        <svg class="lines" aria-hidden="true">
            {move || v.lines.get().into_iter().map(one).collect_view()}
            {move || lit().map(|[x, y]| view! { <circle class="lit" data-testid="lattice-lit" cx=x cy=y r="9"/> })}
        </svg>
    }
}

fn scaled(d: &Drawn, by: f64) -> Drawn {
    Drawn { ends: d.ends.map(|e| e.map(|v| v * by)), label: d.label.map(|v| v * by), point: d.point }
}

/// What the colours mean, and how many points there are.
#[component]
pub fn LegendLine(viewer: LatticeViewer) -> impl IntoView {
    let v = viewer;
    let legend = Memo::new(move |_| v.legend());
    let count = move || {
        let all = v.header(|l| (l.header.n, l.header.after))?;
        let shown = match v.shown.get() {
            Some(n) if n != all.0 => format!("{n} of {} points", all.0),
            _ => format!("{} points", all.0),
        };
        Some(format!("{shown} · {}", all.1.title()))
    };
    let keys = move || match legend.get()? {
        Legend::Kinds(kinds) => {
            let kinds = kinds.into_iter().map(|(colour, name)| view! { <span class="key"><i style:background=colour></i>{name}</span> });
            Some(kinds.collect_view().into_any())
        }
        Legend::Scale { colours, from, to } => {
            let ramp = format!("linear-gradient(to right, {})", colours.join(", "));
            Some(view! { <span class="key">{from}<i class="ramp" style:background=ramp></i>{to}</span> }.into_any())
        }
    };
    view! { <p class="legend" data-testid="lattice-legend"><span>{count}</span>{keys}</p> }
}
