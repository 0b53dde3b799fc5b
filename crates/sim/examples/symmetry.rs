//! How often the right symmetry of random crystals is found: `cargo xtask bench symmetry`.

use ewald_core::job::{Silent, parallel};
use ewald_core::stages::symmetry::{self, Params};
use ewald_sim::intensity_sets::{Absences, Kind, Trial, Verdict, judge};
use std::time::Instant;

struct Arguments {
    numbers: Vec<usize>,
    seeds: u64,
    verbose: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut out = Arguments { numbers: (0..50).collect(), seeds: 1, verbose: false };
    let mut rest = std::env::args().skip(1);
    while let Some(name) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{name} needs a value"));
        let number = |text: &str| text.parse::<usize>().map_err(|e| format!("{text}: {e}"));
        match name.as_str() {
            "--sets" => out.numbers = (0..number(&value()?)?).collect(),
            "--set" => out.numbers = value()?.split(',').map(number).collect::<Result<_, _>>()?,
            "--seeds" => out.seeds = number(&value()?)? as u64,
            "--verbose" => out.verbose = true,
            unknown => return Err(format!("unknown option {unknown}")),
        }
    }
    Ok(out)
}

/// What became of a set.
struct Outcome {
    seed: u64,
    trial: Trial,
    verdict: Verdict,
    seconds: f64,
    twin_suspected: bool,
    said: String,
    report: String,
}

fn tried(number: usize, seed: u64) -> Outcome {
    let trial = Trial::new(number, seed);
    let data = trial.measure(&[trial.sweep()]);
    let start = Instant::now();
    let found = symmetry::run(&data.experiments, &data.reflections, &Params::default(), &Silent);
    let seconds = start.elapsed().as_secs_f64();
    let twin_suspected = found.as_ref().is_ok_and(|f| f.twinning.as_ref().is_some_and(|t| t.suspicious()));
    let nothing = Verdict { laue_right: false, absences: Absences::Wrong };
    let (verdict, said, report) = match &found {
        Ok(found) => {
            let report = symmetry::report(found);
            (judge(&trial, &data, found), format!("{} {}", report.headline, report.warnings.join(" | ")), report.to_text())
        }
        Err(e) => (nothing, e.to_string(), String::new()),
    };
    Outcome { seed, trial, verdict, seconds, twin_suspected, said, report }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let a = arguments()?;
    let start = Instant::now();
    let sets: Vec<(usize, u64)> = (1..=a.seeds).flat_map(|seed| a.numbers.iter().map(move |n| (*n, seed))).collect();
    let outcomes = parallel::map_vec(sets, |(number, seed)| tried(number, seed));
    for o in &outcomes {
        let word = match (o.verdict.laue_right, o.verdict.absences) {
            (false, _) => "LAUE GROUP WRONG",
            (true, Absences::Wrong) => "SPACE GROUP WRONG",
            (true, Absences::NotObservable) => "space group not observable",
            (true, Absences::Right) => "right",
        };
        if a.verbose || word != "right" {
            println!("seed {} set {}: {word}\n      {}", o.seed, o.trial, o.said);
        }
        if a.verbose {
            println!("{}", o.report);
        }
    }
    for kind in [Kind::Plain, Kind::Metric, Kind::PseudoSymmetry, Kind::Twin] {
        let of: Vec<&Outcome> = outcomes.iter().filter(|o| o.trial.kind == kind).collect();
        let right = of.iter().filter(|o| o.verdict.laue_right).count();
        let twins = of.iter().filter(|o| o.twin_suspected).count();
        println!("{kind:?}: Laue group right in {right} of {}, twinning suspected in {twins}", of.len());
    }
    let (n, laue) = (outcomes.len(), outcomes.iter().filter(|o| o.verdict.laue_right).count());
    let count = |a: Absences| outcomes.iter().filter(|o| o.verdict.laue_right && o.verdict.absences == a).count();
    println!("Laue group right in {laue} of {n} ({:.1} %)", 100.0 * laue as f64 / n.max(1) as f64);
    println!(
        "space group right in {}, wrong in {}, not observable in {}",
        count(Absences::Right),
        count(Absences::Wrong),
        count(Absences::NotObservable)
    );
    let seconds: f64 = outcomes.iter().map(|o| o.seconds).sum();
    println!("{seconds:.1} s of symmetry, {:.1} s in all", start.elapsed().as_secs_f64());
    Ok(())
}
