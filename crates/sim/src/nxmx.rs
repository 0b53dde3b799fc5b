//! The simulated data set as NXmx files: a master with the description, and data files that it links to, as detectors write them.

use crate::experiment::{SATURATION, THICKNESS};
use crate::{Error, Simulation};
use ewald_core::format::codec::bitshuffle;
use ewald_core::format::hdf5::write::{Data, Element, Entry, Group, Stack, Values, write};
use ewald_core::geometry::ExperimentModels;
use ewald_core::image::Frame;
use ewald_core::job::{Monitor, parallel};
use ewald_core::math::Vec3;

/// Images in one data file: some tens of megabytes.
const IMAGES_PER_FILE: usize = 200;
/// Images that are made between two looks at the monitor.
const BATCH: usize = 8;

impl Simulation {
    /// Makes the files one after the other, data files first, and hands each to `save` with its name. Same seed, same bytes.
    pub fn write_nxmx(&self, monitor: &dyn Monitor, save: impl FnMut(String, Vec<u8>) -> Result<(), Error>) -> Result<(), Error> {
        self.write_split(IMAGES_PER_FILE, monitor, save)
    }

    fn write_split(
        &self,
        per_file: usize,
        monitor: &dyn Monitor,
        mut save: impl FnMut(String, Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (name, n) = (&self.params().name, self.params().images);
        monitor.begin("Simulating images", n as u64);
        let mut links = Vec::new();
        for (number, first) in (0..n).step_by(per_file).enumerate() {
            let mut chunks = Vec::new();
            for start in (first..(first + per_file).min(n)).step_by(BATCH) {
                monitor.check()?;
                let end = (start + BATCH).min(first + per_file).min(n);
                let compressed = parallel::map(end - start, |i| compress(&self.frame(start + i)));
                for chunk in compressed {
                    chunks.push(chunk?);
                }
                monitor.advance((end - start) as u64);
            }
            let file = format!("{name}_data_{:06}.h5", number + 1);
            save(file.clone(), data_file(self.params().detector.image_size(), chunks))?;
            links.push((format!("data_{:06}", number + 1), file));
        }
        save(format!("{name}.nxs"), self.master(links))
    }

    fn master(&self, links: Vec<(String, String)>) -> Vec<u8> {
        let header = self.header_experiments();
        let Some(models) = header.models(0) else { unreachable!("a simulated experiment is complete") };
        let mut data = Group::nexus("NXdata");
        data.attributes.push(("signal".to_owned(), Values::Text("data_000001".to_owned())));
        for (name, file) in links {
            data.add(&name, Entry::External { file, path: "/entry/data/data".to_owned() });
        }
        let mut instrument = Group::nexus("NXinstrument");
        instrument.add("beam", Entry::Group(beam(&models))).add("detector", Entry::Group(self.detector(&models)));
        instrument.data("name", Data::text("Ewald simulator"));
        let mut entry = Group::nexus("NXentry");
        entry.data("definition", Data::text("NXmx"));
        entry.add("data", Entry::Group(data)).add("instrument", Entry::Group(instrument)).add("sample", Entry::Group(sample(&models)));
        let mut root = Group::nexus("NXroot");
        root.add("entry", Entry::Group(entry));
        write(&root)
    }

    fn detector(&self, models: &ExperimentModels<'_>) -> Group {
        let panel = &models.detector.panels[0];
        let [width, height] = panel.image_size;
        let mask: Vec<u32> = self.params().detector.mask().into_iter().map(|usable| u32::from(!usable)).collect();
        // NeXus gives the corner as a sideways offset from the end of the arm that carries the detector.
        let corner = mcstas(&panel.origin);
        let mut out = Group::nexus("NXdetector");
        out.data("description", Data::text("Eiger-like, simulated"));
        out.data("sensor_material", Data::text("Si")).data("sensor_thickness", Data::number(THICKNESS * 1e-3).unit("m"));
        out.data("x_pixel_size", Data::number(panel.pixel_size[0] * 1e-3).unit("m"));
        out.data("y_pixel_size", Data::number(panel.pixel_size[1] * 1e-3).unit("m"));
        out.data("saturation_value", Data::integer(i64::from(SATURATION))).data("underload_value", Data::integer(0));
        out.data("count_time", Data::number(0.01).unit("s")).data("frame_time", Data::number(0.01).unit("s"));
        out.data("distance", Data::number(panel.distance() * 1e-3).unit("m"));
        if let Some(centre) = models.detector.beam_centre(&models.beam.s0()) {
            out.data("beam_center_x", Data::number(centre.mm.x / panel.pixel_size[0]).unit("pixel"));
            out.data("beam_center_y", Data::number(centre.mm.y / panel.pixel_size[1]).unit("pixel"));
        }
        out.data("pixel_mask", Data { values: Values::U32(mask), dims: vec![height as u64, width as u64], attributes: Vec::new() });
        out.data("depends_on", Data::text("/entry/instrument/detector/transformations/det_z"));
        let mut transformations = Group::nexus("NXtransformations");
        transformations.data("det_z", axis(&[corner.z], "translation", "mm", Vec3::z(), "."));
        out.add("transformations", Entry::Group(transformations));
        let arm = "/entry/instrument/detector/transformations/det_z";
        let offset = axis(&[0.0], "translation", "mm", Vec3::x(), arm)
            .with("offset", Values::F64(vec![corner.x, corner.y, 0.0]))
            .with("offset_units", Values::Text("mm".to_owned()));
        let at = "/entry/instrument/detector/module/module_offset";
        let mut module = Group::nexus("NXdetector_module");
        module.data("data_origin", Data::list(Values::I64(vec![0, 0])));
        module.data("data_size", Data::list(Values::I64(vec![height as i64, width as i64])));
        module.data("module_offset", offset);
        module.data("fast_pixel_direction", axis(&[panel.pixel_size[0]], "translation", "mm", mcstas(&panel.fast), at));
        module.data("slow_pixel_direction", axis(&[panel.pixel_size[1]], "translation", "mm", mcstas(&panel.slow), at));
        out.add("module", Entry::Group(module));
        out
    }
}

fn compress(frame: &Frame) -> Result<Vec<u8>, Error> {
    // −1 becomes the value with all bits set, which detectors write where there are no data.
    let bytes: Vec<u8> = frame.pixels.iter().flat_map(|p| (*p as u32).to_le_bytes()).collect();
    bitshuffle::encode_lz4(&bytes, Element::U32.size()).map_err(|e| Error::Write(e.to_string()))
}

fn data_file([width, height]: [usize; 2], chunks: Vec<Vec<u8>>) -> Vec<u8> {
    let mut data = Group::nexus("NXdata");
    data.add("data", Entry::Stack(Stack { shape: [height as u64, width as u64], element: Element::U32, chunks }));
    let mut entry = Group::nexus("NXentry");
    entry.add("data", Entry::Group(data));
    let mut root = Group::default();
    root.add("entry", Entry::Group(entry));
    write(&root)
}

fn beam(models: &ExperimentModels<'_>) -> Group {
    let mut out = Group::nexus("NXbeam");
    out.data("incident_wavelength", Data::number(models.beam.wavelength).unit("angstrom"));
    out
}

fn sample(models: &ExperimentModels<'_>) -> Group {
    let scan = models.scan;
    let angles = |shift: f64| (0..scan.n_images).map(|i| scan.phi_from_z(i as f64 + shift).to_degrees()).collect::<Vec<f64>>();
    let direction = mcstas(&models.goniometer.rotation_axis);
    let mut transformations = Group::nexus("NXtransformations");
    transformations.data("omega", axis(&angles(0.0), "rotation", "deg", direction, "."));
    transformations.data("omega_end", Data::list(Values::F64(angles(1.0))).unit("deg"));
    transformations.data("omega_increment_set", Data::number(scan.width.to_degrees()).unit("deg"));
    let mut out = Group::nexus("NXsample");
    out.data("name", Data::text("simulated crystal"));
    out.data("depends_on", Data::text("/entry/sample/transformations/omega"));
    out.add("transformations", Entry::Group(transformations));
    out
}

/// A direction or position of the laboratory frame in NeXus' McStas frame.
fn mcstas(v: &Vec3) -> Vec3 {
    Vec3::new(-v.x, v.y, -v.z)
}

/// One step of a transformation chain.
fn axis(values: &[f64], kind: &str, unit: &str, direction: Vec3, depends_on: &str) -> Data {
    Data::list(Values::F64(values.to_vec()))
        .unit(unit)
        .with("transformation_type", Values::Text(kind.to_owned()))
        .with("vector", Values::F64(vec![direction.x, direction.y, direction.z]))
        .with("depends_on", Values::Text(depends_on.to_owned()))
}

#[cfg(test)]
mod tests {
    use crate::{DetectorKind, Params, Simulation};
    use ewald_core::format::hdf5::Store;
    use ewald_core::format::nexus;
    use ewald_core::format::source::{FileSet, MemorySource, SourceFile};
    use ewald_core::job::Silent;
    use std::sync::Arc;

    #[test]
    fn all_files_of_a_split_data_set_are_read() {
        let simulation = Simulation::new(&Params { images: 5, detector: DetectorKind::Small, ..Params::default() }).unwrap();
        let mut files = FileSet::new();
        let save = |name: String, bytes: Vec<u8>| {
            files.insert(SourceFile::new(name, Arc::new(MemorySource::new(bytes))));
            Ok(())
        };
        simulation.write_split(2, &Silent, save).unwrap();
        let sweep = nexus::read(&Store::new(files), "simulated.nxs").unwrap();
        assert_eq!(sweep.warnings, Vec::<String>::new());
        assert_eq!((sweep.images.n_images(), sweep.scan.unwrap().n_images), (5, 5));
        for z in 0..5 {
            assert_eq!(sweep.images.frame(z).unwrap().pixels, simulation.frame(z).pixels, "image {z}");
        }
    }

    #[test]
    fn the_files_hold_the_frames() {
        let simulation = Simulation::new(&Params { images: 3, detector: DetectorKind::Small, ..Params::default() }).unwrap();
        let mut files = FileSet::new();
        let save = |name: String, bytes: Vec<u8>| {
            files.insert(SourceFile::new(name, Arc::new(MemorySource::new(bytes))));
            Ok(())
        };
        simulation.write_nxmx(&Silent, save).unwrap();
        let stack = Store::new(files).root("simulated.nxs").unwrap().get("entry/data/data_000001").unwrap().stack().unwrap();
        assert_eq!((stack.len(), stack.shape()), (3, [514, 514]));
        let (mut bytes, mut out) = (Vec::new(), vec![0; 514 * 514]);
        stack.fetch(2, &mut bytes).unwrap();
        stack.decode(2, &bytes, &mut out).unwrap();
        assert_eq!(out, simulation.frame(2).pixels);
    }
}
