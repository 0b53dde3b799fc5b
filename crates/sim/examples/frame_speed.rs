//! How fast frames of 18 megapixels are decoded and searched, on one thread: `cargo run --release -p ewald-sim --example frame_speed`.

use ewald_core::format::codec::bitshuffle;
use ewald_core::image::{Dispersion, Frame, PanelView, Scratch, Usable};
use ewald_sim::{DetectorKind, Params, Simulation};
use std::time::Instant;

const FRAMES: usize = 4;
const REPEATS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let detector = DetectorKind::Eiger16M;
    let params = Params { detector, distance: 200.0, d_min: 1.4, images: FRAMES, ..Params::default() };
    let simulation = Simulation::new(&params)?;
    let frames: Vec<Frame> = (0..FRAMES).map(|z| simulation.frame(z)).collect();
    let [width, height] = detector.image_size();
    for element in [4, 2] {
        let chunks = frames.iter().map(|f| {
            let bytes: Vec<u8> = f.pixels.iter().flat_map(|p| p.to_le_bytes()[..element].to_vec()).collect();
            bitshuffle::encode_lz4(&bytes, element)
        });
        let chunks = chunks.collect::<Result<Vec<_>, _>>()?;
        let mut out = vec![0; width * height * element];
        let best = fastest(|i| bitshuffle::decode_lz4(&chunks[i], element, &mut out).map(|()| out[0]).unwrap_or_default());
        println!("decode u{:<2} {:8.2} ms a frame, {:.2} GB/s of pixels", 8 * element, best * 1e3, out.len() as f64 / best / 1e9);
    }
    let usable = Usable::new(&detector.mask(), width, [0, 65534]);
    let (test, mut scratch) = (Dispersion::default(), Scratch::default());
    let best = fastest(|i| {
        let view = PanelView::new(&frames[i], [0, 0], [width, height]);
        view.map_or(0, |v| test.strong_pixels(&v, &usable, &mut scratch).len())
    });
    println!("search     {:8.2} ms a frame", best * 1e3);
    Ok(())
}

/// Seconds of the fastest call.
fn fastest<T>(mut f: impl FnMut(usize) -> T) -> f64 {
    let mut best = f64::INFINITY;
    for i in 0..FRAMES * REPEATS {
        let start = Instant::now();
        std::hint::black_box(f(i % FRAMES));
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}
