//! Lines that show directions: reciprocal and real cell axes of each crystal, the spindle and the beam.

use ewald_core::geometry::Crystal;
use ewald_core::math::{Mat3, Vec3, mat3_from_rows};
use ewald_protocol::LatticeHeader;

use super::camera::{Camera, looking_along};
use super::{Group, colour};

/// Crystals whose axes are drawn; more could not be told apart.
const MOST_CRYSTALS: usize = 6;
/// Length of the longest cell axis, and of spindle and beam, as parts of the distance to the farthest point.
const CELL: f64 = 0.5;
const DIRECTION: f64 = 0.8;

/// What a line shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// a*, b* or c*.
    Reciprocal,
    /// a, b or c.
    Direct,
    /// The spindle or the beam.
    Setting,
}

/// A line from the origin, with a label at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it shows.
    pub kind: Kind,
    /// Its end, in the frame that is looked at, Å⁻¹.
    pub end: Vec3,
    /// Its name.
    pub label: String,
    /// Its colour; `None` for that of text.
    pub colour: Option<colour::Rgb>,
}

/// The lines. Vectors of one kind keep their ratios of length: the longest reaches half as far as the points.
pub fn lines(header: &LatticeHeader, groups: &[Group], radius: f64, dark: bool) -> Vec<Line> {
    let mut out = Vec::new();
    let crystals = colour::crystals(header);
    for &c in crystals.iter().take(MOST_CRYSTALS) {
        let (Some(a), Some(frame)) = (header.crystals.get(c), groups.iter().find(|g| g.crystal == Some(c)).map(|g| g.frame_from_datum))
        else {
            continue;
        };
        let crystal = Crystal::new(mat3_from_rows(a));
        let number = if crystals.len() > 1 { format!(" ({})", c + 1) } else { String::new() };
        let colour = (crystals.len() > 1).then(|| colour::category(c, dark));
        let mut push = |kind: Kind, vectors: [Vec3; 3], names: [&str; 3]| {
            let longest = vectors.iter().map(|v| v.norm()).fold(0.0, f64::max);
            let each = vectors.iter().zip(names);
            out.extend(each.map(|(v, name)| Line {
                kind,
                end: frame * v * (CELL * radius / longest),
                label: format!("{name}{number}"),
                colour,
            }));
        };
        push(Kind::Reciprocal, columns(&crystal.a_matrix), ["a*", "b*", "c*"]);
        push(Kind::Direct, crystal.real_space(), ["a", "b", "c"]);
    }
    if let Some(g) = groups.first() {
        let beam = g.frame_from_datum * g.map.lab_from_datum(g.phi0).transpose() * g.map.s0.normalize();
        let axis = g.frame_from_datum * g.map.datum_axis();
        let line =
            |end: Vec3, label: &str| Line { kind: Kind::Setting, end: end * (DIRECTION * radius), label: label.to_owned(), colour: None };
        out.push(line(axis, "axis"));
        out.push(line(beam, "beam"));
    }
    out
}

fn columns(m: &Mat3) -> [Vec3; 3] {
    [0, 1, 2].map(|i| Vec3::from(m.column(i)))
}

/// What one can look along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Along {
    /// The beam, as on the first image, with the image's upper edge up.
    Beam,
    /// The spindle.
    Axis,
    /// a*, b* or c* of a crystal.
    Reciprocal {
        /// The crystal.
        crystal: usize,
        /// 0, 1 or 2.
        which: usize,
    },
}

/// The rotation from the frame that is looked at to the screen; `None` when there is no such thing.
pub fn look(along: Along, header: &LatticeHeader, groups: &[Group]) -> Option<Mat3> {
    let first = groups.first()?;
    let datum_from_lab = first.map.lab_from_datum(first.phi0).transpose();
    let up = -Vec3::from(header.groups.first()?.panel[1]);
    let from_lab = |v: Vec3| first.frame_from_datum * datum_from_lab * v;
    match along {
        Along::Beam => Some(looking_along(&from_lab(first.map.s0), &from_lab(up))),
        Along::Axis => Some(looking_along(&(first.frame_from_datum * first.map.datum_axis()), &from_lab(-first.map.s0))),
        Along::Reciprocal { crystal, which } => {
            let frame = groups.iter().find(|g| g.crystal == Some(crystal))?.frame_from_datum;
            let axes = columns(&mat3_from_rows(header.crystals.get(crystal)?));
            Some(looking_along(&(frame * axes[which % 3]), &(frame * axes[(which + 2) % 3])))
        }
    }
}

/// A line on the screen: the ends in px, y down, and a place for its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// From, to.
    pub ends: [[f64; 2]; 2],
    /// Middle of the label.
    pub label: [f64; 2],
    /// Too short to be worth a label: it is looked along.
    pub point: bool,
}

/// Where a line is on the screen; its label stands a little beyond its end.
pub fn draw(line: &Line, camera: &Camera) -> Drawn {
    let (from, _) = camera.screen(&Vec3::zeros());
    let (to, _) = camera.screen(&line.end);
    let d = [to[0] - from[0], to[1] - from[1]];
    let length = d[0].hypot(d[1]);
    let beyond = if length > 1e-9 { 12.0 / length } else { 0.0 };
    Drawn { ends: [from, to], label: [0, 1].map(|i| to[i] + d[i] * beyond), point: length < 6.0 }
}

/// Width, dash and gap (CSS px) of a line of a kind; no gap for a line that is whole.
fn pen(kind: Kind) -> [f64; 3] {
    match kind {
        Kind::Reciprocal => [1.5, 1.0, 0.0],
        Kind::Direct => [1.5, 5.0, 4.0],
        Kind::Setting => [1.0, 2.0, 3.0],
    }
}

/// The lines as triangles for the graphics card: x and y (−1 to 1 over the canvas, y up), red, green, blue of each corner.
///
/// - `ratio`: px per CSS px
pub fn triangles(lines: &[Line], camera: &Camera, dark: bool, ratio: f64) -> Vec<f32> {
    let mut out = Vec::new();
    let [w, h] = camera.canvas;
    for line in lines {
        let [from, to] = draw(line, camera).ends;
        let by = [to[0] - from[0], to[1] - from[1]];
        let length = by[0].hypot(by[1]);
        let Some([begin, end]) = within(from, by, camera.canvas).filter(|_| length > 0.5) else { continue };
        let text = if dark { [0.894, 0.902, 0.91] } else { [0.106, 0.118, 0.133] };
        let quiet = if dark { [0.604, 0.639, 0.671] } else { [0.349, 0.38, 0.416] };
        let [r, g, b] = if line.kind == Kind::Setting { quiet } else { line.colour.unwrap_or(text) };
        let [width, dash, gap] = pen(line.kind).map(|v| v * ratio);
        let unit = by.map(|v| v / length);
        let aside = [-0.5 * width * unit[1], 0.5 * width * unit[0]];
        let mut stroke = |a: f64, b_: f64| {
            let corner = |t: f64, side: f64| {
                let x = from[0] + t * unit[0] + side * aside[0];
                let y = from[1] + t * unit[1] + side * aside[1];
                [(2.0 * x / w - 1.0) as f32, (1.0 - 2.0 * y / h) as f32, r, g, b]
            };
            for (t, side) in [(a, -1.0), (a, 1.0), (b_, -1.0), (b_, -1.0), (a, 1.0), (b_, 1.0)] {
                out.extend_from_slice(&corner(t, side));
            }
        };
        let (begin, end) = (begin * length, end * length);
        if gap == 0.0 {
            stroke(begin, end);
            continue;
        }
        let period = dash + gap;
        let mut t = (begin / period).floor() * period;
        while t < end {
            stroke(t.max(begin), (t + dash).min(end).max(begin));
            t += period;
        }
    }
    out
}

/// The part of a line that is on the canvas, from 0 to 1 along it (Liang & Barsky 1984).
fn within(from: [f64; 2], by: [f64; 2], canvas: [f64; 2]) -> Option<[f64; 2]> {
    let (mut first, mut last) = (0.0f64, 1.0f64);
    for i in 0..2 {
        for (toward, room) in [(-by[i], from[i]), (by[i], canvas[i] - from[i])] {
            if toward == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if toward < 0.0 {
                first = first.max(room / toward);
            } else {
                last = last.min(room / toward);
            }
        }
    }
    (first < last).then_some([first, last])
}

#[cfg(test)]
mod tests {
    use super::super::scene;
    use super::super::scene::tests::header;
    use super::*;
    use ewald_core::geometry::Trial;

    #[test]
    fn each_crystal_has_its_six_axes_and_the_lines_keep_their_ratios() {
        let h = header();
        let all = lines(&h, &scene(&h, &Trial::default(), false), 0.8, false);
        assert_eq!(all.len(), 2 * 6 + 2);
        let named = |name: &str| all.iter().find(|l| l.label == name).unwrap();
        assert!((named("a* (1)").end.norm() - 0.4).abs() < 1e-12 && (named("c* (1)").end.norm() - 0.08).abs() < 1e-12);
        assert!((named("c (2)").end.norm() - 0.4).abs() < 1e-12 && (named("a (2)").end.norm() - 0.08).abs() < 1e-12);
        assert!((named("axis").end - Vec3::x() * 0.64).norm() < 1e-12);
        assert_ne!(named("a (2)").colour, named("a (1)").colour);
        // At the datum, the beam of the first image is where the crystal was turned to by then.
        assert!((named("beam").end.normalize() - Vec3::new(0.0, -(0.1f64.sin()), -(0.1f64.cos()))).norm() < 1e-12);
    }

    #[test]
    fn lines_are_drawn_where_they_are_and_only_as_far_as_the_canvas() {
        let h = header();
        let groups = scene(&h, &Trial::default(), false);
        let camera = Camera::fitted(Mat3::identity(), 0.5, [200.0, 100.0]);
        let line = |kind: Kind, end: Vec3| Line { kind, end, label: String::new(), colour: None };
        let t = triangles(&[line(Kind::Reciprocal, Vec3::x() * 0.2)], &camera, false, 1.0);
        assert_eq!(t.len(), 6 * 5);
        let ends: Vec<f32> = t.chunks(5).map(|v| v[0]).collect();
        let reach = (2.0 * 0.2 * camera.scale / 200.0) as f32;
        assert!(ends[0].abs() < 1e-6 && (ends[2] - reach).abs() < 1e-6);
        // A line that goes on far beyond the canvas, dashed.
        let near = Camera { scale: 1e6, ..camera };
        let t = triangles(&[line(Kind::Setting, Vec3::new(0.2, 0.1, 0.0))], &near, false, 2.0);
        assert!(t.len() < 30 * 200 && t.chunks(5).all(|v| v[0].abs() < 1.05 && v[1].abs() < 1.05), "{}", t.len());
        assert!(within([-5.0, 3.0], [0.0, 50.0], [10.0, 10.0]).is_none());
        assert_eq!(lines(&h, &groups, 0.8, false).len(), 14);
    }

    #[test]
    fn looking_along_the_beam_shows_the_first_image_the_right_way_up() {
        let h = header();
        let groups = scene(&h, &Trial::default(), false);
        let camera = Camera::fitted(look(Along::Beam, &h, &groups).unwrap(), 0.5, [100.0, 100.0]);
        // A spot to the right and above the beam on the first image: fast is +x, slow is −y.
        let ([x, y], _) = camera.screen(&groups[0].point([10.0, 20.0, -100.0, 0.1]));
        assert!(x > 50.0 && y < 50.0, "{x} {y}");
        let axis = Camera { turn: look(Along::Axis, &h, &groups).unwrap(), ..camera };
        assert!(draw(&lines(&h, &groups, 0.5, false)[12], &axis).point);
        let along = look(Along::Reciprocal { crystal: 1, which: 0 }, &h, &groups).unwrap();
        let seen = lines(&h, &groups, 0.5, false);
        let turned = Camera { turn: along, ..camera };
        assert!(draw(&seen[6], &turned).point && !draw(&seen[7], &turned).point);
        assert_eq!(look(Along::Reciprocal { crystal: 7, which: 0 }, &h, &groups), None);
    }
}
