//! Which point is under the cursor, and which point a spot on an image is.

use super::camera::Camera;
use super::{Filter, Group};

/// A point that may be meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Its row.
    pub row: usize,
    /// Its distance from the cursor, px.
    pub away: f64,
    /// How near the viewer it is, Å⁻¹.
    pub near: f64,
}

impl Candidate {
    /// Whether this one is rather meant than the other: of those whose disc of radius `disc` px is under the cursor the one in front,
    /// as it covers the others; else the closest.
    fn before(&self, other: &Candidate, disc: f64) -> bool {
        match (self.away <= disc, other.away <= disc) {
            (true, true) => self.near > other.near,
            (false, false) => self.away < other.away,
            (hit, _) => hit,
        }
    }
}

/// How the cursor looks for a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cursor {
    /// Where it is, px from the canvas' top left corner, y down.
    pub at: [f64; 2],
    /// Radius of a point as it is drawn, px.
    pub disc: f64,
    /// Farthest that a point may be from it, px.
    pub reach: f64,
}

/// The point meant among the rows of `group` that begin with row `first`, or the one that was found before.
pub fn nearest(
    found: Option<Candidate>,
    cursor: &Cursor,
    camera: &Camera,
    group: &Group,
    filter: &Filter,
    first: usize,
    places: &[f32],
    marks: &[u32],
) -> Option<Candidate> {
    let mut best = found;
    for (k, (p, mark)) in places.chunks_exact(4).zip(marks).enumerate() {
        let point = group.point([p[0], p[1], p[2], p[3]]);
        let ([x, y], near) = camera.screen(&point);
        let away = (x - cursor.at[0]).hypot(y - cursor.at[1]);
        if away <= cursor.reach.max(cursor.disc) && filter.shows(group, *mark, point.norm(), group.image(p[3])) {
            let this = Candidate { row: first + k, away, near };
            if best.is_none_or(|b| this.before(&b, cursor.disc)) {
                best = Some(this);
            }
        }
    }
    best
}

/// Farthest that a spot's centroid may lie from a place on an image to be called the same: px, and images.
const SAME_SPOT: [f64; 2] = [6.0, 5.0];

/// The spot of one sweep nearest to a place: `spots` are triples (x, y in px, z in images). `image`, from 0, is where it was seen, which need
/// not be where its centroid is. Returns its number in the list.
pub fn spot_at(spots: &[f32], [x, y]: [f64; 2], image: usize) -> Option<usize> {
    let z = image as f64 + 0.5;
    let away = |s: &[f32]| {
        let (dx, dy, dz) = (f64::from(s[0]) - x, f64::from(s[1]) - y, f64::from(s[2]) - z);
        (dx.hypot(dy) <= SAME_SPOT[0] && dz.abs() <= SAME_SPOT[1]).then(|| dx.hypot(dy) + dz.abs())
    };
    let all = spots.chunks_exact(3).enumerate().filter_map(|(k, s)| Some((k, away(s)?)));
    all.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(k, _)| k)
}

#[cfg(test)]
mod tests {
    use super::super::scene::tests::header;
    use super::super::{Kinds, scene};
    use super::*;
    use ewald_core::geometry::Trial;
    use ewald_core::math::Mat3;
    use ewald_protocol::mark::INDEXED;

    #[test]
    fn the_point_under_the_cursor_is_picked_the_front_one_first_and_hidden_ones_never() {
        let groups = scene(&header(), &Trial::default(), false);
        let camera = Camera::fitted(Mat3::identity(), 0.6, [600.0, 600.0]);
        // Two points at nearly the same place on the screen (at φ = 0.1 and turned by half a turn less), and one aside.
        let places = [20.0, 10.0, -100.0, 0.1, 20.0, 10.1, -100.0, 0.1, 30.0, -20.0, -100.0, 0.3f32];
        let marks = [INDEXED, 0, INDEXED];
        let p: Vec<_> = places.chunks_exact(4).map(|p| groups[0].point([p[0], p[1], p[2], p[3]])).collect();
        let (a, b) = (camera.screen(&p[0]), camera.screen(&p[1]));
        assert!((a.0[0] - b.0[0]).hypot(a.0[1] - b.0[1]) < 2.0 && a.1 != b.1);
        let pick = |at: [f64; 2], disc: f64, filter: &Filter| {
            let cursor = Cursor { at, disc, reach: 8.0 };
            nearest(None, &cursor, &camera, &groups[0], filter, 40, &places, &marks).map(|c| c.row)
        };
        let all = Filter::default();
        let front = if a.1 > b.1 { 40 } else { 41 };
        assert_eq!(pick(a.0, 3.0, &all), Some(front), "the one in front covers the other");
        assert_eq!(pick(a.0, 0.0, &all), Some(40), "the closest, when discs are too small to tell");
        assert_eq!(pick(b.0, 3.0, &Filter { kinds: Kinds::NotIndexed, ..all.clone() }), Some(41));
        let aside = camera.screen(&p[2]).0;
        assert_eq!(pick([aside[0] + 7.0, aside[1]], 3.0, &all), Some(42));
        assert_eq!(pick([aside[0] + 9.0, aside[1]], 3.0, &all), None);
    }

    #[test]
    fn a_spot_is_found_again_from_its_image() {
        let spots = [100.0, 200.0, 3.5, 103.0, 200.0, 3.5, 100.0, 200.0, 30.0f32];
        assert_eq!(spot_at(&spots, [100.4, 200.2], 3), Some(0));
        assert_eq!(spot_at(&spots, [102.6, 200.2], 5), Some(1));
        assert_eq!(spot_at(&spots, [100.4, 200.2], 29), Some(2));
        assert_eq!(spot_at(&spots, [120.0, 200.0], 3), None);
        assert_eq!(spot_at(&[], [120.0, 200.0], 3), None);
    }
}
