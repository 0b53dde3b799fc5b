//! Panels in the file are given relative to their group; in [`Panel`] they are absolute.

use super::object::{ExptError, Object, count, fixed, vector};
use crate::geometry::{Detector, Panel, PxMm};
use crate::math::{Mat3, Vec3};
use serde_json::{Value, json};

/// The frame of a group of panels: position in the laboratory = origin + axes · position in the group.
#[derive(Clone, Copy)]
struct Frame {
    origin: Vec3,
    axes: Mat3,
}

impl Frame {
    const LAB: fn() -> Frame = || Frame { origin: Vec3::zeros(), axes: Mat3::identity() };

    /// The frame of a group given inside this one.
    fn of_group(&self, group: &Value) -> Option<Frame> {
        let get = |key: &str| group.get(key).and_then(vector);
        let (fast, slow, origin) = (get("fast_axis")?, get("slow_axis")?, get("origin")?);
        let normal = fast.cross(&slow);
        Some(Frame { origin: self.origin + self.axes * origin, axes: self.axes * Mat3::from_columns(&[fast, slow, normal]) })
    }
}

/// The frame of each panel's parent group.
fn parents(hierarchy: Option<&Value>, n: usize) -> Vec<Frame> {
    fn walk(group: &Value, parent: Frame, out: &mut [Frame], depth: usize) {
        let frame = parent.of_group(group).unwrap_or(parent);
        for child in group.get("children").and_then(Value::as_array).into_iter().flatten() {
            match child.get("panel").and_then(count) {
                Some(i) if i < out.len() => out[i] = frame,
                Some(_) => {}
                None if depth < 32 => walk(child, frame, out, depth + 1),
                None => {}
            }
        }
    }
    let mut out = vec![Frame::LAB(); n];
    if let Some(root) = hierarchy {
        walk(root, Frame::LAB(), &mut out, 0);
    }
    out
}

pub(super) fn read(path: &str, value: Value) -> Result<Detector, ExptError> {
    let mut o = Object::new(path.to_owned(), value)?;
    let panels = o.need("panels", "a list of panels", |v| v.as_array().cloned())?;
    let hierarchy = o.take("hierarchy");
    let frames = parents(hierarchy.as_ref(), panels.len());
    let panels = panels
        .into_iter()
        .zip(&frames)
        .enumerate()
        .map(|(i, (p, frame))| read_panel(format!("{path}.panels[{i}]"), p, frame))
        .collect::<Result<_, _>>()?;
    Ok(Detector { panels, hierarchy, extra: o.rest() })
}

fn read_panel(path: String, value: Value, parent: &Frame) -> Result<Panel, ExptError> {
    const VECTOR: &str = "a vector of three numbers, not zero";
    let mut o = Object::new(path, value)?;
    let axis = |o: &mut Object, key| o.direction(key)?.ok_or_else(|| o.fail(key, VECTOR));
    let (fast, slow) = (axis(&mut o, "fast_axis")?, axis(&mut o, "slow_axis")?);
    let origin = o.need("origin", "a vector of three numbers (mm)", vector)?;
    let pair = |v: &Value| fixed::<2>(v);
    let sizes = |v: &Value| -> Option<[usize; 2]> { v.as_array()?.iter().map(count).collect::<Option<Vec<_>>>()?.try_into().ok() };
    let ints = |v: &Value| -> Option<Vec<i64>> { v.as_array()?.iter().map(Value::as_i64).collect() };
    let rectangles = |v: &Value| -> Option<Vec<[i64; 4]>> { v.as_array()?.iter().map(|r| ints(r)?.try_into().ok()).collect() };
    let strategy = |v: &Value| match v.get("type")?.as_str()? {
        "SimplePxMmStrategy" => Some(PxMm::Simple),
        "ParallaxCorrectedPxMmStrategy" => Some(PxMm::Parallax),
        _ => None,
    };
    Ok(Panel {
        name: o.text_or_empty("name")?,
        kind: o.text_or_empty("type")?,
        identifier: o.text_or_empty("identifier")?,
        fast: parent.axes * fast,
        slow: parent.axes * slow,
        origin: parent.origin + parent.axes * origin,
        pixel_size: o.need("pixel_size", "two positive numbers (mm)", |v| pair(v).filter(|p| p.iter().all(|x| *x > 0.0)))?,
        image_size: o.need("image_size", "two whole numbers (px)", sizes)?,
        raw_image_offset: o.get("raw_image_offset", "two whole numbers (px)", |v| ints(v)?.try_into().ok())?.unwrap_or([0, 0]),
        trusted_range: from_half(o.get("trusted_range", "two numbers", pair)?.unwrap_or([f64::MIN, f64::MAX])),
        thickness: o.number_or("thickness", 0.0)?,
        material: o.text_or_empty("material")?,
        mu: o.number_or("mu", 0.0)?,
        gain: o.number_or("gain", 1.0)?,
        pedestal: o.number_or("pedestal", 0.0)?,
        mask: o.get("mask", "a list of rectangles of four whole numbers", rectangles)?.unwrap_or_default(),
        px_mm: o.get("px_mm_strategy", "SimplePxMmStrategy or ParallaxCorrectedPxMmStrategy", strategy)?.unwrap_or_default(),
        extra: o.rest(),
    })
}

pub(super) fn write(detector: &Detector) -> Value {
    let frames = parents(detector.hierarchy.as_ref(), detector.panels.len());
    let panels: Vec<Value> = detector.panels.iter().zip(&frames).map(|(p, f)| write_panel(p, f)).collect();
    let mut out = json!({ "panels": panels, "hierarchy": detector.hierarchy.clone().unwrap_or_else(|| flat_hierarchy(panels.len())) });
    if let Value::Object(map) = &mut out {
        map.extend(detector.extra.clone());
    }
    out
}

/// The tree of a detector without groups, as dxtbx writes it.
fn flat_hierarchy(n: usize) -> Value {
    let children: Vec<Value> = (0..n).map(|i| json!({ "panel": i })).collect();
    json!({
        "name": "", "type": "", "fast_axis": [1.0, 0.0, 0.0], "slow_axis": [0.0, 1.0, 0.0], "origin": [0.0, 0.0, 0.0],
        "raw_image_offset": [0, 0], "image_size": [0, 0], "pixel_size": [0.0, 0.0], "trusted_range": [0.0, 0.0],
        "thickness": 0.0, "material": "", "mu": 0.0, "identifier": "", "mask": [], "gain": 1.0, "pedestal": 0.0,
        "px_mm_strategy": { "type": "SimplePxMmStrategy" }, "children": children
    })
}

/// The trusted range as all versions of DIALS understand it: up to 3.12 the lowest value was one that is *not* trusted, so that with 0 no pixel
/// without counts was used, nor any reflection around it; since then it is trusted. Half a count lower means the same to both.
fn to_half([low, high]: [f64; 2]) -> [f64; 2] {
    [if low >= 0.0 && low.fract() == 0.0 { low - 0.5 } else { low }, high]
}

/// What [`to_half`] was made of.
fn from_half([low, high]: [f64; 2]) -> [f64; 2] {
    [if low >= -0.5 && low.fract().abs() == 0.5 { low + 0.5 } else { low }, high]
}

fn write_panel(p: &Panel, parent: &Frame) -> Value {
    let inverse = parent.axes.try_inverse().unwrap_or_else(Mat3::identity);
    let triple = |v: Vec3| [v.x, v.y, v.z];
    let strategy = match p.px_mm {
        PxMm::Simple => "SimplePxMmStrategy",
        PxMm::Parallax => "ParallaxCorrectedPxMmStrategy",
    };
    let mut out = json!({
        "name": p.name, "type": p.kind,
        "fast_axis": triple(inverse * p.fast), "slow_axis": triple(inverse * p.slow),
        "origin": triple(inverse * (p.origin - parent.origin)),
        "raw_image_offset": p.raw_image_offset, "image_size": p.image_size, "pixel_size": p.pixel_size,
        "trusted_range": to_half(p.trusted_range), "thickness": p.thickness, "material": p.material, "mu": p.mu,
        "identifier": p.identifier, "mask": p.mask, "gain": p.gain, "pedestal": p.pedestal,
        "px_mm_strategy": { "type": strategy }
    });
    if let Value::Object(map) = &mut out {
        map.extend(p.extra.clone());
    }
    out
}
