//! Symmetry operations with integer rotations and translations in 1/24.

use super::Error;
use super::triplet;
use std::fmt;

/// Translations are counted in 1/24 of a cell edge: the least common denominator of the
/// fractions that occur in the 230 groups and their usual settings (1/2, 1/3, 1/4, 1/6, 1/8).
pub const TRANSLATION_DENOMINATOR: i32 = 24;

/// 3×3 integer matrix, row by row.
pub type IntMatrix = [[i32; 3]; 3];

/// The unit matrix.
pub const IDENTITY: IntMatrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];

/// Product a·b.
pub fn multiply(a: &IntMatrix, b: &IntMatrix) -> IntMatrix {
    let mut out = [[0; 3]; 3];
    for (i, row) in out.iter_mut().enumerate() {
        for (j, value) in row.iter_mut().enumerate() {
            *value = (0..3).map(|k| a[i][k] * b[k][j]).sum();
        }
    }
    out
}

/// Transpose of `a`.
pub fn transpose(a: &IntMatrix) -> IntMatrix {
    std::array::from_fn(|i| std::array::from_fn(|j| a[j][i]))
}

/// Determinant of `a`.
pub fn determinant(a: &IntMatrix) -> i32 {
    a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) - a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0])
        + a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0])
}

/// Adjugate of `a`: `a` · adj(`a`) = det(`a`) · 1.
pub fn adjugate(a: &IntMatrix) -> IntMatrix {
    let m = |i: usize, j: usize| {
        let (r0, r1) = ((i + 1) % 3, (i + 2) % 3);
        let (c0, c1) = ((j + 1) % 3, (j + 2) % 3);
        a[r0][c0] * a[r1][c1] - a[r0][c1] * a[r1][c0]
    };
    // Cofactors with cyclic indices carry their sign already.
    std::array::from_fn(|i| std::array::from_fn(|j| m(j, i)))
}

/// Matrix with every sign changed.
pub fn negate(a: &IntMatrix) -> IntMatrix {
    a.map(|row| row.map(|v| -v))
}

/// a·v for a column vector.
pub fn apply(a: &IntMatrix, v: [i32; 3]) -> [i32; 3] {
    std::array::from_fn(|i| (0..3).map(|k| a[i][k] * v[k]).sum())
}

/// h·a for a row vector such as a Miller index.
pub fn apply_row(h: [i32; 3], a: &IntMatrix) -> [i32; 3] {
    std::array::from_fn(|j| (0..3).map(|k| h[k] * a[k][j]).sum())
}

/// A symmetry operation x′ = W·x + w of fractional coordinates.
///
/// It acts on Miller indices, taken as rows, as h′ = h·W, with the phase shift −2π h·w.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymOp {
    /// W, determinant ±1.
    pub rotation: IntMatrix,
    /// w in 1/24 of the cell edges, each in 0..24 once [wrapped](SymOp::wrapped).
    pub translation: [i32; 3],
}

impl SymOp {
    /// x, y, z.
    pub const IDENTITY: SymOp = SymOp { rotation: IDENTITY, translation: [0; 3] };

    /// An operation without translation.
    pub const fn from_rotation(rotation: IntMatrix) -> Self {
        SymOp { rotation, translation: [0; 3] }
    }

    /// Parses `x,y,z` notation, for example `-y,x-y,z+1/3` or `1/2+X, -Y, Z`.
    ///
    /// # Errors
    /// Anything else than three sums of ±x, ±y, ±z and fractions of 24, or a singular matrix.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |reason| Error::Triplet { text: triplet::shorten(text), reason };
        let t = triplet::parse(text, b"xyz").map_err(bad)?;
        let mut rotation = [[0i32; 3]; 3];
        let mut translation = [0i32; 3];
        for i in 0..3 {
            for j in 0..3 {
                let q = t.matrix[i][j];
                if q.den != 1 {
                    return Err(bad("the rotation part has a fraction"));
                }
                rotation[i][j] = q.num as i32;
            }
            let q = t.shift[i];
            if i64::from(TRANSLATION_DENOMINATOR) % q.den != 0 {
                return Err(bad("a translation is not a multiple of 1/24"));
            }
            translation[i] = (q.num * (i64::from(TRANSLATION_DENOMINATOR) / q.den)) as i32;
        }
        if determinant(&rotation).abs() != 1 {
            return Err(bad("the determinant of the rotation part is not ±1"));
        }
        Ok(SymOp { rotation, translation })
    }

    /// The same operation with its translation in 0..1 of the cell.
    pub fn wrapped(mut self) -> Self {
        for t in &mut self.translation {
            *t = t.rem_euclid(TRANSLATION_DENOMINATOR);
        }
        self
    }

    /// `self` after `first`: x ↦ self(first(x)).
    pub fn after(&self, first: &SymOp) -> SymOp {
        let moved = apply(&self.rotation, first.translation);
        SymOp { rotation: multiply(&self.rotation, &first.rotation), translation: std::array::from_fn(|i| moved[i] + self.translation[i]) }
    }

    /// The inverse operation.
    pub fn inverse(&self) -> SymOp {
        // The determinant is ±1, so the inverse is the signed adjugate.
        let det = determinant(&self.rotation);
        let rotation = adjugate(&self.rotation).map(|row| row.map(|v| v * det));
        let moved = apply(&rotation, self.translation);
        SymOp { rotation, translation: moved.map(|v| -v) }
    }

    /// Miller index of the reflection equivalent to `hkl` under this operation: h·W.
    pub fn apply_to_hkl(&self, hkl: [i32; 3]) -> [i32; 3] {
        apply_row(hkl, &self.rotation)
    }

    /// Phase shift of this operation on `hkl`, h·w, in 1/24 of a turn.
    pub fn hkl_shift(&self, hkl: [i32; 3]) -> i64 {
        (0..3).map(|i| i64::from(hkl[i]) * i64::from(self.translation[i])).sum()
    }

    /// Kind of the rotation part.
    pub fn kind(&self) -> RotationKind {
        RotationKind::of(&self.rotation)
    }

    /// `x,y,z` notation in lower case, rotation terms before the translation (`-y,x,z+1/4`).
    pub fn triplet(&self) -> String {
        triplet::format_op(&self.rotation, self.translation, b"xyz")
    }
}

impl fmt::Display for SymOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.triplet())
    }
}

/// Order and handedness of a crystallographic rotation, from its trace and determinant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RotationKind {
    /// 1, 2, 3, 4 or 6.
    pub order: u8,
    /// Rotoinversion (determinant −1): −1, m (= −2), −3, −4, −6.
    pub improper: bool,
}

impl RotationKind {
    /// Kind of `rotation`; a matrix that is no crystallographic rotation counts as order 0.
    pub fn of(rotation: &IntMatrix) -> Self {
        let det = determinant(rotation);
        let trace = (rotation[0][0] + rotation[1][1] + rotation[2][2]) * det.signum();
        let order = match trace {
            3 => 1,
            -1 => 2,
            0 => 3,
            1 => 4,
            2 => 6,
            _ => 0,
        };
        RotationKind { order, improper: det < 0 }
    }
}

/// Direction of a rotation's axis in direct space, as the shortest integer vector.
///
/// The sign is that of cctbx and DIALS' tables: the last non-zero component positive
/// (for a one-fold, zero). `rotation` may be improper.
pub fn axis(rotation: &IntMatrix) -> [i32; 3] {
    let det = determinant(rotation);
    let proper = rotation.map(|row| row.map(|v| v * det.signum()));
    // For a rotation R of order n, Σ Rᵏ (k < n) projects on the axis.
    let mut sum = IDENTITY;
    let mut power = proper;
    let mut steps = 0;
    while power != IDENTITY && steps < 6 {
        for i in 0..3 {
            for j in 0..3 {
                sum[i][j] += power[i][j];
            }
        }
        power = multiply(&power, &proper);
        steps += 1;
    }
    if steps == 0 {
        return [0; 3];
    }
    let column = (0..3).find(|&j| (0..3).any(|i| sum[i][j] != 0));
    let Some(j) = column else { return [0; 3] };
    let mut v = [sum[0][j], sum[1][j], sum[2][j]];
    let g = v.iter().fold(0, |g, &x| gcd(g, x)).max(1);
    let last = v.iter().rev().find(|&&x| x != 0).copied().unwrap_or(1);
    for x in &mut v {
        *x = *x / g * last.signum();
    }
    v
}

/// Greatest common divisor, not negative.
pub fn gcd(a: i32, b: i32) -> i32 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triplets_round_trip() {
        for text in ["x,y,z", "-y,x-y,z+1/3", "-x+1/2,-y,z+1/4", "y+5/6,x,-z+1/8"] {
            assert_eq!(SymOp::parse(text).unwrap().triplet(), text);
        }
        assert_eq!(SymOp::parse(" 1/2+X, -Y,Z").unwrap().triplet(), "x+1/2,-y,z");
        assert_eq!(SymOp::parse("x+0.25,y,z").unwrap().translation, [6, 0, 0]);
    }

    #[test]
    fn strange_triplets_are_errors() {
        for text in ["", "x,y", "x,y,z,x", "x,y,y", "x,y,q", "x+1/7,y,z", "x/2,y,z", "x,y,z+1/0", "2*x,y,z"] {
            assert!(SymOp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_operation_after_its_inverse_is_the_identity() {
        let op = SymOp::parse("-y+1/3,x-y,z+1/6").unwrap();
        assert_eq!(op.after(&op.inverse()), SymOp::IDENTITY);
        assert_eq!(op.inverse().after(&op), SymOp::IDENTITY);
    }

    #[test]
    fn axes_and_kinds() {
        let t = |text: &str, order, improper, expected| {
            let op = SymOp::parse(text).unwrap();
            assert_eq!(op.kind(), RotationKind { order, improper });
            assert_eq!(axis(&op.rotation), expected, "{text}");
        };
        t("x,y,z", 1, false, [0, 0, 0]);
        t("-y,x,z", 4, false, [0, 0, 1]);
        t("y,x,-z", 2, false, [1, 1, 0]);
        t("-y,-x,-z", 2, false, [-1, 1, 0]);
        t("z,x,y", 3, false, [1, 1, 1]);
        t("x,-y,z", 2, true, [0, 1, 0]);
        t("x-y,x,z", 6, false, [0, 0, 1]);
    }
}
