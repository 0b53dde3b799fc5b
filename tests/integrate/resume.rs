//! Integration that is stopped and goes on.

use crate::truth::{Altered, refined, simulation};
use ewald_core::image::{Frame, ImageSource, RawFrame};
use ewald_core::job::{Monitor, Silent};
use ewald_core::stages::integrate::{Checkpoint, CheckpointError, Error, Params, resume, run};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Asks to stop after some images of the pass.
struct StopAfter(u64, AtomicU64);

impl Monitor for StopAfter {
    fn begin(&self, label: &'static str, _: u64) {
        // Only the pass itself is to be stopped.
        self.1.store(if label == "integrating" { 1 } else { 0 }, Ordering::Relaxed);
    }
    fn advance(&self, done: u64) {
        if self.1.load(Ordering::Relaxed) > 0 {
            self.1.fetch_add(done, Ordering::Relaxed);
        }
    }
    fn is_cancelled(&self) -> bool {
        self.1.load(Ordering::Relaxed) > self.0
    }
}

const IMAGES: usize = 60;
/// Images that are read to tell whether inputs are the same.
const LOOKED_AT: usize = 3;

#[test]
fn a_stopped_integration_goes_on_with_the_same_bits() {
    let truth = simulation(IMAGES);
    let (experiments, spots) = (truth.true_experiments(), refined(&truth));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let counting = move |_: &RawFrame, _: &mut Frame| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let images: Vec<Arc<dyn ImageSource>> = vec![Arc::new(Altered(Arc::new(truth), counting))];
    // Several layers of reference profiles, a background that varies, and no images for widths.
    let params = Params {
        sigma_b_deg: Some(0.05),
        sigma_m_deg: Some(0.12),
        background: ewald_core::stages::integrate::Background::Simple,
        background_shape: ewald_core::stages::integrate::BackgroundShape::Linear2d,
        ..Params::default()
    };
    let decoded = || count.swap(0, Ordering::Relaxed);
    let whole = run(&experiments, &spots, None, &images, &params, &Silent).unwrap();
    assert_eq!(decoded(), IMAGES);

    let mut kept = Checkpoint::default();
    for after in [17, 18, 41, 52] {
        let stopped = resume(&experiments, &spots, None, &images, &params, &mut kept, &StopAfter(after, AtomicU64::new(0)));
        assert!(matches!(stopped, Err(Error::Cancelled(_))));
        assert!(kept.images_done() >= after as usize && kept.images_done() < IMAGES, "{}", kept.images_done());
        // As through a file.
        kept = Checkpoint::from_bytes(&kept.to_bytes().unwrap()).unwrap();
    }
    decoded();
    let rest = IMAGES - kept.images_done();
    let on_other_inputs = kept.clone();
    let out = resume(&experiments, &spots, None, &images, &Params { memory_mb: 100, ..params.clone() }, &mut kept, &Silent).unwrap();
    assert_eq!(decoded(), rest + LOOKED_AT, "finished images are not read again");
    assert!(out.reflections == whole.reflections, "the same bits");
    // As text: what is not a number equals nothing, not even itself.
    assert_eq!(format!("{:?}", out.report.tables), format!("{:?}", whole.report.tables));
    assert!(kept.is_empty());

    // Other parameters: anew.
    let mut kept = on_other_inputs.clone();
    let other = Params { n_sigma: 3.2, ..params.clone() };
    let out = resume(&experiments, &spots, None, &images, &other, &mut kept, &Silent).unwrap();
    assert_eq!(decoded(), IMAGES + LOOKED_AT);
    assert!(out.reflections == run(&experiments, &spots, None, &images, &other, &Silent).unwrap().reflections);
    decoded();
    // Other models: anew.
    let mut moved = experiments.clone();
    moved.detectors[0].panels[0].origin.z += 1e-3;
    let mut kept = on_other_inputs;
    resume(&moved, &spots, None, &images, &params, &mut kept, &Silent).unwrap();
    assert_eq!(decoded(), IMAGES + LOOKED_AT);
}

#[test]
fn damaged_files_are_told_from_old_ones() {
    let truth = simulation(12);
    let (experiments, spots) = (truth.true_experiments(), refined(&truth));
    let images: Vec<Arc<dyn ImageSource>> = vec![Arc::new(truth)];
    let mut kept = Checkpoint::default();
    assert_eq!(kept.to_bytes(), None);
    resume(&experiments, &spots, None, &images, &Params::default(), &mut kept, &StopAfter(5, AtomicU64::new(0))).unwrap_err();
    let good = kept.to_bytes().unwrap();
    let error = |bytes: &[u8]| Checkpoint::from_bytes(bytes).err();
    assert_eq!(error(&good), None);
    for at in [good.len() / 2, good.len() - 1, 90] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(error(&bad), Some(CheckpointError::Damaged), "{at}");
    }
    assert_eq!(error(&good[..good.len() - 7]), Some(CheckpointError::Damaged));
    assert_eq!(error(&good[..100]), Some(CheckpointError::Damaged));
    assert_eq!(error(b"another file"), Some(CheckpointError::Version));
    assert_eq!(error(b""), Some(CheckpointError::Version));
}
