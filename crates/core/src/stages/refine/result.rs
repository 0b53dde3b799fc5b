use super::Residuals;
use crate::geometry::{Crystal, ExperimentList};
use crate::math::axis_angle_of;
use crate::refinement::Outcome;
use crate::reflections::Reflections;

/// What refinement gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The refined models. A crystal that several scans shared may have become one for each.
    pub experiments: ExperimentList,
    /// All rows that came in, with new predictions and flags.
    pub reflections: Reflections,
    /// How it went.
    pub outcome: Outcome,
    /// The course of each crystal that varies over its scan.
    pub courses: Vec<CrystalCourse>,
    /// What the residuals tell.
    pub residuals: Residuals,
}

/// A crystal over its scan, at the borders of images.
#[derive(Debug, Clone, PartialEq)]
pub struct CrystalCourse {
    /// Its number.
    pub crystal: usize,
    /// Image number (the first image spans from one less than its number to its number).
    pub image: Vec<f64>,
    /// a, b, c (Å), α, β, γ (degrees).
    pub cell: Vec<[f64; 6]>,
    /// Rotation from the mean orientation about the laboratory's x, y, z, degrees.
    pub rotation_deg: Vec<[f64; 3]>,
}

impl CrystalCourse {
    /// `None` for a static crystal.
    pub(super) fn of(index: usize, crystal: &Crystal, first_image: i64) -> Option<Self> {
        if crystal.a_at_scan_points.len() < 2 {
            return None;
        }
        let mean = crystal.u_matrix().transpose();
        let at: Vec<Crystal> = crystal.a_at_scan_points.iter().map(|a| Crystal::new(*a)).collect();
        let rotation = |c: &Crystal| {
            let (axis, angle) = axis_angle_of(&(c.u_matrix() * mean));
            let v = axis * angle.to_degrees();
            [v.x, v.y, v.z]
        };
        Some(CrystalCourse {
            crystal: index,
            image: (0..at.len()).map(|z| (first_image - 1) as f64 + z as f64).collect(),
            cell: at.iter().map(|c| c.unit_cell().parameters()).collect(),
            rotation_deg: at.iter().map(rotation).collect(),
        })
    }
}
