//! `cargo xtask bench`: every stage timed on the same images, natively and in Chromium.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Failure;
use crate::build::{self, Settings, dist};
use crate::command::{cargo, in_root, root, run, shown};
use crate::options::Options;
use crate::server::Server;
use crate::setup;

/// A stage as the page names it, its subcommand, and what it takes from the folder where the ones before left their results.
type Stage = (&'static str, &'static str, &'static [&'static str]);

const STAGES: [Stage; 9] = [
    ("import", "import", &[]),
    ("find-spots", "find-spots", &["imported.expt"]),
    ("index", "index", &["imported.expt", "strong.refl"]),
    ("bravais", "refine-bravais-settings", &["indexed.expt", "indexed.refl"]),
    ("refine", "refine", &["indexed.expt", "indexed.refl"]),
    ("integrate", "integrate", &["refined.expt", "refined.refl"]),
    ("symmetry", "symmetry", &["integrated.expt", "integrated.refl"]),
    ("scale", "scale", &["symmetrized.expt", "symmetrized.refl"]),
    ("merge", "merge", &["scaled.expt", "scaled.refl"]),
];

/// Files that hold images or describe them.
const IMAGE_FILES: [&str; 5] = ["h5", "nxs", "hdf5", "hdf", "cbf"];

/// Seconds by stage.
type Times = BTreeMap<String, f64>;

/// Times the stages.
pub fn run_task(arguments: &[String]) -> Result<(), Failure> {
    if let Some((name @ ("indexing" | "symmetry"), rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return simulated_sets(name, rest);
    }
    let mut options = Options::new(arguments);
    // Absolute, because the page is driven from another folder.
    let data = options.value("--data")?.map(std::path::absolute).transpose().map_err(|e| format!("--data: {e}"))?;
    let threads = options.value("--threads")?.unwrap_or_else(|| "2".to_owned());
    let only = options.value("--only")?;
    options.finish()?;
    if only.as_deref() == Some("frames") {
        return frames(data);
    }
    let wanted = |part: &str| only.as_deref().is_none_or(|o| o == part);
    if !wanted("native") && !wanted("browser") {
        return Err("--only takes native, browser or frames".to_owned());
    }

    let program = build::command_line(true)?;
    let work = root().join("target/bench");
    let data = match data {
        Some(data) => data,
        None => simulated(&program, &work)?,
    };
    let files = image_files(&data)?;
    let dials = times_beside(&data);
    let mut columns: Vec<(&str, Times)> = Vec::new();
    if wanted("native") {
        columns.push(("native", native(&program, &files, &work.join("native"), &threads, &STAGES)?));
    }
    if wanted("browser") {
        build::everything(&Settings::default())?;
        columns.push(("Chromium", browser(&of_one_kind(&files), &threads, "merge")?));
    }
    columns.extend(dials.map(|times| ("DIALS", times)));
    print_table(&data, &threads, &columns);
    Ok(())
}

/// Makes the default images, once.
fn simulated(program: &Path, work: &Path) -> Result<PathBuf, Failure> {
    let folder = work.join("data");
    if image_files(&folder).is_err() {
        run(Command::new(program).arg("simulate").arg("-o").arg(&folder))?;
    }
    Ok(folder)
}

fn image_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let is_image = |file: &PathBuf| {
        let extension = file.extension().and_then(|e| e.to_str());
        extension.is_some_and(|e| IMAGE_FILES.contains(&e))
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(is_image).collect();
    files.sort();
    if files.is_empty() { Err(format!("there are no images in {}", folder.display())) } else { Ok(files) }
}

/// Each stage as a process of its own, start-up included.
fn native(program: &Path, files: &[PathBuf], results: &Path, threads: &str, stages: &[Stage]) -> Result<Times, Failure> {
    std::fs::remove_dir_all(results).ok();
    let mut times = Times::new();
    for (stage, subcommand, inputs) in stages {
        let mut command = Command::new(program);
        command.arg(subcommand);
        match inputs {
            [] => command.args(masters(files)),
            inputs => command.args(inputs.iter().map(|name| results.join(name))),
        };
        command.arg("-o").arg(results).args(["--threads", threads]).stdout(Stdio::null());
        let start = Instant::now();
        run(&mut command)?;
        times.insert((*stage).to_owned(), start.elapsed().as_secs_f64());
    }
    Ok(times)
}

/// Frames of 18 megapixels: decoding on one thread beside the C filter, and finding the spots of a data set on one thread and two.
fn frames(data: Option<PathBuf>) -> Result<(), Failure> {
    let program = build::command_line(true)?;
    build::everything(&Settings::default())?;
    let work = root().join("target/bench/frames");
    let chunks = work.join("chunks");
    std::fs::create_dir_all(&chunks).map_err(|e| format!("{}: {e}", chunks.display()))?;

    let example = ["run", "--release", "--package", "ewald-engine", "--example", "frame_speed", "--"];
    let native_speed = lines_of(in_root(cargo()).args(example).arg(&chunks))?;
    let c_filter = lines_of(Command::new("python3").args(["-c", C_FILTER]).arg(&chunks)).unwrap_or_else(|_| {
        println!("the C filter was not measured: python3 has no package hdf5plugin");
        Times::new()
    });
    let chromium = lines_of(&mut in_chromium("frames.mjs")?)?;

    let data = match data {
        Some(data) => data,
        None => frames_of_18_megapixels(&program, &work)?,
    };
    let files = image_files(&data)?;
    let mut seconds = Vec::new();
    for threads in ["1", "2"] {
        let native = native(&program, &files, &work.join("native"), threads, &STAGES[..2])?;
        seconds.push([native, browser(&of_one_kind(&files), threads, "find-spots")?].map(|t| t.get("find-spots").copied()));
    }

    println!("\nFrames of 18 megapixels, one thread\n{:<28}{:>10}{:>10}{:>10}", "", "native", "Chromium", "C filter");
    for (what, title) in [("u32", "decode u32, GB/s of pixels"), ("u16", "decode u16, GB/s of pixels"), ("search", "search, ms a frame")] {
        let cells = [&native_speed, &chromium, &c_filter].map(|times| cell(times.get(what).copied()));
        println!("{title:<28}{}", cells.concat());
    }
    println!("\nFinding the spots of {}, reading and decoding included\n{:<28}{:>10}{:>10}", data.display(), "", "native", "Chromium");
    for (threads, row) in ["1 thread, s", "2 threads, s"].iter().zip(&seconds) {
        println!("{threads:<28}{}", row.map(cell).concat());
    }
    let efficiency = [0, 1].map(|k| Some(seconds[0][k]? / (2.0 * seconds[1][k]?)));
    println!("{:<28}{}", "efficiency of two threads", efficiency.map(cell).concat());
    Ok(())
}

/// Decodes with the filter that HDF5 uses, where Python has it.
const C_FILTER: &str = include_str!("c_filter.py");

/// Images in the data set whose spots are found.
const IMAGES: usize = 40;

/// Makes large images, once.
fn frames_of_18_megapixels(program: &Path, work: &Path) -> Result<PathBuf, Failure> {
    let folder = work.join("data");
    if image_files(&folder).is_err() {
        let parameters = ["detector=eiger16m", "distance=200", "d_min=1.4"];
        run(Command::new(program).arg("simulate").args(parameters).arg(format!("images={IMAGES}")).arg("-o").arg(&folder))?;
    }
    Ok(folder)
}

/// The `what value` lines that a command prints.
fn lines_of(command: &mut Command) -> Result<Times, Failure> {
    eprintln!("+ {}", shown(command));
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| format!("{}: {e}", shown(command)))?;
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines().filter(|line| line.starts_with('#')) {
        println!("{line}");
    }
    if output.status.success() { Ok(text.lines().filter_map(stage_and_seconds).collect()) } else { Err(format!("it failed:\n{text}")) }
}

/// How often a stage finds what is true of simulated crystals: the example of that name.
fn simulated_sets(name: &str, arguments: &[String]) -> Result<(), Failure> {
    let mut command = in_root(cargo());
    command.args(["run", "--release", "--package", "ewald-sim", "--example", name, "--"]).args(arguments);
    run(&mut command)
}

/// Of a master file and the data files that it links to, the master is what the command line is given.
fn masters(files: &[PathBuf]) -> Vec<&PathBuf> {
    let name = |file: &PathBuf| file.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    let of = |suffix: &str| files.iter().filter(|f| name(f).ends_with(suffix)).collect::<Vec<_>>();
    [of("_master.h5"), of(".nxs")].into_iter().find(|found| !found.is_empty()).unwrap_or_else(|| files.iter().collect())
}

/// Files of one data set for the page: where it has two descriptions of the same images, Dectris' master.
fn of_one_kind(files: &[PathBuf]) -> Vec<PathBuf> {
    let masters = masters(files);
    let other = |f: &&PathBuf| f.extension().is_some_and(|e| e == "nxs") && !masters.contains(f);
    files.iter().filter(|f| !other(f)).cloned().collect()
}

/// The page, driven in Chromium up to the stage `last`, which reports `stage seconds` lines.
fn browser(files: &[PathBuf], threads: &str, last: &str) -> Result<Times, Failure> {
    lines_of(in_chromium("bench.mjs")?.args(files).env("EWALD_THREADS", threads).env("EWALD_LAST", last))
}

/// A script of `tests/browser`, with the built page served for it.
fn in_chromium(script: &str) -> Result<Command, Failure> {
    let chromium = setup::for_testing()?;
    let server = Server::bind(dist(), Some(0), true)?;
    let mut command = Command::new("node");
    command.arg(format!("browser/{script}")).current_dir(root().join("tests"));
    command.env("EWALD_PAGE", server.address()).env("EWALD_PLAIN_PAGE", server.address()).env("CHROMIUM", chromium);
    server.serve_in_background();
    Ok(command)
}

/// `integrate 12.3`, with any further columns after it.
fn stage_and_seconds(line: &str) -> Option<(String, f64)> {
    let mut words = line.split_whitespace();
    let (stage, seconds) = (words.next()?, words.next()?);
    Some((stage.replace('_', "-"), seconds.parse().ok()?))
}

/// DIALS' times on the same images, where the folder has them: the last column of `*/times.txt`.
fn times_beside(data: &Path) -> Option<Times> {
    let folders = std::fs::read_dir(data).ok()?.flatten();
    let file = folders.map(|f| f.path().join("times.txt")).find(|f| f.is_file())?;
    let text = std::fs::read_to_string(file).ok()?;
    let last = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.replace('_', "-"), words.last()?.parse().ok()?))
    };
    Some(text.lines().filter(|line| !line.starts_with('#')).filter_map(last).collect())
}

fn print_table(data: &Path, threads: &str, columns: &[(&str, Times)]) {
    println!("\nSeconds on {}, {threads} threads", data.display());
    let head: Vec<String> = columns.iter().map(|(name, _)| format!("{name:>10}")).collect();
    println!("{:<12}{}", "stage", head.concat());
    for (stage, ..) in STAGES {
        let cells: Vec<String> = columns.iter().map(|(_, times)| cell(times.get(stage).copied())).collect();
        println!("{stage:<12}{}", cells.concat());
    }
    let in_all = |times: &Times| STAGES.iter().filter_map(|(stage, ..)| times.get(*stage)).sum::<f64>();
    let totals: Vec<String> = columns.iter().map(|(_, times)| cell(Some(in_all(times)))).collect();
    println!("{:<12}{}", "all", totals.concat());
}

fn cell(value: Option<f64>) -> String {
    value.map_or(format!("{:>10}", "-"), |v| format!("{v:>10.2}"))
}

#[cfg(test)]
mod tests {
    use super::{masters, of_one_kind, stage_and_seconds};
    use std::path::PathBuf;

    #[test]
    fn the_command_line_is_given_masters() {
        let files: Vec<PathBuf> = ["a_data_000001.h5", "a_master.h5"].map(PathBuf::from).to_vec();
        assert_eq!(masters(&files), [&files[1]]);
        let both: Vec<PathBuf> = ["a.nxs", "a_data_000001.h5", "a_master.h5"].map(PathBuf::from).to_vec();
        assert_eq!(of_one_kind(&both), both[1..]);
        let files: Vec<PathBuf> = ["a_00001.cbf", "a_00002.cbf"].map(PathBuf::from).to_vec();
        assert_eq!(masters(&files).len(), 2);
    }

    #[test]
    fn times_are_read_by_stage() {
        assert_eq!(stage_and_seconds("find_spots 11.90"), Some(("find-spots".to_owned(), 11.9)));
        assert_eq!(stage_and_seconds("# heap 12"), None);
    }
}
