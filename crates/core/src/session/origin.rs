//! Where a session's results come from: its hash, its history, and the sentences for a journal.

use super::methods::methods;
use super::{Session, StageId, StageState};
use crate::geometry::ExperimentList;
use crate::image::{Frame, ImageSource, RawFrame};
use crate::job::parallel;
use crate::math::Sha256;
use crate::reflections::{ColumnValue, Columns, Reflections};
use crate::report::Origin;
use std::fmt::Write;
use std::sync::Arc;

/// Most images that are read for the digest of a session's inputs.
const IMAGES: usize = 48;

/// A digest of images as any machine reads them, however they are packed in files: geometry and number of the images of each sweep, and the pixels
/// of its first, middle and last image (of the middle one alone where there are many sweeps).
///
/// It tells data sets apart; it does not notice that some other image has been changed. An image that cannot be read counts as empty.
pub(super) fn digest_of_images(experiments: &ExperimentList, images: &[Arc<dyn ImageSource>]) -> String {
    let mut hash = Sha256::new();
    geometry(experiments, &mut hash);
    for source in images {
        let n = source.n_images();
        hash.update(format!("{n} images of {:?}\n", source.image_size()).as_bytes());
        let mut wanted = if images.len() * 3 <= IMAGES { vec![0, n / 2, n.saturating_sub(1)] } else { vec![n / 2] };
        wanted.retain(|z| *z < n);
        wanted.dedup();
        // Read here, where the files are, and decoded on the pool.
        let read = wanted.into_iter().map(|z| source.fetch(z..z + 1).ok().and_then(|raw| raw.into_iter().next()));
        let of_rows = |raw: Option<RawFrame>| {
            let mut frame = Frame::default();
            match raw.is_some_and(|raw| source.decode(&raw, &mut frame).is_ok()) {
                true => frame.pixels.chunks(frame.width.max(1)).map(condensed).collect::<Vec<_>>(),
                false => Vec::new(),
            }
        };
        for rows in parallel::map_vec(read.collect(), of_rows) {
            let bytes: Vec<u8> = rows.iter().flatten().flat_map(|lane| lane.to_le_bytes()).collect();
            hash.update(&bytes);
        }
    }
    hash.hex()
}

/// A row of counts in 256 bits: FNV-1a (Fowler, Noll & Vo) of every fourth count, four times. Memory is read no faster, whereas SHA-256 of all pixels
/// would take longer than to find their spots. Each step is a bijection of what was before, so that another count in one place always makes other bits.
fn condensed(row: &[i32]) -> [u64; 4] {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut lanes = [START; 4];
    let mut take = |counts: &[i32]| {
        for (lane, count) in lanes.iter_mut().zip(counts) {
            *lane = (*lane ^ u64::from(*count as u32)).wrapping_mul(PRIME);
        }
    };
    let mut fours = row.chunks_exact(4);
    fours.by_ref().for_each(&mut take);
    take(fours.remainder());
    lanes
}

/// A digest of a table that another program or session left.
pub(super) fn digest_of_table(experiments: &ExperimentList, table: &mut Reflections) -> String {
    struct Feed(Sha256);
    impl Columns for Feed {
        fn column<T: ColumnValue>(&mut self, name: &'static str, values: &mut Vec<T>) {
            // Pixels are many, and what was made of them is in the other columns.
            if name == "shoebox" || values.is_empty() {
                return;
            }
            self.0.update(name.as_bytes());
            let mut bytes = Vec::new();
            for part in values.chunks(4096) {
                bytes.clear();
                T::write(part, &mut bytes);
                self.0.update(&bytes);
            }
        }
    }
    let mut hash = Sha256::new();
    geometry(experiments, &mut hash);
    let mut feed = Feed(hash);
    table.visit(&mut feed);
    feed.0.hex()
}

/// The models' numbers, to ten digits, so that the last bit of an arcsine does not matter.
fn geometry(experiments: &ExperimentList, hash: &mut Sha256) {
    let mut text = String::new();
    let mut numbers = |name: &str, values: &[f64]| {
        let _ = write!(text, "{name}");
        values.iter().for_each(|v| {
            // What is zero but for rounding is zero.
            let v = if v.abs() < 1e-12 { 0.0 } else { *v };
            let _ = write!(text, " {v:.9e}");
        });
        text.push('\n');
    };
    for e in 0..experiments.len() {
        let Some(m) = experiments.models(e) else {
            numbers("still", &[e as f64]);
            continue;
        };
        numbers("beam", &[m.beam.wavelength, m.beam.direction.x, m.beam.direction.y, m.beam.direction.z, m.beam.polarization_fraction]);
        for p in &m.detector.panels {
            let v = [p.origin, p.fast, p.slow];
            numbers("panel", &v.iter().flat_map(|v| v.iter().copied()).collect::<Vec<_>>());
            numbers("pixels", &[p.pixel_size[0], p.pixel_size[1], p.image_size[0] as f64, p.image_size[1] as f64, p.thickness]);
        }
        numbers("axis", m.goniometer.lab_axis().as_slice());
        numbers("scan", &[m.scan.first_image as f64, m.scan.n_images as f64, m.scan.phi0, m.scan.width]);
        if let Some(c) = m.crystal {
            numbers("crystal", c.a_matrix.as_slice());
        }
    }
    hash.update(text.as_bytes());
}

impl Session {
    /// What files and reports say of the run that made them.
    pub fn origin(&self) -> Origin {
        let mut origin = Origin::default();
        if let Some(inputs) = &self.inputs {
            let mut params = self.params.clone();
            // The name that a file has on this machine does not matter, its content does.
            let free = params.merge.free_flags_from.take().and_then(|name| self.free_bytes(&name).ok());
            let params = serde_json::to_string(&params).unwrap_or_default();
            let mut hash = Sha256::new();
            hash.update(format!("{}\n{inputs}\n{params}\n", origin.program).as_bytes());
            if let Some(bytes) = free {
                hash.update(&bytes);
            }
            origin.session = hash.hex();
        }
        origin.history = self.history();
        (origin.methods, origin.references) = methods(self);
        origin
    }

    /// A line for each stage that has a report, then the parameters that are not defaults.
    fn history(&self) -> Vec<String> {
        let short = |text: String| {
            let text: String = text.chars().map(ascii).collect();
            text.chars().take(78).collect::<String>().trim_end().to_owned()
        };
        // The stage at work still has the report of its run before.
        let done = self.reports().into_iter().filter(|(stage, _)| self.state(*stage) != StageState::Running);
        let mut out: Vec<String> = done.map(|(stage, r)| short(format!("{}: {}", stage.name(), r.headline))).collect();
        for stage in StageId::ALL {
            for p in self.params.views(stage).into_iter().filter(|p| p.value != p.default) {
                out.push(short(format!("{}.{} = {}", stage.name(), p.name, p.value)));
            }
        }
        out
    }
}

/// Headers of reflection files are ASCII.
fn ascii(c: char) -> String {
    match c {
        'Å' => "A".to_owned(),
        '°' => " deg".to_owned(),
        '½' => "1/2".to_owned(),
        'σ' => "sigma".to_owned(),
        '×' => "x".to_owned(),
        '–' | '−' => "-".to_owned(),
        'α' => "alpha".to_owned(),
        'β' => "beta".to_owned(),
        'γ' => "gamma".to_owned(),
        c if c.is_ascii_graphic() => c.to_string(),
        c if c.is_whitespace() => " ".to_owned(),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Beam, Detector, Experiment, Goniometer, Panel, Scan};
    use crate::image::{Frame, MemoryImages};

    fn experiments(wavelength: f64) -> ExperimentList {
        ExperimentList {
            experiments: vec![Experiment { beam: Some(0), detector: Some(0), goniometer: Some(0), scan: Some(0), ..Experiment::default() }],
            beams: vec![Beam { wavelength, ..Beam::default() }],
            detectors: vec![Detector::single(Panel::default())],
            goniometers: vec![Goniometer::default()],
            scans: vec![Scan { first_image: 1, n_images: 3, width: 0.01, ..Scan::default() }],
            ..ExperimentList::default()
        }
    }

    #[test]
    fn pixels_and_geometry_tell_data_sets_apart() {
        let images = |value: i32| -> Vec<Arc<dyn ImageSource>> {
            let frame = Frame { width: 2, height: 1, pixels: vec![1, value] };
            vec![Arc::new(MemoryImages { frames: vec![frame.clone(), frame.clone(), frame], mask: None })]
        };
        let of = |wavelength: f64, value: i32| digest_of_images(&experiments(wavelength), &images(value));
        assert_eq!(of(1.0, 5), of(1.0, 5));
        // A change in the twelfth digit is rounding.
        assert_eq!(of(1.0, 5), of(1.0 + 1e-13, 5));
        assert_ne!(of(1.0, 5), of(1.0, 6));
        assert_ne!(condensed(&[1, 2, 3, 4, 5]), condensed(&[1, 2, 3, 4, 6]));
        assert_ne!(condensed(&[0, 0, 0, 0, 1]), condensed(&[1, 0, 0, 0, 0]));
        assert_ne!(of(1.0, 5), of(1.01, 5));
    }

    #[test]
    fn a_table_without_its_pixels_decides() {
        let mut table = Reflections::with_rows(2);
        table.hkl = vec![[1, 2, 3], [0, 0, 1]];
        let before = digest_of_table(&experiments(1.0), &mut table);
        table.hkl[1] = [0, 0, 2];
        assert_ne!(before, digest_of_table(&experiments(1.0), &mut table));
    }
}
