//! The account of one reflection: measured again as integration has, with everything that goes into its intensity.

use super::collect::{BoxAt, Collector, PixelRules, Schedule, cut};
use super::experiments::Profile;
use super::measure::{Measured, Scratch, measure};
use super::pass::{Batch, Counts, background_model};
use super::profile::{Candidate, Examined, Fitter, Profiles};
use super::setup::{Setup, Widths};
use super::{Error, Fate, Params, table};
use crate::geometry::ExperimentList;
use crate::image::ImageSource;
use crate::job::Silent;
use crate::math::vec3;
use crate::reflections::{Reflections, flags};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What integration has decided and learned: enough, with the images, to measure any of its reflections again to the last bit.
///
/// It holds the reference profiles: for a detector of one panel about 20 kB for each degree of each scan (with the default grid and step).
#[derive(Debug, Clone, Default)]
pub struct Learned {
    params: Params,
    widths: Vec<Widths>,
    profiles: Vec<Option<Profiles>>,
}

impl Learned {
    pub(super) fn new(params: &Params, models: &[Profile], counts: Counts) -> Self {
        Learned { params: params.clone(), widths: models.iter().map(|m| m.widths).collect(), profiles: counts.learned }
    }

    /// The parameters of integration.
    pub fn params(&self) -> &Params {
        &self.params
    }
}

/// One reflection, measured again: its pixels, and how its intensity comes of them.
///
/// Arrays of pixels are in order (image, slow, fast), fast varying fastest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Experiment.
    pub experiment: usize,
    /// Miller index.
    pub hkl: [i32; 3],
    /// Whether it enters the Ewald sphere.
    pub entering: bool,
    /// Panel.
    pub panel: usize,
    /// Box: x0, x1, y0, y1, z0, z1, half-open, in px of the panel and images; without extent where there is none.
    pub bbox: [i32; 6],
    /// Number of the scan's first image (array index 0).
    pub first_image: i64,
    /// Where it was predicted: px, px, array index.
    pub predicted: [f64; 3],
    /// Scan angle at which it was predicted, rad.
    pub phi: f64,
    /// Resolution, Å.
    pub d: f64,
    /// Component of the rotation axis along e1.
    pub zeta: f64,
    /// The part of its rocking curve that the box's images hold.
    pub partiality: f64,
    /// Inverse of Lorentz and polarization factor.
    pub lp: f64,
    /// The part of its photons that the sensor absorbs.
    pub qe: f64,
    /// Flags, as integration has left them.
    pub flags: u64,
    /// How it fared.
    pub fate: Fate,
    /// Counts; −1 where a pixel cannot be used, −2 where it is above the trusted range.
    pub counts: Vec<i32>,
    /// The pixels that belong to the reflection, of one image: the same on all.
    pub foreground: Vec<bool>,
    /// Background in each pixel; empty where none could be determined.
    pub background: Vec<f32>,
    /// The part of the reflection that its profile has in each pixel (0 outside the foreground); empty without a profile.
    pub profile: Vec<f32>,
    /// Numbers of the pixels that the fit left out, because they cannot belong to the reflection.
    pub spikes: Vec<u32>,
    /// The terms of the sum.
    pub sum: Sum,
    /// The terms of the fit, if there is one.
    pub fit: Option<FitTerms>,
    /// What integration has in its table: summed intensity and its variance, fitted intensity and its variance; NaN where there is none.
    pub tabulated: [f64; 4],
    /// Whether what is in the table is what was measured now. It is not where the images or the models are not those of then.
    pub agrees: bool,
}

/// The terms of a summed intensity: I = Σc − B.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    /// Foreground pixels that can be used, and all.
    pub foreground: [i32; 2],
    /// Background pixels that can be used, and those that were.
    pub background: [i32; 2],
    /// Σc over the former.
    pub counts: i64,
    /// Mean background under them, counts/px.
    pub level: f64,
    /// B: the background under all of them.
    pub under: f64,
    /// var(B), with the counting noise of the background under the reflection.
    pub under_variance: f64,
    /// I.
    pub intensity: f64,
    /// var(I) of the counts themselves: E + var(B), with E = max(I, 0) + 1 the counts to expect.
    pub own_variance: f64,
    /// var(I) as it is in the table: where the fit tells better what to expect, that.
    pub variance: f64,
}

/// The terms of a fitted intensity: I = Σ w(c − b) ÷ Σ w p with w = p/v and v = b + I p, p the part of the reflection in a pixel.
///
/// Its variance is that of the sum in the numerator over (Σ w p)²: Σ w²(b + E p), if the counts are those expected, E = max(I, 0) + 1, and what the
/// uncertain background adds, for one level (Σ w)² var(b).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FitTerms {
    /// I.
    pub intensity: f64,
    /// var(I).
    pub variance: f64,
    /// Of counts and profile over the foreground.
    pub correlation: f64,
    /// The part of the reflection that its usable pixels hold.
    pub recorded: f64,
    /// E: the counts to expect of the whole reflection.
    pub expected: f64,
    /// var(b), where the background is one level.
    pub level_variance: Option<f64>,
    /// What the uncertain background adds to the variance of Σ w(c − b).
    pub from_background: f64,
    /// By image.
    pub images: Vec<FitImage>,
}

/// What an image adds to the sums of a fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FitImage {
    /// Pixels that take part.
    pub pixels: usize,
    /// Σ p.
    pub part: f64,
    /// Σ w(c − b).
    pub found: f64,
    /// Σ w p.
    pub information: f64,
    /// Σ w.
    pub against_level: f64,
    /// Σ w²(b + E p).
    pub spread: f64,
}

impl FitTerms {
    /// The sums over all images.
    pub fn total(&self) -> FitImage {
        self.images.iter().fold(FitImage::default(), |a, b| FitImage {
            pixels: a.pixels + b.pixels,
            part: a.part + b.part,
            found: a.found + b.found,
            information: a.information + b.information,
            against_level: a.against_level + b.against_level,
            spread: a.spread + b.spread,
        })
    }
}

/// What measuring adds to the flags of a prediction.
const MEASURED: u64 = flags::DONT_INTEGRATE
    | flags::INTEGRATED
    | flags::OVERLOADED
    | flags::INCLUDES_BAD_PIXELS
    | flags::USED_IN_MODELLING
    | flags::FAILED_DURING_BACKGROUND_MODELLING
    | flags::FAILED_DURING_SUMMATION
    | flags::FAILED_DURING_PROFILE_FITTING;

/// Measures row `row` of a table of integration again: the integrated ones, or those [left out](super::Integrated::left_out).
///
/// # Errors
///
/// See [`Error`]; a reflection that was not integrated is none, and its account says why.
pub fn account(
    experiments: &ExperimentList,
    learned: &Learned,
    t: &Reflections,
    row: usize,
    images: &[Arc<dyn ImageSource>],
) -> Result<Account, Error> {
    let params = &learned.params;
    if row >= t.len() {
        return Err(Error::NoReflection);
    }
    t.require(&["id", "panel", "miller_index", "s1", "bbox", "flags", "xyzcal.px", "xyzcal.mm", "partiality", "zeta", "d", "lp", "qe"])?;
    let missing = Error::Incomplete { experiment: t.id[row].max(0) as usize };
    let e = usize::try_from(t.id[row]).map_err(|_| missing.clone())?;
    let (Some(models), Some(widths)) = (experiments.models(e), learned.widths.get(e)) else { return Err(missing) };
    let setup = Setup::new(&models, *widths, params);
    let bbox = t.bbox[row];
    let mut out = Account {
        experiment: e,
        hkl: t.hkl[row],
        entering: t.entering.get(row).copied().unwrap_or_default(),
        panel: t.panel[row] as usize,
        bbox,
        first_image: models.scan.first_image,
        predicted: t.xyzcal_px[row],
        phi: t.xyzcal_mm[row][2],
        d: t.d[row],
        zeta: t.zeta[row],
        partiality: t.partiality[row],
        lp: t.lp[row],
        qe: t.qe[row],
        flags: t.flags[row],
        fate: Fate::of(t, row, params.min_zeta),
        counts: Vec::new(),
        foreground: Vec::new(),
        background: Vec::new(),
        profile: Vec::new(),
        spikes: Vec::new(),
        sum: Sum::default(),
        fit: None,
        tabulated: [&t.i_sum, &t.var_sum, &t.i_prf, &t.var_prf].map(|c| c.get(row).copied().unwrap_or(f64::NAN)),
        agrees: true,
    };
    if bbox[5] <= bbox[4] {
        return Ok(out);
    }
    let imageset = experiments.experiments[e].imageset.ok_or(missing)?;
    let source = images.get(imageset).ok_or(Error::NoImages { imageset })?;
    let first = experiments.experiments.iter().position(|x| x.imageset == Some(imageset)).and_then(|i| experiments.models(i));
    let detector = first.map_or(setup.detector, |m| m.detector);

    // The pixels, as the pass over the images cuts them out.
    let schedule = Schedule::new(vec![BoxAt { panel: out.panel as u32, bbox }], bbox[5].max(0) as usize);
    let rules = PixelRules::new(detector, source.as_ref());
    let mut collector = Collector::new(&schedule);
    let mut complete = Vec::new();
    crate::image::for_each_frame(
        source.as_ref(),
        bbox[4].max(0) as usize..bbox[5] as usize,
        params.memory_mb << 20,
        &Silent,
        |z, frame| cut(&schedule, &rules, z, frame),
        |z, pixels| {
            collector.add(z, &pixels, &mut complete);
            Ok::<(), Error>(())
        },
    )?;
    let Some((_, pixels)) = complete.pop() else { return Err(Error::NoReflection) };

    // Measured and fitted as the pass does it, in a table of its own.
    let mut own = t.select(&[row]);
    own.flags[0] &= !MEASURED;
    let background = background_model(detector, params);
    let setups = vec![setup; e + 1];
    own.id[0] = e as i32;
    let batch = Batch { rows: &[0], setups: &setups, background, params, complete: Vec::new() };
    let mut scratch = Scratch::default();
    table::make_room(&mut own, params);
    let (_, measured, candidate) = batch.one(0, &pixels, &own, &mut scratch);
    out.foreground.clone_from(&scratch.footprint.inside);
    table::set(&mut own, 0, &setup, &measured);
    let (_, field) = measure(&setup, &background, &vec3(t.s1[row]), &pixels, &mut scratch);
    if measured.flags & flags::FAILED_DURING_BACKGROUND_MODELLING == 0 {
        let (width, area) = ((bbox[1] - bbox[0]).max(1) as usize, out.foreground.len().max(1));
        let at = |n: usize| [n % area % width, n % area / width, n / area];
        let level = |n: usize| field.as_ref().map_or(measured.background_mean, |f| f.at(at(n)));
        out.background = (0..pixels.counts.len()).map(|n| level(n) as f32).collect();
    }
    if let Some(profiles) = learned.profiles.get(e).and_then(Option::as_ref) {
        match candidate {
            Some(c) => {
                if c.reference {
                    own.flags[0] |= flags::USED_IN_MODELLING;
                }
                let examined = Fitter::with_profiles(setup, params.grid_size, profiles).examine(&c);
                table::set_fit(&mut own, 0, examined.outcome);
                out.take_fit(&c, &examined);
            }
            None => own.flags[0] |= flags::FAILED_DURING_PROFILE_FITTING,
        }
    }
    out.sum = sum(&measured, &pixels.counts, &out.foreground, own.var_sum[0]);
    out.counts = pixels.counts;
    out.agrees = agree(t, row, &own);
    Ok(out)
}

fn sum(m: &Measured, counts: &[i32], inside: &[bool], variance: f64) -> Sum {
    let foreground = counts.iter().zip(inside.iter().cycle()).filter(|(c, fg)| **fg && **c >= 0);
    Sum {
        foreground: [m.foreground, m.foreground_total],
        background: [m.background, m.background_used],
        counts: foreground.map(|(c, _)| i64::from(*c)).sum(),
        level: m.background_mean,
        under: m.background_sum,
        under_variance: m.background_sum_variance,
        intensity: m.i_sum,
        own_variance: m.var_sum,
        variance,
    }
}

/// Whether a row tells the same of a reflection as one measured now. Columns that the table does not have are not looked at.
fn agree(t: &Reflections, row: usize, own: &Reflections) -> bool {
    let same = |column: fn(&Reflections) -> &Vec<f64>| {
        let (a, b) = (column(t).get(row), column(own).first());
        a.zip(b).is_none_or(|(a, b)| a.to_bits() == b.to_bits())
    };
    let sum = t.flags[row] & flags::INTEGRATED_SUM == 0 || same(|t| &t.i_sum) && same(|t| &t.var_sum);
    let fit = t.flags[row] & flags::INTEGRATED_PRF == 0 || same(|t| &t.i_prf) && same(|t| &t.var_prf);
    sum && fit && t.flags[row] & MEASURED == own.flags[0] & MEASURED
}

impl Account {
    /// Number of images, rows and columns of the box.
    pub fn size(&self) -> [usize; 3] {
        let b = self.bbox;
        [b[5] - b[4], b[3] - b[2], b[1] - b[0]].map(|n| n.max(0) as usize)
    }

    /// Spreads what is known of the foreground pixels over the box, and sums it up by image.
    fn take_fit(&mut self, c: &Candidate, x: &Examined) {
        let [images, rows, columns] = self.size();
        let inside: Vec<usize> = (0..self.foreground.len()).filter(|&p| self.foreground[p]).collect();
        let pixel = |n: usize| n / inside.len() * rows * columns + inside[n % inside.len()];
        if x.fraction.len() != c.foreground.counts.len() || inside.is_empty() {
            return;
        }
        self.profile = vec![0.0; images * rows * columns];
        for (n, p) in x.fraction.iter().enumerate() {
            self.profile[pixel(n)] = *p as f32;
        }
        let lost = |n: &usize| x.counts[*n] < 0 && c.foreground.counts[*n] >= 0;
        self.spikes = (0..x.counts.len()).filter(lost).map(|n| pixel(n) as u32).collect();
        let Some(fit) = x.outcome.fit else { return };
        let mut by_image = vec![FitImage::default(); images];
        for (n, &w) in x.weight.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            let image = &mut by_image[n / inside.len()];
            let p = x.fraction[n];
            image.pixels += 1;
            image.part += p;
            image.found += (f64::from(x.counts[n]) - x.levels[n]) * w;
            image.information += p * w;
            image.against_level += w;
            image.spread += x.spread[n];
        }
        let mut terms = FitTerms {
            intensity: fit.intensity,
            variance: fit.variance,
            correlation: fit.correlation,
            recorded: fit.recorded,
            expected: fit.expected(),
            level_variance: c.foreground.field.is_none().then(|| c.foreground.level.variance()),
            from_background: 0.0,
            images: by_image,
        };
        let all = terms.total();
        terms.from_background = fit.variance * all.information * all.information - all.spread;
        self.fit = Some(terms);
    }
}
