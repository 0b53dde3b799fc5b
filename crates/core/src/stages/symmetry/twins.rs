//! Signs of twinning and pseudo-symmetry.
//!
//! A rotation of the lattice that is no symmetry of the crystal and relates intensities all the same is one of two things. In a merohedral
//! twin the intensities are sums, (1 − α) I(h) + α I(hW), and scatter less than those of a crystal. In a structure whose parts
//! are almost repeated by W they scatter as usual. So the L-test tells the two apart.
//!
//! With independent I(h), I(hW) of equal variance, the correlation of a twin's intensities is ρ = q/(1 − q) with q = 2α(1 − α),
//! whence α = ½(1 − √(1 − 2q)), q = ρ/(1 + ρ). ρ is the measured CC over the CC of true symmetry, so that noise does not count.

use super::elements::{Calibration, Element};
use super::input::Observation;
use crate::math::Mat3;
use crate::merging::{Equivalents, TwinStatistics, twin_statistics};
use crate::spacegroup::constraints::d_spacing;
use crate::spacegroup::lattice::MetricSubgroup;
use crate::spacegroup::{ChangeOfBasis, Error, IntMatrix, SymOp};

/// A rotation of the lattice, outside the Laue group, with those that the group makes equivalent to it.
#[derive(Debug, Clone, PartialEq)]
pub struct LatticeRelation {
    /// The index that it relates to h, k, l of the conventional cell, as `k,h,-l`.
    pub operator: String,
    /// Pairs of reflections that it and its equivalents relate.
    pub n: u64,
    /// Their correlation.
    pub cc: f64,
    /// The same on a scale from unrelated reflections (0) to true symmetry (1).
    pub relative_cc: f64,
    /// Part of the smaller crystal if this is the law of a twin.
    pub twin_fraction: f64,
}

/// Relative CC from which a relation is mentioned, and the pairs it takes.
const NOTABLE: f64 = 0.3;
const MIN_PAIRS: u64 = 50;

impl LatticeRelation {
    /// Whether the relation is more than chance.
    pub fn is_notable(&self) -> bool {
        self.n >= MIN_PAIRS && self.relative_cc > NOTABLE
    }
}

/// α of a twin whose related intensities correlate with ρ.
fn twin_fraction(rho: f64) -> f64 {
    let rho = rho.clamp(0.0, 1.0);
    let q = rho / (1.0 + rho);
    0.5 * (1.0 - (1.0 - 2.0 * q).max(0.0).sqrt())
}

/// The rotations that `evidence` has beyond those of `best`, gathered into classes that its Laue group makes equivalent.
pub(super) fn relations(
    evidence: &[Element],
    best: &MetricSubgroup,
    to_minimum: &ChangeOfBasis,
    calibration: &Calibration,
) -> Vec<LatticeRelation> {
    let product = |a: &IntMatrix, b: &IntMatrix| SymOp::from_rotation(*a).after(&SymOp::from_rotation(*b)).rotation;
    let inverse = |a: &IntMatrix| SymOp::from_rotation(*a).inverse().rotation;
    let mut classes: Vec<Vec<&Element>> = Vec::new();
    for element in evidence.iter().filter(|e| !best.rotations.contains(&e.rotation)) {
        let equivalent = |other: &IntMatrix| {
            best.rotations.iter().any(|g| {
                let image = product(g, &element.rotation);
                best.rotations.iter().any(|h| {
                    let image = product(&image, h);
                    image == *other || inverse(&image) == *other
                })
            })
        };
        match classes.iter_mut().find(|c| equivalent(&c[0].rotation)) {
            Some(class) => class.push(element),
            None => classes.push(vec![element]),
        }
    }
    let to_conventional = to_minimum.inverse().then(&best.basis);
    let (from, to) = (calibration.unrelated.max(0.0), calibration.expected);
    classes
        .iter()
        .map(|class| {
            let mut sum = crate::merging::Correlation::default();
            class.iter().for_each(|e| sum.join(&e.pairs));
            let cc = sum.coefficient().unwrap_or(0.0);
            let relative_cc = if to > from { (cc - from) / (to - from) } else { 0.0 };
            let operation = ChangeOfBasis::from_op(&SymOp::from_rotation(class[0].rotation));
            let conventional = to_conventional.inverse().then(&operation).then(&to_conventional);
            LatticeRelation { operator: as_indices(&conventional), n: sum.n, cc, relative_cc, twin_fraction: twin_fraction(relative_cc) }
        })
        .collect()
}

/// h·W as text.
fn as_indices(operation: &ChangeOfBasis) -> String {
    let text = operation.inverse().abc();
    text.chars()
        .map(|c| match c {
            'a' => 'h',
            'b' => 'k',
            'c' => 'l',
            other => other,
        })
        .collect()
}

/// Moments and L-test of intensities merged in the Laue group found; `list` in its setting, `reciprocal` its G* (Å⁻²).
pub(super) fn statistics(list: &[Observation], best: &MetricSubgroup, reciprocal: &Mat3) -> Result<Option<TwinStatistics>, Error> {
    let hkl: Vec<[i32; 3]> = list.iter().map(|o| o.hkl).collect();
    let rows: Vec<u32> = (0..hkl.len() as u32).collect();
    let groups = Equivalents::new(&best.acentric, &hkl, &rows)?;
    let of = |value: fn(&Observation) -> f64| -> Vec<f64> { groups.rows.iter().map(|r| value(&list[*r as usize])).collect() };
    let (intensity, sigma) = (of(|o| o.intensity), of(|o| o.sigma));
    let d: Vec<f64> = groups.hkl.iter().map(|h| d_spacing(reciprocal, *h)).collect();
    let epsilon: Vec<f64> = groups.hkl.iter().map(|h| f64::from(best.acentric.epsilon(*h))).collect();
    Ok(twin_statistics(&groups, &intensity, &sigma, &d, &epsilon))
}

/// What a user should know of twinning and pseudo-symmetry.
pub(super) fn notes(relations: &[LatticeRelation], statistics: Option<&TwinStatistics>) -> Vec<String> {
    let mut notable: Vec<&LatticeRelation> = relations.iter().filter(|r| r.is_notable()).collect();
    notable.sort_by(|x, y| y.relative_cc.total_cmp(&x.relative_cc));
    let mean_l = statistics.and_then(|s| s.mean_l.filter(|_| s.is_conclusive()));
    let twinned = statistics.is_some_and(TwinStatistics::suspicious);
    let text = |r: &LatticeRelation| format!("{} (CC {:.2}, {:.0} % of true symmetry)", r.operator, r.cc, 100.0 * r.relative_cc);
    let list = notable.iter().map(|r| text(r)).collect::<Vec<_>>().join(", ");
    let l_test = mean_l.map_or(String::new(), |l| format!("⟨|L|⟩ = {l:.3}; 0.5 of a single crystal, 0.375 of a perfect twin"));
    match (notable.first(), mean_l) {
        (None, _) if twinned => vec![format!(
            "intensities are distributed as in a twin ({l_test}), and no rotation of the lattice outside the Laue group relates them: either the \
             twin is so perfect that its law looks like a symmetry and the true Laue group is lower, or the second lattice is another"
        )],
        (None, _) => Vec::new(),
        (Some(first), Some(_)) if twinned => vec![format!(
            "the data are probably those of a twin: rotations of the lattice that are not in the Laue group relate intensities, h,k,l → {list}, and \
             their distribution is a twin's ({l_test}). By the CC the smaller part is {:.0} %",
            100.0 * first.twin_fraction
        )],
        (Some(_), Some(_)) => vec![format!(
            "pseudo-symmetry: rotations of the lattice that are not in the Laue group relate intensities, h,k,l → {list}, whose distribution is that \
             of a single crystal ({l_test})"
        )],
        (Some(first), None) => vec![format!(
            "rotations of the lattice that are not in the Laue group relate intensities, h,k,l → {list}: pseudo-symmetry, or a twin ({:.0} % of the \
             smaller part); there are too few strong reflections for an L-test to tell",
            100.0 * first.twin_fraction
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twin_fraction_follows_from_the_correlation() {
        for alpha in [0.0, 0.1, 0.25, 0.4, 0.5] {
            let (a, b) = (1.0 - alpha, alpha);
            let rho = 2.0 * a * b / (a * a + b * b);
            assert!((twin_fraction(rho) - alpha).abs() < 1e-9, "{alpha}");
        }
    }
}
