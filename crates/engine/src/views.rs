//! What the page is shown of the session: small pieces, as flat little-endian arrays.

use ewald_core::geometry::ExperimentList;
use ewald_core::image::ImageSource;
use ewald_core::reflections::{Reflections, flags};
use ewald_core::session::Session;
use ewald_protocol::{Bulk, ImageHeader, SpotKind, SpotsHeader, SweepView, View, ViewHeader};

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// No such sweep.
    #[error("there is no sweep {sweep}; import found {n}")]
    NoSweep {
        /// Number asked for, from 0.
        sweep: usize,
        /// How many there are.
        n: usize,
    },
    /// The stage that makes it has not run.
    #[error("{what} is not there yet: its stage has not run")]
    NotYet {
        /// What was asked for.
        what: String,
    },
    /// The image cannot be had.
    #[error(transparent)]
    Image(#[from] ewald_core::image::ImageError),
}

/// The view asked for.
pub fn view(session: &Session, view: &View) -> Result<Bulk, ViewError> {
    match view {
        View::Image { sweep, image } => self::image(session, *sweep, *image),
        View::Spots { sweep, image, of } => spots(session, *sweep, *image, *of),
        View::File { name } => {
            let bytes = session.file(name).ok_or_else(|| ViewError::NotYet { what: name.clone() })?;
            Ok(Bulk { header: ViewHeader::File { name: name.clone() }, buffers: vec![bytes] })
        }
    }
}

/// The sweeps that import found.
pub fn sweeps(session: &Session) -> Vec<SweepView> {
    let Some(imported) = &session.results().imported else { return Vec::new() };
    let describe = |(number, images): (usize, &std::sync::Arc<dyn ImageSource>)| SweepView {
        file: imported.imagesets.get(number).map_or(String::new(), |set| set.template.clone()),
        images: images.n_images(),
        first_image: 1 + array_start(imported, number),
        image_size: images.image_size(),
    };
    session.images().iter().enumerate().map(describe).collect()
}

fn image(session: &Session, sweep: usize, image: usize) -> Result<Bulk, ViewError> {
    let source = session.images().get(sweep).ok_or(ViewError::NoSweep { sweep, n: session.images().len() })?;
    let mut frame = source.frame(image)?;
    if let Some(mask) = source.mask() {
        for (pixel, usable) in frame.pixels.iter_mut().zip(mask) {
            if !usable {
                *pixel = -1;
            }
        }
    }
    let header = ImageHeader { sweep, image, width: frame.width, height: frame.height };
    let pixels = frame.pixels.iter().flat_map(|p| p.to_le_bytes()).collect();
    Ok(Bulk { header: ViewHeader::Image(header), buffers: vec![pixels] })
}

fn spots(session: &Session, sweep: usize, image: usize, of: SpotKind) -> Result<Bulk, ViewError> {
    let results = session.results();
    let (experiments, reflections) = match of {
        SpotKind::Found => results.imported.as_ref().zip(results.strong.as_ref()),
        SpotKind::Indexed => results.indexed.as_ref().map(|d| (&d.experiments, &d.reflections)),
        SpotKind::Integrated => results.integrated.as_ref().map(|d| (&d.experiments, &d.reflections)),
    }
    .ok_or_else(|| ViewError::NotYet { what: format!("a list of spots ({of:?})") })?;
    let rows = rows_on_image(experiments, reflections, sweep, image, of);

    let from = if of == SpotKind::Integrated { &reflections.xyzcal_px } else { &reflections.xyzobs_px };
    let offset = |row: usize| panel_offset(experiments, sweep, reflections.panel.get(row).map_or(0, |p| *p as usize));
    let position = |&row: &usize| {
        let ([x, y, _], [dx, dy]) = (from.get(row).copied().unwrap_or_default(), offset(row));
        [(x + dx) as f32, (y + dy) as f32]
    };
    let mut buffers = vec![rows.iter().flat_map(position).flat_map(f32::to_le_bytes).collect()];
    if of != SpotKind::Found {
        let hkl = |&row: &usize| reflections.hkl.get(row).copied().unwrap_or_default();
        buffers.push(rows.iter().flat_map(hkl).flat_map(i32::to_le_bytes).collect());
    }
    Ok(Bulk { header: ViewHeader::Spots(SpotsHeader { sweep, image, of, n: rows.len() }), buffers })
}

/// Rows of the reflections whose box has pixels on image `image` (from 0) of sweep `sweep`.
fn rows_on_image(experiments: &ExperimentList, table: &Reflections, sweep: usize, image: usize, of: SpotKind) -> Vec<usize> {
    let z = image as i64 + array_start(experiments, sweep);
    // Experiments may be several lattices of one sweep.
    let set_of_experiment: Vec<Option<usize>> = experiments.experiments.iter().map(|e| e.imageset).collect();
    let wanted_flags = match of {
        SpotKind::Found => 0,
        SpotKind::Indexed => flags::INDEXED,
        SpotKind::Integrated => flags::INTEGRATED_SUM,
    };
    let on_image = |row: &usize| {
        let set = table.imageset_id.get(*row).and_then(|&id| usize::try_from(id).ok());
        let by_experiment = || set_of_experiment.get(usize::try_from(*table.id.get(*row)?).ok()?).copied().flatten();
        let [.., z0, z1] = table.bbox[*row].map(i64::from);
        set.or_else(by_experiment) == Some(sweep)
            && (z0..z1).contains(&z)
            && table.flags.get(*row).is_none_or(|f| f & wanted_flags == wanted_flags)
    };
    (0..table.bbox.len()).filter(on_image).collect()
}

/// Array index of the first image of an image set: scans need not begin with image 1.
fn array_start(experiments: &ExperimentList, sweep: usize) -> i64 {
    let experiment = experiments.experiments.iter().find(|e| e.imageset == Some(sweep));
    let scan = experiment.and_then(|e| experiments.scans.get(e.scan?));
    scan.map_or(0, |scan| scan.first_image - 1)
}

/// Where a panel begins in the raw image, px.
fn panel_offset(experiments: &ExperimentList, sweep: usize, panel: usize) -> [f64; 2] {
    let experiment = experiments.experiments.iter().find(|e| e.imageset == Some(sweep));
    let detector = experiment.and_then(|e| experiments.detectors.get(e.detector?));
    let panel = detector.and_then(|d| d.panels.get(panel));
    panel.map_or([0.0; 2], |p| [p.raw_image_offset[0] as f64, p.raw_image_offset[1] as f64])
}
