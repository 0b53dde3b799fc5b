use serde::{Deserialize, Serialize};

/// One column's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// What it holds.
    pub label: String,
    /// Unit, or empty; printed under the label.
    pub unit: String,
}

/// One entry of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A number and how many decimals to print.
    Number {
        /// The value.
        value: f64,
        /// Decimals.
        decimals: u8,
    },
    /// Words, or a number already formatted with its uncertainty.
    Text(String),
}

impl Cell {
    /// A number printed with `decimals` decimals.
    pub fn number(value: f64, decimals: u8) -> Self {
        Cell::Number { value, decimals }
    }
    /// A count.
    pub fn count(n: usize) -> Self {
        Cell::Number { value: n as f64, decimals: 0 }
    }
    /// The text that is printed. A number that is not finite prints as `-`.
    pub fn text(&self) -> String {
        match self {
            Cell::Number { value, decimals } if value.is_finite() => without_minus_zero(format!("{value:.*}", *decimals as usize)),
            Cell::Number { .. } => "-".to_owned(),
            Cell::Text(s) => s.clone(),
        }
    }
}

/// What rounds to zero is printed without a sign.
fn without_minus_zero(text: String) -> String {
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|b| matches!(b, b'0' | b'.')) => digits.to_owned(),
        _ => text,
    }
}

impl From<&str> for Cell {
    fn from(s: &str) -> Self {
        Cell::Text(s.to_owned())
    }
}

impl From<String> for Cell {
    fn from(s: String) -> Self {
        Cell::Text(s)
    }
}

/// A table with its heading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Stable name for programs, such as `rmsd_by_experiment`.
    pub id: String,
    /// Heading.
    pub title: String,
    /// The columns' heads.
    pub columns: Vec<Column>,
    /// Rows of as many cells as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// Whether it is looked up rather than read: the page shows its heading, and the rest when that is clicked.
    #[serde(default)]
    pub detail: bool,
}

impl Table {
    /// An empty table; each column is `(label, unit)`.
    pub fn new(id: &str, title: &str, columns: &[(&str, &str)]) -> Self {
        let columns = columns.iter().map(|(l, u)| Column { label: (*l).to_owned(), unit: (*u).to_owned() }).collect();
        Table { id: id.to_owned(), title: title.to_owned(), columns, rows: Vec::new(), detail: false }
    }

    /// The same, to be looked up rather than read.
    pub fn as_detail(self) -> Self {
        Table { detail: true, ..self }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len(), "row of table {}", self.id);
        self.rows.push(row);
    }

    /// The table as DIALS prints one: rules of `-`, numbers to the right, words to the left.
    pub fn to_text(&self) -> String {
        let texts: Vec<Vec<String>> = self.rows.iter().map(|r| r.iter().map(Cell::text).collect()).collect();
        let n = self.columns.len();
        let with_unit = self.columns.iter().any(|c| !c.unit.is_empty());
        let unit = |c: &Column| if c.unit.is_empty() { String::new() } else { format!("({})", c.unit) };
        let width = |j: usize| {
            let head = self.columns[j].label.chars().count().max(unit(&self.columns[j]).chars().count());
            texts.iter().filter_map(|r| r.get(j)).map(|t| t.chars().count()).fold(head, usize::max)
        };
        let widths: Vec<usize> = (0..n).map(width).collect();
        let right: Vec<bool> = (0..n).map(|j| self.rows.iter().any(|r| matches!(r.get(j), Some(Cell::Number { .. })))).collect();
        let line = |cells: &[String]| {
            let padded = (0..n).map(|j| {
                let text = cells.get(j).map_or("", String::as_str);
                let pad = " ".repeat(widths[j] - text.chars().count());
                if right[j] { format!(" {pad}{text} ") } else { format!(" {text}{pad} ") }
            });
            format!("|{}|\n", padded.collect::<Vec<_>>().join("|"))
        };
        let rule = |joint: &str| widths.iter().map(|w| "-".repeat(w + 2)).collect::<Vec<_>>().join(joint);
        let mut out = format!("+{}+\n", rule("+"));
        out += &line(&self.columns.iter().map(|c| c.label.clone()).collect::<Vec<_>>());
        if with_unit {
            out += &line(&self.columns.iter().map(unit).collect::<Vec<_>>());
        }
        out += &format!("|{}|\n", rule("+"));
        for row in &texts {
            out += &line(row);
        }
        out + &format!("+{}+\n", rule("+"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_no_sign() {
        assert_eq!(Cell::number(-0.04, 1).text(), "0.0");
        assert_eq!(Cell::number(-0.06, 1).text(), "-0.1");
        assert_eq!(Cell::number(-0.4, 0).text(), "0");
    }

    #[test]
    fn numbers_align_right_and_words_left() {
        let mut t = Table::new("t", "T", &[("Exp", "id"), ("Name", "")]);
        t.push(vec![Cell::count(12), "x".into()]);
        assert_eq!(t.to_text(), "+------+------+\n|  Exp | Name |\n| (id) |      |\n|------+------|\n|   12 | x    |\n+------+------+\n");
    }
}
