//! The user's corrections of one sweep.

use std::sync::Arc;

use super::{Error, Params, Window};
use crate::format::attenuation::Material;
use crate::format::sweep::Sweep;
use crate::geometry::{Goniometer, Panel};
use crate::math::{Mat3, Vec3, rotation, vec3};

/// Applies the parameters to a sweep.
pub fn apply(sweep: &mut Sweep, params: &Params) -> Result<(), Error> {
    if let Some(wavelength) = params.wavelength {
        sweep.beam.wavelength = wavelength;
        for panel in &mut sweep.detector.panels {
            // The sensor absorbs according to the energy.
            if let Some(mu) = Material::from_name(&panel.material).and_then(|m| m.mu_per_mm(wavelength)).filter(|_| panel.mu > 0.0) {
                panel.mu = mu;
            }
        }
    }
    if let Some(distance) = params.distance {
        let panel = beam_panel(sweep, "distance")?;
        let normal = panel.normal();
        let now = panel.origin.dot(&normal);
        move_detector(sweep, normal * (distance.copysign(now) - now));
    }
    if let Some([slow, fast]) = params.slow_fast_beam_centre {
        let what = "slow_fast_beam_centre";
        let panel = beam_panel(sweep, what)?;
        // Both points with the same parallax, so the plain distance between pixels is what the detector moves by.
        let now = panel.mm_from_ray(&sweep.beam.s0()).map(|mm| [mm.x / panel.pixel_size[0], mm.y / panel.pixel_size[1]]);
        let now = now.ok_or_else(|| out_of_reach(sweep, what))?;
        let (dx, dy) = (now[0] - fast, now[1] - slow);
        move_detector(sweep, panel.fast * (dx * panel.pixel_size[0]) + panel.slow * (dy * panel.pixel_size[1]));
    }
    if let Some(range) = params.trusted_range {
        sweep.detector.panels.iter_mut().for_each(|p| p.trusted_range = range);
    }
    if let (Some(axis), Some(g)) = (params.rotation_axis, &mut sweep.goniometer) {
        turn_goniometer(g, &vec3(axis));
    }
    if params.invert_rotation_axis
        && let Some(g) = &mut sweep.goniometer
    {
        g.rotation_axis = -g.rotation_axis;
        let k = g.scan_axis;
        if let Some(axis) = g.axes.get_mut(k) {
            axis.direction = -axis.direction;
        }
    }
    if let (Some([start, width]), Some(scan)) = (params.oscillation, &mut sweep.scan) {
        (scan.phi0, scan.width) = (start.to_radians(), width.to_radians());
    }
    if let Some([first, last]) = params.image_range {
        range(sweep, first, last)?;
    }
    Ok(())
}

/// The panel that the beam meets, or else the first.
fn beam_panel(sweep: &Sweep, what: &'static str) -> Result<Panel, Error> {
    let hit = sweep.detector.beam_centre(&sweep.beam.s0()).ok_or_else(|| out_of_reach(sweep, what))?;
    Ok(sweep.detector.panels[hit.panel].clone())
}

fn out_of_reach(sweep: &Sweep, what: &'static str) -> Error {
    Error::Geometry { file: sweep.template.clone(), what }
}

/// All panels move together.
fn move_detector(sweep: &mut Sweep, by: Vec3) {
    sweep.detector.panels.iter_mut().for_each(|p| p.origin += by);
}

/// Turns the whole goniometer, by the smallest angle, so that its scan axis points along `wanted` in the laboratory.
fn turn_goniometer(g: &mut Goniometer, wanted: &Vec3) {
    let (from, to) = ((g.setting_rotation * g.rotation_axis).normalize(), wanted.normalize());
    let across = from.cross(&to);
    let turn = if across.norm() > 1e-12 {
        rotation(&across.normalize(), libm::atan2(across.norm(), from.dot(&to)))
    } else if from.dot(&to) > 0.0 {
        Mat3::identity()
    } else {
        let aside = if from.x.abs() < 0.9 { Vec3::x() } else { Vec3::y() };
        rotation(&from.cross(&aside).normalize(), core::f64::consts::PI)
    };
    g.rotation_axis = turn * g.rotation_axis;
    g.setting_rotation = turn * g.setting_rotation * turn.transpose();
    g.fixed_rotation = turn * g.fixed_rotation * turn.transpose();
    g.axes.iter_mut().for_each(|a| a.direction = turn * a.direction);
}

/// Keeps images `first` to `last`, by number.
fn range(sweep: &mut Sweep, first: usize, last: usize) -> Result<(), Error> {
    let n = sweep.images.n_images() as i64;
    let have_first = sweep.scan.as_ref().map_or(1, |s| s.first_image);
    let have_last = have_first + n - 1;
    let outside = || Error::ImageRange { file: sweep.template.clone(), have_first, have_last, first, last };
    let (from, to) = (first as i64, last as i64);
    if from < have_first || to > have_last {
        return Err(outside());
    }
    let skip = (from - have_first) as usize;
    let n = (to - from + 1) as usize;
    sweep.images = Arc::new(Window::new(sweep.images.clone(), skip, n));
    if let Some(scan) = &mut sweep.scan {
        let cut = |v: &Vec<f64>| v.iter().skip(skip).take(n).copied().collect();
        scan.exposure_times = cut(&scan.exposure_times);
        scan.epochs = cut(&scan.epochs);
        scan.phi0 = scan.phi_from_z(skip as f64);
        scan.first_image = from;
        scan.n_images = n;
    }
    Ok(())
}
