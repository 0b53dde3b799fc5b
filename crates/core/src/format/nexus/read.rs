//! From a file to its sweep.

use std::sync::Arc;

use super::{Error, NexusImages, models, transform};
use crate::format::hdf5::{Error as H5Error, Node, Store, Target};
use crate::format::sweep::Sweep;

/// Reads the experiment of a master or single file.
///
/// `name` is the file's name in the store; the files that it links to are found there too. Fails when the file holds no
/// experiment, when none of its images can be had, or when its geometry is incomplete. What could be mended or was guessed is in the
/// sweep's warnings, missing files by name among them.
pub fn read(store: &Arc<Store>, name: &str) -> Result<Sweep, Error> {
    let root = store.root(name)?;
    let mut warnings = Vec::new();
    let entry = entry(&root, &mut warnings)?;
    let instrument = first_of_class(&entry, "NXinstrument", "instrument")?.ok_or_else(|| Error::NoEntry { file: name.into() })?;
    let missing = |what: &str| Error::Missing { file: name.into(), what: format!("{}/{what}", instrument.path()) };
    let detector = first_of_class(&instrument, "NXdetector", "detector")?.ok_or_else(|| missing("detector"))?;
    let sample = first_of_class(&entry, "NXsample", "sample")?;
    let mut beams = of_class(&instrument, "NXbeam", "beam")?;
    if let Some(sample) = &sample {
        beams.extend(of_class(sample, "NXbeam", "beam")?);
    }
    let beam = models::beam(&beams, &detector, &mut warnings)?;

    let (mut images, absent) = NexusImages::find(name, &of_class(&entry, "NXdata", "data")?, &detector)?;
    let n_images = crate::image::ImageSource::n_images(&images);
    if !absent.is_empty() {
        warnings.push(format!("Not given: {}. Only the {n_images} images before are used.", absent.join(", ")));
    }
    let shape = images.shape();
    let unsigned = images.is_unsigned();
    images.set_mask(mask(&detector, shape, &mut warnings)?);

    let modules = of_class(&detector, "NXdetector_module", "module")?;
    let chained = modules.iter().all(|m| {
        // Eiger masters of some versions have modules whose chain is only '.': then there is no geometry in it.
        m.find("fast_pixel_direction").ok().flatten().is_some_and(|n| n.attribute("depends_on").ok().flatten().is_some())
    });
    let model = if modules.is_empty() || !chained {
        models::plain_detector(&detector, shape, beam.wavelength, unsigned, &mut warnings)?
    } else {
        models::detector(&detector, &modules, shape, beam.wavelength, unsigned, &mut warnings)?
    };

    let mut chain = Vec::new();
    if let Some(sample) = &sample
        && let Some(path) = models::text(sample, "depends_on")?
    {
        chain = transform::chain(sample, &path)?;
    }
    let (goniometer, scan) = if chain.is_empty() {
        models::plain_scan(sample.as_ref(), &detector, n_images, &mut warnings)?
    } else {
        let goniometer = models::goniometer(&chain, &mut warnings);
        (goniometer, models::scan(&chain, &detector, n_images, &mut warnings)?)
    };
    let origin = images.origin();
    Ok(Sweep {
        origin,
        beam,
        detector: model,
        goniometer,
        scan,
        template: name.into(),
        single_file: true,
        images: Arc::new(images),
        warnings,
    })
}

/// The entry of the experiment: of class `NXentry` with definition NXmx, or else one with an instrument.
fn entry(root: &Node, warnings: &mut Vec<String>) -> Result<Node, Error> {
    let file = root.file_name();
    let entries = of_class(root, "NXentry", "entry")?;
    for entry in &entries {
        if models::text(entry, "definition")?.is_some_and(|d| d == "NXmx") {
            return Ok(entry.clone());
        }
    }
    for entry in &entries {
        if first_of_class(entry, "NXinstrument", "instrument")?.is_some() {
            match models::text(entry, "definition")? {
                Some(other) => warnings.push(format!("{file} is of definition {other}; it is read as NXmx.")),
                None => warnings.push(format!("{file} names no definition; it is read as NXmx.")),
            }
            return Ok(entry.clone());
        }
    }
    // Images and no more: a detector's data file.
    let candidates = [entries.first().map(|e| e.get("data")), Some(Ok(root.clone()))];
    for group in candidates.into_iter().flatten().flatten() {
        for link in group.links()?.iter().filter(|l| matches!(l.target, Target::Hard(_))) {
            let node = group.get(&link.name)?;
            if node.is_dataset()? && node.dataset_type()?.0.len() == 3 {
                return Err(Error::DataFile { file: file.into() });
            }
        }
    }
    Err(Error::NoEntry { file: file.into() })
}

/// Members of a class, in the file's order; one with the conventional name when none states its class. Members that lie in files that were not
/// given are passed over.
fn of_class(group: &Node, class: &str, usual: &str) -> Result<Vec<Node>, Error> {
    let mut out = Vec::new();
    let mut named = None;
    for link in group.links()?.iter() {
        let node = match group.get(&link.name) {
            Ok(node) => node,
            Err(H5Error::MissingFile { .. } | H5Error::NotFound { .. } | H5Error::LinkLoop { .. }) => continue,
            Err(e) => return Err(e.into()),
        };
        if node.is_dataset()? {
            continue;
        }
        let stated = node.attribute("NX_class").ok().flatten().and_then(|v| v.text().map(str::to_owned));
        match stated {
            Some(stated) if stated == class => out.push(node),
            None if link.name == usual => named = Some(node),
            _ => {}
        }
    }
    if out.is_empty() {
        out.extend(named);
    }
    Ok(out)
}

fn first_of_class(group: &Node, class: &str, usual: &str) -> Result<Option<Node>, Error> {
    Ok(of_class(group, class, usual)?.into_iter().next())
}

/// The detector's static mask (true = usable): pixels of value 0.
fn mask(detector: &Node, shape: [usize; 2], warnings: &mut Vec<String>) -> Result<Option<Vec<bool>>, Error> {
    for path in ["pixel_mask", "detectorSpecific/pixel_mask"] {
        let node = match detector.get(path) {
            Ok(node) => node,
            Err(H5Error::NotFound { .. }) => continue,
            Err(H5Error::MissingFile { wanted, .. }) => {
                warnings.push(format!(
                    "Not given: {wanted}. It has the detector's pixel mask; bad pixels are recognised by their values alone."
                ));
                continue;
            }
            Err(e) => return Err(e.into()),
        };
        let (found, element, bytes) = node.read_bytes()?;
        if found != [shape[0] as u64, shape[1] as u64] {
            if found.iter().product::<u64>() > 1 {
                warnings.push(format!("The pixel mask is {found:?}, the images are {shape:?}: it is not used."));
            }
            continue;
        }
        return Ok(Some(match element.size {
            // The usual type, for which the compiler finds vectors.
            4 => bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]] == [0; 4]).collect(),
            size => bytes.chunks_exact(size.max(1)).map(|b| b.iter().all(|&x| x == 0)).collect(),
        }));
    }
    Ok(None)
}
