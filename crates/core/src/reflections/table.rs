use super::{ColumnValue, Shoebox};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A column of a `.refl` file that this program does not interpret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawColumn {
    /// DIALS' name of the type, such as `vec3<double>`.
    pub kind: String,
    /// The bytes as they were.
    pub bytes: Vec<u8>,
    /// True when the bytes are `rows` records in one msgpack `bin`; false when they are some other msgpack value.
    pub records: bool,
}

/// A stage needs a column that the table does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the reflections have no column {column}; run the stage that makes it first")]
pub struct MissingColumn {
    /// DIALS' name of the column.
    pub column: &'static str,
}

/// Visits the columns of a table: how files are read and written without naming each column again.
pub trait Columns {
    /// Called once per column with DIALS' name of it; absent columns are empty.
    fn column<T: ColumnValue>(&mut self, name: &'static str, values: &mut Vec<T>);
}

macro_rules! reflections {
    ($( $(#[doc = $doc:literal])+ $field:ident : $ty:ty = $name:literal ),* $(,)?) => {
        /// A table of reflections; see the module documentation.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct Reflections {
            rows: usize,
            /// Experiment identifiers by the number in `id`.
            pub identifiers: BTreeMap<u32, String>,
            /// Columns that are only carried along, by name.
            pub extra: BTreeMap<String, RawColumn>,
            $( $(#[doc = $doc])+ pub $field: Vec<$ty>, )*
        }

        impl Reflections {
            /// Visits every typed column, absent ones included, in the order of declaration.
            pub fn visit(&mut self, visitor: &mut impl Columns) {
                $( visitor.column($name, &mut self.$field); )*
            }

            /// Names of the typed columns that are present.
            pub fn present(&self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $( if !self.$field.is_empty() { names.push($name); } )*
                names
            }

            /// `Err` with the name of the first of `columns` (DIALS' names) that is absent. A table without rows lacks nothing.
            pub fn require(&self, columns: &[&'static str]) -> Result<(), MissingColumn> {
                if self.rows == 0 {
                    return Ok(());
                }
                let present = self.present();
                match columns.iter().find(|c| !present.contains(c)) {
                    Some(column) => Err(MissingColumn { column }),
                    None => Ok(()),
                }
            }

            /// The rows with the given numbers, in that order. Carried-along columns of fixed-size records follow; others are dropped.
            pub fn select(&self, rows: &[usize]) -> Reflections {
                let mut out = Reflections { rows: rows.len(), identifiers: self.identifiers.clone(), ..Reflections::default() };
                $( if !self.$field.is_empty() {
                    out.$field = rows.iter().map(|&i| self.$field[i].clone()).collect();
                } )*
                for (name, column) in &self.extra {
                    if column.records && self.rows > 0 && column.bytes.len() % self.rows == 0 {
                        let size = column.bytes.len() / self.rows;
                        let bytes = rows.iter().flat_map(|&i| column.bytes[i * size..(i + 1) * size].iter().copied()).collect();
                        out.extra.insert(name.clone(), RawColumn { kind: column.kind.clone(), bytes, records: true });
                    }
                }
                out
            }

            /// As [`select`](Self::select), but each column is let go as soon as it is copied: for tables that fill the memory.
            pub fn into_selected(mut self, rows: &[usize]) -> Reflections {
                let mut out = Reflections { rows: self.rows, extra: std::mem::take(&mut self.extra), ..Reflections::default() }.select(rows);
                out.identifiers = std::mem::take(&mut self.identifiers);
                $( let column = std::mem::take(&mut self.$field);
                if !column.is_empty() {
                    out.$field = rows.iter().map(|&i| column[i].clone()).collect();
                } )*
                out
            }

            /// Appends another table. Columns that either lacks are dropped.
            pub fn append(&mut self, other: &Reflections) {
                if self.rows == 0 {
                    *self = other.clone();
                    return;
                }
                if other.rows == 0 {
                    return;
                }
                $( if self.$field.is_empty() || other.$field.is_empty() {
                    self.$field.clear();
                } else {
                    self.$field.extend_from_slice(&other.$field);
                } )*
                self.extra.retain(|name, column| match other.extra.get(name) {
                    Some(more) if more.kind == column.kind && column.records && more.records => { column.bytes.extend_from_slice(&more.bytes); true }
                    _ => false,
                });
                self.rows += other.rows;
                self.identifiers.extend(other.identifiers.iter().map(|(k, v)| (*k, v.clone())));
            }

            /// Checks that every present column has as many entries as the table has rows; names the first that has not.
            pub fn check_lengths(&self) -> Result<(), &'static str> {
                $( if !self.$field.is_empty() && self.$field.len() != self.rows { return Err($name); } )*
                Ok(())
            }
        }
    };
}

reflections! {
    /// Experiment, −1 for none.
    id: i32 = "id",
    /// Image set, −1 for none.
    imageset_id: i32 = "imageset_id",
    /// Panel.
    panel: u64 = "panel",
    /// Bits of [`flags`](super::flags).
    flags: u64 = "flags",
    /// Miller index; (0, 0, 0) when not indexed.
    hkl: [i32; 3] = "miller_index",
    /// Whether the point enters the Ewald sphere.
    entering: bool = "entering",
    /// Box x0, x1, y0, y1, z0, z1 (px, px, array index; half-open).
    bbox: [i32; 6] = "bbox",
    /// Pixels.
    shoebox: Shoebox = "shoebox",
    /// Number of strong pixels.
    n_signal: i32 = "n_signal",
    /// Observed centroid: px, px, array index.
    xyzobs_px: [f64; 3] = "xyzobs.px.value",
    /// Its variance: px², px², images².
    xyzobs_px_variance: [f64; 3] = "xyzobs.px.variance",
    /// Observed centroid: mm, mm, rad.
    xyzobs_mm: [f64; 3] = "xyzobs.mm.value",
    /// Its variance: mm², mm², rad².
    xyzobs_mm_variance: [f64; 3] = "xyzobs.mm.variance",
    /// Predicted centroid: px, px, array index.
    xyzcal_px: [f64; 3] = "xyzcal.px",
    /// Predicted centroid: mm, mm, rad.
    xyzcal_mm: [f64; 3] = "xyzcal.mm",
    /// Diffracted beam vector, laboratory, Å⁻¹.
    s1: [f64; 3] = "s1",
    /// Reciprocal-lattice point at the datum (crystal-fixed laboratory frame), Å⁻¹.
    rlp: [f64; 3] = "rlp",
    /// Resolution, Å.
    d: f64 = "d",
    /// ζ.
    zeta: f64 = "zeta",
    /// Lorentz–polarisation correction to multiply intensities by.
    lp: f64 = "lp",
    /// Quantum efficiency of the sensor to divide intensities by.
    qe: f64 = "qe",
    /// Recorded fraction, 0..1.
    partiality: f64 = "partiality",
    /// Number shared by the parts of one reflection.
    partial_id: u64 = "partial_id",
    /// Summed intensity, counts.
    i_sum: f64 = "intensity.sum.value",
    /// Its variance.
    var_sum: f64 = "intensity.sum.variance",
    /// Profile-fitted intensity, counts.
    i_prf: f64 = "intensity.prf.value",
    /// Its variance.
    var_prf: f64 = "intensity.prf.variance",
    /// Intensity that scaling chose, corrected but not yet divided by the scale.
    i_scale: f64 = "intensity.scale.value",
    /// Its variance.
    var_scale: f64 = "intensity.scale.variance",
    /// g: scaled intensity = `i_scale` / g.
    inverse_scale_factor: f64 = "inverse_scale_factor",
    /// Variance of g.
    inverse_scale_factor_variance: f64 = "inverse_scale_factor_variance",
    /// Mean background, counts per pixel.
    background_mean: f64 = "background.mean",
    /// Background under the foreground, counts.
    background_sum: f64 = "background.sum.value",
    /// Its variance.
    background_sum_variance: f64 = "background.sum.variance",
    /// Usable pixels of the box.
    num_pixels_valid: i32 = "num_pixels.valid",
    /// Background pixels.
    num_pixels_background: i32 = "num_pixels.background",
    /// Background pixels used in the fit.
    num_pixels_background_used: i32 = "num_pixels.background_used",
    /// Foreground pixels.
    num_pixels_foreground: i32 = "num_pixels.foreground",
    /// Correlation of the pixels with the reference profile.
    profile_correlation: f64 = "profile.correlation",
    /// Row in the table before symmetry or scaling dropped some.
    original_index: u64 = "original_index",
}

impl Reflections {
    /// A table of `rows` rows without columns; fill each column with as many entries.
    pub fn with_rows(rows: usize) -> Self {
        Reflections { rows, ..Reflections::default() }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Sets the number of rows; the caller fills or clears the columns accordingly.
    pub fn set_rows(&mut self, rows: usize) {
        self.rows = rows;
    }

    /// Quantum efficiency of the sensor for each row, empty when it is not known. Older DIALS files call the column `dqe`.
    pub fn quantum_efficiency(&self) -> Cow<'_, [f64]> {
        let old = || self.extra.get("dqe").filter(|c| c.kind == "double" && c.bytes.len() == 8 * self.len());
        match old() {
            Some(c) if self.qe.is_empty() => {
                c.bytes.chunks_exact(8).map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])).collect()
            }
            _ => Cow::Borrowed(&self.qe),
        }
    }

    /// Scaled intensity and its standard deviation; the columns that scaling fills must be there.
    pub fn scaled(&self, row: usize) -> [f64; 2] {
        let g = self.inverse_scale_factor[row];
        [self.i_scale[row] / g, self.var_scale[row].sqrt() / g]
    }

    /// Row numbers whose flags have all of `bits`.
    pub fn rows_with(&self, bits: u64) -> Vec<usize> {
        self.flags.iter().enumerate().filter(|(_, f)| **f & bits == bits).map(|(i, _)| i).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_efficiency_of_older_files_is_found() {
        let mut t = Reflections::with_rows(2);
        assert!(t.quantum_efficiency().is_empty());
        let bytes = [0.5_f64, 0.25].iter().flat_map(|x| x.to_le_bytes()).collect();
        t.extra.insert("dqe".into(), RawColumn { kind: "double".into(), bytes, records: true });
        assert_eq!(*t.quantum_efficiency(), [0.5, 0.25]);
        t.qe = vec![0.9, 0.8];
        assert_eq!(*t.quantum_efficiency(), [0.9, 0.8]);
    }

    #[test]
    fn selection_keeps_columns_and_carried_bytes_in_step() {
        let mut t = Reflections::with_rows(3);
        t.id = vec![0, 1, 2];
        t.d = vec![1.0, 2.0, 3.0];
        t.extra.insert("x".into(), RawColumn { kind: "bool".into(), bytes: vec![7, 8, 9], records: true });
        let s = t.select(&[2, 0]);
        assert!(t.clone().into_selected(&[2, 0]) == s);
        assert_eq!((s.len(), &s.id, &s.d, &s.extra["x"].bytes), (2, &vec![2, 0], &vec![3.0, 1.0], &vec![9, 7]));
        assert_eq!(t.require(&["id", "flags"]), Err(MissingColumn { column: "flags" }));
        t.append(&s);
        assert_eq!((t.len(), t.id.len(), t.extra["x"].bytes.len()), (5, 5, 5));
        assert_eq!(t.check_lengths(), Ok(()));
    }
}
