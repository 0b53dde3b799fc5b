use super::*;
use crate::format::codec::bitshuffle;
use crate::format::hdf5::Store;
use crate::format::source::{FileSet, MemorySource, SourceFile};
use std::sync::Arc;

fn frame(z: u32) -> Vec<u8> {
    (0..35u32).flat_map(|i| (i * 1000 + z).to_le_bytes()).collect()
}

fn sample(frames: u32) -> Vec<u8> {
    let chunks = (0..frames).map(|z| bitshuffle::encode_lz4(&frame(z), 4).unwrap()).collect();
    let mut entry = Group::nexus("NXentry");
    entry.data("definition", Data::text("NXmx"));
    entry.data("distance", Data::number(0.075).unit("m"));
    entry.data("angles", Data::list(Values::F64(vec![0.0, 0.5, 1.0])).with("vector", Values::F64(vec![-1.0, 0.0, 0.0])));
    entry.data("mask", Data { values: Values::U32(vec![0, 1, 2, 3]), dims: vec![2, 2], attributes: Vec::new() });
    entry.data("count", Data::integer(-5));
    entry.add("data", Entry::Stack(Stack { shape: [5, 7], element: Element::U32, chunks }));
    entry.add("soft", Entry::Soft("/entry/data".into()));
    entry.add("far", Entry::External { file: "other.h5".into(), path: "/entry/data".into() });
    let mut root = Group::default();
    root.add("entry", Entry::Group(entry));
    write(&root)
}

#[test]
fn what_is_written_reads_back_through_links_and_several_levels_of_chunks() {
    let files: FileSet = ["a.h5", "other.h5"]
        .map(|name| SourceFile::new(name, Arc::new(MemorySource::new(sample(if name == "a.h5" { 5000 } else { 3 })))))
        .into_iter()
        .collect();
    let entry = Store::new(files).root("a.h5").unwrap().get("entry").unwrap();
    assert_eq!(entry.get("definition").unwrap().read().unwrap().text(), Some("NXmx"));
    assert_eq!(entry.get("distance").unwrap().read().unwrap().real(), Some(0.075));
    assert_eq!(entry.get("distance").unwrap().attribute("units").unwrap().unwrap().text(), Some("m"));
    assert_eq!(entry.get("angles").unwrap().attribute("vector").unwrap().unwrap().reals(), Some(vec![-1.0, 0.0, 0.0]));
    assert_eq!(entry.get("mask").unwrap().read().unwrap().integers(), Some(vec![0, 1, 2, 3]));
    assert_eq!(entry.get("count").unwrap().read().unwrap().integer(), Some(-5));
    for (name, n) in [("data", 5000u32), ("soft", 5000), ("far", 3)] {
        let stack = entry.get(name).unwrap().stack().unwrap();
        assert_eq!((stack.len(), stack.shape()), (u64::from(n), [5, 7]), "{name}");
        for z in [0, 2, n / 2, n - 1] {
            let (mut bytes, mut out) = (Vec::new(), vec![0; 35]);
            stack.fetch(u64::from(z), &mut bytes).unwrap();
            stack.decode(u64::from(z), &bytes, &mut out).unwrap();
            assert_eq!(out, (0..35).map(|i| i * 1000 + z as i32).collect::<Vec<i32>>(), "{name} {z}");
        }
    }
}
