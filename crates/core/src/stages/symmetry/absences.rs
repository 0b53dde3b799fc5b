//! Screw axes from reflections along the axes, and the space groups that they leave.
//!
//! Candidates are the space groups of one hand (proper rotations and screws) whose point group and lattice are those found. What tells
//! them apart are the reflections along the axes: on an axis where a candidate allows every n-th reflection only, the others are
//! compared with zero. As in DIALS, an axis scores high when the mean I/σ of the reflections it forbids is within the noise (or one
//! outlier away from it) and that of the others is not.

use super::input::Observation;
use super::result::{ScrewScore, SpaceGroupScore};
use crate::spacegroup::table::settings;
use crate::spacegroup::{AsymmetricUnit, Error, IDENTITY, RotationKind, Setting, SpaceGroup, axis};
use std::collections::BTreeMap;

/// Everything about absences.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Absences {
    /// Possible screw axes.
    pub screws: Vec<ScrewScore>,
    /// Possible space groups, as listed by number; enantiomorphs once.
    pub groups: Vec<SpaceGroupScore>,
    /// What a user should know.
    pub notes: Vec<String>,
}

/// Axes a, b or c that the point group makes equivalent, and the order of the rotations about them.
struct AxisClass {
    axes: Vec<usize>,
    order: u8,
}

/// Weighted mean of equivalents, with Friedel mates.
fn unique(list: &[Observation], group: &SpaceGroup) -> Result<Vec<Observation>, Error> {
    let unit = AsymmetricUnit::new(group)?;
    let mut sums: BTreeMap<[i32; 3], (f64, f64)> = BTreeMap::new();
    for o in list {
        let w = 1.0 / (o.sigma * o.sigma);
        let (sum_w, sum_wi) = sums.entry(unit.map(o.hkl).0).or_default();
        *sum_w += w;
        *sum_wi += w * o.intensity;
    }
    Ok(sums.into_iter().map(|(hkl, (w, wi))| Observation { experiment: 0, hkl, intensity: wi / w, sigma: 1.0 / w.sqrt() }).collect())
}

fn unit_vector(axis: usize) -> [i32; 3] {
    std::array::from_fn(|i| i32::from(i == axis))
}

fn axis_classes(group: &SpaceGroup) -> Vec<AxisClass> {
    let mut classes: Vec<AxisClass> = Vec::new();
    for a in [2, 0, 1] {
        let direction = unit_vector(a);
        let order = group.rotations().iter().filter(|r| **r != IDENTITY && axis(r) == direction).map(|r| RotationKind::of(r).order).max();
        let Some(order) = order else { continue };
        // Equivalent if some operation takes one axis's reflections to the other's.
        let equivalent = |class: &AxisClass| {
            let other = unit_vector(class.axes[0]);
            group.ops().iter().map(|op| op.apply_to_hkl(other)).any(|h| h == direction || h == direction.map(|v| -v))
        };
        match classes.iter_mut().find(|c| c.order == order && equivalent(c)) {
            Some(class) => class.axes.push(a),
            None => classes.push(AxisClass { axes: vec![a], order }),
        }
    }
    for class in &mut classes {
        class.axes.sort_unstable();
    }
    // Main axis first, then a, b, c.
    classes.sort_by_key(|c| (std::cmp::Reverse(c.order), c.axes[0]));
    classes
}

/// Along an axis every n-th reflection is allowed; this is n.
fn repeat(group: &SpaceGroup, axis: usize) -> i32 {
    (1..=12).find(|n| !group.is_absent(unit_vector(axis).map(|v| v * n))).unwrap_or(1)
}

/// The Sohncke groups with the rotations and centring of `acentric`, each once per set of conditions; with the repeats along the axes of
/// each class.
fn candidates(acentric: &SpaceGroup, classes: &[AxisClass]) -> Vec<(&'static Setting, Vec<i32>)> {
    let mut rotations = acentric.rotations();
    rotations.sort_unstable();
    let system = acentric.crystal_system();
    let mut list: Vec<(&'static Setting, Vec<i32>)> = Vec::new();
    for setting in settings() {
        // Numbers say nothing of the order: C 2 2 21 comes before C 2 2 2.
        if setting.crystal_system() != system {
            continue;
        }
        let group = setting.group();
        if group.ops().len() != rotations.len() || group.centring_vectors() != acentric.centring_vectors() || !group.is_chiral() {
            continue;
        }
        let mut own = group.rotations();
        own.sort_unstable();
        if own != rotations {
            continue;
        }
        let repeats: Vec<i32> = classes.iter().map(|c| repeat(&group, c.axes[0])).collect();
        if !list.iter().any(|(s, r)| s.number == setting.number && *r == repeats) {
            list.push((setting, repeats));
        }
    }
    list
}

/// Scores screw axes and space groups.
///
/// - `list`: corrected intensities with indices in the setting of `acentric`
/// - `acentric`: the symmorphic group of proper rotations of the Laue group, such as P 4 2 2
/// - `significance`: probability (0.5 to 1) beyond which forbidden reflections are taken as present
///
/// # Errors
/// Operations that form no group.
pub fn analyse(list: &[Observation], acentric: &SpaceGroup, significance: f64) -> Result<Absences, Error> {
    let merged = unique(list, acentric)?;
    let classes = axis_classes(acentric);
    let candidates = candidates(acentric, &classes);
    let mut out = Absences::default();
    // Tests: for each class, every repeat beyond the lattice's own that some candidate has, longest first.
    let mut tests: Vec<(usize, i32, f64)> = Vec::new();
    for (c, class) in classes.iter().enumerate() {
        let base = repeat(acentric, class.axes[0]);
        let mut repeats: Vec<i32> = candidates.iter().map(|(_, r)| r[c]).filter(|r| *r > base).collect();
        repeats.sort_unstable_by(|x, y| y.cmp(x));
        repeats.dedup();
        for n in repeats {
            let mut screw = score_axis(&merged, acentric, class, n, significance, &mut out.notes);
            screw.name = format!("{}{}{}", class.order, i32::from(class.order) / n, ["a", "b", "c"][class.axes[0]]);
            tests.push((c, n, screw.score));
            out.screws.push(screw);
        }
    }
    // A 6₁ axis is a 2₁ and a 3₁ axis as well: no long repeat is more likely than the short ones that it includes.
    let tested: Vec<bool> = out.screws.iter().map(|s| s.n_allowed > 0 && s.n_forbidden > 0).collect();
    let tests: Vec<(usize, i32, f64)> = tests
        .iter()
        .map(|&(c, n, score)| {
            let included = tests.iter().zip(&tested).filter(|((d, m, _), tested)| **tested && *d == c && n % m == 0);
            (c, n, included.map(|((_, _, s), _)| *s).fold(score, f64::min))
        })
        .collect();
    for (setting, repeats) in &candidates {
        if out.groups.iter().any(|g: &SpaceGroupScore| g.enantiomorph.as_deref() == Some(&setting.symbol())) {
            continue;
        }
        let mut score = 1.0;
        for &(c, n, s) in &tests {
            score *= match repeats[c] {
                r if r == n => s,
                // A longer repeat that would include this one did not show; one that would not says nothing.
                r if r < n && n % r == 0 => 1.0 - s,
                _ => 1.0,
            };
        }
        let other = setting.enantiomorph();
        // Groups with the same conditions that are not mirror images, such as I 2 2 2 and I 21 21 21.
        if let Some(same) = out.groups.iter_mut().find(|g| g.repeats == *repeats) {
            same.indistinguishable.push(setting.symbol());
            continue;
        }
        out.groups.push(SpaceGroupScore {
            symbol: setting.symbol(),
            number: setting.number,
            hall_symbol: setting.hall_symbol(),
            score,
            repeats: repeats.clone(),
            enantiomorph: (other.number != setting.number).then(|| other.symbol()),
            indistinguishable: Vec::new(),
        });
    }
    Ok(out)
}

/// Normal distribution's cumulative probability.
fn probability(z: f64) -> f64 {
    0.5 * (1.0 + libm::erf(z / std::f64::consts::SQRT_2))
}

/// z with that probability, by bisection.
fn quantile(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if probability(middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(s, n), v| (s + v, n + 1.0));
    if n > 0.0 { sum / n } else { 0.0 }
}

/// Scores one possible screw axis with repeat `n`; its name is left to the caller.
fn score_axis(
    merged: &[Observation],
    acentric: &SpaceGroup,
    class: &AxisClass,
    n: i32,
    significance: f64,
    notes: &mut Vec<String>,
) -> ScrewScore {
    let mut allowed: Vec<(f64, f64)> = Vec::new();
    let mut forbidden: Vec<(f64, f64)> = Vec::new();
    let (mut index, mut i_over_sigma) = (Vec::new(), Vec::new());
    for o in merged {
        let Some(&along) = class.axes.iter().find(|&&a| (0..3).all(|i| i == a || o.hkl[i] == 0)) else { continue };
        if acentric.is_absent_by_centring(o.hkl) {
            continue;
        }
        let value = (o.intensity, o.intensity / o.sigma);
        index.push(o.hkl[along].abs());
        i_over_sigma.push(value.1);
        if o.hkl[along] % n == 0 { allowed.push(value) } else { forbidden.push(value) }
    }
    forbidden.sort_by(|x, y| x.1.total_cmp(&y.1));
    let mut screw = ScrewScore {
        name: String::new(),
        score: 0.0,
        n_allowed: allowed.len(),
        n_forbidden: forbidden.len(),
        mean_allowed: mean(allowed.iter().map(|v| v.0)),
        mean_forbidden: mean(forbidden.iter().map(|v| v.0)),
        mean_i_over_sigma_allowed: mean(allowed.iter().map(|v| v.1)),
        mean_i_over_sigma_forbidden: mean(forbidden.iter().map(|v| v.1)),
        repeat: n,
        index,
        i_over_sigma,
    };
    let label = format!("{}{}{}", class.order, i32::from(class.order) / n, ["a", "b", "c"][class.axes[0]]);
    if allowed.is_empty() || forbidden.is_empty() {
        notes.push(format!("{label}: too few reflections along the axis were recorded, so a screw axis is neither shown nor excluded"));
        return screw;
    }
    let cutoff = quantile(significance);
    let (z_allowed, z_forbidden) = (screw.mean_i_over_sigma_allowed, screw.mean_i_over_sigma_forbidden);
    let present = probability(z_allowed);
    let violated = (1.0 - probability(z_forbidden)) * present;
    if z_forbidden <= cutoff {
        if z_allowed > cutoff {
            screw.score = present;
        } else {
            notes.push(format!("{label}: all reflections along the axis are weak, so a screw axis is neither shown nor excluded"));
        }
    } else if z_allowed <= 20.0 * z_forbidden {
        screw.score = violated;
    } else {
        // Far weaker than the allowed ones and yet not zero: one outlier, or a pseudo-symmetry.
        let rest = &forbidden[..forbidden.len() - 1];
        let without = mean(rest.iter().map(|v| v.1));
        if without > cutoff {
            notes.push(format!(
                "{label}: forbidden reflections are weak but not absent (mean I/σ {z_forbidden:.1}); there may be a pseudo-symmetry"
            ));
            screw.score = violated;
        } else {
            notes.push(format!("{label}: one forbidden reflection was left out as an outlier"));
            screw.score = present;
            screw.mean_forbidden = mean(rest.iter().map(|v| v.0));
            screw.mean_i_over_sigma_forbidden = without;
        }
    }
    screw
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Intensities of 10 along the axes where the group allows them, 0 where not, and everywhere else 5.
    fn perfect(group: &SpaceGroup) -> Vec<Observation> {
        let mut list = Vec::new();
        for n in 0..21i32.pow(3) {
            let hkl = [n / 441 - 10, n / 21 % 21 - 10, n % 21 - 10];
            if hkl == [0; 3] || group.is_absent_by_centring(hkl) {
                continue;
            }
            let intensity = if group.is_absent(hkl) { 0.0 } else { 10.0 };
            list.push(Observation { experiment: 0, hkl, intensity, sigma: 0.1 });
        }
        list
    }

    #[test]
    fn every_sohncke_group_is_found_from_perfect_data() {
        for setting in settings().iter().filter(|s| s.is_reference()) {
            let group = setting.group();
            if !group.is_chiral() {
                continue;
            }
            let found = analyse(&perfect(&group), &group.derived_acentric(), 0.95).unwrap();
            let best = found.groups.iter().max_by(|x, y| x.score.total_cmp(&y.score)).unwrap();
            let symbol = setting.symbol();
            let named = best.symbol == symbol || best.enantiomorph.as_deref() == Some(&symbol) || best.indistinguishable.contains(&symbol);
            assert!(named, "{symbol}: {best:?}");
            assert!(best.score > 0.99, "{symbol}: {best:?}");
        }
    }
}
