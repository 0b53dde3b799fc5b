//! Which rows of a long table are seen. A browser draws boxes up to some ten million pixels high only, and slowly so if there is something
//! in them; the table is a box of the height of all its rows, or of the highest that serves, in which those that are seen are drawn alone.

/// Height of a row, px.
pub const ROW: f64 = 24.0;
/// Height of the head, px.
pub const HEAD: f64 = 28.0;
/// Highest box, px.
const HIGHEST: f64 = 8e6;

/// Height of the box for `n` rows, px.
pub fn height(n: usize) -> f64 {
    (n as f64 * ROW + HEAD).min(HIGHEST)
}

/// Rows that are wholly seen in a view of `view` px.
pub fn whole(view: f64) -> usize {
    ((view - HEAD) / ROW).max(1.0) as usize
}

/// The first row seen when the box is scrolled by `top` px.
pub fn first(n: usize, top: f64, view: f64) -> usize {
    let last = n.saturating_sub(whole(view));
    let way = (height(n) - view).max(1.0);
    // Rows and pixels go together as long as the box is as high as all rows.
    let row = if height(n) < HIGHEST { top / ROW } else { top / way * last as f64 };
    (row.max(0.0).round() as usize).min(last)
}

/// By how many px the box is scrolled when row `row` is the first seen.
pub fn top(n: usize, row: usize, view: f64) -> f64 {
    let last = n.saturating_sub(whole(view)).max(1);
    if height(n) < HIGHEST { row as f64 * ROW } else { row.min(last) as f64 / last as f64 * (height(n) - view) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_a_table_can_be_scrolled_to_however_long_it_is() {
        for n in [10, 5_000, 500_000, 7_000_000] {
            let view = 300.0;
            let last = n - whole(view).min(n);
            for row in [0, 1, n / 3, n / 2, last].map(|r| r.min(last)) {
                let top = top(n, row, view);
                assert_eq!(first(n, top, view), row, "{n}");
                assert!(top <= (height(n) - view).max(0.0) + ROW);
            }
            assert_eq!(first(n, 1e9, view), last);
        }
        assert!(height(7_000_000) <= 8e6);
    }
}
