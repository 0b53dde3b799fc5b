//! Text of CIF files (Hall & McMahon 2005): items and loops, quoted as the syntax wants it.
//!
//! Lines are ASCII: characters outside it are written as CIF's own markup (`\a` for α) or left out.

use std::fmt::Write;

/// One data block.
#[derive(Debug, Clone, Default)]
pub struct Block {
    text: String,
}

impl Block {
    /// A block with a name.
    pub fn new(name: &str) -> Self {
        let word: String = name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
        Block { text: format!("data_{word}\n") }
    }

    /// A comment.
    pub fn comment(&mut self, text: &str) {
        for line in ascii(text).lines() {
            let _ = writeln!(self.text, "# {line}");
        }
    }

    /// Items of one category, aligned, after a separating line.
    pub fn items(&mut self, items: &[(&str, String)]) {
        let width = items.iter().map(|(tag, _)| tag.len()).max().unwrap_or(0);
        self.text.push_str("#\n");
        for (tag, value) in items {
            let value = quoted(value);
            let gap = if value.starts_with('\n') { "" } else { " " };
            let _ = writeln!(self.text, "{tag:width$}{gap}{value}");
        }
    }

    /// A loop of words, each quoted where it needs to be.
    pub fn table(&mut self, category: &str, tags: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        self.loop_head(category, tags);
        for row in rows {
            let mut line = String::new();
            for value in &row {
                let value = quoted(value);
                if !line.is_empty() && !value.starts_with('\n') && !line.ends_with('\n') {
                    line.push(' ');
                }
                line.push_str(&value);
                if value.starts_with('\n') {
                    line.push('\n');
                }
            }
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }

    /// The head of a loop; rows follow by [`row`](Self::row).
    pub fn loop_head(&mut self, category: &str, tags: &[&str]) {
        self.text.push_str("#\nloop_\n");
        for tag in tags {
            let _ = writeln!(self.text, "{category}.{tag}");
        }
    }

    /// A row of numbers or words that need no quotes; the caller separates them by blanks.
    pub fn row(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Makes room for so many more bytes.
    ///
    /// # Errors
    /// When there is not so much memory.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), std::collections::TryReserveError> {
        self.text.try_reserve(bytes)
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// A number with `digits` significant digits and no needless zeros; `?` when it is not finite.
pub fn number(x: f64, digits: i32) -> String {
    if !x.is_finite() {
        return "?".to_owned();
    }
    if x == 0.0 {
        return "0".to_owned();
    }
    let magnitude = libm::floor(libm::log10(x.abs())) as i32;
    if !(-6..15).contains(&magnitude) {
        return format!("{x:.*e}", (digits - 1).max(0) as usize);
    }
    let decimals = (digits - 1 - magnitude).clamp(0, 12) as usize;
    let text = format!("{x:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Greek letters and signs as CIF's markup has them; other characters beyond ASCII become `?`.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'α' => out.push_str("\\a"),
            'β' => out.push_str("\\b"),
            'γ' => out.push_str("\\g"),
            'σ' => out.push_str("\\s"),
            'Å' => out.push_str("\\%A"),
            '°' => out.push_str("\\%"),
            'ü' => out.push_str("\\\"u"),
            'ö' => out.push_str("\\\"o"),
            'ä' => out.push_str("\\\"a"),
            'ř' => out.push_str("\\<r"),
            'ý' => out.push_str("\\'y"),
            'í' => out.push_str("\\'i"),
            'é' => out.push_str("\\'e"),
            '½' => out.push_str("1/2"),
            '⟨' => out.push('<'),
            '⟩' => out.push('>'),
            '×' => out.push('x'),
            '–' | '−' | '—' => out.push('-'),
            '’' | '‘' => out.push('\''),
            '\u{a0}' | '\u{2009}' => out.push(' '),
            c if c.is_ascii() => out.push(c),
            _ => out.push('?'),
        }
    }
    out
}

/// A value as it stands in the file. One that needs a text field starts and ends a line of its own: `\n;…\n;`.
fn quoted(value: &str) -> String {
    let value = ascii(value);
    let reserved = ["data_", "loop_", "save_", "stop_", "global_"];
    let lower = value.to_ascii_lowercase();
    let plain = !value.is_empty()
        && value.bytes().all(|b| b.is_ascii_graphic())
        && !value.starts_with(['_', '#', '$', '\'', '"', '[', ']', ';'])
        && !reserved.iter().any(|r| lower.starts_with(r));
    if plain {
        return value;
    }
    if value.is_empty() {
        return "?".to_owned();
    }
    // A quote ends a string only where a blank follows it.
    let ends = |quote: char| value.ends_with(quote) || value.contains([quote, ' '].iter().collect::<String>().as_str());
    if !value.contains('\n') && value.len() < 200 {
        for quote in ['\'', '"'] {
            if !ends(quote) {
                return format!("{quote}{value}{quote}");
            }
        }
    }
    format!("\n;{}\n;", wrapped(&value, 110))
}

/// Lines broken at blanks; none begins with a semicolon, which would end the field.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for (i, paragraph) in text.lines().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let mut length = 0;
        for word in paragraph.split_whitespace() {
            if length > 0 && length + 1 + word.len() > width {
                out.push('\n');
                length = 0;
            }
            if length > 0 {
                out.push(' ');
                length += 1;
            } else if word.starts_with(';') {
                out.push(' ');
            }
            out.push_str(word);
            length += word.len();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_significant_digits() {
        let t = |x: f64, text: &str| assert_eq!(number(x, 6), text);
        t(0.0, "0");
        t(1234.5678, "1234.57");
        t(-0.001234567, "-0.00123457");
        t(1e7, "10000000");
        t(2.5, "2.5");
        t(f64::NAN, "?");
        t(1e-9, "1.00000e-9");
        t(1e20, "1.00000e20");
    }

    #[test]
    fn values_are_quoted_where_they_need_to_be() {
        let t = |value: &str, text: &str| assert_eq!(quoted(value), text, "{value}");
        t("word", "word");
        t("P 43 21 2", "'P 43 21 2'");
        t("", "?");
        t("it's a", "'it's a'");
        t("a' b", "\"a' b\"");
        t("_tag", "'_tag'");
        t("data_x", "'data_x'");
        t("two\nlines", "\n;two\nlines\n;");
        t("a' b\" c", "\n;a' b\" c\n;");
        t("σ Å", "'\\s \\%A'");
    }

    #[test]
    fn blocks_are_text() {
        let mut b = Block::new("a b");
        b.items(&[("_cell.length_a", "1.5".into()), ("_x.y", "two words".into())]);
        b.table("_l", &["a", "b"], [vec!["1".into(), "x\ny".into()], vec!["2".into(), "z".into()]]);
        assert_eq!(b.into_text(), "data_a_b\n#\n_cell.length_a 1.5\n_x.y           'two words'\n#\nloop_\n_l.a\n_l.b\n1\n;x\ny\n;\n2 z\n");
    }
}
