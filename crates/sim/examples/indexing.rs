//! How often indexing finds the right lattice of random crystals: `cargo xtask bench indexing`.

use ewald_core::format::{expt, refl};
use ewald_core::job::{Silent, parallel};
use ewald_core::stages::index::{self, Params};
use ewald_sim::spot_lists::{BRAVAIS, Kind, SpotList, Trial, Verdict, judge};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Fraction of the true spots that must have the right index.
const RIGHT: f64 = 0.95;

struct Arguments {
    kind: Kind,
    numbers: Vec<usize>,
    seed: u64,
    write: Option<PathBuf>,
    verbose: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut out = Arguments { kind: Kind::Any, numbers: (0..200).collect(), seed: 1, write: None, verbose: false };
    let mut rest = std::env::args().skip(1);
    while let Some(name) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{name} needs a value"));
        let number = |text: String| text.parse::<f64>().map_err(|e| format!("{text}: {e}"));
        match name.as_str() {
            "--sets" => out.numbers = (0..number(value()?)? as usize).collect(),
            "--set" => out.numbers = value()?.split(',').map(|t| number(t.to_owned()).map(|x| x as usize)).collect::<Result<_, _>>()?,
            "--wedge" => out.kind = Kind::Wedge(number(value()?)?),
            "--seed" => out.seed = number(value()?)? as u64,
            "--write" => out.write = Some(value()?.into()),
            "--verbose" => out.verbose = true,
            unknown => return Err(format!("unknown option {unknown}")),
        }
    }
    Ok(out)
}

/// What became of a set.
struct Outcome {
    trial: Trial,
    spots: usize,
    seconds: f64,
    verdicts: Vec<Verdict>,
    said: String,
}

impl Outcome {
    fn is_right(&self) -> bool {
        self.verdicts.first().is_some_and(|v| v.is_right(RIGHT))
    }

    fn both_right(&self) -> bool {
        self.verdicts.len() == 2 && self.verdicts.iter().all(|v| v.is_right(0.8)) && self.verdicts[0].lattice != self.verdicts[1].lattice
    }
}

fn tried(kind: Kind, number: usize, seed: u64, verbose: bool) -> Outcome {
    let trial = Trial::new(kind, number, seed);
    let spots = trial.spots();
    let params = Params { max_lattices: trial.a_matrices.len(), ..Params::default() };
    let start = Instant::now();
    let found = index::run(&trial.experiments(true), &spots.table, &params, &Silent);
    let seconds = start.elapsed().as_secs_f64();
    let (verdicts, said) = match found {
        Err(e) => (Vec::new(), e.to_string()),
        Ok(found) => {
            let crystals = &found.experiments.crystals;
            let of = |k: usize| {
                let hkl = |i: usize| (found.reflections.id[i] == k as i32).then(|| found.reflections.hkl[i]);
                judge(&trial, &spots, &crystals[k].a_matrix, hkl)
            };
            let cells: Vec<String> = crystals.iter().map(|c| c.unit_cell().to_string()).collect();
            let indexed: usize = found.counts.iter().map(|c| c.indexed).sum();
            let doubts = index::report(&found).warnings.join(" ");
            if verbose {
                println!("{number}: {}", index::report(&found).to_text());
            }
            ((0..crystals.len()).filter_map(of).collect(), format!("{indexed} indexed with {}. {doubts}", cells.join(" and ")))
        }
    };
    Outcome { spots: spots.table.len(), trial, seconds, verdicts, said }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let a = arguments()?;
    if let Some(folder) = &a.write {
        for &number in &a.numbers {
            let trial = Trial::new(a.kind, number, a.seed);
            write(folder, &trial, &trial.spots())?;
        }
        println!("{} sets written to {}", a.numbers.len(), folder.display());
        return Ok(());
    }
    let start = Instant::now();
    let outcomes = parallel::map_vec(a.numbers.clone(), |number| tried(a.kind, number, a.seed, a.verbose));
    for o in &outcomes {
        if a.verbose || !o.is_right() {
            println!("{} {}", if o.is_right() { "right" } else { "WRONG" }, o.trial);
            for v in &o.verdicts {
                let Verdict { lattice, determinant, misfit, right, spurious_indexed } = v;
                println!(
                    "      lattice {lattice}: determinant {determinant:.3}, misfit {misfit:.3}, {:.1} % of its spots right, {:.1} % of spurious ones indexed",
                    100.0 * right,
                    100.0 * spurious_indexed
                );
            }
            println!("      {} spots, {:.2} s: {}", o.spots, o.seconds, o.said);
        }
    }
    let right = outcomes.iter().filter(|o| o.is_right()).count();
    for (symbol, _) in BRAVAIS {
        let of: Vec<&Outcome> = outcomes.iter().filter(|o| o.trial.bravais == symbol).collect();
        print!("{symbol} {}/{}  ", of.iter().filter(|o| o.is_right()).count(), of.len());
    }
    println!();
    let two: Vec<&Outcome> = outcomes.iter().filter(|o| o.trial.a_matrices.len() == 2).collect();
    if !two.is_empty() {
        println!("both of two lattices: {} of {}", two.iter().filter(|o| o.both_right()).count(), two.len());
    }
    let seconds: f64 = outcomes.iter().map(|o| o.seconds).sum();
    println!(
        "{right} of {} right ({:.1} %); {seconds:.1} s of indexing, {:.1} s in all",
        outcomes.len(),
        100.0 * right as f64 / outcomes.len().max(1) as f64,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The set as DIALS' files, and the truth: the primitive setting matrices, then a line for each spot (lattice h k l; −1 for none).
fn write(folder: &Path, trial: &Trial, spots: &SpotList) -> std::io::Result<()> {
    let folder = folder.join(format!("{:03}", trial.number));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("imported.expt"), expt::write(&trial.experiments(true)))?;
    std::fs::write(folder.join("strong.refl"), refl::write(spots.table.clone()))?;
    let mut text = format!("# {trial}\n");
    for a in &trial.a_matrices {
        let rows: Vec<String> = a.transpose().iter().map(|x| format!("{x:.12e}")).collect();
        text += &format!("A {}\n", rows.join(" "));
    }
    for t in &spots.truth {
        text += &t.map_or("-1 0 0 0\n".to_owned(), |t| format!("{} {} {} {}\n", t.lattice, t.hkl[0], t.hkl[1], t.hkl[2]));
    }
    std::fs::write(folder.join("truth.txt"), text)
}
