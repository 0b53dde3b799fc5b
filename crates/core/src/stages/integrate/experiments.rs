//! The experiments of an integration: checks, predictions, profile models.

use super::reference::References;
use super::setup::{Setup, Widths};
use super::widths::{self, StrongSpot};
use super::{Error, Params};
use crate::geometry::{Detector, ExperimentList, ExperimentModels, ProfileModel};
use crate::image::ImageSource;
use crate::job::Monitor;
use crate::math::vec3;
use crate::predict::{ScanError, ScanOptions, predict_scan};
use crate::reflections::{Reflections, Shoebox};
use std::sync::Arc;

/// The widths of an experiment and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Profile {
    pub(super) widths: Widths,
    /// Strong spots used.
    pub(super) spots: usize,
    /// What was assumed, when there were too few; a sentence.
    pub(super) assumed: Option<String>,
}

/// Checks that every experiment is complete and that its images are there.
pub(super) fn check(experiments: &ExperimentList, images: &[Arc<dyn ImageSource>]) -> Result<(), Error> {
    if experiments.is_empty() {
        return Err(Error::NoExperiments);
    }
    for i in 0..experiments.len() {
        let models = experiments.models(i).ok_or(Error::Incomplete { experiment: i })?;
        let imageset = experiments.experiments[i].imageset.ok_or(Error::Incomplete { experiment: i })?;
        let source = images.get(imageset).ok_or(Error::NoImages { imageset })?;
        let (images, scan) = (source.n_images(), models.scan.n_images);
        if images < scan {
            return Err(Error::ImageCount { imageset, images, scan });
        }
        let size = source.image_size();
        for (panel, p) in models.detector.panels.iter().enumerate() {
            let need = [0, 1].map(|a| p.raw_image_offset[a] + p.image_size[a] as i64);
            if (0..2).any(|a| need[a] > size[a] as i64 || p.raw_image_offset[a] < 0) {
                return Err(Error::ImageSize { imageset, panel, need, size });
            }
        }
    }
    Ok(())
}

/// Predictions of all experiments, with `id` and `imageset_id`.
pub(super) fn predict(experiments: &ExperimentList, params: &Params, monitor: &dyn Monitor) -> Result<Reflections, Error> {
    monitor.begin("predicting reflections", experiments.len() as u64);
    let options = ScanOptions {
        d_min: params.d_min,
        d_max: params.d_max,
        padding: params.padding_deg.to_radians(),
        force_static: params.force_static,
    };
    let mut all = Reflections::default();
    for i in 0..experiments.len() {
        let models = experiments.models(i).ok_or(Error::Incomplete { experiment: i })?;
        let mut t = predict_scan(&models, &options, monitor).map_err(|source| match source {
            ScanError::Cancelled(c) => Error::Cancelled(c),
            source => Error::Predict { experiment: i, source },
        })?;
        t.id = vec![i as i32; t.len()];
        t.imageset_id = vec![experiments.experiments[i].imageset.map_or(-1, |s| s as i32); t.len()];
        all.append(&t);
        monitor.advance(1);
    }
    if all.is_empty() {
        return Err(Error::NothingPredicted);
    }
    all.identifiers = experiments.experiments.iter().enumerate().map(|(i, e)| (i as u32, e.identifier.clone())).collect();
    Ok(all)
}

/// σ_b and σ_m of each experiment: given, estimated from its own spots, or assumed.
pub(super) fn profile_models(
    experiments: &ExperimentList,
    refined: &Reflections,
    predicted: &Reflections,
    references: &References,
    shoeboxes: &[Shoebox],
    params: &Params,
) -> Vec<Profile> {
    if let (Some(b), Some(m)) = (params.sigma_b_deg, params.sigma_m_deg) {
        let widths = Widths { sigma_b: b.to_radians(), sigma_m: m.to_radians() };
        return vec![Profile { widths, spots: 0, assumed: None }; experiments.len()];
    }
    let spots_of = |e: usize| {
        let matches = references.matches.iter().filter(move |m| predicted.id[m.predicted] == e as i32);
        let spot = |m: &super::reference::Match| {
            let shoebox = shoeboxes.get(m.spot)?;
            let usable = shoebox.bbox == *refined.bbox.get(m.spot).unwrap_or(&shoebox.bbox)
                && shoebox.data.len() == shoebox.size().iter().product::<usize>()
                && shoebox.mask.len() == shoebox.data.len();
            let (s1, phi) = (vec3(predicted.s1[m.predicted]), predicted.xyzcal_mm[m.predicted][2]);
            usable.then_some(StrongSpot { shoebox, s1, phi })
        };
        matches.filter_map(spot).collect::<Vec<_>>()
    };
    let estimates: Vec<Option<widths::Estimate>> =
        (0..experiments.len()).map(|e| widths::estimate(&experiments.models(e)?, &spots_of(e), params.min_zeta)).collect();
    // Where an experiment has no spots at all, those of the others tell more than nothing.
    let pooled = {
        let known: Vec<&widths::Estimate> = estimates.iter().flatten().collect();
        let weight: f64 = known.iter().map(|e| e.spots as f64).sum();
        let mean = |f: fn(&Widths) -> f64| known.iter().map(|e| f(&e.widths) * e.spots as f64).sum::<f64>() / weight;
        (weight > 0.0).then(|| Widths { sigma_b: mean(|w| w.sigma_b), sigma_m: mean(|w| w.sigma_m) })
    };
    (0..experiments.len())
        .map(|e| match experiments.models(e) {
            Some(models) => decide(e, &models, estimates[e], pooled, params),
            None => Profile { widths: Widths { sigma_b: 1e-3, sigma_m: 1e-3 }, spots: 0, assumed: None },
        })
        .collect()
}

/// What to use for an experiment, given what its own spots say and what those of all experiments say.
fn decide(e: usize, models: &ExperimentModels<'_>, own: Option<widths::Estimate>, pooled: Option<Widths>, params: &Params) -> Profile {
    let degrees = models.scan.width.abs().to_degrees() * models.scan.n_images as f64;
    let floor = Widths { sigma_b: pixel_angle(models.detector) / 12f64.sqrt(), sigma_m: models.scan.width.abs() / 12f64.sqrt() };
    let text = |w: &Widths| format!("σ_b = {:.4}°, σ_m = {:.4}°", w.sigma_b.to_degrees(), w.sigma_m.to_degrees());
    let Some(own) = own else {
        let (widths, whence) = match pooled {
            Some(w) => (w, "those of the other experiments"),
            // A spot as large as a pixel and as an image: the least that can be told apart.
            None => (
                Widths { sigma_b: pixel_angle(models.detector), sigma_m: models.scan.width.abs() },
                "the size of a pixel and the width of an image",
            ),
        };
        let assumed = format!("Experiment {e}: no strong spot could be used for the profile; {} assumed from {whence}", text(&widths));
        return Profile { widths, spots: 0, assumed: Some(assumed) };
    };
    let few = own.spots < params.min_spots_overall && (own.spots as f64) < params.min_spots_per_degree as f64 * degrees;
    if !few {
        return Profile { widths: own.widths, spots: own.spots, assumed: None };
    }
    // Few spots can look narrower than anything that can be measured.
    let widths = Widths { sigma_b: own.widths.sigma_b.max(floor.sigma_b), sigma_m: own.widths.sigma_m.max(floor.sigma_m) };
    let assumed = format!(
        "Experiment {e}: only {} strong spots for the profile ({} or {} per degree are wanted); {} taken from them, at least {}. \
         Trust summed intensities more than fitted ones",
        own.spots,
        params.min_spots_overall,
        params.min_spots_per_degree,
        text(&widths),
        text(&floor)
    );
    Profile { widths, spots: own.spots, assumed: Some(assumed) }
}

/// The angle that a pixel subtends at the sample, rad.
fn pixel_angle(detector: &Detector) -> f64 {
    detector.panels.first().map_or(1e-3, |p| p.pixel_size[0].max(p.pixel_size[1]) / p.distance().max(1.0))
}

/// The geometry of each experiment's reflections.
pub(super) fn setups<'a>(experiments: &'a ExperimentList, profiles: &[Profile], params: &Params) -> Result<Vec<Setup<'a>>, Error> {
    let setup = |(i, p): (usize, &Profile)| {
        let models = experiments.models(i).ok_or(Error::Incomplete { experiment: i })?;
        Ok(Setup::new(&models, p.widths, params))
    };
    profiles.iter().enumerate().map(setup).collect()
}

/// The experiments, each with its profile model.
pub(super) fn with_profiles(experiments: &ExperimentList, profiles: &[Profile], params: &Params) -> ExperimentList {
    let mut out = experiments.clone();
    let model = |p: &Profile| ProfileModel {
        sigma_b_deg: p.widths.sigma_b.to_degrees(),
        sigma_m_deg: p.widths.sigma_m.to_degrees(),
        n_sigma: params.n_sigma,
        ..ProfileModel::default()
    };
    out.profiles = profiles.iter().map(model).collect();
    for (i, e) in out.experiments.iter_mut().enumerate() {
        e.profile = Some(i);
    }
    out
}
