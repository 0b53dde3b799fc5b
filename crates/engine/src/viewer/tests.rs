use std::cell::RefCell;
use std::collections::BTreeMap;

use ewald_core::format::source::MemorySource;
use ewald_core::job::Silent;
use ewald_core::session::{Session, StageId};
use ewald_protocol::{Layer, Palette, ReflectionsHeader, StackKind, Transfer, View, ViewHeader};
use ewald_sim::{Params, Simulation};

use super::*;

/// A drawing of nothing in particular.
pub fn drawing() -> Drawing {
    Drawing {
        sweep: 0,
        image: 0,
        stack: 1,
        stack_kind: StackKind::Sum,
        layer: Layer::Counts,
        parameters: BTreeMap::new(),
        strong: false,
        masked: false,
        centre: [257.0, 257.0],
        scale: 0.5,
        canvas: [300, 300],
        white: None,
        palette: Palette::Grey,
        transfer: Transfer::Linear,
    }
}

#[derive(Default)]
struct Heard(RefCell<Vec<(Tell, Vec<Vec<u8>>)>>);

impl Place for Heard {
    fn post(&self, tell: Tell, buffers: Vec<Vec<u8>>) {
        self.0.borrow_mut().push((tell, buffers));
    }
    fn seconds(&self) -> f64 {
        0.0
    }
}

/// A session that has found spots in a small simulation, and a viewer of the same files.
fn both() -> (Session, Viewer) {
    let params = Params { images: 6, detector: ewald_sim::DetectorKind::Small, ..Params::default() };
    let mut files = Vec::new();
    let keep = |name: String, bytes: Vec<u8>| {
        files.push((name, Arc::new(MemorySource::new(bytes)) as SharedSource));
        Ok(())
    };
    Simulation::new(&params).unwrap().write_nxmx(&Silent, keep).unwrap();
    let mut session = Session::new();
    session.add_files(files.iter().map(|(name, source)| SourceFile::new(name.clone(), source.clone())));
    for stage in [StageId::Import, StageId::FindSpots] {
        session.run(stage, &Silent).unwrap();
    }
    let mut viewer = Viewer::default();
    let (names, sources) = files.into_iter().unzip();
    let heard = Heard::default();
    viewer.handle(Ask::Open { names, add: false }, sources, Vec::new(), &heard);
    viewer.handle(Ask::Models { job: 1 }, Vec::new(), vec![session.file("imported.expt").unwrap()], &heard);
    assert_eq!(heard.0.borrow()[0].0, Tell::Ready { job: 1 });
    (session, viewer)
}

fn ask(viewer: &mut Viewer, ask: Ask) -> (Tell, Vec<Vec<u8>>) {
    let heard = Heard::default();
    viewer.handle(ask, Vec::new(), Vec::new(), &heard);
    heard.0.into_inner().pop().expect("an answer")
}

fn drawn(viewer: &mut Viewer, drawing: Drawing) -> Drawn {
    match ask(viewer, Ask::Draw { job: 2, drawing: Box::new(drawing) }) {
        (Tell::Drawn { drawn, .. }, buffers) => {
            assert_eq!(buffers[0].len(), 4 * 300 * 300);
            *drawn
        }
        (other, _) => panic!("{other:?}"),
    }
}

/// What is told when nothing has been asked for a while.
fn counted(viewer: &mut Viewer) -> Option<[usize; 2]> {
    let heard = Heard::default();
    viewer.settle(&heard);
    match heard.0.into_inner().pop() {
        Some((Tell::Counted { found, .. }, _)) => Some(found),
        None => None,
        Some(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_is_drawn_are_the_counts_of_the_file() {
    let (session, mut viewer) = both();
    let frame = session.images()[0].frame(3).unwrap();
    let shown = drawn(&mut viewer, Drawing { image: 3, ..drawing() });
    assert_eq!(shown.size, [frame.width, frame.height]);
    let brightest = (0..frame.pixels.len()).max_by_key(|&i| frame.pixels[i]).unwrap();
    let at = [(brightest % frame.width) as i32, (brightest / frame.width) as i32];
    let value = |viewer: &mut Viewer| match ask(viewer, Ask::Probe { at }) {
        (Tell::Probed { value, .. }, _) => value,
        (other, _) => panic!("{other:?}"),
    };
    let here = value(&mut viewer).expect("a count");
    assert_eq!(here, f64::from(frame.pixels[brightest]));

    let sum: i32 = (2..5).map(|z| session.images()[0].frame(z).unwrap().pixels[brightest]).sum();
    drawn(&mut viewer, Drawing { image: 2, stack: 3, ..drawing() });
    assert_eq!(value(&mut viewer), Some(f64::from(sum)));
    drawn(&mut viewer, Drawing { image: 2, stack: 3, stack_kind: StackKind::Mean, ..drawing() });
    assert!((value(&mut viewer).unwrap() - f64::from(sum) / 3.0).abs() < 1e-9);
    drawn(&mut viewer, Drawing { image: 2, stack: 3, stack_kind: StackKind::Max, ..drawing() });
    assert_eq!(value(&mut viewer), Some(here));
}

#[test]
fn the_next_image_is_made_ready_in_the_direction_of_the_last_step() {
    let (session, mut viewer) = both();
    let brightest = |viewer: &mut Viewer, image: usize| {
        drawn(viewer, Drawing { image, ..drawing() });
        viewer.shown.as_ref().unwrap().view().levels.counts().iter().copied().max()
    };
    let truth = |image: usize| session.images()[0].frame(image).unwrap().pixels.into_iter().max();
    assert!(!viewer.idle(), "nobody knows what comes next");
    for image in [3, 2] {
        assert_eq!(brightest(&mut viewer, image), truth(image));
    }
    assert!(viewer.idle() && viewer.ahead.as_ref().unwrap().is(0, 1) && !viewer.idle());
    assert_eq!(brightest(&mut viewer, 1), truth(1));
    assert!(viewer.ahead.is_none() && viewer.idle() && viewer.ahead.as_ref().unwrap().is(0, 0));
    // Another than expected.
    assert_eq!(brightest(&mut viewer, 5), truth(5));
    drawn(&mut viewer, Drawing { image: 5, stack: 2, ..drawing() });
    assert_eq!(brightest(&mut viewer, 4), truth(4));
}

#[test]
fn spots_on_an_image_are_those_that_were_found_there() {
    let (session, mut viewer) = both();
    let bulk = crate::views::view(&session, &View::Reflections { of: SpotKind::Found }).unwrap();
    let ViewHeader::Reflections(ReflectionsHeader { n, .. }) = bulk.header else { panic!("other views") };
    let strong = session.results().strong.as_ref().unwrap();
    assert_eq!(n, strong.len());
    let ViewHeader::Reflections(header) = bulk.header else { return };
    viewer.handle(Ask::Reflections(header), Vec::new(), bulk.buffers, &Heard::default());
    let (Tell::Spots(header), buffers) = ask(&mut viewer, Ask::Spots { sweep: 0, image: 2, of: SpotKind::Found }) else { panic!() };
    let there = strong.bbox.iter().filter(|b| (b[4]..b[5]).contains(&2)).count();
    assert!(there > 3 && header.n == there);
    assert_eq!((buffers[0].len(), buffers[1].len(), buffers[2].len()), (8 * there, 16 * there, 0));
}

#[test]
fn layers_of_thresholding_tell_how_many_spots_there_are_and_follow_the_parameters() {
    let (_, mut viewer) = both();
    let found = |viewer: &mut Viewer, sigma: &str| {
        let parameters = BTreeMap::from([("sigma_strong".to_owned(), sigma.to_owned()), ("min_spot_size".to_owned(), "1".to_owned())]);
        let shown = drawn(viewer, Drawing { image: 2, layer: Layer::Strong, strong: true, parameters, ..drawing() });
        assert!(shown.strong.is_some_and(|n| n > 0) && shown.found.is_none(), "counting takes longer, and follows");
        counted(viewer).unwrap()
    };
    let [few, many] = ["12", "3"].map(|sigma| found(&mut viewer, sigma));
    assert!(many[0] > few[0] && few[1] > 0, "{few:?} {many:?}");
    for layer in [Layer::Mean, Layer::Variance, Layer::Dispersion, Layer::Flagged, Layer::Threshold] {
        assert!(drawn(&mut viewer, Drawing { layer, ..drawing() }).white > 0.0);
    }
    let parameters = BTreeMap::from([("kernel_size".to_owned(), "many".to_owned())]);
    let (tell, _) = ask(&mut viewer, Ask::Draw { job: 3, drawing: Box::new(Drawing { layer: Layer::Mean, parameters, ..drawing() }) });
    assert!(matches!(tell, Tell::Failed { job: 3, .. }), "{tell:?}");
}

#[test]
fn the_map_of_strong_pixels_has_those_of_spot_finding_whatever_the_parameters() {
    let (session, mut viewer) = both();
    let imported = session.results().imported.as_ref().unwrap();
    let mut numbers = Vec::new();
    for changed in [
        &[][..],
        &[("gaps", "spot")],
        &[("gain", "1.6"), ("sigma_strong", "4")],
        &[("d_min", "3"), ("d_max", "30")],
        &[("ice_rings", "true"), ("ice_ring_width", "0.004")],
        &[("algorithm", "dispersion"), ("kernel_size", "2,5")],
        &[("border", "40"), ("untrusted_rectangles", "100,300,200,260"), ("min_local", "30"), ("global_threshold", "4")],
    ] {
        let parameters: BTreeMap<String, String> = changed.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let mut params = ewald_core::session::SessionParams::default();
        parameters.iter().for_each(|(name, text)| params.set(StageId::FindSpots, name, text).unwrap());
        let expected = ewald_core::stages::spots::run(imported, session.images(), &params.find_spots, &Silent).unwrap();
        let expected = expected.diagnostics.imagesets[0].strong_pixels[2];
        let shown = drawn(&mut viewer, Drawing { image: 2, layer: Layer::Strong, parameters, ..drawing() });
        let map = viewer.shown.as_ref().unwrap().view().levels;
        assert_eq!(map.counts().iter().filter(|v| **v == 1).count(), expected, "{changed:?}");
        assert_eq!(shown.strong, Some(expected), "all of it is in view");
        assert_eq!(counted(&mut viewer).unwrap()[0], expected, "{changed:?}");
        numbers.push(expected);
    }
    numbers.dedup();
    assert!(numbers.len() == 7 && numbers.iter().all(|n| *n > 0), "the parameters matter: {numbers:?}");
}

#[test]
fn of_a_part_that_is_looked_at_the_maps_are_those_of_the_whole_image() {
    let (_, mut viewer) = both();
    let whole = Drawing { image: 2, strong: true, centre: [257.0, 257.0], scale: 0.5, ..drawing() };
    for layer in [Layer::Mean, Layer::Variance, Layer::Dispersion, Layer::Flagged, Layer::Strong, Layer::Threshold] {
        let all = |viewer: &Viewer| {
            let view = viewer.shown.as_ref().unwrap().view();
            (0..514 * 514).map(|k| view.value([k % 514, k / 514])).collect::<Vec<_>>()
        };
        drawn(&mut viewer, Drawing { layer, ..whole.clone() });
        let expected = all(&viewer);
        assert!(expected.iter().filter(|v| v.is_some_and(|v| v > 0.0)).count() > 20, "{layer:?}");
        drawn(&mut viewer, drawing());
        let seen = drawn(&mut viewer, Drawing { layer, centre: [300.0, 200.0], scale: 3.0, canvas: [300, 300], ..whole.clone() });
        let here = all(&viewer);
        let (mut told, mut strong) = (0, 0);
        for (k, (a, b)) in here.iter().zip(&expected).enumerate() {
            let (x, y) = (k % 514, k / 514);
            if (250..350).contains(&x) && (150..250).contains(&y) {
                assert_eq!(a, b, "{layer:?} at {x}, {y}");
                told += usize::from(a.is_some());
                strong += usize::from(layer == Layer::Strong && *a == Some(1.0));
            }
        }
        assert!(told > 9000 && here.iter().flatten().count() < 60_000, "{layer:?}: only what is seen, and a little more");
        assert!(layer != Layer::Strong || seen.strong == Some(strong));
    }
}

#[test]
fn an_image_that_is_not_there_is_an_error_and_the_viewer_goes_on() {
    let (_, mut viewer) = both();
    for wrong in [Drawing { sweep: 9, ..drawing() }, Drawing { image: 99, ..drawing() }] {
        let (tell, _) = ask(&mut viewer, Ask::Draw { job: 3, drawing: Box::new(wrong) });
        assert!(matches!(tell, Tell::Failed { job: 3, .. }), "{tell:?}");
    }
    drawn(&mut viewer, drawing());
}

#[test]
fn the_radial_profile_falls_with_resolution() {
    let (_, mut viewer) = both();
    drawn(&mut viewer, drawing());
    let (Tell::Profile(ProfileKind::Radial), buffers) = ask(&mut viewer, Ask::Profile(ProfileKind::Radial)) else { panic!() };
    let values: Vec<f64> = buffers[1].as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
    assert_eq!(buffers[0].len(), buffers[1].len());
    let n = values.len();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    assert!(n > 100 && mean(&values[n / 10..n / 4]) > mean(&values[3 * n / 4..]), "{n}");
}
