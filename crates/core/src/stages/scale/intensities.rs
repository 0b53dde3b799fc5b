//! The choice between summed and profile-fitted intensities, and mixtures of both (Evans 2006).

use super::input::{Measured, Observations};
use super::params::IntensityChoice;
use super::weights::scaled_mean;
use crate::merging::RFactors;

/// Which intensity to take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Choice {
    /// Profile-fitted where there is one.
    Profile,
    /// Summed where there is one.
    Sum,
    /// w·profile + (1 − w)·sum, w = 1/(1 + (I/I_mid)³), I in counts of the full reflection.
    Mixture(f64),
}

impl Choice {
    /// DIALS' code for it in the model's configuration: 0, 1 or I_mid.
    pub(super) fn code(self) -> f64 {
        match self {
            Choice::Profile => 0.0,
            Choice::Sum => 1.0,
            Choice::Mixture(i) => i,
        }
    }

    /// Up to how many counts intensities are mostly profile-fitted.
    pub(super) fn profile_up_to(self) -> f64 {
        match self {
            Choice::Profile => f64::INFINITY,
            Choice::Sum => 0.0,
            Choice::Mixture(i) => i,
        }
    }

    /// What the log calls it.
    pub(super) fn name(self) -> String {
        match self {
            Choice::Profile => "prf only".to_owned(),
            Choice::Sum => "sum only".to_owned(),
            Choice::Mixture(i) => format!("Imid = {i:.2}"),
        }
    }

    /// The intensity of one observation.
    pub(super) fn of(self, summed: Option<Measured>, profile: Option<Measured>) -> Option<Measured> {
        match (self, summed, profile) {
            (Choice::Profile, s, p) => p.or(s),
            (Choice::Sum, s, p) => s.or(p),
            (Choice::Mixture(mid), Some(s), Some(p)) => {
                // Counts: the corrections taken off again (the sum's includes the partiality).
                let counts = (s.value / p.per_count).max(0.0);
                let ratio = counts / mid;
                let w = 1.0 / (1.0 + ratio * ratio * ratio);
                Some(Measured {
                    value: w * p.value + (1.0 - w) * s.value,
                    variance: w * p.variance + (1.0 - w) * s.variance,
                    per_count: w * p.per_count + (1.0 - w) * s.per_count,
                })
            }
            (Choice::Mixture(_), s, p) => p.or(s),
        }
    }
}

/// Puts the chosen intensities in place.
pub(super) fn apply(obs: &mut Observations, choice: Choice) {
    for j in 0..obs.len() {
        if let Some(m) = choice.of(obs.summed[j], obs.profile[j]) {
            obs.intensity[j] = m.value;
            obs.variance[j] = m.variance;
            obs.per_count[j] = m.per_count;
        }
    }
}

/// The choice that the parameters force, if any.
pub(super) fn forced(obs: &Observations, wanted: IntensityChoice) -> Option<Choice> {
    let (any_sum, any_profile) = (obs.summed.iter().any(Option::is_some), obs.profile.iter().any(Option::is_some));
    match wanted {
        _ if !any_profile => Some(Choice::Sum),
        _ if !any_sum => Some(Choice::Profile),
        IntensityChoice::Profile => Some(Choice::Profile),
        IntensityChoice::Sum => Some(Choice::Sum),
        IntensityChoice::Combine => None,
    }
}

/// Candidates: either alone, mixtures around the mean, and around powers of ten below the strongest counts down to the mean, as in DIALS.
pub(super) fn candidates(obs: &Observations) -> Vec<Choice> {
    let counts = |j: usize| obs.summed[j].zip(obs.profile[j]).map(|(s, p)| s.value / p.per_count);
    let (mut n, mut sum, mut top) = (0.0, 0.0, 0.0f64);
    for c in (0..obs.len()).filter(|&j| !obs.outlier[j]).filter_map(counts) {
        n += 1.0;
        sum += c;
        top = top.max(c);
    }
    let mean = if n > 0.0 { (sum / n).max(10.0) } else { 10.0 };
    let mut out = vec![Choice::Profile, Choice::Sum, Choice::Mixture(mean)];
    let mut mid = 0.1 * top;
    while mid > 0.1 * mean && n > 0.0 {
        out.push(Choice::Mixture(mid));
        mid *= 0.1;
    }
    out
}

/// R_meas of a choice with the given inverse scales, over groups with mean I/σ above 1.
pub(super) fn r_meas(obs: &Observations, g: &[f64], choice: Choice) -> f64 {
    let mut total = RFactors::default();
    let mut values = Vec::new();
    for i in 0..obs.groups.len() {
        values.clear();
        let members = obs.groups.members(i).filter(|&j| !obs.outlier[j]);
        values.extend(members.filter_map(|j| choice.of(obs.summed[j], obs.profile[j]).map(|m| (m.value / g[j], m.variance.sqrt() / g[j]))));
        let Some((mean, sigma)) = scaled_mean(&values) else { continue };
        if mean > sigma {
            total.add(values.iter().map(|v| v.0), mean);
        }
    }
    total.r_meas()
}
