//! A scalar or array value: of an attribute, or of a small data set.

use super::element::{Element, Kind};

/// Shape and elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Extent of each dimension, slowest first; empty for a scalar.
    pub shape: Vec<u64>,
    /// The elements, last dimension fastest.
    pub data: Data,
}

/// The elements of a [`Value`].
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Integers that fit 64 bits with sign.
    Integers(Vec<i64>),
    /// Unsigned integers of 8 bytes.
    Unsigned(Vec<u64>),
    /// Floating-point numbers.
    Reals(Vec<f64>),
    /// Texts, without their padding.
    Texts(Vec<String>),
}

impl Value {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.data {
            Data::Integers(v) => v.len(),
            Data::Unsigned(v) => v.len(),
            Data::Reals(v) => v.len(),
            Data::Texts(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All elements as numbers. `None` for text.
    pub fn reals(&self) -> Option<Vec<f64>> {
        match &self.data {
            Data::Integers(v) => Some(v.iter().map(|&x| x as f64).collect()),
            Data::Unsigned(v) => Some(v.iter().map(|&x| x as f64).collect()),
            Data::Reals(v) => Some(v.clone()),
            Data::Texts(_) => None,
        }
    }

    /// All elements as integers; reals only when they are whole. `None` otherwise.
    pub fn integers(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::Integers(v) => Some(v.clone()),
            Data::Unsigned(v) => v.iter().map(|&x| i64::try_from(x).ok()).collect(),
            Data::Reals(v) => v.iter().map(|&x| (x == x.trunc() && x.abs() < 9e18).then_some(x as i64)).collect(),
            Data::Texts(_) => None,
        }
    }

    /// The first element as a number. `None` for text or nothing.
    pub fn real(&self) -> Option<f64> {
        match &self.data {
            Data::Integers(v) => v.first().map(|&x| x as f64),
            Data::Unsigned(v) => v.first().map(|&x| x as f64),
            Data::Reals(v) => v.first().copied(),
            Data::Texts(_) => None,
        }
    }

    /// The first element as an integer, if it is one.
    pub fn integer(&self) -> Option<i64> {
        self.integers()?.first().copied()
    }

    /// The first element as text. `None` for numbers or nothing.
    pub fn text(&self) -> Option<&str> {
        self.texts()?.first().map(String::as_str)
    }

    /// All elements as text. `None` for numbers.
    pub fn texts(&self) -> Option<&[String]> {
        match &self.data {
            Data::Texts(v) => Some(v),
            _ => None,
        }
    }
}

/// Text without zero padding (and what follows it) or trailing spaces.
pub fn text(bytes: &[u8], spaces: bool) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]);
    if spaces { text.trim_end_matches(' ').into() } else { text.into_owned() }
}

/// Decodes native-endian numbers or fixed-length text. `None` for other kinds and odd sizes.
pub fn decode(element: Element, bytes: &[u8]) -> Option<Data> {
    if element.size == 0 {
        return None;
    }
    let each = bytes.chunks_exact(element.size);
    let wide = |b: &[u8]| {
        let mut w = [0; 8];
        w[..b.len()].copy_from_slice(b);
        u64::from_le_bytes(w)
    };
    Some(match (element.kind, element.size) {
        (Kind::Unsigned, 8) => Data::Unsigned(each.map(wide).collect()),
        (Kind::Unsigned, 1..8) => Data::Integers(each.map(|b| wide(b) as i64).collect()),
        (Kind::Signed, size @ 1..=8) => {
            let shift = 64 - 8 * size as u32;
            Data::Integers(each.map(|b| ((wide(b) << shift) as i64) >> shift).collect())
        }
        (Kind::Float, 4) => Data::Reals(each.map(|b| f64::from(f32::from_bits(wide(b) as u32))).collect()),
        (Kind::Float, 8) => Data::Reals(each.map(|b| f64::from_bits(wide(b))).collect()),
        (Kind::Text { spaces }, _) => Data::Texts(each.map(|b| text(b, spaces)).collect()),
        _ => return None,
    })
}
