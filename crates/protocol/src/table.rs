//! Reflections as a table: the page asks the viewer for the rows that are seen.

use ewald_core::stages::integrate::Fate;
use serde::{Deserialize, Serialize};

use crate::SpotKind;

/// What a table can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Column {
    /// Where the centroid is in the scan.
    Image,
    /// d.
    Resolution,
    /// Intensity.
    Intensity,
    /// Intensity over its standard deviation.
    Significance,
}

/// The order of rows. What has no value comes last either way; equal ones keep the order in which they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// By what.
    pub by: Column,
    /// Largest first.
    pub descending: bool,
}

/// The rows that are seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Which reflections.
    pub of: SpotKind,
    /// In which order.
    pub order: Order,
    /// The first, counted from 0 in that order.
    pub first: usize,
    /// How many.
    pub n: usize,
    /// A spot whose row is looked for.
    pub lit: Option<Place>,
}

/// Where a spot was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Its sweep.
    pub sweep: usize,
    /// An image that it is on, from 0.
    pub image: usize,
    /// Its centre, px of the raw image.
    pub at: [f64; 2],
}

/// One reflection.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its sweep.
    pub sweep: usize,
    /// x, y in px of the raw image, z in images from the sweep's first.
    pub at: [f32; 3],
    /// Resolution there, Å.
    pub d: f32,
    /// Intensity, counts; by profile fitting where there is that; not a number where there is none.
    pub intensity: f32,
    /// Its standard deviation, counts.
    pub sigma: f32,
    /// Miller index, if it has one.
    pub hkl: Option<[i32; 3]>,
    /// Whether it is indexed, or integrated.
    pub good: bool,
    /// How integration has fared with it, of integrated ones.
    pub fate: Option<Fate>,
}

/// Rows of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// As asked for.
    pub window: Window,
    /// Rows of the whole table.
    pub n: usize,
    /// Where in the order the spot that was looked for is.
    pub lit: Option<usize>,
    /// The rows.
    pub rows: Vec<Row>,
}
