//! The models of one entry: beam, goniometer, scan, detector.

use super::transform::{self, Axis, Motion};
use super::{Error, units};
use crate::format::attenuation::{KEV_ANGSTROM, Material};
use crate::format::hdf5::{Error as H5Error, Node, Value};
use crate::geometry::{self, Beam, Detector, Goniometer, Panel, PxMm, Scan};
use crate::math::Vec3;

/// NeXus' McStas frame → the laboratory frame of imgCIF.
pub fn lab_from_mcstas(v: Vec3) -> Vec3 {
    Vec3::new(-v.x, v.y, -v.z)
}

/// The value of a data set; `None` when there is none (or it lies in a file that was not given, or is empty).
pub fn value(group: &Node, path: &str) -> Result<Option<Value>, Error> {
    match group.get(path) {
        Ok(node) if node.is_dataset()? => match node.read() {
            Ok(v) => Ok(Some(v).filter(|v| !v.is_empty())),
            Err(H5Error::MissingFile { .. } | H5Error::Unsupported { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        },
        Ok(_) | Err(H5Error::NotFound { .. } | H5Error::MissingFile { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The first number of a data set.
pub fn real(group: &Node, path: &str) -> Result<Option<f64>, Error> {
    Ok(value(group, path)?.and_then(|v| v.real()).filter(|v| v.is_finite()))
}

/// The first text of a data set.
pub fn text(group: &Node, path: &str) -> Result<Option<String>, Error> {
    Ok(value(group, path)?.and_then(|v| v.text().map(|t| t.trim().to_owned())))
}

/// The unit of a data set, or nothing.
fn unit(group: &Node, path: &str) -> Result<String, Error> {
    let unit = group.get(path)?.attribute("units")?;
    Ok(unit.and_then(|v| v.text().map(str::to_owned)).unwrap_or_default())
}

/// A number in mm; without a unit m, which NeXus means for lengths of a detector.
pub fn length_mm(group: &Node, path: &str) -> Result<Option<f64>, Error> {
    let Some(v) = real(group, path)? else { return Ok(None) };
    let unit = unit(group, path)?;
    let factor = if unit.is_empty() { Some(1e3) } else { units::to_mm(&unit) };
    match factor {
        Some(f) => Ok(Some(v * f)),
        None => Err(wrong(group, path, format!("unit {unit:?} is no length"))),
    }
}

/// An error about a value below a group.
pub fn wrong(group: &Node, path: &str, reason: impl Into<String>) -> Error {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", group.path()) };
    Error::Value { file: group.file_name().into(), path, reason: reason.into() }
}

/// The beam, from the first group that knows the wavelength; the detector's photon energy otherwise.
pub fn beam(beams: &[Node], detector: &Node, warnings: &mut Vec<String>) -> Result<Beam, Error> {
    let mut wavelength = None;
    for group in beams {
        let Some(v) = value(group, "incident_wavelength")?.and_then(|v| v.reals()) else { continue };
        let unit = unit(group, "incident_wavelength")?;
        let to_angstrom = if unit.is_empty() { Some(1.0) } else { units::to_mm(&unit).map(|mm| mm * 1e7) };
        let factor = to_angstrom.ok_or_else(|| wrong(group, "incident_wavelength", format!("unit {unit:?} is no length")))?;
        if v.iter().any(|w| (w - v[0]).abs() > 1e-6 * v[0].abs()) {
            warnings.push("The wavelength varies from image to image; that of the first is used for all.".into());
        }
        // 1 · 1e-7 · 1e7 is not exactly 1: keep Å as they are.
        wavelength = Some(if (factor - 1.0).abs() < 1e-12 { v[0] } else { v[0] * factor });
        break;
    }
    if wavelength.is_none()
        && let Some(energy) = real(detector, "photon_energy")?
    {
        let unit = unit(detector, "photon_energy")?;
        let factor = if unit.is_empty() { Some(1e-3) } else { units::to_kev(&unit) };
        wavelength = factor.map(|f| KEV_ANGSTROM / (energy * f));
        warnings.push("No wavelength is recorded; it was computed from the photon energy.".into());
    }
    let file = detector.file_name();
    let wavelength = wavelength.ok_or_else(|| Error::Missing { file: file.into(), what: "the wavelength".into() })?;
    if !(wavelength.is_finite() && wavelength > 0.0) {
        return Err(wrong(detector, "incident_wavelength", format!("{wavelength} Å is no wavelength")));
    }
    Ok(Beam { wavelength, ..Beam::default() })
}

/// The goniometer that a sample's chain describes. `None` when the chain has no rotation.
pub fn goniometer(chain: &[Axis], warnings: &mut Vec<String>) -> Option<Goniometer> {
    let rotations: Vec<&Axis> = chain.iter().filter(|a| a.motion == Motion::Rotation).collect();
    if rotations.is_empty() {
        return None;
    }
    let varying: Vec<usize> = (0..rotations.len()).filter(|&i| rotations[i].varies()).collect();
    if varying.len() > 1 {
        let names: Vec<&str> = varying.iter().map(|&i| rotations[i].name()).collect();
        warnings.push(format!("Several axes move during the scan ({}); the first is taken for the scan axis.", names.join(", ")));
    }
    let axis = |a: &&Axis| geometry::Axis {
        name: a.name().into(),
        direction: lab_from_mcstas(a.vector).normalize(),
        angle: a.values[0].to_radians(),
    };
    if let [only] = &rotations[..] {
        return Some(Goniometer::single(axis(only).direction));
    }
    Some(Goniometer::multi_axis(rotations.iter().map(axis).collect(), varying.first().copied().unwrap_or(0)))
}

/// The scan that a sample's chain describes.
pub fn scan(chain: &[Axis], detector: &Node, n_images: usize, warnings: &mut Vec<String>) -> Result<Option<Scan>, Error> {
    let varying = |motion: Option<Motion>| chain.iter().find(|a| a.varies() && motion.is_none_or(|m| a.motion == m));
    let Some(axis) = varying(Some(Motion::Rotation)).or_else(|| varying(None)).or(chain.first()) else { return Ok(None) };
    let (mut start, mut width) = (0.0, 0.0);
    if axis.motion == Motion::Rotation {
        start = axis.values[0];
        width = oscillation_width(axis, warnings)?;
    }
    if axis.values.len() > 1 && axis.values.len() != n_images {
        warnings.push(format!(
            "{} has {} values for {n_images} images; the images are taken to begin with the first.",
            axis.node.path(),
            axis.values.len()
        ));
    }
    Ok(Some(scan_of(n_images, start, width, frame_time(detector)?.unwrap_or(0.0))))
}

/// Time from one image to the next, s.
fn frame_time(detector: &Node) -> Result<Option<f64>, Error> {
    let Some(t) = real(detector, "frame_time")? else { return Ok(None) };
    Ok(units::to_seconds(&unit(detector, "frame_time")?).map(|f| t * f))
}

/// A scan from image 1 on; angles in degrees, time in s.
pub fn scan_of(n_images: usize, start: f64, width: f64, frame_time: f64) -> Scan {
    Scan {
        first_image: 1,
        n_images,
        phi0: start.to_radians(),
        width: width.to_radians(),
        exposure_times: vec![frame_time; n_images],
        epochs: (0..n_images).map(|i| i as f64 * frame_time).collect(),
        ..Scan::default()
    }
}

/// Width of an image (degrees): the median over the scan.
fn oscillation_width(axis: &Axis, warnings: &mut Vec<String>) -> Result<f64, Error> {
    let group = axis.node.get("..")?;
    let sibling = |suffix: &str| value(&group, &format!("{}{suffix}", axis.name()));
    let values = &axis.values;
    let end = sibling("_end")?.and_then(|v| v.reals()).filter(|v| v.len() == values.len());
    let mut steps: Vec<f64> = match end {
        // Ends without a unit of their own are in the axis' unit, and so are those with one in practice.
        Some(end) => {
            let unit = axis.node.attribute("units")?.and_then(|v| v.text().and_then(units::to_degrees)).unwrap_or(1.0);
            end.iter().zip(values).map(|(e, v)| e * unit - v).collect()
        }
        None if values.len() > 1 => values.windows(2).map(|w| w[1] - w[0]).collect(),
        None => sibling("_increment_set")?.and_then(|v| v.real()).into_iter().collect(),
    };
    if steps.is_empty() || steps.iter().any(|s| !s.is_finite()) {
        return Ok(0.0);
    }
    steps.sort_by(f64::total_cmp);
    let n = steps.len();
    let median = if n % 2 == 1 { steps[n / 2] } else { (steps[n / 2 - 1] + steps[n / 2]) / 2.0 };
    if median != 0.0 && steps.iter().any(|s| ((s - median) / median).abs() >= 0.1) {
        warnings.push(format!(
            "Some images' widths differ from the median ({median:.4}°) by 10 % or more: was {} turning evenly?",
            axis.name()
        ));
    }
    Ok(median)
}

/// Thickness (mm), material and attenuation coefficient (mm⁻¹) of the sensor; zeros when unknown.
pub fn sensor(detector: &Node, wavelength: f64, warnings: &mut Vec<String>) -> Result<(f64, String, f64), Error> {
    let thickness = length_mm(detector, "sensor_thickness")?.unwrap_or(0.0);
    let Some(name) = text(detector, "sensor_material")? else {
        warnings.push("The sensor's material is not recorded; no correction for parallax.".into());
        return Ok((thickness, String::new(), 0.0));
    };
    let mu = Material::from_name(&name).and_then(|m| Some((m, m.mu_per_mm(wavelength)?)));
    match mu {
        Some((material, mu)) if thickness > 0.0 => Ok((thickness, material.formula().into(), mu)),
        _ => {
            warnings.push(format!("Sensor of {name:?}, {thickness} mm: unknown, so no correction for parallax."));
            Ok((thickness, name, 0.0))
        }
    }
}

/// Lowest and highest usable count, both included.
pub fn trusted_range(detector: &Node, unsigned: bool) -> Result<[f64; 2], Error> {
    let integer = |path: &str| Ok::<_, Error>(value(detector, path)?.and_then(|v| v.integer()));
    // What an unsigned image has below zero are the marks of unusable pixels.
    let default = if unsigned { 0.0 } else { -f64::from(i32::MAX) };
    let low = integer("underload_value")?.map_or(default, |v| v as f64);
    let saturation = match integer("saturation_value")? {
        None => integer("detectorSpecific/saturation_value")?.or(integer("detectorSpecific/countrate_correction_count_cutoff")?),
        some => some,
    };
    Ok([low, saturation.map_or(f64::from(i32::MAX), |v| v as f64)])
}

/// The detector from its modules and their chains. `shape` is an image's (slow, fast).
pub fn detector(
    group: &Node,
    modules: &[Node],
    shape: [usize; 2],
    wavelength: f64,
    unsigned: bool,
    warnings: &mut Vec<String>,
) -> Result<Detector, Error> {
    let (thickness, material, mu) = sensor(group, wavelength, warnings)?;
    let trusted_range = trusted_range(group, unsigned)?;
    let identifier = text(group, "serial_number")?.unwrap_or_default();
    let mut panels = Vec::new();
    for module in modules {
        let pair = |path: &str| -> Result<Option<[usize; 2]>, Error> {
            let v = value(module, path)?.and_then(|v| v.integers());
            Ok(match v.as_deref() {
                Some(&[.., slow, fast]) => usize::try_from(slow).ok().zip(usize::try_from(fast).ok()).map(|(s, f)| [s, f]),
                _ => None,
            })
        };
        let origin_px = pair("data_origin")?.unwrap_or([0, 0]);
        let mut size = pair("data_size")?.unwrap_or(shape);
        if modules.len() == 1 && size != shape && [size[1], size[0]] == shape {
            // Diamond's files of before September 2021 have the two the wrong way round.
            warnings.push("data_size stands as (fast, slow) in the file; the images' shape is used.".into());
            size = shape;
        }
        let fits = (0..2).all(|d| origin_px[d].saturating_add(size[d]) <= shape[d]);
        if !fits || (modules.len() == 1 && size != shape) {
            let ([found_slow, found_fast], [slow, fast]) = (shape, size);
            let (file, path) = (group.file_name().into(), module.path().into());
            return Err(Error::ImageSize { file, path, found_slow, found_fast, slow, fast });
        }
        let axis = |name: &str| -> Result<(Vec3, f64, Vec3), Error> {
            let axis = Axis::read(module.get(name)?)?;
            let pixel = axis.values[0];
            if !(pixel > 0.0 && pixel.is_finite()) || axis.vector.norm() == 0.0 {
                return Err(wrong(module, name, format!("a pixel of {pixel} mm")));
            }
            let parent = axis.node.attribute("depends_on")?.and_then(|v| v.text().map(str::to_owned)).unwrap_or_default();
            let chain = transform::chain(module, &parent)?;
            // An axis' own offset does not move the pixels' direction; the chain's rotations turn it.
            let (r, t) = transform::cumulative(&chain);
            Ok((lab_from_mcstas(r * axis.vector).normalize(), pixel, lab_from_mcstas(t)))
        };
        let (fast, pixel_fast, origin) = axis("fast_pixel_direction")?;
        let (slow, pixel_slow, _) = axis("slow_pixel_direction")?;
        if fast.cross(&slow).norm() < 0.5 {
            return Err(wrong(module, "slow_pixel_direction", "nearly parallel to fast_pixel_direction"));
        }
        let several = modules.len() > 1;
        panels.push(Panel {
            name: module.path().into(),
            identifier: identifier.clone(),
            fast,
            slow,
            origin,
            pixel_size: [pixel_fast, pixel_slow],
            image_size: [size[1], size[0]],
            raw_image_offset: if several { [origin_px[1] as i64, origin_px[0] as i64] } else { [0, 0] },
            trusted_range,
            thickness,
            material: material.clone(),
            mu,
            px_mm: if mu > 0.0 { PxMm::Parallax } else { PxMm::Simple },
            ..Panel::default()
        });
    }
    let mut detector = Detector { panels, ..Detector::default() };
    upstream(&mut detector, warnings);
    Ok(detector)
}

/// A flat detector that stands between source and sample has its distance with the wrong sign, as some beamlines write it.
fn upstream(detector: &mut Detector, warnings: &mut Vec<String>) {
    let [panel] = &mut detector.panels[..] else { return };
    if panel.normal().z.abs() > 0.99 && panel.origin.z > 0.0 {
        panel.origin.z = -panel.origin.z;
        warnings.push("The detector stands before the sample in the file; its distance was taken with the other sign.".into());
    }
}

/// The geometry of a master without chains: a flat detector across the beam.
pub fn plain_detector(
    group: &Node,
    shape: [usize; 2],
    wavelength: f64,
    unsigned: bool,
    warnings: &mut Vec<String>,
) -> Result<Detector, Error> {
    let need = |v: Option<f64>, what: &str| {
        v.ok_or_else(|| Error::Missing { file: group.file_name().into(), what: format!("{}/{what}", group.path()) })
    };
    let pixel = [need(length_mm(group, "x_pixel_size")?, "x_pixel_size")?, need(length_mm(group, "y_pixel_size")?, "y_pixel_size")?];
    let distance = match length_mm(group, "detector_distance")? {
        None => length_mm(group, "distance")?,
        some => some,
    };
    let distance = need(distance, "detector_distance")?;
    let centre = [need(real(group, "beam_center_x")?, "beam_center_x")?, need(real(group, "beam_center_y")?, "beam_center_y")?];
    let (thickness, material, mu) = sensor(group, wavelength, warnings)?;
    warnings.push(
        "The file has no chain of transformations: the detector is taken to stand across the beam at the recorded distance and beam centre.".into(),
    );
    Ok(Detector::single(Panel {
        name: group.path().into(),
        identifier: text(group, "serial_number")?.or(text(group, "detector_number")?).unwrap_or_default(),
        fast: Vec3::x(),
        slow: -Vec3::y(),
        origin: Vec3::new(-centre[0] * pixel[0], centre[1] * pixel[1], -distance.abs()),
        pixel_size: pixel,
        image_size: [shape[1], shape[0]],
        trusted_range: trusted_range(group, unsigned)?,
        thickness,
        material,
        mu,
        px_mm: if mu > 0.0 { PxMm::Parallax } else { PxMm::Simple },
        ..Panel::default()
    }))
}

/// Goniometer and scan of a master without chains: a spindle along +x with Dectris' own start and width of ω.
pub fn plain_scan(
    sample: Option<&Node>,
    detector: &Node,
    n_images: usize,
    warnings: &mut Vec<String>,
) -> Result<(Option<Goniometer>, Option<Scan>), Error> {
    let Some(group) = sample.map(|s| s.find("goniometer")).transpose()?.flatten() else { return Ok((None, None)) };
    let first = |name: &str| real(&group, name);
    let Some(start) = first("omega")?.or(first("omega_start")?) else { return Ok((None, None)) };
    let width = match first("omega_range_average")? {
        None => first("omega_increment")?,
        some => some,
    };
    warnings.push("The file has no chain of transformations: the spindle is taken to lie along +x (horizontal).".into());
    let frame_time = frame_time(detector)?.unwrap_or(0.0);
    Ok((Some(Goniometer::single(Vec3::x())), Some(scan_of(n_images, start, width.unwrap_or(0.0), frame_time))))
}
