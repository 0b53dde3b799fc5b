//! The listing that `dials.show` prints.

use core::fmt::Write;

use crate::geometry::{Beam, Detector, ExperimentList, Goniometer, Panel, Probe, PxMm, Scan};
use crate::math::{Mat3, Vec3, rows_of};

/// Describes every experiment of a list: detector, beam, scan, goniometer, in DIALS' words and units.
pub fn show(list: &ExperimentList) -> String {
    let mut out = String::new();
    for (i, e) in list.experiments.iter().enumerate() {
        let _ = writeln!(out, "Experiment {i}:\nExperiment identifier: {}", e.identifier);
        if let Some(set) = e.imageset.and_then(|k| list.imagesets.get(k)) {
            let _ = writeln!(out, "Image template: {}", set.template);
        }
        let beam = e.beam.and_then(|k| list.beams.get(k));
        let detector = e.detector.and_then(|k| list.detectors.get(k));
        if let Some(d) = detector {
            out.push_str("Detector:\n");
            d.panels.iter().for_each(|p| panel(&mut out, p));
        }
        if let (Some(d), Some(b)) = (detector, beam) {
            let s0 = b.s0();
            let _ = writeln!(
                out,
                "\nMax resolution (at corners): {:.6}\nMax resolution (inscribed):  {:.6}\n",
                d.d_min_at_corners(&s0),
                d.d_min_inscribed(&s0)
            );
        }
        if let Some(b) = beam {
            show_beam(&mut out, b);
        }
        if let (Some(d), Some(b)) = (detector, beam) {
            centre(&mut out, d, b);
        }
        if let Some(s) = e.scan.and_then(|k| list.scans.get(k)) {
            scan(&mut out, s);
        }
        if let Some(g) = e.goniometer.and_then(|k| list.goniometers.get(k)) {
            goniometer(&mut out, g);
        }
        out.push('\n');
    }
    out
}

/// Six significant digits, as C++ streams print.
fn g(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return if x == 0.0 { "0".into() } else { x.to_string() };
    }
    let text = format!("{x:.5e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |s: &str| if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').to_owned() } else { s.to_owned() };
    if (-5..6).contains(&exponent) {
        trim(&format!("{x:.*}", (5 - exponent).max(0) as usize))
    } else {
        format!("{}e{}{:02}", trim(digits), if exponent < 0 { '-' } else { '+' }, exponent.abs())
    }
}

fn list(values: &[f64]) -> String {
    values.iter().map(|v| g(*v)).collect::<Vec<_>>().join(",")
}

fn vector(v: &Vec3) -> String {
    // A rounding error is no direction.
    let clean = |x: f64| if x.abs() < 1e-12 { 0.0 } else { x };
    format!("{{{}}}", list(&[clean(v.x), clean(v.y), clean(v.z)]))
}

fn matrix(m: &Mat3) -> String {
    format!("{{{}}}", list(&rows_of(m).map(|x| if x.abs() < 1e-12 { 0.0 } else { x })))
}

fn panel(out: &mut String, p: &Panel) {
    let strategy = match p.px_mm {
        PxMm::Simple => "SimplePxMmStrategy".to_owned(),
        PxMm::Parallax => format!("ParallaxCorrectedPxMmStrategy\n    mu: {}\n    t0: {}", g(p.mu), g(p.thickness)),
    };
    let _ = writeln!(
        out,
        "Panel:\n  name: {}\n  type: {}\n  identifier: {}\n  pixel_size:{{{}}}\n  image_size: {{{},{}}}\n  trusted_range: {{{}}}\n  thickness: {}\n  \
         material: {}\n  mu: {}\n  gain: {}\n  pedestal: {}\n  fast_axis: {}\n  slow_axis: {}\n  origin: {}\n  distance: {}\n  \
         pixel to millimeter strategy: {strategy}",
        p.name,
        p.kind,
        p.identifier,
        list(&p.pixel_size),
        p.image_size[0],
        p.image_size[1],
        list(&p.trusted_range),
        g(p.thickness),
        p.material,
        g(p.mu),
        g(p.gain),
        g(p.pedestal),
        vector(&p.fast),
        vector(&p.slow),
        vector(&p.origin),
        g(p.distance()),
    );
}

fn show_beam(out: &mut String, b: &Beam) {
    let probe = match b.probe {
        Probe::XRay => "x-ray",
        Probe::Electron => "electron",
        Probe::Neutron => "neutron",
    };
    let _ = writeln!(
        out,
        "Beam:\n    probe: {probe}\n    wavelength: {}\n    sample to source direction : {}\n    divergence: {}\n    sigma divergence: {}\n    \
         polarization normal: {}\n    polarization fraction: {}\n    flux: {}\n    transmission: {}\n",
        g(b.wavelength),
        vector(&b.direction),
        g(b.divergence),
        g(b.sigma_divergence),
        vector(&b.polarization_normal),
        g(b.polarization_fraction),
        g(b.flux),
        g(b.transmission),
    );
}

fn centre(out: &mut String, d: &Detector, b: &Beam) {
    if let Some(c) = d.beam_centre(&b.s0()) {
        let panel = if d.panels.len() > 1 { format!("    panel: {}\n", c.panel) } else { String::new() };
        let _ = writeln!(out, "Beam centre: \n{panel}    mm: ({:.2},{:.2})\n    px: ({:.2},{:.2})\n", c.mm.x, c.mm.y, c.px.x, c.px.y);
    }
}

fn scan(out: &mut String, s: &Scan) {
    let _ = writeln!(
        out,
        "Scan:\n    number of images:   {}\n    image range:   {{{},{}}}\n    oscillation:   {{{}}}",
        s.n_images,
        s.first_image,
        s.last_image(),
        // To 10⁻⁹°: an angle went through radians.
        list(&[s.phi0, s.width].map(|a| libm::round(a.to_degrees() * 1e9) / 1e9)),
    );
    if let Some(t) = s.exposure_times.first() {
        let _ = writeln!(out, "    exposure time: {}", g(*t));
    }
    out.push('\n');
}

fn goniometer(out: &mut String, gonio: &Goniometer) {
    let _ = writeln!(
        out,
        "Goniometer:\n    Rotation axis:   {}\n    Fixed rotation:  {}\n    Setting rotation:{}",
        vector(&gonio.rotation_axis),
        matrix(&gonio.fixed_rotation),
        matrix(&gonio.setting_rotation)
    );
    for (i, axis) in gonio.axes.iter().enumerate() {
        let _ = writeln!(out, "    Axis #{i} ({}):  {}", axis.name, vector(&axis.direction));
    }
    if let Some(scan) = gonio.axes.get(gonio.scan_axis) {
        let angles: Vec<f64> = gonio.axes.iter().map(|a| libm::round(a.angle.to_degrees() * 1e9) / 1e9).collect();
        let _ = writeln!(out, "    Angles: {}\n    scan axis: #{} ({})", list(&angles), gonio.scan_axis, scan.name);
    }
}

#[cfg(test)]
mod tests {
    use super::g;

    #[test]
    fn numbers_have_six_digits() {
        let t = |x: f64, want: &str| assert_eq!(g(x), want);
        t(0.172, "0.172");
        t(1.4153536370336604, "1.41535");
        t(388705.0, "388705");
        t(-2147483648.0, "-2.14748e+09");
        t(0.866025403, "0.866025");
        t(-201.3440646, "-201.344");
        t(1e-7, "1e-07");
        t(0.0, "0");
    }
}
