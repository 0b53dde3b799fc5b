//! What a stage has to tell: plain data that the page draws, the terminal prints and HTML shows.

mod heat_map;
pub mod html;
mod origin;
mod plot;
pub mod svg;
mod table;

pub use heat_map::{HeatMap, VIRIDIS, viridis};
pub use origin::Origin;
pub use plot::{Axis, Plot, Scale, Series, Style};
pub use table::{Cell, Column, Table};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How well a stage went, for an icon beside the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing to worry about.
    #[default]
    Good,
    /// Usable; read the warnings.
    Warning,
    /// Probably not usable.
    Bad,
}

/// The report of one stage.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Name of the stage as a heading, such as "Find spots".
    pub title: String,
    /// Its one most telling figure, such as "42 557 spots".
    pub headline: String,
    /// One sentence with the evidence in it.
    pub verdict: String,
    /// How the verdict is meant.
    pub level: Level,
    /// Things the user should know, each a sentence.
    pub warnings: Vec<String>,
    /// Key figures by a stable name (`n_spots`, `percent_indexed`), for programs and tests.
    pub values: BTreeMap<String, f64>,
    /// Key words by a stable name (`space_group`), for programs and tests.
    pub labels: BTreeMap<String, String>,
    /// The tables that DIALS prints at this stage, with its columns.
    pub tables: Vec<Table>,
    /// The plots of DIALS' HTML report at this stage.
    pub plots: Vec<Plot>,
    /// Maps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maps: Vec<HeatMap>,
    /// Preformatted text (the listing of `show`, for example), each with a heading.
    pub texts: Vec<(String, String)>,
}

impl Report {
    /// An empty report with a title.
    pub fn new(title: &str) -> Self {
        Report { title: title.to_owned(), ..Report::default() }
    }

    /// Adds a key figure.
    pub fn value(&mut self, name: &str, value: f64) -> &mut Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// Adds a key word.
    pub fn label(&mut self, name: &str, text: impl Into<String>) -> &mut Self {
        self.labels.insert(name.to_owned(), text.into());
        self
    }

    /// Adds a warning and lowers the level to [`Level::Warning`] if it was better.
    pub fn warn(&mut self, text: impl Into<String>) -> &mut Self {
        self.warnings.push(text.into());
        if self.level == Level::Good {
            self.level = Level::Warning;
        }
        self
    }

    /// The report as the terminal and the log show it.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (heading, text) in &self.texts {
            out += &format!("{heading}\n{text}\n");
        }
        for table in &self.tables {
            out += &format!("\n{}\n{}", table.title, table.to_text());
        }
        for warning in &self.warnings {
            out += &format!("\nWarning: {warning}\n");
        }
        if !self.verdict.is_empty() {
            out += &format!("\n{}\n", self.verdict);
        }
        out
    }
}
