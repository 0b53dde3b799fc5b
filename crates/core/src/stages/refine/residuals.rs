//! What the residuals tell of the models: along the scan, over the detector, and by the strength of the spots.

use crate::geometry::ExperimentList;
use crate::reflections::{Reflections, flags};

/// Blocks that a scan is divided into, at most.
const BLOCKS: usize = 12;
/// Reflections that a block or a place of a map needs.
const LEAST: usize = 20;
/// Classes of strength.
const CLASSES: usize = 5;
/// Places along the longer edge of a panel.
const PLACES: usize = 24;
/// Detectors of more panels than this have no maps; the table by panel tells.
const MAPPED: usize = 4;

/// Deviations of predicted from observed centroids in one group of the reflections used: along fast and slow, px, and in images.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Deviation {
    /// Reflections.
    pub n: usize,
    /// Mean of predicted − observed.
    pub mean: [f64; 3],
    /// Root mean square.
    pub rmsd: [f64; 3],
}

impl Deviation {
    fn of(deltas: impl Iterator<Item = [f64; 3]>) -> Self {
        let (mut n, mut sum, mut squares) = (0, [0.0; 3], [0.0; 3]);
        for d in deltas {
            n += 1;
            for k in 0..3 {
                sum[k] += d[k];
                squares[k] += d[k] * d[k];
            }
        }
        let count = n.max(1) as f64;
        Deviation { n, mean: sum.map(|x| x / count), rmsd: squares.map(|x| (x / count).sqrt()) }
    }
}

/// A part of a scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// Experiment.
    pub experiment: usize,
    /// First and last image's number.
    pub images: [i64; 2],
    /// Its deviations.
    pub deviation: Deviation,
}

/// Spots of similar strength.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Class {
    /// Largest standard deviation of the centroids by counting alone, px.
    pub sigma: f64,
    /// Their deviations.
    pub deviation: Deviation,
}

/// A panel.
#[derive(Debug, Clone, PartialEq)]
pub struct PanelResiduals {
    /// Detector.
    pub detector: usize,
    /// Panel.
    pub panel: usize,
    /// Of all its reflections.
    pub deviation: Deviation,
    /// Width and height, px.
    pub size: [f64; 2],
    /// Places along fast and slow.
    pub places: [usize; 2],
    /// Deviations by place, fast varying first; empty for detectors of many panels.
    pub map: Vec<Deviation>,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Residuals {
    /// By block of each scan.
    pub blocks: Vec<Block>,
    /// From the strongest to the weakest spots; empty without variances of the centroids.
    pub classes: Vec<Class>,
    /// By panel.
    pub panels: Vec<PanelResiduals>,
}

/// One used reflection.
struct Used {
    experiment: usize,
    panel: usize,
    px: [f64; 3],
    delta: [f64; 3],
    counting: f64,
}

impl Residuals {
    /// Of the rows that refinement used.
    pub(super) fn of(experiments: &ExperimentList, table: &Reflections) -> Self {
        if table.xyzcal_px.len() != table.len() || table.xyzobs_px.len() != table.len() {
            return Residuals::default();
        }
        let used: Vec<Used> = (0..table.len())
            .filter(|&i| table.flags[i] & flags::USED_IN_REFINEMENT != 0)
            .filter_map(|i| {
                let (px, calculated) = (table.xyzobs_px[i], table.xyzcal_px[i]);
                let variance = table.xyzobs_px_variance.get(i).map_or(0.0, |v| 0.5 * (v[0] + v[1]) - 1.0 / 12.0);
                Some(Used {
                    experiment: usize::try_from(table.id[i]).ok()?,
                    panel: table.panel[i] as usize,
                    px,
                    delta: core::array::from_fn(|k| calculated[k] - px[k]),
                    counting: variance.max(0.0),
                })
            })
            .collect();
        let classes = if table.xyzobs_px_variance.is_empty() { Vec::new() } else { classes(&used) };
        Residuals { blocks: blocks(experiments, &used), classes, panels: panels(experiments, &used) }
    }
}

fn blocks(experiments: &ExperimentList, used: &[Used]) -> Vec<Block> {
    let mut out = Vec::new();
    for experiment in 0..experiments.len() {
        let Some(m) = experiments.models(experiment) else { continue };
        let mine: Vec<&Used> = used.iter().filter(|u| u.experiment == experiment).collect();
        let images = m.scan.n_images.max(1);
        let n = BLOCKS.min(images).min(mine.len() / LEAST).max(1);
        let block_of = |z: f64| ((z.max(0.0) / images as f64 * n as f64) as usize).min(n - 1);
        let mut parts: Vec<Vec<[f64; 3]>> = vec![Vec::new(); n];
        mine.iter().for_each(|u| parts[block_of(u.px[2])].push(u.delta));
        for (b, part) in parts.into_iter().enumerate().filter(|(_, p)| !p.is_empty()) {
            let border = |k: usize| (k * images).div_ceil(n) as i64;
            let images = [m.scan.first_image + border(b), m.scan.first_image + border(b + 1) - 1];
            out.push(Block { experiment, images, deviation: Deviation::of(part.into_iter()) });
        }
    }
    out
}

fn classes(used: &[Used]) -> Vec<Class> {
    let mut sorted: Vec<&Used> = used.iter().collect();
    sorted.sort_by(|a, b| a.counting.total_cmp(&b.counting));
    let n = CLASSES.min(sorted.len() / LEAST);
    (0..n)
        .map(|k| {
            let class = &sorted[k * sorted.len() / n..(k + 1) * sorted.len() / n];
            Class { sigma: class.last().map_or(0.0, |u| u.counting.sqrt()), deviation: Deviation::of(class.iter().map(|u| u.delta)) }
        })
        .collect()
}

fn panels(experiments: &ExperimentList, used: &[Used]) -> Vec<PanelResiduals> {
    let detector_of = |u: &Used| experiments.experiments.get(u.experiment).and_then(|e| e.detector);
    let mut out = Vec::new();
    for (d, detector) in experiments.detectors.iter().enumerate() {
        let mut by_panel: Vec<Vec<&Used>> = vec![Vec::new(); detector.panels.len()];
        for u in used.iter().filter(|u| detector_of(u) == Some(d)) {
            by_panel.get_mut(u.panel).into_iter().for_each(|p| p.push(u));
        }
        for (p, (panel, mine)) in detector.panels.iter().zip(&by_panel).enumerate().filter(|(_, (_, m))| !m.is_empty()) {
            let size = panel.image_size.map(|n| n as f64);
            let longer = size[0].max(size[1]).max(1.0);
            let places = size.map(|n| (libm::round(n / longer * PLACES as f64) as usize).max(1));
            let mut map = Vec::new();
            if detector.panels.len() <= MAPPED {
                let mut cells: Vec<Vec<[f64; 3]>> = vec![Vec::new(); places[0] * places[1]];
                for u in mine {
                    let at = [0, 1].map(|k| ((u.px[k].max(0.0) / size[k].max(1.0) * places[k] as f64) as usize).min(places[k] - 1));
                    cells[at[1] * places[0] + at[0]].push(u.delta);
                }
                map = cells.into_iter().map(|c| Deviation::of(c.into_iter())).collect();
            }
            let deviation = Deviation::of(mine.iter().map(|u| u.delta));
            out.push(PanelResiduals { detector: d, panel: p, deviation, size, places, map });
        }
    }
    out
}
