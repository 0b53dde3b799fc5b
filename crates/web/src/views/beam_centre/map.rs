use ewald_core::report::{HeatMap, VIRIDIS, svg::ticks};
use leptos::prelude::*;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData, PointerEvent};

use crate::present::plot::plain;
use crate::save::save_text;

/// Where the map stands in the drawing: left, top, width.
const FRAME: [f64; 3] = [58.0, 44.0, 460.0];
/// Room at the right and below.
const RIGHT: f64 = 58.0;
const BOTTOM: f64 = 44.0;

/// A map of scores over beam centres: pixels below and to the left, millimetres from the header's centre above and to the right.
#[component]
pub fn MapView(
    /// The map, its axes in px.
    map: HeatMap,
    /// The header's centre, px.
    old: [f64; 2],
    /// Size of a pixel, mm.
    pixel: [f64; 2],
) -> impl IntoView {
    let [left, top, w] = FRAME;
    let [x0, x1, y0, y1] = map.edges();
    let h = (w * ((y1 - y0) * pixel[1] / ((x1 - x0) * pixel[0])).abs()).clamp(100.0, 900.0);
    let place = move |[x, y]: [f64; 2]| [left + (x - x0) / (x1 - x0) * w, top + (y - y0) / (y1 - y0) * h];
    let picture = picture(&map).unwrap_or_default();
    let text = |x: f64, y: f64, anchor: &'static str, t: String| view! { <text x=x y=y text-anchor=anchor>{t}</text> };
    let mm = move |axis: usize, px: f64| (px - old[axis]) * pixel[axis];
    let px_of = move |axis: usize, mm: f64| old[axis] + mm / pixel[axis];
    let below = ticks(x0, x1, 5).into_iter().map(|v| text(place([v, y0])[0], top + h + 14.0, "middle", plain(v)));
    let beside = ticks(y0, y1, 5).into_iter().map(|v| text(left - 6.0, place([x0, v])[1] + 3.5, "end", plain(v)));
    let above = ticks(mm(0, x0), mm(0, x1), 5).into_iter().map(|v| text(place([px_of(0, v), y0])[0], top - 6.0, "middle", plain(v)));
    let right =
        ticks(mm(1, y0), mm(1, y1), 5).into_iter().map(|v| text(left + w + 6.0, place([x0, px_of(1, v)])[1] + 3.5, "start", plain(v)));
    let marks = map.marks.clone();
    let marks = marks.into_iter().map(|(name, at)| {
        let [x, y] = place(at);
        let cross = format!("M{} {y}h18M{x} {}v18", x - 9.0, y - 9.0);
        let label = name.clone();
        // Names on either side: the two may be near each other.
        let (ink, aside, anchor) = if name == "found" { ("#ff9d4d", -11.0, "end") } else { ("#ffffff", 11.0, "start") };
        view! {
            <g class="mark" data-mark=name>
                <path d=cross.clone() stroke="#000" stroke-width="5" stroke-opacity=".6"/>
                <path d=cross stroke=ink stroke-width="2"/>
                <text x=x + aside y=y + 4.0 text-anchor=anchor>{label}</text>
            </g>
        }
    });
    let [low, high] = map.extremes();
    let stops = VIRIDIS.iter().enumerate().map(|(k, [r, g, b])| {
        view! { <stop offset=format!("{:.1}%", 100.0 * k as f64 / 15.0) stop-color=format!("rgb({r} {g} {b})")/> }
    });
    let stops = stops.collect_view();
    let drawing = map.to_svg();
    let (title, id) = (map.title.clone(), map.id.clone());
    let map = StoredValue::new(map);
    let cursor = RwSignal::new(None::<[f64; 2]>);
    let height = top + h + BOTTOM;
    let width = left + w + RIGHT;
    let moved = move |e: PointerEvent| {
        let rect = e.current_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()).map(|t| t.get_bounding_client_rect());
        cursor.set(rect.map(|r| {
            let at = [(f64::from(e.client_x()) - r.left()) / r.width() * width, (f64::from(e.client_y()) - r.top()) / r.height() * height];
            [x0 + (at[0] - left) / w * (x1 - x0), y0 + (at[1] - top) / h * (y1 - y0)]
        }));
    };
    let words = move || {
        let at = cursor.get()?;
        let score = map.with_value(|m| m.at(at))?;
        Some(format!("fast {:.1}, slow {:.1} px · shift {:+.2}, {:+.2} mm · score {score:.3}", at[0], at[1], mm(0, at[0]), mm(1, at[1])))
    };
    let save_csv = move |_| {
        map.with_value(|m| {
            let mut out = "fast_px,slow_px,score\n".to_owned();
            let step = |range: [f64; 2], n: usize, k: usize| range[0] + (range[1] - range[0]) * k as f64 / (n.max(2) - 1) as f64;
            for (k, v) in m.values.iter().enumerate() {
                let (i, j) = (k % m.size[0], k / m.size[0]);
                out += &format!("{:.3},{:.3},{:.5}\n", step(m.range_x, m.size[0], i), step(m.range_y, m.size[1], j), v.unwrap_or(f64::NAN));
            }
            save_text("beam_centre_map.csv", "text/csv", &out);
        });
    };
    let save_svg = move |_| {
        let named = "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"11\" ";
        save_text("beam_centre_map.svg", "image/svg+xml", &drawing.replacen("<svg ", named, 1));
    };
    view! {
        <figure class="plot map" data-plot=id data-testid="beam-map">
            <figcaption>
                <strong>{title.clone()}</strong>
                <span class="under" data-testid="beam-under">{words}</span>
                <button class="link" title="The numbers as comma-separated values" on:click=save_csv>"CSV"</button>
                <button class="link" title="The picture" on:click=save_svg>"SVG"</button>
            </figcaption>
            <svg viewBox=format!("0 0 {width} {height:.0}") role="img" aria-label=title on:pointermove=moved on:pointerdown=moved on:pointerleave=move |_| cursor.set(None)>
                <defs><linearGradient id="beam-ramp">{stops}</linearGradient></defs>
                <image x=left y=top width=w height=h href=picture preserveAspectRatio="none" style="image-rendering:pixelated"/>
                <rect x=left y=top width=w height=h class="axis"/>
                {below.collect_view()}{beside.collect_view()}{above.collect_view()}{right.collect_view()}
                {text(left + w / 2.0, 14.0, "middle", "shift of the beam along fast (mm)".to_owned())}
                {text(left + w / 2.0, top + h + 32.0, "middle", "beam centre, fast (px)".to_owned())}
                <text transform=format!("translate(12 {}) rotate(-90)", top + h / 2.0) text-anchor="middle">"beam centre, slow (px)"</text>
                <text transform=format!("translate({} {}) rotate(90)", width - 8.0, top + h / 2.0) text-anchor="middle">"shift along slow (mm)"</text>
                {marks.collect_view()}
            </svg>
            <p class="keys"><span>{format!("score {low:.2}")}</span><svg class="ramp" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="10" fill="url(#beam-ramp)"/></svg><span>{format!("{high:.2}; 1 is a perfect lattice")}</span></p>
        </figure>
    }
}

/// The cells as a picture's address.
fn picture(map: &HeatMap) -> Option<String> {
    let canvas: HtmlCanvasElement = document().create_element("canvas").ok()?.dyn_into().ok()?;
    let [w, h] = map.size.map(|n| n as u32);
    canvas.set_width(w);
    canvas.set_height(h);
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    let rgba: Vec<u8> = map.colours().into_iter().flat_map(|[r, g, b]| [r, g, b, 255]).collect();
    context.put_image_data(&ImageData::new_with_u8_clamped_array_and_sh(Clamped(&rgba), w, h).ok()?, 0.0, 0.0).ok()?;
    canvas.to_data_url().ok()
}
