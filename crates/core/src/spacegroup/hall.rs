//! Hall symbols (Hall 1981; International Tables B (2001), A1.4.2.3).
//!
//! A symbol is a lattice letter, `-` before it for a centre at the origin, then up to three
//! matrices `[-]N[axis][translations]`, then a change of basis in parentheses: a triplet
//! `(x,y,-x+z)` (with V as coordinates: x′ = V·x, the operations become V·W·V⁻¹) or a shift of
//! origin in twelfths, `(0 0 4)`.

use super::Error;
use super::basis::ChangeOfBasis;
use super::group::SpaceGroup;
use super::op::{IDENTITY, IntMatrix, SymOp, TRANSLATION_DENOMINATOR, negate};
use super::triplet;

/// Axis along which a rotation of a Hall symbol acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    X,
    Y,
    Z,
    /// `'`: a−b seen along z (b−c along x, a−c along y).
    Minus,
    /// `"`: a+b seen along z.
    Plus,
    /// `*`: a+b+c.
    Body,
}

/// Rotation of order `n` about z.
fn about_z(n: u8) -> Option<IntMatrix> {
    Some(match n {
        1 => IDENTITY,
        2 => [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
        3 => [[0, -1, 0], [1, -1, 0], [0, 0, 1]],
        4 => [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
        6 => [[1, -1, 0], [1, 0, 0], [0, 0, 1]],
        _ => return None,
    })
}

/// The matrix with its axes permuted cyclically, so that z becomes axis `to`.
fn turned(m: &IntMatrix, to: usize) -> IntMatrix {
    // z (2) → to: every index moves by to − 2 (mod 3).
    let shift = (to + 1) % 3;
    let mut out = [[0; 3]; 3];
    for i in 0..3 {
        for j in 0..3 {
            out[(i + shift) % 3][(j + shift) % 3] = m[i][j];
        }
    }
    out
}

fn rotation(n: u8, axis: Axis, previous: usize) -> Option<IntMatrix> {
    Some(match axis {
        Axis::X => turned(&about_z(n)?, 0),
        Axis::Y => turned(&about_z(n)?, 1),
        Axis::Z => about_z(n)?,
        Axis::Body if n == 3 => [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
        Axis::Minus if n == 2 => turned(&[[0, -1, 0], [-1, 0, 0], [0, 0, -1]], previous),
        Axis::Plus if n == 2 => turned(&[[0, 1, 0], [1, 0, 0], [0, 0, -1]], previous),
        _ => return None,
    })
}

/// Centring translations of a lattice letter, in 1/24, zero left out.
pub(super) fn centring_vectors(letter: u8) -> Option<&'static [[i32; 3]]> {
    Some(match letter {
        b'P' => &[],
        b'A' => &[[0, 12, 12]],
        b'B' => &[[12, 0, 12]],
        b'C' => &[[12, 12, 0]],
        b'I' => &[[12, 12, 12]],
        b'R' => &[[16, 8, 8], [8, 16, 16]],
        b'H' => &[[16, 8, 0], [8, 16, 0]],
        b'S' => &[[8, 8, 16], [16, 16, 8]],
        b'T' => &[[8, 16, 8], [16, 8, 16]],
        b'F' => &[[0, 12, 12], [12, 0, 12], [12, 12, 0]],
        _ => return None,
    })
}

/// Parses a Hall symbol such as ` P 4abw 2nw`, `-R 3 2"` or ` C 2y (x,y,-x+z)`.
///
/// # Errors
/// A letter or digit that has no meaning where it stands, or operations that form no space group.
pub fn parse(symbol: &str) -> Result<SpaceGroup, Error> {
    let bad = |reason| Error::Hall { symbol: triplet::shorten(symbol), reason };
    if symbol.len() > 200 {
        return Err(bad("it is too long"));
    }
    let (body, basis) = match symbol.split_once('(') {
        Some((body, rest)) => {
            let inside = rest.trim_end().strip_suffix(')').ok_or_else(|| bad("a ) is missing"))?;
            (body, Some(parse_basis(inside).map_err(bad)?))
        }
        None => (symbol, None),
    };
    let mut words = body.split([' ', '_', '\t']).filter(|w| !w.is_empty());
    let lattice = words.next().ok_or_else(|| bad("it is empty"))?.as_bytes();
    let (centric, lattice) = match lattice {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let [letter] = lattice else { return Err(bad("it does not start with a lattice letter")) };
    let centring = centring_vectors(letter.to_ascii_uppercase()).ok_or_else(|| bad("an unknown lattice letter"))?;

    let mut generators: Vec<SymOp> = Vec::with_capacity(8);
    for &translation in centring {
        generators.push(SymOp { rotation: IDENTITY, translation });
    }
    if centric {
        generators.push(SymOp::from_rotation(negate(&IDENTITY)));
    }
    let mut previous: Option<(u8, usize)> = None;
    for (position, word) in words.enumerate() {
        if position > 3 {
            return Err(bad("it has too many parts"));
        }
        generators.push(parse_matrix(word, position, &mut previous).map_err(bad)?);
    }
    let group = SpaceGroup::from_generators(&generators)?;
    match basis {
        Some(basis) => group.change_basis(&basis),
        None => Ok(group),
    }
}

fn parse_basis(inside: &str) -> Result<ChangeOfBasis, &'static str> {
    if inside.contains(',') {
        return ChangeOfBasis::parse(inside).map_err(|_| "a change of basis that cannot be read");
    }
    let mut op = SymOp::IDENTITY;
    let mut words = inside.split_whitespace();
    for t in &mut op.translation {
        let twelfths: i32 = words.next().and_then(|w| w.parse().ok()).ok_or("a shift of origin needs three integers")?;
        *t = twelfths.rem_euclid(12) * (TRANSLATION_DENOMINATOR / 12);
    }
    if words.next().is_some() {
        return Err("a shift of origin needs three integers");
    }
    Ok(ChangeOfBasis::from_op(&op))
}

/// One `[-]N[axis][translations]`; `previous` is the order and axis of the matrix before it.
fn parse_matrix(word: &str, position: usize, previous: &mut Option<(u8, usize)>) -> Result<SymOp, &'static str> {
    let (improper, word) = match word.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    let mut bytes = word.bytes().peekable();
    let n =
        bytes.next().filter(|b| matches!(b, b'1' | b'2' | b'3' | b'4' | b'6')).ok_or("a matrix starts with none of 1, 2, 3, 4, 6")? - b'0';

    let explicit = bytes.peek().and_then(|b| match b {
        b'x' => Some(Axis::X),
        b'y' => Some(Axis::Y),
        b'z' => Some(Axis::Z),
        b'\'' => Some(Axis::Minus),
        b'"' => Some(Axis::Plus),
        b'*' => Some(Axis::Body),
        _ => None,
    });
    if explicit.is_some() {
        bytes.next();
    }
    let axis = explicit.unwrap_or(match (position, n, *previous) {
        (1, 2, Some((2 | 4, _))) => Axis::X,
        (1, 2, Some((3 | 6, _))) => Axis::Minus,
        (2, 3, _) => Axis::Body,
        _ => Axis::Z,
    });
    let along = previous.map_or(2, |(_, axis)| axis);
    let mut rotation = rotation(n, axis, along).ok_or("an axis that does not fit the order")?;
    // The direction of the screw, and the reference of ' and " in the next matrix.
    let principal = match axis {
        Axis::X => 0,
        Axis::Y => 1,
        _ => 2,
    };
    *previous = Some((n, principal));
    if improper {
        rotation = negate(&rotation);
    }

    let mut t = [0i32; 3];
    for b in bytes {
        let v = match b {
            b'a' => [12, 0, 0],
            b'b' => [0, 12, 0],
            b'c' => [0, 0, 12],
            b'n' => [12, 12, 12],
            b'u' => [6, 0, 0],
            b'v' => [0, 6, 0],
            b'w' => [0, 0, 6],
            b'd' => [6, 6, 6],
            b'1'..=b'5' if matches!(axis, Axis::X | Axis::Y | Axis::Z) && b - b'0' < n => {
                let mut v = [0; 3];
                v[principal] = i32::from(b - b'0') * TRANSLATION_DENOMINATOR / i32::from(n);
                v
            }
            _ => return Err("an unknown translation"),
        };
        for i in 0..3 {
            t[i] += v[i];
        }
    }
    Ok(SymOp { rotation, translation: t }.wrapped())
}
