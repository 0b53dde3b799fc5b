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
    /// The values, row by row.
    pub values: Vec<f64>,
    /// Places to be marked: name, x, y.
    pub marks: Vec<(String, [f64; 2])>,
}

/// Width of the drawing, and of the margins left, right, top and bottom.
const WIDTH: f64 = 460.0;
const MARGINS: [f64; 4] = [64.0, 16.0, 28.0, 44.0];

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

impl HeatMap {
    /// Smallest and largest value; 0 and 1 when there are none.
    pub fn extremes(&self) -> [f64; 2] {
        let finite = self.values.iter().copied().filter(|v| v.is_finite());
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
        self.values.get(j * self.size[0] + i).copied()
    }

    /// Colours of the cells, row by row: RGB.
    pub fn colours(&self) -> Vec<[u8; 3]> {
        let [low, high] = self.extremes();
        let span = if high > low { high - low } else { 1.0 };
        self.values.iter().map(|v| if v.is_finite() { viridis((v - low) / span) } else { [128; 3] }).collect()
    }

    /// A self-contained drawing.
    pub fn to_svg(&self) -> String {
        let [left, right, top, bottom] = MARGINS;
        let [x0, x1, y0, y1] = self.edges();
        let w = WIDTH - left - right;
        let h = w * ((y1 - y0) / (x1 - x0)).abs().clamp(0.2, 2.0);
        let place = |[x, y]: [f64; 2]| [left + (x - x0) / (x1 - x0) * w, top + (y - y0) / (y1 - y0) * h];
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\"><text class=\"t\" x=\"{left}\" y=\"16\">{}</text>\
             <image x=\"{left}\" y=\"{top}\" width=\"{w:.1}\" height=\"{h:.1}\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
             href=\"data:image/bmp;base64,{}\"/>",
            top + h + bottom,
            escape(&self.title),
            base64(&self.bitmap())
        );
        for x in ticks(x0, x1, 5) {
            let [at, _] = place([x, y0]);
            out += &format!("<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>", top + h + 14.0, short(x));
        }
        for y in ticks(y0, y1, 5) {
            let [_, at] = place([x0, y]);
            out += &format!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", left - 6.0, at + 3.5, short(y));
        }
        for (name, at) in &self.marks {
            let [x, y] = place(*at);
            out += &format!(
                "<g stroke=\"#fff\" stroke-width=\"4\" paint-order=\"stroke\"><path d=\"M{:.1} {y:.1}h16M{x:.1} {:.1}v16\"/><path d=\"M{:.1} {y:.1}h16M{x:.1} {:.1}v16\" stroke=\"#d55e00\" stroke-width=\"2\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#000\" stroke-width=\"3\">{}</text></g>",
                x - 8.0,
                y - 8.0,
                x - 8.0,
                y - 8.0,
                x + 10.0,
                y - 6.0,
                escape(name)
            );
        }
        let named = |a: &Axis| if a.unit.is_empty() { escape(&a.label) } else { format!("{} ({})", escape(&a.label), escape(&a.unit)) };
        let [low, high] = self.extremes();
        out += &format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} · {}: {} (dark) to {} (bright)</text>",
            left + w / 2.0,
            top + h + 34.0,
            named(&self.x),
            named(&self.value),
            short(low),
            short(high)
        );
        out += &format!(
            "<text transform=\"translate(12 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text></svg>",
            top + h / 2.0,
            named(&self.y)
        );
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
            values: vec![0.0, 0.5, 1.0, f64::NAN, 0.25, 0.75],
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
        assert_eq!((colours[0], colours[2], colours[3]), (VIRIDIS[0], VIRIDIS[15], [128; 3]));
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
}
