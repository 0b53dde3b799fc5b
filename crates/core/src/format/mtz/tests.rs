use super::*;
use proptest::prelude::*;

fn example() -> Mtz {
    let group = SpaceGroup::from_name("P 43 21 2").unwrap();
    let mut mtz = Mtz::new(&group, [79.1, 79.1, 37.9, 90.0, 90.0, 90.0], 0.9795, ["AUTOMATIC", "XTAL", "NATIVE"]);
    mtz.title = "From a test".to_owned();
    mtz.history.push("written by a test".to_owned());
    mtz.push_indices(&[[4, 0, 0], [2, 1, 3], [0, 0, 4]]);
    mtz.push("IMEAN", 'J', [1.5, -2.25e-7, 1e12]);
    mtz.push("I(+)", 'K', [f32::NAN, 3.0, 4.0]);
    mtz
}

/// NaN is not equal to itself, so compare bits.
fn bits(mtz: &Mtz) -> Vec<Vec<u32>> {
    mtz.columns.iter().map(|c| c.values.iter().map(|v| v.to_bits()).collect()).collect()
}

#[test]
fn a_merged_file_reads_back() {
    let mtz = example();
    let bytes = mtz.to_bytes().unwrap();
    assert_eq!(bytes.len() % 4, 0);
    let back = Mtz::from_bytes(&bytes).unwrap();
    assert_eq!(bits(&back), bits(&mtz));
    assert_eq!((&back.title, &back.history, &back.datasets), (&mtz.title, &mtz.history, &mtz.datasets));
    assert_eq!(back.symmetry, mtz.symmetry);
    assert_eq!(back.cell, mtz.cell);
    assert_eq!(back.indices().unwrap(), [[4, 0, 0], [2, 1, 3], [0, 0, 4]]);
    assert_eq!(back.symmetry.group().unwrap().symbol(), "P 43 21 2");
}

#[test]
fn observed_indices_read_back() {
    for name in ["P 43 21 2", "C 1 2 1", "R 3 2 :H", "F 2 3", "I 1 2 1"] {
        let group = SpaceGroup::from_name(name).unwrap();
        let mut mtz = Mtz::new(&group, [50.0, 50.0, 50.0, 90.0, 90.0, 90.0], 1.0, ["DIALS", "XTAL", "FROMDIALS"]);
        let observed: Vec<[i32; 3]> =
            (0..343).map(|n| [n / 49 - 3, n / 7 % 7 - 3, n % 7 - 3]).filter(|h| !group.is_absent_by_centring(*h)).collect();
        mtz.push_observed_indices(&observed).unwrap();
        let back = Mtz::from_bytes(&mtz.to_bytes().unwrap()).unwrap();
        assert_eq!(back.observed_indices().unwrap(), observed, "{name}");
    }
}

#[test]
fn batch_numbers_do_not_meet() {
    assert_eq!(batch_offsets(&[[1, 240]]), [0]);
    assert_eq!(batch_offsets(&[[1, 15], [1, 15], [1, 15], [1, 15]]), [0, 100, 200, 300]);
    assert_eq!(batch_offsets(&[[1, 100], [201, 300]]), [0, 0]);
    assert_eq!(batch_offsets(&[[0, 99]]), [1]);
    assert_eq!(batch_offsets(&[[1, 100], [101, 200]]), [0, 100]);
}

#[test]
fn damaged_files_are_errors() {
    assert_eq!(Mtz::from_bytes(b"not one").unwrap_err(), Error::NotMtz);
    let bytes = example().to_bytes().unwrap();
    for cut in [80, 100, 140, 200, bytes.len() / 2] {
        assert!(Mtz::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    let mut huge = bytes.clone();
    huge[4..8].copy_from_slice(&i32::MAX.to_le_bytes());
    assert!(Mtz::from_bytes(&huge).is_err());
    let mut ragged = example();
    ragged.columns[3].values.pop();
    assert!(matches!(ragged.to_bytes(), Err(Error::Ragged { .. })));
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((0usize..2200, any::<u8>()), 1..8)) {
        let mut bytes = example().to_bytes().unwrap();
        for (at, value) in changes {
            let n = bytes.len();
            bytes[at % n] = value;
        }
        let _ = Mtz::from_bytes(&bytes);
    }
}
