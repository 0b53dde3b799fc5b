//! Which Laue group to take: the likeliest, unless its own rotations contradict each other or the data do not test them.
//!
//! Evans' likelihood allows a correlation coefficient to miss its expected value by 0.1 or 0.2, because data that are not scaled yet do. A
//! rotation of pseudo-symmetry with CC 0.8 is therefore taken for a symmetry, even where the true ones have 0.99. But what keeps
//! the CC of true rotations down keeps it down for all of them, and they can be compared with each other: where the rotations of a subgroup agree and all
//! the others of the group are clearly worse, the subgroup is the symmetry. Without this, more than a quarter of simulated crystals with
//! pseudo-symmetry or twinning are given too high a Laue group (`cargo xtask bench symmetry`).

use super::elements::Element;
use super::groups::Score;
use super::{Error, Params};
use crate::merging::Correlation;
use crate::spacegroup::lattice::MetricSubgroup;
use crate::spacegroup::{IDENTITY, SpaceGroup};

/// The choice.
pub(super) struct Choice {
    /// Row of the scores.
    pub(super) row: usize,
    /// What was assumed in place of being measured.
    pub(super) assumed: Option<String>,
    /// Why the choice is not the likeliest group.
    pub(super) note: Option<String>,
}

/// Rotations beyond a subgroup are worse than its own when their CC is below this part of the subgroup's …
const WORSE: f64 = 0.9;
/// … and the difference is so many standard deviations.
const SIGNIFICANT: f64 = 5.0;

/// Chooses among `scores`, which are sorted by likelihood. `start`: the symmetry that the crystal was indexed with.
pub(super) fn choose(
    subgroups: &[MetricSubgroup],
    scores: &[Score],
    evidence: &[Element],
    start: &SpaceGroup,
    params: &Params,
) -> Result<Choice, Error> {
    if let Some(wanted) = &params.laue_group {
        let squeeze = |s: &str| s.replace(' ', "").to_lowercase();
        let found = scores.iter().position(|s| squeeze(&subgroups[s.subgroup].symbol()) == squeeze(wanted));
        return match found {
            Some(row) => Ok(Choice { row, assumed: Some(format!("the Laue group {wanted} was given")), note: None }),
            None => {
                let mut possible: Vec<String> = subgroups.iter().map(MetricSubgroup::symbol).collect();
                possible.dedup();
                Err(Error::NoSuchGroup { wanted: wanted.clone(), max_delta: params.max_delta, possible: possible.join(", ") })
            }
        };
    }
    let rotations: Vec<&Element> = evidence.iter().filter(|e| e.rotation != IDENTITY).collect();
    let tested = |e: &Element| e.pairs.n >= params.min_pairs as u64;
    let pairs: u64 = rotations.iter().map(|e| e.pairs.n).sum();
    let measured =
        rotations.iter().all(|e| tested(e)) || (pairs >= (params.min_pairs * rotations.len()) as u64 && scores[0].confidence > 0.5);
    if measured {
        return Ok(coherent(subgroups, scores, evidence, 0));
    }
    // Some rotations were not tested. Those that were, and are absent, rule out the groups that have them.
    let possible = |s: &Score| {
        let own = &subgroups[s.subgroup].rotations;
        rotations.iter().filter(|e| tested(e)).all(|e| e.likelihood() >= 0.5 || !own.contains(&e.rotation))
    };
    let untested = |s: &Score| rotations.iter().any(|e| !tested(e) && subgroups[s.subgroup].rotations.contains(&e.rotation));
    let given = start.patterson();
    let as_indexed = scores.iter().position(|s| {
        let candidate = &subgroups[s.subgroup];
        given.ops().len() > 2 && possible(s) && given.change_basis(&candidate.basis).is_ok_and(|g| g == candidate.patterson)
    });
    let (row, what) = match as_indexed {
        Some(row) => (row, "the Laue group of the indexed crystal is kept".to_owned()),
        None => {
            // The first of equals is the likeliest.
            let best = (0..scores.len())
                .filter(|i| possible(&scores[*i]))
                .min_by_key(|i| std::cmp::Reverse(subgroups[scores[*i].subgroup].order()));
            let row = best.unwrap_or(0);
            let misfit = subgroups[scores[row].subgroup].max_delta_deg;
            (row, format!("the highest symmetry of the lattice's metric (misfit {misfit:.2}°) that they do not exclude is assumed"))
        }
    };
    if !untested(&scores[row]) {
        return Ok(coherent(subgroups, scores, evidence, row));
    }
    let text = format!("only {pairs} pairs of reflections test the {} rotations of the lattice; {what}", rotations.len());
    Ok(Choice { row, assumed: Some(text), note: None })
}

/// The group of `row`, or that of its subgroups whose rotations set themselves apart from the rest.
fn coherent(subgroups: &[MetricSubgroup], scores: &[Score], evidence: &[Element], row: usize) -> Choice {
    let mut choice = Choice { row, assumed: None, note: None };
    // A subgroup may have such a subgroup itself.
    while let Some((lower, own, others)) = set_apart(subgroups, scores, evidence, choice.row) {
        choice.row = lower;
        choice.note = Some(format!(
            "{} has the highest likelihood, but its rotations disagree: those of {} correlate with CC {own:.2}, the others with {others:.2} only. \
             The others are taken for pseudo-symmetry or twinning",
            subgroups[scores[row].subgroup].symbol(),
            subgroups[scores[lower].subgroup].symbol()
        ));
    }
    choice
}

/// The largest subgroup of the group of `row` that is better than the rest of it, with the CC of both.
fn set_apart(subgroups: &[MetricSubgroup], scores: &[Score], evidence: &[Element], row: usize) -> Option<(usize, f64, f64)> {
    let group = &subgroups[scores[row].subgroup];
    let mut best: Option<(usize, f64, f64)> = None;
    for (lower, score) in scores.iter().enumerate() {
        let candidate = &subgroups[score.subgroup];
        let inside = candidate.order() < group.order() && candidate.rotations.iter().all(|r| group.rotations.contains(r));
        if !inside || best.is_some_and(|b| candidate.order() <= subgroups[scores[b.0].subgroup].order()) {
            continue;
        }
        let of = |own: bool| {
            evidence
                .iter()
                .filter(move |e| e.counts() && group.rotations.contains(&e.rotation) && candidate.rotations.contains(&e.rotation) == own)
        };
        let pooled = |own: bool| {
            let mut sum = Correlation::default();
            of(own).for_each(|e| sum.join(&e.pairs));
            Some((sum.coefficient()?, sum.n as f64))
        };
        let (Some((own, n_own)), Some((others, n_others))) = (pooled(true), pooled(false)) else { continue };
        let worst = of(true).map(|e| e.cc).fold(f64::INFINITY, f64::min);
        let next = of(false).map(|e| e.cc).fold(f64::NEG_INFINITY, f64::max);
        // Fisher's z; each pair of reflections was counted twice.
        let z = |cc: f64| libm::atanh(cc.clamp(-0.999_999, 0.999_999));
        let sigma = (1.0 / (0.5 * n_own - 3.0).max(1.0) + 1.0 / (0.5 * n_others - 3.0).max(1.0)).sqrt();
        if others < WORSE * own && next < worst && z(own) - z(others) > SIGNIFICANT * sigma {
            best = Some((lower, own, others));
        }
    }
    best
}
