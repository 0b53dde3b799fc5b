//! How fast frames of 18 megapixels are decoded and searched on one thread: the same code natively and in a browser.

use ewald_core::format::codec::{Error, bitshuffle};
use ewald_core::image::{Dispersion, Frame, PanelView, Scratch, Usable};
use ewald_sim::{DetectorKind, Params, Simulation};

const FRAMES: usize = 4;
const REPEATS: usize = 5;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum SpeedError {
    /// The frames could not be simulated.
    #[error(transparent)]
    Simulation(#[from] ewald_sim::Error),
    /// A frame could not be encoded, or not decoded again.
    #[error(transparent)]
    Codec(#[from] Error),
    /// What was decoded is not what was encoded.
    #[error("frame {0} of u{1} was decoded to other pixels")]
    Wrong(usize, usize),
}

/// Simulates some frames, decodes and searches each several times, and returns `what value` lines: the fastest in GB/s of pixels or
/// in milliseconds a frame.
///
/// - `clock`: in seconds; only differences matter
/// - `keep(name, chunk)`: sees each compressed frame, so that another program can be given the same
pub fn measure(clock: &dyn Fn() -> f64, mut keep: impl FnMut(&str, &[u8])) -> Result<String, SpeedError> {
    let detector = DetectorKind::Eiger16M;
    let simulation = Simulation::new(&Params { detector, distance: 200.0, d_min: 1.4, images: FRAMES, ..Params::default() })?;
    let frames: Vec<Frame> = (0..FRAMES).map(|z| simulation.frame(z)).collect();
    let [width, height] = detector.image_size();
    let mut lines = String::new();
    for element in [4, 2] {
        let mut chunks = Vec::new();
        let mut out = vec![0; width * height * element];
        for (z, frame) in frames.iter().enumerate() {
            let bytes: Vec<u8> = frame.pixels.iter().flat_map(|p| p.to_le_bytes().into_iter().take(element)).collect();
            let chunk = bitshuffle::encode_lz4(&bytes, element)?;
            bitshuffle::decode_lz4(&chunk, element, &mut out)?;
            if out != bytes {
                return Err(SpeedError::Wrong(z, 8 * element));
            }
            keep(&format!("u{}_{z}.chunk", 8 * element), &chunk);
            chunks.push(chunk);
        }
        let best = fastest(clock, |i| bitshuffle::decode_lz4(&chunks[i], element, &mut out).is_ok());
        lines += &format!("u{} {:.3}\n", 8 * element, out.len() as f64 / best / 1e9);
    }
    let usable = Usable::new(&detector.mask(), width, [0, 65534]);
    let (test, mut scratch) = (Dispersion::default(), Scratch::default());
    let best = fastest(clock, |i| {
        let view = PanelView::new(&frames[i], [0, 0], [width, height]);
        view.map_or(0, |v| test.strong_pixels(&v, &usable, &mut scratch).len())
    });
    lines += &format!("search {:.2}\n", best * 1e3);
    Ok(lines)
}

/// Seconds of the fastest call.
fn fastest<T>(clock: &dyn Fn() -> f64, mut f: impl FnMut(usize) -> T) -> f64 {
    let mut best = f64::INFINITY;
    for i in 0..FRAMES * REPEATS {
        let start = clock();
        std::hint::black_box(f(i % FRAMES));
        best = best.min(clock() - start);
    }
    best
}
