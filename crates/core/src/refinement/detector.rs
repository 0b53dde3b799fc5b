//! Parameters of a detector: rigid bodies of one panel or more.

use super::beam::{PINNED, Prior};
use crate::geometry::{Detector, Panel};
use crate::math::{Mat3, Vec3, axis_angle_of, rotation_vector};
use serde_json::Value;

/// Which panels move together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    /// All: the detector is one rigid body.
    #[default]
    Whole,
    /// Those of each group of the file's tree at this depth (0 is the root, which is the whole detector).
    Groups {
        /// Depth in the tree.
        level: usize,
    },
    /// Each panel by itself.
    Panels,
}

impl Grouping {
    /// Numbers of the panels of each body, in the order of their first panels.
    fn bodies(self, detector: &Detector) -> Vec<Vec<usize>> {
        let n = detector.panels.len();
        let mut bodies = match (self, &detector.hierarchy) {
            (Grouping::Whole, _) | (Grouping::Groups { .. }, None) => vec![(0..n).collect()],
            (Grouping::Panels, _) => (0..n).map(|i| vec![i]).collect(),
            (Grouping::Groups { level }, Some(root)) => {
                let mut bodies = Vec::new();
                groups_at(root, level, &mut bodies);
                bodies
            }
        };
        // A tree may name a panel twice, or not at all.
        let mut seen = vec![false; n];
        for body in &mut bodies {
            body.sort_unstable();
            body.retain(|&i| i < n && !core::mem::replace(&mut seen[i], true));
        }
        bodies.push((0..n).filter(|&i| !seen[i]).collect());
        bodies.retain(|b| !b.is_empty());
        bodies.sort_by_key(|b| b[0]);
        bodies
    }
}

/// A tree deeper than this is not a detector's.
const DEEPEST: usize = 32;

fn groups_at(node: &Value, level: usize, out: &mut Vec<Vec<usize>>) {
    let children = node.get("children").and_then(Value::as_array);
    match children {
        Some(children) if level > 0 => children.iter().for_each(|c| groups_at(c, level - 1, out)),
        _ => {
            let mut panels = Vec::new();
            panels_below(node, 0, &mut panels);
            out.push(panels);
        }
    }
}

fn panels_below(node: &Value, depth: usize, out: &mut Vec<usize>) {
    out.extend(node.get("panel").and_then(Value::as_u64).and_then(|i| usize::try_from(i).ok()));
    if depth < DEEPEST {
        let children = node.get("children").and_then(Value::as_array);
        children.into_iter().flatten().for_each(|c| panels_below(c, depth + 1, out));
    }
}

/// What a parameter of the detector does; axes are those of the first panel: fast, slow, normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DetectorMotion {
    /// Moves it along an axis, mm.
    Shift(usize),
    /// Turns it about an axis through its centre, rad.
    Tilt(usize),
}

/// The free parameters of a detector.
#[derive(Debug, Clone)]
pub(crate) struct DetectorBlock {
    pub bodies: Vec<Body>,
    /// The body of each panel.
    pub body_of: Vec<usize>,
    grouping: Grouping,
}

/// The free parameters of panels that move together.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub start: usize,
    axes: [Vec3; 3],
    centre: Vec3,
    distance: f64,
    panels: Vec<(usize, Plane)>,
    pub motions: Vec<DetectorMotion>,
}

/// A panel's frame.
#[derive(Debug, Clone, Copy)]
struct Plane {
    fast: Vec3,
    slow: Vec3,
    origin: Vec3,
}

/// A panel at some value of the parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlaneState {
    pub fast: Vec3,
    pub slow: Vec3,
    pub origin: Vec3,
    /// \[fast slow origin\]⁻¹: s1 ↦ (x w, y w, w).
    pub inverse: Mat3,
}

/// How a parameter moves points of the detector.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    /// By this vector.
    Shift(Vec3),
    /// By this vector × (point − pivot).
    Turn(Vec3),
}

#[derive(Debug, Clone)]
pub(crate) struct DetectorState {
    pub panels: Vec<PlaneState>,
    /// Parameters' effects by body.
    pub bodies: Vec<BodyState>,
}

#[derive(Debug, Clone)]
pub(crate) struct BodyState {
    pub pivot: Vec3,
    pub fields: Vec<Field>,
}

impl DetectorBlock {
    /// With `motions` of every body. `None` for a detector without panels.
    pub(crate) fn new(detector: &Detector, grouping: Grouping, motions: &[DetectorMotion]) -> Option<Self> {
        let bodies: Vec<Body> = grouping.bodies(detector).iter().map(|panels| Body::new(detector, panels, motions)).collect();
        let mut body_of = vec![0; detector.panels.len()];
        for (i, body) in bodies.iter().enumerate() {
            body.panels.iter().for_each(|(panel, _)| body_of[*panel] = i);
        }
        (!bodies.is_empty()).then_some(DetectorBlock { bodies, body_of, grouping })
    }

    /// Parameters of all bodies.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.bodies.iter().flat_map(|b| b.start..b.start + b.motions.len())
    }

    /// `None` when a panel's plane runs through the sample.
    pub(crate) fn evaluate(&self, p: &[f64]) -> Option<DetectorState> {
        let unset = PlaneState { fast: Vec3::zeros(), slow: Vec3::zeros(), origin: Vec3::zeros(), inverse: Mat3::zeros() };
        let mut panels = vec![unset; self.body_of.len()];
        let bodies = self.bodies.iter().map(|b| b.evaluate(p, &mut panels)).collect::<Option<_>>()?;
        Some(DetectorState { panels, bodies })
    }

    /// What is known of each body's motions beforehand: the place of `reference` (of the detector itself without one) to half a per cent of the
    /// distance, its orientation to a quarter of a degree, or, about its normal and beside crystals that vary, to [`PINNED`].
    pub(crate) fn priors(&self, reference: Option<&Detector>, varying: bool) -> Vec<(usize, Prior)> {
        let same = |r: &DetectorBlock| r.body_of == self.body_of;
        let reference = reference.and_then(|d| DetectorBlock::new(d, self.grouping, &[])).filter(same);
        let mut out = Vec::new();
        for (i, body) in self.bodies.iter().enumerate() {
            let known = reference.as_ref().map(|r| &r.bodies[i]);
            out.extend(body.motions.iter().enumerate().map(|(k, motion)| (body.start + k, body.prior(*motion, known, varying))));
        }
        out
    }
}

impl Body {
    fn new(detector: &Detector, panels: &[usize], motions: &[DetectorMotion]) -> Self {
        let first = &detector.panels[panels[0]];
        let fast = first.fast.normalize();
        let normal = first.normal();
        let middle = |p: &Panel| {
            let [w, h] = [0, 1].map(|i| p.image_size[i] as f64 * p.pixel_size[i] / 2.0);
            p.origin + p.fast * w + p.slow * h
        };
        let centre = panels.iter().map(|&i| middle(&detector.panels[i])).sum::<Vec3>() / panels.len() as f64;
        let plane = |p: &Panel| Plane { fast: p.fast, slow: p.slow, origin: p.origin };
        Body {
            start: 0,
            axes: [fast, normal.cross(&fast), normal],
            centre,
            distance: first.distance(),
            panels: panels.iter().map(|&i| (i, plane(&detector.panels[i]))).collect(),
            motions: motions.to_vec(),
        }
    }

    /// Writes the planes of its panels into `out`. `None` when one runs through the sample.
    fn evaluate(&self, p: &[f64], out: &mut [PlaneState]) -> Option<BodyState> {
        let p = &p[self.start..self.start + self.motions.len()];
        let (mut shift, mut theta) = (Vec3::zeros(), Vec3::zeros());
        for (motion, x) in self.motions.iter().zip(p) {
            match motion {
                DetectorMotion::Shift(k) => shift += self.axes[*k] * *x,
                DetectorMotion::Tilt(k) => theta += self.axes[*k] * *x,
            }
        }
        let (r, jacobian) = rotation_vector(&theta);
        let pivot = self.centre + shift;
        for (i, q) in &self.panels {
            let (fast, slow, origin) = (r * q.fast, r * q.slow, pivot + r * (q.origin - self.centre));
            let inverse = Mat3::from_columns(&[fast, slow, origin]).try_inverse()?;
            out[*i] = PlaneState { fast, slow, origin, inverse };
        }
        let fields = self.motions.iter().map(|motion| match motion {
            DetectorMotion::Shift(k) => Field::Shift(self.axes[*k]),
            DetectorMotion::Tilt(k) => Field::Turn(jacobian * self.axes[*k]),
        });
        Some(BodyState { pivot, fields: fields.collect() })
    }

    fn prior(&self, motion: DetectorMotion, reference: Option<&Body>, varying: bool) -> Prior {
        let (shift, turn) = match reference {
            Some(r) => {
                let (axis, angle) = axis_angle_of(&(Mat3::from_columns(&r.axes) * Mat3::from_columns(&self.axes).transpose()));
                (r.centre - self.centre, axis * angle)
            }
            None => (Vec3::zeros(), Vec3::zeros()),
        };
        match motion {
            DetectorMotion::Shift(k) => Prior { mean: shift.dot(&self.axes[k]), sigma: 0.005 * self.distance.max(1.0) },
            DetectorMotion::Tilt(2) if varying => Prior { mean: turn.dot(&self.axes[2]), sigma: PINNED },
            DetectorMotion::Tilt(k) => Prior { mean: turn.dot(&self.axes[k]), sigma: 0.25_f64.to_radians() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn panels_move_with_the_group_that_the_file_puts_them_in() {
        let tree = json!({"children": [{"children": [{"panel": 0}, {"panel": 2}]}, {"children": [{"panel": 1}]}, {"panel": 3}]});
        let panels = vec![Panel { pixel_size: [0.1, 0.1], image_size: [100, 100], ..Panel::default() }; 5];
        let detector = Detector { panels, hierarchy: Some(tree), ..Detector::default() };
        let t = |grouping: Grouping, expected: &[&[usize]]| assert_eq!(grouping.bodies(&detector), expected, "{grouping:?}");
        t(Grouping::Whole, &[&[0, 1, 2, 3, 4]]);
        t(Grouping::Groups { level: 0 }, &[&[0, 1, 2, 3], &[4]]);
        t(Grouping::Groups { level: 1 }, &[&[0, 2], &[1], &[3], &[4]]);
        t(Grouping::Groups { level: 2 }, &[&[0], &[1], &[2], &[3], &[4]]);
        t(Grouping::Panels, &[&[0], &[1], &[2], &[3], &[4]]);
    }
}
