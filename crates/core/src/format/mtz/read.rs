//! An [`Mtz`] from bytes.

use super::batch::{Batch, N_INTEGERS, N_REALS};
use super::{Column, Dataset, Error, Mtz, Symmetry};
use crate::spacegroup::SymOp;

fn damaged(what: impl Into<String>) -> Error {
    Error::Damaged { what: what.into() }
}

/// Reads words in the byte order of the file.
struct Words<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Words<'_> {
    fn raw(&self, word: usize) -> Option<[u8; 4]> {
        let start = word.checked_mul(4)?;
        let mut b: [u8; 4] = self.bytes.get(start..start.checked_add(4)?)?.try_into().ok()?;
        if self.big_endian {
            b.reverse();
        }
        Some(b)
    }

    fn int(&self, word: usize) -> Option<i32> {
        self.raw(word).map(i32::from_le_bytes)
    }

    fn real(&self, word: usize) -> Option<f32> {
        self.raw(word).map(f32::from_le_bytes)
    }
}

fn parse<T: std::str::FromStr>(text: Option<&str>, what: &str) -> Result<T, Error> {
    text.and_then(|t| t.parse().ok()).ok_or_else(|| damaged(format!("a {what} record cannot be read")))
}

fn cell(words: &[&str], what: &str) -> Result<[f64; 6], Error> {
    let mut out = [0.0; 6];
    for (i, v) in out.iter_mut().enumerate() {
        *v = parse(words.get(i).copied(), what)?;
    }
    Ok(out)
}

impl Mtz {
    /// Reads a file of either byte order.
    ///
    /// # Errors
    /// Bytes that are no MTZ file, or whose sizes do not fit together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if !bytes.starts_with(b"MTZ ") || bytes.len() < 80 {
            return Err(Error::NotMtz);
        }
        let words = Words { bytes, big_endian: bytes[8] >> 4 == 1 };
        let header_word = words.int(1).filter(|w| *w > 20).ok_or_else(|| damaged("the header's position is not positive"))?;
        let header_start = (header_word as usize - 1)
            .checked_mul(4)
            .filter(|s| *s < bytes.len())
            .ok_or_else(|| damaged(format!("the header should start after {} bytes", bytes.len())))?;

        let mut mtz = Mtz {
            title: String::new(),
            cell: [0.0; 6],
            symmetry: Symmetry {
                name: String::new(),
                number: 0,
                lattice: 'P',
                point_group: String::new(),
                operations: Vec::new(),
                n_primitive: 1,
            },
            sort_order: [0; 5],
            history: Vec::new(),
            datasets: Vec::new(),
            columns: Vec::new(),
            batches: Vec::new(),
        };
        let mut at = header_start;
        let mut next = || -> Option<String> {
            let record = bytes.get(at..at + 80)?;
            at += 80;
            Some(String::from_utf8_lossy(record).trim_end().to_owned())
        };
        let (mut n_columns, mut rows, mut missing) = (0usize, 0usize, f32::NAN);
        loop {
            let record = next().ok_or_else(|| damaged("the header has no END"))?;
            let fields: Vec<&str> = record.split_whitespace().collect();
            let key = fields.first().copied().unwrap_or("").to_ascii_uppercase();
            let rest = fields.get(1..).unwrap_or(&[]);
            match key.as_str() {
                "END" => break,
                "TITLE" => mtz.title = record.get(5..).unwrap_or("").trim().to_owned(),
                "NCOL" => {
                    n_columns = parse(rest.first().copied(), "NCOL")?;
                    rows = parse(rest.get(1).copied(), "NCOL")?;
                }
                "CELL" => mtz.cell = cell(rest, "CELL")?,
                "SORT" => {
                    for (slot, text) in mtz.sort_order.iter_mut().zip(rest) {
                        *slot = text.parse().unwrap_or(0);
                    }
                }
                "SYMINF" => read_syminf(&record, rest, &mut mtz.symmetry)?,
                "SYMM" => mtz.symmetry.operations.push(SymOp::parse(record.get(4..).unwrap_or(""))?.wrapped()),
                "VALM" => missing = rest.first().and_then(|t| t.parse().ok()).unwrap_or(f32::NAN),
                "COLUMN" => mtz.columns.push(Column {
                    label: rest.first().copied().unwrap_or("").to_owned(),
                    kind: rest.get(1).and_then(|t| t.chars().next()).unwrap_or('R'),
                    dataset: rest.get(4).and_then(|t| t.parse().ok()).unwrap_or(0),
                    values: Vec::new(),
                }),
                "PROJECT" | "CRYSTAL" | "DATASET" | "DCELL" | "DWAVEL" => read_dataset(&key, rest, &mut mtz.datasets)?,
                _ => {}
            }
        }
        while let Some(record) = next() {
            let fields: Vec<&str> = record.split_whitespace().collect();
            match fields.first().copied() {
                Some("MTZHIST") => {
                    let lines: usize = parse(fields.get(1).copied(), "MTZHIST")?;
                    for _ in 0..lines.min(1000) {
                        mtz.history.push(next().ok_or_else(|| damaged("the history is cut off"))?);
                    }
                }
                Some("MTZENDOFHEADERS") => break,
                Some("MTZBATS") => break,
                _ => {}
            }
        }
        if mtz.columns.len() != n_columns {
            return Err(damaged(format!("NCOL says {n_columns} columns, {} are described", mtz.columns.len())));
        }
        let expected = n_columns.checked_mul(rows).and_then(|n| n.checked_mul(4)).and_then(|n| n.checked_add(80));
        if expected.is_none_or(|n| n > header_start) {
            return Err(damaged(format!("{rows} reflections of {n_columns} columns do not fit before the header")));
        }
        for (c, column) in mtz.columns.iter_mut().enumerate() {
            column.values = (0..rows)
                .map(|r| words.real(20 + r * n_columns + c).unwrap_or(f32::NAN))
                .map(|v| if v == missing { f32::NAN } else { v })
                .collect();
        }
        mtz.batches = read_batches(bytes, at, words.big_endian)?;
        Ok(mtz)
    }
}

/// `SYMINF nsym nprim lattice number 'name' PGgroup`; the name may have blanks and may lack quotes.
fn read_syminf(record: &str, rest: &[&str], symmetry: &mut Symmetry) -> Result<(), Error> {
    symmetry.n_primitive = parse(rest.get(1).copied(), "SYMINF")?;
    symmetry.lattice = rest.get(2).and_then(|t| t.chars().next()).unwrap_or('P');
    symmetry.number = rest.get(3).and_then(|t| t.parse().ok()).unwrap_or(0);
    let mut quoted = record.split('\'');
    symmetry.name = match (quoted.next(), quoted.next()) {
        (Some(_), Some(name)) => name.trim().to_owned(),
        _ => rest.get(4).copied().unwrap_or("").to_owned(),
    };
    symmetry.point_group = rest.last().and_then(|t| t.strip_prefix("PG")).unwrap_or("").to_owned();
    Ok(())
}

fn read_dataset(key: &str, rest: &[&str], datasets: &mut Vec<Dataset>) -> Result<(), Error> {
    let id: i32 = parse(rest.first().copied(), key)?;
    let index = match datasets.iter().position(|d| d.id == id) {
        Some(index) => index,
        None => {
            datasets.push(Dataset {
                id,
                project: String::new(),
                crystal: String::new(),
                name: String::new(),
                cell: [0.0; 6],
                wavelength: 0.0,
            });
            datasets.len() - 1
        }
    };
    let dataset = &mut datasets[index];
    let name = || rest.get(1..).unwrap_or(&[]).join(" ");
    match key {
        "PROJECT" => dataset.project = name(),
        "CRYSTAL" => dataset.crystal = name(),
        "DATASET" => dataset.name = name(),
        "DCELL" => dataset.cell = cell(rest.get(1..).unwrap_or(&[]), key)?,
        _ => dataset.wavelength = parse(rest.get(1).copied(), key)?,
    }
    Ok(())
}

fn read_batches(bytes: &[u8], mut at: usize, big_endian: bool) -> Result<Vec<Batch>, Error> {
    let mut batches = Vec::new();
    let text = |at: usize| bytes.get(at..at + 80).map(|b| String::from_utf8_lossy(b).trim_end().to_owned());
    while let Some(record) = text(at).filter(|r| r.starts_with("BH ")) {
        let cut = || damaged("a batch header is cut off");
        let fields: Vec<&str> = record.split_whitespace().collect();
        let number = parse(fields.get(1).copied(), "BH")?;
        let n_words: usize = parse(fields.get(2).copied(), "BH")?;
        if n_words < N_INTEGERS + N_REALS {
            return Err(damaged(format!("batch {number} has {n_words} words; {} are needed", N_INTEGERS + N_REALS)));
        }
        let title = text(at + 80).ok_or_else(cut)?;
        let start = at + 160;
        let end = n_words.checked_mul(4).and_then(|n| n.checked_add(start)).filter(|e| *e <= bytes.len()).ok_or_else(cut)?;
        let words = Words { bytes: &bytes[start..end], big_endian };
        let axes = text(end).ok_or_else(cut)?;
        batches.push(Batch {
            number,
            title: title.strip_prefix("TITLE").unwrap_or(&title).trim().to_owned(),
            integers: (0..N_INTEGERS).map(|i| words.int(i).unwrap_or(0)).collect(),
            reals: (N_INTEGERS..N_INTEGERS + N_REALS).map(|i| words.real(i).unwrap_or(0.0)).collect(),
            axes: axes.strip_prefix("BHCH").unwrap_or(&axes).trim().to_owned(),
        });
        at = end + 80;
    }
    Ok(batches)
}
