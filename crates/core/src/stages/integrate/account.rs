//! The account of one reflection: measured again as integration has, with everything that goes into its intensity.

use super::account_around::{Around, around};
use super::collect::{BoxAt, Collector, PixelRules, Schedule, cut};
use super::experiments::Profile;
use super::measure::{Measured, Pixels, Scratch, measure};
use super::neighbours::Neighbours;
use super::pass::{Batch, Counts, background_model, for_each_frame};
use super::profile::{Candidate, Examined, Fitter, Profiles, Upon as Here};
use super::setup::{Setup, Widths};
use super::{Error, Fate, Params, table};
use crate::geometry::ExperimentList;
use crate::image::ImageSource;
use crate::job::Silent;
use crate::math::vec3;
use crate::reflections::{Reflections, flags};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
    /// What the reflections upon it have in each pixel of its foreground, counts; empty where none were fitted with it.
    pub beside: Vec<f32>,
    /// Numbers of the pixels that the fit left out, because they cannot belong to the reflection.
    pub spikes: Vec<u32>,
    /// Numbers of the pixels around it that are no background because they belong to others.
    pub taken: Vec<u32>,
    /// The reflections upon it that were to be fitted with it, nearest first.
    pub upon: Vec<Upon>,
    /// The terms of the sum.
    pub sum: Sum,
    /// The terms of the fit, if there is one.
    pub fit: Option<FitTerms>,
    /// What integration has in its table: summed intensity and its variance, fitted intensity and its variance; NaN where there is none.
    pub tabulated: [f64; 4],
    /// Whether what is in the table is what was measured now. It is not where the images or the models are not those of then.
    pub agrees: bool,
}

/// A reflection upon the one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upon {
    /// Its number among all predicted.
    pub number: u64,
    /// Experiment.
    pub experiment: usize,
    /// Miller index.
    pub hkl: [i32; 3],
    /// Where it was predicted: px, px, array index.
    pub predicted: [f64; 3],
    /// What was found of it, if it was fitted.
    pub found: Option<Found>,
}

/// What was found of a reflection upon the one, fitted together with it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The part of it that is on the pixels of the one.
    pub part: f64,
    /// Counts that it has there.
    pub counts: f64,
    /// Correlation of the two intensities.
    pub correlation: f64,
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
///
/// With others upon it that have p_j: v = b + Σ I_j p_j over all, w = Σ_j (M⁻¹)₀ⱼ p_j/v with M_ij = Σ p_i p_j/v, which gives those no weight, and
/// Σ w²(b + Σ E_j p_j).
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
    /// Counts that reflections upon it have on its pixels.
    pub beside: f64,
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
    /// Σ w²(b + E p), with those upon it.
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
    | flags::OVERLAPPED_FG
    | flags::OVERLAPPED_BG
    | flags::USED_IN_MODELLING
    | flags::FAILED_DURING_BACKGROUND_MODELLING
    | flags::FAILED_DURING_SUMMATION
    | flags::FAILED_DURING_PROFILE_FITTING;

/// Columns that measuring again needs.
const COLUMNS: [&str; 15] = [
    "id",
    "imageset_id",
    "partial_id",
    "panel",
    "miller_index",
    "s1",
    "bbox",
    "flags",
    "xyzcal.px",
    "xyzcal.mm",
    "partiality",
    "zeta",
    "d",
    "lp",
    "qe",
];

/// Measures a reflection again.
///
/// - `tables`: the integrated reflections, and those [left out](super::Integrated::left_out)
/// - `[table, row]`: which of them
///
/// # Errors
///
/// See [`Error`]; a reflection that was not integrated is none, and its account says why.
pub fn account(
    experiments: &ExperimentList,
    learned: &Learned,
    tables: [&Reflections; 2],
    [table, row]: [usize; 2],
    images: &[Arc<dyn ImageSource>],
) -> Result<Account, Error> {
    let params = &learned.params;
    let t = *tables.get(table).filter(|t| row < t.len()).ok_or(Error::NoReflection)?;
    for t in tables.iter().filter(|t| !t.is_empty()) {
        t.require(&COLUMNS)?;
    }
    let missing = Error::Incomplete { experiment: t.id[row].max(0) as usize };
    let e = usize::try_from(t.id[row]).map_err(|_| missing.clone())?;
    let models = experiments.models(e).ok_or_else(|| missing.clone())?;
    let mut out = Account::of(t, row, e, models.scan.first_image, params);
    let bbox = out.bbox;
    if bbox[5] <= bbox[4] {
        return Ok(out);
    }
    let imageset = experiments.experiments[e].imageset.ok_or_else(|| missing.clone())?;
    let source = images.get(imageset).ok_or(Error::NoImages { imageset })?.as_ref();
    let all: Option<Vec<_>> = (0..experiments.len()).map(|e| experiments.models(e)).collect();
    let all = all.filter(|m| m.len() == learned.widths.len()).ok_or(missing)?;
    let setups: Vec<Setup<'_>> = all.iter().zip(&learned.widths).map(|(m, w)| Setup::new(m, *w, params)).collect();
    let first = experiments.experiments.iter().position(|x| x.imageset == Some(imageset)).unwrap_or(e);
    let detector = setups[first].detector;
    let pixels = read(BoxAt { panel: out.panel as u32, bbox }, &PixelRules::new(detector, source), source, params)?;

    // Measured and fitted as the pass does it, in a table of its own.
    let Around { table: mut t_own, own, boxes } = around(tables, [table, row]);
    t_own.flags[own] &= !MEASURED;
    table::make_room(&mut t_own, params);
    let background = background_model(detector, params);
    let rows: Vec<u32> = (0..boxes.len() as u32).collect();
    let of = |i: usize| (&setups[t_own.id[i] as usize], vec3(t_own.s1[i]), [t_own.xyzcal_px[i][0], t_own.xyzcal_px[i][1]]);
    let neighbours = Neighbours::new(&boxes, of);
    let upon = neighbours.beside(own).upon;
    let batch = Batch { rows: &rows, setups: &setups, neighbours, background, params, complete: Vec::new() };
    let mut scratch = Scratch::default();
    let (_, measured, candidate) = batch.one(own, &pixels, &t_own, &mut scratch);
    out.foreground.clone_from(&scratch.footprint.inside);
    let area = out.foreground.len().max(1);
    out.taken = (0..scratch.taken.len()).filter(|&n| scratch.taken[n] && !out.foreground[n % area]).map(|n| n as u32).collect();
    table::set(&mut t_own, own, &measured);
    let (_, field) = measure(&setups[e], &background, &vec3(t.s1[row]), &pixels, &mut scratch);
    if measured.flags & flags::FAILED_DURING_BACKGROUND_MODELLING == 0 {
        let width = (bbox[1] - bbox[0]).max(1) as usize;
        let at = |n: usize| [n % area % width, n % area / width, n / area];
        let level = |n: usize| field.as_ref().map_or(measured.background_mean, |f| f.at(at(n)));
        out.background = (0..pixels.counts.len()).map(|n| level(n) as f32).collect();
    }
    let profiles = |e: usize| learned.profiles.get(e).and_then(Option::as_ref);
    if profiles(e).is_some() {
        match candidate {
            Some(c) => {
                if c.reference {
                    t_own.flags[own] |= flags::USED_IN_MODELLING;
                }
                let involved = core::iter::once(e).chain(c.neighbours.iter().map(|n| n.experiment as usize));
                let fitter = |e: usize| {
                    let learned = profiles(e)?;
                    Some((e, Fitter::with_profiles(setups[e], params.grid_size, learned)))
                };
                let fitters: BTreeMap<usize, Fitter<'_>> = involved.filter_map(fitter).collect();
                let examined = fitters.get(&e).map(|f| f.examine(&c, &fitters)).unwrap_or_default();
                table::set_fit(&mut t_own, own, examined.outcome);
                let rows = upon.iter().map(|i| *i as usize).take(c.neighbours.len());
                out.upon = rows.enumerate().map(|(k, i)| Upon::of(&t_own, i, examined.upon.iter().find(|u| u.number == k))).collect();
                out.take_fit(&c, &examined);
            }
            None => t_own.flags[own] |= flags::FAILED_DURING_PROFILE_FITTING,
        }
    }
    out.sum = sum(&measured, &pixels.counts, &out.foreground, t_own.var_sum[own]);
    out.counts = pixels.counts;
    out.agrees = agree(t, row, &t_own, own);
    Ok(out)
}

/// The pixels of a box, as the pass over the images cuts them out.
fn read(at: BoxAt, rules: &PixelRules<'_>, source: &dyn ImageSource, params: &Params) -> Result<Pixels, Error> {
    let [first, end] = [at.bbox[4], at.bbox[5]].map(|z| z.max(0) as usize);
    let schedule = Schedule::new(vec![at], end, rules);
    let mut collector = Collector::new(&schedule, BTreeMap::new());
    let mut complete = Vec::new();
    for_each_frame(
        source,
        first..end,
        params,
        &Silent,
        |z, frame| cut(&schedule, rules, z, frame),
        |z, pixels| {
            collector.add(z, &pixels, &mut complete);
            Ok(())
        },
    )?;
    complete.pop().map(|(_, pixels)| pixels).ok_or(Error::NoReflection)
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
fn agree(t: &Reflections, row: usize, again: &Reflections, own: usize) -> bool {
    let same = |column: fn(&Reflections) -> &Vec<f64>| {
        let (a, b) = (column(t).get(row), column(again).get(own));
        a.zip(b).is_none_or(|(a, b)| a.to_bits() == b.to_bits())
    };
    let sum = t.flags[row] & flags::INTEGRATED_SUM == 0 || same(|t| &t.i_sum) && same(|t| &t.var_sum);
    let fit = t.flags[row] & flags::INTEGRATED_PRF == 0 || same(|t| &t.i_prf) && same(|t| &t.var_prf);
    sum && fit && t.flags[row] & MEASURED == again.flags[own] & MEASURED
}

impl Upon {
    fn of(t: &Reflections, row: usize, found: Option<&Here>) -> Self {
        let found = found.map(|u| Found { part: u.part, counts: u.counts, correlation: u.correlation });
        Upon { number: t.partial_id[row], experiment: t.id[row] as usize, hkl: t.hkl[row], predicted: t.xyzcal_px[row], found }
    }
}

impl Account {
    /// What is known of a row without the images.
    fn of(t: &Reflections, row: usize, experiment: usize, first_image: i64, params: &Params) -> Self {
        Account {
            experiment,
            hkl: t.hkl[row],
            entering: t.entering.get(row).copied().unwrap_or_default(),
            panel: t.panel[row] as usize,
            bbox: t.bbox[row],
            first_image,
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
            beside: Vec::new(),
            spikes: Vec::new(),
            taken: Vec::new(),
            upon: Vec::new(),
            sum: Sum::default(),
            fit: None,
            tabulated: [&t.i_sum, &t.var_sum, &t.i_prf, &t.var_prf].map(|c| c.get(row).copied().unwrap_or(f64::NAN)),
            agrees: true,
        }
    }

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
        let Ok(fit) = x.outcome.fit else { return };
        if !x.upon.is_empty() {
            self.beside = vec![0.0; self.profile.len()];
            x.others.iter().enumerate().for_each(|(n, o)| self.beside[pixel(n)] = *o as f32);
        }
        let mut by_image = vec![FitImage::default(); images];
        for (n, &w) in x.weight.iter().enumerate().filter(|(_, w)| **w != 0.0) {
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
            beside: fit.beside,
            level_variance: c.foreground.field.is_none().then(|| c.foreground.level.variance()),
            from_background: 0.0,
            images: by_image,
        };
        let all = terms.total();
        terms.from_background = match terms.level_variance {
            Some(level) => all.against_level * all.against_level * level,
            None => fit.variance * all.information * all.information - all.spread,
        };
        self.fit = Some(terms);
    }
}
