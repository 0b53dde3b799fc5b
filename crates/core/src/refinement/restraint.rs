//! Cells that are known beforehand, to a target or to each other.

use super::cell::cell_and_derivative;
use super::crystal::CrystalBlock;
use super::layout::Layout;
use super::smoother::Weights;

/// What cells are tied to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CellTarget {
    /// a, b, c (Å), α, β, γ (degrees).
    Cell([f64; 6]),
    /// The mean of all crystals' cells.
    Mean,
}

/// A tie of every crystal's cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellRestraint {
    /// What the cells are tied to.
    pub target: CellTarget,
    /// Standard deviations about it, Å and degrees; 0 leaves that parameter free.
    pub sigmas: [f64; 6],
}

/// One residual in standard deviations, with the derivatives that are not 0.
pub(crate) struct RestraintRow {
    pub residual: f64,
    pub slopes: Vec<(usize, f64)>,
}

/// A crystal's cell with its derivatives by parameter.
struct Cell {
    values: [f64; 6],
    slopes: Vec<(usize, [f64; 6])>,
}

/// The cell at one sample.
fn sample(block: &CrystalBlock, p: &[f64], sample: usize) -> Cell {
    let at = Weights { first: sample, n: 1, w: [1.0, 0.0, 0.0] };
    let metric = block.metric(&block.local_parameters(p, &at));
    let first = |x: &[f64; 7]| core::array::from_fn(|e| x[e]);
    let values = first(&cell_and_derivative(&metric, &metric).0);
    let slope = |(k, m)| (block.column(sample, block.angles() + k), first(&cell_and_derivative(&metric, m).1));
    Cell { values, slopes: block.cell.iter().enumerate().map(slope).collect() }
}

/// The mean over samples.
fn mean(block: &CrystalBlock, p: &[f64]) -> Cell {
    let n = block.samples();
    let mut out = Cell { values: [0.0; 6], slopes: Vec::new() };
    for s in 0..n {
        let cell = sample(block, p, s);
        (0..6).for_each(|e| out.values[e] += cell.values[e] / n as f64);
        out.slopes.extend(cell.slopes.into_iter().map(|(column, d)| (column, d.map(|x| x / n as f64))));
    }
    out
}

/// The residuals at `p`. Crystals whose cell is fixed, or another's, have none. Those of a crystal that varies weigh as much together as one of a
/// static crystal.
pub(crate) fn rows(layout: &Layout, p: &[f64], restraint: &CellRestraint) -> Vec<RestraintRow> {
    let mut out = Vec::new();
    let weights = restraint.sigmas.map(|s| if s > 0.0 && s.is_finite() { 1.0 / s } else { 0.0 });
    let blocks: Vec<&CrystalBlock> = layout.crystals.iter().flatten().filter(|b| !b.cell.is_empty() && b.shared_cell.is_none()).collect();
    match restraint.target {
        CellTarget::Cell(target) => {
            for block in blocks {
                let share = 1.0 / (block.samples() as f64).sqrt();
                for s in 0..block.samples() {
                    let cell = sample(block, p, s);
                    for e in (0..6).filter(|e| weights[*e] > 0.0) {
                        let w = weights[e] * share;
                        let slopes = cell.slopes.iter().map(|(column, d)| (*column, w * d[e])).collect();
                        out.push(RestraintRow { residual: w * (cell.values[e] - target[e]), slopes });
                    }
                }
            }
        }
        CellTarget::Mean => {
            let cells: Vec<Cell> = blocks.iter().map(|b| mean(b, p)).collect();
            let n = cells.len() as f64;
            for e in (0..6).filter(|e| weights[*e] > 0.0 && cells.len() > 1) {
                let w = weights[e];
                let middle = cells.iter().map(|c| c.values[e]).sum::<f64>() / n;
                for (i, cell) in cells.iter().enumerate() {
                    let others = cells.iter().enumerate().flat_map(|(j, c)| {
                        let part = if i == j { 1.0 - 1.0 / n } else { -1.0 / n };
                        c.slopes.iter().map(move |(column, d)| (*column, w * part * d[e]))
                    });
                    out.push(RestraintRow { residual: w * (cell.values[e] - middle), slopes: others.collect() });
                }
            }
        }
    }
    out
}
