//! A stack of images: which stored bytes make up frame z, and how they become pixels.
//!
//! ```text
//! plan(z)    the stored pieces of a frame: from tables in memory
//! fetch(z)   reads them one after the other into one buffer    thread that owns the files
//! decode(z)  the buffer → pixels                               any thread
//! ```

use std::sync::{Arc, OnceLock};

use super::Error;
use super::chunks::Chunk;
use super::dataset::{Dataset, Storage};
use super::element::{Element, Kind};
use super::filters::Filters;
use super::node::Node;
use super::selection::Span;
use super::virtual_layout::Mapping;

/// Largest frame: 16 times the largest detector of today.
const MAX_FRAME_BYTES: u64 = 1 << 30;
/// A stored piece may be larger than the pixels it holds by this much at most (incompressible data have a small overhead).
const MAX_EXPANSION: u64 = 2;
/// Virtual data sets of virtual data sets of ...
const MAX_DEPTH: usize = 8;

/// A data set of images, stored or virtual.
#[derive(Debug)]
pub struct Stack {
    dataset: Dataset,
    frames: u64,
    height: usize,
    width: usize,
    sources: Vec<Source>,
    /// How many virtual data sets led here.
    depth: usize,
}

/// A mapping of a virtual stack with the numbers of a frame worked out.
#[derive(Debug)]
struct Source {
    mapping: Mapping,
    target: [Span; 3],
    /// Opened on first use; `None` for numbered sources, which are opened by number.
    stack: OnceLock<Arc<Stack>>,
    numbered: std::sync::Mutex<std::collections::HashMap<u64, Arc<Stack>>>,
}

/// A rectangle of pixels: first row and column, rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rect {
    y: usize,
    x: usize,
    height: usize,
    width: usize,
}

/// One stored piece of a frame.
#[derive(Debug, Clone)]
struct Piece {
    /// Where its bytes lie; `None` when nothing is stored and the fill value stands for it.
    stored: Option<Chunk>,
    node: Node,
    filters: Filters,
    element: Element,
    fill: Vec<u8>,
    /// Planes, rows and columns of the decoded piece, and which plane is wanted.
    shape: [usize; 3],
    plane: usize,
    /// What is taken of that plane, and where it goes in the frame.
    from: Rect,
    to: [usize; 2],
}

impl Stack {
    /// Opens a 3-D (frame, slow, fast) or 2-D data set of whole numbers.
    pub fn open(node: &Node) -> Result<Stack, Error> {
        Stack::nested(Dataset::open(node)?, 0)
    }

    fn nested(dataset: Dataset, depth: usize) -> Result<Stack, Error> {
        let (file, path) = (dataset.node().file_name().to_owned(), dataset.node().path().to_owned());
        if depth >= MAX_DEPTH {
            return Err(Error::LinkLoop { file, path, limit: MAX_DEPTH });
        }
        let (frames, height, width) = match dataset.shape() {
            &[n, h, w] => (n, h, w),
            &[h, w] => (1, h, w),
            shape => {
                let found = format!("of shape {shape:?}");
                return Err(Error::Kind { file, path, expected: "a stack of images", found });
            }
        };
        let element = dataset.element();
        let integer = matches!(element.kind, Kind::Signed | Kind::Unsigned);
        if !integer || !matches!(element.size, 1 | 2 | 4 | 8) {
            let found = format!("of {}", element.describe());
            return Err(Error::Kind { file, path, expected: "images of whole numbers", found });
        }
        let bytes = height.saturating_mul(width).saturating_mul(element.size as u64);
        if bytes > MAX_FRAME_BYTES {
            return Err(Error::TooLarge { file, path, bytes, limit: MAX_FRAME_BYTES });
        }
        let mut sources = Vec::new();
        if let Storage::Virtual(mappings) = dataset.storage() {
            for mapping in mappings {
                let spans = mapping.target.spans(dataset.shape());
                let target = match spans.as_deref() {
                    Some(&[z, y, x]) => [z, y, x],
                    Some(&[y, x]) => [Span { start: 0, stride: 1, count: 1, block: 1 }, y, x],
                    _ => {
                        return Err(Error::unsupported(&file, &path, "an irregular selection of images"));
                    }
                };
                sources.push(Source { mapping: mapping.clone(), target, stack: OnceLock::new(), numbered: Default::default() });
            }
        }
        // Bounded above, so both fit any platform's usize.
        Ok(Stack { dataset, frames, height: height as usize, width: width as usize, sources, depth })
    }

    /// Number of frames.
    pub fn len(&self) -> u64 {
        self.frames
    }

    /// Whether there are no frames.
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Rows and columns of a frame.
    pub fn shape(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// The pixel type.
    pub fn element(&self) -> Element {
        self.dataset.element()
    }

    /// The file that the data set lies in.
    pub fn file_name(&self) -> &str {
        self.dataset.node().file_name()
    }

    /// Names of the files that a virtual stack needs but that were not given, each once.
    pub fn missing_files(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for source in &self.sources {
            let n = source.target[0].within(self.frames);
            let blocks = if source.mapping.is_numbered() { n.count.min(self.frames) } else { 1 };
            for block in 0..blocks {
                match self.source_stack(source, block) {
                    Err(Error::MissingFile { wanted, .. }) if !out.contains(&wanted) => out.push(wanted),
                    Ok(stack) => out.extend(stack.missing_files().into_iter().filter(|f| !out.contains(f)).collect::<Vec<_>>()),
                    _ => {}
                }
            }
        }
        out
    }

    /// Number of frames from the first on that lie in files that were given.
    pub fn available(&self) -> u64 {
        if self.missing_files().is_empty() {
            return self.frames;
        }
        (0..self.frames).find(|&z| self.plan(z).is_err()).unwrap_or(self.frames)
    }

    /// File and address of the first stored bytes of frame 0; `None` when nothing of it is stored.
    pub fn origin(&self) -> Option<(String, u64)> {
        let pieces = self.plan(0).ok()?;
        pieces.iter().find_map(|p| Some((p.node.file_name().to_owned(), p.stored?.address)))
    }

    /// Reads the stored bytes of frame `z` (from 0) and appends them to `out`.
    pub fn fetch(&self, z: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        for piece in self.plan(z)? {
            let Some(chunk) = piece.stored else { continue };
            let file = piece.node.file();
            file.check_data(chunk.address, chunk.size)?;
            // Bounded when planned.
            let start = out.len();
            out.resize(start + chunk.size as usize, 0);
            file.read_data(chunk.address, &mut out[start..])?;
        }
        Ok(())
    }

    /// Decodes what [`Stack::fetch`] read of frame `z` into `out`, rows after rows, as 32-bit counts.
    ///
    /// Detectors mark a pixel without data by the largest unsigned value and a defective one by the next: they become −1 and −2, as in miniCBF. Other
    /// values beyond the range of `i32` become its nearest end. Fails when `out` is not the size of a frame or the bytes are damaged.
    pub fn decode(&self, z: u64, bytes: &[u8], out: &mut [i32]) -> Result<(), Error> {
        let pixels = self.height * self.width;
        if out.len() != pixels {
            let reason = format!("a buffer of {} pixels for a frame of {pixels}", out.len());
            return Err(Error::damaged(self.file_name(), self.dataset.node().path(), reason));
        }
        let mut rest = bytes;
        let pieces = self.plan(z)?;
        let covers = |p: &Piece| p.to == [0, 0] && p.from.height == self.height && p.from.width == self.width;
        if !pieces.iter().any(covers) {
            // Gaps between the tiles of a virtual data set hold its fill value.
            out.fill(pixel(self.element(), self.dataset.fill()));
        }
        for piece in pieces {
            let len = piece.stored.map_or(0, |c| c.size as usize);
            let Some((stored, tail)) = rest.split_at_checked(len) else {
                return Err(Error::damaged(self.file_name(), piece.node.path(), "fewer bytes than were read"));
            };
            rest = tail;
            piece.decode(stored, out, self.width)?;
        }
        Ok(())
    }

    fn plan(&self, z: u64) -> Result<Vec<Piece>, Error> {
        let (file, path) = (self.file_name(), self.dataset.node().path());
        if z >= self.frames {
            return Err(Error::NoFrame { file: file.into(), path: path.into(), frame: z, frames: self.frames });
        }
        let whole = Rect { y: 0, x: 0, height: self.height, width: self.width };
        match self.dataset.storage() {
            Storage::Virtual(_) => self.plan_virtual(z),
            Storage::Chunked { filters, .. } => self.plan_chunks(z, filters),
            Storage::Contiguous { address } => {
                let size = (self.height * self.width * self.element().size) as u64;
                let stored = (!self.dataset.node().file().is_undefined(*address)).then(|| Chunk {
                    index: z,
                    address: address.saturating_add(z.saturating_mul(size)),
                    size,
                    mask: 0,
                });
                let filters = Filters::default();
                Ok(vec![self.piece(stored, filters, [1, self.height, self.width], 0, whole, [0, 0])])
            }
            Storage::Compact(_) => Err(Error::unsupported(file, path, "images inside the object header")),
        }
    }

    fn piece(&self, stored: Option<Chunk>, filters: Filters, shape: [usize; 3], plane: usize, from: Rect, to: [usize; 2]) -> Piece {
        let node = self.dataset.node().clone();
        let (element, fill) = (self.element(), self.dataset.fill().to_vec());
        Piece { stored, node, filters, element, fill, shape, plane, from, to }
    }

    fn plan_chunks(&self, z: u64, filters: &Filters) -> Result<Vec<Piece>, Error> {
        let (file, path) = (self.file_name(), self.dataset.node().path());
        let geometry = self.dataset.geometry();
        let (planes, rows, columns) = match geometry.chunk[..] {
            [p, r, c] => (p, r, c),
            [r, c] => (1, r, c),
            _ => return Err(Error::damaged(file, path, "chunks of another rank")),
        };
        let limit = geometry.chunk_bytes();
        if limit > MAX_FRAME_BYTES {
            return Err(Error::TooLarge { file: file.into(), path: path.into(), bytes: limit, limit: MAX_FRAME_BYTES });
        }
        let table = self.dataset.table()?;
        let (grid_y, grid_x) = ((self.height as u64).div_ceil(rows), (self.width as u64).div_ceil(columns));
        let mut out = Vec::new();
        for cy in 0..grid_y {
            for cx in 0..grid_x {
                let stored = table.get((z / planes * grid_y + cy) * grid_x + cx);
                if let Some(c) = stored.filter(|c| c.size > limit * MAX_EXPANSION + 4096) {
                    let reason = format!("a chunk of {} bytes for {limit} bytes of pixels", c.size);
                    return Err(Error::damaged(file, path, reason));
                }
                let to = [(cy * rows) as usize, (cx * columns) as usize];
                let from = Rect {
                    y: 0,
                    x: 0,
                    height: (rows as usize).min(self.height - to[0]),
                    width: (columns as usize).min(self.width - to[1]),
                };
                let shape = [planes as usize, rows as usize, columns as usize];
                out.push(self.piece(stored, filters.clone(), shape, (z % planes) as usize, from, to));
            }
        }
        Ok(out)
    }

    fn plan_virtual(&self, z: u64) -> Result<Vec<Piece>, Error> {
        let (file, path) = (self.file_name(), self.dataset.node().path());
        let unsupported = |what: &str| Error::unsupported(file, path, what);
        let mut out = Vec::new();
        for source in &self.sources {
            let Some(position) = source.target[0].position(z, self.frames) else { continue };
            let single = |span: Span, extent: usize| {
                let mut runs = span.runs(extent as u64);
                match (runs.next(), runs.next()) {
                    (Some((first, n)), None) => Some((first as usize, n as usize)),
                    _ => None,
                }
            };
            let [_, ty, tx] = source.target;
            let (Some((y, height)), Some((x, width))) = (single(ty, self.height), single(tx, self.width)) else {
                return Err(unsupported("a virtual data set that interleaves pixels"));
            };
            let (block, within) = source.block(position);
            let stack = self.source_stack(source, block)?;
            let shape = stack.dataset.shape();
            let spans = source.mapping.source.spans(shape).ok_or_else(|| unsupported("an irregular selection of images"))?;
            let (sz, sy, sx) = match spans[..] {
                [z, y, x] => (z.coordinate(within), y, x),
                [y, x] => (0, y, x),
                _ => return Err(unsupported("a virtual data set of another rank than its source")),
            };
            let (Some((sy, sh)), Some((sx, sw))) = (single(sy, stack.height), single(sx, stack.width)) else {
                return Err(unsupported("a virtual data set that interleaves pixels"));
            };
            if (sh, sw) != (height, width) {
                let reason = format!("{sh} × {sw} pixels of {} stand for {height} × {width}", stack.file_name());
                return Err(Error::damaged(file, path, reason));
            }
            let wanted = Rect { y: sy, x: sx, height, width };
            for mut piece in stack.plan(sz)? {
                // Cut the source's piece to what the mapping takes of the source's frame.
                let (py, px) = (piece.to[0], piece.to[1]);
                let (y0, y1) = (py.max(wanted.y), (py + piece.from.height).min(wanted.y + wanted.height));
                let (x0, x1) = (px.max(wanted.x), (px + piece.from.width).min(wanted.x + wanted.width));
                if y0 >= y1 || x0 >= x1 {
                    continue;
                }
                piece.from = Rect { y: piece.from.y + y0 - py, x: piece.from.x + x0 - px, height: y1 - y0, width: x1 - x0 };
                piece.to = [y0 - wanted.y + y, x0 - wanted.x + x];
                out.push(piece);
            }
        }
        Ok(out)
    }

    fn source_stack(&self, source: &Source, block: u64) -> Result<Arc<Stack>, Error> {
        let numbered = source.mapping.is_numbered();
        if numbered {
            let stacks = source.numbered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(stack) = stacks.get(&block) {
                return Ok(stack.clone());
            }
        } else if let Some(stack) = source.stack.get() {
            return Ok(stack.clone());
        }
        let (file, dataset) = source.names(block);
        let opened = self.dataset.open_source(&file, &dataset)?;
        let stack = Arc::new(Stack::nested(opened, self.depth + 1)?);
        if numbered {
            let mut stacks = source.numbered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            stacks.insert(block, stack.clone());
            return Ok(stack);
        }
        Ok(source.stack.get_or_init(|| stack).clone())
    }
}

impl Source {
    /// For the `position`-th selected frame: the number of its block (0 unless the names are numbered), and
    /// the position within what the source selects.
    fn block(&self, position: u64) -> (u64, u64) {
        let n = self.target[0].block.max(1);
        if self.mapping.is_numbered() { (position / n, position % n) } else { (0, position) }
    }

    fn names(&self, block: u64) -> (String, String) {
        if self.mapping.is_numbered() { self.mapping.names(block) } else { (self.mapping.file.clone(), self.mapping.dataset.clone()) }
    }
}

impl Piece {
    fn decode(&self, stored: &[u8], out: &mut [i32], width: usize) -> Result<(), Error> {
        let size = self.element.size;
        let Rect { y, x, height, width: columns } = self.from;
        if self.stored.is_none() {
            let fill = pixel(self.element, &self.fill);
            for row in 0..height {
                let at = (self.to[0] + row) * width + self.to[1];
                out[at..at + columns].fill(fill);
            }
            return Ok(());
        }
        let mask = self.stored.map_or(0, |c| c.mask);
        let (file, path) = (self.node.file_name(), self.node.path());
        let [planes, rows, all_columns] = self.shape;
        let whole = self.to == [0, 0] && planes == 1 && (rows, all_columns) == (height, columns) && columns == width;
        if whole && size == 4 && !self.element.big_endian && cfg!(target_endian = "little") {
            // The usual case, straight into the frame.
            let unsigned = self.element.kind == Kind::Unsigned;
            let bound = |pixels: &mut [u8]| {
                if unsigned {
                    bound_unsigned(pixels);
                }
            };
            return self.filters.decode(stored, mask, size, as_bytes(out), bound, (file, path));
        }
        let mut decoded = vec![0; planes * rows * all_columns * size];
        self.filters.decode(stored, mask, size, &mut decoded, |_| {}, (file, path))?;
        self.element.make_native(&mut decoded);
        let native = Element { big_endian: false, ..self.element };
        for row in 0..height {
            let start = ((self.plane * rows + y + row) * all_columns + x) * size;
            let at = (self.to[0] + row) * width + self.to[1];
            convert(native, &decoded[start..start + columns * size], &mut out[at..at + columns]);
        }
        Ok(())
    }
}

/// The bytes of pixels, to be decoded into.
fn as_bytes(pixels: &mut [i32]) -> &mut [u8] {
    let len = size_of_val(pixels);
    // SAFETY: the same memory for as long as it is borrowed; any bytes make an i32, and u8 needs no alignment.
    unsafe { core::slice::from_raw_parts_mut(pixels.as_mut_ptr().cast(), len) }
}

/// u32 as i32: those beyond its range become its end; the two marks are −1 and −2 already. `pixels`: a part of a frame's memory.
fn bound_unsigned(pixels: &mut [u8]) {
    // SAFETY: any bytes make an i32.
    let (before, counts, after) = unsafe { pixels.align_to_mut::<i32>() };
    assert!(before.is_empty() && after.is_empty(), "a part that begins or ends within a pixel");
    // Written back in any case: without a branch several are done at once.
    counts.iter_mut().for_each(|p| *p = if *p < -2 { i32::MAX } else { *p });
}

/// One element as stored → a count.
fn pixel(element: Element, stored: &[u8]) -> i32 {
    let mut bytes = stored.to_vec();
    element.make_native(&mut bytes);
    let mut out = [0];
    convert(Element { big_endian: false, ..element }, &bytes, &mut out);
    out[0]
}

/// Native-endian elements → counts.
fn convert(element: Element, bytes: &[u8], out: &mut [i32]) {
    macro_rules! each {
        ($t:ty, $f:expr) => {{
            let f: fn($t) -> i32 = $f;
            for (o, b) in out.iter_mut().zip(bytes.chunks_exact(size_of::<$t>())) {
                let mut raw = [0; size_of::<$t>()];
                raw.copy_from_slice(b);
                *o = f(<$t>::from_le_bytes(raw));
            }
        }};
    }
    match (element.kind, element.size) {
        (Kind::Unsigned, 1) => each!(u8, |v| if v >= u8::MAX - 1 { -i32::from(!v) - 1 } else { i32::from(v) }),
        (Kind::Unsigned, 2) => each!(u16, |v| if v >= u16::MAX - 1 { -i32::from(!v) - 1 } else { i32::from(v) }),
        (Kind::Unsigned, 4) => each!(u32, |v| if v >= u32::MAX - 1 { v as i32 } else { i32::try_from(v).unwrap_or(i32::MAX) }),
        (Kind::Unsigned, 8) => each!(u64, |v| if v >= u64::MAX - 1 { v as i32 } else { i32::try_from(v).unwrap_or(i32::MAX) }),
        (Kind::Signed, 1) => each!(i8, i32::from),
        (Kind::Signed, 2) => each!(i16, i32::from),
        (Kind::Signed, 4) => each!(i32, |v| v),
        (Kind::Signed, 8) => each!(i64, |v| v.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32),
        _ => {}
    }
}
