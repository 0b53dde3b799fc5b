//! Intensities of a crystal whose atoms nobody placed: drawn from Wilson's distributions, one draw per unique reflection.

use crate::{Error, Params};
use ewald_core::geometry::UnitCell;
use ewald_core::math::{Mat3, Vec3, rotation};
use ewald_core::spacegroup::{AsymmetricUnit, SpaceGroup, constraints};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};

/// A crystal with its intensities.
pub(crate) struct TrueCrystal {
    pub(crate) group: SpaceGroup,
    pub(crate) cell: UnitCell,
    /// U B at the goniometer's datum, Å⁻¹.
    pub(crate) a_matrix: Mat3,
    asu: AsymmetricUnit,
    b_matrix: Mat3,
    strength: f64,
    wilson_b: f64,
    anomalous: f64,
    seed: u64,
}

impl TrueCrystal {
    pub(crate) fn new(params: &Params) -> Result<Self, Error> {
        let group = SpaceGroup::from_name(&params.space_group)?;
        let cell = UnitCell::new(params.unit_cell)?;
        if !constraints::is_compatible(&cell.metric(), &group.rotations(), 1e-6) {
            return Err(Error::CellSymmetry { cell: cell.to_string(), group: group.symbol() });
        }
        let b_matrix = cell.b_matrix();
        Ok(TrueCrystal {
            asu: AsymmetricUnit::new(&group)?,
            a_matrix: random_rotation(params.seed) * b_matrix,
            group,
            cell,
            b_matrix,
            strength: params.strength,
            wilson_b: params.wilson_b,
            anomalous: params.anomalous,
            seed: params.seed,
        })
    }

    /// d in Å.
    pub(crate) fn d(&self, hkl: [i32; 3]) -> f64 {
        1.0 / (self.b_matrix * Vec3::from(hkl.map(f64::from))).norm()
    }

    /// Mean counts of the reflection on an ideal detector, without Lorentz and polarisation factors: ε Σ exp(−B/2d²) times a draw from
    /// the exponential distribution (acentric) or χ² of one degree (centric); Friedel mates differ by the anomalous fraction (Wilson 1949).
    pub(crate) fn intensity(&self, hkl: [i32; 3]) -> f64 {
        if self.group.is_absent(hkl) || hkl == [0, 0, 0] {
            return 0.0;
        }
        let (unique, isym) = self.asu.map(hkl);
        let [h, k, l] = unique.map(|i| i as u32 as u64);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ mix(h.wrapping_mul(0x9E37_79B9) ^ k.rotate_left(21) ^ l.rotate_left(42)));
        let draw: f64 = rng.sample(Exp1);
        let normal: f64 = StandardNormal.sample(&mut rng);
        let friedel: f64 = StandardNormal.sample(&mut rng);
        let d = self.d(unique);
        let mean = self.strength * f64::from(self.group.epsilon(unique)) * libm::exp(-self.wilson_b / (2.0 * d * d));
        if self.group.is_centric(unique) {
            return mean * normal * normal;
        }
        let sign = if isym % 2 == 1 { 0.5 } else { -0.5 };
        mean * draw * (1.0 + sign * self.anomalous * friedel).max(0.0)
    }
}

/// Scrambles the bits of a number (the finaliser of SplitMix64).
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A rotation drawn uniformly (Shoemake 1992).
pub(crate) fn random_rotation(seed: u64) -> Mat3 {
    let mut rng = ChaCha8Rng::seed_from_u64(mix(seed));
    let [u, v, w] = [(); 3].map(|()| uniform(&mut rng));
    let tau = core::f64::consts::TAU;
    let (a, b) = ((1.0 - u).sqrt(), u.sqrt());
    let vector = Vec3::new(a * libm::cos(tau * v), b * libm::sin(tau * w), b * libm::cos(tau * w));
    let scalar = a * libm::sin(tau * v);
    let angle = 2.0 * libm::atan2(vector.norm(), scalar);
    if vector.norm() == 0.0 { Mat3::identity() } else { rotation(&vector.normalize(), angle) }
}

/// A number in [0, 1).
pub(crate) fn uniform(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_reflections_are_equal_and_absent_ones_zero() {
        let c = TrueCrystal::new(&Params::default()).unwrap();
        let i = c.intensity([3, 5, 7]);
        assert!(i > 0.0);
        for op in c.group.ops() {
            assert!((c.intensity(op.apply_to_hkl([3, 5, 7])) - i).abs() < 1e-9 * i);
        }
        assert!((c.intensity([-3, -5, -7]) - i).abs() > 0.0);
        assert_eq!(c.intensity([0, 0, 2]), 0.0);
        assert_eq!(c.intensity([3, 0, 0]), 0.0);
    }

    #[test]
    fn acentric_intensities_have_wilsons_second_moment() {
        let c = TrueCrystal::new(&Params { wilson_b: 0.0, anomalous: 0.0, ..Params::default() }).unwrap();
        let mut all = Vec::new();
        for h in 1..20 {
            for k in 1..h {
                for l in 1..15 {
                    all.push(c.intensity([h, k, l]));
                }
            }
        }
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let second = all.iter().map(|i| i * i).sum::<f64>() / all.len() as f64 / (mean * mean);
        assert!((mean / 900.0 - 1.0).abs() < 0.08 && (second - 2.0).abs() < 0.3, "{mean} {second}");
    }

    #[test]
    fn a_cell_that_the_group_forbids_is_refused() {
        let p = Params { unit_cell: [79.0, 80.0, 38.0, 90.0, 90.0, 90.0], ..Params::default() };
        assert!(matches!(TrueCrystal::new(&p), Err(Error::CellSymmetry { .. })));
    }
}
