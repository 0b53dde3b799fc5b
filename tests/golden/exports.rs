//! Files in other programs' formats against those that DIALS 3.12.1 makes of the same data.

use ewald_core::format::{expt, mtz::Mtz, refl};
use ewald_core::job::Silent;
use ewald_core::report::Origin;
use ewald_core::stages::merge::export::{self, ExportFormat, Intensity, PdbVersion};
use ewald_core::stages::{merge, scale, symmetry};
use std::collections::HashMap;
use std::path::Path;

fn scaled(folder: &Path, name: &str) -> scale::Scaled {
    let experiments = expt::read(&std::fs::read(folder.join(format!("{name}.expt"))).unwrap()).unwrap();
    let table = refl::read(&std::fs::read(folder.join(format!("{name}.refl"))).unwrap()).unwrap();
    let found = symmetry::run(&experiments, &table, &symmetry::Params::default(), &Silent).unwrap();
    scale::run(&found.experiments, &found.reflections, &scale::Params::default(), &Silent).unwrap()
}

fn files(scaled: &scale::Scaled, params: &export::Params) -> Vec<(String, String)> {
    let merging = merge::Params::default();
    let made = export::run(&scaled.experiments, &scaled.reflections, None, &merging, params, &Origin::default(), &Silent).unwrap();
    made.into_iter().map(|f| (f.name, String::from_utf8(f.bytes).unwrap())).collect()
}

/// Rows of a loop of words without blanks, by tag.
fn rows<'a>(text: &'a str, category: &str, tags: &[&str]) -> Vec<Vec<&'a str>> {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|l| l.starts_with(&format!("{category}."))).unwrap();
    let all: Vec<&str> = lines[start..].iter().take_while(|l| l.starts_with(category)).map(|l| l.rsplit('.').next().unwrap()).collect();
    let at: Vec<usize> = tags.iter().map(|t| all.iter().position(|a| a == t).unwrap()).collect();
    let body = lines[start + all.len()..].iter().take_while(|l| !l.starts_with('#'));
    body.map(|l| l.split_whitespace().collect::<Vec<_>>()).map(|r| at.iter().map(|&i| r[i]).collect()).collect()
}

/// Four sweeps of L-cysteine: the lines that `dials.export format=shelx` writes, and mmCIF that merges to what `merged.mtz` holds.
#[test]
fn l_cysteine_in_shelx_and_mmcif() {
    let Some(folder) = ewald_tests::data("l_cysteine_full") else { return };
    let scaled = scaled(&folder, "combined");
    let n = scaled.statistics.merging.overall.n_obs as usize;
    let shelx = files(&scaled, &export::Params { format: ExportFormat::Shelx, ..export::Params::default() });
    let (hkl, ins) = (&shelx[0].1, &shelx[1].1);
    assert_eq!(hkl.lines().count(), n + 1);
    assert!(hkl.lines().all(|l| l.len() == 28) && hkl.contains("9999.00"));
    // dials.ins of the same data.
    let expected = "LATT -1\nSYMM -X+1/2,-Y,Z+1/2\nSYMM X+1/2,-Y+1/2,-Z\nSYMM -X,Y+1/2,-Z+1/2\n";
    assert!(ins.contains(expected) && ins.contains("CELL  0.68890   5.4815   8.2158  12.1457   90.000   90.000   90.000\n"), "{ins}");

    let merged = merge::run(&scaled.experiments, &scaled.reflections, &merge::Params::default(), &Silent).unwrap();
    let mtz = Mtz::from_bytes(&merged.merged_mtz).unwrap();
    let (mean, sigma) = (&mtz.column("IMEAN").unwrap().values, &mtz.column("SIGIMEAN").unwrap().values);
    let merged_cif = files(&scaled, &export::Params { format: ExportFormat::MergedMmcif, ..export::Params::default() });
    let unique = rows(&merged_cif[0].1, "_refln", &["index_h", "index_k", "index_l", "intensity_meas", "intensity_sigma"]);
    assert_eq!(unique.len(), mtz.len());
    for (row, i) in unique.iter().zip(0..) {
        let h: Vec<i32> = row[..3].iter().map(|x| x.parse().unwrap()).collect();
        assert_eq!(h, mtz.indices().unwrap()[i]);
        let [x, s] = [3, 4].map(|k| row[k].parse::<f32>().unwrap());
        assert!((x / mean[i] - 1.0).abs() < 1e-6 && (s / sigma[i] - 1.0).abs() < 1e-6);
    }
    for version in [PdbVersion::V5, PdbVersion::V5Next] {
        let cif = files(&scaled, &export::Params { format: ExportFormat::Mmcif, pdb_version: version, ..export::Params::default() });
        let (category, value) = match version {
            PdbVersion::V5 => ("_diffrn_refln", "intensity_net"),
            PdbVersion::V5Next => ("_pdbx_diffrn_unmerged_refln", "intensity_meas"),
        };
        let observed = rows(&cif[0].1, category, &["index_h", "index_k", "index_l", value, "intensity_sigma"]);
        assert_eq!(observed.len(), n);
        // ΣwI of all observations is ΣwI of the merged ones, w = 1/σ².
        let sum = |list: &[Vec<&str>]| -> f64 {
            let number = |t: &str| t.parse::<f64>().unwrap();
            list.iter().map(|r| number(r[3]) / number(r[4]).powi(2)).sum()
        };
        assert!((sum(&observed) / sum(&unique) - 1.0).abs() < 1e-5);
    }
}

/// Lines of `dials.export format=xds_ascii intensity=sum` of the simulated lysozyme, the RLP column apart (DIALS does not sort it with the others).
#[test]
fn xds_ascii_of_simulated_lysozyme_is_that_of_dials() {
    let Some(folder) = ewald_tests::data("sim_lysozyme/dials-3.12") else { return };
    let scaled = scaled(&folder, "integrated");
    let made = files(&scaled, &export::Params { format: ExportFormat::XdsAscii, intensity: Intensity::Sum, ..export::Params::default() });
    assert_eq!(made[0].0, "XDS_ASCII.HKL");
    let text = &made[0].1;
    let head = [
        "!ROTATION_AXIS=  1.000000  0.000380  0.000137",
        "!UNIT_CELL_A-AXIS=   -30.796   -58.618   -43.070",
        "!INCIDENT_BEAM_DIRECTION= -0.000014  0.000053  1.020930",
        "!ORGX=    550.02 ORGY=    505.62",
    ];
    for line in head {
        assert!(text.lines().any(|l| l == line), "{line}\n{}", &text[..2000]);
    }
    let theirs = [
        "3 3 -13 963.068088 14.792991 245.554654 690.751899 37.462343 0 100.0 98.7 -176.155972",
        "5 13 -22 -0.906733 2.319236 3.883205 927.470203 33.784045 0 100.0 26.2 176.971047",
        "20 -10 8 113.988788 7.292746 587.411407 144.967285 32.427815 0 99.9 98.0 -124.214942",
        "-11 28 -7 46.414298 5.157688 575.779066 948.778359 88.897051 0 100.0 97.3 134.109644",
        "28 -39 -6 1.330803 2.137770 8.031971 29.219917 213.733169 0 99.9 31.1 -153.610037",
    ];
    let numbers = |l: &str| -> Vec<f64> { l.split_whitespace().map(|x| x.parse().unwrap()).collect() };
    let mut ours: HashMap<[i32; 3], Vec<Vec<f64>>> = HashMap::new();
    let mut n = 0;
    for l in text.lines().filter(|l| !l.starts_with('!')).map(numbers) {
        n += 1;
        ours.entry([l[0] as i32, l[1] as i32, l[2] as i32]).or_default().push(l);
    }
    assert_eq!(n, 50590);
    for line in theirs.map(numbers) {
        let own = &ours[&[line[0] as i32, line[1] as i32, line[2] as i32]];
        let close = |o: &&Vec<f64>| (o[7] - line[7]).abs() < 0.01;
        let o = own.iter().find(close).unwrap();
        for (k, (x, y)) in o.iter().zip(&line).enumerate().filter(|(k, _)| *k != 8) {
            assert!((x - y).abs() < 2e-6 * y.abs().max(1.0), "item {}: {x} {y}", k + 1);
        }
    }
}
