use crate::reflections::{ColumnValue, Columns, RawColumn, Reflections};
use rmp::encode;
use std::collections::BTreeMap;

/// Collects the columns' bytes by name, so that they can be written in the order of names as DIALS does.
struct Giver {
    columns: BTreeMap<String, RawColumn>,
}

impl Columns for Giver {
    fn column<T: ColumnValue>(&mut self, name: &'static str, values: &mut Vec<T>) {
        if values.is_empty() {
            return;
        }
        let mut bytes = Vec::new();
        T::write(values, &mut bytes);
        self.columns.insert(name.to_owned(), RawColumn { kind: T::KIND.to_owned(), bytes, records: true });
    }
}

/// Writes a `.refl` file. Takes the table by value: columns are encoded one at a time.
///
/// A column's bytes must stay below 4 GiB (the format's own limit); longer ones are left out, which only shoeboxes can reach.
pub fn write(mut table: Reflections) -> Vec<u8> {
    let mut giver = Giver { columns: std::mem::take(&mut table.extra) };
    table.visit(&mut giver);
    giver.columns.retain(|_, c| u32::try_from(c.bytes.len()).is_ok());
    let rows = table.len() as u64;
    let mut out = Vec::with_capacity(giver.columns.values().map(|c| c.bytes.len() + 64).sum::<usize>() + 1024);
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
    let _ = encode::write_uint(&mut out, rows);
    let _ = encode::write_str(&mut out, "data");
    let _ = encode::write_map_len(&mut out, giver.columns.len() as u32);
    for (name, column) in giver.columns {
        let _ = encode::write_str(&mut out, &name);
        let _ = encode::write_array_len(&mut out, 2);
        let _ = encode::write_str(&mut out, &column.kind);
        if column.records {
            let _ = encode::write_array_len(&mut out, 2);
            let _ = encode::write_uint(&mut out, rows);
            let _ = encode::write_bin(&mut out, &column.bytes);
        } else {
            out.extend_from_slice(&column.bytes);
        }
    }
    out
}
