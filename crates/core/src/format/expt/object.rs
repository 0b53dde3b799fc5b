use crate::geometry::Extra;
use crate::math::Vec3;
use serde_json::Value;

/// A `.expt` file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExptError {
    /// Not JSON.
    #[error("this is no experiment list: {reason}")]
    Json {
        /// What the JSON parser says, with line and column.
        reason: String,
    },
    /// JSON of another kind.
    #[error("this JSON file is no DIALS experiment list (its \"__id__\" is not \"ExperimentList\")")]
    NotAList,
    /// A key is missing or has a value that makes no sense.
    #[error("experiment list: {path}: {what} expected")]
    Value {
        /// Where, such as `beam[0].wavelength`.
        path: String,
        /// What should stand there.
        what: &'static str,
    },
}

/// A JSON object from which keys are taken one by one; what is left at the end is carried along.
pub(super) struct Object {
    path: String,
    keys: Extra,
}

impl Object {
    pub(super) fn new(path: String, value: Value) -> Result<Self, ExptError> {
        match value {
            Value::Object(keys) => Ok(Object { path, keys }),
            _ => Err(ExptError::Value { path, what: "an object" }),
        }
    }

    pub(super) fn rest(self) -> Extra {
        self.keys
    }

    pub(super) fn fail(&self, key: &str, what: &'static str) -> ExptError {
        ExptError::Value { path: format!("{}.{key}", self.path), what }
    }

    /// Takes a key's value; `null` counts as absent.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        // `shift_remove` would keep the order of the rest, but nothing depends on it.
        self.keys.remove(key).filter(|v| !v.is_null())
    }

    pub(super) fn get<T>(&mut self, key: &str, what: &'static str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>, ExptError> {
        match self.take(key) {
            None => Ok(None),
            Some(v) => read(&v).map(Some).ok_or_else(|| self.fail(key, what)),
        }
    }

    pub(super) fn need<T>(&mut self, key: &str, what: &'static str, read: impl Fn(&Value) -> Option<T>) -> Result<T, ExptError> {
        self.get(key, what, read)?.ok_or_else(|| self.fail(key, what))
    }

    pub(super) fn number_or(&mut self, key: &str, default: f64) -> Result<f64, ExptError> {
        Ok(self.get(key, "a number", number)?.unwrap_or(default))
    }

    pub(super) fn text_or_empty(&mut self, key: &str) -> Result<String, ExptError> {
        Ok(self.get(key, "a text", |v| v.as_str().map(str::to_owned))?.unwrap_or_default())
    }

    /// A direction that must not be zero, normalised.
    pub(super) fn direction(&mut self, key: &str) -> Result<Option<Vec3>, ExptError> {
        self.get(key, "a vector of three numbers, not zero", |v| vector(v).filter(|v| v.norm() > 0.0).map(|v| v.normalize()))
    }
}

pub(super) fn number(v: &Value) -> Option<f64> {
    v.as_f64().filter(|x| x.is_finite())
}

pub(super) fn numbers(v: &Value) -> Option<Vec<f64>> {
    v.as_array()?.iter().map(number).collect()
}

pub(super) fn fixed<const N: usize>(v: &Value) -> Option<[f64; N]> {
    numbers(v)?.try_into().ok()
}

pub(super) fn vector(v: &Value) -> Option<Vec3> {
    fixed::<3>(v).map(Vec3::from)
}

pub(super) fn count(v: &Value) -> Option<usize> {
    v.as_u64().and_then(|n| usize::try_from(n).ok())
}

/// Degrees of an angle in radians, without the last digit's noise of the conversion to and fro.
pub(super) fn degrees(rad: f64) -> f64 {
    let deg = rad.to_degrees();
    let tidy = (deg * 1e9).round() / 1e9;
    if (tidy - deg).abs() <= 4.0 * f64::EPSILON * deg.abs() { tidy } else { deg }
}
