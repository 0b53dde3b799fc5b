//! The reciprocal lattice viewer.

mod canvas;
mod chunks;
mod draw;
mod overlay;
mod programs;
mod sheets;
mod tools;

use std::rc::Rc;

use ewald_core::geometry::Trial;
use ewald_core::math::{Mat3, Vec3};
use leptos::html::Canvas;
use leptos::prelude::*;

use crate::gl::Points;
use crate::present::lattice::axes::{self, Along, Kind, Line};
use crate::present::lattice::camera::Camera;
use crate::present::lattice::colour::{self, ColourBy, Legend};
use crate::present::lattice::pick::spot_at;
use crate::present::lattice::scene::radius;
use crate::present::lattice::{Filter, Group, scene};
use crate::state::{LatticePoints, Page, Picture, Spot};

pub use canvas::LatticeCanvas;
pub use tools::LatticeTools;

/// Points among which the farthest is looked for.
const SAMPLE: usize = 20_000;

/// Which of the sheets over the picture is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sheet {
    /// Which points are shown.
    Filter,
    /// The geometry, to be tried.
    Geometry,
}

/// What the last frame cost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Points given to the card.
    pub drawn: usize,
    /// Every so many-th was drawn.
    pub stride: usize,
    /// Milliseconds that the card takes for a frame while something moves, averaged; over how many frames; and when it draws all points.
    pub frame: f64,
    frames: u32,
    whole: f64,
    /// Frames ever drawn.
    pub all: u32,
    /// Fewer points were tried, and made it no faster.
    held: bool,
    /// Longest time that a frame kept the main thread, ms, since the points came.
    pub longest: f64,
}

/// How the lattice is looked at; shared by the canvas and its tools.
#[derive(Clone, Copy)]
pub struct LatticeViewer {
    page: Page,
    canvas: NodeRef<Canvas>,
    size: RwSignal<[f64; 2]>,
    camera: RwSignal<Option<Camera>>,
    /// What colours tell, when the user has chosen it.
    by: RwSignal<Option<ColourBy>>,
    filter: RwSignal<Filter>,
    crystal_frame: RwSignal<bool>,
    reciprocal: RwSignal<bool>,
    direct: RwSignal<bool>,
    setting: RwSignal<bool>,
    /// The crystal whose axes are looked along.
    crystal: RwSignal<usize>,
    trial: RwSignal<Trial>,
    /// The trial has been made parameters of import: what comes next has it.
    applied: RwSignal<bool>,
    sheet: RwSignal<Option<Sheet>>,
    radius: RwSignal<f64>,
    groups: Memo<Vec<Group>>,
    /// Axes, beam and spindle, as far as they are shown.
    lines: Memo<Vec<Line>>,
    /// The row that is lit.
    lit: Memo<Option<usize>>,
    /// The row that was clicked, so that it is not looked for.
    clicked: RwSignal<Option<usize>>,
    /// How many points are shown; `None` while they are being counted.
    shown: RwSignal<Option<usize>>,
    /// Colour of the ground.
    ground: RwSignal<colour::Rgb>,
    /// Why nothing can be drawn.
    no_gl: RwSignal<Option<String>>,
    gl: StoredValue<Option<Points>, LocalStorage>,
    cost: StoredValue<Cost>,
    pace: StoredValue<draw::Pace>,
    /// Counts renderers, so that a lost one is followed by another.
    renewed: RwSignal<u32>,
}

impl LatticeViewer {
    /// A viewer of the page's lattice.
    pub fn new(page: Page) -> Self {
        let (trial, crystal_frame) = (RwSignal::new(Trial::default()), RwSignal::new(false));
        let groups = Memo::new(move |_| {
            page.lattice.with(|l| l.as_ref().map_or_else(Vec::new, |l| scene(&l.header, &trial.get(), crystal_frame.get())))
        });
        let clicked = RwSignal::new(None);
        let lit = Memo::new(move |_| {
            let spot = page.spot.get()?;
            page.lattice.with(|l| row_of(l.as_ref()?, &spot, clicked.get()))
        });
        let (reciprocal, direct, setting) = (RwSignal::new(true), RwSignal::new(false), RwSignal::new(true));
        let (radius, ground) = (RwSignal::new(1.0), RwSignal::new([1.0; 3]));
        let lines = Memo::new(move |_| {
            let dark = colour::is_dark(ground.get());
            let all =
                page.lattice.with(|l| l.as_ref().map_or_else(Vec::new, |l| axes::lines(&l.header, &groups.get(), radius.get(), dark)));
            let shown = |line: &Line| match line.kind {
                Kind::Reciprocal => reciprocal.get(),
                Kind::Direct => direct.get(),
                Kind::Setting => setting.get(),
            };
            // In the crystals' own frame they would all lie on each other.
            let alone = crystal_frame.get();
            let mut seen = Vec::new();
            let first = |line: &Line| {
                let name = line.label.split(' ').next().unwrap_or_default().to_owned();
                let new = !alone || !seen.contains(&name);
                seen.push(name);
                new
            };
            all.into_iter().filter(shown).filter(first).collect::<Vec<_>>()
        });
        let viewer = LatticeViewer {
            page,
            canvas: NodeRef::new(),
            size: RwSignal::new([0.0; 2]),
            camera: RwSignal::new(None),
            by: RwSignal::new(None),
            filter: RwSignal::new(Filter::default()),
            crystal_frame,
            reciprocal,
            direct,
            setting,
            crystal: RwSignal::new(0),
            trial,
            applied: RwSignal::new(false),
            sheet: RwSignal::new(None),
            radius,
            groups,
            lines,
            lit,
            clicked,
            shown: RwSignal::new(None),
            ground,
            no_gl: RwSignal::new(None),
            gl: StoredValue::new_local(None),
            cost: StoredValue::default(),
            pace: StoredValue::default(),
            renewed: RwSignal::new(0),
        };
        viewer.follow_the_points();
        programs::publish(viewer);
        viewer
    }

    /// Takes other points: they are fitted when they are the first, and a trial that has become real ends.
    fn follow_the_points(self) {
        Effect::new(move |before: Option<bool>| {
            let points = self.page.lattice.get();
            let there = points.is_some();
            let Some(points) = points else { return false };
            if self.applied.get_untracked() {
                self.applied.set(false);
                self.trial.set(Trial::default());
            }
            self.clicked.set(None);
            self.cost.update_value(|c| *c = Cost { all: c.all, ..Cost::default() });
            let groups = self.groups.get_untracked();
            let reach = farthest(&points, &groups);
            let known = before == Some(true) && (self.radius.get_untracked() / reach - 1.0).abs() < 0.2;
            self.radius.set(reach);
            if self.crystal.get_untracked() >= points.header.crystals.len() {
                self.crystal.set(0);
            }
            let old = self.filter.get_untracked();
            let (sweeps, crystals) = (colour::sweeps(&points.header), colour::crystals(&points.header));
            let kept = Filter {
                hidden_sweeps: old.hidden_sweeps.iter().filter(|s| sweeps.contains(s)).copied().collect(),
                hidden_crystals: old.hidden_crystals.iter().filter(|c| crystals.contains(c)).copied().collect(),
                ..old
            };
            self.filter.set(kept);
            if !known {
                self.camera.set(None);
                self.fit();
            }
            there
        });
        // The canvas has a size when it is first in front.
        Effect::new(move |_| {
            let size = self.size.get();
            if size[0] < 1.0 {
                return;
            }
            match self.camera.get_untracked() {
                Some(camera) => self.camera.set(Some(camera.resized(size))),
                None => self.fit(),
            }
        });
    }

    fn header<T>(self, read: impl FnOnce(&LatticePoints) -> T) -> Option<T> {
        self.page.lattice.with(|l| l.as_ref().map(|l| read(l)))
    }

    /// All points in view; from where they are looked at now, or else along the beam.
    fn fit(self) {
        let size = self.size.get_untracked();
        if size[0] < 1.0 || self.page.lattice.with_untracked(Option::is_none) {
            return;
        }
        let along_beam = || self.turn(Along::Beam).unwrap_or_else(Mat3::identity);
        let turn = self.camera.get_untracked().map_or_else(along_beam, |c| c.turn);
        self.camera.set(Some(Camera::fitted(turn, self.radius.get_untracked(), size)));
    }

    fn turn(self, along: Along) -> Option<Mat3> {
        let groups = self.groups.get_untracked();
        untrack(|| self.header(|l| axes::look(along, &l.header, &groups))).flatten()
    }

    fn look(self, along: Along) {
        if let Some(turn) = self.turn(along) {
            self.camera.update(|c| *c = c.map(|c| Camera { turn, pan: [0.0; 2], ..c }));
        }
    }

    /// Brings the crystals together, or apart; the first stays as it is seen.
    fn set_crystal_frame(self, together: bool) {
        let frame = || self.groups.with_untracked(|g| g.first().map_or_else(Mat3::identity, |g| g.frame_from_datum));
        let before = frame();
        self.crystal_frame.set(together);
        let turn = before * frame().transpose();
        self.moved(|c| Camera { turn: c.turn * turn, ..c });
    }

    fn look_along_star(self, which: usize) {
        self.look(Along::Reciprocal { crystal: self.crystal.get_untracked(), which });
    }

    fn moved(self, change: impl FnOnce(Camera) -> Camera) {
        self.camera.update(|c| *c = c.map(change));
    }

    fn colour_by(self) -> ColourBy {
        self.by.get().or_else(|| self.header(|l| ColourBy::of(&l.header))).unwrap_or(ColourBy::Resolution)
    }

    fn dark(self) -> bool {
        colour::is_dark(self.ground.get())
    }

    fn legend(self) -> Option<Legend> {
        let by = self.colour_by();
        self.header(|l| colour::legend(by, &l.header, self.radius.get(), self.dark()))
    }

    /// Brings the spot to its image.
    fn show_on_image(self) {
        if let Some(spot) = self.page.spot.get_untracked() {
            self.page.light(Some(spot));
            self.page.picture.set(Picture::Image);
        }
    }

    fn light_row(self, row: Option<usize>) {
        let spot = row.and_then(|row| self.page.lattice.with_untracked(|l| l.as_ref().and_then(|l| l.spot(row))));
        self.clicked.set(row);
        self.page.light(spot);
    }

    /// What is known of the spot that is lit.
    fn told(self) -> Option<String> {
        let row = self.lit.get()?;
        let groups = self.groups.get();
        self.header(|l| {
            let spot = l.spot(row)?;
            let d = point(l, &groups, row).map_or(f64::NAN, |p| 1.0 / p.norm());
            let index = l.hkl(row).map_or("not indexed".to_owned(), |[h, k, l]| format!("({h} {k} {l})"));
            let sweep = if colour::sweeps(&l.header).len() > 1 { format!("sweep {} · ", spot.sweep + 1) } else { String::new() };
            Some(format!("{index} · {d:.2} Å · {sweep}image {} · {:.1}, {:.1} px", spot.image + 1, spot.at[0], spot.at[1]))
        })
        .flatten()
    }
}

/// A row's point, in the frame that is looked at.
fn point(l: &LatticePoints, groups: &[Group], row: usize) -> Option<Vec3> {
    let group = groups.iter().find(|g| (g.rows[0]..g.rows[0] + g.rows[1]).contains(&row))?;
    Some(group.point([0, 1, 2, 3].map(|k| l.places.get_index(4 * row as u32 + k))))
}

fn row_of(l: &Rc<LatticePoints>, spot: &Spot, clicked: Option<usize>) -> Option<usize> {
    if let Some(row) = clicked.filter(|row| l.spot(*row).as_ref() == Some(spot)) {
        return Some(row);
    }
    l.header.groups.iter().filter(|g| g.sweep == spot.sweep).find_map(|g| {
        let spots = l.pixels.subarray(3 * g.start as u32, 3 * (g.start + g.n) as u32).to_vec();
        Some(g.start + spot_at(&spots, spot.at, spot.image)?)
    })
}

fn farthest(l: &LatticePoints, groups: &[Group]) -> f64 {
    let step = (l.header.n / SAMPLE).max(1);
    let rows = groups.iter().enumerate().flat_map(|(k, g)| (g.rows[0]..g.rows[0] + g.rows[1]).step_by(step).map(move |row| (k, row)));
    let places: Vec<(usize, [f32; 4])> = rows.map(|(k, row)| (k, [0, 1, 2, 3].map(|i| l.places.get_index(4 * row as u32 + i)))).collect();
    radius(groups, places.iter().map(|(k, p)| (*k, &p[..])))
}
