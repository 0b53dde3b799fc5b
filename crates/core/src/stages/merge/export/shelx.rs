//! SHELX: reflections as HKLF 4, and the head of an instruction file (Sheldrick 2008).

use super::error::Error;
use super::params::Params;
use super::run::File;
use crate::geometry::ExperimentList;
use crate::reflections::Reflections;
use crate::report::Origin;
use crate::spacegroup::{Centring, SpaceGroup};
use crate::stages::merge::Unique;
use crate::stages::merge::run::WAVELENGTH_TOLERANCE;
use std::fmt::Write;

/// `scaled.hkl` and `scaled.ins`.
pub(super) fn files(
    experiments: &ExperimentList,
    table: &Reflections,
    unique: &Unique,
    params: &Params,
    origin: &Origin,
) -> Result<Vec<File>, Error> {
    let hkl = reflections(table, unique)?;
    let ins = instructions(experiments, unique, params.composition.as_deref(), origin)?;
    Ok(vec![File::new("scaled.hkl", hkl), File::new("scaled.ins", ins)])
}

/// Largest intensity or σ in the file: what F8.2 holds with a blank before it.
const LARGEST: f64 = 9999.0;

/// Lines of 3I4, 2F8.2, scaled so that the largest number is just below 10⁴, ended by 0 0 0.
fn reflections(table: &Reflections, unique: &Unique) -> Result<String, Error> {
    let largest = unique.rows.iter().flat_map(|&r| table.scaled(r as usize)).map(f64::abs).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let scale = if largest > 0.0 { LARGEST / largest } else { 1.0 };
    let mut out = String::new();
    out.try_reserve(29 * (unique.rows.len() + 1)).map_err(|_| Error::TooLarge { rows: unique.rows.len() })?;
    for &row in &unique.rows {
        let [h, k, l] = table.hkl[row as usize];
        if [h, k, l].iter().any(|x| !(-999..=9999).contains(x)) {
            return Err(Error::Index { h, k, l });
        }
        let [i, sigma] = table.scaled(row as usize);
        let _ = writeln!(out, "{h:4}{k:4}{l:4}{}{}", field(scale * i), field((scale * sigma).max(0.0001)));
    }
    let _ = writeln!(out, "{:4}{:4}{:4}{:8.2}{:8.2}", 0, 0, 0, 0.0, 0.0);
    Ok(out)
}

/// Eight columns, the first blank, with as many decimals as there is room for: a written point counts for more than the two decimals of F8.2,
/// and weak reflections keep their digits.
fn field(x: f64) -> String {
    let negative = usize::from(x < 0.0);
    let whole = if x.abs() < 10.0 { 1 } else { libm::floor(libm::log10(x.abs())) as usize + 1 };
    let mut decimals = 6usize.saturating_sub(whole + negative);
    loop {
        let text = format!("{x:.decimals$}");
        // Rounding may have made it longer.
        if text.len() <= 7 || decimals == 0 {
            return format!("{text:>8}");
        }
        decimals -= 1;
    }
}

fn instructions(experiments: &ExperimentList, unique: &Unique, composition: Option<&str>, origin: &Origin) -> Result<String, Error> {
    let group = &unique.group;
    let wavelengths: Vec<f64> = (0..experiments.len()).filter_map(|i| experiments.models(i)).map(|m| m.beam.wavelength).collect();
    let low = wavelengths.iter().copied().fold(f64::INFINITY, f64::min);
    let high = wavelengths.iter().copied().fold(0.0, f64::max);
    if high - low > WAVELENGTH_TOLERANCE {
        return Err(Error::Wavelengths { low, high });
    }
    let short = group.setting().map_or_else(|| group.symbol().replace(' ', ""), |s| s.short_symbol());
    let number = group.setting().map_or(0, |s| s.number);
    let z = group.order();
    let p = unique.cell.parameters();
    let mut out = String::new();
    let _ = writeln!(out, "TITL {number} in {short}");
    for line in origin.lines() {
        let _ = writeln!(out, "REM {line}");
    }
    let cell = |name: &str, first: String, p: &[f64; 6]| {
        format!("{name} {first:>8} {:8.4} {:8.4} {:8.4} {:8.3} {:8.3} {:8.3}\n", p[0], p[1], p[2], p[3], p[4], p[5])
    };
    out += &cell("CELL", format!("{:.5}", unique.wavelength), &p);
    match esds(experiments) {
        Some(e) => out += &cell("ZERR", format!("{:.2}", z as f64), &e),
        None => {
            out += "REM the uncertainties of the cell are not known\n";
            out += &cell("ZERR", format!("{:.2}", z as f64), &[0.0; 6]);
        }
    }
    out += &lattice(group)?;
    let atoms = match composition {
        Some(formula) => elements(formula)?,
        None => {
            out += "REM what is in the cell is not known: say it in SFAC and UNIT\n";
            ["C", "H", "N", "O"].map(|e| (e.to_owned(), 0.0)).to_vec()
        }
    };
    let names: Vec<&str> = atoms.iter().map(|a| a.0.as_str()).collect();
    let counts: Vec<String> = atoms.iter().map(|a| (a.1 * z as f64).to_string()).collect();
    let _ = writeln!(out, "SFAC {}\nUNIT {}\nHKLF 4\nEND", names.join(" "), counts.join(" "));
    Ok(out)
}

/// LATT and SYMM.
fn lattice(group: &SpaceGroup) -> Result<String, Error> {
    let kind = match group.centring() {
        Centring::I => 2,
        Centring::R => 3,
        Centring::F => 4,
        Centring::A => 5,
        Centring::B => 6,
        Centring::C => 7,
        Centring::P => 1,
        Centring::Other => return Err(Error::Lattice { group: group.symbol() }),
    };
    let inversion = |r: &[[i32; 3]; 3]| (0..3).all(|i| (0..3).all(|j| r[i][j] == -i32::from(i == j)));
    let negated = |r: &[[i32; 3]; 3]| r.map(|row| row.map(|x| -x));
    let mut out = String::new();
    let centre = group.ops().iter().find(|op| inversion(&op.rotation));
    match centre {
        Some(op) if op.wrapped().translation != [0; 3] => return Err(Error::Origin { group: group.symbol() }),
        Some(_) => out += &format!("LATT {kind}\n"),
        None => out += &format!("LATT -{kind}\n"),
    }
    let mut listed: Vec<[[i32; 3]; 3]> = Vec::new();
    for op in group.ops() {
        let identity = op.rotation == crate::spacegroup::IDENTITY;
        // With a centre at the origin, one of each pair is implied.
        if identity || (centre.is_some() && (inversion(&op.rotation) || listed.contains(&negated(&op.rotation)))) {
            continue;
        }
        listed.push(op.rotation);
        out += &format!("SYMM {}\n", op.triplet().to_uppercase());
    }
    Ok(out)
}

/// Uncertainties of the median cell: root mean square of the sweeps' own over √n, and no less than their cells scatter.
fn esds(experiments: &ExperimentList) -> Option<[f64; 6]> {
    let mut numbers: Vec<usize> = experiments.experiments.iter().filter_map(|e| e.crystal).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let crystals: Vec<_> = numbers.iter().filter_map(|&k| experiments.crystals.get(k)).collect();
    let own: Vec<[f64; 6]> = crystals.iter().filter_map(|c| Some(c.cell_esd?.parameters)).collect();
    let n = crystals.len() as f64;
    if own.len() != crystals.len() || crystals.is_empty() {
        return None;
    }
    let cells: Vec<[f64; 6]> = crystals.iter().map(|c| c.unit_cell().parameters()).collect();
    Some(core::array::from_fn(|i| {
        let own = (own.iter().map(|e| e[i] * e[i]).sum::<f64>() / n / n).sqrt();
        let mean = cells.iter().map(|c| c[i]).sum::<f64>() / n;
        let spread = if n > 1.0 { (cells.iter().map(|c| (c[i] - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt() } else { 0.0 };
        own.max(spread)
    }))
}

/// Elements and their numbers of a formula such as `C3H7NO2S`: C first, then H, then by the alphabet.
fn elements(formula: &str) -> Result<Vec<(String, f64)>, Error> {
    let bad = |reason: String| Error::Formula { formula: formula.to_owned(), reason };
    let mut out: Vec<(String, f64)> = Vec::new();
    let mut rest: &str = formula.trim();
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        if !first.is_ascii_uppercase() {
            return Err(bad(format!("{first:?} does not begin the symbol of an element")));
        }
        let symbol_end = rest[1..].find(|c: char| !c.is_ascii_lowercase()).map_or(rest.len(), |i| i + 1);
        let (symbol, tail) = rest.split_at(symbol_end);
        if symbol.len() > 2 {
            return Err(bad(format!("{symbol} is no element")));
        }
        let number_end = tail.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(tail.len());
        let (number, tail) = tail.split_at(number_end);
        let count = if number.is_empty() { 1.0 } else { number.parse::<f64>().map_err(|_| bad(format!("{number} is no number")))? };
        match out.iter_mut().find(|a| a.0 == symbol) {
            Some(a) => a.1 += count,
            None => out.push((symbol.to_owned(), count)),
        }
        rest = tail;
    }
    if out.is_empty() {
        return Err(bad("it is empty".to_owned()));
    }
    out.sort_by_key(|a| {
        (
            match a.0.as_str() {
                "C" => 0,
                "H" => 1,
                _ => 2,
            },
            a.0.clone(),
        )
    });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_eight_columns() {
        for (x, text) in [
            (9999.0, " 9999.00"),
            (-9999.0, " -9999.0"),
            (0.012345, " 0.01235"),
            (-12.3, " -12.300"),
            (0.0, " 0.00000"),
            (99.99999, " 100.000"),
        ] {
            assert_eq!(field(x), text);
        }
    }

    #[test]
    fn formulas() {
        let found = elements("C3H7 N O2S").unwrap();
        let text: Vec<String> = found.iter().map(|(e, n)| format!("{e}{n}")).collect();
        assert_eq!(text, ["C3", "H7", "N1", "O2", "S1"]);
        assert!(elements("3C").is_err() && elements("").is_err() && elements("Abc").is_err());
    }

    #[test]
    fn lattice_and_symmetry_cards() {
        let t = |name: &str, text: &str| assert_eq!(lattice(&SpaceGroup::from_name(name).unwrap()).unwrap(), text, "{name}");
        t("P 21 21 21", "LATT -1\nSYMM -X+1/2,-Y,Z+1/2\nSYMM X+1/2,-Y+1/2,-Z\nSYMM -X,Y+1/2,-Z+1/2\n");
        t("P -1", "LATT 1\n");
        t("P 1 21/c 1", "LATT 1\nSYMM -X,Y+1/2,-Z+1/2\n");
        t("C 1 2 1", "LATT -7\nSYMM -X,Y,-Z\n");
    }
}
