//! A plot as a self-contained SVG drawing.

use super::{Plot, Scale, Style};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 44.0;

/// Colours that people with colour-blindness tell apart (Okabe & Ito 2008), black first.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// Round numbers that cover `[low, high]`, about `n` of them.
pub fn ticks(low: f64, high: f64, n: usize) -> Vec<f64> {
    let span = high - low;
    if span.is_nan() || span <= 0.0 || n == 0 {
        return vec![low];
    }
    let raw = span / n as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= raw).unwrap_or(10.0 * power);
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|k| k as f64 * step).collect()
}

/// Values to label on a resolution axis that spans 1/d² from `low` to `high`: (1/d², d).
pub fn resolution_ticks(low: f64, high: f64) -> Vec<(f64, f64)> {
    ticks(low, high, 5).into_iter().filter(|s| *s > 0.0).map(|s| (s, 1.0 / s.sqrt())).collect()
}

struct AxisMap {
    low: f64,
    high: f64,
    log: bool,
}

impl AxisMap {
    fn new(values: impl Iterator<Item = f64>, scale: Scale, from_zero: bool) -> AxisMap {
        let log = scale == Scale::Log;
        let used = values.filter(|v| v.is_finite() && (!log || *v > 0.0)).map(|v| if log { v.log10() } else { v });
        let (mut low, mut high) = used.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if from_zero && !log {
            low = low.min(0.0);
        }
        if high - low < 1e-12 * high.abs().max(1e-12) {
            (low, high) = (low - 0.5, high + 0.5);
        }
        AxisMap { low, high, log }
    }
    fn unit(&self, v: f64) -> f64 {
        let v = if self.log { v.log10() } else { v };
        (v - self.low) / (self.high - self.low)
    }
    fn ticks(&self, scale: Scale) -> Vec<(f64, String)> {
        match scale {
            Scale::Resolution => resolution_ticks(self.low, self.high).into_iter().map(|(s, d)| (s, format!("{d:.2}"))).collect(),
            Scale::Log => {
                let decades = self.low.ceil() as i32..=self.high.floor() as i32;
                decades.map(|k| (10f64.powi(k), format!("1e{k}"))).collect()
            }
            Scale::Linear => {
                let values = ticks(self.low, self.high, 6);
                let step = if values.len() > 1 { values[1] - values[0] } else { 1.0 };
                let decimals = (-step.log10().floor()).clamp(0.0, 8.0) as usize;
                values.into_iter().map(|v| (v, format!("{v:.decimals$}"))).collect()
            }
        }
    }
}

/// Text with the characters that markup would take for its own replaced.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn named(label: &str, unit: &str) -> String {
    if unit.is_empty() { escape(label) } else { format!("{} ({})", escape(label), escape(unit)) }
}

impl Plot {
    /// The plot as an SVG element, colours following `currentColor` for axes.
    pub fn to_svg(&self) -> String {
        let bars = self.series.iter().any(|s| s.style == Style::Bars);
        let x = AxisMap::new(self.series.iter().flat_map(|s| s.x.iter().copied()), self.x.scale, false);
        let y = AxisMap::new(self.series.iter().flat_map(|s| s.y.iter().copied()), self.y.scale, bars || self.y.scale == Scale::Linear);
        let px = |v: f64| LEFT + x.unit(v) * (WIDTH - LEFT - RIGHT);
        let py = |v: f64| HEIGHT - BOTTOM - y.unit(v) * (HEIGHT - TOP - BOTTOM);
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\"><text x=\"{LEFT}\" y=\"16\" class=\"t\">{}</text>",
            escape(&self.title),
            escape(&self.title)
        );
        let (x0, x1, y0, y1) = (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, TOP);
        for (v, label) in x.ticks(self.x.scale) {
            out += &format!(
                "<path d=\"M{0:.1} {y0}V{y1}\" class=\"g\"/><text x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\">{label}</text>",
                px(v),
                y0 + 15.0
            );
        }
        for (v, label) in y.ticks(self.y.scale) {
            out += &format!(
                "<path d=\"M{x0} {0:.1}H{x1}\" class=\"g\"/><text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{label}</text>",
                py(v),
                x0 - 6.0,
                py(v) + 4.0
            );
        }
        let mid = (x0 + x1) / 2.0;
        out += &format!("<text x=\"{mid}\" y=\"{}\" text-anchor=\"middle\">{}</text>", HEIGHT - 8.0, named(&self.x.label, &self.x.unit));
        let my = (y0 + y1) / 2.0;
        out += &format!(
            "<text transform=\"translate(14 {my}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            named(&self.y.label, &self.y.unit)
        );
        for (k, s) in self.series.iter().enumerate() {
            let colour = COLOURS[k % COLOURS.len()];
            let points = || s.x.iter().zip(&s.y).filter(|(a, b)| a.is_finite() && b.is_finite()).map(|(a, b)| (px(*a), py(*b)));
            match s.style {
                Style::Line => {
                    let path: Vec<String> = points().map(|(a, b)| format!("{a:.1},{b:.1}")).collect();
                    out += &format!("<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>", path.join(" "));
                }
                Style::Points => {
                    for (a, b) in points() {
                        out += &format!("<circle cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"1.6\" fill=\"{colour}\"/>");
                    }
                }
                Style::Bars => {
                    let w = ((x1 - x0) / s.x.len().max(1) as f64).clamp(0.5, 40.0) * 0.9;
                    for (a, b) in points() {
                        out += &format!(
                            "<rect x=\"{:.1}\" y=\"{b:.1}\" width=\"{w:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>",
                            a - w / 2.0,
                            (y0 - b).max(0.0)
                        );
                    }
                }
            }
            let at = TOP + 12.0 + 16.0 * k as f64;
            out += &format!("<text x=\"{}\" y=\"{at}\" fill=\"{colour}\">{}</text>", x1 + 8.0, escape(&s.label));
        }
        out + "</svg>"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Axis, Series};

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(3.0, 3.0, 5), [3.0]);
        assert!(ticks(f64::NAN, 1.0, 5).len() == 1);
    }

    #[test]
    fn markup_in_labels_is_escaped_and_bad_numbers_leave_no_trace() {
        let series = Series { label: "<b>".into(), x: vec![0.0, f64::NAN, 2.0], y: vec![1.0, 2.0, f64::INFINITY], style: Style::Line };
        let plot = Plot { id: "p".into(), title: "a & b".into(), x: Axis::new("x", ""), y: Axis::new("y", "px"), series: vec![series] };
        let svg = plot.to_svg();
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;b&gt;") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
