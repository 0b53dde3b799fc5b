use std::sync::Arc;

use super::classify::classify;
use super::{Error, Params, overrides, share};
use crate::beam_shift;
use crate::format::hdf5::Store;
use crate::format::source::FileSet;
use crate::format::sweep::Sweep;
use crate::format::{cbf, nexus};
use crate::geometry::{ExperimentList, ImageSet};
use crate::image::ImageSource;
use crate::job::Monitor;

/// Experiments with their images.
#[derive(Clone, Default)]
pub struct Output {
    /// One experiment a sweep.
    pub experiments: ExperimentList,
    /// The images of each image set, by its index.
    pub images: Vec<Arc<dyn ImageSource>>,
    /// What was missing, guessed or strange; each a sentence that names its file.
    pub warnings: Vec<String>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n: Vec<usize> = self.images.iter().map(|i| i.n_images()).collect();
        f.debug_struct("Output").field("experiments", &self.experiments).field("images", &n).field("warnings", &self.warnings).finish()
    }
}

/// Imports all experiments in a set of files.
///
/// Fails when there is none, when a file is damaged, or when none of the images of a master was given; what could be mended or was left out is in
/// the warnings.
pub fn run(files: &FileSet, params: &Params, monitor: &dyn Monitor) -> Result<Output, Error> {
    params.check()?;
    let mut sweeps = sweeps(files, monitor)?;
    for sweep in &mut sweeps {
        overrides::apply(sweep, params)?;
    }
    let mut warnings: Vec<String> = Vec::new();
    for sweep in &sweeps {
        for warning in &sweep.warnings {
            let named = if warning.contains(&sweep.template) { warning.clone() } else { format!("{}: {warning}", sweep.template) };
            if !warnings.contains(&named) {
                warnings.push(named);
            }
        }
        if sweep.goniometer.is_none() || sweep.scan.as_ref().is_none_or(|s| s.is_still()) {
            warnings.push(format!(
                "{}: no rotation is recorded, so it cannot be integrated. Is it a still? Otherwise give oscillation.",
                sweep.template
            ));
        }
    }
    let images = sweeps.iter().map(|s| s.images.clone()).collect();
    let mut experiments = share::join(&sweeps);
    if let Some([slow, fast]) = params.slow_fast_beam_shift {
        let offset = beam_shift::offset(&experiments, [fast, slow])?;
        experiments = beam_shift::moved(&experiments, &offset);
    }
    Ok(Output { experiments, images, warnings })
}

fn sweeps(files: &FileSet, monitor: &dyn Monitor) -> Result<Vec<Sweep>, Error> {
    let kinds = classify(files)?;
    monitor.begin("Reading headers", (kinds.hdf5.len() + 1) as u64);
    let store = Store::new(files.clone());
    let mut sweeps: Vec<Sweep> = Vec::new();
    let mut no_master = None;
    for file in &kinds.hdf5 {
        monitor.check()?;
        match nexus::read(&store, &file.name) {
            Ok(sweep) => sweeps.push(sweep),
            // Data files and files of detector corrections belong to some master.
            Err(e @ (nexus::Error::DataFile { .. } | nexus::Error::NoEntry { .. })) => {
                let data_file = matches!(e, nexus::Error::DataFile { .. });
                if no_master.is_none() || data_file {
                    no_master = Some(e);
                }
            }
            Err(e) => return Err(e.into()),
        }
        monitor.advance(1);
    }
    unite(&mut sweeps);
    monitor.check()?;
    sweeps.extend(cbf::read(&kinds.cbf)?);
    monitor.advance(1);
    match no_master {
        Some(e) if sweeps.is_empty() => Err(e.into()),
        _ => Ok(sweeps),
    }
}

/// Two masters of the same images (a detector's own and a beamline's) are one sweep: the one with the fewer warnings stays.
fn unite(sweeps: &mut Vec<Sweep>) {
    let mut kept: Vec<Sweep> = Vec::new();
    for sweep in core::mem::take(sweeps) {
        let same = |k: &&mut Sweep| sweep.origin.is_some() && k.origin == sweep.origin;
        match kept.iter_mut().find(same) {
            Some(other) => {
                let (better, worse) = if sweep.warnings.len() < other.warnings.len() {
                    (sweep, other.template.clone())
                } else {
                    (other.clone(), sweep.template.clone())
                };
                *other = better;
                other.warnings.push(format!("{} describes the same images as {worse}, which is left out.", other.template));
            }
            None => kept.push(sweep),
        }
    }
    *sweeps = kept;
}

/// The images of an experiment list that was read from a file, by image set. Files are found by name, whatever folder the list was written in.
///
/// Fails with [`Error::NoImages`] when an image set's files were not given.
pub fn open_images(experiments: &ExperimentList, files: &FileSet) -> Result<Vec<Arc<dyn ImageSource>>, Error> {
    let store = Store::new(files.clone());
    experiments
        .imagesets
        .iter()
        .enumerate()
        .map(|(i, imageset)| {
            let scan = experiments.experiments.iter().find(|e| e.imageset == Some(i)).and_then(|e| experiments.scans.get(e.scan?));
            let range = scan.map(|s| (s.first_image, s.n_images));
            open_imageset(imageset, range, files, &store)
        })
        .collect()
}

fn open_imageset(
    imageset: &ImageSet,
    range: Option<(i64, usize)>,
    files: &FileSet,
    store: &Arc<Store>,
) -> Result<Arc<dyn ImageSource>, Error> {
    let missing = || Error::NoImages { wanted: imageset.template.clone() };
    if !imageset.template.contains('#') {
        let file = files.resolve(&imageset.template, "").ok_or_else(missing)?;
        if cbf::is_cbf(&file.name) {
            return cbf::read(core::slice::from_ref(file))?.pop().map(|s| s.images).ok_or_else(missing);
        }
        let images = nexus::read(store, &file.name)?.images;
        let first = imageset.single_file_indices.first().copied().unwrap_or(0);
        let n = match imageset.single_file_indices.len() {
            0 => images.n_images(),
            n => n,
        };
        if first + n > images.n_images() {
            return Err(missing());
        }
        return Ok(if (first, n) == (0, images.n_images()) { images } else { Arc::new(super::Window::new(images, first, n)) });
    }
    let (first, n) = range.ok_or_else(missing)?;
    let template = cbf::Template { text: imageset.template.clone(), number: None };
    let wanted = (0..n as u64).map(|i| template.file(u64::try_from(first).unwrap_or(0) + i));
    let found: Option<Vec<_>> = wanted.map(|name| files.resolve(&name, "").cloned()).collect();
    Ok(Arc::new(cbf::images(&found.ok_or_else(missing)?, &imageset.template)?))
}
