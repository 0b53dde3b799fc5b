use crate::reflections::{ColumnValue, Columns, Reflections};
use rmp::encode;
use std::collections::BTreeMap;

/// Bytes of the columns that are present, by name: DIALS writes them in that order.
#[derive(Default)]
struct Sizes(BTreeMap<String, usize>);

impl Columns for Sizes {
    fn column<T: ColumnValue>(&mut self, name: &'static str, values: &mut Vec<T>) {
        if !values.is_empty() {
            self.0.insert(name.to_owned(), T::size(values));
        }
    }
}

/// Writes the column of one name, and empties it.
struct Writer<'a> {
    wanted: &'a str,
    out: &'a mut Vec<u8>,
}

impl Columns for Writer<'_> {
    fn column<T: ColumnValue>(&mut self, name: &'static str, values: &mut Vec<T>) {
        if name == self.wanted {
            let values = std::mem::take(values);
            head(self.out, T::KIND, Some([values.len(), T::size(&values)]));
            T::write(&values, self.out);
        }
    }
}

/// What stands before a column's bytes: the type, and for records their number and the number of bytes.
fn head(out: &mut Vec<u8>, kind: &str, records: Option<[usize; 2]>) {
    // Writing to a Vec cannot fail.
    let _ = encode::write_array_len(out, 2);
    let _ = encode::write_str(out, kind);
    if let Some([rows, bytes]) = records {
        let _ = encode::write_array_len(out, 2);
        let _ = encode::write_uint(out, rows as u64);
        let _ = encode::write_bin_len(out, bytes as u32);
    }
}

/// Writes a `.refl` file. Takes the table by value: each column goes straight into the file's bytes and is dropped, so that beside the table no more is
/// held than the file.
///
/// A column's bytes must stay below 4 GiB (the format's own limit); longer ones are left out, which only shoeboxes can reach.
pub fn write(mut table: Reflections) -> Vec<u8> {
    let mut sizes = Sizes::default();
    table.visit(&mut sizes);
    let mut extra = std::mem::take(&mut table.extra);
    extra.retain(|name, _| !sizes.0.contains_key(name));
    sizes.0.extend(extra.iter().map(|(name, column)| (name.clone(), column.bytes.len())));
    sizes.0.retain(|_, size| u32::try_from(*size).is_ok());
    let rows = table.len();
    let mut out = Vec::with_capacity(sizes.0.values().map(|size| size + 64).sum::<usize>() + 1024);
    // Writing to a Vec cannot fail.
    let _ = encode::write_array_len(&mut out, 3);
    let _ = encode::write_str(&mut out, "dials::af::reflection_table");
    let _ = encode::write_uint(&mut out, 1);
    let _ = encode::write_map_len(&mut out, 3);
    let _ = encode::write_str(&mut out, "identifiers");
    let _ = encode::write_map_len(&mut out, table.identifiers.len() as u32);
    for (k, v) in &table.identifiers {
        let _ = encode::write_uint(&mut out, u64::from(*k));
        let _ = encode::write_str(&mut out, v);
    }
    let _ = encode::write_str(&mut out, "nrows");
    let _ = encode::write_uint(&mut out, rows as u64);
    let _ = encode::write_str(&mut out, "data");
    let _ = encode::write_map_len(&mut out, sizes.0.len() as u32);
    for name in sizes.0.keys() {
        let _ = encode::write_str(&mut out, name);
        match extra.remove(name) {
            Some(column) => {
                head(&mut out, &column.kind, column.records.then_some([rows, column.bytes.len()]));
                out.extend_from_slice(&column.bytes);
            }
            None => table.visit(&mut Writer { wanted: name, out: &mut out }),
        }
    }
    out
}
