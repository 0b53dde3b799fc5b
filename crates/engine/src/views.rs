//! What the page is shown of the session: small pieces, as flat little-endian arrays.

use ewald_core::geometry::{Experiment, ExperimentList};
use ewald_core::image::ImageSource;
use ewald_core::reflections::flags;
use ewald_core::session::{Session, SessionError};
use ewald_core::stages::integrate::Fate;
use ewald_protocol::{Bulk, GOOD, ReflectionsHeader, SpotKind, SweepView, View, ViewHeader};

use crate::quantities::Quantities;
use crate::{lattice, reflection};

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The stage that makes it has not run.
    #[error("{what} is not there yet: its stage has not run")]
    NotYet {
        /// What was asked for.
        what: String,
    },
    /// It cannot be made.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// The view asked for.
pub fn view(session: &Session, view: &View) -> Result<Bulk, ViewError> {
    match view {
        View::Reflections { of } => reflections(session, *of),
        View::Lattice { after } => lattice::view(session.results(), *after),
        View::Reflection { wanted } => reflection::view(session, *wanted),
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

fn reflections(session: &Session, of: SpotKind) -> Result<Bulk, ViewError> {
    let results = session.results();
    let (experiments, table) = match of {
        SpotKind::Found => results.imported.as_ref().zip(results.strong.as_ref()),
        SpotKind::Indexed => results.indexed.as_ref().map(|d| (&d.experiments, &d.reflections)),
        SpotKind::Integrated => results.integrated.as_ref().map(|d| (&d.experiments, &d.reflections)),
    }
    .ok_or_else(|| ViewError::NotYet { what: format!("a list of spots ({of:?})") })?;
    let positions = if of == SpotKind::Integrated { &table.xyzcal_px } else { &table.xyzobs_px };
    let wanted = match of {
        SpotKind::Found => 0,
        SpotKind::Indexed => flags::INDEXED,
        SpotKind::Integrated => flags::INTEGRATED,
    };
    let more = results.integration.as_ref().filter(|_| of == SpotKind::Integrated);
    let min_zeta = more.map_or(0.0, |m| m.learned.params().min_zeta);
    let places = Places::new(experiments);
    let [mut place, mut range, mut boxes, mut hkl, mut state] = [const { Vec::new() }; 5];
    let mut quantities = Quantities::default();
    let mut n = 0;
    let tables = core::iter::once((table, positions)).chain(more.map(|m| (&m.left_out, &m.left_out.xyzcal_px)));
    for (table, positions) in tables {
        // Every reflection has a box; the other columns may be absent in tables from elsewhere.
        for (row, bbox) in table.bbox.iter().enumerate() {
            let id = table.id.get(row).and_then(|id| usize::try_from(*id).ok());
            let set = table.imageset_id.get(row).and_then(|id| usize::try_from(*id).ok());
            let Some((sweep, z)) = places.of(id, set) else { continue };
            let [dx, dy] = places.panel(sweep, table.panel.get(row).map_or(0, |p| *p as usize));
            let position = positions.get(row).copied();
            let [x0, x1, y0, y1, z0, z1] = position.filter(|_| bbox[5] <= bbox[4]).map_or(*bbox, around);
            let centre = [f64::from(x0 + x1) / 2.0, f64::from(y0 + y1) / 2.0, f64::from(z0 + z1) / 2.0];
            let [x, y, own_z] = position.unwrap_or(centre);
            quantities.push(experiments, sweep, table, row, [x, y, own_z + f64::from(z)]);
            let put = |values: [i32; 3], to: &mut Vec<u8>| values.iter().for_each(|v| to.extend_from_slice(&v.to_le_bytes()));
            put([sweep as i32, z0.saturating_add(z), z1.saturating_add(z)], &mut range);
            if of != SpotKind::Found {
                put(table.hkl.get(row).copied().unwrap_or_default(), &mut hkl);
            }
            for value in [x + dx as f64, y + dy as f64] {
                place.extend_from_slice(&(value as f32).to_le_bytes());
            }
            for (value, by) in [(x0, dx), (x1, dx), (y0, dy), (y1, dy)] {
                boxes.extend_from_slice(&value.saturating_add(by).to_le_bytes());
            }
            let good = wanted != 0 && table.flags.get(row).is_some_and(|f| f & wanted != 0);
            let fate = if of == SpotKind::Integrated { Fate::of(table, row, min_zeta).number() } else { 0 };
            state.push((GOOD * u8::from(good)) | (fate << 1));
            n += 1;
        }
    }
    Ok(Bulk { header: ViewHeader::Reflections(ReflectionsHeader { of, n }), buffers: vec![place, range, boxes, hkl, state, quantities.0] })
}

/// A box for what has none (a reflection in the blind region): a few pixels about its place, on its image.
fn around([x, y, z]: [f64; 3]) -> [i32; 6] {
    let [x, y, z] = [x, y, z].map(|v| v.floor() as i32);
    [x - 3, x + 4, y - 3, y + 4, z, z.saturating_add(1)]
}

/// Where experiments and panels begin in the raw images of their sweeps.
struct Places<'a> {
    experiments: &'a ExperimentList,
    /// By experiment: its sweep, and by how many images its scan begins after the sweep's first.
    of_experiment: Vec<Option<(usize, i32)>>,
}

impl<'a> Places<'a> {
    fn new(experiments: &'a ExperimentList) -> Self {
        let of = |e: &Experiment| {
            let sweep = e.imageset?;
            let first = experiments.scans.get(e.scan?)?.first_image - 1;
            Some((sweep, (first - array_start(experiments, sweep)) as i32))
        };
        Places { experiments, of_experiment: experiments.experiments.iter().map(of).collect() }
    }

    /// Sweep of a reflection, and what to add to its z: a table's z counts from the first image of the experiment's scan.
    fn of(&self, experiment: Option<usize>, imageset: Option<usize>) -> Option<(usize, i32)> {
        let own = experiment.and_then(|i| self.of_experiment.get(i).copied().flatten());
        own.or_else(|| imageset.map(|set| (set, 0)))
    }

    /// Where a panel begins, px.
    fn panel(&self, sweep: usize, panel: usize) -> [i32; 2] {
        let experiment = self.experiments.experiments.iter().find(|e| e.imageset == Some(sweep));
        let detector = experiment.and_then(|e| self.experiments.detectors.get(e.detector?));
        detector.and_then(|d| d.panels.get(panel)).map_or([0; 2], |p| p.raw_image_offset.map(|n| n as i32))
    }
}

/// Array index of the first image of an image set: scans need not begin with image 1.
fn array_start(experiments: &ExperimentList, sweep: usize) -> i64 {
    let own = experiments.experiments.iter().filter(|e| e.imageset == Some(sweep));
    own.filter_map(|e| experiments.scans.get(e.scan?)).map(|scan| scan.first_image - 1).min().unwrap_or(0)
}
