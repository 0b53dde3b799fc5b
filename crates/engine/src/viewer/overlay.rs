//! Reflections to draw on images.

use ewald_core::stages::integrate::Fate;
use ewald_protocol::{GOOD, ReflectionsHeader, Row, SpotKind};

use super::table::Sorted;

/// All reflections of a kind, as the engine sent them; see [`ReflectionsHeader`].
pub struct Overlay {
    of: SpotKind,
    place: Vec<[u8; 8]>,
    range: Vec<[i32; 3]>,
    boxes: Vec<[u8; 16]>,
    hkl: Vec<[u8; 12]>,
    state: Vec<u8>,
    quantities: Vec<[f32; 4]>,
    pub(super) sorted: Sorted,
}

impl Overlay {
    /// Takes the buffers. What is missing in a short one is missing for the rows at the end.
    pub fn new(header: &ReflectionsHeader, buffers: &[Vec<u8>]) -> Self {
        let bytes = |k: usize| buffers.get(k).map_or(&[][..], Vec::as_slice);
        let number = |b: [u8; 4]| i32::from_le_bytes(b);
        let range = bytes(1).as_chunks::<12>().0.iter().map(|r| {
            let (words, _) = r.as_chunks::<4>();
            [number(words[0]), number(words[1]), number(words[2])]
        });
        Overlay {
            of: header.of,
            place: bytes(0).as_chunks().0.to_vec(),
            range: range.take(header.n).collect(),
            boxes: bytes(2).as_chunks().0.to_vec(),
            hkl: bytes(3).as_chunks().0.to_vec(),
            state: bytes(4).to_vec(),
            quantities: bytes(5).as_chunks::<16>().0.iter().map(floats).collect(),
            sorted: Sorted::default(),
        }
    }

    /// How many there are.
    pub(super) fn n_rows(&self) -> usize {
        self.range.len()
    }

    /// The sweep of a row.
    pub fn sweep(&self, row: usize) -> usize {
        self.range[row][0].max(0) as usize
    }

    /// z, d, intensity and its standard deviation of a row.
    pub fn quantities(&self, row: usize) -> [f32; 4] {
        self.quantities.get(row).copied().unwrap_or([f32::NAN; 4])
    }

    /// A row, as a table shows it.
    pub fn row(&self, row: usize) -> Row {
        let [z, d, intensity, sigma] = self.quantities(row);
        let [x, y] = self.place.get(row).map_or([f32::NAN; 2], floats);
        let hkl = self.hkl.get(row).map(|h| [0, 4, 8].map(|k| i32::from_le_bytes([h[k], h[k + 1], h[k + 2], h[k + 3]])));
        Row {
            sweep: self.sweep(row),
            at: [x, y, z],
            d,
            intensity,
            sigma,
            hkl: hkl.filter(|h| *h != [0; 3]),
            good: self.state.get(row).is_some_and(|s| s & GOOD != 0),
            fate: self.state.get(row).filter(|_| self.of == SpotKind::Integrated).and_then(|s| Fate::from_number(s >> 1)),
        }
    }

    /// Number of those whose boxes have pixels on an image, and the buffers that tell of them.
    pub fn on_image(&self, sweep: usize, image: usize) -> (usize, Vec<Vec<u8>>) {
        let (sweep, image) = (sweep as i32, image as i32);
        let there = |r: &&[i32; 3]| r[0] == sweep && (r[1]..r[2]).contains(&image);
        let rows: Vec<usize> = self.range.iter().enumerate().filter(|(_, r)| there(r)).map(|(row, _)| row).collect();
        fn pick<const N: usize>(rows: &[usize], from: &[[u8; N]]) -> Vec<u8> {
            rows.iter().filter_map(|row| from.get(*row)).flatten().copied().collect()
        }
        let state = rows.iter().filter_map(|row| self.state.get(*row)).copied().collect();
        (rows.len(), vec![pick(&rows, &self.place), pick(&rows, &self.boxes), pick(&rows, &self.hkl), state])
    }
}

/// Little-endian numbers.
fn floats<const BYTES: usize, const N: usize>(bytes: &[u8; BYTES]) -> [f32; N] {
    let words = bytes.as_chunks::<4>().0;
    core::array::from_fn(|k| f32::from_le_bytes(words[k]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reflection_is_on_every_image_of_its_box_and_no_other() {
        let ints = |values: &[i32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let buffers = [vec![7; 16], ints(&[0, 2, 4, 1, 0, 9]), ints(&[1, 2, 3, 4, 5, 6, 7, 8]), Vec::new(), vec![0, 1]];
        let overlay = Overlay::new(&ReflectionsHeader { of: SpotKind::Found, n: 2 }, &buffers);
        let n = |sweep, image| overlay.on_image(sweep, image).0;
        assert_eq!([n(0, 1), n(0, 2), n(0, 3), n(0, 4), n(1, 3), n(2, 3)], [0, 1, 1, 0, 1, 0]);
        assert_eq!(overlay.on_image(1, 3).1, [vec![7; 8], ints(&[5, 6, 7, 8]), Vec::new(), vec![1]]);
    }

    #[test]
    fn rows_of_integrated_ones_tell_their_fate() {
        let row = |of, state| {
            Overlay::new(&ReflectionsHeader { of, n: 1 }, &[vec![0; 8], vec![0; 12], vec![0; 16], vec![1; 12], vec![state]]).row(0)
        };
        let masked = row(SpotKind::Integrated, Fate::Masked.number() << 1);
        assert_eq!((masked.good, masked.fate), (false, Some(Fate::Masked)));
        let fitted = row(SpotKind::Integrated, GOOD | (Fate::Fitted.number() << 1));
        assert_eq!((fitted.good, fitted.fate), (true, Some(Fate::Fitted)));
        assert_eq!((row(SpotKind::Indexed, GOOD).good, row(SpotKind::Indexed, GOOD).fate), (true, None));
    }
}
