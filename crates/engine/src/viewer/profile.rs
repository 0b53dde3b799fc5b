//! Values along a line and over rings of resolution.

use ewald_core::geometry::{Beam, Detector};
use ewald_core::math::Vec2;

use super::shown::View;

/// Pixels that a radial profile looks at, at most about so many.
const SAMPLED: usize = 1_000_000;

/// Bins of a radial profile.
const BINS: usize = 300;

/// Values at steps of one pixel along a line: distance from its beginning (px), value. Places without data are left out.
pub fn line(view: &View<'_>, [from, to]: [[f64; 2]; 2]) -> (Vec<f64>, Vec<f64>) {
    let by = [to[0] - from[0], to[1] - from[1]];
    let length = by[0].hypot(by[1]);
    let steps = (length.ceil() as usize).clamp(1, 20_000);
    let at = |k: usize| {
        let part = k as f64 / steps as f64;
        let at = [(from[0] + part * by[0]).floor() as i32, (from[1] + part * by[1]).floor() as i32];
        view.value(at).map(|value| (part * length, value))
    };
    (0..=steps).filter_map(at).unzip()
}

/// Mean values over rings: 1/d² (Å⁻²), mean. Rings without data are left out.
pub fn radial(view: &View<'_>, beam: &Beam, detector: &Detector) -> (Vec<f64>, Vec<f64>) {
    let s0 = beam.s0();
    let d_min = detector.d_min_at_corners(&s0);
    let width = 1.0 / (d_min * d_min) / BINS as f64;
    let n_pixels: usize = detector.panels.iter().map(|p| p.image_size[0] * p.image_size[1]).sum();
    // An odd step meets all columns of a detector in turn.
    let step = (n_pixels / SAMPLED).max(1) | 1;
    let mut sums = vec![(0.0, 0u32); BINS];
    for panel in &detector.panels {
        let [w, h] = panel.image_size;
        for k in (0..w * h).step_by(step) {
            let (x, y) = (k % w, k / w);
            let at = [x as i32 + panel.raw_image_offset[0] as i32, y as i32 + panel.raw_image_offset[1] as i32];
            if let Some(value) = view.value(at) {
                let d = panel.d_at_px(&s0, Vec2::new(x as f64 + 0.5, y as f64 + 0.5));
                if let Some(bin) = sums.get_mut((1.0 / (d * d) / width) as usize) {
                    bin.0 += value;
                    bin.1 += 1;
                }
            }
        }
    }
    let filled = sums.iter().enumerate().filter(|(_, (_, n))| *n > 0);
    filled.map(|(k, (sum, n))| ((k as f64 + 0.5) * width, sum / f64::from(*n))).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::levels::Levels;

    #[test]
    fn a_line_has_a_value_for_every_pixel_and_skips_gaps() {
        let levels = Levels::new([10, 10], (0..100).map(|i| if i == 53 { -1 } else { i }).collect());
        let view = View { levels: &levels, origin: [0, 0], unit: 0.5 };
        let (x, y) = line(&view, [[0.5, 5.5], [9.5, 5.5]]);
        assert_eq!(y, [50, 51, 52, 54, 55, 56, 57, 58, 59].map(|v| f64::from(v) * 0.5));
        assert_eq!(x[3], 4.0);
    }
}
