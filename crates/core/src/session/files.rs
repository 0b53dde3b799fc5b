use super::origin::{digest_of_images, digest_of_table};
use super::{Data, Session, SessionError, StageId, StageState};
use crate::format::refl::image_numbers;
use crate::format::{expt, refl};
use crate::geometry::ExperimentList;
use crate::job::Silent;
use crate::reflections::Reflections;
use crate::report::html;
use crate::stages::import;
use crate::stages::merge::export::{self, ExportFormat};
use crate::stages::merge::{FreeError, FreeReference};

/// Names of the files that a session can write: those of the stages in their order, then those of the whole.
pub fn file_names() -> impl Iterator<Item = &'static str> {
    let of_stages = StageId::ALL.into_iter().flat_map(|stage| stage.files().iter().copied());
    of_stages.chain(["report.html", "reports.json", "parameters.json"])
}

/// Names of the files in formats of other programs that a session of so many sweeps makes when they are asked for, once it has merged.
pub fn other_files(n_sweeps: usize) -> Vec<String> {
    let mut out: Vec<String> = ["merged.cif", "scaled.cif", "scaled.hkl", "scaled.ins"].map(str::to_owned).into();
    match n_sweeps {
        0 | 1 => out.push("XDS_ASCII.HKL".to_owned()),
        n => out.extend((1..=n).map(|k| format!("XDS_ASCII_{k}.HKL"))),
    }
    out
}

impl Session {
    /// Files of one format, made from the scaled data with the parameters of merging.
    ///
    /// # Errors
    /// Without scaled data, or when they hold something that the format cannot.
    pub fn export(&self, params: &export::Params) -> Result<Vec<export::File>, SessionError> {
        let needs = SessionError::Needs { stage: StageId::Merge, needs: StageId::Scale };
        let scaled = self.results.scaled.as_ref().ok_or(needs)?;
        let free = self.free_reference()?;
        let origin = self.origin();
        Ok(export::run(&scaled.experiments, &scaled.reflections, free.as_ref(), &self.params.merge, params, &origin, &Silent)?)
    }

    /// One of [`other_files`], where merging is up to date (a file made of other data than `merged.mtz` would mislead).
    fn exported(&self, name: &str) -> Option<Vec<u8>> {
        let format = match name {
            "merged.cif" => ExportFormat::MergedMmcif,
            "scaled.cif" => ExportFormat::Mmcif,
            "scaled.hkl" | "scaled.ins" => ExportFormat::Shelx,
            _ if name.starts_with("XDS_ASCII") => ExportFormat::XdsAscii,
            _ => return None,
        };
        if self.state(StageId::Merge) != StageState::Done {
            return None;
        }
        let files = self.export(&export::Params { format, ..export::Params::default() }).ok()?;
        files.into_iter().find(|f| f.name == name).map(|f| f.bytes)
    }

    /// The free-R flags that merging is told to keep.
    pub(super) fn free_reference(&self) -> Result<Option<FreeReference>, SessionError> {
        let Some(name) = self.params.merge.free_flags_from.as_deref().filter(|_| self.params.merge.free_flags) else { return Ok(None) };
        let bytes = self.free_bytes(name).map_err(crate::stages::merge::Error::from)?;
        Ok(Some(FreeReference::from_mtz(name, &bytes).map_err(crate::stages::merge::Error::from)?))
    }

    /// The bytes of the file of that name.
    pub(super) fn free_bytes(&self, name: &str) -> Result<Vec<u8>, FreeError> {
        let file = self.files.get(name).or_else(|| self.files.resolve(name, ""));
        let file = file.ok_or_else(|| FreeError::NoFile { file: name.to_owned() })?;
        let unreadable = |reason: String| FreeError::Unreadable { file: name.to_owned(), reason };
        let length = usize::try_from(file.source.len()).ok().filter(|n| *n < 1 << 30);
        let mut bytes = vec![0; length.ok_or_else(|| unreadable("it is larger than a gigabyte".to_owned()))?];
        file.source.read_at(0, &mut bytes).map_err(|e| unreadable(e.to_string()))?;
        Ok(bytes)
    }

    /// The bytes of one of [`file_names`] or [`other_files`]; `None` when its stage has not run.
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        let r = &self.results;
        let models = |d: &Option<Data>| d.as_ref().map(|d| expt::write(&d.experiments));
        let rows = |d: &Option<Data>| d.as_ref().map(|d| self.table_for_file(d));
        match name {
            "imported.expt" => r.imported.as_ref().map(expt::write),
            "strong.expt" => r.masked.as_ref().map(expt::write),
            "strong.refl" => r.strong.as_ref().zip(r.imported.as_ref()).map(|(strong, imported)| {
                let mut table = strong.clone();
                image_numbers::to_file(&mut table, imported);
                refl::write(table)
            }),
            "indexed.expt" => models(&r.indexed),
            "indexed.refl" => rows(&r.indexed),
            "bravais_summary.json" => r.bravais_summary.clone().map(String::into_bytes),
            "refined.expt" => models(&r.refined),
            "refined.refl" => rows(&r.refined),
            "integrated.expt" => models(&r.integrated),
            "integrated.refl" => rows(&r.integrated),
            "symmetrized.expt" => models(&r.symmetrized),
            "symmetrized.refl" => rows(&r.symmetrized),
            "scaled.expt" => models(&r.scaled),
            "scaled.refl" => rows(&r.scaled),
            "merged.mtz" => r.merged.as_ref().map(|m| m.merged.clone()),
            "scaled.mtz" => r.merged.as_ref().map(|m| m.scaled.clone()),
            "report.html" => {
                let reports: Vec<_> = self.reports().into_iter().map(|(_, report)| report).collect();
                (!reports.is_empty()).then(|| html::page("Ewald report", &reports).into_bytes())
            }
            "reports.json" => serde_json::to_vec_pretty(&self.reports_json()).ok(),
            "parameters.json" => serde_json::to_vec_pretty(&self.params).ok(),
            _ => self.exported(name),
        }
    }

    /// The reports by the stages' names.
    pub fn reports_json(&self) -> serde_json::Value {
        let entries = self.reports().into_iter().filter_map(|(s, r)| Some((s.name().to_owned(), serde_json::to_value(r).ok()?)));
        serde_json::Value::Object(entries.collect())
    }

    /// A stage's table as a `.refl` file: with the pixels of the strong spots where its rows are those, and z as in files.
    pub fn table_for_file(&self, data: &Data) -> Vec<u8> {
        let mut table = data.reflections.clone();
        if let Some(strong) =
            self.results.strong.as_ref().filter(|s| table.shoebox.is_empty() && s.len() == table.len() && !table.xyzobs_px.is_empty())
        {
            table.shoebox.clone_from(&strong.shoebox);
        }
        image_numbers::to_file(&mut table, &data.experiments);
        refl::write(table)
    }

    /// Starts from an experiment list as the result of import; its images are looked for among the files.
    pub fn load_imported(&mut self, experiments: ExperimentList) -> Result<(), SessionError> {
        self.images = import::open_images(&experiments, &self.files)?;
        self.inputs = Some(digest_of_images(&experiments, &self.images));
        (self.results.imported, self.results.masked) = (Some(experiments), None);
        Ok(())
    }

    /// Puts data (of an earlier session, or of DIALS) where `stage` looks for the result of those before it.
    pub fn load(&mut self, stage: StageId, mut data: Data) -> Result<(), SessionError> {
        image_numbers::from_file(&mut data.reflections, &data.experiments);
        if !matches!(stage, StageId::Import | StageId::FindSpots) {
            self.inputs = Some(digest_of_table(&data.experiments, &mut data.reflections));
        }
        match stage {
            StageId::Import | StageId::FindSpots => return self.load_imported(data.experiments),
            StageId::Index => {
                (self.results.imported, self.results.masked) = (Some(data.experiments), None);
                self.results.strong = Some(data.reflections);
            }
            StageId::Bravais => self.results.indexed = Some(data),
            StageId::Refine => {
                let pixels = std::mem::take(&mut data.reflections.shoebox);
                if !pixels.is_empty() {
                    let mut strong = Reflections::with_rows(pixels.len());
                    strong.shoebox = pixels;
                    self.results.strong = Some(strong);
                }
                self.results.bravais = Some(data);
            }
            StageId::Integrate => {
                self.images = import::open_images(&data.experiments, &self.files)?;
                self.results.refined = Some(data);
            }
            StageId::Symmetry => (self.results.integrated, self.results.integration) = (Some(data), None),
            StageId::Scale => self.results.symmetrized = Some(data),
            StageId::Merge => self.results.scaled = Some(data),
        }
        Ok(())
    }
}
