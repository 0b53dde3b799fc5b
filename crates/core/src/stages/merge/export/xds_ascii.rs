//! XDS_ASCII.HKL (Kabsch 2010), as `dials.export format=xds_ascii` writes it: in the detector's frame, x along fast, y along slow pixels.
//!
//! Departures: fixed and setting rotations of the goniometer are part of the crystal's axes and of ψ; frame numbers ZD count from the first
//! image's number, so that sweeps need not begin with image 1.

use super::error::Error;
use super::params::{Intensity, Params};
use super::run::File;
use crate::geometry::{ExperimentList, ExperimentModels};
use crate::math::{Mat3, Vec3, rotation, vec3};
use crate::reflections::{Reflections, flags};
use crate::report::Origin;
use crate::spacegroup::AsymmetricUnit;
use crate::stages::merge::{self, Unique};
use std::fmt::Write;

/// A file for each sweep.
pub(super) fn files(
    experiments: &ExperimentList,
    table: &Reflections,
    unique: &Unique,
    params: &Params,
    origin: &Origin,
) -> Result<Vec<File>, Error> {
    let n = experiments.len();
    (0..n)
        .map(|e| {
            let models = experiments.models(e).ok_or(Error::NoModel { experiment: e, what: "beam, detector, goniometer or scan" })?;
            let text = text(e, &models, table, unique, params, origin)?;
            Ok(File::new(name(e, n), text))
        })
        .collect()
}

/// Name of the file of sweep `e` (from 0) of `n`.
fn name(e: usize, n: usize) -> String {
    if n == 1 { "XDS_ASCII.HKL".to_owned() } else { format!("XDS_ASCII_{}.HKL", e + 1) }
}

/// One observation.
struct Line {
    unique: [i32; 3],
    row: usize,
    intensity: f64,
    sigma: f64,
    scale: f64,
}

fn text(e: usize, m: &ExperimentModels, table: &Reflections, unique: &Unique, params: &Params, origin: &Origin) -> Result<String, Error> {
    let frame = Frame::new(m, e)?;
    let mut lines = observations(e, table, unique, params)?;
    let unit = AsymmetricUnit::new(&unique.group).map_err(merge::Error::from)?;
    lines.iter_mut().for_each(|l| l.unique = unit.map(table.hkl[l.row]).0);
    lines.sort_by_key(|l| (l.unique, l.row));
    let mut out = String::new();
    out.try_reserve(lines.len() * 120 + 4096).map_err(|_| Error::TooLarge { rows: lines.len() })?;
    header(&mut out, m, &frame, unique, origin);
    for l in &lines {
        let [h, k, i] = table.hkl[l.row];
        let [x, y, z] = table.xyzcal_px.get(l.row).or(table.xyzobs_px.get(l.row)).copied().unwrap_or_default();
        let per_cent = |values: &[f64]| 100.0 * values.get(l.row).copied().unwrap_or(1.0);
        let _ = writeln!(
            out,
            "{h} {k} {i} {:.6} {:.6} {x:.6} {y:.6} {:.6} {:.6} {:.1} {:.1} {:.6}",
            l.intensity,
            l.sigma,
            z + (m.scan.first_image - 1) as f64,
            l.scale,
            per_cent(&table.partiality),
            per_cent(&table.profile_correlation),
            frame.psi([h, k, i], m.scan.phi_from_z(z))
        );
    }
    out.push_str("!END_OF_DATA\n");
    Ok(out)
}

/// The observations of a sweep: those that were merged, or all well measured ones before scaling.
fn observations(e: usize, table: &Reflections, unique: &Unique, params: &Params) -> Result<Vec<Line>, Error> {
    let own = |row: usize| table.id[row] == e as i32;
    if params.intensity == Intensity::Scale {
        let rows = unique.rows.iter().map(|r| *r as usize).filter(|&r| own(r));
        let line = |row: usize| {
            let [intensity, sigma] = table.scaled(row);
            Line { unique: [0; 3], row, intensity, sigma, scale: 1.0 / table.inverse_scale_factor[row] }
        };
        return Ok(rows.map(line).collect());
    }
    let fitted = (table.i_prf.as_slice(), table.var_prf.as_slice(), flags::INTEGRATED_PRF);
    let summed = (table.i_sum.as_slice(), table.var_sum.as_slice(), flags::INTEGRATED_SUM);
    let (what, choices) = match params.intensity {
        Intensity::Profile => ("profile-fitted", vec![fitted]),
        Intensity::Sum => ("summed", vec![summed]),
        _ => ("profile-fitted or summed", vec![fitted, summed]),
    };
    let efficiency = table.quantum_efficiency();
    let mut out = Vec::new();
    for row in (0..table.len()).filter(|&r| own(r) && table.partiality.get(r).is_none_or(|p| *p >= 0.4)) {
        let qe = efficiency.get(row).copied().filter(|q| *q > 0.0).unwrap_or(1.0);
        let scale = table.lp.get(row).copied().unwrap_or(1.0) / qe;
        let good = choices.iter().find_map(|(values, variances, bit)| {
            let (i, v) = (*values.get(row)?, *variances.get(row)?);
            // What was not recorded belongs to the sum; a fitted profile has it already.
            let part = if *bit == flags::INTEGRATED_SUM { table.partiality.get(row).copied().unwrap_or(1.0) } else { 1.0 };
            (table.flags[row] & bit != 0 && v > 0.0 && i.is_finite() && i / v.sqrt() > params.min_isigi)
                .then(|| (i / part, v.sqrt() / part))
        });
        if let Some((i, s)) = good.filter(|_| scale.is_finite() && scale > 0.0) {
            out.push(Line { unique: [0; 3], row, intensity: i * scale, sigma: s * scale, scale });
        }
    }
    if out.is_empty() { Err(Error::NoIntensities { sweep: e + 1, what }) } else { Ok(out) }
}

/// Geometry in the detector's frame.
struct Frame {
    /// Rotates from the laboratory: fast to x, slow to y.
    from_lab: Mat3,
    fast: Vec3,
    slow: Vec3,
    axis: Vec3,
    s0: Vec3,
    /// Crystal at rotation angle 0, columns a*, b*, c*.
    ub: Mat3,
    /// Its inverse: rows a, b, c.
    real: Mat3,
}

impl Frame {
    fn new(m: &ExperimentModels, e: usize) -> Result<Self, Error> {
        let panel = m.detector.panels.first().ok_or(Error::NoModel { experiment: e, what: "detector panel" })?;
        let crystal = m.crystal.ok_or(Error::NoModel { experiment: e, what: "crystal" })?;
        let fast = panel.fast.normalize();
        let normal = panel.normal();
        // Slow may be slightly oblique.
        let across = normal.cross(&fast);
        let from_lab = Mat3::from_rows(&[fast.transpose(), across.transpose(), normal.transpose()]);
        let ub = from_lab * m.goniometer.lab_from_datum(0.0) * crystal.a_matrix;
        let real = ub.try_inverse().ok_or(Error::NoModel { experiment: e, what: "crystal with a cell" })?;
        Ok(Frame {
            from_lab,
            fast: from_lab * panel.fast,
            slow: from_lab * panel.slow,
            axis: from_lab * m.goniometer.lab_axis(),
            s0: from_lab * m.beam.s0(),
            ub,
            real,
        })
    }

    /// ψ in degrees: the angle about the reciprocal-lattice vector, from a direction in the crystal to one in the laboratory, as XDS defines it.
    fn psi(&self, [h, k, l]: [i32; 3], phi: f64) -> f64 {
        let turn = rotation(&self.axis, phi);
        let s = self.s0 + turn * self.ub * vec3([h, k, l].map(f64::from));
        let g = s.cross(&self.s0);
        let e = -(s + self.s0);
        let u = if h == k && k == l { [h, -h, 0] } else { [k - l, l - h, h - k] };
        let q = turn * (self.real.transpose() * vec3(u.map(f64::from)));
        let psi = libm::atan2(q.cross(&g).norm(), q.dot(&g)).to_degrees();
        if q.dot(&e) < 0.0 { -psi } else { psi }
    }
}

fn header(out: &mut String, m: &ExperimentModels, f: &Frame, unique: &Unique, origin: &Origin) {
    let scan = m.scan;
    let numbers = |v: &Vec3, width: usize, decimals: usize| v.iter().map(|x| format!("{x:width$.decimals$}")).collect::<Vec<_>>().join(" ");
    let mut line = |text: String| {
        out.push('!');
        out.push_str(&text);
        out.push('\n');
    };
    line("FORMAT=XDS_ASCII    MERGE=FALSE    FRIEDEL'S_LAW=TRUE".to_owned());
    for text in origin.lines() {
        line(format!("Generated: {text}"));
    }
    line(format!("DATA_RANGE= {} {}", scan.first_image, scan.last_image()));
    line(format!("ROTATION_AXIS= {}", numbers(&f.axis, 9, 6)));
    line(format!("OSCILLATION_RANGE= {:.6}", scan.width.to_degrees()));
    line(format!("STARTING_ANGLE= {:.6}", scan.phi0.to_degrees()));
    line(format!("STARTING_FRAME= {}", scan.first_image));
    line(format!("SPACE_GROUP_NUMBER= {}", unique.group.setting().map_or(0, |s| s.number)));
    let cell = m.crystal.map_or(unique.cell, |c| c.unit_cell()).parameters();
    line(format!("UNIT_CELL_CONSTANTS= {:9.3} {:9.3} {:9.3} {:7.3} {:7.3} {:7.3}", cell[0], cell[1], cell[2], cell[3], cell[4], cell[5]));
    for (i, name) in ["A", "B", "C"].into_iter().enumerate() {
        line(format!("UNIT_CELL_{name}-AXIS= {}", numbers(&f.real.row(i).transpose(), 9, 3)));
    }
    line(format!("X-RAY_WAVELENGTH= {:.6}", m.beam.wavelength));
    line(format!("INCIDENT_BEAM_DIRECTION= {}", numbers(&f.s0, 9, 6)));
    if let Some(panel) = m.detector.panels.first() {
        let [nx, ny] = panel.image_size;
        let [qx, qy] = panel.pixel_size;
        line(format!("NX= {nx} NY= {ny} QX= {qx:.6} QY= {qy:.6}"));
        let normal = panel.normal();
        let distance = panel.origin.dot(&normal);
        let foot = f.from_lab * (panel.origin - normal * distance);
        line(format!("ORGX= {:9.2} ORGY= {:9.2}", -foot.dot(&f.fast) / qx, -foot.dot(&f.slow) / qy));
        line(format!("DETECTOR_DISTANCE= {distance:8.3}"));
        line(format!("DIRECTION_OF_DETECTOR_X-AXIS= {}", numbers(&f.fast, 9, 5)));
        line(format!("DIRECTION_OF_DETECTOR_Y-AXIS= {}", numbers(&f.slow, 9, 5)));
    }
    line("VARIANCE_MODEL= 1.000e+00 0.000e+00".to_owned());
    line("NUMBER_OF_ITEMS_IN_EACH_DATA_RECORD=12".to_owned());
    let items = ["H", "K", "L", "IOBS", "SIGMA(IOBS)", "XD", "YD", "ZD", "RLP", "PEAK", "CORR", "PSI"];
    for (i, item) in items.into_iter().enumerate() {
        line(format!("ITEM_{item}={}", i + 1));
    }
    line("END_OF_HEADER".to_owned());
}
