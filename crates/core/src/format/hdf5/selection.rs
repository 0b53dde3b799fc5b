//! Selections of a data set's elements, as virtual data sets store them.

/// "As far as the data set reaches."
pub const UNLIMITED: u64 = u64::MAX;
const MAX_RANK: usize = 32;

/// Which elements are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// None.
    None,
    /// All.
    All,
    /// `count` blocks of `block` elements each, `stride` apart, from `start` on, along each dimension.
    Regular(Vec<Span>),
    /// Single elements.
    Points(Vec<Vec<u64>>),
    /// Boxes from a first to a last corner (inclusive), without order among them.
    Boxes(Vec<(Vec<u64>, Vec<u64>)>),
}

/// A regular selection along one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: u64,
    pub stride: u64,
    pub count: u64,
    pub block: u64,
}

impl Span {
    /// The span of all `n` elements.
    fn all(n: u64) -> Span {
        Span { start: 0, stride: 1, count: 1, block: n }
    }

    /// Without unlimited numbers, within an extent.
    pub fn within(self, extent: u64) -> Span {
        let left = extent.saturating_sub(self.start);
        let stride = self.stride.max(1);
        let block = if self.block == UNLIMITED { left } else { self.block };
        let count = if self.count == UNLIMITED { left.div_ceil(stride) } else { self.count };
        Span { start: self.start, stride, count, block }
    }

    /// The selected coordinates below `extent`, as runs of (first, length).
    pub fn runs(self, extent: u64) -> impl Iterator<Item = (u64, u64)> {
        let s = self.within(extent);
        // Touching blocks are one run.
        let (count, block) = if s.stride == s.block && s.count > 0 { (1, s.block.saturating_mul(s.count)) } else { (s.count, s.block) };
        (0..count)
            .map(move |i| s.start.saturating_add(i.saturating_mul(s.stride)))
            .take_while(move |&first| first < extent)
            .map(move |first| (first, block.min(extent - first)))
            .filter(|&(_, n)| n > 0)
    }

    /// Which selected coordinate (counted from 0) `x` is; `None` when it is not selected.
    pub fn position(self, x: u64, extent: u64) -> Option<u64> {
        let s = self.within(extent);
        let from_start = x.checked_sub(s.start)?;
        let (i, within) = (from_start / s.stride, from_start % s.stride);
        // Blocks may not overlap, but a single one may be longer than the stride.
        let (i, within) = if s.count == 1 { (0, from_start) } else { (i, within) };
        (i < s.count && within < s.block).then(|| i.saturating_mul(s.block).saturating_add(within))
    }

    /// The coordinate of the `k`-th selected element (unlimited blocks allowed).
    pub fn coordinate(self, k: u64) -> u64 {
        if self.block == UNLIMITED || self.block == 0 {
            return self.start.saturating_add(k);
        }
        self.start.saturating_add((k / self.block).saturating_mul(self.stride.max(1))).saturating_add(k % self.block)
    }
}

impl Selection {
    /// As a regular selection of a data set of this shape, if it is one.
    pub fn spans(&self, shape: &[u64]) -> Option<Vec<Span>> {
        match self {
            Selection::All => Some(shape.iter().map(|&n| Span::all(n)).collect()),
            Selection::Regular(spans) if spans.len() == shape.len() => Some(spans.clone()),
            _ => None,
        }
    }

    /// Runs of elements (first, length) of a data set of this shape, in row-major order. `None` when the order of
    /// the selection is not that, or the rank differs.
    pub fn runs(&self, shape: &[u64]) -> Option<Vec<(u64, u64)>> {
        if let Selection::None = self {
            return Some(Vec::new());
        }
        if let Selection::Points(points) = self {
            let linear = |p: &Vec<u64>| {
                (p.len() == shape.len() && p.iter().zip(shape).all(|(x, n)| x < n))
                    .then(|| p.iter().zip(shape).fold(0, |at, (x, n)| at * n + x))
            };
            return points.iter().map(|p| linear(p).map(|at| (at, 1))).collect();
        }
        let spans = self.spans(shape)?;
        let mut runs: Vec<(u64, u64)> = vec![(0, 1)];
        for (span, &extent) in spans.iter().zip(shape) {
            let inner: Vec<(u64, u64)> = span.runs(extent).collect();
            let whole = matches!(inner[..], [(0, n)] if n == extent);
            let mut next = Vec::new();
            for (first, n) in runs {
                if whole {
                    next.push((first * extent, n * extent));
                    continue;
                }
                for row in first..first + n {
                    next.extend(inner.iter().map(|&(x, n)| (row * extent + x, n)));
                }
            }
            runs = next;
        }
        Some(runs)
    }
}

/// Reads little-endian numbers from a slice.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    /// A number of 1 to 8 bytes.
    pub fn number(&mut self, width: usize) -> Option<u64> {
        Some(self.bytes(width)?.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b)))
    }

    /// A number whose largest value means "unlimited".
    fn extent(&mut self, width: usize) -> Option<u64> {
        let v = self.number(width)?;
        Some(if width < 8 && v == (1 << (8 * width)) - 1 { UNLIMITED } else { v })
    }

    fn extents(&mut self, width: usize, rank: usize) -> Option<Vec<u64>> {
        (0..rank).map(|_| self.extent(width)).collect()
    }

    /// Text that ends with a zero.
    pub fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|&b| b == 0)?;
        let text = String::from_utf8_lossy(&self.0[..end]).into_owned();
        self.0 = &self.0[end + 1..];
        Some(text)
    }

    fn rank(&mut self) -> Option<usize> {
        let rank = self.number(4)? as usize;
        (1..=MAX_RANK).contains(&rank).then_some(rank)
    }

    /// A serialised selection (HDF5 file format specification, VIII.A.).
    pub fn selection(&mut self) -> Option<Selection> {
        const NONE: u64 = 0;
        const POINTS: u64 = 1;
        const HYPERSLAB: u64 = 2;
        const ALL: u64 = 3;
        let kind = self.number(4)?;
        let version = self.number(4)?;
        match kind {
            NONE => self.bytes(8).map(|_| Selection::None),
            ALL => self.bytes(8).map(|_| Selection::All),
            HYPERSLAB => self.hyperslab(version),
            POINTS => self.points(version),
            _ => None,
        }
    }

    fn hyperslab(&mut self, version: u64) -> Option<Selection> {
        let (regular, width) = match version {
            1 => {
                self.bytes(8)?; // reserved, length
                (false, 4)
            }
            2 => {
                let flags = self.number(1)?;
                self.bytes(4)?; // length
                (flags & 1 != 0, 8)
            }
            3 => {
                let flags = self.number(1)?;
                let width = self.number(1)? as usize;
                (flags & 1 != 0, width)
            }
            _ => return None,
        };
        if !matches!(width, 2 | 4 | 8) {
            return None;
        }
        let rank = self.rank()?;
        if regular {
            let span = |r: &mut Self| {
                let v = r.extents(width, 4)?;
                Some(Span { start: v[0], stride: v[1], count: v[2], block: v[3] })
            };
            return (0..rank).map(|_| span(self)).collect::<Option<_>>().map(Selection::Regular);
        }
        let n = self.number(width)?;
        if n > (self.0.len() / (2 * width * rank)) as u64 {
            return None;
        }
        let mut boxes = Vec::new();
        for _ in 0..n {
            boxes.push((self.extents(width, rank)?, self.extents(width, rank)?));
        }
        if let [(first, last)] = &boxes[..] {
            let span = |(&a, &b): (&u64, &u64)| Some(Span { start: a, stride: 1, count: 1, block: b.checked_sub(a)?.checked_add(1)? });
            return first.iter().zip(last).map(span).collect::<Option<_>>().map(Selection::Regular);
        }
        Some(Selection::Boxes(boxes))
    }

    fn points(&mut self, version: u64) -> Option<Selection> {
        let width = match version {
            1 => {
                self.bytes(8)?; // reserved, length
                4
            }
            2 => self.number(1)? as usize,
            _ => return None,
        };
        if !matches!(width, 2 | 4 | 8) {
            return None;
        }
        let rank = self.rank()?;
        let n = self.number(width)?;
        if n > (self.0.len() / (width * rank)) as u64 {
            return None;
        }
        (0..n).map(|_| self.extents(width, rank)).collect::<Option<_>>().map(Selection::Points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_the_selected_elements_in_order(
            dims in prop::collection::vec((1u64..9, 0u64..5, 1u64..5, 0u64..4, 1u64..5), 1..4),
        ) {
            let shape: Vec<u64> = dims.iter().map(|d| d.0).collect();
            let spans: Vec<Span> = dims.iter().map(|&(_, start, stride, count, block)| {
                Span { start, stride: stride.max(block), count, block }
            }).collect();
            let selected = |x: u64, s: &Span| {
                (0..s.count).any(|i| x >= s.start + i * s.stride && x < s.start + i * s.stride + s.block)
            };
            let total: u64 = shape.iter().product();
            let want: Vec<u64> = (0..total).filter(|&at| {
                let mut rest = at;
                shape.iter().zip(&spans).rev().all(|(&n, s)| {
                    let x = rest % n;
                    rest /= n;
                    selected(x, s)
                })
            }).collect();
            let runs = Selection::Regular(spans.clone()).runs(&shape).unwrap();
            let got: Vec<u64> = runs.iter().flat_map(|&(first, n)| first..first + n).collect();
            prop_assert_eq!(got, want);
            for (s, &n) in spans.iter().zip(&shape) {
                let mut k = 0;
                for x in 0..n {
                    let position = s.position(x, n);
                    prop_assert_eq!(position.is_some(), selected(x, s));
                    if let Some(p) = position {
                        prop_assert_eq!(p, k);
                        prop_assert_eq!(s.coordinate(p), x);
                        k += 1;
                    }
                }
            }
        }

        #[test]
        fn damaged_selections_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..4, version in 0u8..4) {
            let mut input = vec![kind, 0, 0, 0, version, 0, 0, 0];
            input.extend(bytes);
            let _ = Reader(&input).selection();
        }
    }
}
