//! As much of CIF as imgCIF headers need: items and loops of one data block.

use std::collections::HashMap;

/// Tables by category, columns by name (both lower-case, without `_`).
#[derive(Debug, Default)]
pub struct Cif {
    tables: HashMap<String, Table>,
}

/// One category: rows of as many values as there are columns.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, PartialEq)]
enum Token {
    Name(String),
    Loop,
    Value(String),
    /// `data_…` and the like: ends a loop.
    Block,
}

impl Cif {
    /// Parses a header. What is no CIF in it is passed over.
    pub fn parse(text: &str) -> Cif {
        let mut out = Cif::default();
        let mut tokens = tokens(text).into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                Token::Name(name) => {
                    if let Some(Token::Value(value)) = tokens.next_if(|t| matches!(t, Token::Value(_))) {
                        out.item(&name, value);
                    }
                }
                Token::Loop => {
                    let mut names = Vec::new();
                    while let Some(Token::Name(name)) = tokens.next_if(|t| matches!(t, Token::Name(_))) {
                        names.push(name);
                    }
                    let mut values = Vec::new();
                    while let Some(Token::Value(value)) = tokens.next_if(|t| matches!(t, Token::Value(_))) {
                        values.push(value);
                    }
                    out.rows(&names, &values);
                }
                Token::Value(_) | Token::Block => {}
            }
        }
        out
    }

    fn item(&mut self, name: &str, value: String) {
        let (category, column) = split(name);
        let table = self.tables.entry(category).or_default();
        table.columns.push(column);
        match table.rows.first_mut() {
            Some(row) => row.push(value),
            None => table.rows.push(vec![value]),
        }
    }

    fn rows(&mut self, names: &[String], values: &[String]) {
        let Some(first) = names.first() else { return };
        let (category, _) = split(first);
        let columns = names.iter().map(|n| split(n).1).collect();
        let rows = values.chunks_exact(names.len()).map(<[String]>::to_vec).collect();
        self.tables.insert(category, Table { columns, rows });
    }

    /// The rows of a category; none when it is absent.
    pub fn table(&self, category: &str) -> impl Iterator<Item = Row<'_>> {
        let table = self.tables.get(category);
        table.into_iter().flat_map(|t| t.rows.iter().map(move |values| Row { table: t, values }))
    }
}

/// One row of a category.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    values: &'a [String],
}

impl<'a> Row<'a> {
    /// A value; `None` when absent, `.` or `?`.
    pub fn text(&self, column: &str) -> Option<&'a str> {
        let i = self.table.columns.iter().position(|c| c == column)?;
        self.values.get(i).map(String::as_str).filter(|v| !matches!(*v, "." | "?"))
    }

    /// A finite number.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.text(column)?.parse().ok().filter(|v: &f64| v.is_finite())
    }
}

fn split(name: &str) -> (String, String) {
    let name = name.trim_start_matches('_').to_ascii_lowercase();
    match name.split_once('.') {
        Some((category, column)) => (category.into(), column.into()),
        None => (name.clone(), name),
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(first) = line.strip_prefix(';') {
            // A text field: to the next line that begins with a semicolon.
            let mut value = first.to_owned();
            for line in lines.by_ref() {
                if line.starts_with(';') {
                    break;
                }
                value.push('\n');
                value.push_str(line);
            }
            out.push(Token::Value(value));
            continue;
        }
        let mut rest = line.trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let (word, tail) = match quote {
                Some(q) => {
                    let inner = &rest[1..];
                    // A quote ends the value only before white space.
                    let end =
                        inner.char_indices().position(|(i, c)| c == q && inner[i + 1..].chars().next().is_none_or(char::is_whitespace));
                    let end = end.and_then(|n| inner.char_indices().nth(n)).map_or(inner.len(), |(i, _)| i);
                    (&inner[..end], inner.get(end + 1..).unwrap_or(""))
                }
                None => {
                    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                    rest.split_at(end)
                }
            };
            out.push(match word {
                _ if quote.is_some() => Token::Value(word.into()),
                _ if word.starts_with('_') => Token::Name(word.into()),
                _ if word.eq_ignore_ascii_case("loop_") => Token::Loop,
                _ if word.get(..5).is_some_and(|w| w.eq_ignore_ascii_case("data_")) => Token::Block,
                _ => Token::Value(word.into()),
            });
            rest = tail.trim_start();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_items_quotes_and_text_fields() {
        let cif = Cif::parse("data_x\n_a.b 'it''s so' # c\n_a.c 2\nloop_\n_l.id _l.v\n one 1.5\ntwo \"x y\"\n;long\ntext\n;\n.\n_z.q ?\n");
        let a = cif.table("a").next().unwrap();
        assert_eq!((a.text("b"), a.number("c")), (Some("it''s so"), Some(2.0)));
        let rows: Vec<_> = cif.table("l").map(|r| (r.text("id"), r.text("v"))).collect();
        assert_eq!(rows, [(Some("one"), Some("1.5")), (Some("two"), Some("x y")), (Some("long\ntext"), None)]);
        assert_eq!(cif.table("z").next().unwrap().text("q"), None);
        assert!(cif.table("none").next().is_none());
    }
}
