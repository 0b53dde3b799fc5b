//! How long a run of several stages will still take.

use ewald_core::session::StageId;

/// Parts that the stages have of the time of a whole run, roughly: measured on simulated lysozyme, two threads. Only their proportions
/// count; a run's own stages set the pace.
fn part(stage: StageId) -> f64 {
    match stage {
        StageId::Import => 1.0,
        StageId::FindSpots => 22.0,
        StageId::Index => 14.0,
        StageId::Bravais => 12.0,
        StageId::Refine => 8.0,
        StageId::Integrate => 30.0,
        StageId::Symmetry => 4.0,
        StageId::Scale => 8.0,
        StageId::Merge => 1.0,
    }
}

/// Seconds left until the stage `to` is through, by the pace of the stages of this run that are; `None` before there is a pace.
///
/// - `done`: stages of this run that are through, with the seconds they took
/// - `stage`, `elapsed`: the stage at work, and for how many seconds
/// - `step_left`: seconds left of its present step, if known: it cannot take less
pub fn left(done: &[(StageId, f64)], stage: StageId, elapsed: f64, step_left: Option<f64>, to: StageId) -> Option<f64> {
    // Reading headers takes its time whatever follows.
    let paced = done.iter().filter(|(s, _)| *s != StageId::Import);
    let (seconds, parts) = paced.fold((0.0, 0.0), |(a, b), (s, t)| (a + t, b + part(*s)));
    if parts == 0.0 {
        // Only the first long stage itself tells.
        let whole = elapsed + step_left?;
        return Some(step_left? + whole / part(stage) * following(stage, to));
    }
    let pace = seconds / parts;
    let own = (pace * part(stage) - elapsed).max(step_left.unwrap_or(0.0)).max(0.0);
    Some(own + pace * following(stage, to))
}

/// Parts of the stages after `stage`, up to `to`.
fn following(stage: StageId, to: StageId) -> f64 {
    StageId::ALL.into_iter().filter(|s| *s > stage && *s <= to).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_as_fast_as_its_first_stage_goes_on_so() {
        let done = [(StageId::Import, 5.0), (StageId::FindSpots, 11.0)];
        let after = left(&done, StageId::Index, 0.0, None, StageId::Merge).unwrap();
        assert!((after - 0.5 * (14.0 + 12.0 + 8.0 + 30.0 + 4.0 + 8.0 + 1.0)).abs() < 1e-9);
        assert_eq!(left(&done, StageId::Index, 100.0, Some(3.0), StageId::Index), Some(3.0));
    }

    #[test]
    fn the_first_stage_tells_for_the_others_once_its_step_is_under_way() {
        assert_eq!(left(&[], StageId::FindSpots, 4.0, None, StageId::Merge), None);
        let all = left(&[], StageId::FindSpots, 4.0, Some(7.0), StageId::Merge).unwrap();
        assert!(all > 7.0 + 30.0, "{all}");
    }
}
