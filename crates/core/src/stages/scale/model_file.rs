//! The scaling model as DIALS' experiment files hold it.

use super::error_model::ErrorModel;
use super::grid::Grid;
use super::input::Observations;
use super::model::{INSIDE, SweepModel};
use crate::geometry::Scan;
use serde_json::{Map, Value, json};

/// A sweep's model in DIALS' form: `physical` for smooth models, `KB` for constants, `array` for grids.
pub(super) fn to_json(model: &SweepModel, scan: &Scan, error: &ErrorModel, imid: f64) -> Value {
    let layout = &model.layout;
    if let Some(grid) = &layout.grid {
        return array_to_json(model, grid, scan, error, imid);
    }
    let constant = layout.scale_points <= 1 && layout.decay_points <= 1 && layout.lmax == 0;
    let mut corrections = Vec::new();
    let mut out = Map::new();
    out.insert("__id__".into(), json!(if constant { "KB" } else { "physical" }));
    let mut config = Map::new();
    let mut component = |name: &str, null_value: f64, parameters: &[f64], esds: &[f64]| {
        corrections.push(json!(name));
        let mut c = Map::new();
        c.insert("n_parameters".into(), json!(parameters.len()));
        c.insert("parameters".into(), json!(parameters));
        c.insert("null_parameter_value".into(), json!(null_value));
        if esds.len() == parameters.len() {
            c.insert("est_standard_devs".into(), json!(esds));
        }
        out.insert(name.into(), Value::Object(c));
    };
    let esds = |from: usize, n: usize| if model.esds.is_empty() { &[][..] } else { &model.esds[from..from + n] };
    let (ns, nd, na) = (layout.scale_points, layout.decay_points, model.absorption().len());
    match ns {
        // DIALS' KB model always has a scale.
        0 => component("scale", 1.0, &[1.0], &[0.0]),
        _ => component("scale", 1.0, model.scale(), esds(0, ns)),
    }
    if nd > 0 {
        component("decay", 0.0, model.decay(), esds(ns, nd));
    }
    if na > 0 {
        component("absorption", 0.0, model.absorption(), esds(ns + nd, na));
    }
    config.insert("corrections".into(), Value::Array(corrections));
    if !constant {
        let [start, end] = scan.phi_range().map(f64::to_degrees);
        config.insert("valid_osc_range".into(), json!([start, end]));
        config.insert("valid_image_range".into(), json!([scan.first_image, scan.last_image()]));
        let width = scan.width.to_degrees().abs();
        config.insert("s_norm_fac".into(), json!(INSIDE * width / layout.scale_interval_deg));
        config.insert("scale_rot_interval".into(), json!(layout.scale_interval_deg));
        if nd > 0 {
            config.insert("d_norm_fac".into(), json!(INSIDE * width / layout.decay_interval_deg));
            config.insert("decay_rot_interval".into(), json!(layout.decay_interval_deg));
        }
        if na > 0 {
            config.insert("lmax".into(), json!(layout.lmax));
            config.insert("abs_surface_weight".into(), json!(layout.surface_weight));
        }
    }
    how_found(&mut config, error, imid);
    out.insert("configuration_parameters".into(), Value::Object(config));
    Value::Object(out)
}

fn how_found(config: &mut Map<String, Value>, error: &ErrorModel, imid: f64) {
    config.insert("error_model_type".into(), json!("BasicErrorModel"));
    config.insert("error_model_parameters".into(), json!([error.a, error.b]));
    config.insert("Imid".into(), json!(imid));
}

fn array_to_json(model: &SweepModel, grid: &Grid, scan: &Scan, error: &ErrorModel, imid: f64) -> Value {
    let [start, end] = scan.phi_range().map(f64::to_degrees);
    let interval = model.layout.scale_interval_deg;
    let mut config = json!({
        "corrections": ["decay"],
        "valid_osc_range": [start, end],
        "valid_image_range": [scan.first_image, scan.last_image()],
        "n_time_param": grid.time_points,
        "time_norm_fac": INSIDE * scan.width.to_degrees().abs() / interval,
        "time_rot_interval": interval,
        "n_res_param": grid.resolution_points,
        "resmin": grid.resolution_min,
        "res_bin_width": grid.resolution_width,
    });
    let component = |from: usize, n: usize| {
        let mut c = json!({ "n_parameters": n, "parameters": model.parameters[from..from + n], "null_parameter_value": 1.0 });
        if !model.esds.is_empty() {
            c["est_standard_devs"] = json!(model.esds[from..from + n]);
        }
        c
    };
    let mut out = json!({ "__id__": "array", "decay": component(0, grid.n_decay()) });
    if grid.detector_points > 0 {
        config["corrections"] = json!(["decay", "absorption"]);
        for (i, axis) in ["x", "y"].into_iter().enumerate() {
            config[format!("n_{axis}_param")] = json!(grid.detector_points);
            config[format!("{axis}min")] = json!(grid.detector_min[i]);
            config[format!("{axis}_bin_width")] = json!(grid.detector_width[i]);
        }
        out["absorption"] = component(grid.n_decay(), grid.n_absorption());
    }
    if let Value::Object(config) = &mut config {
        how_found(config, error, imid);
    }
    out["configuration_parameters"] = config;
    out
}

/// Multiplies all scales so that the mean g of observations that are not outliers becomes 1 (only ratios matter).
pub(super) fn normalise(obs: &Observations, models: &mut [SweepModel], g: &mut [f64]) {
    let (mut n, mut sum) = (0.0, 0.0);
    for (g, _) in g.iter().zip(&obs.outlier).filter(|(_, o)| !**o) {
        n += 1.0;
        sum += g;
    }
    let mean: f64 = sum / n;
    if !(mean.is_finite() && mean > 0.0) || models.iter().any(|m| m.layout.scale_points == 0) {
        return;
    }
    g.iter_mut().for_each(|g| *g /= mean);
    for m in models {
        let k = m.layout.scale_points;
        m.parameters[..k].iter_mut().for_each(|p| *p /= mean);
        if !m.esds.is_empty() {
            m.esds[..k].iter_mut().for_each(|p| *p /= mean);
        }
    }
}
