//! The report's part on residuals and correlations.

use super::residuals::{Deviation, PanelResiduals, Residuals};
use crate::refinement::Correlations;
use crate::report::{Axis, Cell, HeatMap, Plot, Series, Style, Table};

/// Correlations of this size and more are listed, at most so many of them.
const LARGE: f64 = 0.9;
const LISTED: usize = 20;
/// A part of a scan whose spots are off by this on average, and by so many standard errors, is warned of.
const SHIFTED_PX: f64 = 0.2;
const SHIFTED_SIGMAS: f64 = 6.0;

fn cells(d: &Deviation) -> impl Iterator<Item = Cell> {
    d.rmsd.into_iter().chain(d.mean).map(|x| Cell::number(x, 4))
}

const DEVIATIONS: [(&str, &str); 6] =
    [("RMSD_X", "px"), ("RMSD_Y", "px"), ("RMSD_Z", "images"), ("Mean X", "px"), ("Mean Y", "px"), ("Mean Z", "images")];

fn table(id: &str, title: &str, first: &[(&str, &str)]) -> Table {
    Table::new(id, title, &[first, &DEVIATIONS].concat())
}

pub(super) fn tables(residuals: &Residuals) -> Vec<Table> {
    let mut out = Vec::new();
    let mut t = table("rmsd_by_block", "RMSDs by block of images", &[("Exp id", ""), ("Images", ""), ("Nref", "")]);
    for b in &residuals.blocks {
        let images = format!("{}–{}", b.images[0], b.images[1]);
        t.push([Cell::count(b.experiment), images.into(), Cell::count(b.deviation.n)].into_iter().chain(cells(&b.deviation)).collect());
    }
    out.push(t);
    if !residuals.classes.is_empty() {
        let mut t = table(
            "rmsd_by_strength",
            "RMSDs by strength of the spots: their centroids' uncertainty by counting alone",
            &[("Uncertainty up to", "px"), ("Nref", "")],
        );
        for c in &residuals.classes {
            t.push([Cell::number(c.sigma, 3), Cell::count(c.deviation.n)].into_iter().chain(cells(&c.deviation)).collect());
        }
        out.push(t);
    }
    if residuals.panels.len() > 1 {
        let mut t = table("rmsd_by_panel", "RMSDs by panel", &[("Detector", ""), ("Panel", ""), ("Nref", "")]);
        for p in &residuals.panels {
            let numbers = [p.detector, p.panel, p.deviation.n].map(Cell::count);
            t.push(numbers.into_iter().chain(cells(&p.deviation)).collect());
        }
        out.push(t);
    }
    out
}

/// Mean and root-mean-square residuals against the image, for each experiment.
pub(super) fn plots(residuals: &Residuals) -> Vec<Plot> {
    let mut out = Vec::new();
    for blocks in residuals.blocks.chunk_by(|a, b| a.experiment == b.experiment).filter(|b| b.len() > 1) {
        let e = blocks[0].experiment;
        let image: Vec<f64> = blocks.iter().map(|b| 0.5 * (b.images[0] + b.images[1]) as f64).collect();
        let mut add = |id: &str, title: &str, of: fn(&Deviation) -> [f64; 3]| {
            let series = ["x (px)", "y (px)", "z (images)"].into_iter().enumerate().map(|(k, label)| Series {
                label: label.to_owned(),
                x: image.clone(),
                y: blocks.iter().map(|b| of(&b.deviation)[k]).collect(),
                style: Style::Line,
            });
            out.push(Plot {
                id: format!("{id}_{e}"),
                title: format!("{title}, experiment {e}"),
                x: Axis::new("Image", ""),
                y: Axis::new("Predicted − observed", ""),
                series: series.collect(),
            });
        };
        add("mean_residuals", "Mean residuals along the scan (a beam or detector that moved shows here)", |d| d.mean);
        add("rmsd_by_image", "RMSDs along the scan", |d| d.rmsd);
    }
    out
}

/// Reflections that a place of a map needs.
const LEAST: usize = 5;

/// Mean residuals over each panel.
pub(super) fn maps(residuals: &Residuals) -> Vec<HeatMap> {
    let named = |p: &PanelResiduals| {
        if residuals.panels.len() > 1 { format!(", detector {} panel {}", p.detector, p.panel) } else { String::new() }
    };
    let directions = [("x", "along fast", "px"), ("y", "along slow", "px"), ("z", "in rotation", "images")];
    let of = |p: &PanelResiduals| {
        let (name, size) = (named(p), p.size);
        let value = |k: usize| p.map.iter().map(|d| (d.n >= LEAST).then(|| d.mean[k])).collect();
        directions
            .into_iter()
            .enumerate()
            .map(|(k, (id, direction, unit))| HeatMap {
                id: format!("residual_map_{id}_{}_{}", p.detector, p.panel),
                title: format!("Mean residual {direction}{name}"),
                x: Axis::new("Fast", "px"),
                y: Axis::new("Slow", "px"),
                value: Axis::new("Predicted − observed", unit),
                range_x: HeatMap::middles([0.0, size[0]], p.places[0]),
                range_y: HeatMap::middles([0.0, size[1]], p.places[1]),
                size: p.places,
                values: value(k),
                signed: true,
                ..HeatMap::default()
            })
            .collect::<Vec<_>>()
    };
    residuals.panels.iter().filter(|p| !p.map.is_empty()).flat_map(of).collect()
}

/// Pairs of parameters that are hard to tell apart, the worst first.
pub(super) fn large_correlations(c: &Correlations) -> Option<Table> {
    let mut pairs: Vec<(f64, usize, usize)> = (0..c.names.len()).flat_map(|i| (0..i).map(move |j| (c.matrix[i][j], j, i))).collect();
    pairs.retain(|p| p.0.abs() >= LARGE);
    pairs.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()).then((a.1, a.2).cmp(&(b.1, b.2))));
    let title = format!("Correlations of {LARGE} and more (crystals that vary: of the mean over the scan)");
    let mut t = Table::new("large_correlations", &title, &[("Parameter", ""), ("Parameter", ""), ("Correlation", "")]);
    for (r, i, j) in pairs.into_iter().take(LISTED) {
        t.push(vec![c.names[i].as_str().into(), c.names[j].as_str().into(), Cell::number(r, 3)]);
    }
    (!t.rows.is_empty()).then_some(t)
}

/// All correlations as a map.
pub(super) fn correlation_map(c: &Correlations) -> Option<HeatMap> {
    let n = c.names.len();
    (n > 1).then(|| HeatMap {
        id: "correlations".to_owned(),
        title: "Correlations of parameters".to_owned(),
        value: Axis::new("Correlation", ""),
        range_x: HeatMap::middles([0.0, n as f64], n),
        range_y: HeatMap::middles([0.0, n as f64], n),
        size: [n, n],
        values: c.matrix.iter().flatten().map(|r| Some(*r)).collect(),
        signed: true,
        names: c.names.clone(),
        ..HeatMap::default()
    })
}

/// Parts of a scan where the spots as a whole are not where the models put them.
pub(super) fn warnings(residuals: &Residuals) -> Vec<String> {
    let mut out = Vec::new();
    for blocks in residuals.blocks.chunk_by(|a, b| a.experiment == b.experiment) {
        let shift = |d: &Deviation, k: usize| {
            if d.mean[k].abs() * (d.n as f64).sqrt() > SHIFTED_SIGMAS * d.rmsd[k] { d.mean[k].abs() } else { 0.0 }
        };
        let of = |b: &super::Block| shift(&b.deviation, 0).max(shift(&b.deviation, 1));
        let Some(worst) = blocks.iter().max_by(|a, b| of(a).total_cmp(&of(b))).filter(|b| of(b) > SHIFTED_PX) else { continue };
        out.push(format!(
            "On images {}–{} of experiment {} the spots are {:.2} px off on average: beam or detector may have moved during the scan.",
            worst.images[0],
            worst.images[1],
            worst.experiment,
            of(worst)
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::residuals::Block;
    use super::*;

    #[test]
    fn a_part_of_the_scan_that_moved_is_named() {
        let block = |first: i64, mean: f64| Block {
            experiment: 0,
            images: [first, first + 9],
            deviation: Deviation { n: 400, mean: [mean, 0.0, 0.0], rmsd: [0.3, 0.1, 0.1] },
        };
        let mut residuals = Residuals { blocks: vec![block(1, 0.01), block(11, -0.02)], ..Residuals::default() };
        assert!(warnings(&residuals).is_empty());
        residuals.blocks.push(block(21, -0.25));
        assert!(warnings(&residuals)[0].contains("images 21–30"));
        assert_eq!(plots(&residuals).len(), 2);
        assert_eq!(tables(&residuals)[0].rows.len(), 3);
    }

    #[test]
    fn large_correlations_are_listed_worst_first() {
        let names = ["a", "b", "c"].map(String::from).into();
        let matrix = vec![vec![1.0, -0.95, 0.2], vec![-0.95, 1.0, 0.97], vec![0.2, 0.97, 1.0]];
        let c = Correlations { names, matrix };
        let t = large_correlations(&c).unwrap();
        assert_eq!(t.rows.iter().map(|r| r[0].text() + &r[1].text()).collect::<Vec<_>>(), ["bc", "ab"]);
        assert_eq!(correlation_map(&c).unwrap().values.len(), 9);
    }
}
