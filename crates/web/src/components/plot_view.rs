use ewald_core::report::{Plot, Style};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::PointerEvent;

use crate::present::plot::{Curve, csv, layout, named, value};
use crate::save::save_text;

/// A plot with the values under the cursor; a range dragged along the horizontal axis is shown larger.
#[component]
pub fn PlotView(plot: Plot, #[prop(default = [560.0, 260.0])] size: [f64; 2]) -> impl IntoView {
    let plot = StoredValue::new(plot);
    let range = RwSignal::new(None::<[f64; 2]>);
    let drawn = Memo::new(move |_| plot.with_value(|p| layout(p, size, range.get())));
    let frame = drawn.with_untracked(|d| d.frame);
    let [left, right, top, bottom] = frame;
    let cursor = RwSignal::new(None::<f64>);
    let pressed = RwSignal::new(None::<f64>);

    let place = move |e: &PointerEvent| {
        let Some(rect) = e.current_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()).map(|t| t.get_bounding_client_rect())
        else {
            return left;
        };
        ((f64::from(e.client_x()) - rect.left()) * size[0] / rect.width().max(1.0)).clamp(left, right)
    };
    // The value at a place follows from two points that are not at the same place.
    let value_at = move |place: f64| {
        drawn.with_untracked(|d| {
            let all = || d.curves.iter().flat_map(|c| &c.points);
            let first = all().min_by(|a, b| a.0[0].total_cmp(&b.0[0]))?;
            let last = all().max_by(|a, b| a.0[0].total_cmp(&b.0[0]))?;
            let span = last.0[0] - first.0[0];
            (span > 0.0).then(|| first.1[0] + (place - first.0[0]) / span * (last.1[0] - first.1[0]))
        })
    };
    let up = move |e: PointerEvent| {
        let Some(from) = pressed.get_untracked() else { return };
        pressed.set(None);
        let to = place(&e);
        if (to - from).abs() > 8.0
            && let (Some(a), Some(b)) = (value_at(from.min(to)), value_at(from.max(to)))
        {
            range.set(Some([a, b]));
        }
    };
    let nearest = move |c: &Curve, x: f64| c.points.iter().min_by(|a, b| (a.0[0] - x).abs().total_cmp(&(b.0[0] - x).abs())).copied();
    let under = move || {
        let x = cursor.get()?;
        let at = drawn
            .with(|d| d.curves.iter().filter_map(|c| nearest(c, x)).min_by(|a, b| (a.0[0] - x).abs().total_cmp(&(b.0[0] - x).abs())))?;
        let values = drawn.with(|d| {
            let rows = d
                .curves
                .iter()
                .filter_map(|c| Some((c.label.clone(), c.colour, nearest(c, at.0[0]).filter(|p| (p.0[0] - at.0[0]).abs() < 2.0)?)));
            rows.take(8).collect::<Vec<_>>()
        });
        Some((at, values))
    };
    let words = move || {
        let Some((at, values)) = under() else { return String::new() };
        plot.with_value(|p| {
            let several = values.len() > 1;
            let each = values.iter().map(|(label, _, point)| {
                format!("{}{}", if several { format!("{label} ") } else { String::new() }, value(&p.y, point.1[1]))
            });
            format!("{}: {}", value(&p.x, at.1[0]), each.collect::<Vec<_>>().join(" · "))
        })
    };
    let dots = move || {
        under().map(|(_, values)| {
            values.into_iter().map(|(_, colour, p)| view! { <circle cx=p.0[0] cy=p.0[1] r="3.5" fill=colour/> }).collect_view()
        })
    };
    let grid = move || {
        drawn.with(|d| {
            let xs = d.x_ticks.iter().map(|(x, label)| {
                view! { <path d=format!("M{x:.1} {top}V{bottom}") class="grid"/><text x=*x y=bottom + 14.0 text-anchor="middle">{label.clone()}</text> }.into_any()
            });
            let ys = d.y_ticks.iter().map(|(y, label)| {
                view! { <path d=format!("M{left} {y:.1}H{right}") class="grid"/><text x=left - 6.0 y=y + 3.5 text-anchor="end">{label.clone()}</text> }.into_any()
            });
            xs.chain(ys).collect_view()
        })
    };
    let curves = move || {
        drawn.with(|d| {
            let one = |c: &Curve| match c.style {
                Style::Line => {
                    view! { <path d=c.path.clone() fill="none" stroke=c.colour stroke-width="1.5" stroke-linejoin="round"/> }.into_any()
                }
                Style::Points => {
                    view! { <path d=c.path.clone() fill="none" stroke=c.colour stroke-width="3" stroke-linecap="round"/> }.into_any()
                }
                Style::Bars => view! { <path d=c.path.clone() fill=c.colour/> }.into_any(),
            };
            d.curves.iter().map(one).collect_view()
        })
    };
    let (title, id, x_name, y_name, keys) = plot.with_value(|p| {
        let labels: Vec<(String, &'static str)> = layout(p, size, None).curves.into_iter().map(|c| (c.label, c.colour)).collect();
        (p.title.clone(), p.id.clone(), named(&p.x), named(&p.y), if labels.len() > 1 { labels } else { Vec::new() })
    });
    let keys =
        keys.into_iter().map(|(label, colour)| view! { <span class="key"><i style:background=colour></i>{label}</span> }).collect_view();
    let (csv_name, svg_name) = (format!("{id}.csv"), format!("{id}.svg"));
    let save_csv = move |_| plot.with_value(|p| save_text(&csv_name, "text/csv", &csv(p)));
    let save_svg = move |_| {
        plot.with_value(|p| {
            save_text(
                &svg_name,
                "image/svg+xml",
                &p.to_svg().replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"11\" ", 1),
            )
        });
    };
    view! {
        <figure class="plot" data-plot=id>
            <figcaption>
                <strong>{title.clone()}</strong>
                <span class="grow"></span>
                <Show when=move || range.get().is_some()><button class="link" on:click=move |_| range.set(None)>"whole range"</button></Show>
                <button class="link" title="The numbers as comma-separated values" on:click=save_csv>"CSV"</button>
                <button class="link" title="The picture" on:click=save_svg>"SVG"</button>
            </figcaption>
            <div class="keys">{keys}<span class="under">{words}</span></div>
            <div on:pointermove=move |e| cursor.set(Some(place(&e))) on:pointerleave=move |_| { cursor.set(None); pressed.set(None) }
                on:pointerdown=move |e| pressed.set(Some(place(&e))) on:pointerup=up on:dblclick=move |_| range.set(None)>
                <svg viewBox=format!("0 0 {} {}", size[0], size[1]) role="img" aria-label=title>
                    {grid}
                    <path d=format!("M{left} {top}V{bottom}H{right}") class="axis"/>
                    <text x=(left + right) / 2.0 y=size[1] - 6.0 text-anchor="middle">{x_name}</text>
                    <text transform=format!("translate(11 {}) rotate(-90)", (top + bottom) / 2.0) text-anchor="middle">{y_name}</text>
                    {curves}
                    {move || pressed.get().zip(cursor.get()).map(|(a, b)| view! { <rect class="range" x=a.min(b) y=top width=(a - b).abs() height=bottom - top/> })}
                    {dots}
                </svg>
            </div>
        </figure>
    }
}
