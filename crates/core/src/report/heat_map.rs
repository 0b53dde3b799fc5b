use super::Axis;
use super::svg::{escape, ticks};
use serde::{Deserialize, Serialize};

/// Values on a grid, drawn as colours: blue below zero, orange above.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeatMap {
    /// Stable name for programs, such as `residual_map_x`.
    pub id: String,
    /// Heading.
    pub title: String,
    /// Horizontal axis, and its values at the left and right edge of the grid.
    pub x: (Axis, [f64; 2]),
    /// Vertical axis, and its values at the upper and lower edge.
    pub y: (Axis, [f64; 2]),
    /// What is drawn, and its unit.
    pub value: Axis,
    /// Number of columns; `values` are row by row from the top.
    pub columns: usize,
    /// `None` where nothing is known.
    pub values: Vec<Option<f64>>,
    /// Names of rows and columns in place of the axes' numbers, for a square map of pairs.
    pub names: Vec<String>,
}

const SIZE: f64 = 300.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 44.0;
const SCALE: f64 = 90.0;

impl HeatMap {
    /// The colours' end: the largest size of a value; of many, the one that a fiftieth exceeds, so that few wild values do not fade the rest.
    fn limit(&self) -> f64 {
        let mut sizes: Vec<f64> = self.values.iter().flatten().map(|v| v.abs()).filter(|v| v.is_finite()).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.get((sizes.len() * 49 / 50).min(sizes.len().saturating_sub(1))).copied().filter(|l| *l > 0.0).unwrap_or(1.0)
    }

    /// The map as an SVG element, colours following `currentColor` for axes.
    pub fn to_svg(&self) -> String {
        let columns = self.columns.max(1);
        let rows = self.values.len().div_ceil(columns).max(1);
        let spans = [self.x.1, self.y.1].map(|r| (r[1] - r[0]).abs());
        // Cells have the data's proportions where both axes have the same unit.
        let same = self.names.is_empty() && self.x.0.unit == self.y.0.unit && spans.iter().all(|s| *s > 0.0);
        let (w, h) = if !same || spans[0] >= spans[1] {
            (SIZE, if same { SIZE * (spans[1] / spans[0]).max(0.1) } else { SIZE })
        } else {
            (SIZE * (spans[0] / spans[1]).max(0.1), SIZE)
        };
        let left = if self.names.is_empty() { LEFT } else { 200.0 };
        let bottom = if self.names.is_empty() { BOTTOM } else { 24.0 };
        let (width, height) = (left + w + SCALE, TOP + h + bottom);
        let title = escape(&self.title);
        let mut out = format!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\"><text x=\"8\" y=\"16\" class=\"t\">{title}</text>"
        );
        let limit = self.limit();
        let (cw, ch) = (w / columns as f64, h / rows as f64);
        for (i, v) in self.values.iter().enumerate() {
            let Some(v) = v.filter(|v| v.is_finite()) else { continue };
            out += &format!(
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{cw:.1}\" height=\"{ch:.1}\" fill=\"{}\"/>",
                left + (i % columns) as f64 * cw,
                TOP + (i / columns) as f64 * ch,
                colour(v / limit)
            );
        }
        let frame = format!("M{left} {TOP}h{w:.1}v{h:.1}h-{w:.1}z");
        out += &format!("<path d=\"{frame}\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\".4\"/>");
        if self.names.is_empty() {
            out += &self.axes(left, w, h);
        } else {
            for (k, name) in self.names.iter().enumerate() {
                let y = TOP + (k as f64 + 0.5) * ch + 4.0;
                out += &format!("<text x=\"{}\" y=\"{y:.1}\" text-anchor=\"end\">{} · {}</text>", left - 6.0, escape(name), k + 1);
                let x = left + (k as f64 + 0.5) * cw;
                out += &format!("<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>", TOP + h + 15.0, k + 1);
            }
        }
        // The scale.
        let x = left + w + 16.0;
        for k in 0..20 {
            let t = 1.0 - (f64::from(k) + 0.5) / 10.0;
            out += &format!(
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"{:.1}\" fill=\"{}\"/>",
                TOP + f64::from(k) * h / 20.0,
                h / 20.0 + 0.3,
                colour(t)
            );
        }
        let decimals = (1.0 - libm::floor(libm::log10(limit))).clamp(0.0, 8.0) as usize;
        for (y, v) in [(TOP + 8.0, limit), (TOP + h / 2.0 + 4.0, 0.0), (TOP + h, -limit)] {
            out += &format!("<text x=\"{:.1}\" y=\"{y:.1}\">{v:.decimals$}</text>", x + 18.0);
        }
        out + &format!("<text x=\"{x:.1}\" y=\"{:.1}\">{}</text></svg>", TOP - 8.0, escape(&self.value.unit))
    }

    fn axes(&self, left: f64, w: f64, h: f64) -> String {
        let named = |a: &Axis| if a.unit.is_empty() { escape(&a.label) } else { format!("{} ({})", escape(&a.label), escape(&a.unit)) };
        let mut out = String::new();
        let inside = |r: [f64; 2]| ticks(r[0].min(r[1]), r[0].max(r[1]), 5);
        for v in inside(self.x.1) {
            let x = left + (v - self.x.1[0]) / (self.x.1[1] - self.x.1[0]) * w;
            out += &format!("<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{v}</text>", TOP + h + 15.0);
        }
        for v in inside(self.y.1) {
            let y = TOP + (v - self.y.1[0]) / (self.y.1[1] - self.y.1[0]) * h;
            out += &format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{v}</text>", left - 6.0, y + 4.0);
        }
        out += &format!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>", left + w / 2.0, TOP + h + 36.0, named(&self.x.0));
        out + &format!(
            "<text transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            TOP + h / 2.0,
            named(&self.y.0)
        )
    }
}

/// From blue through grey to orange, for −1 to 1 (Okabe & Ito 2008: told apart by all).
fn colour(t: f64) -> String {
    const MIDDLE: [f64; 3] = [235.0, 235.0, 235.0];
    let end = if t < 0.0 { [0.0, 114.0, 178.0] } else { [213.0, 94.0, 0.0] };
    let t = t.abs().min(1.0);
    let [r, g, b] = [0, 1, 2].map(|k| (MIDDLE[k] + (end[k] - MIDDLE[k]) * t) as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_places_are_drawn_and_unknown_ones_are_not() {
        let axis = || Axis::new("x < y", "px");
        let map = HeatMap {
            id: "m".into(),
            title: "a & b".into(),
            x: (axis(), [0.0, 100.0]),
            y: (axis(), [0.0, 50.0]),
            value: Axis::new("Mean", "px"),
            columns: 2,
            values: vec![Some(-1.0), None, Some(f64::NAN), Some(1.0)],
            names: Vec::new(),
        };
        let svg = map.to_svg();
        assert!(svg.contains("#0072b2") && svg.contains("#d55e00") && svg.contains("x &lt; y") && !svg.contains("NaN"), "{svg}");
        // Two places and the scale.
        assert_eq!(svg.matches("<rect").count(), 22);
        let pairs = HeatMap { names: vec!["one".into(), "two".into()], ..map };
        assert!(pairs.to_svg().contains("one · 1"));
    }
}
