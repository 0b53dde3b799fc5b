//! What a space group says about single reflections.

use super::group::SpaceGroup;
use super::op::{SymOp, TRANSLATION_DENOMINATOR};

impl SpaceGroup {
    /// Whether symmetry forces the structure factor of `hkl` to zero (centring, screws, glides).
    ///
    /// Absent when some operation has h·W = h and h·w not integral.
    pub fn is_absent(&self, hkl: [i32; 3]) -> bool {
        let turn = i64::from(TRANSLATION_DENOMINATOR);
        let shift = |t: &[i32; 3]| -> i64 { (0..3).map(|i| i64::from(hkl[i]) * i64::from(t[i])).sum() };
        if self.centring_vectors().iter().any(|c| shift(c) % turn != 0) {
            return true;
        }
        self.ops().iter().any(|op| op.apply_to_hkl(hkl) == hkl && op.hkl_shift(hkl) % turn != 0)
    }

    /// Whether `hkl` is absent because of the centring alone.
    pub fn is_absent_by_centring(&self, hkl: [i32; 3]) -> bool {
        let centring = |c: &[i32; 3]| SymOp { translation: *c, ..SymOp::IDENTITY };
        self.centring_vectors().iter().any(|c| centring(c).hkl_shift(hkl) % i64::from(TRANSLATION_DENOMINATOR) != 0)
    }

    /// Whether `hkl` and −`hkl` are equivalent: the phase is restricted to two values and the
    /// intensity distribution is the centric one.
    pub fn is_centric(&self, hkl: [i32; 3]) -> bool {
        let friedel = hkl.map(|v| v.wrapping_neg());
        self.ops().iter().any(|op| op.apply_to_hkl(hkl) == friedel)
    }

    /// ε: how many operations (centring left out) leave `hkl` where it is. The mean intensity of
    /// such reflections is ε times that of general ones.
    pub fn epsilon(&self, hkl: [i32; 3]) -> u32 {
        self.ops().iter().filter(|op| op.apply_to_hkl(hkl) == hkl).count() as u32
    }

    /// Number of different indices equivalent to `hkl`, Friedel mates included.
    pub fn multiplicity(&self, hkl: [i32; 3]) -> u32 {
        let orbit = self.ops().len() as u32 / self.epsilon(hkl).max(1);
        if self.is_centric(hkl) { orbit } else { 2 * orbit }
    }
}
