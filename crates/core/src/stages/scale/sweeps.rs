//! How the scales go along each sweep, for plots.

use super::input::Observations;
use super::model::{INSIDE, SweepModel};
use super::result::SweepSummary;
use crate::geometry::ExperimentList;
use crate::reflections::Reflections;

/// Scale, B, mean g and R_merge along each sweep.
pub(super) fn along_sweeps(
    obs: &Observations,
    table: &Reflections,
    g: &[f64],
    experiments: &ExperimentList,
    models: &[SweepModel],
) -> Vec<SweepSummary> {
    let n_images: Vec<usize> = (0..models.len()).map(|i| experiments.models(i).map_or(1, |m| m.scan.n_images.max(1))).collect();
    // At most 400 steps along a sweep: more cannot be seen.
    let steps: Vec<usize> = n_images.iter().map(|n| n.div_ceil(400)).collect();
    let mut sums: Vec<Vec<[f64; 4]>> = n_images.iter().zip(&steps).map(|(n, s)| vec![[0.0; 4]; n.div_ceil(*s)]).collect();
    for i in 0..obs.groups.len() {
        let members = || obs.groups.members(i).filter(|&j| !obs.outlier[j]);
        let mean = crate::merging::weighted_mean(members().map(|j| (obs.intensity[j] / g[j], obs.variance[j].sqrt() / g[j])));
        let Some((mean, _)) = mean else { continue };
        let n = members().count();
        for j in members() {
            let row = obs.groups.rows[j] as usize;
            let z = table.xyzcal_px.get(row).or(table.xyzobs_px.get(row)).map_or(0.0, |p| p[2]);
            let s = obs.sweep[j] as usize;
            let at = (z.max(0.0) as usize / steps[s]).min(sums[s].len() - 1);
            let c = &mut sums[s][at];
            c[0] += 1.0;
            c[1] += g[j];
            if n > 1 {
                c[2] += (obs.intensity[j] / g[j] - mean).abs();
                c[3] += mean;
            }
        }
    }
    let of = |s: usize| {
        let m = &models[s];
        let scan = experiments.models(s).map(|m| m.scan);
        let points = 60;
        let range = n_images[s] as f64 * scan.map_or(0.0, |s| s.width.to_degrees().abs());
        let at = |interval: f64, t: f64| if interval > 0.0 { INSIDE * t * range / interval } else { 0.0 };
        let t: Vec<f64> = (0..=points).map(|i| f64::from(i) / f64::from(points)).collect();
        let used: Vec<usize> = (0..sums[s].len()).filter(|&i| sums[s][i][0] > 0.0).collect();
        SweepSummary {
            phi_deg: t.iter().map(|t| scan.map_or(0.0, |s| s.phi_from_z(t * s.n_images as f64).to_degrees())).collect(),
            scale: t.iter().map(|t| m.scale_at(at(m.layout.scale_interval_deg, *t))).collect(),
            decay: t.iter().map(|t| m.decay_at(at(m.layout.decay_interval_deg, *t))).collect(),
            image: used.iter().map(|&i| ((i as f64 + 0.5) * steps[s] as f64) + 0.5).collect(),
            g: used.iter().map(|&i| sums[s][i][1] / sums[s][i][0]).collect(),
            r_merge: used.iter().map(|&i| if sums[s][i][3] > 0.0 { sums[s][i][2] / sums[s][i][3] } else { 0.0 }).collect(),
        }
    };
    (0..models.len()).map(of).collect()
}
