//! From many files to sweeps.

use std::sync::Arc;

use super::geometry::{self, ImageModels};
use super::{CbfImages, Error, header};
use crate::format::source::{SourceFile, base_name};
use crate::format::sweep::Sweep;
use crate::geometry::Scan;

/// Models closer than this are the same (vectors: length of the difference; mm).
const SAME: f64 = 1e-6;

/// Whether a file's name is that of a CBF image.
pub fn is_cbf(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".cbf") || name.ends_with(".cbf.gz")
}

/// A file name taken apart at its image number: `x_00012.cbf` is `x_`, 12 in 5 digits, `.cbf`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Template {
    /// Name with `#` for each digit of the number.
    pub text: String,
    /// The number; `None` when the name has none.
    pub number: Option<u64>,
}

impl Template {
    /// Takes a name apart: the number is the last run of digits before the extension.
    pub fn of(name: &str) -> Template {
        let base = name.len() - base_name(name).len();
        let stem = name[base..].find(".cbf").or(name[base..].find(".CBF")).map_or(name.len(), |i| base + i);
        let digits_from = name[base..stem]
            .rfind(|c: char| !c.is_ascii_digit())
            .map_or(base, |i| base + i + name[base + i..].chars().next().map_or(1, char::len_utf8));
        let digits = &name[digits_from..stem];
        match digits.parse() {
            Ok(number) => {
                let text = format!("{}{}{}", &name[..digits_from], "#".repeat(digits.len()), &name[stem..]);
                Template { text, number: Some(number) }
            }
            Err(_) => Template { text: name.into(), number: None },
        }
    }

    /// The name of an image of this template.
    pub fn file(&self, number: u64) -> String {
        let first = self.text.find('#').unwrap_or(self.text.len());
        let width = self.text[first..].bytes().take_while(|b| *b == b'#').count();
        format!("{}{number:0width$}{}", &self.text[..first], &self.text[first + width..])
    }
}

/// One image with what its header says.
struct Image {
    file: SourceFile,
    number: u64,
    size: [usize; 2],
    models: ImageModels,
}

/// Sorts images into sweeps: files of one template, numbered without a gap, with one geometry and one scan.
///
/// Fails when a header cannot be read, or when an image is of another size than the others of its template.
pub fn read(files: &[SourceFile]) -> Result<Vec<Sweep>, Error> {
    let mut named: Vec<(Template, &SourceFile)> = files.iter().map(|f| (Template::of(&f.name), f)).collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let mut sweeps = Vec::new();
    let mut run: Vec<Image> = Vec::new();
    let mut template = String::new();
    for (name, file) in named {
        let header = header::read(file)?;
        let models = geometry::read(&file.name, &header)?;
        let size = [header.fast, header.slow];
        let image = Image { file: file.clone(), number: name.number.unwrap_or(1), size, models };
        if name.text == template
            && let Some(first) = run.first()
            && first.size != size
        {
            let ([found_fast, found_slow], [fast, slow]) = (size, first.size);
            return Err(Error::ImageSize { file: file.name.clone(), template, found_fast, found_slow, fast, slow });
        }
        if name.text != template || !run.last().is_some_and(|_| continues(&run, &image)) {
            sweeps.extend(sweep(core::mem::take(&mut run), &template));
            template = name.text;
        }
        run.push(image);
    }
    sweeps.extend(sweep(run, &template));
    Ok(sweeps)
}

/// The images of one set in the order of their files, whatever their headers say of the geometry.
///
/// Fails when the first file's header cannot be read; others are checked as they are decoded.
pub fn images(files: &[SourceFile], template: &str) -> Result<CbfImages, Error> {
    let Some(first) = files.first() else {
        return Err(Error::NotCbf { file: template.into(), reason: "no images".into() });
    };
    let header = header::read(first)?;
    Ok(CbfImages::new(files.to_vec(), [header.fast, header.slow], template.into()))
}

/// Whether an image goes on where the run ends.
fn continues(run: &[Image], next: &Image) -> bool {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return false };
    let [start, width] = first.models.oscillation;
    let [angle, next_width] = next.models.oscillation;
    let expected = start + width * run.len() as f64;
    // Angles are written with four decimals and full turns may be taken off; stills do not move.
    let off = libm::fabs(libm::remainder(angle - expected, 360.0));
    let (a, b) = (&first.models, &next.models);
    let same_panel = a
        .detector
        .panels
        .iter()
        .zip(&b.detector.panels)
        .all(|(p, q)| (p.origin - q.origin).norm() < SAME && (p.fast - q.fast).norm() < SAME && (p.slow - q.slow).norm() < SAME);
    next.number == last.number + 1
        && same_panel
        && (a.beam.wavelength - b.beam.wavelength).abs() < SAME
        && a.goniometer.scan_axis == b.goniometer.scan_axis
        && (a.goniometer.fixed_rotation - b.goniometer.fixed_rotation).norm() < SAME
        && (a.goniometer.setting_rotation - b.goniometer.setting_rotation).norm() < SAME
        && (width - next_width).abs() <= 0.02 * width.abs() + 1e-9
        && (width == 0.0 || off <= 0.1 * width.abs() + 1e-4)
}

fn sweep(run: Vec<Image>, template: &str) -> Option<Sweep> {
    let first = run.first()?;
    let models = first.models.clone();
    let size = first.size;
    let scan = Scan {
        first_image: i64::try_from(first.number).unwrap_or(i64::MAX),
        n_images: run.len(),
        phi0: models.oscillation[0].to_radians(),
        width: models.oscillation[1].to_radians(),
        exposure_times: run.iter().map(|i| i.models.exposure).collect(),
        epochs: run.iter().map(|i| i.models.epoch).collect(),
        ..Scan::default()
    };
    let files = run.into_iter().map(|i| i.file).collect();
    Some(Sweep {
        beam: models.beam,
        detector: models.detector,
        goniometer: Some(models.goniometer),
        scan: Some(scan),
        template: template.into(),
        single_file: false,
        images: Arc::new(CbfImages::new(files, size, template.into())),
        origin: None,
        warnings: models.warnings,
    })
}
