//! Reflections as a table. Sorting half a million takes a moment, so the order is kept until another is asked for.

use ewald_protocol::{Column, Order, Place, Row, Rows, Window};

use super::overlay::Overlay;

/// Farthest that a centroid may lie from a place on an image to be called the same spot: px, and images.
const SAME_SPOT: [f64; 2] = [6.0, 5.0];

/// Most rows that are told at once, whatever is asked for.
const MOST: usize = 500;

/// The order in which rows were last asked for, and the rows in it.
#[derive(Default)]
pub struct Sorted(Option<(Order, Vec<u32>)>);

impl Overlay {
    /// The rows of a window.
    pub fn rows(&mut self, window: Window) -> Rows {
        let n = self.n_rows();
        let sorted = core::mem::take(&mut self.sorted).0.filter(|(order, rows)| *order == window.order && rows.len() == n);
        let (order, all) = sorted.unwrap_or_else(|| (window.order, self.in_order(window.order)));
        let wanted = window.lit.and_then(|place| self.nearest(&place));
        let lit = wanted.and_then(|row| all.iter().position(|r| *r as usize == row));
        let rows = all.iter().skip(window.first).take(window.n.min(MOST)).map(|row| self.row(*row as usize)).collect();
        self.sorted = Sorted(Some((order, all)));
        Rows { window, n, lit, rows }
    }

    fn in_order(&self, Order { by, descending }: Order) -> Vec<u32> {
        let key = |row: u32| {
            let [z, d, intensity, sigma] = self.quantities(row as usize);
            match by {
                // Sweep after sweep.
                Column::Image => self.sweep(row as usize) as f32 * 1e6 + z,
                Column::Resolution => d,
                Column::Intensity => intensity,
                Column::Significance => intensity / sigma,
            }
        };
        let last = if descending { f32::NEG_INFINITY } else { f32::INFINITY };
        let mut keyed: Vec<(f32, u32)> =
            (0..self.n_rows() as u32).map(|row| (Some(key(row)).filter(|k| !k.is_nan()).unwrap_or(last), row)).collect();
        keyed.sort_unstable_by(|a, b| {
            let (first, second) = if descending { (b, a) } else { (a, b) };
            first.0.total_cmp(&second.0).then(a.1.cmp(&b.1))
        });
        keyed.into_iter().map(|(_, row)| row).collect()
    }

    fn nearest(&self, place: &Place) -> Option<usize> {
        let z = place.image as f64 + 0.5;
        let away = |row: usize| {
            let Row { sweep, at, .. } = self.row(row);
            let [dx, dy, dz] = [f64::from(at[0]) - place.at[0], f64::from(at[1]) - place.at[1], f64::from(at[2]) - z];
            let same = sweep == place.sweep && dx.hypot(dy) <= SAME_SPOT[0] && dz.abs() <= SAME_SPOT[1];
            same.then(|| dx.hypot(dy) + dz.abs())
        };
        let all = (0..self.n_rows()).filter_map(|row| Some((row, away(row)?)));
        all.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(row, _)| row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_protocol::{ReflectionsHeader, SpotKind};

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn ints(values: &[i32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    /// Four spots on two sweeps; the third has no intensity.
    fn overlay() -> Overlay {
        let quantities = [[1.5, 3.0, 40.0, 8.0], [0.5, 2.0, 90.0, 30.0], [7.5, 1.5, f32::NAN, f32::NAN], [0.2, 9.0, 40.0, 4.0]];
        let buffers = [
            floats(&[10.0, 10.0, 20.0, 20.0, 30.0, 30.0, 10.0, 10.0]),
            ints(&[0, 0, 4, 0, 0, 2, 0, 6, 9, 1, 0, 1]),
            ints(&[0; 16]),
            ints(&[1, 2, 3, 0, 0, 0, 4, 5, 6, 7, 8, 9]),
            vec![1, 0, 1, 1],
            floats(quantities.as_flattened()),
        ];
        Overlay::new(&ReflectionsHeader { of: SpotKind::Indexed, n: 4 }, &buffers)
    }

    fn window(by: Column, descending: bool) -> Window {
        Window { of: SpotKind::Indexed, order: Order { by, descending }, first: 0, n: 10, lit: None }
    }

    #[test]
    fn rows_come_in_the_order_asked_for_and_what_has_no_value_comes_last() {
        let mut overlay = overlay();
        let mut t = |by, descending, expected: [f32; 4]| {
            let rows = overlay.rows(window(by, descending));
            assert_eq!(rows.rows.iter().map(|r| r.at[2]).collect::<Vec<_>>(), expected, "{by:?} {descending}");
            assert_eq!(rows.n, 4);
        };
        t(Column::Intensity, true, [0.5, 1.5, 0.2, 7.5]);
        t(Column::Intensity, false, [1.5, 0.2, 0.5, 7.5]);
        t(Column::Significance, true, [0.2, 1.5, 0.5, 7.5]);
        t(Column::Resolution, false, [7.5, 0.5, 1.5, 0.2]);
        t(Column::Image, false, [0.5, 1.5, 7.5, 0.2]);
    }

    #[test]
    fn a_window_has_its_rows_alone_and_tells_where_a_spot_is() {
        let mut overlay = overlay();
        let lit = Some(Place { sweep: 0, image: 0, at: [21.0, 19.0] });
        let rows = overlay.rows(Window { first: 1, n: 2, lit, ..window(Column::Resolution, false) });
        assert_eq!((rows.rows.len(), rows.lit), (2, Some(1)));
        assert_eq!((rows.rows[0].hkl, rows.rows[0].good), (None, false));
        assert_eq!((rows.rows[1].hkl, rows.rows[1].good, rows.rows[1].sigma), (Some([1, 2, 3]), true, 8.0));
        let other = Some(Place { sweep: 1, image: 0, at: [10.0, 10.0] });
        assert_eq!(overlay.rows(Window { lit: other, ..window(Column::Resolution, false) }).lit, Some(3));
        let nowhere = Some(Place { sweep: 1, image: 0, at: [50.0, 10.0] });
        assert_eq!(overlay.rows(Window { lit: nowhere, ..window(Column::Resolution, false) }).lit, None);
        assert!(overlay.rows(Window { first: 9, ..window(Column::Resolution, false) }).rows.is_empty());
    }
}
