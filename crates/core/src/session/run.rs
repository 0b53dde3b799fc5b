//! One stage after the other: from the results before it to its own.

use super::origin::digest_of_images;
use super::results::{Integration, MtzFiles};
use super::{Data, Session, SessionError, StageId, StageState};
use crate::format::expt;
use crate::job::Monitor;
use crate::report::Report;
use crate::stages::{bravais, import, index, integrate, merge, refine, scale, spots, symmetry};

impl Session {
    /// Runs one stage on the results of those before it. On success those after it become stale; on error or
    /// cancellation every result stays as it was.
    pub fn run(&mut self, stage: StageId, monitor: &dyn Monitor) -> Result<&Report, SessionError> {
        let before = self.state(stage);
        self.records[stage.index()].state = StageState::Running;
        match self.run_stage(stage, monitor) {
            Ok(report) => {
                self.mark_stale(stage);
                let record = &mut self.records[stage.index()];
                record.state = StageState::Done;
                Ok(record.report.insert(report))
            }
            Err(error) => {
                self.records[stage.index()].state = if error.is_cancelled() { before } else { StageState::Failed };
                Err(error)
            }
        }
    }

    fn run_stage(&mut self, stage: StageId, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        match stage {
            StageId::Import => self.import(monitor),
            StageId::FindSpots => self.find_spots(monitor),
            StageId::Index => self.index(monitor),
            StageId::Bravais => self.bravais(monitor),
            StageId::Refine => self.refine(monitor),
            StageId::Integrate => self.integrate(monitor),
            StageId::Symmetry => self.symmetry(monitor),
            StageId::Scale => self.scale(monitor),
            StageId::Merge => self.merge(monitor),
        }
    }

    fn import(&mut self, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        let out = import::run(&self.files, &self.params.import, monitor)?;
        let report = import::report(&out);
        self.inputs = Some(digest_of_images(&out.experiments, &out.images));
        self.results.imported = Some(out.experiments);
        self.images = out.images;
        Ok(report)
    }

    fn find_spots(&mut self, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        let imported = need(&self.results.imported, StageId::FindSpots, StageId::Import)?;
        let out = spots::run(imported, &self.images, &self.params.find_spots, monitor)?;
        let report = spots::report(&out);
        self.results.strong = Some(out.reflections);
        self.results.masked = Some(out.experiments);
        Ok(report)
    }

    fn index(&mut self, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        let imported = self.results.masked.as_ref().or(self.results.imported.as_ref());
        let imported = imported.ok_or(SessionError::Needs { stage: StageId::Index, needs: StageId::Import })?;
        let strong = self.results.strong.as_mut().ok_or(SessionError::Needs { stage: StageId::Index, needs: StageId::FindSpots })?;
        // The pixels stay where they are: indexing does not look at them, and copies would fill the memory.
        let pixels = std::mem::take(&mut strong.shoebox);
        let out = index::run(imported, strong, &self.params.index, monitor);
        strong.shoebox = pixels;
        let out = out?;
        let report = index::report(&out);
        self.results.indexed = Some(Data { experiments: out.experiments, reflections: out.reflections });
        Ok(report)
    }

    fn bravais(&mut self, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        let indexed = need(&self.results.indexed, StageId::Bravais, StageId::Index)?;
        let out = bravais::run(&indexed.experiments, &indexed.reflections, &self.params.bravais, monitor)?;
        let report = bravais::report(&out);
        self.results.bravais_summary = serde_json::to_string_pretty(&out.summary()).ok();
        let settings = out.solutions.iter().filter_map(|s| Some((s.number, s.refined.as_ref().ok()?)));
        self.results.bravais_settings = settings.map(|(n, experiments)| (n, expt::write(experiments))).collect();
        self.results.bravais = Some(Data { experiments: out.experiments, reflections: out.reflections });
        Ok(report)
    }

    fn refine(&mut self, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        let input = need(&self.results.bravais, StageId::Refine, StageId::Bravais)?;
        let imported = self.results.imported.as_ref();
        let out = refine::run_with_reference(&input.experiments, &input.reflections, imported, &self.params.refine, monitor)?;
        let report = refine::report(&out);
        self.results.refined = Some(Data { experiments: out.experiments, reflections: out.reflections });
        Ok(report)
    }

    fn integrate(&mut self, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        let refined = need(&self.results.refined, StageId::Integrate, StageId::Refine)?;
        // The pixels of strong spots are in their own table, unless the refined one was loaded with them.
        let strong = self.results.strong.as_ref().filter(|s| refined.reflections.shoebox.is_empty() && !s.shoebox.is_empty());
        let (params, unfinished) = (&self.params.integrate, &mut self.unfinished);
        let out = integrate::resume(&refined.experiments, &refined.reflections, strong, &self.images, params, unfinished, monitor)?;
        let report = out.report;
        self.results.integrated = Some(Data { experiments: out.experiments, reflections: out.reflections });
        self.results.integration = Some(Integration { left_out: out.left_out, learned: out.learned });
        Ok(report)
    }

    fn symmetry(&mut self, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        let integrated = need(&self.results.integrated, StageId::Symmetry, StageId::Integrate)?;
        let out = symmetry::run(&integrated.experiments, &integrated.reflections, &self.params.symmetry, monitor)?;
        let report = symmetry::report(&out);
        self.results.symmetrized = Some(Data { experiments: out.experiments, reflections: out.reflections });
        Ok(report)
    }

    fn scale(&mut self, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        let input = need(&self.results.symmetrized, StageId::Scale, StageId::Symmetry)?;
        let out = scale::run(&input.experiments, &input.reflections, &self.params.scale, monitor)?;
        let report = scale::report(&out);
        self.results.scaled = Some(Data { experiments: out.experiments, reflections: out.reflections });
        Ok(report)
    }

    /// Runs merging, and tells in its report what was done in this session from the beginning.
    fn merge(&mut self, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        let mut report = self.merge_data(monitor)?;
        // The paragraph speaks of merging, too.
        let before = self.records[StageId::Merge.index()].report.replace(report.clone());
        let origin = self.origin();
        self.records[StageId::Merge.index()].report = before;
        report.label("session", origin.session.clone());
        report.texts.push(("Methods paragraph".to_owned(), origin.methods));
        report.texts.push(("References".to_owned(), origin.references.join("\n")));
        report.texts.push(("Session".to_owned(), session_text(&origin.session)));
        Ok(report)
    }

    fn merge_data(&mut self, monitor: &dyn Monitor) -> Result<Report, SessionError> {
        let scaled = need(&self.results.scaled, StageId::Merge, StageId::Scale)?;
        let free = self.free_reference()?;
        let params = &self.params.merge;
        let out = merge::run_with(&scaled.experiments, &scaled.reflections, free.as_ref(), params, &self.origin(), monitor)?;
        let report = merge::report(&out.unique);
        self.results.merged = Some(MtzFiles { merged: out.merged_mtz, scaled: out.scaled_mtz });
        Ok(report)
    }
}

fn session_text(hash: &str) -> String {
    format!("{hash}\nmade of inputs, parameters and version: another machine that gets the same hash gets the same results")
}

fn need<T>(result: &Option<T>, stage: StageId, needs: StageId) -> Result<&T, SessionError> {
    result.as_ref().ok_or(SessionError::Needs { stage, needs })
}
