//! Where the parts of a plot stand, for a drawing of a given size.

use ewald_core::report::svg::{resolution_ticks, ticks};
use ewald_core::report::{Axis, Plot, Scale, Style};

/// Colours that people with colour-blindness tell apart (Okabe and Ito 2008), strong enough on light and on dark.
pub const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b87a00", "#3d9fd6", "#7f7f7f"];

const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 40.0;

/// One axis: values to places on the drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Map {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
}

impl Map {
    fn new(values: impl Iterator<Item = f64>, scale: Scale, zero: bool, from: f64, to: f64) -> Map {
        let log = scale == Scale::Log;
        let used = values.filter(|v| v.is_finite() && (!log || *v > 0.0)).map(|v| if log { v.log10() } else { v });
        let (mut low, mut high) = used.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // Zero belongs to the picture unless the values are far from it.
        if !log && (zero || (low > 0.0 && low < 0.5 * high)) {
            low = low.min(0.0);
        }
        if !log && zero {
            high = high.max(0.0);
        }
        if high - low < 1e-12 * high.abs().max(1e-12) {
            (low, high) = (low - 0.5, high + 0.5);
        }
        Map { low, high, log, from, to }
    }

    fn place(&self, v: f64) -> f64 {
        let v = if self.log { v.log10() } else { v };
        self.from + (v - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    fn ticks(&self, scale: Scale, n: usize) -> Vec<(f64, String)> {
        let place = |v: f64| self.place(v);
        match scale {
            Scale::Resolution => resolution_ticks(self.low, self.high).into_iter().map(|(s, d)| (place(s), format!("{d:.2}"))).collect(),
            Scale::Log => {
                let decades = self.low.ceil() as i32..=self.high.floor() as i32;
                decades
                    .map(|k| (10f64.powi(k), k))
                    .map(|(v, k)| (place(v), if k.abs() < 5 { plain(v) } else { format!("1e{k}") }))
                    .collect()
            }
            Scale::Linear => ticks(self.low, self.high, n).into_iter().map(|v| (place(v), plain(v))).collect(),
        }
    }
}

/// A number with as many digits as it needs and no more than six.
pub fn plain(v: f64) -> String {
    if v == 0.0 {
        return "0".to_owned();
    }
    if !v.is_finite() {
        return "–".to_owned();
    }
    let decimals = (5 - v.abs().log10().floor() as i32).clamp(0, 8) as usize;
    let text = format!("{v:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Whether there is anything to be seen: a lone curve of no points says nothing.
pub fn has_points(plot: &Plot) -> bool {
    plot.series.iter().any(|s| s.x.iter().zip(&s.y).any(|(x, y)| x.is_finite() && y.is_finite()))
}

/// One curve on the drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name.
    pub label: String,
    /// Its colour.
    pub colour: &'static str,
    /// How it is drawn.
    pub style: Style,
    /// The attribute `d` of a path.
    pub path: String,
    /// Places of its points, and their values.
    pub points: Vec<([f64; 2], [f64; 2])>,
}

/// A plot laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Width and height.
    pub size: [f64; 2],
    /// Left, right, top, bottom of the frame.
    pub frame: [f64; 4],
    /// Places and labels of the horizontal axis.
    pub x_ticks: Vec<(f64, String)>,
    /// Places and labels of the vertical axis.
    pub y_ticks: Vec<(f64, String)>,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// Lays a plot out; `range` shows only that part of the horizontal axis, as values.
pub fn layout(plot: &Plot, size: [f64; 2], range: Option<[f64; 2]>) -> Layout {
    let frame = [LEFT, size[0] - RIGHT, TOP, size[1] - BOTTOM];
    let [left, right, top, bottom] = frame;
    let visible = |v: f64| range.is_none_or(|[a, b]| v >= a && v <= b);
    let bars = plot.series.iter().any(|s| s.style == Style::Bars);
    let shown = || plot.series.iter().flat_map(|s| s.x.iter().copied().zip(s.y.iter().copied())).filter(|p| visible(p.0));
    let mut x = Map::new(shown().map(|p| p.0), plot.x.scale, false, left, right);
    if plot.x.scale != Scale::Resolution && range.is_none() {
        // Numbers along x need not begin at zero.
        x = exact(shown().map(|p| p.0), plot.x.scale, left, right).unwrap_or(x);
    }
    let y = Map::new(shown().map(|p| p.1), plot.y.scale, bars, bottom, top);
    let y = if y.log { y } else { Map { high: y.high + 0.04 * (y.high - y.low), ..y } };
    let widest = plot.series.iter().filter(|s| s.style == Style::Bars).map(|s| s.x.len()).max().unwrap_or(1).max(1);
    let bar = ((right - left) / widest as f64 * 0.8).clamp(1.0, 40.0);
    if bars {
        // Room for half of the outermost bars.
        (x.from, x.to) = (x.from + bar / 2.0 + 1.0, x.to - bar / 2.0 - 1.0);
    }
    let curves = plot.series.iter().enumerate().map(|(k, s)| {
        let points: Vec<([f64; 2], [f64; 2])> =
            s.x.iter()
                .zip(&s.y)
                .filter(|(a, b)| a.is_finite() && b.is_finite() && visible(**a) && (!x.log || **a > 0.0) && (!y.log || **b > 0.0))
                .map(|(a, b)| ([x.place(*a), y.place(*b)], [*a, *b]))
                .collect();
        let path = path(s.style, &points, bar, bottom.min(y.place(0.0f64.max(if y.log { 10f64.powf(y.low) } else { y.low }))));
        Curve { label: s.label.clone(), colour: COLOURS[k % COLOURS.len()], style: s.style, path, points }
    });
    Layout {
        size,
        frame,
        x_ticks: x.ticks(plot.x.scale, (size[0] / 90.0) as usize),
        y_ticks: y.ticks(plot.y.scale, (size[1] / 45.0) as usize),
        curves: curves.collect(),
    }
}

fn exact(values: impl Iterator<Item = f64>, scale: Scale, from: f64, to: f64) -> Option<Map> {
    let log = scale == Scale::Log;
    let used = values.filter(|v| v.is_finite() && (!log || *v > 0.0)).map(|v| if log { v.log10() } else { v });
    let (low, high) = used.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    (high > low).then_some(Map { low, high, log, from, to })
}

fn path(style: Style, points: &[([f64; 2], [f64; 2])], bar: f64, base: f64) -> String {
    let mut out = String::new();
    for (k, ([x, y], _)) in points.iter().enumerate() {
        out += &match style {
            Style::Line => format!("{}{x:.1} {y:.1}", if k == 0 { 'M' } else { 'L' }),
            // Round caps make dots of lines without length.
            Style::Points => format!("M{x:.1} {y:.1}h0"),
            Style::Bars => format!("M{:.1} {base:.1}V{y:.1}h{bar:.1}V{base:.1}z", x - bar / 2.0),
        };
    }
    out
}

/// What an axis shows, with its unit.
pub fn named(axis: &Axis) -> String {
    if axis.unit.is_empty() { axis.label.clone() } else { format!("{} ({})", axis.label, axis.unit) }
}

/// A value on an axis in words: resolution axes hold 1/d² and mean d.
pub fn value(axis: &Axis, v: f64) -> String {
    let unit = if axis.unit.is_empty() { String::new() } else { format!(" {}", axis.unit) };
    if axis.scale == Scale::Resolution && v > 0.0 { format!("{:.2}{unit}", 1.0 / v.sqrt()) } else { format!("{}{unit}", plain(v)) }
}

/// The plot's numbers as comma-separated values: series, x, y.
pub fn csv(plot: &Plot) -> String {
    let quoted = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
    let mut out = format!("series,{},{}\n", quoted(&named(&plot.x)), quoted(&named(&plot.y)));
    for s in &plot.series {
        for (x, y) in s.x.iter().zip(&s.y) {
            let x = if plot.x.scale == Scale::Resolution && *x > 0.0 { 1.0 / x.sqrt() } else { *x };
            out += &format!("{},{x},{y}\n", quoted(&s.label));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::report::Series;

    fn plot(x: Axis, xs: Vec<f64>, ys: Vec<f64>, style: Style) -> Plot {
        Plot {
            id: "p".into(),
            title: "P".into(),
            x,
            y: Axis::new("y", "px"),
            series: vec![Series { label: "s".into(), x: xs, y: ys, style }],
        }
    }

    #[test]
    fn points_lie_in_the_frame_and_bad_numbers_nowhere() {
        let p = plot(Axis::new("x", ""), vec![1.0, 2.0, f64::NAN, 3.0], vec![5.0, f64::INFINITY, 1.0, -5.0], Style::Line);
        let l = layout(&p, [400.0, 200.0], None);
        assert_eq!(l.curves[0].points.len(), 2);
        let [left, right, top, bottom] = l.frame;
        for ([x, y], _) in &l.curves[0].points {
            assert!((left..=right).contains(x) && (top..=bottom).contains(y), "{x} {y}");
        }
        assert!(!l.curves[0].path.contains("NaN") && has_points(&p));
        assert!(!has_points(&plot(Axis::new("x", ""), vec![1.0], vec![f64::NAN], Style::Line)));
    }

    #[test]
    fn a_range_shows_only_its_part() {
        let p = plot(Axis::new("x", ""), (0..100).map(f64::from).collect(), (0..100).map(f64::from).collect(), Style::Points);
        assert_eq!(layout(&p, [400.0, 200.0], Some([10.0, 19.5])).curves[0].points.len(), 10);
    }

    #[test]
    fn resolution_is_told_in_angstrom() {
        let p = plot(Axis::resolution(), vec![0.25], vec![1.0], Style::Line);
        assert_eq!(value(&p.x, 0.25), "2.00 Å");
        assert_eq!(csv(&p), "series,\"Resolution (Å)\",\"y (px)\"\n\"s\",2,1\n");
        assert!(!layout(&p, [10.0, 10.0], None).x_ticks.iter().any(|(x, _)| x.is_nan()));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([plain(0.05), plain(1500.0), plain(1e-3), plain(12.345678)], ["0.05", "1500", "0.001", "12.3457"]);
    }
}
