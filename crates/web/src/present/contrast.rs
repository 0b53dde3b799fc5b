//! Counts to grey levels.

use super::projection::Projection;

/// How counts become colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// Count that is drawn with full strength.
    pub white: f64,
    /// Dark spots on light (the default) or the reverse.
    pub inverted: bool,
}

/// The count to draw with full strength: fifteen standard deviations above the median of the usable pixels, sampled; spots then stand
/// out and the noise of the background stays quiet.
pub fn automatic(pixels: &[i32]) -> f64 {
    let mut sample: Vec<i32> = pixels.iter().step_by((pixels.len() / 20_000).max(1)).copied().filter(|p| *p >= 0).collect();
    if sample.is_empty() {
        return 10.0;
    }
    let middle = sample.len() / 2;
    let median = f64::from(*sample.select_nth_unstable(middle).1);
    median + 15.0 * median.max(1.0).sqrt()
}

/// Pixels without data, on light and on dark: seen, but quiet.
const GAP: [[u8; 3]; 2] = [[222, 226, 231], [44, 48, 54]];

/// Draws the image into RGBA bytes of the canvas. Zoomed out, a screen pixel shows the
/// brightest of its image pixels, so that no spot is lost.
pub fn draw(pixels: &[i32], size: [usize; 2], projection: &Projection, contrast: Contrast, out: &mut [u8]) {
    let [cw, ch] = projection.canvas.map(|n| n as usize);
    let mut levels = [0u8; 256];
    for (i, level) in levels.iter_mut().enumerate() {
        let x = ((i as f64) / 255.0).powf(0.75);
        *level = (255.0 * if contrast.inverted { x } else { 1.0 - x }) as u8;
    }
    let span = |screen: usize, axis: usize, most: usize| -> Option<(usize, usize)> {
        let at = |s: f64| (s - projection.canvas[axis] / 2.0) / projection.scale + projection.centre[axis];
        let (a, b) = (at(screen as f64), at(screen as f64 + 1.0));
        if b <= 0.0 || a >= most as f64 {
            return None;
        }
        let first = a.max(0.0) as usize;
        Some((
            first,
            (b.ceil().max(0.0) as usize).clamp(first + 1, most.max(first + 1)).min(if projection.scale >= 1.0 { first + 1 } else { most }),
        ))
    };
    let columns: Vec<Option<(usize, usize)>> = (0..cw).map(|x| span(x, 0, size[0])).collect();
    let factor = 255.0 / contrast.white.max(1e-9);
    for y in 0..ch {
        let row = span(y, 1, size[1]);
        for (x, column) in columns.iter().enumerate() {
            let o = 4 * (y * cw + x);
            let Some(rgba) = out.get_mut(o..o + 4) else { return };
            let (Some((y0, y1)), Some((x0, x1))) = (row, *column) else {
                rgba.copy_from_slice(&[0, 0, 0, 0]);
                continue;
            };
            let mut brightest = i32::MIN;
            for line in y0..y1 {
                if let Some(part) = pixels.get(line * size[0] + x0..line * size[0] + x1) {
                    brightest = part.iter().copied().fold(brightest, i32::max);
                }
            }
            if brightest < 0 {
                rgba[..3].copy_from_slice(&GAP[usize::from(contrast.inverted)]);
            } else {
                let level = levels[(f64::from(brightest) * factor).min(255.0) as usize];
                rgba[..3].fill(level);
            }
            rgba[3] = 255;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bright_pixel_is_seen_however_far_one_zooms_out() {
        let mut pixels = vec![0; 1000 * 1000];
        pixels[500 * 1000 + 333] = 1000;
        let p = Projection::fit([1000, 1000], [100.0, 100.0]);
        let mut out = vec![0; 4 * 100 * 100];
        draw(&pixels, [1000, 1000], &p, Contrast { white: 100.0, inverted: false }, &mut out);
        assert_eq!(out.chunks(4).filter(|c| c[0] == 0 && c[3] == 255).count(), 1);
        assert_eq!(out[4 * (50 * 100 + 33)], 0);
    }

    #[test]
    fn gaps_do_not_disturb_the_automatic_contrast() {
        let pixels: Vec<i32> = (0..100_000).map(|i| if i % 3 == 0 { -1 } else { 4 }).collect();
        assert_eq!(automatic(&pixels), 34.0);
        assert_eq!(automatic(&[-1, -1]), 10.0);
    }
}
