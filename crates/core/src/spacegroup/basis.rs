//! Changes of basis: between settings of a space group, or primitive and centred cells.

use super::Error;
use super::op::{IntMatrix, SymOp, TRANSLATION_DENOMINATOR};
use super::triplet::{self, Fraction, gcd};
use nalgebra::Matrix3;
use std::fmt;

/// Integer matrix wide enough for products of rational operators.
type Wide = [[i64; 3]; 3];

/// A change from an old basis to a new one.
///
/// Coordinates go as x′ = C·x + c. With P = C⁻¹ (columns: the new axes in terms of the old)
///
/// - axes: (a′, b′, c′) = (a, b, c)·P
/// - Miller indices (rows): h′ = h·P
/// - metric tensor: G′ = Pᵀ·G·P
/// - setting matrix (columns a*, b*, c*): A′ = A·P⁻ᵀ = A·Cᵀ, so that A′·h′ = A·h
/// - symmetry operations: W′ = C·W·C⁻¹
///
/// Printed as DIALS prints it: `b+c,-b+c,a` lists the new axes (or, which reads the same, the
/// new indices) when P is integral and there is no shift of origin, else `x,y,z` notation of C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChangeOfBasis {
    /// C·`den`.
    num: Wide,
    /// c·`den`.
    shift: [i64; 3],
    /// Common denominator, positive; the fraction is reduced.
    den: i64,
}

impl ChangeOfBasis {
    /// No change.
    pub const IDENTITY: ChangeOfBasis = ChangeOfBasis { num: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], shift: [0; 3], den: 1 };

    fn reduced(num: Wide, shift: [i64; 3], den: i64) -> Self {
        let all = num.iter().flatten().chain(&shift).fold(den, |g, &v| gcd(g, v)).max(1) * den.signum();
        ChangeOfBasis { num: num.map(|row| row.map(|v| v / all)), shift: shift.map(|v| v / all), den: den / all }
    }

    /// From the new axes: column j of `axes` holds the j-th new axis in terms of the old ones.
    ///
    /// # Errors
    /// The axes are coplanar.
    pub fn from_axes(axes: &IntMatrix) -> Result<Self, Error> {
        let wide = axes.map(|row| row.map(i64::from));
        ChangeOfBasis { num: wide, shift: [0; 3], den: 1 }.try_inverse().ok_or(Error::SingularBasis)
    }

    /// From a symmetry operation taken as a change of coordinates, x′ = W·x + w.
    pub fn from_op(op: &SymOp) -> Self {
        let den = i64::from(TRANSLATION_DENOMINATOR);
        Self::reduced(op.rotation.map(|row| row.map(|v| i64::from(v) * den)), op.translation.map(i64::from), den)
    }

    /// Parses `x-y,x+y,z` (coordinates), `a+b,a-b,-c` (axes) or `h+k,h-k,-l` (indices).
    ///
    /// # Errors
    /// Text that is none of these, or a singular matrix.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let lower = text.to_ascii_lowercase();
        let bad = |reason| Error::Triplet { text: triplet::shorten(text), reason };
        let has = |letters: &str| lower.chars().any(|c| letters.contains(c));
        let (letters, is_axes) = if has("xyz") {
            (b"xyz", false)
        } else if has("abc") {
            (b"abc", true)
        } else {
            (b"hkl", true)
        };
        let t = triplet::parse(text, letters).map_err(bad)?;
        let den = t.matrix.iter().flatten().chain(&t.shift).fold(1i64, |l, q| l / gcd(l, q.den) * q.den);
        if den > 144 {
            return Err(bad("its fractions have no small common denominator"));
        }
        let scale = |q: Fraction| q.num * (den / q.den);
        let num = t.matrix.map(|row| row.map(scale));
        let shift = t.shift.map(scale);
        if is_axes {
            // Part i lists axis i, which is column i of P; a constant is P's own shift.
            let p: Wide = std::array::from_fn(|i| std::array::from_fn(|j| num[j][i]));
            Self::reduced(p, shift, den).try_inverse()
        } else {
            let op = Self::reduced(num, shift, den);
            op.try_inverse().map(|_| op)
        }
        .ok_or_else(|| bad("the matrix is singular"))
    }

    fn try_inverse(&self) -> Option<Self> {
        let m = &self.num;
        let cofactor = |i: usize, j: usize| {
            let (r0, r1) = ((i + 1) % 3, (i + 2) % 3);
            let (c0, c1) = ((j + 1) % 3, (j + 2) % 3);
            m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0]
        };
        let det: i64 = (0..3).map(|j| m[0][j] * cofactor(0, j)).sum();
        if det == 0 {
            return None;
        }
        // (N/d)⁻¹ = d·adj(N)/det(N), and the shift is −C⁻¹·c.
        let num: Wide = std::array::from_fn(|i| std::array::from_fn(|j| self.den * cofactor(j, i)));
        let shift: [i64; 3] = std::array::from_fn(|i| -(0..3).map(|j| cofactor(j, i) * self.shift[j]).sum::<i64>());
        Some(Self::reduced(num, shift, det))
    }

    /// The change back.
    pub fn inverse(&self) -> Self {
        // Every constructor has seen to it that the matrix can be inverted.
        self.try_inverse().unwrap_or(Self::IDENTITY)
    }

    /// This change followed by `next`.
    pub fn then(&self, next: &ChangeOfBasis) -> Self {
        let num: Wide = std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| next.num[i][k] * self.num[k][j]).sum()));
        let shift: [i64; 3] =
            std::array::from_fn(|i| (0..3).map(|k| next.num[i][k] * self.shift[k]).sum::<i64>() + next.shift[i] * self.den);
        Self::reduced(num, shift, next.den * self.den)
    }

    /// Whether nothing changes.
    pub fn is_identity(&self) -> bool {
        *self == Self::IDENTITY
    }

    /// The change without its shift of origin.
    pub fn without_shift(&self) -> Self {
        Self::reduced(self.num, [0; 3], self.den)
    }

    /// P: column j is the j-th new axis in terms of the old axes.
    pub fn axes(&self) -> Matrix3<f64> {
        self.inverse().coordinates()
    }

    /// C: x′ = C·x (+ c).
    pub fn coordinates(&self) -> Matrix3<f64> {
        Matrix3::from_fn(|i, j| self.num[i][j] as f64 / self.den as f64)
    }

    /// Volume of the new cell over that of the old; negative when the hand changes.
    pub fn volume_ratio(&self) -> f64 {
        1.0 / self.coordinates().determinant()
    }

    /// h′ = h·P. `None` when an index would not be integral: the reflection is absent in the
    /// new (smaller) cell.
    pub fn hkl(&self, hkl: [i32; 3]) -> Option<[i32; 3]> {
        self.hkl_map().apply(hkl)
    }

    /// h ↦ h·P prepared for many indices.
    pub fn hkl_map(&self) -> HklMap {
        let inverse = self.inverse();
        HklMap { num: inverse.num, den: inverse.den }
    }

    /// G′ = Pᵀ·G·P.
    pub fn metric(&self, metric: &Matrix3<f64>) -> Matrix3<f64> {
        let p = self.axes();
        p.transpose() * metric * p
    }

    /// A′ = A·Cᵀ for a setting matrix A with columns a*, b*, c*.
    pub fn setting_matrix(&self, a_matrix: &Matrix3<f64>) -> Matrix3<f64> {
        a_matrix * self.coordinates().transpose()
    }

    /// W′ = C·W·C⁻¹ with its translation wrapped into the cell. `None` when the operation has no
    /// integral form in the new basis: the new lattice does not have this symmetry.
    pub fn op(&self, op: &SymOp) -> Option<SymOp> {
        let changed = self.inverse().then(&Self::from_op(op)).then(self);
        let mut out = SymOp::IDENTITY;
        for i in 0..3 {
            for j in 0..3 {
                if changed.num[i][j] % changed.den != 0 {
                    return None;
                }
                out.rotation[i][j] = i32::try_from(changed.num[i][j] / changed.den).ok()?;
            }
            out.translation[i] = wrapped_translation(changed.shift[i], changed.den)?;
        }
        Some(out)
    }

    /// C·v for a vector of the old lattice (1/24 of old axes), wrapped into the new cell.
    pub(super) fn translation(&self, v: [i32; 3]) -> Option<[i32; 3]> {
        let mut out = [0; 3];
        for (i, value) in out.iter_mut().enumerate() {
            let sum: i64 = (0..3).map(|k| self.num[i][k] * i64::from(v[k])).sum();
            *value = wrapped_translation(sum, self.den * i64::from(TRANSLATION_DENOMINATOR))?;
        }
        Some(out)
    }

    /// `x,y,z` notation of C.
    pub fn xyz(&self) -> String {
        let (matrix, shift) = self.fractions();
        triplet::format(&matrix, &shift, b"xyz")
    }

    /// The new axes in `a,b,c` notation. Constants are the shift of P.
    pub fn abc(&self) -> String {
        let (p, shift) = self.inverse().fractions();
        let columns = std::array::from_fn(|i| std::array::from_fn(|j| p[j][i]));
        triplet::format(&columns, &shift, b"abc")
    }

    fn fractions(&self) -> ([[Fraction; 3]; 3], [Fraction; 3]) {
        let q = |v: i64| Fraction::new(v, self.den);
        (self.num.map(|row| row.map(q)), self.shift.map(q))
    }
}

/// `num`/`den` of an edge in 1/24, wrapped into 0..24; `None` if it is no such multiple.
fn wrapped_translation(num: i64, den: i64) -> Option<i32> {
    let scaled = num * i64::from(TRANSLATION_DENOMINATOR);
    if scaled % den != 0 {
        return None;
    }
    i32::try_from((scaled / den).rem_euclid(i64::from(TRANSLATION_DENOMINATOR))).ok()
}

impl fmt::Display for ChangeOfBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shift == [0; 3] && self.inverse().den == 1 { f.write_str(&self.abc()) } else { f.write_str(&self.xyz()) }
    }
}

impl Default for ChangeOfBasis {
    fn default() -> Self {
        Self::IDENTITY
    }
}

/// The map h ↦ h·P, ready to run over a table of indices.
#[derive(Debug, Clone, Copy)]
pub struct HklMap {
    num: Wide,
    den: i64,
}

impl HklMap {
    /// h·P, or `None` when an index would not be integral.
    pub fn apply(&self, hkl: [i32; 3]) -> Option<[i32; 3]> {
        let mut out = [0; 3];
        for (j, value) in out.iter_mut().enumerate() {
            let sum: i64 = (0..3).map(|k| i64::from(hkl[k]) * self.num[k][j]).sum();
            if sum % self.den != 0 {
                return None;
            }
            *value = i32::try_from(sum / self.den).ok()?;
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_and_indices_read_the_same() {
        let op = ChangeOfBasis::parse("b,c,a").unwrap();
        assert_eq!(op, ChangeOfBasis::parse("k,l,h").unwrap());
        assert_eq!(op.hkl([1, 2, 3]), Some([2, 3, 1]));
        assert_eq!(op.to_string(), "b,c,a");
    }

    #[test]
    fn printing_follows_dials() {
        let t = |text: &str, display: &str, abc: &str, xyz: &str| {
            let op = ChangeOfBasis::parse(text).unwrap();
            assert_eq!(op.to_string(), display);
            assert_eq!(op.abc(), abc);
            assert_eq!(op.xyz(), xyz);
            assert_eq!(ChangeOfBasis::parse(display).unwrap(), op);
            assert_eq!(ChangeOfBasis::parse(xyz).unwrap(), op);
        };
        t("a+b,a-b,-c", "a+b,a-b,-c", "a+b,a-b,-c", "1/2*x+1/2*y,1/2*x-1/2*y,-z");
        t("b+c,-b+c,a", "b+c,-b+c,a", "b+c,-b+c,a", "1/2*y+1/2*z,-1/2*y+1/2*z,x");
        t("a-2*b,a,c", "a-2*b,a,c", "a-2*b,a,c", "-1/2*y,x+1/2*y,z");
    }

    #[test]
    fn a_point_keeps_its_place_in_the_laboratory() {
        let op = ChangeOfBasis::parse("a-b,a+b,c").unwrap();
        let a = Matrix3::new(0.1, 0.02, 0.0, 0.0, 0.12, 0.01, 0.03, 0.0, 0.09);
        let h = [3, -1, 2];
        let h2 = op.hkl(h).unwrap();
        let v = |h: [i32; 3]| nalgebra::Vector3::from(h.map(f64::from));
        let difference = op.setting_matrix(&a) * v(h2) - a * v(h);
        assert!(difference.norm() < 1e-14);
        assert!((op.volume_ratio() - 2.0).abs() < 1e-14);
    }

    #[test]
    fn indices_absent_in_a_smaller_cell_have_no_image() {
        let to_primitive = ChangeOfBasis::parse("1/2*a+1/2*b,-1/2*a+1/2*b,c").unwrap();
        assert_eq!(to_primitive.hkl([1, 0, 0]), None);
        assert_eq!(to_primitive.hkl([1, 1, 0]), Some([1, 0, 0]));
        assert!(to_primitive.then(&to_primitive.inverse()).is_identity());
    }

    #[test]
    fn strange_operators_are_errors() {
        for text in ["", "a,a,b", "a,b", "1,2,3", "a/1000000007,b,c", "x+1/7,y,z+1/11+1/13"] {
            assert!(ChangeOfBasis::parse(text).is_err(), "{text}");
        }
    }
}
