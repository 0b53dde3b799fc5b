use super::Axis;
use super::svg::{escape, ticks};
use serde::{Deserialize, Serialize};

/// Values on a grid over a rectangle, drawn as colours.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HeatMap {
    /// Stable name.
    pub id: String,
    /// Heading.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis; its values grow downwards, as those of an image do.
    pub y: Axis,
    /// What the values are.
    pub value: Axis,
    /// Values of x in the middle of the first and the last column.
    pub range_x: [f64; 2],
    /// Values of y in the middle of the first and the last row.
    pub range_y: [f64; 2],
    /// Number of columns and rows.
    pub size: [usize; 2],
    /// The values, row by row; `None` where nothing is known.
    pub values: Vec<Option<f64>>,
    /// Whether the sign matters: blue below zero, orange above, instead of dark to bright.
    #[serde(default)]
    pub signed: bool,
    /// Places to be marked: name, x, y.
    pub marks: Vec<(String, [f64; 2])>,
    /// Names of rows and columns in place of the axes' numbers, for a square map of pairs.
    #[serde(default)]
    pub names: Vec<String>,
}

/// Margins of the drawing: left of numbers and of names, top, below; and the room for the scale at the right.
const LEFT: f64 = 64.0;
const LEFT_OF_NAMES: f64 = 200.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 44.0;
const SCALE: f64 = 90.0;
/// Largest side of the map.
const SIZE: f64 = 360.0;
/// Where nothing is known.
const UNKNOWN: [u8; 3] = [128; 3];

/// Sixteen colours of viridis (Smith and van der Walt 2015, in the public domain), evenly spaced.
pub const VIRIDIS: [[u8; 3]; 16] = [
    [68, 1, 84],
    [72, 26, 108],
    [71, 47, 125],
    [65, 68, 135],
    [57, 86, 140],
    [49, 104, 142],
    [42, 120, 142],
    [35, 136, 142],
    [31, 152, 139],
    [34, 168, 132],
    [53, 183, 121],
    [84, 197, 104],
    [122, 209, 81],
    [165, 219, 54],
    [210, 226, 27],
    [253, 231, 37],
];

/// The colour of viridis for a strength from 0 to 1.
pub fn viridis(strength: f64) -> [u8; 3] {
    let place = strength.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let k = (place as usize).min(VIRIDIS.len() - 2);
    let part = place - k as f64;
    [0, 1, 2].map(|i| (f64::from(VIRIDIS[k][i]) * (1.0 - part) + f64::from(VIRIDIS[k + 1][i]) * part) as u8)
}

/// From blue through grey to orange, for −1 to 1 (Okabe & Ito 2008: told apart by all).
fn diverging(t: f64) -> [u8; 3] {
    const MIDDLE: [f64; 3] = [235.0, 235.0, 235.0];
    let end = if t < 0.0 { [0.0, 114.0, 178.0] } else { [213.0, 94.0, 0.0] };
    let t = t.abs().min(1.0);
    [0, 1, 2].map(|k| (MIDDLE[k] + (end[k] - MIDDLE[k]) * t) as u8)
}

impl HeatMap {
    /// The middles of the first and the last of `n` cells between two edges.
    pub fn middles([from, to]: [f64; 2], n: usize) -> [f64; 2] {
        let half = 0.5 * (to - from) / n.max(1) as f64;
        [from + half, to - half]
    }

    fn known(&self) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().flatten().copied().filter(|v| v.is_finite())
    }

    /// Values at the ends of the colours. Signed: minus and plus the size that a fiftieth exceeds, so that few wild values do not fade the rest.
    fn ends(&self) -> [f64; 2] {
        if !self.signed {
            return self.extremes();
        }
        let mut sizes: Vec<f64> = self.known().map(f64::abs).collect();
        sizes.sort_by(f64::total_cmp);
        let limit = sizes.get((sizes.len() * 49 / 50).min(sizes.len().saturating_sub(1))).copied().filter(|l| *l > 0.0).unwrap_or(1.0);
        [-limit, limit]
    }

    /// The colour of a part of the way between the ends.
    fn colour(&self, part: f64) -> [u8; 3] {
        if self.signed { diverging(2.0 * part - 1.0) } else { viridis(part) }
    }

    /// Smallest and largest value; 0 and 1 when there are none.
    pub fn extremes(&self) -> [f64; 2] {
        let finite = self.known();
        let [low, high] = finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(v), b.max(v)]);
        if low <= high { [low, high] } else { [0.0, 1.0] }
    }

    /// Ends of the axes at the outer edges of the outermost cells: x from, x to, y from, y to.
    pub fn edges(&self) -> [f64; 4] {
        let half = |[from, to]: [f64; 2], n: usize| if n > 1 { 0.5 * (to - from) / (n - 1) as f64 } else { 0.5 };
        let (x, y) = (half(self.range_x, self.size[0]), half(self.range_y, self.size[1]));
        [self.range_x[0] - x, self.range_x[1] + x, self.range_y[0] - y, self.range_y[1] + y]
    }

    /// The value of the cell at a place, given in the axes' units.
    pub fn at(&self, [x, y]: [f64; 2]) -> Option<f64> {
        let [x0, x1, y0, y1] = self.edges();
        let cell = |v: f64, from: f64, to: f64, n: usize| {
            let k = (v - from) / (to - from) * n as f64;
            (k >= 0.0 && k < n as f64).then_some(k as usize)
        };
        let (i, j) = (cell(x, x0, x1, self.size[0])?, cell(y, y0, y1, self.size[1])?);
        self.values.get(j * self.size[0] + i).copied().flatten()
    }

    /// Colours of the cells, row by row: RGB.
    pub fn colours(&self) -> Vec<[u8; 3]> {
        let [low, high] = self.ends();
        let span = if high > low { high - low } else { 1.0 };
        let known = |v: &Option<f64>| v.filter(|v| v.is_finite());
        self.values.iter().map(|v| known(v).map_or(UNKNOWN, |v| self.colour((v - low) / span))).collect()
    }

    /// A self-contained drawing, for the page and for the report; `currentColor` for what is written.
    pub fn to_svg(&self) -> String {
        let [x0, x1, y0, y1] = self.edges();
        // Cells have the data's proportions where both axes have the same unit.
        let shape = if self.names.is_empty() && self.x.unit == self.y.unit { ((y1 - y0) / (x1 - x0)).abs().clamp(0.1, 10.0) } else { 1.0 };
        let (w, h) = if shape > 1.0 { (SIZE / shape, SIZE) } else { (SIZE, SIZE * shape) };
        let left = if self.names.is_empty() { LEFT } else { LEFT_OF_NAMES };
        let bottom = if self.names.is_empty() { BOTTOM } else { 24.0 };
        let title = escape(&self.title);
        let mut out = format!(
            "<svg viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"{title}\"><text class=\"t\" x=\"8\" y=\"16\">{title}</text>\
             <image x=\"{left}\" y=\"{TOP}\" width=\"{w:.1}\" height=\"{h:.1}\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
             href=\"data:image/bmp;base64,{}\"/>\
             <path d=\"M{left} {TOP}h{w:.1}v{h:.1}h-{w:.1}z\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\".4\"/>",
            left + w + SCALE,
            TOP + h + bottom,
            base64(&self.bitmap())
        );
        out += &if self.names.is_empty() { self.axes(left, w, h) } else { self.rows_and_columns(left, w, h) };
        for (name, [x, y]) in &self.marks {
            let (x, y) = (left + (x - x0) / (x1 - x0) * w, TOP + (y - y0) / (y1 - y0) * h);
            let cross = format!("M{:.1} {y:.1}h16M{x:.1} {:.1}v16", x - 8.0, y - 8.0);
            out += &format!(
                "<g stroke=\"#fff\" stroke-width=\"4\" paint-order=\"stroke\"><path d=\"{cross}\"/><path d=\"{cross}\" stroke=\"#d55e00\" stroke-width=\"2\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#000\" stroke-width=\"3\">{}</text></g>",
                x + 10.0,
                y - 6.0,
                escape(name)
            );
        }
        out + &self.scale(left + w + 16.0, h) + "</svg>"
    }

    /// The colours with their values.
    fn scale(&self, x: f64, h: f64) -> String {
        const STEPS: u32 = 20;
        let mut out = String::new();
        for k in 0..STEPS {
            let [r, g, b] = self.colour(1.0 - (f64::from(k) + 0.5) / f64::from(STEPS));
            let y = TOP + f64::from(k) * h / f64::from(STEPS);
            out += &format!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"12\" height=\"{:.1}\" fill=\"#{r:02x}{g:02x}{b:02x}\"/>",
                h / f64::from(STEPS) + 0.3
            );
        }
        let [low, high] = self.ends();
        for (y, v) in [(TOP + 8.0, high), (TOP + h / 2.0 + 4.0, 0.5 * (low + high)), (TOP + h, low)] {
            out += &format!("<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>", x + 18.0, short(v));
        }
        out + &format!("<text x=\"{x:.1}\" y=\"{:.1}\">{}</text>", TOP - 8.0, escape(&self.value.unit))
    }

    fn axes(&self, left: f64, w: f64, h: f64) -> String {
        let [x0, x1, y0, y1] = self.edges();
        let named = |a: &Axis| if a.unit.is_empty() { escape(&a.label) } else { format!("{} ({})", escape(&a.label), escape(&a.unit)) };
        let mut out = String::new();
        for v in ticks(x0.min(x1), x0.max(x1), 5) {
            let x = left + (v - x0) / (x1 - x0) * w;
            out += &format!("<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>", TOP + h + 15.0, short(v));
        }
        for v in ticks(y0.min(y1), y0.max(y1), 5) {
            let y = TOP + (v - y0) / (y1 - y0) * h;
            out += &format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", left - 6.0, y + 4.0, short(v));
        }
        out += &format!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>", left + w / 2.0, TOP + h + 36.0, named(&self.x));
        out + &format!(
            "<text transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            TOP + h / 2.0,
            named(&self.y)
        )
    }

    fn rows_and_columns(&self, left: f64, w: f64, h: f64) -> String {
        let n = self.names.len() as f64;
        let mut out = String::new();
        for (k, name) in self.names.iter().enumerate() {
            let part = (k as f64 + 0.5) / n;
            let (x, y) = (left + part * w, TOP + part * h + 4.0);
            out += &format!("<text x=\"{}\" y=\"{y:.1}\" text-anchor=\"end\">{} · {}</text>", left - 6.0, escape(name), k + 1);
            out += &format!("<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>", TOP + h + 15.0, k + 1);
        }
        out
    }

    /// The cells as a Windows bitmap of 24 bits, from the top down.
    fn bitmap(&self) -> Vec<u8> {
        let [w, h] = self.size;
        let row = (3 * w).next_multiple_of(4);
        let bytes = 54 + row * h;
        let mut out = Vec::with_capacity(bytes);
        let word = |out: &mut Vec<u8>, v: i32| out.extend_from_slice(&v.to_le_bytes());
        out.extend_from_slice(b"BM");
        for v in [bytes as i32, 0, 54, 40, w as i32, -(h as i32), 1 | 24 << 16, 0, (row * h) as i32, 2835, 2835, 0, 0] {
            word(&mut out, v);
        }
        for line in self.colours().chunks(w.max(1)).take(h) {
            let start = out.len();
            line.iter().for_each(|[r, g, b]| out.extend_from_slice(&[*b, *g, *r]));
            out.resize(start + row, 0);
        }
        out
    }
}

/// A number in few digits.
fn short(v: f64) -> String {
    let text = if v.abs() >= 100.0 { format!("{v:.1}") } else { format!("{v:.3}") };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Base 64 (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |k: usize| u32::from(three.get(k).copied().unwrap_or(0));
        let all = byte(0) << 16 | byte(1) << 8 | byte(2);
        for k in 0..4 {
            let letter = LETTERS[(all >> (18 - 6 * k) & 63) as usize];
            out.push(if k <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> HeatMap {
        HeatMap {
            range_x: [-1.0, 1.0],
            range_y: [10.0, 11.0],
            size: [3, 2],
            values: vec![Some(0.0), Some(0.5), Some(1.0), None, Some(0.25), Some(0.75)],
            marks: vec![("found".to_owned(), [1.0, 10.0])],
            ..HeatMap::default()
        }
    }

    #[test]
    fn base_64_is_that_of_the_standard() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in pairs {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_place_has_the_value_of_its_cell() {
        let m = map();
        assert_eq!(m.edges(), [-1.5, 1.5, 9.5, 11.5]);
        assert_eq!((m.at([-1.4, 9.6]), m.at([1.4, 9.6]), m.at([0.1, 11.4])), (Some(0.0), Some(1.0), Some(0.25)));
        assert_eq!((m.at([-1.6, 10.0]), m.at([0.0, 11.6])), (None, None));
        assert_eq!(m.extremes(), [0.0, 1.0]);
        let colours = m.colours();
        assert_eq!((colours[0], colours[2], colours[3]), (VIRIDIS[0], VIRIDIS[15], UNKNOWN));
    }

    #[test]
    fn the_drawing_holds_the_cells_and_the_marks() {
        let m = map();
        let bitmap = m.bitmap();
        assert_eq!((bitmap.len(), &bitmap[..2]), (54 + 2 * 12, &b"BM"[..]));
        assert_eq!(bitmap[54..57], [VIRIDIS[0][2], VIRIDIS[0][1], VIRIDIS[0][0]]);
        let svg = m.to_svg();
        assert!(svg.contains("data:image/bmp;base64,Qk") && svg.contains(">found<") && svg.ends_with("</svg>"));
    }

    #[test]
    fn signs_have_colours_of_their_own_and_pairs_their_names() {
        let signed = HeatMap { signed: true, values: vec![Some(-2.0), Some(0.0), Some(2.0), Some(f64::NAN), None, Some(1.0)], ..map() };
        let colours = signed.colours();
        assert_eq!(colours, [[0, 114, 178], [235; 3], [213, 94, 0], UNKNOWN, UNKNOWN, colours[5]]);
        assert_eq!(serde_json::from_str::<HeatMap>(&serde_json::to_string(&map()).unwrap()).unwrap(), map());
        let range = HeatMap::middles([0.0, 2.0], 2);
        let pairs = HeatMap {
            range_x: range,
            range_y: range,
            size: [2, 2],
            values: vec![Some(1.0); 4],
            names: vec!["one < two".into(), "b".into()],
            ..HeatMap::default()
        };
        assert_eq!(pairs.edges(), [0.0, 2.0, 0.0, 2.0]);
        assert!(pairs.to_svg().contains("one &lt; two · 1"));
    }
}
