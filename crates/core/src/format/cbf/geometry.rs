//! The models that one header describes.

use super::Error;
use super::cif::{Cif, Row};
use super::header::{Header, first_number, numbers};
use crate::format::attenuation::Material;
use crate::geometry::{Axis, Beam, Detector, Goniometer, Panel, PxMm};
use crate::math::{Mat3, Vec3, rotation};

/// Axes of one chain; more is a circle.
const MAX_AXES: usize = 64;

/// What a header says of one image.
#[derive(Debug, Clone)]
pub struct ImageModels {
    pub beam: Beam,
    pub detector: Detector,
    pub goniometer: Goniometer,
    /// Scan angle at the start of the image and its width, degrees.
    pub oscillation: [f64; 2],
    /// Exposure, s.
    pub exposure: f64,
    /// Start of the exposure, s since 1970-01-01 of the detector's clock; 0 when unknown.
    pub epoch: f64,
    pub warnings: Vec<String>,
}

/// Reads the models of a header.
pub fn read(file: &str, header: &Header) -> Result<ImageModels, Error> {
    let cif = Cif::parse(&header.text);
    if cif.table("axis").next().is_some() {
        return full(file, header, &cif);
    }
    mini(file, header)
}

fn missing(file: &str, what: &str) -> Error {
    Error::Header { file: file.into(), what: what.into() }
}

fn mini(file: &str, header: &Header) -> Result<ImageModels, Error> {
    let number = |key: &str| header.number(key).ok_or_else(|| missing(file, key));
    let wavelength = positive(file, "Wavelength", number("Wavelength")?)?;
    let distance = number("Detector_distance")? * 1e3;
    let centre: Vec<f64> = numbers(header.line("Beam_xy").unwrap_or("")).collect();
    let &[x, y, ..] = &centre[..] else { return Err(missing(file, "Beam_xy")) };
    let pixels: Vec<f64> = numbers(header.line("Pixel_size").unwrap_or("")).map(|m| m * 1e3).collect();
    let &[px, py, ..] = &pixels[..] else { return Err(missing(file, "Pixel_size")) };
    let (px, py) = (positive(file, "Pixel_size", px)?, positive(file, "Pixel_size", py)?);
    let mut panel = Panel {
        fast: Vec3::x(),
        slow: -Vec3::y(),
        origin: Vec3::new(-x * px, y * py, -distance),
        pixel_size: [px, py],
        ..Panel::default()
    };
    finish_panel(&mut panel, header, wavelength, number("Count_cutoff")?);
    let mut warnings = Vec::new();
    if header.number("Detector_2theta").is_some_and(|t| t != 0.0) {
        warnings.push(format!(
            "The header of {file} states a 2θ arm at {}° but not its axis: the detector is taken to stand across the beam.",
            header.number("Detector_2theta").unwrap_or(0.0)
        ));
    }
    let exposure = header.number("Exposure_period").or(header.number("Exposure_time")).unwrap_or(0.0);
    Ok(ImageModels {
        beam: Beam { wavelength, flux: header.number("Flux").unwrap_or(0.0), ..Beam::default() },
        detector: Detector::single(panel),
        goniometer: Goniometer::single(Vec3::x()),
        oscillation: [header.number("Start_angle").unwrap_or(0.0), header.number("Angle_increment").unwrap_or(0.0)],
        exposure,
        epoch: epoch(header),
        warnings,
    })
}

fn positive(file: &str, what: &str, v: f64) -> Result<f64, Error> {
    if v > 0.0 { Ok(v) } else { Err(missing(file, what)) }
}

/// What both kinds of header tell by miniCBF's lines: sensor, range, gaps between modules.
fn finish_panel(panel: &mut Panel, header: &Header, wavelength: f64, overload: f64) {
    panel.image_size = [header.fast, header.slow];
    // Pixels without data are −1, defective ones −2.
    panel.trusted_range = [0.0, overload];
    for (key, material) in [("Silicon", Material::Si), ("CdTe", Material::CdTe), ("GaAs", Material::GaAs)] {
        let Some(line) = header.line(key) else { continue };
        let Some(thickness) = line.split("thickness").nth(1).and_then(first_number) else { continue };
        panel.thickness = thickness * 1e3;
        panel.material = material.formula().into();
        if let Some(mu) = material.mu_per_mm(wavelength).filter(|_| thickness > 0.0) {
            panel.mu = mu;
            panel.px_mm = PxMm::Parallax;
        }
    }
    let name = header.line("Detector").unwrap_or("");
    panel.identifier = name.into();
    panel.mask = gaps(name, panel.image_size);
}

/// Rectangles between the modules of a Dectris detector that the image's size fits; none for other detectors.
fn gaps(name: &str, size: [usize; 2]) -> Vec<[i64; 4]> {
    /// Columns and rows of a module, columns and rows of the gaps.
    const PILATUS: [usize; 4] = [487, 195, 7, 17];
    const EIGER: [usize; 4] = [1030, 514, 10, 37];
    const EIGER_2: [usize; 4] = [1028, 512, 12, 38];
    let name = name.to_ascii_uppercase();
    let kinds: &[[usize; 4]] = match () {
        () if name.contains("PILATUS") => &[PILATUS],
        () if name.contains("EIGER") => &[EIGER, EIGER_2],
        () => return Vec::new(),
    };
    let fits = |n: usize, module: usize, gap: usize| (n + gap).is_multiple_of(module + gap).then(|| (n + gap) / (module + gap));
    for &[mx, my, gx, gy] in kinds {
        let (Some(nx), Some(ny)) = (fits(size[0], mx, gx), fits(size[1], my, gy)) else { continue };
        let [w, h] = size.map(|n| n as i64);
        let across = |i: usize, m: usize, g: usize| ((i * (m + g) + m) as i64, ((i + 1) * (m + g)) as i64);
        let columns = (0..nx - 1).map(|i| across(i, mx, gx)).map(|(a, b)| [a, 0, b, h]);
        let rows = (0..ny - 1).map(|i| across(i, my, gy)).map(|(a, b)| [0, a, w, b]);
        return columns.chain(rows).collect();
    }
    Vec::new()
}

/// Time of the line `# 2016-03-05T09:01:45.613`.
fn epoch(header: &Header) -> f64 {
    header.text.lines().find_map(|l| timestamp(l.strip_prefix('#')?.trim())).unwrap_or(0.0)
}

/// Seconds since 1970 of an ISO 8601 time.
fn timestamp(text: &str) -> Option<f64> {
    let (date, time) = text.split_once(['T', ' '])?;
    let whole = |s: &str| s.parse::<i64>().ok();
    let date: Vec<i64> = date.split('-').map(whole).collect::<Option<_>>()?;
    let mut parts = time.split(':');
    let (h, m) = (whole(parts.next()?)?, whole(parts.next()?)?);
    let s: f64 = parts.next()?.trim_end_matches('Z').parse().ok()?;
    let &[year, month, day] = &date[..] else { return None };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days from a March-based year, so that the leap day comes last.
    let (y, mo) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (mo * 153 + 2) / 5 + day - 1 - 719_468;
    Some((days * 86400 + h * 3600 + m * 60) as f64 + s)
}

/// One imgCIF axis at its setting.
#[derive(Debug, Clone)]
struct CifAxis {
    id: String,
    rotates: bool,
    equipment: String,
    depends_on: Option<String>,
    vector: Vec3,
    offset: Vec3,
    /// Degrees or mm.
    setting: f64,
}

impl CifAxis {
    fn read(row: Row, cif: &Cif) -> Option<CifAxis> {
        let id = row.text("id")?.to_owned();
        let vector = |name: &str| Vec3::from_fn(|i, _| row.number(&format!("{name}[{}]", i + 1)).unwrap_or(0.0));
        let rotates = row.text("type").is_some_and(|t| t.eq_ignore_ascii_case("rotation"));
        let of_axis =
            |table: &str, column: &str| cif.table(table).find(|r| r.text("axis_id") == Some(id.as_str())).and_then(|r| r.number(column));
        let setting = if rotates {
            of_axis("diffrn_scan_frame_axis", "angle").or_else(|| of_axis("diffrn_scan_axis", "angle_start"))
        } else {
            of_axis("diffrn_scan_frame_axis", "displacement").or_else(|| of_axis("diffrn_scan_axis", "displacement_start"))
        };
        Some(CifAxis {
            rotates,
            equipment: row.text("equipment").unwrap_or("").to_ascii_lowercase(),
            depends_on: row.text("depends_on").map(str::to_owned),
            vector: vector("vector"),
            offset: vector("offset"),
            setting: setting.unwrap_or(0.0),
            id,
        })
    }

    fn transformation(&self) -> (Mat3, Vec3) {
        match self.vector.try_normalize(0.0) {
            Some(axis) if self.rotates => (rotation(&axis, self.setting.to_radians()), self.offset),
            _ => (Mat3::identity(), self.offset + self.vector * self.setting),
        }
    }
}

/// The axes from `id` down to the laboratory. `None` when one is missing or they run in a circle.
fn chain<'a>(axes: &'a [CifAxis], id: &str) -> Option<Vec<&'a CifAxis>> {
    let mut out = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next {
        let axis = axes.iter().find(|a| a.id == id)?;
        out.push(axis);
        next = axis.depends_on.as_deref();
        if out.len() > MAX_AXES {
            return None;
        }
    }
    Some(out)
}

fn full(file: &str, header: &Header, cif: &Cif) -> Result<ImageModels, Error> {
    let axes: Vec<CifAxis> = cif.table("axis").filter_map(|row| CifAxis::read(row, cif)).collect();
    let wavelength = cif.table("diffrn_radiation_wavelength").next().and_then(|r| r.number("wavelength"));
    let wavelength = wavelength.or(header.number("Wavelength")).ok_or_else(|| missing(file, "wavelength"))?;
    let wavelength = positive(file, "wavelength", wavelength)?;

    // The array's two dimensions: precedence 1 is fast.
    let side = |precedence: f64, what: &str| {
        let set = cif.table("array_structure_list").find(|r| r.number("precedence") == Some(precedence));
        let set = set.and_then(|r| r.text("axis_set_id")).ok_or_else(|| missing(file, what))?;
        let row = cif.table("array_structure_list_axis").find(|r| r.text("axis_set_id") == Some(set));
        let row = row.ok_or_else(|| missing(file, what))?;
        let id = row.text("axis_id").unwrap_or(set);
        let size = positive(file, what, row.number("displacement_increment").unwrap_or(0.0))?;
        let chain = chain(&axes, id).ok_or_else(|| missing(file, "chain of detector axes"))?;
        Ok::<_, Error>((chain, size, row.number("displacement").unwrap_or(0.0)))
    };
    let (fast_chain, fast_size, fast_start) = side(1.0, "fast axis of the array")?;
    let (slow_chain, slow_size, slow_start) = side(2.0, "slow axis of the array")?;
    let turned = |chain: &[&CifAxis]| {
        let r = chain[1..].iter().fold(Mat3::identity(), |r, a| a.transformation().0 * r);
        (r * chain[0].vector).try_normalize(0.0).ok_or_else(|| missing(file, "vector of a detector axis"))
    };
    let (fast, slow) = (turned(&fast_chain)?, turned(&slow_chain)?);
    // The corner is where the axis that hangs on the other leads, with the pixels' displacements at zero.
    let longer = if slow_chain.len() >= fast_chain.len() { &slow_chain } else { &fast_chain };
    let start = |id: &str| match id {
        _ if id == fast_chain[0].id => fast_start,
        _ if id == slow_chain[0].id => slow_start,
        _ => 0.0,
    };
    let origin = longer.iter().fold(Vec3::zeros(), |p, a| {
        let (r, t) = a.transformation();
        r * p + t + a.vector * start(&a.id)
    });
    let overload = cif.table("array_intensities").next().and_then(|r| r.number("overload"));
    let overload = overload.or(header.number("Count_cutoff")).ok_or_else(|| missing(file, "overload"))?;
    let mut panel = Panel { fast, slow, origin, pixel_size: [fast_size, slow_size], ..Panel::default() };
    finish_panel(&mut panel, header, wavelength, overload);

    let (goniometer, oscillation) = goniometer(file, &axes, cif)?;
    let frame = cif.table("diffrn_scan_frame").next();
    let exposure = frame.and_then(|r| r.number("integration_time")).or(header.number("Exposure_time"));
    Ok(ImageModels {
        beam: Beam { wavelength, ..Beam::default() },
        detector: Detector::single(panel),
        goniometer,
        oscillation,
        exposure: exposure.unwrap_or(0.0),
        epoch: frame.and_then(|r| timestamp(r.text("date")?)).unwrap_or_else(|| epoch(header)),
        warnings: Vec::new(),
    })
}

fn goniometer(file: &str, axes: &[CifAxis], cif: &Cif) -> Result<(Goniometer, [f64; 2]), Error> {
    let gonio: Vec<&CifAxis> = axes.iter().filter(|a| a.equipment == "goniometer" && a.rotates).collect();
    // The innermost is the one that nothing hangs on.
    let inner = gonio.iter().find(|a| !gonio.iter().any(|b| b.depends_on.as_deref() == Some(a.id.as_str())));
    let inner = inner.ok_or_else(|| missing(file, "goniometer"))?;
    let chain = chain(axes, &inner.id).ok_or_else(|| missing(file, "chain of goniometer axes"))?;
    let chain: Vec<&CifAxis> = chain.into_iter().filter(|a| a.rotates).collect();
    let increment = |id: &str| {
        let row = cif.table("diffrn_scan_axis").find(|r| r.text("axis_id") == Some(id));
        row.and_then(|r| r.number("angle_increment")).unwrap_or(0.0)
    };
    let scan_axis = chain.iter().position(|a| increment(&a.id) != 0.0).unwrap_or(0);
    let axis = |a: &&CifAxis| {
        let direction = a.vector.try_normalize(0.0).ok_or_else(|| missing(file, "vector of a goniometer axis"))?;
        Ok::<_, Error>(Axis { name: a.id.clone(), direction, angle: a.setting.to_radians() })
    };
    let list = chain.iter().map(axis).collect::<Result<Vec<_>, _>>()?;
    let scanning = chain[scan_axis];
    Ok((Goniometer::multi_axis(list, scan_axis), [scanning.setting, increment(&scanning.id)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_1970() {
        assert_eq!(timestamp("1970-01-01T00:00:00"), Some(0.0));
        assert_eq!(timestamp("2016-03-05T09:01:45.5"), Some(1457168505.5));
        assert_eq!(timestamp("2000-02-29T00:00:01Z"), Some(951782401.0));
        assert_eq!(timestamp("Detector: PILATUS"), None);
    }

    #[test]
    fn gaps_lie_between_modules() {
        let g = gaps("PILATUS 2M, S/N 24-0107", [1475, 1679]);
        assert_eq!(
            (g.len(), g[0], g[1], g[2], g[8]),
            (9, [487, 0, 494, 1679], [981, 0, 988, 1679], [0, 195, 1475, 212], [0, 1467, 1475, 1484])
        );
        assert_eq!(gaps("Eiger 4M", [2070, 2167]).len(), 4);
        assert_eq!(gaps("PILATUS", [1000, 1000]), Vec::<[i64; 4]>::new());
    }
}
