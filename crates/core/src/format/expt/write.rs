use super::detector;
use super::object::degrees;
use crate::geometry::{Beam, Crystal, Experiment, ExperimentList, Extra, Goniometer, ImageSet, ImageSetKind, Probe, ProfileModel, Scan};
use crate::math::{Vec3, rows_of};
use serde_json::{Map, Value, json};

/// Writes a `.expt` file that DIALS 3.12 and later read.
pub fn write(list: &ExperimentList) -> Vec<u8> {
    let mut out = Map::new();
    out.insert("__id__".into(), "ExperimentList".into());
    out.insert("experiment".into(), list.experiments.iter().map(experiment).collect());
    out.insert("imageset".into(), list.imagesets.iter().map(imageset).collect());
    out.insert("beam".into(), list.beams.iter().map(beam).collect());
    out.insert("detector".into(), list.detectors.iter().map(detector::write).collect());
    out.insert("goniometer".into(), list.goniometers.iter().map(goniometer).collect());
    out.insert("scan".into(), list.scans.iter().map(scan).collect());
    out.insert("crystal".into(), list.crystals.iter().map(crystal).collect());
    out.insert("profile".into(), list.profiles.iter().map(profile).collect());
    out.insert("scaling_model".into(), Value::Array(list.scaling_models.clone()));
    out.extend(list.extra.clone());
    let mut text = serde_json::to_vec_pretty(&Value::Object(out)).unwrap_or_default();
    text.push(b'\n');
    text
}

fn with_extra(value: Value, extra: &Extra) -> Value {
    match value {
        Value::Object(mut map) => {
            for (k, v) in extra {
                map.entry(k.clone()).or_insert_with(|| v.clone());
            }
            Value::Object(map)
        }
        other => other,
    }
}

fn triple(v: &Vec3) -> [f64; 3] {
    [v.x, v.y, v.z]
}

fn experiment(e: &Experiment) -> Value {
    let mut out = Map::new();
    out.insert("__id__".into(), "Experiment".into());
    out.insert("identifier".into(), e.identifier.clone().into());
    let indices = [
        ("beam", e.beam),
        ("detector", e.detector),
        ("goniometer", e.goniometer),
        ("scan", e.scan),
        ("crystal", e.crystal),
        ("profile", e.profile),
        ("imageset", e.imageset),
        ("scaling_model", e.scaling_model),
    ];
    for (key, index) in indices {
        if let Some(i) = index {
            out.insert(key.into(), i.into());
        }
    }
    Value::Object(out)
}

fn beam(b: &Beam) -> Value {
    let mut out = json!({
        "direction": triple(&b.direction), "wavelength": b.wavelength,
        "divergence": degrees(b.divergence), "sigma_divergence": degrees(b.sigma_divergence),
        "polarization_normal": triple(&b.polarization_normal), "polarization_fraction": b.polarization_fraction,
        "flux": b.flux, "transmission": b.transmission
    });
    // DIALS 3.12 does not know the key, and x-ray is the default of later versions.
    match b.probe {
        Probe::XRay => {}
        Probe::Electron => out["probe"] = "electron".into(),
        Probe::Neutron => out["probe"] = "neutron".into(),
    }
    with_extra(out, &b.extra)
}

fn goniometer(g: &Goniometer) -> Value {
    let out = if g.axes.is_empty() {
        json!({
            "rotation_axis": triple(&g.rotation_axis),
            "fixed_rotation": rows_of(&g.fixed_rotation),
            "setting_rotation": rows_of(&g.setting_rotation)
        })
    } else {
        json!({
            "axes": g.axes.iter().map(|a| triple(&a.direction)).collect::<Vec<_>>(),
            "angles": g.axes.iter().map(|a| degrees(a.angle)).collect::<Vec<_>>(),
            "names": g.axes.iter().map(|a| a.name.clone()).collect::<Vec<_>>(),
            "scan_axis": g.scan_axis
        })
    };
    with_extra(out, &g.extra)
}

fn scan(s: &Scan) -> Value {
    // dxtbx wants one entry per image.
    let per_image = |v: &[f64]| -> Vec<f64> { (0..s.n_images).map(|i| v.get(i).or(v.last()).copied().unwrap_or(0.0)).collect() };
    let out = json!({
        "image_range": [s.first_image, s.last_image()], "batch_offset": s.batch_offset,
        "oscillation": [degrees(s.phi0), degrees(s.width)],
        "exposure_time": per_image(&s.exposure_times), "epochs": per_image(&s.epochs),
        "valid_image_ranges": {}
    });
    let mut out = with_extra(out, &s.extra);
    if let Some(ranges) = s.extra.get("valid_image_ranges") {
        out["valid_image_ranges"] = ranges.clone();
    }
    out
}

fn crystal(c: &Crystal) -> Value {
    let [a, b, cc] = c.real_space();
    let mut out = json!({
        "__id__": "crystal",
        "real_space_a": triple(&a), "real_space_b": triple(&b), "real_space_c": triple(&cc),
        "space_group_hall_symbol": c.hall_symbol
    });
    if !c.a_at_scan_points.is_empty() {
        out["A_at_scan_points"] = c.a_at_scan_points.iter().map(|m| json!(rows_of(m))).collect();
    }
    if !c.b_covariance.is_empty() {
        out["B_covariance"] = json!(c.b_covariance);
    }
    with_extra(out, &c.extra)
}

fn profile(p: &ProfileModel) -> Value {
    with_extra(json!({ "__id__": "gaussian_rs", "n_sigma": p.n_sigma, "sigma_b": p.sigma_b_deg, "sigma_m": p.sigma_m_deg }), &p.extra)
}

fn imageset(i: &ImageSet) -> Value {
    let id = match i.kind {
        ImageSetKind::Sequence => "ImageSequence",
        ImageSetKind::Stills => "ImageSet",
    };
    let mut out = json!({ "__id__": id, "template": i.template });
    if !i.single_file_indices.is_empty() {
        out["single_file_indices"] = json!(i.single_file_indices);
    }
    for key in ["mask", "gain", "pedestal", "dx", "dy"] {
        out[key] = i.extra.get(key).cloned().unwrap_or(Value::Null);
    }
    let mut out = with_extra(out, &i.extra);
    if out.get("params").is_none() {
        out["params"] = json!({ "dynamic_shadowing": "Auto", "multi_panel": false });
    }
    out
}
