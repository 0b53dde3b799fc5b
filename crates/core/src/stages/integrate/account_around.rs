//! A reflection and those beside it as a table of its own: all that measuring it again has to know of the others.

use super::collect::BoxAt;
use crate::reflections::Reflections;

/// A reflection among others, in the order in which they were predicted.
#[derive(Debug)]
pub(super) struct Around {
    /// As integration has left them.
    pub(super) table: Reflections,
    /// The reflection's row.
    pub(super) own: usize,
    /// Panel and box by row.
    pub(super) boxes: Vec<BoxAt>,
}

/// Foregrounds lie within boxes; those whose boxes come so near are beside it, px.
const MARGIN: i32 = 2;

/// The row `[table, row]` of `tables` and all reflections of its image set whose boxes come near to its own.
pub(super) fn around(tables: [&Reflections; 2], [which, row]: [usize; 2]) -> Around {
    let me = tables[which];
    let b = me.bbox[row];
    let near = |t: &Reflections, i: usize| {
        let o = t.bbox[i];
        let meet = |a: usize, margin: i32| o[a] < b[a + 1] + margin && o[a + 1] > b[a] - margin;
        let same = t.imageset_id[i] == me.imageset_id[row] && t.panel[i] == me.panel[row];
        same && o[5] > o[4] && meet(0, MARGIN) && meet(2, MARGIN) && meet(4, 0)
    };
    let [mut all, others] = tables.map(|t| t.select(&(0..t.bbox.len()).filter(|&i| near(t, i)).collect::<Vec<_>>()));
    all.append(&others);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|&i| all.partial_id[i]);
    let table = all.select(&order);
    let own = table.partial_id.iter().position(|n| *n == me.partial_id[row]).unwrap_or(0);
    let boxes = (0..table.len()).map(|i| BoxAt { panel: table.panel[i] as u32, bbox: table.bbox[i] }).collect();
    Around { table, own, boxes }
}
