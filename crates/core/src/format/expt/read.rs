use super::detector;
use super::object::{ExptError, Object, count, fixed, number, numbers, vector};
use crate::geometry::{Axis, Beam, Crystal, Experiment, ExperimentList, Goniometer, ImageSet, ImageSetKind, Probe, ProfileModel, Scan};
use crate::math::{Vec3, mat3_from_rows};
use serde_json::Value;

/// Reads a `.expt` file.
pub fn read(bytes: &[u8]) -> Result<ExperimentList, ExptError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| ExptError::Json { reason: e.to_string() })?;
    let mut o = Object::new("the file".to_owned(), value).map_err(|_| ExptError::NotAList)?;
    if o.take("__id__").as_ref().and_then(Value::as_str) != Some("ExperimentList") {
        return Err(ExptError::NotAList);
    }
    let list = ExperimentList {
        experiments: models(&mut o, "experiment", experiment)?,
        beams: models(&mut o, "beam", beam)?,
        detectors: models(&mut o, "detector", |path, v| detector::read(&path, v))?,
        goniometers: models(&mut o, "goniometer", goniometer)?,
        scans: models(&mut o, "scan", scan)?,
        crystals: models(&mut o, "crystal", crystal)?,
        profiles: models(&mut o, "profile", profile)?,
        imagesets: models(&mut o, "imageset", imageset)?,
        scaling_models: models(&mut o, "scaling_model", |_, v| Ok(v))?,
        extra: o.rest(),
    };
    check_references(&list)?;
    Ok(list)
}

fn models<T>(o: &mut Object, key: &str, read: impl Fn(String, Value) -> Result<T, ExptError>) -> Result<Vec<T>, ExptError> {
    let values = o.get(key, "a list", |v| v.as_array().cloned())?.unwrap_or_default();
    values.into_iter().enumerate().map(|(i, v)| read(format!("{key}[{i}]"), v)).collect()
}

/// Every number in an experiment must name a model that is there.
fn check_references(list: &ExperimentList) -> Result<(), ExptError> {
    for (i, e) in list.experiments.iter().enumerate() {
        let references = [
            ("beam", e.beam, list.beams.len()),
            ("detector", e.detector, list.detectors.len()),
            ("goniometer", e.goniometer, list.goniometers.len()),
            ("scan", e.scan, list.scans.len()),
            ("crystal", e.crystal, list.crystals.len()),
            ("profile", e.profile, list.profiles.len()),
            ("imageset", e.imageset, list.imagesets.len()),
            ("scaling_model", e.scaling_model, list.scaling_models.len()),
        ];
        if let Some((key, ..)) = references.iter().find(|(_, index, n)| index.is_some_and(|k| k >= *n)) {
            return Err(ExptError::Value { path: format!("experiment[{i}].{key}"), what: "the number of a model in the file" });
        }
    }
    Ok(())
}

fn experiment(path: String, value: Value) -> Result<Experiment, ExptError> {
    let mut o = Object::new(path, value)?;
    let mut index = |key: &str| o.get(key, "the number of a model", count);
    Ok(Experiment {
        beam: index("beam")?,
        detector: index("detector")?,
        goniometer: index("goniometer")?,
        scan: index("scan")?,
        crystal: index("crystal")?,
        profile: index("profile")?,
        imageset: index("imageset")?,
        scaling_model: index("scaling_model")?,
        identifier: o.text_or_empty("identifier")?,
    })
}

fn beam(path: String, value: Value) -> Result<Beam, ExptError> {
    let mut o = Object::new(path, value)?;
    let default = Beam::default();
    let positive = |v: &Value| number(v).filter(|x| *x > 0.0);
    Ok(Beam {
        direction: o.direction("direction")?.unwrap_or(default.direction),
        wavelength: o.need("wavelength", "a positive number (Å)", positive)?,
        divergence: o.number_or("divergence", 0.0)?.to_radians(),
        sigma_divergence: o.number_or("sigma_divergence", 0.0)?.to_radians(),
        polarization_normal: o.direction("polarization_normal")?.unwrap_or(default.polarization_normal),
        polarization_fraction: o.number_or("polarization_fraction", default.polarization_fraction)?,
        flux: o.number_or("flux", 0.0)?,
        transmission: o.number_or("transmission", 1.0)?,
        probe: match o.text_or_empty("probe")?.as_str() {
            "electron" => Probe::Electron,
            "neutron" => Probe::Neutron,
            _ => Probe::XRay,
        },
        extra: o.rest(),
    })
}

fn goniometer(path: String, value: Value) -> Result<Goniometer, ExptError> {
    const VECTORS: &str = "a list of vectors, none zero";
    let mut o = Object::new(path, value)?;
    let directions = |v: &Value| -> Option<Vec<Vec3>> {
        v.as_array()?.iter().map(|a| vector(a).filter(|a| a.norm() > 0.0).map(|a| a.normalize())).collect()
    };
    let mut out = match o.get("axes", VECTORS, directions)? {
        Some(axes) => {
            let n = axes.len();
            let angles = o.need("angles", "one angle (degrees) per axis", |v| numbers(v).filter(|a| a.len() == n))?;
            let texts = |v: &Value| -> Option<Vec<String>> { v.as_array()?.iter().map(|s| s.as_str().map(str::to_owned)).collect() };
            let names = o.get("names", "one name per axis", |v| texts(v).filter(|a| a.len() == n))?.unwrap_or(vec![String::new(); n]);
            let scan_axis = o.need("scan_axis", "the number of an axis", |v| count(v).filter(|k| *k < n))?;
            let axes = axes.into_iter().zip(angles).zip(names);
            let axes = axes.map(|((direction, angle), name)| Axis { name, direction, angle: angle.to_radians() }).collect();
            Goniometer::multi_axis(axes, scan_axis)
        }
        None => {
            let axis = o.direction("rotation_axis")?.ok_or_else(|| o.fail("rotation_axis", "a vector, not zero"))?;
            let matrix = |v: &Value| fixed::<9>(v).map(|m| mat3_from_rows(&m));
            let mut g = Goniometer::single(axis);
            if let Some(m) = o.get("fixed_rotation", "nine numbers", matrix)? {
                g.fixed_rotation = m;
            }
            if let Some(m) = o.get("setting_rotation", "nine numbers", matrix)? {
                g.setting_rotation = m;
            }
            g
        }
    };
    out.extra = o.rest();
    Ok(out)
}

fn scan(path: String, value: Value) -> Result<Scan, ExptError> {
    let mut o = Object::new(path, value)?;
    let range = |v: &Value| match v.as_array()?.as_slice() {
        [a, b] => Some((a.as_i64()?, b.as_i64()?)).filter(|(a, b)| a <= b && b - a < 100_000_000),
        _ => None,
    };
    let (first_image, last) = o.need("image_range", "first and last image number", range)?;
    // dxtbx 3.13 and later keep per-image properties in an object of their own.
    let mut properties = match o.take("properties") {
        Some(v) => Some(Object::new("scan.properties".to_owned(), v)?),
        None => None,
    };
    let mut list = |key: &str, o: &mut Object| -> Result<Option<Vec<f64>>, ExptError> {
        match &mut properties {
            Some(p) => p.get(key, "numbers", |v| numbers(v).or_else(|| number(v).map(|x| vec![x]))),
            None => o.get(key, "numbers", |v| numbers(v).or_else(|| number(v).map(|x| vec![x]))),
        }
    };
    let in_properties = |v: &[f64]| match v {
        [] => [0.0, 0.0],
        [a] => [*a, 0.0],
        [a, b, ..] => [*a, b - a],
    };
    let exposure_times = list("exposure_time", &mut o)?.unwrap_or_default();
    let epochs = list("epochs", &mut o)?.unwrap_or_default();
    let angles = list("oscillation", &mut o)?.unwrap_or_default();
    let has_properties = properties.is_some();
    let width_key = properties.as_mut().and_then(|p| p.take("oscillation_width")).and_then(|v| number(&v));
    let [phi0, mut width] = if has_properties {
        in_properties(&angles)
    } else {
        [angles.first().copied().unwrap_or(0.0), angles.get(1).copied().unwrap_or(0.0)]
    };
    if let Some(w) = width_key {
        width = w;
    }
    let batch_offset = o.get("batch_offset", "a whole number", Value::as_i64)?.unwrap_or(0);
    let mut extra = o.rest();
    if let Some(rest) = properties.map(Object::rest).filter(|r| !r.is_empty()) {
        extra.extend(rest);
    }
    Ok(Scan {
        first_image,
        n_images: (last - first_image + 1) as usize,
        phi0: phi0.to_radians(),
        width: width.to_radians(),
        exposure_times,
        epochs,
        batch_offset,
        extra,
    })
}

fn crystal(path: String, value: Value) -> Result<Crystal, ExptError> {
    let mut o = Object::new(path, value)?;
    let mut side = |key: &str| o.need(key, "a vector of three numbers (Å)", vector);
    let (a, b, c) = (side("real_space_a")?, side("real_space_b")?, side("real_space_c")?);
    let mut out = Crystal::from_real_space(&a, &b, &c).ok_or_else(|| o.fail("real_space_c", "a vector not in the plane of a and b"))?;
    if let Some(symbol) = o.get("space_group_hall_symbol", "a Hall symbol", |v| v.as_str().map(str::to_owned))? {
        out.hall_symbol = symbol;
    }
    let matrices = |v: &Value| v.as_array()?.iter().map(|m| fixed::<9>(m).map(|m| mat3_from_rows(&m))).collect();
    out.a_at_scan_points = o.get("A_at_scan_points", "a list of matrices of nine numbers", matrices)?.unwrap_or_default();
    out.b_covariance = o.get("B_covariance", "81 numbers", |v| numbers(v).filter(|n| n.len() == 81))?.unwrap_or_default();
    o.take("__id__");
    out.extra = o.rest();
    Ok(out)
}

fn profile(path: String, value: Value) -> Result<ProfileModel, ExptError> {
    let mut o = Object::new(path, value)?;
    let sigma = |v: &Value| number(v).or_else(|| numbers(v).filter(|n| !n.is_empty()).map(|n| n.iter().sum::<f64>() / n.len() as f64));
    Ok(ProfileModel {
        n_sigma: o.number_or("n_sigma", 3.0)?,
        sigma_b_deg: o.get("sigma_b", "a number (degrees)", sigma)?.unwrap_or(0.0),
        sigma_m_deg: o.get("sigma_m", "a number (degrees)", sigma)?.unwrap_or(0.0),
        extra: o.rest(),
    })
}

fn imageset(path: String, value: Value) -> Result<ImageSet, ExptError> {
    let mut o = Object::new(path, value)?;
    let kind = match o.take("__id__").as_ref().and_then(Value::as_str) {
        Some("ImageSet" | "ImageGrid") => ImageSetKind::Stills,
        _ => ImageSetKind::Sequence,
    };
    let indices = |v: &Value| -> Option<Vec<usize>> { v.as_array()?.iter().map(count).collect() };
    Ok(ImageSet {
        kind,
        template: o.text_or_empty("template")?,
        single_file_indices: o.get("single_file_indices", "whole numbers", indices)?.unwrap_or_default(),
        extra: o.rest(),
    })
}
