//! Chains of transformations.

use super::{Error, units};
use crate::format::hdf5::Node;
use crate::math::{Mat3, Vec3, rotation};

/// Axes in one chain; more is a circle.
const MAX_AXES: usize = 64;

/// What an axis does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// Values are degrees about `vector`.
    Rotation,
    /// Values are mm along `vector`.
    Translation,
    /// Neither: only its offset counts.
    None,
}

/// One axis of a chain, in NeXus' frame.
#[derive(Debug, Clone)]
pub struct Axis {
    /// The data set of its values.
    pub node: Node,
    /// Rotation or translation.
    pub motion: Motion,
    /// Direction, as written: of unit length in a correct file.
    pub vector: Vec3,
    /// Offset, mm.
    pub offset: Vec3,
    /// Values, degrees or mm; at least one.
    pub values: Vec<f64>,
    /// What the axis hangs on; none at the end of the chain.
    depends_on: Option<String>,
}

impl Axis {
    /// Last component of its path.
    pub fn name(&self) -> &str {
        self.node.name()
    }

    /// Whether its values differ.
    pub fn varies(&self) -> bool {
        self.values.iter().any(|v| *v != self.values[0])
    }

    /// Reads the axis at a data set.
    pub fn read(node: Node) -> Result<Axis, Error> {
        let wrong = |reason: &str| Error::Value { file: node.file_name().into(), path: node.path().into(), reason: reason.into() };
        let text = |name: &str| -> Result<Option<String>, Error> { Ok(node.attribute(name)?.and_then(|v| v.text().map(str::to_owned))) };
        let vector = |name: &str| -> Result<Option<Vec3>, Error> {
            let Some(value) = node.attribute(name)? else { return Ok(None) };
            match value.reals().as_deref() {
                Some(&[x, y, z]) if x.is_finite() && y.is_finite() && z.is_finite() => Ok(Some(Vec3::new(x, y, z))),
                _ => Err(wrong(&format!("its {name} is not three numbers"))),
            }
        };
        let motion = match text("transformation_type")?.as_deref() {
            Some("rotation") => Motion::Rotation,
            Some("translation") => Motion::Translation,
            _ => Motion::None,
        };
        let unit = text("units")?.unwrap_or_default();
        let factor = match motion {
            Motion::Rotation => units::to_degrees(&unit).or(unit.is_empty().then_some(1.0)),
            Motion::Translation => units::to_mm(&unit).or(unit.is_empty().then_some(1.0)),
            Motion::None => Some(1.0),
        };
        let factor = factor.ok_or_else(|| wrong(&format!("unit {unit:?} does not suit a {motion:?}")))?;
        let direction = match (vector("vector")?, motion) {
            (Some(v), Motion::Rotation) if v.norm() == 0.0 => return Err(wrong("its vector is zero")),
            (Some(v), _) => v,
            (None, Motion::None) => Vec3::zeros(),
            (None, _) => return Err(wrong("it has no vector")),
        };
        let offset = match vector("offset")? {
            Some(v) if v != Vec3::zeros() => {
                // Diamond's files have offsets without a unit of their own: then the axis' unit is meant.
                let unit = text("offset_units")?.unwrap_or(unit);
                v * units::to_mm(&unit).ok_or_else(|| wrong(&format!("offset in {unit:?}, which is no length")))?
            }
            _ => Vec3::zeros(),
        };
        let values = node.read()?.reals().filter(|v| !v.is_empty()).ok_or_else(|| wrong("it has no values"))?;
        if values.iter().any(|v| !v.is_finite()) {
            return Err(wrong("a value is not a number"));
        }
        let values = values.into_iter().map(|v| v * factor).collect();
        let depends_on = text("depends_on")?.filter(|d| !matches!(d.trim(), "" | "."));
        Ok(Axis { motion, vector: direction, offset, values, depends_on, node })
    }

    /// Rotation and translation (mm) at the axis' first value.
    fn transformation(&self) -> (Mat3, Vec3) {
        match self.motion {
            Motion::Rotation => (rotation(&self.vector.normalize(), self.values[0].to_radians()), self.offset),
            Motion::Translation => (Mat3::identity(), self.vector * self.values[0] + self.offset),
            Motion::None => (Mat3::identity(), self.offset),
        }
    }
}

/// The chain that begins at `path`, as written in `from` (a group, or the group of the axis that depends on it).
pub fn chain(from: &Node, path: &str) -> Result<Vec<Axis>, Error> {
    let mut out: Vec<Axis> = Vec::new();
    let mut next = (!matches!(path.trim(), "" | ".")).then(|| (from.clone(), path.trim().to_owned()));
    while let Some((group, path)) = next {
        if out.len() >= MAX_AXES {
            let reason = format!("a chain of transformations of more than {MAX_AXES} axes: does it run in a circle?");
            return Err(Error::Value { file: from.file_name().into(), path, reason });
        }
        let axis = Axis::read(group.get(&path)?)?;
        next = match &axis.depends_on {
            Some(path) => Some((axis.node.get("..")?, path.trim().to_owned())),
            None => None,
        };
        out.push(axis);
    }
    Ok(out)
}

/// Rotation and translation (mm) of a whole chain at its axes' first values: T_n … T_2 T_1.
pub fn cumulative<'a>(chain: impl IntoIterator<Item = &'a Axis>) -> (Mat3, Vec3) {
    let start = (Mat3::identity(), Vec3::zeros());
    chain.into_iter().fold(start, |(r, t), axis| {
        let (ar, at) = axis.transformation();
        (ar * r, ar * t + at)
    })
}
