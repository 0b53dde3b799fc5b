//! Names of space groups: the 230 groups in 564 settings.
//!
//! `settings.tsv` lists number, Hermann–Mauguin symbol, extension (origin choice 1 or 2;
//! hexagonal or rhombohedral axes, H or R), Hall symbol and the change of basis to the reference
//! setting of the number. The symbols are those of International Tables for Crystallography,
//! vol. B (2001), table A1.4.2.7, and some non-standard settings met in the Protein Data Bank. The
//! file was printed from the tables of gemmi 0.7 and compared with those of cctbx: same Hall
//! symbols for the 527 settings that both have, and every change of basis confirmed by cctbx.

use super::Error;
use super::basis::ChangeOfBasis;
use super::class::{Centring, CrystalSystem};
use super::group::SpaceGroup;
use super::op::SymOp;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// One named setting of a space group.
#[derive(Debug)]
pub struct Setting {
    /// Number in International Tables, 1..=230.
    pub number: u16,
    /// Hermann–Mauguin symbol with blanks, such as `P 43 21 2`.
    pub hermann_mauguin: &'static str,
    /// `1`, `2`, `H`, `R` or empty.
    pub extension: &'static str,
    /// Hall symbol without leading blank, such as `P 4nw 2abw`.
    pub hall: &'static str,
    to_reference: &'static str,
}

impl Setting {
    /// Symbol with extension as DIALS prints it: `P 43 21 2`, `R 3 2 :H`.
    pub fn symbol(&self) -> String {
        if self.extension.is_empty() { self.hermann_mauguin.to_string() } else { format!("{} :{}", self.hermann_mauguin, self.extension) }
    }

    /// Hall symbol as DIALS writes it: with a leading blank unless it starts with `-`.
    pub fn hall_symbol(&self) -> String {
        let blank = if self.hall.starts_with('-') { "" } else { " " };
        format!("{blank}{}", self.hall)
    }

    /// Symbol as MTZ files carry it: `P 43 21 2`, and `H 3 2` for R 3 2 on hexagonal axes.
    pub fn ccp4_symbol(&self) -> String {
        if self.extension == "H" { self.hermann_mauguin.replacen('R', "H", 1) } else { self.hermann_mauguin.to_string() }
    }

    /// Symbol without the ones that only fill places and without blanks: `P21`, `P43212`.
    pub fn short_symbol(&self) -> String {
        let monoclinic = (3..=15).contains(&self.number);
        self.hermann_mauguin
            .split(' ')
            .enumerate()
            .filter(|(i, part)| *i == 0 || !monoclinic || *part != "1")
            .map(|(_, part)| part)
            .collect()
    }

    /// The operations.
    pub fn group(&self) -> SpaceGroup {
        // All rows are parsed by a test.
        SpaceGroup::from_hall(self.hall).unwrap_or_else(|_| SpaceGroup::p1())
    }

    /// Change of basis from this setting to the reference setting of its number.
    pub fn to_reference(&self) -> ChangeOfBasis {
        ChangeOfBasis::parse(self.to_reference).unwrap_or_default()
    }

    /// Whether this is the reference setting of its number.
    pub fn is_reference(&self) -> bool {
        self.to_reference == "x,y,z"
    }

    /// Crystal system.
    pub fn crystal_system(&self) -> CrystalSystem {
        match self.number {
            0..=2 => CrystalSystem::Triclinic,
            3..=15 => CrystalSystem::Monoclinic,
            16..=74 => CrystalSystem::Orthorhombic,
            75..=142 => CrystalSystem::Tetragonal,
            143..=167 => CrystalSystem::Trigonal,
            168..=194 => CrystalSystem::Hexagonal,
            _ => CrystalSystem::Cubic,
        }
    }

    /// The setting with the mirrored structure's symmetry: P 41 21 2 for P 43 21 2; itself for
    /// groups that are their own mirror image.
    pub fn enantiomorph(&'static self) -> &'static Setting {
        const PAIRS: [(u16, u16); 11] =
            [(76, 78), (91, 95), (92, 96), (144, 145), (151, 153), (152, 154), (169, 170), (171, 172), (178, 179), (180, 181), (212, 213)];
        let other = PAIRS.iter().find_map(|&(a, b)| match self.number {
            n if n == a => Some(b),
            n if n == b => Some(a),
            _ => None,
        });
        other.and_then(by_number).unwrap_or(self)
    }

    /// Bravais symbol of the lattice of a group with this name, such as `tP`, `mC`, `hR`.
    ///
    /// Monoclinic A, B and I cells and orthorhombic A and B cells count as C.
    pub fn bravais(&self) -> String {
        let system = self.crystal_system();
        let letter = match self.hermann_mauguin.as_bytes()[0] {
            b'A' | b'B' if system <= CrystalSystem::Orthorhombic => 'C',
            b'I' if system == CrystalSystem::Monoclinic => 'C',
            b'R' => 'R',
            other => other as char,
        };
        format!("{}{letter}", system.family_letter())
    }
}

/// Every setting, in the order of the numbers.
pub fn settings() -> &'static [Setting] {
    static TABLE: OnceLock<Vec<Setting>> = OnceLock::new();
    TABLE.get_or_init(|| {
        include_str!("settings.tsv")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut columns = line.split('\t');
                Some(Setting {
                    number: columns.next()?.parse().ok()?,
                    hermann_mauguin: columns.next()?,
                    extension: columns.next()?,
                    hall: columns.next()?,
                    to_reference: columns.next()?,
                })
            })
            .collect()
    })
}

/// The reference setting of a number, 1..=230.
pub fn by_number(number: u16) -> Option<&'static Setting> {
    settings().iter().find(|s| s.number == number && s.is_reference())
}

/// Finds a setting by what a user or file may call it.
///
/// Takes a number (`96`), Hermann–Mauguin symbols with or without blanks and fill-in ones
/// (`P 43 21 2`, `P43212`, `p21`, `C 1 2 1`, `C2`), extensions (`R 3 2 :H`, `H32`) or a tabulated
/// Hall symbol (` P 4nw 2abw`). Without an extension the reference setting is preferred.
///
/// # Errors
/// [`Error::UnknownName`].
pub fn by_name(name: &str) -> Result<&'static Setting, Error> {
    let unknown = || Error::UnknownName { name: super::triplet::shorten(name.trim()) };
    let trimmed = name.trim();
    if let Ok(number) = trimmed.parse::<u16>() {
        return by_number(number).ok_or_else(unknown);
    }
    let mut key: String = trimmed.chars().filter(|c| !c.is_whitespace() && *c != '_').collect::<String>().to_lowercase();
    // CCP4 names a rhombohedral lattice on hexagonal axes H.
    if key.starts_with("h3") || key.starts_with("h-3") {
        key = format!("r{}:h", &key[1..]);
    }
    let (symbol, extension) = match key.split_once(':') {
        Some((symbol, extension)) => (symbol, Some(extension)),
        None => (key.as_str(), None),
    };
    let squeeze = |s: &str| s.replace(' ', "").to_lowercase();
    let matches = |s: &Setting| {
        extension.is_none_or(|e| s.extension.eq_ignore_ascii_case(e))
            && (squeeze(s.hermann_mauguin) == symbol || squeeze(&s.short_symbol()) == symbol)
    };
    let found = || settings().iter().filter(|s| matches(s));
    found()
        .find(|s| s.is_reference())
        .or_else(|| found().next())
        .or_else(|| settings().iter().find(|s| s.hall == trimmed))
        .ok_or_else(unknown)
}

/// The named setting that has exactly these operations, if any.
pub fn identify(group: &SpaceGroup) -> Option<&'static Setting> {
    static INDEX: OnceLock<BTreeMap<Vec<SymOp>, usize>> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let mut map = BTreeMap::new();
        for (i, setting) in settings().iter().enumerate() {
            map.entry(setting.group().canonical()).or_insert(i);
        }
        map
    });
    index.get(&group.canonical()).map(|&i| &settings()[i])
}

impl SpaceGroup {
    /// The group of a name. See [`by_name`].
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn from_name(name: &str) -> Result<Self, Error> {
        by_name(name).map(Setting::group)
    }

    /// The reference setting of a number in International Tables.
    pub fn from_number(number: u16) -> Option<Self> {
        by_number(number).map(Setting::group)
    }

    /// The named setting with these operations, if there is one.
    pub fn setting(&self) -> Option<&'static Setting> {
        identify(self)
    }

    /// Hermann–Mauguin symbol, such as `P 4/m m m`; for a setting without a name, the symbol of
    /// the reference setting is not guessed: the text says `unnamed setting, point group 422`.
    pub fn symbol(&self) -> String {
        match self.setting() {
            Some(setting) => setting.symbol(),
            None => format!("unnamed {} setting, point group {}", self.centring().letter(), self.point_group().map_or("?", |p| p.symbol())),
        }
    }

    /// Bravais symbol for the symmetry of this group, such as `tP`.
    pub fn bravais(&self) -> String {
        let system = self.crystal_system();
        let letter = match self.centring() {
            Centring::A | Centring::B if system <= CrystalSystem::Orthorhombic => 'C',
            Centring::I if system == CrystalSystem::Monoclinic => 'C',
            other => other.letter(),
        };
        format!("{}{letter}", system.family_letter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_group_and_reaches_its_reference() {
        assert_eq!(settings().len(), 564);
        for setting in settings() {
            let group = SpaceGroup::from_hall(setting.hall).unwrap();
            let reference = by_number(setting.number).unwrap().group();
            let changed = group.change_basis(&setting.to_reference()).unwrap();
            assert_eq!(changed, reference, "{}", setting.symbol());
        }
        for number in 1..=230 {
            assert!(by_number(number).is_some(), "{number}");
        }
    }

    #[test]
    fn sohncke_groups_are_65_and_enantiomorphs_11_pairs() {
        let chiral = (1..=230).filter(|&n| by_number(n).unwrap().group().is_chiral()).count();
        assert_eq!(chiral, 65);
        let mut pairs = 0;
        for number in 1..=230 {
            let setting = by_number(number).unwrap();
            let other = setting.enantiomorph();
            if other.number != number {
                pairs += 1;
                let mirrored = setting.group().mirrored();
                // P 61 mirrored at the origin is P 65 as tabulated; for some pairs the origin moves.
                assert_eq!(mirrored.order(), other.group().order());
                assert_eq!(mirrored.point_group(), other.group().point_group());
                assert_eq!(other.enantiomorph().number, number);
            }
        }
        assert_eq!(pairs, 22);
    }

    #[test]
    fn names_are_found_as_people_write_them() {
        let t = |name: &str, number, symbol: &str| {
            let s = by_name(name).unwrap();
            assert_eq!((s.number, s.symbol().as_str()), (number, symbol), "{name}");
        };
        t("P41212", 92, "P 41 21 2");
        t("P 43 21 2", 96, "P 43 21 2");
        t("p212121", 19, "P 21 21 21");
        t("19", 19, "P 21 21 21");
        t("C2", 5, "C 1 2 1");
        t("I2", 5, "I 1 2 1");
        t("P 1 21 1", 4, "P 1 21 1");
        t("P21/c", 14, "P 1 21/c 1");
        t("H32", 155, "R 3 2 :H");
        t("R 3 2 :R", 155, "R 3 2 :R");
        t("R3", 146, "R 3 :H");
        t(" P 4nw 2abw", 96, "P 43 21 2");
        t("P 3 2 1", 150, "P 3 2 1");
        t("P 3 1 2", 149, "P 3 1 2");
        for name in ["", "0", "231", "P 5", "lysozyme"] {
            assert!(by_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn patterson_symbols() {
        let t = |name: &str, expected: &str| {
            assert_eq!(SpaceGroup::from_name(name).unwrap().patterson().symbol(), expected);
        };
        t("P 43 21 2", "P 4/m m m");
        t("P 21 21 21", "P m m m");
        t("C 2", "C 1 2/m 1");
        t("I 1 2 1", "I 1 2/m 1");
        t("P 31 2 1", "P -3 m 1");
        t("P 32 1 2", "P -3 1 m");
        t("R 3 2", "R -3 m :H");
        t("I 41 3 2", "I m -3 m");
        t("P 1", "P -1");
        let acentric = SpaceGroup::from_name("P 4/m m m").unwrap().derived_acentric();
        assert_eq!(acentric.symbol(), "P 4 2 2");
    }

    #[test]
    fn bravais_symbols() {
        let t = |name: &str, expected: &str| {
            assert_eq!(by_name(name).unwrap().bravais(), expected);
            assert_eq!(SpaceGroup::from_name(name).unwrap().bravais(), expected);
        };
        t("P 43 21 2", "tP");
        t("I 1 2 1", "mC");
        t("C 2 2 21", "oC");
        t("R 3 :H", "hR");
        t("P 61", "hP");
        t("F 2 3", "cF");
    }
}
