//! How far parameters stand for each other.

use super::outcome::Correlations;

/// Crystals beyond this many are left out: matrices of hundreds of parameters are not read.
const CRYSTALS: usize = 4;

/// Correlations of the parameters `names`; those of a crystal that varies are taken together, as the mean over its samples.
pub(crate) fn correlations(names: &[String], covariance: &[Vec<f64>]) -> Correlations {
    // By name without the sample's number: the columns that make it up.
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (column, name) in names.iter().enumerate() {
        let words: Vec<&str> = name.split(' ').collect();
        let kept = match words.as_slice() {
            ["crystal", number, rest @ ..] => {
                if number.parse().is_ok_and(|n: usize| n >= CRYSTALS) {
                    continue;
                }
                let rest = if rest.first() == Some(&"sample") { &rest[2.min(rest.len())..] } else { rest };
                format!("crystal {number} {}", rest.join(" "))
            }
            _ => name.clone(),
        };
        match groups.iter_mut().find(|(g, _)| *g == kept) {
            Some((_, columns)) => columns.push(column),
            None => groups.push((kept, vec![column])),
        }
    }
    let mean = |a: &[usize], b: &[usize]| {
        let sum: f64 = a.iter().flat_map(|i| b.iter().map(move |j| covariance[*i][*j])).sum();
        sum / (a.len() * b.len()) as f64
    };
    let variance: Vec<f64> = groups.iter().map(|(_, g)| mean(g, g)).collect();
    let row = |i: usize| {
        let one = |j: usize| {
            let scale = (variance[i] * variance[j]).sqrt();
            if scale > 0.0 { (mean(&groups[i].1, &groups[j].1) / scale).clamp(-1.0, 1.0) } else { 0.0 }
        };
        (0..groups.len()).map(one).collect()
    };
    let matrix = (0..groups.len()).map(row).collect();
    Correlations { names: groups.into_iter().map(|(name, _)| name).collect(), matrix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_taken_together_and_the_diagonal_is_one() {
        let names: Vec<String> = ["crystal 0 sample 0 rotation x", "crystal 0 sample 1 rotation x", "crystal 9 rotation x", "beam 0 tilt"]
            .map(String::from)
            .into();
        let covariance = [[4.0, 0.0, 0.0, 1.0], [0.0, 4.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.5], [1.0, 1.0, 0.5, 1.0]].map(Vec::from);
        let c = correlations(&names, &covariance);
        assert_eq!(c.names, ["crystal 0 rotation x", "beam 0 tilt"]);
        // Var of the mean is 2, its covariance with the tilt 1.
        assert!((c.matrix[0][1] - 1.0 / 2.0_f64.sqrt()).abs() < 1e-12 && (c.matrix[1][1] - 1.0).abs() < 1e-12);
    }
}
