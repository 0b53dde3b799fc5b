use std::rc::Rc;

use ewald_protocol::{Ask, Column, Order, Place, Rows, Window};
use leptos::prelude::*;

use super::{Page, Spot};

/// The table of reflections: which of its rows are seen, and those rows.
#[derive(Clone, Copy)]
pub struct SpotTable {
    /// Whether it is open.
    pub open: RwSignal<bool>,
    /// The order of its rows.
    pub order: RwSignal<Order>,
    /// The first row that is seen, and how many are.
    pub seen: RwSignal<[usize; 2]>,
    /// What came last.
    pub rows: RwSignal<Option<Rc<Rows>>, LocalStorage>,
    /// Counts the reflections that the viewer was given.
    pub(super) given: RwSignal<u32>,
    /// Rows are on their way; others have been asked for meanwhile.
    asked: StoredValue<bool>,
    again: StoredValue<bool>,
}

impl SpotTable {
    pub(super) fn new() -> Self {
        SpotTable {
            open: RwSignal::new(false),
            order: RwSignal::new(Order { by: Column::Intensity, descending: true }),
            seen: RwSignal::new([0, 0]),
            rows: RwSignal::new_local(None),
            given: RwSignal::new(0),
            asked: StoredValue::new(false),
            again: StoredValue::new(false),
        }
    }

    pub(super) fn forget(self) {
        self.rows.set(None);
        self.asked.set_value(false);
        self.again.set_value(false);
    }
}

impl Page {
    /// Asks for the rows that are seen whenever that may have changed, while the table is open.
    pub(super) fn keep_table(self) {
        let t = self.table;
        let kind = Memo::new(move |_| self.spots_to_show());
        Effect::new(move |_| {
            t.given.track();
            t.order.track();
            t.seen.track();
            self.spot.track();
            if kind.get().is_none() {
                t.rows.set(None);
            } else if t.open.get() {
                self.ask_rows();
            }
        });
    }

    /// Asks for rows, one window at a time: of those that are scrolled over only the last is of interest.
    fn ask_rows(self) {
        let t = self.table;
        let Some(of) = untrack(|| self.spots_to_show()) else { return };
        if t.asked.get_value() {
            return t.again.set_value(true);
        }
        let [first, n] = t.seen.get_untracked();
        let lit = self.spot.get_untracked().map(|s| Place { sweep: s.sweep, image: s.image, at: s.at });
        let window = Window { of, order: t.order.get_untracked(), first, n, lit };
        // Of reflections that the viewer does not have yet nothing is answered; when they are given it is asked again.
        t.asked.set_value(self.ask(&[], &[], |_| Ask::Rows(window)).is_some());
    }

    pub(super) fn rows_arrived(self, rows: Rows) {
        let t = self.table;
        t.asked.set_value(false);
        if untrack(|| self.spots_to_show()) == Some(rows.window.of) {
            t.rows.set(Some(Rc::new(rows)));
        }
        if t.again.try_update_value(std::mem::take) == Some(true) {
            self.ask_rows();
        }
    }

    /// The viewer has been given other reflections.
    pub(super) fn table_given(self) {
        self.table.asked.set_value(false);
        self.table.given.update(|n| *n += 1);
    }

    /// Lights the spot of a row of the table, and looks into its reflection if `look`, or where one is looked into already.
    pub fn choose_row(self, k: usize, look: bool) {
        let Some(spot) = self.spot_of_row(k) else { return };
        self.light(Some(spot));
        let row = self.table.rows.with_untracked(|rows| rows.as_ref()?.rows.get(k).copied());
        if let Some((_, hkl)) = row.and_then(|row| row.fate.zip(row.hkl))
            && (look || self.reflection.open.get_untracked())
        {
            self.look_into_spot(spot, hkl);
        }
    }

    /// The spot of a row of the table, by its place among the rows that came last.
    pub fn spot_of_row(self, k: usize) -> Option<Spot> {
        let row = self.table.rows.with_untracked(|rows| rows.as_ref()?.rows.get(k).copied())?;
        let images = untrack(|| self.images_in(row.sweep)).max(1);
        let image = (row.at[2].max(0.0) as usize).min(images - 1);
        Some(Spot { sweep: row.sweep, image, at: [f64::from(row.at[0]), f64::from(row.at[1])] })
    }
}
