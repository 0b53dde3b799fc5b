use crate::reflections::{Reflections, flags};
use serde::{Deserialize, Serialize};

/// How a predicted reflection fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Summed and fitted.
    Both,
    /// Summed; no profile was fitted.
    Summed,
    /// Fitted; not summed, because not all of its pixels can be used.
    Fitted,
    /// Not tried: so near to the rotation axis that it takes very long to pass.
    Blind,
    /// Not tried: its rays miss the panel, or its box would be absurdly large.
    NoBox,
    /// Too few usable pixels around it, or none that tell the background.
    NoBackground,
    /// Too few usable pixels in it.
    Masked,
    /// Not all of its pixels can be used, and no profile could be fitted to the rest.
    Unfitted,
    /// Fitted; not summed, because others lie upon it.
    Parted,
    /// It cannot be told from another that lies upon it.
    Inseparable,
}

impl Fate {
    /// All of them, by their number.
    pub const ALL: [Fate; 10] = [
        Fate::Both,
        Fate::Summed,
        Fate::Fitted,
        Fate::Blind,
        Fate::NoBox,
        Fate::NoBackground,
        Fate::Masked,
        Fate::Unfitted,
        Fate::Parted,
        Fate::Inseparable,
    ];

    /// Of a row of a table of integration; `min_zeta`: the parameter with which it was made. Without boxes or flags all are taken to have been summed.
    pub fn of(t: &Reflections, row: usize, min_zeta: f64) -> Fate {
        let f = t.flags.get(row).copied().unwrap_or(flags::INTEGRATED_SUM);
        let upon = f & flags::OVERLAPPED_FG != 0 && f & flags::FOREGROUND_INCLUDES_BAD_PIXELS == 0;
        let no_box = t.bbox.get(row).is_some_and(|b| b[5] <= b[4]);
        match f & flags::INTEGRATED {
            flags::INTEGRATED => Fate::Both,
            flags::INTEGRATED_SUM => Fate::Summed,
            flags::INTEGRATED_PRF if upon => Fate::Parted,
            flags::INTEGRATED_PRF => Fate::Fitted,
            _ if no_box && t.zeta.get(row).is_some_and(|z| z.abs() < min_zeta) => Fate::Blind,
            _ if no_box => Fate::NoBox,
            _ if f & flags::FAILED_DURING_BACKGROUND_MODELLING != 0 => Fate::NoBackground,
            _ if f & flags::DONT_INTEGRATE != 0 => Fate::Masked,
            _ if upon => Fate::Inseparable,
            _ => Fate::Unfitted,
        }
    }

    /// Whether there is an intensity.
    pub fn is_integrated(self) -> bool {
        matches!(self, Fate::Both | Fate::Summed | Fate::Fitted | Fate::Parted)
    }

    /// In words, after the reflection's name.
    pub fn words(self) -> &'static str {
        match self {
            Fate::Both => "summed and fitted",
            Fate::Summed => "summed, not fitted",
            Fate::Fitted => "fitted, not summed: some of its pixels cannot be used",
            Fate::Blind => "not integrated: too near to the rotation axis",
            Fate::NoBox => "not integrated: it has no box on the panel",
            Fate::NoBackground => "not integrated: no background around it",
            Fate::Masked => "not integrated: too many of its pixels cannot be used",
            Fate::Unfitted => "not integrated: some of its pixels cannot be used, and no profile was fitted to the rest",
            Fate::Parted => "fitted, not summed: others lie upon it",
            Fate::Inseparable => "not integrated: it cannot be told from another that lies upon it",
        }
    }

    /// Its place in [`Fate::ALL`].
    pub fn number(self) -> u8 {
        Fate::ALL.iter().position(|f| *f == self).map_or(0, |k| k as u8)
    }

    /// The one with that number.
    pub fn from_number(number: u8) -> Option<Fate> {
        Fate::ALL.get(usize::from(number)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fate_is_told_by_flags_box_and_zeta() {
        use flags::*;
        let seen = [
            (INTEGRATED, 1, Fate::Both),
            (INTEGRATED_SUM | FAILED_DURING_PROFILE_FITTING, 1, Fate::Summed),
            (INTEGRATED_PRF | FAILED_DURING_SUMMATION, 1, Fate::Fitted),
            (INTEGRATED_PRF | FAILED_DURING_SUMMATION | OVERLAPPED_FG, 1, Fate::Parted),
            (INTEGRATED_PRF | FAILED_DURING_SUMMATION | OVERLAPPED_FG | FOREGROUND_INCLUDES_BAD_PIXELS, 1, Fate::Fitted),
            (FAILED_DURING_SUMMATION | FAILED_DURING_PROFILE_FITTING | OVERLAPPED_FG, 1, Fate::Inseparable),
            (DONT_INTEGRATE, 0, Fate::Blind),
            (DONT_INTEGRATE, 0, Fate::NoBox),
            (DONT_INTEGRATE | FAILED_DURING_BACKGROUND_MODELLING | FAILED_DURING_SUMMATION, 1, Fate::NoBackground),
            (DONT_INTEGRATE | FAILED_DURING_SUMMATION, 1, Fate::Masked),
            (FAILED_DURING_SUMMATION | FAILED_DURING_PROFILE_FITTING, 1, Fate::Unfitted),
        ];
        let mut t = Reflections::with_rows(seen.len());
        t.flags = seen.iter().map(|s| s.0).collect();
        t.bbox = seen.iter().map(|s| [0, 1, 0, 1, 0, s.1]).collect();
        t.zeta = seen.iter().map(|s| if s.2 == Fate::Blind { 0.03 } else { -0.6 }).collect();
        for (row, (_, _, fate)) in seen.into_iter().enumerate() {
            assert_eq!(Fate::of(&t, row, 0.05), fate);
            assert_eq!(Fate::from_number(fate.number()), Some(fate));
            assert_eq!(fate.is_integrated(), !fate.words().starts_with("not"));
        }
        assert_eq!(Fate::from_number(10), None);
    }
}
