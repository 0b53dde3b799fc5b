//! Conformance on files written by other programs (`shared/data/hdf5/PROVENANCE.md`) and on our own.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::format::source::{FileSet, MemorySource, SourceFile};
use crate::format::test_data::{files, folder, list};

fn frame(stack: &Stack, z: u64) -> Result<Vec<i32>, Error> {
    let mut bytes = Vec::new();
    stack.fetch(z, &mut bytes)?;
    let [height, width] = stack.shape();
    let mut out = vec![0; height * width];
    stack.decode(z, &bytes, &mut out)?;
    Ok(out)
}

fn sum(pixels: &[i32]) -> i64 {
    pixels.iter().map(|&p| i64::from(p)).sum()
}

fn root(folder: &Path, names: &[&str]) -> Node {
    Store::new(files(folder, names)).root(names[0]).unwrap()
}

#[test]
fn four_format_versions_hold_the_same_frames() {
    let Some(folder) = folder("hdf5/dectris_h5_testfiles/datasets_different_h5ver") else { return };
    for version in ["earliest", "v108", "v110", "v112"] {
        let names = [format!("dataset_{version}.h5"), format!("dataset_{version}_external.h5")];
        let root = root(&folder, &[&names[0], &names[1]]);
        let mut paths = vec!["not_chunked".to_owned(), "chunked_external".into(), "not_chunked_external".into()];
        for name in ["chunked_fixed_array", "chunked_fixed_array_paged", "chunked_unlimited_maxshape", "chunked"] {
            paths.extend([name.to_owned(), format!("{name}_bslz4")]);
        }
        for group in ["sub", "sub_soft", "sub_hard"] {
            if root.find(&format!("/data/{group}")).unwrap().is_some() {
                let inside = root.get(&format!("/data/{group}")).unwrap().links().unwrap();
                paths.extend(inside.iter().map(|l| format!("{group}/{}", l.name)));
            }
        }
        for name in ["chunked_soft", "chunked_hard", "not_chunked_soft", "not_chunked_hard"] {
            paths.extend(root.find(&format!("/data/{name}")).unwrap().map(|_| name.to_owned()));
        }
        for path in paths {
            let node = root.get(&format!("/data/{path}")).unwrap_or_else(|e| panic!("{version} {path}: {e}"));
            if !node.is_dataset().unwrap() {
                continue;
            }
            let stack = node.stack().unwrap();
            assert!(stack.len() >= 3, "{version} {path}");
            for z in 0..stack.len() {
                let pixels = frame(&stack, z).unwrap_or_else(|e| panic!("{version} {path} {z}: {e}"));
                assert!(pixels.iter().all(|&p| p == z as i32), "{version} {path} {z}");
            }
            let read = node.read().unwrap().integers().unwrap();
            let [h, w] = stack.shape();
            assert!(read.iter().enumerate().all(|(i, &v)| v == (i / (h * w)) as i64), "{version} {path}");
            assert!(matches!(frame(&stack, stack.len()), Err(Error::NoFrame { .. })));
        }
    }
}

#[test]
fn detector_written_files_of_each_width_decode() {
    let Some(folder) = folder("hdf5/dectris_h5_testfiles/datasets_eiger2") else { return };
    // Sums by h5py; values with all bits set count as −1 here.
    for (part, all_set) in [("bslz4", 65535), ("bslz4_uint32", u32::MAX.into()), ("bslz4_uint8", 255), ("lz4", 65535i64)] {
        for number in 1..=2 {
            let name = format!("eiger2_simread7_2datafiles_4images_{part}_data_00000{number}.h5");
            let stack = root(&folder, &[&name]).get("/entry/data/data").unwrap().stack().unwrap();
            assert_eq!((stack.len(), stack.shape()), (2, [512, 1028]));
            let pixels = frame(&stack, 1).unwrap();
            let marked = pixels.iter().filter(|&&p| p == -1).count() as i64;
            let want = if part == "bslz4_uint32" { 21891240 } else { 3648540 };
            assert_eq!(sum(&pixels) + marked * (all_set + 1), want, "{name}");
        }
    }
}

#[test]
fn every_number_type_reads_from_attributes_and_data_sets() {
    let Some(folder) = folder("hdf5/hdf5_feature_files/jjhelmus+pyfive") else { return };
    let root = |name: &str| root(&folder, &[name]);
    let attributes = root("attr_datatypes.hdf5");
    let real = |name: &str| attributes.attribute(name).unwrap().unwrap().real();
    for order in ["big", "little"] {
        for bits in ["08", "16", "32", "64"] {
            assert_eq!(real(&format!("int{bits}_{order}")), Some(-123.0));
        }
        assert_eq!(real(&format!("uint32_{order}")), Some(2147483650.0));
        assert_eq!(real(&format!("float32_{order}")), Some(123.0));
        assert_eq!(real(&format!("float64_{order}")), Some(123.0));
    }
    let text = |name: &str| attributes.attribute(name).unwrap().unwrap().texts().unwrap().to_vec();
    assert_eq!(text("string_two"), ["Hi"]);
    assert_eq!(text("vlen_string"), ["Hello"]);
    assert_eq!(text("vlen_unicode"), ["Hello§"]);
    assert_eq!(text("vlen_str_array"), ["Hello", "World!"]);
    assert!(matches!(attributes.attribute("complex64_big"), Err(Error::Unsupported { .. })));
    assert_eq!(attributes.attribute("nothing").unwrap(), None);

    let datasets = root("dataset_datatypes.hdf5");
    for link in datasets.links().unwrap().iter() {
        let signed = link.name.starts_with("int");
        let want: Vec<f64> = (0..4).map(|i| f64::from(if signed { -i } else { i })).collect();
        assert_eq!(datasets.get(&link.name).unwrap().read().unwrap().reals().unwrap(), want, "{}", link.name);
    }
    for name in ["earliest.hdf5", "latest.hdf5"] {
        let root = root(name);
        let value = root.get("group1/subgroup1/dataset3").unwrap().read().unwrap();
        assert_eq!(value, Value { shape: vec![4], data: Data::Reals(vec![0.0, 1.0, 2.0, 3.0]) });
        let group = root.get("group1/subgroup1").unwrap();
        assert_eq!(group.attribute("attr5").unwrap().unwrap().text(), Some("Test"));
        assert_eq!(group.get("../dataset2").unwrap().attribute("attr4").unwrap().unwrap().text(), Some("Hi"));
        assert!(matches!(root.get("group1/nothing"), Err(Error::NotFound { .. })));
        assert!(matches!(root.get("group1").unwrap().read(), Err(Error::Kind { .. })));
    }
    for (name, path) in [
        ("chunked.hdf5", "dataset1"),
        ("compressed.hdf5", "dataset1"),
        ("compressed.hdf5", "dataset2"),
        ("compressed.hdf5", "dataset3"),
        ("fletcher32.hdf5", "dataset1"),
        ("dataset_multidim.hdf5", "d"),
        ("resizable.hdf5", "dataset1"),
        ("resizable.hdf5", "dataset2"),
        ("resizable.hdf5", "dataset3"),
    ] {
        let values = root(name).get(path).unwrap().read().unwrap().reals().unwrap();
        let count = |v: &[f64]| v.iter().enumerate().all(|(i, &v)| v == i as f64);
        assert!(count(&values), "{name} {path}: {:?}", &values[..values.len().min(8)]);
    }
    let ones = root("filter_pipeline_v2.hdf5").get("data").unwrap().read().unwrap().reals().unwrap();
    assert!(ones.len() == 1000 && ones.iter().all(|&v| v == 1.0));
    for path in ["dset1", "dset2", "dset3"] {
        assert_eq!(
            root("fillvalue_latest.hdf5").get(path).unwrap().read().unwrap().reals(),
            root("fillvalue_earliest.hdf5").get(path).unwrap().read().unwrap().reals(),
        );
    }
}

#[test]
fn bitshuffle_of_every_element_size_decodes() {
    let Some(folder) = folder("hdf5/hdf5_feature_files/kiyo-masui+bitshuffle") else { return };
    for name in ["regression_0.1.3.h5", "regression_0.4.0.h5"] {
        let root = root(&folder, &[name]);
        let links = root.get("compressed").unwrap().links().unwrap();
        assert!(links.len() > 20);
        for link in links.iter() {
            let read = |group: &str| root.get(&format!("{group}/{}", link.name)).unwrap().read_bytes();
            assert_eq!(read("compressed").unwrap().2, read("original").unwrap().2, "{name} {}", link.name);
            if root.find("compressed_zstd").unwrap().is_some() {
                let e = read("compressed_zstd").unwrap_err();
                assert!(e.to_string().contains("Zstandard"), "{e}");
            }
        }
    }
}

#[test]
fn filters_that_are_not_built_in_are_named() {
    let Some(folder) = folder("hdf5/hdf5_feature_files/HDFGroup+hdf5_plugins") else { return };
    for name in list(&folder) {
        let result = root(&folder, &[&name]).get("DS1").unwrap().read();
        match name.as_str() {
            "h5ex_d_bshuf.h5" | "h5ex_d_lz4.h5" => {
                let values = result.unwrap_or_else(|e| panic!("{name}: {e}")).integers().unwrap();
                // DS1[i][j] = i·j − j, as the program that comes with HDF5 writes it.
                assert!(values.iter().enumerate().all(|(k, &v)| v == (k / 64 * (k % 64)) as i64 - (k % 64) as i64));
            }
            _ => {
                let e = result.unwrap_err();
                assert!(matches!(&e, Error::Codec { .. } | Error::Unsupported { .. }), "{name}: {e}");
            }
        }
    }
}

#[test]
fn three_layouts_of_one_sweep_give_the_same_pixels() {
    let Some(folder) = folder("l_cysteine") else { return };
    let single = root(&folder.join("single"), &["l-cyst_01.nxs"]);
    let diamond = root(&folder.join("diamond"), &["l-cyst_01.nxs", "l-cyst_01_000001.h5", "l-cyst_01_000002.h5", "l-cyst_01_meta.h5"]);
    let eiger = root(&folder.join("eiger"), &["l-cyst_01_master.h5", "l-cyst_01_data_000001.h5", "l-cyst_01_data_000002.h5"]);
    let single = single.get("/entry/data/data").unwrap().stack().unwrap();
    let diamond = diamond.get("/entry/data/data").unwrap().stack().unwrap();
    let parts: Vec<Stack> = (1..=2).map(|i| eiger.get(&format!("/entry/data/data_00000{i}")).unwrap().stack().unwrap()).collect();
    assert_eq!((single.len(), diamond.len(), parts[0].len(), parts[1].len()), (15, 15, 8, 7));
    // Sums by h5py.
    let want = [(0, -142707), (7, -125672), (8, -123036), (14, -128082)];
    for z in 0..15 {
        let a = frame(&single, z).unwrap();
        let b = frame(&diamond, z).unwrap();
        let c = if z < 8 { frame(&parts[0], z) } else { frame(&parts[1], z - 8) }.unwrap();
        assert!(a == b, "virtual, image {z}");
        // The unsigned files mark gaps and dead pixels alike.
        assert!(a.iter().zip(&c).all(|(x, y)| x == y || (*x == -2 && *y == -1)), "external links, image {z}");
        if let Some((_, sum_by_h5py)) = want.iter().find(|w| w.0 == z) {
            assert_eq!(sum(&a), *sum_by_h5py);
        }
    }
}

#[test]
fn absent_files_are_named() {
    let Some(folder) = folder("l_cysteine") else { return };
    let eiger = root(&folder.join("eiger"), &["l-cyst_01_master.h5", "l-cyst_01_data_000001.h5"]);
    let e = eiger.get("/entry/data/data_000002").unwrap_err();
    assert!(matches!(&e, Error::MissingFile { wanted, .. } if wanted == "l-cyst_01_data_000002.h5"), "{e}");
    let diamond = root(&folder.join("diamond"), &["l-cyst_01.nxs", "l-cyst_01_000001.h5"]);
    let stack = diamond.get("/entry/data/data").unwrap().stack().unwrap();
    assert_eq!(stack.missing_files(), ["l-cyst_01_000002.h5"]);
    assert!(frame(&stack, 0).is_ok());
    assert!(matches!(frame(&stack, 14), Err(Error::MissingFile { .. })));
}

/// Opens everything that can be reached, ignoring errors: what must not happen is a panic.
fn visit(node: &Node, depth: usize) {
    for name in node.attribute_names().unwrap_or_default() {
        let _ = node.attribute(&name);
    }
    if let Ok(stack) = node.stack() {
        let _ = stack.missing_files();
        let _ = frame(&stack, stack.len() / 2);
    }
    let _ = node.read();
    if depth < 6 {
        for link in node.links().iter().flat_map(|l| l.iter()).take(100) {
            if let Ok(child) = node.get(&link.name) {
                visit(&child, depth + 1);
            }
        }
    }
}

fn visit_bytes(bytes: Vec<u8>) {
    let set: FileSet = [SourceFile::new("x.h5", Arc::new(MemorySource::new(bytes)))].into_iter().collect();
    if let Ok(root) = Store::new(set).root("x.h5") {
        visit(&root, 0);
    }
}

#[test]
fn damaged_files_end_in_errors() {
    let Some(folder) = folder("hdf5") else { return };
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for name in [
        "hdf5_feature_files/jjhelmus+pyfive/earliest.hdf5",
        "hdf5_feature_files/jjhelmus+pyfive/latest.hdf5",
        "hdf5_feature_files/jjhelmus+pyfive/compressed.hdf5",
        "hdf5_feature_files/jjhelmus+pyfive/attr_datatypes.hdf5",
        "dectris_h5_testfiles/dataset_artificial_small_001/test_master.h5",
    ] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        visit_bytes(bytes.clone());
        for _ in 0..60 {
            let mut bytes = bytes.clone();
            for _ in 0..1 + random() % 4 {
                let at = random() as usize % bytes.len();
                bytes[at] = random() as u8;
            }
            visit_bytes(bytes.clone());
            bytes.truncate(random() as usize % bytes.len());
            visit_bytes(bytes);
        }
    }
}

#[test]
fn other_files_are_told_apart_from_truncated_ones() {
    let Some(folder) = folder("l_cysteine/single") else { return };
    let bytes = std::fs::read(folder.join("l-cyst_01.nxs")).unwrap();
    let open = |bytes: Vec<u8>| {
        let set: FileSet = [SourceFile::new("x.nxs", Arc::new(MemorySource::new(bytes)))].into_iter().collect();
        Store::new(set).root("x.nxs").map(|_| ())
    };
    assert!(open(bytes.clone()).is_ok());
    assert!(matches!(open(bytes[..bytes.len() - 1].to_vec()), Err(Error::Truncated { .. })));
    assert!(matches!(open(b"###CBF: VERSION 1.5".to_vec()), Err(Error::NotHdf5 { .. })));
    assert!(matches!(open(Vec::new()), Err(Error::NotHdf5 { .. })));
}
