//! Which reflections lie beside a reflection, and which upon it.
//!
//! Each reflection's foreground is, on its images, the ellipse e1² + e2² ≤ δ_b² on the detector. Where those of two reflections meet, their counts
//! cannot be told apart by summing; where one reaches into the other's box, it is no background there.

use super::collect::BoxAt;
use super::setup::Setup;
use crate::job::parallel;
use crate::math::{Vec2, Vec3};

/// The foreground of a reflection in the plane of its panel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Ellipse {
    /// px.
    centre: [f32; 2],
    /// a, b, c of a·x² + 2b·x·y + c·y² = 1, its border, px⁻².
    form: [f32; 3],
}

impl Ellipse {
    /// Of a reflection with ray `s1` predicted at `px`. Angles change linearly over a spot.
    fn new(setup: &Setup<'_>, s1: &Vec3, panel: usize, px: [f64; 2]) -> Ellipse {
        let centre = px.map(|c| c as f32);
        let Some(p) = setup.detector.panels.get(panel) else { return Ellipse { centre, form: [f32::INFINITY; 3] } };
        let frame = setup.frame(s1);
        let away = p.mm_from_ray(s1).map_or(1.0, |mm: Vec2| p.lab_from_mm(mm).norm()) * setup.delta_b();
        let along = |v: &Vec3, pixel: f64| [frame.e1.dot(v), frame.e2.dot(v)].map(|e| e * pixel / away);
        let (x, y) = (along(&p.fast, p.pixel_size[0]), along(&p.slow, p.pixel_size[1]));
        let dot = |a: [f64; 2], b: [f64; 2]| (a[0] * b[0] + a[1] * b[1]) as f32;
        Ellipse { centre, form: [dot(x, x), dot(x, y), dot(y, y)] }
    }

    /// 1 on the border, growing outwards with the square of the distance.
    fn at(&self, dx: f32, dy: f32) -> f32 {
        let [a, b, c] = self.form;
        a * dx * dx + 2.0 * b * dx * dy + c * dy * dy
    }

    /// How far it reaches along x and y, px.
    fn reach(&self) -> [f32; 2] {
        let [a, b, c] = self.form;
        let determinant = a * c - b * b;
        if determinant > 0.0 { [(c / determinant).sqrt(), (a / determinant).sqrt()] } else { [0.0; 2] }
    }

    /// Whether two meet. Pixels belong to a foreground with the first of their corners, which adds about one pixel. Exact for circles; ellipses of spots on
    /// one detector hardly differ.
    fn meets(&self, other: &Ellipse) -> bool {
        let (dx, dy) = (other.centre[0] - self.centre[0], other.centre[1] - self.centre[1]);
        let distance = (dx * dx + dy * dy).sqrt();
        let reach = |e: &Ellipse| distance / e.at(dx, dy).sqrt();
        distance == 0.0 || distance <= reach(self) + reach(other) + 1.0
    }
}

/// The reflections of an image set by where they are.
#[derive(Debug)]
pub(super) struct Neighbours<'a> {
    boxes: &'a [BoxAt],
    ellipses: Vec<Ellipse>,
    /// Largest reach of a foreground, px.
    reach: f32,
    /// Cells across a panel and down it.
    size: [usize; 2],
    /// By panel and cell: where its reflections begin in `order`.
    start: Vec<u32>,
    /// Reflections, cell by cell, by their first image.
    order: Vec<u32>,
    /// The first image of each of these.
    begin: Vec<i32>,
    /// By panel and cell: most images that a reflection is on.
    depth: Vec<i32>,
}

/// Reflections are sought in squares of this size, px.
const CELL: f32 = 32.0;

/// What lies beside a reflection.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Beside {
    /// Reflections whose foreground meets its own, nearest first.
    pub(super) upon: Vec<u32>,
    /// Reflections whose foreground reaches into its box, those included; in no order that means anything, but always the same.
    pub(super) near: Vec<u32>,
}

impl<'a> Neighbours<'a> {
    /// `boxes`: panel and box of each reflection; `reflection(i)`: its setup, s1 and predicted place (px).
    pub(super) fn new<'b>(boxes: &'a [BoxAt], reflection: impl Fn(usize) -> (&'b Setup<'b>, Vec3, [f64; 2]) + Sync + Send) -> Self {
        let ellipses = parallel::map(boxes.len(), |i| {
            let (setup, s1, px) = reflection(i);
            Ellipse::new(setup, &s1, boxes[i].panel as usize, px)
        });
        let reach = ellipses.iter().flat_map(Ellipse::reach).fold(0.0, f32::max);
        let extent = |a: usize| ellipses.iter().map(|e| e.centre[a]).fold(0.0, f32::max);
        let size = [0, 1].map(|a| (extent(a).min(1e6) / CELL) as usize + 1);
        let panels = boxes.iter().map(|b| b.panel as usize + 1).max().unwrap_or(0);
        let cells = panels * size[0] * size[1];
        let mut out = Neighbours {
            boxes,
            ellipses,
            reach,
            size,
            start: vec![0; cells + 1],
            order: Vec::new(),
            begin: Vec::new(),
            depth: vec![0; cells],
        };
        let cells: Vec<usize> = boxes.iter().zip(&out.ellipses).map(|(b, e)| out.cell(b.panel, e.centre)).collect();
        for (&c, b) in cells.iter().zip(boxes) {
            out.start[c + 1] += 1;
            out.depth[c] = out.depth[c].max(b.bbox[5] - b.bbox[4]);
        }
        for c in 1..out.start.len() {
            out.start[c] += out.start[c - 1];
        }
        out.order = (0..boxes.len() as u32).collect();
        out.order.sort_by_key(|&i| (cells[i as usize], boxes[i as usize].bbox[4], i));
        out.begin = out.order.iter().map(|&i| boxes[i as usize].bbox[4]).collect();
        out
    }

    fn cell(&self, panel: u32, centre: [f32; 2]) -> usize {
        let [i, j] = [0, 1].map(|a| ((centre[a] / CELL).max(0.0) as usize).min(self.size[a] - 1));
        (panel as usize * self.size[1] + j) * self.size[0] + i
    }

    /// What lies beside reflection `i`.
    pub(super) fn beside(&self, i: usize) -> Beside {
        let me = &self.ellipses[i];
        let BoxAt { panel, bbox: b } = self.boxes[i];
        let [x0, x1, y0, y1] = [b[0], b[1], b[2], b[3]].map(|x| x as f32);
        let first = self.cell(panel, [x0 - self.reach, y0 - self.reach]);
        let last = self.cell(panel, [x1 + self.reach, y1 + self.reach]);
        let columns = last % self.size[0] - first % self.size[0];
        let mut out = Beside::default();
        for row in (first..=last - columns).step_by(self.size[0]) {
            for cell in row..=row + columns {
                let all = self.start[cell] as usize..self.start[cell + 1] as usize;
                let begin = &self.begin[all.clone()];
                let from = begin.partition_point(|z| *z < b[4] - self.depth[cell]);
                let to = from + begin[from..].partition_point(|z| *z < b[5]);
                for &j in &self.order[all][from..to] {
                    let other = &self.ellipses[j as usize];
                    if j as usize == i || self.boxes[j as usize].bbox[5] <= b[4] {
                        continue;
                    }
                    let ([x, y], [rx, ry]) = (other.centre, other.reach());
                    if x + rx > x0 && x - rx < x1 && y + ry > y0 && y - ry < y1 {
                        out.near.push(j);
                        if me.meets(other) {
                            out.upon.push(j);
                        }
                    }
                }
            }
        }
        let distance = |j: &u32| {
            let c = self.ellipses[*j as usize].centre;
            me.at(c[0] - me.centre[0], c[1] - me.centre[1])
        };
        out.upon.sort_by(|a, b| distance(a).total_cmp(&distance(b)).then(a.cmp(b)));
        out
    }

    /// Which pixels of the box of reflection `i`, image by image, are in the foreground of those `near` it. Empty when there are none.
    pub(super) fn taken(&self, i: usize, near: &[u32], taken: &mut Vec<bool>) {
        taken.clear();
        let b = self.boxes[i].bbox;
        let size = [b[1] - b[0], b[3] - b[2], b[5] - b[4]].map(|n| n.max(0) as usize);
        if near.is_empty() {
            return;
        }
        taken.resize(size.iter().product(), false);
        for &j in near {
            let (ellipse, other) = (&self.ellipses[j as usize], self.boxes[j as usize].bbox);
            let images = other[4].max(b[4])..other[5].min(b[5]);
            let (centre, reach) = (ellipse.centre, ellipse.reach());
            let range = |a: usize| {
                let (low, high) = (centre[a] - reach[a] - 1.0, centre[a] + reach[a] + 1.0);
                (low as i32).max(b[2 * a])..(high as i32 + 1).min(b[2 * a + 1])
            };
            // From the centre to the nearest point of a pixel.
            let to = |p: i32, a: usize| {
                let d = p as f32 + 0.5 - centre[a];
                d.signum() * (d.abs() - 0.5).max(0.0)
            };
            for y in range(1) {
                for x in range(0) {
                    if ellipse.at(to(x, 0), to(y, 1)) <= 1.0 {
                        let pixel = (y - b[2]) as usize * size[0] + (x - b[0]) as usize;
                        for z in images.clone() {
                            taken[(z - b[4]) as usize * size[0] * size[1] + pixel] = true;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Params;
    use super::super::setup::Widths;
    use super::*;
    use crate::geometry::{Beam, Detector, ExperimentModels, Goniometer, Panel, Scan};

    /// Foregrounds of about 5 px radius (3 × 1.7 mrad at 100 mm on pixels of 0.1 mm).
    #[test]
    fn those_that_meet_and_those_that_are_near() {
        let beam = Beam::default();
        let panel = Panel { origin: Vec3::new(-50.0, 50.0, -100.0), image_size: [1000, 1000], pixel_size: [0.1; 2], ..Panel::default() };
        let (detector, goniometer) = (Detector::single(panel.clone()), Goniometer::single(Vec3::x()));
        let scan = Scan { n_images: 100, width: 0.002, ..Scan::default() };
        let models =
            ExperimentModels { beam: &beam, detector: &detector, goniometer: &goniometer, scan: &scan, crystal: None, profile: None };
        let setup = Setup::new(&models, Widths { sigma_b: 1.7e-3, sigma_m: 1.7e-3 }, &Params::default());
        let at: [[f64; 3]; 6] = [
            [520.0, 520.0, 50.0],
            [530.0, 520.0, 51.0],
            // Within the box, not on the foreground; the same place on other images; far away; as the first, on another panel.
            [520.0, 533.5, 48.0],
            [520.0, 521.0, 80.0],
            [700.0, 520.0, 50.0],
            [520.0, 520.0, 50.0],
        ];
        let boxes: Vec<BoxAt> = at
            .iter()
            .enumerate()
            .map(|(i, p)| {
                let [x, y, z] = p.map(|c| c as i32);
                BoxAt { panel: u32::from(i == 5), bbox: [x - 10, x + 10, y - 10, y + 10, z - 4, z + 4] }
            })
            .collect();
        let all = Neighbours::new(&boxes, |i| (&setup, panel.s1_from_px(Vec2::new(at[i][0], at[i][1]), 1.0), [at[i][0], at[i][1]]));
        let mut beside = all.beside(0);
        beside.near.sort_unstable();
        assert_eq!((&beside.upon[..], &beside.near[..]), (&[1][..], &[1, 2][..]));
        assert_eq!(all.beside(1).upon, [0]);
        assert_eq!(all.beside(4), Beside::default());

        let mut taken = Vec::new();
        all.taken(0, &beside.near, &mut taken);
        let is = |x: i32, y: i32, z: i32| taken[(((z - 46) * 20 + y - 510) * 20 + x - 510) as usize];
        assert!(is(529, 520, 50) && is(526, 519, 54 - 1) && !is(520, 520, 50), "of the second");
        assert!(!is(529, 520, 46), "not on this image yet");
        assert!(is(520, 529, 47) && !is(520, 529, 52), "of the third, which is over");
        // About half of an ellipse of 5 px on 7 images, and an edge of another on 6.
        let n = taken.iter().filter(|t| **t).count();
        assert!((250..550).contains(&n), "{n}");
    }
}
