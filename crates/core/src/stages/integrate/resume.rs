//! An integration that was stopped, kept so that the next one goes on where it ended.

use super::pass::Stopped;
use super::setup::Setup;
use super::{Error, Params};
use crate::format::{expt, refl};
use crate::geometry::ExperimentList;
use crate::image::ImageSource;
use crate::math::Sha256;
use crate::reflections::{Reflections, flags};
use std::sync::Arc;

/// Where an integration stopped, with all that it had measured by then; empty where none has.
///
/// Going on from it gives the same bits as an integration that was never stopped. Whoever keeps it need not know whether it still fits: with other
/// parameters, models, spots or images, integration starts anew.
#[derive(Debug, Clone, Default)]
pub struct Checkpoint(Option<Box<State>>);

#[derive(Debug, Clone)]
struct State {
    /// Digest of all that the results depend on.
    key: String,
    table: Reflections,
    stopped: Stopped,
}

/// A stored checkpoint that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Of another version, or no checkpoint at all.
    #[error("it was not left by this version of the program")]
    Version,
    /// Its digest is not that of its content.
    #[error("it is damaged")]
    Damaged,
}

/// Begins a stored checkpoint: a name, the number of the form that follows, the version of the program.
const MAGIC: &str = concat!("ewald unfinished integration 2, version ", env!("CARGO_PKG_VERSION"), "\n");
/// Hexadecimal digits of SHA-256.
const DIGEST: usize = 64;

impl Checkpoint {
    /// Whether there is nothing to go on from.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Images that need not be read again.
    pub fn images_done(&self) -> usize {
        self.0.as_ref().map_or(0, |s| s.stopped.images_done())
    }

    /// For a file. `None` where there is nothing to go on from.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let state = self.0.as_ref()?;
        let table = refl::write(state.table.clone());
        let content = rmp_serde::to_vec(&(&state.key, &table, &state.stopped)).ok()?;
        Some([MAGIC.as_bytes(), digest(&content).as_bytes(), &content].concat())
    }

    /// What [`Checkpoint::to_bytes`] made.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let rest = bytes.strip_prefix(MAGIC.as_bytes()).ok_or(CheckpointError::Version)?;
        let (wanted, content) = rest.split_at_checked(DIGEST).ok_or(CheckpointError::Damaged)?;
        if wanted != digest(content).as_bytes() {
            return Err(CheckpointError::Damaged);
        }
        let (key, table, stopped): (String, Vec<u8>, Stopped) = rmp_serde::from_slice(content).map_err(|_| CheckpointError::Damaged)?;
        let table = refl::read(&table).map_err(|_| CheckpointError::Damaged)?;
        Ok(Checkpoint(Some(Box::new(State { key, table, stopped }))))
    }

    pub(super) fn keep(&mut self, key: String, table: Reflections, stopped: Stopped) {
        self.0 = Some(Box::new(State { key, table, stopped }));
    }

    /// Hands out the table and where to go on, if `key` says that they still fit; is empty afterwards.
    pub(super) fn take(&mut self, key: &str) -> Option<(Reflections, Stopped)> {
        let state = self.0.take()?;
        (state.key == key).then_some((state.table, state.stopped))
    }
}

fn digest(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(bytes);
    hash.hex()
}

/// A digest of what the results of a pass depend on: parameters, models, widths, predictions with their reference spots, and some of the images.
///
/// Memory changes nothing, so that it does not count. Of each image set the first, the middle and the last image are read.
pub(super) fn key(
    experiments: &ExperimentList,
    setups: &[Setup<'_>],
    predicted: &Reflections,
    images: &[Arc<dyn ImageSource>],
    params: &Params,
) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let params = Params { memory_mb: Params::default().memory_mb, ..params.clone() };
    hash.update(serde_json::to_string(&params).unwrap_or_default().as_bytes());
    hash.update(&expt::write(experiments));
    for s in setups {
        [s.widths.sigma_b, s.widths.sigma_m].iter().for_each(|x| hash.update(&x.to_bits().to_le_bytes()));
    }
    // Flags that the pass does not set.
    let known = flags::PREDICTED | flags::INDEXED | flags::STRONG | flags::REFERENCE_SPOT | flags::USED_IN_REFINEMENT;
    let mut bytes = Vec::new();
    for i in 0..predicted.len() {
        bytes.extend(predicted.hkl[i].iter().flat_map(|h| h.to_le_bytes()));
        bytes.extend(predicted.xyzcal_px[i].iter().flat_map(|x| x.to_bits().to_le_bytes()));
        bytes.extend((predicted.flags[i] & known).to_le_bytes());
        if bytes.len() > 1 << 16 || i + 1 == predicted.len() {
            hash.update(&bytes);
            bytes.clear();
        }
    }
    for source in images {
        let n = source.n_images();
        hash.update(format!("{n} {:?}", source.image_size()).as_bytes());
        let mut some = vec![0, n / 2, n.saturating_sub(1)];
        some.dedup();
        for z in some.into_iter().filter(|z| *z < n) {
            for part in source.frame(z)?.pixels.chunks(1 << 14) {
                hash.update(&part.iter().flat_map(|p| p.to_le_bytes()).collect::<Vec<u8>>());
            }
        }
    }
    Ok(hash.hex())
}
