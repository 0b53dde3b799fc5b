//! Regions that the user does not trust.
//!
//! Their pixels are DIALS' (`spotfinder.filter.untrusted`, `dials.generate_mask`), which does not treat all shapes alike:
//!
//! | Region | Pixels (x, y) in it |
//! | --- | --- |
//! | rectangle x0, x1, y0, y1 | x0 ≤ x < x1 and y0 ≤ y < y1 |
//! | circle xc, yc, r | (x − xc)² + (y − yc)² < r²: the pixel's first corner, not its centre |
//! | polygon x1, y1, x2, y2, … | those whose centre (x + ½, y + ½) is inside, by the even-odd rule |
//! | pixel y, x | that one; slow comes first |
//!
//! All end as rectangles of a panel's own mask: what the stages after this one read, and DIALS too.

use crate::params::ParamValue;

/// A region of a panel, in pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Region {
    /// All of the panel.
    Whole,
    /// x0, x1, y0, y1.
    Rectangle([usize; 4]),
    /// xc, yc, r.
    Circle([i64; 3]),
    /// Corners (x, y).
    Polygon(Vec<[f64; 2]>),
    /// y, x.
    Pixel([usize; 2]),
}

/// Most regions of one kind, and corners of a polygon: masks beyond that are drawn by a program, and belong into the images' own mask.
const MOST: usize = 10_000;

/// Regions from text: numbers separated by commas, with the panel's number and a colon before them for other panels than 0, regions separated by
/// semicolons. A panel's number with nothing after its colon is the whole panel.
pub(super) fn regions(text: &str, region: impl Fn(&str) -> Result<Region, String>) -> Result<Vec<(usize, Region)>, String> {
    let parts: Vec<&str> = text.split(';').map(str::trim).filter(|p| !p.is_empty()).collect();
    if parts.len() > MOST {
        return Err(format!("{} regions are more than {MOST}", parts.len()));
    }
    let one = |part: &&str| {
        let (panel, numbers) = part.split_once(':').unwrap_or(("0", part));
        let panel = panel.trim().parse().map_err(|_| format!("{panel:?} is not a panel's number"))?;
        let whole = numbers.trim().is_empty();
        Ok((panel, if whole { Region::Whole } else { region(numbers).map_err(|e| format!("{part:?}: {e}"))? }))
    };
    parts.iter().map(one).collect()
}

pub(super) fn rectangle(text: &str) -> Result<Region, String> {
    let [x0, x1, y0, y1] = ParamValue::parse(text)?;
    if x0 >= x1 || y0 >= y1 {
        return Err("is empty; give x0,x1,y0,y1 with x0 < x1 and y0 < y1".to_owned());
    }
    Ok(Region::Rectangle([x0, x1, y0, y1]))
}

pub(super) fn circle(text: &str) -> Result<Region, String> {
    let numbers = whole_numbers(text)?;
    match numbers[..] {
        [x, y, r] if r > 0 => Ok(Region::Circle([x, y, r])),
        _ => Err("give xc,yc,r with r > 0".to_owned()),
    }
}

pub(super) fn polygon(text: &str) -> Result<Region, String> {
    let numbers = whole_numbers(text)?;
    let (corners, rest) = numbers.as_chunks::<2>();
    if corners.len() < 3 || corners.len() > MOST || !rest.is_empty() {
        return Err(format!("give x1,y1,x2,y2,x3,y3,…: at least three corners; these are {} numbers", numbers.len()));
    }
    Ok(Region::Polygon(corners.iter().map(|c| c.map(|v| v as f64)).collect()))
}

pub(super) fn pixel(text: &str) -> Result<Region, String> {
    ParamValue::parse(text).map(Region::Pixel)
}

/// Numbers with room to square them.
fn whole_numbers(text: &str) -> Result<Vec<i64>, String> {
    let one = |word: &str| {
        let number = word.trim().parse::<i64>().map_err(|_| format!("{:?} is not a whole number", word.trim()))?;
        if number.abs() < 1 << 30 { Ok(number) } else { Err(format!("{number} is no pixel of any detector")) }
    };
    text.split(',').map(one).collect()
}

impl Region {
    /// The region's pixels on a panel of (width, height), as rectangles x0, y0, x1, y1 (the ends not included): in each row the runs of pixels,
    /// joined with equal runs of the rows above.
    pub(super) fn rectangles(&self, [width, height]: [usize; 2]) -> Vec<[i64; 4]> {
        let [w, h] = [width as i64, height as i64];
        let clipped = |[x0, y0, x1, y1]: [i64; 4]| {
            let r = [x0.max(0), y0.max(0), x1.min(w), y1.min(h)];
            if r[0] < r[2] && r[1] < r[3] { vec![r] } else { Vec::new() }
        };
        let at = |v: usize| i64::try_from(v).unwrap_or(i64::MAX);
        match self {
            Region::Whole => clipped([0, 0, w, h]),
            Region::Rectangle([x0, x1, y0, y1]) => clipped([at(*x0), at(*y0), at(*x1), at(*y1)]),
            Region::Pixel([y, x]) => clipped([at(*x), at(*y), at(*x).saturating_add(1), at(*y).saturating_add(1)]),
            Region::Circle([xc, yc, r]) => {
                let run = |y: i64| {
                    // The largest t with t² < r² − (y − yc)².
                    let left = r * r - (y - yc) * (y - yc) - 1;
                    let t = if left < 0 { return Vec::new() } else { left.isqrt() };
                    vec![[(xc - t).max(0), (xc + t + 1).min(w)]]
                };
                stacked((yc - r).max(0)..(yc + r + 1).min(h), run)
            }
            Region::Polygon(corners) => stacked(0..h, |y| crossings(corners, y as f64 + 0.5, w)),
        }
    }
}

/// The runs of pixels whose centres, at height `y`, lie in a polygon, within 0..`w`.
fn crossings(corners: &[[f64; 2]], y: f64, w: i64) -> Vec<[i64; 2]> {
    let before = corners.iter().cycle().skip(corners.len() - 1);
    let edges = corners.iter().zip(before).filter(|(a, b)| (a[1] > y) != (b[1] > y));
    let mut at: Vec<f64> = edges.map(|(a, b)| (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]).collect();
    at.sort_by(f64::total_cmp);
    // x + ½ < at[k] holds for an odd number of the crossings beyond it: at[0] ≤ x + ½ < at[1], and so on.
    let first = |x: f64| (libm::ceil(x - 0.5) as i64).clamp(0, w);
    at.as_chunks::<2>().0.iter().map(|&[a, b]| [first(a), first(b)]).collect()
}

/// Rectangles of the runs of pixels in rows.
fn stacked(rows: core::ops::Range<i64>, runs: impl Fn(i64) -> Vec<[i64; 2]>) -> Vec<[i64; 4]> {
    let mut done: Vec<[i64; 4]> = Vec::new();
    let mut open: Vec<[i64; 4]> = Vec::new();
    for y in rows {
        let mut next = Vec::new();
        for [x0, x1] in runs(y).into_iter().filter(|[x0, x1]| x0 < x1) {
            let above = open.iter().position(|r| (r[0], r[2]) == (x0, x1));
            let from = above.map_or(y, |k| open.swap_remove(k)[1]);
            next.push([x0, from, x1, y + 1]);
        }
        done.append(&mut open);
        open = next;
    }
    done.append(&mut open);
    done.sort_unstable_by_key(|r| (r[1], r[0]));
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pixels of a panel of 16 × 12 that are in the rectangles, by rows.
    fn drawn(region: &Region) -> Vec<String> {
        let mut rows = vec![['.'; 16]; 12];
        for [x0, y0, x1, y1] in region.rectangles([16, 12]) {
            for row in &mut rows[y0 as usize..y1 as usize] {
                for pixel in &mut row[x0 as usize..x1 as usize] {
                    assert_eq!(std::mem::replace(pixel, '#'), '.', "rectangles overlap");
                }
            }
        }
        rows.into_iter().map(|r| r.into_iter().collect::<String>().trim_end_matches('.').to_owned()).collect()
    }

    /// As `dxtbx.masking` of DIALS 3.12.1 draws them.
    #[test]
    fn regions_have_the_pixels_that_dials_gives_them() {
        let t = |region: Result<Region, String>, first: usize, rows: &[&str]| {
            let drawn = drawn(&region.unwrap());
            let mut expected = vec![String::new(); 12];
            rows.iter().enumerate().for_each(|(k, row)| expected[first + k] = (*row).to_owned());
            assert_eq!(drawn, expected);
        };
        t(circle("6,5,3"), 3, &["....#####", "....#####", "....#####", "....#####", "....#####"]);
        t(circle("1,1,3"), 0, &["####", "####", "####", "####"]);
        t(rectangle("2,5,3,6"), 3, &["..###", "..###", "..###"]);
        t(polygon("2,2,10,2,10,8,2,8"), 2, &["..########"; 6]);
        t(pixel("3,5"), 3, &[".....#"]);
        t(Ok(Region::Whole), 0, &["################"; 12]);
        // Beyond the panel nothing is left.
        t(pixel("12,5"), 0, &[]);
        t(circle("-9,5,3"), 0, &[]);
    }

    proptest! {
        #[test]
        fn rectangles_cover_what_the_definition_says(
            corners in prop::collection::vec((-3i64..20, -3i64..15), 3..8),
            (xc, yc, r) in (-5i64..22, -5i64..18, 1i64..12),
        ) {
            let inside = |x: f64, y: f64| {
                let n = corners.len();
                (0..n).filter(|&i| {
                    let ((xi, yi), (xj, yj)) = (corners[i], corners[(i + n - 1) % n]);
                    let ((xi, yi), (xj, yj)) = ((xi as f64, yi as f64), (xj as f64, yj as f64));
                    (yi > y) != (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi
                }).count() % 2 == 1
            };
            let picture = |f: &dyn Fn(i64, i64) -> bool| -> Vec<String> {
                let row = |y| (0..16).map(|x| if f(x, y) { '#' } else { '.' }).collect::<String>().trim_end_matches('.').to_owned();
                (0..12).map(row).collect()
            };
            let polygon = Region::Polygon(corners.iter().map(|c| [c.0 as f64, c.1 as f64]).collect());
            prop_assert_eq!(drawn(&polygon), picture(&|x, y| inside(x as f64 + 0.5, y as f64 + 0.5)));
            let circle = Region::Circle([xc, yc, r]);
            prop_assert_eq!(drawn(&circle), picture(&|x, y| (x - xc).pow(2) + (y - yc).pow(2) < r * r));
        }
    }

    #[test]
    fn regions_name_their_panel() {
        let r = |corners| Region::Rectangle(corners);
        assert_eq!(regions("1,2,3,4; 2: 5,6,7,8;3:", rectangle), Ok(vec![(0, r([1, 2, 3, 4])), (2, r([5, 6, 7, 8])), (3, Region::Whole)]));
        for wrong in ["1,2,3", "2,1,3,4", "x:1,2,3,4", "1,2,3,-4"] {
            assert!(regions(wrong, rectangle).is_err(), "{wrong}");
        }
        for wrong in ["1,2", "1,2,0", "1,2,a", "1,2,9999999999"] {
            assert!(regions(wrong, circle).is_err(), "{wrong}");
        }
        for wrong in ["1,2,3,4", "1,2,3,4,5,6,7"] {
            assert!(regions(wrong, polygon).is_err(), "{wrong}");
        }
        assert!(regions("5", pixel).is_err());
    }
}
