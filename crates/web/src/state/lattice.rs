use ewald_core::session::StageId;
use ewald_protocol::{JobId, LatticeHeader, Request, View};
use js_sys::{ArrayBuffer, Float32Array, Int32Array, Uint32Array};
use leptos::prelude::*;
use std::rc::Rc;

use super::{Page, Picture};

/// The spots as points of reciprocal space, as they came from the engine; see [`LatticeHeader`].
pub struct LatticePoints {
    /// What they are.
    pub header: LatticeHeader,
    /// Place in the laboratory and angle.
    pub places: Float32Array,
    /// Marks.
    pub marks: Uint32Array,
    /// Pixel and image.
    pub pixels: Float32Array,
    /// Miller indices; may be empty.
    pub hkl: Int32Array,
}

/// The spot that is lit in every view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Its sweep.
    pub sweep: usize,
    /// The image on which it is looked at, from 0.
    pub image: usize,
    /// Its centre, px of the raw image.
    pub at: [f64; 2],
}

impl LatticePoints {
    fn new(header: LatticeHeader, buffers: &[ArrayBuffer]) -> Option<Self> {
        let [places, marks, pixels, hkl] = buffers else { return None };
        Some(LatticePoints {
            header,
            places: Float32Array::new(places),
            marks: Uint32Array::new(marks),
            pixels: Float32Array::new(pixels),
            hkl: Int32Array::new(hkl),
        })
    }

    /// The spot of a row.
    pub fn spot(&self, row: usize) -> Option<Spot> {
        let group = self.header.groups.iter().find(|g| (g.start..g.start + g.n).contains(&row))?;
        let at = |k: u32| f64::from(self.pixels.get_index(3 * row as u32 + k));
        let image = (at(2).max(0.0) as usize).min(group.images.saturating_sub(1));
        Some(Spot { sweep: group.sweep, image, at: [at(0), at(1)] })
    }

    /// The Miller index of a row, if it has one.
    pub fn hkl(&self, row: usize) -> Option<[i32; 3]> {
        let first = 3 * row as u32;
        let hkl = [0, 1, 2].map(|k| if first + k < self.hkl.length() { self.hkl.get_index(first + k) } else { 0 });
        Some(hkl).filter(|h| *h != [0; 3])
    }

    /// The same points again and again until there are `n`; for measurements.
    fn repeated(&mut self, n: usize) {
        let Some(last) = self.header.groups.last_mut() else { return };
        let (have, of_last) = (self.header.n, last.n);
        let more = n.saturating_sub(have).div_ceil(of_last.max(1)).max(1) - usize::from(n <= have);
        let floats = |from: &Float32Array, width: usize| {
            let out = Float32Array::new_with_length(((have + more * of_last) * width) as u32);
            out.set(from, 0);
            let tail = from.subarray((last.start * width) as u32, (have * width) as u32);
            (0..more).for_each(|k| out.set(&tail, ((have + k * of_last) * width) as u32));
            out
        };
        (self.places, self.pixels) = (floats(&self.places, 4), floats(&self.pixels, 3));
        let marks = Uint32Array::new_with_length((have + more * of_last) as u32);
        let tail = self.marks.subarray(last.start as u32, have as u32);
        marks.set(&self.marks, 0);
        (0..more).for_each(|k| marks.set(&tail, (have + k * of_last) as u32));
        self.marks = marks;
        last.n += more * of_last;
        self.header.n += more * of_last;
    }
}

impl Page {
    /// The stage whose lattice is shown: the one selected, or the nearest before it that has one; and how long it took, by which another run is known.
    fn lattice_to_show(self) -> Option<(StageId, f64)> {
        let selected = self.selected.get();
        let makers = [StageId::Refine, StageId::Bravais, StageId::Index, StageId::FindSpots];
        let seconds = |s: StageId| self.reports.with(|r| r.get(&s).map(|(_, seconds)| *seconds));
        makers.into_iter().filter(|s| *s <= selected.max(StageId::FindSpots)).find_map(|s| Some((s, seconds(s)?)))
    }

    /// Brings the points that belong to the selected stage while the lattice is looked at.
    pub(super) fn show_lattice_of_selected_stage(self) {
        let wanted = Memo::new(move |_| self.lattice_to_show());
        let shown = Memo::new(move |_| self.picture.get() == Picture::Lattice);
        Effect::new(move |before: Option<Option<(StageId, f64)>>| {
            let wanted = wanted.get();
            if wanted.is_none() {
                self.lattice.set(None);
                self.spot.set(None);
                return None;
            }
            let before = before.flatten();
            if !shown.get() {
                return before;
            }
            if let Some((after, _)) = wanted.filter(|w| Some(*w) != before) {
                let job = self.send(&[], |job| Request::Fetch { job, view: View::Lattice { after } });
                self.fetching.update_value(|f| f.lattice = job);
            }
            wanted
        });
    }

    pub(super) fn lattice_arrived(self, job: JobId, header: LatticeHeader, buffers: &[ArrayBuffer]) {
        if !self.lattice_expected(job) {
            return;
        }
        let mut points = LatticePoints::new(header, buffers);
        if let (Some(n), Some(points)) = (points_asked_for(), &mut points) {
            points.repeated(n);
        }
        self.lattice.set(points.map(Rc::new));
    }

    /// Lights a spot in all views.
    pub fn light(self, spot: Option<Spot>) {
        self.spot.set(spot);
        if let Some(spot) = spot {
            self.show([spot.sweep, spot.image]);
        }
    }
}

/// `?points=N` in the page's address, for measurements.
fn points_asked_for() -> Option<usize> {
    let search = window().location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&search).ok()?.get("points")?.parse().ok()
}
