use ewald_core::session::StageId;
use serde::{Deserialize, Serialize};

/// Something to show. Engines are asked for views of what they hold, never for whole tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// The pixels of one image.
    Image {
        /// Number of the sweep.
        sweep: usize,
        /// Number of the image in its sweep, from 0.
        image: usize,
    },
    /// The reflections on one image.
    Spots {
        /// Number of the sweep.
        sweep: usize,
        /// Number of the image in its sweep, from 0.
        image: usize,
        /// Which reflections.
        of: SpotKind,
    },
    /// The experiments after a stage, as the text of an `.expt` file.
    Experiments {
        /// The stage.
        after: StageId,
    },
    /// A file to save.
    File(ResultFile),
}

/// Which reflections to show on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpotKind {
    /// Found on the image.
    Found,
    /// Found, with the Miller indices they were given.
    Indexed,
    /// Predicted and integrated.
    Integrated,
}

/// Files that a session makes, by the names that DIALS gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ResultFile {
    /// Merged intensities.
    MergedMtz,
    /// Scaled, unmerged intensities.
    ScaledMtz,
    /// Everything the stages reported, as one self-contained page.
    ReportHtml,
    /// Experiments after a stage.
    Experiments(StageId),
    /// Reflections after a stage.
    Reflections(StageId),
}

impl ResultFile {
    /// Its name in a folder, as DIALS names it; `None` for a stage that leaves no such file.
    pub fn name(self) -> Option<&'static str> {
        let stem = |stage| match stage {
            StageId::Import => Some(["imported.expt", ""]),
            StageId::FindSpots => Some(["", "strong.refl"]),
            StageId::Index => Some(["indexed.expt", "indexed.refl"]),
            StageId::Bravais | StageId::Merge => None,
            StageId::Refine => Some(["refined.expt", "refined.refl"]),
            StageId::Integrate => Some(["integrated.expt", "integrated.refl"]),
            StageId::Symmetry => Some(["symmetrized.expt", "symmetrized.refl"]),
            StageId::Scale => Some(["scaled.expt", "scaled.refl"]),
        };
        let name = match self {
            ResultFile::MergedMtz => "merged.mtz",
            ResultFile::ScaledMtz => "scaled.mtz",
            ResultFile::ReportHtml => "report.html",
            ResultFile::Experiments(stage) => stem(stage)?[0],
            ResultFile::Reflections(stage) => stem(stage)?[1],
        };
        Some(name).filter(|name| !name.is_empty())
    }
}

/// What the buffers of a view hold. All numbers are little-endian.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ViewHeader {
    /// One buffer: `i32` counts, row by row; −1 where there are no data.
    Image(ImageHeader),
    /// Buffers: see [`SpotsHeader`].
    Spots(SpotsHeader),
    /// One buffer: the text of an `.expt` file.
    Experiments {
        /// The stage.
        after: StageId,
    },
    /// One buffer: the file's bytes.
    File {
        /// Its name.
        name: String,
    },
}

/// An image's shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageHeader {
    /// Number of the sweep.
    pub sweep: usize,
    /// Number of the image.
    pub image: usize,
    /// Pixels along the fast direction.
    pub width: usize,
    /// Pixels along the slow direction.
    pub height: usize,
}

/// Reflections on one image. Buffers: `f32` pairs (x, y) in px of the raw image; for indexed and integrated ones also `i32` triples hkl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotsHeader {
    /// Number of the sweep.
    pub sweep: usize,
    /// Number of the image.
    pub image: usize,
    /// Which reflections.
    pub of: SpotKind,
    /// How many.
    pub n: usize,
}

/// A view with its bulk data, before they become transferable buffers.
#[derive(Debug, Clone, PartialEq)]
pub struct Bulk {
    /// What the buffers are.
    pub header: ViewHeader,
    /// The buffers.
    pub buffers: Vec<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::ResultFile;
    use ewald_core::session::StageId;

    #[test]
    fn files_have_the_names_that_dials_gives_them() {
        assert_eq!(ResultFile::Experiments(StageId::Import).name(), Some("imported.expt"));
        assert_eq!(ResultFile::Reflections(StageId::FindSpots).name(), Some("strong.refl"));
        assert_eq!(ResultFile::Experiments(StageId::FindSpots).name(), None);
        assert_eq!(ResultFile::Reflections(StageId::Merge).name(), None);
    }
}
