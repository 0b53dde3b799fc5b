//! What the page and the viewer say to each other.
//!
//! The viewer is a second, single-threaded instance of the engine's module in a worker of its own: it opens the same files and draws
//! their images, whatever the engine is doing. Messages have the shape of the engine's: `body` holds an [`Ask`] or a [`Tell`],
//! beside `files` and `buffers`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ErrorView, JobId, ReflectionsHeader, Rows, SpotKind, Window};

/// What the page asks of the viewer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// Takes the files that come with the message; as `Request::Open`. Nothing is answered: the engine says what is wrong with them.
    Open {
        /// Relative paths.
        names: Vec<String>,
        /// Keep those that are there.
        add: bool,
    },
    /// Takes an experiment list (the message's first buffer, as `imported.expt`) and opens its images. Answered by `Ready` or `Failed`.
    Models {
        /// This request.
        job: JobId,
    },
    /// Takes the reflections in the message's buffers, in place of those of the same kind. Nothing is answered.
    Reflections(ReflectionsHeader),
    /// Asks for a drawing. Answered by `Drawn` or `Failed`.
    Draw {
        /// This request.
        job: JobId,
        /// Of what.
        drawing: Box<Drawing>,
    },
    /// Asks for the value of a pixel of what was drawn last. Answered by `Probed`.
    Probe {
        /// (fast, slow), px.
        at: [i32; 2],
    },
    /// Asks for the reflections on an image. Answered by `Spots`.
    Spots {
        /// Number of the sweep.
        sweep: usize,
        /// Number of the image, from 0.
        image: usize,
        /// Which reflections.
        of: SpotKind,
    },
    /// Asks for rows of a table of reflections. Answered by `Rows`; by nothing where there are no such reflections.
    Rows(Window),
    /// Asks for values of what was drawn last. Answered by `Profile`.
    Profile(ProfileKind),
}

/// Values along what.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum ProfileKind {
    /// A line between two points of the raw image, px.
    Line([[f64; 2]; 2]),
    /// Mean over rings of resolution.
    Radial,
}

/// What the viewer tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Tell {
    /// The images are open.
    Ready {
        /// The request.
        job: JobId,
    },
    /// A drawing. One buffer: RGBA bytes of the canvas, row by row.
    Drawn {
        /// The request.
        job: JobId,
        /// What it shows.
        drawn: Box<Drawn>,
    },
    /// How many strong pixels and spots the image alone has with a drawing's parameters: some time after it, when nothing else is asked for.
    Counted {
        /// The drawing's request.
        job: JobId,
        /// Strong pixels, spots.
        found: [usize; 2],
    },
    /// The value of a pixel.
    Probed {
        /// (fast, slow), px.
        at: [i32; 2],
        /// Its value; `None` where there are no data.
        value: Option<f64>,
    },
    /// Reflections. Buffers: see [`SpotsHeader`](crate::SpotsHeader).
    Spots(crate::SpotsHeader),
    /// Rows of a table.
    Rows(Box<Rows>),
    /// Values along a line or a radius. Buffers: `f64` abscissae (px along the line, or 1/d² in Å⁻²) and `f64` values.
    Profile(ProfileKind),
    /// Something could not be done.
    Failed {
        /// The request.
        job: JobId,
        /// What was wrong.
        error: ErrorView,
    },
}

/// How images of a stack become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum StackKind {
    /// Sum of the counts.
    #[default]
    Sum,
    /// Mean of the counts.
    Mean,
    /// Largest count.
    Max,
}

/// What is drawn of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Layer {
    /// The counts.
    #[default]
    Counts,
    /// Mean of the counts in the window about a pixel.
    Mean,
    /// Their variance.
    Variance,
    /// Their index of dispersion, variance over mean.
    Dispersion,
    /// Pixels whose window varies more than flat background does.
    Flagged,
    /// Pixels that are strong, as spot finding sees them.
    Strong,
    /// The count from which a pixel is strong, by the mean about it.
    Threshold,
}

/// Colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Palette {
    /// Dark on light.
    #[default]
    Grey,
    /// Light on dark.
    Inverted,
    /// Black, red, yellow, white.
    Heat,
    /// Dark blue to yellow, even for those who see few colours.
    Viridis,
}

/// How values become strengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Transfer {
    /// Proportional.
    #[default]
    Linear,
    /// By the square root.
    Sqrt,
    /// By the logarithm of one more.
    Log,
}

/// Everything that a drawing depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    /// Number of the sweep.
    pub sweep: usize,
    /// Number of the first image, from 0.
    pub image: usize,
    /// How many images are stacked, 1 or more.
    pub stack: usize,
    /// How they become one.
    pub stack_kind: StackKind,
    /// What is drawn.
    pub layer: Layer,
    /// Parameters of spot finding that are not defaults, for the layers made by it.
    pub parameters: BTreeMap<String, String>,
    /// Whether strong pixels are tinted.
    pub strong: bool,
    /// Whether pixels without data are tinted.
    pub masked: bool,
    /// Image point (px) in the middle of the canvas.
    pub centre: [f64; 2],
    /// Screen pixels per image pixel.
    pub scale: f64,
    /// Size of the canvas, screen pixels.
    pub canvas: [u32; 2],
    /// Value drawn with full strength; `None`: by the data.
    pub white: Option<f64>,
    /// Colours.
    pub palette: Palette,
    /// Values to strengths.
    pub transfer: Transfer,
}

/// What a drawing shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// As asked for.
    pub drawing: Drawing,
    /// Pixels of the image along (fast, slow).
    pub size: [usize; 2],
    /// Value drawn with full strength.
    pub white: f64,
    /// Strong pixels in view, where they were looked for.
    pub strong: Option<usize>,
    /// Strong pixels and spots of the image alone, where they have been counted; else [`Tell::Counted`] follows.
    pub found: Option<[usize; 2]>,
    /// Milliseconds to read and decode, and to draw.
    pub milliseconds: [f64; 2],
}
