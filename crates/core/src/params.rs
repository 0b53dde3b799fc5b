//! Typed parameters whose defaults, units, ranges and help stand in one place.
//!
//! A stage declares its parameters once with [`parameters!`](crate::parameters); the page's form, the command line's `key=value`
//! options and the help are made from the [`Field`]s of that declaration.

use serde::{Serialize, de::DeserializeOwned};

/// What kind of value a parameter takes: enough to draw a form field or a help line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A real number.
    Number,
    /// Free text; the field's documentation says its form.
    Text,
    /// One of the listed words.
    Choice {
        /// The words.
        of: &'static [&'static str],
    },
    /// Several numbers separated by commas.
    Numbers {
        /// How many.
        count: usize,
    },
}

/// A parameter as a form or the help shows it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name here, in Rust and as `key=value`.
    pub name: &'static str,
    /// What it means, one or two sentences.
    pub doc: &'static str,
    /// True for the few that people change; the rest are searched for.
    pub basic: bool,
    /// Unit, or empty.
    pub unit: &'static str,
    /// Smallest and largest value allowed (for numbers).
    pub range: [f64; 2],
    /// DIALS' name of the same parameter, or empty.
    pub dials: &'static str,
    /// What it takes.
    pub kind: fn() -> Kind,
    /// True when it may be left to the program (`auto`).
    pub optional: bool,
}

/// A parameter that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParamError {
    /// No parameter of that name.
    #[error("there is no parameter {name:?}; did you mean {nearest:?}?")]
    Unknown {
        /// The name given.
        name: String,
        /// The most similar existing name.
        nearest: String,
    },
    /// The text is not a value of the parameter's kind.
    #[error("parameter {name}: {reason}")]
    Value {
        /// The parameter.
        name: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The number is outside the allowed range.
    #[error("parameter {name} = {value} is outside {min} to {max} {unit}")]
    Range {
        /// The parameter.
        name: &'static str,
        /// The value.
        value: f64,
        /// Lowest value allowed.
        min: f64,
        /// Highest value allowed.
        max: f64,
        /// Unit, or empty.
        unit: &'static str,
    },
}

/// A type that a parameter can have.
pub trait ParamValue: Sized {
    /// True when `auto`/`none` is a value.
    const OPTIONAL: bool = false;
    /// What it takes.
    fn kind() -> Kind;
    /// Reads the text of a form field or of `key=value`.
    fn parse(text: &str) -> Result<Self, String>;
    /// The text that [`ParamValue::parse`] turns back into this value.
    fn text(&self) -> String;
    /// The numbers in it, for the range check.
    fn numbers(&self) -> Vec<f64> {
        Vec::new()
    }
}

/// A stage's parameters; implemented by [`parameters!`](crate::parameters).
pub trait Parameters: Default + Clone + Serialize + DeserializeOwned {
    /// One entry per field, in the order of declaration.
    fn fields() -> &'static [Field];
    /// The value of a field as text.
    fn get(&self, name: &str) -> Option<String>;
    /// Sets a field from text. `name` is the field's name, or DIALS' (whole, or its last part).
    fn set(&mut self, name: &str, text: &str) -> Result<(), ParamError>;
    /// Checks each number against its range.
    fn check_ranges(&self) -> Result<(), ParamError>;
}

/// Finds a field by its name or DIALS' name (whole, or any trailing part of it).
#[doc(hidden)]
pub fn resolve(fields: &'static [Field], name: &str) -> Result<&'static Field, ParamError> {
    let by_dials = |f: &&Field| f.dials == name || f.dials.strip_suffix(name).is_some_and(|head| head.ends_with('.'));
    fields.iter().find(|f| f.name == name).or_else(|| fields.iter().find(by_dials)).ok_or_else(|| ParamError::Unknown {
        name: name.to_owned(),
        nearest: fields.iter().min_by_key(|f| edit_distance(f.name, name)).map_or(String::new(), |f| f.name.to_owned()),
    })
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

macro_rules! number {
    ($($t:ty => $kind:ident, $what:literal);* $(;)?) => {$(
        impl ParamValue for $t {
            fn kind() -> Kind { Kind::$kind }
            fn parse(text: &str) -> Result<Self, String> {
                text.trim().parse::<$t>().map_err(|_| format!("{:?} is not {}", text, $what))
            }
            fn text(&self) -> String { self.to_string() }
            fn numbers(&self) -> Vec<f64> { vec![*self as f64] }
        }
    )*};
}
number! { f64 => Number, "a number"; usize => Integer, "a whole number"; u64 => Integer, "a whole number"; i32 => Integer, "a whole number"; u32 => Integer, "a whole number" }

impl ParamValue for bool {
    fn kind() -> Kind {
        Kind::Bool
    }
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        }
    }
    fn text(&self) -> String {
        self.to_string()
    }
}

impl ParamValue for String {
    fn kind() -> Kind {
        Kind::Text
    }
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.trim().to_owned())
    }
    fn text(&self) -> String {
        self.clone()
    }
}

impl<T: ParamValue> ParamValue for Option<T> {
    const OPTIONAL: bool = true;
    fn kind() -> Kind {
        T::kind()
    }
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "auto" | "none" => Ok(None),
            _ => T::parse(text).map(Some),
        }
    }
    fn text(&self) -> String {
        self.as_ref().map_or_else(|| "auto".to_owned(), T::text)
    }
    fn numbers(&self) -> Vec<f64> {
        self.as_ref().map_or(Vec::new(), T::numbers)
    }
}

impl<T: ParamValue + Copy + Default, const N: usize> ParamValue for [T; N] {
    fn kind() -> Kind {
        Kind::Numbers { count: N }
    }
    fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.trim_matches(|c| "()[] ".contains(c)).split([',', ' ']).filter(|p| !p.is_empty()).collect();
        if parts.len() != N {
            return Err(format!("{text:?} has {} numbers; {N} are needed, separated by commas", parts.len()));
        }
        let mut out = [T::default(); N];
        for (o, p) in out.iter_mut().zip(parts) {
            *o = T::parse(p)?;
        }
        Ok(out)
    }
    fn text(&self) -> String {
        self.iter().map(T::text).collect::<Vec<_>>().join(",")
    }
    fn numbers(&self) -> Vec<f64> {
        self.iter().flat_map(T::numbers).collect()
    }
}

/// Declares an enum whose variants are the words of a parameter's choice.
///
/// ```
/// ewald_core::choice! {
///     /// How the threshold is found.
///     pub enum Threshold {
///         /// Index of dispersion, twice.
///         #[default]
///         DispersionExtended = "dispersion_extended",
///         /// Index of dispersion, once.
///         Dispersion = "dispersion",
///     }
/// }
/// ```
#[macro_export]
macro_rules! choice {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        $vis enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }
        impl $crate::params::ParamValue for $name {
            fn kind() -> $crate::params::Kind { $crate::params::Kind::Choice { of: &[$($word),+] } }
            fn parse(text: &str) -> Result<Self, String> {
                match text.trim() {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!("{other:?} is none of {}", [$($word),+].join(", "))),
                }
            }
            fn text(&self) -> String { match self { $(Self::$variant => $word.to_owned()),+ } }
        }
    };
}

/// Declares a stage's parameters: documentation, then `[level; unit; range; DIALS' name]`, then `name: type = default`.
///
/// ```
/// use ewald_core::params::Parameters;
/// ewald_core::parameters! {
///     /// What one might change.
///     pub struct Params {
///         /// Pixels this many standard deviations above the local background are strong.
///         [basic; "σ"; 0.0..=100.0; "spotfinder.threshold.dispersion.sigma_strong"]
///         sigma_strong: f64 = 3.0,
///         /// Reflections beyond this resolution are left out.
///         [expert; "Å"; 0.1..=100.0; "spotfinder.filter.d_min"]
///         d_min: Option<f64> = None,
///     }
/// }
/// let mut p = Params::default();
/// p.set("dispersion.sigma_strong", "4.5").unwrap();
/// assert_eq!(p.sigma_strong, 4.5);
/// assert!(p.set("d_mim", "2").unwrap_err().to_string().contains("d_min"));
/// ```
#[macro_export]
macro_rules! parameters {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $(
        $(#[doc = $doc:literal])+
        [$level:ident; $unit:literal; $range:expr; $dials:literal]
        $field:ident : $ty:ty = $default:expr
    ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $vis struct $name { $( $(#[doc = $doc])+ pub $field: $ty ),* }
        impl Default for $name {
            fn default() -> Self { Self { $($field: $default),* } }
        }
        impl $crate::params::Parameters for $name {
            fn fields() -> &'static [$crate::params::Field] {
                const FIELDS: &[$crate::params::Field] = &[$($crate::params::Field {
                    name: stringify!($field),
                    doc: concat!($($doc, "\n"),+),
                    basic: $crate::parameters!(@level $level),
                    unit: $unit,
                    range: { let r: core::ops::RangeInclusive<f64> = $range; [*r.start(), *r.end()] },
                    dials: $dials,
                    kind: <$ty as $crate::params::ParamValue>::kind,
                    optional: <$ty as $crate::params::ParamValue>::OPTIONAL,
                }),*];
                FIELDS
            }
            fn get(&self, name: &str) -> Option<String> {
                match name { $(stringify!($field) => Some($crate::params::ParamValue::text(&self.$field)),)* _ => None }
            }
            fn set(&mut self, name: &str, text: &str) -> Result<(), $crate::params::ParamError> {
                let field = $crate::params::resolve(Self::fields(), name)?;
                match field.name {
                    $(stringify!($field) => self.$field = $crate::params::ParamValue::parse(text)
                        .map_err(|reason| $crate::params::ParamError::Value { name: name.to_owned(), reason })?,)*
                    _ => {}
                }
                Ok(())
            }
            fn check_ranges(&self) -> Result<(), $crate::params::ParamError> {
                for field in Self::fields() {
                    let [min, max] = field.range;
                    let numbers = match field.name {
                        $(stringify!($field) => $crate::params::ParamValue::numbers(&self.$field),)*
                        _ => Vec::new(),
                    };
                    for value in numbers {
                        if !(min..=max).contains(&value) {
                            return Err($crate::params::ParamError::Range { name: field.name, value, min, max, unit: field.unit });
                        }
                    }
                }
                Ok(())
            }
        }
    };
    (@level basic) => { true };
    (@level expert) => { false };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::parameters! {
        /// For the tests.
        struct Params {
            /// A kernel.
            [basic; "px"; 1.0..=10.0; "a.b.kernel_size"]
            kernel_size: [usize; 2] = [3, 3],
            /// A limit.
            [expert; "Å"; 0.5..=9.0; "a.b.limit"]
            d_min: Option<f64> = None,
        }
    }

    #[test]
    fn text_round_trips_through_every_field() {
        let mut p = Params::default();
        p.set("kernel_size", "4, 5").unwrap();
        p.set("b.limit", "2.5").unwrap();
        assert_eq!(p, Params { kernel_size: [4, 5], d_min: Some(2.5) });
        let mut q = Params::default();
        for f in Params::fields() {
            q.set(f.name, &p.get(f.name).unwrap()).unwrap();
        }
        assert_eq!(p, q);
        p.set("d_min", "auto").unwrap();
        assert_eq!(p.d_min, None);
    }

    #[test]
    fn wrong_values_are_named() {
        let mut p = Params::default();
        assert!(matches!(p.set("d_mim", "1"), Err(ParamError::Unknown { nearest, .. }) if nearest == "d_min"));
        assert!(p.set("kernel_size", "4").is_err());
        p.d_min = Some(20.0);
        assert!(matches!(p.check_ranges(), Err(ParamError::Range { name: "d_min", .. })));
    }
}
