use super::result::{Candidate, Cycle, Indexed, LatticeSearch, Misindexing};
use crate::geometry::Crystal;
use crate::math::Mat3;
use crate::reflections::flags;
use crate::report::{Axis, Cell, Plot, Report, Series, Style, Table};
use crate::spacegroup::{SpaceGroup, constraints};

/// Below this fraction of spots indexed, the user should look why.
const FEW_INDEXED: f64 = 70.0;
/// Deviations on the detector above this, px, are large.
const LARGE_RMSD_PX: f64 = 2.0;
/// Candidates shown.
const SHOWN: usize = 20;

/// The report of indexing: DIALS' tables of candidates, deviations and spots indexed, and the crystals.
pub fn report(indexed: &Indexed) -> Report {
    let mut r = Report::new("Index");
    for search in &indexed.searches {
        r.tables.push(candidates(&search.candidates));
    }
    let several = indexed.experiments.crystals.len() > 1;
    for cycle in &indexed.cycles {
        r.tables.push(rmsds(cycle, several));
    }
    r.tables.push(crystals_by_cycle(&indexed.cycles));
    r.tables.push(counts(indexed));
    r.tables.push(by_resolution(indexed));
    r.tables.extend(indexed.misindexing.iter().map(|m| offsets(m, several)));
    let spots = |k: usize| {
        let of_k = |id: &&i32| **id >= 0 && indexed.experiments.experiments.get(**id as usize).is_some_and(|e| e.crystal == Some(k));
        indexed.reflections.id.iter().filter(of_k).count()
    };
    let listing: Vec<String> = indexed
        .experiments
        .crystals
        .iter()
        .enumerate()
        .map(|(k, c)| format!("model {} ({} reflections):\n{}", k + 1, spots(k), crystal_text(c)))
        .collect();
    r.texts.push(("Refined crystal models:".to_owned(), listing.join("\n")));
    if several {
        r.tables.push(rotations(&indexed.experiments.crystals));
    }
    // What the search began with is looked at when its result is in doubt: last.
    r.tables.extend(indexed.searches.iter().filter(|s| !s.peaks.is_empty()).map(peaks));
    r.plots.push(per_image(indexed));
    key_figures(&mut r, indexed);
    r
}

fn key_figures(r: &mut Report, indexed: &Indexed) {
    let total: usize = indexed.counts.iter().map(|c| c.indexed + c.unindexed).sum();
    let n: usize = indexed.counts.iter().map(|c| c.indexed).sum();
    let percent = 100.0 * n as f64 / total.max(1) as f64;
    r.value("n_spots", total as f64).value("n_indexed", n as f64).value("percent_indexed", percent);
    r.value("n_lattices", indexed.experiments.crystals.len() as f64);
    let mut verdict = format!("{n} of {total} spots indexed");
    if let Some(search) = indexed.searches.first() {
        r.value("max_cell", search.max_cell);
    }
    if let Some(crystal) = indexed.experiments.crystals.first() {
        let cell = crystal.unit_cell();
        for (name, value) in ["cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma"].iter().zip(cell.parameters()) {
            r.value(name, value);
        }
        r.label("space_group", space_group(crystal)).label("unit_cell", cell.to_string());
        verdict += &format!(" with the cell {cell}");
    }
    if let Some(last) = indexed.cycles.last() {
        let used: usize = last.rmsds.iter().map(|x| x.n).sum();
        let mean = |k: usize| (last.rmsds.iter().map(|x| x.px[k] * x.px[k] * x.n as f64).sum::<f64>() / used.max(1) as f64).sqrt();
        let [x, y, z] = [mean(0), mean(1), mean(2)];
        r.value("rmsd_x_px", x).value("rmsd_y_px", y).value("rmsd_z_images", z);
        verdict += &format!("; rmsd {x:.2} px, {y:.2} px, {z:.2} images");
        if x.max(y) > LARGE_RMSD_PX {
            r.warn(format!(
                "The deviations on the detector ({x:.1} and {y:.1} px) are large: check the geometry, or whether the lattice is split."
            ));
        }
        for sentence in &last.simplified {
            r.warn(format!("In the last refinement, {sentence}."));
        }
    }
    if percent < FEW_INDEXED {
        r.warn(format!(
            "Only {percent:.0} % of the spots are indexed. There may be a second lattice (set max_lattices=2), ice or powder rings, or a wrong beam centre."
        ));
    }
    for m in &indexed.misindexing {
        if let (Some([h, k, l]), Some(best)) = (m.off, m.offsets.first()) {
            r.warn(format!(
                "The indices of lattice {} are probably off by ({h}, {k}, {l}): with that added, intensities of reflections that a rotation of the lattice makes \
                 equivalent correlate by {:.2} instead of {:.2} ({} pairs). The beam centre is wrong by one spot: correct it with search-beam-position and index again.",
                m.crystal + 1,
                best.cc,
                best.cc_without,
                best.pairs
            ));
        }
    }
    for remark in indexed.remarks.iter().chain(&indexed.beam_doubts) {
        r.warn(remark.clone());
    }
    r.headline = format!("{percent:.1} % indexed");
    r.verdict = verdict + ".";
}

pub(super) fn peaks(search: &LatticeSearch) -> Table {
    let columns = [("#", ""), ("Length", "Å"), ("Volume", ""), ("x", "Å"), ("y", "Å"), ("z", "Å")];
    let title =
        format!("Strongest peaks of the search ({} spots to {:.2} Å, edges to {:.1} Å):", search.points, search.d_min, search.max_cell);
    let mut t = Table::new("fft_peaks", &title, &columns);
    for (i, p) in search.peaks.iter().take(SHOWN).enumerate() {
        let [x, y, z] = p.site.map(|v| Cell::number(v, 2));
        t.push(vec![Cell::count(i + 1), Cell::number(p.length, 2), Cell::count(p.volume), x, y, z]);
    }
    t
}

fn by_resolution(indexed: &Indexed) -> Table {
    let columns = [("d_max", "Å"), ("d_min", "Å"), ("# indexed", ""), ("# unindexed", ""), ("% indexed", "")];
    let mut t = Table::new("indexed_by_resolution", "Spots indexed, by resolution:", &columns);
    for c in &indexed.resolution {
        let percent = 100.0 * c.indexed as f64 / (c.indexed + c.unindexed).max(1) as f64;
        let [high, low] = c.d.map(|d| if d < 1e4 { Cell::number(d, 2) } else { "-".into() });
        t.push(vec![high, low, Cell::count(c.indexed), Cell::count(c.unindexed), format!("{percent:.1}%").into()]);
    }
    t
}

fn offsets(m: &Misindexing, several: bool) -> Table {
    let of = if several { format!(" of lattice {}", m.crystal + 1) } else { String::new() };
    let title = format!("Agreement of equivalent intensities with the indices{of} shifted:");
    let mut t = Table::new("misindexing", &title, &[("Offset", ""), ("Sum of CCs", ""), ("CC", ""), ("CC without", ""), ("Pairs", "")]);
    for o in &m.offsets {
        let [h, k, l] = o.offset;
        t.push(vec![
            format!("({h}, {k}, {l})").into(),
            Cell::number(o.sum, 2),
            Cell::number(o.cc, 3),
            Cell::number(o.cc_without, 3),
            Cell::count(o.pairs),
        ]);
    }
    t
}

pub(super) fn candidates(list: &[Candidate]) -> Table {
    let columns = [
        ("unit_cell", ""),
        ("volume", ""),
        ("volume score", ""),
        ("#indexed", ""),
        ("% indexed", ""),
        ("% indexed score", ""),
        ("rmsd_xy", "px"),
        ("rmsd_xy score", ""),
        ("overall score", ""),
    ];
    let mut t = Table::new("candidates", "Candidate solutions:", &columns);
    for c in list.iter().take(SHOWN) {
        let [a, b, d, al, be, ga] = c.cell.parameters();
        t.push(vec![
            format!("{a:.2} {b:.2} {d:.2} {al:.1} {be:.1} {ga:.1}").into(),
            Cell::number(c.volume, 0),
            Cell::number(c.score_volume, 2),
            Cell::count(c.n_indexed),
            Cell::number(100.0 * c.fraction_indexed, 0),
            Cell::number(c.score_indexed.abs(), 2),
            Cell::number(c.rmsd_xy_px, 2),
            Cell::number(c.score_rmsd, 2),
            Cell::number(c.score, 2),
        ]);
    }
    t
}

fn rmsds(cycle: &Cycle, several: bool) -> Table {
    let lattices = if several { format!(", {} lattices", cycle.lattices) } else { String::new() };
    let title = format!("RMSDs by experiment (macro-cycle {}{lattices}, to {:.2} Å):", cycle.number, cycle.d_min);
    let columns = [("Exp", "id"), ("Nref", ""), ("RMSD_X", "px"), ("RMSD_Y", "px"), ("RMSD_Z", "images")];
    let mut t = Table::new("rmsd_by_experiment", &title, &columns);
    for x in &cycle.rmsds {
        let [dx, dy, dz] = x.px;
        t.push(vec![Cell::count(x.experiment), Cell::count(x.n), Cell::number(dx, 4), Cell::number(dy, 4), Cell::number(dz, 4)]);
    }
    t
}

fn crystals_by_cycle(cycles: &[Cycle]) -> Table {
    let columns = [("Cycle", ""), ("d_min", "Å"), ("# indexed", ""), ("# outliers", ""), ("# parameters", ""), ("Unit cell", "Å, °")];
    let mut t = Table::new("macro_cycles", "Refined crystal models by macro-cycle:", &columns);
    for c in cycles {
        let cell = c.crystals.last().map_or(String::new(), cell_text);
        t.push(vec![
            Cell::count(c.number),
            Cell::number(c.d_min, 2),
            Cell::count(c.n_indexed),
            Cell::count(c.n_outliers),
            Cell::count(c.n_parameters),
            cell.into(),
        ]);
    }
    t
}

fn counts(indexed: &Indexed) -> Table {
    let columns = [("Imageset", ""), ("# indexed", ""), ("# unindexed", ""), ("% indexed", "")];
    let mut t = Table::new("indexed_by_imageset", "Spots indexed:", &columns);
    for c in &indexed.counts {
        t.push(vec![Cell::count(c.imageset), Cell::count(c.indexed), Cell::count(c.unindexed), format!("{:.1}%", c.percent()).into()]);
    }
    t
}

fn rotations(crystals: &[Crystal]) -> Table {
    let columns = [("Lattices", ""), ("Angle", "°"), ("Axis", "")];
    let mut t = Table::new("lattice_rotations", "Rotations between the lattices:", &columns);
    for j in 1..crystals.len() {
        for i in 0..j {
            let r = crystals[j].u_matrix() * crystals[i].u_matrix().transpose();
            let (axis, angle) = crate::math::axis_angle_of(&r);
            t.push(vec![
                format!("{} to {}", i + 1, j + 1).into(),
                Cell::number(angle.to_degrees(), 3),
                format!("{:.3} {:.3} {:.3}", axis.x, axis.y, axis.z).into(),
            ]);
        }
    }
    t
}

/// Spots indexed and not, by image.
fn per_image(indexed: &Indexed) -> Plot {
    let list = &indexed.experiments;
    let mut series = Vec::new();
    for count in &indexed.counts {
        let scan = list.experiments.iter().find(|e| e.imageset == Some(count.imageset)).and_then(|e| list.scans.get(e.scan?));
        let Some(scan) = scan else { continue };
        let mut bins = [vec![0.0; scan.n_images], vec![0.0; scan.n_images]];
        for (i, xyz) in indexed.reflections.xyzobs_px.iter().enumerate() {
            if indexed.reflections.imageset_id.get(i) == Some(&(count.imageset as i32)) && xyz[2] >= 0.0 {
                let of = usize::from(indexed.reflections.flags[i] & flags::INDEXED == 0);
                if let Some(n) = bins[of].get_mut(xyz[2] as usize) {
                    *n += 1.0;
                }
            }
        }
        let x: Vec<f64> = (0..scan.n_images).map(|z| (scan.first_image + z as i64) as f64).collect();
        let of_set = if indexed.counts.len() > 1 { format!(", image set {}", count.imageset) } else { String::new() };
        for (label, y) in ["indexed", "not indexed"].into_iter().zip(bins) {
            series.push(Series { label: format!("{label}{of_set}"), x: x.clone(), y, style: Style::Line });
        }
    }
    Plot {
        id: "indexed_per_image".to_owned(),
        title: "Indexed spots per image".to_owned(),
        x: Axis::new("Image", ""),
        y: Axis::new("Spots", ""),
        series,
    }
}

fn space_group(crystal: &Crystal) -> String {
    SpaceGroup::from_hall(&crystal.hall_symbol).map_or_else(|_| crystal.hall_symbol.clone(), |g| g.symbol())
}

/// A value with its standard uncertainty in units of the last digit, such as `5.492(3)`; three decimals without one, or where symmetry fixes it.
pub fn with_esd(value: f64, esd: f64) -> String {
    if !(esd.is_finite() && esd > 1e-6) {
        return format!("{value:.3}");
    }
    // Two digits of uncertainty up to 19, one above.
    let mut decimals = (-libm::floor(libm::log10(esd))) as i32;
    if esd * libm::pow(10.0, decimals as f64) < 1.95 {
        decimals += 1;
    }
    let decimals = decimals.max(0);
    let digits = libm::round(esd * libm::pow(10.0, decimals as f64));
    format!("{value:.*}({digits})", decimals as usize)
}

fn cell_text(crystal: &Crystal) -> String {
    let cell = crystal.unit_cell().parameters();
    let esds = crystal.cell_esd.map_or([0.0; 6], |e| e.parameters);
    // What symmetry fixes has no uncertainty of its own.
    let rotations = SpaceGroup::from_hall(&crystal.hall_symbol).map_or_else(|_| Vec::new(), |g| g.rotations());
    let free = constraints::free_metric_parameters(&rotations).len();
    let right = |i: usize| free < 6 && (cell[i] - 90.0).abs().min((cell[i] - 120.0).abs()) < 1e-6;
    (0..6).map(|i| if i >= 3 && right(i) { format!("{:.1}", cell[i]) } else { with_esd(cell[i], esds[i]) }).collect::<Vec<_>>().join(", ")
}

/// A crystal as DIALS lists it: cell with uncertainties, space group, U, B and A.
pub fn crystal_text(crystal: &Crystal) -> String {
    let matrix = |name: &str, m: &Mat3| -> String {
        let row = |i: usize| format!("{:7.4}, {:7.4}, {:7.4}", m[(i, 0)], m[(i, 1)], m[(i, 2)]);
        let indent = " ".repeat(16);
        format!("    {name:<12}{{{{{}}},\n{indent}{{{}}},\n{indent}{{{}}}}}\n", row(0), row(1), row(2))
    };
    format!(
        "Crystal:\n    Unit cell: {}\n    Space group: {}\n{}{}{}",
        cell_text(crystal),
        space_group(crystal),
        matrix("U matrix:", &crystal.u_matrix()),
        matrix("B matrix:", &crystal.b_matrix()),
        matrix("A = UB:", &crystal.a_matrix)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uncertainties_are_in_units_of_the_last_digit() {
        assert_eq!(with_esd(5.49234, 0.0031), "5.492(3)");
        assert_eq!(with_esd(11.61752, 0.00163), "11.6175(16)");
        assert_eq!(with_esd(89.954, 0.0), "89.954");
        assert_eq!(with_esd(102.3, 0.1951), "102.3(2)");
        assert_eq!(with_esd(13.5432, 0.00195), "13.543(2)");
        assert_eq!(with_esd(1234.0, 25.0), "1234(25)");
    }
}
