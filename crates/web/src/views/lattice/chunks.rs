//! Walks over all points, a few at a time, so that the page stays awake.

use core::ops::ControlFlow;
use core::time::Duration;
use std::rc::Rc;

use leptos::prelude::*;

use super::LatticeViewer;
use crate::present::lattice::pick::{self, Candidate, Cursor};
use crate::present::lattice::{Filter, Group};
use crate::state::LatticePoints;

/// Points of one task: a few milliseconds.
const AT_ONCE: usize = 25_000;

/// Rows of one group.
struct Piece<'a> {
    group: &'a Group,
    first: usize,
    places: Vec<f32>,
    marks: Vec<u32>,
}

/// Calls `visit` with the points, piece by piece in tasks of their own, until it breaks; then, if it never did, `end`.
fn walk(
    points: Rc<LatticePoints>,
    groups: Vec<Group>,
    start: (usize, usize),
    mut visit: impl FnMut(Piece<'_>) -> ControlFlow<()> + 'static,
    end: impl FnOnce() + 'static,
) {
    let (mut number, mut done) = start;
    while groups.get(number).is_some_and(|g| done >= g.rows[1]) {
        (number, done) = (number + 1, 0);
    }
    let Some(group) = groups.get(number) else { return end() };
    let first = group.rows[0] + done;
    let n = AT_ONCE.min(group.rows[1] - done);
    let (from, to) = (first as u32, (first + n) as u32);
    let piece =
        Piece { group, first, places: points.places.subarray(4 * from, 4 * to).to_vec(), marks: points.marks.subarray(from, to).to_vec() };
    if visit(piece).is_continue() {
        set_timeout(move || walk(points, groups, (number, done + n), visit, end), Duration::ZERO);
    }
}

impl LatticeViewer {
    /// Lights the point under the cursor, or none.
    pub(super) fn pick(self, cursor: Cursor) {
        let (Some(points), Some(camera)) = (self.page.lattice.get_untracked(), self.camera.get_untracked()) else { return };
        let (groups, filter) = (self.groups.get_untracked(), self.filter.get_untracked());
        let found = Rc::new(core::cell::Cell::new(None::<Candidate>));
        let result = Rc::clone(&found);
        let visit = move |p: Piece<'_>| {
            found.set(pick::nearest(found.get(), &cursor, &camera, p.group, &filter, p.first, &p.places, &p.marks));
            ControlFlow::Continue(())
        };
        walk(points, groups, (0, 0), visit, move || self.light_row(result.get().map(|c| c.row)));
    }

    /// Counts the points that are shown, whenever that may have changed.
    pub(super) fn count(self) {
        // Another count makes the one under way stop.
        let latest = StoredValue::new(0_u32);
        Effect::new(move |_| {
            let (Some(points), filter) = (self.page.lattice.get(), self.filter.get()) else {
                self.shown.set(None);
                return;
            };
            // Counted for the geometry as it is: a trial hardly changes the number.
            self.crystal_frame.track();
            latest.update_value(|n| *n += 1);
            let mine = latest.get_value();
            if filter == Filter::default() {
                self.shown.set(Some(points.header.n));
                return;
            }
            let groups = self.groups.get_untracked();
            let count = Rc::new(core::cell::Cell::new(0));
            let result = Rc::clone(&count);
            let visit = move |p: Piece<'_>| {
                let one = |place: &[f32], mark: u32| {
                    let q = p.group.point([place[0], place[1], place[2], place[3]]).norm();
                    filter.shows(p.group, mark, q, p.group.image(place[3]))
                };
                let n = p.places.chunks_exact(4).zip(&p.marks).filter(|(place, mark)| one(place, **mark)).count();
                count.set(count.get() + n);
                if latest.try_get_value() == Some(mine) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            walk(points, groups, (0, 0), visit, move || self.shown.set(Some(result.get())));
        });
    }
}
