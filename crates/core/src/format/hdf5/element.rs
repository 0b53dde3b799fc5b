//! The type of one element of a data set or attribute.

use hdf5_reader::{ByteOrder, Datatype, StringPadding, StringSize, VarLenKind};

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned integer.
    Unsigned,
    /// Signed integer, two's complement.
    Signed,
    /// IEEE 754.
    Float,
    /// Text of fixed length; whether it is padded with spaces instead of zeros.
    Text {
        /// Padded with spaces.
        spaces: bool,
    },
    /// Text of any length, in the global heap.
    VariableText,
    /// Anything else: compound, reference, opaque, sequence.
    Other,
}

/// Kind, size and byte order of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// What it is.
    pub kind: Kind,
    /// Bytes in the file.
    pub size: usize,
    /// Most significant byte first.
    pub big_endian: bool,
}

impl Element {
    /// A little-endian number of this machine.
    pub const fn native(kind: Kind, size: usize) -> Element {
        Element { kind, size, big_endian: false }
    }

    /// Short description for messages, as "u32" or "variable-length text".
    pub fn describe(&self) -> String {
        let bits = self.size * 8;
        match self.kind {
            Kind::Unsigned => format!("u{bits}"),
            Kind::Signed => format!("i{bits}"),
            Kind::Float => format!("f{bits}"),
            Kind::Text { .. } => format!("text of {} bytes", self.size),
            Kind::VariableText => "variable-length text".into(),
            Kind::Other => "a compound, reference or opaque type".into(),
        }
    }

    /// Turns big-endian numbers into native ones in place.
    pub fn make_native(&self, bytes: &mut [u8]) {
        if self.big_endian && matches!(self.kind, Kind::Unsigned | Kind::Signed | Kind::Float) {
            bytes.chunks_exact_mut(self.size.max(1)).for_each(<[u8]>::reverse);
        }
    }
}

/// The element of a datatype, and the extra dimensions of an array type.
pub fn from_datatype(datatype: &Datatype, size: usize, offset_size: u8) -> (Element, Vec<u64>) {
    let big = |order: &ByteOrder| *order == ByteOrder::BigEndian;
    let element = match datatype {
        Datatype::FixedPoint { size, signed, byte_order } => {
            Element { kind: if *signed { Kind::Signed } else { Kind::Unsigned }, size: usize::from(*size), big_endian: big(byte_order) }
        }
        Datatype::Bitfield { size, byte_order } => Element { kind: Kind::Unsigned, size: usize::from(*size), big_endian: big(byte_order) },
        Datatype::FloatingPoint { size, byte_order } => {
            Element { kind: Kind::Float, size: usize::from(*size), big_endian: big(byte_order) }
        }
        Datatype::String { size: StringSize::Fixed(n), padding, .. } => {
            Element { kind: Kind::Text { spaces: *padding == StringPadding::SpacePad }, size: *n as usize, big_endian: false }
        }
        Datatype::String { size: StringSize::Variable, .. } | Datatype::VarLen { kind: VarLenKind::String, .. } => {
            // Length, heap address, index in the heap.
            Element::native(Kind::VariableText, 8 + usize::from(offset_size))
        }
        Datatype::Enum { base, .. } => return from_datatype(base, size, offset_size),
        Datatype::Array { base, dims } => {
            let count = dims.iter().fold(1u64, |n, &d| n.saturating_mul(d)).max(1);
            let inner = usize::try_from(size as u64 / count).unwrap_or(0);
            let (element, mut more) = from_datatype(base, inner, offset_size);
            let mut dims = dims.clone();
            dims.append(&mut more);
            return (element, dims);
        }
        _ => Element::native(Kind::Other, size),
    };
    (element, Vec::new())
}
