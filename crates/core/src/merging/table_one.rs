use super::{MergingStatistics, Statistics, Sums};
use crate::report::Table;

/// "Table 1" of a paper: data collection, with values of the outer shell in brackets.
///
/// Where a resolution is suggested, the values are those of the data to the suggested limit only if `cut` says so; otherwise of all
/// data, as they are written.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOne {
    /// Label, value.
    pub rows: Vec<(String, String)>,
}

impl TableOne {
    /// From merging statistics and the wavelength (Å).
    pub fn new(s: &Statistics, wavelength: f64, cut: bool) -> Self {
        let m = s.suggested.as_deref().filter(|_| cut).map_or(&s.merging, |(m, _)| m);
        let p = s.cell.parameters();
        let outer = &m.by_shell[m.by_shell.len() - 1];
        let limits = |m: &MergingStatistics, i: usize| m.shells.limits(i);
        let [outer_max, _] = limits(m, m.by_shell.len() - 1);
        let both =
            |decimals: usize, of: &dyn Fn(&Sums) -> f64| format!("{} ({})", number(of(&m.overall), decimals), number(of(outer), decimals));
        let mut rows: Vec<(String, String)> = Vec::new();
        let mut row = |label: &str, value: String| rows.push((label.to_owned(), value));
        row("Wavelength (Å)", format!("{wavelength:.5}"));
        row("Space group", s.space_group.clone());
        row("a, b, c (Å)", format!("{:.3}, {:.3}, {:.3}", p[0], p[1], p[2]));
        row("α, β, γ (°)", format!("{:.2}, {:.2}, {:.2}", p[3], p[4], p[5]));
        row("Resolution (Å)", format!("{:.2}–{:.2} ({:.2}–{:.2})", m.d_range[0], m.d_range[1], outer_max, m.d_range[1]));
        row("Observations", both(0, &|s| s.n_obs as f64));
        row("Unique reflections", both(0, &|s| s.n_unique as f64));
        row("Multiplicity", both(1, &Sums::multiplicity));
        row("Completeness (%)", both(1, &Sums::completeness));
        row("Mean I/σ(I)", both(1, &Sums::mean_i_over_sigma));
        row("Rmerge", both(3, &|s| s.r.r_merge()));
        row("Rmeas", both(3, &|s| s.r.r_meas()));
        row("Rpim", both(3, &|s| s.r.r_pim()));
        row("CC½", both(3, &|s| s.cc_half().unwrap_or(f64::NAN)));
        if m.overall.n_pairs > 0 {
            row("Anomalous completeness (%)", both(1, &Sums::anomalous_completeness));
            row("Anomalous multiplicity", both(1, &Sums::anomalous_multiplicity));
            row("Anomalous correlation", both(3, &|s| s.cc_anomalous.coefficient().unwrap_or(f64::NAN)));
        }
        TableOne { rows }
    }

    /// As a table of a report.
    pub fn table(&self) -> Table {
        let mut t = Table::new("table_one", "Table 1: data collection (outer shell in brackets)", &[("", ""), ("", "")]);
        self.rows.iter().for_each(|(label, value)| t.push(vec![label.as_str().into(), value.as_str().into()]));
        t
    }

    /// As lines of comma-separated values; values with commas stand in quotation marks.
    pub fn csv(&self) -> String {
        self.rows.iter().map(|(label, value)| format!("\"{label}\",\"{value}\"\n")).collect()
    }

    /// As a LaTeX tabular.
    pub fn latex(&self) -> String {
        let mut out = String::from("\\begin{tabular}{ll}\n\\hline\n");
        for (label, value) in &self.rows {
            out.push_str(&format!("{} & {} \\\\\n", latex(label), latex(value)));
        }
        out.push_str("\\hline\n\\end{tabular}\n");
        out
    }
}

fn number(x: f64, decimals: usize) -> String {
    if x.is_finite() { format!("{x:.decimals$}") } else { "–".to_owned() }
}

/// Letters that LaTeX reads as commands, and those that its old engines do not know.
fn latex(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '%' | '&' | '#' | '_' => out.extend(['\\', c]),
            'Å' => out.push_str("\\AA{}"),
            '°' => out.push_str("$^\\circ$"),
            '–' => out.push_str("--"),
            '½' => out.push_str("$_{1/2}$"),
            'σ' => out.push_str("$\\sigma$"),
            'α' => out.push_str("$\\alpha$"),
            'β' => out.push_str("$\\beta$"),
            'γ' => out.push_str("$\\gamma$"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_row() {
        let t =
            TableOne { rows: vec![("Completeness (%)".to_owned(), "96.7 (48.2)".to_owned()), ("CC½".to_owned(), number(f64::NAN, 3))] };
        assert_eq!(t.csv(), "\"Completeness (%)\",\"96.7 (48.2)\"\n\"CC½\",\"–\"\n");
        let text = t.latex();
        assert!(text.contains("Completeness (\\%) & 96.7 (48.2) \\\\\n") && text.contains("CC$_{1/2}$ & --"), "{text}");
    }
}
