//! Reports as one HTML page that opens anywhere, without network.

use super::svg::escape;
use super::{Cell, Plot, Report, Table};

/// Draws the plots again with values under the cursor, zoom and curves to be switched off.
const SCRIPT: &str = include_str!("plots.js");

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
h1{font-size:1.5rem}h2{margin-top:2.5rem;border-bottom:1px solid #ccc}h3{font-size:1rem}nav a{margin-right:1rem}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.15rem .6rem;text-align:right}th{border-bottom:1px solid #888;font-weight:600}\
td.w,th.w{text-align:left}pre{overflow:auto;background:#f5f5f5;padding:.6rem}.warn{border-left:4px solid #d55e00;padding-left:.6rem}\
svg{max-width:40rem;width:100%;font:11px system-ui,sans-serif;fill:currentColor}svg .t{font-weight:600;font-size:12px}svg .g{stroke:currentColor;stroke-opacity:.12}\
.scroll{overflow-x:auto}figure{margin:1rem 0;position:relative}figure svg{touch-action:none;user-select:none}.key{cursor:pointer}.off{opacity:.3}\
.read{font-size:.85rem;min-height:1.4em;font-variant-numeric:tabular-nums}.box{fill:#888;fill-opacity:.2}@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#242424}a{color:#6cb2f2}}";

fn table(t: &Table) -> String {
    let words: Vec<bool> = (0..t.columns.len()).map(|j| !t.rows.iter().any(|r| matches!(r.get(j), Some(Cell::Number { .. })))).collect();
    let class = |j: usize| if words[j] { " class=\"w\"" } else { "" };
    let mut out = format!("<h3>{}</h3><div class=\"scroll\"><table><thead><tr>", escape(&t.title));
    for (j, c) in t.columns.iter().enumerate() {
        let unit = if c.unit.is_empty() { String::new() } else { format!("<br>({})", escape(&c.unit)) };
        out += &format!("<th{}>{}{unit}</th>", class(j), escape(&c.label));
    }
    out += "</tr></thead><tbody>";
    for row in &t.rows {
        out += "<tr>";
        for (j, cell) in row.iter().enumerate() {
            out += &format!("<td{}>{}</td>", class(j.min(words.len().saturating_sub(1))), escape(&cell.text()));
        }
        out += "</tr>";
    }
    out + "</tbody></table></div>"
}

/// One page with a section per report, in the order given.
pub fn page(title: &str, reports: &[&Report]) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{0}</title>\
         <style>{STYLE}</style></head><body><h1>{0}</h1><nav>",
        escape(title)
    );
    for (i, r) in reports.iter().enumerate() {
        out += &format!("<a href=\"#s{i}\">{}</a>", escape(&r.title));
    }
    out += "</nav>";
    for (i, r) in reports.iter().enumerate() {
        out += &format!(
            "<section id=\"s{i}\"><h2>{}</h2><p><strong>{}</strong></p><p>{}</p>",
            escape(&r.title),
            escape(&r.headline),
            escape(&r.verdict)
        );
        for w in &r.warnings {
            out += &format!("<p class=\"warn\">{}</p>", escape(w));
        }
        r.tables.iter().for_each(|t| out += &table(t));
        r.plots.iter().for_each(|p| out += &figure(p));
        r.maps.iter().for_each(|m| out += &format!("<figure>{}</figure>", m.to_svg()));
        for (heading, text) in &r.texts {
            out += &format!("<details><summary>{}</summary><pre>{}</pre></details>", escape(heading), escape(text));
        }
        out += "</section>";
    }
    out + &format!("<script>{SCRIPT}</script></body></html>\n")
}

/// A plot as a drawing that needs no script, with its numbers beside it for the script that lets one look closer.
fn figure(plot: &Plot) -> String {
    // A slash after < would end the element.
    let data = serde_json::to_string(&thinned(plot)).unwrap_or_default().replace("</", "<\\/");
    format!("<figure data-plot=\"{}\">{}<script type=\"application/json\">{data}</script></figure>", escape(&plot.id), plot.to_svg())
}

/// The same numbers with six significant digits.
fn thinned(plot: &Plot) -> Plot {
    let short = |v: &mut Vec<f64>| v.iter_mut().for_each(|x| *x = format!("{x:.5e}").parse().unwrap_or(*x));
    let mut out = plot.clone();
    for s in &mut out.series {
        short(&mut s.x);
        short(&mut s.y);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Axis, Series, Style};

    #[test]
    fn a_page_holds_every_table_cell_and_needs_no_network() {
        let mut r = Report::new("Find spots");
        r.warn("5 < 6");
        let mut t = Table::new("t", "T", &[("n", "px")]);
        t.push(vec![Cell::count(42)]);
        r.tables.push(t);
        r.plots.push(Plot {
            id: "p".into(),
            title: "a </script> b".into(),
            x: Axis::new("x", ""),
            y: Axis::new("y", ""),
            series: vec![Series { label: "s".into(), x: vec![1.0, 2.0], y: vec![f64::NAN, 1.0 / 3.0], style: Style::Line }],
        });
        let page = super::page("Ewald", &[&r]);
        // Numbers for the script, which a title cannot end.
        assert!(page.contains("0.333333") && page.contains("a <\\/script> b") && !page.contains("a </script>"));
        assert!(page.contains("<td>42</td>") && page.contains("5 &lt; 6") && !page.contains("http"));
    }
}
