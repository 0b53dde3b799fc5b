//! The processing in sentences, as a journal's methods section has them, with the references that are due.
//!
//! Sentences are made of what the stages reported; a stage that did not run in this session is not spoken of.

use super::{Session, StageId};
use crate::report::Report;

/// Key, as it is cited; the reference in full.
const REFERENCES: [(&str, &str); 17] = [
    (
        "Assmann et al., 2016",
        "Assmann, G., Brehm, W. & Diederichs, K. (2016). Identification of rogue datasets in serial crystallography. J. Appl. Cryst. 49, 1021–1028.",
    ),
    (
        "Beilsten-Edmands et al., 2020",
        "Beilsten-Edmands, J. et al. (2020). Scaling diffraction data in the DIALS software package: algorithms and new approaches for \
         multi-crystal scaling. Acta Cryst. D76, 385–399.",
    ),
    (
        "Brünger, 1992",
        "Brünger, A. T. (1992). Free R value: a novel statistical quantity for assessing the accuracy of crystal structures. Nature 355, 472–475.",
    ),
    (
        "Diederichs & Karplus, 1997",
        "Diederichs, K. & Karplus, P. A. (1997). Improved R-factors for diffraction data analysis in macromolecular crystallography. Nat. \
         Struct. Biol. 4, 269–275.",
    ),
    (
        "Diederichs, 2010",
        "Diederichs, K. (2010). Quantifying instrument errors in macromolecular X-ray data sets. Acta Cryst. D66, 733–740.",
    ),
    ("Evans, 2006", "Evans, P. (2006). Scaling and assessment of data quality. Acta Cryst. D62, 72–82."),
    (
        "Evans, 2011",
        "Evans, P. R. (2011). An introduction to data reduction: space-group determination, scaling and intensity statistics. Acta Cryst. D67, \
         282–292.",
    ),
    (
        "French & Wilson, 1978",
        "French, S. & Wilson, K. (1978). On the treatment of negative intensity observations. Acta Cryst. A34, 517–525.",
    ),
    (
        "Gildea et al., 2014",
        "Gildea, R. J. et al. (2014). New methods for indexing multi-lattice diffraction data. Acta Cryst. D70, 2652–2666.",
    ),
    ("Kabsch, 2010", "Kabsch, W. (2010). Integration, scaling, space-group assignment and post-refinement. Acta Cryst. D66, 133–144."),
    (
        "Karplus & Diederichs, 2012",
        "Karplus, P. A. & Diederichs, K. (2012). Linking crystallographic model and data quality. Science 336, 1030–1033.",
    ),
    ("Parkhurst et al., 2016", "Parkhurst, J. M. et al. (2016). Robust background modelling in DIALS. J. Appl. Cryst. 49, 1912–1921."),
    (
        "Sauter et al., 2004",
        "Sauter, N. K., Grosse-Kunstleve, R. W. & Adams, P. D. (2004). Robust indexing for automatic data collection. J. Appl. Cryst. 37, \
         399–409.",
    ),
    (
        "Sauter et al., 2006",
        "Sauter, N. K., Grosse-Kunstleve, R. W. & Adams, P. D. (2006). Improved statistics for determining the Patterson symmetry from unmerged \
         diffraction intensities. J. Appl. Cryst. 39, 158–168.",
    ),
    (
        "Waterman et al., 2016",
        "Waterman, D. G. et al. (2016). Diffraction-geometry refinement in the DIALS framework. Acta Cryst. D72, 558–575.",
    ),
    ("Weiss, 2001", "Weiss, M. S. (2001). Global indicators of X-ray data quality. J. Appl. Cryst. 34, 130–135."),
    (
        "Winter et al., 2018",
        "Winter, G. et al. (2018). DIALS: implementation and evaluation of a new integration package. Acta Cryst. D74, 85–97.",
    ),
];

/// The paragraph, and the references that it cites.
pub(super) fn methods(session: &Session) -> (String, Vec<String>) {
    let text = paragraph(session);
    let cited = REFERENCES.iter().filter(|(key, _)| text.contains(key)).map(|(_, full)| (*full).to_owned()).collect();
    (text, cited)
}

fn paragraph(session: &Session) -> String {
    let report = |stage: StageId| session.report(stage);
    let value = |stage: StageId, name: &str| report(stage).and_then(|r| r.values.get(name).copied()).filter(|v| v.is_finite());
    let label = |stage: StageId, name: &str| report(stage).and_then(|r: &Report| r.labels.get(name).cloned());
    let mut out: Vec<String> = Vec::new();
    let program = concat!("Ewald version ", env!("CARGO_PKG_VERSION"));
    let images = session.results.imported.as_ref().filter(|_| report(StageId::Import).is_some()).map(|list| {
        let scans: Vec<_> = (0..list.len()).filter_map(|i| list.models(i)).map(|m| m.scan).collect();
        let n: usize = scans.iter().map(|s| s.n_images).sum();
        let sweeps = if scans.len() == 1 { "one sweep".to_owned() } else { format!("{} sweeps", scans.len()) };
        let width = scans.first().map_or(0.0, |s| s.width.to_degrees().abs());
        let even = scans.iter().all(|s| (s.width.to_degrees().abs() - width).abs() < 1e-6);
        let step = if even { format!(" of {}° rotation each", rounded(width, 4)) } else { String::new() };
        format!("{n} images ({sweeps}{step})")
    });
    out.push(match (images, value(StageId::Import, "wavelength")) {
        (Some(images), Some(wavelength)) => format!(
            "Diffraction data, {images} recorded at a wavelength of {wavelength:.5} Å, were processed with {program}, whose methods are those of DIALS \
             (Winter et al., 2018) unless stated otherwise."
        ),
        _ => format!("Diffraction data were processed with {program}, whose methods are those of DIALS (Winter et al., 2018)."),
    });
    if let (Some(n), Some(percent)) = (value(StageId::Index, "n_indexed"), value(StageId::Index, "percent_indexed")) {
        let lattices = value(StageId::Index, "n_lattices").filter(|n| *n > 1.0);
        let several = lattices.map_or_else(String::new, |n| format!(" on {n:.0} lattices (Gildea et al., 2014)"));
        out.push(format!(
            "Basis vectors were found in a three-dimensional Fourier transform of the reciprocal-space positions of strong spots (Sauter et al., 2004), \
             and {n:.0} of these ({percent:.1} %) were indexed{several}."
        ));
    }
    if let Some([x, y, z]) =
        all([value(StageId::Refine, "rmsd_x_px"), value(StageId::Refine, "rmsd_y_px"), value(StageId::Refine, "rmsd_z_images")])
    {
        let crystals = session.results.refined.as_ref().map(|d| &d.experiments.crystals);
        let varying = crystals.is_some_and(|c| c.iter().any(|c| !c.a_at_scan_points.is_empty()));
        out.push(format!(
            "The geometry of experiment and crystal{} was refined (Waterman et al., 2016) to root-mean-square deviations of {x:.2} and {y:.2} pixels and \
             {z:.2} images between observed and predicted reflections.",
            if varying { ", the latter varying with rotation," } else { "" }
        ));
    }
    if report(StageId::Integrate).is_some() {
        let background = if label(StageId::Integrate, "background").as_deref() == Some("glm") {
            " above a robustly fitted background (Parkhurst et al., 2016)"
        } else {
            ""
        };
        let fitted = value(StageId::Integrate, "n_integrated_prf").is_some_and(|n| n > 0.0);
        let how = if fitted { "summation and three-dimensional profile fitting (Kabsch, 2010)" } else { "summation" };
        out.push(format!("Intensities were integrated by {how}{background}."));
    }
    if let Some(group) = label(StageId::Symmetry, "space_group") {
        out.push(format!(
            "The Laue group was determined from the agreement of reflections under each rotation of the lattice (Sauter et al., 2006; Evans, 2006), the space \
             group from systematic absences (Evans, 2011), as {group}{}.",
            label(StageId::Symmetry, "enantiomorph").map_or_else(String::new, |e| format!(" or its mirror image {e}"))
        ));
    }
    if let Some([a, b, isa]) =
        all([value(StageId::Scale, "error_model_a"), value(StageId::Scale, "error_model_b"), value(StageId::Scale, "isa")])
    {
        out.push(format!(
            "Intensities were scaled with smoothly varying scale and decay factors and, where the data allow it, an absorption surface (Beilsten-Edmands et \
             al., 2020); standard deviations were adjusted to the observed spread, σ′² = a²[σ² + (bI)²] with a = {a:.3} and b = {b:.4}, so that the asymptotic \
             I/σ is {isa:.1} (Diederichs, 2010)."
        ));
    }
    let last = [StageId::Merge, StageId::Scale].into_iter().find(|s| report(*s).is_some());
    if let Some(stage) = last {
        out.push(merging(session, stage));
    }
    // The text is wrapped in the source, not in the result.
    out.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Statistics, amplitudes, free set.
fn merging(session: &Session, stage: StageId) -> String {
    let value = |name: &str| session.report(stage).and_then(|r| r.values.get(name).copied()).filter(|v| v.is_finite());
    let mut out = String::new();
    if let Some([n, unique, d, complete]) = all([value("n_observations"), value("n_unique"), value("d_min"), value("completeness")]) {
        out += &format!("{n:.0} observations of {unique:.0} unique reflections to {d:.2} Å ({complete:.1} % complete)");
        if let Some([meas, pim]) = all([value("r_meas"), value("r_pim")]) {
            out += &format!(" agree with R_meas {meas:.3} (Diederichs & Karplus, 1997) and R_pim {pim:.3} (Weiss, 2001)");
        }
        if let Some(cc) = value("cc_half") {
            out += &format!(", with a CC½ of {cc:.3} (Karplus & Diederichs, 2012; Assmann et al., 2016)");
        }
        out += ".";
    }
    if stage == StageId::Merge {
        let p = &session.params.merge;
        if p.truncate {
            out += " Amplitudes were estimated by the method of French & Wilson (French & Wilson, 1978).";
        }
        if p.free_flags {
            out += &match &p.free_flags_from {
                Some(_) => " Reflections for the free R value (Brünger, 1992) are those of an earlier data set.".to_owned(),
                None => format!(
                    " {} % of the reflections were set apart for the free R value (Brünger, 1992).",
                    rounded(100.0 * p.free_fraction, 2)
                ),
            };
        }
    }
    out
}

fn all<const N: usize>(values: [Option<f64>; N]) -> Option<[f64; N]> {
    let mut out = [0.0; N];
    for (o, v) in out.iter_mut().zip(values) {
        *o = v?;
    }
    Some(out)
}

/// Without needless zeros.
fn rounded(x: f64, decimals: usize) -> String {
    let text = format!("{x:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_done_is_told_and_every_citation_has_its_reference() {
        let mut session = Session::new();
        let (text, references) = methods(&session);
        assert!(text.starts_with("Diffraction data were processed") && references.len() == 1, "{text}");
        let mut report = Report::new("Scale");
        for (name, value) in [("error_model_a", 1.1), ("error_model_b", 0.02), ("isa", 45.0), ("n_observations", 100.0), ("n_unique", 10.0)]
        {
            report.value(name, value);
        }
        for (name, value) in [("d_min", 1.5), ("completeness", 99.0), ("r_meas", 0.05), ("r_pim", 0.02), ("cc_half", 0.999)] {
            report.value(name, value);
        }
        session.records[StageId::Scale.index()].report = Some(report);
        let (text, references) = methods(&session);
        assert!(text.contains("I/σ is 45.0 (Diederichs, 2010)") && !text.contains("integrated by"), "{text}");
        // (Author, year) in the text ↔ an entry with both.
        for part in text
            .split(['(', ')', ';'])
            .map(str::trim)
            .filter(|p| p.len() < 40 && p.contains(", ") && p.chars().rev().take(4).all(|c| c.is_ascii_digit()))
        {
            assert!(REFERENCES.iter().any(|(key, _)| *key == part), "{part}");
        }
        assert_eq!(references.len(), 7, "{references:?}");
    }
}
