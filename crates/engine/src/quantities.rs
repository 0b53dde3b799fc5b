//! The quantities of reflections that a table shows beside where they are.

use ewald_core::geometry::ExperimentList;
use ewald_core::math::Vec2;
use ewald_core::reflections::{Reflections, flags};

/// The sixth buffer of [`ReflectionsHeader`](ewald_protocol::ReflectionsHeader).
#[derive(Default)]
pub struct Quantities(pub Vec<u8>);

impl Quantities {
    /// Adds those of a row.
    ///
    /// - `sweep`: its sweep
    /// - `position`: x, y in px of its panel, z in images from the sweep's first
    pub fn push(&mut self, experiments: &ExperimentList, sweep: usize, table: &Reflections, row: usize, [x, y, z]: [f64; 3]) {
        let d = d(experiments, sweep, table.panel.get(row).map_or(0, |p| *p as usize), [x, y]).unwrap_or(f64::NAN);
        let [intensity, sigma] = intensity(table, row);
        self.0.extend([z, d, intensity, sigma].into_iter().flat_map(|v| (v as f32).to_le_bytes()));
    }
}

/// Resolution at a place on a panel, Å.
fn d(experiments: &ExperimentList, sweep: usize, panel: usize, [x, y]: [f64; 2]) -> Option<f64> {
    let own = experiments.experiments.iter().find(|e| e.imageset == Some(sweep))?;
    let (beam, detector) = (experiments.beams.get(own.beam?)?, experiments.detectors.get(own.detector?)?);
    Some(detector.panels.get(panel)?.d_at_px(&beam.s0(), Vec2::new(x, y)))
}

/// Intensity and its standard deviation: by profile fitting where there is that, else the sum, else not numbers.
fn intensity(table: &Reflections, row: usize) -> [f64; 2] {
    let flagged = |bit: u64| table.flags.get(row).is_some_and(|f| f & bit != 0);
    let of = |intensity: &[f64], variance: &[f64]| {
        let both = intensity.get(row).zip(variance.get(row)).filter(|(_, v)| **v >= 0.0);
        both.map(|(i, v)| [*i, v.sqrt()])
    };
    // Sums of strong spots carry no flag.
    let fitted = flagged(flags::INTEGRATED_PRF).then(|| of(&table.i_prf, &table.var_prf)).flatten();
    fitted.or_else(|| of(&table.i_sum, &table.var_sum)).unwrap_or([f64::NAN; 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitted_intensities_come_before_sums_and_what_was_not_measured_has_none() {
        let mut t = Reflections::with_rows(3);
        (t.i_sum, t.var_sum) = (vec![10.0, 11.0, 0.0], vec![4.0, 9.0, -1.0]);
        (t.i_prf, t.var_prf) = (vec![12.0, 13.0, 0.0], vec![1.0, 1.0, -1.0]);
        t.flags = vec![flags::INTEGRATED, flags::INTEGRATED_SUM, 0];
        assert_eq!((intensity(&t, 0), intensity(&t, 1)), ([12.0, 1.0], [11.0, 3.0]));
        assert!(intensity(&t, 2).iter().all(|v| v.is_nan()) && intensity(&t, 9)[0].is_nan());
    }
}
