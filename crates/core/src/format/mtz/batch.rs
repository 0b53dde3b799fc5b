//! Batch headers: the geometry of each image of an unmerged file.

use crate::geometry::ExperimentModels;
use crate::math::{Mat3, Vec3};

/// Number of integers in a batch header.
pub(super) const N_INTEGERS: usize = 29;
/// Number of reals in a batch header.
pub(super) const N_REALS: usize = 156;

/// Header of one batch (one image), as the words of CCP4's `MTZBAT`.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Number, as in the column BATCH.
    pub number: i32,
    /// Title.
    pub title: String,
    /// Integer words, 29 of them, from `nwords` on.
    pub integers: Vec<i32>,
    /// Real words, 156 of them, from the cell on.
    pub reals: Vec<f32>,
    /// Names of the goniometer axes, eight characters each.
    pub axes: String,
}

/// Numbers to add to image numbers so that batches of several scans do not meet.
///
/// Takes first and last image of each scan. Numbers are kept where possible; a scan that would overlap (or touch) an earlier
/// one moves to the next number ending in 01, and no batch is 0: the rule of DIALS.
pub fn batch_offsets(image_ranges: &[[i64; 2]]) -> Vec<i64> {
    let mut offsets = vec![0; image_ranges.len()];
    let mut kept: Vec<[i64; 2]> = Vec::new();
    let mut moved = Vec::new();
    let mut last = 0;
    for (i, &[low, high]) in image_ranges.iter().enumerate() {
        let shift = if low < 1 { 1 - low } else { 0 };
        let (first, end) = (low + shift, high + shift);
        if kept.iter().any(|[l, h]| first <= h + 1 && end >= l - 1) {
            moved.push(i);
        } else {
            offsets[i] = shift;
            kept.push([first, end]);
            last = last.max(end);
        }
    }
    for i in moved {
        let [low, high] = image_ranges[i];
        // Not the number right after the last one.
        let start = match last % 100 {
            0 => last + 101,
            99 => last + 2,
            rest => last - rest + 101,
        };
        offsets[i] = start - low;
        last = start + (high - low);
    }
    offsets
}

/// Rotation from the laboratory to the Cambridge frame: z along the spindle, x along the beam as nearly as it can be.
fn cambridge_from_lab(axis: Vec3, s0: Vec3) -> Mat3 {
    let z = axis.normalize();
    let across = s0 - z * s0.dot(&z);
    if across.norm() < 1e-9 * s0.norm() {
        // Beam along the spindle: any frame will do.
        return Mat3::identity();
    }
    let x = across.normalize();
    let y = z.cross(&x);
    Mat3::from_rows(&[x.transpose(), y.transpose(), z.transpose()])
}

/// B of Busing & Levy with c* … in Mosflm's convention: a* along x, b* in the x-y plane; Å⁻¹.
fn mosflm_b(metric: &Mat3) -> Option<Mat3> {
    let reciprocal = metric.try_inverse()?;
    let length = |i: usize| reciprocal[(i, i)].sqrt();
    let (a, b) = (length(0), length(1));
    let cos_gamma = reciprocal[(0, 1)] / (a * b);
    let sin_gamma = (1.0 - cos_gamma * cos_gamma).sqrt();
    let c_x = reciprocal[(0, 2)] / a;
    let c_y = (reciprocal[(1, 2)] - c_x * b * cos_gamma) / (b * sin_gamma);
    let c_z = 1.0 / metric[(2, 2)].sqrt();
    Some(Mat3::new(a, b * cos_gamma, c_x, 0.0, b * sin_gamma, c_y, 0.0, 0.0, c_z))
}

/// Batch headers of a scan, one per image, in the Cambridge frame (x along the beam, z along the spindle).
///
/// `offset` is added to image numbers; `dataset` is the dataset's number. Cells and orientations are those at the middle of
/// each image for a scan-varying crystal.
pub fn batches_of_scan(models: &ExperimentModels, offset: i64, dataset: i32) -> Vec<Batch> {
    let (beam, gonio, scan) = (models.beam, models.goniometer, models.scan);
    let s0 = beam.s0();
    let frame = cambridge_from_lab(gonio.rotation_axis, s0);
    let axis = frame * gonio.lab_axis();
    let source = -(frame * s0.normalize());
    let lab_from_datum = gonio.setting_rotation * gonio.fixed_rotation;
    let panel = models.detector.panels.first();
    (0..scan.n_images)
        .map(|image| {
            let number = (scan.first_image + image as i64 + offset) as i32;
            let mut integers = vec![0i32; N_INTEGERS];
            integers[0] = (N_INTEGERS + N_REALS) as i32;
            integers[1] = N_INTEGERS as i32;
            integers[2] = N_REALS as i32;
            // Cell parameters: nothing said about which were refined.
            integers[4..10].fill(-1);
            // One crystal, 3-D data, spindle along the first goniostat axis of one, one detector.
            integers[12] = 1;
            integers[14] = 2;
            integers[15] = 1;
            integers[17] = 1;
            integers[19] = 1;
            integers[20] = dataset;

            let mut reals = vec![0f32; N_REALS];
            if let Some(crystal) = models.crystal {
                let a = crystal.a_at_z(image as f64 + 0.5);
                let metric = (a.transpose() * a).try_inverse();
                if let Some((metric, b)) = metric.and_then(|m| Some((m, mosflm_b(&m)?))) {
                    let cell = crate::spacegroup::constraints::cell_from_metric(&metric);
                    for (word, value) in reals[0..6].iter_mut().zip(cell) {
                        *word = value as f32;
                    }
                    if let Some(inverse) = b.try_inverse() {
                        let u = frame * lab_from_datum * a * inverse;
                        // Column by column, as nalgebra iterates.
                        for (word, value) in reals[6..15].iter_mut().zip(u.iter()) {
                            *word = *value as f32;
                        }
                    }
                }
            }
            let [start, end] = [image as f64, image as f64 + 1.0].map(|z| scan.phi_from_z(z).to_degrees());
            reals[36] = start as f32;
            reals[37] = end as f32;
            let put = |reals: &mut Vec<f32>, at: usize, v: Vec3| {
                for i in 0..3 {
                    reals[at + i] = v[i] as f32;
                }
            };
            put(&mut reals, 38, axis);
            // Batch scale 1.
            reals[43] = 1.0;
            reals[47] = (end - start) as f32;
            put(&mut reals, 59, axis);
            // Ideal and actual direction from the crystal to the source.
            put(&mut reals, 80, Vec3::new(-1.0, 0.0, 0.0));
            put(&mut reals, 83, source);
            reals[86] = beam.wavelength as f32;
            if let Some(panel) = panel {
                reals[111] = panel.distance() as f32;
                reals[114] = panel.image_size[0] as f32;
                reals[116] = panel.image_size[1] as f32;
            }
            Batch { number, title: format!("Batch {number}"), integers, reals, axes: "AXIS".to_owned() }
        })
        .collect()
}
