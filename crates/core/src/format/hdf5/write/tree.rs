/// Numbers or text.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit unsigned integers.
    U32(Vec<u32>),
    /// Floating-point numbers.
    F64(Vec<f64>),
    /// One text (UTF-8, of fixed length in the file).
    Text(String),
}

impl Values {
    pub(super) fn len(&self) -> usize {
        match self {
            Values::I64(v) => v.len(),
            Values::U32(v) => v.len(),
            Values::F64(v) => v.len(),
            Values::Text(_) => 1,
        }
    }
}

/// Numbers or text with a shape (empty = scalar) and attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// The values, last dimension fastest.
    pub values: Values,
    /// Extent along each dimension; their product is the number of values.
    pub dims: Vec<u64>,
    /// Attributes, each scalar or one-dimensional.
    pub attributes: Vec<(String, Values)>,
}

impl Data {
    /// A scalar.
    pub fn scalar(values: Values) -> Self {
        Data { values, dims: Vec::new(), attributes: Vec::new() }
    }
    /// A number.
    pub fn number(x: f64) -> Self {
        Data::scalar(Values::F64(vec![x]))
    }
    /// An integer.
    pub fn integer(x: i64) -> Self {
        Data::scalar(Values::I64(vec![x]))
    }
    /// A text.
    pub fn text(s: &str) -> Self {
        Data::scalar(Values::Text(s.to_owned()))
    }
    /// A list.
    pub fn list(values: Values) -> Self {
        let n = values.len() as u64;
        Data { values, dims: vec![n], attributes: Vec::new() }
    }
    /// The same with an attribute more.
    pub fn with(mut self, name: &str, value: Values) -> Self {
        self.attributes.push((name.to_owned(), value));
        self
    }
    /// The same with a unit.
    pub fn unit(self, unit: &str) -> Self {
        self.with("units", Values::Text(unit.to_owned()))
    }
}

/// Type of a stack's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 16-bit unsigned.
    U16,
    /// 32-bit unsigned.
    U32,
}

impl Element {
    /// Bytes per pixel.
    pub fn size(self) -> usize {
        match self {
            Element::U16 => 2,
            Element::U32 => 4,
        }
    }
}

/// Images of one size, each one chunk, compressed with bitshuffle and LZ4 (filter 32008) by the caller.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// Rows and columns of an image.
    pub shape: [u64; 2],
    /// Type of the pixels.
    pub element: Element,
    /// The compressed images.
    pub chunks: Vec<Vec<u8>>,
}

/// What a name in a group stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A group.
    Group(Group),
    /// Numbers or text.
    Data(Data),
    /// Images.
    Stack(Stack),
    /// Another path of the same file.
    Soft(String),
    /// A path in another file.
    External {
        /// The file, relative to this one.
        file: String,
        /// The path in it.
        path: String,
    },
}

/// A group.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Group {
    /// Its members, in the order in which they were added.
    pub entries: Vec<(String, Entry)>,
    /// Attributes, each scalar or one-dimensional.
    pub attributes: Vec<(String, Values)>,
}

impl Group {
    /// A group of a NeXus class.
    pub fn nexus(class: &str) -> Self {
        Group { entries: Vec::new(), attributes: vec![("NX_class".to_owned(), Values::Text(class.to_owned()))] }
    }
    /// Adds a member.
    pub fn add(&mut self, name: &str, entry: Entry) -> &mut Self {
        self.entries.push((name.to_owned(), entry));
        self
    }
    /// Adds numbers or text.
    pub fn data(&mut self, name: &str, data: Data) -> &mut Self {
        self.add(name, Entry::Data(data))
    }
}
