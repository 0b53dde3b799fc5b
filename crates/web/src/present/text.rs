//! Numbers and names for people.

use ewald_core::report::{Cell, Level, Table};
use ewald_core::session::StageState;
use ewald_protocol::SweepView;

/// A time in seconds, short.
pub fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if seconds < 100.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{} min {:02} s", (seconds / 60.0) as u64, seconds as u64 % 60)
    }
}

/// A time that is only estimated, seconds.
pub fn duration_short(seconds: f64) -> String {
    if seconds < 100.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", (seconds / 60.0).ceil()) }
}

/// The images in a few words.
pub fn sweeps(sweeps: &[SweepView]) -> String {
    let Some(first) = sweeps.first() else { return String::new() };
    let images: usize = sweeps.iter().map(|s| s.images).sum();
    let count = if sweeps.len() == 1 { String::new() } else { format!("{} sweeps, ", sweeps.len()) };
    format!("{count}{images} images, {} × {} px", first.image_size[0], first.image_size[1])
}

/// The end of a text, about `most` bytes, from the beginning of a line.
pub fn tail(text: &str, most: usize) -> &str {
    let Some(mut from) = text.len().checked_sub(most) else { return text };
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let rest = &text[from..];
    rest.find('\n').map_or(rest, |end| &rest[end + 1..])
}

/// A sign for how well a stage went that does not rely on colour.
pub fn sign(level: Level) -> &'static str {
    match level {
        Level::Good => "✓",
        Level::Warning => "▲",
        Level::Bad => "✕",
    }
}

/// A heading without the colon that printed reports end it with.
pub fn heading(text: &str) -> String {
    text.trim_end().trim_end_matches(':').to_owned()
}

/// The first sentence of an error's message, for where the rest stands beside it.
pub fn brief(text: &str) -> String {
    sentence(text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')) + "."
}

/// A text with a capital letter at its beginning.
pub fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// Prose with words between backticks: the parts in turn, every second one such a word.
pub fn with_code(text: &str) -> Vec<(bool, String)> {
    text.split('`').enumerate().map(|(k, part)| (k % 2 == 1, part.to_owned())).collect()
}

/// A number of bytes, short.
pub fn bytes(n: f64) -> String {
    if n < 1e9 { format!("{:.0} MB", n / 1e6) } else { format!("{:.1} GB", n / 1e9) }
}

/// A mark for a state that does not rely on colour.
pub fn mark(state: StageState) -> &'static str {
    match state {
        StageState::Idle => "○",
        StageState::Running => "◐",
        StageState::Done => "●",
        StageState::Failed => "✕",
        StageState::Stale => "◌",
    }
}

/// A table as tab-separated values.
pub fn tsv(table: &Table) -> String {
    let head = table.columns.iter().map(|c| if c.unit.is_empty() { c.label.clone() } else { format!("{} ({})", c.label, c.unit) });
    let mut out = head.collect::<Vec<_>>().join("\t");
    for row in &table.rows {
        out += "\n";
        out += &row.iter().map(Cell::text).collect::<Vec<_>>().join("\t");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_copy_with_units_in_the_head() {
        let mut t = Table::new("x", "X", &[("d", "Å"), ("n", "")]);
        t.push(vec![Cell::number(1.234, 2), "a".into()]);
        assert_eq!(tsv(&t), "d (Å)\tn\n1.23\ta");
    }

    #[test]
    fn headings_and_prose_are_for_the_screen() {
        assert_eq!(heading("RMSDs by experiment: "), "RMSDs by experiment");
        let message = "no peak above 1.5 times its rms; a lattice shows four. Check the beam centre";
        assert_eq!(brief(message), "No peak above 1.5 times its rms; a lattice shows four.");
        assert_eq!([brief("it failed"), sentence("")], ["It failed.", ""]);
        let words = |text: &str| with_code(text).into_iter().filter(|p| p.0).map(|p| p.1).collect::<Vec<_>>();
        assert_eq!(words("a symbol (`P 21 21 21`, `I m m m`)."), ["P 21 21 21", "I m m m"]);
    }

    #[test]
    fn a_tail_begins_with_a_line() {
        assert_eq!(tail("one\ntwo\nthree", 8), "three");
        assert_eq!(tail("short", 100), "short");
        assert_eq!(tail("äöü\nx", 4), "x");
    }

    #[test]
    fn sweeps_are_told_in_a_few_words() {
        let one = |images| SweepView { file: "a".into(), images, first_image: 1, image_size: [10, 20] };
        assert_eq!(sweeps(&[one(5)]), "5 images, 10 × 20 px");
        assert_eq!(sweeps(&[one(5), one(7)]), "2 sweeps, 12 images, 10 × 20 px");
    }

    #[test]
    fn durations_are_short() {
        assert_eq!((duration(3.21), duration(33.3), duration(125.0)), ("3.2 s".into(), "33 s".into(), "2 min 05 s".into()));
    }
}
