//! For programs that drive the page: `window.ewaldLattice()` tells what is drawn, `window.ewaldLattice(row)` also where a spot is.

use js_sys::{Array, Object, Reflect};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use super::{LatticeViewer, point};

/// Puts `ewaldLattice` into the window.
pub fn publish(v: LatticeViewer) {
    let tell = Closure::<dyn Fn(Option<u32>) -> JsValue>::new(move |row: Option<u32>| untrack(|| tell(v, row.map(|r| r as usize))));
    // Setting a property of the window does not fail.
    Reflect::set(&window(), &"ewaldLattice".into(), tell.as_ref()).ok();
    tell.forget();
}

fn tell(v: LatticeViewer, row: Option<usize>) -> JsValue {
    let object = Object::new();
    let set = |name: &str, value: JsValue| Reflect::set(&object, &name.into(), &value).unwrap_or_default();
    let cost = v.cost.get_value();
    set("points", v.header(|l| l.header.n).unwrap_or(0).into());
    set("after", v.header(|l| l.header.after.name()).unwrap_or_default().into());
    set("shown", v.shown.get().map_or(JsValue::NULL, JsValue::from));
    set("drawn", cost.drawn.into());
    set("stride", cost.stride.into());
    set("frame", cost.frame.into());
    set("longest", cost.longest.into());
    set("frames", cost.all.into());
    set("colour", v.colour_by().title().into());
    set("radius", v.radius.get().into());
    set("lit", v.lit.get().map_or(JsValue::NULL, JsValue::from));
    if let Some(row) = row {
        set("spot", spot(v, row).unwrap_or(JsValue::NULL));
    }
    object.into()
}

/// A spot's own numbers, and where its point is, CSS px from the canvas' top left corner.
fn spot(v: LatticeViewer, row: usize) -> Option<JsValue> {
    let groups = v.groups.get();
    let camera = v.camera.get()?;
    v.header(|l| {
        let spot = l.spot(row)?;
        let point = point(l, &groups, row)?;
        let (at, depth) = camera.screen(&point);
        let at = at.map(|p| p / window().device_pixel_ratio());
        let numbers = |all: &[f64]| all.iter().map(|n| JsValue::from(*n)).collect::<Array>();
        let out = Object::new();
        let set = |name: &str, value: JsValue| Reflect::set(&out, &name.into(), &value).unwrap_or_default();
        set("at", numbers(&at).into());
        set("depth", depth.into());
        set("point", numbers(&[point.x, point.y, point.z]).into());
        set("sweep", spot.sweep.into());
        set("image", spot.image.into());
        set("px", numbers(&spot.at).into());
        set("hkl", l.hkl(row).map_or(JsValue::NULL, |h| numbers(&h.map(f64::from)).into()));
        Some(out.into())
    })
    .flatten()
}
