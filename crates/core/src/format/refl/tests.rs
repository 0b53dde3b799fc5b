use super::*;
use crate::reflections::{RawColumn, Reflections, Shoebox};

fn sample() -> Reflections {
    let mut t = Reflections::with_rows(2);
    t.identifiers.insert(0, "a-b".into());
    t.id = vec![0, -1];
    t.flags = vec![37, 1 << 40];
    t.hkl = vec![[1, -2, 3], [0, 0, 0]];
    t.entering = vec![true, false];
    t.d = vec![1.5, f64::INFINITY];
    t.shoebox = vec![
        Shoebox { panel: 1, bbox: [0, 2, 5, 6, -1, 0], data: vec![1.0, 2.0], mask: vec![5, 0], background: vec![0.5, 0.0] },
        Shoebox { panel: 0, bbox: [0, 9, 0, 9, 0, 9], ..Shoebox::default() },
    ];
    t.extra.insert("odd".into(), RawColumn { kind: "vec2<double>".into(), bytes: vec![7; 32], records: true });
    // A column of strings: an array of two, not a `bin`.
    t.extra.insert("names".into(), RawColumn { kind: "std::string".into(), bytes: vec![0x92, 0xa1, b'x', 0xa1, b'y'], records: false });
    t
}

#[test]
fn what_is_written_reads_back() {
    let t = sample();
    assert_eq!(read(&write(t.clone())).unwrap(), t);
    assert_eq!(read(&write(Reflections::default())).unwrap(), Reflections::default());
}

#[test]
fn every_truncation_is_an_error_and_never_a_panic() {
    let bytes = write(sample());
    for n in 0..bytes.len() {
        assert!(read(&bytes[..n]).is_err(), "{n}");
    }
}

#[test]
fn every_flipped_byte_is_survived() {
    let bytes = write(sample());
    for i in 0..bytes.len() {
        for bit in [1u8, 0x80, 0xff] {
            let mut b = bytes.clone();
            b[i] ^= bit;
            let _ = read(&b);
        }
    }
}

#[test]
fn other_files_are_named_as_such() {
    assert_eq!(read(b"{\"a\": 1}"), Err(ReflError::NotATable));
    assert_eq!(read(b""), Err(ReflError::NotATable));
}
