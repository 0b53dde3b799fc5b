//! Sweeps → an experiment list in which equal models stand once.

use crate::format::sweep::Sweep;
use crate::geometry::{Beam, Detector, Experiment, ExperimentList, Goniometer, ImageSet, ImageSetKind};

/// DIALS' tolerance for models to be the same (Å, mm, and length of the difference of unit vectors).
const SAME: f64 = 1e-6;

/// Joins sweeps.
pub fn join(sweeps: &[Sweep]) -> ExperimentList {
    let mut list = ExperimentList::default();
    for sweep in sweeps {
        let imageset = list.imagesets.len();
        list.imagesets.push(imageset_of(sweep));
        let scan = sweep.scan.as_ref().map(|s| {
            list.scans.push(s.clone());
            list.scans.len() - 1
        });
        let goniometer = sweep.goniometer.as_ref().map(|g| index_of(&mut list.goniometers, g, same_goniometer));
        list.experiments.push(Experiment {
            identifier: identifier(sweep, imageset),
            beam: Some(index_of(&mut list.beams, &sweep.beam, same_beam)),
            detector: Some(index_of(&mut list.detectors, &sweep.detector, same_detector)),
            goniometer,
            scan,
            imageset: Some(imageset),
            ..Experiment::default()
        });
    }
    list
}

fn imageset_of(sweep: &Sweep) -> ImageSet {
    let still = sweep.scan.is_none();
    let first = sweep.scan.as_ref().map_or(0, |s| usize::try_from(s.first_image - 1).unwrap_or(0));
    ImageSet {
        kind: if still { ImageSetKind::Stills } else { ImageSetKind::Sequence },
        template: sweep.template.clone(),
        single_file_indices: if sweep.single_file { (first..first + sweep.images.n_images()).collect() } else { Vec::new() },
        ..ImageSet::default()
    }
}

fn index_of<T: Clone>(models: &mut Vec<T>, new: &T, same: fn(&T, &T) -> bool) -> usize {
    models.iter().position(|m| same(m, new)).unwrap_or_else(|| {
        models.push(new.clone());
        models.len() - 1
    })
}

fn same_beam(a: &Beam, b: &Beam) -> bool {
    (a.wavelength - b.wavelength).abs() < SAME
        && (a.direction - b.direction).norm() < SAME
        && (a.polarization_normal - b.polarization_normal).norm() < SAME
        && (a.polarization_fraction - b.polarization_fraction).abs() < SAME
}

fn same_detector(a: &Detector, b: &Detector) -> bool {
    a.panels.len() == b.panels.len()
        && a.panels.iter().zip(&b.panels).all(|(p, q)| {
            (p.fast - q.fast).norm() < SAME
                && (p.slow - q.slow).norm() < SAME
                && (p.origin - q.origin).norm() < SAME
                && p.image_size == q.image_size
                && p.pixel_size.iter().zip(q.pixel_size).all(|(x, y)| (x - y).abs() < SAME)
                && p.trusted_range == q.trusted_range
                && (p.mu - q.mu).abs() < SAME
                && (p.thickness - q.thickness).abs() < SAME
        })
}

fn same_goniometer(a: &Goniometer, b: &Goniometer) -> bool {
    (a.rotation_axis - b.rotation_axis).norm() < SAME
        && (a.fixed_rotation - b.fixed_rotation).norm() < SAME
        && (a.setting_rotation - b.setting_rotation).norm() < SAME
        && a.axes.len() == b.axes.len()
        && a.scan_axis == b.scan_axis
}

/// A name in the form of a UUID (version 8: of one's own making), the same whenever the same files are imported.
fn identifier(sweep: &Sweep, number: usize) -> String {
    let start = sweep.scan.as_ref().map_or(0.0, |s| s.phi0);
    let text = format!("{} {} {start:.9} {number}", sweep.template, sweep.images.n_images());
    // FNV-1a, 128 bits (Fowler, Noll and Vo).
    let hash = text.bytes().fold(0x6C62_272E_07BB_0142_62B8_2175_6295_C58Du128, |h, b| {
        (h ^ u128::from(b)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B)
    });
    let mut b = hash.to_be_bytes();
    b[6] = b[6] & 0x0F | 0x80;
    b[8] = b[8] & 0x3F | 0x80;
    let hex: String = b.iter().map(|x| format!("{x:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
