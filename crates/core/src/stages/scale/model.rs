use super::grid::Grid;
use super::harmonics;
use super::params::{AbsorptionLevel, Choice, ModelChoice, Params};
use super::smoother::{Smoother, Weights};

/// What a sweep's model consists of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// Points of the smooth scale; 1 for a constant, 0 for none (g = 1). With grids: all values of the decay.
    pub scale_points: usize,
    /// Their spacing, degrees.
    pub scale_interval_deg: f64,
    /// Points of the smooth B factor; 1 for a constant, 0 for none.
    pub decay_points: usize,
    /// Their spacing, degrees.
    pub decay_interval_deg: f64,
    /// Highest l of the absorption surface; 0 for none.
    pub lmax: usize,
    /// Weight of Σ a_lm².
    pub surface_weight: f64,
    /// Grids of the array model; its decay takes the place of the scale.
    pub grid: Option<Grid>,
}

impl Layout {
    /// Number of parameters.
    pub fn n(&self) -> usize {
        self.scale_points + self.decay_points + harmonics::count(self.lmax) + self.grid.map_or(0, |g| g.n_absorption())
    }

    /// Points of the smoother along the rotation that the scale rests on.
    pub(super) fn time_points(&self) -> usize {
        self.grid.map_or(self.scale_points, |g| g.time_points)
    }

    /// One constant scale.
    pub const CONSTANT: Layout = Layout {
        scale_points: 1,
        scale_interval_deg: 0.0,
        decay_points: 0,
        decay_interval_deg: 0.0,
        lmax: 0,
        surface_weight: 0.0,
        grid: None,
    };

    /// Nothing to refine.
    pub const NONE: Layout = Layout { scale_points: 0, ..Layout::CONSTANT };
}

/// The model of one sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepModel {
    /// What it consists of.
    pub layout: Layout,
    /// Parameters: scale (1 at the start), B (Å²), absorption coefficients, one after the other; or the grids of decay and absorption (1 at the start).
    pub parameters: Vec<f64>,
    /// Their standard uncertainties; empty until determined.
    pub esds: Vec<f64>,
}

impl SweepModel {
    /// The model that changes nothing.
    pub fn new(layout: Layout) -> Self {
        let mut parameters = vec![0.0; layout.n()];
        parameters[..layout.scale_points].fill(1.0);
        if layout.grid.is_some() {
            parameters.fill(1.0);
        }
        SweepModel { layout, parameters, esds: Vec::new() }
    }

    /// Scale parameters.
    pub fn scale(&self) -> &[f64] {
        &self.parameters[..self.layout.scale_points]
    }

    /// B parameters, Å².
    pub fn decay(&self) -> &[f64] {
        &self.parameters[self.layout.scale_points..][..self.layout.decay_points]
    }

    /// Absorption parameters.
    pub fn absorption(&self) -> &[f64] {
        &self.parameters[self.layout.scale_points + self.layout.decay_points..]
    }

    /// K, exp(B/2d²) and the absorption factor: their product is g. `half_stol` is 1/2d² (Å⁻²), `y` the harmonics. With grids: decay, 1 and absorption;
    /// `decay` are then the weights along 1/d².
    #[inline]
    pub(super) fn factors(&self, scale: &Weights, decay: &Weights, half_stol: f64, y: &[f32], detector: Option<&[Weights; 2]>) -> [f64; 3] {
        if let Some(grid) = &self.layout.grid {
            let at = |values: &[f64], terms: &mut dyn Iterator<Item = (usize, f64)>| terms.map(|(i, w)| w * values[i]).sum::<f64>();
            let absorption = match detector.filter(|_| grid.detector_points > 0) {
                Some(d) => at(self.absorption(), &mut grid.absorption_terms(scale, d)),
                None => 1.0,
            };
            return [at(self.scale(), &mut grid.decay_terms(scale, decay)), 1.0, absorption];
        }
        let k = if self.layout.scale_points == 0 { 1.0 } else { scale.value(self.scale()) };
        let b = if self.layout.decay_points == 0 { 1.0 } else { libm::exp(decay.value(self.decay()) * half_stol) };
        let a =
            if self.layout.lmax == 0 { 1.0 } else { 1.0 + self.absorption().iter().zip(y).map(|(p, y)| p * f64::from(*y)).sum::<f64>() };
        [k, b, a]
    }

    /// Smoothed K at coordinate `x`; with grids, the decay in the middle of 1/d².
    pub(super) fn scale_at(&self, x: f64) -> f64 {
        if let Some(grid) = &self.layout.grid {
            return self.grid_at(grid, x, 0.5);
        }
        if self.layout.scale_points == 0 { 1.0 } else { Smoother::new(self.layout.scale_points).weights(x).value(self.scale()) }
    }

    /// Smoothed B (Å²) at coordinate `x`; with grids, what leads from the decay at a tenth of the range of 1/d² to that at nine tenths.
    pub(super) fn decay_at(&self, x: f64) -> f64 {
        if let Some(grid) = &self.layout.grid {
            let ratio = self.grid_at(grid, x, 0.9) / self.grid_at(grid, x, 0.1);
            return libm::log(ratio.max(1e-6)) / (0.5 * 0.8 * grid.resolution_range());
        }
        if self.layout.decay_points == 0 { 0.0 } else { Smoother::new(self.layout.decay_points).weights(x).value(self.decay()) }
    }
}

impl SweepModel {
    /// The decay of the array model at coordinate `x` and a fraction of the range of 1/d².
    fn grid_at(&self, grid: &Grid, x: f64, fraction: f64) -> f64 {
        let time = Smoother::new(grid.time_points).weights(x);
        let s = grid.resolution_min + fraction * grid.resolution_range();
        grid.decay_terms(&time, &grid.resolution(1.0 / s.sqrt())).map(|(i, w)| w * self.scale()[i]).sum()
    }
}

/// Surplus observations (members of groups beyond the first) that each parameter needs.
pub(super) const SURPLUS_PER_PARAMETER: f64 = 3.0;
/// The most parameters that are refined together by default; the normal matrix is dense.
const MOST_PARAMETERS: usize = 1500;
/// The most of a model that was asked for: the matrix takes 128 MB, each step of the minimiser some 20 s.
pub(super) const MOST_ASKED_FOR: usize = 4000;

/// Layouts for sweeps of the given ranges (degrees) and surplus observations, and what had to be given up.
pub(super) fn layouts(ranges_deg: &[f64], surplus: &[f64], has_s1: bool, params: &Params) -> (Vec<Layout>, Vec<String>) {
    let full: Vec<Layout> = ranges_deg.iter().map(|&r| full_layout(r, has_s1, params)).collect();
    let mut notes = Vec::new();
    if params.model == ModelChoice::Physical {
        return (full, notes);
    }
    let total: f64 = surplus.iter().sum();
    let fits = |l: &[Layout]| {
        let n: usize = l.iter().map(Layout::n).sum();
        let each = l.iter().zip(surplus).all(|(l, &s)| l.n() <= 1 || s >= SURPLUS_PER_PARAMETER * l.n() as f64);
        n <= MOST_PARAMETERS && total >= SURPLUS_PER_PARAMETER * n.saturating_sub(1) as f64 && each
    };
    if params.model == ModelChoice::Kb {
        let kb = Layout { decay_points: usize::from(params.decay_correction != Choice::Off), ..Layout::CONSTANT };
        return (vec![kb; full.len()], notes);
    }
    // From the full model down to none, until the equivalents of every sweep and of all together suffice.
    let no_absorption = |l: &Layout| Layout { lmax: 0, ..*l };
    let smooth_scale = |l: &Layout| Layout { lmax: 0, decay_points: 0, ..*l };
    type Step<'a> = (&'a dyn Fn(&Layout) -> Layout, &'a str);
    let steps: [Step; 6] = [
        (&|l| *l, ""),
        (&no_absorption, "no absorption surface"),
        (&|_| Layout { decay_points: 1, ..Layout::CONSTANT }, "one scale and one B factor for each sweep"),
        (&smooth_scale, "a smooth scale but no B factor"),
        (&|_| Layout::CONSTANT, "one scale for each sweep"),
        (&|_| Layout::NONE, "no scaling at all (g = 1)"),
    ];
    for (i, (reduce, what)) in steps.iter().enumerate() {
        let candidate: Vec<Layout> = full.iter().map(reduce).collect();
        if fits(&candidate) || i + 1 == steps.len() {
            if i > 0 && candidate != full {
                let n: usize = full.iter().map(Layout::n).sum();
                notes.push(format!(
                    "{total:.0} observations beyond the first of each group are too few (or {n} parameters too many) for the full model: \
                     {what} instead",
                ));
            }
            return (candidate, notes);
        }
    }
    (full, notes)
}

/// The array model's layout of a sweep.
pub(super) fn array_layout(range_deg: f64, params: &Params, grid: impl FnOnce(usize) -> Option<Grid>) -> Layout {
    let (time_points, interval) = Smoother::divide(range_deg, params.decay_interval.unwrap_or(20.0));
    match grid(time_points) {
        Some(grid) => Layout { scale_points: grid.n_decay(), scale_interval_deg: interval, grid: Some(grid), ..Layout::CONSTANT },
        None => Layout::CONSTANT,
    }
}

fn full_layout(range_deg: f64, has_s1: bool, params: &Params) -> Layout {
    // Default spacings by range: DIALS' physical model.
    let (scale, decay) = match range_deg {
        r if r < 5.0 => (1.0, 1.5),
        r if r < 10.0 => (2.0, 3.0),
        r if r < 25.0 => (4.0, 5.0),
        r if r < 90.0 => (8.0, 10.0),
        _ => (15.0, 20.0),
    };
    let (scale_points, scale_interval_deg) = Smoother::divide(range_deg, params.scale_interval.unwrap_or(scale));
    let (decay_points, decay_interval_deg) = match params.decay_correction {
        Choice::Off => (0, 0.0),
        _ => Smoother::divide(range_deg, params.decay_interval.unwrap_or(decay)),
    };
    let absorption = match params.absorption_correction {
        Choice::On => true,
        Choice::Off => false,
        Choice::Auto => range_deg > WIDE_DEG,
    };
    let (lmax, surface_weight) = match params.absorption_level {
        AbsorptionLevel::Low => (4, 5e5),
        AbsorptionLevel::Medium => (6, 5e4),
        AbsorptionLevel::High => (6, 5e3),
    };
    let lmax = if absorption && has_s1 { lmax } else { 0 };
    Layout { scale_points, scale_interval_deg, decay_points, decay_interval_deg, lmax, surface_weight, grid: None }
}

/// Sweeps wider than this (degrees) get an absorption surface by default.
const WIDE_DEG: f64 = 60.0;

/// Part of the smoothers' range that a sweep covers, as in DIALS, so that both ends lie inside whatever the rounding.
pub(super) const INSIDE: f64 = 0.999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_equivalents_reduce_the_model() {
        let p = Params::default();
        let (l, notes) = layouts(&[1.5; 4], &[3.0; 4], true, &p);
        assert_eq!(l, vec![Layout::CONSTANT; 4]);
        assert_eq!(notes.len(), 1);
        let (l, notes) = layouts(&[1.5; 4], &[0.0; 4], true, &p);
        assert_eq!((l[0], notes.len()), (Layout::NONE, 1));
        let (l, notes) = layouts(&[180.0], &[5000.0], true, &p);
        assert_eq!((l[0].scale_points, l[0].decay_points, l[0].lmax, notes.len()), (14, 11, 4, 0));
    }

    #[test]
    fn factors_of_the_start_are_one() {
        let m = SweepModel::new(full_layout(100.0, true, &Params::default()));
        let s = Smoother::new(m.layout.scale_points).weights(2.3);
        let d = Smoother::new(m.layout.decay_points).weights(1.1);
        let f = m.factors(&s, &d, 0.1, &[0.5; 24], None);
        assert!(f.iter().all(|f| (f - 1.0).abs() < 1e-12));
    }
}
