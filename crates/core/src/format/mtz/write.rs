//! Bytes from an [`Mtz`].

use super::batch::{N_INTEGERS, N_REALS};
use super::{Column, Error, Mtz};
use crate::spacegroup::constraints::metric_from_cell;

/// Words before the reflections.
const PREAMBLE_WORDS: usize = 20;

/// Pads with blanks, or cuts, to 80 characters.
fn push_record(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    // Headers are ASCII; anything else would break the record length for other readers.
    out.extend(text.bytes().map(|b| if (32..127).contains(&b) { b } else { b'?' }).take(80));
    out.resize(start + 80, b' ');
}

/// A number in at most 17 characters with at least the digits of an f32.
fn number(value: f32) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "0".to_owned()
    } else if size != 0.0 && !(1e-5..1e9).contains(&size) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

/// A label or name of one word.
fn word(text: &str, limit: usize) -> String {
    text.chars().map(|c| if c.is_whitespace() { '_' } else { c }).take(limit).collect()
}

impl Mtz {
    /// The file, little-endian.
    ///
    /// # Errors
    /// Columns of unequal length, or more data than the format's 32-bit word counts hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let rows = self.len();
        for column in &self.columns {
            if column.values.len() != rows {
                return Err(Error::Ragged { label: column.label.clone(), found: column.values.len(), expected: rows });
            }
        }
        let too_large = || Error::TooLarge { rows, columns: self.columns.len() };
        let words = rows.checked_mul(self.columns.len()).ok_or_else(too_large)?;
        let header = i32::try_from(words + PREAMBLE_WORDS + 1).map_err(|_| too_large())?;
        let mut out = Vec::new();
        out.try_reserve(4 * (words + PREAMBLE_WORDS) + 80 * (200 + 12 * self.batches.len())).map_err(|_| too_large())?;
        out.extend(b"MTZ ");
        out.extend(header.to_le_bytes());
        // Machine stamp: little-endian IEEE reals and integers.
        out.extend([0x44, 0x41, 0, 0]);
        out.resize(4 * PREAMBLE_WORDS, 0);
        for row in 0..rows {
            for column in &self.columns {
                out.extend(column.values[row].to_le_bytes());
            }
        }
        self.push_header(&mut out, rows);
        self.push_batches(&mut out);
        push_record(&mut out, "MTZENDOFHEADERS");
        Ok(out)
    }

    /// Smallest and largest 1/d² of the indices.
    fn resolution(&self) -> [f64; 2] {
        let (Ok(indices), Some(g)) = (self.indices(), metric_from_cell(self.cell).try_inverse()) else { return [0.0; 2] };
        let mut limits = [f64::INFINITY, 0.0f64];
        for hkl in indices {
            let h = nalgebra::Vector3::from(hkl.map(f64::from));
            let s = h.dot(&(g * h));
            if s > 0.0 {
                limits = [limits[0].min(s), limits[1].max(s)];
            }
        }
        if limits[0].is_finite() { limits } else { [0.0; 2] }
    }

    fn push_header(&self, out: &mut Vec<u8>, rows: usize) {
        let mut record = |text: String| push_record(out, &text);
        record("VERS MTZ:V1.1".to_owned());
        record(format!("TITLE {}", self.title));
        record(format!("NCOL {:8} {:12} {:8}", self.columns.len(), rows, self.batches.len()));
        let cell = |c: &[f64; 6]| c.map(|v| format!("{v:10.4}")).join("");
        record(format!("CELL {}", cell(&self.cell)));
        record(format!("SORT {}", self.sort_order.map(|v| format!("{v:4}")).join("")));
        let s = &self.symmetry;
        record(format!(
            "SYMINF {:3} {:2} {} {:5} {:>22} PG{}",
            s.operations.len(),
            s.n_primitive,
            s.lattice,
            s.number,
            format!("'{}'", s.name),
            s.point_group
        ));
        for op in &s.operations {
            record(format!("SYMM {}", op.triplet().to_uppercase()));
        }
        let [low, high] = self.resolution();
        record(format!("RESO {low:<20.12} {high:<20.12}"));
        record("VALM NAN".to_owned());
        for Column { label, kind, dataset, values } in &self.columns {
            let valid = values.iter().copied().filter(|v| v.is_finite());
            let [low, high] = valid.fold([f32::INFINITY, f32::NEG_INFINITY], |[l, h], v| [l.min(v), h.max(v)]);
            record(format!("COLUMN {:<30} {kind} {:>17} {:>17} {dataset:4}", word(label, 30), number(low), number(high)));
        }
        record(format!("NDIF {:8}", self.datasets.len()));
        for d in &self.datasets {
            record(format!("PROJECT {:7} {}", d.id, word(&d.project, 64)));
            record(format!("CRYSTAL {:7} {}", d.id, word(&d.crystal, 64)));
            record(format!("DATASET {:7} {}", d.id, word(&d.name, 64)));
            record(format!("DCELL {:9} {}", d.id, cell(&d.cell)));
            record(format!("DWAVEL {:8} {:10.5}", d.id, d.wavelength));
        }
        for chunk in self.batches.chunks(12) {
            let numbers: String = chunk.iter().map(|b| format!("{:6}", b.number)).collect();
            record(format!("BATCH {numbers}"));
        }
        record("END".to_owned());
        if !self.history.is_empty() {
            // The format allows 30 lines.
            let lines = self.history.len().min(30);
            record(format!("MTZHIST {lines:3}"));
            for line in &self.history[..lines] {
                record(line.clone());
            }
        }
    }

    fn push_batches(&self, out: &mut Vec<u8>) {
        if self.batches.is_empty() {
            return;
        }
        push_record(out, "MTZBATS");
        for batch in &self.batches {
            push_record(out, &format!("BH {:8}{:8}{:8}{:8}", batch.number, N_INTEGERS + N_REALS, N_INTEGERS, N_REALS));
            push_record(out, &format!("TITLE {}", batch.title));
            for i in 0..N_INTEGERS {
                out.extend(batch.integers.get(i).copied().unwrap_or(0).to_le_bytes());
            }
            for i in 0..N_REALS {
                out.extend(batch.reals.get(i).copied().unwrap_or(0.0).to_le_bytes());
            }
            push_record(out, &format!("BHCH {:>8}", batch.axes));
        }
    }
}
