use super::Shoebox;

/// A type that a column can hold, with DIALS' name for it and its little-endian bytes.
pub trait ColumnValue: Clone + Default + PartialEq + Send + Sync + 'static {
    /// DIALS' name of the type.
    const KIND: &'static str;
    /// Appends the bytes of all values.
    fn write(values: &[Self], out: &mut Vec<u8>);
    /// How many bytes [`write`](ColumnValue::write) appends.
    fn size(values: &[Self]) -> usize;
    /// Reads exactly `rows` values; `None` when the bytes do not hold exactly these.
    fn read(rows: usize, bytes: &[u8]) -> Option<Vec<Self>>;
}

/// `N` little-endian scalars of `size` bytes each per value.
macro_rules! fixed {
    ($($t:ty, $kind:literal, $size:literal, |$b:ident| $read:expr, |$v:ident, $out:ident| $write:expr);* $(;)?) => {$(
        impl ColumnValue for $t {
            const KIND: &'static str = $kind;
            fn write(values: &[Self], $out: &mut Vec<u8>) {
                $out.reserve(values.len() * $size);
                for $v in values { $write; }
            }
            fn size(values: &[Self]) -> usize {
                values.len() * $size
            }
            fn read(rows: usize, bytes: &[u8]) -> Option<Vec<Self>> {
                if bytes.len() != rows.checked_mul($size)? {
                    return None;
                }
                Some(bytes.chunks_exact($size).map(|$b| $read).collect())
            }
        }
    )*};
}

fn array<const N: usize>(b: &[u8]) -> [u8; N] {
    let mut a = [0; N];
    a.copy_from_slice(&b[..N]);
    a
}
fn i32_at(b: &[u8], k: usize) -> i32 {
    i32::from_le_bytes(array(&b[4 * k..]))
}
fn f64_at(b: &[u8], k: usize) -> f64 {
    f64::from_le_bytes(array(&b[8 * k..]))
}

fixed! {
    bool, "bool", 1, |b| b[0] != 0, |v, out| out.push(u8::from(*v));
    i32, "int", 4, |b| i32_at(b, 0), |v, out| out.extend_from_slice(&v.to_le_bytes());
    u64, "std::size_t", 8, |b| u64::from_le_bytes(array(b)), |v, out| out.extend_from_slice(&v.to_le_bytes());
    f64, "double", 8, |b| f64_at(b, 0), |v, out| out.extend_from_slice(&v.to_le_bytes());
    [f64; 3], "vec3<double>", 24, |b| [f64_at(b, 0), f64_at(b, 1), f64_at(b, 2)], |v, out| v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
    [i32; 3], "cctbx::miller::index<>", 12, |b| [i32_at(b, 0), i32_at(b, 1), i32_at(b, 2)], |v, out| v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
    [i32; 6], "int6", 24, |b| [0, 1, 2, 3, 4, 5].map(|k| i32_at(b, k)), |v, out| v.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
}

/// Bytes of a shoebox before its pixels.
const HEAD: usize = 29;

/// Each shoebox: panel (u32), bbox (6 × i32), one byte that says whether pixels follow, then counts (f32), mask (i32) and
/// background (f32) of every pixel.
impl ColumnValue for Shoebox {
    const KIND: &'static str = "Shoebox<>";

    fn write(values: &[Self], out: &mut Vec<u8>) {
        for s in values {
            out.extend_from_slice(&s.panel.to_le_bytes());
            s.bbox.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
            out.push(u8::from(!s.data.is_empty()));
            s.data.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
            s.mask.iter().for_each(|x| out.extend_from_slice(&i32::from(*x).to_le_bytes()));
            if s.background.is_empty() {
                out.resize(out.len() + 4 * s.data.len(), 0);
            }
            s.background.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
        }
    }

    fn size(values: &[Self]) -> usize {
        let background = |s: &Self| if s.background.is_empty() { s.data.len() } else { s.background.len() };
        values.iter().map(|s| HEAD + 4 * (s.data.len() + s.mask.len() + background(s))).sum()
    }

    fn read(rows: usize, mut bytes: &[u8]) -> Option<Vec<Self>> {
        if bytes.len() / HEAD < rows {
            return None;
        }
        let mut out = Vec::with_capacity(rows);
        for _ in 0..rows {
            let (head, rest) = bytes.split_at_checked(HEAD)?;
            let mut s =
                Shoebox { panel: u32::from_le_bytes(array(head)), bbox: [1, 2, 3, 4, 5, 6].map(|k| i32_at(head, k)), ..Shoebox::default() };
            bytes = rest;
            if head[HEAD - 1] != 0 {
                let extent = |k: usize| usize::try_from(i64::from(s.bbox[2 * k + 1]) - i64::from(s.bbox[2 * k])).ok();
                let n = extent(0)?.checked_mul(extent(1)?)?.checked_mul(extent(2)?)?;
                let (pixels, rest) = bytes.split_at_checked(n.checked_mul(12)?)?;
                let words = |k: usize| pixels[4 * n * k..4 * n * (k + 1)].chunks_exact(4);
                s.data = words(0).map(|b| f32::from_le_bytes(array(b))).collect();
                s.mask = words(1).map(|b| b[0]).collect();
                s.background = words(2).map(|b| f32::from_le_bytes(array(b))).collect();
                if s.background.iter().all(|b| *b == 0.0) {
                    s.background = Vec::new();
                }
                bytes = rest;
            }
            out.push(s);
        }
        bytes.is_empty().then_some(out)
    }
}
