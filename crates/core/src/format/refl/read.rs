use crate::reflections::{ColumnValue, Columns, RawColumn, Reflections};
use rmp::Marker;
use rmp::decode::{self, Bytes};
use std::collections::BTreeMap;

/// A `.refl` file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReflError {
    /// Something else than a reflection table.
    #[error(
        "this is no DIALS reflection table; a .refl file in msgpack format is needed (old pickle files can be converted by any DIALS program)"
    )]
    NotATable,
    /// A version that this program does not know.
    #[error("reflection table of version {version}; only version 1 is known")]
    Version {
        /// The version found.
        version: u64,
    },
    /// The file ends early or its structure is broken.
    #[error("the reflection table is damaged at byte {offset} of {size}: {what}; the file may be truncated")]
    Damaged {
        /// Where reading stopped.
        offset: usize,
        /// Size of the file.
        size: usize,
        /// What was expected there.
        what: &'static str,
    },
    /// A column does not hold what its type and row count say.
    #[error("column {name} ({kind}) of the reflection table does not hold {rows} values in its {bytes} bytes")]
    Column {
        /// Name.
        name: String,
        /// Type.
        kind: String,
        /// Rows of the table.
        rows: usize,
        /// Bytes present.
        bytes: usize,
    },
}

struct Reader<'a> {
    whole: &'a [u8],
    at: Bytes<'a>,
}

impl<'a> Reader<'a> {
    fn fail(&self, what: &'static str) -> ReflError {
        let left = self.at.remaining_slice().len();
        ReflError::Damaged { offset: self.whole.len() - left, size: self.whole.len(), what }
    }
    fn array(&mut self, what: &'static str) -> Result<u32, ReflError> {
        decode::read_array_len(&mut self.at).map_err(|_| self.fail(what))
    }
    fn map(&mut self, what: &'static str) -> Result<u32, ReflError> {
        decode::read_map_len(&mut self.at).map_err(|_| self.fail(what))
    }
    fn int(&mut self, what: &'static str) -> Result<u64, ReflError> {
        decode::read_int(&mut self.at).map_err(|_| self.fail(what))
    }
    fn text(&mut self, what: &'static str) -> Result<&'a str, ReflError> {
        let slice = self.at.remaining_slice();
        let (text, rest) = decode::read_str_from_slice(slice).map_err(|_| self.fail(what))?;
        self.at = Bytes::new(rest);
        Ok(text)
    }
    fn bytes(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], ReflError> {
        let (head, rest) = self.at.remaining_slice().split_at_checked(n).ok_or_else(|| self.fail(what))?;
        self.at = Bytes::new(rest);
        Ok(head)
    }
    /// Passes over one value of any type and returns its bytes.
    fn skip(&mut self, depth: usize) -> Result<&'a [u8], ReflError> {
        const WHAT: &str = "a value";
        let start = self.at.remaining_slice();
        if depth > 32 {
            return Err(self.fail("values nested less than 32 deep"));
        }
        let marker = decode::read_marker(&mut self.at).map_err(|_| self.fail(WHAT))?;
        let mut length = |n: usize| -> Result<usize, ReflError> {
            let b = self.bytes(n, WHAT)?;
            Ok(b.iter().fold(0usize, |v, x| (v << 8) | usize::from(*x)))
        };
        let (payload, children) = match marker {
            Marker::Null | Marker::True | Marker::False | Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Reserved => (0, 0),
            Marker::U8 | Marker::I8 => (1, 0),
            Marker::U16 | Marker::I16 => (2, 0),
            Marker::U32 | Marker::I32 | Marker::F32 => (4, 0),
            Marker::U64 | Marker::I64 | Marker::F64 => (8, 0),
            Marker::FixStr(n) => (usize::from(n), 0),
            Marker::Str8 | Marker::Bin8 => (length(1)?, 0),
            Marker::Str16 | Marker::Bin16 => (length(2)?, 0),
            Marker::Str32 | Marker::Bin32 => (length(4)?, 0),
            Marker::FixArray(n) => (0, usize::from(n)),
            Marker::Array16 => (0, length(2)?),
            Marker::Array32 => (0, length(4)?),
            Marker::FixMap(n) => (0, 2 * usize::from(n)),
            Marker::Map16 => (0, 2 * length(2)?),
            Marker::Map32 => (0, length(4)?.saturating_mul(2)),
            Marker::FixExt1 => (2, 0),
            Marker::FixExt2 => (3, 0),
            Marker::FixExt4 => (5, 0),
            Marker::FixExt8 => (9, 0),
            Marker::FixExt16 => (17, 0),
            Marker::Ext8 => (length(1)? + 1, 0),
            Marker::Ext16 => (length(2)? + 1, 0),
            Marker::Ext32 => (length(4)?.saturating_add(1), 0),
        };
        self.bytes(payload, WHAT)?;
        for _ in 0..children {
            self.skip(depth + 1)?;
        }
        Ok(&start[..start.len() - self.at.remaining_slice().len()])
    }
}

/// The columns as they lie in the file, taken one by one by the table's fields.
struct Taker<'a> {
    rows: usize,
    found: BTreeMap<String, (String, Payload<'a>)>,
    error: Option<ReflError>,
}

enum Payload<'a> {
    Records(&'a [u8]),
    Other(&'a [u8]),
}

impl Columns for Taker<'_> {
    fn column<T: ColumnValue>(&mut self, name: &'static str, values: &mut Vec<T>) {
        // A column of the right name but another type is carried along.
        let Some((kind, Payload::Records(bytes))) = self.found.get(name) else { return };
        if kind != T::KIND || self.error.is_some() {
            return;
        }
        match T::read(self.rows, bytes) {
            Some(read) => *values = read,
            None => {
                self.error = Some(ReflError::Column { name: name.to_owned(), kind: kind.clone(), rows: self.rows, bytes: bytes.len() });
            }
        }
        self.found.remove(name);
    }
}

/// Reads a `.refl` file. Columns without a field in [`Reflections`] are kept in `extra`.
pub fn read(bytes: &[u8]) -> Result<Reflections, ReflError> {
    let mut r = Reader { whole: bytes, at: Bytes::new(bytes) };
    let head = r.array("the table").and_then(|_| r.text("the table's name"));
    if head != Ok("dials::af::reflection_table") {
        return Err(ReflError::NotATable);
    }
    let version = r.int("the version")?;
    if version != 1 {
        return Err(ReflError::Version { version });
    }
    let mut identifiers = BTreeMap::new();
    let mut rows = None;
    let mut found = BTreeMap::new();
    for _ in 0..r.map("the table's contents")? {
        match r.text("a key of the table")? {
            "identifiers" => {
                for _ in 0..r.map("identifiers")? {
                    let k = r.int("an identifier's number")?;
                    let k = u32::try_from(k).map_err(|_| r.fail("an identifier's number below 2³²"))?;
                    identifiers.insert(k, r.text("an identifier")?.to_owned());
                }
            }
            "nrows" => {
                let n = r.int("the number of rows")?;
                rows = Some(usize::try_from(n).map_err(|_| r.fail("a number of rows"))?);
            }
            "data" => {
                for _ in 0..r.map("the columns")? {
                    let name = r.text("a column's name")?.to_owned();
                    r.array("a column")?;
                    let kind = r.text("a column's type")?.to_owned();
                    let before = Bytes::new(r.at.remaining_slice());
                    found.insert(
                        name,
                        (
                            kind,
                            records(&mut r).unwrap_or(None).map_or_else(
                                || {
                                    r.at = before;
                                    r.skip(0).map(Payload::Other)
                                },
                                |bytes| Ok(Payload::Records(bytes)),
                            )?,
                        ),
                    );
                }
            }
            _ => {
                r.skip(0)?;
            }
        }
    }
    let rows = rows.ok_or_else(|| r.fail("the number of rows"))?;
    let mut table = Reflections::with_rows(rows);
    table.identifiers = identifiers;
    let mut taker = Taker { rows, found, error: None };
    table.visit(&mut taker);
    if let Some(error) = taker.error {
        return Err(error);
    }
    table.extra = taker
        .found
        .into_iter()
        .map(|(name, (kind, payload))| {
            let (bytes, records) = match payload {
                Payload::Records(b) => (b.to_vec(), true),
                Payload::Other(b) => (b.to_vec(), false),
            };
            (name, RawColumn { kind, bytes, records })
        })
        .collect();
    Ok(table)
}

/// `[rows, bin]`: the payload of most columns; `None` when it is something else.
fn records<'a>(r: &mut Reader<'a>) -> Result<Option<&'a [u8]>, ReflError> {
    const WHAT: &str = "a column's values";
    if r.array(WHAT)? != 2 {
        return Ok(None);
    }
    r.int(WHAT)?;
    let Ok(n) = decode::read_bin_len(&mut r.at) else { return Ok(None) };
    Ok(Some(r.bytes(n as usize, WHAT)?))
}
