//! Reflections of every space-group setting against tables made by cctbx and gemmi.

use ewald_core::spacegroup::{AsymmetricUnit, SpaceGroup};
use std::process::Command;

/// Absences, centrics, ε and asymmetric units of h, k, l = −5..5 in 530 settings (sgtbx.csv.bz2).
#[test]
fn reflections_agree_with_cctbx_and_gemmi() {
    let Some(path) = ewald_tests::data("merging/french_wilson_hewl/sgtbx.csv.bz2") else { return };
    let Ok(output) = Command::new("bzip2").arg("-dc").arg(&path).output() else {
        eprintln!("SKIPPED: bzip2 is not installed");
        return;
    };
    let text = String::from_utf8(output.stdout).expect("the table is text");
    let mut current: Option<(String, SpaceGroup, AsymmetricUnit)> = None;
    let (mut rows, mut groups) = (0, 0);
    for line in text.lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        // Hall symbols with a quotation mark are quoted.
        let (name, hall) = (f[0], f[1].trim_matches('"').replace("\"\"", "\""));
        let hall = if f[1].starts_with('"') && f[1].ends_with("\"\"\"") { format!("{hall}\"") } else { hall };
        if current.as_ref().is_none_or(|(n, _, _)| n != name) {
            let group = SpaceGroup::from_hall(&hall).expect("a Hall symbol");
            let named = SpaceGroup::from_name(name).expect("a known name");
            assert_eq!(named, group, "{name} is {hall}");
            let unit = AsymmetricUnit::new(&group).expect("an asymmetric unit");
            current = Some((name.to_owned(), group, unit));
            groups += 1;
        }
        let (_, group, unit) = current.as_ref().expect("set above");
        let index = |i: usize| -> [i32; 3] { std::array::from_fn(|k| f[i + k].parse().expect("an index")) };
        let flag = |i: usize| f[i] == "True";
        let hkl = index(3);
        if hkl == [0; 3] {
            continue;
        }
        let (unique, isym) = unit.map(hkl);
        assert_eq!(unique, index(6), "{name} {hkl:?}");
        assert_eq!(unit.original(unique, isym), Some(hkl), "{name} {hkl:?} {isym}");
        assert_eq!(unit.contains(hkl), flag(9), "{name} {hkl:?}");
        assert_eq!(group.is_centric(hkl), flag(10), "{name} {hkl:?}");
        assert_eq!(group.is_absent(hkl), flag(11), "{name} {hkl:?}");
        let epsilon: u32 = f[14].parse().expect("ε without centring");
        assert_eq!(group.epsilon(hkl), epsilon, "{name} {hkl:?}");
        rows += 1;
    }
    eprintln!("{rows} reflections of {groups} settings agree");
    // 11³ − 1 indices of each.
    assert_eq!((groups, rows), (530, 530 * 1330));
}
