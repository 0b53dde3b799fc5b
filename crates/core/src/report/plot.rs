use serde::{Deserialize, Serialize};

/// How an axis maps values to the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By the logarithm.
    Log,
    /// Values are 1/d² (Å⁻²), labelled with d (Å).
    Resolution,
}

/// An axis with its name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Axis {
    /// What it shows.
    pub label: String,
    /// Unit, or empty.
    pub unit: String,
    /// Its scale.
    pub scale: Scale,
}

impl Axis {
    /// A linear axis.
    pub fn new(label: &str, unit: &str) -> Self {
        Axis { label: label.to_owned(), unit: unit.to_owned(), scale: Scale::Linear }
    }
    /// An axis of 1/d² labelled with d in Å.
    pub fn resolution() -> Self {
        Axis { label: "Resolution".to_owned(), unit: "Å".to_owned(), scale: Scale::Resolution }
    }
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// A line through the points.
    #[default]
    Line,
    /// Dots.
    Points,
    /// Bars from zero.
    Bars,
}

/// One curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What it shows, written on the line.
    pub label: String,
    /// Abscissae.
    pub x: Vec<f64>,
    /// Ordinates, as many.
    pub y: Vec<f64>,
    /// How it is drawn.
    pub style: Style,
}

/// A plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plot {
    /// Stable name for programs, such as `spots_per_image`.
    pub id: String,
    /// Heading.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The curves.
    pub series: Vec<Series>,
}
