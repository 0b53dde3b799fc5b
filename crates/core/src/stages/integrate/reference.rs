use super::Error;
use crate::reflections::{Reflections, flags};

/// A strong spot and the prediction that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    /// Row of the refined table.
    pub(super) spot: usize,
    /// Row of the predictions.
    pub(super) predicted: usize,
}

/// Strong spots that were found again among the predictions, and what became of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct References {
    /// In the order of the predictions.
    pub(super) matches: Vec<Match>,
    pub(super) spots: usize,
    pub(super) unindexed: usize,
    pub(super) bad_for_refinement: usize,
    pub(super) unmatched: usize,
}

/// Largest distance (px, px, images) between where refinement and where integration predicts a spot.
const MAX_DISTANCE: f64 = 2.0;

/// Indexed spots that refinement did not set aside, matched with predictions by experiment, index, direction and panel (of several turns:
/// the nearest). Predictions of matched spots take over their flags.
pub(super) fn match_references(refined: &Reflections, predicted: &mut Reflections) -> Result<References, Error> {
    let mut out = References { spots: refined.len(), ..References::default() };
    if refined.is_empty() {
        return Ok(out);
    }
    refined.require(&["id", "miller_index", "entering", "panel", "flags", "xyzcal.px"])?;
    let key = |t: &Reflections, i: usize| (t.id[i], t.hkl[i], t.entering[i], t.panel[i]);
    let mut sorted: Vec<usize> = (0..predicted.len()).collect();
    sorted.sort_by_key(|&i| key(predicted, i));
    // Best spot of each prediction, so that two spots never share one.
    let mut best: Vec<Option<(usize, f64)>> = vec![None; predicted.len()];
    let mut usable = 0;
    for i in 0..refined.len() {
        let f = refined.flags[i];
        if f & flags::INDEXED == 0 || refined.hkl[i] == [0, 0, 0] {
            out.unindexed += 1;
            continue;
        }
        if f & (flags::CENTROID_OUTLIER | flags::EXCLUDED_FOR_REFINEMENT) != 0 {
            out.bad_for_refinement += 1;
            continue;
        }
        usable += 1;
        let k = key(refined, i);
        let from = sorted.partition_point(|&j| key(predicted, j) < k);
        let candidates = sorted[from..].iter().take_while(|&&j| key(predicted, j) == k);
        let distance = |j: usize| {
            let (a, b) = (predicted.xyzcal_px[j], refined.xyzcal_px[i]);
            (0..3).map(|c| (a[c] - b[c]) * (a[c] - b[c])).sum::<f64>().sqrt()
        };
        let nearest = candidates.map(|&j| (j, distance(j))).min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((j, d)) = nearest.filter(|n| n.1 < MAX_DISTANCE)
            && best[j].is_none_or(|b| d < b.1)
        {
            best[j] = Some((i, d));
        }
    }
    for (j, b) in best.iter().enumerate() {
        if let Some((i, _)) = b {
            predicted.flags[j] |=
                flags::REFERENCE_SPOT | (refined.flags[*i] & (flags::STRONG | flags::INDEXED | flags::USED_IN_REFINEMENT));
            out.matches.push(Match { spot: *i, predicted: j });
        }
    }
    out.unmatched = usable - out.matches.len();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[([i32; 3], f64, u64)]) -> Reflections {
        let mut t = Reflections::with_rows(rows.len());
        t.id = vec![0; rows.len()];
        t.panel = vec![0; rows.len()];
        t.entering = vec![true; rows.len()];
        t.hkl = rows.iter().map(|r| r.0).collect();
        t.xyzcal_px = rows.iter().map(|r| [10.0, 10.0, r.1]).collect();
        t.flags = rows.iter().map(|r| r.2).collect();
        t
    }

    #[test]
    fn spots_match_the_turn_on_which_they_were_seen() {
        let mut predicted = table(&[([1, 2, 3], 5.0, 1), ([1, 2, 3], 725.0, 1), ([4, 0, 0], 9.0, 1)]);
        let good = flags::INDEXED | flags::STRONG;
        let refined = table(&[
            ([1, 2, 3], 724.5, good),
            ([4, 0, 0], 90.0, good),
            ([0, 0, 0], 1.0, flags::STRONG),
            ([4, 0, 0], 9.0, good | flags::CENTROID_OUTLIER),
        ]);
        let r = match_references(&refined, &mut predicted).unwrap();
        assert_eq!(r.matches, [Match { spot: 0, predicted: 1 }]);
        assert_eq!((r.unindexed, r.bad_for_refinement, r.unmatched), (1, 1, 1));
        assert_eq!(predicted.flags, [1, 1 | good | flags::REFERENCE_SPOT, 1]);
    }
}
