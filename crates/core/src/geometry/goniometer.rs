use super::Extra;
use crate::math::{Mat3, Vec3, rotation};

/// One axis of a goniometer.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Name, such as `omega`.
    pub name: String,
    /// Unit vector with all angles at zero, laboratory frame.
    pub direction: Vec3,
    /// Datum angle, rad. Of the scan axis it is only carried along: its angle is the scan's.
    pub angle: f64,
}

/// A goniometer. A reciprocal-lattice vector h in the laboratory at scan angle φ is **S R(e, φ) F** A h.
#[derive(Debug, Clone, PartialEq)]
pub struct Goniometer {
    /// e, the scan axis before the setting rotation acts on it, unit vector.
    pub rotation_axis: Vec3,
    /// F, the rotations between the crystal and the scan axis.
    pub fixed_rotation: Mat3,
    /// S, the rotations between the scan axis and the laboratory.
    pub setting_rotation: Mat3,
    /// The axes from the sample outwards and which of them scans; empty for a goniometer given by matrices alone.
    pub axes: Vec<Axis>,
    /// Index of the scan axis in `axes`.
    pub scan_axis: usize,
    /// Keys of the file that are only carried along.
    pub extra: Extra,
}

impl Default for Goniometer {
    fn default() -> Self {
        Goniometer::single(Vec3::x())
    }
}

impl Goniometer {
    /// A goniometer of one axis.
    pub fn single(rotation_axis: Vec3) -> Self {
        Goniometer {
            rotation_axis,
            fixed_rotation: Mat3::identity(),
            setting_rotation: Mat3::identity(),
            axes: Vec::new(),
            scan_axis: 0,
            extra: Extra::new(),
        }
    }

    /// A goniometer of several axes, from the sample outwards. Axes nearer the sample than the scan axis make up F, those
    /// farther out S. `scan_axis` must be less than the number of axes.
    pub fn multi_axis(axes: Vec<Axis>, scan_axis: usize) -> Self {
        let product = |range: core::ops::Range<usize>| range.fold(Mat3::identity(), |m, i| rotation(&axes[i].direction, axes[i].angle) * m);
        Goniometer {
            rotation_axis: axes[scan_axis].direction,
            fixed_rotation: product(0..scan_axis),
            setting_rotation: product(scan_axis + 1..axes.len()),
            axes,
            scan_axis,
            extra: Extra::new(),
        }
    }

    /// The scan axis in the laboratory, S e, unit vector.
    pub fn lab_axis(&self) -> Vec3 {
        self.setting_rotation * self.rotation_axis
    }

    /// S R(e, φ) F: from the crystal's frame at the datum to the laboratory at scan angle φ (rad).
    pub fn lab_from_datum(&self, phi: f64) -> Mat3 {
        self.setting_rotation * rotation(&self.rotation_axis, phi) * self.fixed_rotation
    }
}
